#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/openmetrics_number.h"

#define ROUNDS 60000

static uint64_t
rnd(void)
{
	static uint64_t s = UINT64_C(0x9e3779b97f4a7c15);

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (s);
}

static uint64_t
bits(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	return (u);
}

static unsigned plain, all;

/* Both roads give strtod's very bits, and end where they should. */
static void
check(const char * s)
{
	const char * end = s + strlen(s), * q;
	double want = strtod(s, NULL), v = 7, w = 7;
	enum openmetrics_number r = openmetrics_number(s, end, &v);

	all++;
	if (isinf(want)) {
		assert_int_equal(r, OPENMETRICS_NUMBER_RANGE);
		return;
	}
	if (r != OPENMETRICS_NUMBER_OK || bits(v) != bits(want))
		fail_msg("%s: %d, %.17g", s, (int)r, v);
	if ((q = openmetrics_number_plain(s, end, &w)) == NULL)
		return;
	plain++;
	if (q != end || bits(w) != bits(want))
		fail_msg("%s: plain gives %.17g", s, w);
}

static double
any_double(void)
{
	uint64_t u;
	double v;

	do {
		u = rnd();
		memcpy(&v, &u, sizeof(v));
	} while (isnan(v) || isinf(v));
	return (v);
}

static void
test_strtod_agrees(void ** state)
{
	static const char * const forms[] = { "%.17g", "%g", "%.3g", "%.15g",
		"%.16G", "%+.12e", "%.0e", "%E" };
	static const char * const fixed[] = { "%.0f", "%.1f", "%.3f", "%f",
		"%.9f", "%+.2f", "%.15f", "%.17f" };
	char s[512];
	size_t i, n;
	double v;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		snprintf(s, sizeof(s), "%.17g", any_double());
		check(s);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(s, sizeof(s), forms[i % 8], any_double());
		check(s);
		v = (double)(int64_t)rnd() / (double)(1 + (rnd() >> (i % 60)));
		snprintf(s, sizeof(s), fixed[i % 8], v);
		check(s);
		snprintf(s, sizeof(s), forms[i % 8], v);
		check(s);
#pragma GCC diagnostic pop
		snprintf(s, sizeof(s), "%lld", (long long)rnd() >> (i % 64));
		check(s);
		/* Digits, and an exponent near the edges. */
		n = (size_t)snprintf(s, sizeof(s), "%llu",
		    (unsigned long long)rnd() >> (i % 64));
		snprintf(s + n, sizeof(s) - n, "e%+d", (int)(rnd() % 80) - 40);
		check(s);
		snprintf(s, sizeof(s), "%llu.%llue%d",
		    (unsigned long long)rnd() >> (34 + i % 30),
		    (unsigned long long)rnd() >> (i % 64),
		    (int)(rnd() % 50) - 25);
		check(s);
		snprintf(s, sizeof(s), "%s%0*llu%s",
		    i & 1 ? "-" : i & 2 ? "+" : "", (int)(rnd() % 24),
		    (unsigned long long)rnd() >> (i % 64),
		    i & 4 ? "." : i & 8 ? ".0" : "");
		check(s);
	}
	/* The fast road is the one most numbers take. */
	assert_true(plain > all / 3);
}

static void
test_edges(void ** state)
{
	static const char * const ok[] = { "0", "-0", "+0", "0.0", "-.0",
		"9007199254740991", "9007199254740992", "9007199254740993",
		"9007199254740995", "9007199254740991e22",
		"9007199254740991e-22", "9007199254740993e22", "1e22", "1e23",
		"1e-22", "1e-23", "123456789012345678901234567890", "0.1e1",
		"18446744073709551615", "18446744073709551616",
		"9999999999999999999", "0.30000000000000004",
		"1.7976931348623157e308", "1.7976931348623158e308",
		"4.9e-324", "2.4703282292062327e-324",
		"2.4703282292062328e-324", "2.2250738585072011e-308", "1e-9999",
		"-1e-9999", "0e9999", "0e99999999999999999999",
		"1e-99999999999999999999", "000000000000000000000000000001",
		"0.00000000000000000000000000000000000001", "1e00000000022" };
	static const char * const bad[] = { "", "+", "-", ".", "e5", ".e5",
		"1e", "1e+", "1e-", "1.2.3", "1e5.0", "1 ", " 1", "0x1", "1_0",
		"1f", "1d", "++1", "in", "infi", "infinityy", "+nan", "-nan",
		"nan()", "nanx", "nul", "1e5e5", "\xc2\xa0", "1\r", "1\t" };
	static const char * const inf[] = { "inf", "Inf", "INF", "+inf",
		"+Inf", "infinity", "+INFINITY" };
	static const char neg[] = "-iNf";
	double v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ok) / sizeof(ok[0]); i++)
		check(ok[i]);
	check("1e309");
	check("-1e99999999999999999999");
	check("1.7976931348623159e308");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (openmetrics_number(bad[i], bad[i] + strlen(bad[i]), &v) !=
		    OPENMETRICS_NUMBER_BAD)
			fail_msg("taken: %s", bad[i]);
	for (i = 0; i < sizeof(inf) / sizeof(inf[0]); i++) {
		assert_int_equal(openmetrics_number(inf[i],
		    inf[i] + strlen(inf[i]), &v), OPENMETRICS_NUMBER_OK);
		assert_true(isinf(v) && v > 0);
		assert_int_equal(openmetrics_number_real(inf[i],
		    inf[i] + strlen(inf[i]), &v), OPENMETRICS_NUMBER_BAD);
	}
	assert_int_equal(openmetrics_number(neg, neg + 4, &v),
	    OPENMETRICS_NUMBER_OK);
	assert_true(isinf(v) && v < 0);
}

