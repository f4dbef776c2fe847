#ifndef MOLTLER_BASE_HEX_H
#define MOLTLER_BASE_HEX_H

#include <stddef.h>

/** hex_digit(c): What the hexadecimal digit ${c} stands for; -1: it is none. */
static inline int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	c |= 0x20;
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/** hex_write(p, n, out): The ${n} bytes at ${p} as 2 * ${n} digits in lower case, and
 * a NUL. */
void hex_write(const void * p, size_t n, char * out);

#endif
