#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
output_format_parse(const char * s, enum output_format * f)
{
	static const char * const names[] = { "table", "json", "ndjson", "csv" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(s, names[i]) == 0) {
			*f = (enum output_format)i;
			return (0);
		}
	}
	return (-1);
}

static void
csv_field(struct buf * out, const char * s, size_t n)
{
	const char * q;

	if (n > 0 && s[0] != ' ' && s[n - 1] != ' ' &&
	    memchr(s, ',', n) == NULL && memchr(s, '"', n) == NULL &&
	    memchr(s, '\n', n) == NULL && memchr(s, '\r', n) == NULL) {
		buf_add(out, s, n);
		return;
	}
	buf_addc(out, '"');
	while ((q = n > 0 ? memchr(s, '"', n) : NULL) != NULL) {
		buf_add(out, s, (size_t)(q - s) + 1);
		buf_addc(out, '"');
		n -= (size_t)(q - s) + 1;
		s = q + 1;
	}
	buf_add(out, s, n);
	buf_addc(out, '"');
}

/* Whether one of the first ${n} keys is the JSON string ${key}. */
static int
key_is_taken(const struct output * o, size_t n, const struct buf * key)
{
	size_t i, from = 0;

	for (i = 0; i < n; from = o->key_end[i++])
		if (o->key_end[i] - from == key->len + 1 &&
		    memcmp(o->keys.p + from, key->p, key->len) == 0)
			return (1);
	return (0);
}

static void
add_key(struct output * o, size_t i, const struct answer_column * c)
{
	struct buf * key = &o->scratch;
	unsigned again = 1;
	char tail[16];

	buf_clear(key);
	buf_add_json_str(key, c->name, c->len);
	while (key_is_taken(o, i, key)) {
		snprintf(tail, sizeof(tail), "_%u\"", ++again);
		buf_clear(key);
		buf_add_json_str(key, c->name, c->len);
		if (key->len > 0)
			key->p[--key->len] = '\0';
		buf_adds(key, tail);
		if (key->failed)
			break;
	}
	buf_add(&o->keys, key->p, key->len);
	buf_addc(&o->keys, ':');
	o->key_end[i] = o->keys.len;
	o->keys.failed |= key->failed;
}

int
output_begin(struct output * o, enum output_format f,
    const struct answer_column * cols, size_t n, struct buf * out)
{
	size_t i;

	memset(o, 0, sizeof(*o));
	o->format = f;
	o->ncols = n;
	o->key_end = calloc(n, sizeof(*o->key_end));
	o->is_json = calloc(n, sizeof(*o->is_json));
	if (o->key_end == NULL || o->is_json == NULL)
		return (-1);
	for (i = 0; i < n; i++) {
		o->is_json[i] = cols[i].is_json;
		if (f == OUTPUT_CSV) {
			if (i > 0)
				buf_addc(out, ',');
			csv_field(out, cols[i].name, cols[i].len);
		} else {
			add_key(o, i, &cols[i]);
		}
	}
	if (f == OUTPUT_CSV)
		buf_addc(out, '\n');
	else if (f == OUTPUT_JSON)
		buf_addc(out, '[');
	return (out->failed || o->keys.failed ? -1 : 0);
}

static void
csv_row(struct output * o, const struct jsonrow_cell * cells, struct buf * out)
{
	size_t i;

	for (i = 0; i < o->ncols; i++) {
		if (i > 0)
			buf_addc(out, ',');
		if (cells[i].kind == JSONROW_NULL)
			continue;
		buf_clear(&o->scratch);
		jsonrow_text(&cells[i], &o->scratch);
		out->failed |= o->scratch.failed;
		csv_field(out, o->scratch.p, o->scratch.len);
	}
	/* A line with nothing on it would be no row to many readers. */
	if (o->ncols == 1 && cells[0].kind == JSONROW_NULL)
		buf_adds(out, "\"\"");
	buf_addc(out, '\n');
}

static void
object_row(struct output * o, const struct jsonrow_cell * cells,
    struct buf * out)
{
	const struct jsonrow_cell * c;
	size_t i, from = 0;

	buf_addc(out, '{');
	for (i = 0; i < o->ncols; from = o->key_end[i++]) {
		c = &cells[i];
		if (i > 0)
			buf_addc(out, ',');
		buf_add(out, o->keys.p + from, o->key_end[i] - from);
		if (o->is_json[i] && c->kind == JSONROW_STRING) {
			buf_clear(&o->scratch);
			jsonrow_text(c, &o->scratch);
			out->failed |= o->scratch.failed;
			/* A line feed inside would break the line in two. */
			if (memchr(o->scratch.p, '\n', o->scratch.len) == NULL &&
			    jsonrow_is_document(o->scratch.p, o->scratch.len)) {
				buf_add(out, o->scratch.p, o->scratch.len);
				continue;
			}
		}
		buf_add(out, c->p, c->len);
	}
	buf_addc(out, '}');
}

int
output_row(struct output * o, const struct jsonrow_cell * cells,
    struct buf * out)
{
	if (o->format == OUTPUT_CSV) {
		csv_row(o, cells, out);
	} else {
		if (o->format == OUTPUT_JSON)
			buf_adds(out, o->rows > 0 ? ",\n" : "\n");
		object_row(o, cells, out);
		if (o->format == OUTPUT_NDJSON)
			buf_addc(out, '\n');
	}
	o->rows++;
	return (out->failed ? -1 : 0);
}

int
output_end(struct output * o, struct buf * out)
{
	if (o->format == OUTPUT_JSON)
		buf_adds(out, o->rows > 0 ? "\n]\n" : "]\n");
	return (out->failed ? -1 : 0);
}

void
output_abort(const struct output * o, struct buf * out)
{
	if (o->format == OUTPUT_JSON)
		buf_addc(out, '\n');
}

void
output_free(struct output * o)
{
	free(o->key_end);
	free(o->is_json);
	buf_free(&o->keys);
	buf_free(&o->scratch);
}
