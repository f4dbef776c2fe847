#include "conn/reader_split.h"

#include <stdlib.h>
#include <string.h>

#include "conn/plan_push.h"

/*
 * Lists that end at a cap though there is more.  Where the first page tells how
 * many there are, and they are beyond it, that page is let go, and the list is
 * asked for in windows of a column, one after the other, each by a reader of
 * its own: which does the same where its window is still too wide.  Where only the
 * cap, or an error, tells later, what was given is remembered (reader_seen.c).
 *
 * The service's bounds are as wide as it takes them, so neighbours may both send
 * what lies between them: a row belongs to the window that its value is in.
 */

/* Where windows are looked for that nothing bounds: what is older or newer is
 * in the first or the last one, which have no bound there. */
#define OLDEST_MS INT64_C(946684800000) /* the year 2000 */
#define NEWEST_MS INT64_C(86400000)     /* a day from now */
#define SECOND 1000

static int
is_range(unsigned op)
{
	return ((op & (OP_GE | OP_GT | OP_LE | OP_LT)) != 0);
}

/* What is asked for anyway; -1: something that goes together with no window. */
static int
bounds_of(const struct plan * p, size_t col, struct reader_split * s)
{
	const struct plan_pred * d;
	int64_t at;
	size_t i;

	s->lo = SPLIT_NONE_BELOW;
	s->hi = SPLIT_NONE_ABOVE;
	for (i = 0; i < p->npreds; i++) {
		d = &p->preds[i];
		if (d->column != col)
			continue;
		if (!is_range(d->op) || d->nvalues != 1 ||
		    plan_push_place(&p->ent->columns[col], d->values, &at))
			return (-1);
		if ((d->op & OP_LE) != 0 && at < SPLIT_NONE_ABOVE - 1)
			at++;
		if ((d->op & (OP_GE | OP_GT)) != 0)
			s->lo = at > s->lo ? at : s->lo;
		else
			s->hi = at < s->hi ? at : s->hi;
	}
	return (0);
}

static int
is_time(const struct plan * p)
{
	return (p->ent->columns[p->list->split - 1].type == COLUMN_TIMESTAMP);
}

/* To what a bound is rounded, as services know seconds. */
static int64_t
floor_unit(const struct plan * p, int64_t at)
{
	int64_t rest = is_time(p) ? at % SECOND : 0;

	return (at - (rest < 0 ? rest + SECOND : rest));
}

/* Where ${s} begins and ends, if nothing bounds it where windows are looked for. */
static void
ends_of(const struct plan * p, const struct reader_split * s, int64_t * lo,
    int64_t * hi)
{
	*lo = s->lo;
	*hi = s->hi;
	if (*lo == SPLIT_NONE_BELOW)
		*lo = !is_time(p) ? 0 : *hi > OLDEST_MS ? OLDEST_MS : 0;
	if (*hi == SPLIT_NONE_ABOVE)
		*hi = is_time(p) ? p->now_ms + NEWEST_MS : INT64_C(1) << 53;
}

/* Windows as wide as the service takes them; 0: it takes what there is. */
static int
cut_many(const struct plan * p, struct reader_split * s)
{
	int64_t lo, hi, width = reader_window_width(p, p->list->split - 1);

	ends_of(p, s, &lo, &hi);
	if (width == 0 || hi <= lo || (uint64_t)hi - (uint64_t)lo <=
	    (uint64_t)width)
		return (0);
	/* All of them have both bounds, or they could not be asked for. */
	s->lo = floor_unit(p, lo);
	s->hi = hi;
	s->width = width;
	s->n = ((uint64_t)hi - (uint64_t)s->lo + (uint64_t)width - 1) /
	    (uint64_t)width;
	return (1);
}

/* Two windows; -1: it is too narrow for that. */
static int
cut_two(const struct plan * p, struct reader_split * s, int64_t mid)
{
	mid = floor_unit(p, mid);
	if (mid <= s->lo || mid >= s->hi)
		return (-1);
	s->mid = mid;
	s->n = 2;
	return (0);
}

