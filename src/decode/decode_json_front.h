#ifndef MOLTLER_DECODE_DECODE_JSON_FRONT_H
#define MOLTLER_DECODE_DECODE_JSON_FRONT_H

#include "decode/decode_json_internal.h"

/*
 * Answers that are not JSON but are read as if they were: XML, a JSON value a line,
 * CSV.  What they become goes to the decoder's own scanner.
 */

/**
 * _has(d): Whether ${d}'s answer is such a one.
 * _begin(d): It begins.
 * _feed(d, p, n): The next bytes.
 * _end(d): It is whole: hand over what is left.
 * _free(d): Forget what is kept for it.
 * All 0 or -1; after _end the decoder has then failed.
 */
int decode_json_front_begin(struct decode_json * d);
int decode_json_front_feed(struct decode_json * d, const char * p, size_t n);
int decode_json_front_end(struct decode_json * d);
void decode_json_front_free(struct decode_json * d);

static inline int
decode_json_front_has(const struct decode_json * d)
{
	return (d->plan->ent->decode > DECODE_JSON);
}

#endif
