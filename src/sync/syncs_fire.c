#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "sync/syncs_internal.h"

/*
 * Runs: those that are due begin as there is room, so that ten thousand schedules
 * of the same minute neither exhaust the memory nor, where one service hangs, keep
 * those of other connectors waiting.
 */
#define RETRY_MS 15000      /* after a transient failure, doubled each time, */
#define RETRY_MAX_MS 900000 /* up to this */
#define TELL_US 2000000     /* progress into the status: so often at most */
#define STUCK_US 60000000   /* who has not got on for so long waits */
#define LOOK_AHEAD 64       /* of those that wait for room, in one turn */

static void begin_some(void * arg);

/* ---- those that wait for room ---- */

void
syncs_wake(struct syncs * S)
{
	if (S->queue != NULL && !S->stopping)
		loop_soon(S->o.loop, &S->queue_soon, begin_some, S);
}

static void
enqueue(struct syncs_entry * en)
{
	struct syncs * S = en->S;

	en->queued = 1;
	en->queue_next = NULL;
	*S->queue_tail = en;
	S->queue_tail = &en->queue_next;
}

static struct syncs_entry *
dequeue(struct syncs * S)
{
	struct syncs_entry * en = S->queue;

	if ((S->queue = en->queue_next) == NULL)
		S->queue_tail = &S->queue;
	en->queued = 0;
	return (en);
}

void
syncs_unready(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	struct syncs_entry ** p = &S->queue;

	if (!en->queued)
		return;
	while (*p != en)
		p = &(*p)->queue_next;
	if ((*p = en->queue_next) == NULL)
		S->queue_tail = p;
	en->queued = 0;
}

void
syncs_ready(struct syncs_entry * en)
{
	if (en->run != NULL || en->queued || en->dropped || en->busy ||
	    en->unfit)
		return;
	syncs_disarm(en);
	enqueue(en);
	syncs_wake(en->S);
}

/* ---- one run ---- */

static void
run_link(struct syncs * S, struct syncs_run * run)
{
	run->next = S->running;
	run->prevp = &S->running;
	if (run->next != NULL)
		run->next->prevp = &run->next;
	S->running = run;
	S->nrunning++;
}

static void
run_free(struct syncs * S, struct syncs_run * run)
{
	*run->prevp = run->next;
	if (run->next != NULL)
		run->next->prevp = run->prevp;
	S->nrunning--;
	sync_def_unref(run->d);
	free(run);
}

void
syncs_run_tell(struct syncs_run * run)
{
	struct syncs * S = run->en->S;
	int64_t now = clock_mono_us();
	/* Most runs are over before anybody could look. */
	int tells = now - run->told_us >= TELL_US;
	int64_t fence = run->r != NULL ? sync_run_holds(run->r) : 0;
	json_t * v;

	/* Only of one that surely goes on: another daemon may tell of its own. */
	if (fence == 0 || (!tells && run->is_noted) || run->en->dropped ||
	    (v = json_pack("{s:s, s:I}", "node", S->node, "began_run",
	    (json_int_t)fence)) == NULL)
		return;
	/* Also where it began: what was told of that may have come too late, behind
	 * what is of another run. */
	run->is_noted |= json_object_set_new(v, "began_at",
	    json_opt_time(run->en->last_run_at)) == 0;
	if (tells) {
		run->told_us = now;
		run->told = 1;
		json_object_set_new(v, "progress",
		    syncs_note_progress(&run->p));
	} else {
		/* That of a run that did not end may be there. */
		json_object_set_new(v, "progress", json_null());
	}
	S->o.state->ops->status_put(S->o.state, run->d->id, v);
	json_decref(v);
}

static void
on_progress(void * arg, const struct sync_progress * p)
{
	struct syncs_run * run = arg;
	struct sync_wait * w, * next;

	run->p = *p;
	run->moved_us = clock_mono_us();
	for (w = run->waits; w != NULL; w = next) {
		next = w->next;
		if (w->progress != NULL)
			w->progress(w->arg, p);
	}
}

/* Something a person must mend: stop until they say so. */
static void
disable(struct syncs_entry * en, const struct err * e)
{
	struct sync_def * d = syncs_def_with(en->d, json_pack("{s:b, s:s}",
	    "enabled", 0, "disabled_reason", e->msg), NULL);

	log_event(LOG_WARN, "sync_disabled", LOG_S("sync", en->d->id),
	    LOG_S("connector", en->d->connector), LOG_E(e));
	if (d == NULL)
		return; /* no memory: it fails again when it is due */
	syncs_set_def(en, d);
	syncs_note_event(en, "disabled", e->msg);
	syncs_save(en);
}

