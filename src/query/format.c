#include "query/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Keys together: as much as 2000 columns could need. */
#define MAX_KEYS ((size_t)8 << 20)

struct format {
	enum format_kind kind;
	size_t n;
	struct buf keys;  /* of an object: each as "name":, one after another */
	size_t * key_end;
	char * json;      /* whether the column is declared JSON */
	int columns, rows; /* whether there were any */
	int nomem;
};

static const struct {
	const char * name, * type;
} kinds[] = {
	{ "json", "application/json" },
	{ "ndjson", "application/x-ndjson" },
	{ "csv", "text/csv; charset=utf-8" },
	{ "rows", "application/x-ndjson" }
};

int
format_by_name(const char * s, enum format_kind * kind)
{
	unsigned i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(s, kinds[i].name) == 0) {
			*kind = (enum format_kind)i;
			return (0);
		}
	return (-1);
}

const char *
format_content_type(enum format_kind kind)
{
	return (kinds[kind].type);
}

struct format *
format_new(enum format_kind kind, struct err * e)
{
	struct format * f = calloc(1, sizeof(*f));

	if (f == NULL) {
		err_nomem(e, "an answer");
		return (NULL);
	}
	f->kind = kind;
	f->keys.max = MAX_KEYS;
	return (f);
}

void
format_free(struct format * f)
{
	if (f == NULL)
		return;
	buf_free(&f->keys);
	free(f->key_end);
	free(f->json);
	free(f);
}

/* The shortest of %.15g, 16 and 17 that reads back as the same number.  Whole
 * numbers, the most frequent, need no trial. */
static void
add_real(struct buf * out, double d)
{
	char s[40];
	int digits;

	if (!isfinite(d)) {
		/* JSON has no such number; SQL makes one of 9e999. */
		buf_adds(out, "null");
		return;
	}
	if (d == (double)(int64_t)(fabs(d) < 1e15 ? d : 0) &&
	    !(d == 0 && signbit(d))) {
		buf_addf(out, "%lld", (long long)d);
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, d);
		if (digits == 17 || strtod(s, NULL) == d)
			break;
	}
	buf_adds(out, s);
}

static void
add_int(struct buf * out, int64_t v)
{
	char s[24], * p = s + sizeof(s);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		*--p = '-';
	buf_add(out, p, (size_t)(s + sizeof(s) - p));
}

static void
add_base64(struct buf * out, const char * s, size_t n)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char * u = (const unsigned char *)s;
	char q[4];
	uint32_t v;
	size_t i;

	if (buf_reserve(out, (n + 2) / 3 * 4))
		return;
	for (i = 0; i < n; i += 3) {
		v = (uint32_t)u[i] << 16;
		if (i + 1 < n)
			v |= (uint32_t)u[i + 1] << 8;
		if (i + 2 < n)
			v |= u[i + 2];
		q[0] = abc[v >> 18];
		q[1] = abc[v >> 12 & 63];
		q[2] = i + 1 < n ? abc[v >> 6 & 63] : '=';
		q[3] = i + 2 < n ? abc[v & 63] : '=';
		buf_add(out, q, 4);
	}
}

/* JSON as it is, on one line: line ends outside strings are mere space, and
 * inside they cannot be. */
static void
add_raw_json(struct buf * out, const char * s, size_t n)
{
	size_t from = out->len, i;

	if (buf_add(out, s, n))
		return;
	for (i = from; i < out->len; i++)
		if (out->p[i] == '\n' || out->p[i] == '\r')
			out->p[i] = ' ';
}

static void
add_json_value(struct buf * out, const struct query_value * v, int json)
{
	switch (v->type) {
	case QUERY_NULL:
		buf_add(out, "null", 4);
		break;
	case QUERY_INT:
		add_int(out, v->i);
		break;
	case QUERY_REAL:
		add_real(out, v->d);
		break;
	case QUERY_TEXT:
		if (json && format_json_check(v->s, v->len))
			add_raw_json(out, v->s, v->len);
		else
			buf_add_json_str(out, v->s, v->len);
		break;
	case QUERY_BLOB:
		buf_addc(out, '"');
		add_base64(out, v->s, v->len);
		buf_addc(out, '"');
		break;
	}
}

