#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "stmt/stmt_internal.h"

/* SHOW ACTIONS [FOR connector] [LIMIT n]: newest first, some at a time.
 * SHOW ACTION 'id'. */
#define DEFAULT_LIMIT 100
#define AT_ONCE 500

struct show {
	int asking, over;
	size_t left;     /* to be shown */
	char * after;    /* the last one of the page before, or NULL */
	json_t * items;  /* of a page, to be shown */
};

/* Who asked, as far as it is known: what the client says, and where it is. */
static json_t *
who(const json_t * o)
{
	const char * user = json_str(o, "user"), * peer = json_str(o, "peer");

	if (user == NULL)
		return (peer != NULL ? json_string(peer) : json_null());
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
	s->left -= json_array_size(s->items);
	s->over = s->after == NULL || s->left == 0;
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
		acts_list(r->env->acts, r->ast->name.s, s->after,
		    s->left < AT_ONCE ? s->left : AT_ONCE, on_list, r);
	}
	return (-1);
}

static void
start_all(struct stmt_run * r)
{
	static const char * const cols[] = { "id", "at", "who", "action",
	    "outcome", "status", "result", "message", "attempts", "ms", "TEXT",
	    "TIMESTAMP", "TEXT", "TEXT", "TEXT", "INTEGER", "TEXT", "TEXT",
	    "INTEGER", "INTEGER" };
	json_int_t limit = r->ast->args != NULL ?
	    json_integer_value(r->ast->args) : DEFAULT_LIMIT;
	struct show * s;
	struct err e;

	if (limit < 0 || (r->ast->args != NULL &&
	    !json_is_integer(r->ast->args))) {
		err_set(&e, ERR_CONFIG, "bad_limit", "LIMIT takes a whole "
		    "number from 0");
		stmt_fail(r, &e);
		return;
	}
	if ((r->own = s = calloc(1, sizeof(*s))) == NULL) {
		err_nomem(&e, "a statement");
		stmt_fail(r, &e);
		return;
	}
	s->left = (size_t)limit;
	s->over = limit == 0;
	r->more = more;
	stmt_rows(r, 10, cols, json_array(), NULL);
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
	AST_SHOW_ACTIONS, "show_actions", 0, start_all, NULL, NULL, end_all
};
const struct stmt_entry stmt_show_action_entry = {
	AST_SHOW_ACTION, "show_action", 0, start_one, NULL, NULL, NULL
};
