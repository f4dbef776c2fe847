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

/** targets_samples(t, database, e): The open sample store of a database
 * (borrowed), opened or made if need be.  NULL with ${e}. */
struct sample_store * targets_samples(struct targets * t,
    const char * database, struct err * e);

/**
 * targets_each_table(t, cb, arg):
 * Call ${cb} for every table of every database there is, open or not, until it
 * returns non-zero.
 */
void targets_each_table(struct targets * t, int (*cb)(void * arg,
    const char * database, const char * path, const char * table), void * arg);

/** targets_each_store(t, cb, arg): Call for every open store (statistics). */
void targets_each_store(struct targets * t, void (*cb)(void * arg,
    const char * database, const struct sample_store_stats * st), void * arg);

#endif
