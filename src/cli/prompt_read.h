#ifndef MOLTLER_CLI_PROMPT_READ_H
#define MOLTLER_CLI_PROMPT_READ_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/split.h"

/*
 * Lines to statements: lines gather until a semicolon ends a statement; strings,
 * comments and BEGIN ... END may span lines.
 */
struct prompt_read {
	struct buf text;
	size_t done; /* bytes of statements that were given out */
	char open;
};

/** prompt_read_init(r): Be ready for the first line. */
void prompt_read_init(struct prompt_read * r);

/** prompt_read_add(r, line, len): The next line, with or without its newline.
 * Errors: permanent "too_large", and the lines before are forgotten. */
int prompt_read_add(struct prompt_read * r, const char * line, size_t len,
    struct err * e) MUST_CHECK;

/** prompt_read_next(r, s): 1 with the next statement that has its semicolon
 * (borrowed until the next call), or 0. */
int prompt_read_next(struct prompt_read * r, struct split_stmt * s);

/** prompt_read_open(r): After prompt_read_next was 0: 0 if a statement would
 * begin now, ';' if only that is missing, else as split_stmt.open. */
char prompt_read_open(const struct prompt_read * r);

/** prompt_read_clear(r): Forget what has gathered. */
void prompt_read_clear(struct prompt_read * r);

void prompt_read_free(struct prompt_read * r);

#endif
