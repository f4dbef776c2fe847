#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "state/state_redis_internal.h"

/* Connectors sent in one turn of the loop. */
#define CHUNK 128
/* Writes on the way at once: thousands of answers to such small commands fit
 * into one read, and would all be told in one turn. */
#define MAX_OUT 512

/*
 * KEYS: the list.  ARGV: how many of the first events may be there already
 * (the answer to an earlier try was lost), then the events, oldest first.
 */
static const char event_script[] =
    "local k, from = tonumber(ARGV[1]), 2 "
    "if k > 0 then"
    " local have = redis.call('LRANGE', KEYS[1], 0, k - 1)"
    " local same = #have == k"
    " for i = 1, k do"
    "  if have[i] ~= ARGV[k - i + 2] then same = false end"
    " end"
    " if same then from = k + 2 end"
    " end "
    "for i = from, #ARGV do redis.call('LPUSH', KEYS[1], ARGV[i]) end "
    "redis.call('LTRIM', KEYS[1], 0, 99) "
    "return 1";

/*
 * KEYS: the hash.  ARGV: the run whose status this is, or ""; else the run that it
 * says goes on, or ""; how many arguments are to be set, then these, a field and its
 * value by turns; then the fields to be removed.  Whoever was away, or waited its
 * second, may tell of a run when a later one of another daemon is told already, or
 * goes on.
 */
static const char status_script[] =
    "local run, on, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) "
    "local last, live, old, late "
    "if run or on then"
    " last = tonumber(redis.call('HGET', KEYS[1], 'run')) or 0"
    " live = tonumber(redis.call('HGET', KEYS[1], 'began_run')) or 0"
    " old = run and last > run"
    " late = live > (on or run) or last > (on or run) or"
    " on and on ~= run and last == on"
    " if (old or not run) and (late or not on) then return 0 end"
    " end "
    "local live_keys = { node = 1, began_at = 1, began_run = 1, progress = 1 } "
    "local function drops(k)"
    " if live_keys[k] then return late end return old end "
    "for i = 4, n + 3, 2 do"
    " if not drops(ARGV[i]) then"
    " redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end end "
    "for i = n + 4, #ARGV do"
    " if not drops(ARGV[i]) then"
    " redis.call('HDEL', KEYS[1], ARGV[i]) end end "
    "return 1";

static int
is_live(const char * key)
{
	static const char * const live_keys[] = { "node", "began_at",
	    "began_run", "progress" };
	size_t i;

	for (i = 0; i < sizeof(live_keys) / sizeof(*live_keys); i++)
		if (strcmp(key, live_keys[i]) == 0)
			return (1);
	return (0);
}

/* The same here, for what was not written yet. */
static int
merge(json_t * v, const json_t * patch)
{
	int64_t last = json_int(v, "run", 0), live = json_int(v, "began_run",
	    0), run = json_int(patch, "run", -1),
	    on = json_int(patch, "began_run", -1), now = on >= 0 ? on : run;
	int old = run >= 0 && last > run, rc;
	int late = now >= 0 && (live > now || last > now ||
	    (on >= 0 && on != run && last == on));
	json_t * rest, * x;
	const char * key;
	void * tmp;

	if (patch == NULL || (now >= 0 && (old || run < 0) &&
	    (late || on < 0)))
		return (0);
	if (!old && !late)
		return (state_json_merge(v, patch));
	if ((rest = json_copy((json_t *)(uintptr_t)patch)) == NULL)
		return (-1);
	json_object_foreach_safe(rest, tmp, key, x)
		if (is_live(key) ? late : old)
			json_object_del(rest, key);
	rc = state_json_merge(v, rest);
	json_decref(rest);
	return (rc);
}

void
state_redis_status_put(struct state * state, const char * name,
    const json_t * fields)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_pend_status(&S->pend, name, fields);
}

void
state_redis_status_event_add(struct state * state, const char * name,
    const json_t * event)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_pend_event(&S->pend, name, event);
}

