#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t
utf8_seq(const char * str, size_t n)
{
	const unsigned char * s = (const unsigned char *)str;
	unsigned char lo = 0x80, hi = 0xbf;
	size_t want, i;

	if (s[0] < 0x80)
		return (1);
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return (0);
	want = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n < want)
		return (0);
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	if (s[1] < lo || s[1] > hi)
		return (0);
	for (i = 2; i < want; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return (0);
	return (want);
}

size_t
utf8_check(const char * s, size_t n)
{
	size_t i = 0, len;
	uint64_t w;

	while (i < n) {
		/* Eight plain ASCII bytes at once: nearly all there is. */
		if (n - i >= 8) {
			memcpy(&w, s + i, 8);
			if ((w & UINT64_C(0x8080808080808080)) == 0) {
				i += 8;
				continue;
			}
		}
		if ((len = utf8_seq(s + i, n - i)) == 0)
			return (i);
		i += len;
	}
	return (n);
}

size_t
utf8_put(unsigned c, char out[4])
{
	static const unsigned first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;

	for (i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(first[n] | c);
	return (n);
}
