#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "run/runner_internal.h"

/*
 * Taking over what other daemons changed in a shared state, noticed by the
 * generation counter.
 */
#define POLL_MS 1000     /* of the counter: whoever is asked next should know */
#define STATUS_POLLS 5   /* the statuses, each so many of these */
/* While others change much, reading it all takes no more than this part of the
 * time. */
#define REST 10
#define REST_MAX_US INT64_C(60000000)
/* Thousands of connectors are looked at so many at a time: some 2 ms.  A round
 * of asking for statuses takes its time. */
#define COMPARE_SLICE 64
#define COMPARE_MS 2
#define ASK_SLICE 64
#define ASK_MS 32

/* What we wrote of it since it was deleted elsewhere, and write no more. */
static void
forget_status(struct job * j)
{
	json_t * v = job_status(j);
	const char * key;
	json_t * field;
	void * next;

	runner_drop(j);
	if (v == NULL || !j->mine) {
		json_decref(v);
		return;
	}
	json_object_foreach_safe(v, next, key, field)
		json_object_set_new(v, key, json_null());
	j->runner->state->ops->status_put(j->runner->state, j->c->name, v);
	json_decref(v);
}

struct end_wait {
	struct job * old;
	struct job * next; /* to be started in its place, or NULL */
};

static void
on_old_ended(void * arg)
{
	struct end_wait * w = arg;

	if (w->next != NULL)
		runner_replaced(w->next, w->old);
	else
		job_free(w->old);
	free(w);
}

/* Another daemon dropped or changed the connector of ${j}. */
static void
retire(struct runner * r, struct job * j, const json_t * rec)
{
	struct end_wait * w = malloc(sizeof(*w));

	if (w == NULL)
		return; /* seen again at the next change */
	w->old = j;
	w->next = rec ? runner_make(r, rec) : NULL;
	if (runner_replace(r, j, w->next)) {
		job_free(w->next);
		w->next = NULL;
	}
	log_event(rec ? LOG_INFO : LOG_WARN, rec ?
	    "connector_changed_elsewhere" : "connector_gone_elsewhere",
	    LOG_S("connector", j->c->name));
	if (rec == NULL)
		forget_status(j);
	runner_end_job(j, on_old_ended, w);
}

/*
 * Whether the record says anything the job does not.  One that was written by
 * hand may leave out what has a default, so what counts is what becomes of it.
 */
static int
differs(const struct job * j, const json_t * rec)
{
	json_t * have = job_record(j), * full;
	struct job * other;
	struct err e;
	int d = have == NULL || !json_equal(have, (json_t *)(uintptr_t)rec);

	if (d && have != NULL &&
	    (other = job_from_record(j->runner, rec, &e)) != NULL) {
		full = job_record(other);
		d = full == NULL || !json_equal(have, full);
		json_decref(full);
		job_free(other);
	}
	json_decref(have);
	return (d);
}

/*
 * The generation fell: the state lost its latest changes, or all of them, as a
 * Redis without persistence does when it is started anew.  Then what is not in
 * the list was not dropped by anybody, and what we know is put back.
 */
static void
put_back(struct job * j)
{
	runner_save(j);
	if (j->misfit != NULL)
		return;
	runner_put_sync(j);
	if (j->mine)
		runner_dirty(j, 1);
}

static void
restore(struct runner * r, const json_t * list, json_t * names)
{
	const json_t * rec;
	struct job * j;
	size_t i, n = 0;

	json_array_foreach(list, i, rec)
		if (json_str(rec, "name") != NULL)
			json_object_set(names, json_str(rec, "name"),
			    (json_t *)(uintptr_t)rec);
	for (i = 0; i < r->n; i++) {
		j = r->sorted[i];
		rec = json_object_get(names, j->c->name);
		if (j->busy || (rec != NULL && (!j->mine || !differs(j, rec))))
			continue;
		put_back(j);
		n++;
	}
	json_object_clear(names);
	log_event(LOG_ERROR, "state_lost", LOG_S("state", r->state->ops->name),
	    LOG_I("put_back", n), LOG_S("hint", "the shared state forgot "
	    "changes; what this daemon knows is written again; does its "
	    "Redis keep its data (appendonly yes)?"));
}

static void
compare_one(struct runner * r, const json_t * rec)
{
	struct job * j;

	if (json_str(rec, "name") == NULL)
		return;
	json_object_set_new(r->names, json_str(rec, "name"), json_true());
	if ((j = runner_of_record(r, rec)) == NULL) {
		if ((j = runner_adopt(r, rec)) != NULL) {
			runner_schedule(j);
			runner_ask_status(r, j, 0);
		}
	} else if (!j->busy && !j->unsaved && differs(j, rec)) {
		retire(r, j, rec);
	}
}

static void
compare_end(struct runner * r)
{
	int64_t now = clock_mono_us(), rest = (now - r->look_us) * REST;

	r->look_after_us = now + (rest < REST_MAX_US ? rest : REST_MAX_US);
	json_decref(r->list);
	json_decref(r->names);
	r->list = r->names = NULL;
	r->ops--;
	r->polling = 0;
	runner_maybe_stopped(r);
}

/* Whether what we know was forgotten there. */
static int
is_lost(const struct runner * r, json_int_t gen)
{
	return (state_is_lost(gen, r->seen, r->n));
}

static int
is_dropped(const struct runner * r, const struct job * j)
{
	return (!j->busy && !j->unsaved &&
	    json_object_get(r->names, j->c->name) == NULL);
}

