#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "conn/plan_push.h"
#include "conn/reader_internal.h"
#include "conn/reader_split.h"

/*
 * Which rows of a list were given already.  A service may say only in mid-list that
 * it goes no further; the windows that are read then have these rows too, and none
 * is given twice.  What is kept is bounded by the service's own cap, as nothing goes
 * on behind it.
 */

#define SEEN_MAX ((size_t)1 << 18)

/* -1: the row's key is not known, or there is none. */
static int
key_of(const struct plan * p, const struct value * row, uint64_t * out)
{
	const struct manifest_entity * ent = p->ent;
	uint64_t h = hash64_secret();
	size_t i, n = 0;

	for (i = 0; i < ent->ncolumns; i++) {
		if (!ent->columns[i].is_key)
			continue;
		if (!p->wanted[i])
			return (-1);
		h = reader_mark_hash(h, &row[i]);
		n++;
	}
	*out = h;
	return (n > 0 ? 0 : -1);
}

void
reader_seen_want(struct plan * p)
{
	const struct manifest_entity * ent = p->ent;
	size_t i;

	if (p->list->split == 0 || p->list->paginate.kind == PAGE_NONE)
		return;
	for (i = 0; i < ent->ncolumns; i++)
		if ((ent->columns[i].is_key || i == p->list->split - 1) &&
		    ent->columns[i].lazy == NULL)
			p->wanted[i] = 1;
}

static int
has_room(struct reader_seen * s)
{
	size_t cap = s->cap ? s->cap * 2 : 256;
	struct reader_seen_row * more;

	if (s->n < s->cap)
		return (1);
	if (s->n >= SEEN_MAX || (more = realloc(s->rows,
	    cap * sizeof(*more))) == NULL)
		return (0);
	s->rows = more;
	s->cap = cap;
	return (1);
}

void
reader_seen_forget(struct reader_seen * s)
{
	free(s->rows);
	memset(s, 0, sizeof(*s));
}

void
reader_seen_add(struct reader_part * part, const struct page * page)
{
	const struct plan * p = part->r->plan;
	struct reader_seen * s = &part->seen;
	struct reader_seen_row row;
	size_t col = p->list->split - 1, i;

	if (p->list->split == 0 || p->list->paginate.kind == PAGE_NONE ||
	    s->is_lost)
		return;
	for (i = 0; i < page->nrows; i++) {
		if (key_of(p, page_at(page, i), &row.key) ||
		    plan_push_place(&p->ent->columns[col],
		    &page_at(page, i)[col], &row.at) || !has_room(s)) {
			reader_seen_forget(s);
			s->is_lost = 1;
			return;
		}
		if (s->n > 0) {
			s->falls |= row.at < s->last;
			s->rises |= row.at > s->last;
		}
		s->last = row.at;
		s->rows[s->n++] = row;
	}
}

static int
by_key(const void * a, const void * b)
{
	const struct reader_seen_row * x = a, * y = b;

	return ((x->key > y->key) - (x->key < y->key));
}

static int
by_place(const void * a, const void * b)
{
	const struct reader_seen_row * x = a, * y = b;

	return ((x->at > y->at) - (x->at < y->at));
}

int64_t
reader_seen_middle(struct reader_seen * s)
{
	qsort(s->rows, s->n, sizeof(*s->rows), by_place);
	return (s->rows[s->n / 2].at);
}

void
reader_seen_close(struct reader_seen * s, int64_t lo, int64_t hi)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (s->rows[i].at >= lo && s->rows[i].at < hi)
			s->rows[n++] = s->rows[i];
	s->n = n;
	if (n > 0)
		qsort(s->rows, n, sizeof(*s->rows), by_key);
}

int
reader_seen_has(const struct reader_part * part, const struct value * cells)
{
	const struct reader_seen * s = &part->seen;
	struct reader_seen_row row;

	return (s->n > 0 && key_of(part->r->plan, cells, &row.key) == 0 &&
	    bsearch(&row, s->rows, s->n, sizeof(row), by_key) != NULL);
}
