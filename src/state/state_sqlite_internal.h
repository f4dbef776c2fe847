#ifndef MOLTLER_STATE_STATE_SQLITE_INTERNAL_H
#define MOLTLER_STATE_STATE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "state/state.h"
#include "state/state_done.h"
#include "state/state_json.h"
#include "state/state_lease.h"
#include "state/state_pend.h"

enum state_sqlite_id {
	SQ_BEGIN, SQ_COMMIT, SQ_META_GET, SQ_META_PUT,
	SQ_RECORD_PUT, SQ_RECORD_NEW, SQ_RECORD_GET, SQ_RECORD_LIST,
	SQ_RECORD_DEL,
	SQ_STATUS_GET, SQ_STATUS_PUT, SQ_STATUS_DEL,
	SQ_EVENT_LAST, SQ_EVENT_ADD, SQ_EVENT_TRIM, SQ_EVENT_LIST,
	SQ_EVENT_DEL,
	SQ_CURSOR_GET, SQ_CURSOR_PUT, SQ_CURSOR_DEL,
	SQ_PART_LIST, SQ_PART_PUT, SQ_PART_DEL, SQ_PARTS_DEL,
	SQ_ACTION_GET, SQ_ACTION_PUT, SQ_ACTION_LIST, SQ_ACTION_TRIM,
	SQ_CACHE_GET, SQ_CACHE_PUT, SQ_CACHE_DEL, SQ_CACHE_EXPIRED,
	SQ_CACHE_EVICT, SQ_CACHE_SIZE,
	SQ_N
};

struct state_sqlite_checkpoint;

struct state_sqlite {
	struct state state; /* first */
	struct loop * loop;
	char * path;
	char * node;
	int lock_fd;
	sqlite3 * db;
	sqlite3_stmt * stmt[SQ_N];
	struct state_sqlite_checkpoint * checkpoint;
	struct state_dones dones;

	/* state_sqlite_batch.c */
	int in_tx;
	int tx_durable;
	int sync_full; /* what the connection is set to now */
	struct soon commit_soon;
	struct state_done * held, ** held_tail;
	int64_t generation;
	int generation_dirty;

	/* state_sqlite_status.c */
	struct state_pend pend;
	int told_failed;
	struct state_done * flushers;
	size_t nbase;

	/* state_sqlite_lease.c */
	struct state_leases leases;
	int64_t fence_next, fence_end;

	/* state_sqlite_limit.c */
	struct state_map limits;
	size_t limit_sweep;

	/* state_sqlite_action.c */
	unsigned actions_new; /* since the last were taken away */

	/* state_sqlite_cache.c */
	int64_t cache_bytes;
	json_t * node_info;
	int64_t node_until_us;
};

/* state_sqlite_db.c: the file. */
int state_sqlite_db_open(struct state_sqlite * S, struct err * e) MUST_CHECK;
void state_sqlite_db_close(struct state_sqlite * S);
/** state_sqlite_db_err(S, what, e): Classify SQLite's last error. */
int state_sqlite_db_err(struct state_sqlite * S, const char * what,
    struct err * e);
/** state_sqlite_db_get(S, id): The statement, reset and unbound. */
sqlite3_stmt * state_sqlite_db_get(struct state_sqlite * S,
    enum state_sqlite_id id);
/** state_sqlite_db_run(S, st, what, e): Step a statement that gives no rows
 * to its end and reset it. */
int state_sqlite_db_run(struct state_sqlite * S, sqlite3_stmt * st,
    const char * what, struct err * e) MUST_CHECK;
/** state_sqlite_db_json(st, col): The value in a column, or NULL. */
json_t * state_sqlite_db_json(sqlite3_stmt * st, int col);
/** state_sqlite_db_bind(st, i, s): Bind a C string (borrowed). */
void state_sqlite_db_bind(sqlite3_stmt * st, int i, const char * s);
/** state_sqlite_db_meta(S, key, v, e), _meta_put: A number that is kept. */
int state_sqlite_db_meta(struct state_sqlite * S, const char * key,
    int64_t * v, struct err * e) MUST_CHECK;
int state_sqlite_db_meta_put(struct state_sqlite * S, const char * key,
    int64_t v, struct err * e) MUST_CHECK;

