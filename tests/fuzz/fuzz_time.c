/* rfc3339, duration and cron; the first byte of the input chooses. */
#include <stdlib.h>
#include <string.h>

#include "base/cron.h"
#include "base/duration.h"
#include "base/rfc3339.h"
#include "fuzz.h"

#define MINUTE 60000
#define DAY INT64_C(86400000)
#define YEAR_0 INT64_C(-62167219200000)
#define YEAR_10000 INT64_C(253402300800000)

static int64_t
take_i64(const char * s, size_t n)
{
	int64_t v = 0;

	memcpy(&v, s, n < sizeof(v) ? n : sizeof(v));
	return (v);
}

static void
check_rfc3339(const char * s, size_t n)
{
	int64_t ms, again;
	char out[RFC3339_LEN];
	struct err e;

	if (rfc3339_parse(s, n, &ms, &e)) {
		CHECK(e.cls == ERR_PERMANENT && e.msg[0] != '\0');
		return;
	}
	/* A zone may reach a day past the four-digit years. */
	CHECK(ms >= YEAR_0 - DAY && ms <= YEAR_10000 + DAY);
	rfc3339_format(ms, out);
	if (ms >= YEAR_0 && ms < YEAR_10000)
		CHECK(rfc3339_parse(out, strlen(out), &again, &e) == 0 &&
		    again == ms);
}

/* Any number of milliseconds can be written; those of RFC 3339 read back. */
static void
check_rfc3339_format(const char * s, size_t n)
{
	int64_t ms = take_i64(s, n), again;
	char out[RFC3339_LEN];
	struct err e;

	rfc3339_format(ms, out);
	CHECK(strlen(out) < sizeof(out));
	ms = YEAR_0 + (int64_t)((uint64_t)ms %
	    (uint64_t)(YEAR_10000 - YEAR_0));
	rfc3339_format(ms, out);
	CHECK(rfc3339_parse(out, strlen(out), &again, &e) == 0 && again == ms);
}

static void
check_duration(const char * s, size_t n)
{
	int64_t ms, again;
	char out[DURATION_LEN];
	struct err e;

	if (duration_parse(s, n, &ms, &e)) {
		CHECK(e.cls == ERR_CONFIG && e.msg[0] != '\0');
		return;
	}
	CHECK(ms >= 0);
	duration_format(ms, out);
	CHECK(duration_parse(out, strlen(out), &again, &e) == 0 && again == ms);
	duration_ago(ms, out);
}

/* What cron_next answers must match, be later and leave nothing out. */
static void
check_cron(const char * s, size_t n)
{
	int64_t after, next, days, probe;
	struct cron c;
	struct err e;

	if (n < 8)
		return;
	after = take_i64(s, 8);
	if (cron_parse(s + 8, n - 8, &c, &e)) {
		CHECK(e.cls == ERR_CONFIG && e.msg[0] != '\0');
		return;
	}
	(void)cron_next(&c, after);
	after %= YEAR_10000;
	if ((next = cron_next(&c, after)) == -1)
		return;
	CHECK(next > after && next % MINUTE == 0);
	CHECK(cron_next(&c, next - 1) == next);
	days = next / DAY - (next % DAY < 0);
	probe = (next - days * DAY) / MINUTE;
	CHECK(c.minute >> (probe % 60) & 1 && c.hour >> (probe / 60) & 1);
	/* From half way there the answer is the same. */
	CHECK(cron_next(&c, after + (next - after) / 2 - 1) == next ||
	    next - after < 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	const char * s = (const char *)data;

	if (size < 1)
		return (0);
	switch (data[0] % 4) {
	case 0:
		check_rfc3339(s + 1, size - 1);
		break;
	case 1:
		check_rfc3339_format(s + 1, size - 1);
		break;
	case 2:
		check_duration(s + 1, size - 1);
		break;
	default:
		check_cron(s + 1, size - 1);
		break;
	}
	return (0);
}
