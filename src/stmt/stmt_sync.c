#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/rfc3339.h"
#include "stmt/stmt_internal.h"

/*
 * SYNC and what is done with syncs.  Those there are today are the scrapes that
 * connectors run on a schedule.
 */
#define AT_ONCE 500

static void
not_yet(struct stmt_run * r, const char * what)
{
	struct err e;

	token_error(r->text->sql, r->text->len, r->ast->off, &e, "%s is not in "
	    "this version yet; a connector with target_table and schedule_ms "
	    "(POST /v1/connectors) runs on a schedule", what);
	memcpy(e.code, "not_yet", sizeof("not_yet"));
	stmt_fail(r, &e);
}

static void
start_sync(struct stmt_run * r)
{
	not_yet(r, "SYNC");
}

static void
start_drop(struct stmt_run * r)
{
	not_yet(r, "DROP SYNC");
}

static json_t *
when(int64_t ms)
{
	char ts[RFC3339_LEN];

	if (ms == 0)
		return (json_null());
	rfc3339_format(ms, ts);
	return (json_string(ts));
}

static int
on_one(void * arg, const struct runner_brief * b)
{
	if (b->sync != NULL)
		json_array_append_new(arg, json_pack("[s, s, s, s, I, s, o, o, "
		    "I]", b->sync, b->name, b->target_database,
		    b->target_table, (json_int_t)b->schedule_ms, b->status,
		    when(b->last_run_at), when(b->last_success_at),
		    (json_int_t)b->last_rows));
	return (0);
}

static int
more(struct stmt_run * r)
{
	const char * last;
	size_t n;

	do {
		n = runner_each(r->env->runner, r->own, AT_ONCE, on_one,
		    r->rows, &last);
		free(r->own);
		r->own = last == NULL ? NULL : strdup(last);
	} while (n > 0 && r->own != NULL && json_array_size(r->rows) == 0);
	return (json_array_size(r->rows) > 0);
}

static void
start_show_all(struct stmt_run * r)
{
	static const char * const cols[] = { "sync", "connector",
	    "target_database", "target_table", "schedule_ms", "status",
	    "last_run_at", "last_success_at", "last_rows", "TEXT", "TEXT",
	    "TEXT", "TEXT", "INTEGER", "TEXT", "TIMESTAMP", "TIMESTAMP",
	    "INTEGER" };

	r->more = more;
	stmt_rows(r, 9, cols, json_array(), NULL);
}

static void
end_show_all(struct stmt_run * r)
{
	free(r->own);
}

struct wanted {
	const char * id;
	json_t * row;
	char name[129];
};

static int
on_wanted(void * arg, const struct runner_brief * b)
{
	struct wanted * w = arg;

	if (b->sync == NULL || strcasecmp(b->sync, w->id) != 0)
		return (0);
	snprintf(w->name, sizeof(w->name), "%s", b->name);
	w->row = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:I}",
	    "sync", b->sync, "connector", b->name, "target_database",
	    b->target_database, "target_table", b->target_table,
	    "schedule_ms", (json_int_t)b->schedule_ms, "status", b->status,
	    "last_run_at", when(b->last_run_at), "last_success_at",
	    when(b->last_success_at), "last_rows", (json_int_t)b->last_rows);
	return (1);
}

/* The sync the statement names, as a row; NULL: failed. */
static json_t *
wanted(struct stmt_run * r, char name[129])
{
	struct wanted w = { .id = r->ast->name.s };
	const char * last;

	(void)runner_each(r->env->runner, NULL, SIZE_MAX, on_wanted, &w, &last);
	if (w.row == NULL)
		stmt_error(r, r->ast->name.off, "not_found", "there is no sync "
		    "%.80s; SHOW SYNCS lists them", r->ast->name.s);
	memcpy(name, w.name, sizeof(w.name));
	return (w.row);
}

static void
start_show(struct stmt_run * r)
{
	char name[129];
	json_t * row = wanted(r, name);

	if (row != NULL)
		stmt_answer(r, row);
}

static void
on_done(void * arg, json_t * v, const struct err * e)
{
	static const char * const status[] = {
		[AST_RUN_SYNC] = "started", [AST_PAUSE_SYNC] = "paused",
		[AST_RESUME_SYNC] = "resumed"
	};
	struct stmt_run * r = arg;

	(void)v;
	if (stmt_back(r))
		return;
	if (e != NULL)
		stmt_fail(r, e);
	else
		stmt_answer(r, json_pack("{s:s, s:s}", "status",
		    status[r->ast->kind], "sync", r->ast->name.s));
}

static void
start_change(struct stmt_run * r)
{
	char name[129];
	json_t * row = wanted(r, name);

	if (row == NULL)
		return;
	json_decref(row);
	stmt_wait(r);
	if (r->ast->kind == AST_RUN_SYNC)
		runner_trigger(r->env->runner, name, on_done, r);
	else if (r->ast->kind == AST_PAUSE_SYNC)
		runner_pause(r->env->runner, name, on_done, r);
	else
		runner_resume(r->env->runner, name, on_done, r);
}

const struct stmt_entry stmt_sync_entry = {
	AST_SYNC, "sync", 1, start_sync, NULL, NULL, NULL
};
const struct stmt_entry stmt_show_syncs_entry = {
	AST_SHOW_SYNCS, "show_syncs", 0, start_show_all, NULL, NULL,
	end_show_all
};
const struct stmt_entry stmt_show_sync_entry = {
	AST_SHOW_SYNC, "show_sync", 0, start_show, NULL, NULL, NULL
};
const struct stmt_entry stmt_run_sync_entry = {
	AST_RUN_SYNC, "run_sync", 1, start_change, NULL, NULL, NULL
};
const struct stmt_entry stmt_pause_sync_entry = {
	AST_PAUSE_SYNC, "pause_sync", 1, start_change, NULL, NULL, NULL
};
const struct stmt_entry stmt_resume_sync_entry = {
	AST_RESUME_SYNC, "resume_sync", 1, start_change, NULL, NULL, NULL
};
const struct stmt_entry stmt_drop_sync_entry = {
	AST_DROP_SYNC, "drop_sync", 1, start_drop, NULL, NULL, NULL
};
