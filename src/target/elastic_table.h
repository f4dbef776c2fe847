#ifndef MOLTLER_TARGET_ELASTIC_TABLE_H
#define MOLTLER_TARGET_ELASTIC_TABLE_H

#include "base/err.h"
#include "conn/connector.h"
#include "loop/loop.h"
#include "target/elastic.h"

/*
 * An index, or what a pattern matches, as a table: its columns are asked of the
 * cluster and known for a minute.
 */
struct elastic_table;

/**
 * Called once, never before elastic_table_ask() returns.  ${c} (borrowed): its
 * manifest's first entity is the table.  Else NULL and ${e}: config "no_index":
 * there is none; and what the cluster says, naming the pattern.
 */
typedef void elastic_table_cb(void * arg, struct connector * c,
    const struct err * e);

/** elastic_table_ask(L, el, pattern, cb, arg): NULL only when out of memory.
 * elastic_table_leave(t): No callback any more.  NULL: no-op. */
struct elastic_table * elastic_table_ask(struct loop * L, struct elastic * el,
    const char * pattern, elastic_table_cb * cb, void * arg);
void elastic_table_leave(struct elastic_table * t);

/** elastic_table_name_ok(s): Whether it can be the name of an index, an alias or,
 * with *, a pattern. */
int elastic_table_name_ok(const char * s);

/** elastic_table_cleanup(): Forget what is known; at exit, and for tests. */
void elastic_table_cleanup(void);

#endif