static int
csv_plain(const char * s, size_t n)
{
	size_t i;

	/* Spaces at the ends: some readers drop them. */
	if (n == 0 || s[0] == ' ' || s[n - 1] == ' ')
		return (0);
	for (i = 0; i < n; i++)
		if (s[i] == ',' || s[i] == '"' || s[i] == '\n' || s[i] == '\r')
			return (0);
	return (1);
}

static void
add_csv_text(struct buf * out, const char * s, size_t n)
{
	const char * quote;
	size_t k;

	if (csv_plain(s, n)) {
		buf_add(out, s, n);
		return;
	}
	buf_addc(out, '"');
	while (n > 0 && (quote = memchr(s, '"', n)) != NULL) {
		k = (size_t)(quote - s) + 1;
		buf_add(out, s, k);
		buf_addc(out, '"');
		s += k;
		n -= k;
	}
	buf_add(out, s, n);
	buf_addc(out, '"');
}

static void
add_csv_value(struct buf * out, const struct query_value * v)
{
	switch (v->type) {
	case QUERY_NULL:
		break;
	case QUERY_INT:
		add_int(out, v->i);
		break;
	case QUERY_REAL:
		if (isfinite(v->d))
			add_real(out, v->d);
		break;
	case QUERY_TEXT:
		add_csv_text(out, v->s, v->len);
		break;
	case QUERY_BLOB:
		add_base64(out, v->s, v->len);
		break;
	}
}

/* The columns' names in order, to find those that come twice. */
struct names {
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
lower_bound(const struct names * nm, const char * name)
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
is_name(const struct names * nm, const char * name)
{
	size_t i = lower_bound(nm, name);

	return (i < nm->n && strcmp(nm->sorted[i], name) == 0);
}

/* The name itself the first time, then name_2, name_3, ... but for those that
 * are another column's own. */
static char *
unique(struct names * nm, const char * name)
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
	while (is_name(nm, s));
	return (s);
}

/* Keys are written once and copied for each row. */
static int
make_keys(struct format * f, const char * const * names,
    const char * const * types)
{
	struct names nm = { calloc(f->n + 1, sizeof(*nm.sorted)),
		calloc(f->n + 1, sizeof(*nm.next)), f->n };
	size_t i;
	int rc = -1;
	char * s;

	f->key_end = calloc(f->n + 1, sizeof(*f->key_end));
	f->json = calloc(f->n + 1, 1);
	if (nm.sorted == NULL || nm.next == NULL || f->key_end == NULL ||
	    f->json == NULL)
		goto done;
	for (i = 0; i < f->n; i++)
		nm.sorted[i] = names[i];
	qsort(nm.sorted, f->n, sizeof(*nm.sorted), by_name);
	for (i = 0; i < f->n; i++) {
		if ((s = unique(&nm, names[i])) == NULL)
			goto done;
		buf_add_json_str(&f->keys, s, strlen(s));
		buf_addc(&f->keys, ':');
		free(s);
		f->key_end[i] = f->keys.len;
		f->json[i] = strcasecmp(types[i], "JSON") == 0;
	}
	rc = f->keys.failed ? -1 : 0;
done:
	free(nm.sorted);
	free(nm.next);
	return (rc);
}

