#include <stdlib.h>
#include <string.h>

#include "stmt/stmt_internal.h"

/* CREATE [OR REPLACE] CONNECTOR [IF NOT EXISTS] n TYPE 't' CONFIG {...}
 * [OPTIONS {...}] */

static void
answer(struct stmt_run * r, const char * status)
{
	stmt_answer(r, json_pack("{s:s, s:s, s:s}", "status", status,
	    "connector", r->ast->name.s, "type", r->ast->type.s));
}

static void
on_made(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;

	(void)v;
	if (stmt_back(r))
		return;
	if (e == NULL)
		answer(r, r->own == NULL ? "created" : "replaced");
	else if (strcmp(e->code, "exists") == 0 && r->ast->if_not_exists)
		answer(r, "skipped");
	else
		stmt_fail(r, e);
}

/* What is to be patched so that ${with} is all there is: null removes. */
static json_t *
instead(const json_t * shown, const char * key, const json_t * with)
{
	json_t * o = json_object(), * v;
	const char * k;

	json_object_foreach(json_object_get(shown, key), k, v)
		json_object_set_new(o, k, json_null());
	if (with != NULL)
		json_object_update(o, (json_t *)(uintptr_t)with);
	return (o);
}

/* The connector keeps its id, its syncs and what is known of it. */
static void
replace(struct stmt_run * r)
{
	const struct ast * a = r->ast;
	json_t * shown = runner_show(r->env->runner, a->name.s), * body;
	struct err e;

	body = json_pack("{s:s, s:o, s:o, s:b}", "type", a->type.s,
	    "config", instead(shown, "config", a->config),
	    "options", instead(shown, "options", a->options), "enabled", 1);
	json_decref(shown);
	if (body == NULL) {
		err_nomem(&e, "a connector");
		stmt_fail(r, &e);
		return;
	}
	r->own = (void *)(uintptr_t)a;
	stmt_wait(r);
	syncs_connector_patch(r->env->syncs, a->name.s, body, on_made, r);
	json_decref(body);
}

static void
start(struct stmt_run * r)
{
	const struct ast * a = r->ast;
	const char * near;
	struct err e;
	json_t * body;

	if (runner_has(r->env->runner, a->name.s)) {
		if (a->or_replace) {
			replace(r);
			return;
		}
		if (a->if_not_exists)
			answer(r, "skipped");
		else
			stmt_error(r, a->name.off, "exists", "there is a "
			    "connector %.80s already; CREATE OR REPLACE puts "
			    "this one in its place", a->name.s);
		return;
	}
	if (types_get(runner_types(r->env->runner), a->type.s) == NULL) {
		near = stmt_near_type(r, a->type.s);
		stmt_error(r, a->type.off, "unknown_type", "there is no type "
		    "%.60s%s%.60s%s; SHOW TYPES lists them, and the log says "
		    "what is wrong with one that is left out", a->type.s,
		    near ? " (did you mean " : "", near ? near : "",
		    near ? "?)" : "");
		return;
	}
	body = json_pack("{s:s, s:s, s:O, s:O*}", "name", a->name.s, "type",
	    a->type.s, "config", a->config, "options", a->options);
	if (body == NULL) {
		err_nomem(&e, "a connector");
		stmt_fail(r, &e);
		return;
	}
	stmt_wait(r);
	syncs_connector_create(r->env->syncs, body, on_made, r);
	json_decref(body);
}

const struct stmt_entry stmt_create_entry = {
	AST_CREATE_CONNECTOR, "create_connector", 1, start, NULL, NULL, NULL
};
