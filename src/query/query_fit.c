/*
 * Values on their way from SQLite to a plan.  SQLite compares by the column's
 * affinity and looks at every row again; so a value goes down as what the column
 * can hold, or not at all.
 */
#include "query/query_live.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"

/* Longer texts are no filters; a URL would not hold them. */
#define MAX_TEXT ((size_t)8192)
#define SPACES " \t\n\v\f\r"
#define EXACT 9007199254740992.0 /* integers a double can tell apart */

enum number { NUMBER_NOT, NUMBER_WHOLE, NUMBER_REAL, NUMBER_UNSURE };

/* What SQLite makes of a text beside a column of numbers. */
static enum number
text_number(const char * s, size_t n, int64_t * i, double * d)
{
	char text[64], * end;
	size_t k;

	while (n > 0 && strchr(SPACES, s[n - 1]) != NULL && s[n - 1] != '\0')
		n--;
	for (k = 0; k < n; k++)
		if (strchr("0123456789+-.eE" SPACES, s[k]) == NULL || s[k] == '\0')
			return (NUMBER_NOT);
	if (n == 0)
		return (NUMBER_NOT);
	if (n >= sizeof(text))
		return (NUMBER_UNSURE);
	memcpy(text, s, n);
	text[n] = '\0';
	errno = 0;
	*i = strtoll(text, &end, 10);
	if (*end == '\0' && errno == 0)
		return (NUMBER_WHOLE);
	*d = strtod(text, &end);
	return (*end != '\0' ? NUMBER_NOT : isfinite(*d) ? NUMBER_REAL :
	    NUMBER_UNSURE);
}

/* A bound between two integers moves to the one that selects the same. */
static double
whole_bound(double d, unsigned op)
{
	return (op == OP_LT || op == OP_GE ? ceil(d) : floor(d));
}

static enum query_fit
fit_integer(const struct manifest_column * col, unsigned op, double d,
    struct value * out)
{
	int is_equal = op == OP_EQ || op == OP_IN;

	/* From there on several integers are one double. */
	if (!(fabs(d) < EXACT))
		return (FIT_NOT);
	if (d != floor(d)) {
		if (is_equal)
			return (FIT_NONE);
		if (op == OP_NE)
			return (FIT_NOT);
		d = whole_bound(d, op);
	}
	if (col->type == COLUMN_BOOLEAN) {
		if (d != 0 && d != 1)
			return (is_equal ? FIT_NONE : FIT_NOT);
		if (!is_equal && op != OP_NE)
			return (FIT_NOT);
	}
	out->type = VALUE_INT;
	out->i = (int64_t)d;
	return (FIT);
}

static enum query_fit
fit_number(const struct manifest_column * col, unsigned op, sqlite3_value * v,
    struct value * out)
{
	enum number is = NUMBER_REAL;
	int64_t i = 0;
	double d = 0;
	const char * s;

	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		i = sqlite3_value_int64(v);
		is = NUMBER_WHOLE;
		break;
	case SQLITE_FLOAT:
		d = sqlite3_value_double(v);
		break;
	case SQLITE_TEXT:
		if ((s = (const char *)sqlite3_value_text(v)) != NULL)
			is = text_number(s, (size_t)sqlite3_value_bytes(v), &i,
			    &d);
		else
			is = NUMBER_UNSURE;
		break;
	default:
		return (FIT_NOT);
	}
	if (is == NUMBER_NOT && (op == OP_EQ || op == OP_IN))
		return (FIT_NONE);
	if (is == NUMBER_NOT || is == NUMBER_UNSURE)
		return (FIT_NOT);
	if (is == NUMBER_WHOLE && col->type != COLUMN_BOOLEAN) {
		out->type = VALUE_INT;
		out->i = i;
		return (FIT);
	}
	if (is == NUMBER_WHOLE)
		d = (double)i;
	if (col->type != COLUMN_REAL)
		return (fit_integer(col, op, d, out));
	if (!isfinite(d))
		return (FIT_NOT);
	out->type = VALUE_REAL;
	out->d = d;
	return (FIT);
}

static enum query_fit
fit_text(const struct manifest_column * col, unsigned op, sqlite3_value * v,
    char time[RFC3339_LEN], struct value * out)
{
	int64_t ms;
	size_t n;

	/* A number may come from a column of numbers, and then SQLite compares
	 * as numbers: '5.0' is 5. */
	if (sqlite3_value_type(v) == SQLITE_BLOB ||
	    (sqlite3_value_type(v) != SQLITE_TEXT && !col->is_input))
		return (FIT_NOT);
	out->type = VALUE_TEXT;
	if ((out->s = (const char *)sqlite3_value_text(v)) == NULL)
		return (FIT_NOT);
	n = (size_t)sqlite3_value_bytes(v);
	if (n > MAX_TEXT || memchr(out->s, '\0', n) != NULL)
		return (FIT_NOT);
	out->len = (uint32_t)n;
	/* A pattern is no time. */
	if (col->type == COLUMN_TIMESTAMP && op != OP_PREFIX) {
		if (rfc3339_loose(out->s, n, &ms))
			return (col->is_input ? FIT : FIT_NOT);
		rfc3339_format(ms, time);
		out->s = time;
		out->len = (uint32_t)strlen(time);
	}
	return (FIT);
}

enum query_fit
query_fit(const struct manifest_entity * ent, const struct query_ask * a,
    sqlite3_value * v, char time[RFC3339_LEN], struct value * out)
{
	const struct manifest_column * col = &ent->columns[a->column];

	memset(out, 0, sizeof(*out));
	if (sqlite3_value_type(v) == SQLITE_NULL)
		return (FIT_NONE);
	switch (col->type) {
	case COLUMN_INTEGER:
	case COLUMN_REAL:
	case COLUMN_BOOLEAN:
		return (fit_number(col, a->op, v, out));
	case COLUMN_TEXT:
	case COLUMN_TIMESTAMP:
	case COLUMN_LIST:
	case COLUMN_MAP:
		break;
	}
	return (fit_text(col, a->op, v, time, out));
}
