#ifndef MOLTLER_DECODE_DECODE_TEXT_H
#define MOLTLER_DECODE_DECODE_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/**
 * decode_text(s, n, out):
 * Append the plain text of the Atlassian document (ADF, "type": "doc") in the
 * ${n} bytes of JSON at ${s}: blocks on lines of their own, list items with "- " or
 * their number, mentions, emojis, dates and cards by what they show.  0; 1 if it is
 * none (or larger than 4 MiB); -1 if ${out} cannot grow.
 */
int decode_text(const char * s, size_t n, struct buf * out);

#endif
