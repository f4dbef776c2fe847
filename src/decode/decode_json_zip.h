#ifndef MOLTLER_DECODE_DECODE_JSON_ZIP_H
#define MOLTLER_DECODE_DECODE_JSON_ZIP_H

#include "decode/decode_json_internal.h"

/*
 * Columns that are zipped: a series as two lists, its times and its values, is a
 * row for each pair.
 */

/** decode_json_zip_take(d, t, cell): Keep the list ${t} in ${cell} until the page is
 * whole; a value that is no list is as a list of it alone. */
void decode_json_zip_take(struct decode_json * d, const struct json_token * t,
    struct value * cell);

/** decode_json_zip(d): Make of each row as many as its longest list has elements;
 * what a shorter one lacks is NULL.  0 or -1 (the decoder failed). */
int decode_json_zip(struct decode_json * d) MUST_CHECK;

#endif
