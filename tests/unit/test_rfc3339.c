#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/civil.h"
#include "base/rfc3339.h"

#define DAY INT64_C(86400)
#define YEAR_0 INT64_C(-62167219200)
#define YEAR_10000 INT64_C(253402300800)

static void
with_gmtime(int64_t ms, char * out, size_t n)
{
	time_t s = (time_t)(ms / 1000);
	int frac = (int)(ms % 1000);
	struct tm tm;
	size_t k;

	if (frac < 0) {
		frac += 1000;
		s--;
	}
	gmtime_r(&s, &tm);
	k = (size_t)snprintf(out, n, "%04d-%02d-%02dT%02d:%02d:%02d",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
	if (frac)
		snprintf(out + k, n - k, ".%03dZ", frac);
	else
		snprintf(out + k, n - k, "Z");
}

static void
check(int64_t ms)
{
	char out[RFC3339_LEN], want[64];
	struct err e;
	int64_t back;

	rfc3339_format(ms, out);
	with_gmtime(ms, want, sizeof(want));
	assert_string_equal(out, want);
	if (rfc3339_parse(out, strlen(out), &back, &e))
		fail_msg("%s: %s", out, e.msg);
	assert_int_equal(back, ms);
}

static void
test_every_day_of_ten_thousand_years(void ** state)
{
	int64_t s, ms;
	int i = 0;

	(void)state;
	for (s = YEAR_0; s < YEAR_10000; s += DAY, i++) {
		check(s * 1000);
		ms = (s + (i * INT64_C(7919)) % DAY) * 1000 + i % 1000;
		check(ms);
		check((s + DAY) * 1000 - 1);
	}
}

static void
test_beyond(void ** state)
{
	char out[RFC3339_LEN];

	(void)state;
	rfc3339_format(YEAR_10000 * 1000, out);
	assert_string_equal(out, "10000-01-01T00:00:00Z");
	rfc3339_format(YEAR_0 * 1000 - 1, out);
	assert_string_equal(out, "-0001-12-31T23:59:59.999Z");
	rfc3339_format(INT64_MAX, out);
	assert_string_equal(out, "292278994-08-17T07:12:55.807Z");
	rfc3339_format(INT64_MIN, out);
	assert_string_equal(out, "-292275055-05-16T16:47:04.192Z");
}

static void
test_civil(void ** state)
{
	struct civil c;
	struct tm tm;
	int64_t d;
	time_t t;

	(void)state;
	for (d = -800000; d < 3000000; d += 13) {
		t = (time_t)(d * DAY);
		gmtime_r(&t, &tm);
		civil_from_days(d, &c);
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(civil_weekday(d), tm.tm_wday);
		assert_int_equal(civil_to_days(c.year, c.month, c.day), d);
	}
	assert_int_equal(civil_month_days(2000, 2), 29);
	assert_int_equal(civil_month_days(2100, 2), 28);
	assert_int_equal(civil_month_days(2024, 2), 29);
	assert_int_equal(civil_month_days(2023, 2), 28);
	assert_int_equal(civil_month_days(-4, 2), 29);
}

static void
test_same(void ** state)
{
	static const char * const same[][2] = {
		/* The examples of RFC 3339 section 5.8. */
		{ "1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520Z" },
		{ "1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57Z" },
		{ "1990-12-31T23:59:60Z", "1991-01-01T00:00:00Z" },
		{ "1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z" },
		{ "1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870Z" },
		/* Leniency that is promised. */
		{ "2026-11-21 16:59:43z", "2026-11-21T16:59:43Z" },
		{ "2026-11-21t16:59:43Z", "2026-11-21T16:59:43Z" },
		{ "2026-11-21T16:59:43.1Z", "2026-11-21T16:59:43.100Z" },
		{ "2026-11-21T16:59:43.0009Z", "2026-11-21T16:59:43Z" },
		{ "2026-11-21T16:59:43.999999999999999999999Z",
		    "2026-11-21T16:59:43.999Z" },
		{ "2026-11-21T16:59:43-00:00", "2026-11-21T16:59:43Z" },
		{ "2026-11-21T16:59:43+23:59", "2026-11-20T17:00:43Z" },
		{ "1969-12-31T23:59:59.9996Z", "1969-12-31T23:59:59.999Z" },
		{ "2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z" },
		{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z" },
		{ "0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z" },
		{ "9999-12-31T23:59:60Z", "10000-01-01T00:00:00Z" },
	};
	char out[RFC3339_LEN];
	struct err e;
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		if (rfc3339_parse(same[i][0], strlen(same[i][0]), &ms, &e))
			fail_msg("%s: %s", same[i][0], e.msg);
		rfc3339_format(ms, out);
		assert_string_equal(out, same[i][1]);
	}
}

static void
test_refused(void ** state)
{
	static const struct {
		const char * s;
		int byte;
	} bad[] = {
		{ "", 0 }, { "x", 0 }, { "202-11-21T16:59:43Z", 0 },
		{ "20260-11-21T16:59:43Z", 4 }, { "+2026-11-21T16:59:43Z", 0 },
		{ "-026-11-21T16:59:43Z", 0 }, { "2026/11/21T16:59:43Z", 4 },
		{ "2026-00-21T16:59:43Z", 5 }, { "2026-13-21T16:59:43Z", 5 },
		{ "2026-1-21T16:59:43Z", 5 }, { "2026-11-00T16:59:43Z", 8 },
		{ "2026-11-31T16:59:43Z", 8 }, { "2023-02-29T16:59:43Z", 8 },
		{ "2100-02-29T16:59:43Z", 8 }, { "2026-11-32T16:59:43Z", 8 },
		{ "2026-11-21", 10 }, { "2026-11-21_16:59:43Z", 10 },
		{ "2026-11-21T24:00:00Z", 11 }, { "2026-11-21T16:60:43Z", 14 },
		{ "2026-11-21T16:59Z", 16 }, { "2026-11-21T16:59:61Z", 17 },
		{ "2026-11-21T16:59:60Z", 17 }, { "2026-11-21T23:59:60Z", 17 },
		{ "2026-11-30T23:58:60Z", 17 },
		{ "2026-11-30T23:59:60+01:00", 17 },
		{ "2026-11-21T16:59:43", 19 }, { "2026-11-21T16:59:43.Z", 20 },
		{ "2026-11-21T16:59:43,5Z", 19 }, { "2026-11-21T16:59:43.5", 21 },
		{ "2026-11-21T16:59:43+1:00", 20 },
		{ "2026-11-21T16:59:43+0100", 22 },
		{ "2026-11-21T16:59:43+24:00", 20 },
		{ "2026-11-21T16:59:43+01:60", 23 },
		{ "2026-11-21T16:59:43+01", 22 },
		{ "2026-11-21T16:59:43Zx", 20 }, { "2026-11-21T16:59:43Z ", 20 },
		{ " 2026-11-21T16:59:43Z", 0 }, { "2026-11-21T16:59:43 Z", 19 },
	};
	char at[32];
	struct err e;
	int64_t ms;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (rfc3339_parse(bad[i].s, strlen(bad[i].s), &ms, &e) != -1)
			fail_msg("\"%s\" was taken", bad[i].s);
		snprintf(at, sizeof(at), "byte %d", bad[i].byte);
		assert_int_equal(e.cls, ERR_PERMANENT);
		if (strlen(e.msg) < strlen(at) ||
		    strcmp(e.msg + strlen(e.msg) - strlen(at), at) != 0)
			fail_msg("\"%s\": %s", bad[i].s, e.msg);
	}
	/* Every true prefix is too short; a NUL is no end. */
	for (n = 0; n < 20; n++)
		assert_int_equal(rfc3339_parse("2026-11-21T16:59:43Z", n, &ms,
		    &e), -1);
	assert_int_equal(rfc3339_parse("2026-11-21T16:59:43Z\0", 21, &ms, &e),
	    -1);
	assert_int_equal(rfc3339_parse("2026-11-21T16:59:43Zjunk", 20, &ms, &e),
	    0);
}

