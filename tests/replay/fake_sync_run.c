#include "fake_sync_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_loop.h"
#include "fake_state.h"

struct fake_runs fake_runs;

struct sync_run {
	const struct sync_run_env * env;
	struct sync_def * d;
	struct connector * c;
	int64_t bucket, began_ms, fence;
	unsigned flags;
	struct loop_timer * timer;
	struct soon soon;
	char why[100];
	int cancelled, waiting;
	json_t * cursor;
	char node[16];
	struct sync_result res;
	void (*progress)(void *, const struct sync_progress *);
	sync_run_cb * cb;
	void * arg;
	struct sync_run * next;
};

static struct sync_run * all;

void
fake_runs_reset(void)
{
	free(fake_runs.v);
	memset(&fake_runs, 0, sizeof(fake_runs));
	fake_runs.took_ms = 20;
}

size_t
fake_runs_count(const char * id, int64_t bucket)
{
	size_t i, n = 0;

	for (i = 0; i < fake_runs.n; i++)
		n += strcmp(fake_runs.v[i].id, id) == 0 &&
		    fake_runs.v[i].verdict == SYNC_COMPLETE &&
		    (bucket == -1 || fake_runs.v[i].bucket == bucket);
	return (n);
}

static void
note(const struct sync_run * r)
{
	struct fake_done * d;

	if (r->res.verdict == SYNC_IDLE) {
		fake_runs.idle++;
		return;
	}
	if (fake_runs.n == fake_runs.cap) {
		fake_runs.cap = fake_runs.cap ? 2 * fake_runs.cap : 256;
		fake_runs.v = realloc(fake_runs.v,
		    fake_runs.cap * sizeof(*fake_runs.v));
		if (fake_runs.v == NULL)
			abort();
	}
	d = &fake_runs.v[fake_runs.n++];
	snprintf(d->id, sizeof(d->id), "%s", r->d->id);
	snprintf(d->node, sizeof(d->node), "%s", r->node);
	d->bucket = r->bucket;
	d->at_ms = clock_wall_ms();
	d->every_ms = r->d->every_ms;
	d->flags = r->flags;
	d->verdict = r->res.verdict;
}

static void
done(struct sync_run * r)
{
	struct sync_run ** p = &all;

	while (*p != r)
		p = &(*p)->next;
	*p = r->next;
	note(r);
	fake_runs.running -= r->fence > 0;
	r->res.fence = r->fence;
	r->res.took_ms = clock_mono_us() / 1000 - r->began_ms;
	r->cb(r->arg, &r->res);
	loop_timer_free(r->timer);
	json_decref(r->cursor);
	sync_def_unref(r->d);
	connector_unref(r->c);
	free(r);
}

static void
on_dropped(void * arg, json_t * v, const struct err * e)
{
	(void)v;
	(void)e;
	done(arg);
}

static void
release(struct sync_run * r)
{
	struct state * st = r->env->state;

	st->ops->lease_drop(st, r->d->id, 0, r->fence, on_dropped, r);
}

static void
on_put(void * arg, json_t * v, const struct err * e)
{
	struct sync_run * r = arg;

	(void)v;
	if (e != NULL) {
		r->res.verdict = SYNC_FAILED;
		r->res.e = *e;
		r->res.e.cls = ERR_TRANSIENT;
	}
	release(r);
}

static void
fail(struct sync_run * r, enum err_class cls, const char * why)
{
	r->res.verdict = SYNC_FAILED;
	err_set(&r->res.e, cls, cls == ERR_CANCELLED ? "cancelled" : "fake",
	    "%s", why);
}

static void
on_time(void * arg)
{
	struct sync_run * r = arg;
	struct state * st = r->env->state;

	if (fake_runs.dead != NULL && strcmp(fake_runs.dead, r->node) == 0)
		return;
	r->waiting = 0;
	if (r->cancelled)
		fail(r, ERR_CANCELLED, r->why);
	else if (fake_runs.fails != NULL && strncmp(r->d->id, fake_runs.fails,
	    strlen(fake_runs.fails)) == 0)
		fail(r, fake_runs.cls, "the service says no");
	if (r->res.verdict == SYNC_FAILED &&
	    (r->cancelled || r->res.e.cls == ERR_TRANSIENT)) {
		release(r);
		return;
	}
	r->res.p.written = r->res.p.rows = 7;
	/* As the real one: never back. */
	if (json_integer_value(json_object_get(r->cursor, "bucket")) <
	    r->bucket)
		json_object_set_new(r->cursor, "bucket",
		    json_integer(r->bucket));
	st->ops->cursor_put(st, r->d->id, r->fence, r->cursor, on_put, r);
}

