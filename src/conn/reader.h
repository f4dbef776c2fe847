#ifndef MOLTLER_CONN_READER_H
#define MOLTLER_CONN_READER_H

#include "base/err.h"
#include "base/sample.h"
#include "conn/manifest.h"
#include "conn/request.h"
#include "conn/secret.h"
#include "loop/loop.h"
#include "net/http.h"

/*
 * A reader asks one entity of a connector for a page.  Whoever asks sets the
 * pace.  A scrape is one page, in the shape of samples.
 */
struct reader;

/* What all readers of a process share. */
struct reader_env {
	struct loop * loop;
	struct http * http;
	const struct secrets * secrets;
};

/**
 * Called once, from the loop; exactly one of ${page} and ${e} is not NULL.
 * The page is borrowed; its layout and diff may be taken over by setting them
 * NULL.  ${calls} requests were sent, the last answered ${status} (0: none).
 */
typedef void reader_cb(void * arg, struct sample_page * page,
    const struct err * e);

/**
 * reader_samples(env, req, expect, timeout_ms, cb, arg):
 * Send ${req} (borrowed until the callback) and decode its answer as a page of
 * samples; ${expect} is the layout of the last one, or NULL.  One attempt:
 * retrying is the run's.  ${timeout_ms} bounds it together with the request's
 * own.  Errors: what http gives; Permanent "parse", "content_type" and
 * "http_4xx"; Config "secret".  NULL only when out of memory.
 */
struct reader * reader_samples(const struct reader_env * env,
    const struct request * req, struct sample_layout * expect,
    int64_t timeout_ms, reader_cb * cb, void * arg);

/** reader_cancel(r): Stop and free without calling back.  NULL: no-op. */
void reader_cancel(struct reader * r);

/** reader_cleanup(): Free what readers keep for reuse; at exit. */
void reader_cleanup(void);

#endif