static void
test_compare(void ** state)
{
	/* In their order. */
	static const char * const v[] = { "", "1970-01-01", "2026-11-21T16:59:43",
	    "2026-11-21T16:59:43+01:00", "2026-11-21T16:59:43Z",
	    "2026-11-21T16:59:43ZZ", "2026-11-21T16:59:43.001Z",
	    "2026-11-21T16:59:43.500Z", "2026-11-21T16:59:43.5Z",
	    "2026-11-21T16:59:430", "2026-11-21T16:59:43\xc3\xa9",
	    "2026-11-21T16:59:44Z", "2026-11-21T16:59:44.999Z",
	    "2026-11-21T16:59:45Z", "Z" };
	int n = sizeof(v) / sizeof(v[0]), i, k, d;

	(void)state;
	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++) {
			d = rfc3339_compare(v[i], strlen(v[i]), v[k],
			    strlen(v[k]));
			if (d == 0 ? i != k : (i < k) != (d < 0))
				fail_msg("%s and %s: %d", v[i], v[k], d);
		}
	}
}

static void
test_loose(void ** state)
{
	static const struct {
		const char * s, * as; /* NULL: no time */
	} v[] = {
		{ "2026-01-01", "2026-01-01T00:00:00Z" },
		{ "2026-01-01 10:00", "2026-01-01T10:00:00Z" },
		{ "2026-01-01T10:00Z", "2026-01-01T10:00:00Z" },
		{ "2026-01-01T10:00+02:00", "2026-01-01T08:00:00Z" },
		{ "2026-01-01T10:00:05", "2026-01-01T10:00:05Z" },
		{ "2026-01-01 10:00:05.25", "2026-01-01T10:00:05.250Z" },
		{ "2026-01-01T10:00:05.000Z", "2026-01-01T10:00:05Z" },
		{ "2026-01-01T10:00:05-00:30", "2026-01-01T10:30:05Z" },
		{ "2026-01-01T23:59:60Z", NULL }, { "2026-01", NULL },
		{ "2026-01-01T", NULL }, { "2026-01-01T10", NULL },
		{ "2026-02-30", NULL }, { "", NULL }, { "2026-01-01 10:00x",
		NULL }, { "2026-01-01Z", NULL }
	};
	char text[RFC3339_LEN];
	int64_t ms;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		rc = rfc3339_loose(v[i].s, strlen(v[i].s), &ms);
		if ((rc == 0) != (v[i].as != NULL))
			fail_msg("%s: %d", v[i].s, rc);
		if (rc != 0)
			continue;
		rfc3339_format(ms, text);
		assert_string_equal(text, v[i].as);
		assert_int_equal(rfc3339_order(v[i].s, strlen(v[i].s), text,
		    strlen(text)), 0);
	}
}

