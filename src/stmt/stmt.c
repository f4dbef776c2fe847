#include "stmt/stmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stmt/stmt_internal.h"

/* From text to a statement on its way; what each does is in its own file. */

#define MAX_SQL ((size_t)1 << 20)
#define MAX_TOKENS 100000

struct stmt {
	const struct stmt_env * env;
	struct stmt_text text;
	struct ast_tree tree;
	struct query_sink sink;
	struct stmt_run * run;
	struct soon soon;
	struct err e;
	int cancelled;
};

static void
stmt_free(struct stmt * s)
{
	ast_free(&s->tree);
	/* It may have held a secret. */
	if (s->text.sql != NULL)
		explicit_bzero(s->text.sql, s->text.len);
	free(s->text.sql);
	free(s);
}

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct stmt * s = arg;

	if (s->sink.columns != NULL)
		s->sink.columns(s->sink.arg, n, names, types);
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct stmt * s = arg;

	return (s->sink.row == NULL ? 0 : s->sink.row(s->sink.arg, n, v));
}

static void
on_progress(void * arg, const struct query_stats * st)
{
	struct stmt * s = arg;

	if (s->sink.progress != NULL)
		s->sink.progress(s->sink.arg, st);
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	struct stmt * s = arg;

	s->sink.done(s->sink.arg, st, e);
	stmt_free(s);
}

static int
parse(struct stmt * s, struct err * e)
{
	struct token_list list;
	int rc;

	if (token_list(s->text.sql, s->text.len, MAX_TOKENS, &list, e)) {
		if (e->cls == ERR_PERMANENT)
			memcpy(e->code, "sql", sizeof("sql"));
		return (-1);
	}
	rc = ast_parse(&list, &s->tree, e);
	token_list_free(&list);
	return (rc);
}

static void
on_soon(void * arg)
{
	struct query_sink own = { on_columns, on_row, on_done, arg,
	    on_progress, NULL };
	struct query_stats st;
	struct stmt * s = arg;

	memset(&st, 0, sizeof(st));
	if (s->cancelled)
		err_set(&s->e, ERR_CANCELLED, "cancelled",
		    "the statement was cancelled");
	else if (s->e.code[0] == '\0' && parse(s, &s->e) == 0)
		s->run = stmt_run_new(s->env, &s->text, s->tree.root, &own,
		    &s->e);
	if (s->run != NULL)
		s->run->whole = 1;
	else
		on_done(s, &st, &s->e);
}

struct stmt *
stmt_start(const struct stmt_env * env, const char * sql, size_t len,
    const struct stmt_opts * opts, const struct query_sink * sink,
    struct err * e)
{
	struct stmt * s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		err_nomem(e, "a statement");
		return (NULL);
	}
	s->env = env;
	s->sink = *sink;
	/* What is too long is not copied. */
	if (len > MAX_SQL) {
		err_set(&s->e, ERR_PERMANENT, "sql", "the statement is %zu "
		    "bytes long, more than the %zu it may be", len, MAX_SQL);
		len = 0;
	}
	if ((s->text.sql = malloc(len + 1)) == NULL) {
		err_nomem(e, "a statement");
		stmt_free(s);
		return (NULL);
	}
	if (len > 0)
		memcpy(s->text.sql, sql, len);
	s->text.sql[len] = '\0';
	s->text.len = len;
	s->text.max_calls = opts == NULL ? 0 : opts->max_api_calls;
	if (opts != NULL && opts->user != NULL)
		snprintf(s->text.user, sizeof(s->text.user), "%s", opts->user);
	if (opts != NULL && opts->peer != NULL)
		snprintf(s->text.peer, sizeof(s->text.peer), "%s", opts->peer);
	if (opts != NULL && opts->request_id != NULL)
		snprintf(s->text.request_id, sizeof(s->text.request_id), "%s",
		    opts->request_id);
	loop_soon(env->loop, &s->soon, on_soon, s);
	return (s);
}

void
stmt_resume(struct stmt * s)
{
	if (s != NULL && s->run != NULL)
		stmt_run_resume(s->run);
}

void
stmt_cancel(struct stmt * s)
{
	if (s == NULL)
		return;
	s->cancelled = 1;
	if (s->run != NULL)
		stmt_run_cancel(s->run);
}
