#include "cli/prompt_context.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/prompt_sync.h"
#include "cli/split.h"
#include "sql/token.h"

#define TOKENS_MAX 20000

/* Each list is ended by NULL.  A name with "(" is a function. */
#define WORDS(name, ...) \
	static const char * const name[] = { __VA_ARGS__, NULL }

WORDS(at_start, "ALTER", "BEGIN", "CONNECTOR_EXEC", "CREATE", "DESCRIBE",
    "DROP", "EXEC", "EXPLAIN", "PAUSE", "RESUME", "RUN", "SELECT", "SET",
    "SHOW", "SYNC", "TEST", "VALUES", "WITH");
WORDS(after_create, "CONNECTOR", "OR REPLACE CONNECTOR");
WORDS(after_show, "ACTION", "ACTIONS", "CONNECTOR", "CONNECTORS", "SECRETS", "SYNC", "SYNCS",
    "TARGETS", "TYPES");
WORDS(after_actions, "FOR", "LIMIT");
WORDS(only_limit, "LIMIT");
WORDS(after_drop, "CONNECTOR", "SECRET", "SYNC");
WORDS(only_connector, "CONNECTOR");
WORDS(only_secret, "SECRET");
WORDS(only_sync, "SYNC");
WORDS(only_type, "TYPE");
WORDS(only_status, "STATUS");
WORDS(if_exists, "IF EXISTS");
WORDS(if_not_exists, "IF NOT EXISTS");
WORDS(after_alter_name, "DISABLE", "ENABLE", "SET CONFIG", "SET OPTIONS");
WORDS(after_alter_set, "CONFIG", "OPTIONS");
WORDS(after_type, "CONFIG");
WORDS(after_object, "OPTIONS");
WORDS(after_explain, "CONNECTOR_EXEC", "QUERY PLAN", "SELECT", "SYNC", "WITH");
WORDS(after_begin, "CONNECTOR_EXEC", "SELECT", "TRY", "WITH");
WORDS(options, "batch_size", "ca_file", "cache_ttl", "client_cert",
    "client_key", "max_api_calls",
    "rate_limit", "rate_limit_burst", "retention", "retry_count",
    "sync_interval", "timeout_seconds", "tls_verify");
WORDS(classes, "auth_error", "config_error", "connector_error", "OTHERS",
    "rate_limit_error", "timeout_error");
WORDS(subquery, "SELECT");
/* Where a value begins. */
WORDS(values, "CASE", "CAST(", "EXISTS", "NOT", "NULL");
WORDS(functions, "abs(", "avg(", "coalesce(", "count(", "date(", "datetime(",
    "group_concat(", "ifnull(", "iif(", "instr(", "json_array_length(",
    "json_each(", "json_extract(", "julianday(", "length(", "lower(", "max(",
    "min(", "nullif(", "printf(", "replace(", "round(", "row_number(",
    "strftime(", "substr(", "sum(", "total(", "trim(", "typeof(", "unixepoch(",
    "upper(");
WORDS(after_select, "ALL", "DISTINCT");
/* Where a value has ended. */
WORDS(operators, "AND", "BETWEEN", "CONTAINS", "IN", "IS NOT NULL", "IS NULL",
    "LIKE", "NOT", "OR");
WORDS(in_case, "ELSE", "END", "THEN", "WHEN");
WORDS(after_list, "AS", "FROM");
WORDS(after_from, "AS", "CROSS JOIN", "GROUP BY", "INNER JOIN", "JOIN",
    "LEFT JOIN", "LIMIT", "ON", "ORDER BY", "UNION", "UNION ALL", "USING",
    "WHERE");
WORDS(after_where, "EXCEPT", "GROUP BY", "HAVING", "INTERSECT", "JOIN",
    "LEFT JOIN", "LIMIT", "ORDER BY", "UNION", "UNION ALL", "WHERE");
WORDS(after_order, "ASC", "COLLATE NOCASE", "DESC", "LIMIT", "NULLS FIRST",
    "NULLS LAST");
WORDS(after_limit, "OFFSET");
WORDS(only_by, "BY");
WORDS(only_join, "JOIN", "OUTER JOIN");

struct look {
	struct token_list all;  /* of the statement, or of what can be read */
	struct token_list head; /* before the word */
	struct prompt_context * c;
};

static int
is_idchar(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || ((unsigned char)c & 0x80));
}

static int
is_name(const struct token_list * l, size_t i)
{
	return (i < l->n && (l->t[i].kind == TOKEN_ID ||
	    l->t[i].kind == TOKEN_QUOTED));
}

