#ifndef MOLTLER_RUN_ACTS_H
#define MOLTLER_RUN_ACTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/action.h"
#include "conn/conn_env.h"
#include "conn/connector.h"
#include "loop/loop.h"
#include "state/state.h"

/*
 * Actions that are accounted for: what is meant to be done is written down before it
 * is sent, and what became of it afterwards (state.h: action_put).  One that was begun
 * and never ended, because its daemon died, shows as "unknown".
 */
struct acts;
struct act;

/** acts_new(L, state, node): ${state} and ${node} borrowed.  NULL: no memory.
 * acts_free(A): End what runs without calling back; what was sent is written down as
 * open.  NULL: no-op. */
struct acts * acts_new(struct loop * L, struct state * state,
    const char * node);
void acts_free(struct acts * A);

/* Who asks; members may be NULL.  Copied. */
struct act_who {
	const char * user;       /* as the client says; nobody checks that */
	const char * peer;       /* where it comes from */
	const char * request_id;
};

/**
 * acts_start(A, env, c, ent, act, args, who, cb, arg):
 * Do it as action_start() does, written down.  If the intent cannot be, nothing is
 * sent: transient "journal".  NULL only when out of memory.
 * acts_leave(a): Nobody waits for it: what was not sent is not, what was goes on to
 * its end.  NULL: no-op.
 */
struct act * acts_start(struct acts * A, const struct conn_env * env,
    struct connector * c, const struct manifest_entity * ent,
    const struct manifest_action * act, const json_t * args,
    const struct act_who * who, action_cb * cb, void * arg);
void acts_leave(struct act * a);

/**
 * acts_list(A, connector, after, limit, cb, arg): {"items": [...], "next": id or
 * null}: newest first, of ${connector} (NULL: all), before the id ${after} (NULL: the
 * newest), at most ${limit}.  Each holds "outcome" as acts_get() has it.
 * acts_get(A, id, cb, arg): All of one; NULL: there is none.
 */
void acts_list(struct acts * A, const char * connector, const char * after,
    size_t limit, state_cb * cb, void * arg);
void acts_get(struct acts * A, const char * id, state_cb * cb, void * arg);

/** acts_each(A, each, arg): How many ended how since the start, by type. */
void acts_each(const struct acts * A, void (*each)(void * arg,
    const char * type, const char * outcome, uint64_t n), void * arg);

/* acts_record.c */

/** acts_record_args(args, e): What of an action's arguments is written down: long texts
 * cut, with their length and hash, and nothing that looks like a secret, nor the values
 * of variables; what is hidden goes also out of the message of ${e} (or NULL). */
json_t * acts_record_args(const json_t * args, struct err * e);

/** acts_record_outcome(what): The word for it. */
const char * acts_record_outcome(enum action_outcome what);

/** acts_record_end(end, answer, e, ms): What is written at the end. */
json_t * acts_record_end(const struct action_end * end, const json_t * answer,
    const struct err * e, int64_t ms);

/** acts_record_show(v, node, run, now_ms): Set ${v}'s "outcome", seen from the daemon
 * ${node}'s process ${run}, and take out what is for us alone. */
void acts_record_show(json_t * v, const char * node, const char * run,
    int64_t now_ms);

#endif
