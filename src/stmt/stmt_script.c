#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "loop/fiber.h"
#include "stmt/stmt_hold.h"
#include "stmt/stmt_internal.h"

/*
 * BEGIN ... END: its statements one after the other on a fiber that waits for
 * each.  Only the last one's result goes out; a TRY's is held back until it is
 * sure that no CATCH takes its place.
 */
#define STACK ((size_t)256 << 10)

struct script {
	struct stmt_run * run;
	struct fiber * fiber;
	struct stmt_run * child;     /* running now, or NULL */
	struct stmt_hold * out;      /* of the child; NULL: nobody wants it */
	const struct err * caught;   /* within CATCH */
	struct err child_e, e;
	int child_failed, failed, resumed, cancelled;
};

static int run_list(struct script * s, const struct ast * list,
    struct stmt_hold * out, struct err * e);

/* ---- one statement within ---- */

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct script * s = arg;

	if (s->out != NULL)
		stmt_hold_columns(s->out, n, names, types);
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct script * s = arg;

	if (s->out == NULL || stmt_hold_row(s->out, n, v) == 0)
		return (0);
	/* For the sink, whose resume comes to us, or for us to let go. */
	fiber_wake(s->fiber);
	return (1);
}

static void
add_stats(struct query_stats * to, const struct query_stats * st)
{
	to->api.calls += st->api.calls;
	to->api.pages += st->api.pages;
	to->api.rows += st->api.rows;
	to->api.bytes += st->api.bytes;
	to->api.cache_hits += st->api.cache_hits;
	to->api.not_modified += st->api.not_modified;
	to->api.retries += st->api.retries;
	to->api.waited_ms += st->api.waited_ms;
	if (to->api.skipped == 0)
		memcpy(to->api.skipped_why, st->api.skipped_why,
		    sizeof(to->api.skipped_why));
	to->api.skipped += st->api.skipped;
	to->api.short_of += st->api.short_of;
	if (st->api.cache_age_ms > to->api.cache_age_ms)
		to->api.cache_age_ms = st->api.cache_age_ms;
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	struct script * s = arg;

	s->child = NULL;
	s->child_failed = e != NULL;
	if (e != NULL)
		s->child_e = *e;
	add_stats(&s->run->st, st);
	if (s->out != NULL)
		s->run->st.rows = st->rows;
	if (s->out != NULL)
		s->run->st.not_ok = st->not_ok;
	fiber_wake(s->fiber);
}

static void
on_progress(void * arg, const struct query_stats * st)
{
	struct script * s = arg;

	if (s->run->sink.progress != NULL)
		s->run->sink.progress(s->run->sink.arg, st);
}

static int
cancelled(const struct script * s, struct err * e)
{
	if (!s->cancelled)
		return (0);
	return (err_set(e, ERR_CANCELLED, "cancelled",
	    "the statement was cancelled"));
}

static int
too_much(struct err * e)
{
	return (err_set(e, ERR_TRANSIENT, "memory", "the rows of a TRY do not "
	    "fit into memory; read fewer columns"));
}

/* Wait for the child; let go what is held when it becomes too much. */
static void
await_child(struct script * s)
{
	while (s->child != NULL) {
		fiber_wait();
		if (s->child == NULL || s->out == NULL || s->cancelled)
			continue;
		if (stmt_hold_is_lost(s->out))
			stmt_run_cancel(s->child);
		else if (stmt_hold_is_full(s->out)) {
			s->resumed = 0;
			if (stmt_hold_let_go(s->out) == 0)
				stmt_run_resume(s->child);
		} else if (s->resumed) {
			/* What is held stays until it is too much. */
			s->resumed = 0;
			stmt_run_resume(s->child);
		}
	}
}

static int
run_simple(struct script * s, const struct stmt_text * text,
    const struct ast * ast, int whole, struct stmt_hold * out, struct err * e)
{
	struct query_sink own = { on_columns, on_row, on_done, s,
	    on_progress, NULL };

	s->out = out;
	s->child = stmt_run_new(s->run->env, text, ast, &own, e);
	if (s->child == NULL)
		return (-1);
	s->child->whole = whole;
	await_child(s);
	s->out = NULL;
	if (stmt_hold_is_lost(out) && !s->cancelled)
		return (too_much(e));
	if (!s->child_failed)
		return (0);
	*e = s->child_e;
	return (-1);
}

/* With what was caught put into its text, and that read anew. */
static int
run_caught(struct script * s, const struct ast * ast, struct stmt_hold * out,
    struct err * e)
{
	struct stmt_text text = *s->run->text;
	struct buf b = BUF_INIT(4 << 20);
	struct ast_tree tree;
	struct token_list list;
	int rc;

	if (stmt_part_caught(s->run->text, ast, s->caught, &b, e))
		return (-1);
	text.sql = b.p;
	text.len = b.len;
	if ((rc = token_list(b.p, b.len, SIZE_MAX, &list, e)) == 0) {
		rc = ast_parse(&list, &tree, e);
		token_list_free(&list);
	}
	if (rc == 0) {
		rc = run_simple(s, &text, tree.root, 1, out, e);
		ast_free(&tree);
	}
	buf_free(&b);
	return (rc);
}

