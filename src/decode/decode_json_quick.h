#ifndef MOLTLER_DECODE_DECODE_JSON_QUICK_H
#define MOLTLER_DECODE_DECODE_JSON_QUICK_H

#include "decode/decode_json_internal.h"

/*
 * Most scalars that are wanted go to one column and stay as they stand, or are a few
 * digits.  Such a one is put into its cell without asking what else could be done with
 * it; the cell is the same as if others had.
 */

/** decode_json_quick_mark(d): Find the states where it is so, by plan and columns. */
void decode_json_quick_mark(struct decode_json * d);

/** decode_json_quick_set(d, q, t): decode_json_quick() where ${q} says that it may be. */
int decode_json_quick_set(struct decode_json * d, const struct decode_quick * q,
    const struct json_token * t);

/** decode_json_quick(d, state, t): 1: ${t} is in its cell; 0: others see to it. */
static inline int
decode_json_quick(struct decode_json * d, uint32_t state,
    const struct json_token * t)
{
	const struct decode_quick * q = &d->quick[state];

	if (q->how == QUICK_NOT || !d->in_record)
		return (0);
	return (decode_json_quick_set(d, q, t));
}

#endif
