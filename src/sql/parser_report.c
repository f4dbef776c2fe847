/* What a wrong statement's error says: what stands there, and what was expected. */
#include <stdio.h>

#include "base/json.h"
#include "sql/parser_internal.h"
#include "sql/token_mask.h"

/* Where a secret's value should be. */
static int
after_equal(const struct parser * p)
{
	size_t i = p->cur;

	if (i == 0 || i >= p->list->n)
		return (0);
	return (token_is(p->list, i - 1, "=") ||
	    (i > 1 && token_is(p->list, i - 2, "=")) || (i > 2 &&
	    token_is(p->list, i - 2, "secret") &&
	    token_is(p->list, i - 3, "set")));
}

/* What stands at the place.  No text in quotes, and nothing where a secret may
 * be, with or without them. */
static const char *
found(const struct parser * p, char out[64])
{
	const struct token * t = &p->list->t[p->cur];
	struct token_mask mask;

	out[0] = '\0';
	if (p->cur >= p->list->n)
		return ("the end of the statement");
	switch (t->kind) {
	case TOKEN_STRING:
	case TOKEN_JSTRING:
	case TOKEN_BLOB:
		return ("a text in quotes");
	case TOKEN_QUOTED:
		return ("a quoted name");
	case TOKEN_NUMBER:
		return ("a number");
	case TOKEN_ID:
	case TOKEN_PARAM:
	case TOKEN_OP:
	case TOKEN_SEMI:
	case TOKEN_BAD:
		break;
	}
	token_mask(p->list->sql, p->list->len, t->off, t->off + 1, &mask);
	if (after_equal(p) || token_mask_end(&mask, t->off) != 0)
		return ("something without quotes");
	snprintf(out, 64, "%.*s%s", t->len > 40 ? 40 : (int)t->len,
	    token_text(p->list, p->cur), t->len > 40 ? "..." : "");
	return (out);
}

void
parser_expected(struct parser * p, const char * const * words, size_t nwords)
{
	int starts = nwords > 10;
	const char * near = NULL;
	char word[64], text[256];
	size_t i, n;

	n = (size_t)snprintf(text, sizeof(text), "found %s", found(p, word));
	if (word[0] != '\0' && p->list->t[p->cur].kind == TOKEN_ID)
		near = json_nearest(word, words, nwords);
	if (near != NULL)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    " (did you mean %s?)", near);
	n += (size_t)snprintf(text + n, sizeof(text) - n,
	    starts ? ", but a statement begins with " : ", but expected ");
	for (i = 0; i < nwords && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    i == 0 ? "" : i + 1 == nwords ? " or " : ", ", words[i]);
	if (after_equal(p)) {
		/* The line would show the secret. */
		p->failed = 1;
		err_set(p->e, ERR_PERMANENT, "sql", "line %u, column %u: %s",
		    p->list->t[p->cur].line, p->list->t[p->cur].col, text);
	} else {
		(void)parser_fail(p, p->cur, "%s", text);
	}
}
