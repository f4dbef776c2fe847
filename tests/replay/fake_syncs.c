#include "fake_syncs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct sync_wait {
	struct syncs * S;
	struct loop_timer * timer;
	void (*progress)(void *, const struct sync_progress *);
	sync_wait_cb * cb;
	void * arg;
	int left, refused;
	struct sync_wait * next;
};

/* An answer that comes later. */
struct later {
	struct soon soon;
	syncs_cb * cb;
	void * arg;
	json_t * v;
	int failed;
	struct err e;
};

struct syncs *
fake_syncs_new(struct loop * L, struct runner * r)
{
	struct syncs * S = calloc(1, sizeof(*S));

	S->loop = L;
	S->runner = r;
	S->items = json_object();
	return (S);
}

static void
wait_free(struct sync_wait * w)
{
	struct sync_wait ** p;

	for (p = &w->S->waits; *p != NULL; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	loop_timer_free(w->timer);
	free(w);
}

void
fake_syncs_free(struct syncs * S)
{
	while (S->waits != NULL)
		wait_free(S->waits);
	json_decref(S->items);
	json_decref(S->put);
	free(S);
}

void
fake_syncs_add(struct syncs * S, const char * id, const char * json)
{
	json_t * o = json_loads(json, 0, NULL);

	json_object_set_new(o, "id", json_string(id));
	json_object_set_new(S->items, id, o);
}

static void
note(struct syncs * S, const char * what, const char * a, const char * b)
{
	size_t n = strlen(S->log);

	snprintf(S->log + n, sizeof(S->log) - n, "%s%s %s%s%s", n ? "; " : "",
	    what, a ? a : "-", b ? " " : "", b ? b : "");
}

static void
on_later(void * arg)
{
	struct later * l = arg;

	l->cb(l->arg, l->v, l->failed ? &l->e : NULL);
	json_decref(l->v);
	free(l);
}

static void
say(struct syncs * S, json_t * v, syncs_cb * cb, void * arg)
{
	struct later * l = calloc(1, sizeof(*l));

	l->cb = cb;
	l->arg = arg;
	l->v = v;
	l->failed = S->fails;
	l->e = S->e;
	if (S->fails) {
		json_decref(l->v);
		l->v = NULL;
	}
	S->fails = 0;
	loop_soon(S->loop, &l->soon, on_later, l);
}

void
syncs_put(struct syncs * S, const struct sync_spec * s, syncs_cb * cb,
    void * arg)
{
	char id[200], * options;
	json_t * v = S->put;

	snprintf(id, sizeof(id), "%s.%s", s->connector,
	    s->entity ? s->entity : "all");
	note(S, "put", id, s->target);
	snprintf(S->where, sizeof(S->where), "%s", s->where ? s->where : "");
	options = s->options ? json_dumps(s->options, JSON_COMPACT) : NULL;
	snprintf(S->options, sizeof(S->options), "%s", options ? options : "");
	free(options);
	S->put = NULL;
	if (v == NULL)
		v = json_pack("{s:s, s:b, s:[s], s:[], s:s?, s:I, s:s, s:s?}",
		    "sync", id, "replaced", 0, "entities", "issues",
		    "left_out", "schedule", s->schedule, "every_ms",
		    (json_int_t)s->every_ms, "engine", "sqlite", "next_run_at",
		    s->schedule ? "2023-11-14T22:15:00Z" : NULL);
	if (!S->fails)
		fake_syncs_add(S, id, "{}");
	say(S, v, cb, arg);
}

void
syncs_explain(struct syncs * S, const struct sync_spec * s, const char * id,
    syncs_cb * cb, void * arg)
{
	note(S, "explain", id ? id : s->connector, NULL);
	say(S, json_pack("[{s:s, s:s, s:s, s:[{s:s}], s:[s]}]", "entity",
	    "issues", "target", "t", "statement", "SELECT *", "calls", "url",
	    "GET /", "key", "id"), cb, arg);
}

static void
simple(struct syncs * S, const char * what, const char * id, syncs_cb * cb,
    void * arg)
{
	note(S, what, id, NULL);
	say(S, NULL, cb, arg);
}

void
syncs_patch(struct syncs * S, const char * id, const json_t * body,
    syncs_cb * cb, void * arg)
{
	(void)body;
	simple(S, "patch", id, cb, arg);
}

void
syncs_drop(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	simple(S, "drop", id, cb, arg);
}

void
syncs_pause(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	simple(S, "pause", id, cb, arg);
}

void
syncs_resume(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	simple(S, "resume", id, cb, arg);
}

/* ---- runs ---- */

static void
end(struct sync_wait * w)
{
	sync_wait_cb * cb = w->cb;
	struct syncs * S = w->S;
	int refused = w->refused, left = w->left;
	void * arg = w->arg;

	wait_free(w);
	if (left)
		note(S, "ended", "alone", NULL);
	else
		cb(arg, refused ? NULL : &S->result, refused ? &S->e : NULL);
}

static void
on_timer(void * arg)
{
	end(arg);
}

struct sync_wait *
syncs_run(struct syncs * S, const char * id, int full,
    void (*progress)(void * arg, const struct sync_progress * p),
    sync_wait_cb * cb, void * arg)
{
	struct sync_wait * w = calloc(1, sizeof(*w));

	note(S, "run", id, full ? "full" : NULL);
	w->S = S;
	w->timer = loop_timer_new(S->loop, on_timer, w);
	w->progress = progress;
	w->cb = cb;
	w->arg = arg;
	w->refused = S->refused;
	w->next = S->waits;
	S->waits = w;
	if (S->ends_ms >= 0 || w->refused)
		loop_timer_start(w->timer, w->refused ? 1 : S->ends_ms);
	S->refused = 0;
	return (w);
}

void
syncs_leave(struct sync_wait * w, int cancel)
{
	note(w->S, "leave", cancel ? "cancel" : "alone", NULL);
	if (cancel)
		wait_free(w);
	else
		w->left = 1;
}

void
fake_syncs_progress(struct syncs * S, const struct sync_progress * p)
{
	if (S->waits->progress != NULL && !S->waits->left)
		S->waits->progress(S->waits->arg, p);
}

void
fake_syncs_end(struct syncs * S)
{
	end(S->waits);
}

const char *
sync_verdict_name(enum sync_verdict v)
{
	static const char * const names[] = { "complete", "partial", "failed",
	    "idle" };

	return (names[v]);
}

/* ---- what there is ---- */

void
syncs_show(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	say(S, json_incref(json_object_get(S->items, id)), cb, arg);
}

static int
by_text(const void * a, const void * b)
{
	return (strcmp(*(const char * const *)a, *(const char * const *)b));
}

void
syncs_list(struct syncs * S, const char * after, size_t limit, syncs_cb * cb,
    void * arg)
{
	size_t n = json_object_size(S->items), i = 0, k;
	const char ** ids = calloc(n + 1, sizeof(*ids)), * id, * next = NULL;
	json_t * items = json_array(), * o;

	json_object_foreach(S->items, id, o)
		ids[i++] = id;
	qsort(ids, n, sizeof(*ids), by_text);
	for (k = 0; k < n; k++) {
		if (after != NULL && strcmp(ids[k], after) <= 0)
			continue;
		if (json_array_size(items) == limit) {
			next = json_str(json_array_get(items, limit - 1), "id");
			break;
		}
		json_array_append(items, json_object_get(S->items, ids[k]));
	}
	free(ids);
	note(S, "list", after, NULL);
	say(S, json_pack("{s:o, s:s?}", "items", items, "next", next), cb, arg);
}

int
syncs_has(const struct syncs * S, const char * id)
{
	return (json_object_get(S->items, id) != NULL);
}

void
syncs_each_target(const struct syncs * S, int (*cb)(void * arg,
    const char * id, const char * engine, const char * database,
    const char * table, const char * node), void * arg)
{
	(void)S;
	(void)cb;
	(void)arg;
}

const char *
syncs_elsewhere(const struct syncs * S, const char * database,
    const char * table)
{
	(void)S;
	(void)database;
	(void)table;
	return (NULL);
}

size_t
syncs_count(const struct syncs * S)
{
	return (json_object_size(S->items));
}

void
syncs_each_name(const struct syncs * S, int (*cb)(void * arg,
    const char * id), void * arg)
{
	const char * id;
	json_t * o;

	json_object_foreach(S->items, id, o)
		if (cb(arg, id))
			break;
}

/* ---- connectors ---- */

void
syncs_connector_create(struct syncs * S, const json_t * body, runner_cb * cb,
    void * arg)
{
	note(S, "create", json_str(body, "name"), NULL);
	runner_create(S->runner, body, cb, arg);
}

void
syncs_connector_patch(struct syncs * S, const char * key, const json_t * body,
    runner_cb * cb, void * arg)
{
	note(S, "change", key, NULL);
	runner_patch(S->runner, key, body, cb, arg);
}

void
syncs_connector_delete(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	note(S, "delete", key, NULL);
	runner_delete(S->runner, key, cb, arg);
}

void
syncs_connector_pause(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	note(S, "disable", key, NULL);
	runner_pause(S->runner, key, cb, arg);
}

void
syncs_connector_resume(struct syncs * S, const char * key, runner_cb * cb,
    void * arg)
{
	note(S, "enable", key, NULL);
	runner_resume(S->runner, key, cb, arg);
}

void
syncs_connector_show(const struct syncs * S, json_t * v)
{
	(void)S;
	json_object_set_new(v, "shown", json_true());
}

int64_t
syncs_connector_last(const struct syncs * S, const char * connector)
{
	(void)connector;
	return (S->last);
}

int
syncs_look(struct syncs * S, struct syncs_look * w, void (*cb)(void *),
    void * arg)
{
	(void)S, (void)w, (void)cb, (void)arg;
	return (0); /* there is nobody else */
}

void
syncs_look_cancel(struct syncs_look * w)
{
	(void)w;
}

int
syncs_where(const struct syncs * S, const char * node, char out[RUNNER_WHERE])
{
	(void)S;
	snprintf(out, RUNNER_WHERE, "%s", node);
	return (0);
}
