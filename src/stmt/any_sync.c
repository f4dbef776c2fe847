#include "stmt/any_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "stmt/run_now.h"

/* ---- which ---- */

struct wanted {
	const char * id;
	char * name;
	json_t * shown; /* of a scrape, if that is asked for */
	int show;
};

static json_t *
when(int64_t ms)
{
	char ts[RFC3339_LEN];

	if (ms == 0)
		return (json_null());
	rfc3339_format(ms, ts);
	return (json_string(ts));
}

static json_t *
scrape_shown(const struct runner_brief * b)
{
	const char * dot = strrchr(b->sync, '.');

	return (json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:I, s:s, s:n, "
	    "s:o, s:o, s:I, s:s?}", "id", b->sync, "connector", b->name, "entity",
	    dot == NULL ? NULL : dot + 1, "target", b->target_table, "engine",
	    "sqlite", "target_database", b->target_database, "target_table",
	    b->target_table, "schedule_ms", (json_int_t)b->schedule_ms,
	    "status", b->status, "verdict", "last_run_at", when(b->last_run_at),
	    "last_success_at", when(b->last_success_at), "last_rows",
	    (json_int_t)b->last_rows, "node", b->node));
}

static int
on_wanted(void * arg, const struct runner_brief * b)
{
	struct wanted * w = arg;

	if (b->sync == NULL || strcasecmp(b->sync, w->id) != 0)
		return (0);
	snprintf(w->name, ANY_SYNC_NAME, "%s", b->name);
	if (w->show)
		w->shown = scrape_shown(b);
	return (1);
}

static enum any_sync
find(const struct stmt_env * env, struct wanted * w)
{
	const char * last;

	w->name[0] = '\0';
	if (syncs_has(env->syncs, w->id))
		return (ANY_SYNC_ROWS);
	(void)runner_each(env->runner, NULL, SIZE_MAX, on_wanted, w, &last);
	return (w->name[0] == '\0' ? ANY_SYNC_NONE : ANY_SYNC_SCRAPE);
}

enum any_sync
any_sync_kind(const struct stmt_env * env, const char * id,
    char name[ANY_SYNC_NAME])
{
	struct wanted w = { .id = id, .name = name };

	return (find(env, &w));
}

struct near {
	const char * id;
	char * best;
};

/* Keep whichever is the nearer. */
static int
on_id(void * arg, const char * id)
{
	struct near * n = arg;
	const char * both[2] = { n->best, id }, * near;

	if (id == NULL)
		return (0);
	near = n->best[0] == '\0' ? json_nearest(n->id, &id, 1) :
	    json_nearest(n->id, both, 2);
	if (near == id)
		snprintf(n->best, 300, "%s", id);
	return (0);
}

static int
on_brief(void * arg, const struct runner_brief * b)
{
	return (on_id(arg, b->sync));
}

void
any_sync_near(const struct stmt_env * env, const char * id, char out[300])
{
	struct near n = { id, out };
	const char * last;

	out[0] = '\0';
	syncs_each_name(env->syncs, on_id, &n);
	(void)runner_each(env->runner, NULL, SIZE_MAX, on_brief, &n, &last);
}

void
any_sync_none(const struct stmt_env * env, const char * id, struct err * e)
{
	char near[300];

	any_sync_near(env, id, near);
	(void)err_set(e, ERR_CONFIG, "not_found", "there is no sync %.128s%s%s%s",
	    id, near[0] ? " (did you mean " : "", near, near[0] ? "?)" : "");
}

/* ---- what is known at once is said soon ---- */

struct later {
	struct loop * loop;
	struct soon soon;
	syncs_cb * cb;
	void * arg;
	json_t * v;
	struct err e;
	int failed;
};

static void
on_later(void * arg)
{
	struct later * l = arg;

	l->cb(l->arg, l->v, l->failed ? &l->e : NULL);
	json_decref(l->v);
	free(l);
}

/* ${v} is taken.  Where there is no memory for waiting it is said now: that is
 * better than never. */
