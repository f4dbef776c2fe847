#ifndef MOLTLER_SQL_LEXER_H
#define MOLTLER_SQL_LEXER_H

#include <stddef.h>

#include "base/err.h"

/* What lexer_next() finds.  The first kinds are those of enum token_kind. */
struct lexer;
enum lexer_error { LEXER_STRING = 100, LEXER_NAME, LEXER_COMMENT };

/** lexer_new(sql, len, e): Scan a copy of ${len} bytes; NULL with ${e}. */
struct lexer * lexer_new(const char * sql, size_t len, struct err * e);

/**
 * lexer_next(lx, kind, off, len):
 * The next token's kind (an enum token_kind or, for what has no end, an enum
 * lexer_error) and place in bytes.  1, 0 at the end, -1 out of memory.
 */
int lexer_next(struct lexer * lx, int * kind, size_t * off, size_t * len);

void lexer_free(struct lexer * lx);

#endif
