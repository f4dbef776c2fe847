/*
 * Texts beside columns that hold none.  SQLite compares by what a value is, so that
 * draft = 'true' would be no row at all, and created > 'soon' all or none of them,
 * without a word.  A boolean takes the words that PostgreSQL takes; what no value of
 * the column can be is an error that says how it is written.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/rfc3339.h"
#include "query/query_internal.h"
#include "target/sample_plan.h"

#define MAX_TEXT 64
#define LITERALS_A_LOOK 64

enum holds { HOLDS_ANY, HOLDS_BOOLEAN, HOLDS_TIME, HOLDS_NUMBER, HOLDS_JSON };

/* ---- which column ---- */

/* What the table holds there; -1: it has no such column. */
static int
in_table(const struct query * q, const struct query_attached * t,
    const char * name)
{
	const char * type, * order;
	int at = t->ent == NULL ? -1 : manifest_column(t->ent, name);

	if (sqlite3_table_column_metadata(q->db, t->schema, t->table, name,
	    &type, &order, NULL, NULL, NULL) != SQLITE_OK)
		return (-1);
	if (type == NULL)
		return (HOLDS_ANY);
	if (strcasecmp(type, "BOOLEAN") == 0)
		return (HOLDS_BOOLEAN);
	/* What goes to a service as it is may be written in its words. */
	if (at >= 0 && t->ent->columns[at].is_input)
		return (HOLDS_ANY);
	if (strncasecmp(type, "TIMESTAMP", 9) == 0 || (order != NULL &&
	    strcasecmp(order, SAMPLE_TIME_ORDER) == 0))
		return (HOLDS_TIME);
	if (strcasecmp(type, "INTEGER") == 0 || strcasecmp(type, "REAL") == 0)
		return (HOLDS_NUMBER);
	return (strcasecmp(type, "JSON") == 0 ? HOLDS_JSON : HOLDS_ANY);
}

/* What columns of that name hold, if all tables that have one agree. */
static enum holds
holds(const struct query * q, const char * table, const char * name)
{
	const struct query_attached * t;
	int named = 0, have = -1, is;
	size_t i;

	for (i = 0; table != NULL && i < q->tables_n; i++)
		named |= strcasecmp(q->tables[i].table, table) == 0;
	for (i = 0; i < q->tables_n; i++) {
		t = &q->tables[i];
		if (named && strcasecmp(t->table, table) != 0)
			continue;
		/* A view of ours: it does not tell. */
		if (sqlite3_table_column_metadata(q->db, t->schema, t->table,
		    NULL, NULL, NULL, NULL, NULL, NULL) != SQLITE_OK)
			return (HOLDS_ANY);
		if ((is = in_table(q, t, name)) < 0)
			continue;
		if (have >= 0 && have != is)
			return (HOLDS_ANY);
		have = is;
	}
	return (have < 0 ? HOLDS_ANY : (enum holds)have);
}

/* Whether an expression may begin at token ${i}. */
static int
begins(const struct token_list * ts, size_t i)
{
	static const char * const before[] = { "(", ",", "where", "and", "or",
	    "not", "on", "when", "having", "case", "select", "by", "distinct",
	    "then", "else", "between", NULL };

	return (i == 0 || token_is_one_of(ts, i - 1, before));
}

/* Whether ${name} is what the statement calls something of its own, too. */
static int
is_own(const struct token_list * ts, const char * name)
{
	char have[SQL_NAME_MAX];
	size_t i;

	for (i = 1; i < ts->n; i++) {
		if ((ts->t[i].kind != TOKEN_ID && ts->t[i].kind !=
		    TOKEN_QUOTED) || token_name(ts, i, have, sizeof(have)) ||
		    strcasecmp(have, name) != 0 || token_is(ts, i - 1, "."))
			continue;
		/* count(*) AS draft, max(draft) draft */
		if (token_is(ts, i - 1, "as") || token_is(ts, i - 1, ")") ||
		    ts->t[i - 1].kind == TOKEN_STRING ||
		    ts->t[i - 1].kind == TOKEN_NUMBER)
			return (1);
	}
	return (0);
}

/* The column whose name ends at token ${i}, alone on its side. */
static enum holds
column_at(const struct query * q, size_t i, char * name)
{
	const struct token_list * ts = &q->list;
	char table[SQL_NAME_MAX];
	int qualified = i > 1 && token_is(ts, i - 1, ".");

	if (i >= ts->n || (ts->t[i].kind != TOKEN_ID &&
	    ts->t[i].kind != TOKEN_QUOTED) ||
	    !begins(ts, qualified ? i - 2 : i) ||
	    token_name(ts, i, name, SQL_NAME_MAX) || is_own(ts, name) ||
	    (qualified && token_name(ts, i - 2, table, sizeof(table))))
		return (HOLDS_ANY);
	return (holds(q, qualified ? table : NULL, name));
}

