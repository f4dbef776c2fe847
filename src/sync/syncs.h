#ifndef MOLTLER_SYNC_SYNCS_H
#define MOLTLER_SYNC_SYNCS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/conn_env.h"
#include "loop/loop.h"
#include "run/runner.h"
#include "state/state.h"
#include "sync/sync_run.h"
#include "target/elastic.h"
#include "target/targets.h"

/*
 * All syncs of rows: what is defined, when it is due, who runs it.  (Scrapes of
 * samples are the runner's.)
 *
 * Each due run is done by one daemon: the one that rendezvous hashing over the
 * living nodes gives the sync to takes the lease; whoever else thinks it is his
 * finds it taken, or the bucket done.  A sync into SQLite belongs to the node that
 * holds the file.
 */
struct syncs;

/* All borrowed for the syncs' life. */
struct syncs_opts {
	struct loop * loop;
	struct state * state;
	struct runner * runner;
	struct targets * targets;
	struct elastic * elastic; /* NULL: none is configured */
	const struct conn_env * conn;
	const char * node;
	const char * instance;    /* of it, as its heartbeat says; or NULL */
	int64_t lease_ms;         /* after the end of a node its work has gone to
	                             others within it; 0: 30 s */
	size_t query_memory;
};

/** Called once, never before the call returns; ${v} is borrowed, may be NULL. */
typedef void syncs_cb(void * arg, json_t * v, const struct err * e);

struct syncs * syncs_new(const struct syncs_opts * opts, struct err * e)
    MUST_CHECK;

/** syncs_beat_ms(S): How often a node is to say that it lives.
 * syncs_gone_ms(S): After how long without it is gone. */
int64_t syncs_beat_ms(const struct syncs * S);
int64_t syncs_gone_ms(const struct syncs * S);

/** syncs_load(S, cb, arg): Read them from the state and start their clocks; after
 * the runner's connectors are there. */
void syncs_load(struct syncs * S, syncs_cb * cb, void * arg);

/** syncs_stop(S, cb, arg): Begin no runs, end those under way (what is
 * acknowledged is committed), then call.  syncs_free(S): after that; NULL: no-op. */
void syncs_stop(struct syncs * S, syncs_cb * cb, void * arg);
void syncs_free(struct syncs * S);

/**
 * syncs_look(S, w, cb, arg):
 * Call, once and never before this returns, when what other daemons changed until
 * now is known here: connectors, secrets, syncs.  Also when the state does not
 * answer within a second.  0: there is nothing to wait for, and no call comes.
 * syncs_look_cancel(w): No call.  ${w} is the caller's, zeroed or used before.
 */
struct syncs_look {
	struct syncs * S;
	struct syncs_look * next, ** prevp;
	uint64_t no;
	void (*cb)(void *);
	void * arg;
};
int syncs_look(struct syncs * S, struct syncs_look * w, void (*cb)(void *),
    void * arg) MUST_CHECK;
void syncs_look_cancel(struct syncs_look * w);

/* What SYNC says; borrowed for the call. */
struct sync_spec {
	const char * connector;
	const char * entity;      /* NULL: all of the connector */
	const char * target;      /* "name", "sqlite:name", "es:name"; * for the
	                             entity */
	const char * database;    /* NULL: the default */
	const char * where;       /* or NULL */
	const char * incremental; /* or NULL */
	const char * schedule;    /* cron, or NULL */
	int64_t every_ms;         /* 0: the connector's sync_interval, if any */
	const json_t * options;   /* {"deletes", "delete_ratio"}, or NULL */
	int is_main;
	int no_interval;          /* do not take the connector's sync_interval */
	int first_now;            /* who asks begins its first run: should this
	                             daemon die in it, it is made up for */
	int keep_clock;           /* without a schedule, that of the one which it
	                             replaces stays, and with it what else of that
	                             is not said: incremental, options */
};

/*
 * Errors of all that follows: config "not_found" (names what is there), "exists",
 * "bad_target", "bad_schedule", "bad_options", "no_column", "no_key", "not_rows", "input",
 * "no_target" (es: without a cluster); transient "busy" and what the state says;
 * permanent "sql" of a WHERE that does not compile.
 */

/**
 * syncs_put(S, spec, cb, arg): Define it, or redefine the one that puts the same
 * rows into the same place.  ${v}: {"sync": id, "replaced": bool, "entities": [..],
 * "left_out": [{"entity", "reason"}], "schedule", "every_ms", "incremental",
 * "engine", "next_run_at"}.  It does not run yet: syncs_run() begins it.
 */
void syncs_put(struct syncs * S, const struct sync_spec * spec, syncs_cb * cb,
    void * arg);

/** syncs_explain(S, spec, id, cb, arg): Of ${spec}, or of the sync ${id}: an array
 * of {"entity", "target", "engine", "statement" (the SELECT), "calls" (EXPLAIN
 * SELECT's rows as an array), "key", "columns", "cursor", "commit" (when the cursor
 * moves, and why), "deletes", "note"}.  Nothing is sent to a service or target. */
void syncs_explain(struct syncs * S, const struct sync_spec * spec,
    const char * id, syncs_cb * cb, void * arg);

/** syncs_patch(S, id, body, cb, arg): {"schedule", "every_ms", "enabled", "deletes",
 * "delete_ratio"}; null removes. */
void syncs_patch(struct syncs * S, const char * id, const json_t * body,
    syncs_cb * cb, void * arg);
