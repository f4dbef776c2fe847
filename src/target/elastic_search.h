#ifndef MOLTLER_TARGET_ELASTIC_SEARCH_H
#define MOLTLER_TARGET_ELASTIC_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conn/plan.h"

/* What one page is asked with. */
struct elastic_search {
	const struct plan * plan;
	size_t size;
	const char * pit;    /* NULL: to be shown, without one */
	int64_t keep_ms;     /* how long it is to live on */
	const char * after;  /* JSON of the last row's sort, or NULL */
	size_t after_len;
	int by_doc;          /* sorted by _doc: there is no _shard_doc */
};

/** elastic_search_body(s, out): Append the search's body; 0, or -1 (memory).
 * Filters let through at least what the plan's predicates select. */
int elastic_search_body(const struct elastic_search * s, struct buf * out)
    MUST_CHECK;

/** elastic_search_size(p): How many rows a page of ${p} is to have. */
size_t elastic_search_size(const struct plan * p);

/** elastic_search_show(p, out): The first search, for EXPLAIN. */
int elastic_search_show(const struct plan * p, struct buf * out) MUST_CHECK;

#endif
