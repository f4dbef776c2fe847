#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "stmt/stmt_internal.h"

/*
 * DESCRIBE target: its columns are those of a SELECT of no rows, which asks the
 * cluster where it has to.
 */

struct target {
	struct stmt_run * run;
	struct stmt_catalog cat;
	struct query * query;
	json_t * rows;
};

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct target * t = arg;
	char type[64];
	size_t i, k;

	for (i = 0; i < n; i++) {
		/* In small letters, as those of entities. */
		for (k = 0; types[i][k] != '\0' && k + 1 < sizeof(type); k++)
			type[k] = (char)tolower((unsigned char)types[i][k]);
		type[k] = '\0';
		json_array_append_new(t->rows, json_pack("[s, s]", names[i],
		    type));
	}
}

/* It has a place in another text than the user's. */
static void
fail(struct stmt_run * r, const struct err * e)
{
	const char * what = e->msg + token_error_place(e->msg, NULL, NULL);
	struct err out = *e;

	token_error(r->text->sql, r->text->len, r->ast->name.off, &out,
	    "%.*s", (int)strcspn(what, "\n"), what);
	out.cls = e->cls;
	memcpy(out.code, e->code, sizeof(out.code));
	stmt_fail(r, &out);
}

/* Nor is it a table: ${e} has what could be meant there. */
static void
nothing(struct stmt_run * r, const struct err * e)
{
	const struct ast * a = r->ast;
	const char * name = a->target.s != NULL ? a->target.s : a->name.s;
	const char * near = stmt_near_type(r, name), * at;
	int has_entity = a->entity.s != NULL;
	char hint[160] = "";

	if (near != NULL)
		snprintf(hint, sizeof(hint), " (did you mean %.120s?)", near);
	else if ((at = strstr(e->msg, " (did you mean ")) != NULL)
		snprintf(hint, sizeof(hint), "%.*s",
		    (int)(strcspn(at, ")") + 1), at);
	else
		snprintf(hint, sizeof(hint), "; SHOW TYPES, SHOW CONNECTORS "
		    "and SHOW TARGETS list what there is");
	stmt_error(r, a->name.off, "not_found", "there is no type, connector or "
	    "target %.80s%s%.80s%s", name, has_entity ? "." : "",
	    has_entity ? a->entity.s : "", hint);
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	static const char * const cols[] = { "column", "type", "TEXT", "TEXT" };
	struct target * t = arg;
	struct stmt_run * r = t->run;
	json_t * rows = t->rows;

	(void)st;
	t->query = NULL;
	if (e != NULL && strcmp(e->code, "no_table") == 0) {
		if (!stmt_again(r))
			nothing(r, e);
	} else if (e != NULL) {
		fail(r, e);
	} else {
		t->rows = NULL;
		stmt_rows(r, 2, cols, rows, NULL);
	}
}

void
stmt_describe_target(struct stmt_run * r)
{
	struct query_opts o = { .deadline_ms = r->env->deadline_ms,
	    .max_memory = r->env->query_memory, .conn = r->env->conn,
	    .elastic = r->env->elastic, .max_sql = SIZE_MAX };
	struct query_sink sink = { .columns = on_columns, .done = on_done };
	size_t from = r->ast->name.off, to = r->ast->off + r->ast->len;
	struct buf sql = BUF_INIT(4 << 20);
	struct target * t;
	struct err e;

	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->rows = json_array()) == NULL) {
		free(t);
		err_nomem(&e, "a query");
		stmt_fail(r, &e);
		return;
	}
	t->run = r;
	r->own = t;
	sink.arg = t;
	stmt_catalog(r->env, &t->cat);
	/* On lines of their own, behind a comment too. */
	buf_adds(&sql, "SELECT * FROM ");
	buf_add(&sql, r->text->sql + from, to - from);
	buf_adds(&sql, "\nLIMIT 0");
	if (sql.failed)
		err_nomem(&e, "a query");
	else
		t->query = query_start(r->env->loop, sql.p, sql.len,
		    &t->cat.cat, &o, &sink, &e);
	buf_free(&sql);
	if (t->query == NULL)
		stmt_fail(r, &e);
}

void
stmt_describe_cancel(struct stmt_run * r)
{
	struct target * t = r->own;

	if (t != NULL)
		query_cancel(t->query);
}

void
stmt_describe_free(struct stmt_run * r)
{
	struct target * t = r->own;

	if (t != NULL)
		json_decref(t->rows);
	free(t);
}
