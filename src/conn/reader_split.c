#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "conn/plan_push.h"
#include "conn/reader_internal.h"

/*
 * Lists that end at a cap though there is more.  Where the first page tells how
 * many there are, and they are beyond it, that page is let go, and the list is
 * asked for in two windows of a column, one after the other, each by a reader of
 * its own: which does the same where its window is still too wide.
 *
 * The service's bounds are as wide as it takes them, so neighbours may both send
 * what lies between them: a row belongs to the window that its value is in.
 */

/* Where windows are looked for that nothing bounds: what is older or newer is
 * in the first or the last one, which have no bound there. */
#define OLDEST_MS INT64_C(946684800000) /* the year 2000 */
#define NEWEST_MS INT64_C(86400000)     /* a day from now */
#define SECOND 1000

#define NONE_BELOW INT64_MIN
#define NONE_ABOVE INT64_MAX

struct reader_split {
	int64_t lo, mid, hi;       /* from lo to before hi, as the column is ordered */
	int desc;
	int at;                    /* the window that is read: 0, 1; 2: none more */
	int64_t from, to;          /* its bounds */
	struct reader * sub;
};

static int
is_range(unsigned op)
{
	return ((op & (OP_GE | OP_GT | OP_LE | OP_LT)) != 0);
}

/* What is asked for anyway; -1: something that goes together with no window. */
static int
bounds_of(const struct plan * p, size_t col, int64_t * lo, int64_t * hi)
{
	const struct plan_pred * d;
	int64_t at;
	size_t i;

	*lo = NONE_BELOW;
	*hi = NONE_ABOVE;
	for (i = 0; i < p->npreds; i++) {
		d = &p->preds[i];
		if (d->column != col)
			continue;
		if (!is_range(d->op) || d->nvalues != 1 ||
		    plan_push_place(&p->ent->columns[col], d->values, &at))
			return (-1);
		if ((d->op & OP_LE) != 0 && at < NONE_ABOVE - 1)
			at++;
		if ((d->op & (OP_GE | OP_GT)) != 0)
			*lo = at > *lo ? at : *lo;
		else
			*hi = at < *hi ? at : *hi;
	}
	return (0);
}

/* Where to cut what is from ${lo} to before ${hi}; -1: nowhere. */
static int
cut(const struct plan * p, size_t col, int64_t lo, int64_t hi, int64_t * mid)
{
	int is_time = p->ent->columns[col].type == COLUMN_TIMESTAMP;
	int64_t unit = is_time ? SECOND : 1;
	uint64_t width;

	if (lo == NONE_BELOW)
		lo = !is_time ? 0 : hi > OLDEST_MS ? OLDEST_MS : 0;
	if (hi == NONE_ABOVE)
		hi = is_time ? p->now_ms + NEWEST_MS : INT64_C(1) << 53;
	if (hi <= lo)
		return (-1);
	/* All numbers there are, are more than one of them says. */
	width = (uint64_t)hi - (uint64_t)lo;
	if (width < (uint64_t)(2 * unit))
		return (-1);
	*mid = (lo + (int64_t)(width / 2)) / unit * unit;
	return (*mid > lo && *mid < hi ? 0 : -1);
}

/* In which direction the windows have to be read; -1: in none that would do. */
static int
direction(const struct plan * p, size_t col, int * desc)
{
	*desc = 0;
	if (p->norders == 0)
		return (0);
	*desc = p->orders[0].desc;
	return (p->orders[0].column == col ? 0 : -1);
}

int
reader_split_begin(struct reader_part * part, int64_t cap)
{
	const struct reader * r = part->r;
	const struct plan * p = r->plan;
	struct reader_split s;
	size_t col;

	if (p->list->split == 0 || part->is_wide ||
	    (r->sync != NULL && r->sync->is_ordered) ||
	    (p->exact && p->limit >= 0 && p->limit <= cap))
		return (0);
	col = p->list->split - 1;
	memset(&s, 0, sizeof(s));
	if (direction(p, col, &s.desc) || bounds_of(p, col, &s.lo, &s.hi) ||
	    cut(p, col, s.lo, s.hi, &s.mid))
		return (0);
	if ((part->split = malloc(sizeof(s))) == NULL)
		return (0);
	*part->split = s;
	return (1);
}

/* ---- a window's plan ---- */

/* What is asked of a window. */
struct question {
	struct plan_given * given;
	size_t n;
	struct value * values;     /* of inputs and bounds */
	size_t nvalues;
	char text[2][RFC3339_LEN];
};

static void
add_text(struct question * q, size_t col, const char * s, size_t n)
{
	struct value * v = &q->values[q->nvalues++];
	struct plan_given * g = &q->given[q->n++];

	v->type = VALUE_TEXT;
	v->s = s;
	v->len = (uint32_t)n;
	g->column = col;
	g->op = OP_EQ;
	g->values = v;
	g->nvalues = 1;
}

static void
add_input(struct question * q, size_t col, const json_t * in)
{
	struct value * v = &q->values[q->nvalues];

	if (json_is_string(in)) {
		add_text(q, col, json_string_value(in), json_string_length(in));
		return;
	}
	add_text(q, col, "", 0);
	if (json_is_real(in)) {
		v->type = VALUE_REAL;
		v->d = json_real_value(in);
	} else {
		v->type = VALUE_INT;
		v->i = json_is_integer(in) ? json_integer_value(in) :
		    json_is_true(in);
	}
}

