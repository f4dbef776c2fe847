#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "conn/probe.h"
#include "run/runner_internal.h"

/*
 * Changes asked for from outside.  Each is written to the state first and takes
 * effect when that is done; a connector has one change under way at a time.
 */
struct op {
	struct runner * r;
	struct job * job;  /* the one there is, or the new one */
	struct job * next; /* patch: what replaces it */
	struct soon soon;
	struct err e;
	json_t * answer;
	const char * reason; /* pause: why; resume: NULL */
	char changed[128];   /* patch: the keys it had, but for enabled */
	runner_cb * cb;
	void * arg;
};

static void
op_finish(struct op * op, const struct err * e)
{
	struct runner * r = op->r;

	op->cb(op->arg, e ? NULL : op->answer, e);
	json_decref(op->answer);
	free(op);
	r->ops--;
	runner_maybe_stopped(r);
}

static void
on_op_soon(void * arg)
{
	struct op * op = arg;

	op_finish(op, op->e.code[0] != '\0' ? &op->e : NULL);
}

/* End the operation from the soon queue: with op->e if it was filled. */
static void
op_soon(struct op * op)
{
	loop_soon(op->r->loop, &op->soon, on_op_soon, op);
}

static struct op *
op_new(struct runner * r, runner_cb * cb, void * arg)
{
	struct op * op = calloc(1, sizeof(*op));
	struct err e;

	if (op == NULL) {
		err_nomem(&e, "a request");
		cb(arg, NULL, &e);
		return (NULL);
	}
	op->r = r;
	op->cb = cb;
	op->arg = arg;
	r->ops++;
	return (op);
}

