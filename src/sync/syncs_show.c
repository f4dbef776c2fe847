#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sync/syncs_internal.h"

/*
 * Syncs as the API shows them.  What a run came to is asked of the state, whoever
 * did it; only how far one is that goes on here we know better.  While the state is
 * away what we remember is shown, and that it may be old.
 */
#define MAX_LIST 1000

struct item {
	struct shown * sh;
	json_t * status;
	json_t * cursor;
	char * id;
};

/* One call: its items, each asked for. */
struct shown {
	struct syncs_call * c;
	struct item * items;
	size_t n, left;
	int one;
	char * next;        /* the last id given, if there are more; or NULL */
	int failed;
	struct err e;
	int is_old;         /* the state did not tell, why: */
	struct err old;
};

/* What we remember of its runs, as the state would say it. */
static json_t *
remembered_status(const struct syncs_entry * en)
{
	if (en->verdict < 0)
		return (json_object());
	return (json_pack("{s:s, s:s*, s:s*, s:o, s:o, s:I, s:I, s:I, s:I, s:I}",
	    "verdict", sync_verdict_name((enum sync_verdict)en->verdict),
	    "reason", en->reason, "last_error", en->error,
	    "last_run_at", json_opt_time(en->last_run_at),
	    "last_success_at", json_opt_time(en->last_success_at),
	    "last_rows", (json_int_t)en->rows,
	    "last_rejected", (json_int_t)en->rejected,
	    "last_deleted", (json_int_t)en->deleted,
	    "last_took_ms", (json_int_t)en->took_ms,
	    "runs", (json_int_t)en->runs));
}

static json_t *
remembered_cursor(const struct syncs_entry * en)
{
	return (en->bucket == INT64_MIN ? NULL : json_pack("{s:I}", "bucket",
	    (json_int_t)en->bucket));
}

static json_t *
show_cursor(const struct sync_def * d, const json_t * cursor)
{
	json_t * out = json_object();
	const json_t * leg;
	size_t i;

	for (i = 0; i < d->nentities; i++) {
		leg = json_object_get(cursor, d->entities[i]);
		if (json_object_get(leg, "value") == NULL)
			continue;
		json_object_set_new(out, d->entities[i], json_pack("{s:O?, "
		    "s:O, s:O*, s:O*}", "column", json_object_get(leg,
		    "column"), "value", json_object_get(leg, "value"),
		    "parts", json_object_get(leg, "tokens"),
		    "oldest", json_object_get(leg, "oldest")));
	}
	if (json_object_size(out) > 0)
		return (out);
	json_decref(out);
	return (json_null());
}

/* ${unended}: a run of it did not end. */
static const char *
status_word(const struct syncs_entry * en, const json_t * status, int runs,
    int unended, int is_old)
{
	const char * verdict = json_str(status, "verdict");

	if (en->unfit)
		return ("unreadable");
	if (!en->d->enabled)
		return ("paused");
	if (runs)
		return ("running");
	if (is_old)
		return ("waiting");
	if (unended)
		return ("interrupted");
	if (verdict != NULL)
		return (verdict);
	return (en->d->schedule != NULL || en->d->every_ms > 0 ?
	    "scheduled" : "never ran");
}

static int64_t
next_run(const struct syncs_entry * en, const json_t * cursor)
{
	int64_t now = clock_wall_ms(), at;
	struct syncs_entry tmp;

	if (!en->d->enabled || !runner_enabled(en->S->o.runner,
	    en->d->connector))
		return (-1);
	if (en->heap != 0 && en->known == SYNCS_KNOWN)
		return (en->due_at > now ? en->due_at : now);
	tmp = *en;
	tmp.bucket = en->run != NULL ? en->run->bucket : json_int(cursor,
	    "bucket", INT64_MIN);
	at = syncs_next_at(&tmp, now);
	return (at);
}

static void
copy(json_t * out, const char * key, const json_t * from, json_t * dflt)
{
	json_t * v = json_object_get(from, key);

	if (v == NULL) {
		json_object_set_new(out, key, dflt);
		return;
	}
	json_object_set(out, key, v);
	json_decref(dflt);
}

