#include <stdlib.h>
#include <string.h>

#include "state/state_sqlite_internal.h"

/* Records a list reads in one turn of the loop. */
#define LIST_CHUNK 128

struct list {
	struct state_sqlite * S;
	struct state_done * d;
	struct soon soon;
	json_t * rows;
	char * kind;
	char * last;
};

/* The text of ${v}, and the batch that it goes into; NULL: ${d} was told. */
static char *
begin_put(struct state_sqlite * S, struct state_done * d, const json_t * v,
    const char * name, int durable, size_t * len)
{
	struct err e;
	char * s = state_json_dump(v, len, name, &e);

	if (s != NULL && state_sqlite_batch_begin(S, durable, &e) == 0)
		return (s);
	free(s);
	state_done_soon(d, NULL, 0, &e);
	return (NULL);
}

void
state_sqlite_record_put(struct state * state, const char * kind,
    const char * name, const json_t * rec, int must_be_new, state_cb * cb,
    void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	sqlite3_stmt * st;
	struct err e;
	size_t len;
	char * s;

	if ((s = begin_put(S, d, rec, name, 1, &len)) == NULL)
		return;
	st = state_sqlite_db_get(S, must_be_new ? SQ_RECORD_NEW :
	    SQ_RECORD_PUT);
	state_sqlite_db_bind(st, 1, kind);
	state_sqlite_db_bind(st, 2, name);
	sqlite3_bind_text(st, 3, s, (int)len, SQLITE_STATIC);
	if (state_sqlite_db_run(S, st, name, &e)) {
		state_sqlite_batch_fail(S, d, &e);
	} else if (sqlite3_changes(S->db) == 0) {
		err_set(&e, ERR_CONFIG, "exists",
		    "there is a %s \"%s\" already", kind, name);
		state_done_soon(d, NULL, 0, &e);
	} else {
		S->generation++;
		S->generation_dirty = 1;
		state_sqlite_batch_hold(S, d);
	}
	sqlite3_clear_bindings(st);
	free(s);
}

/* One row's one column of JSON, or NULL if there is no row. */
static void
get_one(struct state_sqlite * S, sqlite3_stmt * st, const char * what,
    state_cb * cb, void * arg)
{
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	json_t * v = NULL;
	struct err e;
	int rc = sqlite3_step(st), bad = 0;

	if (rc == SQLITE_ROW) {
		if ((v = state_sqlite_db_json(st, 0)) == NULL)
			bad = err_set(&e, ERR_PERMANENT, "state_value",
			    "what the state file %s holds for \"%s\" is no "
			    "JSON", S->path, what);
	} else if (rc != SQLITE_DONE) {
		bad = state_sqlite_db_err(S, what, &e);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	state_done_soon(d, v, 0, bad ? &e : NULL);
}

void
state_sqlite_record_get(struct state * state, const char * kind,
    const char * name, state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_RECORD_GET);

	state_sqlite_db_bind(st, 1, kind);
	state_sqlite_db_bind(st, 2, name);
	get_one(S, st, name, cb, arg);
}

void
state_sqlite_cursor_get(struct state * state, const char * sync,
    state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_CURSOR_GET);

	state_sqlite_db_bind(st, 1, sync);
	get_one(S, st, sync, cb, arg);
}

void
state_sqlite_cursor_put(struct state * state, const char * sync,
    int64_t fence, const json_t * cursor, state_cb * cb, void * arg)
{
	state_sqlite_parts_put(state, sync, fence, cursor, NULL, cb, arg);
}

void
state_sqlite_parts_put(struct state * state, const char * sync,
    int64_t fence, const json_t * cursor, const json_t * parts, state_cb * cb,
    void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	sqlite3_stmt * st;
	struct err e;
	size_t len;
	char * s;

	/* Need not wait for the disk: a cursor that went back after a power
	 * cut only has rows written again. */
	if ((s = begin_put(S, d, cursor, sync, 0, &len)) == NULL)
		return;
	st = state_sqlite_db_get(S, SQ_CURSOR_PUT);
	state_sqlite_db_bind(st, 1, sync);
	sqlite3_bind_int64(st, 2, fence);
	sqlite3_bind_text(st, 3, s, (int)len, SQLITE_STATIC);
	if (state_sqlite_db_run(S, st, sync, &e)) {
		state_sqlite_batch_fail(S, d, &e);
	} else if (sqlite3_changes(S->db) == 0) {
		err_set(&e, ERR_PERMANENT, "fenced", "the cursor of \"%s\" was "
		    "moved by a later run (we are %lld)", sync,
		    (long long)fence);
		state_done_soon(d, NULL, 0, &e);
	} else if (parts != NULL &&
	    state_sqlite_parts_write(S, sync, parts, &e)) {
		state_sqlite_batch_fail(S, d, &e);
	} else {
		state_sqlite_batch_hold(S, d);
	}
	sqlite3_clear_bindings(st);
	free(s);
}

