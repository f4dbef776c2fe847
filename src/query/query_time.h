#ifndef MOLTLER_QUERY_QUERY_TIME_H
#define MOLTLER_QUERY_QUERY_TIME_H

#include "query/query_internal.h"

/* What query_time.c and query_time_names.c share. */

#define QUERY_TIME_NAMES 32

/* ${q}: set, the rest zeroed. */
struct query_time_names {
	const struct query * q;
	/* What the statement calls its own times. */
	struct {
		char name[SQL_NAME_MAX];
		const char * order;
		int known, only; /* whether nothing else is called so */
	} alias[QUERY_TIME_NAMES];
	size_t n;
	size_t looked, searches; /* names that were looked for */
};

/** query_time_compares(ts, i): Whether token ${i} is an operator that compares, or the
 * NOT before one. */
int query_time_compares(const struct token_list * ts, size_t i);

/** query_time_order(t, table, name, known): The collation by which ${name} (of
 * ${table}, if that is not NULL) is compared, if it is certain that it is a time's;
 * else NULL.  ${*known}: some table has it. */
const char * query_time_order(struct query_time_names * t,
    const char * table, const char * name, int * known);

/**
 * query_time_beside(t, begin, next, plain):
 * Whether what stands from token ${begin} to before ${next} is compared with a
 * column of a table; with ${plain}: with one of no time.  That brings its own
 * collation, which what is written in would override: then state = CASE ... END
 * would heed the case of letters, and could not be asked for.
 */
int query_time_beside(struct query_time_names * t, size_t begin, size_t next,
    int plain);

/** query_time_is_compared(t, i, plain, many): Whether what is called by the name that
 * stands at token ${i} is compared; with ${plain}: with a column of no time, by whose
 * collation it must stay.  ${many} where there is too much to look at. */
int query_time_is_compared(struct query_time_names * t, size_t i, int plain,
    int many);

/**
 * query_time_call(t, i, order, mixed): Token ${i} is what a time is called;
 * ${mixed}: it may also be none.
 * query_time_is(t, i): Whether what is called as token ${i} is a time, and nothing
 * else is.
 */
void query_time_call(struct query_time_names * t, size_t i, const char * order,
    int mixed);
int query_time_is(struct query_time_names * t, size_t i);

/** query_time_closing(ts, i): The parenthesis that closes the one at token ${i}; the
 * end if there is none. */
size_t query_time_closing(const struct token_list * ts, size_t i);

#endif
