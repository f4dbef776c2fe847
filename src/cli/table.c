#include "cli/table_internal.h"

#include <stdint.h>
#include <stdlib.h>

#include "cli/table_text.h"

/* Bytes of undrawn cells; the caller draws long before. */
#define HELD_MAX ((size_t)256 << 20)
/* A text column is not made narrower than this to fit the terminal. */
#define TEXT_MIN 8

struct table *
table_new(const struct table_opts * o, size_t n)
{
	struct table * t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->o = *o;
	t->ncols = n;
	t->text.max = HELD_MAX;
	if ((t->cols = calloc(n, sizeof(*t->cols))) == NULL) {
		free(t);
		return (NULL);
	}
	return (t);
}

int
table_head(struct table * t, size_t i, const char * name, size_t len,
    int number)
{
	struct table_column * c = &t->cols[i];
	struct buf b = BUF_INIT(0);

	free(c->name);
	c->name_width = table_text_add(&b, name, len, t->o.width);
	c->name = b.p;
	c->len = b.len;
	c->declared_number = number;
	return (b.failed ? -1 : 0);
}

static int
grow_cells(struct table * t)
{
	size_t cap = t->cap ? t->cap * 2 : 256;
	struct table_cell * p;

	if (cap > SIZE_MAX / sizeof(*p) ||
	    (p = realloc(t->cells, cap * sizeof(*p))) == NULL)
		return (-1);
	t->cells = p;
	t->cap = cap;
	return (0);
}

int
table_cell(struct table * t, enum table_kind kind, const char * s, size_t len)
{
	struct table_column * col = &t->cols[t->ncells % t->ncols];
	struct table_cell * c;

	if (t->ncells == t->cap && grow_cells(t))
		return (-1);
	c = &t->cells[t->ncells];
	c->kind = kind;
	c->off = t->text.len;
	if (kind == TABLE_NULL)
		c->width = table_text_add(&t->text, "NULL", 4, 0);
	else
		c->width = table_text_add(&t->text, s, len,
		    t->o.shape == TABLE_CUT ? t->o.width : 0);
	c->len = t->text.len - c->off;
	if (t->text.failed)
		return (-1);
	t->ncells++;
	if (c->width > col->cell_width)
		col->cell_width = c->width;
	col->numbers |= kind == TABLE_NUMBER;
	/* An empty text stands on either side. */
	col->texts |= kind == TABLE_TEXT && len > 0;
	return (0);
}

size_t
table_held(const struct table * t)
{
	return (t->ncells / t->ncols);
}

size_t
table_bytes(const struct table * t)
{
	return (t->text.len + t->ncells * sizeof(*t->cells));
}

int
table_is_drawn(const struct table * t)
{
	return (t->drawn);
}

int
table_is_right(const struct table_column * c)
{
	return (!c->texts && (c->numbers || c->declared_number));
}

static size_t
natural(const struct table_column * c)
{
	return (c->name_width > c->cell_width ? c->name_width : c->cell_width);
}

/* How narrow a column may become: numbers are not cut, only their names. */
static size_t
least(const struct table_column * c)
{
	size_t w = natural(c);

	if (table_is_right(c) && c->cell_width > 0)
		return (c->cell_width);
	return (w < TEXT_MIN ? w : TEXT_MIN);
}

static size_t
sum_at(const struct table * t, size_t limit)
{
	size_t i, w, sum = 0;

	for (i = 0; i < t->ncols; i++) {
		w = natural(&t->cols[i]);
		if (w > limit)
			w = limit;
		if (w < least(&t->cols[i]))
			w = least(&t->cols[i]);
		sum += w;
	}
	return (sum);
}

/* Narrow the widest columns until all fit; -1 if they cannot. */
static int
fit(struct table * t)
{
	size_t frame = 3 * t->ncols + 1, avail, limit, left, i, w;
	struct table_column * c;

	if (frame >= t->o.width)
		return (-1);
	avail = t->o.width - frame;
	for (limit = avail; sum_at(t, limit) > avail; limit--)
		if (limit == 0)
			return (-1);
	left = avail - sum_at(t, limit);
	for (i = 0; i < t->ncols; i++) {
		c = &t->cols[i];
		w = natural(c);
		if (w <= limit || w <= least(c)) {
			c->width = w;
			continue;
		}
		c->width = limit < least(c) ? least(c) : limit;
		if (left > 0 && c->width == limit) {
			c->width++;
			left--;
		}
	}
	return (0);
}

static int
is_cut(const struct table * t)
{
	size_t i;

	for (i = 0; i < t->ncols; i++)
		if (t->cols[i].width < natural(&t->cols[i]))
			return (1);
	return (0);
}

void
table_layout(struct table * t)
{
	size_t i;

	t->drawn = 1;
	for (i = 0; i < t->ncols; i++) {
		t->cols[i].width = natural(&t->cols[i]);
		if (t->cols[i].name_width > t->names_width)
			t->names_width = t->cols[i].name_width;
	}
	t->blocks = t->o.shape == TABLE_BLOCKS || (t->o.width > 0 && fit(t)) ||
	    (t->o.shape == TABLE_WHOLE && is_cut(t));
	if (t->blocks && t->o.width > 0 && t->names_width > t->o.width / 2)
		t->names_width = t->o.width / 2;
}

void
table_free(struct table * t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->ncols; i++)
		free(t->cols[i].name);
	free(t->cols);
	free(t->cells);
	buf_free(&t->text);
	free(t);
}