/*
 * state_sqlite_batch.c: what is written in one turn of the loop shares one
 * transaction.  begin: be in one, a durable one (its commit waits for the
 * disk) if asked.  hold: ${d} is done when it commits.  fail: roll it back and
 * fail all that it holds, ${d} too.  commit: end it now.
 */
int state_sqlite_batch_begin(struct state_sqlite * S, int durable,
    struct err * e) MUST_CHECK;
void state_sqlite_batch_hold(struct state_sqlite * S, struct state_done * d);
void state_sqlite_batch_fail(struct state_sqlite * S, struct state_done * d,
    const struct err * e);
int state_sqlite_batch_commit(struct state_sqlite * S, struct err * e);

/* state_sqlite_checkpoint.c: a thread that moves the log into the file. */
int state_sqlite_checkpoint_start(struct state_sqlite * S, struct err * e)
    MUST_CHECK;
void state_sqlite_checkpoint_stop(struct state_sqlite * S);

/* The calls of the table, by file. */
void state_sqlite_record_put(struct state *, const char *, const char *,
    const json_t *, int, state_cb *, void *);
void state_sqlite_record_get(struct state *, const char *, const char *,
    state_cb *, void *);
void state_sqlite_record_list(struct state *, const char *, state_cb *,
    void *);
void state_sqlite_record_del(struct state *, const char *, const char *,
    state_cb *, void *);
void state_sqlite_record_generation(struct state *, state_cb *, void *);
void state_sqlite_record_changes(struct state *, const char *, state_cb *,
    void *);

void state_sqlite_action_put(struct state *, const char *, const json_t *, int,
    state_cb *, void *);
void state_sqlite_action_get(struct state *, const char *, state_cb *, void *);
void state_sqlite_action_list(struct state *, const char *, int, state_cb *,
    void *);

void state_sqlite_status_put(struct state *, const char *, const json_t *);
void state_sqlite_status_get(struct state *, const char *, state_cb *,
    void *);
void state_sqlite_status_event_add(struct state *, const char *,
    const json_t *);
void state_sqlite_status_event_list(struct state *, const char *, int,
    state_cb *, void *);
void state_sqlite_status_flush(struct state *, state_cb *, void *);
/** state_sqlite_status_forget(S, name): The connector was deleted. */
void state_sqlite_status_forget(struct state_sqlite * S, const char * name);
/** state_sqlite_status_run(S): Write one turn's share of what is held back.
 * state_sqlite_status_all(S, e): Write all of it. */
void state_sqlite_status_run(void * S);
int state_sqlite_status_all(struct state_sqlite * S, struct err * e)
    MUST_CHECK;

void state_sqlite_lease_take(struct state *, const char *, int64_t, int64_t,
    state_lease_cb *, void *);
void state_sqlite_lease_keep(struct state *, const char *, int64_t, int64_t,
    int64_t, state_lease_cb *, void *);
void state_sqlite_lease_drop(struct state *, const char *, int64_t, int64_t,
    state_cb *, void *);
/** state_sqlite_lease_reserve(S, e): Set a block of fences aside, durably. */
int state_sqlite_lease_reserve(struct state_sqlite * S, struct err * e)
    MUST_CHECK;

void state_sqlite_cursor_get(struct state *, const char *, state_cb *,
    void *);
void state_sqlite_cursor_put(struct state *, const char *, int64_t,
    const json_t *, state_cb *, void *);
void state_sqlite_parts_get(struct state *, const char *, state_cb *, void *);
void state_sqlite_parts_put(struct state *, const char *, int64_t,
    const json_t *, const json_t *, state_cb *, void *);
/** state_sqlite_parts_write(S, sync, parts, e): Within a batch: as parts_put says. */
int state_sqlite_parts_write(struct state_sqlite * S, const char * sync,
    const json_t * parts, struct err * e) MUST_CHECK;

int state_sqlite_cache_init(struct state_sqlite * S, struct err * e)
    MUST_CHECK;
void state_sqlite_cache_get(struct state *, const char *, state_cb *, void *);
void state_sqlite_cache_put(struct state *, const char *, const json_t *,
    int64_t, state_cb *, void *);
void state_sqlite_limit_take(struct state *, const char *, double, double, double,
    state_wait_cb *, void *);
void state_sqlite_limit_clear(struct state_sqlite * S);
void state_sqlite_cache_node_beat(struct state *, const json_t *, int64_t);
void state_sqlite_cache_node_list(struct state *, state_cb *, void *);

#endif
