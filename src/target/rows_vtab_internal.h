#ifndef MOLTLER_TARGET_ROWS_VTAB_INTERNAL_H
#define MOLTLER_TARGET_ROWS_VTAB_INTERNAL_H

#include <sqlite3.h>

#include "target/rows_internal.h"

/* What rows_vtab.c and rows_plan.c share. */

/* The collation of times, as query's. */
#define ROWS_INSTANT "moltler_instant"

/* A file that a statement reads: one connection for all its tables. */
struct rows_file {
	struct rows_file * next;
	char * path;
	sqlite3 * db;
	unsigned refs, cursors; /* cursors within the one snapshot */
};

struct rows_vtab {
	sqlite3_vtab base;
	struct rows_file ** files;
	struct rows_file * file;
	char * table;
	struct rows_table t;  /* without our columns */
	double estimate;      /* rows */
};

/** rows_plan_best(v, info): xBestIndex.  idxStr: the SQL to run; idxNum: bits of
 * the arguments that, being numbers, make it a second one, behind a newline. */
int rows_plan_best(struct rows_vtab * v, sqlite3_index_info * info);

/** rows_plan_is_time(c): Whether a column holds timestamps. */
int rows_plan_is_time(const struct rows_column * c);

#endif
