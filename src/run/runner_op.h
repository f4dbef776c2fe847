#ifndef MOLTLER_RUN_RUNNER_OP_H
#define MOLTLER_RUN_RUNNER_OP_H

#include "run/runner_internal.h"

struct literals;

/*
 * Changes asked for from outside.  Each is written to the state first and takes
 * effect when that is done; a connector has one change under way at a time.
 */
struct op {
	struct runner * r;
	struct job * job;  /* the one there is, or the new one */
	struct job * next; /* patch: what replaces it */
	struct soon soon;
	struct err e;
	json_t * answer;
	const char * reason; /* pause: why; resume: NULL */
	char changed[128];   /* patch: the keys it had, but for enabled */
	json_t * rec;        /* what is to be, while literals are moved */
	struct literals * literals;
	int deleted;
	runner_cb * cb;
	void * arg;
};

/** runner_op_new(r, cb, arg): NULL if it has ended already (no memory).
 * runner_op_on(r, key, change, cb, arg): One on a connector there is, or NULL if
 * it has ended already. */
struct op * runner_op_new(struct runner * r, runner_cb * cb, void * arg);
struct op * runner_op_on(struct runner * r, const char * key, int change,
    runner_cb * cb, void * arg);

/** runner_op_finish(op, e): Call back and free; from the loop's stack.
 * runner_op_soon(op): The same from the soon queue, with op->e if it was filled. */
void runner_op_finish(struct op * op, const struct err * e);
void runner_op_soon(struct op * op);

/** runner_op_ended(arg): The op's old job runs no more, and nothing takes its
 * place: free it and finish. */
void runner_op_ended(void * arg);

/** runner_patch_job(op, body): What runner_patch() does. */
void runner_patch_job(struct op * op, const json_t * body);

#endif
