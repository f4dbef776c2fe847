#include <string.h>

#include "sync/sync_run_internal.h"

/* The states in which a run is at one of its entities. */

int
sync_run_next(struct sync_run * r)
{
	struct err e;
	size_t i;

	for (;;) {
		if (r->is_over || !sync_lease_ok(r) ||
		    r->next == r->d->nentities) {
			sync_run_enter(r, RUN_RELEASE);
			return (1);
		}
		i = r->next++;
		if ((r->leg = sync_leg_new(r, i, &e)) != NULL) {
			sync_run_enter(r, RUN_OPEN);
			return (1);
		}
		r->sum.legs_done++;
		sync_run_verdict(r, SYNC_FAILED, &e, "%.60s: %s",
		    r->d->entities[i], e.msg);
		if (e.cls == ERR_CONFIG)
			r->is_over = 1;
	}
}

/* The leg is over; what came of it is judged. */
static void
end_leg(struct sync_run * r, int well)
{
	struct sync_leg * l = r->leg;
	struct sync_progress p;

	if (!r->is_lost) {
		sync_commit_step(l);
		if (!l->writer_failed &&
		    (l->acked == l->given || !l->has_cursor))
			sync_commit_end(l, well && !l->failed);
	}
	sync_run_progress(r, &p);
	sync_leg_free(l);
	r->leg = NULL;
	p.legs_done++;
	r->sum = p;
	sync_run_enter(r, RUN_COMMIT);
}

/* Whether the leg goes no further; then nothing is written from now on. */
static int
is_cut(struct sync_run * r)
{
	struct sync_leg * l = r->leg;

	if (!r->is_over && !l->writer_failed && sync_lease_ok(r))
		return (0);
	sync_read_stop(l);
	if (!l->writer_failed)
		sync_leg_close(l);
	return (1);
}

/* Neither do we say that the service failed. */
static int
cut_leg(struct sync_run * r)
{
	struct sync_leg * l = r->leg;

	l->failed = 1;
	l->e.cls = ERR_CANCELLED;
	if (l->writer_failed)
		sync_leg_judge(l);
	end_leg(r, 0);
	return (1);
}

int
sync_run_open(struct sync_run * r)
{
	struct sync_leg * l = r->leg;

	if (is_cut(r))
		return (cut_leg(r));
	if (!l->is_ready)
		return (0);
	sync_run_enter(r, RUN_READ);
	if (sync_leg_ready(l, &l->e) || sync_read_start(l, &l->e)) {
		l->ended = l->failed = 1;
		return (1);
	}
	return (0);
}

int
sync_run_read(struct sync_run * r)
{
	struct sync_leg * l = r->leg;
	int cut = is_cut(r);

	/* Acknowledged is acknowledged: that much is kept even now. */
	if (sync_lease_ok(r) && r->putting == NULL) {
		sync_commit_step(l);
		sync_commit_put(r);
	}
	if (!l->ended)
		return (0);
	if (cut)
		return (cut_leg(r));
	if (l->failed && l->resumed && strcmp(l->e.code, "resume") == 0) {
		json_decref(l->resume);
		l->resume = NULL;
		if (sync_read_start(l, &l->e))
			l->ended = l->failed = 1;
		return (l->ended);
	}
	sync_run_enter(r, RUN_DRAIN);
	writer_flush(l->w);
	return (1);
}

static void
on_swept(void * arg, uint64_t n, const struct err * e)
{
	struct sync_leg * l = arg;

	l->swept = 1;
	l->deleted = n;
	if (e != NULL) {
		l->sweep_failed = 1;
		l->sweep_e = *e;
	}
	sync_run_soon(l->r);
}

int
sync_run_drain(struct sync_run * r)
{
	struct sync_leg * l = r->leg;
	const struct sync_def * d = r->d;
	int sweeps;

	if (is_cut(r))
		return (cut_leg(r));
	if (l->acked < l->given)
		return (0);
	sweeps = sync_leg_judge(l) && d->deletes != SYNC_DELETES_IGNORE;
	if (!sweeps) {
		end_leg(r, 1);
		return (1);
	}
	sync_run_enter(r, RUN_SWEEP);
	writer_sweep(l->w, d->deletes == SYNC_DELETES_MARK ? SWEEP_MARK :
	    SWEEP_REMOVE, d->delete_ratio, l->st.skipped > 0 ? l->but : NULL,
	    on_swept, l);
	return (1);
}

int
sync_run_sweep(struct sync_run * r)
{
	struct sync_leg * l = r->leg;

	if (is_cut(r))
		return (cut_leg(r));
	if (!l->swept)
		return (0);
	if (l->sweep_failed && strcmp(l->sweep_e.code, "delete_ratio") == 0)
		sync_run_verdict(r, SYNC_PARTIAL, NULL, "deletes: %s",
		    l->sweep_e.msg);
	else if (l->sweep_failed) {
		l->writer_failed = 1;
		l->writer_e = l->sweep_e;
		l->st.skipped = l->st.short_of = 0;
		sync_leg_judge(l);
	}
	end_leg(r, 1);
	return (1);
}
