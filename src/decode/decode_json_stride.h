#ifndef MOLTLER_DECODE_DECODE_JSON_STRIDE_H
#define MOLTLER_DECODE_DECODE_JSON_STRIDE_H

#include "decode/decode_json_shape.h"
#include "decode/decode_json_token.h"

/**
 * decode_json_stride(c, way):
 * An object begins, or a member of one ended: go on past those whose beginning is as it
 * was before (decode_json_shape.h) and whose value is a usual scalar.  ON: it went on,
 * and d->expect says to what; MORE: the very next is none of these; BAD.
 */
enum scan_rc decode_json_stride(struct scan * c, enum shape_way way);

#endif
