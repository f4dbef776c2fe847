#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/state_redis_internal.h"

/* KEYS[3] is the generation, KEYS[4] what changed; ARGV[1] the name, ARGV[2] what
 * stands of it there.  Both in one step: a gap tells of who does not write it. */
#define NOTE_CHANGE \
    "redis.call('RPUSH', KEYS[4], redis.call('INCR', KEYS[3]) .. ARGV[2]) " \
    "redis.call('LTRIM', KEYS[4], " STRING(-STATE_CHANGES) ", -1) "
#define STRING(x) STRING_OF(x)
#define STRING_OF(x) #x

static const char put_script[] =
    "if ARGV[3] == '1' and redis.call('EXISTS', KEYS[1]) == 1 then"
    " return 0 end "
    "redis.call('DEL', KEYS[1]) "
    "for i = 4, #ARGV, 2 do"
    " redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end "
    "redis.call('SADD', KEYS[2], ARGV[1]) "
    NOTE_CHANGE
    "return 1";

static const char del_script[] =
    "redis.call('DEL', KEYS[1]) "
    "redis.call('SREM', KEYS[2], ARGV[1]) "
    NOTE_CHANGE
    "for i = 5, #KEYS do redis.call('DEL', KEYS[i]) end "
    "return 1";

static const char cursor_script[] =
    "local f = redis.call('HGET', KEYS[1], '_fence') "
    "if f and (tonumber(f) or 0) > tonumber(ARGV[1]) then return 0 end "
    "redis.call('DEL', KEYS[1]) "
    "redis.call('HSET', KEYS[1], '_fence', ARGV[1]) "
    "if ARGV[2] == 'all' then redis.call('DEL', KEYS[2]) end "
    "local key = 1 "
    "for i = 3, #ARGV, 2 do"
    " if ARGV[i] == '_parts' then key = 2 "
    " elseif key == 2 and ARGV[i + 1] == '' then"
    "  redis.call('HDEL', KEYS[2], ARGV[i])"
    " else redis.call('HSET', KEYS[key], ARGV[i], ARGV[i + 1]) end end "
    "return 1";

/* For a message, should there be one; without memory it names less. */
static void
remember_name(struct state_done * d, const char * kind, const char * name)
{
	size_t n;
	char * s;

	if (kind == NULL)
		return;
	n = strlen(kind) + strlen(name) + 8;
	if ((s = malloc(n)) != NULL)
		snprintf(s, n, "a %s \"%s\"", kind, name);
	d->x = s;
	d->x_free = free;
}

static void
on_put(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	struct err exists;

	if (e == NULL && r->type == REDIS_INT && r->i == 0) {
		err_set(&exists, ERR_CONFIG, "exists", "there is %s already",
		    d->x != NULL ? (const char *)d->x : "one");
		e = &exists;
	}
	state_done_now(d, NULL, 0, e);
}

static void
add_record_keys(struct state_redis_args * A, const char * kind,
    const char * name)
{
	state_redis_args_begin(A);
	state_redis_args_addf(A, "moltler:%s:%s", kind, name);
	state_redis_args_addf(A, "moltler:%ss", kind);
	state_redis_args_adds(A, "moltler:generation");
	state_redis_args_adds(A, "moltler:changes");
}

static void
add_record_name(struct state_redis * S, const char * kind, const char * name)
{
	state_redis_args_adds(&S->args, name);
	state_redis_args_addf(&S->args, " %s%08x %s %s", S->secret, S->nonce++,
	    kind, name);
}

void
state_redis_record_put(struct state * state, const char * kind,
    const char * name, const json_t * rec, int must_be_new, state_cb * cb,
    void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct state_redis_args * A = &S->args;

	remember_name(d, must_be_new ? kind : NULL, name);
	add_record_keys(A, kind, name);
	add_record_name(S, kind, name);
	state_redis_args_adds(A, must_be_new ? "1" : "0");
	state_redis_hash_put(A, rec, 1, 1);
	state_redis_args_script(S, d, on_put, put_script, 4);
}

