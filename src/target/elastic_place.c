/*
 * Pages come by _shard_doc, which no two rows of a point in time share.  Where there
 * is none they come by _doc, which one row of each shard may have: there the next
 * page begins with the last value again, and the rows of it that were given are
 * left out.
 */
#include "target/elastic_place.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "target/elastic_columns.h"

static const struct value *
extra(const struct elastic_place * pl, const struct page * p, size_t row,
    enum elastic_extra which)
{
	return (&page_at(p, row)[pl->ncolumns + which]);
}

/* The _doc in a sort: [123]. */
static int64_t
doc_of(const struct value * sort)
{
	char s[32];

	if (sort->type != VALUE_TEXT || sort->len < 3 || sort->len >= sizeof(s))
		return (-1);
	memcpy(s, sort->s + 1, sort->len - 1);
	s[sort->len - 1] = '\0';
	return (strtoll(s, NULL, 10));
}

static uint64_t
identity(const struct elastic_place * pl, const struct page * p, size_t row)
{
	const struct value * index = extra(pl, p, row, EXTRA_INDEX);
	const struct value * v = &page_at(p, row)[pl->id];
	uint64_t h = index->type == VALUE_TEXT ? hash64(UINT64_C(0x51ed270b),
	    index->s, index->len) : 1;

	return (v->type == VALUE_TEXT ? hash64(h, v->s, v->len) : h);
}

static int
is_seen(const struct elastic_place * pl, uint64_t h)
{
	size_t i;

	for (i = 0; i < pl->nseen; i++)
		if (pl->seen[i] == h)
			return (1);
	return (0);
}

/* Note the row as given; it has the last _doc. */
static int
note_seen(struct elastic_place * pl, int64_t doc, uint64_t h)
{
	size_t cap = pl->cap_seen ? pl->cap_seen * 2 : 16;
	uint64_t * more;

	if (doc != pl->doc)
		pl->nseen = 0;
	pl->doc = doc;
	if (pl->nseen == pl->cap_seen) {
		if ((more = realloc(pl->seen, cap * sizeof(*more))) == NULL)
			return (-1);
		pl->seen = more;
		pl->cap_seen = cap;
	}
	pl->seen[pl->nseen++] = h;
	return (0);
}

/* Leave out what was given already, and note what has the last _doc.  Rows come in
 * order, so that only the first can be known. */
static int
take_docs(struct elastic_place * pl, struct page * p, struct err * e)
{
	size_t i, k = 0, n = p->nrows;
	int64_t doc, before = pl->doc;
	uint64_t h;

	for (i = 0; i < n; i++) {
		doc = doc_of(extra(pl, p, i, EXTRA_SORT));
		if (doc < 0)
			return (err_set(e, ERR_PERMANENT, "sort", "a row came "
			    "without its place"));
		h = identity(pl, p, i);
		if (doc == before && is_seen(pl, h))
			continue;
		if (note_seen(pl, doc, h))
			return (err_nomem(e, "a page"));
		if (k != i)
			memcpy(p->cells + k * p->ncols, page_at(p, i),
			    p->ncols * sizeof(*p->cells));
		k++;
	}
	p->nrows = k;
	return (0);
}

/* Where the next page begins. */
static int
take_after(struct elastic_place * pl, const struct page * p, size_t rows,
    struct err * e)
{
	const struct value * sort;

	if (rows == 0)
		return (0);
	sort = extra(pl, p, rows - 1, EXTRA_SORT);
	if (sort->type != VALUE_TEXT)
		return (err_set(e, ERR_PERMANENT, "sort", "a row came without "
		    "its place"));
	buf_clear(&pl->after);
	if (pl->by_doc)
		buf_addf(&pl->after, "[%lld]",
		    (long long)doc_of(sort) - 1);
	else
		buf_add(&pl->after, sort->s, sort->len);
	return (pl->after.failed ? err_nomem(e, "a page") : 0);
}

/* Rows are known by _index and _id, not by where a search found them. */
static void
drop_sort(const struct elastic_place * pl, struct page * p)
{
	struct value * v;
	size_t i;

	if (p->nrows == 0)
		return;
	v = p->cells + pl->ncolumns + EXTRA_SORT;
	for (i = 0; i < p->nrows; i++, v += p->ncols) {
		v->type = VALUE_NULL;
		v->len = 0;
		v->i = 0;
	}
}

int
elastic_place_take(struct elastic_place * pl, struct page * p, struct err * e)
{
	if (take_after(pl, p, p->nrows, e) || (pl->by_doc &&
	    take_docs(pl, p, e)))
		return (-1);
	drop_sort(pl, p);
	return (0);
}

void
elastic_place_free(struct elastic_place * pl)
{
	buf_free(&pl->after);
	free(pl->seen);
}
