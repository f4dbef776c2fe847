#ifndef MOLTLER_STATE_STATE_DONE_H
#define MOLTLER_STATE_STATE_DONE_H

#include "loop/loop.h"
#include "state/state.h"

/*
 * Completions: one struct for each call that waits, from the call until its
 * callback.  Freeing the state forgets them all; a callback may do that.
 */
struct state_dones;

struct state_done {
	struct state_dones * D;
	struct state_done * next, ** prevp;
	struct state_done * batch; /* the next that waits for the same commit */
	struct soon soon;
	state_cb * cb;
	state_lease_cb * lease;
	void * arg;
	json_t * v;
	int64_t fence;
	/* What the backend keeps with it meanwhile. */
	void * x;
	void (*x_free)(void *);
	struct err * e; /* NULL: it worked */
};

struct state_dones {
	struct loop * loop;
	void * owner; /* the backend */
	struct state_done * head;
	struct state_done * spare;
	unsigned nspare;
	int * dead; /* of a callback that runs: set by state_done_fini */
};

/** state_done_init(D, L, owner), state_done_fini(D): Begin; forget all. */
void state_done_init(struct state_dones * D, struct loop * L, void * owner);
void state_done_fini(struct state_dones * D);

/** state_done_new(D, cb, arg): For one call.  state_done_lease: for a lease. */
struct state_done * state_done_new(struct state_dones * D, state_cb * cb,
    void * arg);
struct state_done * state_done_lease(struct state_dones * D,
    state_lease_cb * cb, void * arg);

/**
 * state_done_soon(d, v, fence, e): Call back from the soon queue with ${v}
 * (taken) or ${fence}, or with ${e} (copied) if that is not NULL.
 * state_done_now: the same at once; only from the soon queue, as the last
 * thing, since the state may be gone afterwards.
 */
void state_done_soon(struct state_done * d, json_t * v, int64_t fence,
    const struct err * e);
void state_done_now(struct state_done * d, json_t * v, int64_t fence,
    const struct err * e);

/** state_done_each(list, e): All that wait in the chain ${*list}, which is empty then:
 * each called back from the soon queue, with the value it has. */
void state_done_each(struct state_done ** list, const struct err * e);

#endif
