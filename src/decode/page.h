#ifndef MOLTLER_DECODE_PAGE_H
#define MOLTLER_DECODE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/value.h"

/*
 * A page: the rows of one answer.  Counted, and never changed once it is made,
 * so that a cache, a statement and a target may hold it at the same time.
 */
struct page {
	unsigned refs;
	size_t ncols;
	size_t nrows;
	size_t raw;      /* records in the answer, those dropped included */
	size_t bytes;    /* memory it holds, about */
	int64_t at_ms;   /* when the service answered (ms since 1970) */
	struct value * cells; /* nrows x ncols, row by row */
	struct page_text * text; /* what the cells point into */
	size_t cap;      /* rows there is room for */
};

/**
 * page_new(ncols): An empty page that is being made; NULL if no memory.
 * page_row(p): Begin a row: its cells, all NULL, valid until the next
 * page_row(); NULL if no memory, or no more are allowed (256 MiB of cells).
 * page_row_drop(p): Take the last row back (it stays counted in raw by who counts).
 * page_fit(p): No more rows come: give back the room for them.
 * page_text(p, s, n): A copy of ${n} bytes that lives as long as the page, or room
 * for them if ${s} is NULL; NULL if no memory.  page_adopt(p, mem): ${mem}, from malloc, is freed with the
 * page; 0 or -1.
 */
struct page * page_new(size_t ncols);
struct value * page_row(struct page * p);
void page_row_drop(struct page * p);
void page_fit(struct page * p);
char * page_text(struct page * p, const char * s, size_t n);
int page_adopt(struct page * p, void * mem, size_t bytes);

/** page_at(p, row): The cells of row ${row}. */
static inline const struct value *
page_at(const struct page * p, size_t row)
{
	return (p->cells + row * p->ncols);
}

struct page * page_ref(struct page * p);
void page_unref(struct page * p); /* NULL is a no-op */

#endif
