#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conn/action.h"
#include "conn/action_poll.h"
#include "conn/limits.h"
#include "conn/request.h"
#include "stmt/stmt_internal.h"

/* CONNECTOR_EXEC n.entity.action(...), and EXPLAIN of it, which sends nothing. */

struct exec {
	struct connector * c; /* a reference: it may be dropped meanwhile */
	const struct manifest_entity * ent;
	const struct manifest_action * act;
	struct act * action;
	json_t * args;
};

static void
end(struct stmt_run * r)
{
	struct exec * x = r->own;

	if (x == NULL)
		return;
	acts_leave(x->action);
	connector_unref(x->c);
	json_decref(x->args);
	free(x);
}

static void
no_action(struct stmt_run * r, const struct manifest_entity * ent)
{
	const struct ast_word * w = &r->ast->action;
	const char * names[64] = { NULL }, * near;
	char all[128] = "";
	size_t i, n = 0, at = 0;

	for (i = 0; i < ent->nactions && n < 64; i++) {
		names[n++] = ent->actions[i].name;
		if (at < sizeof(all))
			at += (size_t)snprintf(all + at, sizeof(all) - at,
			    "%s%s", i > 0 ? ", " : "", ent->actions[i].name);
	}
	near = json_nearest(w->s, names, n);
	if (n == 0)
		stmt_error(r, w->off, "not_found", "nothing can be done to "
		    "%.60s.%.60s: it has no actions", r->ast->name.s,
		    ent->name);
	else
		stmt_error(r, w->off, "not_found", "%.60s.%.40s has no action "
		    "%.40s%s%s%s; there are: %s", r->ast->name.s, ent->name,
		    w->s, near ? " (did you mean " : "", near ? near : "",
		    near ? "?)" : "", all);
}

/* Find what is to be done, and check its arguments; NULL: failed. */
static struct exec *
prepare(struct stmt_run * r)
{
	const struct manifest_entity * ent;
	const struct manifest_action * act;
	struct connector * c;
	struct exec * x;
	struct err e;

	if ((c = stmt_connector(r)) == NULL ||
	    (ent = stmt_entity(r, c->m)) == NULL)
		return (NULL);
	if ((act = manifest_action(ent, r->ast->action.s)) == NULL) {
		no_action(r, ent);
		return (NULL);
	}
	if ((x = calloc(1, sizeof(*x))) == NULL) {
		err_nomem(&e, "an action");
		stmt_fail(r, &e);
		return (NULL);
	}
	r->own = x;
	x->c = connector_ref(c);
	x->ent = ent;
	x->act = act;
	if ((x->args = action_args(c, act, r->ast->args, &e)) == NULL) {
		stmt_fail(r, &e);
		return (NULL);
	}
	return (x);
}

/* What the service refuses for what the arguments say is the statement's; who we
 * are, the configuration and what may pass are the connector's. */
static int
is_of_connector(const struct err * e)
{
	return (stmt_class_is_service(e) && (e->cls != ERR_PERMANENT ||
	    stmt_class(e) == CLASS_AUTH));
}

static void
on_acted(void * arg, const json_t * answer, const struct action_end * did,
    const struct err * e)
{
	struct stmt_run * r = arg;
	struct exec * x = r->own;

	x->action = NULL;
	r->st.api.calls++;
	if (e == NULL || is_of_connector(e))
		runner_note(r->env->runner, x->c->name, e);
	if (e != NULL)
		stmt_fail(r, e);
	else if (json_is_object(answer) && json_object_size(answer) > 0)
		stmt_answer(r, json_incref((json_t *)(uintptr_t)answer));
	else if (answer == NULL || json_is_null(answer) ||
	    json_is_object(answer))
		stmt_answer(r, json_pack("{s:i}", "status", did->status));
	else
		stmt_answer(r, json_pack("{s:O}", "answer", answer));
}

static const char *
or_null(const char * s)
{
	return (*s != '\0' ? s : NULL);
}

static void
start(struct stmt_run * r)
{
	struct exec * x = prepare(r);
	struct act_who who;
	struct err e;

	if (x == NULL)
		return;
	who.user = or_null(r->text->user);
	who.peer = or_null(r->text->peer);
	who.request_id = or_null(r->text->request_id);
	x->action = acts_start(r->env->acts, r->env->conn, x->c, x->ent, x->act,
	    x->args, &who, on_acted, r);
	if (x->action == NULL) {
		err_nomem(&e, "an action");
		stmt_fail(r, &e);
	}
}

static void
cancel(struct stmt_run * r)
{
	struct exec * x = r->own;
	struct err e;

	if (x == NULL || x->action == NULL)
		return;
	acts_leave(x->action);
	x->action = NULL;
	err_set(&e, ERR_CANCELLED, "cancelled", "the statement was cancelled; "
	    "what was sent to the service was sent");
	stmt_fail_soon(r, &e);
}

