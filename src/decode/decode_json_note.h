#ifndef MOLTLER_DECODE_DECODE_JSON_NOTE_H
#define MOLTLER_DECODE_DECODE_JSON_NOTE_H

#include <stdint.h>

#include "decode/decode_json_internal.h"

/* What a page says of its rows besides their columns. */

/** decode_json_note_kept(d, t): Whether a scalar holds the text that rows must
 * have (keep_if). */
uint8_t decode_json_note_kept(const struct decode_json * d,
    const struct json_token * t);

/** decode_json_note_lack(d, l, t): ${t} stands where the answer may say that it is
 * not whole; the first that does is kept in ${d}->lack. */
void decode_json_note_lack(struct decode_json * d,
    const struct manifest_lack * l, const struct json_token * t);

#endif
