#include <stdlib.h>
#include <string.h>

#include "run/secret_store.h"
#include "stmt/stmt_internal.h"

/* SET SECRET n = 'v', SHOW SECRETS, DROP SECRET n: names come out, values
 * never. */

static struct secret_store *
store(struct stmt_run * r)
{
	struct secret_store * st = runner_secret_store(r->env->runner);
	struct err e;

	if (st == NULL) {
		err_set(&e, ERR_CONFIG, "secrets", "this daemon keeps no "
		    "secrets; use $env:NAME");
		stmt_fail(r, &e);
	}
	return (st);
}

static void
ended(struct stmt_run * r, const char * status, const struct err * e)
{
	if (stmt_back(r))
		return;
	if (e != NULL && strcmp(e->code, "not_found") == 0)
		stmt_error(r, r->ast->name.off, e->code, "%s", e->msg);
	else if (e != NULL)
		stmt_fail(r, e);
	else
		stmt_answer(r, json_pack("{s:s, s:s, s:s*}", "status", status,
		    "secret", r->ast->name.s, "missed_by", r->own));
}

static void
on_set(void * arg, const struct err * e)
{
	ended(arg, "set", e);
}

static void
start_set(struct stmt_run * r)
{
	const struct ast * a = r->ast;
	struct secret_store * st = store(r);

	if (st == NULL)
		return;
	stmt_wait(r);
	secret_store_set(st, a->name.s, a->value.s, strlen(a->value.s), on_set,
	    r);
}

static void
start_show(struct stmt_run * r)
{
	static const char * const cols[] = { "name", "TEXT" };
	struct secret_store * st = store(r);
	json_t * names, * rows, * v;
	size_t i;

	if (st == NULL)
		return;
	names = secret_store_names(st);
	rows = names == NULL ? NULL : json_array();
	json_array_foreach(names, i, v)
		json_array_append_new(rows, json_pack("[O]", v));
	json_decref(names);
	stmt_rows(r, 1, cols, rows, NULL);
}

static void
on_dropped(void * arg, const struct err * e)
{
	ended(arg, "deleted", e);
}

static void
start_drop(struct stmt_run * r)
{
	struct buf users = BUF_INIT(0);

	if (store(r) == NULL)
		return;
	/* Whom it leaves without is worth a word to who did it. */
	if (runner_secret_users(r->env->runner, r->ast->name.s, &users) > 0 &&
	    users.p != NULL)
		r->own = strdup(users.p);
	buf_free(&users);
	stmt_wait(r);
	runner_secret_drop(r->env->runner, r->ast->name.s, on_dropped, r);
}

static void
free_own(struct stmt_run * r)
{
	free(r->own);
}

const struct stmt_entry stmt_set_secret_entry = {
	AST_SET_SECRET, "set_secret", 1, start_set, NULL, NULL, NULL
};

const struct stmt_entry stmt_show_secrets_entry = {
	AST_SHOW_SECRETS, "show_secrets", 0, start_show, NULL, NULL, NULL
};

const struct stmt_entry stmt_drop_secret_entry = {
	AST_DROP_SECRET, "drop_secret", 1, start_drop, NULL, NULL, free_own
};
