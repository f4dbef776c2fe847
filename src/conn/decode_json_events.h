#ifndef MOLTLER_CONN_DECODE_JSON_EVENTS_H
#define MOLTLER_CONN_DECODE_JSON_EVENTS_H

#include "conn/decode_json_internal.h"

/* What yajl calls, with the decoder: follows the plan's states and hands what
 * paths lead to over to decode_json_rows. */
extern const yajl_callbacks decode_json_events;

/* ${state}, or DECODE_DEAD where nothing wanted can be met from it. */
static inline uint32_t
decode_json_live(const struct decode_json * d, uint32_t state)
{
	return (state != DECODE_DEAD && d->live[state] ? state : DECODE_DEAD);
}

#endif
