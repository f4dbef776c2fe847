#include "target/elastic_cells.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"

#define INT64_EDGE 9223372036854775808.0

static int
all_digits(const char * s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return (0);
	return (n > 0);
}

/* strict_date_optional_time: what is left out at the end is the least there is. */
static int
parse_date(const char * s, size_t n, int64_t * ms)
{
	char t[64];

	if (n == 4 && all_digits(s, n))
		n = (size_t)snprintf(t, sizeof(t), "%.4s-01-01T00:00:00Z", s);
	else if (n == 7 && s[4] == '-')
		n = (size_t)snprintf(t, sizeof(t), "%.7s-01T00:00:00Z", s);
	else if (n == 13 && (s[10] == 'T' || s[10] == ' '))
		n = (size_t)snprintf(t, sizeof(t), "%.13s:00:00Z", s);
	else if (n < sizeof(t) && n > 11 && (s[n - 5] == '+' || s[n - 5] == '-') &&
	    all_digits(s + n - 4, 4) && memchr(s, ':', n) != NULL)
		/* An offset without its colon. */
		n = (size_t)snprintf(t, sizeof(t), "%.*s:%.2s", (int)(n - 2), s,
		    s + n - 2);
	else
		return (rfc3339_loose(s, n, ms));
	return (rfc3339_loose(t, n, ms));
}

int
elastic_cells_time(const char * s, size_t n, int64_t * ms)
{
	size_t neg = n > 0 && s[0] == '-';
	uint64_t v = 0;
	size_t i;

	if (parse_date(s, n, ms) == 0)
		return (0);
	if (n - neg > 18 || !all_digits(s + neg, n - neg))
		return (-1);
	for (i = neg; i < n; i++)
		v = v * 10 + (uint64_t)(s[i] - '0');
	*ms = neg ? -(int64_t)v : (int64_t)v;
	return (0);
}

static void
set_null(struct value * v)
{
	v->type = VALUE_NULL;
	v->len = 0;
	v->i = 0;
}

static void
set_real(struct value * v, enum column_type type, double d)
{
	if (type == COLUMN_REAL) {
		v->type = VALUE_REAL;
		v->d = d;
	} else if (d > -INT64_EDGE && d < INT64_EDGE) {
		v->type = VALUE_INT;
		v->i = (int64_t)d;
	} else if (type == COLUMN_INTEGER) {
		/* An unsigned one. */
		v->type = VALUE_REAL;
		v->d = d;
	} else
		set_null(v);
}

static int
set_time(struct page * p, struct value * v, const char * s, size_t n)
{
	char t[RFC3339_LEN];
	int64_t ms;

	if (elastic_cells_time(s, n, &ms)) {
		set_null(v);
		return (0);
	}
	rfc3339_format(ms, t);
	n = strlen(t);
	if (v->type != VALUE_TEXT || v->len != n || memcmp(v->s, t, n) != 0) {
		if ((v->s = page_text(p, t, n)) == NULL)
			return (-1);
		v->len = (uint32_t)n;
	}
	v->type = VALUE_TEXT;
	return (0);
}

/* One value of a list; 1: it is one of the column's. */
static int
set_member(struct page * p, struct value * v, enum column_type type,
    const json_t * one)
{
	const char * s;
	char num[32], * end;
	double d;

	set_null(v);
	if (type == COLUMN_TIMESTAMP) {
		if (json_is_string(one))
			return (set_time(p, v, json_string_value(one),
			    json_string_length(one)) ? -1 : v->type != VALUE_NULL);
		if (!json_is_integer(one))
			return (0);
		snprintf(num, sizeof(num), "%lld",
		    (long long)json_integer_value(one));
		return (set_time(p, v, num, strlen(num)) ? -1 :
		    v->type != VALUE_NULL);
	}
	if (json_is_boolean(one)) {
		if (type != COLUMN_BOOLEAN)
			return (0);
		v->type = VALUE_INT;
		v->i = json_is_true(one);
		return (1);
	}
	if (type == COLUMN_BOOLEAN) {
		s = json_string_value(one);
		if (s == NULL || (strcmp(s, "true") != 0 && *s != '\0' &&
		    strcmp(s, "false") != 0))
			return (0);
		v->type = VALUE_INT;
		v->i = *s == 't';
		return (1);
	}
	if (json_is_integer(one) && type == COLUMN_INTEGER) {
		v->type = VALUE_INT;
		v->i = json_integer_value(one);
		return (1);
	}
	if (json_is_number(one)) {
		set_real(v, type, json_number_value(one));
		return (1);
	}
	if ((s = json_string_value(one)) == NULL || *s == '\0')
		return (0);
	d = strtod(s, &end);
	if (*end != '\0')
		return (0);
	set_real(v, type, d);
	return (1);
}