static void
add_runs(const struct syncs_entry * en, json_t * out, const json_t * status,
    const json_t * cursor, int is_old)
{
	static const char * const texts[] = { "verdict", "reason",
	    "last_run_at", "last_success_at", "last_error" };
	static const char * const numbers[] = { "last_rows", "last_rejected",
	    "last_deleted", "last_took_ms", "runs" };
	struct syncs_entry tmp = { .d = en->d };
	const char * holder = en->run != NULL ? en->S->node :
	    syncs_nodes_holder(en->S, en->d->id);
	json_t * progress = NULL;
	int64_t at = next_run(en, cursor), unended = 0;
	size_t i;

	if (en->run == NULL)
		unended = syncs_note_unended(en->S, en->d->id, status);
	json_object_set_new(out, "status", json_string(status_word(en, status,
	    holder != NULL, unended != 0, is_old)));
	json_object_set_new(out, "interrupted_at", json_opt_time(unended));
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		copy(out, texts[i], status, json_null());
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		copy(out, numbers[i], status, json_integer(0));
	if (en->run != NULL) {
		json_object_set_new(out, "last_run_at",
		    json_opt_time(en->last_run_at));
		progress = syncs_note_progress(&en->run->p);
	} else if (holder != NULL) {
		progress = json_incref(json_object_get(status, "progress"));
	}
	json_object_set_new(out, "next_run_at", at < 0 ? json_null() :
	    json_opt_time(at));
	json_object_set_new(out, "held_by", json_opt_string(holder));
	json_object_set_new(out, "cursor", show_cursor(en->d, cursor));
	syncs_note_cursor(&tmp, cursor);
	if (is_old)
		tmp.cursor_ms = en->cursor_ms;
	json_object_set_new(out, "cursor_age_s", tmp.cursor_ms == 0 ?
	    json_null() : json_real((double)(clock_wall_ms() -
	    tmp.cursor_ms) / 1000.0));
	json_object_set_new(out, "progress", progress ? progress :
	    json_null());
}

static json_t *
show(const struct syncs_entry * en, const json_t * status,
    const json_t * cursor, const struct err * old)
{
	static const char * const deletes[] = { "ignore", "mark", "remove" };
	const struct sync_def * d = en->d;
	json_t * a = json_array(), * out;
	size_t i;

	for (i = 0; i < d->nentities; i++)
		json_array_append_new(a, json_string(d->entities[i]));
	out = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, "
	    "s:o, s:b, s:o, s:s, s:f, s:o, s:b, s:o}",
	    "id", d->id, "connector", d->connector,
	    "entity", d->whole ? json_null() : json_string(d->entities[0]),
	    "entities", a, "target", d->target,
	    "engine", d->engine == SYNC_SQLITE ? "sqlite" : "elastic",
	    "target_database", json_opt_string(d->database),
	    "where", json_opt_string(d->where),
	    "incremental", json_opt_string(d->incremental),
	    "schedule", json_opt_string(d->schedule),
	    "schedule_ms", d->every_ms ? json_integer(d->every_ms) :
	    json_null(),
	    "enabled", d->enabled != 0,
	    "disabled_reason", json_opt_string(d->disabled_reason),
	    "deletes", deletes[d->deletes], "delete_ratio", d->delete_ratio,
	    "node", json_opt_string(d->node),
	    "is_main", d->is_main != 0,
	    "created_at", json_opt_time(d->created_at));
	if (out == NULL)
		return (NULL);
	add_runs(en, out, status, cursor, old != NULL);
	json_object_set_new(out, "stale", old == NULL ? json_null() :
	    json_sprintf("the state is away, runs may be older than they look: "
	    "%s", old->msg));
	return (out);
}

/* As the state told, or else as we remember it. */
static json_t *
show_item(const struct shown * sh, const struct syncs_entry * en,
    struct item * it)
{
	if (!sh->is_old)
		return (show(en, it->status, it->cursor, NULL));
	json_decref(it->status);
	json_decref(it->cursor);
	it->status = remembered_status(en);
	it->cursor = remembered_cursor(en);
	return (show(en, it->status, it->cursor, &sh->old));
}

