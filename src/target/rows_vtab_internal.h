#ifndef MOLTLER_TARGET_ROWS_VTAB_INTERNAL_H
#define MOLTLER_TARGET_ROWS_VTAB_INTERNAL_H

#include <sqlite3.h>

#include "target/rows_internal.h"

/* What rows_vtab.c, rows_file.c, rows_cursor.c and rows_plan.c share. */

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

/** rows_file_get(all, path, out, msg): The file at ${path} in the statement's ${all},
 * opened if need be: a reference.  An SQLite code, with ${msg} (sqlite3_free it).
 * rows_file_put(all, f): Give it back; the last one closes it.  NULL: no-op. */
int rows_file_get(struct rows_file ** all, const char * path,
    struct rows_file ** out, char ** msg);
void rows_file_put(struct rows_file ** all, struct rows_file * f);

/** rows_file_collate(db): ${db} knows ROWS_INSTANT.  An SQLite code. */
int rows_file_collate(sqlite3 * db);

/* rows_cursor.c: the module's methods of a scan. */
int rows_cursor_open(sqlite3_vtab * base, sqlite3_vtab_cursor ** out);
int rows_cursor_close(sqlite3_vtab_cursor * base);
int rows_cursor_filter(sqlite3_vtab_cursor * base, int idx, const char * what,
    int n, sqlite3_value ** v);
int rows_cursor_next(sqlite3_vtab_cursor * base);
int rows_cursor_eof(sqlite3_vtab_cursor * base);
int rows_cursor_column(sqlite3_vtab_cursor * base, sqlite3_context * ctx,
    int col);
int rows_cursor_rowid(sqlite3_vtab_cursor * base, sqlite3_int64 * out);

/** rows_plan_best(v, info): xBestIndex.  idxStr: the SQL to run; idxNum: bits of
 * the arguments that, being numbers, make it a second one, behind a newline. */
int rows_plan_best(struct rows_vtab * v, sqlite3_index_info * info);

/** rows_plan_is_time(c): Whether a column holds timestamps. */
int rows_plan_is_time(const struct rows_column * c);

#endif