static int
cut_half(const struct plan * p, struct reader_split * s)
{
	int64_t lo, hi, unit = is_time(p) ? SECOND : 1;
	uint64_t width;

	ends_of(p, s, &lo, &hi);
	if (hi <= lo)
		return (-1);
	/* All numbers there are, are more than one of them says. */
	width = (uint64_t)hi - (uint64_t)lo;
	if (width < (uint64_t)(2 * unit))
		return (-1);
	return (cut_two(p, s, lo + (int64_t)(width / 2)));
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

/* What any way to split begins with; -1: it cannot be. */
static int
prepare(const struct reader_part * part, struct reader_split * s)
{
	const struct reader * r = part->r;
	const struct plan * p = r->plan;
	size_t col = p->list->split - 1;

	memset(s, 0, sizeof(*s));
	if (p->list->split == 0 || part->is_wide || part->split != NULL ||
	    (r->sync != NULL && r->sync->is_ordered))
		return (-1);
	if (direction(p, col, &s->desc) || bounds_of(p, col, s))
		return (-1);
	if (s->lo == SPLIT_NONE_BELOW && p->list->split_from != INT64_MIN &&
	    p->list->split_from < s->hi)
		s->lo = p->list->split_from;
	return (0);
}

static int
begin(struct reader_part * part, const struct reader_split * s)
{
	if ((part->split = malloc(sizeof(*s))) == NULL)
		return (0);
	*part->split = *s;
	return (1);
}

int
reader_split_begin(struct reader_part * part, int64_t cap)
{
	const struct plan * p = part->r->plan;
	struct reader_split s;

	if ((p->exact && p->limit >= 0 && p->limit <= cap) ||
	    prepare(part, &s) || (!cut_many(p, &s) && cut_half(p, &s)) ||
	    !begin(part, &s))
		return (0);
	/* The page that told is let go. */
	reader_seen_forget(&part->seen);
	return (1);
}

/* 1, -1: rows come in the order of the column, or the other way round; 0: nobody
 * says so, or it is not so. */
static int
way_of(const struct reader_part * part)
{
	const struct plan * p = part->r->plan;
	int way = p->norders > 0 ? (p->orders[0].desc ? -1 : 1) :
	    p->list->split_way;

	return (way > 0 ? !part->seen.falls : way < 0 ?
	    -!part->seen.rises : 0);
}

/* What comes after the rows that were given, if they are in order. */
static int
cut_rest(const struct reader_part * part, struct reader_split * s)
{
	const struct plan * p = part->r->plan;
	int64_t last = floor_unit(p, part->seen.last);
	int way = way_of(part);

	if (way > 0 && last > s->lo && last < s->hi) {
		s->lo = last;
	} else if (way < 0 && part->seen.last + 1 < s->hi &&
	    part->seen.last >= s->lo) {
		s->hi = part->seen.last + 1;
	} else {
		return (-1);
	}
	if (!cut_many(p, s))
		s->n = 1;
	return (0);
}

int
reader_split_late(struct reader_part * part)
{
	const struct reader * r = part->r;
	const struct plan * p = r->plan;
	struct reader_seen * seen = &part->seen;
	struct reader_split s;

	/* A sync's rows are written by their keys. */
	if ((seen->is_lost && part->is_out && r->sync == NULL) ||
	    prepare(part, &s))
		return (0);
	if ((seen->n == 0 || cut_rest(part, &s)) && !cut_many(p, &s) &&
	    (seen->n == 0 || cut_two(p, &s, reader_seen_middle(seen))) &&
	    cut_half(p, &s))
		return (0);
	if (!begin(part, &s))
		return (0);
	reader_seen_close(seen, s.lo, s.hi);
	part->is_late = 1;
	part->has_read = part->number > 0;
	part->is_last = part->has_failed = 0;
	return (1);
}

/* ---- reading ---- */

static void
bounds_at(const struct reader_split * s, uint64_t at, int64_t * from,
    int64_t * to)
{
	uint64_t i = s->desc ? s->n - 1 - at : at;

	*from = s->lo;
	*to = s->hi;
	if (s->width > 0) {
		*from = s->lo + (int64_t)i * s->width;
		if (i + 1 < s->n)
			*to = *from + s->width;
	} else if (s->n == 2 && i == 0) {
		*to = s->mid;
	} else if (s->n == 2) {
		*from = s->mid;
	}
}

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
	struct plan * p;

	bounds_at(s, s->at, &s->from, &s->to);
	if ((p = reader_window_plan(part, s, e)) == NULL ||
	    (s->sub = reader_open(r->env, p, r->ctx, e)) == NULL ||
	    set_inputs(part, s->sub, e))
		return (-1);
	s->sub->depth = r->depth + 1;
	s->sub->is_window = 1;
	return (0);
}

/* Leave what is in the window and was not given; a row without a value is in the
 * lowest. */
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
			is_in = s->from == SPLIT_NONE_BELOW;
		else
			is_in = at >= s->from && at < s->to;
		if (!is_in || reader_seen_has(part, page_at(page, i)))
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
take_refused(struct reader * r, const struct reader * sub)
{
	if (r->refused == 0 && sub->refused > 0)
		r->refused_e = sub->refused_e;
	r->refused += sub->refused;
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
		if (s->sub->left > 0)
			reader_sync_left(p);
		take_refused(p->r, s->sub);
		p->has_read |= s->sub->good > 0;
		p->lacked += s->sub->lacks;
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

	if (s->sub == NULL && s->at == s->n) {
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
