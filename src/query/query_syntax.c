/*
 * SQLite's complaints about the text, as ours: what was found, what was expected,
 * and where.
 */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "query/query_internal.h"

/* Words behind which a value comes, and where clauses begin. */
static const char * const before_value[] = { "all", "and", "as", "between",
	"by", "case", "distinct", "else", "having", "in", "is", "like", "limit",
	"match", "not", "offset", "on", "or", "select", "then", "values", "when",
	"where", NULL };
static const char * const before_table[] = { "from", "join", NULL };
static const char * const clauses[] = { "SELECT", "FROM", "WHERE", "GROUP",
	"ORDER", "BY", "HAVING", "LIMIT", "OFFSET", "JOIN", "LEFT", "INNER",
	"CROSS", "UNION", "EXCEPT", "INTERSECT", "DISTINCT", "BETWEEN", "LIKE",
	"CONTAINS", "WITH", "VALUES", "DESC", "ESCAPE", "COLLATE", "USING" };

/* Where it is that SQLite means when it gives no place. */
static const struct {
	const char * part, * word;
} places[] = {
	{ "ORDER BY", "order" }, { "GROUP BY", "group" },
	{ "HAVING", "having" }, { "ESCAPE", "escape" },
	{ "datatype mismatch", "limit" }, { "RETURNING", "returning" },
	{ "UNION", "union" }, { "INTERSECT", "intersect" },
	{ "EXCEPT", "except" }, { "USING", "using" }, { "ON clause", "on" },
	{ "VALUES", "values" }, { "recursive", "with" }, { "window", "over" },
	{ "RANGE", "range" }, { "LIKE or GLOB", "like" },
	{ "join using", "using" }, { "DISTINCT aggregates", "distinct" },
	{ "RAISE", "raise" },
};

/* How many parentheses are open before token ${i}. */
static size_t
depth_at(const struct token_list * list, size_t i)
{
	size_t k, depth = 0;

	for (k = 0; k < i; k++)
		if (token_is(list, k, "("))
			depth++;
		else if (token_is(list, k, ")") && depth > 0)
			depth--;
	return (depth);
}

/* What may stand at token ${i}, behind the one before. */
static const char *
expected(const struct token_list * list, size_t i)
{
	if (i == 0)
		return ("SELECT");
	if (token_is(list, i - 1, "group") || token_is(list, i - 1, "order") ||
	    token_is(list, i - 1, "partition"))
		return ("BY");
	if (token_is_one_of(list, i - 1, before_table))
		return ("a table");
	if (token_is_one_of(list, i - 1, before_value) ||
	    (list->t[i - 1].kind == TOKEN_OP && !token_is(list, i - 1, ")") &&
	    !token_is(list, i - 1, "*")))
		return ("a value or a column");
	if (depth_at(list, i) > 0)
		return ("an operator, a comma or )");
	return ("an operator, a comma, a clause such as WHERE or the end");
}

static size_t
token_at(const struct token_list * list, size_t off)
{
	size_t i;

	for (i = 0; i < list->n && list->t[i].off + list->t[i].len <= off; i++)
		continue;
	return (i);
}

static int
unexpected(struct query * q, size_t off, struct err * e)
{
	const struct token_list * list = &q->list;
	size_t i = token_at(list, off);
	const char * near = NULL;
	char w[64] = "";

	if (i == list->n || list->t[i].kind == TOKEN_SEMI)
		return (token_error(q->sql, q->len, off, e, "found the end of "
		    "the statement, but expected %s", expected(list, i)));
	if (list->t[i].kind == TOKEN_ID && !token_name(list, i, w, sizeof(w)))
		near = json_nearest(w, clauses, sizeof(clauses) /
		    sizeof(clauses[0]));
	if (near != NULL && token_is(list, i, near))
		near = NULL;
	if (token_is(list, i, "ilike"))
		return (token_error(q->sql, q->len, list->t[i].off, e,
		    "found ILIKE; LIKE tells no case of the letters a to z"));
	return (token_error(q->sql, q->len, list->t[i].off, e,
	    "found %.*s%s%s%s, but expected %s", list->t[i].len > 40 ? 40 :
	    (int)list->t[i].len, token_text(list, i), near ?
	    " (did you mean " : "", near ? near : "", near ? "?)" : "",
	    expected(list, i)));
}

