#include "decode/page.h"

#include <stdlib.h>
#include <string.h>

/* What cells point into: blocks; page_text() fills the first while it lasts. */
struct page_text {
	struct page_text * next;
	char * mem;
	size_t used;
	size_t cap;
};

#define BLOCK ((size_t)16 << 10)
#define FIRST_ROWS 128

/* Rows of many columns and few bytes could else be made to cost 100 times the
 * page they came in. */
#define CELLS_MAX ((size_t)256 << 20)

struct page *
page_new(size_t ncols)
{
	struct page * p;

	if (ncols > CELLS_MAX / FIRST_ROWS / sizeof(*p->cells) ||
	    (p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	p->refs = 1;
	p->ncols = ncols;
	p->bytes = sizeof(*p);
	return (p);
}

/* Bytes of ${rows} rows. */
static size_t
row_bytes(const struct page * p, size_t rows)
{
	return (rows * p->ncols * sizeof(*p->cells));
}

static int
resize(struct page * p, size_t rows)
{
	struct value * cells;

	/* Without columns there still is a row to point at. */
	if ((cells = realloc(p->cells, row_bytes(p, rows) + 1)) == NULL)
		return (-1);
	p->cells = cells;
	p->bytes += row_bytes(p, rows);
	p->bytes -= row_bytes(p, p->cap);
	p->cap = rows;
	return (0);
}

struct value *
page_row(struct page * p)
{
	struct value * row;
	size_t cap;

	if (p->nrows == p->cap) {
		cap = p->cap ? p->cap + p->cap / 2 : FIRST_ROWS;
		if ((p->ncols > 0 &&
		    cap > CELLS_MAX / sizeof(*p->cells) / p->ncols) ||
		    cap > CELLS_MAX || resize(p, cap))
			return (NULL);
	}
	row = p->cells + p->nrows++ * p->ncols;
	memset(row, 0, row_bytes(p, 1)); /* VALUE_NULL is 0 */
	return (row);
}

void
page_row_drop(struct page * p)
{
	p->nrows--;
}

void
page_fit(struct page * p)
{
	/* A failure to shrink leaves what was. */
	if (p->cap - p->nrows > p->nrows / 16)
		(void)(resize(p, p->nrows) != 0);
}

static struct page_text *
add_block(struct page * p, char * mem, size_t bytes)
{
	struct page_text * t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->mem = mem;
	t->cap = bytes;
	t->next = p->text;
	p->text = t;
	p->bytes += sizeof(*t) + bytes;
	return (t);
}

char *
page_text(struct page * p, const char * s, size_t n)
{
	struct page_text * t = p->text;
	size_t cap = n > BLOCK / 4 ? n : BLOCK;
	char * mem;

	if (t == NULL || n > t->cap - t->used) {
		if ((mem = malloc(cap ? cap : 1)) == NULL)
			return (NULL);
		if ((t = add_block(p, mem, cap)) == NULL) {
			free(mem);
			return (NULL);
		}
	}
	mem = t->mem + t->used;
	if (s != NULL && n > 0)
		memcpy(mem, s, n);
	t->used += n;
	return (mem);
}

int
page_adopt(struct page * p, void * mem, size_t bytes)
{
	struct page_text * t;

	if ((t = add_block(p, mem, bytes)) == NULL)
		return (-1);
	t->used = bytes;
	/* What is being filled stays first. */
	if (t->next != NULL && t->next->used < t->next->cap) {
		p->text = t->next;
		t->next = p->text->next;
		p->text->next = t;
	}
	return (0);
}

struct page *
page_ref(struct page * p)
{
	p->refs++;
	return (p);
}

void
page_unref(struct page * p)
{
	struct page_text * t;

	if (p == NULL || --p->refs > 0)
		return;
	while ((t = p->text) != NULL) {
		p->text = t->next;
		free(t->mem);
		free(t);
	}
	free(p->cells);
	free(p);
}
