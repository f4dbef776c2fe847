#include "config.h"

#include "cli/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>

#include "base/utf8.h"

/* Bytes of undrawn cells; the caller draws long before. */
#define HELD_MAX ((size_t)256 << 20)
/* A text column is not made narrower than this to fit the terminal. */
#define TEXT_MIN 8
/* How long the line between blocks is where there is no terminal. */
#define PIPE_RULE 40

struct cell {
	size_t off;
	size_t len;
	size_t width;
	enum table_kind kind;
};

struct column {
	char * name; /* escaped */
	size_t len;
	size_t name_width;
	size_t cell_width; /* the widest cell */
	size_t width;      /* as drawn */
	int declared_number;
	int numbers, texts; /* whether there were such cells */
};

struct table {
	struct table_opts o;
	size_t ncols;
	struct column * cols;
	struct buf text;    /* the escaped cells, end to end */
	struct cell * cells;
	size_t ncells, cap;
	size_t names_width; /* of blocks */
	uint64_t drawn_rows;
	int drawn;
	int blocks;
};

enum rule { RULE_TOP, RULE_MID, RULE_END };

static uint32_t
code_point(const char * s, size_t n)
{
	const unsigned char * u = (const unsigned char *)s;

	switch (n) {
	case 2:
		return ((u[0] & 0x1fU) << 6 | (u[1] & 0x3fU));
	case 3:
		return ((u[0] & 0x0fU) << 12 | (u[1] & 0x3fU) << 6 |
		    (u[2] & 0x3fU));
	case 4:
		return ((u[0] & 0x07U) << 18 | (u[1] & 0x3fU) << 12 |
		    (u[2] & 0x3fU) << 6 | (u[3] & 0x3fU));
	default:
		return (u[0]);
	}
}

/* Characters that reorder what stands around them: they could make a cell
 * read as something else. */
static int
is_bidi_control(uint32_t cp)
{
	return (cp == 0x061c || cp == 0x200e || cp == 0x200f ||
	    (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069));
}

/* Append one character in its visible form; return its width in cells. */
static size_t
add_char(struct buf * out, const char * s, size_t n)
{
	size_t from = out->len;
	uint32_t cp;
	int w;

	if (n == 0) {
		buf_addf(out, "\\x%02x", (unsigned char)*s);
		return (4);
	}
	cp = code_point(s, n);
	/* wcwidth calls NUL nothing wide, a terminal or a pipe may not. */
	w = cp == 0 || is_bidi_control(cp) ? -1 : wcwidth((wchar_t)cp);
	if (w >= 0) {
		buf_add(out, s, n);
		return ((size_t)w);
	}
	if (cp == '\n')
		buf_adds(out, "\\n");
	else if (cp == '\t')
		buf_adds(out, "\\t");
	else if (cp == '\r')
		buf_adds(out, "\\r");
	else
		buf_addf(out, cp < 0x80 ? "\\x%02x" : "\\u%04x", cp);
	return (out->len - from);
}

/* Append the visible form of ${s}, but not much more than ${limit} cells of
 * it (0: all): what is wider is cut when drawn.  Return its width. */
static size_t
add_visible(struct buf * out, const char * s, size_t len, size_t limit)
{
	size_t i = 0, width = 0, n;

	while (i < len && (limit == 0 || width <= limit)) {
		if (s[i] >= 0x20 && s[i] < 0x7f) {
			buf_addc(out, s[i++]);
			width++;
			continue;
		}
		n = utf8_seq(s + i, len - i);
		width += add_char(out, s + i, n);
		i += n > 0 ? n : 1;
	}
	return (width);
}

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
	struct column * c = &t->cols[i];
	struct buf b = BUF_INIT(0);

	free(c->name);
	c->name_width = add_visible(&b, name, len, t->o.width);
	c->name = b.p;
	c->len = b.len;
	c->declared_number = number;
	return (b.failed ? -1 : 0);
}

