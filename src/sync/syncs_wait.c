#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/syncs_internal.h"

/* Those who wait for a run. */

#define TRIES 60      /* while another daemon is at it, */
#define TRY_MS 1000   /* so far apart */

static void
append(struct sync_wait ** list, struct sync_wait * w)
{
	while (*list != NULL)
		list = &(*list)->next;
	w->next = NULL;
	*list = w;
}

static void
take_out(struct sync_wait ** list, struct sync_wait * w)
{
	while (*list != NULL && *list != w)
		list = &(*list)->next;
	if (*list == w)
		*list = w->next;
}

static void
wait_free(struct sync_wait * w)
{
	loop_soon_cancel(w->S->o.loop, &w->soon);
	free(w);
}

int
syncs_wait_take(struct syncs_entry * en, struct syncs_run * run)
{
	struct sync_wait * w;
	int full = 0;

	run->waits = en->waits;
	en->waits = NULL;
	for (w = run->waits; w != NULL; w = w->next) {
		w->run = run;
		w->first = w == run->waits;
		full |= w->full;
	}
	return (full);
}

void
syncs_wait_done(struct sync_wait * w, const struct sync_result * r,
    const struct err * e)
{
	struct sync_wait * next;
	sync_wait_cb * cb;

	/* What one of them does must not meet the rest: all are over. */
	for (next = w; next != NULL; next = next->next) {
		next->en = NULL;
		next->run = NULL;
	}
	for (; w != NULL; w = next) {
		next = w->next;
		cb = w->cb;
		w->cb = NULL;
		if (cb != NULL)
			cb(w->arg, r, e);
		wait_free(w);
	}
}

void
syncs_wait_again(struct syncs_entry * en, struct syncs_run * run)
{
	struct sync_wait * w, * next, * stay = NULL;

	for (w = run->waits; w != NULL; w = next) {
		next = w->next;
		if (w->tries++ >= TRIES || en->S->stopping || en->dropped) {
			append(&stay, w);
			continue;
		}
		w->run = NULL;
		append(&en->waits, w);
	}
	run->waits = stay;
	if (en->waits != NULL)
		en->retry_at = clock_wall_ms() + TRY_MS;
}

static void
on_refused(void * arg)
{
	struct sync_wait * w = arg;

	syncs_wait_done(w, NULL, &w->e);
}

int
syncs_wait_allowed(const struct syncs * S, const struct syncs_entry * en, struct err * e)
{
	const struct sync_def * d = en->d;

	if (S->stopping)
		return (err_set(e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down"));
	if (en->dropped)
		return (err_set(e, ERR_CONFIG, "not_found",
		    "sync %.128s is being dropped", d->id));
	if (!d->enabled)
		return (err_set(e, ERR_CONFIG, "disabled", "%.128s is paused "
		    "(%.200s); resume it first", d->id, d->disabled_reason ?
		    d->disabled_reason : "manual"));
	if (d->engine == SYNC_SQLITE && !en->mine)
		return (syncs_not_here(en, e));
	if (!runner_enabled(S->o.runner, d->connector))
		return (err_set(e, ERR_CONFIG, "disabled", "connector %.128s "
		    "is disabled or gone; ALTER CONNECTOR %.128s ENABLE "
		    "resumes it", d->connector, d->connector));
	return (0);
}

struct sync_wait *
syncs_run(struct syncs * S, const char * id, int full,
    void (*progress)(void * arg, const struct sync_progress * p),
    sync_wait_cb * cb, void * arg)
{
	struct sync_wait * w = calloc(1, sizeof(*w));
	struct syncs_entry * en = syncs_find(S, id);

	if (w == NULL)
		return (NULL);
	w->S = S;
	w->full = full != 0;
	w->progress = progress;
	w->cb = cb;
	w->arg = arg;
	if (en == NULL ? syncs_not_found(S, id, &w->e) :
	    syncs_wait_allowed(S, en, &w->e)) {
		loop_soon(S->o.loop, &w->soon, on_refused, w);
		return (w);
	}
	w->en = en;
	append(&en->waits, w);
	if (en->run != NULL || en->asks > 0)
		return (w); /* then it is looked at anyway */
	/* Another daemon may have run it since, if it is not ours. */
	if (en->known == SYNCS_KNOWN && en->mine) {
		syncs_ready(en);
	} else if (!en->queued) {
		syncs_disarm(en);
		syncs_ask(en);
	}
	return (w);
}

void
syncs_leave(struct sync_wait * w, int cancel)
{
	struct syncs_run * run = w->run;

	w->cb = NULL;
	w->progress = NULL;
	/* Refused: over as soon as the queue comes to it. */
	if (w->en == NULL)
		return;
	if (!cancel)
		return; /* it runs all the same */
	if (run == NULL) {
		take_out(&w->en->waits, w);
	} else {
		if (w->first && run->manual && run->r != NULL)
			sync_run_cancel(run->r, "whoever asked for it left");
		take_out(&run->waits, w);
	}
	wait_free(w);
}
