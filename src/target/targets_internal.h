#ifndef MOLTLER_TARGET_TARGETS_INTERNAL_H
#define MOLTLER_TARGET_TARGETS_INTERNAL_H

#include <stddef.h>

#include "target/targets.h"

/* What targets.c and rows*.c share. */

/* The table that lists the tables of rows in a database's file. */
#define TARGETS_ROWS_LIST "_moltler_rows"

enum targets_kind { TARGETS_NONE, TARGETS_SAMPLES, TARGETS_ROWS };

/** targets_kind(t, database, table, spelled): What is there under that name; then
 * ${*spelled} (may be NULL) is how it is written. */
enum targets_kind targets_kind(const struct targets * t,
    const char * database, const char * table, const char ** spelled);

/** targets_store(t, database, name, path, cap, e): The database's store, opened
 * if it was not: it makes the file and checkpoints its log.  ${*name} (borrowed)
 * and ${path} are the file's.  NULL with ${e}. */
struct sample_store * targets_store(struct targets * t, const char * database,
    const char ** name, char * path, size_t cap, struct err * e);

/** targets_note_rows(t, database, table, e): There is such a table from now on. */
int targets_note_rows(struct targets * t, const char * database,
    const char * table, struct err * e) MUST_CHECK;

/** targets_rows(t): The connections of writers, rows_db.c's. */
struct rows_db;
struct rows_db ** targets_rows(struct targets * t);

#endif
