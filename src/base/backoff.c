#include "base/backoff.h"

int64_t
backoff_ms(unsigned attempt, int64_t base_ms, int64_t max_ms, uint32_t rnd)
{
	int64_t d = base_ms < 1 ? 1 : base_ms;
	uint64_t half;

	if (max_ms < 1)
		max_ms = 1;
	while (attempt-- > 0 && d < max_ms)
		d = d > max_ms / 2 ? max_ms : d * 2;
	if (d > max_ms)
		d = max_ms;
	/* half * rnd / 2^32, in two parts: the product may pass 64 bits. */
	half = (uint64_t)(d - d / 2);
	half = (half >> 32) * rnd + (((half & UINT32_MAX) * rnd) >> 32);
	return (d - (int64_t)half);
}
