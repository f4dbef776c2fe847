#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "conn/limits.h"
#include "conn/probe.h"
#include "run/runner_op.h"

/* What else is asked for from outside; making and changing is in
 * runner_change.c. */

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
		runner_op_finish(op, e);
		return;
	}
	op->r->changes++;
	op->deleted = 1;
	log_event(LOG_INFO, "connector_deleted", LOG_S("connector",
	    op->job->c->name));
	runner_remove(op->r, op->job);
	runner_end_job(op->job, runner_op_ended, op);
}

void
runner_delete(struct runner * r, const char * key, runner_cb * cb, void * arg)
{
	struct op * op = runner_op_on(r, key, 1, cb, arg);

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
		runner_op_finish(op, e);
		return;
	}
	op->r->changes++;
	j->unsaved = 0;
	j->triggered = 0;
	job_set_disabled(j, op->reason);
	if (op->reason == NULL) {
		job_set_error(j, NULL);
		limits_forgive(op->r->conn_env->limits, j->c);
	}
	runner_event(j, op->reason ? "paused" : "resumed", op->reason);
	runner_dirty(j, 1);
	runner_schedule(j);
	runner_op_finish(op, NULL);
}

static int
err_misfit(const struct job * j, struct err * e)
{
	return (err_set(e, ERR_CONFIG, "misfit", "%s cannot run: %s; change "
	    "what does not fit, or delete it", j->c->name,
	    j->disabled_reason));
}

void
runner_on_where(struct runner * r, int (*cb)(void *, const char *, char *),
    void * arg)
{
	r->where = cb;
	r->where_arg = arg;
}

static void
err_not_here(const struct job * j, struct err * e)
{
	const struct runner * r = j->runner;
	char where[RUNNER_WHERE];

	snprintf(where, sizeof(where), "%s", j->node);
	if (r->where != NULL)
		(void)r->where(r->where_arg, j->node, where);
	err_set(e, ERR_CONFIG, "not_here", "%s runs on node %s, which holds its "
	    "target; trigger it there", j->c->name, where);
}

/* Write the record as it is to be. */
static void
switch_to(struct op * op, const char * reason)
{
	json_t * rec = job_record(op->job);

	if (rec == NULL || json_object_set_new(rec, "enabled",
	    json_boolean(reason == NULL)) ||
	    json_object_set_new(rec, "disabled_reason",
	    json_opt_string(reason))) {
		json_decref(rec);
		err_nomem(&op->e, "a connector");
		runner_op_soon(op);
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
	struct op * op = runner_op_on(r, key, 1, cb, arg);

	if (op == NULL)
		return;
	if (op->job->misfit == NULL) {
		switch_to(op, "manual");
		return;
	}
	err_misfit(op->job, &op->e);
	runner_op_soon(op);
}

void
runner_resume(struct runner * r, const char * key, runner_cb * cb, void * arg)
{
	struct op * op = runner_op_on(r, key, 1, cb, arg);
	json_t * body;

	if (op == NULL)
		return;
	if (secrets_reload(r->secrets, &op->e)) {
		runner_op_soon(op);
	} else if (op->job->misfit == NULL) {
		switch_to(op, NULL);
	} else if ((body = json_pack("{s:b}", "enabled", 1)) == NULL) {
		err_nomem(&op->e, "a connector");
		runner_op_soon(op);
	} else {
		/* If it fits by now, it is as if it were changed. */
		runner_patch_job(op, body);
		json_decref(body);
	}
}

void
runner_trigger(struct runner * r, const char * key, runner_cb * cb, void * arg)
{
	struct op * op = runner_op_on(r, key, 0, cb, arg);
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
		err_not_here(j, &op->e);
	else
		runner_fire(j, 1);
	runner_op_soon(op);
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
		runner_op_soon(t->op);
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

/* What the test found is the connector's status. */
static void
test_over(struct test * t)
{
	struct op * op = t->op;
	const json_t * f = json_object_get(op->answer, "error");
	const char * cls = json_str(f, "class"), * code = json_str(f, "code");
	const char * msg = json_str(f, "message");
	struct err e;

	/* Over before anybody is told, who may stop the runner. */
	test_free(t);
	if (json_is_true(json_object_get(op->answer, "ok"))) {
		runner_note(op->r, op->job->c->name, NULL);
	} else if (cls != NULL && code != NULL && msg != NULL) {
		err_set(&e, *cls == 't' ? ERR_TRANSIENT : *cls == 'p' ?
		    ERR_PERMANENT : ERR_CONFIG, code, "%s", msg);
		runner_note(op->r, op->job->c->name, &e);
	}
	runner_op_finish(op, NULL);
}

static void
on_test(void * arg, struct sample_page * page, const struct err * e)
{
	struct test * t = arg;
	struct op * op = t->op;
	double ms = (double)(clock_mono_us() - t->begun_us) / 1000.0;

	if (e == NULL)
		op->answer = json_pack("{s:b, s:f, s:I}", "ok", 1,
		    "latency_ms", ms, "rows", (json_int_t)page->n);
	else
		op->answer = json_pack("{s:b, s:f, s:{s:s, s:s, s:s}}",
		    "ok", 0, "latency_ms", ms, "error", "class",
		    err_class_name(e->cls), "code", e->code, "message", e->msg);
	test_over(t);
}

static void
on_probe(void * arg, const json_t * answer)
{
	struct test * t = arg;
	struct op * op = t->op;

	op->answer = json_incref((json_t *)(uintptr_t)answer);
	test_over(t);
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
	struct op * op = runner_op_on(r, key, 0, cb, arg);
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
	runner_op_soon(op);
}

/* ---- events ---- */

static void
on_events(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;

	if (e == NULL)
		op->answer = json_incref(v);
	runner_op_finish(op, e);
}

void
runner_events(struct runner * r, const char * key, int limit, runner_cb * cb,
    void * arg)
{
	struct op * op = runner_op_on(r, key, 0, cb, arg);

	if (op != NULL)
		r->state->ops->event_list(r->state, op->job->c->name, limit,
		    on_events, op);
}
