#include "cli/prompt_sync.h"

#include <ctype.h>
#include <string.h>

#include "cli/prompt_look.h"

PROMPT_WORDS(only_connector, "CONNECTOR");
PROMPT_WORDS(only_full, "FULL");
PROMPT_WORDS(only_on, "ON");
PROMPT_WORDS(only_to, "TO");
PROMPT_WORDS(clauses, "INCREMENTAL ON", "OPTIONS", "SCHEDULE", "WHERE");
PROMPT_WORDS(in_where, "AND", "BETWEEN", "CONTAINS", "IN", "IS NOT NULL",
    "IS NULL", "LIKE", "NOT", "OR", "INCREMENTAL ON", "OPTIONS", "SCHEDULE");
PROMPT_WORDS(options, "delete_ratio", "deletes");
/* What stands before "SYNC id". */
PROMPT_WORDS(changes, "DROP", "EXPLAIN", "PAUSE", "RESUME", "RUN", "SHOW");

/* The token of the statement's word, or l->n. */
static size_t
find(const struct token_list * l, size_t f, const char * word)
{
	for (; f < l->n; f++)
		if (token_is(l, f, word))
			break;
	return (f);
}

/* Where SYNC CONNECTOR begins: behind an EXPLAIN. */
static size_t
begin(const struct token_list * l, size_t f)
{
	return (token_is(l, f, "EXPLAIN") ? f + 1 : f);
}

/* The entity that is synced is the one table there is. */
static void
table_of(const struct token_list * l, size_t f, struct prompt_context * c)
{
	c->ntables = 0;
	if (f + 4 >= l->n || !token_is(l, f + 3, ".") ||
	    token_name(l, f + 2, c->tables[0].a, PROMPT_NAME) ||
	    token_name(l, f + 4, c->tables[0].b, PROMPT_NAME))
		return;
	c->tables[0].alias[0] = '\0';
	c->ntables = 1;
}

static void
in_clauses(const struct token_list * l, size_t f, size_t to,
    struct prompt_context * c)
{
	size_t where = find(l, to, "WHERE"), last = l->n - 1;

	table_of(l, f, c);
	if (token_is(l, last, "INCREMENTAL")) {
		c->words[0] = only_on;
	} else if (token_is(l, last, "ON")) {
		c->want = PROMPT_WANT_COLUMNS;
	} else if (token_is(l, last, "SCHEDULE") ||
	    token_is(l, last, "OPTIONS")) {
		return;
	} else if (find(l, to, "OPTIONS") < last && !token_is(l, last, "}") &&
	    find(l, find(l, to, "OPTIONS"), "}") == l->n) {
		if (token_is(l, last, "{") || token_is(l, last, ","))
			c->words[0] = options;
	} else if (where < l->n && find(l, where, "INCREMENTAL") == l->n &&
	    find(l, where, "SCHEDULE") == l->n &&
	    find(l, where, "OPTIONS") == l->n) {
		if (token_is(l, last, "WHERE") || token_is(l, last, "AND") ||
		    token_is(l, last, "OR") || token_is(l, last, "NOT") ||
		    (l->t[last].kind == TOKEN_OP && !token_is(l, last, ")")))
			c->want = PROMPT_WANT_COLUMNS;
		else
			c->words[0] = in_where;
	} else {
		c->words[0] = clauses;
	}
}

int
prompt_sync(const struct token_list * l, size_t f, struct prompt_context * c)
{
	size_t to, n = l->n - f;

	if (n >= 2 && token_is_one_of(l, f, changes) &&
	    token_is(l, f + 1, "SYNC") && (n == 2 ||
	    !token_is(l, f + 2, "CONNECTOR"))) {
		if (n == 2)
			c->want = PROMPT_WANT_SYNCS;
		else if (token_is(l, f, "RUN") && !token_is(l, l->n - 1,
		    "FULL"))
			c->words[0] = only_full;
		if (n == 2 && token_is(l, f, "EXPLAIN"))
			c->words[0] = only_connector;
		return (1);
	}
	f = begin(l, f);
	if (!token_is(l, f, "SYNC") || !token_is(l, f + 1, "CONNECTOR"))
		return (0);
	if (f + 2 == l->n) {
		c->want = PROMPT_WANT_CONNECTORS;
		return (1);
	}
	if ((to = find(l, f + 3, "TO")) == l->n)
		c->words[0] = only_to;
	else if (to + 1 == l->n)
		c->want = PROMPT_WANT_TARGETS;
	else
		in_clauses(l, f, to, c);
	return (1);
}

const char * const *
prompt_sync_options(const struct token_list * l, size_t f)
{
	return (token_is(l, begin(l, f), "SYNC") ? options : NULL);
}

static int
takes(const char * s, size_t n, int dots)
{
	static const char * const readers[] = { "FROM", "JOIN", NULL };
	struct token_list l;
	struct err e;
	size_t last;
	int rc;

	if (token_list(s, n, PROMPT_LOOK_TOKENS, &l, &e))
		return (0);
	last = l.n - 1;
	rc = l.n > 1 && (dots ? (token_is(&l, last, "SYNC") &&
	    token_is_one_of(&l, last - 1, changes)) ||
	    (token_is(&l, last, "TO") && find(&l, 0, "SYNC") < last) :
	    token_is_one_of(&l, last, readers));
	token_list_free(&l);
	return (rc);
}

static int
is_target(char c)
{
	return (isalnum((unsigned char)c) || (c != '\0' && strchr("_-*.:", c) !=
	    NULL));
}

size_t
prompt_sync_target(const struct token_list * l, size_t i,
    struct prompt_table * t)
{
	const char * s = token_text(l, i), * dot;
	size_t n = 0, k = i;

	if (l->t[i].kind != TOKEN_ID)
		return (0);
	/* Tokens that touch each other. */
	do
		n = l->t[k].off + l->t[k].len - l->t[i].off;
	while (++k < l->n && l->t[k].off == l->t[i].off + n && is_target(s[n]));
	dot = memchr(s, '.', n);
	if (n >= PROMPT_NAME || (memchr(s, '-', n) == NULL && memchr(s, '*',
	    n) == NULL && memchr(s, ':', n) == NULL))
		return (0);
	if (dot != NULL && strcspn(s, "-*:") > (size_t)(dot - s)) {
		memcpy(t->a, s, (size_t)(dot - s));
		n -= (size_t)(dot + 1 - s);
		s = dot + 1;
	}
	memcpy(t->b, s, n);
	return (k);
}

size_t
prompt_sync_word(const char * s, size_t word)
{
	size_t plain = word, wide;

	while (plain > 0 && (isalnum((unsigned char)s[plain - 1]) ||
	    (s[plain - 1] != '\0' && strchr("_-*", s[plain - 1]) != NULL)))
		plain--;
	wide = plain;
	while (wide > 0 && (isalnum((unsigned char)s[wide - 1]) ||
	    (s[wide - 1] != '\0' && strchr("_-*.:", s[wide - 1]) != NULL)))
		wide--;
	if (wide < word && takes(s, wide, 1))
		return (wide);
	return (plain < word && takes(s, plain, 0) ? plain : word);
}
