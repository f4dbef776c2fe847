#include "sync/sync_run.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/sync_run_internal.h"

/* Between legs the record is put at most so often. */
#define COMMIT_US INT64_C(5000000)

static const char * const state_names[] = { "claim", "cursor", "open", "read",
    "drain", "sweep", "commit", "release", "done" };

static void advance(void *);

void
sync_run_enter(struct sync_run * r, enum sync_run_state s)
{
	log_event(LOG_DEBUG, "sync_state", LOG_S("sync", r->d->id),
	    LOG_S("from", state_names[r->state]), LOG_S("to", state_names[s]));
	r->state = s;
}

void
sync_run_soon(struct sync_run * r)
{
	loop_soon(r->env->loop, &r->soon, advance, r);
}

/* ---- questions to the state ---- */

struct sync_ask *
sync_run_ask(struct sync_run * r, struct sync_ask ** slot)
{
	struct sync_ask * a = calloc(1, sizeof(*a));

	if (a == NULL)
		return (NULL);
	a->r = r;
	a->slot = slot;
	*slot = a;
	return (a);
}

struct sync_run *
sync_run_asked(void * arg)
{
	struct sync_ask * a = arg;
	struct sync_run * r = a->r;

	if (r != NULL)
		*a->slot = NULL;
	free(a);
	return (r);
}

void
sync_run_forget(struct sync_ask ** slot)
{
	if (*slot != NULL)
		(*slot)->r = NULL;
	*slot = NULL;
}

/* ---- the states; each says whether to go on ---- */

static void
on_claim(void * arg, int64_t fence, const struct err * e)
{
	struct sync_run * r = sync_run_asked(arg);

	/* It is always waited for. */
	r->answered = 1;
	r->fence = e == NULL ? fence : 0;
	if (e != NULL) {
		struct err why = *e;

		err_prefix(&why, "claiming the run");
		sync_run_fail(r, &why);
	}
	sync_run_soon(r);
}

/* The rows of its parts, which are wanted only where tokens are. */
static void
on_rows(void * arg, json_t * v, const struct err * e)
{
	struct sync_run * r = sync_run_asked(arg);
	struct err why;

	if (r == NULL)
		return;
	r->answered = 1;
	if (e != NULL) {
		why = *e;
		err_prefix(&why, "reading the cursors of its parts");
		sync_run_fail(r, &why);
	}
	r->rows = json_incref(v);
	sync_run_soon(r);
}

static void
ask_rows(struct sync_run * r)
{
	struct sync_ask * a;
	struct err e;

	r->changes = json_object();
	r->sent = json_object();
	if (r->changes == NULL || r->sent == NULL ||
	    (a = sync_run_ask(r, &r->asking)) == NULL) {
		r->answered = 1;
		err_nomem(&e, "a cursor");
		sync_run_fail(r, &e);
		return;
	}
	r->env->state->ops->parts_get(r->env->state, r->d->id, on_rows, a);
}

static void
on_cursor(void * arg, json_t * v, const struct err * e)
{
	struct sync_run * r = sync_run_asked(arg);
	struct err why;

	if (r == NULL)
		return;
	r->answered = 1;
	if (e != NULL) {
		why = *e;
		err_prefix(&why, "reading the cursor");
		sync_run_fail(r, &why);
	} else if (sync_commit_load(r, v)) {
		err_nomem(&why, "a cursor");
		sync_run_fail(r, &why);
	} else if (sync_leg_wants_rows(r)) {
		r->answered = 0;
		ask_rows(r);
	}
	sync_run_soon(r);
}

static int
in_claim(struct sync_run * r)
{
	struct sync_ask * a;
	struct err e;

	if (!r->answered)
		return (0);
	if (r->fence <= 0 || r->is_over) {
		if (!r->is_over)
			r->res.verdict = SYNC_IDLE;
		sync_run_enter(r, RUN_RELEASE);
		return (1);
	}
	r->res.fence = r->fence;
	r->answered = 0;
	if (!sync_lease_ok(r)) {
		sync_run_enter(r, RUN_RELEASE);
		return (1);
	}
	if (sync_lease_start(r) || (a = sync_run_ask(r, &r->asking)) == NULL) {
		err_nomem(&e, "a sync's run");
		sync_run_fail(r, &e);
		sync_run_enter(r, RUN_RELEASE);
		return (1);
	}
	sync_run_enter(r, RUN_CURSOR);
	r->env->state->ops->cursor_get(r->env->state, r->d->id, on_cursor, a);
	return (0);
}

static int
in_cursor(struct sync_run * r)
{
	if (!r->answered && !r->is_over)
		return (0);
	sync_run_forget(&r->asking);
	if (!r->is_over && (r->flags & SYNC_RUN_MANUAL) == 0 &&
	    json_integer_value(json_object_get(r->record, "bucket")) >=
	    r->bucket) {
		r->res.verdict = SYNC_IDLE;
		r->is_over = 1;
	}
	sync_run_enter(r, RUN_COMMIT);
	return (1);
}

