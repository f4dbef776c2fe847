#ifndef MOLTLER_STATE_STATE_LEASE_H
#define MOLTLER_STATE_STATE_LEASE_H

#include "state/state_map.h"

/*
 * Leases of one process, in memory: (sync, bucket) -> fence until a time.
 * Zero it before first use.  Times are of the steady clock.  Expired ones are
 * swept a few at a time by every take, so the table holds little more than what
 * is alive.
 */
struct state_leases {
	struct state_map map;
	size_t sweep; /* the slot to look at next */
};

/** state_lease_take(T, sync, bucket, fence, until_us, now_us): Claim it: 1 if
 * it was free, 0 if held, -1 if there is no memory or are a million. */
int state_lease_take(struct state_leases * T, const char * sync,
    int64_t bucket, int64_t fence, int64_t until_us, int64_t now_us);

/** state_lease_keep(...): Hold it until ${until_us}: 1, or 0 if ${fence} does
 * not hold it now.  state_lease_drop: give it back, if ${fence} holds it. */
int state_lease_keep(struct state_leases * T, const char * sync,
    int64_t bucket, int64_t fence, int64_t until_us, int64_t now_us);
void state_lease_drop(struct state_leases * T, const char * sync,
    int64_t bucket, int64_t fence);

/**
 * state_lease_floor():
 * The least fence to give out now.  Targets remember the last fence they saw,
 * so one that begins anew, because the state was lost, must still be above all
 * that were given before; also by a clock that is behind, once one was seen.  64 a millisecond: in six bytes until 2039.
 */
int64_t state_lease_floor(void);

/** state_lease_clear(T): Free all. */
void state_lease_clear(struct state_leases * T);

#endif
