#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "run/schedule.h"
#include "sync/syncs_internal.h"

/*
 * Defining a sync.  One that begins anew takes its lease while it is written: a
 * run of what bore its name before, here or elsewhere, is over by then, and
 * whatever it may still say of its cursor comes under a fence that is too old.
 */
#define HOLD_MS 10000
#define MAX_SUFFIX 1000

struct put {
	struct syncs_call * c;
	struct sync_def * d;
	struct syncs_entry * old; /* which it replaces, busy; or NULL */
	json_t * left_out;
	int64_t fence;            /* of its lease; 0: not held */
	int64_t bucket;           /* where it begins */
	int reset;                /* what was read so far does not count */
	unsigned tries;
	struct syncs_says says;   /* the spec */
	unsigned first_now : 1;
};

static void
put_free(struct put * p)
{
	sync_def_unref(p->d);
	json_decref(p->left_out);
	free(p);
}

static void
unbusy(struct syncs_entry * en)
{
	if (en == NULL)
		return;
	en->busy = 0;
	syncs_arm(en);
}

static void
drop_lease(struct put * p)
{
	struct state * st = p->c->S->o.state;

	if (p->fence != 0)
		st->ops->lease_drop(st, p->d->id, 0, p->fence, NULL, NULL);
	p->fence = 0;
}

static void
put_fail(struct put * p, const struct err * e)
{
	drop_lease(p);
	unbusy(p->old);
	syncs_call_end(p->c, NULL, e);
	put_free(p);
}

static json_t *
answer(const struct syncs_entry * en, const json_t * left_out, int replaced)
{
	const struct sync_def * d = en->d;
	int64_t at = syncs_next_at(en, clock_wall_ms());
	json_t * a = json_array();
	size_t i;

	for (i = 0; i < d->nentities; i++)
		json_array_append_new(a, json_string(d->entities[i]));
	return (json_pack("{s:s, s:b, s:o, s:O, s:o, s:o, s:o, s:s, s:o}",
	    "sync", d->id, "replaced", replaced, "entities", a,
	    "left_out", left_out, "schedule", json_opt_string(d->schedule),
	    "every_ms", d->every_ms ? json_integer(d->every_ms) : json_null(),
	    "incremental", json_opt_string(d->incremental), "engine", d->engine == SYNC_SQLITE ? "sqlite" : "elastic",
	    "next_run_at", at < 0 ? json_null() : json_opt_time(at)));
}

/* It is in the state: from now on it counts here too. */
static void
put_done(struct put * p)
{
	struct syncs * S = p->c->S;
	struct syncs_entry * en = p->old;
	int replaced = en != NULL;
	struct err e;
	json_t * v;

	drop_lease(p);
	if (en == NULL) /* the poll may have been faster */
		HASH_FIND(hh, S->by_id, p->d->id, strlen(p->d->id), en);
	if (en != NULL)
		syncs_set_def(en, sync_def_ref(p->d));
	else if ((en = syncs_insert(S, sync_def_ref(p->d), &e)) == NULL) {
		p->old = NULL;
		put_fail(p, &e);
		return;
	}
	syncs_touch(en);
	en->retry_at = 0;
	en->failures = 0;
	if (p->reset) {
		en->bucket = p->bucket;
		en->cursor_ms = 0;
		en->known = SYNCS_KNOWN;
	}
	syncs_note_event(en, replaced ? "changed" : "created", NULL);
	log_event(LOG_INFO, replaced ? "sync_changed" : "sync_created",
	    LOG_S("sync", en->d->id), LOG_S("connector", en->d->connector),
	    LOG_S("target", en->d->target));
	unbusy(en);
	v = answer(en, p->left_out, replaced);
	syncs_call_end(p->c, v, v == NULL ? (err_nomem(&e, "a sync"), &e) :
	    NULL);
	put_free(p);
}

static void
on_cursor_put(void * arg, json_t * v, const struct err * e)
{
	struct put * p = arg;

	(void)v;
	if (e != NULL)
		log_event(LOG_WARN, "cursor_not_written",
		    LOG_S("sync", p->d->id), LOG_E(e));
	put_done(p);
}

static void decide(struct put * p);