/* When to try again what failed with a chance. */
static void
back_off(struct syncs_entry * en, int64_t now)
{
	unsigned n = en->failures < 6 ? en->failures : 6;
	int64_t wait = RETRY_MS << n;

	en->failures++;
	en->retry_at = now + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
}

/* What comes of the run for the sync's clock. */
static void
take_result(struct syncs_entry * en, const struct syncs_run * run,
    const struct sync_result * r)
{
	int64_t now = clock_wall_ms();
	int cancelled = r->verdict == SYNC_FAILED &&
	    r->e.cls == ERR_CANCELLED;

	en->retry_at = 0;
	if (r->verdict == SYNC_IDLE) {
		/* It is done, or being done: the state knows. */
		en->known = SYNCS_UNKNOWN;
		en->retry_at = now + en->S->beat_ms;
		en->S->stats.idle++;
		return;
	}
	/* A run that was stopped did not happen, but for the clock: whoever
	 * resumes it would not want it at once. */
	if ((!cancelled || !en->S->stopping) && run->bucket > en->bucket)
		en->bucket = run->bucket; /* never back, as in the state */
	if (r->verdict != SYNC_FAILED) {
		en->failures = 0;
		return;
	}
	if (r->e.cls == ERR_TRANSIENT)
		back_off(en, now);
	else if (r->e.cls == ERR_CONFIG && run->r != NULL && !en->dropped &&
	    en->d->enabled && !en->busy)
		disable(en, &r->e);
}

static void
count(struct syncs * S, const struct sync_result * r)
{
	if (r->verdict == SYNC_IDLE ||
	    (r->verdict == SYNC_FAILED && r->e.cls == ERR_CANCELLED))
		return;
	S->stats.runs[r->verdict]++;
	S->stats.rows += r->p.written;
	S->stats.rejected += r->p.rejected;
	S->stats.deleted += r->p.deleted;
}

/* Somebody ended it, and rows of it are in the target: that is part of a run, and
 * is shown as one. */
static int
is_part(const struct syncs_entry * en, const struct sync_result * r)
{
	return (r->verdict == SYNC_FAILED && r->e.cls == ERR_CANCELLED &&
	    r->p.written > 0 && !en->S->stopping && !en->dropped);
}

static void
on_end(void * arg, const struct sync_result * r)
{
	struct syncs_run * run = arg;
	struct syncs_entry * en = run->en;
	struct syncs * S = en->S;
	struct sync_wait * w;
	void (*ended)(void *) = en->ended;
	void * ended_arg = en->ended_arg;
	struct sync_result part;

	en->run = NULL;
	en->ended = NULL;
	if (is_part(en, r)) {
		part = *r;
		part.verdict = SYNC_PARTIAL;
		snprintf(part.reason, sizeof(part.reason), "ended before its "
		    "end: %.200s", r->e.msg);
		r = &part;
	}
	take_result(en, run, r);
	count(S, r);
	if (!en->dropped)
		syncs_note_result(en, run, r);
	if (r->verdict == SYNC_IDLE)
		syncs_wait_again(en, run);
	w = run->waits;
	run->waits = NULL;
	run_free(S, run);
	if (ended != NULL)
		ended(ended_arg);  /* may free the entry */
	else
		syncs_arm(en);
	/* Whoever waited may do anything now. */
	syncs_wait_done(w, r, NULL);
	syncs_wake(S);
	syncs_maybe_stopped(S);
}

/* It could not even begin. */
static void
on_no_run(void * arg)
{
	struct syncs_run * run = arg;
	struct sync_result r;

	memset(&r, 0, sizeof(r));
	r.verdict = SYNC_FAILED;
	r.e = run->e;
	r.p.total = -1;
	on_end(run, &r);
}

/* Which bucket a run now is of: the last one due, whoever begins it. */
static int64_t
bucket_now(const struct syncs_entry * en, int64_t now)
{
	int64_t bucket = syncs_last_bucket(en, now);

	return (bucket == INT64_MIN ? now : bucket);
}

