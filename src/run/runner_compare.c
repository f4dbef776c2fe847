#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "run/runner_internal.h"

/*
 * What the state holds of connectors and what we know of them, compared: those of
 * which it is known that they changed, or all.
 */
/* While others change much, reading it all takes no more than this part of the
 * time. */
#define REST 10
#define REST_MAX_US INT64_C(60000000)
/* Thousands of connectors are looked at so many at a time: some 2 ms. */
#define COMPARE_SLICE 64

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

/* A change of our own is under way, which may come to nothing: look again. */
static int
is_ahead(struct runner * r, const struct job * j)
{
	if (!j->busy && !j->unsaved)
		return (0);
	r->skipped = 1;
	return (1);
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
	} else if (!is_ahead(r, j) && differs(j, rec)) {
		retire(r, j, rec);
	}
}

/* It is over; -1: and is to be done once more. */
static void
compare_end(struct runner * r, int rc)
{
	int64_t now = clock_mono_us(), rest = (now - r->look_us) * REST;

	/* Of what is known by name there is little. */
	if (r->asked == NULL)
		r->look_after_us = now + (rest < REST_MAX_US ? rest :
		    REST_MAX_US);
	json_decref(r->list);
	json_decref(r->names);
	json_decref(r->asked);
	r->list = r->names = r->asked = NULL;
	if (rc) {
		r->generation = -1;
	} else {
		r->seen = r->generation;
		free(r->mark);
		r->mark = r->next_mark;
		r->next_mark = NULL;
	}
	runner_look_end(r);
}

/* Whether it is known to be gone.  Of those asked for by name: still the one that
 * was here when the answer came. */
static int
is_dropped(struct runner * r, const struct job * j)
{
	const json_t * v = json_object_get(r->names, j->c->name);

	return ((r->asked == NULL ? v == NULL : json_is_string(v) &&
	    strcmp(json_string_value(v), j->c->id) == 0) && !is_ahead(r, j));
}

static void
compare_well(struct runner * r)
{
	size_t i;

	for (i = r->n; i-- > 0;)
		if (is_dropped(r, r->sorted[i]))
			retire(r, r->sorted[i], NULL);
	if (r->changed != NULL)
		r->changed(r->changed_arg, 0);
	compare_end(r, r->skipped ? -1 : 0);
}

/* Dropped elsewhere, or forgotten between the counter and the list?  A list that a
 * change of our own may have overtaken says what was; what was asked for by name
 * was looked at before that. */
static void
on_still_there(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;
	json_int_t gen = json_integer_value(v);

	if (e == NULL && !r->stopping && gen >= r->generation &&
	    (r->asked != NULL || r->list_changes == r->changes) &&
	    !runner_is_lost(r, gen))
		compare_well(r);
	else
		compare_end(r, -1);
}

/* What is left to look at are those that are gone. */
static void
compare_gone(struct runner * r)
{
	size_t i;

	for (i = 0; i < r->n && !is_dropped(r, r->sorted[i]); i++)
		continue;
	if (i < r->n)
		r->state->ops->generation(r->state, on_still_there, r);
	else
		compare_well(r);
}

/* ---- all of them ---- */

int
runner_compare_more(struct runner * r)
{
	size_t left = COMPARE_SLICE, n = json_array_size(r->list);

	if (r->list == NULL)
		return (0);
	if (r->stopping || r->list_changes != r->changes) {
		compare_end(r, -1);
		return (0);
	}
	for (; r->list_next < n && left > 0; r->list_next++, left--) {
		compare_one(r, json_array_get(r->list, r->list_next));
		/* Freed as we go: that much at once takes its time too. */
		json_array_set_new(r->list, r->list_next, json_null());
	}
	if (r->list_next < n)
		return (1);
	json_decref(r->list);
	r->list = NULL;
	compare_gone(r);
	return (0);
}

static void
on_changed_list(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;

	/* A list of our own, of the same records: the state's is borrowed. */
	if (e != NULL || (r->names = json_object()) == NULL ||
	    (r->list = json_copy(v)) == NULL) {
		compare_end(r, -1);
		return;
	}
	if (!r->stopping && runner_is_lost(r, r->generation)) {
		restore(r, v, r->names);
		if (r->changed != NULL)
			r->changed(r->changed_arg, 1);
		r->seen = 0;
		compare_end(r, -1); /* and look again at what else differs */
		return;
	}
	r->list_next = 0;
	runner_compare_soon(r);
}

/* ---- some, by name ---- */

struct one {
	struct runner * r;
	char name[];
};

/* What the state says of it now.  Answers come in the order of the questions: a
 * change of our own that it does not know yet keeps the job busy. */
static void
on_one(void * arg, json_t * v, const struct err * e)
{
	struct one * o = arg;
	struct runner * r = o->r;
	struct job * j;

	HASH_FIND(by_name, r->by_name, o->name, strlen(o->name), j);
	if (e != NULL || r->stopping)
		r->asked_failed = 1;
	else if (v != NULL)
		compare_one(r, v);
	else if (j != NULL)
		json_object_set_new(r->names, o->name, json_string(j->c->id));
	free(o);
	if (--r->asked_left > 0)
		return;
	if (r->asked_failed)
		compare_end(r, -1);
	else
		compare_gone(r);
}

static void
ask_one(struct runner * r, const char * name)
{
	size_t n = strlen(name) + 1;
	struct one * o = malloc(sizeof(*o) + n);

	if (o == NULL) {
		r->asked_failed = 1;
		return;
	}
	o->r = r;
	memcpy(o->name, name, n);
	r->asked_left++;
	r->state->ops->get(r->state, "connector", name, on_one, o);
}

static void
ask_some(struct runner * r)
{
	const char * name;
	json_t * v;

	r->asked_failed = (r->names = json_object()) == NULL;
	r->asked_left = 0;
	json_object_foreach(r->asked, name, v)
		ask_one(r, name);
	if (r->asked_left == 0 && r->asked_failed)
		compare_end(r, -1);
	else if (r->asked_left == 0)
		compare_gone(r);
}

/* ---- begin ---- */

/* The secrets are there before the connectors that refer to them. */
static void
on_secrets(void * arg, const struct err * e)
{
	struct runner * r = arg;

	r->list_changes = r->changes;
	if (e != NULL || r->stopping)
		compare_end(r, -1);
	else if (r->asked != NULL)
		ask_some(r);
	else
		r->state->ops->list(r->state, "connector", on_changed_list, r);
}

/* The names of what changed, and whether secrets are among that. */
static json_t *
names_of(const json_t * changed, int * secrets)
{
	json_t * names = json_object(), * v;
	const char * kind, * name;
	size_t i;

	json_array_foreach(changed, i, v) {
		kind = json_string_value(json_array_get(v, 0));
		name = json_string_value(json_array_get(v, 1));
		if (kind == NULL || name == NULL)
			continue;
		*secrets |= strcmp(kind, "secret") == 0;
		if (strcmp(kind, "connector") == 0)
			json_object_set_new(names, name, json_true());
	}
	return (names);
}

void
runner_compare(struct runner * r, const json_t * changed)
{
	int secrets = changed == NULL, lost = runner_is_lost(r, r->generation);

	r->look_us = clock_mono_us();
	r->skipped = 0;
	if (changed != NULL && !lost)
		r->asked = names_of(changed, &secrets);
	if (r->secret_store == NULL || (!secrets && !lost)) {
		on_secrets(r, NULL);
	} else if (lost) {
		secret_store_put_back(r->secret_store);
		on_secrets(r, NULL);
	} else {
		secret_store_load(r->secret_store, on_secrets, r);
	}
}