static int
grow_cells(struct table * t)
{
	size_t cap = t->cap ? t->cap * 2 : 256;
	struct cell * p;

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
	struct column * col = &t->cols[t->ncells % t->ncols];
	struct cell * c;

	if (t->ncells == t->cap && grow_cells(t))
		return (-1);
	c = &t->cells[t->ncells];
	c->kind = kind;
	c->off = t->text.len;
	if (kind == TABLE_NULL)
		c->width = add_visible(&t->text, "NULL", 4, 0);
	else
		c->width = add_visible(&t->text, s, len,
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

static int
is_right(const struct column * c)
{
	return (!c->texts && (c->numbers || c->declared_number));
}

static size_t
natural(const struct column * c)
{
	return (c->name_width > c->cell_width ? c->name_width : c->cell_width);
}

/* How narrow a column may become: numbers are not cut, only their names. */
static size_t
least(const struct column * c)
{
	size_t w = natural(c);

	if (is_right(c) && c->cell_width > 0)
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
	struct column * c;

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

static void
layout(struct table * t)
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

static void
add_times(struct buf * out, const char * s, size_t n)
{
	while (n-- > 0 && !out->failed)
		buf_adds(out, s);
}

/* Append visible text in exactly ${w} cells, cut or padded. */
static void
add_fitted(const struct table * t, struct buf * out, const char * s, size_t len,
    size_t width, size_t w, int right, const char * style)
{
	size_t i = 0, n, used = 0, cw;
	int x;

	if (right && width < w)
		add_times(out, " ", w - width);
	if (style != NULL && t->o.color)
		buf_adds(out, style);
	if (width <= w) {
		buf_add(out, s, len);
		used = width;
	} else if (w > 0) {
		for (; i < len; i += n, used += cw) {
			n = utf8_seq(s + i, len - i);
			x = wcwidth((wchar_t)code_point(s + i, n));
			cw = x > 0 ? (size_t)x : 0;
			if (used + cw > w - 1)
				break;
		}
		buf_add(out, s, i);
		buf_adds(out, t->o.utf8 ? "\xe2\x80\xa6" : "~");
		used++;
	}
	if (style != NULL && t->o.color)
		buf_adds(out, "\033[0m");
	if (!right || width > w)
		add_times(out, " ", w - used);
}

static void
draw_rule(const struct table * t, struct buf * out, enum rule r)
{
	static const char * const joints[3][3] = {
		{ "\xe2\x94\x8c", "\xe2\x94\xac", "\xe2\x94\x90" },
		{ "\xe2\x94\x9c", "\xe2\x94\xbc", "\xe2\x94\xa4" },
		{ "\xe2\x94\x94", "\xe2\x94\xb4", "\xe2\x94\x98" },
	};
	const char * dash = t->o.utf8 ? "\xe2\x94\x80" : "-";
	size_t i;

	for (i = 0; i < t->ncols; i++) {
		buf_adds(out, t->o.utf8 ? joints[r][i > 0] : "+");
		add_times(out, dash, t->cols[i].width + 2);
	}
	buf_adds(out, t->o.utf8 ? joints[r][2] : "+");
	buf_addc(out, '\n');
}

static void
draw_head(const struct table * t, struct buf * out)
{
	const char * bar = t->o.utf8 ? "\xe2\x94\x82" : "|";
	const struct column * c;
	size_t i;

	draw_rule(t, out, RULE_TOP);
	for (i = 0; i < t->ncols; i++) {
		c = &t->cols[i];
		buf_addf(out, "%s ", bar);
		add_fitted(t, out, c->name, c->len, c->name_width, c->width,
		    is_right(c), "\033[1m");
		buf_addc(out, ' ');
	}
	buf_addf(out, "%s\n", bar);
	draw_rule(t, out, RULE_MID);
}

static void
draw_row(const struct table * t, const struct cell * row, struct buf * out)
{
	const char * bar = t->o.utf8 ? "\xe2\x94\x82" : "|";
	const struct cell * c;
	size_t i;

	for (i = 0; i < t->ncols; i++) {
		c = &row[i];
		buf_addf(out, "%s ", bar);
		add_fitted(t, out, t->text.p + c->off, c->len, c->width,
		    t->cols[i].width, is_right(&t->cols[i]),
		    c->kind == TABLE_NULL ? "\033[2m" : NULL);
		buf_addc(out, ' ');
	}
	buf_addf(out, "%s\n", bar);
}

/* How many bytes of ${s} fit in ${w} cells, at least one character. */
static size_t
bytes_within(const char * s, size_t len, size_t w)
{
	size_t i = 0, n, used = 0;
	int x;

	for (; i < len; i += n) {
		n = utf8_seq(s + i, len - i);
		x = wcwidth((wchar_t)code_point(s + i, n));
		used += x > 0 ? (size_t)x : 0;
		if (used > w && i > 0)
			break;
	}
	return (i);
}

/* A value whole, over as many lines as it needs. */
static void
add_whole(const struct table * t, struct buf * out, const struct cell * c,
    size_t room, const char * bar)
{
	const char * p = t->text.p + c->off, * end = p + c->len;
	size_t n;

	for (;;) {
		n = room == 0 ? (size_t)(end - p) :
		    bytes_within(p, (size_t)(end - p), room);
		buf_add(out, p, n);
		if ((p += n) == end)
			return;
		buf_addc(out, '\n');
		add_times(out, " ", t->names_width);
		buf_addf(out, " %s ", bar);
	}
}

/* One row as a block: a line a column, or more where values are whole. */
static void
draw_block(const struct table * t, const struct cell * row, struct buf * out)
{
	const char * dash = t->o.utf8 ? "\xe2\x94\x80" : "-";
	const char * bar = t->o.utf8 ? "\xe2\x94\x82" : "|";
	size_t i, room, from = out->len;
	const struct column * col;
	const struct cell * c;

	buf_addf(out, "[ row %ju ]", (uintmax_t)t->drawn_rows);
	room = t->o.width > 0 ? t->o.width : PIPE_RULE;
	if (out->len - from < room)
		add_times(out, dash, room - (out->len - from));
	buf_addc(out, '\n');
	room = t->names_width + 4 < t->o.width ?
	    t->o.width - t->names_width - 3 : t->o.width > 0;
	for (i = 0; i < t->ncols; i++) {
		c = &row[i];
		col = &t->cols[i];
		add_fitted(t, out, col->name, col->len, col->name_width,
		    t->names_width, 0, "\033[1m");
		buf_addf(out, " %s ", bar);
		if (t->o.shape != TABLE_CUT && c->kind != TABLE_NULL)
			add_whole(t, out, c, room, bar);
		else
			add_fitted(t, out, t->text.p + c->off, c->len,
			    c->width, c->width < room || room == 0 ? c->width :
			    room, 0, c->kind == TABLE_NULL ? "\033[2m" : NULL);
		buf_addc(out, '\n');
	}
}

int
table_draw(struct table * t, struct buf * out)
{
	size_t i, rows = table_held(t);

	if (!t->drawn) {
		layout(t);
		if (!t->blocks)
			draw_head(t, out);
	}
	for (i = 0; i < rows && !out->failed; i++) {
		t->drawn_rows++;
		if (t->blocks)
			draw_block(t, &t->cells[i * t->ncols], out);
		else
			draw_row(t, &t->cells[i * t->ncols], out);
	}
	t->ncells = 0;
	buf_clear(&t->text);
	return (out->failed ? -1 : 0);
}

int
table_end(struct table * t, struct buf * out)
{
	if (table_draw(t, out))
		return (-1);
	if (!t->blocks)
		draw_rule(t, out, RULE_END);
	return (out->failed ? -1 : 0);
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
