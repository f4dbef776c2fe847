#include "sync/syncs.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/json.h"
#include "base/log.h"
#include "run/schedule.h"
#include "sync/syncs_internal.h"
#include "target/rows.h"

/* More than any one cluster is meant to hold; a bound all the same. */
#define MAX_SYNCS 200000
#define DEFAULT_LEASE_MS 30000
#define RUNNING_TOLD 100
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
	if (S->node == NULL || S->beat == NULL || S->look == NULL) {
		err_nomem(e, "the syncs");
		syncs_free(S);
		return (NULL);
	}
	runner_on_change(o->runner, on_change, S);
	return (S);
}

static void
entry_free(struct syncs_entry * en)
{
	sync_def_unref(en->d);
	free(en->reason);
	free(en->error);
	free(en);
}

void
syncs_free(struct syncs * S)
{
	size_t i;

	if (S == NULL)
		return;
	runner_on_change(S->o.runner, NULL, NULL);
	HASH_CLEAR(hh, S->by_id);
	for (i = 0; i < S->n; i++)
		entry_free(S->sorted[i]);
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

/* The first place in the sorted array whose id is not before ${id}. */
static size_t
lower_bound(const struct syncs * S, const char * id)
{
	size_t lo = 0, hi = S->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (strcmp(S->sorted[mid]->d->id, id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

size_t
syncs_after(const struct syncs * S, const char * id)
{
	size_t i = lower_bound(S, id);

	return (i < S->n && strcmp(S->sorted[i]->d->id, id) == 0 ? i + 1 : i);
}

struct syncs_entry *
syncs_find(const struct syncs * S, const char * id)
{
	struct syncs_entry * en;
	size_t i;

	HASH_FIND(hh, S->by_id, id, strlen(id), en);
	/* A person's typing: in any case. */
	for (i = 0; en == NULL && i < S->n; i++)
		if (strcasecmp(S->sorted[i]->d->id, id) == 0)
			en = S->sorted[i];
	return (en);
}

static int
grow(struct syncs * S, struct err * e)
{
	struct syncs_entry ** v;
	size_t cap;

	if (S->n >= MAX_SYNCS)
		return (err_set(e, ERR_CONFIG, "too_many", "there are %d syncs "
		    "already, the most there can be", MAX_SYNCS));
	if (S->n < S->cap)
		return (0);
	cap = S->cap ? S->cap * 2 : 64;
	if ((v = realloc(S->sorted, cap * sizeof(*v))) == NULL)
		return (err_nomem(e, "a sync"));
	S->sorted = v;
	/* The heap has room for all: arming cannot fail. */
	if ((v = realloc(S->heap, (cap + 1) * sizeof(*v))) == NULL)
		return (err_nomem(e, "a sync"));
	S->heap = v;
	S->cap = cap;
	return (0);
}

struct syncs_entry *
syncs_insert(struct syncs * S, struct sync_def * d, struct err * e)
{
	struct syncs_entry * en = NULL;
	size_t at;

	if (grow(S, e) || (en = calloc(1, sizeof(*en))) == NULL) {
		if (S->n < S->cap)
			err_nomem(e, "a sync");
		sync_def_unref(d);
		return (NULL);
	}
	en->S = S;
	en->bucket = INT64_MIN;
	en->verdict = -1;
	en->d = d;
	at = lower_bound(S, d->id);
	memmove(&S->sorted[at + 1], &S->sorted[at],
	    (S->n - at) * sizeof(*S->sorted));
	S->sorted[at] = en;
	S->n++;
	HASH_ADD_KEYPTR(hh, S->by_id, d->id, strlen(d->id), en);
	if (d->every_ms > 0)
		en->offset_ms = schedule_offset(d->id, d->every_ms);
	en->mine = syncs_nodes_mine(S, d) != 0;
	return (en);
}

void
syncs_remove(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	size_t at = lower_bound(S, en->d->id);
	struct sync_wait * w = en->waits;
	struct err e;

	syncs_disarm(en);
	syncs_unready(en);
	S->unsaved -= en->unsaved;
	memmove(&S->sorted[at], &S->sorted[at + 1],
	    (S->n - at - 1) * sizeof(*S->sorted));
	S->n--;
	HASH_DELETE(hh, S->by_id, en);
	en->waits = NULL;
	err_set(&e, ERR_CONFIG, "not_found", "sync %.128s was dropped",
	    en->d->id);
	syncs_wait_done(w, NULL, &e);
	/* Answers of the state on their way find it by its id. */
	entry_free(en);
}

void
syncs_set_def(struct syncs_entry * en, struct sync_def * d)
{
	struct syncs * S = en->S;

	/* The id's bytes are the definition's. */
	HASH_DELETE(hh, S->by_id, en);
	sync_def_unref(en->d);
	en->d = d;
	en->unfit = 0;
	HASH_ADD_KEYPTR(hh, S->by_id, d->id, strlen(d->id), en);
	en->offset_ms = d->every_ms > 0 ?
	    schedule_offset(d->id, d->every_ms) : 0;
	en->mine = syncs_nodes_mine(S, d) != 0;
}

struct sync_def *
syncs_def_with(const struct sync_def * d, json_t * patch, struct err * e)
{
	json_t * rec = sync_def_record(d);
	struct sync_def * made = NULL;

	if (rec == NULL || patch == NULL || json_object_update(rec, patch))
		err_nomem(e, "a sync");
	else
		made = sync_def_from_record(rec, e);
	json_decref(rec);
	json_decref(patch);
	return (made);
}

int
syncs_not_found(const struct syncs * S, const char * id, struct err * e)
{
	const char ** names = calloc(S->n + 1, sizeof(*names)), * near = NULL;
	size_t i;

	for (i = 0; names != NULL && i < S->n; i++)
		names[i] = S->sorted[i]->d->id;
	if (names != NULL)
		near = json_nearest(id, names, S->n);
	free(names);
	return (err_set(e, ERR_CONFIG, "not_found", "there is no sync '%.140s'"
	    "%s%.140s%s; SHOW SYNCS lists them", id, near ? " (did you mean " :
	    "", near ? near : "", near ? "?)" : ""));
}

struct syncs_entry *
syncs_main(const struct syncs * S, const char * connector)
{
	size_t i;

	/* Their ids begin with the connector's name. */
	for (i = lower_bound(S, connector); i < S->n && strncmp(
	    S->sorted[i]->d->id, connector, strlen(connector)) == 0; i++)
		if (S->sorted[i]->d->is_main && strcmp(
		    S->sorted[i]->d->connector, connector) == 0)
			return (S->sorted[i]);
	return (NULL);
}

int
syncs_has(const struct syncs * S, const char * id)
{
	return (syncs_find(S, id) != NULL);
}

void
syncs_each_target(const struct syncs * S, int (*cb)(void * arg,
    const char * id, const char * engine, const char * database,
    const char * table, const char * node), void * arg)
{
	const struct sync_def * d;
	char name[300];
	size_t i, k;
	int there;

	for (i = 0; i < S->n; i++) {
		d = S->sorted[i]->d;
		there = d->engine == SYNC_SQLITE && d->node != NULL &&
		    strcmp(d->node, S->node) != 0;
		for (k = 0; k < d->nentities; k++)
			if (sync_def_table(d, d->entities[k], name,
			    sizeof(name)) == 0 && cb(arg, d->id,
			    d->engine == SYNC_SQLITE ? "sqlite" : "elastic",
			    d->engine == SYNC_SQLITE ? d->database : "", name,
			    there ? d->node : NULL))
				return;
	}
}

const char *
syncs_elsewhere(const struct syncs * S, const char * database,
    const char * table)
{
	const struct sync_def * d;
	char name[300];
	size_t i, k;

	for (i = 0; i < S->n; i++) {
		d = S->sorted[i]->d;
		if (d->engine != SYNC_SQLITE || d->node == NULL ||
		    strcmp(d->node, S->node) == 0 || (database != NULL &&
		    strcasecmp(database, d->database) != 0))
			continue;
		for (k = 0; k < d->nentities; k++)
			if (sync_def_table(d, d->entities[k], name,
			    sizeof(name)) == 0 &&
			    fnmatch(table, name, FNM_CASEFOLD) == 0)
				return (d->node);
	}
	return (NULL);
}

size_t
syncs_count(const struct syncs * S)
{
	return (S->n);
}

void
syncs_each_name(const struct syncs * S, int (*cb)(void *, const char *),
    void * arg)
{
	size_t i;

	for (i = 0; i < S->n; i++)
		if (cb(arg, S->sorted[i]->d->id))
			return;
}

void
syncs_stats_get(const struct syncs * S, struct syncs_stats * st)
{
	const struct syncs_entry * en;
	size_t i;

	*st = S->stats;
	st->total = S->n;
	st->running = S->nrunning;
	st->nodes = S->nodes != NULL ? S->nnodes : 1;
	for (i = 0; i < S->n; i++) {
		en = S->sorted[i];
		st->scheduled += en->d->enabled &&
		    (en->d->schedule != NULL || en->d->every_ms > 0);
		st->paused += !en->d->enabled;
		st->mine += en->mine;
		st->failed += en->mine && en->verdict == SYNC_FAILED;
		st->partial += en->mine && en->verdict == SYNC_PARTIAL;
	}
}

void
syncs_each_cursor(const struct syncs * S, void (*cb)(void *, const char *,
    double), void * arg)
{
	int64_t now = clock_wall_ms();
	size_t i;

	for (i = 0; i < S->n; i++)
		if (S->sorted[i]->mine && S->sorted[i]->cursor_ms != 0)
			cb(arg, S->sorted[i]->d->id, (double)(now -
			    S->sorted[i]->cursor_ms) / 1000.0);
}

json_t *
syncs_running(const struct syncs * S)
{
	const struct syncs_run * run;
	json_t * a = json_array();

	for (run = S->running; a != NULL && run != NULL &&
	    json_array_size(a) < RUNNING_TOLD; run = run->next)
		json_array_append_new(a, json_string(run->d->id));
	return (a);
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
