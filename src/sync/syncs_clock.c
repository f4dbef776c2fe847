#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/schedule.h"
#include "sync/syncs_internal.h"

/*
 * When each sync is due.  Those that are this node's to run stand in a heap by
 * their time, and one timer waits for the first.  Timers know nothing of the wall
 * clock's steps, nor of the time a machine slept: a long wait looks at the clock
 * every LOOK_MS.
 */
#define LOOK_MS 60000
#define MINUTE INT64_C(60000)
/* Begun in one turn of the loop at most. */
#define AT_ONCE 256

/* ---- the schedule ---- */

/* The last matching minute that is not after ${now}, or INT64_MIN: looked for
 * from ever further back, so that an hour's minutes are few steps. */
static int64_t
cron_last(const struct cron * c, int64_t now)
{
	static const int64_t back[] = { 60 * MINUTE, 1440 * MINUTE,
	    31 * 1440 * MINUTE, 366 * 1440 * MINUTE, 5 * 366 * 1440 * MINUTE };
	int64_t t = -1, next;
	size_t i;

	for (i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
		t = cron_next(c, now - back[i]);
		if (t >= 0 && t <= now)
			break;
	}
	if (t < 0 || t > now)
		return (INT64_MIN);
	while ((next = cron_next(c, t)) >= 0 && next <= now)
		t = next;
	return (t);
}

int64_t
syncs_last_bucket(const struct syncs_entry * en, int64_t now)
{
	if (en->d->schedule != NULL)
		return (cron_last(&en->d->cron, now));
	if (en->d->every_ms > 0)
		return (schedule_bucket(now - en->offset_ms, en->d->every_ms));
	return (INT64_MIN);
}

/* The time of the first bucket after ${bucket}. */
static int64_t
after_bucket(const struct syncs_entry * en, int64_t bucket)
{
	if (en->d->schedule != NULL)
		return (cron_next(&en->d->cron, bucket));
	return (schedule_bucket(bucket, en->d->every_ms) + en->d->every_ms +
	    en->offset_ms);
}

int64_t
syncs_next_at(const struct syncs_entry * en, int64_t now)
{
	int64_t last = syncs_last_bucket(en, now), done = en->bucket;
	int64_t at, next;

	if (en->d->schedule == NULL && en->d->every_ms == 0)
		return (-1);
	/* A new one's first run is whoever made it to begin. */
	if (done == INT64_MIN)
		done = syncs_last_bucket(en, en->d->created_at);
	if (done == INT64_MIN)
		done = en->d->created_at;
	next = after_bucket(en, now);
	/* Done further ahead than the next one: the clock was set back. */
	if (next >= 0 && done > next)
		return (last == INT64_MIN ? next : after_bucket(en, last));
	at = after_bucket(en, done);
	return (at >= 0 && at < now ? now : at);
}

/* ---- the heap ---- */

static void
put(struct syncs * S, size_t i, struct syncs_entry * en)
{
	S->heap[i] = en;
	en->heap = i;
}

static void
sift(struct syncs * S, size_t i)
{
	struct syncs_entry * en = S->heap[i];
	size_t k;

	for (; i > 1 && S->heap[i / 2]->due_at > en->due_at; i /= 2)
		put(S, i, S->heap[i / 2]);
	for (; (k = 2 * i) <= S->nheap; i = k) {
		if (k < S->nheap && S->heap[k + 1]->due_at <
		    S->heap[k]->due_at)
			k++;
		if (S->heap[k]->due_at >= en->due_at)
			break;
		put(S, i, S->heap[k]);
	}
	put(S, i, en);
}

void
syncs_disarm(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	struct syncs_entry * last;
	size_t i = en->heap;

	if (i == 0)
		return;
	en->heap = 0;
	last = S->heap[S->nheap--];
	if (last != en) {
		put(S, i, last);
		sift(S, i);
	}
}

static void
enheap(struct syncs_entry * en, int64_t at)
{
	struct syncs * S = en->S;

	en->due_at = at;
	if (en->heap == 0)
		put(S, ++S->nheap, en);
	sift(S, en->heap);
}

/* ---- the clock ---- */

static void
on_timer(void * arg)
{
	struct syncs * S = arg;
	int64_t now = clock_wall_ms();
	struct syncs_entry * en;
	int n = 0;

	/* We may have slept while others took over: look who is there before
	 * anything that was due long ago begins. */
	if (S->nheap > 0 && S->heap[1]->due_at <= now && syncs_nodes_old(S)) {
		syncs_nodes_ask(S);
		syncs_clock_start(S);
		return;
	}
	while (S->nheap > 0 && n++ < AT_ONCE) {
		en = S->heap[1];
		if (en->due_at > now)
			break;
		syncs_disarm(en);
		if (en->known == SYNCS_KNOWN)
			syncs_ready(en);
		else
			syncs_ask(en);
	}
	syncs_clock_start(S);
}

void
syncs_clock_start(struct syncs * S)
{
	int64_t wait = LOOK_MS, now = clock_wall_ms();

	if (S->stopping || !S->loaded)
		return;
	if (S->timer == NULL && (S->timer = loop_timer_new(S->o.loop, on_timer,
	    S)) == NULL) {
		log_event(LOG_ERROR, "no_memory", LOG_S("for",
		    "the clock of syncs"));
		return;
	}
	if (S->nheap > 0 && S->heap[1]->due_at - now < wait)
		wait = S->heap[1]->due_at - now;
	if (wait <= 0)
		wait = syncs_nodes_old(S) ? 1000 : 0;
	loop_timer_start(S->timer, wait);
}

/* When to look at it, or -1: not by the clock. */
static int64_t
look_at(const struct syncs_entry * en, int64_t now)
{
	int64_t at;

	if (en->S->stopping || en->dropped || en->busy || en->unfit ||
	    en->asks > 0)
		return (-1);
	/* Somebody waits: as soon as may be. */
	if (en->waits != NULL)
		return (en->retry_at > now ? en->retry_at : now);
	/* Also of those that run by hand alone, or elsewhere, there is to tell. */
	if (en->known != SYNCS_KNOWN)
		return (en->retry_at > now ? en->retry_at : now);
	if (!en->mine || !en->d->enabled ||
	    !runner_enabled(en->S->o.runner, en->d->connector) ||
	    (en->d->schedule == NULL && en->d->every_ms == 0))
		return (-1);
	at = syncs_next_at(en, now);
	if (en->retry_at != 0 && (at < 0 || en->retry_at < at))
		at = en->retry_at;
	return (at);
}

static void
arm(struct syncs_entry * en, int64_t now)
{
	int64_t at;

	if (en->run != NULL || en->queued)
		return;
	if ((at = look_at(en, now)) < 0)
		syncs_disarm(en);
	else
		enheap(en, at);
}

void
syncs_try_now(struct syncs_entry * en)
{
	int64_t now = clock_wall_ms();

	if (en->failures > 0 && en->retry_at > now)
		en->retry_at = now;
}

void
syncs_arm(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	int first = S->nheap > 0 && S->heap[1] == en;

	arm(en, clock_wall_ms());
	if (first || (S->nheap > 0 && S->heap[1] == en))
		syncs_clock_start(S);
}

void
syncs_arm_all(struct syncs * S)
{
	int64_t now = clock_wall_ms();
	size_t i;

	for (i = 0; i < S->n; i++)
		arm(S->sorted[i], now);
	syncs_clock_start(S);
}