static int
is_one_of(const struct token_list * l, size_t i, const char * const * words)
{
	for (; *words != NULL; words++)
		if (token_is(l, i, *words))
			return (1);
	return (0);
}

static void
copy_name(const struct token_list * l, size_t i, char out[PROMPT_NAME])
{
	if (token_name(l, i, out, PROMPT_NAME))
		out[0] = '\0';
}

/* Words that are no alias and end what FROM began. */
WORDS(clauses, "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT",
    "OFFSET", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL",
    "OUTER", "ON", "USING", "UNION", "EXCEPT", "INTERSECT", "VALUES", "WINDOW",
    "THEN", "CATCH", "END", "SET", "AS", "INDEXED", "NOT");
/* Words before which a list of tables ends. */
WORDS(table_ends, "SELECT", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "ON",
    "USING", "UNION", "EXCEPT", "INTERSECT", "WINDOW");

/* Read one table at token ${i}; return the token behind it. */
static size_t
read_table(struct look * k, size_t i)
{
	const struct token_list * l = &k->all;
	struct prompt_context * c = k->c;
	struct prompt_table * t;
	size_t next;

	if (!is_name(l, i) || is_one_of(l, i, clauses) ||
	    c->ntables == PROMPT_TABLES)
		return (i);
	t = &c->tables[c->ntables];
	memset(t, 0, sizeof(*t));
	if ((next = prompt_sync_target(l, i, t)) > i)
		i = next;
	else
		copy_name(l, i++, t->b);
	if (next == 0 && token_is(l, i, ".")) {
		memcpy(t->a, t->b, sizeof(t->a));
		t->b[0] = '\0';
		if (!is_name(l, i + 1))
			return (i + 1); /* it is being typed */
		copy_name(l, i + 1, t->b);
		i += 2;
	}
	if (token_is(l, i, "AS"))
		i++;
	if (is_name(l, i) && !is_one_of(l, i, clauses))
		copy_name(l, i++, t->alias);
	c->ntables++;
	return (i);
}

static void
read_tables(struct look * k)
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
		if (is_one_of(l, i, table_ends) || token_is(l, i, "("))
			in_from = 0;
		i++;
	}
}

/* The clause that token ${n} of the head is in: the nearest such word at its
 * level; ${fn}: set if it stands in brackets behind a name. */
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

/* The first word of the statement, also of one within BEGIN ... END. */
static size_t
first_word(const struct token_list * l)
{
	size_t i, first = 0;

	for (i = 0; i < l->n; i++)
		if (l->t[i].kind == TOKEN_SEMI || token_is(l, i, "TRY") ||
		    token_is(l, i, "FINALLY") || (token_is(l, i, "THEN") &&
		    i > 0 && (token_is(l, i - 1, "CATCH") || (i > 1 &&
		    token_is(l, i - 2, "CATCH")))))
			first = i + 1;
	return (first);
}

static void
add_words(struct prompt_context * c, const char * const * words)
{
	size_t i;

	for (i = 0; i < 3; i++)
		if (c->words[i] == NULL) {
			c->words[i] = words;
			return;
		}
}

