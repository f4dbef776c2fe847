#ifndef MOLTLER_BASE_FENCE_H
#define MOLTLER_BASE_FENCE_H

#include <stdint.h>

/*
 * Fences number the runs of a sync; targets remember the last one.  Where the state
 * that gives them was lost, one given by a clock that is behind may be below what a
 * target has seen: it is told here, so that the next ones are above it.
 */

/** fence_see(fence): A target has seen it.  fence_seen(): The highest; 0: none. */
void fence_see(int64_t fence);
int64_t fence_seen(void);

#endif
