#ifndef MOLTLER_RUN_TICK_H
#define MOLTLER_RUN_TICK_H

#include <stdint.h>

#include "base/err.h"
#include "conn/scrape.h"
#include "loop/loop.h"
#include "state/state.h"
#include "target/sample_store.h"

/*
 * One run of one sync: claim the bucket, read a page, write it, done; with
 * retries in between.
 */
struct tick;

struct tick_env {
	struct loop * loop;
	struct state * state;
	const struct conn_env * conn;
};

/* All borrowed until the tick is done. */
struct tick_plan {
	const char * connector;
	const char * sync;
	struct request * req;
	struct sample_source * source;
	int64_t lease_bucket;    /* what is claimed */
	int64_t lease_ttl_ms;
	int64_t scheduled_for;   /* what the rows bear */
	int64_t budget_ms;       /* from now: nothing begins after that */
	unsigned retry_count;
	int retry_base_ms;
};

enum tick_outcome { TICK_OK, TICK_IDLE, TICK_FAILED };

struct tick_result {
	enum tick_outcome outcome; /* idle: another daemon has the bucket */
	uint64_t rows;
	unsigned attempts;
	int64_t took_us;
	struct err e;              /* if failed */
};

/** Called once, from the loop; the tick is gone after it. */
typedef void tick_cb(void * arg, const struct tick_result * r);

/** Called for each request that ended: NULL for a good page. */
typedef void tick_attempt_cb(void * arg, const struct err * e);

/**
 * tick_start(env, plan, attempt, cb, arg):
 * Begin.  Transient failures are retried plan.retry_count times after
 * base * 2^n with jitter, or the server's Retry-After, as long as the budget
 * lasts.  NULL only when out of memory.
 */
struct tick * tick_start(const struct tick_env * env,
    const struct tick_plan * plan, tick_attempt_cb * attempt, tick_cb * cb,
    void * arg);

/**
 * tick_cancel(t):
 * End it soon: a request is dropped and the claim given back; a claim or a write
 * that is under way is waited for.  The callback still comes, later, once: with
 * class Cancelled, or as it was if the write got through.
 */
void tick_cancel(struct tick * t);

#endif
