/* What is kept of a run: the record of its cursors, put under its fence. */
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "sync/sync_run_internal.h"

#define RETRY_MS 500
#define RETRY_MAX_MS 5000
#define RETRIES 10
/* Rows of parts that one commit writes. */
#define ROWS_A_PUT 1000

int
sync_commit_load(struct sync_run * r, const json_t * v)
{
	r->record = json_is_object(v) ?
	    json_deep_copy((json_t *)(uintptr_t)v) : json_object();
	return (r->record == NULL ? -1 : 0);
}

const json_t *
sync_commit_leg(const struct sync_leg * l)
{
	const json_t * rec = json_object_get(l->r->record, l->key);

	return (json_is_object(rec) ? rec : NULL);
}

static void
nomem(struct sync_run * r)
{
	struct err e;

	err_nomem(&e, "a cursor");
	sync_run_fail(r, &e);
}

void
sync_commit_rec(struct sync_leg * l, json_t * rec)
{
	struct sync_run * r = l->r;

	if (rec != NULL && json_equal(rec, sync_commit_leg(l))) {
		json_decref(rec);
		return;
	}
	if (json_object_set_new(r->record, l->key, rec)) {
		nomem(r);
		return;
	}
	r->is_dirty = 1;
}

int
sync_commit_forget(struct sync_leg * l)
{
	struct sync_run * r = l->r;

	sync_commit_rec(l, json_object());
	sync_commit_put(r);
	return (sync_commit_leg(l) == NULL ? -1 : 0);
}

static json_t *
leg_copy(const struct sync_leg * l)
{
	const json_t * rec = sync_commit_leg(l);

	return (rec == NULL ? json_object() :
	    json_deep_copy((json_t *)(uintptr_t)rec));
}

/* Which of the parts are noted. */
enum { PARTS_AS_WERE, PARTS_FILLED, PARTS_ALL };

static void
note_cursor(struct sync_leg * l, const struct sync_point * p, int parts)
{
	json_t * rec = leg_copy(l);

	if (rec != NULL && (sync_cursor_put(&l->cu, p, l->of, rec) ||
	    (l->win.has_gap && json_object_set_new(rec, "gap", json_pack(
	    "[II]", (json_int_t)l->win.gap_from, (json_int_t)l->win.gap_to))) ||
	    (parts == PARTS_ALL && sync_parts_put(&l->parts, rec)) ||
	    (parts == PARTS_FILLED && sync_parts_put_filled(&l->parts,
	    rec)))) {
		json_decref(rec);
		rec = NULL;
	}
	sync_commit_rec(l, rec);
}

/* When it was read to its end; then what is lost was said. */
static void
note_time(struct sync_leg * l)
{
	json_t * rec = leg_copy(l);

	json_object_del(rec, "gap");
	if (rec != NULL && json_object_set_new(rec, "at",
	    json_integer((json_int_t)l->r->begun_ms))) {
		json_decref(rec);
		rec = NULL;
	}
	sync_commit_rec(l, rec);
}

/* ${token} NULL: there is nothing to go on from. */
static void
note_token(struct sync_leg * l, const json_t * token)
{
	json_t * rec = leg_copy(l);

	l->token_moved |= token != NULL && !json_equal(token, l->resume);
	json_object_del(rec, "resume");
	if (rec != NULL && token != NULL && json_object_set_new(rec, "resume",
	    json_pack("{s:O, s:s, s:I}", "token", token, "of", l->of, "at",
	    (json_int_t)clock_wall_ms()))) {
		json_decref(rec);
		rec = NULL;
	}
	if (rec != NULL && json_object_size(rec) == 0 &&
	    sync_commit_leg(l) == NULL)
		json_decref(rec);
	else
		sync_commit_rec(l, rec);
}

