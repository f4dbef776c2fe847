#include "cli/prompt_look.h"

#include <string.h>

#include "cli/prompt_sync.h"
#include "cli/split.h"
#include "sql/token.h"

PROMPT_WORDS(at_start, "ALTER", "BEGIN", "CONNECTOR_EXEC", "CREATE", "DESCRIBE",
    "DROP", "EXEC", "EXPLAIN", "PAUSE", "RESUME", "RUN", "SELECT", "SET",
    "SHOW", "SYNC", "TEST", "VALUES", "WITH");
PROMPT_WORDS(after_create, "CONNECTOR", "OR REPLACE CONNECTOR");
PROMPT_WORDS(after_show, "ACTION", "ACTIONS", "CONNECTOR", "CONNECTORS",
    "SECRETS", "SYNC", "SYNCS", "TARGETS", "TYPES");
PROMPT_WORDS(after_actions, "FOR", "LIMIT");
PROMPT_WORDS(only_limit, "LIMIT");
PROMPT_WORDS(after_drop, "CONNECTOR", "SECRET", "SYNC");
PROMPT_WORDS(only_connector, "CONNECTOR");
PROMPT_WORDS(only_secret, "SECRET");
PROMPT_WORDS(only_sync, "SYNC");
PROMPT_WORDS(only_type, "TYPE");
PROMPT_WORDS(only_status, "STATUS");
PROMPT_WORDS(if_exists, "IF EXISTS");
PROMPT_WORDS(if_not_exists, "IF NOT EXISTS");
PROMPT_WORDS(after_alter_name, "DISABLE", "ENABLE", "SET CONFIG",
    "SET OPTIONS");
PROMPT_WORDS(after_alter_set, "CONFIG", "OPTIONS");
PROMPT_WORDS(after_type, "CONFIG");
PROMPT_WORDS(after_object, "OPTIONS");
PROMPT_WORDS(after_explain, "CONNECTOR_EXEC", "QUERY PLAN", "SELECT", "SYNC",
    "WITH");
PROMPT_WORDS(after_begin, "CONNECTOR_EXEC", "SELECT", "TRY", "WITH");
PROMPT_WORDS(options, "batch_size", "ca_file", "cache_ttl", "client_cert",
    "client_key", "max_api_calls",
    "rate_limit", "rate_limit_burst", "retention", "retry_count",
    "sync_interval", "timeout_seconds", "tls_verify");
PROMPT_WORDS(classes, "auth_error", "config_error", "connector_error", "OTHERS",
    "rate_limit_error", "timeout_error");

static int
is_idchar(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || ((unsigned char)c & 0x80));
}

/* A key of CONFIG or OPTIONS, with quotes or without. */
static void
object_key(struct prompt_look * k)
{
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t i, f = prompt_look_first(l), n = l->n;

	c->quote = '"';
	for (i = n; i-- > f; ) {
		if (!token_is(l, i, "{") || i == 0)
			continue;
		if (token_is(l, i - 1, "OPTIONS"))
			prompt_look_add(c, prompt_sync_options(l, f) != NULL ?
			    prompt_sync_options(l, f) : options);
		else if (token_is(l, i - 1, "CONFIG"))
			c->want = PROMPT_WANT_CONFIG;
		break;
	}
	for (i = f; i + 1 < n; i++) {
		if (token_is(l, i, "TYPE") && l->t[i + 1].kind == TOKEN_STRING)
			prompt_look_name(l, i + 1, c->b);
		else if (token_is(l, i, "CONNECTOR") &&
		    prompt_look_is_name(l, i + 1))
			prompt_look_name(l, i + 1, c->a);
	}
}

/* CREATE, ALTER, DROP, SHOW, TEST ... of a connector.  ${f} is the first
 * word, ${n} how many words there are from it. */