/* The first of a list, however deep, that the index holds. */
static int
first_of(struct page * p, struct value * v, enum column_type type,
    const json_t * list, int deep)
{
	const json_t * one;
	size_t i;
	int rc = 0;

	json_array_foreach(list, i, one) {
		if (!json_is_array(one))
			rc = set_member(p, v, type, one);
		else if (deep < 16)
			rc = first_of(p, v, type, one, deep + 1);
		if (rc != 0)
			return (rc);
	}
	set_null(v);
	return (0);
}

static int
fix_list(struct page * p, struct value * v, enum column_type type)
{
	json_t * list = json_loadb(v->s, v->len, 0,
	    NULL);
	int rc;

	set_null(v);
	if (list == NULL)
		return (0);
	rc = first_of(p, v, type, list, 0);
	json_decref(list);
	return (rc < 0 ? -1 : 0);
}

/* A list of one may come without its brackets. */
static int
fix_bare(struct page * p, struct value * v)
{
	char * s;

	if (v->type != VALUE_TEXT || (v->len > 0 && v->s[0] == '['))
		return (0);
	if ((s = page_text(p, NULL, v->len + 2)) == NULL)
		return (-1);
	s[0] = '[';
	memcpy(s + 1, v->s, v->len);
	s[v->len + 1] = ']';
	v->s = s;
	v->len += 2;
	return (0);
}

static int
fix(struct page * p, const struct manifest_column * c, struct value * v)
{
	if (v->type == VALUE_NULL)
		return (0);
	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_MAP:
		return (0);
	case COLUMN_LIST:
		return (fix_bare(p, v));
	case COLUMN_INTEGER:
	case COLUMN_REAL:
	case COLUMN_BOOLEAN:
		if (v->type == VALUE_REAL && c->type == COLUMN_INTEGER)
			set_real(v, c->type, v->d);
		else if (v->type == VALUE_INT && c->type == COLUMN_REAL)
			set_real(v, c->type, (double)v->i);
		if (v->type != VALUE_TEXT)
			return (0);
		if (v->len > 0 && v->s[0] == '[')
			return (fix_list(p, v, c->type));
		/* An empty text is false. */
		if (c->type == COLUMN_BOOLEAN && v->len == 0) {
			v->type = VALUE_INT;
			v->i = 0;
		} else
			set_null(v);
		return (0);
	case COLUMN_TIMESTAMP:
		if (v->type != VALUE_TEXT) {
			set_null(v);
			return (0);
		}
		if (v->len > 0 && v->s[0] == '[')
			return (fix_list(p, v, c->type));
		return (set_time(p, v, v->s, v->len));
	}
	return (0);
}

int
elastic_cells_fix(struct page * p, const struct manifest_entity * ent,
    struct err * e)
{
	struct value * row;
	size_t c, r;

	for (c = 0; c < ent->ncolumns && c < p->ncols; c++) {
		if (ent->columns[c].type == COLUMN_TEXT ||
		    ent->columns[c].type == COLUMN_MAP)
			continue;
		for (r = 0, row = p->cells; r < p->nrows; r++, row += p->ncols)
			if (fix(p, &ent->columns[c], &row[c]))
				return (err_nomem(e, "a page"));
	}
	return (0);
}
