#include "query/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* All keys together; two thousand columns have room in it. */
#define MAX_KEYS ((size_t)8 << 20)

struct query_format {
	enum query_format_kind kind;
	struct buf * out;
	size_t n;
	struct buf keys; /* of an object: as {"a":, then ,"b": and so on */
	size_t * key_end;
	char * is_json;  /* flags a column */
	char * is_bool;
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
	f->keys.max = MAX_KEYS;
	return (f);
}

void
query_format_free(struct query_format * f)
{
	if (f == NULL)
		return;
	buf_free(&f->keys);
	free(f->key_end);
	free(f->is_json);
	free(f->is_bool);
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

/* The columns' names in order, to find those that come twice. */
struct column_names {
	const char ** sorted;
	size_t * next; /* at the first of equal ones: the next number, or 0 */
	size_t n;
};

static int
by_name(const void * a, const void * b)
{
	return (strcmp(*(const char * const *)a, *(const char * const *)b));
}

/* Where ${name} is or would be. */
static size_t
lower_bound(const struct column_names * nm, const char * name)
{
	size_t lo = 0, hi = nm->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strcmp(nm->sorted[mid], name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

static int
is_column(const struct column_names * nm, const char * name)
{
	size_t i = lower_bound(nm, name);

	return (i < nm->n && strcmp(nm->sorted[i], name) == 0);
}

/* The name itself the first time, then name_2, name_3, ... but for those that
 * are another column's own. */
static char *
unique(struct column_names * nm, const char * name)
{
	size_t size = strlen(name) + 24, g = lower_bound(nm, name);
	char * s = malloc(size);

	if (s == NULL)
		return (NULL);
	if (nm->next[g] == 0) {
		nm->next[g] = 2;
		memcpy(s, name, strlen(name) + 1);
		return (s);
	}
	do
		snprintf(s, size, "%s_%zu", name, nm->next[g]++);
	while (is_column(nm, s));
	return (s);
}

/* Work out what is the same for every row. */
static int
keep_columns(struct query_format * f, size_t n, const char * const * names,
    const char * const * types)
{
	struct column_names nm = { calloc(n + 1, sizeof(*nm.sorted)),
		calloc(n + 1, sizeof(*nm.next)), n };
	size_t i = 0;
	char * name;

	f->key_end = calloc(n + 1, sizeof(*f->key_end));
	f->is_json = calloc(n + 1, 1);
	f->is_bool = calloc(n + 1, 1);
	if (nm.sorted == NULL || nm.next == NULL || f->key_end == NULL ||
	    f->is_json == NULL || f->is_bool == NULL)
		goto done;
	f->n = n;
	for (i = 0; i < n; i++)
		nm.sorted[i] = names[i];
	qsort(nm.sorted, n, sizeof(*nm.sorted), by_name);
	for (i = 0; i < n; i++) {
		f->is_json[i] = strcasecmp(types[i], "JSON") == 0;
		f->is_bool[i] = strcasecmp(types[i], "BOOLEAN") == 0;
		if ((name = unique(&nm, names[i])) == NULL)
			break;
		buf_addc(&f->keys, i > 0 ? ',' : '{');
		buf_add_json_str(&f->keys, name, strlen(name));
		buf_addc(&f->keys, ':');
		free(name);
		f->key_end[i] = f->keys.len;
	}
done:
	free(nm.sorted);
	free(nm.next);
	return (f->n != n || i < n || buf_reserve(&f->keys, BUF_NEAR) ? -1 : 0);
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

static void
add_int(struct buf * out, int64_t v)
{
	char s[24 + BUF_NEAR], * p = s + 24;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		*--p = '-';
	buf_add_near(out, p, (size_t)(s + 24 - p));
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
		add_int(b, (int64_t)d);
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, d);
		if (digits == 17 || strtod(s, NULL) == d)
			break;
	}
	buf_adds(b, s);
}

/* A document as it is, but on one line: a row is a line, and a line's end can
 * only be space in it. */
static void
add_document(struct buf * b, const char * s, size_t n)
{
	size_t i = b->len;

	if (buf_add(b, s, n))
		return;
	for (; i < b->len; i++)
		if (b->p[i] == '\n' || b->p[i] == '\r')
			b->p[i] = ' ';
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
		if (f->is_bool[i] && (v->i == 0 || v->i == 1))
			buf_adds(b, v->i ? "true" : "false");
		else
			add_int(b, v->i);
		break;
	case QUERY_REAL:
		if (v->d - v->d != 0) /* NaN and infinities are no JSON */
			buf_adds(b, "null");
		else
			add_real(b, v->d);
		break;
	case QUERY_TEXT:
		/* Checked, because one that is broken would break the answer. */
		if (f->is_json[i] && (v->is_json ||
		    query_format_is_document(v->s, v->len)))
			add_document(b, v->s, v->len);
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
		add_int(b, v->i);
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
	size_t i, key = 0;

	if (f->failed || n != f->n) {
		b->failed = 1;
		return;
	}
	if (f->kind == QUERY_FORMAT_JSON)
		buf_adds(b, f->rows > 0 ? ",\n" : "\n");
	f->rows++;
	if (n == 0 && f->kind != QUERY_FORMAT_CSV)
		buf_addc(b, objects ? '{' : '[');
	for (i = 0; i < n; i++) {
		if (f->kind == QUERY_FORMAT_CSV) {
			if (i > 0)
				buf_addc(b, ',');
			add_csv_value(f, &v[i]);
			continue;
		}
		if (objects)
			buf_add_near(b, f->keys.p + key, f->key_end[i] - key);
		else
			buf_addc(b, i > 0 ? ',' : '[');
		key = f->key_end[i];
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
add_written(struct buf * b, const struct query_written * w)
{
	buf_adds(b, ",\"sync\":{\"entity\":");
	buf_add_json_str(b, w->entity, strlen(w->entity));
	buf_addf(b, ",\"entities_done\":%" PRIu64 ",\"entities\":%" PRIu64
	    ",\"rows\":%" PRIu64 ",\"written\":%" PRIu64
	    ",\"rate\":%.0f", w->legs_done, w->legs, w->rows, w->written,
	    isfinite(w->rate) ? w->rate : 0);
	if (w->total >= 0)
		buf_addf(b, ",\"total\":%" PRId64, w->total);
	buf_addc(b, '}');
}

static void
add_stats(struct buf * b, const char * key, const struct query_stats * st)
{
	buf_addf(b, "\"%s\":{\"rows\":%" PRIu64 ",\"ms\":%" PRId64
	    ",\"pages\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"cache_hits\":%"
	    PRIu64, key, st->rows, st->ms, st->api.pages, st->api.calls,
	    st->api.cache_hits);
	if (st->api.cache_hits > 0)
		buf_addf(b, ",\"cache_age_ms\":%" PRId64, st->api.cache_age_ms);
	if (st->api.not_modified > 0)
		buf_addf(b, ",\"not_modified\":%" PRIu64,
		    st->api.not_modified);
	if (st->api.retries > 0)
		buf_addf(b, ",\"retries\":%" PRIu64, st->api.retries);
	if (st->api.waited_ms > 0)
		buf_addf(b, ",\"waited_ms\":%" PRIu64, st->api.waited_ms);
	if (st->api.short_of > 0)
		buf_addf(b, ",\"short_of\":%" PRIu64, st->api.short_of);
	if (st->api.skipped > 0) {
		buf_addf(b, ",\"skipped\":%" PRIu64 ",\"skipped_why\":",
		    st->api.skipped);
		buf_add_json_str(b, st->api.skipped_why,
		    strlen(st->api.skipped_why));
	}
	if (st->sync.entity != NULL)
		add_written(b, &st->sync);
	if (st->not_ok)
		buf_adds(b, ",\"ok\":false");
	buf_addc(b, '}');
}

int
query_format_progress(struct query_format * f, const struct query_stats * st)
{
	if (f->kind != QUERY_FORMAT_ROWS)
		return (0);
	buf_addc(f->out, '{');
	add_stats(f->out, "progress", st);
	buf_adds(f->out, "}\n");
	return (1);
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
		add_stats(b, "stats", st);
	buf_adds(b, "}\n");
}
