#ifndef MOLTLER_DECODE_DECODE_JSON_ROWS_H
#define MOLTLER_DECODE_DECODE_JSON_ROWS_H

#include "decode/decode_json_internal.h"

/**
 * What is done where a path ends.  All return 0, or -1 with the decoder failed.
 *
 * _open(d, st, f): The array or object ${f} begins, and is where ${st} stands.
 * _close(d, st, f, end): It ended before byte ${end}.
 * _scalar(d, st, t): The scalar ${t}.
 * _forget(d, state, f): A key of ${f} came again: what it and all below it gave is
 * void.
 * _finish(d, page): All is read: make the page.
 */
int decode_json_rows_open(struct decode_json * d,
    const struct decode_state * st, const struct decode_frame * f);
int decode_json_rows_close(struct decode_json * d,
    const struct decode_state * st, const struct decode_frame * f, size_t end);
int decode_json_rows_scalar(struct decode_json * d,
    const struct decode_state * st, const struct json_token * t);
void decode_json_rows_forget(struct decode_json * d, uint32_t state,
    const struct decode_frame * f);
int decode_json_rows_finish(struct decode_json * d, struct page ** page);

#endif
