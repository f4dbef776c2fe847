#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/record.h"

#define TEXT_MAX ((size_t)256 << 20)
#define FEW_DIGITS 15 /* what every number keeps that had no more */

/* ${v} with the lines after the first moved in by ${by}. */
static void
add_value(struct buf * b, const json_t * v, size_t flags, const char * by)
{
	char * text = json_dumps(v, flags | JSON_ENCODE_ANY), * p, * nl;

	if (text == NULL) {
		b->failed = 1;
		return;
	}
	/* A newline within a text is written as an escape. */
	for (p = text; (nl = strchr(p, '\n')) != NULL; p = nl + 1) {
		buf_add(b, p, (size_t)(nl + 1 - p));
		buf_adds(b, by);
	}
	buf_adds(b, p);
	free(text);
}

/* A row a line: that is how they are read. */
static void
add_rows(struct buf * b, const json_t * rows, size_t flags)
{
	json_t * row;
	size_t i;

	buf_adds(b, "[");
	json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
		buf_adds(b, i > 0 ? ",\n    " : "\n    ");
		add_value(b, row, flags, "");
	}
	buf_adds(b, i > 0 ? "\n  ]" : "]");
}

static char *
write_all(const json_t * fx, size_t flags)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	const char * key;
	json_t * v;
	int n = 0;

	buf_adds(&b, "{\n");
	json_object_foreach((json_t *)(uintptr_t)fx, key, v) {
		buf_addf(&b, "%s  \"%s\": ", n++ > 0 ? ",\n" : "", key);
		if (strcmp(key, "rows") == 0)
			add_rows(&b, v, flags);
		else if (strcmp(key, "exchanges") == 0)
			add_value(&b, v, flags | JSON_INDENT(2), "  ");
		else
			add_value(&b, v, flags, "");
	}
	buf_adds(&b, "\n}\n");
	if (b.failed)
		buf_free(&b);
	return (b.p);
}

char *
record_text(const json_t * fx)
{
	/* Numbers with as few digits as say the same. */
	char * text = write_all(fx, JSON_REAL_PRECISION(FEW_DIGITS));
	json_t * back = text != NULL ? json_loads(text, 0, NULL) : NULL;

	if (!json_equal(back, fx)) {
		free(text);
		text = write_all(fx, 0);
	}
	json_decref(back);
	return (text);
}
