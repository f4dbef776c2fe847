#ifndef MOLTLER_BASE_OPENMETRICS_NUMBER_H
#define MOLTLER_BASE_OPENMETRICS_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/*
 * The numbers of both formats: what Go's ParseFloat reads, without its hex
 * floats and underscores (Prometheus refuses both):
 *   [+-] digits [. digits] [e [+-] digits]   one digit at least, e or E
 *   [+-] inf or infinity, nan without a sign, in any case
 */
enum openmetrics_number {
	OPENMETRICS_NUMBER_OK,
	OPENMETRICS_NUMBER_BAD,   /* no number */
	OPENMETRICS_NUMBER_RANGE, /* past the largest double */
	OPENMETRICS_NUMBER_LONG   /* more than OPENMETRICS_NUMBER_MAX bytes */
};

/* Longer than the longest exact spelling of any double (some 1080 bytes). */
#define OPENMETRICS_NUMBER_MAX 2047

/** openmetrics_number(p, end, v): Read all bytes from ${p} to ${end} as one
 * number, rounded to nearest.  What is too small becomes a zero of its sign. */
enum openmetrics_number openmetrics_number(const char * p, const char * end,
    double * v);

/** openmetrics_number_real(p, end, v): As above, but neither inf nor nan. */
enum openmetrics_number openmetrics_number_real(const char * p,
    const char * end, double * v);

/** openmetrics_number_int(p, end): Are these bytes [+-] digits in an int64_t?
 * OK, BAD or RANGE. */
enum openmetrics_number openmetrics_number_int(const char * p,
    const char * end);

extern const double openmetrics_number_pow10[23];

/**
 * openmetrics_number_plain(p, end, v):
 * The fast road: read a number that begins at ${p} and return the byte after
 * it (perhaps ${end}), or NULL if it is not one that can be read exactly with
 * one multiplication or division: a mantissa under 2^53 and a power of ten
 * within 22 are both exact doubles, so the one operation rounds once.
 */
static inline const char *
openmetrics_number_plain(const char * p, const char * end, double * v)
{
	const char * s;
	uint64_t m = 0, e = 0; /* may wrap; then there were too many digits */
	unsigned c;
	ptrdiff_t nd, e10 = 0;
	int neg = 0, eneg = 0;

	if (p < end && (*p == '-' || *p == '+'))
		neg = *p++ == '-';
	s = p;
	while (p < end && (c = (unsigned)(*p - '0')) < 10) {
		m = m * 10 + c;
		p++;
	}
	nd = p - s;
	if (p < end && *p == '.') {
		s = ++p;
		while (p < end && (c = (unsigned)(*p - '0')) < 10) {
			m = m * 10 + c;
			p++;
		}
		e10 = s - p;
		nd -= e10;
	}
	if (nd == 0 || nd > 19)
		return (NULL);
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			eneg = *p++ == '-';
		s = p;
		while (p < end && (c = (unsigned)(*p - '0')) < 10) {
			e = e * 10 + c;
			p++;
		}
		if (p == s || p - s > 4)
			return (NULL);
		e10 += eneg ? -(ptrdiff_t)e : (ptrdiff_t)e;
	}
	if (m >> 53 != 0 || e10 < -22 || e10 > 22)
		return (NULL);
	*v = neg ? -(double)m : (double)m;
	if (e10 < 0)
		*v /= openmetrics_number_pow10[-e10];
	else if (e10 > 0)
		*v *= openmetrics_number_pow10[e10];
	return (p);
}

#endif
