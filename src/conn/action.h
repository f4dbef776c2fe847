#ifndef MOLTLER_CONN_ACTION_H
#define MOLTLER_CONN_ACTION_H

#include <jansson.h>

#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/connector.h"
#include "conn/request.h"
#include "manifest/manifest.h"

/* What is done to a service. */
struct action;

/** action_probe_of(act, args): How it is looked for with these arguments; NULL: it
 * cannot be. */
const struct manifest_probe * action_probe_of(
    const struct manifest_action * act, const json_t * args);

/**
 * action_args(c, act, args, e):
 * Check ${args} (an object, or NULL) against ${act}'s schema and fill the
 * defaults: unknown (did you mean), missing and ill-typed ones are named one by
 * one, joined by "; ".  The caller owns the result; NULL with config "bad_args".
 */
json_t * action_args(const struct connector * c,
    const struct manifest_action * act, const json_t * args, struct err * e)
    MUST_CHECK;

/* What became of it. */
enum action_outcome {
	OUTCOME_UNSENT,   /* the service knows nothing of it */
	OUTCOME_DONE,
	OUTCOME_SEEN,     /* no answer came, but it is there */
	OUTCOME_FAILED,   /* the service said so */
	OUTCOME_OPEN,     /* it was sent, and nobody knows */
	OUTCOME_ACCEPTED  /* the service took it in, and nobody knows */
};
struct action_end {
	enum action_outcome what;
	int status;           /* of the last answer; 0: none came */
	unsigned attempts;    /* how often it was sent */
};

/** Called once, from the loop: the answer (borrowed; JSON null where the service
 * says nothing) or ${e}, and what became of it. */
typedef void action_cb(void * arg, const json_t * answer,
    const struct action_end * end, const struct err * e);

struct action_opts {
	int64_t timeout_ms;   /* 0: a minute */
	const char * id;      /* its own, of id7_make(); NULL: one is made */
	/* Told before it is sent, each time; or NULL. */
	void (*on_attempt)(void * arg, unsigned attempt);
	/* What else was sent that a look cannot tell from it: is answered by
	 * action_twins() unless it ended before; or NULL: nothing was. */
	void (*ask_twins)(void * arg);
};

/**
 * action_start(env, c, act, args, o, cb, arg):
 * Do it; ${args} as action_args() gave them.  Sent once: only what is
 * safe_to_retry or has an idempotency key, and what failed before it was sent, is
 * tried again.  After a failure that leaves it open whether it was done it is looked
 * for, where the manifest has a probe: what is there is done, what is not is sent
 * once more.  Else the code is "ambiguous" and the message says so; "accepted" where the service took it in and did not say in time what
 * became of it, "failed" (permanent) where it then failed there.  A success makes the connector's cached results void.
 * NULL only when out of memory.
 */
struct action * action_start(const struct conn_env * env, struct connector * c,
    const struct manifest_action * act, const json_t * args,
    const struct action_opts * o, action_cb * cb, void * arg);

/** action_twins(a, twins, e): For each other action that may have done what looks the
 * same what the service calls it, or null (borrowed); or ${e}: that is not known. */
void action_twins(struct action * a, const json_t * twins,
    const struct err * e);

/** action_cancel(a): Without calling back; what was sent was sent.  NULL: no-op. */
void action_cancel(struct action * a);

/** action_was_sent(a): Whether something of it may have reached the service. */
int action_was_sent(const struct action * a);

#endif