void
sync_commit_step(struct sync_leg * l)
{
	if (!l->step.set || l->acked < l->step.rows)
		return;
	l->step.set = 0;
	if (sync_leg_passed(l) > 0)
		return;
	if (l->by_part)
		sync_leg_token_step(l);
	else if (l->has_cursor) {
		l->moved = 1;
		note_cursor(l, &l->step.point, PARTS_AS_WERE);
	}
	else
		note_token(l, l->step.token);
}

/* Whether the next run may go on where this one ended. */
static int
leads_on(const struct sync_leg * l)
{
	if (!l->failed && !l->writer_failed)
		return (0);
	/* One that brought nothing is given up, or it would for ever. */
	if (l->resumed && !l->token_moved)
		return (0);
	return (l->writer_failed || l->e.cls == ERR_TRANSIENT ||
	    l->e.cls == ERR_CANCELLED ||
	    strcmp(l->e.code, "max_api_calls") == 0);
}

/* ${v} (taken) says next time whether anything changed; NULL: nothing does. */
static void
note_etags(struct sync_leg * l, json_t * v)
{
	json_t * rec;

	if (v == NULL && json_object_get(sync_commit_leg(l), "etags") == NULL)
		return;
	rec = leg_copy(l);
	if (v == NULL)
		json_object_del(rec, "etags");
	else if (json_object_set_new(rec, "etags", v)) {
		json_decref(rec);
		rec = NULL;
	}
	sync_commit_rec(l, rec);
}

void
sync_commit_writes(struct sync_leg * l)
{
	if (json_object_get(sync_commit_leg(l), "etags") == NULL)
		return;
	note_etags(l, NULL);
	sync_run_soon(l->r);
}

/* Where a part was not read its rows at the cursor are as they were. */
static void
keep_boundary(struct sync_cursor * cu)
{
	if (cu->seen.has && cu->stored.has && cu->seen.v == cu->stored.v)
		cu->seen = cu->stored;
}

void
sync_commit_end(struct sync_leg * l, int well)
{
	struct sync_point * p = &l->step.point;
	struct read_stats st;
	int has, filled, all_parts = well && !l->stopped;

	if (l->by_part) {
		sync_leg_token_end(l, well);
		return;
	}
	if (!l->has_cursor) {
		if (l->failed && l->token != NULL && l->acked >= l->token_rows)
			note_token(l, l->token);
		if (!leads_on(l))
			note_token(l, NULL);
		note_etags(l, sync_etag_rec(l, well));
		return;
	}
	if (sync_leg_passed(l) > 0)
		return;
	if (l->st.first_ms <= 0)
		l->st.first_ms = l->r->begun_ms;
	l->cu.many = l->parts.nseen > 1 || l->parts.over;
	if (l->st.unchanged > 0)
		keep_boundary(&l->cu);
	/* Which parts are missing is known: they are new when they come again. */
	st = l->st;
	if (all_parts && sync_parts_lost(&l->parts) > 0)
		st.skipped = l->lacks;
	has = sync_cursor_end(&l->cu, &st, well, p);
	l->cu.forget |= well && l->parts.too_many && !l->reads_all;
	/* What new ones were read whole is not read so once more. */
	filled = l->parts.filled > 0 && !l->writer_failed && l->acked >= l->given;
	if (has || well || filled)
		note_cursor(l, has ? p : NULL, all_parts ? PARTS_ALL : filled ?
		    PARTS_FILLED : PARTS_AS_WERE);
	/* So that a list where nothing happens is not taken for one that was
	 * not looked at. */
	if (well && l->win.keeps > 0)
		note_time(l);
	note_etags(l, sync_etag_rec(l, well && !l->cu.forget));
}

void
sync_commit_done(struct sync_run * r)
{
	int64_t was = json_integer_value(json_object_get(r->record, "bucket"));

	if (r->bucket < was)
		return;
	if (json_object_set_new(r->record, "bucket", json_integer(r->bucket)) ||
	    json_object_set_new(r->record, "run", json_integer(r->fence)))
		nomem(r);
	r->is_dirty = 1;
}

