#include "decode/csv_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define COLUMNS_MAX 4096
#define FIELD_MAX ((size_t)16 << 20)
#define HEADER_MAX ((size_t)1 << 20)
#define PIECE ((size_t)64 << 10)

enum csv_state {
	CSV_BEGIN,   /* of the answer: there may be a byte order mark */
	CSV_LINE,    /* of a line */
	CSV_FIELD,   /* of a field behind a comma */
	CSV_PLAIN,
	CSV_QUOTED,
	CSV_QUOTE,   /* one within quotes: the end, or the first of two */
	CSV_CR       /* a line's end began */
};

/* What is written before a column's value: ,"name": */
struct column {
	size_t at, len; /* in ${names} */
	uint8_t asked;
};

struct csv_json {
	const struct decode_plan * plan;
	csv_json_sink * sink;
	void * arg;
	enum csv_state state;
	size_t marks;       /* bytes of the mark that were seen */
	size_t line;
	struct buf field;
	uint8_t was_quoted; /* the field */
	struct column * columns;
	size_t ncolumns, cap;
	struct buf names;
	size_t at;          /* the field's place in its line */
	uint8_t has_header, any_row, any_member;
	struct buf out;
	int failed;
	struct err err;
};

static int
fail(struct csv_json * c, const char * why)
{
	if (!c->failed)
		err_set(&c->err, ERR_PERMANENT, "csv", "the page is not valid "
		    "CSV at line %zu: %s", c->line, why);
	c->failed = 1;
	return (-1);
}

static int
fail_memory(struct csv_json * c)
{
	if (!c->failed)
		err_nomem(&c->err, "a page of CSV");
	c->failed = 1;
	return (-1);
}

static int
drain(struct csv_json * c, int all)
{
	if (c->out.failed)
		return (fail_memory(c));
	if (c->out.len == 0 || (!all && c->out.len < PIECE))
		return (0);
	if (c->sink(c->arg, c->out.p, c->out.len)) {
		c->failed = 1;
		return (err_set(&c->err, ERR_PERMANENT, "sink",
		    "the page cannot be read"));
	}
	buf_clear(&c->out);
	return (0);
}

/* Whether paths look for the member ${s} of a line. */
static int
is_asked(const struct csv_json * c, const char * s, size_t n)
{
	const struct decode_state * st;
	const struct decode_key * k;
	uint32_t i;
	size_t a;

	if (c->plan == NULL || c->plan->states[0].other_place == DECODE_DEAD)
		return (1);
	st = &c->plan->states[c->plan->states[0].other_place];
	/* A column may show the line whole. */
	for (a = 0; a < st->naccepts; a++)
		if (st->accepts[a].event == ON_COLUMN)
			return (1);
	if (st->other_key != DECODE_DEAD)
		return (1);
	for (i = st->bucket[decode_plan_hash(s, n)]; i != 0; i = k->next) {
		k = &st->keys[i - 1];
		if (k->len == n && memcmp(k->key, s, n) == 0)
			return (1);
	}
	return (0);
}

/* Whether the header has the text that stands from ${at} on already. */
static int
is_twice(const struct csv_json * c, size_t at, size_t len)
{
	size_t i;

	for (i = 0; i < c->ncolumns; i++)
		if (c->columns[i].len == len && memcmp(c->names.p +
		    c->columns[i].at, c->names.p + at, len) == 0)
			return (1);
	return (0);
}

static int
add_column(struct csv_json * c)
{
	size_t at = c->names.len, cap;
	struct column * v;

	if (c->ncolumns == COLUMNS_MAX)
		return (fail(c, "the header has more than 4096 columns"));
	if (c->ncolumns == c->cap) {
		cap = c->cap ? 2 * c->cap : 32;
		if ((v = realloc(c->columns, cap * sizeof(*v))) == NULL)
			return (fail_memory(c));
		c->columns = v;
		c->cap = cap;
	}
	buf_add_json_str(&c->names, c->field.p, c->field.len);
	if (buf_addc(&c->names, ':'))
		return (fail(c, "the header is larger than 1 MiB"));
	if (is_twice(c, at, c->names.len - at))
		return (fail(c, "the header has a column twice"));
	v = &c->columns[c->ncolumns++];
	v->at = at;
	v->len = c->names.len - at;
	v->asked = (uint8_t)is_asked(c, c->field.p, c->field.len);
	return (0);
}