static void
add_columns(struct buf * out, size_t n, const char * const * names,
    const char * const * types)
{
	size_t i;

	buf_adds(out, "\"columns\":[");
	for (i = 0; i < n; i++) {
		buf_adds(out, i ? ",{\"name\":" : "{\"name\":");
		buf_add_json_str(out, names[i], strlen(names[i]));
		buf_adds(out, ",\"type\":");
		buf_add_json_str(out, types[i], strlen(types[i]));
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

void
format_columns(struct format * f, struct buf * out, size_t n,
    const char * const * names, const char * const * types)
{
	size_t i;

	f->n = n;
	f->columns = 1;
	if (make_keys(f, names, types)) {
		f->nomem = out->failed = 1;
		return;
	}
	switch (f->kind) {
	case FORMAT_JSON:
		buf_addc(out, '{');
		add_columns(out, n, names, types);
		buf_adds(out, ",\"rows\":[");
		break;
	case FORMAT_NDJSON:
		break;
	case FORMAT_CSV:
		for (i = 0; i < n; i++) {
			if (i > 0)
				buf_addc(out, ',');
			add_csv_text(out, names[i], strlen(names[i]));
		}
		buf_addc(out, '\n');
		break;
	case FORMAT_ROWS:
		buf_addc(out, '{');
		add_columns(out, n, names, types);
		buf_adds(out, "}\n");
		break;
	}
}

static void
add_object(const struct format * f, struct buf * out,
    const struct query_value * v)
{
	size_t i, from = 0;

	buf_addc(out, '{');
	for (i = 0; i < f->n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		buf_add(out, f->keys.p + from, f->key_end[i] - from);
		from = f->key_end[i];
		add_json_value(out, &v[i], f->json[i]);
	}
	buf_addc(out, '}');
}

void
format_row(struct format * f, struct buf * out, size_t n,
    const struct query_value * v)
{
	size_t i;

	if (f->nomem || n != f->n) {
		out->failed = 1;
		return;
	}
	switch (f->kind) {
	case FORMAT_JSON:
		if (f->rows)
			buf_addc(out, ',');
		add_object(f, out, v);
		break;
	case FORMAT_NDJSON:
		add_object(f, out, v);
		buf_addc(out, '\n');
		break;
	case FORMAT_CSV:
		for (i = 0; i < n; i++) {
			if (i > 0)
				buf_addc(out, ',');
			add_csv_value(out, &v[i]);
		}
		buf_addc(out, '\n');
		break;
	case FORMAT_ROWS:
		for (i = 0; i < n; i++) {
			buf_addc(out, i ? ',' : '[');
			add_json_value(out, &v[i], f->json[i]);
		}
		buf_adds(out, "]\n");
		break;
	}
	f->rows = 1;
}

static void
add_outcome(struct buf * out, const struct query_stats * st,
    const struct err * err)
{
	if (err == NULL) {
		buf_addf(out, "\"stats\":{\"rows\":%llu,\"ms\":%lld,"
		    "\"pages\":%llu,\"calls\":%llu,\"cache_hits\":%llu}",
		    (unsigned long long)st->rows, (long long)st->ms,
		    (unsigned long long)st->pages,
		    (unsigned long long)st->calls,
		    (unsigned long long)st->cache_hits);
		return;
	}
	buf_adds(out, "\"error\":{\"code\":");
	buf_add_json_str(out, err->code, strlen(err->code));
	buf_addf(out, ",\"class\":\"%s\",\"message\":",
	    err_class_name(err->cls));
	buf_add_json_str(out, err->msg, strlen(err->msg));
	buf_addc(out, '}');
}

void
format_end(struct format * f, struct buf * out, const struct query_stats * st,
    const struct err * err)
{
	switch (f->kind) {
	case FORMAT_JSON:
		buf_adds(out, f->columns ? "]," :
		    "{\"columns\":[],\"rows\":[],");
		add_outcome(out, st, err);
		buf_adds(out, "}\n");
		break;
	case FORMAT_NDJSON:
		if (err == NULL)
			break;
		/* FALLTHROUGH */
	case FORMAT_ROWS:
		buf_addc(out, '{');
		add_outcome(out, st, err);
		buf_adds(out, "}\n");
		break;
	case FORMAT_CSV:
		break;
	}
}
