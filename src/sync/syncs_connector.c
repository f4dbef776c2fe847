#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "sync/syncs_internal.h"

/*
 * Connectors and their syncs.  What POST and PATCH say of a target and a schedule
 * is, for types whose rows are no samples, the connector's main sync.
 */
static const char * const sync_keys[] = { "target_database", "target_table",
    "schedule_ms" };

struct op {
	struct syncs_call * c;
	char * name;        /* the connector's */
	json_t * answer;
	json_t * want;      /* the main sync's keys, or NULL */
	json_t * rest;      /* patch: what is the runner's */
	size_t left;        /* delete: runs to end, then records */
	int undo;           /* create: the connector goes again */
	struct err e;
};

static void
op_end(struct op * op, const struct err * e)
{
	struct err copy;

	/* ${e} may be the op's. */
	if (e != NULL)
		copy = *e;
	syncs_call_end(op->c, e == NULL ? json_incref(op->answer) : NULL,
	    e == NULL ? NULL : &copy);
	free(op->name);
	json_decref(op->answer);
	json_decref(op->want);
	json_decref(op->rest);
	free(op);
}

static struct op *
op_new(struct syncs * S, const char * name, runner_cb * cb, void * arg)
{
	struct syncs_call * c = syncs_call_new(S, cb, arg);
	struct op * op;
	struct err e;

	if (c == NULL)
		return (NULL);
	if ((op = calloc(1, sizeof(*op))) == NULL ||
	    (op->name = strdup(name)) == NULL) {
		free(op);
		err_nomem(&e, "a request");
		syncs_call_end(c, NULL, &e);
		return (NULL);
	}
	op->c = c;
	return (op);
}

/* Whether a schedule of that type is the runner's: samples, or nothing known. */
static int
is_scrape(const struct manifest * m)
{
	return (m == NULL || m->main == NULL ||
	    m->main->decode == DECODE_OPENMETRICS);
}

/* A connector's name, as it is written; owned by the caller, or NULL. */
static char *
name_of(const struct syncs * S, const char * key)
{
	const struct connector * c = runner_connector(S->o.runner, key);
	json_t * v;
	char * name;

	if (c != NULL)
		return (strdup(c->name));
	v = runner_show(S->o.runner, key); /* one that does not fit */
	name = json_str(v, "name") ? strdup(json_str(v, "name")) : NULL;
	json_decref(v);
	return (name);
}

/* ---- the main sync ---- */

/* Move the sync's keys of ${body} into ${*want} (NULL: there are none); the rest
 * is returned.  Both owned by the caller. */
static json_t *
split(const json_t * body, json_t ** want)
{
	json_t * rest = json_copy((json_t *)(uintptr_t)body), * v;
	size_t i;

	*want = NULL;
	for (i = 0; rest != NULL && i < 3; i++) {
		if ((v = json_object_get(rest, sync_keys[i])) == NULL)
			continue;
		if (*want == NULL)
			*want = json_object();
		json_object_set(*want, sync_keys[i], v);
		json_object_del(rest, sync_keys[i]);
	}
	return (rest);
}

/* What the keys mean; texts are borrowed.  1: there is to be no sync. */
static int
read_want(const json_t * want, int64_t interval, struct sync_spec * s,
    struct err * e)
{
	const json_t * v;
	size_t i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < 2; i++) {
		v = json_object_get(want, sync_keys[i]);
		if (v != NULL && !json_is_null(v) && !json_is_string(v))
			return (err_set(e, ERR_CONFIG, "bad_request",
			    "%s must be a string", sync_keys[i]));
	}
	s->database = json_str(want, "target_database");
	s->target = json_str(want, "target_table");
	v = json_object_get(want, "schedule_ms");
	if (v != NULL && !json_is_null(v)) {
		s->every_ms = json_integer_value(v);
		if (!json_is_integer(v) || s->every_ms < SYNCS_EVERY_MIN ||
		    s->every_ms > SYNCS_EVERY_MAX)
			return (err_set(e, ERR_CONFIG, "bad_schedule_ms",
			    "schedule_ms must be an integer from %d to %d",
			    SYNCS_EVERY_MIN, SYNCS_EVERY_MAX));
	}
	if (s->target == NULL && s->database == NULL && s->every_ms == 0)
		return (1);
	if (s->target == NULL)
		return (err_set(e, ERR_CONFIG, "bad_target", "%s needs a "
		    "target: give target_table too", s->database ?
		    "target_database" : "schedule_ms"));
	if (s->every_ms == 0 && interval == 0)
		return (err_set(e, ERR_CONFIG, "bad_schedule_ms",
		    "target_table needs schedule_ms: how often to run, in ms"));
	s->is_main = 1;
	return (0);
}

