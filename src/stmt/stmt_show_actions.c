#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "stmt/stmt_internal.h"
#include "stmt/stmt_pages.h"

/* SHOW ACTIONS [FOR connector] [LIMIT n]: newest first, some at a time.
 * SHOW ACTION 'id'. */
#define DEFAULT_LIMIT 100

/* Who asked, as far as it is known: what the client says, and where it is. */
static json_t *
who(const json_t * o)
{
	const char * user = json_str(o, "user"), * peer = json_str(o, "peer");

	if (user == NULL)
		return (json_opt_string(peer));
	return (json_sprintf("%s (as it says)%s%s", user, peer ? ", " : "",
	    peer ? peer : ""));
}

static json_t *
item_row(const json_t * o)
{
	const char * c = json_str(o, "connector"), * n = json_str(o, "entity");
	const char * a = json_str(o, "action");

	return (json_pack("[s?, s?, o, o, s?, I, s?, s?, I, I]",
	    json_str(o, "id"), json_str(o, "at"), who(o), json_sprintf(
	    "%s.%s.%s", c ? c : "?", n ? n : "?", a ? a : "?"),
	    json_str(o, "outcome"), json_int(o, "status", 0),
	    json_str(o, "result"), json_str(o, "message"),
	    json_int(o, "attempts", 0), json_int(o, "ms", 0)));
}

static void
ask(struct stmt_run * r, const char * after, size_t n, state_cb * cb)
{
	acts_list(r->env->acts, r->ast->name.s, after, n, cb, r);
}

static int
limit_of(struct stmt_run * r, size_t * limit)
{
	json_int_t n = r->ast->args != NULL ?
	    json_integer_value(r->ast->args) : DEFAULT_LIMIT;
	struct err e;

	*limit = (size_t)n;
	if (n >= 0 && (r->ast->args == NULL || json_is_integer(r->ast->args)))
		return (0);
	err_set(&e, ERR_CONFIG, "bad_limit", "LIMIT takes a whole number from "
	    "0");
	stmt_fail(r, &e);
	return (-1);
}

static void
give(struct stmt_run * r)
{
	static const char * const cols[] = { "id", "at", "who", "action",
	    "outcome", "status", "result", "message", "attempts", "ms", "TEXT",
	    "TIMESTAMP", "TEXT", "TEXT", "TEXT", "INTEGER", "TEXT", "TEXT",
	    "INTEGER", "INTEGER" };
	static const struct stmt_pages pages = { ask, item_row, 10, cols };
	size_t limit;

	if (limit_of(r, &limit) == 0)
		stmt_pages_start(r, &pages, limit);
}

static void
on_looked(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;

	if (stmt_back(r))
		return;
	if (e != NULL)
		stmt_fail(r, e);
	else if (json_array_size(json_object_get(v, "items")) == 0)
		stmt_no_connector(r);
	else
		give(r);
}

static void
start_all(struct stmt_run * r)
{
	if (r->ast->name.s == NULL || runner_has(r->env->runner,
	    r->ast->name.s)) {
		give(r);
		return;
	}
	/* What one did that was dropped is kept. */
	stmt_wait(r);
	acts_list(r->env->acts, r->ast->name.s, NULL, 1, on_looked, r);
}

static void
on_shown(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;

	if (stmt_back(r))
		return;
	if (e != NULL)
		stmt_fail(r, e);
	else if (v == NULL)
		stmt_error(r, r->ast->name.off, "not_found", "there is no "
		    "action %.40s, or it is no longer kept; SHOW ACTIONS lists "
		    "them", r->ast->name.s);
	else
		stmt_answer(r, json_incref(v));
}

static void
start_one(struct stmt_run * r)
{
	stmt_wait(r);
	acts_get(r->env->acts, r->ast->name.s, on_shown, r);
}

const struct stmt_entry stmt_show_actions_entry = {
	AST_SHOW_ACTIONS, "show_actions", 0, start_all, NULL, NULL,
	stmt_pages_end
};
const struct stmt_entry stmt_show_action_entry = {
	AST_SHOW_ACTION, "show_action", 0, start_one, NULL, NULL, NULL
};
