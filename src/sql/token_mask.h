#ifndef MOLTLER_SQL_TOKEN_MASK_H
#define MOLTLER_SQL_TOKEN_MASK_H

#include <stddef.h>

/*
 * What an error may not cite: the texts in quotes and the comments of statements
 * that may hold a secret, which their words tell: SET, CREATE, ALTER, SECRET,
 * CONFIG, EXEC, CONNECTOR_EXEC.
 */
#define TOKEN_MASK_MAX 64
struct token_mask {
	struct {
		size_t from, to; /* bytes */
	} v[TOKEN_MASK_MAX];     /* in order */
	size_t n;
};

/** token_mask(sql, len, from, to, m): What of the bytes [from, to) is not to be
 * shown. */
void token_mask(const char * sql, size_t len, size_t from, size_t to,
    struct token_mask * m);

/** token_mask_end(m, at): Where that which hides byte ${at} ends, or 0. */
size_t token_mask_end(const struct token_mask * m, size_t at);

#endif