static void
on_first_run(void * arg, const struct sync_result * r, const struct err * e)
{
	(void)arg;
	(void)r;
	(void)e; /* its status tells */
}

/* Whoever made it wants to see it work. */
static void
first_run(struct syncs * S, const json_t * v)
{
	if (json_str(v, "sync") != NULL &&
	    !json_is_true(json_object_get(v, "replaced")))
		(void)syncs_run(S, json_str(v, "sync"), 0, NULL, on_first_run,
		    NULL);
}

static void
on_undone(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;

	(void)v;
	if (e != NULL)
		log_event(LOG_WARN, "connector_not_undone",
		    LOG_S("connector", op->name), LOG_E(e));
	op_end(op, &op->e);
}

static void
on_main_put(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;
	struct syncs * S = op->c->S;

	if (e == NULL) {
		first_run(S, v);
		op_end(op, NULL);
	} else if (op->undo) {
		op->e = *e;
		runner_delete(S->o.runner, op->name, on_undone, op);
	} else {
		op_end(op, e);
	}
}

static void
on_main_dropped(void * arg, json_t * v, const struct err * e)
{
	(void)v;
	op_end(arg, e);
}

/* Make the main sync what op->want says. */
static void
put_main(struct op * op)
{
	struct syncs * S = op->c->S;
	struct connector * c = runner_connector(S->o.runner, op->name);
	struct syncs_entry * main = syncs_main(S, op->name);
	struct sync_spec s;
	struct err e;
	int rc;

	if (c == NULL)
		rc = err_set(&e, ERR_CONFIG, "not_found",
		    "there is no connector '%.140s'", op->name);
	else
		rc = read_want(op->want, c->opt.sync_interval_ms, &s, &e);
	if (rc == 0) {
		s.connector = op->name;
		s.entity = c->m->main->name;
		syncs_put(S, &s, on_main_put, op);
	} else if (rc < 0) {
		on_main_put(op, NULL, &e);
	} else if (main != NULL) {
		syncs_drop(S, main->d->id, on_main_dropped, op);
	} else {
		op_end(op, NULL);
	}
}

/* ---- create ---- */

static void
on_created(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;

	if (e != NULL) {
		op_end(op, e);
		return;
	}
	op->answer = json_incref(v);
	op->undo = 1;
	put_main(op);
}

void
syncs_connector_create(struct syncs * S, const json_t * body,
    runner_cb * cb, void * arg)
{
	const char * type = json_str(body, "type"),
	    * name = json_str(body, "name");
	struct sync_spec s;
	json_t * want, * rest;
	struct op * op;
	struct err e;

	if (type == NULL || name == NULL || is_scrape(types_get(
	    runner_types(S->o.runner), type))) {
		runner_create(S->o.runner, body, cb, arg);
		return;
	}
	if ((op = op_new(S, name, cb, arg)) == NULL)
		return;
	rest = split(body, &want);
	op->want = want;
	/* What is plainly wrong is refused before anything is made. */
	if ((rest == NULL && err_nomem(&e, "a connector")) ||
	    (want != NULL && read_want(want, 1, &s, &e) < 0))
		op_end(op, &e);
	else
		runner_create(S->o.runner, rest, want ? on_created :
		    on_main_dropped, op);
	json_decref(rest);
}

/* ---- patch ---- */

static void
on_patched(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;
	struct syncs * S = op->c->S;
	struct syncs_run * run;

	(void)v;
	if (e != NULL) {
		op_end(op, e);
		return;
	}
	for (run = S->running; run != NULL; run = run->next)
		if (run->r != NULL && strcmp(run->d->connector, op->name) ==
		    0 && !runner_enabled(S->o.runner, op->name))
			sync_run_cancel(run->r, "its connector was paused");
	syncs_arm_all(S);
	if (op->want != NULL)
		put_main(op);
	else
		op_end(op, NULL);
}

