#include "base/id7.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void
write_id(int64_t ms, const unsigned char r[10], char out[ID7_LEN])
{
	uint64_t t = ms < 0 ? 0 : (uint64_t)ms;

	snprintf(out, ID7_LEN, "%08x-%04x-7%01x%02x-%02x%02x-"
	    "%02x%02x%02x%02x%02x%02x", (unsigned)(t >> 16 & 0xffffffff),
	    (unsigned)(t & 0xffff), r[0] & 0xfU, r[1],
	    (r[2] & 0x3fU) | 0x80U, r[3], r[4], r[5], r[6], r[7], r[8], r[9]);
}

void
id7_make(int64_t ms, char out[ID7_LEN])
{
	unsigned char r[10];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(r))
		if ((got = getrandom(r + n, sizeof(r) - n, 0)) > 0)
			n += (size_t)got;
	write_id(ms, r, out);
}

void
id7_floor(int64_t ms, char out[ID7_LEN])
{
	static const unsigned char none[10];

	write_id(ms, none, out);
}
