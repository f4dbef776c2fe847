/* What a plan's inputs are told: a listing each. */
#include "conn/plan_choose.h"

#include <strings.h>

#include "conn/plan.h"
#include "manifest/template.h"

/* The values of input ${col}: a new list; NULL without ${e} if none is known. */
static json_t *
values_of(const struct plan * p, size_t col, struct err * e)
{
	struct template_env env = { .config = p->config };
	const char * dflt = p->ent->columns[col].dflt;
	json_t * t, * v, * list;
	size_t i;
	int asked = 0;

	e->code[0] = '\0';
	for (i = 0; i < p->npreds; i++) {
		if (plan_preds_tell(&p->preds[i], col) &&
		    p->preds[i].sent != NULL && p->preds[i].push == NULL)
			return (json_incref(p->preds[i].sent));
		asked |= plan_preds_tell(&p->preds[i], col);
	}
	if (asked)
		return (NULL);
	if (dflt == NULL || !template_knows(dflt, &env))
		return (NULL);
	if ((t = json_string(dflt)) == NULL) {
		err_nomem(e, "a plan");
		return (NULL);
	}
	v = template_json(t, &env, e);
	json_decref(t);
	if (json_is_array(v))
		return (v);
	if (v != NULL && (list = json_pack("[o]", v)) != NULL)
		return (list);
	if (v != NULL)
		err_nomem(e, "a plan");
	return (NULL);
}

/* Each of ${sets} with each of ${values} as ${name}; NULL: no memory. */
static json_t *
product(const json_t * sets, const char * name, const json_t * values)
{
	json_t * out = json_array(), * set, * v, * one;
	size_t i, j;

	json_array_foreach(sets, i, set)
		json_array_foreach(values, j, v) {
			one = json_copy(set);
			if (out == NULL || one == NULL ||
			    json_object_set(one, name, v) ||
			    json_array_append(out, one)) {
				json_decref(one);
				json_decref(out);
				return (NULL);
			}
			json_decref(one);
		}
	return (out);
}

/* Several values of an input in one call: ${values} (taken) in lists of at most
 * ${max}. */
static json_t *
batches(json_t * values, size_t max)
{
	json_t * out = json_array(), * list = NULL, * v;
	size_t i;

	json_array_foreach(values, i, v) {
		if (i % max == 0) {
			list = json_array();
			if (json_array_append_new(out, list))
				break;
		}
		if (json_array_append(list, v))
			break;
	}
	if (i < json_array_size(values)) {
		json_decref(out);
		out = NULL;
	}
	json_decref(values);
	return (out);
}

static int
multiply(json_t ** sets, const struct plan * p, size_t col, struct err * e)
{
	struct err why;
	json_t * values = values_of(p, col, &why), * out;
	size_t n;

	if (values == NULL && why.code[0] == '\0')
		return (0);
	if (values == NULL) {
		if (e != NULL)
			*e = why;
		return (-1);
	}
	if (p->list->batch > 0 && strcasecmp(json_string_value(json_array_get(
	    p->list->needs, 0)), p->ent->columns[col].name) == 0 &&
	    (values = batches(values, (size_t)p->list->batch)) == NULL)
		return (err_nomem(e, "a plan"));
	n = json_array_size(*sets) * json_array_size(values);
	if (n > PLAN_MAX_INPUTS) {
		json_decref(values);
		return (err_set(e, ERR_PERMANENT, "input", "%s.%s would be "
		    "listed %zu times, once for each %s; at most %d are "
		    "possible in one statement", p->c->name, p->ent->name, n,
		    p->ent->columns[col].name, PLAN_MAX_INPUTS));
	}
	out = product(*sets, p->ent->columns[col].name, values);
	json_decref(values);
	json_decref(*sets);
	*sets = out;
	return (out == NULL ? err_nomem(e, "a plan") : 0);
}

json_t *
plan_inputs(const struct plan * p, size_t * n, struct err * e)
{
	json_t * sets = p->nothing ? json_array() : json_pack("[{}]");
	size_t i;

	*n = 0;
	if (sets == NULL) {
		err_nomem(e, "a plan");
		return (NULL);
	}
	for (i = 0; i < p->ent->ncolumns && !p->nothing; i++)
		if (plan_choose_use(p->list, p->ent, i) != USE_NOT &&
		    multiply(&sets, p, i, e)) {
			json_decref(sets);
			return (NULL);
		}
	*n = json_array_size(sets);
	return (sets);
}
