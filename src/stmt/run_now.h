#ifndef MOLTLER_STMT_RUN_NOW_H
#define MOLTLER_STMT_RUN_NOW_H

#include "base/err.h"
#include "loop/loop.h"
#include "sync/syncs.h"

/*
 * Begin a sync's run and do not wait for its end: only long enough to hear that
 * it cannot begin.
 */
struct run_now;

/** run_now(L, S, id, full, cb, arg): ${cb} is called once, from the loop: ${e}
 * NULL when it runs or has run, however that went.  NULL: out of memory. */
struct run_now * run_now(struct loop * L, struct syncs * S, const char * id,
    int full, void (*cb)(void * arg, const struct err * e), void * arg)
    MUST_CHECK;

#endif