static void
test_order(void ** state)
{
	/* In their order; a leading = is the same instant as the one before. */
	static const char * const v[] = { "", "2025-12-31T23:59:59Z",
	    "2026-01-01", "=2026-01-01T00:00:00Z", "=2026-01-01 00:00",
	    "=2026-01-01T00:00:00.000Z", "=2026-01-01T01:00:00+01:00",
	    "2026-01-01T00:00:00.001Z", "2026-01-01 00:01",
	    "2026-01-01T09:00", "=2026-01-01T10:00:00+01:00",
	    "2026-02-30", "2026-03-01", "Z" };
	int n = sizeof(v) / sizeof(v[0]), rank[32] = { 0 }, i, k, d;
	const char * a, * b;

	(void)state;
	for (i = 1; i < n; i++)
		rank[i] = rank[i - 1] + (v[i][0] != '=');
	for (i = 0; i < n; i++)
		for (k = 0; k < n; k++) {
			a = v[i] + (v[i][0] == '=');
			b = v[k] + (v[k][0] == '=');
			d = rfc3339_order(a, strlen(a), b, strlen(b));
			if ((d > 0) - (d < 0) != (rank[i] > rank[k]) -
			    (rank[i] < rank[k]))
				fail_msg("%s and %s: %d", a, b, d);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_day_of_ten_thousand_years),
		cmocka_unit_test(test_beyond), cmocka_unit_test(test_civil),
		cmocka_unit_test(test_same), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_compare), cmocka_unit_test(test_loose),
		cmocka_unit_test(test_order),
	};

	return (cmocka_run_group_tests_name("rfc3339", tests, NULL, NULL));
}
