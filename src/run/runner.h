#ifndef MOLTLER_RUN_RUNNER_H
#define MOLTLER_RUN_RUNNER_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "conn/conn_env.h"
#include "loop/loop.h"
#include "manifest/types.h"
#include "run/secret_store.h"
#include "secret/secret.h"
#include "state/state.h"
#include "target/targets.h"

/*
 * The clockwork: all connectors, their schedules and what is done with them.
 * It alone acts on an error's class.
 */
struct runner;

/* All borrowed for the runner's life. */
struct runner_opts {
	struct loop * loop;
	struct state * state;
	struct types * types;
	const struct conn_env * conn;
	struct secrets * secrets;
	struct secret_store * secret_store; /* NULL: no literals, no store */
	struct targets * targets;
	const char * node; /* this daemon's id */
};

/** Called once, never before the call returns; ${v} is borrowed and may be NULL. */
typedef void runner_cb(void * arg, json_t * v, const struct err * e);

struct runner * runner_new(const struct runner_opts * opts, struct err * e);

/**
 * runner_load(r, cb, arg): Read the connectors from the state and start them.
 * One that no longer fits its type is kept, shown as disabled with the reason;
 * patch, resume (once its type is back) or delete mend it.
 */
void runner_load(struct runner * r, runner_cb * cb, void * arg);

/** runner_look(r): Look soon for records that somebody else wrote into the state,
 * as is done every second where it is shared, and take them over. */
void runner_look(struct runner * r);

/**
 * runner_look_now(r): Look at once for what other daemons changed, if it must be
 * behind a look that is under way; its number.
 * runner_on_looked(r, cb, arg): Call when one is over, whatever came of it; NULL ends
 * it.
 */
uint64_t runner_look_now(struct runner * r);
void runner_on_looked(struct runner * r, void (*cb)(void * arg, uint64_t no),
    void * arg);

/** runner_load_later(r, cb, arg): The same after a second: for a shared state
 * that was away. */
void runner_load_later(struct runner * r, runner_cb * cb, void * arg);

/**
 * runner_stop(r, cb, arg): Begin no runs, end those under way, write the
 * statuses, then call.  runner_free(r): after that.
 */
void runner_stop(struct runner * r, runner_cb * cb, void * arg);
void runner_free(struct runner * r);

/** runner_set_types(r, types): Use other types from now on (borrowed);
 * connectors of a type that changed go over to it, unless they do not fit; those
 * that did not fit are tried again. */
void runner_set_types(struct runner * r, struct types * types);
const struct types * runner_types(const struct runner * r);

/*
 * What can be done.  ${key} is a connector's id or name, in any case.  Errors: config
 * "not_found", "exists", "bad_*", "unknown_*"; transient "busy" (a change of
 * that connector is under way) and whatever the state says.
 */

/** runner_connector(r, key): The connector of that id or name (borrowed;
 * connector_ref to keep it past this turn of the loop), or NULL: there is none,
 * or it does not fit its type. */
struct connector * runner_connector(const struct runner * r, const char * key);

/**
 * runner_secret_store(r): The store of secrets (borrowed), or NULL.
 * runner_secret_drop(r, name, cb, arg): Delete a secret; connectors that refer to
 * it are named in a warning of the log.  Errors: config "not_found".
 */
struct secret_store * runner_secret_store(const struct runner * r);
/** runner_secret_users(r, name, b): How many connectors refer to that secret, and
 * the names of the first of them, with commas, into ${b}. */
size_t runner_secret_users(const struct runner * r, const char * name,
    struct buf * b);
void runner_secret_drop(struct runner * r, const char * name,
    secret_store_cb * cb, void * arg);

/** runner_show(r, key): As the API shows it (owned by the caller), or NULL. */
json_t * runner_show(const struct runner * r, const char * key);

/**
 * runner_list(r, after, limit, next):
 * Up to ${limit} connectors by name whose names come after ${after} (NULL:
 * from the first); an array owned by the caller.  ${*next} is the last name
 * given if there are more (borrowed), else NULL.
 */
json_t * runner_list(const struct runner * r, const char * after,
    size_t limit, const char ** next);

/** runner_has(r, key): Whether there is one, also one that does not fit. */
int runner_has(const struct runner * r, const char * key);

/** runner_enabled(r, key): Whether there is one that fits its type and is
 * enabled. */
int runner_enabled(const struct runner * r, const char * key);

/** runner_on_change(r, cb, arg): Call whenever something in a shared state changed
 * and the connectors have been compared; ${lost}: the state had forgotten what
 * was known, and this daemon puts back what it knows.  NULL ends it. */
void runner_on_change(struct runner * r, void (*cb)(void * arg, int lost),
    void * arg);

/** runner_misfit(r, key): Why that connector does not fit its type (borrowed);
 * NULL: it does, or there is none. */
