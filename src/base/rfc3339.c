#include "base/rfc3339.h"

#include <string.h>
#include <time.h>

/* Write ${v} >= 0 with ${digits} digits, the highest cut; return the end. */
static char *
put(char * p, int v, int digits)
{
	int i;

	for (i = digits - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return (p + digits);
}

void
rfc3339_format(int64_t ms, char out[RFC3339_LEN])
{
	time_t s = (time_t)(ms / 1000);
	int frac = (int)(ms % 1000);
	struct tm tm;
	char * p = out;

	if (frac < 0) {
		frac += 1000;
		s--;
	}
	memset(&tm, 0, sizeof(tm));
	gmtime_r(&s, &tm);
	p = put(p, tm.tm_year < -1900 ? 0 : tm.tm_year + 1900, 4);
	*p++ = '-';
	p = put(p, tm.tm_mon + 1, 2);
	*p++ = '-';
	p = put(p, tm.tm_mday, 2);
	*p++ = 'T';
	p = put(p, tm.tm_hour, 2);
	*p++ = ':';
	p = put(p, tm.tm_min, 2);
	*p++ = ':';
	p = put(p, tm.tm_sec, 2);
	if (frac) {
		*p++ = '.';
		p = put(p, frac, 3);
	}
	*p++ = 'Z';
	*p = '\0';
}
