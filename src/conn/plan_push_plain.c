/* Numbers and texts of SQL as values of JSON. */
#include "conn/plan_push_internal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "base/utf8.h"

/* The number a text means where SQLite compares it with a number. */
static int
number_of(const struct value * v, struct value * out)
{
	char s[64], * end;

	*out = *v;
	if (v->type != VALUE_TEXT)
		return (0);
	if (!quote_is_number(v->s, v->len) || v->len >= sizeof(s))
		return (-1);
	memcpy(s, v->s, v->len);
	s[v->len] = '\0';
	out->type = VALUE_REAL;
	out->d = strtod(s, &end);
	if (strpbrk(s, ".eE") == NULL && fabs(out->d) < 9e18) {
		out->type = VALUE_INT;
		out->i = strtoll(s, NULL, 10);
	}
	return (0);
}

static json_t *
number_json(const struct manifest_column * col, const struct value * v)
{
	struct value n;

	if (number_of(v, &n))
		return (NULL);
	if (n.type == VALUE_REAL && n.d >= -9e15 && n.d <= 9e15 &&
	    floor(n.d) >= n.d) {
		n.type = VALUE_INT;
		n.i = (int64_t)n.d;
	}
	if (col->type == COLUMN_BOOLEAN)
		return (n.type == VALUE_INT && (n.i == 0 || n.i == 1) ?
		    json_boolean(n.i) : NULL);
	if (n.type == VALUE_INT)
		return (json_integer(n.i));
	return (col->type == COLUMN_REAL && isfinite(n.d) ? json_real(n.d) :
	    NULL);
}

json_t *
plan_push_text(const char * s, size_t n)
{
	if (memchr(s, '\0', n) != NULL || utf8_check(s, n) != n)
		return (NULL);
	return (json_stringn(s, n));
}

static int
is_numeric(const struct manifest_column * col)
{
	return (col->type == COLUMN_INTEGER || col->type == COLUMN_REAL ||
	    col->type == COLUMN_BOOLEAN);
}

json_t *
plan_push_plain(const struct manifest_column * col, const struct value * v)
{
	char s[32];

	if (is_numeric(col))
		return (number_json(col, v));
	if (v->type == VALUE_TEXT)
		return (plan_push_text(v->s, v->len));
	if (v->type != VALUE_INT)
		return (NULL);
	return (json_stringn(s, (size_t)snprintf(s, sizeof(s), "%lld",
	    (long long)v->i)));
}

json_t *
plan_push_like(const struct manifest_column * col, unsigned op,
    const struct value * v)
{
	const char * s = v->s;
	size_t n = v->len;

	/* Of a time the rule's pattern says which. */
	if (v->type != VALUE_TEXT || is_numeric(col))
		return (NULL);
	if (op == OP_SUBSTR) {
		if (n == 0 || s[0] != '%')
			return (NULL);
		s++;
		n--;
	}
	if (n < 2 || s[n - 1] != '%')
		return (NULL);
	n--;
	if (memchr(s, '%', n) != NULL || memchr(s, '_', n) != NULL)
		return (NULL);
	return (plan_push_text(s, n));
}
