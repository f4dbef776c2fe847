#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "stmt/stmt_internal.h"

/* The life of one statement. */

static const struct stmt_entry * const entries[] = {
	&stmt_select_entry, &stmt_explain_entry, &stmt_create_entry,
	&stmt_alter_entry, &stmt_drop_entry, &stmt_show_connectors_entry,
	&stmt_show_connector_entry, &stmt_test_entry, &stmt_show_types_entry,
	&stmt_show_targets_entry,
	&stmt_describe_entry, &stmt_exec_entry, &stmt_explain_exec_entry,
	&stmt_sync_entry, &stmt_show_syncs_entry, &stmt_show_sync_entry,
	&stmt_run_sync_entry, &stmt_pause_sync_entry, &stmt_resume_sync_entry,
	&stmt_drop_sync_entry, &stmt_explain_sync_entry,
	&stmt_set_secret_entry, &stmt_show_actions_entry,
	&stmt_show_action_entry,
	&stmt_show_secrets_entry, &stmt_drop_secret_entry, &stmt_script_entry,
};

static const struct stmt_entry *
entry_of(enum ast_kind kind)
{
	size_t i;

	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (entries[i]->kind == kind)
			return (entries[i]);
	return (NULL);
}

static void
run_free(struct stmt_run * r)
{
	if (r->entry->free != NULL)
		r->entry->free(r);
	loop_soon_cancel(r->env->loop, &r->soon);
	syncs_look_cancel(&r->look);
	stmt_rows_free(r);
	free(r);
}

static void
audit(const struct stmt_run * r, const struct err * e)
{
	const struct ast * a = r->ast;

	if (e == NULL)
		log_event(LOG_INFO, "stmt", LOG_S("statement", r->entry->name),
		    LOG_S("name", a->name.s), LOG_S("entity", a->entity.s),
		    LOG_S("action", a->action.s), LOG_S("result", "ok"),
		    LOG_S("request_id", r->text->request_id),
		    LOG_I("duration_ms", r->st.ms));
	else
		log_event(LOG_INFO, "stmt", LOG_S("statement", r->entry->name),
		    LOG_S("name", a->name.s), LOG_S("entity", a->entity.s),
		    LOG_S("action", a->action.s), LOG_S("result", e->code),
		    LOG_S("request_id", r->text->request_id),
		    LOG_I("duration_ms", r->st.ms), LOG_S("error_class",
		    err_class_name(e->cls)));
}

/* Whether it says that something is not there. */
static int
is_missing(const struct err * e)
{
	return (e != NULL && (strcmp(e->code, "no_table") == 0 ||
	    strcmp(e->code, "not_found") == 0));
}

/* A change whose answer was lost: nobody knows.  An action is known to be sent only
 * when it is written down. */
static int
is_unsure(const struct stmt_run * r, const struct err * e)
{
	return (e != NULL && r->entry->changes && r->ast->kind != AST_EXEC &&
	    (strcmp(e->code, "redis_timeout") == 0 ||
	    strcmp(e->code, "redis_lost") == 0));
}

static void
finish(struct stmt_run * r, const struct err * e)
{
	const struct err * unread = runner_unread(r->env->runner);
	struct err unsure;

	if (r->done)
		return;
	r->done = 1;
	if (unread != NULL && is_missing(e))
		e = unread;
	if (is_unsure(r, e)) {
		unsure = *e;
		err_set(&unsure, e->cls, e->code, "%s; it may have been done "
		    "all the same: look before you ask again", e->msg);
		e = &unsure;
	}
	if (r->st.ms == 0)
		r->st.ms = (clock_mono_us() - r->t0_us) / 1000;
	if (r->entry->changes)
		audit(r, e);
	r->sink.done(r->sink.arg, &r->st, e);
	if (r->pending == 0)
		run_free(r);
}

void
stmt_done(struct stmt_run * r)
{
	finish(r, NULL);
}

