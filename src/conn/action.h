#ifndef MOLTLER_CONN_ACTION_H
#define MOLTLER_CONN_ACTION_H

#include <jansson.h>

#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/connector.h"
#include "conn/manifest.h"
#include "conn/request.h"

/* What is done to a service. */
struct action;

/**
 * action_args(c, act, args, e):
 * Check ${args} (an object, or NULL) against ${act}'s schema and fill the
 * defaults: unknown (did you mean), missing and ill-typed ones are named one by
 * one, joined by "; ".  The caller owns the result; NULL with config "bad_args".
 */
json_t * action_args(const struct connector * c,
    const struct manifest_action * act, const json_t * args, struct err * e)
    MUST_CHECK;

/** Called once, from the loop: the answer (borrowed; JSON null where the service
 * says nothing) and its status, or ${e}. */
typedef void action_cb(void * arg, const json_t * answer, int status,
    const struct err * e);

/**
 * action_start(env, c, act, args, timeout_ms, cb, arg):
 * Do it; ${args} as action_args() gave them.  Sent once: only what is
 * safe_to_retry, and what failed before it was sent, is tried again.  After a
 * failure that leaves it open whether it was done the code is "ambiguous" and the
 * message says so; "accepted" where the service took it in and did not say in time what
 * became of it, "failed" (permanent) where it then failed there.  A success makes the connector's cached results void.
 * NULL only when out of memory.
 */
struct action * action_start(const struct conn_env * env, struct connector * c,
    const struct manifest_action * act, const json_t * args,
    int64_t timeout_ms, action_cb * cb, void * arg);

/** action_cancel(a): Without calling back; what was sent was sent.  NULL: no-op. */
void action_cancel(struct action * a);

#endif
