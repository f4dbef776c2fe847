#ifndef MOLTLER_SYNC_SYNC_RUN_H
#define MOLTLER_SYNC_SYNC_RUN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/connector.h"
#include "loop/loop.h"
#include "state/state.h"
#include "sync/sync_def.h"
#include "target/writer.h"

/*
 * One run of one sync: claim, cursor, and for each entity (a leg): open the
 * target, read, write, commit; then the verdict.  A state machine: CLAIM, CURSOR,
 * OPEN, READ, DRAIN, COMMIT, SWEEP, RELEASE, DONE.
 */
struct sync_run;

enum sync_verdict {
	SYNC_COMPLETE,
	SYNC_PARTIAL,  /* all went well, but it was not all: the reason says */
	SYNC_FAILED,
	SYNC_IDLE      /* another daemon has it, or has done this bucket */
};

struct sync_progress {
	const char * entity;    /* now; borrowed */
	uint64_t legs_done, legs;
	uint64_t pages, calls, retries;
	uint64_t rows;          /* read */
	uint64_t written;       /* acknowledged */
	uint64_t rejected, deleted;
	int64_t total;          /* what the service says there is; -1: it does not */
	int64_t started_ms;     /* since 1970 */
	double rate;            /* rows acknowledged a second, lately */
	int64_t last_progress_ms; /* when a page or an acknowledgement last came */
};

struct sync_result {
	enum sync_verdict verdict;
	char reason[400];       /* why it is not complete; "" */
	struct err e;           /* of SYNC_FAILED: its class says what next */
	struct sync_progress p; /* at the end; written is documents_synced */
	int64_t fence;
	int64_t took_ms;
	int64_t cursor_ms;      /* the (oldest) cursor's time since 1970 if it is a
	                           time, else 0 */
};

/* Borrowed for the run's life. */
struct sync_run_env {
	struct loop * loop;
	struct state * state;
	const struct conn_env * conn;
	int64_t lease_ms;       /* kept every third of it */
	size_t query_memory;    /* of the reading statement; 0: query.h's */
	/* Open the target of one leg (rows_writer_open or elastic_writer_open). */
	struct writer * (*open)(void * arg, const struct sync_def * d,
	    const struct writer_spec * spec, const struct writer_events * ev,
	    struct err * e);
	void * arg;
};

/* Flags. */
#define SYNC_RUN_MANUAL 1   /* although the bucket may be done */
#define SYNC_RUN_FULL 2     /* although it is incremental: read all */
#define SYNC_RUN_REFRESH 4  /* somebody waits: make the rows visible at once */

/** Called once, from the loop; the run is gone after it. */
typedef void sync_run_cb(void * arg, const struct sync_result * r);

/**
 * sync_run_start(env, d, c, bucket, flags, progress, cb, arg):
 * Begin.  ${d} and ${c} are referenced; ${bucket} is when it was due (ms since
 * 1970; that it is done is noted with the cursor).  ${progress} (may be NULL) is
 * called when something moved, at most every 200 ms.  NULL only when out of
 * memory.
 */
struct sync_run * sync_run_start(const struct sync_run_env * env,
    struct sync_def * d, struct connector * c, int64_t bucket, unsigned flags,
    void (*progress)(void * arg, const struct sync_progress * p),
    sync_run_cb * cb, void * arg);

/**
 * sync_run_cancel(r, why): End it soon: nothing more is read; what is acknowledged
 * is committed if the lease is still ours.  The callback still comes: failed,
 * class Cancelled, with ${why} as its message.
 */
void sync_run_cancel(struct sync_run * r, const char * why);

/** sync_run_holds(r): The fence of its claim, if it has that and something to do; 0. */
int64_t sync_run_holds(const struct sync_run * r);
const char * sync_run_state_name(const struct sync_run * r);
void sync_run_progress(const struct sync_run * r, struct sync_progress * p);

/**
 * sync_run_say(d, c, i, record, sql, e): The SELECT that a run would read entity
 * ${i} with, appended to ${sql}; ${record} is the cursor's, or NULL.  What a service
 * would make of the WHERE is not asked.  ${*by_token}: whether it may be by the
 * service's tokens; then, whether it is.
 */
int sync_run_say(struct sync_def * d, struct connector * c, size_t i,
    const json_t * record, int * by_token, struct buf * sql, struct err * e)
    MUST_CHECK;

/** sync_verdict_name(v): "complete", "partial", "failed", "idle". */
const char * sync_verdict_name(enum sync_verdict v);

/*
 * The cursor's record (state.h's cursor of the sync's id), an object:
 *   "bucket": the last one done (ms), "run": the fence it was done under,
 *   "<entity>": {"column", "value" (as rows show it), "ids": [hash64 in hex of the
 *     whole rows whose cursor value is that one; at most 1000, else none], "salt": what these are made under,
 *     "resume": what leads on after rows acknowledged in a run that did not end,
 *     or absent,
 *     by the service's tokens: "gen", "tokens": how many parts have one, "oldest":
 *     when the oldest was told (sync_token.h); and "value": when all were read last,
 *     "parts": which parts the last whole run read, 12 hex digits each, or absent}.
 */

#endif
