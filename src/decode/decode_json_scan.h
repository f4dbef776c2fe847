#ifndef MOLTLER_DECODE_DECODE_JSON_SCAN_H
#define MOLTLER_DECODE_DECODE_JSON_SCAN_H

#include "decode/decode_json_internal.h"

/**
 * decode_json_scan(d, last):
 * Read the tokens of ${d}'s body that were not read yet, as far as they are whole
 * (${last}: nothing will follow), check all of them, and hand over to
 * decode_json_events what paths lead through.  What must come next is then in
 * d->expect.  0, or -1 with the decoder failed.
 */
int decode_json_scan(struct decode_json * d, int last);

/** decode_json_scan_part(d, at, end):
 * Read the value in these bytes, which were read before, once more and as the next
 * one of the topmost frame.  0, or -1 with the decoder failed. */
int decode_json_scan_part(struct decode_json * d, size_t at, size_t end);

#endif
