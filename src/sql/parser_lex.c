#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sql/parser.h"

/* The words of statements, out of tokens. */

static const struct {
	const char * word;
	int token;
} keywords[] = {
	{ "action", P_ACTION }, { "actions", P_ACTIONS },
	{ "alter", P_ALTER }, { "begin", P_BEGIN_ }, { "catch", P_CATCH },
	{ "config", P_CONFIG }, { "connector", P_CONNECTOR },
	{ "connector_exec", P_EXEC }, { "connectors", P_CONNECTORS },
	{ "create", P_CREATE }, { "desc", P_DESCRIBE },
	{ "describe", P_DESCRIBE },
	{ "disable", P_DISABLE }, { "drop", P_DROP }, { "enable", P_ENABLE },
	{ "end", P_END }, { "exec", P_EXEC }, { "exists", P_EXISTS },
	{ "explain", P_EXPLAIN }, { "finally", P_FINALLY },
	{ "for", P_FOR }, { "full", P_FULL }, { "if", P_IF },
	{ "incremental", P_INCREMENTAL }, { "limit", P_LIMIT }, { "not", P_NOT }, { "on", P_ON },
	{ "options", P_OPTIONS }, { "or", P_OR }, { "pause", P_PAUSE },
	{ "replace", P_REPLACE }, { "resume", P_RESUME }, { "run", P_RUN },
	{ "schedule", P_SCHEDULE }, { "secret", P_SECRET },
	{ "secrets", P_SECRETS }, { "set", P_SET }, { "show", P_SHOW },
	{ "status", P_STATUS }, { "sync", P_SYNC }, { "syncs", P_SYNCS },
	{ "targets", P_TARGETS }, { "test", P_TEST }, { "then", P_THEN }, { "to", P_TO }, { "try", P_TRY },
	{ "type", P_TYPE }, { "types", P_TYPES },
};
#define NKEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

/* What a statement that stays text begins with: what reads, and what only
 * query/ refuses in fitting words. */
static const char * const texts[] = {
	"select", "with", "values", "analyze", "attach", "commit", "delete",
	"detach", "insert", "pragma", "reindex", "release", "rollback",
	"savepoint", "update", "vacuum", NULL
};

static int
is_word(const struct parser * p, size_t i, const char * word)
{
	return (i < p->list->n && p->list->t[i].kind == TOKEN_ID &&
	    token_is(p->list, i, word));
}

static int
compare(const void * key, const void * entry)
{
	return (strcasecmp(key, *(const char * const *)entry));
}

static int
keyword_of(const struct parser * p, size_t i)
{
	const struct token * t = &p->list->t[i];
	const char * at;
	char w[16];

	if (t->len >= sizeof(w))
		return (P_ID);
	memcpy(w, token_text(p->list, i), t->len);
	w[t->len] = '\0';
	at = bsearch(w, keywords, NKEYWORDS, sizeof(keywords[0]), compare);
	return (at == NULL ? P_ID : ((const __typeof__(keywords[0]) *)
	    (const void *)at)->token);
}

static int
operator_of(const struct parser * p, size_t i)
{
	static const struct {
		char text[3];
		int token;
	} ops[] = {
		{ "{", P_LBRACE }, { "}", P_RBRACE }, { "[", P_LBRACKET },
		{ "]", P_RBRACKET }, { "(", P_LPAREN }, { ")", P_RPAREN },
		{ ",", P_COMMA }, { ":", P_COLON }, { ".", P_DOT },
		{ "=", P_EQUAL }, { "-", P_MINUS }, { "+", P_PLUS },
		{ "=>", P_ARROW },
	};
	size_t k;

	for (k = 0; k < sizeof(ops) / sizeof(ops[0]); k++)
		if (token_is(p->list, i, ops[k].text))
			return (ops[k].token);
	return (P_BAD);
}

/* Whether a statement that begins at token ${i} stays text. */
static int
stays_text(const struct parser * p, size_t i)
{
	size_t k;

	for (k = 0; texts[k] != NULL; k++)
		if (is_word(p, i, texts[k]))
			return (1);
	return (is_word(p, i, "explain") && is_word(p, i + 1, "query") &&
	    is_word(p, i + 2, "plan"));
}

/* The last token before the semicolon. */
static size_t
text_end(struct parser * p, size_t i)
{
	for (; i < p->list->n && p->list->t[i].kind != TOKEN_SEMI; i++)
		if (ast_error_field(p->list, i))
			p->uses_error = 1;
	return (i - 1);
}

/* The last token of the target's name that begins at ${i}: github-issues-*,
 * es:issues. */
static size_t
target_end(const struct parser * p, size_t i)
{
	const struct token * t = p->list->t;

	if (t[i].kind != TOKEN_ID)
		return (i);
	while (i + 1 < p->list->n && t[i].off + t[i].len == t[i + 1].off &&
	    (t[i + 1].kind == TOKEN_ID || t[i + 1].kind == TOKEN_NUMBER ||
	    t[i + 1].kind == TOKEN_PARAM || t[i + 1].kind == TOKEN_BAD ||
	    token_is(p->list, i + 1, "-") || token_is(p->list, i + 1, ".") ||
	    token_is(p->list, i + 1, "*")))
		i++;
	return (i);
}