/* What the main sync is now, below what the body says of it. */
static int
complete_want(const struct syncs * S, const char * name, json_t * want)
{
	const struct syncs_entry * en = syncs_main(S, name);
	const struct sync_def * d;

	if (en == NULL)
		return (0);
	d = en->d;
	if (json_object_get(want, "target_table") == NULL &&
	    json_object_set_new(want, "target_table", json_string(d->target)))
		return (-1);
	/* None for a target that goes. */
	if (json_is_null(json_object_get(want, "target_table")))
		return (json_object_clear(want));
	if (json_object_get(want, "target_database") == NULL &&
	    d->engine == SYNC_SQLITE && json_object_set_new(want,
	    "target_database", json_string(d->database)))
		return (-1);
	if (json_object_get(want, "schedule_ms") == NULL && d->every_ms > 0 &&
	    json_object_set_new(want, "schedule_ms",
	    json_integer(d->every_ms)))
		return (-1);
	return (0);
}

void
syncs_connector_patch(struct syncs * S, const char * key,
    const json_t * body, runner_cb * cb, void * arg)
{
	struct connector * c = runner_connector(S->o.runner, key);
	struct op * op;
	struct sync_spec s;
	struct err e;

	if (c == NULL || is_scrape(c->m)) {
		runner_patch(S->o.runner, key, body, cb, arg);
		return;
	}
	if ((op = op_new(S, c->name, cb, arg)) == NULL)
		return;
	op->rest = split(body, &op->want);
	if (op->rest == NULL ||
	    (op->want != NULL && complete_want(S, op->name, op->want))) {
		err_nomem(&e, "a request");
		op_end(op, &e);
	} else if (op->want != NULL && read_want(op->want, 1, &s, &e) < 0) {
		op_end(op, &e);
	} else if (op->want != NULL && json_object_size(op->rest) == 0) {
		put_main(op);
	} else {
		runner_patch(S->o.runner, key, op->rest, on_patched, op);
	}
}

/* ---- delete ---- */

/* Call ${fn} for each sync of the connector; it may take it out. */
static void
each_of(struct op * op, void (*fn)(struct op *, struct syncs_entry *))
{
	struct syncs * S = op->c->S;
	size_t i;

	for (i = S->n; i-- > 0;)
		if (i < S->n && strcmp(S->sorted[i]->d->connector,
		    op->name) == 0)
			fn(op, S->sorted[i]);
}

static void
undrop(struct op * op, struct syncs_entry * en)
{
	(void)op;
	en->busy = en->dropped = 0;
	syncs_arm(en);
}

static void
forget(struct op * op, struct syncs_entry * en)
{
	struct state * st = op->c->S->o.state;

	st->ops->del(st, "sync", en->d->id, NULL, NULL);
	syncs_remove(en);
}

static void
on_deleted(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;

	(void)v;
	op->c->S->changes++;
	each_of(op, e != NULL ? undrop : forget);
	op_end(op, e);
}

static void
on_one_over(void * arg)
{
	struct op * op = arg;

	if (--op->left == 0)
		runner_delete(op->c->S->o.runner, op->name, on_deleted, op);
}

static void
end_one(struct op * op, struct syncs_entry * en)
{
	op->left++;
	en->busy = en->dropped = 1;
	syncs_end(en, "its connector was dropped", on_one_over, op);
}

static void
is_busy(struct op * op, struct syncs_entry * en)
{
	if (en->busy || en->dropped)
		op->undo = 1;
}

void
syncs_connector_delete(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	char * name = name_of(S, key);
	struct op * op;
	struct err e;

	if (name == NULL) {
		runner_delete(S->o.runner, key, cb, arg);
		return;
	}
	op = op_new(S, name, cb, arg);
	free(name);
	if (op == NULL)
		return;
	each_of(op, is_busy);
	if (op->undo) {
		err_set(&e, ERR_TRANSIENT, "busy", "a change of a sync of %s is "
		    "under way; try again", op->name);
		op_end(op, &e);
		return;
	}
	op->left = 1;
	each_of(op, end_one);
	on_one_over(op);
}

/* ---- pause, resume, trigger ---- */

