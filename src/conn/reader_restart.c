#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "conn/plan_push.h"
#include "conn/reader_internal.h"

/*
 * Lists that go on by value.  Where rows move to the end as they change, the page
 * after this one begins further on than where this one ended.  So the list is
 * asked anew for what is not before the last row's value, as soon as that
 * leaves at least this page's first row behind.  Until then (many rows of one
 * value, or a service that knows days only) it pages on, and the page before
 * is asked once more after each: if its rows are the same none was stepped over.
 *
 * All of it rests on the order; where a page is not in it, the list goes on as
 * any other does, and that is counted.
 */

/* So often a bound is begun anew before we say that it leads nowhere. */
#define AGAIN_MAX 8

static int
can_restart(const struct plan * p, size_t col)
{
	struct value v = { .type = VALUE_INT, .i = 0 };
	char now[RFC3339_LEN];
	const struct manifest_column * c = &p->ent->columns[col];
	int64_t at;

	switch (p->list->paginate.kind) {
	case PAGE_NONE:
		/* A full answer may not be all. */
		if (!p->list->paginate.short_page_ends)
			return (0);
		break;
	case PAGE_CURSOR:
		/* A cursor steps over nothing, but it may end too early. */
		if (p->list->paginate.offset_cap == 0)
			return (0);
		break;
	case PAGE_LINK:
	case PAGE_OFFSET:
	case PAGE_NUMBER:
	case PAGE_NEXT_URL:
		break;
	}
	if (c->type == COLUMN_TIMESTAMP) {
		rfc3339_format(clock_wall_ms(), now);
		v.type = VALUE_TEXT;
		v.s = now;
		v.len = (uint32_t)strlen(now);
	}
	return (plan_from(p, col, &v, &at) == 0);
}

void
reader_restart_open(struct reader * r)
{
	struct reader_sync * s = r->sync;
	const struct plan * p = r->plan;
	int64_t at;
	size_t i;

	s->from = s->newest = INT64_MIN;
	if (s->column < 0 || !plan_ordered(p, (size_t)s->column))
		return;
	s->is_ordered = 1;
	s->restarts = p->list->partition == NULL && r->src.n == 1 &&
	    can_restart(p, (size_t)s->column);
	for (i = 0; i < p->npreds; i++)
		if (plan_is_bound(&p->preds[i], (size_t)s->column) &&
		    p->preds[i].push != NULL && p->preds[i].nvalues == 1 &&
		    plan_push_from(&p->ent->columns[s->column],
		    p->preds[i].push, p->preds[i].values, &at) == 0)
			s->from = at;
}

/* The list is not what it was taken for. */
static void
give_up(struct reader * r, const char * why)
{
	struct reader_sync * s = r->sync;

	log_event(LOG_WARN, "list_unordered",
	    LOG_S("connector", r->plan->c->name),
	    LOG_S("entity", r->plan->ent->name),
	    LOG_S("column", r->plan->ent->columns[s->column].name),
	    LOG_S("why", why));
	r->ctx->st.unordered++;
	s->restarts = s->is_ordered = 0;
}

/* Look whether ${page} is in order, and keep its ends in ${*first} and newest. */
static int
in_order(struct reader_part * p, const struct page * page, int64_t * first)
{
	const struct reader * r = p->r;
	struct reader_sync * s = r->sync;
	const struct manifest_column * col = &r->plan->ent->columns[s->column];
	int64_t at = 0, before = s->newest;
	size_t i;

	for (i = 0; i < page->nrows; i++) {
		if (plan_push_place(col, &page_at(page, i)[s->column], &at) ||
		    (at < before && (i > 0 || p->here.number > 0)))
			return (-1);
		if (i == 0)
			*first = at;
		before = at;
	}
	s->newest = at;
	return (0);
}

int
reader_restart_after(struct reader_part * p, const struct page * page,
    struct err * e)
{
	struct reader * r = p->r;
	struct reader_sync * s = r->sync;
	const struct value * last;
	json_t * bound;
	int64_t first = 0, at;
	int capped = p->has_failed;

	if (!s->is_ordered || page->nrows == 0)
		return (0);
	if (in_order(p, page, &first)) {
		give_up(r, "the rows of a page are in another order");
		return (0);
	}
	if (!s->restarts || (p->is_last && !capped))
		return (0);
	if (first < s->from && p->here.number == 0) {
		/* What it sends first it may send for ever. */
		give_up(r, "the service does not keep to the bound");
		return (0);
	}
	last = &page_at(page, page->nrows - 1)[s->column];
	if (plan_from(r->plan, (size_t)s->column, last, &at) || at <= s->from ||
	    (at <= first && !capped))
		return (0);
	bound = last->type == VALUE_INT ? json_integer(last->i) :
	    json_stringn(last->s, last->len);
	if (bound == NULL)
		return (err_nomem(e, "a bound"));
	if (plan_move(r->plan, (size_t)s->column, last, e)) {
		json_decref(bound);
		return (-1);
	}
	json_decref(s->bound);
	s->bound = bound;
	s->from = at;
	s->again = 0;
	p->begins = 1;
	reader_paginate_rewind(p);
	return (0);
}

int
reader_restart_again(struct reader_part * p, struct err * e)
{
	struct reader * r = p->r;

	if (++r->sync->again > AGAIN_MAX)
		return (err_set(e, ERR_TRANSIENT, "list_moves", "the list "
		    "changes faster than it can be read: its rows moved %d "
		    "times between two pages; try again later", AGAIN_MAX));
	r->sync->newest = INT64_MIN;
	p->begins = 1;
	reader_paginate_rewind(p);
	return (0);
}

int
reader_restart_to(struct reader * r, const json_t * v, struct err * e)
{
	struct reader_sync * s = r->sync;
	struct value val = { .type = VALUE_INT };
	int64_t at;

	if (json_is_integer(v)) {
		val.i = json_integer_value(v);
	} else if (json_is_string(v) && json_string_length(v) <= 64) {
		val.type = VALUE_TEXT;
		val.s = json_string_value(v);
		val.len = (uint32_t)json_string_length(v);
	} else {
		return (reader_sync_lost(r, e));
	}
	if (!s->restarts || plan_from(r->plan, (size_t)s->column, &val, &at))
		return (reader_sync_lost(r, e));
	/* What is asked may have come further. */
	if (at <= s->from)
		return (0);
	if (plan_move(r->plan, (size_t)s->column, &val, e))
		return (-1);
	s->bound = json_incref((json_t *)(uintptr_t)v);
	s->from = at;
	return (0);
}