static void
give_up(struct sync_run * r, const struct err * e)
{
	struct err why = *e;

	r->put_failed = 1;
	if (strcmp(e->code, "fenced") == 0) {
		/* For us it is over; for the sync it is not. */
		r->is_lost = 1;
		why.cls = ERR_TRANSIENT;
	}
	err_prefix(&why, "keeping the cursor");
	sync_run_fail(r, &why);
}

static void
on_retry(void * arg)
{
	sync_run_soon(arg);
	sync_commit_put(arg);
}

static void
try_again(struct sync_run * r, const struct err * e)
{
	log_event(LOG_WARN, "sync_cursor", LOG_S("sync", r->d->id), LOG_E(e));
	r->is_dirty = 1;
	if (!sync_lease_ok(r))
		return;
	if (r->tries == RETRIES) {
		give_up(r, e);
		return;
	}
	if (r->retry == NULL && (r->retry = loop_timer_new(r->env->loop,
	    on_retry, r)) == NULL) {
		give_up(r, e);
		return;
	}
	loop_timer_start(r->retry, backoff_ms(r->tries++, RETRY_MS,
	    RETRY_MAX_MS, arc4random()));
}

/* What was not put is still to be, but for what is newer. */
static void
put_back(struct sync_run * r)
{
	if (json_object_size(r->sent) > 0 &&
	    json_object_update_missing(r->changes, r->sent))
		nomem(r);
}

/* Some of the rows that changed: a commit stays small. */
static const json_t *
take_some(struct sync_run * r)
{
	const char * name;
	json_t * row;
	void * tmp;

	json_object_foreach_safe(r->changes, tmp, name, row) {
		if (json_object_size(r->sent) == ROWS_A_PUT)
			break;
		if (json_object_set(r->sent, name, row)) {
			nomem(r);
			break;
		}
		json_object_del(r->changes, name);
	}
	return (r->sent);
}

static void
on_put(void * arg, json_t * v, const struct err * e)
{
	struct sync_run * r = sync_run_asked(arg);

	(void)v;
	if (r == NULL)
		return;
	if (e != NULL)
		put_back(r);
	json_object_clear(r->sent);
	if (e == NULL) {
		r->tries = 0;
		r->committed_us = clock_mono_us();
	} else if (e->cls == ERR_TRANSIENT && r->res.e.cls != ERR_CANCELLED)
		try_again(r, e);
	else
		give_up(r, e);
	sync_run_soon(r);
}

void
sync_commit_put(struct sync_run * r)
{
	struct sync_ask * a;

	if (!r->is_dirty || r->putting != NULL || r->put_failed ||
	    (r->retry != NULL && loop_timer_pending(r->retry)) ||
	    !sync_lease_ok(r))
		return;
	if ((a = sync_run_ask(r, &r->putting)) == NULL) {
		r->put_failed = 1;
		nomem(r);
		return;
	}
	if (json_object_size(r->changes) == 0) {
		r->is_dirty = 0;
		r->env->state->ops->cursor_put(r->env->state, r->d->id,
		    r->fence, r->record, on_put, a);
		return;
	}
	r->env->state->ops->parts_put(r->env->state, r->d->id, r->fence,
	    r->record, take_some(r), on_put, a);
	r->is_dirty = json_object_size(r->changes) > 0;
}

int
sync_commit_waits(const struct sync_run * r)
{
	if (r->is_lost || r->put_failed)
		return (0);
	return (r->putting != NULL || r->is_dirty);
}

int64_t
sync_commit_time(const struct sync_run * r)
{
	const char * s;
	const json_t * v;
	json_t * rec;
	const char * name;
	int64_t ms, oldest = 0;

	json_object_foreach(r->record, name, rec) {
		v = json_object_get(rec, "value");
		if ((s = json_string_value(v)) == NULL ||
		    rfc3339_parse(s, strlen(s), &ms, NULL))
			continue;
		if (oldest == 0 || ms < oldest)
			oldest = ms;
	}
	return (oldest);
}
