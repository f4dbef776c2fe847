#ifndef MOLTLER_CLI_TABLE_INTERNAL_H
#define MOLTLER_CLI_TABLE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/table.h"

/* What table.c (rows held, and how wide columns are) and table_draw.c share; nobody
 * else includes this. */

struct table_cell {
	size_t off;
	size_t len;
	size_t width;
	enum table_kind kind;
};

struct table_column {
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
	struct table_column * cols;
	struct buf text;    /* the escaped cells, end to end */
	struct table_cell * cells;
	size_t ncells, cap;
	size_t names_width; /* of blocks */
	uint64_t drawn_rows;
	int drawn;
	int blocks;
};

/** table_layout(t): Fix the shape and the columns' widths, by the rows held. */
void table_layout(struct table * t);

/** table_is_right(c): Whether its cells stand on the right. */
int table_is_right(const struct table_column * c);

#endif
