/* What could stand in a SELECT, and behind a dot. */
#include "cli/prompt_look.h"

#include <string.h>
#include <strings.h>

#include "cli/prompt_context.h"
#include "sql/token.h"

PROMPT_WORDS(subquery, "SELECT");
/* Where a value begins. */
PROMPT_WORDS(values, "CASE", "CAST(", "EXISTS", "NOT", "NULL");
PROMPT_WORDS(functions, "abs(", "avg(", "coalesce(", "count(", "date(",
    "datetime(", "group_concat(", "ifnull(", "iif(", "instr(",
    "json_array_length(", "json_each(", "json_extract(", "julianday(",
    "length(", "lower(", "max(", "min(", "nullif(", "printf(", "replace(",
    "round(", "row_number(", "strftime(", "substr(", "sum(", "total(", "trim(",
    "typeof(", "unixepoch(", "upper(");
PROMPT_WORDS(after_select, "ALL", "DISTINCT");
/* Where a value has ended. */
PROMPT_WORDS(operators, "AND", "BETWEEN", "CONTAINS", "IN", "IS NOT NULL",
    "IS NULL", "LIKE", "NOT", "OR");
PROMPT_WORDS(in_case, "ELSE", "END", "THEN", "WHEN");
PROMPT_WORDS(after_list, "AS", "FROM");
PROMPT_WORDS(after_from, "AS", "CROSS JOIN", "GROUP BY", "INNER JOIN", "JOIN",
    "LEFT JOIN", "LIMIT", "ON", "ORDER BY", "UNION", "UNION ALL", "USING",
    "WHERE");
PROMPT_WORDS(after_where, "EXCEPT", "GROUP BY", "HAVING", "INTERSECT", "JOIN",
    "LEFT JOIN", "LIMIT", "ORDER BY", "UNION", "UNION ALL", "WHERE");
PROMPT_WORDS(after_order, "ASC", "COLLATE NOCASE", "DESC", "LIMIT",
    "NULLS FIRST", "NULLS LAST");
PROMPT_WORDS(after_limit, "OFFSET");
PROMPT_WORDS(only_by, "BY");
PROMPT_WORDS(only_join, "JOIN", "OUTER JOIN");

/* The clause that token ${n} of the head is in: the nearest such word at its
 * level; ${*paren}: set if it stands in brackets behind a name. */
static const char *
clause_at(const struct token_list * l, size_t n, int * paren)
{
	static const char * const words[] = { "SELECT", "FROM", "JOIN", "WHERE",
	    "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "ON", "USING",
	    "VALUES", "WITH", NULL };
	size_t i, w;
	int depth = 0;

	*paren = 0;
	for (i = n; i-- > 0; ) {
		if (token_is(l, i, ")"))
			depth++;
		else if (token_is(l, i, "(") && depth-- == 0) {
			*paren = 1;
			depth = 0;
		}
		for (w = 0; depth == 0 && words[w] != NULL; w++)
			if (token_is(l, i, words[w]))
				return (words[w]);
	}
	return (NULL);
}

