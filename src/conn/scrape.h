#ifndef MOLTLER_CONN_SCRAPE_H
#define MOLTLER_CONN_SCRAPE_H

#include "base/err.h"
#include "base/sample.h"
#include "conn/conn_env.h"
#include "conn/request.h"

/*
 * A scrape asks one entity of a connector for its one page of samples: the short
 * road of a reader (reader.h), without plan and rows.
 */
struct scrape;

/**
 * Called once, from the loop; exactly one of ${page} and ${e} is not NULL.
 * The page is borrowed; its layout and diff may be taken over by setting them
 * NULL.  ${calls} requests were sent, the last answered ${status} (0: none).
 */
typedef void scrape_cb(void * arg, struct sample_page * page,
    const struct err * e);

/**
 * scrape_start(env, req, expect, timeout_ms, cb, arg):
 * Send ${req} (borrowed until the callback) and decode its answer as a page of
 * samples; ${expect} is the layout of the last one, or NULL.  One attempt:
 * retrying is the run's.  ${timeout_ms} bounds it together with the request's
 * own.  Errors: what http gives; Permanent "parse", "content_type" and
 * "http_4xx"; Config "secret".  NULL only when out of memory.
 */
struct scrape * scrape_start(const struct conn_env * env,
    struct request * req, struct sample_layout * expect,
    int64_t timeout_ms, scrape_cb * cb, void * arg);

/** scrape_cancel(r): Stop and free without calling back.  NULL: no-op. */
void scrape_cancel(struct scrape * r);

/** scrape_cleanup(): Free what scrapes keep for reuse; at exit. */
void scrape_cleanup(void);

#endif
