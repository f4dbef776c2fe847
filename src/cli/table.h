#ifndef MOLTLER_CLI_TABLE_H
#define MOLTLER_CLI_TABLE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * A table drawn with lines, for people.  Rows are held until the first draw
 * fixes the columns' widths; later rows are drawn with these and cut where they
 * do not fit.  Widths are those of the terminal's cells (wcwidth), so
 * setlocale() must have been called with a UTF-8 locale for text beyond ASCII.
 * Control characters, bidirectional overrides and bytes that are not UTF-8 are
 * shown as escapes (\n, \t, \x1b, \u202e), so data cannot drive the terminal.
 */
struct table;

/* A row a line, or a row a block of lines "name, value": where nothing else
 * fits; where cells would be cut; always, with values whole and over several
 * lines. */
enum table_shape { TABLE_CUT, TABLE_WHOLE, TABLE_BLOCKS };

struct table_opts {
	size_t width; /* of the terminal, in cells; 0: no limit */
	int utf8;     /* lines and the sign for a cut cell beyond ASCII */
	int color;    /* a bold head and a dim NULL */
	enum table_shape shape;
};

enum table_kind { TABLE_TEXT, TABLE_NUMBER, TABLE_NULL };

/** table_new(o, n): A table of ${n} > 0 columns; NULL when out of memory. */
struct table * table_new(const struct table_opts * o, size_t n);

/**
 * table_head(t, i, name, len, number):
 * Name column ${i}; ${number}: right-aligned if no row says otherwise.  Before
 * the first draw.  0, or -1 when out of memory.
 */
int table_head(struct table * t, size_t i, const char * name, size_t len,
    int number) MUST_CHECK;

/**
 * table_cell(t, kind, s, len):
 * Add the next cell (of the next row after each n), the bytes copied; ${s} is
 * not looked at for TABLE_NULL.  0, or -1 when memory or its bound is reached.
 */
int table_cell(struct table * t, enum table_kind kind, const char * s,
    size_t len) MUST_CHECK;

/** table_held(t): Rows not drawn yet.  table_bytes(t): What they hold. */
size_t table_held(const struct table * t);
size_t table_bytes(const struct table * t);

/** table_is_drawn(t): Whether the widths are fixed. */
int table_is_drawn(const struct table * t);

/**
 * table_draw(t, out):
 * Append the head, the first time, and the rows held; forget these.  Only
 * between rows.
 * The first draw also decides the shape.  0, or -1 with ${out}->failed.
 */
int table_draw(struct table * t, struct buf * out) MUST_CHECK;

/** table_end(t, out): table_draw, then the closing line. */
int table_end(struct table * t, struct buf * out) MUST_CHECK;

/** table_free(t): NULL is a no-op. */
void table_free(struct table * t);

#endif
