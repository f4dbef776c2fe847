#include <stdlib.h>
#include <string.h>

#include "conn/plan_choose.h"
#include "conn/plan_push.h"

/*
 * A plan whose list goes on by value: its lower bound moves up as rows are read.
 */

int
plan_ordered(const struct plan * p, size_t col)
{
	return (p->norders == 1 && p->orders[0].column == col &&
	    !p->orders[0].desc);
}

int
plan_is_bound(const struct plan_pred * d, size_t col)
{
	return (d->column == col && (d->op == OP_GE || d->op == OP_GT));
}

/* The predicate that goes down as a bound; NULL: none does. */
static struct plan_pred *
bound_of(const struct plan * p, size_t col)
{
	size_t i;

	for (i = 0; i < p->npreds; i++)
		if (plan_is_bound(&p->preds[i], col) &&
		    p->preds[i].push != NULL && p->preds[i].nvalues == 1)
			return (&p->preds[i]);
	return (NULL);
}

/* The rule that a bound goes down by; NULL: none can. */
static const struct manifest_push *
rule_of(const struct plan * p, size_t col)
{
	const struct plan_pred * d = bound_of(p, col);
	const struct manifest_push * r;
	size_t i;

	if (d != NULL)
		return (d->push->ops & OP_GE ? d->push : NULL);
	for (i = 0; i < p->list->npushes; i++) {
		r = &p->list->pushes[i];
		if (r->column == col && (r->ops & OP_GE) != 0 &&
		    r->span_ms == 0 && !plan_taken(p, p->npreds, r, OP_GE))
			return (r);
	}
	return (NULL);
}

/* What is sent for ${v}; NULL: nothing can be. */
static json_t *
sent_for(const struct plan * p, size_t col, const struct manifest_push * rule,
    const struct value * v)
{
	struct value own = *v;
	struct plan_pred d = { .column = col, .op = OP_GE, .nvalues = 1,
	    .values = &own };
	int exact;

	return (plan_push_value(&p->ent->columns[col], rule, &d, &exact));
}

int
plan_from(const struct plan * p, size_t col, const struct value * v,
    int64_t * at)
{
	const struct manifest_push * rule = rule_of(p, col);
	json_t * sent;

	if (rule == NULL || plan_push_from(&p->ent->columns[col], rule, v, at) ||
	    (sent = sent_for(p, col, rule, v)) == NULL)
		return (-1);
	json_decref(sent);
	return (0);
}

int
plan_move(struct plan * p, size_t col, const struct value * v, struct err * e)
{
	const struct manifest_push * rule = rule_of(p, col);
	size_t len = v->type == VALUE_TEXT ? v->len : 0;
	struct plan_pred * d = bound_of(p, col);
	struct value * copy;
	json_t * sent;

	if (rule == NULL || (sent = sent_for(p, col, rule, v)) == NULL)
		return (err_nomem(e, "a bound"));
	if ((copy = malloc(sizeof(*copy) + len)) == NULL) {
		json_decref(sent);
		return (err_nomem(e, "a bound"));
	}
	*copy = *v;
	if (v->type == VALUE_TEXT) {
		copy->s = (char *)(copy + 1);
		memcpy(copy + 1, v->s, len);
	}
	/* There is room for one more. */
	if (d == NULL)
		d = &p->preds[p->npreds++];
	free(d->values);
	json_decref(d->sent);
	d->column = col;
	d->op = OP_GE;
	d->nvalues = 1;
	d->values = copy;
	d->push = rule;
	d->sent = sent;
	d->exact = 0;
	p->exact = 0;
	return (0);
}

int
plan_bind(struct plan * p, size_t col, const struct value * v)
{
	const struct manifest_push * rule = rule_of(p, col);
	struct plan_pred * d = &p->preds[p->npreds];
	json_t * sent;

	if (rule == NULL || bound_of(p, col) != NULL ||
	    (sent = sent_for(p, col, rule, v)) == NULL)
		return (0);
	/* There is room for one more. */
	memset(d, 0, sizeof(*d));
	d->column = col;
	d->op = OP_GE;
	d->push = rule;
	d->sent = sent;
	p->npreds++;
	return (1);
}

void
plan_unbind(struct plan * p)
{
	json_decref(p->preds[--p->npreds].sent);
}