static void
add_bound(struct question * q, const struct plan * p, size_t col, unsigned op,
    int64_t at)
{
	char * text = q->text[op == OP_GE ? 0 : 1];
	struct value * v = &q->values[q->nvalues];

	if (p->ent->columns[col].type == COLUMN_TIMESTAMP) {
		rfc3339_format(at, text);
		add_text(q, col, text, strlen(text));
	} else {
		add_text(q, col, "", 0);
		v->type = VALUE_INT;
		v->i = at;
	}
	q->given[q->n - 1].op = op;
}

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

static void
fill(struct question * q, const struct reader_part * part, size_t col)
{
	const struct plan * p = part->r->plan;
	const struct reader_split * s = part->split;
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
		if (d->column == col || (in != NULL && !json_is_array(in)))
			continue;
		q->given[q->n].column = d->column;
		q->given[q->n].op = d->op;
		q->given[q->n].values = d->values;
		q->given[q->n++].nvalues = d->nvalues;
	}
	json_object_foreach(part->in, name, v)
		if (!json_is_array(v) &&
		    (at = manifest_column(p->ent, name)) >= 0)
			add_input(q, (size_t)at, v);
	if (s->from != NONE_BELOW)
		add_bound(q, p, col, OP_GE, s->from);
	if (s->to != NONE_ABOVE) {
		op = upper_op(p, col);
		add_bound(q, p, col, op, op == OP_LT ? s->to : s->to - 1);
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

static struct plan *
window_plan(struct reader_part * part, size_t col, struct err * e)
{
	const struct plan * of = part->r->plan;
	size_t n = of->npreds + json_object_size(part->in) + 2;
	struct question q;
	struct plan * p = NULL;
	size_t i;

	memset(&q, 0, sizeof(q));
	q.given = calloc(n, sizeof(*q.given));
	q.values = calloc(n, sizeof(*q.values));
	if (q.given == NULL || q.values == NULL) {
		err_nomem(e, "a window");
	} else {
		fill(&q, part, col);
		p = plan_new(of->c, of->ent, q.given, q.n, of->orders,
		    of->norders, e);
	}
	free(q.given);
	free(q.values);
	if (p != NULL && !is_window(p, of, col)) {
		plan_free(p);
		p = NULL;
		err_set(e, ERR_PERMANENT, "page_cap", "%s.%s: there are more "
		    "rows than the service shows of one list, and it cannot be "
		    "asked for windows of %s besides what is asked: ask for "
		    "less at once", of->c->name, of->ent->name,
		    of->ent->columns[col].name);
	}
	if (p != NULL) {
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
	return (p);
}

/* ---- reading ---- */

/* A window of the same list has what its part was begun with, wherever that came
 * from. */
static int
set_inputs(const struct reader_part * part, struct reader * sub, struct err * e)
{
	json_t * inputs;

	if (sub->plan->list != part->r->plan->list)
		return (0);
	if ((inputs = json_pack("[O]", part->in)) == NULL)
		return (err_nomem(e, "a window"));
	json_decref(sub->src.inputs);
	sub->src.inputs = inputs;
	sub->src.n = 1;
	sub->src.ent = NULL;
	return (0);
}

static int
open_window(struct reader_part * part, struct err * e)
{
	struct reader_split * s = part->split;
	struct reader * r = part->r;
	int upper = (s->at == 1) != s->desc;
	struct plan * p;

	s->from = upper ? s->mid : s->lo;
	s->to = upper ? s->hi : s->mid;
	if ((p = window_plan(part, r->plan->list->split - 1, e)) ==
	    NULL || (s->sub = reader_open(r->env, p, r->ctx, e)) == NULL ||
	    set_inputs(part, s->sub, e))
		return (-1);
	s->sub->depth = r->depth + 1;
	s->sub->is_window = 1;
	return (0);
}

/* Leave what is in the window; a row without a value is in the lowest. */
static void
keep_window(const struct reader_part * part, struct page * page)
{
	const struct plan * p = part->r->plan;
	const struct reader_split * s = part->split;
	size_t col = p->list->split - 1, i, n = 0;
	int64_t at;
	int is_in;

	for (i = 0; i < page->nrows; i++) {
		if (plan_push_place(&p->ent->columns[col],
		    &page_at(page, i)[col], &at))
			is_in = s->from == NONE_BELOW;
		else
			is_in = at >= s->from && at < s->to;
		if (!is_in)
			continue;
		if (n < i)
			memcpy(page->cells + n * page->ncols,
			    page_at(page, i),
			    page->ncols * sizeof(*page->cells));
		n++;
	}
	page->nrows = n;
}

static void
on_rows(void * arg, struct page * page, const struct err * e)
{
	struct reader_part * p = arg;
	struct reader_split * s = p->split;

	p->state = PART_READY;
	if (e != NULL) {
		p->e = *e;
		p->state = PART_FAILED;
	} else if (page == NULL) {
		if (s->sub->skips.n > 0)
			reader_skipped(p->r, &s->sub->skips);
		reader_close(s->sub);
		s->sub = NULL;
		s->at++;
	} else {
		keep_window(p, page);
		if (page->nrows > 0) {
			p->page = page;
			p->state = PART_HELD;
		} else {
			page_unref(page);
		}
	}
	reader_soon(p->r);
}

void
reader_split_next(struct reader_part * p)
{
	struct reader_split * s = p->split;

	if (s->sub == NULL && s->at == 2) {
		p->is_last = 1;
		p->state = PART_DONE;
		reader_token_held(p);
		reader_soon(p->r);
	} else if (s->sub == NULL && open_window(p, &p->e)) {
		p->state = PART_FAILED;
		reader_soon(p->r);
	} else {
		p->state = PART_CALL;
		reader_next(s->sub, on_rows, p);
	}
}

void
reader_split_free(struct reader_split * s)
{
	if (s == NULL)
		return;
	reader_close(s->sub);
	free(s);
}