/* ---- EXPLAIN ---- */

/* Method, URL, headers and body (or ${instead}), out of the text for people. */
static void
add_request(json_t * rows, const struct request * q, const char * instead)
{
	struct buf b = BUF_INIT(1 << 20);
	const char * url, * nl, * head, * body;

	request_show(q, &b);
	if (b.p == NULL || b.failed || (url = strchr(b.p, ' ')) == NULL) {
		buf_free(&b);
		return;
	}
	nl = strchr(url, '\n');
	head = nl == NULL ? b.p + b.len : nl + 1;
	body = strstr(nl == NULL ? head : nl, "\n\n");
	json_array_append_new(rows, json_pack("[s%, s%, s%, s]", b.p,
	    (size_t)(url - b.p), url + 1, (size_t)((nl == NULL ? head : nl) -
	    url - 1), head, (size_t)(body == NULL ? b.p + b.len - head :
	    body < head ? 0 : body - head), instead != NULL ? instead :
	    body == NULL ? "" : body + 2));
	buf_free(&b);
}

/* Where it will be asked, only the answer says. */
static int
add_poll(const struct exec * x, const struct request_given * given,
    json_t * rows, struct err * e)
{
	struct buf how = BUF_INIT(4096);
	struct request * q;

	if (x->act->poll == NULL)
		return (0);
	if ((q = request_poll(x->c, x->act, x->args, given, e)) == NULL)
		return (-1);
	action_poll_show(x->act->poll, &how);
	add_request(rows, q, how.p != NULL && !how.failed ? how.p : "");
	request_free(q);
	buf_free(&how);
	return (0);
}

/* How it is seen whether it was done, where no answer comes. */
static int
add_probe(const struct exec * x, const struct request_given * given,
    json_t * rows, struct err * e)
{
	struct request * q;

	if (action_probe_of(x->act, x->args) == NULL)
		return (0);
	if ((q = request_probe(x->c, x->act, x->args, given, e)) == NULL)
		return (-1);
	add_request(rows, q, NULL);
	request_free(q);
	return (0);
}

static int
add_requests(const struct exec * x, const struct request_given * given,
    json_t * rows, struct err * e)
{
	struct request * q;

	if (x->act->lookup != NULL) {
		if ((q = request_lookup(x->c, x->act, x->args, e)) == NULL)
			return (-1);
		add_request(rows, q, NULL);
		request_free(q);
	}
	if ((q = request_action(x->c, x->act, x->args, given, e)) == NULL)
		return (-1);
	add_request(rows, q, NULL);
	request_free(q);
	if (add_poll(x, given, rows, e))
		return (-1);
	return (add_probe(x, given, rows, e));
}

/* What the action's own call takes of budgets, where that is more than what any
 * call does; whether there is such a column. */
static int
add_cost(const struct exec * x, json_t * rows)
{
	struct buf b = BUF_INIT(1000);
	size_t i, at = x->act->lookup != NULL ? 1 : 0;
	int is_dear;

	limits_describe(x->c, &x->act->toll, &b);
	is_dear = b.len > 0 && !b.failed;
	for (i = 0; is_dear && i < json_array_size(rows); i++)
		json_array_append_new(json_array_get(rows, i),
		    json_string(i == at ? b.p : ""));
	buf_free(&b);
	return (is_dear);
}

static void
start_explain(struct stmt_run * r)
{
	static const char * const cols[] = { "method", "url", "headers",
	    "body", "TEXT", "TEXT", "TEXT", "TEXT" };
	static const char * const dear[] = { "method", "url", "headers",
	    "body", "cost", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT" };
	struct exec * x = prepare(r);
	struct request_given given = { .shows = 1 };
	json_t * rows, * own, * found;
	struct err e;
	int rc;

	if (x == NULL)
		return;
	rows = json_array();
	found = json_string("{lookup}");
	/* What is new with each. */
	own = json_pack("{s:s, s:s, s:s}", "id", "{action.id}", "at",
	    "{action.at}", "since", "{action.since}");
	given.lookup = x->act->lookup != NULL ? found : NULL;
	given.own = own;
	rc = add_requests(x, &given, rows, &e);
	json_decref(found);
	json_decref(own);
	if (rc != 0) {
		json_decref(rows);
		err_prefix(&e, "%s: %s", x->c->name, x->act->name);
		stmt_fail(r, &e);
		return;
	}
	if (add_cost(x, rows))
		stmt_rows(r, 5, dear, rows, NULL);
	else
		stmt_rows(r, 4, cols, rows, NULL);
}

const struct stmt_entry stmt_exec_entry = {
	AST_EXEC, "connector_exec", 1, start, NULL, cancel, end
};

const struct stmt_entry stmt_explain_exec_entry = {
	AST_EXPLAIN_EXEC, "explain_exec", 0, start_explain, NULL, NULL, end
};
