#include "fake_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct fake_state {
	struct state base;
	struct state_ops ops;
	struct loop * L;
	struct fake_tables * t;
	const char * node;
	int away;
	int frozen;
	unsigned lose;
	int64_t delay_ms;
	json_t * held; /* statuses and events written while away */
	struct done * dones;
};

/* One call that waits for its callback. */
struct done {
	struct fake_state * S;
	struct done * next;
	struct soon soon;
	struct loop_timer * timer;
	state_cb * cb;
	state_lease_cb * lease;
	void * arg;
	json_t * v;
	int64_t fence;
	int failed;
	int held; /* until its handle is no longer frozen */
	struct err e;
};

static void *
must(void * p)
{
	if (p == NULL)
		abort();
	return (p);
}

static struct fake_state *
fake_of(const struct state * s)
{
	return ((struct fake_state *)(uintptr_t)s);
}

static void
done_free(struct done * d)
{
	struct done ** p = &d->S->dones;

	while (*p != d)
		p = &(*p)->next;
	*p = d->next;
	loop_soon_cancel(d->S->L, &d->soon);
	loop_timer_free(d->timer);
	json_decref(d->v);
	free(d);
}

static void
deliver(void * arg)
{
	struct done * d = arg;
	const struct err * e = d->failed ? &d->e : NULL;

	if (d->lease != NULL)
		d->lease(d->arg, e ? 0 : d->fence, e);
	else if (d->cb != NULL)
		d->cb(d->arg, e ? NULL : d->v, e);
	done_free(d);
}

static struct done *
done_new(struct state * s, state_cb * cb, state_lease_cb * lease, void * arg)
{
	struct fake_state * S = fake_of(s);
	struct done * d = must(calloc(1, sizeof(*d)));

	d->S = S;
	d->cb = cb;
	d->lease = lease;
	d->arg = arg;
	d->next = S->dones;
	S->dones = d;
	if (S->away) {
		d->failed = 1;
		err_set(&d->e, ERR_TRANSIENT, "redis_away",
		    "the shared state is away");
	} else if (S->lose > 0) {
		S->lose--;
		d->failed = 1;
		err_set(&d->e, ERR_TRANSIENT, "recv",
		    "the shared state's answer was lost");
	}
	return (d);
}

/* Whether the call reached the tables, lost answer or not. */
static int
reached(const struct state * s)
{
	return (!fake_of(s)->away);
}

static void
finish(struct done * d)
{
	struct fake_state * S = d->S;

	if (S->frozen) {
		d->held = 1;
		return;
	}
	if (S->delay_ms == 0) {
		loop_soon(S->L, &d->soon, deliver, d);
		return;
	}
	d->timer = must(loop_timer_new(S->L, deliver, d));
	loop_timer_start(d->timer, S->delay_ms);
}

/* ---- records ---- */

static void
put(struct state * s, const char * kind, const char * name,
    const json_t * rec, int must_be_new, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	json_t * t = fake_tables_of_kind(d->S->t, kind);

	if (!reached(s)) {
		finish(d);
		return;
	}
	if (must_be_new && json_object_get(t, name) != NULL) {
		d->failed = 1;
		err_set(&d->e, ERR_CONFIG, "exists", "there is a %s \"%s\" "
		    "already", kind, name);
	} else {
		json_object_set_new(t, name,
		    must(json_deep_copy((json_t *)(uintptr_t)rec)));
		fake_tables_note(d->S->t, kind, name);
	}
	finish(d);
}

static void
get(struct state * s, const char * kind, const char * name, state_cb * cb,
    void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);

	d->v = json_deep_copy(json_object_get(
	    fake_tables_of_kind(d->S->t, kind), name));
	finish(d);
}

static int
by_name(const void * a, const void * b)
{
	return (strcmp(*(const char * const *)a, *(const char * const *)b));
}

