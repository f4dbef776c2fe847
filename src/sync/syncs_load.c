#include "base/json.h"
#include "base/log.h"
#include "sync/syncs_internal.h"

/* Taking over what the state holds at the start. */

#define LOAD_RETRY_MS 1000

static void load_more(void * arg);

static void
load_ended(struct syncs * S, const struct err * e)
{
	syncs_cb * cb = S->load_cb;

	S->ops--;
	if (cb == NULL) { /* stopped meanwhile */
		syncs_maybe_stopped(S);
		return;
	}
	/* A shared state that is away is waited for. */
	if (e != NULL && e->cls == ERR_TRANSIENT) {
		log_event(LOG_WARN, "syncs_wait", LOG_E(e));
		loop_timer_start(S->slice_timer, LOAD_RETRY_MS);
		return;
	}
	S->load_cb = NULL;
	if (e == NULL)
		syncs_begin(S);
	cb(S->load_arg, NULL, e);
}

static void
on_first_list(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = arg;
	const json_t * rec;
	size_t i;

	if (e == NULL && S->load_cb != NULL) {
		json_array_foreach(v, i, rec)
			syncs_compare(S, rec);
		for (i = S->n; i-- > 0;)
			if (!runner_has(S->o.runner,
			    S->sorted[i]->d->connector))
				syncs_ask_connector(S->sorted[i]);
	}
	load_ended(S, e);
}

static void
on_first_nodes(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = arg;

	(void)v;
	if (e != NULL || S->load_cb == NULL)
		load_ended(S, e);
	else
		S->o.state->ops->list(S->o.state, "sync", on_first_list, S);
}

/* The nodes first: else each would take all for its own. */
static void
load_more(void * arg)
{
	struct syncs * S = arg;

	if (S->list != NULL) {
		syncs_compare_more(S);
		return;
	}
	if (S->loaded) {
		if (S->poll_again)
			syncs_poll(S, 0);
		return;
	}
	S->ops++;
	if (S->shared)
		syncs_nodes_first(S, on_first_nodes);
	else
		S->o.state->ops->list(S->o.state, "sync", on_first_list, S);
}

void
syncs_load(struct syncs * S, syncs_cb * cb, void * arg)
{
	S->load_cb = cb;
	S->load_arg = arg;
	if (S->slice_timer == NULL && (S->slice_timer = loop_timer_new(
	    S->o.loop, load_more, S)) == NULL) {
		log_event(LOG_ERROR, "no_memory", LOG_S("for", "the syncs"));
		return;
	}
	load_more(S);
}