/* ---- TRY ---- */

static const struct ast_catch *
find_catch(const struct ast * ast, const struct err * e)
{
	const struct ast_catch * c;

	for (c = ast->catches; c != NULL; c = c->next)
		if (stmt_class_catches(c->cls, e))
			return (c);
	return (NULL);
}

static int
let_go(struct script * s, struct stmt_hold * h, struct err * e)
{
	while (stmt_hold_let_go(h)) {
		if (stmt_hold_is_lost(h))
			return (too_much(e));
		while (!s->resumed && !s->cancelled)
			fiber_wait();
		s->resumed = 0;
		if (cancelled(s, e))
			return (-1);
	}
	return (stmt_hold_is_lost(h) ? too_much(e) : 0);
}

static int
run_catch(struct script * s, const struct ast_catch * c,
    struct stmt_hold * out, struct err * e)
{
	const struct err * outer = s->caught;
	struct err caught = *e;
	int rc;

	log_event(LOG_DEBUG, "stmt_caught", LOG_S("code", caught.code),
	    LOG_S("class", ast_class_name(stmt_class(&caught))));
	s->caught = &caught;
	rc = run_list(s, c->body, out, e);
	s->caught = outer;
	return (rc);
}

static int
run_body(struct script * s, const struct ast * ast, struct stmt_hold * out,
    struct err * e)
{
	const struct ast_catch * c;
	struct stmt_hold h;
	int rc;

	stmt_hold_init(&h, out, NULL);
	rc = run_list(s, ast->body, out == NULL ? NULL : &h, e);
	c = rc && !s->cancelled ? find_catch(ast, e) : NULL;
	if (rc == 0 && out != NULL) {
		rc = let_go(s, &h, e);
	} else if (c != NULL && (h.streaming || h.columns_up) && out != NULL) {
		(void)err_prefix(e, "not caught, as more than %zu MiB of rows "
		    "were out already", STMT_HOLD_MAX >> 20);
	} else if (c != NULL) {
		stmt_hold_free(&h);
		return (run_catch(s, c, out, e));
	}
	stmt_hold_free(&h);
	return (rc);
}

static int
run_try(struct script * s, const struct ast * ast, struct stmt_hold * out,
    struct err * e)
{
	int rc = run_body(s, ast, out, e);
	struct err later;

	/* What failed first is what is told. */
	if (ast->finally != NULL && !s->cancelled &&
	    run_list(s, ast->finally, NULL, &later) && rc == 0) {
		*e = later;
		rc = -1;
	}
	return (rc);
}

/* ---- lists ---- */

static int
run_one(struct script * s, const struct ast * ast, struct stmt_hold * out,
    struct err * e)
{
	if (cancelled(s, e))
		return (-1);
	if (ast->kind == AST_BLOCK)
		return (run_list(s, ast->body, out, e));
	if (ast->kind == AST_TRY)
		return (run_try(s, ast, out, e));
	if (ast->uses_error && s->caught != NULL)
		return (run_caught(s, ast, out, e));
	if (ast->uses_error && ast->kind != AST_SELECT)
		return (token_error(s->run->text->sql, s->run->text->len,
		    ast->off, e, "error.message, error.class and error.code "
		    "are known only in CATCH"));
	return (run_simple(s, s->run->text, ast, 0, out, e));
}

static int
run_list(struct script * s, const struct ast * list, struct stmt_hold * out,
    struct err * e)
{
	for (; list != NULL; list = list->next)
		if (run_one(s, list, list->next == NULL ? out : NULL, e))
			return (-1);
	return (0);
}

static void
script_main(void * arg)
{
	struct script * s = arg;
	struct stmt_hold out;

	stmt_hold_init(&out, NULL, &s->run->sink);
	s->failed = run_list(s, s->run->ast->body, &out, &s->e) != 0;
	stmt_hold_free(&out);
}

static void
script_done(void * arg)
{
	struct script * s = arg;

	s->fiber = NULL;
	if (s->failed)
		stmt_fail(s->run, &s->e);
	else
		stmt_done(s->run);
}

/* ---- the entry ---- */

static void
start(struct stmt_run * r)
{
	struct script * s = calloc(1, sizeof(*s));
	struct err e;

	if (s == NULL) {
		err_nomem(&e, "a script");
		stmt_fail(r, &e);
		return;
	}
	s->run = r;
	r->own = s;
	s->fiber = fiber_start(r->env->loop, script_main, s, STACK, script_done,
	    &e);
	if (s->fiber == NULL)
		stmt_fail(r, &e);
}

static void
resume(struct stmt_run * r)
{
	struct script * s = r->own;

	if (s == NULL || s->fiber == NULL)
		return;
	s->resumed = 1;
	fiber_wake(s->fiber);
}

static void
cancel(struct stmt_run * r)
{
	struct script * s = r->own;

	if (s == NULL || s->fiber == NULL)
		return;
	s->cancelled = 1;
	if (s->child != NULL)
		stmt_run_cancel(s->child);
	fiber_wake(s->fiber);
}

static void
end(struct stmt_run * r)
{
	free(r->own);
}

const struct stmt_entry stmt_script_entry = {
	AST_BLOCK, "script", 0, start, resume, cancel, end
};
