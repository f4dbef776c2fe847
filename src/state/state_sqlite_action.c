#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id7.h"
#include "state/state_sqlite_internal.h"

/* What is too old or too much goes after so many new ones. */
#define TRIM_EVERY 64

/* The one that is there; NULL: none (or with ${*bad} set, ${e}). */
static json_t *
read_one(struct state_sqlite * S, const char * id, int * bad, struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_ACTION_GET);
	json_t * v = NULL;
	int rc;

	state_sqlite_db_bind(st, 1, id);
	*bad = 0;
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((v = state_sqlite_db_json(st, 0)) == NULL)
			*bad = err_set(e, ERR_PERMANENT, "state_value", "what "
			    "the state file %s holds for the action %s is no "
			    "JSON", S->path, id);
	} else if (rc != SQLITE_DONE) {
		*bad = state_sqlite_db_err(S, id, e);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return (v);
}

static int
trim(struct state_sqlite * S, struct err * e)
{
	sqlite3_stmt * st;
	char oldest[ID7_LEN];
	int rc;

	if (S->actions_new++ % TRIM_EVERY != 0)
		return (0);
	id7_floor(clock_wall_ms() - STATE_ACTION_MS, oldest);
	st = state_sqlite_db_get(S, SQ_ACTION_TRIM);
	state_sqlite_db_bind(st, 1, oldest);
	sqlite3_bind_int(st, 2, STATE_ACTIONS - TRIM_EVERY);
	rc = state_sqlite_db_run(S, st, "actions", e);
	sqlite3_clear_bindings(st);
	return (rc);
}

static int
write_one(struct state_sqlite * S, const char * id, const json_t * v,
    struct err * e)
{
	sqlite3_stmt * st;
	size_t len;
	char * s;
	int rc;

	if ((s = state_json_dump(v, &len, id, e)) == NULL)
		return (-1);
	st = state_sqlite_db_get(S, SQ_ACTION_PUT);
	state_sqlite_db_bind(st, 1, id);
	sqlite3_bind_text(st, 2, s, (int)len, SQLITE_STATIC);
	rc = state_sqlite_db_run(S, st, id, e);
	sqlite3_clear_bindings(st);
	free(s);
	return (rc);
}

void
state_sqlite_action_put(struct state * state, const char * id,
    const json_t * fields, int is_new, state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	json_t * v = NULL;
	struct err e;
	int bad = 0;

	if (state_sqlite_batch_begin(S, is_new, &e)) {
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	if (is_new)
		v = json_deep_copy((json_t *)(uintptr_t)fields);
	else if ((v = read_one(S, id, &bad, &e)) == NULL && !bad) {
		state_done_soon(d, NULL, 0, NULL);
		return;
	}
	if (!bad && (v == NULL || (!is_new && state_json_merge(v, fields))))
		bad = err_nomem(&e, "an action");
	if (bad)
		state_done_soon(d, NULL, 0, &e);
	else if (write_one(S, id, v, &e) || (is_new && trim(S, &e)))
		state_sqlite_batch_fail(S, d, &e);
	else
		state_sqlite_batch_hold(S, d);
	json_decref(v);
}

void
state_sqlite_action_get(struct state * state, const char * id, state_cb * cb,
    void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct err e;
	int bad;
	json_t * v = read_one(S, id, &bad, &e);

	state_done_soon(d, v, 0, bad ? &e : NULL);
}

void
state_sqlite_action_list(struct state * state, const char * after, int limit,
    state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_ACTION_LIST);
	json_t * out = json_array(), * v;
	struct err e;
	int rc, bad = 0;

	state_sqlite_db_bind(st, 1, after != NULL ? after : "~");
	sqlite3_bind_int(st, 2, limit);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if ((v = state_sqlite_db_json(st, 0)) != NULL)
			(void)json_array_append_new(out, v);
	if (rc != SQLITE_DONE)
		bad = state_sqlite_db_err(S, "actions", &e);
	else if (out == NULL)
		bad = err_nomem(&e, "a list of actions");
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	state_done_soon(d, out, 0, bad ? &e : NULL);
}
