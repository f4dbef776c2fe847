#ifndef MOLTLER_STATE_STATE_REDIS_INTERNAL_H
#define MOLTLER_STATE_STATE_REDIS_INTERNAL_H

#include "base/buf.h"
#include "net/redis.h"
#include "state/state.h"
#include "state/state_done.h"
#include "state/state_json.h"
#include "state/state_pend.h"

/* A command being put together: its bytes, and where each argument begins. */
struct state_redis_args {
	struct buf b;
	size_t * off;
	const char ** v;
	size_t * len;
	size_t n, cap;
	int failed;
};

/* Claims whose answer was lost, so that asking again recognises our own. */
#define STATE_REDIS_UNKNOWN 256
#define STATE_REDIS_TOKEN 25 /* 16 digits of the process, 8 of the claim */

struct state_redis_claim {
	char * sync; /* NULL: unused */
	int64_t bucket;
	char token[STATE_REDIS_TOKEN];
};

struct state_redis {
	struct state state; /* first */
	struct loop * loop;
	struct redis * redis;
	char * node;
	struct state_dones dones;
	struct state_redis_args args; /* used again by every call */

	/* state_redis_cache.c: what the node says, to be said again when the
	 * server is back; NULL: nothing yet */
	json_t * beat;
	int64_t beat_ttl_ms;

	/* state_redis_status.c */
	struct state_pend pend;
	size_t writes_out;
	int pacing; /* the rest waits for answers */
	struct state_done * flushers;

	/* state_redis_lease.c */
	char secret[17];
	uint32_t nonce;
	struct state_redis_claim unknown[STATE_REDIS_UNKNOWN];
	size_t nunknown, unknown_next;
};

/*
 * state_redis_args.c.  begin: a new command; add, adds, addf: one argument
 * each; json: one argument, ${v} as JSON.  A failure is kept until the command
 * is sent.
 */
void state_redis_args_begin(struct state_redis_args * A);
void state_redis_args_add(struct state_redis_args * A, const char * p,
    size_t n);
void state_redis_args_adds(struct state_redis_args * A, const char * s);
void state_redis_args_addf(struct state_redis_args * A, const char * fmt, ...)
    __attribute__((format(printf, 2, 3)));
void state_redis_args_json(struct state_redis_args * A, const json_t * v);
/** state_redis_args_ttl(A, ms): So long, or what Redis takes for it. */
void state_redis_args_ttl(struct state_redis_args * A, int64_t ms);
void state_redis_args_free(struct state_redis_args * A);

/** state_redis_args_send(S, d, cb): Send what was put together; ${cb} gets
 * ${d}.  _script: as a script of ${nkeys} keys.  _cmd: ${cb} gets ${arg}. */
void state_redis_args_send(struct state_redis * S, struct state_done * d,
    redis_cb * cb);
void state_redis_args_script(struct state_redis * S, struct state_done * d,
    redis_cb * cb, const char * script, int nkeys);
/** state_redis_args_end(A, e): Make v, len and n valid for sending. */
int state_redis_args_end(struct state_redis_args * A, struct err * e)
    MUST_CHECK;

/** state_redis_args_odd(d): Finish ${d} for a reply of a kind that cannot
 * be. */
void state_redis_args_odd(struct state_done * d);
/** state_redis_args_ok(d, r, e): A callback: done, whatever the reply says. */
void state_redis_args_ok(void * d, const struct redis_reply * r,
    const struct err * e);

/*
 * state_redis_hash.c: an object as a hash (its head tells how).
 * put: add "field value" for each key of ${o} that is not null, and a marker
 * if there is none and ${mark}.  field: only the name, for HDEL.
 * get: what HGETALL gave as a value: an object, or what _value holds; NULL if
 * there is nothing, or with ${*bad} set.
 */
void state_redis_hash_put(struct state_redis_args * A, const json_t * o,
    int nulls, int mark);
void state_redis_hash_field(struct state_redis_args * A, const char * key);
void state_redis_hash_value(struct state_redis_args * A, const json_t * v);
json_t * state_redis_hash_get(const struct redis_reply * r, int * bad);

/* The calls of the table, by file. */
void state_redis_record_put(struct state *, const char *, const char *,
    const json_t *, int, state_cb *, void *);
void state_redis_record_get(struct state *, const char *, const char *,
    state_cb *, void *);
void state_redis_record_del(struct state *, const char *, const char *,
    state_cb *, void *);
void state_redis_changes_generation(struct state *, state_cb *, void *);
void state_redis_changes_since(struct state *, const char *, state_cb *,
    void *);
void state_redis_list_records(struct state *, const char *, state_cb *,
    void *);
void state_redis_list_actions(struct state *, const char *, int, state_cb *,
    void *);
void state_redis_action_put(struct state *, const char *, const json_t *, int,
    state_cb *, void *);
void state_redis_action_get(struct state *, const char *, state_cb *, void *);

void state_redis_status_put(struct state *, const char *, const json_t *);
void state_redis_status_get(struct state *, const char *, state_cb *, void *);
void state_redis_status_event_add(struct state *, const char *,
    const json_t *);
void state_redis_status_event_list(struct state *, const char *, int,
    state_cb *, void *);
void state_redis_status_flush(struct state *, state_cb *, void *);
/** state_redis_status_run(S): Write a turn's share of what is held back. */
void state_redis_status_run(void * S);

int state_redis_lease_init(struct state_redis * S, struct err * e) MUST_CHECK;
void state_redis_lease_fini(struct state_redis * S);
void state_redis_lease_take(struct state *, const char *, int64_t, int64_t,
    state_lease_cb *, void *);
void state_redis_lease_keep(struct state *, const char *, int64_t, int64_t,
    int64_t, state_lease_cb *, void *);
void state_redis_lease_drop(struct state *, const char *, int64_t, int64_t,
    state_cb *, void *);

void state_redis_cursor_get(struct state *, const char *, state_cb *, void *);
void state_redis_cursor_put(struct state *, const char *, int64_t,
    const json_t *, state_cb *, void *);
void state_redis_parts_get(struct state *, const char *, state_cb *, void *);
void state_redis_parts_put(struct state *, const char *, int64_t,
    const json_t *, const json_t *, state_cb *, void *);

void state_redis_cache_get(struct state *, const char *, state_cb *, void *);
void state_redis_cache_put(struct state *, const char *, const json_t *,
    int64_t, state_cb *, void *);
void state_redis_limit_take(struct state *, const char *, double, double, double,
    state_wait_cb *, void *);
void state_redis_cache_node_beat(struct state *, const json_t *, int64_t);
/** state_redis_cache_node_again(S): Say the last beat again. */
void state_redis_cache_node_again(struct state_redis * S);
void state_redis_cache_node_list(struct state *, state_cb *, void *);

#endif