static void
compare_well(struct runner * r)
{
	size_t i;

	for (i = r->n; i-- > 0;)
		if (is_dropped(r, r->sorted[i]))
			retire(r, r->sorted[i], NULL);
	r->seen = r->generation;
	if (r->changed != NULL)
		r->changed(r->changed_arg, 0);
	compare_end(r);
}

/* Dropped elsewhere, or forgotten between the counter and the list? */
static void
on_still_there(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;
	json_int_t gen = json_integer_value(v);

	if (e == NULL && !r->stopping && r->list_changes == r->changes &&
	    gen >= r->generation && !is_lost(r, gen)) {
		compare_well(r);
		return;
	}
	r->generation = -1;
	compare_end(r);
}

/* Take over what differs, a slice of it. */
static void
compare_some(struct runner * r)
{
	size_t left = COMPARE_SLICE, n = json_array_size(r->list), i;

	/* A list that a change of our own may have overtaken says what was. */
	if (r->stopping || r->list_changes != r->changes) {
		r->generation = -1;
		compare_end(r);
		return;
	}
	for (; r->list_next < n && left > 0; r->list_next++, left--) {
		compare_one(r, json_array_get(r->list, r->list_next));
		/* Freed as we go: that much at once takes its time too. */
		json_array_set_new(r->list, r->list_next, json_null());
	}
	if (r->list_next < n)
		return;
	json_decref(r->list);
	r->list = NULL;
	for (i = 0; i < r->n && !is_dropped(r, r->sorted[i]); i++)
		continue;
	if (i < r->n)
		r->state->ops->generation(r->state, on_still_there, r);
	else
		compare_well(r);
}

/* Ask how those that others run are doing, a slice of them. */
static void
ask_some(struct runner * r)
{
	size_t left = ASK_SLICE;
	struct job * j;

	for (; r->ask_next < r->n && left > 0; r->ask_next++) {
		j = r->sorted[r->ask_next];
		if (j->mine && !j->idle)
			continue;
		runner_ask_status(r, j, 0);
		left--;
	}
}

static void
on_slice(void * arg)
{
	struct runner * r = arg;

	if (r->list != NULL)
		compare_some(r);
	else if (!r->stopping)
		ask_some(r);
	if (r->list != NULL)
		loop_timer_start(r->slice_timer, COMPARE_MS);
	else if (r->ask_next < r->n && !r->stopping)
		loop_timer_start(r->slice_timer, ASK_MS);
}

static void
on_changed_list(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;

	/* A list of our own, of the same records: the state's is borrowed. */
	if (e != NULL || (r->names = json_object()) == NULL ||
	    (r->list = json_copy(v)) == NULL) {
		json_decref(r->names);
		r->names = NULL;
		r->generation = -1;
		r->ops--;
		r->polling = 0;
		runner_maybe_stopped(r);
		return;
	}
	if (!r->stopping && is_lost(r, r->generation)) {
		restore(r, v, r->names);
		if (r->changed != NULL)
			r->changed(r->changed_arg, 1);
		r->seen = 0;
		r->generation = -1; /* and look again at what else differs */
		compare_end(r);
		return;
	}
	r->list_next = 0;
	on_slice(r);
}

/* The secrets are there before the connectors that refer to them. */
static void
on_secrets(void * arg, const struct err * e)
{
	struct runner * r = arg;

	if (e != NULL || r->stopping) {
		r->generation = -1;
		r->ops--;
		r->polling = 0;
		runner_maybe_stopped(r);
		return;
	}
	r->list_changes = r->changes;
	r->state->ops->list(r->state, "connector", on_changed_list, r);
}

static void
on_generation(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;
	json_int_t gen = json_integer_value(v);

	/* What falls was lost: that is not put off. */
	if (e != NULL || gen == r->generation || r->stopping ||
	    (!is_lost(r, gen) && clock_mono_us() < r->look_after_us)) {
		r->ops--;
		r->polling = 0;
		runner_maybe_stopped(r);
		return;
	}
	r->generation = gen;
	r->look_us = clock_mono_us();
	if (r->secret_store == NULL) {
		on_secrets(r, NULL);
	} else if (is_lost(r, gen)) {
		secret_store_put_back(r->secret_store);
		on_secrets(r, NULL);
	} else {
		secret_store_load(r->secret_store, on_secrets, r);
	}
}

static void
on_poll(void * arg)
{
	struct runner * r = arg;

	/* Nobody but runner_look() has it looked at where it is ours alone. */
	if (!runner_is_shared(r) && !r->polling && r->generation == r->seen)
		return;
	/* A state that is slow to answer is not asked again meanwhile. */
	if (!r->polling) {
		r->polling = 1;
		r->ops++;
		r->state->ops->generation(r->state, on_generation, r);
		if (++r->polls % STATUS_POLLS == 0 && r->ask_next >= r->n) {
			r->ask_next = 0;
			on_slice(r);
		}
	}
	loop_timer_start(r->poll_timer, POLL_MS);
}

void
runner_on_change(struct runner * r, void (*cb)(void *, int), void * arg)
{
	r->changed = cb;
	r->changed_arg = arg;
}

void
runner_look(struct runner * r)
{
	r->generation = -1;
	r->look_after_us = 0;
	if (r->stopping)
		return;
	if (r->poll_timer == NULL)
		runner_poll_start(r);
	if (r->poll_timer != NULL)
		loop_timer_start(r->poll_timer, 0);
}

void
runner_poll_start(struct runner * r)
{
	r->slice_timer = loop_timer_new(r->loop, on_slice, r);
	if (r->slice_timer != NULL && (r->poll_timer = loop_timer_new(r->loop,
	    on_poll, r)) != NULL)
		loop_timer_start(r->poll_timer, POLL_MS);
}
