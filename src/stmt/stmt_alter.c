#include <stdlib.h>

#include "stmt/stmt_internal.h"

/* ALTER CONNECTOR n SET OPTIONS {...} | SET CONFIG {...} | ENABLE | DISABLE */

static void
on_altered(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;

	(void)v;
	if (stmt_back(r))
		return;
	if (e != NULL)
		stmt_fail(r, e);
	else
		stmt_answer(r, json_pack("{s:s, s:s}", "status", "altered",
		    "connector", r->ast->name.s));
}

static void
patch(struct stmt_run * r, const char * key, json_t * with)
{
	json_t * body = json_pack("{s:O}", key, with);
	struct err e;

	if (body == NULL) {
		err_nomem(&e, "a connector");
		stmt_fail(r, &e);
		return;
	}
	stmt_wait(r);
	syncs_connector_patch(r->env->syncs, r->ast->name.s, body, on_altered, r);
	json_decref(body);
}

static void
start(struct stmt_run * r)
{
	const struct ast * a = r->ast;

	if (!runner_has(r->env->runner, a->name.s)) {
		stmt_no_connector(r);
		return;
	}
	switch (a->alter) {
	case ALTER_OPTIONS:
		patch(r, "options", a->options);
		break;
	case ALTER_CONFIG:
		patch(r, "config", a->config);
		break;
	case ALTER_ENABLE:
		stmt_wait(r);
		syncs_connector_resume(r->env->syncs, a->name.s, on_altered, r);
		break;
	case ALTER_DISABLE:
		stmt_wait(r);
		syncs_connector_pause(r->env->syncs, a->name.s, on_altered, r);
		break;
	}
}

const struct stmt_entry stmt_alter_entry = {
	AST_ALTER_CONNECTOR, "alter_connector", 1, start, NULL, NULL, NULL
};
