#ifndef MOLTLER_BASE_UTF8_H
#define MOLTLER_BASE_UTF8_H

#include <stddef.h>

/**
 * utf8_seq(s, n):
 * Return the length (1 to 4) of the well-formed UTF-8 sequence that starts the
 * ${n} > 0 bytes at ${s}, or 0 if there is none (RFC 3629 section 4: no
 * overlong forms, no surrogates, nothing past U+10FFFF).
 */
size_t utf8_seq(const char * s, size_t n);

/**
 * utf8_put(c, out):
 * Write the code point ${c}, which is not checked, to ${out} and return how many
 * bytes it has.
 */
size_t utf8_put(unsigned c, char out[4]);

/**
 * utf8_check(s, n):
 * Return the offset of the first byte that is not part of well-formed UTF-8,
 * or ${n} if all are.
 */
size_t utf8_check(const char * s, size_t n);

#endif
