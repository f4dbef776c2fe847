#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "manifest/types.h"
#include "run/runner_internal.h"

/* The types were read anew: their connectors go over to them, so many at a time:
 * some 2 ms. */
#define SLICE 64
#define SLICE_MS 2
/* One that is being changed is looked at again when that may be over. */
#define BUSY_MS 50

struct change {
	struct job * old;
	struct job * next; /* to be started in its place, or NULL */
};

static void
on_old_ended(void * arg)
{
	struct change * w = arg;

	if (w->next != NULL)
		runner_replaced(w->next, w->old);
	else
		job_free(w->old);
	free(w);
}

/* What was a misfit fits: there is nothing to end. */
static int
refit_misfit(struct runner * r, struct job * old)
{
	struct job * j;
	struct err e;

	if ((j = job_from_record(r, old->misfit, &e)) == NULL)
		return (0);
	j->mine = old->mine;
	if (runner_replace(r, old, j)) {
		job_free(j);
		job_free(old);
		return (-1);
	}
	log_event(LOG_INFO, "connector_fits_again",
	    LOG_S("connector", j->c->name));
	runner_replaced(j, old);
	runner_dirty(j, 1);
	return (0);
}

/* The type of ${old} changed; who uses the connector now keeps the old one. */
static int
refit_changed(struct runner * r, struct job * old)
{
	struct change * w = malloc(sizeof(*w));
	json_t * rec = job_record(old);
	struct job * j = NULL;
	struct err e;

	if (w == NULL || rec == NULL)
		err_nomem(&e, "a connector");
	else
		j = job_from_record(r, rec, &e);
	json_decref(rec);
	if (j == NULL) {
		log_event(LOG_ERROR, "connector_keeps_old_type",
		    LOG_S("connector", old->c->name), LOG_E(&e));
		free(w);
		return (0);
	}
	j->mine = old->mine;
	w->old = old;
	w->next = j;
	if (runner_replace(r, old, j)) {
		job_free(j);
		w->next = NULL;
		runner_end_job(old, on_old_ended, w);
		return (-1);
	}
	log_event(LOG_INFO, "connector_type_changed",
	    LOG_S("connector", j->c->name));
	runner_end_job(old, on_old_ended, w);
	return (0);
}

/* -1: no memory. */
static int
refit_one(struct runner * r, struct job * j)
{
	if (j->busy) {
		r->refit_left = 1;
		return (0);
	}
	if (j->misfit != NULL)
		return (refit_misfit(r, j));
	if (types_get(r->types, j->c->m->type) == NULL ||
	    types_get(r->types, j->c->m->type) == j->c->m)
		return (0);
	return (refit_changed(r, j));
}

static void
on_slice(void * arg)
{
	struct runner * r = arg;
	size_t i = r->refit_after ? runner_after(r, r->refit_after) : 0, n = 0;

	if (r->stopping)
		return;
	free(r->refit_after);
	r->refit_after = NULL;
	/* Each keeps its place in the array; one that cannot be replaced for
	 * want of memory leaves it.  Without a place to go on at, all at once. */
	for (; i < r->n; i++) {
		if (refit_one(r, r->sorted[i]))
			return;
		if (++n >= SLICE && r->refit_timer != NULL &&
		    (r->refit_after = strdup(r->sorted[i]->c->name)) != NULL) {
			loop_timer_start(r->refit_timer, SLICE_MS);
			return;
		}
	}
	if (r->refit_left && r->refit_timer != NULL)
		loop_timer_start(r->refit_timer, BUSY_MS);
	r->refit_left = 0;
}

void
runner_refit(struct runner * r)
{
	if (r->refit_timer == NULL)
		r->refit_timer = loop_timer_new(r->loop, on_slice, r);
	else
		loop_timer_stop(r->refit_timer);
	free(r->refit_after);
	r->refit_after = NULL;
	r->refit_left = 0;
	on_slice(r);
}