static void
on_put(void * arg, json_t * v, const struct err * e)
{
	struct put * p = arg;
	struct state * st = p->c->S->o.state;
	json_t * cursor, * none;

	(void)v;
	if (e != NULL && p->old == NULL && strcmp(e->code, "exists") == 0 &&
	    p->tries < MAX_SUFFIX) {
		drop_lease(p);
		decide(p); /* somebody was faster */
		return;
	}
	if (e != NULL) {
		put_fail(p, e);
		return;
	}
	/* A first run that never ended is one that was missed. */
	if (p->fence == 0 || (cursor = json_pack("{s:I}", "bucket",
	    (json_int_t)p->bucket - p->first_now)) == NULL) {
		put_done(p);
		return;
	}
	none = json_null();
	st->ops->parts_put(st, p->d->id, p->fence, cursor, none, on_cursor_put,
	    p);
	json_decref(cursor);
}

static void
write_record(struct put * p)
{
	struct state * st = p->c->S->o.state;
	json_t * rec = sync_def_record(p->d);
	struct err e;

	if (rec == NULL) {
		err_nomem(&e, "a sync");
		put_fail(p, &e);
		return;
	}
	st->ops->put(st, "sync", p->d->id, rec, p->old == NULL, on_put, p);
	json_decref(rec);
}

static void
on_lease(void * arg, int64_t fence, const struct err * e)
{
	struct put * p = arg;
	struct err busy;

	p->fence = e == NULL ? fence : 0;
	if (e == NULL && fence == 0 && p->old == NULL) {
		/* Dropped a moment ago, and its run not over yet. */
		err_set(&busy, ERR_TRANSIENT, "busy", "%.128s is just being "
		    "made by somebody else, or a run of the one that was called "
		    "so before has not ended yet; try again", p->d->id);
		e = &busy;
	}
	if (e != NULL)
		put_fail(p, e);
	else
		write_record(p);
}

static void
take_lease(void * arg)
{
	struct put * p = arg;
	struct state * st = p->c->S->o.state;

	st->ops->lease_take(st, p->d->id, 0, HOLD_MS, on_lease, p);
}

static int
same(const char * a, const char * b)
{
	return (a == NULL || b == NULL ? a == b : strcmp(a, b) == 0);
}

/* The one it replaces, or NULL. */
static struct syncs_entry *
find_old(const struct syncs * S, const struct sync_def * d)
{
	size_t i;

	if (d->is_main && syncs_main(S, d->connector) != NULL)
		return (syncs_main(S, d->connector));
	for (i = 0; i < S->n; i++)
		if (sync_def_same_rows(S->sorted[i]->d, d))
			return (S->sorted[i]);
	return (NULL);
}

/* Its name: the connector's and the entity's, and a number if that is taken. */
static int
name_it(struct put * p, struct err * e)
{
	const struct sync_def * d = p->d;
	char id[300];
	struct sync_def * named;
	struct syncs_entry * en;
	int n = 0;

	do {
		p->tries++;
		n = snprintf(id, sizeof(id), "%s.%s", d->connector,
		    d->whole ? "all" : d->entities[0]);
		if (p->tries > 1)
			snprintf(id + n, sizeof(id) - (size_t)n, "_%u",
			    p->tries);
		HASH_FIND(hh, p->c->S->by_id, id, strlen(id), en);
	} while (en != NULL && p->tries < MAX_SUFFIX);
	if (en != NULL)
		return (err_set(e, ERR_CONFIG, "exists", "there are %d syncs of "
		    "%.128s already", MAX_SUFFIX, d->connector));
	if ((named = syncs_def_with(d, json_pack("{s:s}", "id", id), e)) ==
	    NULL)
		return (-1);
	sync_def_unref(p->d);
	p->d = named;
	return (0);
}

static int
rename_to(struct put * p, struct syncs_entry * old, struct err * e)
{
	struct sync_def * d = syncs_def_with(p->d, json_pack("{s:s, s:b, s:I}",
	    "id", old->d->id, "is_main", old->d->is_main || p->d->is_main,
	    "created_at", (json_int_t)old->d->created_at), e);

	if (d == NULL)
		return (-1);
	sync_def_unref(p->d);
	p->d = d;
	return (0);
}

