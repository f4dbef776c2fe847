#ifndef MOLTLER_CONN_LIMITS_H
#define MOLTLER_CONN_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/answer_rules.h"
#include "conn/conn_env.h"
#include "conn/connector.h"

/*
 * Budgets: a token bucket a connector (OPTIONS rate_limit and rate_limit_burst,
 * else the manifest's), shared with other daemons where there is a shared state,
 * and what the service's own headers say: when nothing remains, nobody asks
 * until the reset.  Keyed by the manifest's scope, else the connector.
 */
struct limits;
struct limit_wait;

struct limits * limits_new(struct loop * L, const struct conn_shared * shared);
void limits_free(struct limits * l); /* NULL is a no-op */

/**
 * limits_take(l, c, max_wait_ms, cb, arg):
 * Wait for a permit to ask ${c}'s service, at most ${max_wait_ms} (0: any time).
 * ${cb} comes once from the loop, never before this returns: with ${waited_ms}, or
 * with transient "rate_limit" at once if the wait would be longer (naming when it
 * ends).  NULL only when out of memory.
 */
struct limit_wait * limits_take(struct limits * l, const struct connector * c,
    int64_t max_wait_ms, void (*cb)(void * arg, int64_t waited_ms,
    const struct err * e), void * arg);
void limits_cancel(struct limit_wait * w); /* NULL is a no-op */

/** limits_learn(l, c, b): What an answer's headers said.  limits_block(l, c, ms):
 * The service told us to keep away for so long. */
void limits_learn(struct limits * l, const struct connector * c,
    const struct answer_budget * b);
void limits_block(struct limits * l, const struct connector * c, int64_t ms);

/** limits_known(l, c, b): What is known of the budget; 0, or -1: nothing. */
int limits_known(const struct limits * l, const struct connector * c,
    struct answer_budget * b);

#endif
