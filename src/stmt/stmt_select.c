#include <stdlib.h>
#include <string.h>

#include "stmt/stmt_internal.h"

/* SELECT and its kin are query/'s. */

struct select {
	struct stmt_run * run;
	struct stmt_catalog cat;
	struct query * query;
	int explain;
};

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct select * s = arg;

	if (s->run->sink.columns != NULL)
		s->run->sink.columns(s->run->sink.arg, n, names, types);
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct select * s = arg;

	return (s->run->sink.row == NULL ? 0 :
	    s->run->sink.row(s->run->sink.arg, n, v));
}

static void
on_progress(void * arg, const struct query_stats * st)
{
	struct select * s = arg;

	if (s->run->sink.progress != NULL)
		s->run->sink.progress(s->run->sink.arg, st);
}

/* Whose service it was that failed: the messages begin with it. */
static int
names_it(const struct err * e, const char * name)
{
	const char * at = strstr(e->msg, name);
	size_t n = strlen(name);

	return (at != NULL && (at[n] == '.' || at[n] == ':' || at[n] == ' '));
}

/* What the statement learnt of the connectors it asked. */
static void
note(const struct select * s, const struct query_stats * st,
    const struct err * e)
{
	struct runner * rn = s->run->env->runner;
	size_t i;

	if (s->explain || (e == NULL && st->api.calls == 0) ||
	    (e != NULL && !stmt_class_is_service(e)))
		return;
	/* It is about a place of the statement. */
	if (e != NULL && token_error_place(e->msg, NULL, NULL) > 0)
		return;
	/* It was the cluster. */
	if (e != NULL && strncmp(e->msg, "es.", 3) == 0 &&
	    runner_connector(rn, "es") == NULL)
		return;
	for (i = 0; i < s->cat.nused; i++)
		if (e == NULL || s->cat.nused == 1 ||
		    names_it(e, s->cat.used[i]))
			runner_note(rn, s->cat.used[i], e);
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	struct select * s = arg;

	s->query = NULL;
	if (e != NULL && strcmp(e->code, "no_table") == 0 &&
	    stmt_again(s->run))
		return;
	s->run->st = *st;
	note(s, st, e);
	if (e == NULL)
		stmt_done(s->run);
	else
		stmt_fail(s->run, e);
}

/* The statement's text, in its place. */
static int
text_of(const struct stmt_run * r, int explain, struct buf * out,
    struct err * e)
{
	size_t off = explain ? r->ast->where_off : r->ast->off;

	return (stmt_part_text(r->text, off, r->ast->off + r->ast->len - off,
	    out, e));
}

static void
start_it(struct stmt_run * r, int explain)
{
	struct query_opts o = { .deadline_ms = r->env->deadline_ms,
	    .max_memory = r->env->query_memory, .conn = r->env->conn,
	    .elastic = r->env->elastic,
	    .max_calls = r->text->max_calls, .explain = explain ? 1 : 0,
	    .max_sql = SIZE_MAX };
	struct query_sink own = { on_columns, on_row, on_done, NULL,
	    on_progress, NULL };
	struct buf text = BUF_INIT(4 << 20);
	struct select * s;
	struct err e;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		err_nomem(&e, "a query");
		stmt_fail(r, &e);
		return;
	}
	s->run = r;
	s->explain = explain;
	r->own = s;
	own.arg = s;
	stmt_catalog(r->env, &s->cat);
	if (r->whole && !explain)
		s->query = query_start(r->env->loop, r->text->sql,
		    r->text->len, &s->cat.cat, &o, &own, &e);
	else if (text_of(r, explain, &text, &e) == 0)
		s->query = query_start(r->env->loop, text.p, text.len,
		    &s->cat.cat, &o, &own, &e);
	buf_free(&text);
	if (s->query == NULL)
		stmt_fail(r, &e);
}

static void
start_select(struct stmt_run * r)
{
	start_it(r, 0);
}

static void
start_explain(struct stmt_run * r)
{
	start_it(r, 1);
}

static void
resume(struct stmt_run * r)
{
	struct select * s = r->own;

	if (s != NULL)
		query_resume(s->query);
}

static void
cancel(struct stmt_run * r)
{
	struct select * s = r->own;

	if (s != NULL)
		query_cancel(s->query);
}

static void
end(struct stmt_run * r)
{
	free(r->own);
}

const struct stmt_entry stmt_select_entry = {
	AST_SELECT, "select", 0, start_select, resume, cancel, end
};

const struct stmt_entry stmt_explain_entry = {
	AST_EXPLAIN, "explain", 0, start_explain, resume, cancel, end
};