/* The end of what is said. */
static size_t
end_of(const struct query * q)
{
	size_t n = q->list.n;

	while (n > 0 && q->list.t[n - 1].kind == TOKEN_SEMI)
		n--;
	return (n == 0 ? 0 : q->list.t[n - 1].off + q->list.t[n - 1].len);
}

/* What there may be several of, mostly when it runs: words and what, with a *,
 * calls and operators begin with. */
static const struct {
	const char * part, * words[4];
} calls[] = {
	{ "ntile", { "ntile" } }, { "nth_value", { "nth_value" } },
	{ "JSON", { "json*", "->*" } }, { "json_", { "json_*" } },
	{ "sub-select returns", { "in" } }, { "IN(...) element", { "in" } },
	{ "integer overflow", { "sum", "abs" } },
	{ "in a format", { "printf", "format" } },
	{ "to trim", { "trim", "ltrim", "rtrim" } },
	{ "frame ", { "rows", "range", "groups" } },
};

static int
is_such(const struct token_list * list, size_t i,
    const char * const words[4])
{
	size_t k, n;

	for (k = 0; k < 4 && words[k] != NULL; k++) {
		n = strcspn(words[k], "*");
		if ((words[k][n] == '*' ? list->t[i].len >= n :
		    list->t[i].len == n) && (list->t[i].kind == TOKEN_ID ||
		    list->t[i].kind == TOKEN_OP) &&
		    strncasecmp(token_text(list, i), words[k], n) == 0)
			return (1);
	}
	return (0);
}

/* Where the call is that failed so, or, if it may be several, the statement;
 * -1: it is no such fault. */
static long
place_of_call(const struct token_list * list, const char * msg)
{
	size_t k, i, n = 0;
	long off = -1;

	for (k = 0; k < sizeof(calls) / sizeof(calls[0]); k++)
		if (strstr(msg, calls[k].part) != NULL)
			break;
	for (i = 0; i < list->n && k < sizeof(calls) / sizeof(calls[0]); i++)
		if (is_such(list, i, calls[k].words)) {
			off = (long)list->t[i].off;
			n++;
		}
	return (n > 1 ? (long)list->t[0].off : off);
}

/* -1: it is no fault of the text's, but of a table that was read. */
static long
place_of(const struct query * q, const char * msg)
{
	const struct token_list * list = &q->list;
	size_t k, i;
	long off;

	for (k = 0; k < sizeof(places) / sizeof(places[0]); k++)
		for (i = 0; i < list->n && strstr(msg, places[k].part); i++)
			if (token_is(list, i, places[k].word))
				return ((long)list->t[i].off);
	if ((off = place_of_call(list, msg)) >= 0 || !q->compiling)
		return (off);
	/* Which statement it was is worth something, too. */
	return (list->n > 0 ? (long)list->t[0].off : 0);
}

int
query_syntax(struct query * q, const char * msg, long off, struct err * e)
{
	size_t n = strlen(msg);
	const char * end = ": syntax error";

	if (strcmp(msg, "incomplete input") == 0)
		return (unexpected(q, end_of(q), e));
	if (strcmp(msg, "parser stack overflow") == 0)
		return (token_error(q->sql, q->len, q->list.n > 0 ?
		    q->list.t[0].off : 0, e,
		    "the statement is nested too deep: take brackets away, or "
		    "put a part of it into WITH"));
	if (off >= 0 && n > strlen(end) &&
	    strcmp(msg + n - strlen(end), end) == 0)
		return (unexpected(q, (size_t)off, e));
	if (off < 0 && (off = place_of(q, msg)) < 0)
		return (err_set(e, ERR_PERMANENT, "sql", "%s", msg));
	if (strcmp(msg, "datatype mismatch") == 0)
		msg = "LIMIT and OFFSET take whole numbers";
	return (token_error(q->sql, q->len, (size_t)off, e, "%s", msg));
}
