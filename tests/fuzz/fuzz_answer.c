/* The daemon's answer through the client: the same comes of it read whole and
 * in pieces, what goes out as JSON is JSON, and a table drives no terminal. */
#include <jansson.h>
#include <locale.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/output.h"
#include "cli/split.h"
#include "cli/table.h"
#include "fuzz.h"

struct sinks {
	struct output o[3]; /* json, ndjson, csv */
	struct buf out[3];
	struct table * table;
	size_t ncols;
};

static int
on_columns(void * arg, const struct answer_column * cols, size_t n,
    struct err * e)
{
	const struct table_opts o = { .width = 60 };
	struct sinks * s = arg;
	size_t i;

	(void)e;
	s->ncols = n;
	for (i = 0; i < 3; i++)
		CHECK(output_begin(&s->o[i], (enum output_format)(i + 1), cols,
		    n, &s->out[i]) == 0);
	CHECK((s->table = table_new(&o, n)) != NULL);
	for (i = 0; i < n; i++)
		CHECK(table_head(s->table, i, cols[i].name, cols[i].len,
		    cols[i].is_number) == 0);
	return (0);
}

static int
on_row(void * arg, const struct jsonrow_cell * cells, size_t n, struct err * e)
{
	struct buf text = BUF_INIT(0);
	struct sinks * s = arg;
	size_t i, from = s->out[1].len;
	json_t * v;

	(void)e;
	for (i = 0; i < 3; i++)
		CHECK(output_row(&s->o[i], cells, &s->out[i]) == 0);
	v = json_loadb(s->out[1].p + from, s->out[1].len - from,
	    JSON_REJECT_DUPLICATES, NULL);
	/* Documents pass as they are: jansson minds bad UTF-8, equal keys,
	 * NULs and numbers past its range, which are not ours to judge. */
	for (i = 0; v == NULL && i < n; i++)
		if (cells[i].kind != JSONROW_NULL &&
		    cells[i].kind != JSONROW_BOOL)
			break;
	CHECK(v != NULL || i < n);
	json_decref(v);
	for (i = 0; i < n; i++) {
		buf_clear(&text);
		CHECK(jsonrow_text(&cells[i], &text) == 0);
		CHECK(table_cell(s->table, TABLE_TEXT, text.p, text.len) == 0);
	}
	buf_free(&text);
	return (0);
}

static void
check_table(struct sinks * s)
{
	struct buf out = BUF_INIT(0);
	size_t i;

	CHECK(table_end(s->table, &out) == 0);
	for (i = 0; i < out.len; i++)
		CHECK(((unsigned char)out.p[i] >= 0x20 && out.p[i] != 0x7f) ||
		    out.p[i] == '\n');
	buf_free(&out);
}

/* Read ${p} in pieces of ${piece} bytes; return how it ended. */
static int
play(const char * p, size_t n, size_t piece, struct buf * csv)
{
	struct sinks s;
	const struct answer_sink sink = { on_columns, on_row, &s };
	struct answer a;
	size_t i, take;
	struct err e;
	int rc = 0;

	memset(&s, 0, sizeof(s));
	answer_init(&a, &sink);
	for (; rc == 0 && n > 0; p += take, n -= take) {
		take = n < piece ? n : piece;
		rc = answer_feed(&a, p, take, &e);
	}
	if (rc == 0)
		rc = answer_finish(&a, &e);
	if (s.table != NULL) {
		check_table(&s);
		for (i = 0; i < 3; i++)
			CHECK(output_end(&s.o[i], &s.out[i]) == 0);
		buf_add(csv, s.out[2].p, s.out[2].len);
	}
	for (i = 0; i < 3; i++) {
		output_free(&s.o[i]);
		buf_free(&s.out[i]);
	}
	table_free(s.table);
	answer_free(&a);
	return (rc);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t n)
{
	struct buf whole = BUF_INIT(0), torn = BUF_INIT(0);
	const char * p = (const char *)data, * end = p + n;
	struct split_stmt st;
	unsigned line = 1;
	int rc;

	setlocale(LC_CTYPE, "C.UTF-8");
	rc = play(p, n, n > 0 ? n : 1, &whole);
	CHECK(rc == play(p, n, 7, &torn));
	CHECK(whole.len == torn.len);
	CHECK(whole.len == 0 || memcmp(whole.p, torn.p, whole.len) == 0);
	buf_free(&whole);
	buf_free(&torn);
	while (split_next(&p, end, &line, &st))
		CHECK(st.len > 0 && st.p >= (const char *)data &&
		    st.p + st.len <= end);
	CHECK(p == end);
	return (0);
}
