#ifndef MOLTLER_CONN_LIMITS_INTERNAL_H
#define MOLTLER_CONN_LIMITS_INTERNAL_H

/* Without this uthash ends the process when memory is short. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/tokenbucket.h"
#include "conn/limits.h"

#define LIMIT_KEY_MAX 512

/* A question to the shared state; it outlives a scope that is gone. */
struct limit_ask {
	struct limit_scope * s;
	double n;
};

/* One budget after the other is waited for, those of the call's own first: what
 * has been taken of one stays taken. */
#define LIMIT_STAGES (MANIFEST_BUCKETS + 1)

struct limit_wait {
	struct limits * l;
	struct limit_scope * scopes[LIMIT_STAGES];
	double owes[LIMIT_STAGES];   /* 0: taken */
	unsigned wants, holds; /* a place of these, bits */
	unsigned n, at;        /* the one it waits for */
	struct limit_wait * next, ** prevp; /* in its queue */
	int64_t begun_us;
	int64_t until_us;  /* give up then; 0: never */
	void (*cb)(void *, int64_t, const struct err *);
	void * arg;
	struct soon soon;  /* of one that was refused */
	struct err e;
};

/* Who shares a budget. */
struct limit_scope {
	struct limits * l;
	struct tokenbucket tb;
	double rate, burst;    /* as last said; rate 0: no bound */
	int64_t blocked_us;    /* nobody asks until then; 0, */
	const char * why;      /* and why; static */
	struct answer_budget budget;
	int is_known;          /* of the budget */
	struct limit_wait * head, ** tail;
	size_t nwaiting;
	size_t nneedy;         /* of these, who are to take something */
	double owed;           /* what these are to take */
	size_t nusers;         /* waits and permits that name it */
	unsigned places;       /* calls side by side; 0: no bound */
	unsigned held;         /* of these */
	int64_t late_us;       /* nobody who waits gives up before, if there are
	                          places; 0: nobody does */
	struct loop_timer * timer; /* made when first waited for */
	struct soon soon;
	struct limit_ask * ask; /* under way */
	UT_hash_handle hh;
	char bucket[65];       /* its name; "": the connector's own */
	char shared_key[LIMIT_KEY_MAX]; /* "<host>:<connector or scope>[:bucket]" */
	char key[];
};

struct limits {
	struct loop * loop;
	const struct conn_shared * shared;
	struct limit_scope * scopes;
};

/** limits_scope_find(l, c, b) / limits_scope_get(...): Who shares ${c}'s budget ${b}
 * (its manifest's limits or one of its buckets), made if need be, with the rate
 * that ${c} knows; NULL: unknown, no memory. */
struct limit_scope * limits_scope_find(const struct limits * l,
    const struct connector * c, const struct manifest_limits * b);
struct limit_scope * limits_scope_get(struct limits * l,
    const struct connector * c, const struct manifest_limits * b);
void limits_scope_free(struct limit_scope * s);

/** limits_scope_is_there(c, b): Whether ${c} is one the bucket ${b} is for. */
int limits_scope_is_there(const struct connector * c,
    const struct manifest_limits * b);

/** limits_scope_rate(c, b): How fast ${c} may take of its budget ${b}; 0: no bound,
 * whatever others of the scope have. */
double limits_scope_rate(const struct connector * c,
    const struct manifest_limits * b);

/** limits_scope_saved(s, us): What is in the bucket at ${us}. */
double limits_scope_saved(const struct limit_scope * s, int64_t us);

/** limits_scope_turn(s): Let through who may go, from the loop. */
void limits_scope_turn(struct limit_scope * s);

/** limits_wait_refuse(w, us): It would have to wait until ${us}, which is too long.
 * limits_wait_refuse_place(w): No place became free in its time.
 * limits_wait_grant(s): The head of the queue has what it waited for here. */
void limits_wait_refuse(struct limit_wait * w, int64_t us);
void limits_wait_refuse_place(struct limit_wait * w);
void limits_wait_grant(struct limit_scope * s);

#endif
