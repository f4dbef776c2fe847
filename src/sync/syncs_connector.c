#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "sync/syncs_op.h"

/*
 * Connectors and their syncs.  What POST and PATCH say of a target and a schedule
 * is, for types whose rows are no samples, the connector's main sync.
 */
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

/* ---- create ---- */

static void
on_created(void * arg, json_t * v, const struct err * e)
{
	struct syncs_op * op = arg;

	if (e != NULL) {
		syncs_op_end(op, e);
		return;
	}
	op->answer = json_incref(v);
	op->undo = 1;
	syncs_op_put_main(op);
}

void
syncs_connector_create(struct syncs * S, const json_t * body,
    runner_cb * cb, void * arg)
{
	const char * type = json_str(body, "type"),
	    * name = json_str(body, "name");
	struct sync_spec s;
	json_t * want, * rest;
	struct syncs_op * op;
	struct err e;

	if (type == NULL || name == NULL || is_scrape(types_get(
	    runner_types(S->o.runner), type))) {
		runner_create(S->o.runner, body, cb, arg);
		return;
	}
	if ((op = syncs_op_new(S, name, cb, arg)) == NULL)
		return;
	rest = syncs_op_split(body, &want);
	op->want = want;
	/* What is plainly wrong is refused before anything is made. */
	if ((rest == NULL && err_nomem(&e, "a connector")) ||
	    (want != NULL && syncs_op_read(want, 1, &s, &e) < 0))
		syncs_op_end(op, &e);
	else
		runner_create(S->o.runner, rest, want ? on_created :
		    syncs_op_ended, op);
	json_decref(rest);
}

/* ---- patch ---- */

/* What failed because of what was changed need not wait as long as it would. */
static void
try_now(struct syncs * S, const char * connector)
{
	size_t i;

	for (i = 0; i < S->n; i++)
		if (strcmp(S->sorted[i]->d->connector, connector) == 0)
			syncs_try_now(S->sorted[i]);
	syncs_arm_all(S);
}

static void
on_patched(void * arg, json_t * v, const struct err * e)
{
	struct syncs_op * op = arg;
	struct syncs * S = op->c->S;
	struct syncs_run * run;

	(void)v;
	if (e != NULL) {
		syncs_op_end(op, e);
		return;
	}
	for (run = S->running; run != NULL; run = run->next)
		if (run->r != NULL && strcmp(run->d->connector, op->name) ==
		    0 && !runner_enabled(S->o.runner, op->name))
			sync_run_cancel(run->r, "its connector was paused");
	try_now(S, op->name);
	if (op->want != NULL)
		syncs_op_put_main(op);
	else
		syncs_op_end(op, NULL);
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
	struct syncs_op * op;
	struct sync_spec s;
	struct err e;

	if (c == NULL) {
		runner_patch(S->o.runner, key, body, cb, arg);
		return;
	}
	if ((op = syncs_op_new(S, c->name, cb, arg)) == NULL)
		return;
	if (is_scrape(c->m)) {
		runner_patch(S->o.runner, key, body, on_patched, op);
		return;
	}
	op->rest = syncs_op_split(body, &op->want);
	if (op->rest == NULL ||
	    (op->want != NULL && complete_want(S, op->name, op->want))) {
		err_nomem(&e, "a request");
		syncs_op_end(op, &e);
	} else if (op->want != NULL && syncs_op_read(op->want, 1, &s, &e) < 0) {
		syncs_op_end(op, &e);
	} else if (op->want != NULL && json_object_size(op->rest) == 0) {
		syncs_op_put_main(op);
	} else {
		runner_patch(S->o.runner, key, op->rest, on_patched, op);
	}
}

/* ---- delete ---- */

/* Call ${fn} for each sync of the connector; it may take it out. */
static void
each_of(struct syncs_op * op, void (*fn)(struct syncs_op *, struct syncs_entry *))
{
	struct syncs * S = op->c->S;
	size_t i;

	for (i = S->n; i-- > 0;)
		if (i < S->n && strcmp(S->sorted[i]->d->connector,
		    op->name) == 0)
			fn(op, S->sorted[i]);
}

static void
undrop(struct syncs_op * op, struct syncs_entry * en)
{
	(void)op;
	en->busy = en->dropped = 0;
	syncs_arm(en);
}

static void
forget(struct syncs_op * op, struct syncs_entry * en)
{
	struct state * st = op->c->S->o.state;

	st->ops->del(st, "sync", en->d->id, NULL, NULL);
	syncs_remove(en);
}

static void
on_deleted(void * arg, json_t * v, const struct err * e)
{
	struct syncs_op * op = arg;

	(void)v;
	each_of(op, e != NULL ? undrop : forget);
	syncs_op_end(op, e);
}

static void
on_one_over(void * arg)
{
	struct syncs_op * op = arg;

	if (--op->left == 0)
		runner_delete(op->c->S->o.runner, op->name, on_deleted, op);
}

static void
end_one(struct syncs_op * op, struct syncs_entry * en)
{
	op->left++;
	en->busy = en->dropped = 1;
	syncs_end(en, "its connector was dropped", on_one_over, op);
}

static void
is_busy(struct syncs_op * op, struct syncs_entry * en)
{
	if (en->busy || en->dropped)
		op->undo = 1;
}

void
syncs_connector_delete(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	char * name = name_of(S, key);
	struct syncs_op * op;
	struct err e;

	if (name == NULL) {
		runner_delete(S->o.runner, key, cb, arg);
		return;
	}
	op = syncs_op_new(S, name, cb, arg);
	free(name);
	if (op == NULL)
		return;
	each_of(op, is_busy);
	if (op->undo) {
		err_set(&e, ERR_TRANSIENT, "busy", "a change of a sync of %s is "
		    "under way; try again", op->name);
		syncs_op_end(op, &e);
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
	struct syncs_op * op;

	if (name == NULL) {
		runner_pause(S->o.runner, key, cb, arg);
		return;
	}
	if ((op = syncs_op_new(S, name, cb, arg)) != NULL)
		runner_pause(S->o.runner, key, on_patched, op);
	free(name);
}

static void
on_resumed(void * arg, json_t * v, const struct err * e)
{
	struct syncs_op * op = arg;
	struct syncs * S = op->c->S;
	struct syncs_entry * en = syncs_main(S, op->name);

	(void)v;
	if (e != NULL) {
		syncs_op_end(op, e);
		return;
	}
	try_now(S, op->name);
	if (en != NULL && !en->d->enabled)
		syncs_resume(S, en->d->id, syncs_op_ended, op);
	else
		syncs_op_end(op, NULL);
}

void
syncs_connector_resume(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	char * name = name_of(S, key);
	struct syncs_op * op;

	if (name == NULL) {
		runner_resume(S->o.runner, key, cb, arg);
		return;
	}
	if ((op = syncs_op_new(S, name, cb, arg)) != NULL)
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
	(void)syncs_run(S, en->d->id, 0, NULL, syncs_op_heard, NULL);
	syncs_call_end(c, NULL, NULL);
}
