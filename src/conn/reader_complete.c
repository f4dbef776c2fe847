#include <stdlib.h>
#include <string.h>

#include "conn/reader_internal.h"
#include "conn/reader_match.h"

/*
 * Columns that a list does not tell: where one is wanted, another entity is listed
 * for each row of a page, some side by side, before the page is given.
 */

#define ROWS_MAX 100 /* keys asked for at once */

static int
is_lazy(const struct reader * r)
{
	const struct manifest_entity * ent = r->plan->ent;
	size_t i;

	for (i = 0; i < ent->ncolumns; i++)
		if (ent->columns[i].lazy != NULL && r->plan->wanted[i])
			return (ent->complete != NULL);
	return (0);
}

void
reader_complete_begin(struct reader * r)
{
	if (is_lazy(r))
		r->plan->wanted[r->plan->ent->complete_key] =
		    r->plan->wanted[r->plan->ent->complete_own] = 1;
}

static void
close_sub(struct reader * r)
{
	reader_close(r->more.sub);
	r->more.sub = NULL;
}

void
reader_complete_end(struct reader * r)
{
	close_sub(r);
	reader_match_free(r->more.match);
	r->more.match = NULL;
}

static const struct manifest_entity *
source(const struct reader * r)
{
	return (manifest_entity(r->plan->c->m, r->plan->ent->complete));
}

static int
is_same(const struct value * a, const struct value * b)
{
	if (a->type != b->type)
		return (0);
	if (a->type == VALUE_INT)
		return (a->i == b->i);
	return (a->type == VALUE_TEXT && a->len == b->len &&
	    memcmp(a->s, b->s, a->len) == 0);
}

/* Put ${v} into a cell of the page; -1: no memory. */
static int
put(struct page * page, struct value * cell, const struct value * v)
{
	char * text;

	if (v->type == VALUE_TEXT) {
		if ((text = page_text(page, v->s, v->len)) == NULL)
			return (-1);
		*cell = *v;
		cell->s = text;
		return (0);
	}
	*cell = *v;
	return (0);
}

/* What the other entity's row ${row} tells of our row ${own}. */
static int
fill(struct reader * r, const struct manifest_entity * over, struct value * own,
    const struct value * row)
{
	const struct manifest_entity * ent = r->plan->ent;
	size_t c;
	int from;

	for (c = 0; c < ent->ncolumns; c++) {
		if (ent->columns[c].lazy == NULL || !r->plan->wanted[c])
			continue;
		from = manifest_column(over, ent->columns[c].lazy);
		if (from >= 0 && put(r->more.page, &own[c], &row[from]))
			return (err_nomem(&r->more.e, "a page"));
	}
	return (0);
}

/* What one row of the other entity tells. */
static int
take(struct reader * r, const struct manifest_entity * over,
    const struct value * row)
{
	const struct manifest_entity * ent = r->plan->ent;
	const struct value * key = &row[ent->complete_their];
	struct page * page = r->more.page;
	struct value * own;
	size_t i;

	for (i = r->more.from; i < r->more.to; i++) {
		own = page->cells + i * page->ncols;
		if (is_same(&own[ent->complete_key], key) &&
		    fill(r, over, own, row))
			return (-1);
	}
	return (0);
}

/* What the rows of the other entity that were listed tell of a page. */
static int
take_matches(struct reader * r)
{
	const struct manifest_entity * ent = r->plan->ent;
	struct page * page = r->more.page;
	const struct value * row;
	struct value * own;
	size_t i;

	for (i = 0; i < page->nrows; i++) {
		own = page->cells + i * page->ncols;
		row = reader_match_find(r->more.match, &own[ent->complete_own]);
		if (row != NULL && fill(r, source(r), own, row))
			return (-1);
	}
	return (0);
}

/* A page of the other entity. */
static int
take_page(struct reader * r, struct page * p)
{
	const struct manifest_entity * over = source(r);
	size_t i;
	int bad = 0;

	if (r->more.match != NULL)
		return (reader_match_add(r->more.match, p, &r->more.e));
	for (i = 0; i < p->nrows && !bad; i++)
		bad = take(r, over, page_at(p, i));
	page_unref(p);
	return (bad);
}

