#include "base/tokenbucket.h"

#include <math.h>

/* Rounding may leave a token this much short: it counts as whole, or a caller
 * who waited as long as told would be sent away once more. */
#define ALMOST 1e-6

/* The longest wait told, about 31 years: a caller may add it to a clock. */
#define WAIT_MAX_US 1e15

void
tokenbucket_init(struct tokenbucket * tb, double rate, double burst,
    int64_t now_us)
{
	tb->rate = rate;
	tb->burst = burst > 1 ? burst : 1;
	tb->have = tb->burst;
	tb->at_us = now_us;
}

int64_t
tokenbucket_take(struct tokenbucket * tb, double n, int64_t now_us)
{
	double wait;

	if (now_us > tb->at_us)
		tb->have += ((double)now_us - (double)tb->at_us) * tb->rate / 1e6;
	if (tb->have > tb->burst)
		tb->have = tb->burst;
	tb->at_us = now_us;
	if (n > tb->burst)
		n = tb->burst;
	if (tb->have >= n - ALMOST) {
		tb->have -= n;
		return (0);
	}
	wait = ceil((n - tb->have) / tb->rate * 1e6);
	return (wait < 1 ? 1 : wait < WAIT_MAX_US ? (int64_t)wait :
	    (int64_t)WAIT_MAX_US);
}