struct syncs_says
syncs_put_says(const struct sync_spec * spec)
{
	return ((struct syncs_says){ .no_clock = spec->keep_clock &&
	    spec->schedule == NULL && spec->every_ms == 0,
	    .column = spec->incremental != NULL,
	    .options = spec->options != NULL });
}

/* To run it once more by hand is not to take it off the clock. */
static int
keep_clock(struct sync_def ** d, struct syncs_says says,
    const struct sync_def * old, struct err * e)
{
	static const char * const keys[] = { "schedule", "every_ms",
	    "incremental", "deletes", "delete_ratio" };
	json_t * rec, * keep;
	struct sync_def * as;
	size_t i;

	if (!says.no_clock || (old->schedule == NULL && (old->every_ms == 0 ||
	    (*d)->every_ms != 0)))
		return (0);
	rec = sync_def_record(old);
	keep = json_object();
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (i < 2 || (i == 2 ? !says.column : !says.options))
			json_object_set(keep, keys[i], json_object_get(rec,
			    keys[i]));
	json_decref(rec);
	if ((as = syncs_def_with(*d, keep, e)) == NULL)
		return (-1);
	sync_def_unref(*d);
	*d = as;
	return (0);
}

int
syncs_put_place(const struct syncs * S, struct syncs_says says,
    struct sync_def ** d, struct syncs_entry ** old, int * goes_on,
    struct err * e)
{
	*old = find_old(S, *d);
	if (*old != NULL && keep_clock(d, says, (*old)->d, e))
		return (-1);
	*goes_on = *old != NULL && sync_def_same_rows((*old)->d, *d) &&
	    same((*old)->d->incremental, (*d)->incremental);
	return (0);
}

/* New, or in whose place? */
static void
decide(struct put * p)
{
	struct syncs * S = p->c->S;
	struct syncs_entry * old, tmp;
	struct err e;
	int goes_on;

	memset(&tmp, 0, sizeof(tmp));
	if (syncs_put_place(S, p->says, &p->d, &old, &goes_on, &e)) {
		put_fail(p, &e);
		return;
	}
	p->reset = !goes_on;
	if (old != NULL && (old->busy || old->dropped)) {
		err_set(&e, ERR_TRANSIENT, "busy", "another change of %.128s is "
		    "under way; try again", old->d->id);
		put_fail(p, &e);
		return;
	}
	if (old == NULL ? name_it(p, &e) : rename_to(p, old, &e)) {
		put_fail(p, &e);
		return;
	}
	tmp.d = p->d;
	if (p->d->every_ms > 0)
		tmp.offset_ms = schedule_offset(p->d->id, p->d->every_ms);
	p->bucket = syncs_last_bucket(&tmp, clock_wall_ms());
	if (p->bucket == INT64_MIN)
		p->bucket = clock_wall_ms();
	p->old = old;
	if (old != NULL)
		old->busy = 1;
	if (old != NULL && p->reset) {
		syncs_end(old, "the sync was redefined", take_lease, p);
	} else if (p->reset) {
		take_lease(p);
	} else {
		syncs_disarm(old);
		syncs_unready(old);
		write_record(p);
	}
}

static void
on_checked(void * arg, struct sync_def * d, const json_t * left_out,
    const json_t * explained, const struct err * e)
{
	struct put * p = arg;
	struct err stopping;

	(void)explained;
	if (e == NULL && p->c->S->stopping) {
		err_set(&stopping, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down");
		e = &stopping;
	}
	p->d = d;
	if (e == NULL) {
		p->left_out = json_deep_copy(left_out);
		decide(p);
	} else {
		put_fail(p, e);
	}
}

void
syncs_put(struct syncs * S, const struct sync_spec * spec, syncs_cb * cb,
    void * arg)
{
	struct syncs_call * c = syncs_call_new(S, cb, arg);
	struct put * p;
	struct err e;

	if (c == NULL)
		return;
	if ((p = calloc(1, sizeof(*p))) == NULL) {
		err_nomem(&e, "a sync");
		syncs_call_end(c, NULL, &e);
		return;
	}
	p->c = c;
	p->says = syncs_put_says(spec);
	p->first_now = spec->first_now && (spec->schedule != NULL ||
	    spec->every_ms != 0);
	if (S->stopping) {
		err_set(&e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down");
		put_fail(p, &e);
		return;
	}
	syncs_check_start(S, spec, on_checked, p);
}
