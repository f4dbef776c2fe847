#include "base/openmetrics_number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const double openmetrics_number_pow10[23] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5,
	1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
	1e18, 1e19, 1e20, 1e21, 1e22 };

static const char *
digits(const char * p, const char * end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (p);
}

static const char *
sign(const char * p, const char * end)
{
	return (p < end && (*p == '+' || *p == '-') ? p + 1 : p);
}

/* Is all of it a decimal number?  strtod would take much more than that. */
static int
is_decimal(const char * p, const char * end)
{
	const char * s;
	ptrdiff_t n;

	s = p = sign(p, end);
	p = digits(p, end);
	n = p - s;
	if (p < end && *p == '.') {
		s = ++p;
		p = digits(p, end);
		n += p - s;
	}
	if (n == 0)
		return (0);
	if (p < end && (*p == 'e' || *p == 'E')) {
		s = p = sign(p + 1, end);
		p = digits(p, end);
		if (p == s)
			return (0);
	}
	return (p == end);
}

/* strtod reads the decimal point of the locale; a page's is always a dot. */
static double
to_double(const char * s)
{
	static locale_t c;
	locale_t was;
	double v;

	if (c == (locale_t)0)
		c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c == (locale_t)0)
		return (strtod(s, NULL));
	was = uselocale(c);
	v = strtod(s, NULL);
	uselocale(was);
	return (v);
}

enum openmetrics_number
openmetrics_number_real(const char * p, const char * end, double * v)
{
	char copy[OPENMETRICS_NUMBER_MAX + 1];
	size_t n = (size_t)(end - p);

	if (openmetrics_number_plain(p, end, v) == end)
		return (OPENMETRICS_NUMBER_OK);
	if (!is_decimal(p, end))
		return (OPENMETRICS_NUMBER_BAD);
	if (n >= sizeof(copy))
		return (OPENMETRICS_NUMBER_LONG);
	memcpy(copy, p, n);
	copy[n] = '\0';
	*v = to_double(copy);
	return (isinf(*v) ? OPENMETRICS_NUMBER_RANGE : OPENMETRICS_NUMBER_OK);
}

enum openmetrics_number
openmetrics_number(const char * p, const char * end, double * v)
{
	const char * s = sign(p, end);
	size_t n = (size_t)(end - s);

	if ((n == 3 && strncasecmp(s, "inf", 3) == 0) ||
	    (n == 8 && strncasecmp(s, "infinity", 8) == 0)) {
		*v = *p == '-' ? -HUGE_VAL : HUGE_VAL;
		return (OPENMETRICS_NUMBER_OK);
	}
	if (end - p == 3 && strncasecmp(p, "nan", 3) == 0) {
		*v = (double)NAN; /* one quiet NaN for every spelling */
		return (OPENMETRICS_NUMBER_OK);
	}
	return (openmetrics_number_real(p, end, v));
}

enum openmetrics_number
openmetrics_number_int(const char * p, const char * end)
{
	const char * s = sign(p, end);
	uint64_t m = 0, max = INT64_MAX;

	if (s == end || digits(s, end) != end)
		return (OPENMETRICS_NUMBER_BAD);
	if (*p == '-')
		max++;
	for (; s < end; s++) {
		if (m > max / 10)
			return (OPENMETRICS_NUMBER_RANGE);
		m = m * 10 + (uint64_t)(*s - '0');
		if (m > max)
			return (OPENMETRICS_NUMBER_RANGE);
	}
	return (OPENMETRICS_NUMBER_OK);
}
