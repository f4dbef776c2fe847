#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmocka.h>

#include "base/cron.h"

#define MINUTE INT64_C(60000)
#define DAY INT64_C(86400000)

static int64_t
utc(int y, int mon, int d, int h, int m, int s)
{
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	tm.tm_year = y - 1900;
	tm.tm_mon = mon - 1;
	tm.tm_mday = d;
	tm.tm_hour = h;
	tm.tm_min = m;
	tm.tm_sec = s;
	return ((int64_t)timegm(&tm) * 1000);
}

static int
parse(const char * s, struct cron * c, struct err * e)
{
	return (cron_parse(s, strlen(s), c, e));
}

/*
 * The oracle: whether one field's text takes a value, decided from the text
 * itself for each value, and gmtime() for each minute of a stretch of time.
 */
static int
word_value(const char * s, size_t n, int month)
{
	static const char * const months[] = { "jan", "feb", "mar", "apr", "may",
	    "jun", "jul", "aug", "sep", "oct", "nov", "dec" };
	static const char * const days[] = { "sun", "mon", "tue", "wed", "thu",
	    "fri", "sat" };
	char w[8];
	int i;

	snprintf(w, sizeof(w), "%.*s", (int)n, s);
	for (i = 0; month && i < 12; i++)
		if (strcasecmp(w, months[i]) == 0)
			return (i + 1);
	for (i = 0; !month && i < 7; i++)
		if (strcasecmp(w, days[i]) == 0)
			return (i);
	return (atoi(w));
}

static int
takes(const char * field, int lo, int hi, int month, int v)
{
	char copy[64], * item, * save, * p, * dash;
	int a, b, step;

	snprintf(copy, sizeof(copy), "%s", field);
	for (item = strtok_r(copy, ",", &save); item != NULL;
	    item = strtok_r(NULL, ",", &save)) {
		step = 1;
		a = lo;
		b = hi;
		p = strchr(item, '/');
		if (p != NULL) {
			*p = '\0';
			step = atoi(p + 1);
		}
		if (strcmp(item, "*") != 0) {
			dash = strchr(item, '-');
			a = word_value(item, dash ? (size_t)(dash - item) :
			    strlen(item), month);
			if (dash != NULL)
				b = word_value(dash + 1, strlen(dash + 1), month);
			else if (p == NULL)
				b = a;
		}
		if (v >= a && v <= b && (v - a) % step == 0)
			return (1);
	}
	return (0);
}

struct oracle {
	char ok[5][64];
	int both; /* whether both day fields have to match */
};

static void
oracle_init(struct oracle * o, const char * s)
{
	static const int lo[] = { 0, 0, 1, 1, 0 }, hi[] = { 59, 23, 31, 12, 6 };
	char f[5][64];
	int k, v;

	assert_int_equal(sscanf(s, "%63s %63s %63s %63s %63s", f[0], f[1], f[2],
	    f[3], f[4]), 5);
	for (k = 0; k < 5; k++)
		for (v = lo[k]; v <= hi[k]; v++)
			o->ok[k][v] = (char)takes(f[k], lo[k], hi[k], k == 3, v);
	if (f[4][0] != '*' && takes(f[4], 0, 6, 0, 7))
		o->ok[4][0] = 1;
	o->both = f[2][0] == '*' || f[4][0] == '*';
}

static int
oracle(const struct oracle * o, time_t t)
{
	struct tm tm;
	int dom, dow;

	gmtime_r(&t, &tm);
	dom = o->ok[2][tm.tm_mday];
	dow = o->ok[4][tm.tm_wday];
	return ((o->both ? dom && dow : dom || dow) && o->ok[0][tm.tm_min] &&
	    o->ok[1][tm.tm_hour] && o->ok[3][tm.tm_mon + 1]);
}

static void
check_against_oracle(const char * s, int64_t from, int64_t to)
{
	struct oracle o;
	struct cron c;
	struct err e;
	int64_t t, next;

	if (parse(s, &c, &e))
		fail_msg("%s: %s", s, e.msg);
	oracle_init(&o, s);
	next = cron_next(&c, from - 1);
	for (t = from; t < to; t += MINUTE) {
		if (oracle(&o, (time_t)(t / 1000)) != (t == next))
			fail_msg("%s: differs at %lld (next %lld)", s,
			    (long long)t, (long long)next);
		if (t == next)
			next = cron_next(&c, t);
	}
}

