#ifndef MOLTLER_SQL_SQL_REWRITE_H
#define MOLTLER_SQL_SQL_REWRITE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "sql/sql_names.h"
#include "sql/token.h"

/* A stretch of the user's text that SQLite sees in another width. */
struct sql_edit {
	size_t in, in_len;
	size_t out, out_len;
};

/* What SQLite is given. */
struct sql_rewrite {
	struct buf sql;
	struct sql_edit * edits; /* in order */
	size_t n;
};

/**
 * sql_rewrite(list, names, rw, e):
 * Write ${list}'s text as SQLite reads it: merged names (sql_names.h) quoted, also
 * before a column where they were given no other (my-cache.id), and the operator CONTAINS as MATCH in the same width.  Tokens are replaced, so
 * strings, comments and names that happen to be called contains stay.
 */
int sql_rewrite(const struct token_list * list, const struct sql_names * names,
    struct sql_rewrite * rw, struct err * e) MUST_CHECK;

/* Text that goes in at byte ${at} of the user's, between two tokens. */
struct sql_insert {
	size_t at;
	const char * text;
};

/** sql_rewrite_insert(rw, ins, n, e): Put ${n} texts in, which come in order. */
int sql_rewrite_insert(struct sql_rewrite * rw, const struct sql_insert * ins,
    size_t n, struct err * e) MUST_CHECK;

/** sql_rewrite_offset(rw, off): The byte of the user's text that byte ${off} of
 * the rewritten one came from. */
size_t sql_rewrite_offset(const struct sql_rewrite * rw, size_t off);

/** sql_rewrite_free(rw): Free what it holds. */
void sql_rewrite_free(struct sql_rewrite * rw);

#endif
