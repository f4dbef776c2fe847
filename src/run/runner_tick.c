#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "run/runner_internal.h"
#include "run/schedule.h"

/* A status that only moved on is written at most this often. */
#define STATUS_EVERY_US 10000000
/* Timers know nothing of the wall clock's steps, nor of the time a machine slept:
 * a long wait looks at the clock this often. */
#define LOOK_MS 60000
#define EARLY_MS 5 /* a timer that came this early came for what was due */

const double runner_duration_le[RUNNER_DURATION_BUCKETS] = { 0.001, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 };

void
runner_event(struct job * j, const char * event, const char * detail)
{
	char ts[RFC3339_LEN];
	json_t * v;

	if (j->dropped)
		return;
	rfc3339_format(clock_wall_ms(), ts);
	v = json_pack("{s:s, s:s, s:s}", "at", ts, "event", event, "detail",
	    detail ? detail : "");
	if (v == NULL)
		return;
	j->runner->state->ops->event_add(j->runner->state, j->c->name, v);
	json_decref(v);
}

void
runner_dirty(struct job * j, int now)
{
	struct runner * r = j->runner;

	if (j->dropped || j->misfit != NULL)
		return;
	if (!j->dirty) {
		j->dirty = 1;
		j->dirty_since_us = clock_mono_us();
		j->dirty_next = NULL;
		*r->dirty_tail = j;
		r->dirty_tail = &j->dirty_next;
	}
	if (now)
		j->dirty_since_us = INT64_MIN / 2;
}

static void
write_status(struct job * j)
{
	json_t * v = job_status(j);

	if (v != NULL)
		j->runner->state->ops->status_put(j->runner->state, j->c->name,
		    v);
	json_decref(v);
}

void
runner_status_flush(struct runner * r, int all)
{
	int64_t due = clock_mono_us() - STATUS_EVERY_US;
	struct job ** jp = &r->dirty_head, * j;

	r->dirty_tail = &r->dirty_head;
	while ((j = *jp) != NULL) {
		if (all || j->dirty_since_us <= due) {
			*jp = j->dirty_next;
			j->dirty = 0;
			write_status(j);
		} else {
			jp = &j->dirty_next;
		}
	}
	r->dirty_tail = jp;
}

static void
forget_dirty(struct job * j)
{
	struct runner * r = j->runner;
	struct job ** jp;

	if (!j->dirty)
		return;
	for (jp = &r->dirty_head; *jp != NULL; jp = &(*jp)->dirty_next) {
		if (*jp == j) {
			*jp = j->dirty_next;
			break;
		}
	}
	while (*jp != NULL)
		jp = &(*jp)->dirty_next;
	r->dirty_tail = jp;
	j->dirty = 0;
}

void
runner_drop(struct job * j)
{
	forget_dirty(j);
	j->dropped = 1;
}

static void
count_request(void * arg, const struct err * e)
{
	struct job * j = arg;

	call_counts_add(j->runner->conn_env->counts, j->c->m->type,
	    e == NULL ? "200" : e->code);
}

static void
count_tick(struct runner * r, const struct tick_result * res)
{
	double s = (double)res->took_us / 1e6;
	size_t i;

	if (res->outcome == TICK_IDLE) {
		r->stats.idle++;
		return;
	}
	if (res->outcome == TICK_FAILED && res->e.cls == ERR_CANCELLED)
		return;
	if (res->outcome == TICK_OK)
		r->stats.ticks[RUNNER_OK]++;
	else if (res->e.cls == ERR_TRANSIENT)
		r->stats.ticks[RUNNER_TRANSIENT]++;
	else if (res->e.cls == ERR_PERMANENT)
		r->stats.ticks[RUNNER_PERMANENT]++;
	else
		r->stats.ticks[RUNNER_CONFIG]++;
	r->stats.rows += res->rows;
	for (i = 0; i < RUNNER_DURATION_BUCKETS; i++)
		if (s <= runner_duration_le[i])
			break;
	r->stats.duration[i]++;
	r->stats.duration_sum_s += s;
}

