#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "state/state_redis_internal.h"

/* The nodes whose key has not run out, nor never will; the others leave the set. */
static const char nodes_script[] =
    "local out = {} "
    "for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do"
    " local k = 'moltler:node:' .. id"
    " local v = redis.call('TYPE', k).ok == 'string' and"
    "  redis.call('PTTL', k) >= 0 and redis.call('GET', k)"
    " if v then out[#out + 1] = id out[#out + 1] = v"
    " else redis.call('SREM', KEYS[1], id) end "
    "end "
    "return out";

static void
on_cached(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;

	/* What is no JSON is as good as nothing. */
	state_done_now(d, e == NULL && r->type == REDIS_STR ?
	    state_json_load(r->s, r->len) : NULL, 0, e);
}

void
state_redis_cache_get(struct state * state, const char * key, state_cb * cb,
    void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_redis_args_begin(&S->args);
	state_redis_args_adds(&S->args, "GET");
	state_redis_args_addf(&S->args, "moltler:cache:%s", key);
	state_redis_args_send(S, state_done_new(&S->dones, cb, arg),
	    on_cached);
}

void
state_redis_cache_put(struct state * state, const char * key,
    const json_t * v, int64_t ttl_ms, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct err e;
	size_t len = 0;
	char * s = state_json_dump(v, &len, "a cached value", &e);

	if (s == NULL && e.cls == ERR_TRANSIENT) {
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	state_redis_args_begin(&S->args);
	if (s == NULL || len > STATE_CACHE_MAX || ttl_ms < 1) {
		/* Not kept; nor is what it would have replaced. */
		state_redis_args_adds(&S->args, "DEL");
		state_redis_args_addf(&S->args, "moltler:cache:%s", key);
	} else {
		state_redis_args_adds(&S->args, "SET");
		state_redis_args_addf(&S->args, "moltler:cache:%s", key);
		state_redis_args_add(&S->args, s, len);
		state_redis_args_adds(&S->args, "PX");
		state_redis_args_ttl(&S->args, ttl_ms);
	}
	free(s);
	state_redis_args_send(S, d, state_redis_args_ok);
}

static void
on_beat(void * arg, const struct redis_reply * r, const struct err * e)
{
	(void)arg;
	(void)r;
	/* A server that is away is told of already, once. */
	if (e != NULL && e->cls != ERR_TRANSIENT)
		log_event(LOG_WARN, "state_failed", LOG_E(e));
}

void
state_redis_cache_node_again(struct state_redis * S)
{
	struct state_redis_args * A = &S->args;
	struct err e;

	if (S->beat == NULL)
		return;
	state_redis_args_begin(A);
	state_redis_args_adds(A, "SET");
	state_redis_args_addf(A, "moltler:node:%s", S->node);
	state_redis_args_json(A, S->beat);
	state_redis_args_adds(&S->args, "PX");
	state_redis_args_ttl(&S->args, S->beat_ttl_ms);
	if (state_redis_args_end(A, &e) == 0)
		redis_cmd(S->redis, on_beat, S, (int)A->n, A->v, A->len);
	state_redis_args_begin(A);
	state_redis_args_adds(A, "SADD");
	state_redis_args_adds(A, "moltler:nodes");
	state_redis_args_adds(A, S->node);
	if (state_redis_args_end(A, &e) == 0)
		redis_cmd(S->redis, on_beat, S, (int)A->n, A->v, A->len);
}

void
state_redis_cache_node_beat(struct state * state, const json_t * info,
    int64_t ttl_ms)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	json_decref(S->beat);
	S->beat = json_deep_copy(info);
	S->beat_ttl_ms = ttl_ms;
	/* What it names no more has ended: how, others find before they see that. */
	state_redis_status_run(S);
	state_redis_cache_node_again(S);
}

static void
on_nodes(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	json_t * o, * v;
	size_t i;

	if (e != NULL) {
		state_done_now(d, NULL, 0, e);
		return;
	}
	if (r->type != REDIS_ARRAY || (o = json_object()) == NULL) {
		state_redis_args_odd(d);
		return;
	}
	for (i = 0; i + 1 < r->n; i += 2) {
		if (r->el[i]->type != REDIS_STR ||
		    r->el[i + 1]->type != REDIS_STR)
			continue;
		v = state_json_load(r->el[i + 1]->s, r->el[i + 1]->len);
		if (!json_is_object(v)) { /* somebody's hand */
			json_decref(v);
			continue;
		}
		(void)json_object_set_new(o, r->el[i]->s, v);
	}
	state_done_now(d, o, 0, NULL);
}

void
state_redis_cache_node_list(struct state * state, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_redis_args_begin(&S->args);
	state_redis_args_adds(&S->args, "moltler:nodes");
	state_redis_args_script(S, state_done_new(&S->dones, cb, arg),
	    on_nodes, nodes_script, 1);
}
