#ifndef MOLTLER_CONN_PLAN_PUSH_INTERNAL_H
#define MOLTLER_CONN_PLAN_PUSH_INTERNAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "conn/plan_push.h"

/* What the plan_push*.c share: one value each.  Nobody else includes this. */

/** plan_push_time_of(v, ms): The time that ${v} is, as SQL may write it: RFC 3339, or
 * without a zone (UTC) or a clock; ${*ms} since 1970.  0 or -1: none that a
 * service could know.  (plan_push_time.c) */
int plan_push_time_of(const struct value * v, int64_t * ms) MUST_CHECK;

/** plan_push_time(rule, op, v, exact): The bound, or the moment, that ${op} with ${v}
 * sends: new; NULL: it stays here.  ${*exact} is cleared if the service may send
 * more.  (plan_push_time.c) */
json_t * plan_push_time(const struct manifest_push * rule, unsigned op,
    const struct value * v, int * exact);

/**
 * plan_push_plain(col, v): ${v} with the type of ${col}, as SQLite would compare it.
 * plan_push_like(col, op, v): The x of 'x%' (OP_PREFIX) or '%x%' (OP_SUBSTR).
 * plan_push_text(s, n): A text, which has to be UTF-8 without NUL.
 * All new; NULL: it is none that can be sent.  (plan_push_plain.c)
 */
json_t * plan_push_plain(const struct manifest_column * col,
    const struct value * v);
json_t * plan_push_like(const struct manifest_column * col, unsigned op,
    const struct value * v);
json_t * plan_push_text(const char * s, size_t n);

#endif
