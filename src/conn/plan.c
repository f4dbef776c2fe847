#include "conn/plan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "conn/plan_choose.h"
#include "conn/plan_push.h"
#include "conn/template.h"

/* Servers take URLs of 8 KiB; what would not fit is looked at here. */
#define MAX_PUSHED_URL 6000
#define MAX_PUSHED_BODY 200000
#define MAX_INPUTS 1000

static int
err_missing(const struct plan * p, const char * name, struct err * e)
{
	int i = manifest_column(p->ent, name);
	const char * dflt = i < 0 ? NULL : p->ent->columns[i].dflt, * key, * end;

	key = dflt ? strstr(dflt, "config.") : NULL;
	end = key ? key + 7 + strcspn(key + 7, "} |") : NULL;
	return (err_set(e, ERR_CONFIG, "input", "%s.%s has to be told %s: add "
	    "WHERE %s = '...'%s%.*s%s", p->c->name, p->ent->name, name, name,
	    key ? ", or set " : "", key ? (int)(end - key - 7) : 0,
	    key ? key + 7 : "", key ? " in the connector's CONFIG" : ""));
}

/* What is told and not asked for would be no rows, and nobody knew why. */
static int
check_told(const struct plan * p, const struct plan_given * given, size_t n,
    struct err * e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (given[i].column < p->ent->ncolumns &&
		    (given[i].op & (OP_EQ | OP_IN)) != 0 &&
		    plan_choose_ignores(p->list, p->ent, given[i].column))
			return (err_set(e, ERR_CONFIG, "input", "%s.%s cannot "
			    "be told %s together with the rest of this WHERE: "
			    "the service has no call that takes all of it; "
			    "leave %s out, or what stands beside it",
			    p->c->name, p->ent->name,
			    p->ent->columns[given[i].column].name,
			    p->ent->columns[given[i].column].name));
	return (0);
}

/* Its own copies of values and texts: one block. */
static int
copy_values(struct plan_pred * d, const struct plan_given * g, struct err * e)
{
	size_t i, bytes = g->nvalues * sizeof(*d->values);
	char * text;

	for (i = 0; i < g->nvalues; i++)
		if (g->values[i].type == VALUE_TEXT)
			bytes += g->values[i].len;
	d->column = g->column;
	d->op = g->op;
	if (bytes == 0)
		return (0);
	if ((d->values = malloc(bytes)) == NULL)
		return (err_nomem(e, "a plan"));
	text = (char *)(d->values + g->nvalues);
	d->nvalues = g->nvalues;
	for (i = 0; i < g->nvalues; i++) {
		d->values[i] = g->values[i];
		if (g->values[i].type != VALUE_TEXT)
			continue;
		if (g->values[i].len > 0)
			memcpy(text, g->values[i].s, g->values[i].len);
		d->values[i].s = text;
		text += g->values[i].len;
	}
	return (0);
}

/* Whether it says what ${col} is, so that no default does. */
static int
asks_for(const struct plan_pred * d, size_t col)
{
	return (d->column == col && (d->op == OP_EQ || d->op == OP_IN));
}

/* Whether ${col} is told by a push of its own, which predicates leave to it. */
static int
is_told(const struct plan * p, size_t col)
{
	struct template_env env = { .config = p->config };
	const char * dflt = p->ent->columns[col].dflt;
	size_t i;
	int asked = 0;

	if (plan_choose_use(p->list, p->ent, col) != USE_PUSH)
		return (0);
	for (i = 0; i < p->npreds; i++) {
		if (asks_for(&p->preds[i], col) && p->preds[i].sent != NULL &&
		    p->preds[i].push == NULL)
			return (1);
		asked |= asks_for(&p->preds[i], col);
	}
	return (!asked && dflt != NULL && template_knows(dflt, &env));
}

/* Whether an input or an earlier predicate has what ${rule} wants. */
int
plan_taken(const struct plan * p, size_t n, const struct manifest_push * rule,
    unsigned op)
{
	const struct manifest_push * own;
	size_t i;

	for (i = 0; i < p->ent->ncolumns; i++)
		if (i != rule->column && p->ent->columns[i].is_input &&
		    (own = plan_choose_rule(p->list, i, OP_EQ)) != NULL &&
		    plan_push_same(own, rule) && is_told(p, i))
			return (1);
	for (i = 0; i < n; i++)
		if (p->preds[i].push != NULL &&
		    plan_push_same(p->preds[i].push, rule) &&
		    !(p->preds[i].push == rule &&
		    ((op == OP_CONTAINS && p->preds[i].op == OP_CONTAINS &&
		    rule->many != MANY_ONE) ||
		    plan_push_joins(rule, p->preds[i].op, op))))
			return (1);
	return (0);
}

