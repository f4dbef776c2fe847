#include "base/clock.h"

#include <time.h>

static int64_t fake_wall = -1, fake_mono = -1;

int64_t
clock_wall_ms(void)
{
	struct timespec ts;

	if (fake_wall >= 0)
		return (fake_wall);
	clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

int64_t
clock_mono_us(void)
{
	struct timespec ts;

	if (fake_mono >= 0)
		return (fake_mono);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

void
clock_set_fake(int64_t wall_ms, int64_t mono_us)
{
	fake_wall = wall_ms;
	fake_mono = mono_us;
}
