#ifndef MOLTLER_CONN_PLAN_CHOOSE_H
#define MOLTLER_CONN_PLAN_CHOOSE_H

#include "conn/plan.h"

/* What the files of a plan share. */

#define PLAN_MAX_INPUTS 1000 /* listings of one statement */

/* How a list takes an input. */
enum plan_use {
	USE_NOT,      /* it does not, or a partition binds it */
	USE_TEMPLATE, /* its templates speak of it */
	USE_PUSH      /* a push sends it where it is told */
};

/** plan_choose_use(list, ent, col): How ${list} takes the input ${col}. */
enum plan_use plan_choose_use(const struct manifest_list * list,
    const struct manifest_entity * ent, size_t col);

/** plan_choose_rule(list, col, ops): The first push of ${col} that takes one of
 * ${ops}, or NULL. */
const struct manifest_push * plan_choose_rule(const struct manifest_list * list,
    size_t col, unsigned ops);

/** plan_choose_ignores(list, ent, col): Whether ${col} is a hidden input that
 * ${list} has no use for. */
int plan_choose_ignores(const struct manifest_list * list,
    const struct manifest_entity * ent, size_t col);

/** plan_taken(p, n, rule, op): Whether an input or one of the first ${n}
 * predicates has what ${rule} wants for ${op}.  (plan_preds.c) */
int plan_taken(const struct plan * p, size_t n,
    const struct manifest_push * rule, unsigned op);

/**
 * plan_preds_fill(p, given, n, inputs, e): Make ${p}'s predicates of the ${n} given,
 * whose values are copied, and choose for its list how each goes down: those of
 * the bits ${inputs} (of the first PLAN_MAX_ASKS) tell an input.  Sets nothing and
 * exact, too.  0 or -1 (permanent "input": a value that cannot be asked with, or
 * too many); plan_preds_free() after either.
 * plan_preds_free(p): As if none had been made.
 * plan_preds_tell(d, col): Whether ${d} says what ${col} is, so that no default
 * does.  (plan_preds.c)
 */
int plan_preds_fill(struct plan * p, const struct plan_given * given, size_t n,
    uint64_t inputs, struct err * e) MUST_CHECK;
void plan_preds_free(struct plan * p);
int plan_preds_tell(const struct plan_pred * d, size_t col);

/** plan_span_drop(p): Bounds that have to go down together (span_s) go down both or
 * not at all: take back those that do not; how many.  (plan_span.c) */
size_t plan_span_drop(struct plan * p);

#endif
