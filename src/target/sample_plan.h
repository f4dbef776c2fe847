#ifndef MOLTLER_TARGET_SAMPLE_PLAN_H
#define MOLTLER_TARGET_SAMPLE_PLAN_H

#include <sqlite3.h>
#include <stdint.h>

/* The virtual table's columns, in order. */
enum { COL_TIMESTAMP, COL_NAME, COL_VALUE, COL_LABELS, COL_SOURCE };

/* idxNum. */
/* The collation of the column timestamp. */
#define SAMPLE_TIME_ORDER "moltler_time"

#define PLAN_ORDERED 1 /* rows come by timestamp */
#define PLAN_DESC 2
#define PLAN_VALUES 4  /* values are wanted */

/* What a cursor was told to look for. */
struct sample_plan {
	int64_t lo, hi; /* of timestamps, both included */
	char ** names;
	int nnames;     /* -1: any */
	char * labels, * source; /* NULL: any */
	int is_nothing; /* something is compared with NULL */
};

/**
 * sample_plan_best(info, ordered, one_source): xBestIndex.  ${ordered}: no
 * source's clock was ever stepped back; ${one_source}: there is but one.
 */
int sample_plan_best(sqlite3_index_info * info, int ordered, int one_source);

/**
 * sample_plan_read(p, what, v, n): What the plan's ${what} (idxStr) and values
 * say.  An SQLite code.  sample_plan_clear frees it.
 */
int sample_plan_read(struct sample_plan * p, const char * what,
    sqlite3_value ** v, int n);
void sample_plan_clear(struct sample_plan * p);

#endif
