#ifndef MOLTLER_BASE_TOKENBUCKET_H
#define MOLTLER_BASE_TOKENBUCKET_H

#include <stdint.h>

/* Permits that refill at a rate up to a burst; times are clock_mono_us(). */
struct tokenbucket {
	double rate;  /* tokens a second */
	double burst; /* the most that can be saved up, at least 1 */
	double have;
	int64_t at_us;
};

/** tokenbucket_init(tb, rate, burst, now_us): Start full.  ${rate} > 0. */
void tokenbucket_init(struct tokenbucket * tb, double rate, double burst,
    int64_t now_us);

/**
 * tokenbucket_take(tb, n, now_us):
 * Take ${n} tokens and return 0, or take none and return the microseconds (>= 1)
 * until there are so many; of more than a burst, the burst counts.  A clock that
 * goes back counts as standing still.
 */
int64_t tokenbucket_take(struct tokenbucket * tb, double n, int64_t now_us);

#endif