static void
on_cursor(void * arg, json_t * v, const struct err * e)
{
	struct sync_run * r = arg;
	const json_t * b = json_object_get(v, "bucket");
	struct sync_progress p = { .rows = 3, .total = 7 };

	if (e != NULL) {
		r->res.verdict = SYNC_FAILED;
		r->res.e = *e;
		release(r);
		return;
	}
	if (b != NULL && json_integer_value(b) >= r->bucket &&
	    (r->flags & SYNC_RUN_MANUAL) == 0) {
		r->res.verdict = SYNC_IDLE;
		release(r);
		return;
	}
	r->cursor = v ? json_deep_copy(v) : json_object();
	r->waiting = 1;
	r->timer = loop_timer_new(r->env->loop, on_time, r);
	loop_timer_start(r->timer, r->cancelled ? 0 : fake_runs.took_ms);
	if (r->progress != NULL)
		r->progress(r->arg, &p);
}

static void
on_lease(void * arg, int64_t fence, const struct err * e)
{
	struct sync_run * r = arg, * o;

	r->fence = fence;
	if (e != NULL || fence == 0) {
		r->res.verdict = e != NULL ? SYNC_FAILED : SYNC_IDLE;
		if (e != NULL)
			r->res.e = *e;
		done(r);
		return;
	}
	for (o = all; o != NULL; o = o->next)
		if (o != r && o->fence > 0 && strcmp(o->d->id, r->d->id) == 0 &&
		    (fake_runs.dead == NULL ||
		    strcmp(fake_runs.dead, o->node) != 0))
			fake_runs.overlapped++;
	if (++fake_runs.running > fake_runs.peak)
		fake_runs.peak = fake_runs.running;
	r->env->state->ops->cursor_get(r->env->state, r->d->id, on_cursor, r);
}

struct sync_run *
sync_run_start(const struct sync_run_env * env, struct sync_def * d,
    struct connector * c, int64_t bucket, unsigned flags,
    void (*progress)(void *, const struct sync_progress *), sync_run_cb * cb,
    void * arg)
{
	struct sync_run * r = calloc(1, sizeof(*r));

	if (r == NULL)
		return (NULL);
	r->env = env;
	r->d = sync_def_ref(d);
	r->c = connector_ref(c);
	r->bucket = bucket;
	r->flags = flags;
	r->progress = progress;
	r->cb = cb;
	r->arg = arg;
	r->res.p.total = -1;
	r->began_ms = clock_mono_us() / 1000;
	r->next = all;
	all = r;
	snprintf(r->node, sizeof(r->node), "%s", fake_state_node(env->state));
	env->state->ops->lease_take(env->state, d->id, 0, env->lease_ms,
	    on_lease, r);
	return (r);
}

void
sync_run_cancel(struct sync_run * r, const char * why)
{
	snprintf(r->why, sizeof(r->why), "%s", why);
	r->cancelled = 1;
	if (r->waiting)
		loop_timer_start(r->timer, 0);
}

const char *
sync_run_state_name(const struct sync_run * r)
{
	(void)r;
	return ("fake");
}

int64_t
sync_run_holds(const struct sync_run * r)
{
	return (r->fence);
}

void
sync_run_progress(const struct sync_run * r, struct sync_progress * p)
{
	*p = r->res.p;
}

int
sync_run_say(struct sync_def * d, struct connector * c, size_t i,
    const json_t * record, int * by_token, struct buf * sql, struct err * e)
{
	(void)record;
	*by_token = 0;
	buf_addf(sql, "SELECT * FROM \"%s\".\"%s\"", c->name, d->entities[i]);
	if (d->where != NULL)
		buf_addf(sql, " WHERE (%s\n)", d->where);
	return (sql->failed ? err_nomem(e, "a statement") : 0);
}

const char *
sync_verdict_name(enum sync_verdict v)
{
	static const char * const names[] = { "complete", "partial", "failed",
	    "idle" };

	return (names[v]);
}
