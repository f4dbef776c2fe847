#ifndef MOLTLER_TARGET_SAMPLE_STORE_H
#define MOLTLER_TARGET_SAMPLE_STORE_H

#include <stdint.h>

#include "base/err.h"
#include "base/sample.h"
#include "loop/loop.h"

/*
 * Where samples land: one SQLite file a database, in it one table of ticks for
 * all sample tables of that database.  A tick is one row (source, at, layout,
 * values); ticks that end close together share a transaction.
 */
struct sample_store;
struct sample_source;

/**
 * sample_store_open(L, path, e):
 * Open or make the database file ${path}.  Errors: config (not a moltler
 * database, a newer format), transient (busy, I/O).  A checkpoint helper
 * thread with a connection of its own keeps the WAL short.
 */
struct sample_store * sample_store_open(struct loop * L, const char * path,
    struct err * e);

/** sample_store_close(S): Commit what is pending, call back, close.  NULL: no-op.  Sources must be closed. */
void sample_store_close(struct sample_store * S);

/**
 * sample_source_open(S, table, name, e):
 * The source ${name} (a connector) of table ${table}, made if absent.
 */
struct sample_source * sample_source_open(struct sample_store * S,
    const char * table, const char * name, struct err * e);

/**
 * sample_source_close(src): Let go of it; a source opened twice is closed twice.
 * A tick on its way is still committed, but its callback no longer runs.  NULL:
 * no-op.
 */
void sample_source_close(struct sample_source * src);

/** sample_source_layout(src): What its last tick looked like (borrowed; NULL if none yet). */
struct sample_layout * sample_source_layout(const struct sample_source * src);

/** sample_source_last_at(src): The last tick's time in ms, or INT64_MIN. */
int64_t sample_source_last_at(const struct sample_source * src);

/** sample_source_retain(src, ms): Keep ticks younger than that (0: all); what is older is deleted in small steps. */
void sample_source_retain(struct sample_source * src, int64_t ms);

/**
 * sample_source_append(src, at_ms, fence, page, cb, arg):
 * Store one tick, whole or not at all.  ${page} is borrowed until this
 * returns; its diff is against sample_source_layout(src) (or the diff is a
 * full list when that is NULL).  ${cb} runs once after the group commit (some
 * 50 ms), from the loop; on success ${e} is NULL.  A tick already there for
 * ${at_ms}: nothing is stored, success.  Errors: Transient (busy, disk full
 * "disk_full", I/O); Permanent "fenced" when ${fence} is older than the last
 * one seen for the source.  After an error the source stands where it stood:
 * sample_source_layout() too, so decode the next page of a source only when its
 * last append has called back.
 */
void sample_source_append(struct sample_source * src, int64_t at_ms,
    int64_t fence, const struct sample_page * page,
    void (*cb)(void * arg, const struct err * e), void * arg);

/** sample_store_wal(S, pages): Another connection of ours committed to the file,
 * and its log has ${pages} pages now: it is synced and moved into the file as
 * after a commit of the store's own.  1: somebody waits for the writer's lock to
 * do so, and who writes all the time should rest for some milliseconds; else 0. */
int sample_store_wal(struct sample_store * S, int pages);

/** sample_store_sync(S, cb, arg): Everything committed to the file by now is to
 * outlive a power failure: the helper syncs the log.  ${cb} is called once, from
 * the loop, with 0 or an errno.  One wish at a time: another takes the place of
 * the one before; ${cb} NULL: nobody waits any more. */
typedef void sample_sync_cb(void * arg, int why);
void sample_store_sync(struct sample_store * S, sample_sync_cb * cb,
    void * arg);

struct sample_store_stats {
	uint64_t ticks, samples, commits, layouts;
	uint64_t bytes_values; /* of the values blobs written */
};
void sample_store_stats_get(const struct sample_store * S,
    struct sample_store_stats * st);

/*
 * Reading: a virtual table timestamp TEXT, name TEXT, value REAL, labels TEXT
 * (JSON), and hidden source TEXT, over what is committed.
 */
struct sqlite3;

/**
 * sample_vtab_register(db): Register the module "moltler_samples" on ${db}
 * (the statement's own connection).  Then
 *   CREATE VIRTUAL TABLE s.t USING moltler_samples('<file>', '<table>')
 * reads that table through a read-only connection of its own, with timestamp
 * (=, <, <=, >, >=), name (=, IN), source (=) pushed down.  0 or -1.
 */
int sample_vtab_register(struct sqlite3 * db);

#endif
