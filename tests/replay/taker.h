#ifndef MOLTLER_TESTS_TAKER_H
#define MOLTLER_TESTS_TAKER_H

#include "conn/limits.h"
#include "reader_rig.h"

/* One that takes of the budgets of a rig's connector. */
struct taker {
	struct rig * g;
	struct limit_wait * w; /* while it waits or holds; or NULL */
	int keeps;             /* its call goes on until taker_drop(); else it is
	                          over at once */
	int calls, has_failed;
	int64_t at, waited;    /* when it was called, ms of the loop */
	struct err e;
};

/** taker_take(g, l, t, entity, max_ms, keeps): Ask ${l} as the first list of ${entity}
 * does (NULL, or none of that name: as a call that names no budget). */
void taker_take(struct rig * g, struct limits * l, struct taker * t,
    const char * entity, int64_t max_ms, int keeps);
void taker_drop(struct taker * t);

/* The last that were called, in that order, from the first one on. */
extern struct taker * taker_order[16];
extern unsigned taker_norder;

#endif
