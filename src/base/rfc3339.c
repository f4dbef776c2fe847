#include "base/rfc3339.h"

#include <string.h>

#include "base/civil.h"

#define DAY_MS INT64_C(86400000)

/* Write ${v} >= 0 with ${digits} digits, the highest cut; return the end. */
static char *
put(char * p, int v, int digits)
{
	int i;

	for (i = digits - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return (p + digits);
}

/* Years past four digits, or before year 0, are none of RFC 3339's, but a
 * wrong clock must still be readable. */
static char *
put_year(char * p, int64_t y)
{
	int digits = 4;
	int64_t v;

	if (y < 0) {
		*p++ = '-';
		y = -y;
	}
	for (v = y; v > 9999; v /= 10)
		digits++;
	return (put(p, (int)y, digits));
}

void
rfc3339_format(int64_t ms, char out[RFC3339_LEN])
{
	/* By hand: gmtime_r takes the time zone's lock and is many times
	 * slower, and every row and log line has a time. */
	int64_t days = ms / DAY_MS;
	int rest = (int)(ms % DAY_MS), s;
	struct civil c;
	char * p = out;

	if (rest < 0) {
		rest += (int)DAY_MS;
		days--;
	}
	s = rest / 1000;
	civil_from_days(days, &c);
	p = put_year(p, c.year);
	*p++ = '-';
	p = put(p, c.month, 2);
	*p++ = '-';
	p = put(p, c.day, 2);
	*p++ = 'T';
	p = put(p, s / 3600, 2);
	*p++ = ':';
	p = put(p, s / 60 % 60, 2);
	*p++ = ':';
	p = put(p, s % 60, 2);
	if (rest % 1000) {
		*p++ = '.';
		p = put(p, rest % 1000, 3);
	}
	*p++ = 'Z';
	*p = '\0';
}

/* What is being read, and where the reading stands. */
struct in {
	const char * s;
	size_t n;
	size_t i;
	struct err * e;
};

static int
refuse(const struct in * in, size_t at, const char * want)
{
	return (err_set(in->e, ERR_PERMANENT, "time",
	    "not a time as 2026-11-21T16:59:43Z: %s expected at byte %zu",
	    want, at));
}

/* Read exactly ${digits} digits that make a number in [lo, hi]. */
static int
number(struct in * in, int digits, int lo, int hi, const char * want, int * v)
{
	size_t at = in->i;
	int i;

	*v = 0;
	for (i = 0; i < digits; i++, in->i++) {
		if (in->i >= in->n || in->s[in->i] < '0' || in->s[in->i] > '9')
			return (refuse(in, at, want));
		*v = *v * 10 + (in->s[in->i] - '0');
	}
	if (*v < lo || *v > hi)
		return (refuse(in, at, want));
	return (0);
}

/* Read one byte that is ${a}, ${b} or ${c}. */
static int
byte(struct in * in, char a, char b, char c, const char * want)
{
	char got;

	if (in->i >= in->n)
		return (refuse(in, in->i, want));
	got = in->s[in->i];
	if (got != a && got != b && got != c)
		return (refuse(in, in->i, want));
	in->i++;
	return (0);
}

static int
read_date(struct in * in, int64_t * days)
{
	int y, m, d;
	size_t at;

	if (number(in, 4, 0, 9999, "a year of four digits", &y) ||
	    byte(in, '-', '-', '-', "'-'") ||
	    number(in, 2, 1, 12, "a month 01 to 12", &m) ||
	    byte(in, '-', '-', '-', "'-'"))
		return (-1);
	at = in->i;
	if (number(in, 2, 1, 31, "a day 01 to 31", &d))
		return (-1);
	if (d > civil_month_days(y, m))
		return (refuse(in, at, "a day that this month has"));
	*days = civil_to_days(y, m, d);
	return (0);
}

/* Read the fraction, if there is one, into milliseconds. */
static int
read_fraction(struct in * in, int * ms)
{
	int scale = 100;
	size_t from;

	*ms = 0;
	if (in->i >= in->n || in->s[in->i] != '.')
		return (0);
	for (from = ++in->i; in->i < in->n && in->s[in->i] >= '0' &&
	    in->s[in->i] <= '9'; in->i++) {
		*ms += (in->s[in->i] - '0') * scale;
		scale /= 10;
	}
	return (in->i == from ? refuse(in, from, "a digit") : 0);
}

/* Read Z or the distance from UTC into minutes. */
static int
read_zone(struct in * in, int * minutes)
{
	int h, m, minus;

	*minutes = 0;
	if (in->i < in->n && (in->s[in->i] == 'Z' || in->s[in->i] == 'z')) {
		in->i++;
		return (0);
	}
	if (byte(in, '+', '-', '-', "Z, +hh:mm or -hh:mm"))
		return (-1);
	minus = in->s[in->i - 1] == '-';
	if (number(in, 2, 0, 23, "an hour 00 to 23", &h) ||
	    byte(in, ':', ':', ':', "':'") ||
	    number(in, 2, 0, 59, "a minute 00 to 59", &m))
		return (-1);
	*minutes = minus ? -(h * 60 + m) : h * 60 + m;
	return (0);
}

int
rfc3339_parse(const char * s, size_t n, int64_t * ms, struct err * e)
{
	struct in in = { s, n, 0, e };
	int h, m, sec, frac, zone;
	int64_t days = 0, t;
	struct civil c;
	size_t sec_at;

	if (read_date(&in, &days) || byte(&in, 'T', 't', ' ', "'T'") ||
	    number(&in, 2, 0, 23, "an hour 00 to 23", &h) ||
	    byte(&in, ':', ':', ':', "':'") ||
	    number(&in, 2, 0, 59, "a minute 00 to 59", &m) ||
	    byte(&in, ':', ':', ':', "':'"))
		return (-1);
	sec_at = in.i;
	if (number(&in, 2, 0, 60, "a second 00 to 60", &sec) ||
	    read_fraction(&in, &frac) || read_zone(&in, &zone))
		return (-1);
	if (in.i < n)
		return (refuse(&in, in.i, "the end"));
	t = days * DAY_MS +
	    (((int64_t)h * 60 + m - zone) * 60 + sec) * 1000;
	if (sec == 60) {
		/* Leap seconds come only before a month's first midnight. */
		civil_from_days(t / DAY_MS - (t % DAY_MS < 0), &c);
		if (t % DAY_MS != 0 || c.day != 1)
			return (refuse(&in, sec_at, "a second 00 to 59"));
	}
	*ms = t + frac;
	return (0);
}

/* Where the seconds end: a Z or a fraction. */
#define SECONDS_END 19

/* Z stands just before the point; all else where it was. */
static int
end_rank(char c)
{
	return (c == 'Z' ? 2 * '.' - 1 : 2 * (unsigned char)c);
}

int
rfc3339_compare(const char * a, size_t na, const char * b, size_t nb)
{
	size_t n = na < nb ? na : nb;
	int d;

	if (n > SECONDS_END && a[SECONDS_END] != b[SECONDS_END]) {
		d = memcmp(a, b, SECONDS_END);
		return (d != 0 ? d :
		    end_rank(a[SECONDS_END]) - end_rank(b[SECONDS_END]));
	}
	d = memcmp(a, b, n);
	return (d != 0 || na == nb ? d : na < nb ? -1 : 1);
}

int
rfc3339_loose(const char * s, size_t n, int64_t * ms)
{
	char text[RFC3339_LEN + 24];
	struct err e;

	/* The longest that is not whole: "2026-01-01 10:00:00.123456789". */
	if (n < 10 || (n > 10 && n < 16) || n > RFC3339_LEN)
		return (-1);
	memcpy(text, s, n);
	if (n == 10) {
		memcpy(text + n, "T00:00:00", 9);
		n += 9;
	} else if (n == 16 || text[16] != ':') {
		memmove(text + 19, text + 16, n - 16);
		memcpy(text + 16, ":00", 3);
		n += 3;
	}
	/* A sign that far behind is a zone's. */
	if (text[n - 1] != 'Z' && text[n - 1] != 'z' &&
	    memchr(text + 16, '+', n - 16) == NULL &&
	    memchr(text + 16, '-', n - 16) == NULL)
		text[n++] = 'Z';
	return (rfc3339_parse(text, n, ms, &e));
}

/* Whether it stands just as rfc3339_format() writes it, or is no time. */
static int
is_canonical(const char * s, size_t n)
{
	if (n < 20 || s[10] != 'T' || s[17] == '6')
		return (0);
	if (n == 20)
		return (s[19] == 'Z');
	return (n == 24 && s[19] == '.' && s[23] == 'Z' &&
	    memcmp(s + 20, "000", 3) != 0);
}

int
rfc3339_order(const char * a, size_t na, const char * b, size_t nb)
{
	char ta[RFC3339_LEN], tb[RFC3339_LEN];
	int64_t ms;

	if (!is_canonical(a, na) && rfc3339_loose(a, na, &ms) == 0) {
		rfc3339_format(ms, ta);
		a = ta;
		na = strlen(ta);
	}
	if (!is_canonical(b, nb) && rfc3339_loose(b, nb, &ms) == 0) {
		rfc3339_format(ms, tb);
		b = tb;
		nb = strlen(tb);
	}
	return (rfc3339_compare(a, na, b, nb));
}
