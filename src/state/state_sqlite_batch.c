#include "base/log.h"
#include "state/state_sqlite_internal.h"

static void
commit_soon(void * arg)
{
	struct err e;

	(void)state_sqlite_batch_commit(arg, &e);
}

/* Fire all that waits for this transaction. */
static void
release(struct state_sqlite * S, const struct err * e)
{
	S->held_tail = &S->held;
	S->in_tx = 0;
	S->tx_durable = 0;
	loop_soon_cancel(S->loop, &S->commit_soon);
	state_done_each(&S->held, e);
}

int
state_sqlite_batch_begin(struct state_sqlite * S, int durable, struct err * e)
{
	/* The setting cannot change within a transaction. */
	if (S->in_tx && durable && !S->tx_durable &&
	    state_sqlite_batch_commit(S, e))
		return (-1);
	if (S->in_tx)
		return (0);
	if (durable != S->sync_full) {
		if (sqlite3_exec(S->db, durable ? "PRAGMA synchronous=FULL" :
		    "PRAGMA synchronous=NORMAL", NULL, NULL, NULL))
			return (state_sqlite_db_err(S, "beginning", e));
		S->sync_full = durable;
	}
	if (state_sqlite_db_run(S, state_sqlite_db_get(S, SQ_BEGIN),
	    "beginning", e))
		return (-1);
	S->in_tx = 1;
	S->tx_durable = durable;
	loop_soon(S->loop, &S->commit_soon, commit_soon, S);
	return (0);
}

void
state_sqlite_batch_hold(struct state_sqlite * S, struct state_done * d)
{
	d->batch = NULL;
	*S->held_tail = d;
	S->held_tail = &d->batch;
}

void
state_sqlite_batch_fail(struct state_sqlite * S, struct state_done * d,
    const struct err * e)
{
	if (d != NULL)
		state_sqlite_batch_hold(S, d);
	/* SQLite may have rolled back by itself already: then this fails. */
	if (S->in_tx)
		(void)sqlite3_exec(S->db, "ROLLBACK", NULL, NULL, NULL);
	release(S, e);
}

int
state_sqlite_batch_commit(struct state_sqlite * S, struct err * e)
{
	if (!S->in_tx)
		return (0);
	if ((S->generation_dirty && state_sqlite_db_meta_put(S, "generation",
	    S->generation, e)) || state_sqlite_db_run(S,
	    state_sqlite_db_get(S, SQ_COMMIT), "committing", e)) {
		log_event(LOG_ERROR, "state_failed", LOG_E(e));
		state_sqlite_batch_fail(S, NULL, e);
		return (-1);
	}
	S->generation_dirty = 0;
	release(S, NULL);
	return (0);
}
