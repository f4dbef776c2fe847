/* What is pushed, as parameters, headers and paths of the body. */
#include "conn/request_build.h"

#include <stdint.h>

#include "conn/plan_choose.h"
#include "conn/plan_push.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

/* One value in the rule's words; a new reference. */
static json_t *
worded(struct request_build * b, const struct manifest_push * rule,
    const json_t * v, struct err * e)
{
	json_t * t, * out;

	if (rule->text == NULL)
		return (json_incref(MUTABLE(v)));
	b->env.value = json_is_null(v) ? NULL : v;
	if ((t = json_string(rule->text)) == NULL) {
		err_nomem(e, "a request");
		return (NULL);
	}
	out = template_json(t, &b->env, e);
	json_decref(t);
	b->env.value = NULL;
	return (out);
}

/* "a,b" of a list of scalars. */
static json_t *
joined(const json_t * list)
{
	struct buf s = BUF_INIT(REQUEST_MAX_TEXT);
	json_t * v, * out;
	size_t i;

	json_array_foreach(list, i, v) {
		if (i > 0)
			buf_addc(&s, ',');
		if (json_is_string(v))
			buf_add(&s, json_string_value(v),
			    json_string_length(v));
		else if (json_is_integer(v))
			buf_addf(&s, "%lld", (long long)json_integer_value(v));
		else if (json_is_real(v))
			buf_addf(&s, "%.15g", json_real_value(v));
		else
			buf_adds(&s, json_is_true(v) ? "true" : "false");
	}
	out = s.failed ? NULL : json_stringn(s.p ? s.p : "", s.len);
	buf_free(&s);
	return (out);
}

/* Parameters that go along with a push. */
static int
set_with(struct request_build * b, const struct manifest_push * rule,
    const json_t * v, struct err * e)
{
	json_t * all, * one;
	const char * name;
	void * tmp;
	int rc = 0;

	if (rule->with == NULL)
		return (0);
	b->env.value = json_is_null(v) ? NULL : v;
	all = template_json(rule->with, &b->env, e);
	b->env.value = NULL;
	if (all == NULL)
		return (-1);
	json_object_foreach_safe(all, tmp, name, one) {
		if (json_is_null(one))
			json_object_del(b->query, name);
		else if ((rc = request_build_set(b, IN_QUERY, name,
		    json_incref(one), e)) != 0)
			break;
	}
	json_decref(all);
	return (rc);
}

/* Put what the rule says of ${v} at the end of a list in the body; where it
 * takes several values they are a list, also if it is one. */
static int
push_added(struct request_build * b, const struct manifest_push * rule,
    const json_t * v, struct err * e)
{
	json_t * list = NULL, * out;
	int rc;

	if (rule->many != MANY_ONE && !json_is_array(v)) {
		if ((list = json_pack("[O]", v)) == NULL)
			return (err_nomem(e, "a request"));
		v = list;
	}
	b->env.value = json_is_null(v) ? NULL : v;
	out = template_json(rule->add, &b->env, e);
	b->env.value = NULL;
	json_decref(list);
	rc = out == NULL || request_build_add(b, rule->name, out, e);
	return (rc || set_with(b, rule, v, e) ? -1 : 0);
}

/* Send ${v} (a scalar or a list) by ${rule}. */
static int
push(struct request_build * b, const struct manifest_push * rule,
    const json_t * v, struct err * e)
{
	json_t * out, * one, * word, * list;
	size_t i;
	int rc;

	if (rule->add != NULL)
		return (push_added(b, rule, v, e));
	/* Where places have numbers, a single value has one, too. */
	if (rule->many == MANY_REPEAT && rule->where == IN_BODY &&
	    b->r->c->m->form_numbered && !json_is_array(v)) {
		if ((list = json_pack("[O]", v)) == NULL)
			return (err_nomem(e, "a request"));
		rc = push(b, rule, list, e);
		json_decref(list);
		return (rc);
	}
	/* What says the same of each value says it once. */
	if (!json_is_array(v) || (rule->text != NULL &&
	    !template_text_uses(rule->text, "value"))) {
		out = worded(b, rule, v, e);
	} else {
		if ((out = json_array()) == NULL)
			return (err_nomem(e, "a request"));
		json_array_foreach(v, i, one) {
			word = worded(b, rule, one, e);
			if (word == NULL || json_array_append_new(out, word)) {
				json_decref(out);
				return (word == NULL ? -1 :
				    err_nomem(e, "a request"));
			}
		}
		if (rule->many == MANY_CSV) {
			word = joined(out);
			json_decref(out);
			if ((out = word) == NULL)
				return (err_nomem(e, "a request"));
		}
	}
	if (out == NULL || request_build_set(b, rule->where, rule->name, out, e))
		return (-1);
	return (set_with(b, rule, v, e));
}