void
stmt_fail(struct stmt_run * r, const struct err * e)
{
	struct err placed;

	stmt_place(r, e, &placed);
	finish(r, &placed);
}

void
stmt_wait(struct stmt_run * r)
{
	r->pending++;
}

int
stmt_back(struct stmt_run * r)
{
	r->pending--;
	if (!r->done)
		return (0);
	if (r->pending == 0)
		run_free(r);
	return (1);
}

/* ---- begin, go on, end ---- */

static void on_soon(void * arg);

static void
on_looked(void * arg)
{
	struct stmt_run * r = arg;

	loop_soon(r->env->loop, &r->soon, on_soon, r);
}

/* Why it cannot be said yet what there is, where all of it was asked for, or what is
 * not there is well; NULL: it can, or finish() says so. */
static const struct err *
not_yet(const struct stmt_run * r)
{
	enum ast_kind kind = r->ast->kind;

	return (kind == AST_SHOW_CONNECTORS || kind == AST_SHOW_SYNCS ||
	    kind == AST_SHOW_SECRETS || kind == AST_DROP_CONNECTOR ||
	    kind == AST_DROP_SECRET ? runner_unread(r->env->runner) : NULL);
}

/* What was changed a moment ago by way of another daemon counts here.  SELECT and
 * its kin do not wait for a state that may be slow: only where they know no table of
 * that name. */
static int
is_to_look(const struct stmt_run * r)
{
	return (!r->looked && r->ast->kind != AST_SELECT &&
	    r->ast->kind != AST_EXPLAIN && r->ast->kind != AST_BLOCK);
}

static int
look(struct stmt_run * r)
{
	r->looked = 1;
	return (syncs_look(r->env->syncs, &r->look, on_looked, r));
}

int
stmt_again(struct stmt_run * r)
{
	if (r->looked || r->cancelled || r->columns_out || !look(r))
		return (0);
	if (r->entry->free != NULL)
		r->entry->free(r);
	r->own = NULL;
	r->started = 0;
	memset(&r->st, 0, sizeof(r->st));
	return (1);
}

static void
on_soon(void * arg)
{
	struct stmt_run * r = arg;
	struct err e;

	if (!r->started && !r->cancelled) {
		if (is_to_look(r) && look(r))
			return;
		r->started = 1;
		/* Elsewhere it would be an empty text, and that be sent. */
		if (r->ast->uses_error && r->ast->kind != AST_SELECT &&
		    r->ast->kind != AST_BLOCK)
			stmt_error(r, r->ast->off, "sql", "error.message, "
			    "error.class and error.code are known only in "
			    "CATCH");
		else if (not_yet(r) != NULL)
			finish(r, not_yet(r));
		else
			r->entry->start(r);
	} else if (r->columns_out) {
		r->paused = 0;
		stmt_rows_go(r);
	} else {
		if (r->why.code[0] == '\0')
			err_set(&r->why, ERR_CANCELLED, "cancelled",
			    "the statement was cancelled");
		e = r->why;
		finish(r, &e);
	}
}

void
stmt_fail_soon(struct stmt_run * r, const struct err * e)
{
	r->why = *e;
	r->cancelled = 1;
	loop_soon(r->env->loop, &r->soon, on_soon, r);
}

struct stmt_run *
stmt_run_new(const struct stmt_env * env, const struct stmt_text * text,
    const struct ast * ast, const struct query_sink * sink, struct err * e)
{
	struct stmt_run * r;

	if ((r = calloc(1, sizeof(*r))) == NULL) {
		err_nomem(e, "a statement");
		return (NULL);
	}
	r->env = env;
	r->text = text;
	r->ast = ast;
	r->sink = *sink;
	r->t0_us = clock_mono_us();
	if ((r->entry = entry_of(ast->kind)) == NULL) {
		err_set(e, ERR_PERMANENT, "sql", "TRY stands within BEGIN ... "
		    "END");
		free(r);
		return (NULL);
	}
	loop_soon(env->loop, &r->soon, on_soon, r);
	return (r);
}