static void
push_one(struct plan * p, size_t n, size_t * left, int spans)
{
	const struct manifest_push * r;
	struct plan_pred * d = &p->preds[n];
	size_t i, size;
	json_t * v;

	/* What an input was told by another predicate is sent, no more. */
	for (i = 0; i < p->list->npushes && !is_told(p, d->column); i++) {
		r = &p->list->pushes[i];
		if (r->column != d->column || (r->ops & d->op) == 0 ||
		    (r->span_ms > 0 && !spans) || plan_taken(p, n, r, d->op))
			continue;
		v = plan_push_value(&p->ent->columns[d->column], r, d,
		    &d->exact);
		if (v == NULL)
			continue;
		size = plan_push_size(v) + strlen(r->name) + (r->text ?
		    strlen(r->text) : 0);
		if (size <= left[r->where == IN_BODY]) {
			left[r->where == IN_BODY] -= size;
			d->push = r;
			d->sent = v;
			return;
		}
		json_decref(v);
	}
	d->exact = 0;
}

/* Whether what an optional input is told can be sent, each value for itself. */
static int
can_tell(const struct plan * p, const struct plan_pred * d)
{
	const struct manifest_push * rule;
	struct plan_pred one = { .op = OP_EQ, .nvalues = 1 };
	json_t * v;
	size_t i;
	int exact;

	if (plan_choose_use(p->list, p->ent, d->column) != USE_PUSH)
		return (1);
	rule = plan_choose_rule(p->list, d->column, OP_EQ);
	for (i = 0; i < d->nvalues; i++) {
		one.values = &d->values[i];
		if (plan_push_never(&one))
			continue;
		v = plan_push_value(&p->ent->columns[d->column], rule, &one,
		    &exact);
		if (v == NULL)
			return (0);
		json_decref(v);
	}
	return (1);
}

/* The values of an input. */
static int
fill_input(struct plan * p, struct plan_pred * d, struct err * e)
{
	const struct manifest_column * col = &p->ent->columns[d->column];

	d->exact = 1;
	if (can_tell(p, d))
		d->sent = plan_push_input(col, d);
	else if (col->path != NULL)
		return (0); /* rows show it, and are looked at here */
	if (d->sent != NULL)
		return (0);
	if (d->nvalues > MAX_INPUTS)
		return (err_set(e, ERR_PERMANENT, "input", "%s has %zu values, "
		    "and each is a listing of its own; at most %d can be asked "
		    "in one statement", col->name, d->nvalues, MAX_INPUTS));
	return (err_set(e, ERR_PERMANENT, "input", "the value of %s is none that "
	    "%s.%s can be asked with", col->name, p->c->name, p->ent->name));
}

static void
free_preds(struct plan * p)
{
	size_t i;

	for (i = 0; i < p->npreds; i++) {
		free(p->preds[i].values);
		json_decref(p->preds[i].sent);
	}
	free(p->preds);
	p->preds = NULL;
	p->npreds = 0;
	p->nothing = 0;
}

static int
fill_preds(struct plan * p, const struct plan_given * given, size_t n,
    uint64_t inputs, struct err * e)
{
	size_t left[2] = { MAX_PUSHED_URL, MAX_PUSHED_BODY }, i, j;
	struct plan_pred * d;

	if ((p->preds = calloc(n + 1, sizeof(*p->preds))) == NULL)
		return (err_nomem(e, "a plan"));
	for (i = 0; i < n; i++) {
		d = &p->preds[p->npreds++];
		if (copy_values(d, &given[i], e))
			return (-1);
		p->nothing |= plan_push_never(d);
		if (i >= PLAN_MAX_ASKS || (inputs >> i & 1) == 0)
			continue;
		if (fill_input(p, d, e))
			return (-1);
	}
	for (j = 0; j < n; j++)
		if (p->preds[j].sent == NULL &&
		    p->preds[j].column < p->ent->ncolumns)
			push_one(p, j, left, 1);
	/* What may not go so may go by another rule. */
	if (plan_span_drop(p) > 0)
		for (j = 0; j < n; j++)
			if (p->preds[j].sent == NULL &&
			    p->preds[j].column < p->ent->ncolumns)
				push_one(p, j, left, 0);
	p->exact = p->ent->drop_if == NULL && p->ent->keep_if == NULL;
	for (j = 0; j < n; j++)
		p->exact &= p->preds[j].exact;
	return (0);
}

static int
fill_order(struct plan * p, const struct plan_order * orders, size_t norders,
    int pushed, struct err * e)
{
	if (norders == 0)
		return (0);
	if (!pushed) {
		/* All rows are needed to find the first. */
		p->exact = 0;
		return (0);
	}
	if ((p->orders = calloc(norders, sizeof(*orders))) == NULL)
		return (err_nomem(e, "a plan"));
	memcpy(p->orders, orders, norders * sizeof(*orders));
	p->norders = norders;
	return (0);
}

