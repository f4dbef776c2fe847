#ifndef MOLTLER_STATE_STATE_H
#define MOLTLER_STATE_STATE_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

/*
 * What must survive: connectors, syncs, their status, events, leases, cursors,
 * caches, nodes.  One table of functions, filled by state_sqlite.c (embedded,
 * one process owns the file) and state_redis.c (shared by many daemons); both
 * pass the same tests.
 *
 * Every call completes through its callback, once, from the soon queue, never
 * before the call returns; ${e} NULL means done.  Arguments are copied.  The
 * values a callback gets are borrowed.  A NULL callback means: nobody waits
 * (an error is logged).
 */
struct state;

/** ${v}: what the call says, or NULL where there is nothing. */
typedef void state_cb(void * arg, json_t * v, const struct err * e);

#define STATE_UNREADABLE "unreadable"
#define STATE_ACTIONS 10000
#define STATE_CHANGES 512
#define STATE_ACTION_MS (INT64_C(30) * 86400000)

/* A claim of one run.  fence > 0 when granted; fences of one sync only grow. */
typedef void state_lease_cb(void * arg, int64_t fence, const struct err * e);

/* ${wait_ms} as the call says; 0 with ${e}. */
typedef void state_wait_cb(void * arg, int64_t wait_ms, const struct err * e);

struct state_ops {
	const char * name; /* "sqlite" or "redis" */
	void (*free)(struct state *);
	int (*is_up)(const struct state *);

	/*
	 * Records are JSON objects by kind ("connector", "sync", "secret") and
	 * name.
	 * put with must_be_new: Config "exists" if the name is taken.
	 * get: the object, or NULL.  list: an array ordered by name;
	 * a record that cannot be read is {"id", "name", "v": 0,
	 * STATE_UNREADABLE: why}.
	 * del: deleting what is not there is no error.
	 * In Redis: hash moltler:<kind>:<name>, a field a top-level key (strings
	 * bare, the rest as JSON), names in the set moltler:<kind>s; a delete
	 * of a connector takes its status and events along, of a sync these,
	 * its cursor and its parts.  Every put and del raises the generation (see below).
	 */
	void (*put)(struct state *, const char * kind, const char * name,
	    const json_t * rec, int must_be_new, state_cb * cb, void * arg);
	void (*get)(struct state *, const char * kind, const char * name,
	    state_cb * cb, void * arg);
	void (*list)(struct state *, const char * kind, state_cb * cb,
	    void * arg);
	void (*del)(struct state *, const char * kind, const char * name,
	    state_cb * cb, void * arg);
	/* A JSON integer that changes whenever any record did: for noticing
	 * what other daemons changed. */
	void (*generation)(struct state *, state_cb * cb, void * arg);
	/*
	 * What changed since ${mark}, the "mark" of an earlier answer (NULL or "":
	 * none): {"generation": n, "mark": s, "changed": [[kind, name], ...]}, each
	 * as often as it changed.  Without "changed" that is not known (too much, or
	 * the state is not the one of then): whoever asks reads all.
	 * In Redis: the list moltler:changes, the last STATE_CHANGES of
	 * "<generation> <token> <kind> <name>".
	 */
	void (*changes)(struct state *, const char * mark, state_cb * cb,
	    void * arg);

	/*
	 * Status of a connector: moltler:status:<name>.  status_put merges the
	 * top-level keys of ${fields} (null removes one).  Writes of one
	 * connector within a second may be merged; state_flush() writes all.
	 * With "run" (a fence) they tell of that run, and nothing of it is
	 * written once a later one is told of.
	 */
	void (*status_put)(struct state *, const char * name,
	    const json_t * fields);
	void (*status_get)(struct state *, const char * name, state_cb * cb,
	    void * arg);

	/* The last 100 events of a connector, newest first: moltler:events:<name>. */
	void (*event_add)(struct state *, const char * name,
	    const json_t * event);
	void (*event_list)(struct state *, const char * name, int limit,
	    state_cb * cb, void * arg);

	/*
	 * lease_take: claim run ${bucket} of ${sync} for ${ttl_ms}; fence 0 when
	 * somebody holds or has done it.  A taken lease stays until its TTL
	 * passes, so a bucket is done once; lease_drop gives it back early (the
	 * run did not happen).  lease_keep prolongs: the callback's fence is 0
	 * when it was lost meanwhile.  Fences are at least 64 times the wall
	 * clock's milliseconds, so that they grow even past the loss of a state.
	 * In Redis: moltler:lease:<sync>:<bucket> = "<node> <fence> <token>",
	 * fences from the hash moltler:fence.
	 */
	void (*lease_take)(struct state *, const char * sync, int64_t bucket,
	    int64_t ttl_ms, state_lease_cb * cb, void * arg);
	void (*lease_keep)(struct state *, const char * sync, int64_t bucket,
	    int64_t fence, int64_t ttl_ms, state_lease_cb * cb, void * arg);
	void (*lease_drop)(struct state *, const char * sync, int64_t bucket,
	    int64_t fence, state_cb * cb, void * arg);