/* The last write that was on the way came back: those who wait may go. */
static void
tell_flushers(struct state_redis * S)
{
	if (S->writes_out == 0 && S->pend.head == NULL)
		state_done_each(&S->flushers, NULL);
}

static void
on_written(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_pend_entry * x = arg;
	struct state_redis * S = x->owner;

	(void)r;
	S->writes_out--;
	if (S->pacing && S->writes_out <= MAX_OUT / 2) {
		S->pacing = 0;
		state_pend_again(&S->pend, 0);
	}
	if (e != NULL && e->cls == ERR_TRANSIENT) {
		x->sent_failed = 1;
		state_done_each(&S->flushers, e);
	} else if (e != NULL) {
		/* It would fail for ever and hold up the rest. */
		log_event(LOG_ERROR, "state_dropped",
		    LOG_S("connector", x->name), LOG_E(e));
		state_done_each(&S->flushers, e);
	}
	if (--x->sent > 0)
		return;
	if (x->sent_failed && state_pend_unsend(x))
		log_event(LOG_ERROR, "out_of_memory", LOG_S("for", "a status"));
	x->sent_failed = 0;
	json_decref(x->sent_patch);
	json_decref(x->sent_events);
	x->sent_patch = x->sent_events = NULL;
	state_pend_push(&S->pend, x);
	state_pend_drop(&S->pend, x);
	tell_flushers(S);
}

static void
send_write(struct state_redis * S, struct state_pend_entry * x,
    const char * script)
{
	struct state_redis_args * A = &S->args;
	struct err e;

	if (state_redis_args_end(A, &e)) {
		log_event(LOG_ERROR, "state_dropped",
		    LOG_S("connector", x->name), LOG_E(&e));
		return;
	}
	x->sent++;
	S->writes_out++;
	redis_script(S->redis, script, on_written, x, 1, (int)A->n, A->v,
	    A->len);
}

static void
send_status(struct state_redis * S, struct state_pend_entry * x)
{
	struct state_redis_args * A = &S->args;
	static const char * const runs[] = { "run", "began_run" };
	const json_t * run;
	size_t nulls = 0, i;
	const char * key;
	json_t * v;

	json_object_foreach(x->sent_patch, key, v)
		nulls += json_is_null(v);
	state_redis_args_begin(A);
	state_redis_args_addf(A, "moltler:status:%s", x->name);
	for (i = 0; i < 2; i++) {
		run = json_object_get(x->sent_patch, runs[i]);
		if (json_is_integer(run))
			state_redis_args_json(A, run);
		else
			state_redis_args_adds(A, "");
	}
	state_redis_args_addf(A, "%zu", 2 * (json_object_size(x->sent_patch) -
	    nulls));
	state_redis_hash_put(A, x->sent_patch, 0, 0);
	json_object_foreach(x->sent_patch, key, v)
		if (json_is_null(v))
			state_redis_hash_field(A, key);
	if (A->n > 4)
		send_write(S, x, status_script);
}

static void
send_events(struct state_redis * S, struct state_pend_entry * x)
{
	struct state_redis_args * A = &S->args;
	size_t i;
	json_t * v;

	state_redis_args_begin(A);
	state_redis_args_addf(A, "moltler:events:%s", x->name);
	state_redis_args_addf(A, "%zu", x->repeat);
	json_array_foreach(x->sent_events, i, v)
		state_redis_args_json(A, v);
	x->repeat = 0;
	send_write(S, x, event_script);
}