static int
delete_one(struct state_sqlite * S, enum state_sqlite_id id,
    const char * name, struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, id);

	state_sqlite_db_bind(st, 1, name);
	return (state_sqlite_db_run(S, st, name, e));
}

void
state_sqlite_record_del(struct state * state, const char * kind,
    const char * name, state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	int bad = 0;
	sqlite3_stmt * st;
	struct err e;

	if (state_sqlite_batch_begin(S, 1, &e)) {
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	st = state_sqlite_db_get(S, SQ_RECORD_DEL);
	state_sqlite_db_bind(st, 1, kind);
	state_sqlite_db_bind(st, 2, name);
	bad = state_sqlite_db_run(S, st, name, &e);
	if (!bad && strcmp(kind, "connector") == 0) {
		state_sqlite_status_forget(S, name);
		bad = delete_one(S, SQ_STATUS_DEL, name, &e) ||
		    delete_one(S, SQ_EVENT_DEL, name, &e);
	} else if (!bad && strcmp(kind, "sync") == 0) {
		state_sqlite_status_forget(S, name);
		bad = delete_one(S, SQ_CURSOR_DEL, name, &e) ||
		    delete_one(S, SQ_PARTS_DEL, name, &e) ||
		    delete_one(S, SQ_STATUS_DEL, name, &e) ||
		    delete_one(S, SQ_EVENT_DEL, name, &e);
	}
	if (bad) {
		state_sqlite_batch_fail(S, d, &e);
		return;
	}
	S->generation++;
	S->generation_dirty = 1;
	state_sqlite_batch_hold(S, d);
}

static void
list_free(void * arg)
{
	struct list * l = arg;

	loop_soon_cancel(l->S->loop, &l->soon);
	json_decref(l->rows);
	free(l->kind);
	free(l->last);
	free(l);
}

/* The next rows; the loop has its turn between them. */
static void
list_more(void * arg)
{
	struct list * l = arg;
	struct state_sqlite * S = l->S;
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_RECORD_LIST);
	const unsigned char * text;
	json_t * rows, * v;
	struct err e;
	char * name;
	int rc, n = 0;

	state_sqlite_db_bind(st, 1, l->kind);
	sqlite3_bind_text(st, 2, l->last, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int(st, 3, LIST_CHUNK);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		n++;
		text = sqlite3_column_text(st, 0);
		name = text != NULL ? strdup((const char *)text) : NULL;
		v = state_sqlite_db_json(st, 1);
		if (name == NULL || v == NULL ||
		    json_array_append_new(l->rows, v)) {
			err_set(&e, ERR_PERMANENT, "state_value", "cannot read "
			    "the %s \"%s\" from the state file %s", l->kind,
			    name ? name : "?", S->path);
			free(name);
			break;
		}
		free(l->last);
		l->last = name;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		state_sqlite_db_err(S, "listing", &e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (rc != SQLITE_DONE) {
		state_done_now(l->d, NULL, 0, &e);
	} else if (n == LIST_CHUNK) {
		loop_soon(S->loop, &l->soon, list_more, l);
	} else {
		rows = l->rows;
		l->rows = NULL;
		state_done_now(l->d, rows, 0, NULL);
	}
}

void
state_sqlite_record_list(struct state * state, const char * kind,
    state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct list * l = calloc(1, sizeof(*l));
	struct err e;

	if (l != NULL) {
		l->S = S;
		l->d = d;
		d->x = l;
		d->x_free = list_free;
	}
	if (l == NULL || (l->rows = json_array()) == NULL ||
	    (l->kind = strdup(kind)) == NULL ||
	    (l->last = strdup("")) == NULL) {
		err_nomem(&e, "a list");
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	loop_soon(S->loop, &l->soon, list_more, l);
}

void
state_sqlite_record_generation(struct state * state, state_cb * cb,
    void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;

	state_done_soon(state_done_new(&S->dones, cb, arg),
	    json_integer(S->generation), 0, NULL);
}

/* Nobody else writes here: there is nothing to keep account of. */
void
state_sqlite_record_changes(struct state * state, const char * mark,
    state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;

	(void)mark;
	state_done_soon(state_done_new(&S->dones, cb, arg),
	    json_pack("{s:I, s:s}", "generation", (json_int_t)S->generation,
	    "mark", ""), 0, NULL);
}