static void
say_later(const struct stmt_env * env, json_t * v, const struct err * e,
    syncs_cb * cb, void * arg)
{
	struct later * l = calloc(1, sizeof(*l));
	struct err nomem;

	if (l == NULL) {
		err_nomem(&nomem, "an answer about syncs");
		json_decref(v);
		cb(arg, NULL, &nomem);
		return;
	}
	l->cb = cb;
	l->arg = arg;
	l->v = v;
	if (e != NULL) {
		l->e = *e;
		l->failed = 1;
	}
	loop_soon(env->loop, &l->soon, on_later, l);
}

static void
say_none(const struct stmt_env * env, const char * id, syncs_cb * cb,
    void * arg)
{
	struct err e;

	any_sync_none(env, id, &e);
	say_later(env, NULL, &e, cb, arg);
}

void
any_sync_show(const struct stmt_env * env, const char * id, syncs_cb * cb,
    void * arg)
{
	char name[ANY_SYNC_NAME];
	struct wanted w = { .id = id, .name = name, .show = 1 };
	struct err e;

	switch (find(env, &w)) {
	case ANY_SYNC_NONE:
		say_none(env, id, cb, arg);
		break;
	case ANY_SYNC_ROWS:
		syncs_show(env->syncs, id, cb, arg);
		break;
	case ANY_SYNC_SCRAPE:
		err_nomem(&e, "a sync");
		say_later(env, w.shown, w.shown == NULL ? &e : NULL, cb, arg);
		break;
	}
}

/* ---- all ---- */

struct list {
	const struct stmt_env * env;
	char * after;
	size_t limit;
	syncs_cb * cb;
	void * arg;
};

static const char *
id_of(const json_t * items, size_t i)
{
	const char * s = json_str(json_array_get(items, i), "id");

	return (s == NULL ? "" : s);
}

/* Where ${id} goes among the sorted ${items}: nearly always at the end, as
 * connectors come by name. */
static size_t
place(const json_t * items, const char * id)
{
	size_t i = json_array_size(items);

	while (i > 0 && strcmp(id_of(items, i - 1), id) > 0)
		i--;
	return (i);
}

struct gather {
	const struct list * l;
	json_t * items; /* by id, at most limit and one: then there are more */
};

static int
on_scrape(void * arg, const struct runner_brief * b)
{
	struct gather * g = arg;
	size_t n = json_array_size(g->items), at;

	if (b->sync == NULL || (g->l->after != NULL &&
	    strcmp(b->sync, g->l->after) <= 0))
		return (0);
	at = place(g->items, b->sync);
	if (at > g->l->limit)
		return (0);
	json_array_insert_new(g->items, at, scrape_shown(b));
	if (n > g->l->limit)
		json_array_remove(g->items, n);
	return (0);
}

/* The page of syncs of rows, with the scrapes that fall into it. */
static json_t *
merge(const struct list * l, const json_t * v)
{
	struct gather g = { l, json_array() };
	const char * next = json_str(v, "next"), * last;
	const json_t * item;
	size_t i, n, at;

	if (g.items == NULL)
		return (NULL);
	(void)runner_each(l->env->runner, NULL, SIZE_MAX, on_scrape, &g, &last);
	/* What lies behind the page's end may lie behind its next one too. */
	for (n = json_array_size(g.items); next != NULL && n > 0 &&
	    strcmp(id_of(g.items, n - 1), next) > 0; n--)
		json_array_remove(g.items, n - 1);
	json_array_foreach(json_object_get(v, "items"), i, item) {
		at = place(g.items, id_of(json_object_get(v, "items"), i));
		json_array_insert(g.items, at, (json_t *)(uintptr_t)item);
	}
	n = json_array_size(g.items);
	if (n > l->limit)
		next = "";
	for (; n > l->limit; n--)
		json_array_remove(g.items, n - 1);
	if (next != NULL && n > 0)
		next = id_of(g.items, n - 1);
	return (json_pack("{s:o, s:s?}", "items", g.items, "next", next));
}

