#ifndef MOLTLER_TARGET_TARGETS_H
#define MOLTLER_TARGET_TARGETS_H

#include <stddef.h>

#include "base/err.h"
#include "loop/loop.h"
#include "target/sample_store.h"

/*
 * The SQLite targets of this node: one file a database, <dir>/<database>.db.
 */
struct targets;

/* Where rows go when only a table is named. */
#define TARGETS_DEFAULT "moltler"

/** targets_database_ok(s): Letters, digits and _, beginning with a letter, at
 * most 64, and no name SQLite has taken (main, temp).
 * targets_table_ok(s): Letters, digits, _, - and ., beginning with a letter or
 * _, at most 128. */
int targets_database_ok(const char * s);
int targets_table_ok(const char * s);

/** targets_new(L, dir, e): The databases below ${dir}, which is made if absent. */
struct targets * targets_new(struct loop * L, const char * dir,
    struct err * e);

/** targets_free(t): Close all; their sources must be closed.  NULL: no-op. */
void targets_free(struct targets * t);

/**
 * targets_source(t, database, table, name, e):
 * Open the source ${name} of ${database}.${table}, making what is not there; a
 * name that is there in another case is that one.  The caller closes the source
 * with sample_source_close.  NULL with ${e}.
 */
struct sample_source * targets_source(struct targets * t,
    const char * database, const char * table, const char * name,
    struct err * e);

/**
 * targets_find(t, table, cb, arg):
 * Call ${cb} for each database that has a table of that name (in any case), with
 * the database's file and the table's name as it is written.  Names are case
 * insensitive, as SQLite's are.
 */
void targets_find(const struct targets * t, const char * table,
    void (*cb)(void * arg, const char * database, const char * path,
    const char * table), void * arg);

/** targets_each_table(t, cb, arg): Call for every table there is, until ${cb}
 * returns non-zero. */
void targets_each_table(const struct targets * t, int (*cb)(void * arg,
    const char * database, const char * table), void * arg);

/** targets_is_rows(t, database, table): Whether that table holds rows (rows.h), not
 * samples. */
int targets_is_rows(const struct targets * t, const char * database,
    const char * table);

/** targets_each_store(t, cb, arg): Call for every open store (statistics). */
void targets_each_store(struct targets * t, void (*cb)(void * arg,
    const char * database, const struct sample_store_stats * st), void * arg);

#endif
