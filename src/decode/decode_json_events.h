#ifndef MOLTLER_DECODE_DECODE_JSON_EVENTS_H
#define MOLTLER_DECODE_DECODE_JSON_EVENTS_H

#include "decode/decode_json_internal.h"

/**
 * What is met where some path may lead: follows the plan's states and hands what
 * paths lead to over to decode_json_rows.  All return 0, or -1 with the decoder
 * failed.
 *
 * _key(d, at, n): A key, between its quotes.
 * _scalar(d, kind, at, n): A scalar; a string without its quotes.
 * _open(d, at, is_array): An array or object begins at ${at}; where no path leads into
 * it d->skip becomes 1, and nothing within is to be told.
 * _close(d, end): It ended before ${end}.
 */
int decode_json_events_key(struct decode_json * d, size_t at, size_t n);
int decode_json_events_scalar(struct decode_json * d,
    enum json_token_kind kind, size_t at, size_t n);
int decode_json_events_open(struct decode_json * d, size_t at, int is_array);
int decode_json_events_close(struct decode_json * d, size_t end);

/* ${state}, or DECODE_DEAD where nothing wanted can be met from it. */
static inline uint32_t
decode_json_live(const struct decode_json * d, uint32_t state)
{
	return (state != DECODE_DEAD && d->live[state] ? state : DECODE_DEAD);
}

#endif
