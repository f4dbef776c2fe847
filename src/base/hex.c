#include "base/hex.h"

void
hex_write(const void * p, size_t n, char * out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char * b = p;

	for (; n > 0; n--, b++) {
		*out++ = digits[*b >> 4];
		*out++ = digits[*b & 15];
	}
	*out = '\0';
}
