#ifndef MOLTLER_RUN_SHARED_H
#define MOLTLER_RUN_SHARED_H

#include "conn/conn_env.h"
#include "run/secret_store.h"
#include "state/state.h"

/* What daemons share of the services they ask, over the state. */
struct shared;

/** shared_new(state): ${state} must outlive it; NULL if no memory. */
struct shared * shared_new(struct state * state);

/** shared_secrets(s, st): Where refresh tokens are stored; ${st} (borrowed; NULL: no
 * more) outlives the calls. */
void shared_secrets(struct shared * s, struct secret_store * st);

/** shared_free(s): Whoever waits is told that the state is away, now.  NULL is
 * a no-op. */
void shared_free(struct shared * s);

/** shared_conn(s): For struct conn_env; borrowed. */
const struct conn_shared * shared_conn(const struct shared * s);

#endif