static void
in_connector(struct prompt_look * k, size_t f, size_t n)
{
	const struct token_list * l = &k->head;
	struct prompt_context * c = k->c;
	size_t last = f + n - 1;

	if (token_is(l, last, "{") || token_is(l, last, ","))
		object_key(k);
	else if (token_is(l, last, "CONNECTOR") || token_is(l, last, "EXISTS")) {
		if (token_is(l, f, "CREATE")) {
			if (token_is(l, last, "CONNECTOR"))
				prompt_look_add(c, if_not_exists);
			return;
		}
		c->want = PROMPT_WANT_CONNECTORS;
		if (token_is(l, f, "DROP") && token_is(l, last, "CONNECTOR"))
			prompt_look_add(c, if_exists);
	} else if (token_is(l, f, "CREATE")) {
		if (token_is(l, last, "TYPE")) {
			c->want = PROMPT_WANT_TYPES;
			c->quote = '\'';
		} else if (l->t[last].kind == TOKEN_STRING) {
			prompt_look_add(c, after_type);
		} else if (token_is(l, last, "}")) {
			prompt_look_add(c, after_object);
		} else if (prompt_look_is_name(l, last) &&
		    !token_is(l, last, "CONFIG") &&
		    !token_is(l, last, "OPTIONS")) {
			prompt_look_add(c, only_type);
		}
	} else if (token_is(l, f, "ALTER")) {
		if (token_is(l, last, "SET"))
			prompt_look_add(c, after_alter_set);
		else if (n == 3)
			prompt_look_add(c, after_alter_name);
	} else if (token_is(l, f, "SHOW") && n == 3) {
		prompt_look_add(c, only_status);
	}
}

static void
in_statement(struct prompt_look * k)
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
	size_t f = prompt_look_first(l), n = l->n - f, i;

	if (n == 0) {
		prompt_look_add(c, at_start);
		return;
	}
	if (token_is(l, l->n - 1, "CATCH")) {
		prompt_look_add(c, classes);
		return;
	}
	for (i = 0; n == 1 && i < sizeof(seconds) / sizeof(seconds[0]); i++)
		if (token_is(l, f, seconds[i].first)) {
			prompt_look_add(c, seconds[i].words);
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
			c->want = PROMPT_WANT_CONNECTORS | PROMPT_WANT_TYPES |
			    PROMPT_WANT_TARGETS;
	} else if (token_is(l, f, "EXEC") || token_is(l, f, "CONNECTOR_EXEC")) {
		c->dot = 1;
		if (n == 1)
			c->want = PROMPT_WANT_CONNECTORS;
	} else if (token_is(l, f, "SHOW") && token_is(l, f + 1, "ACTIONS")) {
		if (n == 2)
			prompt_look_add(c, after_actions);
		else if (n == 3 && token_is(l, f + 2, "FOR"))
			c->want = PROMPT_WANT_CONNECTORS;
		else if (n == 4)
			prompt_look_add(c, only_limit);
	} else if (token_is(l, f + 1, "SECRET")) {
		if (token_is(l, f, "DROP") && n == 2)
			c->want = PROMPT_WANT_SECRETS;
	} else if (token_is(l, f + 1, "CONNECTOR") ||
	    token_is(l, f + 3, "CONNECTOR")) {
		in_connector(k, f, n);
	} else if (!token_is(l, f, "SET") && !token_is(l, f, "BEGIN") &&
	    !token_is(l, f, "SHOW")) {
		prompt_look_in_select(k);
	}
}

/* Inside a text that is open: a type, or a key of CONFIG or OPTIONS. */
static void
in_text(struct prompt_look * k, char quote)
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
read_all(struct prompt_look * k, const char * s, size_t len, size_t head)
{
	struct err e;

	if (token_list(s, len, PROMPT_LOOK_TOKENS, &k->all, &e) == 0 ||
	    token_list(s, head, PROMPT_LOOK_TOKENS, &k->all, &e) == 0) {
		prompt_look_tables(k);
		token_list_free(&k->all);
	}
}

void
prompt_context(const char * s, size_t len, size_t at,
    struct prompt_context * c)
{
	struct prompt_look k = { .c = c };
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
	    PROMPT_LOOK_TOKENS, &k.head, &e))
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
		prompt_look_after_dot(&k);
	else
		in_statement(&k);
	token_list_free(&k.head);
}