/* "LOWER..UPPER" of the bounds that go by ${rule}; of an open side "*". */
static json_t *
range_of(const struct plan * p, const struct manifest_push * rule)
{
	const char * lower = "*", * upper = "*", ** side;
	size_t i;

	for (i = 0; i < p->npreds; i++) {
		if (p->preds[i].push != rule)
			continue;
		side = p->preds[i].op & (OP_GE | OP_GT) ? &lower : &upper;
		*side = json_string_value(p->preds[i].sent);
	}
	return (json_sprintf("%s%s%s", lower, rule->range, upper));
}

/* What all predicates send by the rule of the ${i}-th, if it is the first. */
static json_t *
values_of(const struct plan * p, size_t i)
{
	const struct manifest_push * rule = p->preds[i].push;
	json_t * all, * one;
	size_t j, k, n = 0;

	/* Each is one of a list by itself. */
	if (rule->add != NULL)
		return (json_incref(p->preds[i].sent));
	for (j = 0; j < p->npreds; j++)
		if (p->preds[j].push == rule) {
			if (j < i)
				return (NULL);
			n++;
		}
	if (rule->range != NULL)
		return (range_of(p, rule));
	if (n == 1)
		return (json_incref(p->preds[i].sent));
	all = json_array();
	for (j = i; j < p->npreds; j++) {
		if (p->preds[j].push != rule)
			continue;
		if (!json_is_array(p->preds[j].sent))
			json_array_append(all, p->preds[j].sent);
		json_array_foreach(p->preds[j].sent, k, one)
			json_array_append(all, one);
	}
	return (all);
}

json_t *
request_push_input(const struct plan * p, size_t col, const json_t * in,
    const struct manifest_push ** rule)
{
	const struct manifest_column * c = &p->ent->columns[col];
	const json_t * v = json_object_get(in, c->name);
	struct value val = { .type = VALUE_NULL };
	struct plan_pred pred = { .op = OP_EQ, .nvalues = 1, .values = &val };
	size_t i;
	int exact;

	*rule = NULL;
	if (v == NULL || plan_choose_use(p->list, p->ent, col) != USE_PUSH)
		return (NULL);
	/* Several values in one call go as a predicate. */
	for (i = 0; i < p->npreds; i++)
		if (p->preds[i].push != NULL && p->preds[i].column == col)
			return (NULL);
	*rule = plan_choose_rule(p->list, col, OP_EQ);
	if (json_is_string(v)) {
		val.type = VALUE_TEXT;
		val.s = json_string_value(v);
		val.len = (uint32_t)json_string_length(v);
	} else if (json_is_integer(v)) {
		val.type = VALUE_INT;
		val.i = json_integer_value(v);
	} else if (json_is_boolean(v)) {
		val.type = VALUE_INT;
		val.i = json_is_true(v);
	} else if (json_is_real(v)) {
		val.type = VALUE_REAL;
		val.d = json_real_value(v);
	}
	return (plan_push_value(c, *rule, &pred, &exact));
}

int
request_push(struct request_build * b, const struct plan * p, const json_t * in,
    struct err * e)
{
	const struct manifest_push * rule;
	json_t * v;
	size_t i;
	int rc = 0;

	for (i = 0; i < p->npreds && rc == 0; i++) {
		if (p->preds[i].push == NULL ||
		    p->preds[i].push->where == IN_CLAUSE ||
		    (v = values_of(p, i)) == NULL)
			continue;
		rc = push(b, p->preds[i].push, v, e);
		json_decref(v);
	}
	for (i = 0; i < p->ent->ncolumns && rc == 0; i++) {
		v = request_push_input(p, i, in, &rule);
		if (rule != NULL && v == NULL)
			rc = err_set(e, ERR_PERMANENT, "input", "the value of "
			    "%s is none that the service can be asked with",
			    p->ent->columns[i].name);
		else if (v != NULL && rule->where != IN_CLAUSE)
			rc = push(b, rule, v, e);
		json_decref(v);
	}
	return (rc);
}