static int
in_commit(struct sync_run * r)
{
	if (r->next < r->d->nentities && !r->is_over && r->is_dirty &&
	    clock_mono_us() - r->committed_us >= COMMIT_US)
		sync_commit_put(r);
	/* One that is on its way need not be waited for: the next says more. */
	return (sync_run_next(r));
}

/* Transient: somebody does it again; cancelled: it did not happen. */
static int
is_done(const struct sync_run * r)
{
	const struct sync_result * res = &r->res;

	if (res->verdict == SYNC_IDLE || r->record == NULL || r->is_lost)
		return (0);
	return (res->verdict != SYNC_FAILED || res->e.cls == ERR_PERMANENT ||
	    res->e.cls == ERR_CONFIG);
}

static int
in_release(struct sync_run * r)
{
	if (!r->is_released) {
		r->is_released = 1;
		if (is_done(r))
			sync_commit_done(r);
	}
	if (r->record != NULL && r->fence > 0)
		sync_commit_put(r);
	if (r->fence > 0 && r->record != NULL && sync_commit_waits(r) &&
	    sync_lease_ok(r))
		return (0);
	if (r->fence > 0 && !r->is_lost)
		r->env->state->ops->lease_drop(r->env->state, r->d->id, 0,
		    r->fence, NULL, NULL);
	sync_run_enter(r, RUN_DONE);
	return (1);
}

static void
run_free(struct sync_run * r)
{
	sync_lease_stop(r);
	sync_run_forget(&r->asking);
	sync_run_forget(&r->putting);
	loop_soon_cancel(r->env->loop, &r->soon);
	loop_timer_free(r->teller);
	loop_timer_free(r->retry);
	json_decref(r->record);
	json_decref(r->rows);
	json_decref(r->changes);
	json_decref(r->sent);
	connector_unref(r->c);
	sync_def_unref(r->d);
	free(r);
}

static void
run_done(struct sync_run * r)
{
	sync_run_progress(r, &r->res.p);
	r->res.took_ms = (clock_mono_us() - r->begun_us) / 1000;
	r->res.cursor_ms = sync_commit_time(r);
	r->cb(r->arg, &r->res);
	run_free(r);
}

static void
advance(void * arg)
{
	struct sync_run * r = arg;
	int go = 1;

	while (go)
		switch (r->state) {
		case RUN_CLAIM:
			go = in_claim(r);
			break;
		case RUN_CURSOR:
			go = in_cursor(r);
			break;
		case RUN_OPEN:
			go = sync_run_open(r);
			break;
		case RUN_READ:
			go = sync_run_read(r);
			break;
		case RUN_DRAIN:
			go = sync_run_drain(r);
			break;
		case RUN_SWEEP:
			go = sync_run_sweep(r);
			break;
		case RUN_COMMIT:
			go = in_commit(r);
			break;
		case RUN_RELEASE:
			go = in_release(r);
			break;
		case RUN_DONE:
			run_done(r);
			return;
		}
}

struct sync_run *
sync_run_start(const struct sync_run_env * env, struct sync_def * d,
    struct connector * c, int64_t bucket, unsigned flags,
    void (*progress)(void * arg, const struct sync_progress * p),
    sync_run_cb * cb, void * arg)
{
	struct sync_run * r;
	struct sync_ask * a;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->env = env;
	r->bucket = bucket;
	r->flags = flags;
	r->progress = progress;
	r->cb = cb;
	r->arg = arg;
	r->begun_us = r->kept_us = r->told_us = r->committed_us =
	    clock_mono_us();
	r->begun_ms = clock_wall_ms();
	r->sum.started_ms = r->sum.last_progress_ms = r->begun_ms;
	r->sum.total = -1;
	if ((a = sync_run_ask(r, &r->asking)) == NULL)
		goto fail;
	if (progress != NULL &&
	    (r->teller = loop_timer_new(env->loop, sync_run_tell, r)) == NULL)
		goto fail;
	r->d = sync_def_ref(d);
	r->c = connector_ref(c);
	env->state->ops->lease_take(env->state, d->id, 0, env->lease_ms,
	    on_claim, a);
	return (r);

fail:
	free(a);
	free(r);
	return (NULL);
}

void
sync_run_cancel(struct sync_run * r, const char * why)
{
	struct err e;

	if (r == NULL || r->state >= RUN_RELEASE)
		return;
	err_set(&e, ERR_CANCELLED, "cancelled", "%s",
	    why != NULL ? why : "the run was cancelled");
	sync_run_fail(r, &e);
}

int64_t
sync_run_holds(const struct sync_run * r)
{
	return (r->fence > 0 && r->state > RUN_CURSOR &&
	    r->res.verdict != SYNC_IDLE ? r->fence : 0);
}

const char *
sync_run_state_name(const struct sync_run * r)
{
	return (state_names[r->state]);
}
