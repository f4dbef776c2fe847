#include <stdlib.h>

#include "base/clock.h"
#include "state/state_sqlite_internal.h"

/* All cached values together. */
#define CACHE_TOTAL ((int64_t)64 << 20)

int
state_sqlite_cache_init(struct state_sqlite * S, struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_CACHE_SIZE);
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		S->cache_bytes = sqlite3_column_int64(st, 0);
	else
		state_sqlite_db_err(S, "the cache", e);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? 0 : -1);
}

void
state_sqlite_cache_get(struct state * state, const char * key, state_cb * cb,
    void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_CACHE_GET);
	json_t * v = NULL;
	struct err e;
	int rc, bad = 0;

	state_sqlite_db_bind(st, 1, key);
	sqlite3_bind_int64(st, 2, clock_wall_ms());
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		v = state_sqlite_db_json(st, 0);
	else if (rc != SQLITE_DONE)
		bad = state_sqlite_db_err(S, "the cache", &e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	state_done_soon(d, v, 0, bad ? &e : NULL);
}

/* Run a DELETE that returns the lengths of what went; -1 with ${e}, else how
 * many rows it was. */
static int
shrink(struct state_sqlite * S, sqlite3_stmt * st, struct err * e)
{
	int rc, n = 0;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		S->cache_bytes -= sqlite3_column_int64(st, 0);
		n++;
	}
	if (rc != SQLITE_DONE)
		state_sqlite_db_err(S, "the cache", e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return (rc == SQLITE_DONE ? n : -1);
}

/* Every put takes a few expired ones along, and room is made for it. */
static int
make_room(struct state_sqlite * S, int64_t len, struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_CACHE_EXPIRED);
	int n;

	sqlite3_bind_int64(st, 1, clock_wall_ms());
	if (shrink(S, st, e) < 0)
		return (-1);
	while (S->cache_bytes + len > CACHE_TOTAL) {
		n = shrink(S, state_sqlite_db_get(S, SQ_CACHE_EVICT), e);
		if (n < 0)
			return (-1);
		if (n == 0)
			S->cache_bytes = 0; /* it is empty, whatever we think */
	}
	return (0);
}

static int
put_value(struct state_sqlite * S, const char * key, const char * s,
    size_t len, int64_t until, struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_CACHE_DEL);
	int rc;

	state_sqlite_db_bind(st, 1, key);
	if (shrink(S, st, e) < 0)
		return (-1);
	if (len > STATE_CACHE_MAX)
		return (0);
	if (make_room(S, (int64_t)len, e))
		return (-1);
	st = state_sqlite_db_get(S, SQ_CACHE_PUT);
	state_sqlite_db_bind(st, 1, key);
	sqlite3_bind_int64(st, 2, until);
	sqlite3_bind_text(st, 3, s, (int)len, SQLITE_STATIC);
	if ((rc = state_sqlite_db_run(S, st, "the cache", e)) == 0)
		S->cache_bytes += (int64_t)len;
	sqlite3_clear_bindings(st);
	return (rc);
}

void
state_sqlite_cache_put(struct state * state, const char * key,
    const json_t * v, int64_t ttl_ms, state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	int64_t now = clock_wall_ms();
	struct err e;
	size_t len;
	char * s;

	s = state_json_dump(v, &len, "a cached value", &e);
	if (s == NULL && e.cls == ERR_PERMANENT)
		len = STATE_CACHE_MAX + 1; /* too large: not kept, no error */
	else if (s == NULL) {
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	if (state_sqlite_batch_begin(S, 0, &e)) {
		state_done_soon(d, NULL, 0, &e);
	} else if (put_value(S, key, s, len, ttl_ms > INT64_MAX - now ?
	    INT64_MAX : now + ttl_ms, &e)) {
		state_sqlite_batch_fail(S, d, &e);
	} else {
		state_sqlite_batch_hold(S, d);
	}
	free(s);
}

/* There is one node, this one: it lives in memory. */
void
state_sqlite_cache_node_beat(struct state * state, const json_t * info,
    int64_t ttl_ms)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	json_t * v = json_deep_copy(info);

	if (v == NULL)
		return;
	json_decref(S->node_info);
	S->node_info = v;
	S->node_until_us = clock_mono_us() + ttl_ms * 1000;
}

void
state_sqlite_cache_node_list(struct state * state, state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	json_t * o = json_object();
	struct err e;

	if (o == NULL || (S->node_info != NULL &&
	    clock_mono_us() < S->node_until_us &&
	    json_object_set_nocheck(o, S->node, S->node_info))) {
		json_decref(o);
		err_nomem(&e, "a list of nodes");
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	state_done_soon(d, o, 0, NULL);
}
