#include <stdlib.h>
#include <string.h>

#include "state/state_redis_internal.h"

/*
 * The shared backend: every daemon of one Redis sees the same.  While Redis is
 * away calls fail at once; what is held back (status, events) stays and is
 * written when it is there again.
 */
static void
redis_state_free(struct state * state)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_done_fini(&S->dones);
	redis_free(S->redis);
	state_pend_fini(&S->pend);
	state_redis_lease_fini(S);
	state_redis_args_free(&S->args);
	json_decref(S->beat);
	free(S->node);
	free(S);
}

static int
redis_state_is_up(const struct state * state)
{
	const struct state_redis * S =
	    (const struct state_redis *)(const void *)state;

	return (redis_is_up(S->redis));
}

static void
on_change(void * arg, int up)
{
	struct state_redis * S = arg;

	if (!up)
		return;
	/* At once, not with the next beat: who looks sees who is there. */
	state_redis_cache_node_again(S);
	if (S->pend.head != NULL)
		state_pend_again(&S->pend, 0);
}

static const struct state_ops ops = {
	.name = "redis",
	.free = redis_state_free,
	.is_up = redis_state_is_up,
	.put = state_redis_record_put,
	.get = state_redis_record_get,
	.list = state_redis_list_records,
	.del = state_redis_record_del,
	.generation = state_redis_changes_generation,
	.changes = state_redis_changes_since,
	.status_put = state_redis_status_put,
	.status_get = state_redis_status_get,
	.event_add = state_redis_status_event_add,
	.event_list = state_redis_status_event_list,
	.lease_take = state_redis_lease_take,
	.lease_keep = state_redis_lease_keep,
	.lease_drop = state_redis_lease_drop,
	.cursor_get = state_redis_cursor_get,
	.cursor_put = state_redis_cursor_put,
	.parts_get = state_redis_parts_get,
	.parts_put = state_redis_parts_put,
	.cache_get = state_redis_cache_get,
	.cache_put = state_redis_cache_put,
	.limit_take = state_redis_limit_take,
	.node_beat = state_redis_cache_node_beat,
	.node_list = state_redis_cache_node_list,
	.action_put = state_redis_action_put,
	.action_get = state_redis_action_get,
	.action_list = state_redis_list_actions,
	.flush = state_redis_status_flush,
};

struct state *
state_redis_open(struct loop * L, const char * url, const char * node,
    struct err * e)
{
	struct state_redis * S;

	if ((S = calloc(1, sizeof(*S))) == NULL) {
		err_nomem(e, "the state");
		return (NULL);
	}
	S->state.ops = &ops;
	S->loop = L;
	state_done_init(&S->dones, L, S);
	if ((S->node = strdup(node)) == NULL)
		err_nomem(e, "the state");
	else if (state_redis_lease_init(S, e) == 0 &&
	    state_pend_init(&S->pend, L, state_redis_status_run, S, e) == 0 &&
	    (S->redis = redis_new(L, url, e)) != NULL) {
		redis_on_change(S->redis, on_change, S);
		return (&S->state);
	}
	redis_state_free(&S->state);
	return (NULL);
}
