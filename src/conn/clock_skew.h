#ifndef MOLTLER_CONN_CLOCK_SKEW_H
#define MOLTLER_CONN_CLOCK_SKEW_H

#include <stdint.h>

#include "conn/connector.h"
#include "net/http.h"

/*
 * A service refuses what was signed at another time than its own: where an error
 * rule says so ("do": "clock"), its Date tells by how much.
 */

/** clock_skew_now(c): The time by the clock of the service of ${c}, as far as it was
 * learnt, in ms since 1970. */
int64_t clock_skew_now(const struct connector * c);

/** clock_skew_learn(c, res, used_ms): ${res} answers what was signed with a clock
 * corrected by ${used_ms}: whether it was refused for that, and c->clock_ms is
 * another by now. */
int clock_skew_learn(struct connector * c, const struct http_res * res,
    int64_t used_ms);

#endif