static void
list(struct state * s, const char * kind, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	json_t * t = fake_tables_of_kind(d->S->t, kind), * v;
	const char ** names, * name;
	size_t n = 0, i;

	d->S->t->lists += strcmp(kind, "sync") == 0;
	d->S->t->connector_lists += strcmp(kind, "connector") == 0;
	names = must(calloc(json_object_size(t) + 1, sizeof(*names)));
	json_object_foreach(t, name, v)
		names[n++] = name;
	qsort(names, n, sizeof(*names), by_name);
	d->v = json_array();
	for (i = 0; i < n; i++)
		json_array_append_new(d->v,
		    json_deep_copy(json_object_get(t, names[i])));
	free(names);
	finish(d);
}

static void
del(struct state * s, const char * kind, const char * name, state_cb * cb,
    void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	struct fake_tables * t = d->S->t;

	if (reached(s)) {
		json_object_del(fake_tables_of_kind(t, kind), name);
		fake_tables_note(t, kind, name);
		if (strcmp(kind, "connector") == 0) {
			json_object_del(t->statuses, name);
			json_object_del(t->events, name);
		} else if (strcmp(kind, "sync") == 0) {
			json_object_del(t->statuses, name);
			json_object_del(t->events, name);
			json_object_del(t->cursors, name);
			json_object_del(t->parts, name);
		}
	}
	finish(d);
}

static void
generation(struct state * s, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);

	d->v = json_integer(d->S->t->generation);
	finish(d);
}

static void
changes(struct state * s, const char * mark, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	struct fake_tables * t = d->S->t;
	const char * last = json_string_value(json_array_get(t->changes,
	    json_array_size(t->changes) - 1));

	if (last == NULL || atoll(last) != t->generation)
		last = "";
	d->v = must(json_pack("{s:I, s:s, s:o*}", "generation", t->generation,
	    "mark", last, "changed",
	    mark != NULL ? fake_tables_changes_since(t, mark) : NULL));
	finish(d);
}

/* ---- status and events: held back while away, as the real ones do ---- */

static void
hold(struct fake_state * S, const char * what, const char * name,
    const json_t * v)
{
	json_array_append_new(S->held, json_pack("[s, s, o]", what, name,
	    json_deep_copy((json_t *)(uintptr_t)v)));
}

static void
status_put(struct state * s, const char * name, const json_t * fields)
{
	if (reached(s))
		fake_tables_apply_status(fake_of(s)->t, name, fields);
	else
		hold(fake_of(s), "status", name, fields);
}

static void
status_get(struct state * s, const char * name, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);

	d->v = json_deep_copy(json_object_get(d->S->t->statuses, name));
	finish(d);
}

static void
event_add(struct state * s, const char * name, const json_t * event)
{
	if (reached(s))
		fake_tables_apply_event(fake_of(s)->t, name, event);
	else
		hold(fake_of(s), "event", name, event);
}

static void
event_list(struct state * s, const char * name, int limit, state_cb * cb,
    void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	json_t * a = json_object_get(d->S->t->events, name);
	size_t n = json_array_size(a), i;

	d->v = json_array();
	for (i = 0; i < n && i < (size_t)limit; i++)
		json_array_append_new(d->v,
		    json_deep_copy(json_array_get(a, n - 1 - i)));
	finish(d);
}

/* ---- leases ---- */

static void
lease_key(char * key, size_t n, const char * sync, int64_t bucket)
{
	snprintf(key, n, "%s:%lld", sync, (long long)bucket);
}

static void
lease_take(struct state * s, const char * sync, int64_t bucket,
    int64_t ttl_ms, state_lease_cb * cb, void * arg)
{
	struct done * d = done_new(s, NULL, cb, arg);
	struct fake_tables * t = d->S->t;
	int64_t now = clock_mono_us() / 1000;
	char key[256];
	json_t * have;

	t->calls++;
	lease_key(key, sizeof(key), sync, bucket);
	have = json_object_get(t->leases, key);
	if (reached(s) && (have == NULL || json_integer_value(
	    json_object_get(have, "until")) <= now)) {
		d->fence = ++t->fence;
		json_object_set_new(t->leases, key, json_pack(
		    "{s:s, s:I, s:I}", "node", d->S->node, "fence",
		    (json_int_t)d->fence, "until", (json_int_t)(now + ttl_ms)));
	}
	finish(d);
}

