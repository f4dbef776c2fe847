#ifndef MOLTLER_CONN_READER_H
#define MOLTLER_CONN_READER_H

#include "base/err.h"
#include "base/sample.h"
#include "conn/connector.h"
#include "loop/loop.h"
#include "net/http.h"

/*
 * A reader opens one entity of a connector and yields pages.  Whoever asks
 * sets the pace.  A scrape is one page in the shape of samples.
 */
struct reader;

struct reader_plan {
	struct sample_layout * expect; /* the last page's layout, borrowed; or NULL */
	int64_t deadline_us;           /* clock_mono_us() by which the page must
	                                  be there; 0: the connector's timeout */
};

/** Exactly one of ${page} (borrowed, but its layout and diff may be taken by
 * setting them NULL) and ${e}. */
typedef void reader_cb(void * arg, struct sample_page * page,
    const struct err * e);

/**
 * reader_samples(H, c, ent, plan, cb, arg):
 * Fetch the one page of the sample entity ${ent} of ${c} and call ${cb} once
 * from the soon queue.  One attempt: retrying is the run's.  Errors: what http
 * gives; Permanent "parse" and "content_type"; Config for references that do
 * not resolve ("token resolve: ...").
 */
struct reader * reader_samples(struct http * H, const struct connector * c,
    const struct manifest_entity * ent, const struct reader_plan * plan,
    reader_cb * cb, void * arg);

/** reader_cancel(r): Stop and free without calling back.  NULL: no-op. */
void reader_cancel(struct reader * r);

#endif
