#include "conn/plan_push.h"

#include <ctype.h>
#include <math.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "conn/quote.h"
#include "conn/template.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

#define OPS_LOWER (OP_GT | OP_GE)
#define OPS_UPPER (OP_LT | OP_LE)
#define OPS_LIKE (OP_PREFIX | OP_SUBSTR)

/* Years 1 to 9999, in ms: no service knows others. */
#define MIN_MS INT64_C(-62135596800000)
#define MAX_MS INT64_C(253402300799999)

/* No list of values is longer: beyond, it is cheaper to look here. */
#define MAX_VALUES 1000

int
plan_push_same(const struct manifest_push * a, const struct manifest_push * b)
{
	if (a->where != b->where || a->where == IN_CLAUSE ||
	    a->add != NULL || b->add != NULL)
		return (0);
	if (a->where == IN_HEADER)
		return (strcasecmp(a->name, b->name) == 0);
	return (strcmp(a->name, b->name) == 0);
}

int
plan_push_joins(const struct manifest_push * rule, unsigned a, unsigned b)
{
	return (rule->range != NULL && ((a & (OP_GE | OP_GT)) != 0) !=
	    ((b & (OP_GE | OP_GT)) != 0));
}

int
plan_push_never(const struct plan_pred * p)
{
	size_t i;

	if (p->op == OP_IS_NULL || p->op == OP_NOT_NULL)
		return (0);
	for (i = 0; i < p->nvalues; i++)
		if (p->values[i].type != VALUE_NULL)
			return (0);
	return (1);
}

size_t
plan_push_size(const json_t * v)
{
	const char * s = json_string_value(v);
	size_t n = 0, i;
	json_t * one;

	if (json_is_array(v)) {
		json_array_foreach(v, i, one)
			n += plan_push_size(one) + 1;
		return (n);
	}
	if (s == NULL)
		return (24);
	for (i = 0; i < json_string_length(v); i++)
		n += isalnum((unsigned char)s[i]) ? 1 : 3;
	return (n + 2);
}

/* ---- times ---- */

/* A time as SQL may write it: RFC 3339, or without a zone (UTC) or a clock. */
static int
time_of(const struct value * v, int64_t * ms)
{
	char s[64];
	size_t n = v->len, date = 10;

	if (v->type != VALUE_TEXT || n < date || n > sizeof(s) - 12)
		return (-1);
	memcpy(s, v->s, n);
	s[n] = '\0';
	if (n == date)
		strcpy(s + n, "T00:00:00Z");
	else if (n == date + 6)
		strcpy(s + n, ":00Z");
	else if (strpbrk(s + date, "Zz+-") == NULL)
		strcpy(s + n, "Z");
	if (rfc3339_parse(s, strlen(s), ms, NULL) || *ms < MIN_MS ||
	    *ms > MAX_MS)
		return (-1);
	return (0);
}

static int64_t
floor_to(int64_t ms, int64_t unit)
{
	int64_t rest = ms % unit;

	return (ms - (rest < 0 ? rest + unit : rest));
}

/* To what a rule's words can say. */
static int64_t
unit_of(const struct manifest_push * rule)
{
	int64_t unit = rule->round_ms, least = 1000;
	const char * f = rule->own.format;

	if (rule->time == TIME_EPOCH_MS || rule->time == TIME_EPOCH_US)
		least = 1;
	if (rule->time == TIME_STRFTIME && f != NULL) {
		if (strstr(f, "%S") == NULL && strstr(f, "%T") == NULL &&
		    strstr(f, "%s") == NULL && strstr(f, "%X") == NULL)
			least = 60000;
		if (least > 1000 && strstr(f, "%M") == NULL &&
		    strstr(f, "%R") == NULL)
			least = 3600000;
		if (least > 60000 && strstr(f, "%H") == NULL)
			least = 86400000;
	}
	if (unit <= 0)
		unit = 1000;
	return (unit > least ? unit : least);
}

static json_t *
time_json(const struct manifest_push * rule, int64_t ms)
{
	char s[128];
	struct tm tm;
	time_t t = (time_t)(floor_to(ms + rule->own.zone_ms, 1000) / 1000);

	switch (rule->time) {
	case TIME_EPOCH_S:
		return (json_integer(floor_to(ms, 1000) / 1000));
	case TIME_EPOCH_MS:
		return (json_integer(ms));
	case TIME_EPOCH_US:
		return (json_integer(ms * 1000));
	case TIME_STRFTIME:
		if (rule->own.format == NULL || gmtime_r(&t, &tm) == NULL)
			return (NULL);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (strftime(s, sizeof(s), rule->own.format, &tm) == 0)
			return (NULL);
#pragma GCC diagnostic pop
		return (json_string(s));
	case TIME_ISO8601:
		break;
	}
	rfc3339_format(ms, s);
	return (json_string(s));
}