static void
shown_end(struct shown * sh)
{
	struct syncs * S = sh->c->S;
	json_t * out = sh->one ? NULL : json_array();
	struct syncs_entry * en;
	struct item * it;
	size_t i;

	for (i = 0; i < sh->n; i++) {
		it = &sh->items[i];
		/* It may have been dropped meanwhile. */
		HASH_FIND(hh, S->by_id, it->id, strlen(it->id), en);
		if (en != NULL && sh->one)
			out = show_item(sh, en, it);
		else if (en != NULL)
			json_array_append_new(out, show_item(sh, en, it));
		else if (sh->one)
			sh->failed = syncs_not_found(S, it->id, &sh->e) != 0;
		json_decref(it->status);
		json_decref(it->cursor);
		free(it->id);
	}
	if (!sh->one)
		out = json_pack("{s:o, s:o}", "items", out, "next",
		    json_opt_string(sh->next));
	if (out == NULL && !sh->failed)
		sh->failed = err_nomem(&sh->e, "a list of syncs") != 0;
	syncs_call_end(sh->c, out, sh->failed ? &sh->e : NULL);
	free(sh->items);
	free(sh->next);
	free(sh);
}

static void
answered(struct shown * sh, const struct err * e)
{
	if (e != NULL && e->cls == ERR_TRANSIENT) {
		sh->is_old = 1;
		sh->old = *e;
	} else if (e != NULL && !sh->failed) {
		sh->failed = 1;
		sh->e = *e;
	}
	if (--sh->left == 0)
		shown_end(sh);
}

static void
on_status(void * arg, json_t * v, const struct err * e)
{
	struct item * it = arg;

	it->status = json_incref(v);
	answered(it->sh, e);
}

static void
on_cursor(void * arg, json_t * v, const struct err * e)
{
	struct item * it = arg;

	it->cursor = json_incref(v);
	answered(it->sh, e);
}

/* Those from place ${from} on. */
static void
show_some(struct syncs_call * c, size_t from, size_t n, int one)
{
	struct syncs * S = c->S;
	struct state * st = S->o.state;
	struct shown * sh = calloc(1, sizeof(*sh));
	struct err e;
	size_t i;

	if (sh == NULL || (sh->items = calloc(n + 1, sizeof(*sh->items))) ==
	    NULL) {
		free(sh);
		err_nomem(&e, "a list of syncs");
		syncs_call_end(c, NULL, &e);
		return;
	}
	sh->c = c;
	sh->one = one;
	for (i = 0; i < n; i++) {
		sh->items[i].sh = sh;
		if ((sh->items[i].id = strdup(S->sorted[from + i]->d->id)) ==
		    NULL)
			break;
	}
	sh->n = i;
	if (!one && from + i < S->n && i > 0)
		sh->next = strdup(S->sorted[from + i - 1]->d->id);
	sh->left = 2 * sh->n + 1;
	for (i = 0; i < sh->n; i++) {
		st->ops->status_get(st, sh->items[i].id, on_status,
		    &sh->items[i]);
		st->ops->cursor_get(st, sh->items[i].id, on_cursor,
		    &sh->items[i]);
	}
	answered(sh, NULL);
}

void
syncs_show(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	struct syncs_call * c = syncs_call_new(S, cb, arg);
	struct syncs_entry * en = syncs_find(S, id);
	struct err e;

	if (c == NULL)
		return;
	if (en == NULL) {
		syncs_not_found(S, id, &e);
		syncs_call_end(c, NULL, &e);
		return;
	}
	show_some(c, syncs_after(S, en->d->id) - 1, 1, 1);
}

void
syncs_list(struct syncs * S, const char * after, size_t limit,
    syncs_cb * cb, void * arg)
{
	struct syncs_call * c = syncs_call_new(S, cb, arg);
	size_t from = after != NULL ? syncs_after(S, after) : 0;
	size_t n = S->n - from;

	if (c == NULL)
		return;
	if (limit > MAX_LIST || limit == 0)
		limit = MAX_LIST;
	show_some(c, from, n < limit ? n : limit, 0);
}

/* Their ids begin with its name and a dot, so they lie side by side. */
int64_t
syncs_connector_last(const struct syncs * S, const char * connector)
{
	const struct syncs_entry * en;
	int64_t last = 0;
	char key[132];
	size_t i, n;

	n = (size_t)snprintf(key, sizeof(key), "%s.", connector);
	for (i = n < sizeof(key) ? syncs_after(S, key) : S->n; i < S->n &&
	    strncmp(S->sorted[i]->d->id, key, n) == 0; i++) {
		en = S->sorted[i];
		if (en->last_success_at > last)
			last = en->last_success_at;
	}
	return (last);
}
