#ifndef MOLTLER_TESTS_UNTIL_H
#define MOLTLER_TESTS_UNTIL_H

#include "base/clock.h"
#include "loop/loop.h"

/* Turn the loop L until the condition holds, at most so long. */
#define UNTIL(cond, ms) do { \
	int64_t until_ = clock_mono_us() + (ms) * INT64_C(1000); \
	while (!(cond) && clock_mono_us() < until_) \
		loop_turn(L, 1); \
	assert_true(cond); \
} while (0)

#endif