void
stmt_run_resume(struct stmt_run * r)
{
	if (r->done)
		return;
	if (r->entry->resume != NULL)
		r->entry->resume(r);
	else if (r->paused)
		loop_soon(r->env->loop, &r->soon, on_soon, r);
}

void
stmt_run_cancel(struct stmt_run * r)
{
	if (r->done || r->cancelled)
		return;
	r->cancelled = 1;
	if (r->started && r->entry->cancel != NULL && !r->columns_out)
		r->entry->cancel(r);
	else if (!r->columns_out || r->paused)
		loop_soon(r->env->loop, &r->soon, on_soon, r);
}

/* ---- what many need ---- */

void
stmt_error(struct stmt_run * r, size_t off, const char * code,
    const char * fmt, ...)
{
	char what[256];
	struct err e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	token_error(r->text->sql, r->text->len, off, &e, "%s", what);
	e.cls = ERR_CONFIG;
	snprintf(e.code, sizeof(e.code), "%s", code);
	finish(r, &e);
}

struct nearest {
	const char * name;
	char best[129];
	const char * cand[1];
};

static int
on_near(void * arg, const struct runner_brief * b)
{
	struct nearest * n = arg;

	n->cand[0] = b->name;
	if (json_nearest(n->name, n->cand, 1) == NULL)
		return (0);
	snprintf(n->best, sizeof(n->best), "%s", b->name);
	return (1);
}

void
stmt_no_connector(struct stmt_run * r)
{
	struct nearest n = { .name = r->ast->name.s };
	const char * next;

	(void)runner_each(r->env->runner, NULL, 100000, on_near, &n, &next);
	stmt_error(r, r->ast->name.off, "not_found",
	    "there is no connector %.80s%s%.80s%s", r->ast->name.s,
	    n.best[0] ? " (did you mean " : "", n.best, n.best[0] ? "?)" : "");
}

const char *
stmt_near_type(struct stmt_run * r, const char * name)
{
	const struct types * t = runner_types(r->env->runner);
	const char * names[256] = { NULL };
	size_t i, n = 0;

	for (i = 0; i < types_count(t) && n < 256; i++)
		names[n++] = types_at(t, i)->type;
	return (json_nearest(name, names, n));
}

struct connector *
stmt_connector(struct stmt_run * r)
{
	const char * key = r->ast->name.s, * why;
	struct connector * c;

	c = runner_connector(r->env->runner, key);
	if (c == NULL && (why = runner_misfit(r->env->runner, key)) != NULL)
		stmt_error(r, r->ast->name.off, "misfit", "connector %.60s "
		    "cannot be used: %.140s", key, why);
	else if (c == NULL)
		stmt_no_connector(r);
	return (c);
}

const struct manifest_entity *
stmt_entity(struct stmt_run * r, const struct manifest * m)
{
	const struct ast_word * w = &r->ast->entity;
	const struct manifest_entity * ent = manifest_entity(m, w->s);
	const char * names[64] = { NULL }, * near;
	char all[128] = "";
	size_t i, n = 0, at = 0;

	if (ent != NULL && !ent->hidden)
		return (ent);
	for (i = 0; i < m->nentities && n < 64; i++)
		if (!m->entities[i].hidden)
			names[n++] = m->entities[i].name;
	for (i = 0; i < n && at < sizeof(all); i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s",
		    i ? ", " : "", names[i]);
	near = json_nearest(w->s, names, n);
	stmt_error(r, w->off, "not_found", "%.60s (type %.30s) has no entity "
	    "%.60s%s%s%s; there are: %s", r->ast->name.s, m->type, w->s,
	    near ? " (did you mean " : "", near ? near : "", near ? "?)" : "",
	    all);
	return (NULL);
}
