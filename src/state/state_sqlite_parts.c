#include <stdlib.h>
#include <string.h>

#include "state/state_sqlite_internal.h"

/* What is kept of a sync's parts: a row each, so that a change of one costs one. */

void
state_sqlite_parts_get(struct state * state, const char * sync, state_cb * cb,
    void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_PART_LIST);
	json_t * o = json_object(), * v;
	const char * name;
	struct err e;
	int rc = SQLITE_DONE, bad = o == NULL;

	if (bad)
		err_nomem(&e, "a sync's parts");
	state_sqlite_db_bind(st, 1, sync);
	while (!bad && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(st, 0);
		v = state_sqlite_db_json(st, 1);
		if (name == NULL || v == NULL ||
		    json_object_set_new(o, name, v))
			bad = err_set(&e, ERR_PERMANENT, "state_value", "cannot "
			    "read a part of \"%s\" from the state file %s",
			    sync, S->path);
	}
	if (rc != SQLITE_DONE && !bad)
		bad = state_sqlite_db_err(S, sync, &e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (bad) {
		json_decref(o);
		o = NULL;
	}
	state_done_soon(d, o, 0, bad ? &e : NULL);
}

static int
write_one(struct state_sqlite * S, const char * sync, const char * name,
    const json_t * v, struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, json_is_null(v) ?
	    SQ_PART_DEL : SQ_PART_PUT);
	char * s = NULL;
	size_t len;
	int rc;

	state_sqlite_db_bind(st, 1, sync);
	state_sqlite_db_bind(st, 2, name);
	if (!json_is_null(v)) {
		if ((s = state_json_dump(v, &len, sync, e)) == NULL)
			return (-1);
		sqlite3_bind_text(st, 3, s, (int)len, SQLITE_STATIC);
	}
	rc = state_sqlite_db_run(S, st, sync, e);
	sqlite3_clear_bindings(st);
	free(s);
	return (rc);
}

int
state_sqlite_parts_write(struct state_sqlite * S, const char * sync,
    const json_t * parts, struct err * e)
{
	sqlite3_stmt * st;
	const char * name;
	json_t * v;

	if (json_is_null(parts)) {
		st = state_sqlite_db_get(S, SQ_PARTS_DEL);
		state_sqlite_db_bind(st, 1, sync);
		return (state_sqlite_db_run(S, st, sync, e));
	}
	json_object_foreach((json_t *)(uintptr_t)parts, name, v)
		if (write_one(S, sync, name, v, e))
			return (-1);
	return (0);
}