void
state_redis_record_del(struct state * state, const char * kind,
    const char * name, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct state_redis_args * A = &S->args;
	int nkeys = 4;

	add_record_keys(A, kind, name);
	if (strcmp(kind, "connector") == 0) {
		state_pend_forget(&S->pend, name);
		state_redis_args_addf(A, "moltler:status:%s", name);
		state_redis_args_addf(A, "moltler:events:%s", name);
		nkeys = 6;
	} else if (strcmp(kind, "sync") == 0) {
		state_pend_forget(&S->pend, name);
		state_redis_args_addf(A, "moltler:cursor:%s", name);
		state_redis_args_addf(A, "moltler:status:%s", name);
		state_redis_args_addf(A, "moltler:events:%s", name);
		state_redis_args_addf(A, "moltler:parts:%s", name);
		nkeys = 8;
	}
	add_record_name(S, kind, name);
	state_redis_args_script(S, d, state_redis_args_ok, del_script, nkeys);
}

static void
on_hash(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	json_t * v;
	int bad;

	if (e != NULL) {
		state_done_now(d, NULL, 0, e);
		return;
	}
	v = state_redis_hash_get(r, &bad);
	if (bad)
		state_redis_args_odd(d);
	else
		state_done_now(d, v, 0, NULL);
}

void
state_redis_record_get(struct state * state, const char * kind,
    const char * name, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_redis_args_begin(&S->args);
	state_redis_args_adds(&S->args, "HGETALL");
	state_redis_args_addf(&S->args, "moltler:%s:%s", kind, name);
	state_redis_args_send(S, state_done_new(&S->dones, cb, arg), on_hash);
}

void
state_redis_cursor_get(struct state * state, const char * sync,
    state_cb * cb, void * arg)
{
	state_redis_record_get(state, "cursor", sync, cb, arg);
}

static void
on_cursor(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	struct err fenced;

	if (e == NULL && r->type == REDIS_INT && r->i == 0) {
		err_set(&fenced, ERR_PERMANENT, "fenced",
		    "%s was moved by a later run (we are %lld)",
		    d->x != NULL ? (const char *)d->x : "a cursor",
		    (long long)d->fence);
		e = &fenced;
	}
	state_done_now(d, NULL, 0, e);
}

void
state_redis_cursor_put(struct state * state, const char * sync,
    int64_t fence, const json_t * cursor, state_cb * cb, void * arg)
{
	state_redis_parts_put(state, sync, fence, cursor, NULL, cb, arg);
}

static void
add_parts(struct state_redis_args * A, const json_t * parts)
{
	const char * name;
	json_t * v;

	if (json_object_size(parts) == 0)
		return;
	/* No field of ours begins so: what follows are parts. */
	state_redis_args_adds(A, "_parts");
	state_redis_args_adds(A, "");
	json_object_foreach((json_t *)(uintptr_t)parts, name, v) {
		state_redis_hash_field(A, name);
		if (json_is_null(v))
			state_redis_args_adds(A, "");
		else
			state_redis_args_json(A, v);
	}
}

void
state_redis_parts_get(struct state * state, const char * sync, state_cb * cb,
    void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_redis_args_begin(&S->args);
	state_redis_args_adds(&S->args, "HGETALL");
	state_redis_args_addf(&S->args, "moltler:parts:%s", sync);
	state_redis_args_send(S, state_done_new(&S->dones, cb, arg), on_hash);
}

void
state_redis_parts_put(struct state * state, const char * sync,
    int64_t fence, const json_t * cursor, const json_t * parts, state_cb * cb,
    void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct state_redis_args * A = &S->args;

	d->fence = fence;
	remember_name(d, "cursor", sync);
	state_redis_args_begin(A);
	state_redis_args_addf(A, "moltler:cursor:%s", sync);
	state_redis_args_addf(A, "moltler:parts:%s", sync);
	state_redis_args_addf(A, "%lld", (long long)fence);
	state_redis_args_adds(A, json_is_null(parts) ? "all" : "");
	if (json_is_object(cursor)) {
		state_redis_hash_put(A, cursor, 1, 0);
	} else {
		state_redis_args_adds(A, "_value");
		state_redis_hash_value(A, cursor);
	}
	add_parts(A, parts);
	state_redis_args_script(S, d, on_cursor, cursor_script, 2);
}