	/*
	 * The cursor of a sync: moltler:cursor:<sync>.  cursor_put replaces it
	 * only if ${fence} is at least the fence of the last put: else Permanent
	 * "fenced".
	 */
	void (*cursor_get)(struct state *, const char * sync, state_cb * cb,
	    void * arg);
	void (*cursor_put)(struct state *, const char * sync, int64_t fence,
	    const json_t * cursor, state_cb * cb, void * arg);
	/*
	 * What is kept of each part of a sync, a row a part: moltler:parts:<sync>.
	 * parts_put is a cursor_put that at once, under the same fence, replaces
	 * the rows that are keys of ${parts} (null: deletes one); ${parts} null: all
	 * are gone.  parts_get: an object of all; NULL or {}: there are none.
	 * cursor_put leaves them.
	 */
	void (*parts_get)(struct state *, const char * sync, state_cb * cb,
	    void * arg);
	void (*parts_put)(struct state *, const char * sync, int64_t fence,
	    const json_t * cursor, const json_t * parts, state_cb * cb,
	    void * arg);

	/* Bytes by key with a TTL: moltler:cache:<key>; a miss is NULL.  Both
	 * sides are bounded: values up to 1 MiB, larger are not kept. */
	void (*cache_get)(struct state *, const char * key, state_cb * cb,
	    void * arg);
	void (*cache_put)(struct state *, const char * key, const json_t * v,
	    int64_t ttl_ms, state_cb * cb, void * arg);

	/*
	 * ${n} permits of a bucket that refills at ${rate} a second up to ${burst}
	 * (both > 0): ${wait_ms} 0: taken; else none is, come again after so long.
	 * Of more than a burst, the burst counts.  In
	 * Redis: moltler:limit:<key>, by the server's clock.
	 */
	void (*limit_take)(struct state *, const char * key, double rate,
	    double burst, double n, state_wait_cb * cb, void * arg);

	/* Who is there: moltler:node:<id> with a TTL.  node_list: an object id ->
	 * what it said. */
	void (*node_beat)(struct state *, const json_t * info, int64_t ttl_ms);
	void (*node_list)(struct state *, state_cb * cb, void * arg);

	/*
	 * What was done to services: action_put writes the top-level keys of
	 * ${fields} (none null) under ${id}, one of id7_make(); a change of one
	 * that is not there is none.  A new one is durable when the callback
	 * runs.  The last STATE_ACTIONS are kept, and none longer than
	 * STATE_ACTION_MS.
	 * action_get: the object, or NULL.  action_list: an array of at most
	 * ${limit}, newest first, of those before ${after} (NULL: all).
	 * In Redis: moltler:action:<id> (hash), and the ids in the sorted set
	 * moltler:actions.
	 */
	void (*action_put)(struct state *, const char * id,
	    const json_t * fields, int is_new, state_cb * cb, void * arg);
	void (*action_get)(struct state *, const char * id, state_cb * cb,
	    void * arg);
	void (*action_list)(struct state *, const char * after, int limit,
	    state_cb * cb, void * arg);

	/* Write what is held back and call when done. */
	void (*flush)(struct state *, state_cb * cb, void * arg);
};

/* First member of both backends' structs. */
struct state {
	const struct state_ops * ops;
};

/**
 * state_is_lost(generation, seen, n):
 * Whether who knows ${n} records, and saw the generation ${seen}, knows what was
 * forgotten there, now that it is ${generation}.  Each drop raises it, so none at
 * all is a state that was begun anew.
 */
static inline int
state_is_lost(json_int_t generation, json_int_t seen, size_t n)
{
	return (generation < seen || (generation == 0 && n > 0));
}

/**
 * state_sqlite_open(L, path, node, e): The embedded backend in the file
 * ${path} (made if absent; locked against a second process: config "locked").
 * Record changes are durable when their callback runs; leases live in memory
 * (the file has one owner), fences grow across restarts.
 * state_redis_open(L, url, node, e): The shared backend.
 * ${node} is this daemon's id.  NULL with ${e}.
 */
struct state * state_sqlite_open(struct loop * L, const char * path,
    const char * node, struct err * e);
struct state * state_redis_open(struct loop * L, const char * url,
    const char * node, struct err * e);

#endif
