#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "stmt/stmt_internal.h"

/*
 * SYNC: define it and run it.  With SCHEDULE it is the daemon's from then on, and
 * its first run goes on by itself; without, the statement is that run, and
 * whoever leaves ends it, also where the connector has a clock for its syncs, or
 * the sync had one before.
 */
struct sync_stmt {
	struct sync_wait * wait;
	json_t * put; /* what syncs_put() said */
};

/* Nobody waits for it any more: what comes of it is in SHOW SYNCS. */
static void
on_alone(void * arg, const struct sync_result * res, const struct err * e)
{
	(void)arg;
	(void)res;
	(void)e;
}

static json_t *
get(const json_t * o, const char * key)
{
	json_t * v = json_object_get(o, key);

	return (v == NULL ? json_null() : v);
}

static int
has_clock(const json_t * put)
{
	return (json_str(put, "schedule") != NULL ||
	    json_int(put, "every_ms", 0) > 0);
}

static void
answer_scheduled(struct stmt_run * r)
{
	const struct sync_stmt * s = r->own;

	stmt_answer(r, json_pack("{s:s, s:O, s:s, s:s?, s:O, s:O, s:O, s:s, s:O,"
	    " s:O}", "status", "scheduled", "sync", get(s->put, "sync"),
	    "connector", r->ast->name.s, "entity", r->ast->entity.s,
	    "schedule", get(s->put, "schedule"), "schedule_ms",
	    get(s->put, "every_ms"), "next_run_at", get(s->put, "next_run_at"),
	    "target", r->ast->target.s, "entities", get(s->put, "entities"),
	    "left_out", get(s->put, "left_out")));
}

static void
answer_ran(struct stmt_run * r, const struct sync_result * res)
{
	const struct sync_progress * p = &res->p;
	const struct sync_stmt * s = r->own;

	json_t * o;

	r->st.api.pages = p->pages;
	r->st.api.calls = p->calls;
	r->st.api.retries = p->retries;
	o = json_pack("{s:s, s:s, s:s?, s:s, s:I, s:O, s:I, s:I, s:I,"
	    " s:I, s:I, s:I, s:s, s:s?, s:O}", "status",
	    res->verdict == SYNC_PARTIAL ? "partial" : "completed",
	    "connector", r->ast->name.s, "entity", r->ast->entity.s,
	    "target", r->ast->target.s, "documents_synced",
	    (json_int_t)p->written, "sync", get(s->put, "sync"),
	    "rows_read", (json_int_t)p->rows, "rejected",
	    (json_int_t)p->rejected, "deleted", (json_int_t)p->deleted,
	    "pages", (json_int_t)p->pages, "calls", (json_int_t)p->calls,
	    "duration_ms", (json_int_t)res->took_ms, "verdict",
	    sync_verdict_name(res->verdict), "reason",
	    res->reason[0] ? res->reason : NULL,
	    "left_out", get(s->put, "left_out"));
	if (o != NULL && has_clock(s->put)) {
		json_object_set(o, "schedule", get(s->put, "schedule"));
		json_object_set(o, "schedule_ms", get(s->put, "every_ms"));
		json_object_set(o, "next_run_at", get(s->put,
		    "next_run_at"));
	}
	stmt_answer(r, o);
}

static void
on_ran(void * arg, const struct sync_result * res, const struct err * e)
{
	struct stmt_run * r = arg;
	struct sync_stmt * s = r->own;
	struct err busy;

	s->wait = NULL;
	if (r->cancelled)
		return; /* its end is on its way */
	if (e != NULL) {
		stmt_fail(r, e);
		return;
	}
	switch (res->verdict) {
	case SYNC_COMPLETE:
	case SYNC_PARTIAL:
		answer_ran(r, res);
		break;
	case SYNC_FAILED:
		stmt_fail(r, &res->e);
		break;
	case SYNC_IDLE:
		err_set(&busy, ERR_TRANSIENT, "busy", "sync %.128s is being run "
		    "by another daemon; SHOW SYNC says how far it is",
		    json_str(s->put, "sync"));
		stmt_fail(r, &busy);
		break;
	}
}

static void
on_progress(void * arg, const struct sync_progress * p)
{
	struct stmt_run * r = arg;
	struct query_stats st = r->st;

	if (r->sink.progress == NULL || r->cancelled)
		return;
	st.api.pages = p->pages;
	st.api.calls = p->calls;
	st.api.retries = p->retries;
	st.sync.entity = p->entity == NULL ? "" : p->entity;
	st.sync.legs_done = p->legs_done;
	st.sync.legs = p->legs;
	st.sync.rows = p->rows;
	st.sync.written = p->written;
	st.sync.total = p->total;
	st.sync.rate = p->rate;
	r->sink.progress(r->sink.arg, &st);
}

static void
on_put(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;
	struct sync_stmt * s = r->own;
	struct sync_wait * alone;
	struct err nomem;
	const char * id;
	int full;

	if (stmt_back(r) || r->cancelled)
		return;
	if (e != NULL) {
		stmt_sync_fail(r, e);
		return;
	}
	s->put = json_incref(v);
	id = json_str(v, "sync");
	if (r->ast->schedule.s != NULL) {
		alone = syncs_run(r->env->syncs, id, 0, NULL, on_alone, NULL);
		if (alone != NULL)
			syncs_leave(alone, 0);
		answer_scheduled(r);
		return;
	}
	/* It is incremental by its clock; this is what was asked for now. */
	full = r->ast->incremental.s == NULL && json_str(v, "incremental") != NULL;
	s->wait = syncs_run(r->env->syncs, id, full, on_progress, on_ran, r);
	if (s->wait == NULL) {
		err_nomem(&nomem, "a sync's run");
		stmt_fail(r, &nomem);
	}
}

static void
start(struct stmt_run * r)
{
	struct sync_spec spec;
	char * where;
	struct err e;

	if (stmt_sync_spec(r, &spec, &where))
		return;
	if ((r->own = calloc(1, sizeof(struct sync_stmt))) == NULL) {
		free(where);
		err_nomem(&e, "a sync");
		stmt_fail(r, &e);
		return;
	}
	stmt_wait(r);
	syncs_put(r->env->syncs, &spec, on_put, r);
	free(where);
}

static void
cancel(struct stmt_run * r)
{
	struct sync_stmt * s = r->own;
	struct err e;

	if (s != NULL && s->wait != NULL) {
		syncs_leave(s->wait, 1);
		s->wait = NULL;
	}
	err_set(&e, ERR_CANCELLED, "cancelled", "the statement was cancelled; "
	    "what the target has acknowledged stays");
	stmt_fail_soon(r, &e);
}

static void
end(struct stmt_run * r)
{
	struct sync_stmt * s = r->own;

	if (s == NULL)
		return;
	if (s->wait != NULL)
		syncs_leave(s->wait, 1);
	json_decref(s->put);
	free(s);
}

const struct stmt_entry stmt_sync_entry = {
	AST_SYNC, "sync", 1, start, NULL, cancel, end
};
