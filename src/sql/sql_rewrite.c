#include "sql/sql_rewrite.h"

#include <stdlib.h>
#include <string.h>

/* Words after which no operator can come, or which no operand begins with. */
static const char * const reserved[] = {
	"all", "and", "as", "asc", "between", "by", "case", "collate", "cross",
	"desc", "distinct", "else", "escape", "except", "exists", "filter",
	"following", "from", "full", "glob", "group", "having", "in", "indexed",
	"inner", "intersect", "is", "isnull", "join", "left", "like", "limit",
	"match", "materialized", "natural", "notnull", "nulls", "offset", "on",
	"or", "order", "outer", "over", "partition", "range", "recursive",
	"regexp", "right", "rows", "select", "then", "union", "using", "values",
	"when", "where", "window", "with", NULL
};

static int
is_reserved(const struct token_list * list, size_t i)
{
	size_t k;

	for (k = 0; reserved[k] != NULL; k++)
		if (token_is(list, i, reserved[k]))
			return (1);
	return (0);
}

/* Whether token ${i} can be the last of an operand. */
static int
ends_operand(const struct token_list * list, size_t i)
{
	switch (list->t[i].kind) {
	case TOKEN_ID:
		return (!token_is(list, i, "not") && !is_reserved(list, i));
	case TOKEN_QUOTED:
	case TOKEN_STRING:
	case TOKEN_BLOB:
	case TOKEN_NUMBER:
	case TOKEN_PARAM:
		return (1);
	case TOKEN_OP:
		return (token_is(list, i, ")"));
	case TOKEN_JSTRING:
	case TOKEN_SEMI:
	case TOKEN_BAD:
		break;
	}
	return (0);
}

static int
begins_operand(const struct token_list * list, size_t i)
{
	if (i >= list->n)
		return (0);
	switch (list->t[i].kind) {
	case TOKEN_ID:
		return (token_is(list, i, "case") ||
		    token_is(list, i, "exists") || !is_reserved(list, i));
	case TOKEN_QUOTED:
	case TOKEN_STRING:
	case TOKEN_BLOB:
	case TOKEN_NUMBER:
	case TOKEN_PARAM:
		return (1);
	case TOKEN_OP:
		return (token_is(list, i, "(") || token_is(list, i, "+") ||
		    token_is(list, i, "-") || token_is(list, i, "~"));
	case TOKEN_JSTRING:
	case TOKEN_SEMI:
	case TOKEN_BAD:
		break;
	}
	return (0);
}

/* CONTAINS is a word like any other unless it stands between two operands. */
static int
is_contains(const struct token_list * list, size_t i)
{
	if (i == 0 || !token_is(list, i, "contains") ||
	    !begins_operand(list, i + 1))
		return (0);
	if (token_is(list, i - 1, "not"))
		return (i > 1 && ends_operand(list, i - 2));
	return (ends_operand(list, i - 1));
}

static void
put_name(const struct token_list * list, const struct sql_name * nm,
    struct sql_rewrite * rw, size_t * at)
{
	const struct token * last = &list->t[nm->last];
	struct sql_edit * ed = &rw->edits[rw->n++];

	ed->in = list->t[nm->first].off;
	ed->in_len = last->off + last->len - ed->in;
	buf_add(&rw->sql, list->sql + *at, ed->in - *at);
	ed->out = rw->sql.len;
	buf_addc(&rw->sql, '"');
	buf_add(&rw->sql, list->sql + ed->in, ed->in_len);
	buf_addc(&rw->sql, '"');
	/* Two quotes in a row would be one that stands for itself. */
	if (ed->in + ed->in_len < list->len &&
	    list->sql[ed->in + ed->in_len] == '"')
		buf_addc(&rw->sql, ' ');
	ed->out_len = rw->sql.len - ed->out;
	*at = ed->in + ed->in_len;
}

int
sql_rewrite(const struct token_list * list, const struct sql_names * names,
    struct sql_rewrite * rw, struct err * e)
{
	size_t i, k = 0, at = 0;

	memset(rw, 0, sizeof(*rw));
	rw->sql.max = list->len + 3 * names->n + 1;
	if ((rw->edits = calloc(names->n + 1, sizeof(*rw->edits))) == NULL ||
	    buf_reserve(&rw->sql, rw->sql.max))
		goto nomem;
	for (i = 0; i < list->n; i++) {
		while (k < names->n && (!names->v[k].merged ||
		    names->v[k].last < i))
			k++;
		if (k < names->n && names->v[k].first == i) {
			put_name(list, &names->v[k], rw, &at);
			i = names->v[k].last;
		} else if (is_contains(list, i)) {
			buf_add(&rw->sql, list->sql + at, list->t[i].off - at);
			buf_adds(&rw->sql, "MATCH   ");
			at = list->t[i].off + list->t[i].len;
		}
	}
	buf_add(&rw->sql, list->sql + at, list->len - at);
	if (!rw->sql.failed)
		return (0);
nomem:
	sql_rewrite_free(rw);
	return (err_nomem(e, "a statement's text"));
}

size_t
sql_rewrite_offset(const struct sql_rewrite * rw, size_t off)
{
	const struct sql_edit * ed;
	size_t i, in = off;

	for (i = 0; i < rw->n; i++) {
		ed = &rw->edits[i];
		if (off < ed->out)
			break;
		if (off < ed->out + ed->out_len)
			return (ed->in);
		in = ed->in + ed->in_len + (off - ed->out - ed->out_len);
	}
	return (in);
}

void
sql_rewrite_free(struct sql_rewrite * rw)
{
	buf_free(&rw->sql);
	free(rw->edits);
	rw->edits = NULL;
	rw->n = 0;
}
