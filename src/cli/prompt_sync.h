#ifndef MOLTLER_CLI_PROMPT_SYNC_H
#define MOLTLER_CLI_PROMPT_SYNC_H

#include "cli/prompt_context.h"
#include "sql/token.h"

/* What could stand in statements about syncs; for prompt_context.c. */

/** prompt_sync(l, f, c): The statement whose first word is token ${f} of ${l}, which
 * ends before the word typed, is SYNC or ... SYNC id: say in ${c} what could
 * stand there.  0 if it is neither. */
int prompt_sync(const struct token_list * l, size_t f,
    struct prompt_context * c);

/** prompt_sync_options(l, f): The keys of OPTIONS, if the statement is SYNC. */
const char * const * prompt_sync_options(const struct token_list * l, size_t f);

/**
 * prompt_sync_target(l, i, t): If a target that is no plain name begins at token
 * ${i}, such as github-issues-*, fill the names of ${t} and return the token behind
 * it; else 0.
 */
size_t prompt_sync_target(const struct token_list * l, size_t i,
    struct prompt_table * t);

/**
 * prompt_sync_word(s, word): Ids of syncs hold dots and targets also - and *: where
 * one of these is typed at the end of ${s}, whose last plain word begins at
 * ${word}, return where it begins.
 */
size_t prompt_sync_word(const char * s, size_t word);

#endif
