/*
 * The lease of a run.  A process that was stopped finds its clock gone on before
 * anybody tells it, so it is the age of the last answer that counts; only the clock
 * that never steps is asked.
 */
#include "base/clock.h"
#include "base/log.h"
#include "sync/sync_run_internal.h"

static int64_t
left_us(const struct sync_run * r)
{
	return (r->env->lease_ms * 1000 - (clock_mono_us() - r->kept_us));
}

static void
lose(struct sync_run * r, const char * how)
{
	struct err e;

	if (r->is_lost)
		return;
	r->is_lost = 1;
	err_set(&e, ERR_TRANSIENT, "lease_lost", "the lease of sync %.100s "
	    "was lost (%s): another daemon may have it", r->d->id, how);
	sync_run_fail(r, &e);
}

int
sync_lease_ok(struct sync_run * r)
{
	if (!r->is_lost && left_us(r) <= 0)
		lose(r, "it was not confirmed for as long as it lasts");
	return (!r->is_lost);
}

static void
arm(struct sync_run * r)
{
	int64_t third = r->env->lease_ms * 1000 / 3, left = left_us(r);

	loop_timer_start_us(r->lease_timer, left < third ? left : third);
}

static void
on_kept(void * arg, int64_t fence, const struct err * e)
{
	struct sync_run * r = sync_run_asked(arg);

	if (r == NULL)
		return;
	if (e != NULL)
		log_event(LOG_WARN, "sync_lease", LOG_S("sync", r->d->id),
		    LOG_E(e));
	else if (fence == 0)
		lose(r, "somebody took it");
	/* As the state counts from when it was asked, or later. */
	else
		r->kept_us = r->asked_us;
}

static void
on_timer(void * arg)
{
	struct sync_run * r = arg;
	struct sync_ask * a;

	if (!sync_lease_ok(r))
		return;
	arm(r);
	if (r->keeping != NULL ||
	    (a = sync_run_ask(r, &r->keeping)) == NULL)
		return;
	r->asked_us = clock_mono_us();
	r->env->state->ops->lease_keep(r->env->state, r->d->id, 0, r->fence,
	    r->env->lease_ms, on_kept, a);
}

int
sync_lease_start(struct sync_run * r)
{
	r->lease_timer = loop_timer_new(r->env->loop, on_timer, r);
	if (r->lease_timer == NULL)
		return (-1);
	arm(r);
	return (0);
}

void
sync_lease_stop(struct sync_run * r)
{
	loop_timer_free(r->lease_timer);
	r->lease_timer = NULL;
	sync_run_forget(&r->keeping);
}
