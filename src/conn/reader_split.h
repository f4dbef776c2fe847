#ifndef MOLTLER_CONN_READER_SPLIT_H
#define MOLTLER_CONN_READER_SPLIT_H

#include <stdint.h>

#include "conn/reader_internal.h"

/* What the files of lists that are read in windows share. */

#define SPLIT_NONE_BELOW INT64_MIN
#define SPLIT_NONE_ABOVE INT64_MAX

struct reader_split {
	int64_t lo, hi;            /* from lo to before hi, as the column is ordered */
	int64_t mid;               /* where two windows meet; or, ... */
	int64_t width;             /* ... if not 0, how wide each of them is */
	uint64_t at, n;            /* the window that is read, of how many */
	int desc;
	int64_t from, to;          /* its bounds */
	struct reader * sub;
};

/**
 * reader_window.c.
 * plan: what is asked for the window that ${s} is at; NULL with ${e}.
 * width: how wide a window may be that the service takes; 0: it does not matter.
 */
struct plan * reader_window_plan(struct reader_part * part,
    const struct reader_split * s, struct err * e) MUST_CHECK;
int64_t reader_window_width(const struct plan * p, size_t col);

/**
 * reader_seen.c.
 * want: have the plan's rows tell what is needed to know them again.
 * add: the rows of ${page} are given.  forget: they are not.
 * middle: where as many of them are before as behind.
 * close: there come no more; those from ${lo} to before ${hi} are looked for.
 * has: whether the row was given.
 */
void reader_seen_want(struct plan * p);
void reader_seen_add(struct reader_part * part, const struct page * page);
void reader_seen_forget(struct reader_seen * s);
int64_t reader_seen_middle(struct reader_seen * s);
void reader_seen_close(struct reader_seen * s, int64_t lo, int64_t hi);
int reader_seen_has(const struct reader_part * part,
    const struct value * cells);

#endif
