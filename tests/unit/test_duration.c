#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"

static void
test_parse(void ** state)
{
	static const struct {
		const char * s;
		int64_t ms;
	} good[] = {
		{ "0", 0 }, { "0s", 0 }, { "250ms", 250 }, { "5m", 300000 },
		{ "1h30m", 5400000 }, { "7d", 604800000 }, { "2w", 1209600000 },
		{ "2w3d4h5m6s7ms", INT64_C(1483506007) }, { "1m1ms", 60001 },
		{ "90m", 5400000 }, { "007s", 7000 },
		{ "9223372036854775807ms", INT64_MAX },
		{ "106751991167d7h12m55s807ms", INT64_MAX },
	};
	struct err e;
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (duration_parse(good[i].s, strlen(good[i].s), &ms, &e))
			fail_msg("%s: %s", good[i].s, e.msg);
		assert_int_equal(ms, good[i].ms);
	}
	assert_int_equal(duration_parse("5mx", 2, &ms, &e), 0);
}

static void
test_refused(void ** state)
{
	static const struct {
		const char * s;
		const char * why;
	} bad[] = {
		{ "", "a number is missing at byte 0" },
		{ "5", "a unit (ms, s, m, h, d, w) is missing at byte 1" },
		{ "00", "is missing" }, { "1h5", "is missing at byte 3" },
		{ "m", "a number is missing at byte 0" },
		{ "-5m", "a number is missing at byte 0" },
		{ "+5m", "a number is missing at byte 0" },
		{ " 5m", "a number is missing at byte 0" },
		{ "5 m", "unknown unit at byte 1" }, { "5m ", "unknown unit" },
		{ "1.5h", "unknown unit at byte 1" }, { "5M", "unknown unit" },
		{ "5 minutes", "unknown unit" }, { "5y", "unknown unit" },
		{ "5us", "unknown unit" }, { "1hm", "unknown unit" },
		{ "5m5m", "twice or not largest first at byte 3" },
		{ "5s1m", "twice or not largest first at byte 3" },
		{ "1ms1s", "not largest first" },
		{ "9223372036854775808ms", "too large a number at byte 0" },
		{ "99999999999999999999w", "too large a number" },
		{ "15250284453w", "too large a number" },
		{ "106751991167d7h12m55s808ms", "too large a number" },
	};
	char text[100];
	struct err e;
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (duration_parse(bad[i].s, strlen(bad[i].s), &ms, &e) != -1)
			fail_msg("\"%s\" was taken", bad[i].s);
		assert_int_equal(e.cls, ERR_CONFIG);
		if (!strstr(e.msg, bad[i].why) || !strstr(e.msg, "1h30m") ||
		    !strstr(e.msg, bad[i].s))
			fail_msg("\"%s\": %s", bad[i].s, e.msg);
	}
	memset(text, 'x', sizeof(text));
	assert_int_equal(duration_parse(text, sizeof(text), &ms, &e), -1);
	assert_true(strlen(e.msg) < 200);
	assert_int_equal(duration_parse("5m\0", 3, &ms, &e), -1);
}

static void
test_format(void ** state)
{
	static const struct {
		int64_t ms;
		const char * s;
	} t[] = {
		{ 0, "0s" }, { -5, "0s" }, { 1, "1ms" }, { 999, "999ms" },
		{ 1000, "1s" }, { 5400000, "1h30m" }, { 7776000000, "90d" },
		{ 86400001, "1d1ms" },
		{ INT64_MAX, "106751991167d7h12m55s807ms" },
	};
	char out[DURATION_LEN];
	struct err e;
	int64_t ms, v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		duration_format(t[i].ms, out);
		assert_string_equal(out, t[i].s);
	}
	for (v = 1; v < INT64_MAX / 3; v = v * 3 + 1) {
		duration_format(v, out);
		assert_int_equal(duration_parse(out, strlen(out), &ms, &e), 0);
		assert_int_equal(ms, v);
	}
}

static void
test_ago(void ** state)
{
	static const struct {
		int64_t ms;
		const char * s;
	} t[] = {
		{ INT64_MIN, "just now" }, { 0, "just now" }, { 999, "just now" },
		{ 1000, "1 second ago" }, { 59999, "59 seconds ago" },
		{ 60000, "1 minute ago" }, { 300000, "5 minutes ago" },
		{ 3600000, "1 hour ago" }, { 86399999, "23 hours ago" },
		{ 86400000, "1 day ago" }, { 31557599999, "365 days ago" },
		{ 31557600000, "1 year ago" },
		{ INT64_MAX, "292271023 years ago" },
	};
	char out[DURATION_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		duration_ago(t[i].ms, out);
		assert_string_equal(out, t[i].s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_format), cmocka_unit_test(test_ago),
	};

	return (cmocka_run_group_tests_name("duration", tests, NULL, NULL));
}
