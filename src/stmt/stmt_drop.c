#include <string.h>

#include "stmt/stmt_internal.h"

/* DROP CONNECTOR [IF EXISTS] n: its rows in targets stay. */

static void
answer(struct stmt_run * r, const char * status)
{
	stmt_answer(r, json_pack("{s:s, s:s}", "status", status, "connector",
	    r->ast->name.s));
}

static void
on_dropped(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;

	(void)v;
	if (stmt_back(r))
		return;
	if (e == NULL)
		answer(r, "deleted");
	else if (strcmp(e->code, "not_found") == 0 && r->ast->if_exists)
		answer(r, "skipped");
	else
		stmt_fail(r, e);
}

static void
start(struct stmt_run * r)
{
	const struct ast * a = r->ast;

	if (!runner_has(r->env->runner, a->name.s)) {
		if (a->if_exists)
			answer(r, "skipped");
		else
			stmt_no_connector(r);
		return;
	}
	stmt_wait(r);
	syncs_connector_delete(r->env->syncs, a->name.s, on_dropped, r);
}

const struct stmt_entry stmt_drop_entry = {
	AST_DROP_CONNECTOR, "drop_connector", 1, start, NULL, NULL, NULL
};