static int
may_run(const struct syncs_entry * en, struct err * e)
{
	const struct syncs * S = en->S;
	const char * name = en->d->connector, * why;

	if (en->d->node != NULL && en->d->engine == SYNC_SQLITE &&
	    strcmp(en->d->node, S->node) != 0)
		return (syncs_not_here(en, e));
	if ((why = runner_misfit(S->o.runner, name)) != NULL)
		return (err_set(e, ERR_CONFIG, "misfit", "connector %s cannot "
		    "be used: %.300s", name, why));
	if (!runner_has(S->o.runner, name))
		return (err_set(e, ERR_CONFIG, "not_found", "there is no "
		    "connector '%s' any more", name));
	return (0);
}

/* Begin; what fails comes by the callback too. */
static void
begin(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	struct syncs_run * run = calloc(1, sizeof(*run));
	int64_t now = clock_wall_ms();
	unsigned flags = 0;
	struct err e;

	if (run == NULL) {
		log_event(LOG_ERROR, "no_memory", LOG_S("sync", en->d->id));
		en->retry_at = now + RETRY_MS;
		syncs_arm(en);
		return;
	}
	run->en = en;
	run->d = sync_def_ref(en->d);
	run->bucket = bucket_now(en, now);
	run->begun_us = run->told_us = run->moved_us = clock_mono_us();
	run->p.total = -1;
	run->p.started_ms = now;
	run->manual = en->waits != NULL;
	if (syncs_wait_take(en, run))
		flags |= SYNC_RUN_FULL;
	if (run->manual)
		flags |= SYNC_RUN_MANUAL | SYNC_RUN_REFRESH;
	/* What is done lies ahead of the clock: that was set back. */
	if (en->bucket > run->bucket)
		flags |= SYNC_RUN_MANUAL;
	en->run = run;
	en->retry_at = 0;
	en->last_run_at = now;
	run_link(S, run);
	if (may_run(en, &run->e)) {
		loop_soon(S->o.loop, &run->soon, on_no_run, run);
		return;
	}
	log_event(LOG_DEBUG, "sync_begins", LOG_S("sync", en->d->id),
	    LOG_S("connector", en->d->connector), LOG_I("bucket", run->bucket));
	run->r = sync_run_start(&S->env, en->d,
	    runner_connector(S->o.runner, en->d->connector), run->bucket,
	    flags, on_progress, on_end, run);
	if (run->r == NULL) {
		err_nomem(&e, "a run");
		run->e = e;
		loop_soon(S->o.loop, &run->soon, on_no_run, run);
	}
}

/* Whether that connector has as many runs as one may have. */
static int
is_full(const struct syncs * S, const char * connector)
{
	const struct syncs_run * run;
	size_t n = 0;

	for (run = S->running; run != NULL; run = run->next)
		n += strcmp(run->d->connector, connector) == 0;
	return (n >= SYNCS_MAX_CONNECTOR);
}

/* A service may let a run wait for an hour: others need not do so for that. */
static int
has_room(const struct syncs * S)
{
	int64_t since = clock_mono_us() - STUCK_US;
	const struct syncs_run * run;
	size_t n = 0;

	if (S->nrunning < SYNCS_MAX_RUNNING)
		return (1);
	for (run = S->running; run != NULL; run = run->next)
		n += run->moved_us > since;
	return (n < SYNCS_MAX_RUNNING && S->nrunning < SYNCS_MAX_BEGUN);
}

/* Whether it still is to run: much may have changed since it was due. */
static int
is_wanted(const struct syncs_entry * en)
{
	return (!en->dropped && !en->busy && !en->unfit && (en->waits != NULL ||
	    (en->mine && en->d->enabled && runner_enabled(en->S->o.runner,
	    en->d->connector))));
}

/* Those for whom there is no room go behind all others; the next run that ends,
 * or the next second, looks at as many again. */
static void
begin_some(void * arg)
{
	struct syncs * S = arg;
	struct syncs_entry * en;
	size_t looked = 0;

	while (S->queue != NULL && !S->stopping && looked++ < LOOK_AHEAD &&
	    has_room(S)) {
		en = dequeue(S);
		if (!is_wanted(en))
			syncs_arm(en);
		else if (is_full(S, en->d->connector))
			enqueue(en);
		else
			begin(en);
	}
}

void
syncs_end(struct syncs_entry * en, const char * why, void (*cb)(void *),
    void * arg)
{
	syncs_disarm(en);
	syncs_unready(en);
	if (en->run == NULL) {
		cb(arg);
		return;
	}
	en->ended = cb;
	en->ended_arg = arg;
	if (en->run->r != NULL)
		sync_run_cancel(en->run->r, why);
}
