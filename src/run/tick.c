#include "run/tick.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"

enum tick_state { TICK_CLAIM, TICK_READ, TICK_WRITE, TICK_BACKOFF, TICK_DONE };

static const char * const state_names[] = { "claim", "read", "write",
    "backoff", "done" };

struct tick {
	const struct tick_env * env;
	struct tick_plan plan;
	enum tick_state state;
	int64_t begun_us;
	int64_t fence;
	struct scrape * scrape;
	struct loop_timer * timer; /* made at the first backoff: most need none */
	struct tick_result res;
	struct soon soon;
	int cancelled;
	tick_attempt_cb * attempt;
	tick_cb * cb;
	void * arg;
};

/* The one place where the state changes. */
static void
tick_enter(struct tick * t, enum tick_state s)
{
	log_event(LOG_DEBUG, "tick_state",
	    LOG_S("connector", t->plan.connector),
	    LOG_S("from", state_names[t->state]), LOG_S("to", state_names[s]));
	t->state = s;
}

static void
tick_free(struct tick * t)
{
	loop_timer_free(t->timer);
	free(t);
}

static void
tick_done(struct tick * t, enum tick_outcome outcome)
{
	tick_enter(t, TICK_DONE);
	t->res.outcome = outcome;
	t->res.took_us = clock_mono_us() - t->begun_us;
	t->cb(t->arg, &t->res);
	tick_free(t);
}

/* Cancelled: the run did not happen, so somebody else may do it. */
static void
tick_given_up(void * arg)
{
	struct tick * t = arg;

	if (t->fence > 0)
		t->env->state->ops->lease_drop(t->env->state, t->plan.sync,
		    t->plan.lease_bucket, t->fence, NULL, NULL);
	err_set(&t->res.e, ERR_CANCELLED, "cancelled", "the run was cancelled");
	tick_done(t, TICK_FAILED);
}

static int64_t
budget_left_ms(const struct tick * t)
{
	return (t->plan.budget_ms - (clock_mono_us() - t->begun_us) / 1000);
}

static void tick_read(struct tick *);

static void
on_backoff(void * arg)
{
	tick_read(arg);
}

/* An attempt failed with res.e: try again or give up. */
static void
tick_failed(struct tick * t)
{
	struct err * e = &t->res.e;
	int64_t wait;

	if (e->cls != ERR_TRANSIENT || t->res.attempts > t->plan.retry_count) {
		tick_done(t, TICK_FAILED);
		return;
	}
	wait = backoff_ms(t->res.attempts - 1, t->plan.retry_base_ms, 60000,
	    arc4random());
	if (e->retry_after_ms > wait)
		wait = e->retry_after_ms;
	if (wait >= budget_left_ms(t)) {
		tick_done(t, TICK_FAILED);
		return;
	}
	if (t->timer == NULL &&
	    (t->timer = loop_timer_new(t->env->loop, on_backoff, t)) == NULL) {
		tick_done(t, TICK_FAILED);
		return;
	}
	tick_enter(t, TICK_BACKOFF);
	loop_timer_start(t->timer, wait);
}

static void
on_written(void * arg, const struct err * e)
{
	struct tick * t = arg;

	if (e == NULL) {
		tick_done(t, TICK_OK);
		return;
	}
	t->res.rows = 0;
	t->res.e = *e;
	if (t->cancelled)
		tick_given_up(t);
	else
		tick_failed(t);
}

static void
on_page(void * arg, struct sample_page * page, const struct err * e)
{
	struct tick * t = arg;

	t->scrape = NULL;
	t->attempt(t->arg, e);
	if (e != NULL) {
		t->res.e = *e;
		tick_failed(t);
		return;
	}
	tick_enter(t, TICK_WRITE);
	t->res.rows = page->n;
	/* A second run of a bucket leaves the target as it is. */
	if (sample_source_last_at(t->plan.source) == t->plan.scheduled_for)
		t->res.rows = 0;
	sample_source_append(t->plan.source, t->plan.scheduled_for, t->fence,
	    page, on_written, t);
}

static void
tick_read(struct tick * t)
{
	int64_t left = budget_left_ms(t);

	tick_enter(t, TICK_READ);
	t->res.attempts++;
	/* The first attempt has its own timeout; later ones what is left. */
	if (t->res.attempts == 1)
		left = 0;
	else if (left < 1)
		left = 1;
	t->scrape = scrape_start(t->env->conn, t->plan.req,
	    sample_source_layout(t->plan.source), left, on_page, t);
	if (t->scrape == NULL) {
		err_nomem(&t->res.e, "a request");
		tick_failed(t);
	}
}

static void
on_claim(void * arg, int64_t fence, const struct err * e)
{
	struct tick * t = arg;

	t->fence = fence;
	if (t->cancelled) {
		tick_given_up(t);
		return;
	}
	if (e != NULL) {
		t->res.e = *e;
		err_prefix(&t->res.e, "claiming the run");
		tick_done(t, TICK_FAILED);
		return;
	}
	if (fence == 0) {
		tick_done(t, TICK_IDLE);
		return;
	}
	tick_read(t);
}

struct tick *
tick_start(const struct tick_env * env, const struct tick_plan * plan,
    tick_attempt_cb * attempt, tick_cb * cb, void * arg)
{
	struct tick * t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->env = env;
	t->plan = *plan;
	t->state = TICK_CLAIM;
	t->begun_us = clock_mono_us();
	t->attempt = attempt;
	t->cb = cb;
	t->arg = arg;
	env->state->ops->lease_take(env->state, plan->sync, plan->lease_bucket,
	    plan->lease_ttl_ms, on_claim, t);
	return (t);
}

void
tick_cancel(struct tick * t)
{
	t->cancelled = 1;
	if (t->state == TICK_CLAIM || t->state == TICK_WRITE)
		return; /* on_claim and on_written look */
	scrape_cancel(t->scrape);
	t->scrape = NULL;
	if (t->timer != NULL)
		loop_timer_stop(t->timer);
	loop_soon(t->env->loop, &t->soon, tick_given_up, t);
}