static void
test_minute_by_minute(void ** state)
{
	/* From before 1970, over leap years, over 2000 and 2100. */
	static const struct {
		const char * s;
		int from;
		int to;
	} t[] = {
		{ "*/15 8-18 * * mon-fri", 2023, 2025 },
		{ "0 0 13 * fri", 2023, 2026 },
		{ "0 0 29 2 *", 2023, 2029 },
		{ "59 23 31 * *", 2099, 2101 },
		{ "7 3 28,29 FEB *", 2099, 2101 },
		{ "30 12 29 feb sun", 1999, 2001 },
		{ "5-50/9,58 0-22/2,23 */10 1-12/3 *", 1969, 1971 },
		{ "0 12 1-7 * */2", 2024, 2026 },
		{ "0 12 */7 * 1", 2024, 2026 },
		{ "10/20 5 * * 5-7", 2024, 2025 },
		{ "0 6 * 1,mar-May,12 0", 2024, 2026 },
		{ "1 1 1 1 1", 2020, 2023 },
		{ "0 0 31 4,6,9,11,12 *", 2024, 2026 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		check_against_oracle(t[i].s, utc(t[i].from, 1, 1, 0, 0, 0),
		    utc(t[i].to, 1, 1, 0, 0, 0));
}

static void
test_random_schedules(void ** state)
{
	static const struct {
		int lo;
		int hi;
	} f[] = { { 0, 59 }, { 0, 23 }, { 1, 28 }, { 1, 12 }, { 0, 6 } };
	unsigned seed = 20261121;
	char s[128];
	int64_t from;
	size_t k, n;
	int i, a, b, span;

	(void)state;
	for (i = 0; i < 60; i++) {
		n = 0;
		for (k = 0; k < 5; k++) {
			span = f[k].hi - f[k].lo + 1;
			a = f[k].lo + rand_r(&seed) % span;
			b = a + rand_r(&seed) % (f[k].hi - a + 1);
			switch (rand_r(&seed) % 4) {
			case 0:
				n += (size_t)snprintf(s + n, sizeof(s) - n,
				    "%d ", a);
				break;
			case 1:
				n += (size_t)snprintf(s + n, sizeof(s) - n,
				    "%d-%d/%d ", a, b, 1 + rand_r(&seed) % 4);
				break;
			case 2:
				n += (size_t)snprintf(s + n, sizeof(s) - n,
				    "*/%d ", 1 + rand_r(&seed) % 5);
				break;
			default:
				n += (size_t)snprintf(s + n, sizeof(s) - n, "* ");
				break;
			}
		}
		s[n - 1] = '\0';
		/* Forty days each around 1 March, in all years of a leap cycle. */
		from = utc(2024 + i % 4, 2, 10, 0, 0, 0);
		check_against_oracle(s, from, from + 40 * DAY);
	}
}

static void
test_strictly_after(void ** state)
{
	int64_t t = utc(2026, 11, 21, 17, 0, 0);
	struct cron c;
	struct err e;

	(void)state;
	assert_int_equal(parse("* * * * *", &c, &e), 0);
	assert_int_equal(cron_next(&c, t - 1), t);
	assert_int_equal(cron_next(&c, t), t + MINUTE);
	assert_int_equal(cron_next(&c, t + 1), t + MINUTE);
	assert_int_equal(cron_next(&c, t + MINUTE - 1), t + MINUTE);
	assert_int_equal(cron_next(&c, -1), 0);
	assert_int_equal(cron_next(&c, -MINUTE - 1), -MINUTE);
}

static void
test_far_away(void ** state)
{
	struct cron c;
	struct err e;

	(void)state;
	/* 2100 is no leap year: eight years between two 29 February. */
	assert_int_equal(parse("0 0 29 2 *", &c, &e), 0);
	assert_int_equal(cron_next(&c, utc(2096, 2, 29, 0, 0, 0)),
	    utc(2104, 2, 29, 0, 0, 0));
	/* A step counts as a star: a 29 February that is a Sunday. */
	assert_int_equal(parse("0 0 29 2 */7", &c, &e), 0);
	assert_int_equal(cron_next(&c, utc(2004, 3, 1, 0, 0, 0)),
	    utc(2032, 2, 29, 0, 0, 0));
	/* The one after 2088 is 40 years away: further than we look. */
	assert_int_equal(cron_next(&c, utc(2088, 3, 1, 0, 0, 0)), -1);
	assert_int_equal(cron_next(&c, INT64_MAX), -1);
	assert_true(cron_next(&c, INT64_MIN) != 0);
	memset(&c, 0, sizeof(c));
	assert_int_equal(cron_next(&c, 0), -1);
}

static void
test_aliases(void ** state)
{
	static const char * const same[][2] = {
		{ "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" },
		{ "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
		{ "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
		{ "@annually", "0 0 1 1 *" }, { " @Daily\t", "0 0 * * *" },
		{ "0 0 * * 7", "0 0 * * SUN" }, { "0 0 * * 0-7", "0 0 * * 0-6" },
		{ "0 0 * * fri-sun", "0 0 * * 0,5,6" },
		{ "0 0 * * sun-sun", "0 0 * * 0" },
		{ "0 0 * * sun-tue", "0 0 * * 0-2" },
		{ "0 0 * * 7/2", "0 0 * * 7" },
		{ "0 0 * * 1/2", "0 0 * * 1,3,5" },
		{ "00 05 1 01 *", "0 5 1 1 *" },
		{ "\t0\t5  1 jan *  ", "0 5 1 1 *" },
		{ "0 0 * * 6,7/1", "0 0 * * 6,0" },
	};
	struct cron a, b;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		if (parse(same[i][0], &a, &e))
			fail_msg("%s: %s", same[i][0], e.msg);
		assert_int_equal(parse(same[i][1], &b, &e), 0);
		if (memcmp(&a, &b, sizeof(a)) != 0)
			fail_msg("\"%s\" is not \"%s\"", same[i][0], same[i][1]);
	}
}

static void
test_refused(void ** state)
{
	static const struct {
		const char * s;
		const char * field;
		int byte;
	} bad[] = {
		{ "", "\"minute\"", 0 }, { "  ", "\"minute\"", 2 },
		{ "* * * *", "\"day of week\"", 7 },
		{ "* * * * * *", "\"day of week\"", 10 },
		{ "60 * * * *", "\"minute\"", 0 },
		{ "* 24 * * *", "\"hour\"", 2 },
		{ "* * 0 * *", "\"day of month\"", 4 },
		{ "* * 32 * *", "\"day of month\"", 4 },
		{ "* * * 13 *", "\"month\"", 6 },
		{ "* * * 0 *", "\"month\"", 6 },
		{ "* * * * 8", "\"day of week\"", 8 },
		{ "* * * janu *", "\"month\"", 6 },
		{ "* * * ja *", "\"month\"", 6 },
		{ "* * * * jan", "\"day of week\"", 8 },
		{ "jan * * * *", "\"minute\"", 0 },
		{ "5-1 * * * *", "\"minute\"", 0 },
		{ "*/0 * * * *", "\"minute\"", 2 },
		{ "*/60 * * * *", "\"minute\"", 2 },
		{ "*/ * * * *", "\"minute\"", 2 },
		{ "1- * * * *", "\"minute\"", 2 },
		{ "1, * * * *", "\"minute\"", 2 },
		{ ",1 * * * *", "\"minute\"", 0 },
		{ "-1 * * * *", "\"minute\"", 0 },
		{ "1--2 * * * *", "\"minute\"", 2 },
		{ "1-2-3 * * * *", "\"minute\"", 3 },
		{ "1;2 * * * *", "\"minute\"", 1 },
		{ "*5 * * * *", "\"minute\"", 1 },
		{ "? * * * *", "\"minute\"", 0 },
		{ "* * L * *", "\"day of month\"", 4 },
		{ "99999999999999999999 * * * *", "\"minute\"", 0 },
		{ "@never", "\"minute\"", 0 },
		{ "@dailyx", "\"minute\"", 0 }, { "@", "\"minute\"", 0 },
		{ "@daily 1", "\"minute\"", 0 },
		{ "0 0 30 2 *", "\"day of month\"", 4 },
		{ "0 0 31 2,4,6,9,11 *", "\"day of month\"", 4 },
		{ "* * * * *\n", "\"day of week\"", 9 },
	};
	char at[32];
	struct cron c;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i].s, &c, &e) != -1)
			fail_msg("\"%s\" was taken", bad[i].s);
		snprintf(at, sizeof(at), "byte %d;", bad[i].byte);
		assert_int_equal(e.cls, ERR_CONFIG);
		if (!strstr(e.msg, bad[i].field) || !strstr(e.msg, at))
			fail_msg("\"%s\": %s", bad[i].s, e.msg);
	}
	assert_int_equal(cron_parse("* * *\0* *", 9, &c, &e), -1);
	assert_int_equal(cron_parse("*\0 * * * *", 10, &c, &e), -1);
	/* With a weekday too the day comes after all. */
	assert_int_equal(parse("0 0 30 2 mon", &c, &e), 0);
	/* Not NUL-terminated: only n bytes count. */
	assert_int_equal(cron_parse("* * * * *5", 9, &c, &e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minute_by_minute),
		cmocka_unit_test(test_random_schedules),
		cmocka_unit_test(test_strictly_after),
		cmocka_unit_test(test_far_away),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_refused),
	};

	return (cmocka_run_group_tests_name("cron", tests, NULL, NULL));
}