static void
on_list(void * arg, json_t * v, const struct err * e)
{
	struct list * l = arg;
	struct err nomem;
	json_t * all = NULL;

	if (e == NULL && (all = merge(l, v)) == NULL) {
		err_nomem(&nomem, "the list of syncs");
		e = &nomem;
	}
	l->cb(l->arg, all, e);
	json_decref(all);
	free(l->after);
	free(l);
}

void
any_sync_list(const struct stmt_env * env, const char * after, size_t limit,
    syncs_cb * cb, void * arg)
{
	struct list * l = calloc(1, sizeof(*l));
	struct err e;

	if (l == NULL || (after != NULL && (l->after = strdup(after)) == NULL)) {
		free(l);
		err_nomem(&e, "the list of syncs");
		say_later(env, NULL, &e, cb, arg);
		return;
	}
	l->env = env;
	l->limit = limit;
	l->cb = cb;
	l->arg = arg;
	syncs_list(env->syncs, after, limit, on_list, l);
}

/* ---- changes ---- */

struct begun {
	syncs_cb * cb;
	void * arg;
};

static void
on_begun(void * arg, const struct err * e)
{
	struct begun b = *(struct begun *)arg;

	free(arg);
	b.cb(b.arg, NULL, e);
}

static void
run_rows(const struct stmt_env * env, const char * id, int full, syncs_cb * cb,
    void * arg)
{
	struct begun * b = malloc(sizeof(*b));
	struct err e;

	if (b != NULL) {
		b->cb = cb;
		b->arg = arg;
		if (run_now(env->loop, env->syncs, id, full, on_begun, b) !=
		    NULL)
			return;
	}
	free(b);
	err_nomem(&e, "a sync's run");
	say_later(env, NULL, &e, cb, arg);
}

void
any_sync_run(const struct stmt_env * env, const char * id, int full,
    syncs_cb * cb, void * arg)
{
	char name[ANY_SYNC_NAME];

	switch (any_sync_kind(env, id, name)) {
	case ANY_SYNC_NONE:
		say_none(env, id, cb, arg);
		break;
	case ANY_SYNC_ROWS:
		run_rows(env, id, full, cb, arg);
		break;
	case ANY_SYNC_SCRAPE:
		runner_trigger(env->runner, name, cb, arg);
		break;
	}
}

static void
change(const struct stmt_env * env, const char * id,
    void (*rows)(struct syncs *, const char *, syncs_cb *, void *),
    void (*scrape)(struct runner *, const char *, runner_cb *, void *),
    syncs_cb * cb, void * arg)
{
	char name[ANY_SYNC_NAME];

	switch (any_sync_kind(env, id, name)) {
	case ANY_SYNC_NONE:
		say_none(env, id, cb, arg);
		break;
	case ANY_SYNC_ROWS:
		rows(env->syncs, id, cb, arg);
		break;
	case ANY_SYNC_SCRAPE:
		scrape(env->runner, name, cb, arg);
		break;
	}
}

void
any_sync_pause(const struct stmt_env * env, const char * id, syncs_cb * cb,
    void * arg)
{
	change(env, id, syncs_pause, runner_pause, cb, arg);
}

void
any_sync_resume(const struct stmt_env * env, const char * id, syncs_cb * cb,
    void * arg)
{
	change(env, id, syncs_resume, runner_resume, cb, arg);
}

static void
drop_scrape(struct runner * rn, const char * name, runner_cb * cb, void * arg)
{
	json_t * body = json_pack("{s:n, s:n, s:n}", "target_database",
	    "target_table", "schedule_ms");

	/* Short of memory it is NULL, and that is refused. */
	runner_patch(rn, name, body, cb, arg);
	json_decref(body);
}

void
any_sync_drop(const struct stmt_env * env, const char * id, syncs_cb * cb,
    void * arg)
{
	change(env, id, syncs_drop, drop_scrape, cb, arg);
}