/* Whatever the class, the first of a kind is worth a line; repeats are not. */
static void
note_failure(struct job * j, const struct tick_result * res)
{
	int repeated = j->last_error != NULL &&
	    strcmp(j->error_code, res->e.code) == 0;

	log_event(repeated ? LOG_DEBUG : LOG_WARN, "tick_failed",
	    LOG_S("connector", j->c->name), LOG_S("sync", j->sync),
	    LOG_I("attempts", res->attempts),
	    LOG_I("duration_ms", res->took_us / 1000), LOG_E(&res->e));
	job_set_error(j, &res->e);
	if (!repeated)
		runner_event(j, "error", j->last_error);
	runner_dirty(j, !repeated);
}

static void
note_success(struct job * j, const struct tick_result * res)
{
	int changed = j->last_success_at == 0 || j->last_error != NULL;

	j->last_success_at = clock_wall_ms();
	j->last_rows = (int64_t)res->rows;
	log_event(changed ? LOG_INFO : LOG_DEBUG, "tick_ok",
	    LOG_S("connector", j->c->name), LOG_S("sync", j->sync),
	    LOG_I("rows", res->rows), LOG_I("attempts", res->attempts),
	    LOG_I("duration_ms", res->took_us / 1000));
	job_set_error(j, NULL);
	if (changed)
		runner_event(j, "connected", NULL);
	runner_dirty(j, changed);
}

struct save_wait {
	struct runner * r;
	char name[];
};

static void
save_later(struct job * j)
{
	j->runner->unsaved += !j->unsaved;
	j->unsaved = 1;
}

static void
on_saved(void * arg, json_t * v, const struct err * e)
{
	struct save_wait * w = arg;
	struct job * j;

	(void)v;
	HASH_FIND(by_name, w->r->by_name, w->name, strlen(w->name), j);
	if (e != NULL) {
		log_event(LOG_WARN, "connector_not_saved",
		    LOG_S("connector", w->name), LOG_E(e));
		if (j != NULL && e->cls == ERR_TRANSIENT)
			save_later(j);
	}
	w->r->changes++;
	w->r->ops--;
	runner_maybe_stopped(w->r);
	free(w);
}

void
runner_save(struct job * j)
{
	size_t n = strlen(j->c->name) + 1;
	struct save_wait * w;
	json_t * rec;

	/* What is being written now must not be overtaken. */
	if (j->busy || (w = malloc(sizeof(*w) + n)) == NULL) {
		save_later(j);
		return;
	}
	if ((rec = job_record(j)) == NULL) {
		free(w);
		save_later(j);
		return;
	}
	j->unsaved = 0;
	w->r = j->runner;
	memcpy(w->name, j->c->name, n);
	w->r->ops++;
	w->r->state->ops->put(w->r->state, "connector", w->name, rec, 0,
	    on_saved, w);
	json_decref(rec);
}

void
runner_save_rest(struct runner * r)
{
	size_t i;

	if (r->unsaved == 0)
		return;
	r->unsaved = 0;
	for (i = 0; i < r->n; i++) {
		if (!r->sorted[i]->unsaved)
			continue;
		r->sorted[i]->unsaved = 0;
		runner_save(r->sorted[i]);
	}
}

/* Something a person must mend: stop until they say so. */
static void
disable(struct job * j, const struct err * e)
{
	job_set_disabled(j, e->msg);
	log_event(LOG_WARN, "connector_disabled", LOG_S("connector", j->c->name),
	    LOG_E(e));
	runner_event(j, "disabled", e->msg);
	runner_dirty(j, 1);
	runner_save(j);
}

static void
on_tick(void * arg, const struct tick_result * res)
{
	struct job * j = arg;
	struct runner * r = j->runner;

	j->tick = NULL;
	j->idle = res->outcome == TICK_IDLE;
	r->active--;
	count_tick(r, res);
	if (res->outcome == TICK_OK) {
		note_success(j, res);
	} else if (res->outcome == TICK_FAILED &&
	    res->e.cls != ERR_CANCELLED) {
		note_failure(j, res);
		if (res->e.cls == ERR_CONFIG && !j->ending && !j->dropped)
			disable(j, &res->e);
	}
	if (j->ending) {
		forget_dirty(j);
		j->ended(j->ended_arg);
	} else {
		runner_go_on(j);
	}
	runner_maybe_stopped(r);
}