/* Behind a dot: an entity, a column, an action. */
static void
after_dot(struct look * k)
{
	static const char * const takers[] = { "FROM", "JOIN", "DESCRIBE",
	    "CONNECTOR_EXEC", "EXEC", "CONNECTOR", NULL };
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t i, n = l->n, first = first_word(l);
	int paren, exec;

	if (n < 2 || !is_name(l, n - 2))
		return;
	copy_name(l, n - 2, c->a);
	exec = token_is(l, first, "EXEC") ||
	    token_is(l, first, "CONNECTOR_EXEC") ||
	    (token_is(l, first, "EXPLAIN") && (token_is(l, first + 1, "EXEC") ||
	    token_is(l, first + 1, "CONNECTOR_EXEC")));
	if (n >= 4 && token_is(l, n - 3, ".") && is_name(l, n - 4)) {
		copy_name(l, n - 4, c->a);
		copy_name(l, n - 2, c->b);
		c->want = exec ? PROMPT_WANT_ACTIONS : PROMPT_WANT_COLUMNS;
		if (!exec) {
			c->ntables = 1;
			memcpy(c->tables[0].a, c->a, PROMPT_NAME);
			memcpy(c->tables[0].b, c->b, PROMPT_NAME);
		}
		return;
	}
	if (n >= 3 && (is_one_of(l, n - 3, takers) || (token_is(l, n - 3, ",") &&
	    clause_at(l, n, &paren) != NULL &&
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
	return (is_one_of(l, i, words));
}

static void
in_select(struct look * k)
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
		add_words(c, only_by);
	} else if (token_is(l, last, "LEFT") || token_is(l, last, "INNER") ||
	    token_is(l, last, "CROSS")) {
		add_words(c, only_join);
	} else if (opens_value(l, last)) {
		if (strcmp(clause, "LIMIT") == 0 ||
		    strcmp(clause, "OFFSET") == 0)
			return;
		c->want = PROMPT_WANT_COLUMNS | PROMPT_WANT_ALIASES;
		if (token_is(l, last, "SELECT"))
			add_words(c, after_select);
		else if (token_is(l, last, "("))
			add_words(c, subquery);
		add_words(c, values);
		add_words(c, functions);
	} else if (strcmp(clause, "SELECT") == 0) {
		if (!paren)
			add_words(c, after_list);
		add_words(c, operators);
		add_words(c, in_case);
	} else if (strcmp(clause, "FROM") == 0 || strcmp(clause, "JOIN") == 0 ||
	    strcmp(clause, "USING") == 0) {
		add_words(c, after_from);
	} else if (strcmp(clause, "ORDER") == 0) {
		add_words(c, after_order);
	} else if (strcmp(clause, "LIMIT") == 0) {
		add_words(c, after_limit);
	} else {
		add_words(c, after_where);
		add_words(c, operators);
		add_words(c, in_case);
	}
}

/* A key of CONFIG or OPTIONS, with quotes or without. */
static void
object_key(struct look * k)
{
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t i, f = first_word(l), n = l->n;

	c->quote = '"';
	for (i = n; i-- > f; ) {
		if (!token_is(l, i, "{") || i == 0)
			continue;
		if (token_is(l, i - 1, "OPTIONS"))
			add_words(c, prompt_sync_options(l, f) != NULL ?
			    prompt_sync_options(l, f) : options);
		else if (token_is(l, i - 1, "CONFIG"))
			c->want = PROMPT_WANT_CONFIG;
		break;
	}
	for (i = f; i + 1 < n; i++) {
		if (token_is(l, i, "TYPE") && l->t[i + 1].kind == TOKEN_STRING)
			copy_name(l, i + 1, c->b);
		else if (token_is(l, i, "CONNECTOR") && is_name(l, i + 1))
			copy_name(l, i + 1, c->a);
	}
}

/* CREATE, ALTER, DROP, SHOW, TEST ... of a connector.  ${f} is the first
 * word, ${n} how many words there are from it. */
static void
in_connector(struct look * k, size_t f, size_t n)
{
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t last = f + n - 1;

	if (token_is(l, last, "{") || token_is(l, last, ","))
		object_key(k);
	else if (token_is(l, last, "CONNECTOR") || token_is(l, last, "EXISTS")) {
		if (token_is(l, f, "CREATE")) {
			if (token_is(l, last, "CONNECTOR"))
				add_words(c, if_not_exists);
			return;
		}
		c->want = PROMPT_WANT_CONNECTORS;
		if (token_is(l, f, "DROP") && token_is(l, last, "CONNECTOR"))
			add_words(c, if_exists);
	} else if (token_is(l, f, "CREATE")) {
		if (token_is(l, last, "TYPE")) {
			c->want = PROMPT_WANT_TYPES;
			c->quote = '\'';
		} else if (l->t[last].kind == TOKEN_STRING) {
			add_words(c, after_type);
		} else if (token_is(l, last, "}")) {
			add_words(c, after_object);
		} else if (is_name(l, last) && !token_is(l, last, "CONFIG") &&
		    !token_is(l, last, "OPTIONS")) {
			add_words(c, only_type);
		}
	} else if (token_is(l, f, "ALTER")) {
		if (token_is(l, last, "SET"))
			add_words(c, after_alter_set);
		else if (n == 3)
			add_words(c, after_alter_name);
	} else if (token_is(l, f, "SHOW") && n == 3) {
		add_words(c, only_status);
	}
}

static void
in_statement(struct look * k)
{
	static const struct {
		const char * first;
		const char * const * words;
	} seconds[] = {
		{ "CREATE", after_create }, { "SHOW", after_show },
		{ "DROP", after_drop }, { "ALTER", only_connector },
		{ "TEST", only_connector }, { "SYNC", only_connector },
		{ "SET", only_secret }, { "RUN", only_sync },
		{ "PAUSE", only_sync }, { "RESUME", only_sync },
		{ "EXPLAIN", after_explain }, { "BEGIN", after_begin },
	};
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t f = first_word(l), n = l->n - f, i;

	if (n == 0) {
		add_words(c, at_start);
		return;
	}
	if (token_is(l, l->n - 1, "CATCH")) {
		add_words(c, classes);
		return;
	}
	for (i = 0; n == 1 && i < sizeof(seconds) / sizeof(seconds[0]); i++)
		if (token_is(l, f, seconds[i].first)) {
			add_words(c, seconds[i].words);
			return;
		}
	if (prompt_sync(l, f, c))
		return;
	if (token_is(l, f, "EXPLAIN") && n > 1) {
		f++;
		n--;
	}
	if (token_is(l, f, "DESCRIBE")) {
		if (n == 1)
			c->want = PROMPT_WANT_CONNECTORS | PROMPT_WANT_TYPES;
	} else if (token_is(l, f, "EXEC") || token_is(l, f, "CONNECTOR_EXEC")) {
		c->dot = 1;
		if (n == 1)
			c->want = PROMPT_WANT_CONNECTORS;
	} else if (token_is(l, f, "SHOW") && token_is(l, f + 1, "ACTIONS")) {
		if (n == 2)
			add_words(c, after_actions);
		else if (n == 3 && token_is(l, f + 2, "FOR"))
			c->want = PROMPT_WANT_CONNECTORS;
		else if (n == 4)
			add_words(c, only_limit);
	} else if (token_is(l, f + 1, "SECRET")) {
		if (token_is(l, f, "DROP") && n == 2)
			c->want = PROMPT_WANT_SECRETS;
	} else if (token_is(l, f + 1, "CONNECTOR") ||
	    token_is(l, f + 3, "CONNECTOR")) {
		in_connector(k, f, n);
	} else if (!token_is(l, f, "SET") && !token_is(l, f, "BEGIN") &&
	    !token_is(l, f, "SHOW")) {
		in_select(k);
	}
}

/* Inside a text that is open: a type, or a key of CONFIG or OPTIONS. */
static void
in_text(struct look * k, char quote)
{
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t n = l->n;

	c->quote = quote;
	if (n == 0)
		return;
	if (quote == '\'') {
		if (token_is(l, n - 1, "TYPE"))
			c->want = PROMPT_WANT_TYPES;
		return;
	}
	if (quote == '"' && (token_is(l, n - 1, "{") ||
	    token_is(l, n - 1, ",")))
		object_key(k);
}

/* The tokens of the statement: of its part before the cursor where the whole
 * cannot be read. */
static void
read_all(struct look * k, const char * s, size_t len, size_t head)
{
	struct err e;

	if (token_list(s, len, TOKENS_MAX, &k->all, &e) == 0 ||
	    token_list(s, head, TOKENS_MAX, &k->all, &e) == 0) {
		read_tables(k);
		token_list_free(&k->all);
	}
}

void
prompt_context(const char * s, size_t len, size_t at,
    struct prompt_context * c)
{
	struct look k = { .c = c };
	const char * p = s, * begin = s;
	struct split_stmt st;
	unsigned line = 1;
	size_t word = at;
	struct err e;

	memset(c, 0, sizeof(*c));
	do
		begin = p;
	while (split_next(&p, s + at, &line, &st) && st.ended);
	while (word > (size_t)(begin - s) && is_idchar(s[word - 1]))
		word--;
	if (st.open_at == NULL)
		word = (size_t)(begin - s) + prompt_sync_word(begin,
		    word - (size_t)(begin - s));
	c->word = word;
	if (st.open_at != NULL) {
		/* What is typed in quotes may be anything, a comment is none. */
		if (st.open == '*' || st.open == '-' || st.open == '[')
			return;
		c->word = (size_t)(st.open_at + 1 - s);
	}
	if (token_list(begin, st.open_at != NULL ?
	    (size_t)(st.open_at - begin) : word - (size_t)(begin - s),
	    TOKENS_MAX, &k.head, &e))
		return;
	if (st.open_at != NULL) {
		in_text(&k, st.open);
		token_list_free(&k.head);
		return;
	}
	/* The end of this statement, if it has one. */
	p = begin;
	line = 1;
	(void)split_next(&p, s + len, &line, &st);
	read_all(&k, begin, (size_t)(p - begin), word - (size_t)(begin - s));
	if (k.head.n > 0 && token_is(&k.head, k.head.n - 1, "."))
		after_dot(&k);
	else
		in_statement(&k);
	token_list_free(&k.head);
}