/* The list of ${choice}, with what goes down to it. */
static int
fill_list(struct plan * p, const struct plan_given * given, size_t n,
    const struct plan_choice * choice, struct err * e)
{
	if (choice->list == NULL && choice->missing == NULL)
		return (err_set(e, ERR_CONFIG, "input", "%s.%s cannot be listed",
		    p->c->name, p->ent->name));
	if (choice->list == NULL)
		return (err_missing(p, choice->missing, e));
	p->list = choice->list;
	if (check_told(p, given, n, e))
		return (-1);
	return (fill_preds(p, given, n, choice->inputs, e));
}

/* Whether a list that serves pushes alone has none: its shape promised one, and
 * the value is none that can be sent. */
static int
is_idle(const struct plan * p)
{
	size_t i;

	/* An input that is told may go down by a push, too. */
	for (i = 0; i < p->npreds; i++)
		if (p->preds[i].sent != NULL && plan_choose_rule(p->list,
		    p->preds[i].column, p->preds[i].op) != NULL)
			return (0);
	return (p->list->only_pushed && !p->nothing);
}

static int
fill(struct plan * p, const struct plan_given * given, size_t n,
    const struct plan_order * orders, size_t norders, int token,
    struct err * e)
{
	struct plan_shape shape = { NULL, n, orders, norders, 0, token };
	struct plan_choice choice, other;
	struct plan_ask * asks;
	size_t i;
	int rc;

	if ((p->wanted = malloc(p->ent->ncolumns + 1)) == NULL ||
	    (asks = calloc(n + 1, sizeof(*asks))) == NULL)
		return (err_nomem(e, "a plan"));
	memset(p->wanted, 1, p->ent->ncolumns + 1);
	for (i = 0; i < n; i++) {
		asks[i].column = given[i].column;
		asks[i].op = given[i].op;
	}
	shape.asks = asks;
	plan_choose(p->c, p->ent, &shape, &choice);
	rc = fill_list(p, given, n, &choice, e);
	if (rc == 0 && is_idle(p)) {
		/* The order that the shape promised is relied on. */
		shape.every = 1;
		plan_choose(p->c, p->ent, &shape, &other);
		if (other.list != NULL &&
		    other.order_pushed >= choice.order_pushed) {
			other.order_pushed = choice.order_pushed;
			choice = other;
			free_preds(p);
			rc = fill_list(p, given, n, &choice, e);
		}
	}
	free(asks);
	return (rc != 0 ? -1 : fill_order(p, orders, norders,
	    choice.order_pushed, e));
}

static struct plan *
make(struct connector * c, const struct manifest_entity * ent,
    const struct plan_given * given, size_t n, const struct plan_order * orders,
    size_t norders, int token, struct err * e)
{
	struct plan * p = calloc(1, sizeof(*p));

	if (p == NULL) {
		err_nomem(e, "a plan");
		return (NULL);
	}
	p->c = connector_ref(c);
	p->ent = ent;
	p->limit = -1;
	p->now_ms = clock_wall_ms();
	if ((p->config = json_incref(connector_config_parsed(c))) == NULL) {
		err_nomem(e, "a plan");
		plan_free(p);
		return (NULL);
	}
	if (fill(p, given, n, orders, norders, token, e)) {
		plan_free(p);
		return (NULL);
	}
	return (p);
}

struct plan *
plan_new(struct connector * c, const struct manifest_entity * ent,
    const struct plan_given * given, size_t n, const struct plan_order * orders,
    size_t norders, struct err * e)
{
	return (make(c, ent, given, n, orders, norders, 0, e));
}

struct plan *
plan_new_token(struct connector * c, const struct manifest_entity * ent,
    const struct plan_given * given, size_t n, struct err * e)
{
	return (make(c, ent, given, n, NULL, 0, 1, e));
}

void
plan_free(struct plan * p)
{
	if (p == NULL)
		return;
	free_preds(p);
	free(p->orders);
	free(p->wanted);
	json_decref(p->config);
	connector_unref(p->c);
	free(p);
}

int
plan_widen(struct plan * p, int on)
{
	struct plan_pred * d;
	size_t i;
	int any = 0;

	for (i = 0; i < p->npreds; i++) {
		d = &p->preds[i];
		if (on && d->push != NULL && (d->op == OP_NE ||
		    (d->op == OP_IN && d->nvalues > 1))) {
			d->left_out = d->push;
			d->push = NULL;
			any = 1;
		} else if (!on && d->left_out != NULL) {
			d->push = d->left_out;
			d->left_out = NULL;
			any = 1;
		}
	}
	return (any);
}

/* ---- inputs ---- */

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
		if (asks_for(&p->preds[i], col) && p->preds[i].sent != NULL &&
		    p->preds[i].push == NULL)
			return (json_incref(p->preds[i].sent));
		asked |= asks_for(&p->preds[i], col);
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
	if (n > MAX_INPUTS) {
		json_decref(values);
		return (err_set(e, ERR_PERMANENT, "input", "%s.%s would be "
		    "listed %zu times, once for each %s; at most %d are "
		    "possible in one statement", p->c->name, p->ent->name, n,
		    p->ent->columns[col].name, MAX_INPUTS));
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
