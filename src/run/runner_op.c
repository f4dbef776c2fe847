#include "run/runner_op.h"

#include <stdlib.h>
#include <string.h>

#include "run/literals.h"

void
runner_op_finish(struct op * op, const struct err * e)
{
	struct runner * r = op->r;

	op->cb(op->arg, e ? NULL : op->answer, e);
	json_decref(op->answer);
	json_decref(op->rec);
	literals_free(op->literals);
	free(op);
	r->ops--;
	runner_maybe_stopped(r);
}

static void
on_op_soon(void * arg)
{
	struct op * op = arg;

	runner_op_finish(op, op->e.code[0] != '\0' ? &op->e : NULL);
}

void
runner_op_soon(struct op * op)
{
	loop_soon(op->r->loop, &op->soon, on_op_soon, op);
}

struct op *
runner_op_new(struct runner * r, runner_cb * cb, void * arg)
{
	struct op * op = calloc(1, sizeof(*op));
	struct err e;

	if (op == NULL) {
		err_nomem(&e, "a request");
		cb(arg, NULL, &e);
		return (NULL);
	}
	op->r = r;
	op->cb = cb;
	op->arg = arg;
	r->ops++;
	return (op);
}

struct op *
runner_op_on(struct runner * r, const char * key, int change, runner_cb * cb,
    void * arg)
{
	struct op * op = runner_op_new(r, cb, arg);

	if (op == NULL)
		return (NULL);
	op->job = runner_find(r, key);
	if (op->job == NULL)
		err_set(&op->e, ERR_CONFIG, "not_found",
		    "there is no connector '%.140s'", key);
	else if (change && op->job->busy)
		err_set(&op->e, ERR_TRANSIENT, "busy", "another change of %s is "
		    "under way; try again", op->job->c->name);
	else if (r->stopping)
		err_set(&op->e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down");
	if (op->e.code[0] == '\0')
		return (op);
	runner_op_soon(op);
	return (NULL);
}

void
runner_op_ended(void * arg)
{
	struct op * op = arg;

	if (op->deleted)
		literals_sweep(op->r->secret_store, op->job->c->config, NULL);
	job_free(op->job);
	runner_op_finish(op, op->e.code[0] != '\0' ? &op->e : NULL);
}