static int
add_value(struct csv_json * c)
{
	const struct column * col = &c->columns[c->at];

	if (c->at == c->ncolumns)
		return (fail(c, "more fields than the header has"));
	if (c->at++ == 0) {
		buf_addc(&c->out, c->any_row ? ',' : '[');
		buf_addc(&c->out, '{');
		c->any_row = 1;
		c->any_member = 0;
	}
	if (!col->asked)
		return (0);
	if (c->any_member)
		buf_addc(&c->out, ',');
	c->any_member = 1;
	buf_add(&c->out, c->names.p + col->at, col->len);
	if (c->field.len == 0 && !c->was_quoted)
		buf_adds(&c->out, "null");
	else
		buf_add_json_str(&c->out, c->field.p, c->field.len);
	return (drain(c, 0));
}

static int
end_field(struct csv_json * c)
{
	int rv;

	/* Even an empty one is a text. */
	if (c->field.p == NULL && buf_adds(&c->field, ""))
		return (fail_memory(c));
	if (utf8_check(c->field.p, c->field.len) != c->field.len)
		return (fail(c, "this is not UTF-8"));
	rv = c->has_header ? add_value(c) : add_column(c);
	c->field.len = 0;
	c->was_quoted = 0;
	return (rv);
}

/* The first line is done.  Words that say why there is no table are no header. */
static int
end_header(struct csv_json * c)
{
	size_t i = 0;

	while (i < c->ncolumns && !c->columns[i].asked)
		i++;
	if (i == c->ncolumns)
		return (fail(c, "the header has none of the columns that are "
		    "looked for"));
	c->has_header = 1;
	return (0);
}

static int
end_line(struct csv_json * c)
{
	c->state = CSV_LINE;
	/* A line with nothing on it is none. */
	if (c->has_header && c->at == 0 && c->field.len == 0 && !c->was_quoted)
		return (0);
	if (end_field(c))
		return (-1);
	if (!c->has_header)
		return (end_header(c));
	if (c->at < c->ncolumns)
		return (fail(c, "fewer fields than the header has"));
	c->at = 0;
	buf_addc(&c->out, '}');
	return (drain(c, 0));
}

static int
add(struct csv_json * c, const char * p, size_t n)
{
	if (buf_add(&c->field, p, n) == 0)
		return (0);
	return (c->field.len + n > FIELD_MAX ? fail(c,
	    "a field is larger than 16 MiB") : fail_memory(c));
}

/* The next byte outside quotes, where it ends something. */
static int
special(struct csv_json * c, char b)
{
	switch (b) {
	case ',':
		c->state = CSV_FIELD;
		return (end_field(c));
	case '\r':
		c->state = CSV_CR;
		return (0);
	case '\n':
		return (end_line(c));
	default:
		if (c->state == CSV_QUOTE)
			return (fail(c, "a comma or the line's end must follow "
			    "a closing quote"));
		return (fail(c, "a quote within a field that has none around "
		    "it"));
	}
}

/* The first byte of a field: how many bytes were taken. */
static size_t
begin_field(struct csv_json * c, char b)
{
	if (!c->has_header && c->ncolumns == 0 && b == '<') {
		fail(c, "this is HTML or XML: a proxy's or a sign-in page, or "
		    "the URL is none of an API");
		return (1);
	}
	if (b != '"') {
		c->state = CSV_PLAIN;
		return (0);
	}
	c->state = CSV_QUOTED;
	c->was_quoted = 1;
	return (1);
}

