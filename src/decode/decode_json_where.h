#ifndef MOLTLER_DECODE_DECODE_JSON_WHERE_H
#define MOLTLER_DECODE_DECODE_JSON_WHERE_H

#include "decode/decode_json_internal.h"

/*
 * Paths that go on with the first element of a list that meets conditions
 * ("tags[key=Name].value"): which one it is may stand behind what is asked of it,
 * so it is read once more when its list has ended.
 */

/** decode_json_where(d, st, end): The list of the topmost frame, which is where ${st}
 * stands, ends before byte ${end}: read what paths with conditions lead to.  0 or -1
 * (the decoder failed). */
int decode_json_where(struct decode_json * d, const struct decode_state * st,
    size_t end);

#endif
