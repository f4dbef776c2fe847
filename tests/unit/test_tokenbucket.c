#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/tokenbucket.h"

static void
test_burst_and_rate(void ** state)
{
	struct tokenbucket tb;
	int64_t t = 1000000, w;
	int i;

	(void)state;
	tokenbucket_init(&tb, 10, 5, t);
	for (i = 0; i < 5; i++)
		assert_int_equal(tokenbucket_take(&tb, 1, t), 0);
	assert_int_equal(tokenbucket_take(&tb, 1, t), 100000);
	assert_int_equal(tokenbucket_take(&tb, 1, t + 40000), 60000);
	assert_int_equal(tokenbucket_take(&tb, 1, t + 100000), 0);
	/* However long it rests, only the burst is saved. */
	t += INT64_C(1000000) * 86400 * 365;
	for (i = 0; i < 5; i++)
		assert_int_equal(tokenbucket_take(&tb, 1, t), 0);
	assert_true(tokenbucket_take(&tb, 1, t) > 0);
	/* Whoever waits as told gets one, at any rate; never a zero wait. */
	for (i = 1; i < 20000; i++) {
		tokenbucket_init(&tb, i % 2 ? i * 0.37 : 1e6 / i, 1, t);
		assert_int_equal(tokenbucket_take(&tb, 1, t), 0);
		w = tokenbucket_take(&tb, 1, t);
		t += w / 3;
		w = tokenbucket_take(&tb, 1, t);
		assert_true(w >= 1);
		t += w;
		assert_int_equal(tokenbucket_take(&tb, 1, t), 0);
	}
}

static void
test_keeps_the_rate(void ** state)
{
	struct tokenbucket tb;
	int64_t t = 0, w;
	int taken = 0;

	(void)state;
	/* Asked every 777 us for a minute: 3000 a second and the burst. */
	tokenbucket_init(&tb, 3000, 10, t);
	for (; t < 60000000; t += 777)
		while ((w = tokenbucket_take(&tb, 1, t)) == 0)
			taken++;
	assert_in_range(taken, 180000 + 10 - 4, 180000 + 10);
}

/* What counts for several takes all or nothing. */
static void
test_cost(void ** state)
{
	struct tokenbucket tb;
	int64_t t = 0, w;
	int taken = 0;

	(void)state;
	tokenbucket_init(&tb, 10, 12, t);
	assert_int_equal(tokenbucket_take(&tb, 5, t), 0);
	assert_int_equal(tokenbucket_take(&tb, 5, t), 0);
	assert_int_equal(tokenbucket_take(&tb, 5, t), 300000);
	assert_int_equal(tokenbucket_take(&tb, 2, t), 0);
	assert_int_equal(tokenbucket_take(&tb, 0.5, t), 50000);
	assert_int_equal(tokenbucket_take(&tb, 0, t), 0);
	/* More than there is room for: as soon as it is full. */
	assert_int_equal(tokenbucket_take(&tb, 100, t + 200000), 1000000);
	assert_int_equal(tokenbucket_take(&tb, 100, t + 1200000), 0);
	/* A minute: the burst and what came in, five at a time. */
	tokenbucket_init(&tb, 15, 900, t);
	for (; t <= 60000000; t += 777)
		while ((w = tokenbucket_take(&tb, 5, t)) == 0)
			taken += 5;
	assert_in_range(taken, 1800 - 5, 1800);
}

static void
test_odd_clocks(void ** state)
{
	struct tokenbucket tb;
	int64_t w;

	(void)state;
	tokenbucket_init(&tb, 1, 0, 5000000); /* the burst is at least 1 */
	assert_int_equal(tokenbucket_take(&tb, 1, 5000000), 0);
	/* Back in time nothing is gained, and the wait is as if it stood. */
	assert_int_equal(tokenbucket_take(&tb, 1, 1000000), 1000000);
	assert_int_equal(tokenbucket_take(&tb, 1, 1500000), 500000);
	assert_int_equal(tokenbucket_take(&tb, 1, 2000000), 0);
	tokenbucket_init(&tb, 1, 1, INT64_MIN);
	assert_int_equal(tokenbucket_take(&tb, 1, INT64_MAX), 0);
	assert_int_equal(tokenbucket_take(&tb, 1, INT64_MIN), 1000000);
	/* A rate of one in a million years cannot make the wait wrap. */
	tokenbucket_init(&tb, 1e-20, 1, 0);
	assert_int_equal(tokenbucket_take(&tb, 1, 0), 0);
	w = tokenbucket_take(&tb, 1, 0);
	assert_true(w > 0 && w < INT64_MAX / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_and_rate),
		cmocka_unit_test(test_keeps_the_rate),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_odd_clocks),
	};

	return (cmocka_run_group_tests_name("tokenbucket", tests, NULL, NULL));
}
