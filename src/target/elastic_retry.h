#ifndef MOLTLER_TARGET_ELASTIC_RETRY_H
#define MOLTLER_TARGET_ELASTIC_RETRY_H

#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

/*
 * A cluster that is away or busy is tried again, later and later, until that has
 * gone on for too long.  Zero it first.
 */
struct elastic_retry {
	struct loop_timer * timer;
	unsigned tries;
	int64_t since_us; /* when it first failed */
};

/**
 * elastic_retry_wait(r, L, max_ms, e, cb, arg):
 * After ${e}: call ${cb}(${arg}) when it is time to try again.  -1 if that is in
 * vain (only what is transient passes), or has been for ${max_ms}: then ${e} says
 * so.
 */
int elastic_retry_wait(struct elastic_retry * r, struct loop * L,
    int64_t max_ms, struct err * e, void (*cb)(void *), void * arg)
    MUST_CHECK;

/** elastic_retry_well(r): Something went through: what comes next fails anew. */
void elastic_retry_well(struct elastic_retry * r);

/** elastic_retry_end(r): No call any more; gives all back. */
void elastic_retry_end(struct elastic_retry * r);

#endif