/* An operation on a connector there is; NULL if it has ended already. */
static struct op *
op_on(struct runner * r, const char * key, int change, runner_cb * cb,
    void * arg)
{
	struct op * op = op_new(r, cb, arg);

	if (op == NULL)
		return (NULL);
	op->job = runner_find(r, key);
	if (op->job == NULL)
		err_set(&op->e, ERR_CONFIG, "not_found",
		    "there is no connector '%.140s'", key);
	else if (change && op->job->busy)
		err_set(&op->e, ERR_TRANSIENT, "busy", "another change of %s is "
		    "under way; try again", op->job->c->name);
	else if (r->stopping)
		err_set(&op->e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down");
	if (op->e.code[0] == '\0')
		return (op);
	op_soon(op);
	return (NULL);
}

/* ---- create ---- */

static int
check_body_keys(const json_t * body, struct err * e)
{
	if (!json_is_object(body))
		return (err_set(e, ERR_CONFIG, "bad_request",
		    "the body must be a JSON object"));
	return (json_check_keys(body, "", e, "name", "type",
	    "target_database", "target_table", "schedule_ms", "config",
	    "options", "enabled", NULL));
}

/* The record a create's body asks for; owned by the caller. */
static json_t *
new_record(struct runner * r, const json_t * body)
{
	json_t * rec = json_copy((json_t *)(uintptr_t)body);
	char id[UUID_STR_LEN];
	uuid_t u;

	if (rec == NULL)
		return (NULL);
	uuid_generate_random(u);
	uuid_unparse_lower(u, id);
	json_object_set_new(rec, "id", json_string(id));
	json_object_set_new(rec, "node", json_string(r->node));
	json_object_set_new(rec, "created_at", json_integer(clock_wall_ms()));
	if (json_is_false(json_object_get(rec, "enabled")))
		json_object_set_new(rec, "disabled_reason",
		    json_string("manual"));
	return (rec);
}

void
runner_put_sync(struct job * j)
{
	json_t * rec;

	if (j->schedule_ms == 0 || (rec = job_sync_record(j)) == NULL)
		return;
	j->runner->state->ops->put(j->runner->state, "sync", j->sync, rec, 0,
	    NULL, NULL);
	json_decref(rec);
}

static void
on_created(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;
	struct job * j = op->job, * noticed;
	struct err why;

	(void)v;
	op->r->changes++;
	HASH_FIND(by_name, op->r->by_name, j->c->name, strlen(j->c->name),
	    noticed);
	if (e == NULL && noticed != NULL) {
		/* The poll was faster: it runs already. */
		op->answer = json_pack("{s:s}", "id", j->c->id);
		job_free(j);
		op_finish(op, NULL);
		return;
	}
	if (e != NULL || runner_insert(op->r, j, &why)) {
		why = e != NULL ? *e : why;
		if (strcmp(why.code, "exists") == 0)
			err_set(&why, ERR_CONFIG, "exists",
			    "there is a connector '%s' already", j->c->name);
		job_free(j);
		op_finish(op, &why);
		return;
	}
	runner_put_sync(j);
	runner_event(j, "created", NULL);
	runner_dirty(j, 1);
	log_event(LOG_INFO, "connector_created", LOG_S("connector", j->c->name),
	    LOG_S("type", j->c->m->type));
	op->answer = json_pack("{s:s}", "id", j->c->id);
	/* The first run at once: whoever made it wants to see it work. */
	if (j->enabled && j->schedule_ms > 0)
		runner_fire_first(j);
	runner_schedule(j);
	op_finish(op, NULL);
}

void
runner_create(struct runner * r, const json_t * body, runner_cb * cb,
    void * arg)
{
	struct op * op = op_new(r, cb, arg);
	json_t * rec = NULL, * full = NULL;
	struct job * taken;

	if (op == NULL)
		return;
	if (r->stopping)
		err_set(&op->e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down");
	else if (check_body_keys(body, &op->e))
		;
	else if ((rec = new_record(r, body)) == NULL)
		err_nomem(&op->e, "a connector");
	else if ((op->job = job_from_record(r, rec, &op->e)) != NULL) {
		HASH_FIND(by_name, r->by_name, op->job->c->name,
		    strlen(op->job->c->name), taken);
		if (taken != NULL)
			err_set(&op->e, ERR_CONFIG, "exists", "there is a "
			    "connector '%s' already", op->job->c->name);
		else if ((full = job_record(op->job)) == NULL)
			err_nomem(&op->e, "a connector");
	}
	json_decref(rec);
	if (op->e.code[0] != '\0') {
		job_free(op->job);
		op->job = NULL;
		op_soon(op);
		return;
	}
	op->job->mine = 1;
	r->state->ops->put(r->state, "connector", op->job->c->name, full, 1,
	    on_created, op);
	json_decref(full);
}

/* ---- patch ---- */

/* RFC 7396 for one level: null removes a key, the rest replaces it. */
static int
merge(json_t * rec, const char * key, const json_t * with, struct err * e)
{
	json_t * o = json_object_get(rec, key);
	const json_t * v;
	const char * k;

	if (!json_is_object(o)) { /* of a record that does not fit */
		json_object_set_new(rec, key, json_object());
		o = json_object_get(rec, key);
	}

	if (!json_is_object(with))
		return (err_set(e, ERR_CONFIG, "bad_request",
		    "%s must be an object", key));
	json_object_foreach((json_t *)(uintptr_t)with, k, v) {
		if (json_is_null(v))
			json_object_del(o, k);
		else
			json_object_set(o, k, (json_t *)(uintptr_t)v);
	}
	return (0);
}

static int
patch_record(json_t * rec, const json_t * body, struct err * e)
{
	const json_t * v;
	const char * k;

	json_object_foreach((json_t *)(uintptr_t)body, k, v) {
		if (strcmp(k, "config") == 0 || strcmp(k, "options") == 0) {
			if (merge(rec, k, v, e))
				return (-1);
		} else if (strcmp(k, "name") == 0 || strcmp(k, "type") == 0) {
			if (!json_equal(json_object_get(rec, k),
			    (json_t *)(uintptr_t)v))
				return (err_set(e, ERR_CONFIG, "bad_request",
				    "%s cannot be changed; make another "
				    "connector", k));
		} else {
			json_object_set(rec, k, (json_t *)(uintptr_t)v);
		}
	}
	v = json_object_get(body, "enabled");
	if (json_is_true(v))
		json_object_set_new(rec, "disabled_reason", json_null());
	else if (json_is_false(v))
		json_object_set_new(rec, "disabled_reason",
		    json_string("manual"));
	return (0);
}

/* The old one runs no more, and nothing takes its place. */
static void
on_ended(void * arg)
{
	struct op * op = arg;

	job_free(op->job);
	op_finish(op, op->e.code[0] != '\0' ? &op->e : NULL);
}

static void
on_replaced(void * arg)
{
	struct op * op = arg;
	struct job * j = op->next;
	int was = op->job->enabled;

	runner_replaced(j, op->job);
	if (*op->changed != '\0')
		runner_event(j, "changed", op->changed);
	if (j->enabled != was)
		runner_event(j, was ? "paused" : "resumed",
		    was ? j->disabled_reason : NULL);
	runner_dirty(j, 1);
	op_finish(op, NULL);
}

static void
on_patched(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;
	struct runner * r = op->r;
	struct job * old = op->job, * j = op->next;

	(void)v;
	old->busy = 0;
	if (e != NULL) {
		job_free(j);
		op_finish(op, e);
		return;
	}
	r->changes++;
	if (runner_replace(r, old, j)) {
		job_free(j);
		err_nomem(&op->e, "a connector");
		runner_end_job(old, on_ended, op);
		return;
	}
	if (j->schedule_ms > 0)
		runner_put_sync(j);
	else if (old->schedule_ms > 0)
		r->state->ops->del(r->state, "sync", old->sync, NULL, NULL);
	runner_end_job(old, on_replaced, op);
}

static void
note_changed(struct op * op, const json_t * body)
{
	const json_t * v;
	const char * k;
	size_t n;

	json_object_foreach((json_t *)(uintptr_t)body, k, v) {
		n = strlen(op->changed);
		if (strcmp(k, "enabled") != 0)
			snprintf(op->changed + n, sizeof(op->changed) - n,
			    "%s%s", n > 0 ? ", " : "", k);
	}
}

static void
patch_job(struct op * op, const json_t * body)
{
	struct runner * r = op->r;
	json_t * rec = NULL, * full = NULL;

	if (check_body_keys(body, &op->e) == 0 &&
	    (rec = job_record(op->job)) != NULL &&
	    patch_record(rec, body, &op->e) == 0 &&
	    (op->next = job_from_record(r, rec, &op->e)) != NULL)
		full = job_record(op->next);
	json_decref(rec);
	if (full == NULL) {
		if (op->e.code[0] == '\0')
			err_nomem(&op->e, "a connector");
		job_free(op->next);
		op_soon(op);
		return;
	}
	note_changed(op, body);
	op->next->mine = op->job->mine;
	op->job->busy = 1;
	r->state->ops->put(r->state, "connector", op->job->c->name, full, 0,
	    on_patched, op);
	json_decref(full);
}

void
runner_patch(struct runner * r, const char * key, const json_t * body,
    runner_cb * cb, void * arg)
{
	struct op * op = op_on(r, key, 1, cb, arg);

	if (op != NULL)
		patch_job(op, body);
}

/* ---- delete ---- */

static void
on_deleted(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;

	(void)v;
	op->job->busy = 0;
	if (e != NULL) {
		op->job->dropped = 0;
		runner_dirty(op->job, 1);
		op_finish(op, e);
		return;
	}
	op->r->changes++;
	log_event(LOG_INFO, "connector_deleted", LOG_S("connector",
	    op->job->c->name));
	runner_remove(op->r, op->job);
	runner_end_job(op->job, on_ended, op);
}

void
runner_delete(struct runner * r, const char * key, runner_cb * cb, void * arg)
{
	struct op * op = op_on(r, key, 1, cb, arg);

	if (op == NULL)
		return;
	op->job->busy = 1;
	/* What its run still writes would come after the deletion. */
	runner_drop(op->job);
	if (op->job->schedule_ms > 0)
		r->state->ops->del(r->state, "sync", op->job->sync, NULL, NULL);
	r->state->ops->del(r->state, "connector", op->job->c->name, on_deleted,
	    op);
}

/* ---- pause, resume, trigger ---- */

static void
on_switched(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;
	struct job * j = op->job;

	(void)v;
	j->busy = 0;
	if (e != NULL) {
		op_finish(op, e);
		return;
	}
	op->r->changes++;
	j->unsaved = 0;
	j->triggered = 0;
	job_set_disabled(j, op->reason);
	if (op->reason == NULL)
		job_set_error(j, NULL);
	runner_event(j, op->reason ? "paused" : "resumed", op->reason);
	runner_dirty(j, 1);
	runner_schedule(j);
	op_finish(op, NULL);
}

static int
err_misfit(const struct job * j, struct err * e)
{
	return (err_set(e, ERR_CONFIG, "misfit", "%s cannot run: %s; change "
	    "what does not fit, or delete it", j->c->name,
	    j->disabled_reason));
}

/* Write the record as it is to be. */
static void
switch_to(struct op * op, const char * reason)
{
	json_t * rec = job_record(op->job);

	if (rec == NULL || json_object_set_new(rec, "enabled",
	    json_boolean(reason == NULL)) ||
	    json_object_set_new(rec, "disabled_reason",
	    reason ? json_string(reason) : json_null())) {
		json_decref(rec);
		err_nomem(&op->e, "a connector");
		op_soon(op);
		return;
	}
	op->reason = reason;
	op->job->busy = 1;
	op->r->state->ops->put(op->r->state, "connector", op->job->c->name,
	    rec, 0, on_switched, op);
	json_decref(rec);
}

void
runner_pause(struct runner * r, const char * key, runner_cb * cb, void * arg)
{
	struct op * op = op_on(r, key, 1, cb, arg);

	if (op == NULL)
		return;
	if (op->job->misfit == NULL) {
		switch_to(op, "manual");
		return;
	}
	err_misfit(op->job, &op->e);
	op_soon(op);
}

void
runner_resume(struct runner * r, const char * key, runner_cb * cb, void * arg)
{
	struct op * op = op_on(r, key, 1, cb, arg);
	json_t * body;

	if (op == NULL)
		return;
	if (secrets_reload(r->secrets, &op->e)) {
		op_soon(op);
	} else if (op->job->misfit == NULL) {
		switch_to(op, NULL);
	} else if ((body = json_pack("{s:b}", "enabled", 1)) == NULL) {
		err_nomem(&op->e, "a connector");
		op_soon(op);
	} else {
		/* If it fits by now, it is as if it were changed. */
		patch_job(op, body);
		json_decref(body);
	}
}

void
runner_trigger(struct runner * r, const char * key, runner_cb * cb, void * arg)
{
	struct op * op = op_on(r, key, 0, cb, arg);
	struct job * j;

	if (op == NULL)
		return;
	j = op->job;
	if (j->misfit != NULL)
		err_misfit(j, &op->e);
	else if (!j->enabled)
		err_set(&op->e, ERR_CONFIG, "disabled", "%s is disabled (%s); "
		    "resume it first", j->c->name, j->disabled_reason ?
		    j->disabled_reason : "manual");
	else if (j->schedule_ms == 0)
		err_set(&op->e, ERR_CONFIG, "no_sync", "%s has no target to "
		    "write to: set target_table and schedule_ms", j->c->name);
	else if (!j->mine)
		err_set(&op->e, ERR_CONFIG, "not_here", "%s runs on node %s, "
		    "which holds its target; trigger it there", j->c->name,
		    j->node);
	else
		runner_fire(j, 1);
	op_soon(op);
}

/* ---- test ---- */

struct test {
	struct op * op;
	struct request * req;
	struct scrape * scrape; /* of a page of metrics, which is decoded, ... */
	struct probe * probe;   /* ... or of any other service */
	int64_t begun_us;
	struct test * next, ** prevp; /* in the runner's list */
};

static void
test_free(struct test * t)
{
	if (t->prevp != NULL) {
		*t->prevp = t->next;
		if (t->next != NULL)
			t->next->prevp = t->prevp;
	}
	request_free(t->req);
	free(t);
}

/* They may have long to wait, and nothing is lost with them. */
void
runner_cancel_tests(struct runner * r)
{
	struct test * t;

	while ((t = r->tests) != NULL) {
		scrape_cancel(t->scrape);
		probe_cancel(t->probe);
		err_set(&t->op->e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down");
		op_soon(t->op);
		test_free(t);
	}
}

static void
test_link(struct runner * r, struct test * t)
{
	t->next = r->tests;
	t->prevp = &r->tests;
	if (t->next != NULL)
		t->next->prevp = &t->next;
	r->tests = t;
}

static void
on_test(void * arg, struct sample_page * page, const struct err * e)
{
	struct test * t = arg;
	double ms = (double)(clock_mono_us() - t->begun_us) / 1000.0;

	if (e == NULL)
		t->op->answer = json_pack("{s:b, s:f, s:I}", "ok", 1,
		    "latency_ms", ms, "rows", (json_int_t)page->n);
	else
		t->op->answer = json_pack("{s:b, s:f, s:{s:s, s:s, s:s}}",
		    "ok", 0, "latency_ms", ms, "error", "class",
		    err_class_name(e->cls), "code", e->code, "message", e->msg);
	op_finish(t->op, NULL);
	test_free(t);
}

static void
on_probe(void * arg, const json_t * answer)
{
	struct test * t = arg;

	t->op->answer = json_incref((json_t *)(uintptr_t)answer);
	op_finish(t->op, NULL);
	test_free(t);
}

/* A request of its own: the connector may be dropped meanwhile. */
static int
test_start(struct runner * r, struct test * t)
{
	const struct job * j = t->op->job;

	if (j->ent == NULL || j->ent->decode != DECODE_OPENMETRICS ||
	    j->req == NULL) {
		t->probe = probe_start(r->conn_env, j->c, on_probe, t);
		return (t->probe == NULL ? err_nomem(&t->op->e, "a test") : 0);
	}
	t->req = request_prepare(j->c, j->ent, &t->op->e);
	if (t->req == NULL)
		return (-1);
	t->scrape = scrape_start(r->conn_env, t->req, NULL, 0, on_test, t);
	return (t->scrape == NULL ? err_nomem(&t->op->e, "a test") : 0);
}

void
runner_test(struct runner * r, const char * key, runner_cb * cb, void * arg)
{
	struct op * op = op_on(r, key, 0, cb, arg);
	struct test * t = NULL;

	if (op == NULL)
		return;
	if (op->job->misfit != NULL)
		err_misfit(op->job, &op->e);
	else if ((t = calloc(1, sizeof(*t))) == NULL)
		err_nomem(&op->e, "a test");
	else {
		t->op = op;
		t->begun_us = clock_mono_us();
		if (test_start(r, t) == 0) {
			test_link(r, t);
			return;
		}
	}
	if (t != NULL)
		test_free(t);
	op_soon(op);
}

/* ---- events ---- */

static void
on_events(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;

	if (e == NULL)
		op->answer = json_incref(v);
	op_finish(op, e);
}

void
runner_events(struct runner * r, const char * key, int limit, runner_cb * cb,
    void * arg)
{
	struct op * op = op_on(r, key, 0, cb, arg);

	if (op != NULL)
		r->state->ops->event_list(r->state, op->job->c->name, limit,
		    on_events, op);
}
