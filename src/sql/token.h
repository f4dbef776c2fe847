#ifndef MOLTLER_SQL_TOKEN_H
#define MOLTLER_SQL_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Words of moltler's SQL, which are SQLite's, and of its objects: between a
 * "{" and its "}" (CONFIG {...}), and in the value after a "=>", brackets are
 * brackets, a colon stands alone and "text" is a JSON string.  Comments (two dashes to the end of the line, C's)
 * are skipped.
 */
enum token_kind {
	TOKEN_ID = 1,  /* a word: a keyword or a name */
	TOKEN_QUOTED,  /* "name", [name] or `name` */
	TOKEN_STRING,  /* 'text', '' for a quote in it */
	TOKEN_JSTRING, /* "text" inside an object */
	TOKEN_BLOB,    /* x'00ff' */
	TOKEN_NUMBER,
	TOKEN_PARAM,   /* ? ?1 :name @name $name */
	TOKEN_OP,
	TOKEN_SEMI,
	TOKEN_BAD      /* nothing of SQL; who reads it says so */
};

/* ${line} and ${col} count from 1, columns in characters. */
struct token {
	enum token_kind kind;
	uint32_t off, len;
	uint32_t line, col;
};

struct token_list {
	const char * sql; /* borrowed */
	size_t len;
	struct token * t;
	size_t n;
};

/**
 * token_list(sql, len, max, list, e):
 * Cut ${sql} (borrowed as long as the list) into tokens, at most ${max}.
 * Errors, Permanent "sql" with the place: bytes that are not UTF-8, a NUL byte,
 * too many tokens; "unterminated" for a string, quoted name or comment without
 * its end.  On error ${list} is empty.
 */
int token_list(const char * sql, size_t len, size_t max,
    struct token_list * list, struct err * e) MUST_CHECK;

/** token_list_free(list): Free the tokens; ${list} is empty afterwards. */
void token_list_free(struct token_list * list);

/** token_is(list, i, word): Whether token ${i} (any number) is this unquoted
 * word or this operator, in any case. */
int token_is(const struct token_list * list, size_t i, const char * word);

/** token_is_one_of(list, i, words): Whether it is one of ${words}, which NULL ends. */
int token_is_one_of(const struct token_list * list, size_t i,
    const char * const * words);

/** token_text(list, i): The first byte of token ${i}. */
const char * token_text(const struct token_list * list, size_t i);

/**
 * token_name(list, i, out, size):
 * Write the name or string that token ${i} stands for, without quotes and with
 * doubled ones single.  0, or -1 if it does not fit.
 */
int token_name(const struct token_list * list, size_t i, char * out,
    size_t size) MUST_CHECK;

/* One statement of a text, without its semicolon. */
struct token_stmt {
	size_t off, len;
	size_t line;
	int ended; /* by a semicolon */
};

/**
 * token_split(sql, len, out, n, e):
 * Cut a script into its statements; empty ones are left out; BEGIN ... END is
 * one.  ${*out} is the
 * caller's to free().  Errors as token_list, but for the number of tokens.
 */
int token_split(const char * sql, size_t len, struct token_stmt ** out,
    size_t * n, struct err * e) MUST_CHECK;

/** token_place(sql, len, off, line, col): Where byte ${off} (at most len) is. */
void token_place(const char * sql, size_t len, size_t off, size_t * line,
    size_t * col);

/**
 * token_error(sql, len, off, e, fmt, ...):
 * Fill ${e}: Permanent "sql", "line L, column C: " and the text, then two more
 * lines with what stands there (80 characters at most) and a caret below the
 * place.  Return -1.
 */
int token_error(const char * sql, size_t len, size_t off, struct err * e,
    const char * fmt, ...) __attribute__((format(printf, 5, 6)));

/** token_error_place(msg, line, col): How many bytes of "line L, column C: " ${msg}
 * begins with; 0: it tells no place.  ${line} and ${col} may be NULL. */
size_t token_error_place(const char * msg, size_t * line, size_t * col);

#endif
