#include <stdlib.h>

#include "base/log.h"
#include "state/state_sqlite_internal.h"

/* Connectors written in one turn of the loop: one or two ms. */
#define CHUNK 128
/* Statuses kept parsed, so that a write need not read: some 20 MB. */
#define MAX_BASES 16384

void
state_sqlite_status_put(struct state * state, const char * name,
    const json_t * fields)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;

	state_pend_status(&S->pend, name, fields);
}

void
state_sqlite_status_event_add(struct state * state, const char * name,
    const json_t * event)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;

	state_pend_event(&S->pend, name, event);
}

void
state_sqlite_status_forget(struct state_sqlite * S, const char * name)
{
	struct state_pend_entry * x = state_pend_find(&S->pend, name);

	if (x != NULL && x->base != NULL)
		S->nbase--;
	state_pend_forget(&S->pend, name);
}

/* What the file holds for it: an object, maybe empty; NULL with ${e}. */
static json_t *
read_base(struct state_sqlite * S, const char * name, struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_STATUS_GET);
	json_t * v = NULL;
	int rc;

	state_sqlite_db_bind(st, 1, name);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		v = state_sqlite_db_json(st, 0);
	else if (rc != SQLITE_DONE)
		state_sqlite_db_err(S, name, e);
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return (NULL);
	/* A status somebody spoiled by hand is begun anew. */
	if (!json_is_object(v)) {
		json_decref(v);
		if ((v = json_object()) == NULL)
			err_nomem(e, "a status");
	}
	return (v);
}

/* What can never be written must not hold up the rest. */
static int
give_up(const struct err * e)
{
	if (e->cls == ERR_TRANSIENT)
		return (-1);
	log_event(LOG_ERROR, "state_dropped", LOG_E(e));
	return (0);
}

static int
write_status(struct state_sqlite * S, struct state_pend_entry * x,
    struct err * e)
{
	sqlite3_stmt * st;
	size_t len;
	char * s;
	int rc;

	if (x->base == NULL) {
		if ((x->base = read_base(S, x->name, e)) == NULL)
			return (-1);
		S->nbase++;
	}
	if (state_json_merge(x->base, x->patch))
		return (err_nomem(e, "a status"));
	if ((s = state_json_dump(x->base, &len, x->name, e)) == NULL)
		return (give_up(e));
	st = state_sqlite_db_get(S, SQ_STATUS_PUT);
	sqlite3_bind_text(st, 1, x->name, (int)x->len, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, s, (int)len, SQLITE_STATIC);
	rc = state_sqlite_db_run(S, st, x->name, e);
	sqlite3_clear_bindings(st);
	free(s);
	return (rc);
}

static int
write_events(struct state_sqlite * S, struct state_pend_entry * x,
    struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_EVENT_LAST);
	int64_t seq = 0;
	size_t i, len;
	json_t * v;
	char * s;
	int rc;

	state_sqlite_db_bind(st, 1, x->name);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		seq = sqlite3_column_int64(st, 0);
	else
		state_sqlite_db_err(S, x->name, e);
	sqlite3_reset(st);
	if (rc != SQLITE_ROW)
		return (-1);
	json_array_foreach(x->events, i, v) {
		if ((s = state_json_dump(v, &len, x->name, e)) == NULL) {
			if (give_up(e))
				return (-1);
			continue;
		}
		st = state_sqlite_db_get(S, SQ_EVENT_ADD);
		state_sqlite_db_bind(st, 1, x->name);
		sqlite3_bind_int64(st, 2, ++seq);
		sqlite3_bind_text(st, 3, s, (int)len, SQLITE_STATIC);
		rc = state_sqlite_db_run(S, st, x->name, e);
		sqlite3_clear_bindings(st);
		free(s);
		if (rc)
			return (-1);
	}
	st = state_sqlite_db_get(S, SQ_EVENT_TRIM);
	state_sqlite_db_bind(st, 1, x->name);
	sqlite3_bind_int64(st, 2, seq - STATE_EVENTS);
	return (state_sqlite_db_run(S, st, x->name, e));
}

/* Written: forget it, but keep the status parsed while there is room. */
static void
settle(struct state_sqlite * S, struct state_pend_entry * x)
{
	json_decref(x->patch);
	json_decref(x->events);
	x->patch = x->events = NULL;
	if (x->base != NULL && S->nbase > MAX_BASES) {
		json_decref(x->base);
		x->base = NULL;
		S->nbase--;
	}
	state_pend_drop(&S->pend, x);
}

