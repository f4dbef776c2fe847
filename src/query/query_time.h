#ifndef MOLTLER_QUERY_QUERY_TIME_H
#define MOLTLER_QUERY_QUERY_TIME_H

#include "query/query_internal.h"

/* What query_time.c and query_time_names.c share. */

#define QUERY_TIME_NAMES 32
#define QUERY_TIME_CITED 8

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
	size_t cited[QUERY_TIME_CITED], ncited;
};

/** query_time_order(t, table, name): The collation by which ${name} (of ${table},
 * if that is not NULL) is compared, if it is a time's; else NULL. */
const char * query_time_order(const struct query_time_names * t,
    const char * table, const char * name);

/**
 * query_time_call(t, i, order): Token ${i} is what a time is called.
 * query_time_is(t, i): Whether what is called as token ${i} is a time, and nothing
 * else is.
 */
void query_time_call(struct query_time_names * t, size_t i, const char * order);
int query_time_is(struct query_time_names * t, size_t i);

/**
 * query_time_cited(t): Find the names in quotes that may be a column's text, as
 * "max(created)" is; 0: there are too many.
 * query_time_is_cited(t, i): Whether one of them has the text of the call at token
 * ${i}: then that must stay.
 */
int query_time_cited(struct query_time_names * t);
int query_time_is_cited(const struct query_time_names * t, size_t i);

/** query_time_closing(ts, i): The parenthesis that closes the one at token ${i}; the
 * end if there is none. */
size_t query_time_closing(const struct token_list * ts, size_t i);

#endif
