#ifndef MOLTLER_SQL_PARSER_INTERNAL_H
#define MOLTLER_SQL_PARSER_INTERNAL_H

#include "sql/ast.h"

/* What the grammar, its words and its values share. */

struct ast_mem;

struct parser {
	const struct token_list * list;
	struct ast_mem * mem;
	struct ast * root;
	struct err * e;
	int failed;           /* ${e} is filled */
	size_t at;            /* the next token to hand out */
	size_t cur;           /* the last one: what the grammar looks at */
	size_t last, before;  /* the last token of that, and of the one before */
	size_t nesting;       /* brackets open */
	size_t blocks;        /* BEGIN and TRY open */
	size_t statements;
	int boundary;         /* a statement begins here */
	int sync;             /* 1: within SYNC, 2: after its TO, 3: after that;
	                         4: after DESCRIBE */
	size_t sync_at;       /* where its first word is */
	int catching;         /* CATCH came, and not yet its THEN */
	int uses_error;       /* error.x came since the statement began */
};

/* First and last token. */
struct parser_range {
	size_t first, last;
};

/* A list that grows at its end. */
struct parser_list {
	struct ast * first, * last;
};

/** parser_new_ast(p, kind, first): A statement that begins at token ${first};
 * NULL when there is no memory or too many (${p} failed then). */
struct ast * parser_new_ast(struct parser * p, enum ast_kind kind,
    size_t first);

/** parser_new_catch(p): The same for a CATCH. */
struct ast_catch * parser_new_catch(struct parser * p);

/** parser_word(p, i, out): The name or text that token ${i} stands for.
 * parser_words(p, range, out): Of all those tokens, as they stand. */
int parser_word(struct parser * p, size_t i, struct ast_word * out);
int parser_words(struct parser * p, struct parser_range range,
    struct ast_word * out);

/** parser_fail(p, i, fmt, ...): Fill the error at token ${i} (any number past
 * the last: the end), unless it is filled.  Return -1. */
int parser_fail(struct parser * p, size_t i, const char * fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** parser_nomem(p): The same when memory is short.  Return -1. */
int parser_nomem(struct parser * p);

/* parser_value.c: tokens to JSON; NULL if ${p} failed. */
json_t * parser_text(struct parser * p, size_t i);
json_t * parser_number(struct parser * p, size_t i, int minus);
json_t * parser_bare(struct parser * p, size_t i);

/** parser_put(p, o, key, v): Set the key that token ${key} says; ${v} is taken.
 * A key that is there already is an error. */
int parser_put(struct parser * p, json_t * o, size_t key, json_t * v);

/** parser_error_value(p, i): error.message as a value. */
json_t * parser_error_value(struct parser * p, size_t i);

/** parser_class(p, i, out): The class of errors that token ${i} names. */
int parser_class(struct parser * p, size_t i, enum ast_class * out);

/** parser_expected(p, words, n): Fail at the token that the grammar looks at, where one
 * of ${n} words was expected.  What may be a secret is not shown. */
void parser_expected(struct parser * p, const char * const * words, size_t n);

/** parser_lex(v, p): The next word, for the grammar. */
union PARSER_STYPE;
int parser_lex(union PARSER_STYPE * v, struct parser * p);

/** parser_parse(p): The grammar; 0, or not. */
int parser_parse(struct parser * p);

#endif