static void
test_nan_is_one(void ** state)
{
	static const char * const nans[] = { "nan", "NaN", "NAN", "nAn" };
	double v;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(openmetrics_number(nans[i], nans[i] + 3, &v),
		    OPENMETRICS_NUMBER_OK);
		assert_true(bits(v) == UINT64_C(0x7ff8000000000000));
	}
}

static void
test_long_numbers(void ** state)
{
	char s[OPENMETRICS_NUMBER_MAX + 2];
	double v;

	(void)state;
	memset(s, '0', sizeof(s));
	s[1] = '.';
	s[OPENMETRICS_NUMBER_MAX - 1] = '7';
	assert_int_equal(openmetrics_number(s, s + OPENMETRICS_NUMBER_MAX, &v),
	    OPENMETRICS_NUMBER_OK);
	assert_true(bits(v) == 0);
	assert_int_equal(openmetrics_number(s, s + OPENMETRICS_NUMBER_MAX + 1,
	    &v), OPENMETRICS_NUMBER_LONG);
	/* The longest spelling any double needs. */
	snprintf(s, sizeof(s), "%.1074f", 2.2250738585072009e-308);
	check(s);
	snprintf(s, sizeof(s), "%f", -1.7976931348623157e308);
	check(s);
}

static void
test_integers(void ** state)
{
	static const struct {
		const char * s;
		enum openmetrics_number want;
	} c[] = {
		{ "0", OPENMETRICS_NUMBER_OK }, { "-1", OPENMETRICS_NUMBER_OK },
		{ "+17", OPENMETRICS_NUMBER_OK },
		{ "0000000000000000000000001", OPENMETRICS_NUMBER_OK },
		{ "9223372036854775807", OPENMETRICS_NUMBER_OK },
		{ "9223372036854775808", OPENMETRICS_NUMBER_RANGE },
		{ "-9223372036854775808", OPENMETRICS_NUMBER_OK },
		{ "-9223372036854775809", OPENMETRICS_NUMBER_RANGE },
		{ "99999999999999999999999", OPENMETRICS_NUMBER_RANGE },
		{ "", OPENMETRICS_NUMBER_BAD }, { "-", OPENMETRICS_NUMBER_BAD },
		{ "1.0", OPENMETRICS_NUMBER_BAD },
		{ "1e3", OPENMETRICS_NUMBER_BAD },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		assert_int_equal(openmetrics_number_int(c[i].s,
		    c[i].s + strlen(c[i].s)), c[i].want);
}

/* A page's decimal point is a dot, whatever the user's is. */
static void
test_locale(void ** state)
{
	static const char s[] = "0.30000000000000004";
	double v;

	(void)state;
	if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL &&
	    setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL)
		print_message("no locale with a comma here\n");
	assert_int_equal(openmetrics_number(s, s + sizeof(s) - 1, &v),
	    OPENMETRICS_NUMBER_OK);
	assert_true(bits(v) == UINT64_C(0x3fd3333333333334));
	setlocale(LC_NUMERIC, "C");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strtod_agrees),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_nan_is_one),
		cmocka_unit_test(test_long_numbers),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_locale),
	};

	return (cmocka_run_group_tests_name("openmetrics_number", tests, NULL,
	    NULL));
}
