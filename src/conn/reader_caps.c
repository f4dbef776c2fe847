#include "conn/reader_internal.h"

/*
 * What a service does not show of a list: rows past a cap, pages past the last one
 * that may be asked for, and how many it says there are.
 */

#define DEFAULT_MAX_PAGES 100000

/* Whether what the list used stops at max_rows. */
static int
is_capped(const struct plan * p)
{
	size_t i;

	if (p->list->max_rows <= 0)
		return (0);
	for (i = 0; i < p->npreds; i++)
		if (p->preds[i].push != NULL && p->preds[i].push->caps)
			return (1);
	for (i = 0; i < p->list->npushes; i++)
		if (p->list->pushes[i].caps)
			return (0);
	return (1);
}

static void
fail_after(struct reader_part * p, const char * code, const char * what,
    int64_t n)
{
	char cols[300];

	p->has_failed = 1;
	reader_filters(p->r, cols, sizeof(cols));
	err_set(&p->e, ERR_PERMANENT, code, "%s.%s: %s %lld; narrow it%s%s, or "
	    "set a LIMIT", p->r->plan->c->name, p->r->plan->ent->name, what,
	    (long long)n, cols[0] ? " by " : "", cols);
}

/* Whether the only page is full where no more were wanted than it has. */
static int
is_full(const struct reader_part * p, const struct reader_answer * a)
{
	const struct plan * plan = p->r->plan;
	int64_t raw = (int64_t)a->page->raw;

	if (!plan->list->paginate.short_page_ends || raw < reader_paginate_full(p))
		return (0);
	return (!plan->exact || plan->limit < 0 || raw < plan->limit);
}

int
reader_caps_split(struct reader_part * p, const struct reader_answer * a)
{
	const struct manifest_list * list = p->r->plan->list;
	int64_t total = reader_paginate_total(p, a);
	int64_t cap = is_capped(p->r->plan) ? list->max_rows :
	    list->paginate.offset_cap;

	if (list->paginate.kind == PAGE_NONE)
		return (is_full(p, a) && reader_split_begin(p, reader_paginate_full(p)));
	return (p->number == 1 && cap > 0 && total > cap &&
	    reader_split_begin(p, cap));
}

void
reader_caps_check(struct reader_part * p, const struct reader_answer * a, int more)
{
	const struct manifest_list * list = p->r->plan->list;
	const struct manifest_paginate * pg = &list->paginate;
	int64_t total = reader_paginate_total(p, a), next;

	if (is_capped(p->r->plan) && p->offset >= list->max_rows &&
	    (total < 0 || total > p->offset)) {
		fail_after(p, "max_rows", "the service stops without a word "
		    "at rows", list->max_rows);
		return;
	}
	if (pg->kind == PAGE_NONE && is_full(p, a))
		fail_after(p, "page_cap", "there are more rows than one answer "
		    "may have, which is", reader_paginate_full(p));
	if (!more)
		return;
	next = pg->kind == PAGE_OFFSET && pg->size_param != NULL ?
	    p->offset + 1 : p->offset + reader_paginate_full(p);
	if (pg->offset_cap > 0 && next > pg->offset_cap)
		fail_after(p, "page_cap", "the service pages no further than "
		    "offset", pg->offset_cap);
	else if (p->number >= (pg->max_pages ? pg->max_pages :
	    DEFAULT_MAX_PAGES))
		fail_after(p, "max_pages", "more pages than max_pages, which "
		    "is", p->number);
}

void
reader_caps_total(struct reader_part * p, const struct reader_answer * a)
{
	struct read_stats * st = &p->r->ctx->st;
	int64_t total = reader_paginate_total(p, a);

	if (total < 0)
		return;
	if (!p->has_total)
		st->total = (st->total < 0 ? 0 : st->total) + total;
	p->has_total = 1;
	/* Who wants a few rows gets a few. */
	p->lacks = p->is_last && !p->has_failed && p->r->plan->limit < 0 &&
	    total > p->offset ? (uint64_t)(total - p->offset) : 0;
}
