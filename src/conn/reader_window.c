#include <string.h>

#include "conn/reader_ask.h"
#include "conn/reader_split.h"

/* What is asked for one window of a list. */

/* By which upper bound the list can be asked: < where it knows that. */
static unsigned
upper_op(const struct plan * p, size_t col)
{
	const struct manifest_list * l = p->list;
	size_t i;

	for (i = 0; i < l->npushes; i++)
		if (l->pushes[i].column == col && (l->pushes[i].ops & OP_LT))
			return (OP_LT);
	return (OP_LE);
}

int64_t
reader_window_width(const struct plan * p, size_t col)
{
	const struct manifest_push * u;
	int64_t least = 0;
	size_t i;

	for (i = 0; i < p->list->npushes; i++) {
		u = &p->list->pushes[i];
		if (u->column == col && u->span_ms > 0 &&
		    (least == 0 || u->span_ms < least))
			least = u->span_ms;
	}
	return (least);
}

static void
fill(struct reader_ask * q, const struct reader_part * part, size_t col,
    const struct reader_split * s)
{
	const struct plan * p = part->r->plan;
	const struct plan_pred * d;
	const json_t * in;
	const char * name;
	unsigned op;
	json_t * v;
	size_t i;
	int at;

	for (i = 0; i < p->npreds; i++) {
		d = &p->preds[i];
		in = json_object_get(part->in, p->ent->columns[d->column].name);
		if (d->column != col && (in == NULL || json_is_array(in)))
			reader_ask_pred(q, d);
	}
	json_object_foreach(part->in, name, v)
		if (!json_is_array(v) &&
		    (at = manifest_column(p->ent, name)) >= 0)
			reader_ask_input(q, (size_t)at, v);
	if (s->from != SPLIT_NONE_BELOW)
		reader_ask_bound(q, p->ent, col, OP_GE, s->from);
	if (s->to != SPLIT_NONE_ABOVE) {
		op = upper_op(p, col);
		reader_ask_bound(q, p->ent, col, op,
		    op == OP_LT ? s->to : s->to - 1);
	}
}

/* Whether both bounds go down, and the order: else a window is no narrower.  Another
 * list must be one of the part alone. */
static int
is_window(const struct plan * p, const struct plan * of, size_t col)
{
	size_t i;

	if (p->list != of->list && (p->list->partition != NULL ||
	    of->list->batch > 0))
		return (0);
	for (i = 0; i < p->npreds; i++)
		if (p->preds[i].column == col && p->preds[i].push == NULL)
			return (0);
	return (p->norders == of->norders);
}

/* What is wanted of the whole is wanted of a window. */
static void
take_over(struct plan * p, const struct plan * of, size_t col)
{
	size_t i;

	memcpy(p->wanted, of->wanted, of->ent->ncolumns);
	p->wanted[col] = 1;
	/* Rows are completed once, when they are given. */
	for (i = 0; i < of->ent->ncolumns; i++)
		p->wanted[i] &= of->ent->columns[i].lazy == NULL;
	p->limit = of->limit;
	p->now_ms = of->now_ms;
	/* What cannot be sent, or is sorted here, is nothing it knows of. */
	p->exact &= of->exact;
}

struct plan *
reader_window_plan(struct reader_part * part, const struct reader_split * s,
    struct err * e)
{
	const struct plan * of = part->r->plan;
	size_t col = of->list->split - 1;
	struct reader_ask q;
	struct plan * p;

	if (reader_ask_begin(&q, of->npreds + json_object_size(part->in) + 2,
	    e))
		return (NULL);
	fill(&q, part, col, s);
	p = plan_new(of->c, of->ent, q.given, q.n, of->orders, of->norders, e);
	reader_ask_end(&q);
	if (p != NULL && !is_window(p, of, col)) {
		plan_free(p);
		err_set(e, ERR_PERMANENT, "page_cap", "%s.%s: there are more "
		    "rows than the service shows of one list, and it cannot be "
		    "asked for windows of %s besides what is asked: ask for "
		    "less at once", of->c->name, of->ent->name,
		    of->ent->columns[col].name);
		return (NULL);
	}
	if (p != NULL)
		take_over(p, of, col);
	return (p);
}
