#ifndef MOLTLER_DECODE_DECODE_PAIRS_H
#define MOLTLER_DECODE_DECODE_PAIRS_H

#include <stddef.h>

#include "base/buf.h"

/**
 * decode_pairs(s, n, out):
 * Append the ${n} bytes of JSON at ${s}, a list of {key, value} or {name, value} (a
 * capital letter at the beginning is as good), as one object: [{"Key": "a",
 * "Value": "b"}] is {"a":"b"}.  The list may be the one member of an object, and a
 * single pair may stand for a list, as both come out of XML; of equal names the last
 * counts.  0; 1 if it is none (or larger than 1 MiB); -1 if ${out} cannot grow.
 */
int decode_pairs(const char * s, size_t n, struct buf * out);

#endif
