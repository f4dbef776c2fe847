#ifndef MOLTLER_CONN_LIMITS_H
#define MOLTLER_CONN_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "conn/answer_rules.h"
#include "conn/conn_env.h"
#include "conn/connector.h"

/*
 * Budgets: a token bucket a connector (OPTIONS rate_limit and rate_limit_burst,
 * else the manifest's), and those buckets of the manifest that a call names, or
 * that each call takes of; shared with other daemons where there is a shared state,
 * and what the service's own headers say: when nothing remains, nobody asks
 * until the reset.  And places: so many calls may be side by side, in this process.
 * Keyed by the manifest's scope, else the connector.
 */
struct limits;
struct limit_wait;

struct limits * limits_new(struct loop * L, const struct conn_shared * shared);
void limits_free(struct limits * l); /* NULL is a no-op */

/**
 * limits_take(l, c, t, max_wait_ms, cb, arg):
 * Wait for a permit to ask ${c}'s service, at most ${max_wait_ms} (0: any time), of
 * all budgets that ${t} names (NULL: a call that names none).  ${cb} comes once from the loop, never before this returns: with ${waited_ms}, or
 * with transient "rate_limit" at once if the wait would be longer (naming when it
 * ends), or when no place was free in time; then what was returned is gone.  Else it
 * is the permit, and holds its places until limits_cancel(): once the call is over.
 * NULL only when out of memory.
 */
struct limit_wait * limits_take(struct limits * l, const struct connector * c,
    const struct manifest_toll * t, int64_t max_wait_ms,
    void (*cb)(void * arg, int64_t waited_ms, const struct err * e), void * arg);
/** limits_cancel(w): Wait no more, or give the permit back.  NULL is a no-op. */
void limits_cancel(struct limit_wait * w);

/** limits_answer(l, c, t, res, now_ms): Learn from the headers of the answer to such
 * a call.  limits_learn(l, c, b): What they said of the connector's own budget.
 * limits_block(l, c, t, ms): The service told who made such a call to keep away
 * for so long. */
void limits_answer(struct limits * l, const struct connector * c,
    const struct manifest_toll * t, const struct http_res * res,
    int64_t now_ms);
void limits_learn(struct limits * l, const struct connector * c,
    const struct answer_budget * b);
void limits_block(struct limits * l, const struct connector * c,
    const struct manifest_toll * t, int64_t ms);

/** limits_forgive(l, c): A person asks again: whatever the service told of ${c}'s budgets
 * holds nobody back any more; those who wait have their turn.  Of NULL: no-op.
 * limits_until(l, c, why): Until when (ms) nobody asks ${c}'s service for one of its
 * budgets because that said so, and why; 0: that is not so. */
void limits_forgive(struct limits * l, const struct connector * c);
int64_t limits_until(const struct limits * l, const struct connector * c,
    const char ** why);

/** limits_known(l, c, b): What is known of the connector's own budget; 0, or -1:
 * nothing. */
int limits_known(const struct limits * l, const struct connector * c,
    struct answer_budget * b);

/** limits_show(l, c, out): Add to the object ${out} a text for each budget of which
 * there is something to say: "budget", "budget_<bucket>".  -1: no memory. */
int limits_show(const struct limits * l, const struct connector * c,
    json_t * out) MUST_CHECK;

/** limits_describe(c, t, out): Add "5 of points, 5 of search": what such a call of ${c}
 * takes, where that is not one of what each call takes of. */
void limits_describe(const struct connector * c,
    const struct manifest_toll * t, struct buf * out);

/** limits_each_waiting(l, most, cb, arg): The budgets that calls wait for, at most
 * so many: ${key} as in the shared state, and ${n} calls. */
void limits_each_waiting(const struct limits * l, size_t most,
    void (*cb)(void * arg, const char * key, size_t n), void * arg);

#endif
