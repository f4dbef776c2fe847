#ifndef MOLTLER_CONN_READER_MATCH_H
#define MOLTLER_CONN_READER_MATCH_H

#include "base/err.h"
#include "base/value.h"
#include "conn/reader.h"
#include "decode/page.h"

/*
 * The rows of an entity that tells what many rows of another lack, found by one
 * column: listed once for each value that was bound, however many pages ask.
 */
struct reader_match;

/** reader_match_new(column, nocase, ctx): Rows are found by this column of theirs,
 * and counted in ${ctx}. */
struct reader_match * reader_match_new(size_t column, int nocase,
    struct read_ctx * ctx);
void reader_match_free(struct reader_match * m); /* NULL is a no-op */

/** reader_match_asks(m, bound, e): 1: ${bound} was not listed, and is from now on;
 * 0: it was; -1. */
int reader_match_asks(struct reader_match * m, const struct value * bound,
    struct err * e) MUST_CHECK;

/** reader_match_add(m, p, e): The rows of a page, whose reference is taken in any
 * case.  A later row takes the place of one that is the same.  Errors: permanent
 * "too_big". */
int reader_match_add(struct reader_match * m, struct page * p,
    struct err * e) MUST_CHECK;

/** reader_match_find(m, key): That row, or NULL. */
const struct value * reader_match_find(const struct reader_match * m,
    const struct value * key);

#endif
