#ifndef MOLTLER_DECODE_DECODE_JSON_FAN_H
#define MOLTLER_DECODE_DECODE_JSON_FAN_H

#include "decode/decode_json_internal.h"

/**
 * Columns whose paths fan out ("labels[*].name"): what such a path leads to is
 * noted piece by piece, and becomes a cell when its record (${element}: its
 * exploded element) ends.
 *
 * _begin(d, element): A record or element begins.
 * _add(d, a, at, end): For ${a}'s column there is something in these bytes of the
 * body.
 * _cut(d, a, f): What came for ${a}'s column since ${f} began is void.
 * _end(d, element, cells): Fill the cells: a JSON array for lists, maps and texts, the
 * first that is not null for others (or the column's pick); NULL where there was nothing to fan out from.
 */
void decode_json_fan_begin(struct decode_json * d, int element);
int decode_json_fan_add(struct decode_json * d, const struct decode_accept * a,
    size_t at, size_t end);
void decode_json_fan_cut(struct decode_json * d, const struct decode_accept * a,
    const struct decode_frame * f);
int decode_json_fan_end(struct decode_json * d, int element,
    struct value * cells);

#endif
