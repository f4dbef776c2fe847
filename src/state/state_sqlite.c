#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "state/state_sqlite_internal.h"

/*
 * The embedded backend: one file, one owner.  The data dir's daemon alone
 * writes, so leases and the node live in memory, and reads see what is still
 * held back.
 */
static void
sqlite_free(struct state * state)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct err e;

	/* Callbacks are dropped, what was asked for is not. */
	state_done_fini(&S->dones);
	S->held = NULL;
	S->held_tail = &S->held;
	if (S->pend.timer != NULL && (state_sqlite_status_all(S, &e) ||
	    state_sqlite_batch_commit(S, &e)))
		log_event(LOG_ERROR, "state_failed", LOG_E(&e));
	loop_soon_cancel(S->loop, &S->commit_soon);
	state_pend_fini(&S->pend);
	state_lease_clear(&S->leases);
	state_sqlite_limit_clear(S);
	json_decref(S->node_info);
	state_sqlite_checkpoint_stop(S);
	state_sqlite_db_close(S);
	free(S->path);
	free(S->node);
	free(S);
}

static int
sqlite_is_up(const struct state * state)
{
	(void)state;
	return (1);
}

static const struct state_ops ops = {
	.name = "sqlite",
	.free = sqlite_free,
	.is_up = sqlite_is_up,
	.put = state_sqlite_record_put,
	.get = state_sqlite_record_get,
	.list = state_sqlite_record_list,
	.del = state_sqlite_record_del,
	.generation = state_sqlite_record_generation,
	.changes = state_sqlite_record_changes,
	.status_put = state_sqlite_status_put,
	.status_get = state_sqlite_status_get,
	.event_add = state_sqlite_status_event_add,
	.event_list = state_sqlite_status_event_list,
	.lease_take = state_sqlite_lease_take,
	.lease_keep = state_sqlite_lease_keep,
	.lease_drop = state_sqlite_lease_drop,
	.cursor_get = state_sqlite_cursor_get,
	.cursor_put = state_sqlite_cursor_put,
	.parts_get = state_sqlite_parts_get,
	.parts_put = state_sqlite_parts_put,
	.cache_get = state_sqlite_cache_get,
	.cache_put = state_sqlite_cache_put,
	.limit_take = state_sqlite_limit_take,
	.node_beat = state_sqlite_cache_node_beat,
	.node_list = state_sqlite_cache_node_list,
	.action_put = state_sqlite_action_put,
	.action_get = state_sqlite_action_get,
	.action_list = state_sqlite_action_list,
	.flush = state_sqlite_status_flush,
};

struct state *
state_sqlite_open(struct loop * L, const char * path, const char * node,
    struct err * e)
{
	struct state_sqlite * S;

	if ((S = calloc(1, sizeof(*S))) == NULL) {
		err_nomem(e, "the state");
		return (NULL);
	}
	S->state.ops = &ops;
	S->loop = L;
	S->lock_fd = -1;
	S->held_tail = &S->held;
	state_done_init(&S->dones, L, S);
	if ((S->path = strdup(path)) == NULL ||
	    (S->node = strdup(node)) == NULL)
		err_nomem(e, "the state");
	else if (state_sqlite_db_open(S, e) == 0 &&
	    state_sqlite_db_meta(S, "generation", &S->generation, e) == 0 &&
	    state_sqlite_lease_reserve(S, e) == 0 &&
	    state_sqlite_cache_init(S, e) == 0 &&
	    state_sqlite_checkpoint_start(S, e) == 0 &&
	    state_pend_init(&S->pend, L, state_sqlite_status_run, S, e) == 0)
		return (&S->state);
	sqlite_free(&S->state);
	return (NULL);
}