void
syncs_connector_pause(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	char * name = name_of(S, key);
	struct op * op;

	if (name == NULL) {
		runner_pause(S->o.runner, key, cb, arg);
		return;
	}
	if ((op = op_new(S, name, cb, arg)) != NULL)
		runner_pause(S->o.runner, key, on_patched, op);
	free(name);
}

static void
on_resumed(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;
	struct syncs * S = op->c->S;
	struct syncs_entry * en = syncs_main(S, op->name);

	(void)v;
	if (e != NULL) {
		op_end(op, e);
		return;
	}
	syncs_arm_all(S);
	if (en != NULL && !en->d->enabled)
		syncs_resume(S, en->d->id, on_main_dropped, op);
	else
		op_end(op, NULL);
}

void
syncs_connector_resume(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	char * name = name_of(S, key);
	struct op * op;

	if (name == NULL) {
		runner_resume(S->o.runner, key, cb, arg);
		return;
	}
	if ((op = op_new(S, name, cb, arg)) != NULL)
		runner_resume(S->o.runner, key, on_resumed, op);
	free(name);
}

void
syncs_connector_trigger(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	char * name = name_of(S, key);
	struct syncs_entry * en = name ? syncs_main(S, name) : NULL;
	struct syncs_call * c;
	struct err e;

	free(name);
	if (en == NULL) {
		runner_trigger(S->o.runner, key, cb, arg);
		return;
	}
	if ((c = syncs_call_new(S, cb, arg)) == NULL)
		return;
	if (syncs_wait_allowed(S, en, &e)) {
		syncs_call_end(c, NULL, &e);
		return;
	}
	(void)syncs_run(S, en->d->id, 0, NULL, on_first_run, NULL);
	syncs_call_end(c, NULL, NULL);
}

/* ---- show ---- */

/* Of one that has no sync of its own: what the last run of any brought. */
static void
show_last(const struct syncs * S, const char * name, json_t * v)
{
	const struct syncs_entry * last = NULL, * en;
	char key[132];
	size_t i, n;

	n = (size_t)snprintf(key, sizeof(key), "%s.", name);
	for (i = n < sizeof(key) ? syncs_after(S, key) : S->n; i < S->n &&
	    strncmp(S->sorted[i]->d->id, key, n) == 0; i++) {
		en = S->sorted[i];
		if (en->last_run_at != 0 && en->run == NULL &&
		    (last == NULL || en->last_run_at > last->last_run_at))
			last = en;
	}
	if (last != NULL)
		json_object_set_new(v, "last_rows_ingested",
		    json_integer(last->rows));
}

void
syncs_connector_show(const struct syncs * S, json_t * v)
{
	const char * name = json_str(v, "name");
	struct syncs_entry * en = name ? syncs_main(S, name) : NULL;
	const char * status = json_str(v, "status");

	if (en == NULL) {
		if (name != NULL)
			show_last(S, name, v);
		return;
	}
	/* What another node runs: as it was when we last asked. */
	if (!en->mine && en->asks == 0 && !S->stopping)
		syncs_ask(en);
	json_object_set_new(v, "target_database",
	    syncs_note_string(en->d->database));
	json_object_set_new(v, "target_table", json_string(en->d->target));
	json_object_set_new(v, "schedule_ms", en->d->every_ms ?
	    json_integer(en->d->every_ms) : json_null());
	json_object_set_new(v, "last_run_at",
	    syncs_note_time(en->last_run_at));
	json_object_set_new(v, "last_success_at",
	    syncs_note_time(en->last_success_at));
	json_object_set_new(v, "last_error", syncs_note_string(en->error));
	json_object_set_new(v, "last_rows_ingested", json_integer(en->rows));
	json_object_set_new(v, "sync", json_string(en->d->id));
	if (!en->d->enabled && json_is_null(json_object_get(v,
	    "disabled_reason")))
		json_object_set_new(v, "disabled_reason",
		    syncs_note_string(en->d->disabled_reason));
	if (status == NULL || strcmp(status, "disabled") == 0)
		return;
	if (en->error != NULL)
		json_object_set_new(v, "status", json_string("error"));
	else if (en->last_success_at != 0)
		json_object_set_new(v, "status", json_string("connected"));
}