/* Take some of the bytes; how many. */
static size_t
step(struct csv_json * c, const char * p, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t i = 0;

	switch (c->state) {
	case CSV_BEGIN:
		if (c->marks < 3 && *p == mark[c->marks]) {
			c->marks++;
			return (1);
		}
		/* What began like it is text. */
		c->state = c->marks % 3 == 0 ? CSV_LINE : CSV_PLAIN;
		if (c->state == CSV_PLAIN)
			(void)add(c, mark, c->marks);
		return (0);
	case CSV_LINE:
	case CSV_FIELD:
		return (begin_field(c, *p));
	case CSV_PLAIN:
		while (i < n && p[i] != ',' && p[i] != '"' && p[i] != '\r' &&
		    p[i] != '\n')
			i++;
		if (add(c, p, i) || i == n)
			return (i);
		(void)special(c, p[i]);
		return (i + 1);
	case CSV_QUOTED:
		while (i < n && p[i] != '"')
			c->line += p[i++] == '\n';
		if (add(c, p, i) || i == n)
			return (i);
		c->state = CSV_QUOTE;
		return (i + 1);
	case CSV_QUOTE:
		if (*p == '"') {
			c->state = CSV_QUOTED;
			(void)add(c, p, 1);
		} else
			(void)special(c, *p);
		return (1);
	case CSV_CR:
		if (*p != '\n')
			fail(c, "a carriage return that ends no line");
		else
			(void)end_line(c);
		return (1);
	}
	return (n);
}

struct csv_json *
csv_json_new(void)
{
	struct csv_json * c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->field.max = FIELD_MAX;
		c->names.max = HEADER_MAX;
	}
	return (c);
}

void
csv_json_free(struct csv_json * c)
{
	if (c == NULL)
		return;
	buf_free(&c->field);
	buf_free(&c->names);
	buf_free(&c->out);
	free(c->columns);
	free(c);
}

void
csv_json_begin(struct csv_json * c, const struct decode_plan * plan,
    csv_json_sink * sink, void * arg)
{
	c->plan = plan;
	c->sink = sink;
	c->arg = arg;
	c->state = CSV_BEGIN;
	c->marks = 0;
	c->line = 1;
	if (c->field.cap > PIECE)
		buf_free(&c->field);
	buf_clear(&c->field);
	buf_clear(&c->names);
	buf_clear(&c->out);
	c->was_quoted = 0;
	c->ncolumns = 0;
	c->at = 0;
	c->has_header = c->any_row = c->any_member = 0;
	c->failed = 0;
}

int
csv_json_feed(struct csv_json * c, const char * p, size_t n)
{
	enum csv_state was;
	size_t took;

	while (n > 0 && !c->failed) {
		was = c->state;
		took = step(c, p, n);
		/* Lines within quotes were counted. */
		if (took > 0 && was != CSV_QUOTED && p[took - 1] == '\n')
			c->line++;
		p += took;
		n -= took;
	}
	return (c->failed ? -1 : 0);
}

int
csv_json_end(struct csv_json * c, struct err * e)
{
	if (!c->failed && c->state == CSV_QUOTED)
		fail(c, "it is cut off within quotes");
	if (!c->failed && c->state == CSV_CR)
		fail(c, "it is cut off within a line's end");
	if (!c->failed && c->state == CSV_BEGIN)
		err_set(&c->err, ERR_PERMANENT, "csv",
		    "the page is empty, not CSV: its header is missing");
	if (!c->failed && c->state == CSV_BEGIN)
		c->failed = 1;
	/* The last line may do without its end. */
	if (!c->failed && (c->state == CSV_PLAIN || c->state == CSV_QUOTE ||
	    c->state == CSV_FIELD))
		(void)end_line(c);
	if (!c->failed) {
		buf_adds(&c->out, c->any_row ? "]" : "[]");
		(void)drain(c, 1);
	}
	if (c->failed)
		*e = c->err;
	return (c->failed ? -1 : 0);
}
