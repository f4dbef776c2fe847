#ifndef MOLTLER_SQL_SQL_BLOCK_H
#define MOLTLER_SQL_SQL_BLOCK_H

#include <stddef.h>

/*
 * Which semicolons end a statement: not those between BEGIN and its END.  Zero it
 * before the first word; it is told every word, and anything else that is no
 * comment, in order.
 */
struct sql_block {
	unsigned depth;  /* BEGIN and TRY that are open */
	int inside;      /* 0: a statement begins here */
	int catching;    /* CATCH came: its THEN begins a statement */
	int fresh;       /* the outermost BEGIN came just now */
};

/** sql_block_word(b, s, n): The next word, unquoted, of ${n} bytes.
 * sql_block_other(b): Something else, such as a number. */
void sql_block_word(struct sql_block * b, const char * s, size_t n);
void sql_block_other(struct sql_block * b);

/** sql_block_semi(b): A semicolon; nonzero if it ends the statement. */
int sql_block_semi(struct sql_block * b);

#endif
