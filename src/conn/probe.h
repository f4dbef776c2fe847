#ifndef MOLTLER_CONN_PROBE_H
#define MOLTLER_CONN_PROBE_H

#include <jansson.h>

#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/connector.h"

/*
 * The manifest's test call: one cheap authenticated request that says whether a
 * connector can do its work.
 */
struct probe;

/**
 * Called once, from the loop: ${answer} (borrowed) is {"ok": true, "latency_ms",
 * "rate_limit": {"limit", "remaining", "reset"}} (what the service tells) or
 * {"ok": false, "latency_ms", "error": {"class", "code", "message"}}.
 */
typedef void probe_cb(void * arg, const json_t * answer);

/**
 * probe_start(env, c, cb, arg):
 * Send it, never through a cache.  Whatever goes wrong is in the answer.
 * NULL only when out of memory.
 */
struct probe * probe_start(const struct conn_env * env, struct connector * c,
    probe_cb * cb, void * arg);

/** probe_judge(m, res, url, e): Whether the answer is good, and has what the manifest
 * expects of a good one; 0 or -1 (config "unexpected" where it has not). */
int probe_judge(const struct manifest * m, const struct http_res * res,
    const char * url, struct err * e) MUST_CHECK;

/** probe_cancel(p): Without calling back.  NULL: no-op. */
void probe_cancel(struct probe * p);

#endif
