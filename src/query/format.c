#include "query/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct query_format {
	enum query_format_kind kind;
	struct buf * out;
	size_t n;
	char ** keys;    /* "\"name\":" for objects */
	char * is_json;  /* a flag a column */
	uint64_t rows;
	int began;       /* the columns were written */
	int failed;      /* no memory for them */
};

struct query_format *
query_format_new(enum query_format_kind kind, struct buf * out)
{
	struct query_format * f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (NULL);
	f->kind = kind;
	f->out = out;
	return (f);
}

void
query_format_free(struct query_format * f)
{
	size_t i;

	if (f == NULL)
		return;
	for (i = 0; f->keys != NULL && i < f->n; i++)
		free(f->keys[i]);
	free(f->keys);
	free(f->is_json);
	free(f);
}

const char *
query_format_mime(const struct query_format * f)
{
	switch (f->kind) {
	case QUERY_FORMAT_JSON:
		return ("application/json");
	case QUERY_FORMAT_NDJSON:
		return ("application/x-ndjson");
	case QUERY_FORMAT_CSV:
		return ("text/csv; charset=utf-8");
	case QUERY_FORMAT_ROWS:
		return ("application/x-moltler-rows");
	}
	return ("application/octet-stream");
}

int
query_format_breaks(const struct query_format * f)
{
	return (f->kind == QUERY_FORMAT_CSV);
}

/* How many columns before ${i} have its name. */
static unsigned
earlier(const char * const * names, size_t i)
{
	unsigned k = 0;
	size_t j;

	for (j = 0; j < i; j++)
		k += strcmp(names[j], names[i]) == 0;
	return (k);
}

/* Work out what is the same for every row. */
static int
keep_columns(struct query_format * f, size_t n, const char * const * names,
    const char * const * types)
{
	struct buf name = BUF_INIT(1 << 20), key = BUF_INIT(1 << 22);
	unsigned k;
	size_t i;

	f->keys = calloc(n + 1, sizeof(*f->keys));
	f->is_json = calloc(n + 1, 1);
	if (f->keys == NULL || f->is_json == NULL)
		return (-1);
	f->n = n;
	for (i = 0; i < n; i++) {
		f->is_json[i] = strcasecmp(types[i], "JSON") == 0;
		buf_clear(&name);
		buf_adds(&name, names[i]);
		if ((k = earlier(names, i)) > 0)
			buf_addf(&name, "_%u", k + 1);
		buf_clear(&key);
		buf_add_json_str(&key, name.p ? name.p : "", name.len);
		buf_addc(&key, ':');
		if (key.failed || name.failed ||
		    (f->keys[i] = strdup(key.p)) == NULL)
			break;
	}
	buf_free(&name);
	buf_free(&key);
	return (i < n ? -1 : 0);
}

static void
add_column_list(struct query_format * f, const char * const * names,
    const char * const * types)
{
	size_t i;

	buf_adds(f->out, "{\"columns\":[");
	for (i = 0; i < f->n; i++) {
		buf_adds(f->out, i > 0 ? ",{\"name\":" : "{\"name\":");
		buf_add_json_str(f->out, names[i], strlen(names[i]));
		buf_adds(f->out, ",\"type\":");
		buf_add_json_str(f->out, types[i], strlen(types[i]));
		buf_addc(f->out, '}');
	}
	buf_addc(f->out, ']');
}

/* Quoted where RFC 4180 section 2 asks for it, and where a reader could take
 * the text for NULL. */
static void
add_csv_text(struct buf * b, const char * s, size_t n)
{
	size_t i, run = 0;
	int quote = n == 0 || s[0] == ' ' || s[n - 1] == ' ';

	for (i = 0; i < n && !quote; i++)
		quote = s[i] == ',' || s[i] == '"' || s[i] == '\n' ||
		    s[i] == '\r';
	if (!quote) {
		buf_add(b, s, n);
		return;
	}
	buf_addc(b, '"');
	for (i = 0; i < n; i++) {
		if (s[i] != '"')
			continue;
		buf_add(b, s + run, i + 1 - run);
		run = i; /* once more, so that it is doubled */
	}
	buf_add(b, s + run, n - run);
	buf_addc(b, '"');
}

void
query_format_columns(struct query_format * f, size_t n,
    const char * const * names, const char * const * types)
{
	size_t i;

	f->began = 1;
	if (keep_columns(f, n, names, types)) {
		f->failed = 1;
		f->out->failed = 1;
		return;
	}
	switch (f->kind) {
	case QUERY_FORMAT_JSON:
		add_column_list(f, names, types);
		buf_adds(f->out, ",\"rows\":[");
		break;
	case QUERY_FORMAT_ROWS:
		add_column_list(f, names, types);
		buf_adds(f->out, "}\n");
		break;
	case QUERY_FORMAT_CSV:
		for (i = 0; i < n; i++) {
			if (i > 0)
				buf_addc(f->out, ',');
			add_csv_text(f->out, names[i], strlen(names[i]));
		}
		buf_addc(f->out, '\n');
		break;
	case QUERY_FORMAT_NDJSON:
		break;
	}
}

