#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "stmt/any_sync.h"
#include "stmt/stmt_internal.h"

/* SHOW SYNCS: by id, some at a time, as there may be very many.  SHOW SYNC id. */
#define AT_ONCE 500

struct show {
	int asking, over;
	char * after;    /* the last one of the page before, or NULL */
	json_t * items;  /* of a page, to be shown */
};

static json_t *
every(json_int_t ms)
{
	char text[DURATION_LEN + 8] = "every ", span[DURATION_LEN];

	if (ms <= 0)
		return (json_null());
	duration_format((int64_t)ms, span);
	strcat(text, span);
	return (json_string(text));
}

static json_t *
item_row(const json_t * o)
{
	const char * cron = json_str(o, "schedule");
	const char * node = json_str(o, "held_by");

	return (json_pack("[s?, s?, s?, s?, o, s?, s?, s?, I, s?, s?]",
	    json_str(o, "id"), json_str(o, "connector"), json_str(o, "entity"),
	    json_str(o, "target"), cron != NULL ? json_string(cron) :
	    every(json_int(o, "schedule_ms", 0)), json_str(o, "status"),
	    json_str(o, "verdict"), json_str(o, "last_run_at"),
	    json_int(o, "last_rows", 0), json_str(o, "next_run_at"),
	    node != NULL ? node : json_str(o, "node")));
}

static void
on_list(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;
	struct show * s = r->own;
	const char * next;

	if (stmt_back(r))
		return;
	s->asking = 0;
	if (e != NULL) {
		stmt_fail(r, e);
		return;
	}
	s->items = json_incref(json_object_get(v, "items"));
	next = json_str(v, "next");
	free(s->after);
	s->after = next == NULL ? NULL : strdup(next);
	s->over = s->after == NULL;
	stmt_more(r);
}

static int
more(struct stmt_run * r)
{
	struct show * s = r->own;
	const json_t * o;
	size_t i;

	if (s->items != NULL) {
		json_array_foreach(s->items, i, o)
			json_array_append_new(r->rows, item_row(o));
		json_decref(s->items);
		s->items = NULL;
		if (json_array_size(r->rows) > 0)
			return (1);
	}
	if (s->over)
		return (0);
	if (!s->asking) {
		s->asking = 1;
		stmt_wait(r);
		any_sync_list(r->env, s->after, AT_ONCE, on_list, r);
	}
	return (-1);
}

static void
start_all(struct stmt_run * r)
{
	static const char * const cols[] = { "sync", "connector", "entity",
	    "target", "schedule", "status", "verdict", "last_run", "rows",
	    "next_run", "node", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT",
	    "TEXT", "TIMESTAMP", "INTEGER", "TIMESTAMP", "TEXT" };
	struct err e;

	if ((r->own = calloc(1, sizeof(struct show))) == NULL) {
		err_nomem(&e, "a statement");
		stmt_fail(r, &e);
		return;
	}
	r->more = more;
	stmt_rows(r, 11, cols, json_array(), NULL);
}

static void
end_all(struct stmt_run * r)
{
	struct show * s = r->own;

	if (s == NULL)
		return;
	free(s->after);
	json_decref(s->items);
	free(s);
}

static void
on_shown(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;
	const char * key;
	json_t * o, * w;

	if (stmt_back(r))
		return;
	if (e != NULL) {
		stmt_fail(r, e);
		return;
	}
	o = json_pack("{s:O?}", "sync", json_object_get(v, "id"));
	json_object_foreach(v, key, w)
		if (o != NULL && strcmp(key, "id") != 0)
			json_object_set(o, key, w);
	stmt_answer(r, o);
}

static void
start_one(struct stmt_run * r)
{
	char name[ANY_SYNC_NAME];

	if (any_sync_kind(r->env, r->ast->name.s, name) == ANY_SYNC_NONE) {
		stmt_no_sync(r);
		return;
	}
	stmt_wait(r);
	any_sync_show(r->env, r->ast->name.s, on_shown, r);
}

const struct stmt_entry stmt_show_syncs_entry = {
	AST_SHOW_SYNCS, "show_syncs", 0, start_all, NULL, NULL, end_all
};
const struct stmt_entry stmt_show_sync_entry = {
	AST_SHOW_SYNC, "show_sync", 0, start_one, NULL, NULL, NULL
};
