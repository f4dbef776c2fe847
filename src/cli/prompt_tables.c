/* The tables that a statement names. */
#include "cli/prompt_look.h"

#include <string.h>

#include "cli/prompt_context.h"
#include "cli/prompt_sync.h"
#include "sql/token.h"

/* Words that are no alias and end what FROM began. */
PROMPT_WORDS(clauses, "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING",
    "LIMIT", "OFFSET", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS",
    "NATURAL", "OUTER", "ON", "USING", "UNION", "EXCEPT", "INTERSECT", "VALUES",
    "WINDOW", "THEN", "CATCH", "END", "SET", "AS", "INDEXED", "NOT");
/* Words before which a list of tables ends. */
PROMPT_WORDS(table_ends, "SELECT", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT",
    "ON", "USING", "UNION", "EXCEPT", "INTERSECT", "WINDOW");

/* Read one table at token ${i}; return the token behind it. */
static size_t
read_table(struct prompt_look * k, size_t i)
{
	const struct token_list * l = &k->all;
	struct prompt_context * c = k->c;
	struct prompt_table * t;
	size_t next;

	if (!prompt_look_is_name(l, i) || token_is_one_of(l, i,
	    clauses) || c->ntables == PROMPT_TABLES)
		return (i);
	t = &c->tables[c->ntables];
	memset(t, 0, sizeof(*t));
	if ((next = prompt_sync_target(l, i, t)) > i)
		i = next;
	else
		prompt_look_name(l, i++, t->b);
	if (next == 0 && token_is(l, i, ".")) {
		memcpy(t->a, t->b, sizeof(t->a));
		t->b[0] = '\0';
		if (!prompt_look_is_name(l, i + 1))
			return (i + 1); /* it is being typed */
		prompt_look_name(l, i + 1, t->b);
		i += 2;
	}
	if (token_is(l, i, "AS"))
		i++;
	if (prompt_look_is_name(l, i) && !token_is_one_of(l, i, clauses))
		prompt_look_name(l, i++, t->alias);
	c->ntables++;
	return (i);
}

void
prompt_look_tables(struct prompt_look * k)
{
	const struct token_list * l = &k->all;
	size_t i = 0;
	int in_from = 0;

	while (i < l->n) {
		if (token_is(l, i, "FROM") || token_is(l, i, "JOIN") ||
		    (in_from && token_is(l, i, ","))) {
			in_from = 1;
			i = read_table(k, i + 1);
			continue;
		}
		if (token_is_one_of(l, i, table_ends) ||
		    token_is(l, i, "("))
			in_from = 0;
		i++;
	}
}
