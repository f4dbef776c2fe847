#ifndef MOLTLER_CONN_PLAN_PUSH_H
#define MOLTLER_CONN_PLAN_PUSH_H

#include <jansson.h>

#include "conn/plan.h"

/* From SQL's values to the service's, for plan.c. */

/**
 * plan_push_value(col, rule, p, exact):
 * What predicate ${p} on ${col} sends by ${rule}: a new scalar, list or null (IS
 * NULL); NULL: it has no form in which the service would send at least
 * what it selects, so it stays here.  ${exact} is cleared if it may be more.
 */
json_t * plan_push_value(const struct manifest_column * col,
    const struct manifest_push * rule, const struct plan_pred * p, int * exact);

/**
 * plan_push_place(col, v, at): Where ${v} stands in the order of ${col} (a
 * timestamp, in ms, or an integer).  plan_push_from(col, rule, v, at): Where a list
 * begins that is asked by ${rule} for what is not before ${v}.  0, or -1: that
 * cannot be said.
 */
int plan_push_place(const struct manifest_column * col, const struct value * v,
    int64_t * at) MUST_CHECK;
int plan_push_from(const struct manifest_column * col,
    const struct manifest_push * rule, const struct value * v, int64_t * at)
    MUST_CHECK;

/** plan_push_input(col, p): The list of the different values that ${p} (= or IN)
 * gives to an input; NULL: some value is none that can be sent. */
json_t * plan_push_input(const struct manifest_column * col,
    const struct plan_pred * p);

/** plan_push_size(v): About how long it gets in a URL. */
size_t plan_push_size(const json_t * v);

/** plan_push_never(p): Whether it compares with NULL alone, and so never is true. */
int plan_push_never(const struct plan_pred * p);

/** plan_push_same(a, b): Whether two rules want the same parameter. */
int plan_push_same(const struct manifest_push * a,
    const struct manifest_push * b);

/** plan_push_joins(rule, a, b): Whether the ops ${a} and ${b} are bounds of both
 * sides that ${rule} sends as one. */
int plan_push_joins(const struct manifest_push * rule, unsigned a, unsigned b);

#endif