/* Where the unit begins that ${ms} is in: days are those of the rule's zone. */
static int64_t
floor_in(const struct manifest_push * rule, int64_t ms)
{
	return (floor_to(ms + rule->own.zone_ms, unit_of(rule)) -
	    rule->own.zone_ms);
}

static int64_t
lower_ms(const struct manifest_push * rule, int64_t ms)
{
	return (floor_in(rule, ms - rule->widen_ms));
}

int
plan_push_place(const struct manifest_column * col, const struct value * v,
    int64_t * at)
{
	if (col->type == COLUMN_TIMESTAMP)
		return (time_of(v, at));
	if (col->type != COLUMN_INTEGER || v->type != VALUE_INT)
		return (-1);
	*at = v->i;
	return (0);
}

int
plan_push_from(const struct manifest_column * col,
    const struct manifest_push * rule, const struct value * v, int64_t * at)
{
	if (rule->values != NULL || plan_push_place(col, v, at))
		return (-1);
	if (col->type == COLUMN_TIMESTAMP)
		*at = lower_ms(rule, *at);
	return (0);
}

/*
 * A bound moves outwards.  Rows show times cut to what the service sends, so
 * "at most t" has to let through what lies within the unit that begins at t.
 */
static json_t *
time_value(const struct manifest_push * rule, unsigned op,
    const struct value * v, int * exact)
{
	int64_t ms, was;

	if (time_of(v, &ms))
		return (NULL);
	was = ms;
	if (rule->within_ms > 0 && ms < clock_wall_ms() - rule->within_ms)
		return (NULL);
	if (op & OPS_LOWER) {
		ms = lower_ms(rule, ms);
		*exact &= ms == was && op == OP_GE;
	} else if (op & OPS_UPPER) {
		ms += rule->widen_ms;
		ms = op == OP_LE || floor_in(rule, ms) != ms ?
		    floor_in(rule, ms) + unit_of(rule) : ms;
		/* Whether the service lets through the bound itself is not
		 * said. */
		*exact = 0;
	} else if (rule->widen_ms != 0 || floor_in(rule, ms) != ms) {
		return (NULL);
	}
	if (ms < MIN_MS || ms > MAX_MS)
		return (NULL);
	return (time_json(rule, ms));
}

/* ---- scalars ---- */

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

static json_t *
text_json(const char * s, size_t n)
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

/* SQL's value with the column's type, as SQLite would compare it. */
static json_t *
plain_json(const struct manifest_column * col, const struct value * v)
{
	char s[32];

	if (is_numeric(col))
		return (number_json(col, v));
	if (v->type == VALUE_TEXT)
		return (text_json(v->s, v->len));
	if (v->type != VALUE_INT)
		return (NULL);
	return (json_stringn(s, (size_t)snprintf(s, sizeof(s), "%lld",
	    (long long)v->i)));
}

/* The x of 'x%' or '%x%'. */
static json_t *
like_json(const struct manifest_column * col, unsigned op,
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
	return (text_json(s, n));
}

/* ---- a rule's values ---- */

static const char *
key_text(const json_t * v, char num[32])
{
	if (json_is_string(v))
		return (json_string_value(v));
	if (json_is_boolean(v))
		return (json_is_true(v) ? "true" : "false");
	if (!json_is_integer(v))
		return (NULL);
	snprintf(num, 32, "%lld", (long long)json_integer_value(v));
	return (num);
}

static int
is_same_text(const char * a, const char * b, int nocase)
{
	return ((nocase ? strcasecmp(a, b) : strcmp(a, b)) == 0);
}

/* What the service calls ${v} (taken); NULL: the rule does not know it. */
static json_t *
mapped(const struct manifest_column * col, const json_t * values, json_t * v)
{
	char num[32], other[32];
	const char * key, * k;
	json_t * to, * found = NULL;
	size_t i;

	if (values == NULL || v == NULL)
		return (v);
	key = key_text(v, num);
	if (key != NULL && json_is_object(values))
		json_object_foreach(MUTABLE(values), k, to)
			if (is_same_text(k, key, col->nocase) ||
			    (json_is_boolean(v) && strcmp(k,
			    json_is_true(v) ? "1" : "0") == 0))
				found = to;
	if (key != NULL)
		json_array_foreach(values, i, to)
			if ((k = key_text(to, other)) != NULL &&
			    is_same_text(k, key, col->nocase))
				found = to;
	json_incref(found);
	json_decref(v);
	return (found);
}

/* ${v} (taken); NULL: it is one of those that mean something else to the service. */
static json_t *
kept(const json_t * except, json_t * v)
{
	const json_t * x;
	size_t i;

	json_array_foreach(MUTABLE(except), i, x)
		if (json_is_string(v) && strcasecmp(json_string_value(v),
		    json_string_value(x)) == 0) {
			json_decref(v);
			return (NULL);
		}
	return (v);
}

