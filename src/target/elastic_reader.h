#ifndef MOLTLER_TARGET_ELASTIC_READER_H
#define MOLTLER_TARGET_ELASTIC_READER_H

#include "base/err.h"
#include "conn/plan.h"
#include "conn/reader.h"
#include "loop/loop.h"
#include "target/elastic.h"

/*
 * The rows of an index, a page at a time, as conn/reader.h gives those of a
 * service: a point in time is opened, searched page after page with search_after,
 * and deleted, also when whoever asks stops in the middle.  What is transient is
 * tried again a few times, within the statement's time.
 */
struct elastic_reader;

/**
 * elastic_reader_open(L, el, plan, ctx, e):
 * Take ${plan} (also on failure), of elastic_table.h's connector; nothing is sent
 * yet.  ${ctx} must outlive the reader; calls are counted, but not held against
 * max_calls.  Pages have more cells a row than the plan's entity: enum
 * elastic_extra's.  NULL with ${e}.
 */
struct elastic_reader * elastic_reader_open(struct loop * L,
    struct elastic * el, struct plan * plan, struct read_ctx * ctx,
    struct err * e) MUST_CHECK;

/** elastic_reader_next(r, cb, arg), _ahead(r), _close(r): As of conn/reader.h.
 * Errors name index and page; permanent "expired": the point in time is gone. */
void elastic_reader_next(struct elastic_reader * r, reader_cb * cb, void * arg);
void elastic_reader_ahead(struct elastic_reader * r);
void elastic_reader_close(struct elastic_reader * r);

/** elastic_reader_cleanup(): Free what is kept for reuse; at exit. */
void elastic_reader_cleanup(void);

#endif
