#ifndef MOLTLER_STMT_STMT_PAGES_H
#define MOLTLER_STMT_STMT_PAGES_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "stmt/stmt_internal.h"

/*
 * Rows of a list that is read some at a time, as there may be very many of them:
 * {"items": [...], "next": where to go on, or null}.
 */
struct stmt_pages {
	/* Ask for up to ${n} after ${after} (NULL: from the first); ${cb} is called
	 * once, with ${r}, later. */
	void (*ask)(struct stmt_run * r, const char * after, size_t n,
	    void (*cb)(void * arg, json_t * v, const struct err * e));
	/* The row that shows an item: an array. */
	json_t * (*row)(const json_t * item);
	size_t ncols;
	const char * const * cols; /* as stmt_rows() takes them */
};

/**
 * stmt_pages_start(r, p, most):
 * Give at most ${most} of them as the statement's rows; ${p} outlives it.  It is
 * r->own from now on; the statement's end has to be stmt_pages_end(r).
 */
void stmt_pages_start(struct stmt_run * r, const struct stmt_pages * p,
    size_t most);
void stmt_pages_end(struct stmt_run * r);

#endif
