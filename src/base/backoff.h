#ifndef MOLTLER_BASE_BACKOFF_H
#define MOLTLER_BASE_BACKOFF_H

#include <stdint.h>

/**
 * backoff_ms(attempt, base_ms, max_ms, rnd):
 * Return how long to wait before retry number ${attempt} (0 for the first):
 * base * 2^attempt, at most ${max_ms}, of which the upper half is jitter taken
 * from ${rnd} (any 32 random bits): the result lies in (d/2, d].  Never 0.
 */
int64_t backoff_ms(unsigned attempt, int64_t base_ms, int64_t max_ms,
    uint32_t rnd);

#endif
