#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void
test_real(void ** state)
{
	int64_t a = clock_mono_us(), b = clock_mono_us();
	int64_t wall = clock_wall_ms(), s = (int64_t)time(NULL);

	(void)state;
	assert_true(b >= a && a > 0);
	assert_true(wall / 1000 >= s - 1 && wall / 1000 <= s + 1);
}

static void
test_fake(void ** state)
{
	(void)state;
	clock_set_fake(123, 456);
	assert_int_equal(clock_wall_ms(), 123);
	assert_int_equal(clock_mono_us(), 456);
	clock_set_fake(0, 0);
	assert_int_equal(clock_wall_ms(), 0);
	assert_int_equal(clock_mono_us(), 0);
	clock_set_fake(-1, -1);
	assert_true(clock_wall_ms() > INT64_C(1600000000000));
	assert_true(clock_mono_us() > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real), cmocka_unit_test(test_fake),
	};

	return (cmocka_run_group_tests_name("clock", tests, NULL, NULL));
}