void
state_redis_status_run(void * arg)
{
	struct state_redis * S = arg;
	struct state_pend_entry * x;
	struct err e;
	int n = 0;

	/* Away: it is kept, and written when the server is back. */
	if (!redis_is_up(S->redis)) {
		err_set(&e, ERR_TRANSIENT, "redis_away", "Redis is not "
		    "connected: the status of %zu connectors is held back",
		    S->pend.ndirty);
		if (S->pend.head != NULL)
			state_done_each(&S->flushers, &e);
		tell_flushers(S);
		return;
	}
	while (n++ < CHUNK && S->writes_out < MAX_OUT &&
	    (x = state_pend_pop(&S->pend)) != NULL) {
		x->owner = S;
		x->sent_patch = x->patch;
		x->sent_events = x->events;
		x->patch = x->events = NULL;
		if (x->sent_patch != NULL)
			send_status(S, x);
		if (x->sent_events != NULL)
			send_events(S, x);
		if (x->sent == 0) {
			/* Nothing could be put into words. */
			json_decref(x->sent_patch);
			json_decref(x->sent_events);
			x->sent_patch = x->sent_events = NULL;
			state_pend_drop(&S->pend, x);
		}
	}
	S->pacing = S->pend.head != NULL && S->writes_out >= MAX_OUT;
	if (S->pend.head != NULL && !S->pacing)
		state_pend_again(&S->pend, 0);
	tell_flushers(S);
}

static void
on_status(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	struct state_redis * S = d->D->owner;
	const struct state_pend_entry * x;
	json_t * v;
	int bad;

	if (e != NULL) {
		state_done_now(d, NULL, 0, e);
		return;
	}
	v = state_redis_hash_get(r, &bad);
	if (v == NULL && !bad)
		v = json_object();
	/* What we have not written yet counts too. */
	x = state_pend_find(&S->pend, d->x);
	if (v == NULL || bad || (x != NULL && (merge(v, x->sent_patch) ||
	    merge(v, x->patch)))) {
		json_decref(v);
		state_redis_args_odd(d);
		return;
	}
	if (json_object_size(v) == 0) {
		json_decref(v);
		v = NULL;
	}
	state_done_now(d, v, 0, NULL);
}

void
state_redis_status_get(struct state * state, const char * name,
    state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct err e;

	d->x_free = free;
	if ((d->x = strdup(name)) == NULL) {
		err_nomem(&e, "a status");
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	state_redis_args_begin(&S->args);
	state_redis_args_adds(&S->args, "HGETALL");
	state_redis_args_addf(&S->args, "moltler:status:%s", name);
	state_redis_args_send(S, d, on_status);
}

static void
on_events(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	size_t want = (size_t)d->fence, i;
	json_t * out;

	if (e != NULL) {
		state_done_now(d, NULL, 0, e);
		return;
	}
	if (r->type != REDIS_ARRAY) {
		state_redis_args_odd(d);
		return;
	}
	/* d->v: what was not sent yet when we asked, newest first. */
	out = d->v;
	d->v = NULL;
	for (i = 0; i < r->n && json_array_size(out) < want; i++)
		if (r->el[i]->type == REDIS_STR)
			(void)json_array_append_new(out,
			    state_json_load(r->el[i]->s, r->el[i]->len));
	state_done_now(d, out, 0, NULL);
}

void
state_redis_status_event_list(struct state * state, const char * name,
    int limit, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	const struct state_pend_entry * x = state_pend_find(&S->pend, name);
	struct err e;
	size_t i;

	if (limit < 1 || limit > STATE_EVENTS)
		limit = STATE_EVENTS;
	d->fence = limit;
	if ((d->v = json_array()) == NULL) {
		err_nomem(&e, "a list of events");
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	for (i = x != NULL ? json_array_size(x->events) : 0;
	    i > 0 && json_array_size(d->v) < (size_t)limit; i--)
		(void)json_array_append(d->v,
		    json_array_get(x->events, i - 1));
	state_redis_args_begin(&S->args);
	state_redis_args_adds(&S->args, "LRANGE");
	state_redis_args_addf(&S->args, "moltler:events:%s", name);
	state_redis_args_adds(&S->args, "0");
	state_redis_args_addf(&S->args, "%d", limit - 1);
	state_redis_args_send(S, d, on_events);
}

void
state_redis_status_flush(struct state * state, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);

	d->batch = S->flushers;
	S->flushers = d;
	/* Always in a later turn: whoever waits is told from there. */
	state_pend_again(&S->pend, 0);
}
