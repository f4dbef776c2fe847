#include <stdlib.h>
#include <string.h>

#include "stmt/any_sync.h"
#include "stmt/stmt_internal.h"

/* What SYNC and EXPLAIN SYNC say, and where they are wrong. */

#define WHERE_WORD 5 /* bytes of "WHERE", which is not of its text */

int
stmt_sync_spec(struct stmt_run * r, struct sync_spec * spec, char ** where)
{
	const struct ast * a = r->ast;
	struct connector * c;
	struct err e;

	*where = NULL;
	memset(spec, 0, sizeof(*spec));
	if ((c = stmt_connector(r)) == NULL ||
	    (a->entity.s != NULL && stmt_entity(r, c->m) == NULL))
		return (-1);
	spec->connector = c->name;
	spec->entity = a->entity.s;
	spec->target = a->target.s;
	spec->incremental = a->incremental.s;
	spec->schedule = a->schedule.s;
	spec->options = a->options;
	spec->first_now = 1;
	spec->keep_clock = 1;
	if (a->where_len == 0)
		return (0);
	if (a->where_len == WHERE_WORD) { /* to read all is not what was meant */
		token_error(r->text->sql, r->text->len, a->where_off +
		    WHERE_WORD, &e, "a condition is missing after WHERE");
		stmt_fail(r, &e);
		return (-1);
	}
	*where = strndup(r->text->sql + a->where_off + WHERE_WORD,
	    a->where_len - WHERE_WORD);
	spec->where = *where;
	if (*where != NULL)
		return (0);
	err_nomem(&e, "a sync");
	stmt_fail(r, &e);
	return (-1);
}

/* The byte of ${n} bytes of text that line and column, from 1, say. */
static size_t
offset_of(const char * s, size_t n, size_t line, size_t col)
{
	size_t i = 0;

	for (; line > 1 && i < n; i++)
		line -= s[i] == '\n';
	while (col > 1 && i < n) {
		for (i++; i < n && ((unsigned char)s[i] & 0xc0) == 0x80; i++)
			continue;
		col--;
	}
	return (i);
}

/* Where the clause stands that an error of that code is of; NULL: none. */
static const struct ast_word *
clause_of(const struct ast * a, const char * code)
{
	if (strcmp(code, "bad_schedule") == 0)
		return (&a->schedule);
	if (strcmp(code, "no_column") == 0)
		return (&a->incremental);
	if (strcmp(code, "bad_target") == 0 || strcmp(code, "no_target") == 0)
		return (&a->target);
	if (strcmp(code, "no_key") == 0 || strcmp(code, "not_rows") == 0 ||
	    strcmp(code, "not_found") == 0)
		return (a->entity.s != NULL ? &a->entity : &a->name);
	return (NULL);
}

/* An error of WHERE, with its place there, as one with its place in the whole. */
static void
place_in_where(struct stmt_run * r, struct err * out, size_t line, size_t col,
    const char * what)
{
	const struct ast * a = r->ast;
	size_t from = a->where_off + WHERE_WORD, off = from + offset_of(
	    r->text->sql + from, a->where_len - WHERE_WORD, line, col);

	token_error(r->text->sql, r->text->len, off, out, "%.*s",
	    (int)strcspn(what, "\n"), what);
}

void
stmt_sync_fail(struct stmt_run * r, const struct err * e)
{
	const struct ast_word * w = clause_of(r->ast, e->code);
	const char * at = strstr(e->msg, "line ");
	struct err out = *e;
	size_t line, col, n;

	if (r->ast->where_len > WHERE_WORD && at != NULL &&
	    (n = token_error_place(at, &line, &col)) > 0)
		place_in_where(r, &out, line, col, at + n);
	else if (w != NULL && w->s != NULL)
		token_error(r->text->sql, r->text->len, w->off, &out, "%s",
		    e->msg);
	out.cls = e->cls;
	memcpy(out.code, e->code, sizeof(out.code));
	stmt_fail(r, &out);
}

void
stmt_no_sync(struct stmt_run * r)
{
	char near[300];

	any_sync_near(r->env, r->ast->name.s, near);
	stmt_error(r, r->ast->name.off, "not_found", "there is no sync %.80s%s"
	    "%.80s%s; SHOW SYNCS lists them", r->ast->name.s,
	    near[0] ? " (did you mean " : "", near, near[0] ? "?)" : "");
}
