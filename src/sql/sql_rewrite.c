#include "sql/sql_rewrite.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* ---- the name of a target before a column: gh-issues.number ---- */

static int
is_adjacent(const struct token_list * list, size_t i)
{
	return (i + 1 < list->n && list->t[i].off + list->t[i].len ==
	    list->t[i + 1].off);
}

/* Whether columns are told by the name itself: it was given no other. */
static int
is_bare(const struct token_list * list, const struct sql_name * nm)
{
	size_t i = nm->last + 1;

	if (!nm->merged || *nm->schema != '\0')
		return (0);
	if (i >= list->n)
		return (1);
	return (list->t[i].kind == TOKEN_OP || list->t[i].kind == TOKEN_SEMI ||
	    (list->t[i].kind == TOKEN_ID && is_reserved(list, i) &&
	    !token_is(list, i, "as")));
}

/* The last token of the name ${nm} that stands at token ${i} before a column; 0:
 * it does not.  What is glued to something before it is arithmetic. */
static size_t
qualifier(const struct token_list * list, const struct sql_name * nm, size_t i)
{
	size_t off = list->t[i].off, j = i, n;
	const struct token * last = &list->t[nm->last];

	n = last->off + last->len - list->t[nm->first].off;
	if ((i > 0 && is_adjacent(list, i - 1) && (list->t[i - 1].kind !=
	    TOKEN_OP || token_is(list, i - 1, "-") ||
	    token_is(list, i - 1, "."))) || list->len - off < n ||
	    strncasecmp(list->sql + off, list->sql + list->t[nm->first].off, n))
		return (0);
	while (j < list->n && list->t[j].off + list->t[j].len < off + n)
		j++;
	if (j + 2 >= list->n || list->t[j].off + list->t[j].len != off + n ||
	    !is_adjacent(list, j) || !token_is(list, j + 1, ".") ||
	    !is_adjacent(list, j + 1))
		return (0);
	return (list->t[j + 2].kind == TOKEN_ID || list->t[j + 2].kind ==
	    TOKEN_QUOTED || token_is(list, j + 2, "*") ? j : 0);
}

/* Those that may stand so; more than a few need names of their own. */
struct bare {
	const struct sql_name * v[32];
	size_t n;
};

static void
find_bare(const struct token_list * list, const struct sql_names * names,
    struct bare * b)
{
	size_t k;

	for (b->n = k = 0; k < names->n; k++)
		if (b->n < sizeof(b->v) / sizeof(b->v[0]) &&
		    is_bare(list, &names->v[k]))
			b->v[b->n++] = &names->v[k];
	/* Quotes mean something else within an object, and there is none in a
	 * SELECT. */
	for (k = 0; k < list->n && b->n > 0; k++)
		if (token_is(list, k, "{"))
			b->n = 0;
}

static int
find_qualifier(const struct token_list * list, const struct bare * b, size_t i,
    struct sql_name * found)
{
	size_t k;

	for (k = 0; k < b->n && list->t[i].kind == TOKEN_ID; k++) {
		if ((found->last = qualifier(list, b->v[k], i)) == 0)
			continue;
		found->first = i;
		return (1);
	}
	return (0);
}

static size_t
count_qualifiers(const struct token_list * list, const struct bare * b)
{
	struct sql_name found;
	size_t i, n = 0;

	for (i = 0; i < list->n && b->n > 0; i++)
		n += (size_t)find_qualifier(list, b, i, &found);
	return (n);
}

int
sql_rewrite(const struct token_list * list, const struct sql_names * names,
    struct sql_rewrite * rw, struct err * e)
{
	size_t i, k = 0, at = 0, n;
	struct sql_name found;
	struct bare bare;

	memset(rw, 0, sizeof(*rw));
	find_bare(list, names, &bare);
	n = names->n + count_qualifiers(list, &bare);
	rw->sql.max = list->len + 3 * n + 1;
	if ((rw->edits = calloc(n + 1, sizeof(*rw->edits))) == NULL ||
	    buf_reserve(&rw->sql, rw->sql.max))
		goto nomem;
	for (i = 0; i < list->n; i++) {
		while (k < names->n && (!names->v[k].merged ||
		    names->v[k].last < i))
			k++;
		if (k < names->n && names->v[k].first == i) {
			put_name(list, &names->v[k], rw, &at);
			i = names->v[k].last;
		} else if (find_qualifier(list, &bare, i, &found)) {
			put_name(list, &found, rw, &at);
			i = found.last;
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

int
sql_rewrite_insert(struct sql_rewrite * rw, const struct sql_insert * ins,
    size_t n, struct err * e)
{
	struct sql_rewrite out = { BUF_INIT(0), NULL, 0 };
	size_t i, k = 0, from = 0, to, more = 0;
	const struct sql_edit * ed;

	for (i = 0; i < n; i++)
		more += strlen(ins[i].text);
	out.sql.max = rw->sql.len + more + 1;
	out.edits = calloc(rw->n + n + 1, sizeof(*out.edits));
	if (out.edits == NULL || buf_reserve(&out.sql, out.sql.max)) {
		sql_rewrite_free(&out);
		return (err_nomem(e, "a statement's text"));
	}
	for (i = 0; i <= n; i++) {
		for (; k < rw->n && (i == n || rw->edits[k].in < ins[i].at);
		    k++) {
			out.edits[out.n] = rw->edits[k];
			out.edits[out.n++].out += out.sql.len - from;
		}
		if (i == n)
			break;
		ed = k == 0 ? NULL : &rw->edits[k - 1];
		to = ed == NULL ? ins[i].at : ed->out + ed->out_len +
		    (ins[i].at - ed->in - ed->in_len);
		buf_add(&out.sql, rw->sql.p + from, to - from);
		from = to;
		out.edits[out.n].in = ins[i].at;
		out.edits[out.n].in_len = 0;
		out.edits[out.n].out = out.sql.len;
		out.edits[out.n++].out_len = strlen(ins[i].text);
		buf_adds(&out.sql, ins[i].text);
	}
	buf_add(&out.sql, rw->sql.p + from, rw->sql.len - from);
	sql_rewrite_free(rw);
	*rw = out;
	return (0);
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
