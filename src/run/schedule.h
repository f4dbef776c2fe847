#ifndef MOLTLER_RUN_SCHEDULE_H
#define MOLTLER_RUN_SCHEDULE_H

#include <stdint.h>

/*
 * Buckets: time is cut into pieces of ${every_ms} since 1970, and each piece is
 * run once.  Thousands of equal schedules would all fire at the piece's start,
 * so each fires at an offset of its own within it; what it writes still bears
 * the piece's start.
 */

/** schedule_bucket(now_ms, every_ms): The start of the piece ${now_ms} is in. */
int64_t schedule_bucket(int64_t now_ms, int64_t every_ms);

/**
 * schedule_offset(id, every_ms): A stable offset in [0, every_ms): one of at
 * least 20 slots, at most 250 ms apart.  What shares a slot shares a wake-up, warm
 * caches and a commit; one at a time, a run costs several times the CPU.
 */
int64_t schedule_offset(const char * id, int64_t every_ms);

/**
 * schedule_next(now_ms, every_ms, offset_ms, done):
 * When to fire next: the first time >= ${now_ms} of the form bucket + offset
 * whose bucket is later than ${done} (the last one run; INT64_MIN: none).  A
 * ${done} that lies more than a piece ahead of now (the clock was set back)
 * counts as the present one, so that firing never stops for long.
 */
int64_t schedule_next(int64_t now_ms, int64_t every_ms, int64_t offset_ms,
    int64_t done);

#endif
