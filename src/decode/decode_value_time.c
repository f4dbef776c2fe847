#include "decode/decode_json_value.h"

#include <string.h>
#include <time.h>

#include "base/rfc3339.h"

/* Integers and times as services write them. */

/* The digits of a decimal without the zeros that end its fraction; how many
 * bytes, and whether there is one at all. */
static size_t
read_digits(const char * s, size_t n, uint64_t * m, int64_t * e10, int * bad)
{
	size_t i = 0, from, end, point = n;

	while (i < n && ((s[i] >= '0' && s[i] <= '9') ||
	    (s[i] == '.' && point == n))) {
		if (s[i] == '.')
			point = i;
		i++;
	}
	end = i;
	*bad = end == 0 || (end == 1 && point == 0);
	if (point < end)
		while (end > point && (s[end - 1] == '0' || s[end - 1] == '.'))
			end--;
	for (from = 0; from < end && !*bad; from++) {
		if (from == point)
			continue;
		*bad = *m > (UINT64_MAX - 9) / 10;
		*m = *m * 10 + (uint64_t)(s[from] - '0');
		*e10 -= from > point;
	}
	return (i);
}

/* A decimal as mantissa and power of ten; -1: none, or too many digits. */
static int
read_decimal(const char * s, size_t n, uint64_t * m, int64_t * e10, int * neg)
{
	const char * end = s + n;
	int64_t e = 0;
	int eneg, bad;

	*m = 0;
	*e10 = 0;
	*neg = s < end && *s == '-';
	s += s < end && (*s == '-' || *s == '+');
	s += read_digits(s, (size_t)(end - s), m, e10, &bad);
	if (bad)
		return (-1);
	if (s < end && (*s == 'e' || *s == 'E')) {
		s++;
		eneg = s < end && *s == '-';
		s += s < end && (*s == '-' || *s == '+');
		if (s == end || end - s > 6)
			return (-1);
		for (; s < end && *s >= '0' && *s <= '9'; s++)
			e = e * 10 + (*s - '0');
		*e10 += eneg ? -e : e;
	}
	return (s == end ? 0 : -1);
}

int
decode_value_integer(const char * s, size_t n, int scale, int64_t * v)
{
	uint64_t m, max = INT64_MAX;
	int64_t e10;
	int neg, cut = 0;

	if (read_decimal(s, n, &m, &e10, &neg))
		return (-1);
	for (e10 += scale; e10 > 0 && m > 0; e10--) {
		if (m > max / 10)
			return (-1);
		m *= 10;
	}
	for (; e10 < 0 && m > 0; e10++) {
		cut |= m % 10 != 0;
		m /= 10;
	}
	if (neg)
		max++;
	if (m > max)
		return (-1);
	*v = neg ? (int64_t)(0 - m) : (int64_t)m;
	return (cut);
}

/* Write what services write instead of RFC 3339 as that: a date alone, an offset
 * without its colon or none at all. */
static int
parse_loose(const char * s, size_t n, int64_t * ms)
{
	char t[64];
	size_t i, k;

	if (n < 10 || n > sizeof(t) - 12)
		return (-1);
	memcpy(t, s, n);
	if (n == 10) {
		memcpy(t + n, "T00:00:00Z", 10);
		return (rfc3339_parse(t, n + 10, ms, NULL));
	}
	for (i = n; i > 10 && t[i - 1] != '+' && t[i - 1] != '-'; i--)
		;
	k = n - i; /* bytes after the sign */
	if (i == 10) {
		/* Times without an offset are UTC's in all services known. */
		t[n] = 'Z';
		k = n + 1;
	} else if (k == 4) {
		memmove(t + i + 3, t + i + 2, 2);
		t[i + 2] = ':';
		k = n + 1;
	} else if (k == 2) {
		memcpy(t + n, ":00", 3);
		k = n + 3;
	} else
		return (-1);
	return (rfc3339_parse(t, k, ms, NULL));
}

int
decode_value_time(const char * s, size_t n, enum time_format how, int64_t * ms)
{
	if (how == TIME_EPOCH_S || how == TIME_EPOCH_MS ||
	    how == TIME_EPOCH_US) {
		if (decode_value_integer(s, n, how == TIME_EPOCH_S ? 3 :
		    how == TIME_EPOCH_MS ? 0 : -3, ms) >= 0)
			return (0);
	}
	if (n >= 20 && rfc3339_parse(s, n, ms, NULL) == 0)
		return (0);
	return (parse_loose(s, n, ms));
}

static int
two(const char * s, int max)
{
	unsigned a = (unsigned)(s[0] - '0'), b = (unsigned)(s[1] - '0');

	return (a <= 9 && b <= 9 && (int)(a * 10 + b) <= max);
}

/* The times of most services in nearly all months. */
int
decode_value_is_usual(const char * s, size_t n)
{
	return (n == 20 && s[4] == '-' && s[7] == '-' && s[10] == 'T' &&
	    s[13] == ':' && s[16] == ':' && s[19] == 'Z' && two(s, 99) &&
	    two(s + 2, 99) && two(s + 5, 12) && two(s + 8, 28) &&
	    two(s + 11, 23) && two(s + 14, 59) && two(s + 17, 59) &&
	    (s[5] != '0' || s[6] != '0') && (s[8] != '0' || s[9] != '0'));
}

int
decode_value_own_time(const struct manifest_time * own, const char * s, size_t n,
    int64_t * ms)
{
	char text[128];
	const char * end;
	struct tm tm;
	long off;

	if (n >= sizeof(text))
		return (-1);
	memcpy(text, s, n);
	text[n] = '\0';
	memset(&tm, 0, sizeof(tm));
	tm.tm_mday = 1;
	end = strptime(text, own->format, &tm);
	if (end == NULL || *end != '\0' || strlen(text) != n)
		return (-1);
	/* %z, else the zone is said apart: one of them is nothing. */
	off = tm.tm_gmtoff;
	*ms = ((int64_t)timegm(&tm) - off) * 1000 - own->zone_ms;
	return (0);
}
