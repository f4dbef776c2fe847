#include "conn/plan_choose.h"
#include "conn/plan_push.h"

/* Bounds that a service takes only together, and not too far from one another. */

static int
is_lower(unsigned op)
{
	return ((op & (OP_GE | OP_GT)) != 0);
}

/* Whether the other end of what ${d} bounds is near enough for its rule. */
static int
has_other_end(const struct plan * p, const struct plan_pred * d)
{
	const struct manifest_column * col = &p->ent->columns[d->column];
	const struct plan_pred * o;
	int64_t at, other;
	size_t i;

	for (i = 0; i < p->npreds; i++) {
		o = &p->preds[i];
		if (o->column == d->column && o->push != NULL &&
		    o->push->span_ms > 0 && is_lower(o->op) != is_lower(d->op) &&
		    plan_push_place(col, o->values, &other) == 0 &&
		    plan_push_place(col, d->values, &at) == 0 &&
		    (is_lower(d->op) ? other - at : at - other) <=
		    d->push->span_ms)
			return (1);
	}
	return (0);
}

size_t
plan_span_drop(struct plan * p)
{
	size_t i, dropped, all = 0;
	struct plan_pred * d;

	do {
		dropped = 0;
		for (i = 0; i < p->npreds; i++) {
			d = &p->preds[i];
			if (d->push == NULL || d->push->span_ms == 0 ||
			    has_other_end(p, d))
				continue;
			json_decref(d->sent);
			d->sent = NULL;
			d->push = NULL;
			d->exact = 0;
			dropped++;
		}
		all += dropped;
	} while (dropped > 0);
	return (all);
}