void syncs_drop(struct syncs * S, const char * id, syncs_cb * cb, void * arg);
/** pause: what runs is ended; disabled_reason "manual". */
void syncs_pause(struct syncs * S, const char * id, syncs_cb * cb, void * arg);
void syncs_resume(struct syncs * S, const char * id, syncs_cb * cb, void * arg);

/**
 * Somebody waits for a run: syncs_run(S, id, full, progress, cb, arg) begins one
 * (after the present one, if one is under way) and calls ${cb} with its outcome;
 * ${progress} may be NULL.  syncs_leave(w, cancel): no more calls; with ${cancel}
 * the run ends too if it was begun for us.  NULL when out of memory.
 */
struct sync_wait;
typedef void sync_wait_cb(void * arg, const struct sync_result * r,
    const struct err * e); /* ${r} NULL with ${e}: it could not begin */
struct sync_wait * syncs_run(struct syncs * S, const char * id, int full,
    void (*progress)(void * arg, const struct sync_progress * p),
    sync_wait_cb * cb, void * arg);
void syncs_leave(struct sync_wait * w, int cancel);

/**
 * syncs_show(S, id, cb, arg): ${v} as the API shows it: id, connector, entity (null:
 * all), entities, target, engine, target_database, where, incremental, schedule,
 * schedule_ms, enabled, disabled_reason, deletes, node, status ("running",
 * "interrupted", "complete", "partial", "failed", "paused", "scheduled", "never ran"),
 * interrupted_at (when the run began that did not end), verdict, reason, last_run_at, last_success_at, last_error, last_rows, last_rejected,
 * last_deleted, last_took_ms, runs, next_run_at, held_by (node), cursor (object or
 * null), cursor_age_s, progress (object while it runs: entity, pages, rows, written,
 * rate, total, percent or null, started_at, last_progress_at).
 * syncs_list(S, after, limit, cb, arg): ${v}: {"items": [..], "next": id or null}.
 */
void syncs_show(struct syncs * S, const char * id, syncs_cb * cb, void * arg);
void syncs_list(struct syncs * S, const char * after, size_t limit,
    syncs_cb * cb, void * arg);

/** syncs_each_target(S, cb, arg): Call for every table and index that a sync
 * writes, until ${cb} returns nonzero; ${engine} is "sqlite" or "elastic",
 * ${database} "" but for SQLite, ${node} who holds it, NULL if that is no other one. */
void syncs_each_target(const struct syncs * S, int (*cb)(void * arg,
    const char * id, const char * engine, const char * database,
    const char * table, const char * node), void * arg);

/** syncs_where(S, node, out): What people need to find it: its id, where it listens,
 * or that it is not running: then 1, else 0. */
int syncs_where(const struct syncs * S, const char * node,
    char out[RUNNER_WHERE]);

/** syncs_elsewhere(S, database, table): The node on which a sync keeps rows in that
 * SQLite table (${database} NULL: any; ${table} may have wildcards), if that is not
 * this one; else NULL. */
const char * syncs_elsewhere(const struct syncs * S, const char * database,
    const char * table);

/** syncs_has(S, id), syncs_count(S); syncs_each_name: for completion, until ${cb}
 * returns nonzero. */
int syncs_has(const struct syncs * S, const char * id);
size_t syncs_count(const struct syncs * S);
void syncs_each_name(const struct syncs * S, int (*cb)(void * arg,
    const char * id), void * arg);

/*
 * Connectors and their syncs.  The _connector_ calls stand in front of the runner's
 * (whose arguments and answers they have) for whoever changes connectors: create
 * and patch take target and schedule of types whose rows are no samples as that
 * connector's main sync; delete ends its syncs; pause, resume and trigger go to
 * the main sync too.
 */
void syncs_connector_create(struct syncs * S, const json_t * body,
    runner_cb * cb, void * arg);
void syncs_connector_patch(struct syncs * S, const char * key,
    const json_t * body, runner_cb * cb, void * arg);
void syncs_connector_delete(struct syncs * S, const char * key, runner_cb * cb,
    void * arg);
void syncs_connector_pause(struct syncs * S, const char * key, runner_cb * cb,
    void * arg);
void syncs_connector_resume(struct syncs * S, const char * key, runner_cb * cb,
    void * arg);
void syncs_connector_trigger(struct syncs * S, const char * key, runner_cb * cb,
    void * arg);
/** syncs_connector_show(S, v): Add the main sync's target and runs to what
 * runner_show() or an item of runner_list() says. */
void syncs_connector_show(const struct syncs * S, json_t * v);

/** syncs_connector_last(S, connector): When a run of any of its syncs last went
 * well, as far as this node knows (ms since 1970; 0: never). */
int64_t syncs_connector_last(const struct syncs * S, const char * connector);

/* For status and metrics. */
struct syncs_stats {
	size_t total, running, scheduled, paused, failed, partial;
	uint64_t runs[3];       /* by verdict: complete, partial, failed */
	uint64_t idle, rows, rejected, deleted;
	size_t nodes;           /* living, this one included */
	size_t mine;            /* syncs that are this node's to run now */
};
void syncs_stats_get(const struct syncs * S, struct syncs_stats * st);
/** syncs_each_cursor(S, cb, arg): The age of each cursor that is a time. */
void syncs_each_cursor(const struct syncs * S, void (*cb)(void * arg,
    const char * id, double age_s), void * arg);
/** syncs_running(S): The ids of what runs here, an array (at most 100), for the
 * node's heartbeat; owned by the caller. */
json_t * syncs_running(const struct syncs * S);
/** syncs_nodes(S): What node_list last said: id -> info; borrowed, may be NULL. */
const json_t * syncs_nodes(const struct syncs * S);

#endif