/* One transaction: 1 if there is more to write, 0 if not, -1 with ${e}. */
static int
write_chunk(struct state_sqlite * S, struct err * e)
{
	struct state_pend_entry * x[CHUNK];
	size_t n = 0, i;
	int bad = state_sqlite_batch_begin(S, 0, e);

	while (!bad && n < CHUNK && (x[n] = state_pend_pop(&S->pend)) != NULL) {
		bad = (x[n]->patch != NULL && write_status(S, x[n], e)) ||
		    (x[n]->events != NULL && write_events(S, x[n], e));
		n++;
	}
	if (bad)
		state_sqlite_batch_fail(S, NULL, e);
	else
		bad = state_sqlite_batch_commit(S, e);
	for (i = 0; i < n; i++) {
		if (bad)
			state_pend_push(&S->pend, x[i]);
		else
			settle(S, x[i]);
	}
	return (bad ? -1 : S->pend.head != NULL);
}

/* One line when writing begins to fail, one when it works again. */
static void
note_result(struct state_sqlite * S, int rc, const struct err * e)
{
	if (rc < 0 && !S->told_failed)
		log_event(LOG_ERROR, "state_held_back",
		    LOG_I("connectors", S->pend.ndirty), LOG_E(e));
	else if (rc >= 0 && S->told_failed)
		log_event(LOG_INFO, "state_written", LOG_S("file", S->path));
	S->told_failed = rc < 0;
}

void
state_sqlite_status_run(void * arg)
{
	struct state_sqlite * S = arg;
	struct err e;
	int rc;

	rc = S->pend.head == NULL ? state_sqlite_batch_commit(S, &e) :
	    write_chunk(S, &e);
	note_result(S, rc, &e);
	if (rc <= 0)
		state_done_each(&S->flushers, rc < 0 ? &e : NULL);
	if (rc > 0)
		state_pend_again(&S->pend, 0);
	else if (S->pend.head != NULL)
		state_pend_again(&S->pend, STATE_PEND_MS);
}

int
state_sqlite_status_all(struct state_sqlite * S, struct err * e)
{
	int rc = 1;

	while (rc > 0 && S->pend.head != NULL)
		rc = write_chunk(S, e);
	return (rc < 0 ? -1 : 0);
}

void
state_sqlite_status_get(struct state * state, const char * name,
    state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct state_pend_entry * x = state_pend_find(&S->pend, name);
	json_t * v;
	struct err e;

	v = x != NULL && x->base != NULL ? json_copy(x->base) :
	    read_base(S, name, &e);
	if (v == NULL) {
		if (x != NULL && x->base != NULL)
			err_nomem(&e, "a status");
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	if (x != NULL && x->patch != NULL && state_json_merge(v, x->patch)) {
		json_decref(v);
		err_nomem(&e, "a status");
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	if (json_object_size(v) == 0) {
		json_decref(v);
		v = NULL;
	}
	state_done_soon(d, v, 0, NULL);
}

void
state_sqlite_status_event_list(struct state * state, const char * name,
    int limit, state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	const struct state_pend_entry * x = state_pend_find(&S->pend, name);
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_EVENT_LIST);
	json_t * out = json_array();
	size_t want, i;
	struct err e;
	int rc = SQLITE_DONE, bad = out == NULL;

	want = limit < 1 || limit > STATE_EVENTS ? STATE_EVENTS :
	    (size_t)limit;
	if (bad)
		err_nomem(&e, "a list of events");
	/* What is not written yet is the newest. */
	for (i = x != NULL ? json_array_size(x->events) : 0;
	    i > 0 && json_array_size(out) < want; i--)
		(void)json_array_append(out, json_array_get(x->events, i - 1));
	state_sqlite_db_bind(st, 1, name);
	sqlite3_bind_int64(st, 2, (int64_t)(want - json_array_size(out)));
	while (!bad && (rc = sqlite3_step(st)) == SQLITE_ROW)
		(void)json_array_append_new(out, state_sqlite_db_json(st, 0));
	if (rc != SQLITE_DONE)
		bad = state_sqlite_db_err(S, name, &e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	state_done_soon(d, out, 0, bad ? &e : NULL);
}

void
state_sqlite_status_flush(struct state * state, state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);

	d->batch = S->flushers;
	S->flushers = d;
	state_pend_again(&S->pend, 0);
}