static json_t *
one_value(const struct manifest_column * col, const struct manifest_push * rule,
    unsigned op, const struct value * v, int * exact)
{
	json_t * out;

	if (op & OPS_LIKE)
		out = like_json(col, op, v);
	else if (col->type == COLUMN_TIMESTAMP)
		out = time_value(rule, op, v, exact);
	else if (op == OP_CONTAINS && v->type != VALUE_TEXT)
		out = v->type == VALUE_INT ? json_integer(v->i) : NULL;
	else if (op == OP_CONTAINS)
		out = text_json(v->s, v->len);
	else
		out = plain_json(col, v);
	return (mapped(col, rule->values, kept(rule->except, out)));
}

/* Whether the rule's template can write it: |number cannot write every text. */
static int
can_write(const struct manifest_push * rule, const json_t * v)
{
	struct template_env env = { .value = v };
	struct buf b = BUF_INIT(1 << 16);
	struct err e;
	int bad;

	if (rule->text == NULL || strstr(rule->text, "|number") == NULL)
		return (1);
	bad = template_expand(rule->text, &env, QUOTE_NONE, &b, &e);
	buf_free(&b);
	return (!bad);
}

/* Whether it is one of those that the service takes as SQL does. */
static int
is_like(const char * pattern, const char * s)
{
	regex_t re;
	int rc;

	if (pattern == NULL)
		return (1);
	if (s == NULL || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return (0);
	rc = regexec(&re, s, 0, NULL, 0);
	regfree(&re);
	return (rc == 0);
}

/* Whether it can stand where the rule puts it; ${n}: with how many others. */
static int
fits(const struct manifest_push * rule, const json_t * v)
{
	const char * s = json_string_value(v);
	size_t n = s ? json_string_length(v) : 0;

	if (s == NULL)
		return (!json_is_object(v) && !json_is_null(v) &&
		    rule->pattern == NULL);
	if (!can_write(rule, v) || !is_like(rule->pattern, s))
		return (0);
	if ((rule->where == IN_CLAUSE || rule->where == IN_HEADER) &&
	    quote_has_control(s, n))
		return (0);
	if (rule->where == IN_HEADER && (n == 0 || s[0] == ' ' ||
	    s[n - 1] == ' '))
		return (0);
	return (rule->many != MANY_CSV || memchr(s, ',', n) == NULL);
}

/* Add ${v} (taken), or what is in it if it is a list; once. */
static int
add_once(json_t * list, json_t * v, const struct manifest_push * rule,
    int nocase)
{
	json_t * one;
	size_t i;
	int rc = 0;

	if (json_is_array(v)) {
		json_array_foreach(v, i, one)
			if (rc == 0)
				rc = add_once(list, json_incref(one), rule,
				    nocase);
		json_decref(v);
		return (rc);
	}
	json_array_foreach(list, i, one)
		if (json_equal(one, v) || (nocase && json_is_string(one) &&
		    json_is_string(v) && strcasecmp(json_string_value(one),
		    json_string_value(v)) == 0)) {
			json_decref(v);
			return (0);
		}
	if (json_array_size(list) >= MAX_VALUES || v == NULL ||
	    (rule != NULL && !fits(rule, v))) {
		json_decref(v);
		return (-1);
	}
	return (json_array_append_new(list, v));
}

json_t *
plan_push_value(const struct manifest_column * col,
    const struct manifest_push * rule, const struct plan_pred * p, int * exact)
{
	json_t * list, * v;
	size_t i;
	int rc = 0, several;

	*exact = !rule->loose;
	if (p->op == OP_IS_NULL || p->op == OP_NOT_NULL)
		return (rule->text != NULL || rule->add != NULL ?
		    json_null() : NULL);
	if ((list = json_array()) == NULL)
		return (NULL);
	for (i = 0; i < p->nvalues && rc == 0; i++)
		if (p->values[i].type != VALUE_NULL)
			rc = add_once(list, one_value(col, rule, p->op,
			    &p->values[i], exact), rule, 0);
	several = json_array_size(list) > 1;
	if (rc || json_array_size(list) == 0 || (rule->most > 0 &&
	    json_array_size(list) > rule->most) || (several &&
	    rule->many == MANY_ONE && rule->where != IN_CLAUSE) ||
	    (several && rule->many == MANY_REPEAT &&
	    rule->where == IN_HEADER)) {
		json_decref(list);
		return (NULL);
	}
	if (several)
		return (list);
	v = json_incref(json_array_get(list, 0));
	json_decref(list);
	return (v);
}

json_t *
plan_push_input(const struct manifest_column * col, const struct plan_pred * p)
{
	json_t * list = json_array(), * v;
	size_t i;
	int64_t ms;
	int rc = list == NULL;

	for (i = 0; i < p->nvalues && rc == 0; i++) {
		if (p->values[i].type == VALUE_NULL)
			continue;
		v = col->type == COLUMN_TIMESTAMP && time_of(&p->values[i],
		    &ms) ? NULL : plain_json(col, &p->values[i]);
		rc = add_once(list, v, NULL, col->nocase);
	}
	if (rc) {
		json_decref(list);
		list = NULL;
	}
	return (list);
}
