/* Tokens, as who looks at a statement asks for them. */
#include "cli/prompt_look.h"

#include "cli/prompt_context.h"
#include "sql/token.h"

int
prompt_look_is_name(const struct token_list * l, size_t i)
{
	return (i < l->n && (l->t[i].kind == TOKEN_ID ||
	    l->t[i].kind == TOKEN_QUOTED));
}

void
prompt_look_name(const struct token_list * l, size_t i, char out[PROMPT_NAME])
{
	if (token_name(l, i, out, PROMPT_NAME))
		out[0] = '\0';
}

size_t
prompt_look_first(const struct token_list * l)
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

void
prompt_look_add(struct prompt_context * c, const char * const * words)
{
	size_t i;

	for (i = 0; i < 3; i++)
		if (c->words[i] == NULL) {
			c->words[i] = words;
			return;
		}
}
