#ifndef MOLTLER_CLI_PROMPT_LOOK_H
#define MOLTLER_CLI_PROMPT_LOOK_H

#include <stddef.h>

#include "cli/prompt_context.h"
#include "sql/token.h"

/* What those share that look at a statement for prompt_context(). */

#define PROMPT_LOOK_TOKENS 20000 /* of longer statements nothing is said */

/* A list of words for struct prompt_context, or for token_is_one_of().  A
 * name with "(" is a function. */
#define PROMPT_WORDS(name, ...) \
	static const char * const name[] = { __VA_ARGS__, NULL }

struct prompt_look {
	struct token_list all;  /* of the statement, or of what can be read */
	struct token_list head; /* before the word */
	struct prompt_context * c;
};

/** prompt_look_is_name(l, i): Whether token ${i}, which may be behind the last, is a
 * name. */
int prompt_look_is_name(const struct token_list * l, size_t i);

/** prompt_look_name(l, i, out): What token ${i} names; "" if that is too long. */
void prompt_look_name(const struct token_list * l, size_t i,
    char out[PROMPT_NAME]);

/** prompt_look_first(l): The first word of the statement, also of one within BEGIN
 * ... END. */
size_t prompt_look_first(const struct token_list * l);

/** prompt_look_add(c, words): These could stand there, too; three lists at most. */
void prompt_look_add(struct prompt_context * c, const char * const * words);

/** prompt_look_tables(k): The tables that ${k}->all names.  (prompt_tables.c) */
void prompt_look_tables(struct prompt_look * k);

/** prompt_look_in_select(k): Within a SELECT or what is like one.
 * prompt_look_after_dot(k): Behind a dot: an entity, a column, an action.
 * (prompt_select.c) */
void prompt_look_in_select(struct prompt_look * k);
void prompt_look_after_dot(struct prompt_look * k);

#endif
