#ifndef MOLTLER_BASE_DURATION_H
#define MOLTLER_BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/**
 * duration_parse(s, n, ms, e):
 * Read a duration such as "5m", "1h30m", "250ms", "7d" or "2w" (units ms, s, m,
 * h, d, w, each at most once, largest first; a bare "0" is allowed) into ${*ms}.
 * Errors: config, naming what was found and an example of what is expected;
 * overflow is an error.
 */
int duration_parse(const char * s, size_t n, int64_t * ms, struct err * e)
    MUST_CHECK;

/** duration_format(ms, out): Write ${ms} >= 0 the way duration_parse reads it. */
#define DURATION_LEN 48
void duration_format(int64_t ms, char out[DURATION_LEN]);

/**
 * duration_ago(ms, out):
 * Write how long ago something was, for people: "just now", "5 minutes ago",
 * "1 hour ago"; negative values count as just now.
 */
void duration_ago(int64_t ms, char out[DURATION_LEN]);

#endif
