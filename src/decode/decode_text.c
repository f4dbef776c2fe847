#include "decode/decode_text.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "decode/decode_json_value.h"

/* A tree takes many times its text. */
#define DOC_MAX ((size_t)4 << 20)
#define DEPTH_MAX 128

struct doc {
	struct buf * out;
	size_t start;  /* where the document's text begins */
	int fresh;     /* at a line's beginning, also after an item's mark */
};

static void
say(struct doc * d, const char * s, size_t n)
{
	if (n == 0)
		return;
	buf_add(d->out, s, n);
	d->fresh = 0;
}

static void
new_line(struct doc * d)
{
	if (!d->fresh)
		buf_addc(d->out, '\n');
	d->fresh = 1;
}

static void
say_string(struct doc * d, const json_t * v)
{
	if (json_is_string(v))
		say(d, json_string_value(v), json_string_length(v));
}

/* Say what leaves of other kinds than text show. */
static void
say_leaf(struct doc * d, const char * type, const json_t * attrs)
{
	static const char * const shown[] = { "text", "shortName", "url", "title",
	    "alt" };
	char t[RFC3339_LEN];
	const char * s;
	int64_t ms;
	size_t i;

	if (strcmp(type, "date") == 0) {
		s = json_str(attrs, "timestamp");
		if (s != NULL && decode_value_time(s, strlen(s), TIME_EPOCH_MS,
		    &ms) == 0) {
			rfc3339_format(ms, t);
			say(d, t, strcspn(t, "T"));
		}
		return;
	}
	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		s = json_str(attrs, shown[i]);
		if (s != NULL && s[0] != '\0') {
			say_string(d, json_object_get(attrs, shown[i]));
			return;
		}
	}
}

static int
is_one_of(const char * type, const char * const * names)
{
	for (; *names != NULL; names++)
		if (strcmp(type, *names) == 0)
			return (1);
	return (0);
}

static void node(struct doc * d, const json_t * v, int depth);

/* The items of a list, or the cells of a row. */
static void
items(struct doc * d, const json_t * content, const char * type,
    const json_t * attrs, int depth)
{
	size_t i;
	json_int_t first = json_int(attrs, "order", 1);

	for (i = 0; i < json_array_size(content); i++) {
		if (strcmp(type, "tableRow") == 0) {
			if (i > 0) {
				buf_adds(d->out, " | ");
				d->fresh = 1;
			}
		} else {
			new_line(d);
			if (strcmp(type, "orderedList") == 0)
				buf_addf(d->out, "%lld. ",
				    (long long)first + (long long)i);
			else
				buf_adds(d->out, "- ");
			/* Its paragraph goes on in this line. */
			d->fresh = 1;
		}
		node(d, json_array_get(content, i), depth + 1);
		d->fresh = 0;
	}
}

static void
node(struct doc * d, const json_t * v, int depth)
{
	static const char * const inlines[] = { "text", "mention", "emoji",
	    "date", "status", "inlineCard", "mediaInline", "inlineExtension",
	    "placeholder", "hardBreak", NULL };
	static const char * const lists[] = { "bulletList", "orderedList",
	    "taskList", "decisionList", "tableRow", NULL };
	const char * type = json_str(v, "type");
	const json_t * content = json_object_get(v, "content");
	const json_t * attrs = json_object_get(v, "attrs");
	size_t i;

	if (type == NULL || depth > DEPTH_MAX)
		return;
	if (!is_one_of(type, inlines))
		new_line(d);
	if (strcmp(type, "text") == 0)
		say_string(d, json_object_get(v, "text"));
	else if (strcmp(type, "hardBreak") == 0)
		/* Two of them make an empty line. */
		say(d, "\n", 1);
	else if (is_one_of(type, lists))
		items(d, content, type, attrs, depth);
	else if (json_array_size(content) == 0) {
		say_leaf(d, type, attrs);
		/* An empty paragraph is a line too. */
		if (strcmp(type, "paragraph") == 0)
			d->fresh = 0;
	} else
		for (i = 0; i < json_array_size(content); i++)
			node(d, json_array_get(content, i), depth + 1);
}

int
decode_text(const char * s, size_t n, struct buf * out)
{
	struct doc d = { out, out->len, 1 };
	const char * type;
	json_t * v;

	if (n > DOC_MAX || (v = json_loadb(s, n, JSON_ALLOW_NUL, NULL)) == NULL)
		return (1);
	type = json_str(v, "type");
	if (type == NULL || strcmp(type, "doc") != 0) {
		json_decref(v);
		return (1);
	}
	node(&d, v, 0);
	json_decref(v);
	while (out->len > d.start && out->p[out->len - 1] == '\n')
		out->len--;
	/* The document may be empty, and memory not yet there. */
	return (out->failed ? -1 : 0);
}
