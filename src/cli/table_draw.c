/* Rows with lines around them, or a block each. */
#include "cli/table_internal.h"

#include "base/utf8.h"
#include "cli/table.h"
#include "cli/table_text.h"

/* How long the line between blocks is where there is no terminal. */
#define PIPE_RULE 40

enum rule { RULE_TOP, RULE_MID, RULE_END };

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
			cw = table_text_width(s + i, n);
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
	const struct table_column * c;
	size_t i;

	draw_rule(t, out, RULE_TOP);
	for (i = 0; i < t->ncols; i++) {
		c = &t->cols[i];
		buf_addf(out, "%s ", bar);
		add_fitted(t, out, c->name, c->len, c->name_width, c->width,
		    table_is_right(c), "\033[1m");
		buf_addc(out, ' ');
	}
	buf_addf(out, "%s\n", bar);
	draw_rule(t, out, RULE_MID);
}

static void
draw_row(const struct table * t, const struct table_cell * row,
    struct buf * out)
{
	const char * bar = t->o.utf8 ? "\xe2\x94\x82" : "|";
	const struct table_cell * c;
	size_t i;

	for (i = 0; i < t->ncols; i++) {
		c = &row[i];
		buf_addf(out, "%s ", bar);
		add_fitted(t, out, t->text.p + c->off, c->len, c->width,
		    t->cols[i].width, table_is_right(&t->cols[i]),
		    c->kind == TABLE_NULL ? "\033[2m" : NULL);
		buf_addc(out, ' ');
	}
	buf_addf(out, "%s\n", bar);
}

/* A value whole, over as many lines as it needs. */
static void
add_whole(const struct table * t, struct buf * out, const struct table_cell * c,
    size_t room, const char * bar)
{
	const char * p = t->text.p + c->off, * end = p + c->len;
	size_t n;

	for (;;) {
		n = room == 0 ? (size_t)(end - p) :
		    table_text_within(p, (size_t)(end - p), room);
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
draw_block(const struct table * t, const struct table_cell * row,
    struct buf * out)
{
	const char * dash = t->o.utf8 ? "\xe2\x94\x80" : "-";
	const char * bar = t->o.utf8 ? "\xe2\x94\x82" : "|";
	size_t i, room, from = out->len;
	const struct table_column * col;
	const struct table_cell * c;

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
		table_layout(t);
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
