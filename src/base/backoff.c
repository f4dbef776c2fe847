#include "base/backoff.h"

int64_t
backoff_ms(unsigned attempt, int64_t base_ms, int64_t max_ms, uint32_t rnd)
{
	int64_t d = base_ms < 1 ? 1 : base_ms;

	if (max_ms < 1)
		max_ms = 1;
	while (attempt-- > 0 && d < max_ms)
		d = d > max_ms / 2 ? max_ms : d * 2;
	if (d > max_ms)
		d = max_ms;
	return (d - (int64_t)((uint64_t)rnd % (uint64_t)((d + 1) / 2)));
}
