#include "stmt/any_sync.h"
#include "stmt/stmt_internal.h"

/* RUN SYNC id [FULL], PAUSE, RESUME and DROP SYNC id. */

static void
on_done(void * arg, json_t * v, const struct err * e)
{
	static const char * const status[] = {
		[AST_RUN_SYNC] = "started", [AST_PAUSE_SYNC] = "paused",
		[AST_RESUME_SYNC] = "resumed", [AST_DROP_SYNC] = "deleted"
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
start(struct stmt_run * r)
{
	const struct stmt_env * env = r->env;
	const char * id = r->ast->name.s;
	char name[ANY_SYNC_NAME];

	if (any_sync_kind(env, id, name) == ANY_SYNC_NONE) {
		stmt_no_sync(r);
		return;
	}
	stmt_wait(r);
	if (r->ast->kind == AST_RUN_SYNC)
		any_sync_run(env, id, r->ast->full, on_done, r);
	else if (r->ast->kind == AST_PAUSE_SYNC)
		any_sync_pause(env, id, on_done, r);
	else if (r->ast->kind == AST_RESUME_SYNC)
		any_sync_resume(env, id, on_done, r);
	else
		any_sync_drop(env, id, on_done, r);
}

const struct stmt_entry stmt_run_sync_entry = {
	AST_RUN_SYNC, "run_sync", 1, start, NULL, NULL, NULL
};
const struct stmt_entry stmt_pause_sync_entry = {
	AST_PAUSE_SYNC, "pause_sync", 1, start, NULL, NULL, NULL
};
const struct stmt_entry stmt_resume_sync_entry = {
	AST_RESUME_SYNC, "resume_sync", 1, start, NULL, NULL, NULL
};
const struct stmt_entry stmt_drop_sync_entry = {
	AST_DROP_SYNC, "drop_sync", 1, start, NULL, NULL, NULL
};