/* Make sure the target is open.  0 or -1 with ${e}. */
static int
open_target(struct job * j, struct err * e)
{
	if (j->source != NULL)
		return (0);
	j->source = targets_source(j->runner->targets, j->target_database,
	    j->target_table, j->c->name, e);
	if (j->source == NULL)
		return (-1);
	sample_source_retain(j->source, j->c->opt.retention_ms);
	return (0);
}

enum why { BY_CLOCK, BY_HAND, FIRST };

static void
fire(struct job * j, enum why why)
{
	struct runner * r = j->runner;
	int64_t now = clock_wall_ms(), bucket;
	struct tick_result res;
	struct tick_plan p;

	if (r->stopping)
		return;
	bucket = schedule_bucket(now, j->schedule_ms);
	if (why != BY_HAND) {
		/* The timer came a little early, the clock a little back. */
		if (bucket == j->last_bucket)
			return;
		/* Skipped counts as done: it is not asked for once more. */
		j->last_bucket = bucket;
	}
	if (j->tick != NULL || j->waiting) {
		if (why == BY_HAND)
			j->triggered = 1;
		else
			r->stats.skipped++;
		return;
	}
	j->triggered = 0;
	memset(&res, 0, sizeof(res));
	res.outcome = TICK_FAILED;
	j->last_run_at = now;
	r->active++;
	if (open_target(j, &res.e)) {
		on_tick(j, &res);
		return;
	}
	memset(&p, 0, sizeof(p));
	p.connector = j->c->name;
	p.sync = j->sync;
	p.req = j->req;
	p.source = j->source;
	/* A run by hand does not use up the bucket, nor is it stopped by one
	 * that was: its claim is its own moment. */
	p.lease_bucket = why == BY_CLOCK ? bucket : why == FIRST ? -now :
	    now != bucket ? now : now + 1;
	p.lease_ttl_ms = 2 * j->schedule_ms + j->req->timeout_ms;
	p.scheduled_for = bucket;
	p.budget_ms = j->schedule_ms;
	p.retry_count = j->c->opt.retry_count >= 0 ?
	    (unsigned)j->c->opt.retry_count : j->ent->retry_count;
	p.retry_base_ms = j->ent->retry_base_ms;
	j->tick = tick_start(&r->tick_env, &p, count_request, on_tick, j);
	if (j->tick == NULL) {
		err_nomem(&res.e, "a run");
		on_tick(j, &res);
	}
}

void
runner_fire(struct job * j, int manual)
{
	fire(j, manual ? BY_HAND : BY_CLOCK);
}

void
runner_fire_first(struct job * j)
{
	fire(j, FIRST);
}

static void
on_timer(void * arg)
{
	struct job * j = arg;

	if (clock_wall_ms() < j->due_at - EARLY_MS) {
		runner_schedule(j);
		return;
	}
	runner_fire(j, 0);
	/* A run that goes on past its time must not stop the clock. */
	if (!loop_timer_pending(j->timer))
		runner_schedule(j);
}

void
runner_schedule(struct job * j)
{
	int64_t now = clock_wall_ms(), at;

	if (j->timer != NULL)
		loop_timer_stop(j->timer);
	if (!j->enabled || !j->mine || j->schedule_ms == 0 || j->ending ||
	    j->waiting || j->runner->stopping)
		return;
	if (j->timer == NULL && (j->timer = loop_timer_new(j->runner->loop,
	    on_timer, j)) == NULL) {
		log_event(LOG_ERROR, "no_memory", LOG_S("connector",
		    j->c->name));
		return;
	}
	at = schedule_next(now, j->schedule_ms, j->offset_ms, j->last_bucket);
	j->due_at = at;
	loop_timer_start(j->timer, at - now < LOOK_MS ? at - now : LOOK_MS);
}

void
runner_go_on(struct job * j)
{
	runner_schedule(j);
	if (j->triggered && j->enabled && j->schedule_ms > 0)
		runner_fire(j, 1);
}

void
runner_end_job(struct job * j, void (*cb)(void *), void * arg)
{
	j->ending = 1;
	j->ended = cb;
	j->ended_arg = arg;
	if (j->timer != NULL)
		loop_timer_stop(j->timer);
	if (j->tick != NULL) {
		tick_cancel(j->tick);
		return;
	}
	forget_dirty(j);
	cb(arg);
}
