#include "base/id7.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define SEQ_MAX 0xfffU

static void
write_id(int64_t ms, unsigned seq, const unsigned char r[8], char out[ID7_LEN])
{
	uint64_t t = ms < 0 ? 0 : (uint64_t)ms;

	snprintf(out, ID7_LEN, "%08x-%04x-7%03x-%02x%02x-"
	    "%02x%02x%02x%02x%02x%02x", (unsigned)(t >> 16 & 0xffffffff),
	    (unsigned)(t & 0xffff), seq & SEQ_MAX, (r[0] & 0x3fU) | 0x80U,
	    r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
}

void
id7_make(int64_t ms, char out[ID7_LEN])
{
	/* Those of one millisecond keep their order, too. */
	static int64_t last_ms = -1;
	static unsigned seq;
	unsigned char r[8];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(r))
		if ((got = getrandom(r + n, sizeof(r) - n, 0)) > 0)
			n += (size_t)got;
	seq = ms == last_ms && seq < SEQ_MAX ? seq + 1 : 0;
	last_ms = ms;
	write_id(ms, seq, r, out);
}

void
id7_floor(int64_t ms, char out[ID7_LEN])
{
	static const unsigned char none[8];

	write_id(ms, 0, none, out);
}