/* Whether tokens ${i} to ${last} can only be a target: no name, and no two with a
 * dot between. */
static int
is_target(const struct parser * p, size_t i, size_t last)
{
	size_t k;

	for (k = i; k <= last; k++)
		if (!token_is(p->list, k, ".") &&
		    p->list->t[k].kind != TOKEN_ID)
			return (1);
	return (last > i + 2 && !token_is(p->list, last, "."));
}

/* The last token of SYNC's WHERE, which is SQLite's to read. */
static size_t
where_end(const struct parser * p, size_t i)
{
	const struct token * t = p->list->t;

	for (i++; i < p->list->n && t[i].kind != TOKEN_SEMI; i++)
		if ((is_word(p, i, "incremental") && is_word(p, i + 1, "on")) ||
		    (is_word(p, i, "schedule") && i + 1 < p->list->n &&
		    t[i + 1].kind == TOKEN_STRING) ||
		    (is_word(p, i, "options") && token_is(p->list, i + 1, "{")))
			break;
	return (i - 1);
}

/* What a word is: ${*last} moves to the last token it takes. */
static int
word_of(struct parser * p, size_t i, int begins, size_t * last)
{
	int token;

	if (begins && stays_text(p, i)) {
		*last = text_end(p, i);
		return (P_TEXT);
	}
	if (p->sync == 3 && p->nesting == 0 && is_word(p, i, "where")) {
		*last = where_end(p, i);
		return (P_WHERE);
	}
	token = keyword_of(p, i);
	if (begins) {
		p->sync = token == P_SYNC ? 1 : token == P_DESCRIBE ? 4 : 0;
		p->boundary = token == P_BEGIN_ || token == P_TRY ||
		    token == P_FINALLY || token == P_EXPLAIN;
		p->sync_at = i;
		p->catching = token == P_CATCH;
	} else if (token == P_THEN && p->catching) {
		p->catching = 0;
		p->boundary = 1;
	} else if (token == P_TO && p->sync == 1 && i != p->sync_at + 2 &&
	    !token_is(p->list, i - 1, ".")) {
		p->sync = 2;
	}
	return (token);
}

static int
token_of(struct parser * p, size_t i, int begins, size_t * last)
{
	switch (p->list->t[i].kind) {
	case TOKEN_ID:
		return (word_of(p, i, begins, last));
	case TOKEN_QUOTED:
		return (P_QUOTED);
	case TOKEN_STRING:
		return (P_STRING);
	case TOKEN_JSTRING:
		return (P_JSTRING);
	case TOKEN_NUMBER:
		return (P_NUMBER);
	case TOKEN_OP:
		return (operator_of(p, i));
	case TOKEN_SEMI:
		p->boundary = 1;
		p->sync = 0;
		return (P_SEMI);
	case TOKEN_BLOB:
	case TOKEN_PARAM:
	case TOKEN_BAD:
		break;
	}
	return (P_BAD);
}

int
parser_lex(union PARSER_STYPE * v, struct parser * p)
{
	size_t i = p->at, last = i;
	int begins = p->boundary, token;

	p->before = p->last;
	p->cur = i;
	if (i >= p->list->n)
		return (P_END_OF_TEXT);
	p->boundary = 0;
	if (p->sync == 2) {
		/* After TO: a target, whatever it is called. */
		p->sync = 3;
		token = p->list->t[i].kind == TOKEN_ID ||
		    p->list->t[i].kind == TOKEN_QUOTED ||
		    p->list->t[i].kind == TOKEN_STRING ? P_TARGET :
		    token_of(p, i, 0, &last);
		if (token == P_TARGET)
			last = target_end(p, i);
	} else if (p->sync == 4 && is_target(p, i, target_end(p, i))) {
		token = p->list->t[i].kind == TOKEN_ID ? P_TARGET :
		    token_of(p, i, 0, &last);
		p->sync = 0;
		if (token == P_TARGET)
			last = target_end(p, i);
	} else {
		if (p->sync == 4)
			p->sync = 0;
		token = token_of(p, i, begins, &last);
	}
	if (token == P_LBRACE || token == P_LBRACKET || token == P_LPAREN)
		p->nesting++;
	else if ((token == P_RBRACE || token == P_RBRACKET ||
	    token == P_RPAREN) && p->nesting > 0)
		p->nesting--;
	if (p->nesting > AST_MAX_NESTING) {
		(void)parser_fail(p, i, "nested more than %d deep",
		    AST_MAX_NESTING);
		return (P_PARSER_error);
	}
	v->r.first = i;
	v->r.last = p->last = last;
	p->at = last + 1;
	return (token);
}
