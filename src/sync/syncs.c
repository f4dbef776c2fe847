#include "sync/syncs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/log.h"
#include "sync/syncs_internal.h"
#include "target/rows.h"

#define DEFAULT_LEASE_MS 30000
#define STEP_MS 2000

static struct writer *
open_target(void * arg, const struct sync_def * d,
    const struct writer_spec * spec, const struct writer_events * ev,
    struct err * e)
{
	struct syncs * S = arg;

	if (d->engine == SYNC_SQLITE)
		return (rows_writer_open(S->o.loop, S->o.targets, spec, ev, e));
	if (S->o.elastic != NULL)
		return (elastic_writer_open(S->o.elastic, spec, ev, e));
	err_set(e, ERR_CONFIG, "no_target", "%s writes to Elasticsearch or "
	    "OpenSearch, and this daemon has none: set url in [elasticsearch] "
	    "of its settings", d->id);
	return (NULL);
}

/* The wall clock was set: what was worked out by it does not hold. */
static void
on_step(struct syncs * S, int64_t by)
{
	size_t i;

	S->skew += by;
	for (i = 0; i < S->n; i++)
		if (S->sorted[i]->retry_at != 0)
			S->sorted[i]->retry_at += by;
	syncs_arm_all(S);
}

static void
on_beat(void * arg)
{
	struct syncs * S = arg;
	struct syncs_run * run;
	int64_t by = clock_wall_ms() - clock_mono_us() / 1000 - S->skew;

	if (by > STEP_MS || by < -STEP_MS)
		on_step(S, by);
	for (run = S->running; run != NULL; run = run->next)
		syncs_run_tell(run);
	syncs_wake(S);
	if (S->unsaved > 0)
		syncs_save_rest(S);
	if (S->poll_missed)
		syncs_poll(S, 0);
	loop_timer_start(S->beat, 1000);
}

static void
on_look(void * arg)
{
	struct syncs * S = arg;
	int64_t now = clock_mono_us(), less = S->beat_ms / 4 + 1;

	syncs_nodes_ask(S);
	/* Not in step with the heartbeats: just behind our own we would never see
	 * that of another with our name. */
	loop_timer_start(S->look, S->beat_ms - (int64_t)(hash64((uint64_t)now,
	    S->node, strlen(S->node)) % (uint64_t)less));
}

/*
 * Within one lease of its end a node's work has gone to the others: it is missed
 * after three beats and a look, half a lease and a sixth; what it ran is free
 * after three quarters; and whoever finds it held looks again each sixth.
 */
static void
set_times(struct syncs * S, int64_t lease_ms)
{
	if (lease_ms <= 0)
		lease_ms = DEFAULT_LEASE_MS;
	S->env.lease_ms = lease_ms * 3 / 4;
	S->beat_ms = lease_ms / 6;
	if (S->beat_ms < 1)
		S->beat_ms = 1;
	if (S->beat_ms > SYNCS_BEAT_MAX)
		S->beat_ms = SYNCS_BEAT_MAX;
}

int64_t
syncs_beat_ms(const struct syncs * S)
{
	return (S->beat_ms);
}

int64_t
syncs_gone_ms(const struct syncs * S)
{
	return (SYNCS_BEATS * S->beat_ms);
}

void
syncs_begin(struct syncs * S)
{
	S->loaded = 1;
	loop_timer_start(S->beat, 1000);
	if (S->shared)
		loop_timer_start(S->look, S->beat_ms);
	syncs_arm_all(S);
}

static int
on_where(void * arg, const char * node, char * out)
{
	return (syncs_where(arg, node, out));
}

static void
on_change(void * arg, int lost)
{
	syncs_poll(arg, lost);
}

struct syncs *
syncs_new(const struct syncs_opts * o, struct err * e)
{
	struct syncs * S;

	if ((S = calloc(1, sizeof(*S))) == NULL) {
		err_nomem(e, "the syncs");
		return (NULL);
	}
	S->o = *o;
	S->o.node = S->node = strdup(o->node);
	S->shared = strcmp(o->state->ops->name, "sqlite") != 0;
	S->env.loop = o->loop;
	S->env.state = o->state;
	S->env.conn = o->conn;
	set_times(S, o->lease_ms);
	S->env.query_memory = o->query_memory;
	S->env.open = open_target;
	S->env.arg = S;
	S->queue_tail = &S->queue;
	S->skew = clock_wall_ms() - clock_mono_us() / 1000;
	S->beat = loop_timer_new(o->loop, on_beat, S);
	S->look = loop_timer_new(o->loop, on_look, S);
	if (S->node == NULL || S->beat == NULL || S->look == NULL ||
	    syncs_look_init(S, e)) {
		err_nomem(e, "the syncs");
		syncs_free(S);
		return (NULL);
	}
	runner_on_change(o->runner, on_change, S);
	runner_on_where(o->runner, on_where, S);
	return (S);
}

void
syncs_free(struct syncs * S)
{
	size_t i;

	if (S == NULL)
		return;
	runner_on_change(S->o.runner, NULL, NULL);
	runner_on_where(S->o.runner, NULL, NULL);
	syncs_look_fini(S);
	free(S->mark);
	free(S->next_mark);
	HASH_CLEAR(hh, S->by_id);
	for (i = 0; i < S->n; i++)
		syncs_entry_free(S->sorted[i]);
	free(S->sorted);
	free(S->heap);
	loop_timer_free(S->timer);
	loop_timer_free(S->beat);
	loop_timer_free(S->look);
	loop_timer_free(S->slice_timer);
	loop_soon_cancel(S->o.loop, &S->queue_soon);
	loop_soon_cancel(S->o.loop, &S->stop_soon);
	json_decref(S->nodes);
	free(S->node_keys);
	json_decref(S->list);
	free(S->node);
	free(S);
}

static void
on_stop_flushed(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = arg;

	(void)v;
	if (e != NULL)
		log_event(LOG_WARN, "status_not_written", LOG_E(e));
	S->stop_cb(S->stop_arg, NULL, NULL);
}

void
syncs_maybe_stopped(struct syncs * S)
{
	if (S->stopping != 1 || S->nrunning > 0 || S->ops > 0)
		return;
	S->stopping = 2;
	S->o.state->ops->flush(S->o.state, on_stop_flushed, S);
}

static void
begin_stop(void * arg)
{
	struct syncs * S = arg;
	struct sync_wait * w;
	struct err e;
	size_t i;

	err_set(&e, ERR_TRANSIENT, "stopping", "this daemon is shutting down");
	for (i = 0; i < S->n; i++) {
		w = S->sorted[i]->waits;
		S->sorted[i]->waits = NULL;
		syncs_wait_done(w, NULL, &e);
	}
	syncs_maybe_stopped(S);
}

void
syncs_stop(struct syncs * S, syncs_cb * cb, void * arg)
{
	struct syncs_run * run, * next;

	S->stopping = 1;
	S->stop_cb = cb;
	S->stop_arg = arg;
	loop_timer_stop(S->beat);
	loop_timer_stop(S->look);
	if (S->timer != NULL)
		loop_timer_stop(S->timer);
	S->load_cb = NULL;
	if (!S->loaded && S->slice_timer != NULL)
		loop_timer_stop(S->slice_timer);
	for (run = S->running; run != NULL; run = next) {
		next = run->next;
		if (run->r != NULL)
			sync_run_cancel(run->r,
			    "this daemon is shutting down");
	}
	loop_soon(S->o.loop, &S->stop_soon, begin_stop, S);
}
