#ifndef MOLTLER_DECODE_DECODE_JSON_FAULT_H
#define MOLTLER_DECODE_DECODE_JSON_FAULT_H

#include "decode/decode_json_internal.h"

/**
 * What to say of a bad page.  Nothing a body holds is cited but keys: it may be
 * secret.  All fail the decoder and return -1.
 *
 * _syntax(d, at, why): It is not JSON at byte ${at}.
 * _nesting(d, at): It is nested too deeply there.
 * _size(d, what): It is more than may be.
 * _records(d): The record path leads to nothing.
 * _tags(d): No fault yet: how many bytes there are from the "<" on that a body of
 * HTML or XML begins with; 0: it is none.
 */
int decode_json_fault_syntax(struct decode_json * d, size_t at,
    const char * why);
int decode_json_fault_nesting(struct decode_json * d, size_t at);
int decode_json_fault_size(struct decode_json * d, const char * what);
int decode_json_fault_records(struct decode_json * d);
size_t decode_json_fault_tags(const struct decode_json * d);

#endif
