#ifndef MOLTLER_CONN_PLAN_CHOOSE_H
#define MOLTLER_CONN_PLAN_CHOOSE_H

#include "conn/plan.h"

/* What plan.c and plan_choose.c share. */

/** plan_choose_uses(list, input): Whether ${list}'s templates speak of it (not
 * bound by a partition). */
int plan_choose_uses(const struct manifest_list * list, const char * input);

/** plan_choose_order(list, ent, orders, n): Whether the service gives this very
 * order (inputs and partitions aside). */
int plan_choose_order(const struct manifest_list * list,
    const struct manifest_entity * ent, const struct plan_order * orders,
    size_t n);

#endif
