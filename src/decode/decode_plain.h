#ifndef MOLTLER_DECODE_DECODE_PLAIN_H
#define MOLTLER_DECODE_DECODE_PLAIN_H

#include <stddef.h>

#include "base/buf.h"

/*
 * JSON that becomes a cell as it stands, its texts written one way: services write
 * "\u00fc" or "ü", "\/" or "/", and LIKE, GROUP BY and people compare what is there.
 */

/** decode_plain(s, n, out): Append these ${n} bytes of good JSON; escapes that need
 * not be are the characters themselves.  0 or -1. */
int decode_plain(const char * s, size_t n, struct buf * out) MUST_CHECK;

#endif
