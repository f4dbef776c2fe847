#include "conn/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conn/plan_choose.h"

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
	return (plan_preds_fill(p, given, n, choice->inputs, e));
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
			plan_preds_free(p);
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
	plan_preds_free(p);
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