void
prompt_look_after_dot(struct prompt_look * k)
{
	static const char * const takers[] = { "FROM", "JOIN", "DESCRIBE",
	    "CONNECTOR_EXEC", "EXEC", "CONNECTOR", NULL };
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t i, n = l->n, first = prompt_look_first(l);
	int paren, exec;

	if (n < 2 || !prompt_look_is_name(l, n - 2))
		return;
	prompt_look_name(l, n - 2, c->a);
	exec = token_is(l, first, "EXEC") ||
	    token_is(l, first, "CONNECTOR_EXEC") ||
	    (token_is(l, first, "EXPLAIN") && (token_is(l, first + 1, "EXEC") ||
	    token_is(l, first + 1, "CONNECTOR_EXEC")));
	if (n >= 4 && token_is(l, n - 3, ".") &&
	    prompt_look_is_name(l, n - 4)) {
		prompt_look_name(l, n - 4, c->a);
		prompt_look_name(l, n - 2, c->b);
		c->want = exec ? PROMPT_WANT_ACTIONS : PROMPT_WANT_COLUMNS;
		if (!exec) {
			c->ntables = 1;
			memcpy(c->tables[0].a, c->a, PROMPT_NAME);
			memcpy(c->tables[0].b, c->b, PROMPT_NAME);
		}
		return;
	}
	if (n >= 3 && (token_is_one_of(l, n - 3, takers) ||
	    (token_is(l, n - 3, ",") && clause_at(l, n, &paren) != NULL &&
	    strcmp(clause_at(l, n, &paren), "FROM") == 0))) {
		c->want = PROMPT_WANT_ENTITIES;
		return;
	}
	for (i = 0; i < c->ntables; i++) {
		if (strcasecmp(c->tables[i].alias[0] != '\0' ?
		    c->tables[i].alias : c->tables[i].b, c->a) != 0)
			continue;
		c->tables[0] = c->tables[i];
		c->ntables = 1;
		c->want = PROMPT_WANT_COLUMNS;
		return;
	}
	c->want = PROMPT_WANT_ENTITIES;
}

/* Whether a value can begin behind token ${i}. */
static int
opens_value(const struct token_list * l, size_t i)
{
	static const char * const words[] = { "SELECT", "DISTINCT", "ALL",
	    "WHERE", "AND", "OR", "NOT", "ON", "BY", "HAVING", "WHEN", "THEN",
	    "ELSE", "CASE", "BETWEEN", "LIKE", "IN", "IS", "CONTAINS", "LIMIT",
	    "OFFSET", "EXISTS", NULL };

	if (l->t[i].kind == TOKEN_OP)
		return (!token_is(l, i, ")") && !token_is(l, i, "."));
	return (token_is_one_of(l, i, words));
}

void
prompt_look_in_select(struct prompt_look * k)
{
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t last = l->n - 1;
	const char * clause;
	int paren;

	clause = clause_at(l, l->n, &paren);
	if (clause == NULL)
		clause = "";
	if (token_is(l, last, "FROM") || token_is(l, last, "JOIN") ||
	    (token_is(l, last, ",") && strcmp(clause, "FROM") == 0)) {
		c->want = PROMPT_WANT_CONNECTORS | PROMPT_WANT_TARGETS;
		c->dot = 1;
	} else if (token_is(l, last, "GROUP") || token_is(l, last, "ORDER")) {
		prompt_look_add(c, only_by);
	} else if (token_is(l, last, "LEFT") || token_is(l, last, "INNER") ||
	    token_is(l, last, "CROSS")) {
		prompt_look_add(c, only_join);
	} else if (opens_value(l, last)) {
		if (strcmp(clause, "LIMIT") == 0 ||
		    strcmp(clause, "OFFSET") == 0)
			return;
		c->want = PROMPT_WANT_COLUMNS | PROMPT_WANT_ALIASES;
		if (token_is(l, last, "SELECT"))
			prompt_look_add(c, after_select);
		else if (token_is(l, last, "("))
			prompt_look_add(c, subquery);
		prompt_look_add(c, values);
		prompt_look_add(c, functions);
	} else if (strcmp(clause, "SELECT") == 0) {
		if (!paren)
			prompt_look_add(c, after_list);
		prompt_look_add(c, operators);
		prompt_look_add(c, in_case);
	} else if (strcmp(clause, "FROM") == 0 || strcmp(clause, "JOIN") == 0 ||
	    strcmp(clause, "USING") == 0) {
		prompt_look_add(c, after_from);
	} else if (strcmp(clause, "ORDER") == 0) {
		prompt_look_add(c, after_order);
	} else if (strcmp(clause, "LIMIT") == 0) {
		prompt_look_add(c, after_limit);
	} else {
		prompt_look_add(c, after_where);
		prompt_look_add(c, operators);
		prompt_look_add(c, in_case);
	}
}
