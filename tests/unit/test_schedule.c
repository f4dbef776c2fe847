#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "run/schedule.h"

static void
test_bucket(void ** state)
{
	(void)state;
	assert_int_equal(schedule_bucket(0, 1000), 0);
	assert_int_equal(schedule_bucket(999, 1000), 0);
	assert_int_equal(schedule_bucket(1000, 1000), 1000);
	assert_int_equal(schedule_bucket(-1, 1000), -1000);
	assert_int_equal(schedule_bucket(1700000000123, 86400000) % 86400000,
	    0);
}

static void
test_offsets_are_stable_and_spread(void ** state)
{
	unsigned count[10] = { 0 }, i;
	char id[32];
	int64_t o;

	(void)state;
	for (i = 0; i < 10000; i++) {
		snprintf(id, sizeof(id), "connector-%u", i);
		o = schedule_offset(id, 5000);
		assert_true(o >= 0 && o < 5000);
		assert_int_equal(o, schedule_offset(id, 5000));
		count[o / 500]++;
	}
	for (i = 0; i < 10; i++)
		assert_true(count[i] > 800 && count[i] < 1200);
}

/* Run a clock and see that each bucket is fired in exactly once. */
static void
test_every_bucket_once(void ** state)
{
	int64_t every, off, now, at, done, first, created;
	unsigned i, n;

	(void)state;
	for (i = 0; i < 2000; i++) {
		every = 100 + rand() % 100000;
		off = rand() % every;
		created = now = 1700000000000 + rand();
		done = INT64_MIN;
		at = schedule_next(now, every, off, done);
		assert_true(at >= now && at - now < every);
		first = schedule_bucket(at, every);
		for (n = 0; n < 20; n++) {
			now = at + rand() % 3; /* timers are a little late */
			assert_int_equal(schedule_bucket(at, every),
			    first + n * every);
			done = schedule_bucket(at, every);
			at = schedule_next(now, every, off, done);
			assert_true(at > now || off == 0);
		}
		assert_true(first <= created + every);
	}
}

static void
test_clock_set_back_does_not_stop_it(void ** state)
{
	int64_t at;

	(void)state;
	/* An hour back: the next run is within two pieces, not in an hour. */
	at = schedule_next(1700000000000, 5000, 100,
	    1700000000000 + 3600 * 1000);
	assert_true(at - 1700000000000 <= 10000);
	/* A little back: the piece already done is not done again. */
	at = schedule_next(1700000000000, 5000, 100, 1700000000000);
	assert_int_equal(schedule_bucket(at, 5000), 1700000005000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_offsets_are_stable_and_spread),
		cmocka_unit_test(test_every_bucket_once),
		cmocka_unit_test(test_clock_set_back_does_not_stop_it),
	};

	return (cmocka_run_group_tests_name("schedule", tests, NULL, NULL));
}
