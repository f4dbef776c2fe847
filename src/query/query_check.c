#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "query/query_internal.h"

#define MAX_TOKENS 100000

static const char * const allowed =
    "SELECT (also WITH, VALUES and EXPLAIN QUERY PLAN)";

static int
reads(const struct token_list * list, size_t i)
{
	return (token_is(list, i, "select") || token_is(list, i, "with") ||
	    token_is(list, i, "values"));
}

/* WITH ... INSERT and its like: the write after the last parenthesis. */
static size_t
writes_after_with(const struct token_list * list, size_t i)
{
	static const char * const words[] = { "insert", "replace", "update",
	    "delete", "select", "values" };
	size_t depth = 0, k;

	for (; i < list->n && list->t[i].kind != TOKEN_SEMI; i++) {
		if (token_is(list, i, "("))
			depth++;
		else if (token_is(list, i, ")"))
			depth -= depth > 0;
		else if (depth == 0 && list->t[i].kind == TOKEN_ID)
			for (k = 0; k < 6; k++)
				if (token_is(list, i, words[k]))
					return (k < 4 ? i : 0);
	}
	return (0);
}

static int
is_verb(const char * w)
{
	static const char * const verbs[] = { "alter", "analyze", "attach",
		"begin", "commit", "connector_exec", "create", "delete",
		"describe", "detach", "drop", "end", "exec", "explain",
		"insert", "pause", "pragma", "reindex", "release", "replace",
		"resume", "rollback", "run", "savepoint", "set", "show", "sync",
		"test", "update", "vacuum" };
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcasecmp(verbs[i], w) == 0)
			return (1);
	return (0);
}

/* The first word is none that reads: say which would. */
static int
refuse_first(struct query * q, size_t i, struct err * e)
{
	static const char * const words[] = { "SELECT", "WITH", "VALUES",
	    "EXPLAIN" };
	const struct token_list * list = &q->list;
	char w[32];
	const char * near;

	if (list->t[i].kind != TOKEN_ID || token_name(list, i, w, sizeof(w)))
		return (token_error(q->sql, q->len, list->t[i].off, e,
		    "a query begins with %s", allowed));
	if (is_verb(w)) {
		token_error(q->sql, q->len, list->t[i].off, e,
		    "found %s, but only %s can run as a query", w, allowed);
		if (e != NULL)
			memcpy(e->code, "denied", sizeof("denied"));
		return (-1);
	}
	near = json_nearest(w, words, 4);
	return (token_error(q->sql, q->len, list->t[i].off, e,
	    "found %s%s%s%s, but a query begins with %s", w,
	    near ? " (did you mean " : "", near ? near : "", near ? "?)" : "",
	    allowed));
}

/* es:name and sqlite:name are names (sql_names.h). */
static int
names_kind(const struct token_list * list, size_t i)
{
	return (i > 0 && *token_text(list, i) == ':' &&
	    list->t[i - 1].off + list->t[i - 1].len == list->t[i].off &&
	    (token_is(list, i - 1, "es") || token_is(list, i - 1, "sqlite")));
}

static int
refuse_param(struct query * q, size_t i, struct err * e)
{
	const struct token_list * list = &q->list;

	if (list->t[i].off > 0 && token_text(list, i)[-1] == ':')
		return (token_error(q->sql, q->len, list->t[i].off, e,
		    "a cast is written CAST(x AS TEXT)"));
	return (token_error(q->sql, q->len, list->t[i].off, e,
	    "the parameter %.*s has no value: write the value",
	    (int)list->t[i].len, token_text(list, i)));
}

static int
check_shape(struct query * q, struct err * e)
{
	const struct token_list * list = &q->list;
	size_t i, first = 0;

	while (first < list->n && list->t[first].kind == TOKEN_SEMI)
		first++;
	if (first == list->n)
		return (token_error(q->sql, q->len, 0, e,
		    "there is no statement here"));
	if (token_is(list, first, "explain")) {
		if (!token_is(list, first + 1, "query") ||
		    !token_is(list, first + 2, "plan") ||
		    !reads(list, first + 3))
			return (refuse_first(q, first, e));
	} else if (!reads(list, first))
		return (refuse_first(q, first, e));
	if ((i = writes_after_with(list, first)) != 0)
		return (refuse_first(q, i, e));
	for (i = first; i < list->n && list->t[i].kind != TOKEN_SEMI; i++)
		if (list->t[i].kind == TOKEN_PARAM && !names_kind(list, i))
			return (refuse_param(q, i, e));
	for (; i < list->n; i++)
		if (list->t[i].kind != TOKEN_SEMI)
			return (token_error(q->sql, q->len, list->t[i].off, e,
			    "more than one statement: send one at a time"));
	return (0);
}

int
query_check(struct query * q, struct err * e)
{
	if (q->too_long)
		return (err_set(e, ERR_PERMANENT, "sql", "the statement is "
		    "%zu bytes long, more than the %zu it may be", q->too_long,
		    q->opts.max_sql));
	if (token_list(q->sql, q->len, MAX_TOKENS, &q->list, e)) {
		/* "unterminated" is for who may read on; here all is there. */
		if (e->cls == ERR_PERMANENT)
			memcpy(e->code, "sql", sizeof("sql"));
		return (-1);
	}
	if (check_shape(q, e) ||
	    sql_names(&q->list, QUERY_MAX_TABLES * 4, &q->names, e) ||
	    sql_rewrite(&q->list, &q->names, &q->rw, e))
		return (-1);
	return (0);
}