static void
lease_keep(struct state * s, const char * sync, int64_t bucket,
    int64_t fence, int64_t ttl_ms, state_lease_cb * cb, void * arg)
{
	struct done * d = done_new(s, NULL, cb, arg);
	int64_t now = clock_mono_us() / 1000;
	char key[256];
	json_t * have;

	d->S->t->calls++;
	lease_key(key, sizeof(key), sync, bucket);
	have = json_object_get(d->S->t->leases, key);
	if (reached(s) && json_integer_value(json_object_get(have,
	    "fence")) == fence && json_integer_value(json_object_get(have,
	    "until")) > now) {
		d->fence = fence;
		json_object_set_new(have, "until",
		    json_integer((json_int_t)(now + ttl_ms)));
	}
	finish(d);
}

static void
cursor_get(struct state * s, const char * sync, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);

	d->S->t->calls++;
	d->v = json_deep_copy(json_object_get(json_object_get(d->S->t->cursors,
	    sync), "cursor"));
	finish(d);
}

static void
parts_get(struct state * s, const char * sync, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);

	d->S->t->calls++;
	d->v = json_deep_copy(json_object_get(d->S->t->parts, sync));
	finish(d);
}

static void
parts_put(struct state * s, const char * sync, int64_t fence,
    const json_t * cursor, const json_t * parts, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	json_t * t = d->S->t->cursors;

	d->S->t->calls++;
	if (reached(s) && fence < json_integer_value(json_object_get(
	    json_object_get(t, sync), "fence"))) {
		d->failed = 1;
		err_set(&d->e, ERR_PERMANENT, "fenced", "a later run has put "
		    "its cursor");
	} else if (reached(s))
		json_object_set_new(t, sync, json_pack("{s:I, s:o}", "fence",
		    (json_int_t)fence, "cursor",
		    json_deep_copy((json_t *)(uintptr_t)cursor)));
	if (reached(s) && !d->failed)
		fake_tables_apply_parts(d->S->t, sync, parts);
	finish(d);
}

static void
cursor_put(struct state * s, const char * sync, int64_t fence,
    const json_t * cursor, state_cb * cb, void * arg)
{
	parts_put(s, sync, fence, cursor, NULL, cb, arg);
}

static void
lease_drop(struct state * s, const char * sync, int64_t bucket,
    int64_t fence, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	char key[256];
	json_t * have;

	d->S->t->calls++;
	lease_key(key, sizeof(key), sync, bucket);
	have = json_object_get(d->S->t->leases, key);
	if (reached(s) &&
	    json_integer_value(json_object_get(have, "fence")) == fence)
		json_object_del(d->S->t->leases, key);
	finish(d);
}

static void
flush(struct state * s, state_cb * cb, void * arg)
{
	finish(done_new(s, cb, NULL, arg));
}

static void
node_beat(struct state * s, const json_t * info, int64_t ttl_ms)
{
	struct fake_state * S = fake_of(s);

	if (reached(s) && !S->frozen)
		json_object_set_new(S->t->nodes, S->node, json_pack(
		    "{s:o, s:I}", "info",
		    json_deep_copy((json_t *)(uintptr_t)info), "until",
		    (json_int_t)(clock_mono_us() / 1000 + ttl_ms)));
}

/* ---- actions ---- */

static void
action_put(struct state * s, const char * id, const json_t * fields, int is_new,
    state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	json_t * t = fake_tables_of_kind(d->S->t, "action"), * v;
	const char * k;

	if (reached(s) && is_new)
		json_object_set_new(t, id, json_object());
	if (reached(s) && json_object_get(t, id) != NULL)
		json_object_foreach((json_t *)(uintptr_t)fields, k, v)
			json_object_set_new(json_object_get(t, id), k,
			    json_deep_copy(v));
	finish(d);
}

static void
action_get(struct state * s, const char * id, state_cb * cb, void * arg)
{
	get(s, "action", id, cb, arg);
}

