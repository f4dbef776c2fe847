#include <stdio.h>
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
	if (a->where_len <= WHERE_WORD)
		return (0);
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

void
stmt_sync_fail(struct stmt_run * r, const struct err * e)
{
	const char * at = strstr(e->msg, "line ");
	size_t line, col, off = r->ast->where_off + WHERE_WORD;
	struct err out = *e;
	int n = 0;

	if (r->ast->where_len > WHERE_WORD && at != NULL &&
	    sscanf(at, "line %zu, column %zu: %n", &line, &col, &n) == 2 &&
	    n > 0) {
		off += offset_of(r->text->sql + off, r->ast->where_len -
		    WHERE_WORD, line, col);
		token_error(r->text->sql, r->text->len, off, &out, "%.*s",
		    (int)strcspn(at + n, "\n"), at + n);
		out.cls = e->cls;
		memcpy(out.code, e->code, sizeof(out.code));
	}
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