/* ---- which literal ---- */

static int
compares(const struct token_list * ts, size_t i)
{
	static const char * const ops[] = { "=", "==", "<>", "!=", "<", "<=",
	    ">", ">=", NULL };

	return (i < ts->n && token_is_one_of(ts, i, ops));
}

static int
is_literal(const struct token_list * ts, size_t i)
{
	return (ts->t[i].kind == TOKEN_STRING || ts->t[i].kind == TOKEN_NUMBER);
}

/* Where what is compared with ends that begins before token ${i}, a keyword. */
static size_t
before_not(const struct token_list * ts, size_t i)
{
	return (i > 1 && token_is(ts, i - 1, "not") ? i - 2 : i - 1);
}

/* The last token of the column that literal ${i} is compared with; SIZE_MAX: none. */
static size_t
column_of(const struct token_list * ts, size_t i)
{
	size_t k = i;

	if (i < 2)
		return (SIZE_MAX);
	if (compares(ts, i - 1) || token_is(ts, i - 1, "is"))
		return (i - 2);
	if (i > 2 && token_is(ts, i - 1, "not") && token_is(ts, i - 2, "is"))
		return (i - 3);
	if (token_is(ts, i - 1, "between"))
		return (before_not(ts, i - 1));
	if (i > 4 && token_is(ts, i - 1, "and") && is_literal(ts, i - 2) &&
	    token_is(ts, i - 3, "between"))
		return (before_not(ts, i - 3));
	while (k > 2 && token_is(ts, k - 1, ",") && is_literal(ts, k - 2))
		k -= 2;
	if (k > 2 && token_is(ts, k - 1, "(") && token_is(ts, k - 2, "in"))
		return (before_not(ts, k - 2));
	return (SIZE_MAX);
}

/* Whether the literal is all of its side. */
static int
is_alone(const struct token_list * ts, size_t i)
{
	return (i + 1 >= ts->n || (!token_is(ts, i + 1, "collate") &&
	    (ts->t[i + 1].kind != TOKEN_OP || token_is(ts, i + 1, ")") ||
	    token_is(ts, i + 1, ","))));
}

/* The column on the other side of literal ${i}, on the right as well. */
static enum holds
beside(const struct query * q, size_t i, char * name)
{
	const struct token_list * ts = &q->list;
	size_t at = column_of(ts, i);

	if (at != SIZE_MAX && is_alone(ts, i))
		return (column_at(q, at, name));
	if (!begins(ts, i) || !compares(ts, i + 1))
		return (HOLDS_ANY);
	at = i + 2;
	if (at + 2 < ts->n && token_is(ts, at + 1, "."))
		at += 2;
	if (!is_alone(ts, at) || token_is(ts, at + 1, "("))
		return (HOLDS_ANY);
	/* It is no beginning, but as good as one. */
	if (at >= ts->n || token_name(ts, at, name, SQL_NAME_MAX) ||
	    (ts->t[at].kind != TOKEN_ID && ts->t[at].kind != TOKEN_QUOTED) ||
	    is_own(ts, name))
		return (HOLDS_ANY);
	return (holds(q, NULL, name));
}

/* ---- what it says ---- */

static int
truth(const char * s)
{
	static const char * const words[2][6] = {
		{ "false", "f", "no", "n", "off", "0" },
		{ "true", "t", "yes", "y", "on", "1" } };
	size_t i;
	int is;

	for (is = 0; is < 2; is++)
		for (i = 0; i < 6; i++)
			if (strcasecmp(s, words[is][i]) == 0)
				return (is);
	return (-1);
}

/* Also a year or a month: whatever begins so comes after it. */
static int
is_time(const char * s)
{
	static const char digits[] = "0123456789";
	size_t n = strspn(s, digits);
	int64_t ms;

	if (n == 4 && (s[4] == '\0' || (s[4] == '-' && strspn(s + 5, digits) ==
	    2 && s[7] == '\0')))
		return (1);
	return (rfc3339_loose(s, strlen(s), &ms) == 0);
}

static int
is_number(const char * s)
{
	char * end;

	strtod(s, &end);
	return (end != s && end[strspn(end, " \t\r\n")] == '\0' &&
	    strpbrk(s, "xXnN") == NULL);
}

