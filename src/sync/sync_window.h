#ifndef MOLTLER_SYNC_SYNC_WINDOW_H
#define MOLTLER_SYNC_SYNC_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "sync/sync_cursor.h"

/*
 * What is new is asked for in windows of the cursor's column, one after another:
 * where the manifest says a step.  Each that is whole moves the cursor, in whatever
 * order its rows came.  And how long the service keeps what it tells: what lies
 * further back is lost, which has to be said, once.
 */

struct sync_window {
	int on;              /* the list is read in windows */
	int open;            /* the last one: to the end, whatever that is */
	int64_t step, keeps, from; /* ms of times; keeps, step 0: none */
	int64_t lo, hi;      /* this one: from lo to before hi */
	int64_t end;         /* no window ends later; INT64_MAX: nobody knows */
	uint64_t count;      /* those that are done */
	uint64_t seen;       /* rows before this one */
	int has_gap;
	int64_t gap_from, gap_to; /* what is lost; ms */
};

/** sync_window_init(w, ent, col): As the manifest says for the cursor of ${ent}, if
 * that is column ${col}. */
void sync_window_init(struct sync_window * w, const struct manifest_entity * ent,
    size_t col);
/**
 * sync_window_begin(w, cu, rec, now_ms):
 * The first window of a run that begins ${now_ms}; ${rec} is the entity's part of
 * the record, or NULL.  If something is lost the cursor moves behind it.
 */
void sync_window_begin(struct sync_window * w, struct sync_cursor * cu,
    const json_t * rec, int64_t now_ms);
/** sync_window_next(w, cu, rows, first_ms): The window was read whole, and ${rows} so
 * far, of a service whose clock said ${first_ms} (0: nothing) when the run began: the
 * next one.  0: there is none. */
int sync_window_next(struct sync_window * w, struct sync_cursor * cu,
    uint64_t rows, int64_t first_ms);

#endif