const char * runner_misfit(const struct runner * r, const char * key);

/* What a list shows of a connector; borrowed for the call. */
struct runner_brief {
	const char * name, * type;
	const char * status;       /* connected, error, disabled, pending */
	const char * sync;         /* the id of its sync, or NULL: the rest is 0 */
	const char * target_database, * target_table;
	const char * node;         /* that runs it, or NULL */
	int is_elsewhere;          /* and that is another one */
	int64_t schedule_ms;
	int64_t last_run_at, last_success_at; /* ms since 1970, 0: never */
	int64_t last_rows;
};

/**
 * runner_each(r, after, n, cb, arg, last):
 * Call for up to ${n} connectors by name whose names come after ${after} (NULL:
 * from the first), until ${cb} returns nonzero.  How many were seen; ${*last} is
 * the last one's name (borrowed).
 */
size_t runner_each(const struct runner * r, const char * after, size_t n,
    int (*cb)(void * arg, const struct runner_brief * b), void * arg,
    const char ** last);

#define RUNNER_WHERE 128
/** runner_on_where(r, cb, arg): ${cb} says in ${out} what people need to find that
 * node, and whether it is known not to run; without one it is the node's id.  NULL
 * ends it. */
void runner_on_where(struct runner * r, int (*cb)(void * arg,
    const char * node, char out[RUNNER_WHERE]), void * arg);

/**
 * runner_not_yet(r, why): What the state holds, connectors, syncs and secrets, was
 * not read yet, and ${why} (copied; NULL: it was, as at first).  runner_unread(r): that as an
 * error for whoever asks for one of them, or NULL.
 */
void runner_not_yet(struct runner * r, const struct err * why);
const struct err * runner_unread(const struct runner * r);

/** runner_note(r, name, e): A statement just asked ${name}'s service: what came of
 * it (NULL: it went well) is its status, unless it has a schedule, whose runs
 * tell that. */
void runner_note(struct runner * r, const char * name, const struct err * e);

/** runner_elsewhere(r, database, table): The node that holds this target, if it is
 * another one (borrowed); ${database} NULL: any.  NULL: none that is known. */
const char * runner_elsewhere(const struct runner * r, const char * database,
    const char * table);

/** runner_create(r, body, cb, arg): ${v} is {"id"}. */
void runner_create(struct runner * r, const json_t * body, runner_cb * cb,
    void * arg);

/** runner_patch(r, key, body, cb, arg): config and options are merged key by
 * key (null removes one), the rest replaced. */
void runner_patch(struct runner * r, const char * key, const json_t * body,
    runner_cb * cb, void * arg);
void runner_delete(struct runner * r, const char * key, runner_cb * cb,
    void * arg);
void runner_pause(struct runner * r, const char * key, runner_cb * cb,
    void * arg);
/** runner_resume also reads the env file again. */
void runner_resume(struct runner * r, const char * key, runner_cb * cb,
    void * arg);
/** runner_trigger: one run at once; after the present one if one is running. */
void runner_trigger(struct runner * r, const char * key, runner_cb * cb,
    void * arg);
/** runner_test: one call that stores nothing; ${v} is {"ok":true,
 * "latency_ms","rows"} or {"ok":false,"error":{class,code,message}}. */
void runner_test(struct runner * r, const char * key, runner_cb * cb,
    void * arg);
/** runner_events: ${v} is an array, newest first. */
void runner_events(struct runner * r, const char * key, int limit,
    runner_cb * cb, void * arg);

/* For status and metrics. */
enum runner_result { RUNNER_OK, RUNNER_TRANSIENT, RUNNER_PERMANENT,
    RUNNER_CONFIG, RUNNER_RESULTS };
#define RUNNER_DURATION_BUCKETS 12
struct runner_stats {
	size_t connected, error, disabled, pending, running;
	uint64_t ticks[RUNNER_RESULTS];
	uint64_t idle;    /* buckets another daemon had */
	uint64_t skipped; /* buckets missed because a run took too long */
	uint64_t rows;
	uint64_t duration[RUNNER_DURATION_BUCKETS + 1]; /* not cumulative */
	double duration_sum_s;
};
extern const double runner_duration_le[RUNNER_DURATION_BUCKETS];
void runner_stats_get(const struct runner * r, struct runner_stats * st);

/** runner_each_success(r, cb, arg): Call for every connector that ever
 * succeeded, with the time in ms since 1970. */
void runner_each_success(const struct runner * r,
    void (*cb)(void * arg, const char * name, int64_t at_ms), void * arg);

/** runner_each_request(r, cb, arg): Requests sent, by type and code. */
void runner_each_request(const struct runner * r, void (*cb)(void * arg,
    const char * type, const char * code, uint64_t n), void * arg);

#endif