/* Literal ${i} becomes 0 or 1, in its width. */
static void
put_truth(struct query * q, size_t i, int is)
{
	const struct token * t = &q->list.t[i];
	size_t at = t->off, k;

	for (k = 0; k < q->rw.n && q->rw.edits[k].in < t->off; k++)
		at += q->rw.edits[k].out_len - q->rw.edits[k].in_len;
	memset(q->rw.sql.p + at, ' ', t->len);
	q->rw.sql.p[at] = is ? '1' : '0';
}

static int
refuse(const struct query * q, size_t i, const char * name, const char * text,
    const char * what, struct err * e)
{
	token_error(q->sql, q->len, q->list.t[i].off, e, "%.60s %s, which "
	    "'%.40s' is not", name, what, text);
	if (e != NULL) {
		e->cls = ERR_CONFIG;
		memcpy(e->code, "value", sizeof("value"));
	}
	return (-1);
}

/* The literal before, of a list perhaps: then this one stands beside the same. */
struct before {
	size_t at;
	int in_list;
	enum holds holds;
	char name[SQL_NAME_MAX];
};

static enum holds
beside_once(const struct query * q, size_t i, struct before * was)
{
	const struct token_list * ts = &q->list;

	if (!was->in_list || was->at + 2 != i || !token_is(ts, i - 1, ",") ||
	    !is_alone(ts, i)) {
		was->in_list = i > 2 && token_is(ts, i - 1, "(") &&
		    token_is(ts, i - 2, "in");
		was->holds = beside(q, i, was->name);
	}
	was->at = i;
	return (was->holds);
}

static int
refuse_time(const struct query * q, size_t i, const char * name,
    const char * text, struct err * e)
{
	return (refuse(q, i, name, text, "is a time, as "
	    "'2026-11-21T16:00:00Z', '2026-11-21' or datetime('now', '-1 day')",
	    e));
}

int
query_literal_time(const struct query * q, size_t i, const char * name,
    struct err * e)
{
	const struct token_list * ts = &q->list;
	char s[MAX_TEXT];

	if (i >= ts->n || ts->t[i].kind != TOKEN_STRING || !is_alone(ts, i) ||
	    token_name(ts, i, s, sizeof(s)) || is_time(s))
		return (0);
	return (refuse_time(q, i, name, s, e));
}

static int
check(struct query * q, size_t i, struct before * was, struct err * e)
{
	const struct token_list * ts = &q->list;
	const char * name = was->name;
	enum holds holds = beside_once(q, i, was);
	char s[MAX_TEXT];
	int is;

	/* A longer text is left alone. */
	if (holds == HOLDS_ANY || token_name(ts, i, s, sizeof(s)))
		return (0);
	switch (holds) {
	case HOLDS_ANY:
		break;
	case HOLDS_BOOLEAN:
		if (ts->t[i].kind != TOKEN_STRING)
			break;
		if ((is = truth(s)) < 0)
			return (refuse(q, i, name, s, "is true or false", e));
		put_truth(q, i, is);
		break;
	case HOLDS_TIME:
		if (!is_time(s))
			return (refuse_time(q, i, name, s, e));
		break;
	case HOLDS_NUMBER:
		if (ts->t[i].kind == TOKEN_STRING && !is_number(s))
			return (refuse(q, i, name, s, "is a number", e));
		break;
	case HOLDS_JSON:
		if (ts->t[i].kind != TOKEN_STRING || (s[strspn(s, " ")] != '[' &&
		    s[strspn(s, " ")] != '{'))
			return (refuse(q, i, name, s, "is a list or a map (a "
			    "value in a list: CONTAINS 'x'; in a map: ->> "
			    "'$.name' = 'x')", e));
		break;
	}
	return (0);
}

int
query_literals(struct query * q, struct err * e)
{
	static const char * const others[] = { "json_each", "json_tree", NULL };
	const struct token_list * ts = &q->list;
	struct before was = { .at = 0 };
	size_t i, n = 0;

	if (q->opts.as_is)
		return (0);
	/* Names that come from elsewhere: WITH t(a, b) AS, and functions that are
	 * tables. */
	for (i = 1; i < ts->n; i++)
		if (token_is_one_of(ts, i, others) || (token_is(ts, i, "as") &&
		    token_is(ts, i - 1, ")") && token_is(ts, i + 1, "(")))
			return (0);
	for (i = 1; q->tables_n > 0 && i < ts->n; i++) {
		if (!is_literal(ts, i))
			continue;
		if (++n % LITERALS_A_LOOK == 0 && query_breathe(q))
			return (query_stopped(q, e));
		if (check(q, i, &was, e))
			return (-1);
	}
	return (0);
}
