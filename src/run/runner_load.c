#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "run/runner_internal.h"

/* Taking over what the state holds at the start. */

#define LOAD_RETRY_MS 1000

int
runner_is_shared(const struct runner * r)
{
	return (strcmp(r->state->ops->name, "sqlite") != 0);
}

struct job *
runner_make(struct runner * r, const json_t * rec)
{
	struct job * j;
	struct err e;

	if ((j = job_from_record(r, rec, &e)) == NULL) {
		log_event(LOG_ERROR, "connector_does_not_fit",
		    LOG_S("connector", json_str(rec, "name")), LOG_E(&e));
		if ((j = job_misfit(r, rec, &e)) == NULL)
			return (NULL);
	}
	j->mine = !runner_is_shared(r) || j->node == NULL ||
	    strcmp(j->node, r->node) == 0;
	return (j);
}

struct job *
runner_adopt(struct runner * r, const json_t * rec)
{
	struct job * j = runner_make(r, rec);
	struct err e;

	if (j == NULL)
		return (NULL);
	if (runner_insert(r, j, &e)) {
		log_event(LOG_ERROR, "connector_not_loaded",
		    LOG_S("connector", j->c->name), LOG_E(&e));
		job_free(j);
		return (NULL);
	}
	return (j);
}

int
runner_is_run_here(const struct job * j)
{
	return (j->mine && !j->idle && j->schedule_ms > 0);
}

struct status_wait {
	struct runner * r;
	int is_load;
	char name[];
};

static void
load_one_done(struct runner * r)
{
	if (--r->load_left > 0)
		return;
	runner_sweep_literals(r);
	if (r->load_cb != NULL)
		r->load_cb(r->load_arg, NULL, NULL);
	r->load_cb = NULL;
	runner_maybe_stopped(r);
}

/* Our own runs tell us more than what we wrote of them; a statement's outcome that
 * is not written yet more than an older one. */
static int
is_news(const struct job * j, const json_t * status)
{
	if (runner_is_run_here(j) && j->last_run_at != 0)
		return (0);
	return (!j->dirty || job_status_time(status) > j->last_run_at);
}

static void
on_status(void * arg, json_t * v, const struct err * e)
{
	struct status_wait * w = arg;
	struct job * j;

	HASH_FIND(by_name, w->r->by_name, w->name, strlen(w->name), j);
	if (e != NULL)
		log_event(LOG_WARN, "status_not_read", LOG_S("connector",
		    w->name), LOG_E(e));
	else if (j != NULL && (w->is_load || is_news(j, v)))
		job_status_apply(j, v);
	if (j != NULL && w->is_load)
		runner_schedule(j);
	w->r->ops--;
	if (w->is_load)
		load_one_done(w->r);
	else
		runner_maybe_stopped(w->r);
	free(w);
}

int
runner_ask_status(struct runner * r, const struct job * j, int is_load)
{
	size_t n = strlen(j->c->name) + 1;
	struct status_wait * w = malloc(sizeof(*w) + n);

	if (w == NULL)
		return (-1);
	w->r = r;
	w->is_load = is_load;
	memcpy(w->name, j->c->name, n);
	r->ops++;
	r->state->ops->status_get(r->state, j->c->name, on_status, w);
	return (0);
}

struct job *
runner_of_record(const struct runner * r, const json_t * rec)
{
	const char * name = json_str(rec, "name");
	struct job * j = NULL;

	if (name != NULL)
		HASH_FIND(by_name, r->by_name, name, strlen(name), j);
	return (j);
}

static void
on_list(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;
	runner_cb * cb = r->load_cb;
	const json_t * rec;
	struct job * j;
	size_t i;

	if (e != NULL) {
		r->load_cb = NULL;
		r->load_left = 0;
		cb(r->load_arg, NULL, e);
		runner_maybe_stopped(r);
		return;
	}
	json_array_foreach(v, i, rec) {
		/* Made here, or noticed, before the list came. */
		if (runner_of_record(r, rec) == NULL &&
		    (j = runner_adopt(r, rec)) != NULL)
			j->unasked = 1;
	}
	/* When all are made: what is freed soon should not lie between what
	 * stays, or each malloc of later days has to do with the holes. */
	for (i = 0; i < r->n; i++) {
		j = r->sorted[i];
		if (!j->unasked)
			continue;
		j->unasked = 0;
		r->load_left++;
		if (runner_ask_status(r, j, 1)) {
			r->load_left--;
			runner_schedule(j);
		}
	}
	load_one_done(r);
}

/* What the list that comes next is at least as new as. */
static void
on_first_generation(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;

	r->ops--;
	if (e == NULL) {
		r->generation = r->seen =
		    json_integer_value(json_object_get(v, "generation"));
		free(r->mark);
		r->mark = json_str(v, "mark") != NULL ?
		    strdup(json_str(v, "mark")) : NULL;
	}
	runner_maybe_stopped(r);
}

void
runner_load(struct runner * r, runner_cb * cb, void * arg)
{
	r->load_cb = cb;
	r->load_arg = arg;
	r->load_left = 1;
	if (runner_is_shared(r)) {
		r->ops++;
		r->state->ops->changes(r->state, NULL, on_first_generation, r);
		if (r->poll_timer == NULL)
			runner_poll_start(r);
	}
	r->state->ops->list(r->state, "connector", on_list, r);
}

static void
on_load_timer(void * arg)
{
	struct runner * r = arg;

	if (!r->stopping)
		runner_load(r, r->load_cb, r->load_arg);
}

void
runner_load_later(struct runner * r, runner_cb * cb, void * arg)
{
	r->load_cb = cb;
	r->load_arg = arg;
	if (r->load_timer == NULL)
		r->load_timer = loop_timer_new(r->loop, on_load_timer, r);
	if (r->load_timer != NULL)
		loop_timer_start(r->load_timer, LOAD_RETRY_MS);
}
