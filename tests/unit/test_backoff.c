#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/backoff.h"

static int64_t
full(unsigned attempt, int64_t base, int64_t max)
{
	int64_t d = base;

	while (attempt-- > 0 && d < max)
		d = d > max / 2 ? max : 2 * d;
	return (d < max ? d : max);
}

static void
test_in_the_upper_half(void ** state)
{
	static const int64_t bases[] = { 1, 2, 3, 100, 999, INT64_MAX / 3 };
	static const int64_t maxes[] = { 1, 2, 7, 60000, INT64_MAX };
	static const uint32_t rnds[] = { 0, 1, 0x7fffffff, 0x80000000,
	    0xfffffffe, 0xffffffff };
	size_t b, m, r;
	unsigned a;
	int64_t d, w;

	(void)state;
	for (b = 0; b < sizeof(bases) / sizeof(*bases); b++)
	for (m = 0; m < sizeof(maxes) / sizeof(*maxes); m++)
	for (r = 0; r < sizeof(rnds) / sizeof(*rnds); r++)
	for (a = 0; a < 70; a++) {
		d = full(a, bases[b], maxes[m]);
		w = backoff_ms(a, bases[b], maxes[m], rnds[r]);
		assert_true(w <= d);
		assert_true(w > d / 2 || d == 1);
		assert_true(w >= 1);
		if (rnds[r] == 0)
			assert_int_equal(w, d);
	}
}

static void
test_growth_and_spread(void ** state)
{
	(void)state;
	assert_int_equal(backoff_ms(0, 100, 10000, 0), 100);
	assert_int_equal(backoff_ms(1, 100, 10000, 0), 200);
	assert_int_equal(backoff_ms(6, 100, 10000, 0), 6400);
	assert_int_equal(backoff_ms(7, 100, 10000, 0), 10000);
	assert_int_equal(backoff_ms(4000000000u, 100, 10000, 0), 10000);
	assert_int_equal(backoff_ms(0, 100, 10000, UINT32_MAX), 51);
	assert_int_equal(backoff_ms(0, 100, 10000, UINT32_MAX / 2 + 1), 75);
	/* What a caller should not pass still gives a wait. */
	assert_int_equal(backoff_ms(3, 0, 0, 5), 1);
	assert_int_equal(backoff_ms(3, -5, -5, 5), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_the_upper_half),
		cmocka_unit_test(test_growth_and_spread),
	};

	return (cmocka_run_group_tests_name("backoff", tests, NULL, NULL));
}