static void
on_rows(void * arg, struct page * p, const struct err * e)
{
	struct reader * r = arg;

	if (e != NULL) {
		r->more.e = *e;
		r->more.has_failed = 1;
	} else if (p == NULL) {
		if (r->more.sub->skips.n > 0)
			reader_skipped(r, &r->more.sub->skips);
		close_sub(r);
	} else {
		r->more.has_failed = take_page(r, p) != 0;
		if (!r->more.has_failed) {
			reader_next(r->more.sub, on_rows, r);
			return;
		}
	}
	reader_soon(r);
}

/* A plan for the rows from..to, as many as have no more than ROWS_MAX keys: an IN
 * of these; NULL with ${n} 0: they have none. */
static struct plan *
plan_of(struct reader * r, const struct manifest_entity * over, size_t * n)
{
	const struct manifest_entity * ent = r->plan->ent;
	struct value keys[ROWS_MAX];
	struct plan_given given;
	const struct value * v;
	struct plan * p;
	size_t i, c, k;
	int at, asks;

	for (*n = 0, i = r->more.from; i < r->more.page->nrows; i++) {
		v = page_at(r->more.page, i) + ent->complete_key;
		for (k = 0; k < *n && !is_same(v, &keys[k]); k++)
			;
		if (v->type == VALUE_NULL || k < *n)
			continue;
		if (*n == ROWS_MAX)
			break;
		if (r->more.match != NULL && (asks = reader_match_asks(
		    r->more.match, v, &r->more.e)) <= 0) {
			if (asks == 0)
				continue;
			*n = 1;
			return (NULL);
		}
		keys[(*n)++] = *v;
	}
	r->more.to = r->more.at = i;
	if (*n == 0)
		return (NULL);
	memset(&given, 0, sizeof(given));
	at = manifest_column(over, ent->complete_input);
	given.column = (size_t)at;
	given.op = OP_IN;
	given.values = keys;
	given.nvalues = *n;
	if ((p = plan_new(r->plan->c, over, &given, 1, NULL, 0,
	    &r->more.e)) == NULL)
		return (NULL);
	memset(p->wanted, 0, over->ncolumns);
	p->wanted[ent->complete_their] = 1;
	for (c = 0; c < ent->ncolumns; c++)
		if (ent->columns[c].lazy != NULL && r->plan->wanted[c] &&
		    (at = manifest_column(over, ent->columns[c].lazy)) >= 0)
			p->wanted[at] = 1;
	return (p);
}

/* Ask for the next rows; 1: there are no more, 0: asked, -1. */
static int
ask(struct reader * r)
{
	const struct manifest_entity * over = source(r);
	struct reader_more * m = &r->more;
	struct plan * p;
	size_t n;

	while (m->at < m->page->nrows) {
		m->from = m->at;
		if ((p = plan_of(r, over, &n)) == NULL && n > 0)
			return (-1);
		if (p == NULL)
			continue;
		if ((m->sub = reader_open(r->env, p, r->ctx, &m->e)) == NULL)
			return (-1);
		m->sub->depth = r->depth + 1;
		reader_next(m->sub, on_rows, r);
		return (0);
	}
	return (1);
}

int
reader_complete_page(struct reader * r, struct page * p)
{
	struct reader_more * m = &r->more;

	if (r->plan->ent->complete == NULL || !is_lazy(r))
		return (1);
	if (m->page != p) {
		m->page = p;
		m->at = 0;
	}
	if (m->has_failed)
		return (-1);
	if (m->sub != NULL)
		return (0);
	if (r->plan->ent->complete_match && m->match == NULL &&
	    (m->match = reader_match_new(r->plan->ent->complete_their,
	    r->plan->ent->columns[r->plan->ent->complete_own].nocase, r->ctx)) ==
	    NULL)
		return (err_nomem(&m->e, "a listing"));
	switch (ask(r)) {
	case 0:
		return (0);
	case 1:
		if (m->match != NULL && take_matches(r))
			return (-1);
		/* The next page may come to live where this one did. */
		m->page = NULL;
		return (1);
	default:
		return (-1);
	}
}
