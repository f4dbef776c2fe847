/* How each predicate of a plan goes down: as an input, by a push, or not. */
#include "conn/plan_choose.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conn/plan.h"
#include "conn/plan_push.h"
#include "manifest/template.h"

/* Servers take URLs of 8 KiB; what would not fit is looked at here. */
#define MAX_PUSHED_URL 6000
#define MAX_PUSHED_BODY 200000

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

int
plan_preds_tell(const struct plan_pred * d, size_t col)
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
		if (plan_preds_tell(&p->preds[i], col) &&
		    p->preds[i].sent != NULL && p->preds[i].push == NULL)
			return (1);
		asked |= plan_preds_tell(&p->preds[i], col);
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
	if (d->nvalues > PLAN_MAX_INPUTS)
		return (err_set(e, ERR_PERMANENT, "input", "%s has %zu values, "
		    "and each is a listing of its own; at most %d can be asked "
		    "in one statement", col->name, d->nvalues, PLAN_MAX_INPUTS));
	return (err_set(e, ERR_PERMANENT, "input", "the value of %s is none that "
	    "%s.%s can be asked with", col->name, p->c->name, p->ent->name));
}

void
plan_preds_free(struct plan * p)
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

int
plan_preds_fill(struct plan * p, const struct plan_given * given, size_t n,
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
