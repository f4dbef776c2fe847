#include "conn/plan_push_internal.h"

#include <ctype.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/quote.h"
#include "manifest/template.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

#define OPS_LIKE (OP_PREFIX | OP_SUBSTR)

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
		out = plan_push_like(col, op, v);
	else if (col->type == COLUMN_TIMESTAMP)
		out = plan_push_time(rule, op, v, exact);
	else if (op == OP_CONTAINS && v->type != VALUE_TEXT)
		out = v->type == VALUE_INT ? json_integer(v->i) : NULL;
	else if (op == OP_CONTAINS)
		out = plan_push_text(v->s, v->len);
	else
		out = plan_push_plain(col, v);
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
		v = col->type == COLUMN_TIMESTAMP &&
		    plan_push_time_of(&p->values[i], &ms) ? NULL :
		    plan_push_plain(col, &p->values[i]);
		rc = add_once(list, v, NULL, col->nocase);
	}
	if (rc) {
		json_decref(list);
		list = NULL;
	}
	return (list);
}