static int
by_name_down(const void * a, const void * b)
{
	return (by_name(b, a));
}

static void
action_list(struct state * s, const char * after, int limit, state_cb * cb,
    void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	json_t * t = fake_tables_of_kind(d->S->t, "action"), * v;
	const char ** names, * name;
	size_t n = 0, i;

	names = must(calloc(json_object_size(t) + 1, sizeof(*names)));
	json_object_foreach(t, name, v)
		if (after == NULL || strcmp(name, after) < 0)
			names[n++] = name;
	qsort(names, n, sizeof(*names), by_name_down);
	d->v = json_array();
	for (i = 0; i < n && i < (size_t)limit; i++)
		json_array_append_new(d->v,
		    json_deep_copy(json_object_get(t, names[i])));
	free(names);
	finish(d);
}

static void
node_list(struct state * s, state_cb * cb, void * arg)
{
	struct done * d = done_new(s, cb, NULL, arg);
	int64_t now = clock_mono_us() / 1000;
	const char * k;
	json_t * v;

	d->v = json_object();
	json_object_foreach(d->S->t->nodes, k, v)
		if (json_integer_value(json_object_get(v, "until")) > now)
			json_object_set_new(d->v, k, json_deep_copy(
			    json_object_get(v, "info")));
	finish(d);
}

static int
is_up(const struct state * s)
{
	return (!fake_of(s)->away);
}

static void
fake_free(struct state * s)
{
	struct fake_state * S = fake_of(s);

	while (S->dones != NULL)
		done_free(S->dones);
	json_decref(S->held);
	free(S);
}

struct state *
fake_state_new(struct loop * L, struct fake_tables * t, const char * node,
    const char * name)
{
	static const struct state_ops ops = { .free = fake_free,
	    .is_up = is_up, .put = put, .get = get, .list = list, .del = del,
	    .generation = generation, .changes = changes,
	    .status_put = status_put, .status_get = status_get, .event_add = event_add,
	    .event_list = event_list, .lease_take = lease_take,
	    .lease_keep = lease_keep, .lease_drop = lease_drop,
	    .cursor_get = cursor_get, .cursor_put = cursor_put,
	    .parts_get = parts_get, .parts_put = parts_put,
	    .node_beat = node_beat, .node_list = node_list,
	    .action_put = action_put, .action_get = action_get,
	    .action_list = action_list, .flush = flush };
	struct fake_state * S = must(calloc(1, sizeof(*S)));

	S->ops = ops;
	S->ops.name = name;
	S->base.ops = &S->ops;
	S->L = L;
	S->t = t;
	S->node = node;
	S->held = must(json_array());
	return (&S->base);
}

void
fake_state_away(struct state * s, int away)
{
	struct fake_state * S = fake_of(s);
	const char * what, * name;
	json_t * h, * v;
	size_t i;

	S->away = away;
	if (away)
		return;
	json_array_foreach(S->held, i, h) {
		if (json_unpack(h, "[s, s, o]", &what, &name, &v))
			abort();
		if (strcmp(what, "status") == 0)
			fake_tables_apply_status(S->t, name, v);
		else
			fake_tables_apply_event(S->t, name, v);
	}
	json_array_clear(S->held);
}

void
fake_state_lose(struct state * s, unsigned n)
{
	fake_of(s)->lose = n;
}

void
fake_state_delay(struct state * s, int64_t ms)
{
	fake_of(s)->delay_ms = ms;
}

const char *
fake_state_node(const struct state * s)
{
	return (fake_of(s)->node);
}

void
fake_state_freeze(struct state * s, int on)
{
	struct fake_state * S = fake_of(s);
	struct done * d;

	S->frozen = on;
	for (d = S->dones; d != NULL && !on; d = d->next) {
		if (d->held)
			loop_soon(S->L, &d->soon, deliver, d);
		d->held = 0;
	}
}

size_t
fake_state_waiting(const struct state * s)
{
	const struct done * d;
	size_t n = 0;

	for (d = fake_of(s)->dones; d != NULL; d = d->next)
		n++;
	return (n);
}
