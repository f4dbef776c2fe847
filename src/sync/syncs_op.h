#ifndef MOLTLER_SYNC_SYNCS_OP_H
#define MOLTLER_SYNC_SYNCS_OP_H

#include "sync/syncs_internal.h"

/* One change of a connector that is also one of its main sync: what POST and PATCH
 * say of a target and a schedule. */
struct syncs_op {
	struct syncs_call * c;
	char * name;        /* the connector's */
	json_t * answer;
	json_t * want;      /* the main sync's keys, or NULL */
	json_t * rest;      /* patch: what is the runner's */
	size_t left;        /* delete: runs to end, then records */
	int undo;           /* create: the connector goes again */
	struct err e;
};

/** syncs_op_new(S, name, cb, arg): NULL: no memory, and ${cb} was told. */
struct syncs_op * syncs_op_new(struct syncs * S, const char * name,
    runner_cb * cb, void * arg);
/** syncs_op_end(op, e): Answer, and free it. */
void syncs_op_end(struct syncs_op * op, const struct err * e);
/** syncs_op_ended(op, v, e): The same, as what a change of a sync calls. */
void syncs_op_ended(void * op, json_t * v, const struct err * e);

/** syncs_op_split(body, want): Move the sync's keys of ${body} into ${*want} (NULL:
 * there are none); the rest is returned.  Both owned by the caller. */
json_t * syncs_op_split(const json_t * body, json_t ** want);
/** syncs_op_read(want, interval, s, e): What the keys mean; texts are borrowed.
 * ${interval}: of the connector's sync_interval, 0: none.  1: there is to be no
 * sync; -1 with ${e}. */
int syncs_op_read(const json_t * want, int64_t interval, struct sync_spec * s,
    struct err * e) MUST_CHECK;
/** syncs_op_put_main(op): Make the main sync what op->want says, and end. */
void syncs_op_put_main(struct syncs_op * op);

/** syncs_op_heard(arg, r, e): For runs whose end nobody waits for. */
void syncs_op_heard(void * arg, const struct sync_result * r,
    const struct err * e);

#endif
