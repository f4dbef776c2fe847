#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "stmt/any_sync.h"
#include "stmt/stmt_internal.h"
#include "stmt/stmt_pages.h"

/* SHOW SYNCS: by id.  SHOW SYNC id. */

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
ask(struct stmt_run * r, const char * after, size_t n, syncs_cb * cb)
{
	any_sync_list(r->env, after, n, cb, r);
}

static void
start_all(struct stmt_run * r)
{
	static const char * const cols[] = { "sync", "connector", "entity",
	    "target", "schedule", "status", "verdict", "last_run", "rows",
	    "next_run", "node", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT",
	    "TEXT", "TIMESTAMP", "INTEGER", "TIMESTAMP", "TEXT" };
	static const struct stmt_pages pages = { ask, item_row, 11, cols };

	stmt_pages_start(r, &pages, SIZE_MAX);
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
	AST_SHOW_SYNCS, "show_syncs", 0, start_all, NULL, NULL,
	stmt_pages_end
};
const struct stmt_entry stmt_show_sync_entry = {
	AST_SHOW_SYNC, "show_sync", 0, start_one, NULL, NULL, NULL
};
