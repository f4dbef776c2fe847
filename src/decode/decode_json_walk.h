#ifndef MOLTLER_DECODE_DECODE_JSON_WALK_H
#define MOLTLER_DECODE_DECODE_JSON_WALK_H

#include <stddef.h>

#include "decode/decode_json_value.h"

/* What was read and found good, looked through once more: of ${s} the bytes from
 * ${at}, which is behind the bracket that begins an array or object, to ${end}. */
struct decode_walk {
	const char * s;
	size_t at, end;
};

/** decode_json_walk(w, t): The next element of an array; of an object the next key and
 * then its value.  0: there is none. */
int decode_json_walk(struct decode_walk * w, struct json_token * t);

#endif