static void
add_base64(struct buf * b, const char * s, size_t n)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char * p = (const unsigned char *)s;
	char q[4];
	uint32_t w;
	size_t i;

	for (i = 0; i < n; i += 3) {
		w = (uint32_t)p[i] << 16;
		if (i + 1 < n)
			w |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			w |= p[i + 2];
		q[0] = abc[w >> 18];
		q[1] = abc[w >> 12 & 63];
		q[2] = i + 1 < n ? abc[w >> 6 & 63] : '=';
		q[3] = i + 2 < n ? abc[w & 63] : '=';
		buf_add(b, q, 4);
	}
}

/* As few digits as read back the same. */
static void
add_real(struct buf * b, double d)
{
	char s[40];
	int digits;

	/* Whole numbers are the most; %.17g would do, but slowly. */
	if (d >= -1e15 && d <= 1e15 && d == (double)(int64_t)d &&
	    !(d == 0 && signbit(d))) {
		buf_addf(b, "%" PRId64, (int64_t)d);
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, d);
		if (digits == 17 || strtod(s, NULL) == d)
			break;
	}
	buf_adds(b, s);
}

/* Whether text may stand in JSON as it is: our own maps and lists do. */
static int
is_document(const struct query_value * v)
{
	return (v->len >= 2 &&
	    ((v->s[0] == '{' && v->s[v->len - 1] == '}') ||
	    (v->s[0] == '[' && v->s[v->len - 1] == ']')));
}

static void
add_json_value(struct query_format * f, size_t i, const struct query_value * v)
{
	struct buf * b = f->out;

	switch (v->type) {
	case QUERY_NULL:
		buf_adds(b, "null");
		break;
	case QUERY_INT:
		buf_addf(b, "%" PRId64, v->i);
		break;
	case QUERY_REAL:
		if (v->d - v->d != 0) /* NaN and infinities are no JSON */
			buf_adds(b, "null");
		else
			add_real(b, v->d);
		break;
	case QUERY_TEXT:
		if (f->is_json[i] && is_document(v))
			buf_add(b, v->s, v->len);
		else
			buf_add_json_str(b, v->s, v->len);
		break;
	case QUERY_BLOB:
		buf_addc(b, '"');
		add_base64(b, v->s, v->len);
		buf_addc(b, '"');
		break;
	}
}

static void
add_csv_value(struct query_format * f, const struct query_value * v)
{
	struct buf * b = f->out;

	switch (v->type) {
	case QUERY_NULL:
		break;
	case QUERY_INT:
		buf_addf(b, "%" PRId64, v->i);
		break;
	case QUERY_REAL:
		if (v->d - v->d == 0)
			add_real(b, v->d);
		break;
	case QUERY_TEXT:
		add_csv_text(b, v->s, v->len);
		break;
	case QUERY_BLOB:
		add_base64(b, v->s, v->len);
		break;
	}
}

void
query_format_row(struct query_format * f, size_t n,
    const struct query_value * v)
{
	int objects = f->kind == QUERY_FORMAT_JSON ||
	    f->kind == QUERY_FORMAT_NDJSON;
	struct buf * b = f->out;
	size_t i;

	if (f->failed)
		return;
	if (f->kind == QUERY_FORMAT_JSON)
		buf_adds(b, f->rows > 0 ? ",\n" : "\n");
	f->rows++;
	if (f->kind != QUERY_FORMAT_CSV)
		buf_addc(b, objects ? '{' : '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(b, ',');
		if (f->kind == QUERY_FORMAT_CSV) {
			add_csv_value(f, &v[i]);
			continue;
		}
		if (objects)
			buf_adds(b, f->keys[i]);
		add_json_value(f, i, &v[i]);
	}
	if (f->kind != QUERY_FORMAT_CSV)
		buf_addc(b, objects ? '}' : ']');
	if (f->kind != QUERY_FORMAT_JSON)
		buf_addc(b, '\n');
}

static void
add_error(struct buf * b, const struct err * e)
{
	buf_adds(b, "\"error\":{\"code\":");
	buf_add_json_str(b, e->code, strlen(e->code));
	buf_addf(b, ",\"class\":\"%s\",\"message\":",
	    err_class_name(e->cls));
	buf_add_json_str(b, e->msg, strlen(e->msg));
	buf_addc(b, '}');
}

static void
add_stats(struct buf * b, const struct query_stats * st)
{
	buf_addf(b, "\"stats\":{\"rows\":%" PRIu64 ",\"ms\":%" PRId64
	    ",\"pages\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"cache_hits\":%"
	    PRIu64 "}", st->rows, st->ms, st->pages, st->calls,
	    st->cache_hits);
}

void
query_format_end(struct query_format * f, const struct query_stats * st,
    const struct err * e)
{
	struct buf * b = f->out;

	if (f->kind == QUERY_FORMAT_CSV ||
	    (f->kind == QUERY_FORMAT_NDJSON && e == NULL))
		return;
	if (f->kind == QUERY_FORMAT_JSON)
		buf_adds(b, f->began ? "\n]," : "{");
	else
		buf_addc(b, '{');
	if (e != NULL)
		add_error(b, e);
	else
		add_stats(b, st);
	buf_adds(b, "}\n");
}
