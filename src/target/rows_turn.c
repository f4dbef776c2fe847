/*
 * A writer's turn at the database's connection: one step, and what came of it, told
 * from the soon queue.
 */
#include "target/rows_internal.h"

#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"

#define BUSY_MS 2           /* the helper's checkpoint takes about as long */
#define BUSY_MAX_MS 50
#define RETRY_MS 100
#define RETRY_MAX_MS 5000

int64_t rows_turn_patience_ms = 60000;

static const char * const state_names[] = { "open", "ready", "count", "sweep",
    "failed" };

static void
rows_enter(struct rows_writer * w, enum rows_state s)
{
	log_event(LOG_DEBUG, "rows_state", LOG_S("sync", w->sync),
	    LOG_S("table", w->table), LOG_S("from", state_names[w->state]),
	    LOG_S("to", state_names[s]));
	w->state = s;
}

static void
deliver(void * arg)
{
	struct rows_writer * w = arg;
	unsigned one = w->events & -w->events;

	/* The writer may be closed in the call. */
	w->events &= ~one;
	if (w->events != 0)
		loop_soon(w->loop, &w->soon, deliver, w);
	switch (one) {
	case ROWS_EV_READY:
		w->ev.ready(w->ev.arg);
		break;
	case ROWS_EV_ACKED:
		w->ev.acked(w->ev.arg, w->durable);
		break;
	case ROWS_EV_ROOM:
		w->ev.room(w->ev.arg);
		break;
	case ROWS_EV_SWEPT:
		w->sweep.cb(w->sweep.arg, w->sweep.n, w->sweep.failed ?
		    &w->sweep.e : NULL);
		break;
	case ROWS_EV_FAILED:
		w->ev.failed(w->ev.arg, &w->e);
		break;
	default:
		break;
	}
}

static void
tell(struct rows_writer * w, unsigned what)
{
	w->events |= what;
	loop_soon(w->loop, &w->soon, deliver, w);
}

void
rows_turn_swept(struct rows_writer * w, const struct err * e)
{
	w->sweep.wanted = 0;
	w->sweep.failed = e != NULL;
	if (e != NULL)
		w->sweep.e = *e;
	tell(w, ROWS_EV_SWEPT);
}

void
rows_turn_fail(struct rows_writer * w, const struct err * e)
{
	int sweeping = w->sweep.wanted;

	w->events &= ~(ROWS_EV_READY | ROWS_EV_ROOM);
	w->flush = 0;
	loop_timer_stop(w->linger);
	/* What the log may lose yet is not acknowledged any more. */
	rows_sync_forget(w);
	rows_enter(w, ROWS_FAILED);
	if (sweeping) {
		rows_turn_swept(w, e);
		return;
	}
	w->e = *e;
	tell(w, ROWS_EV_FAILED);
}

/* It did not work this time: again, or not. */
static void
trouble(struct rows_writer * w, const struct err * e)
{
	int64_t now = clock_mono_us();
	int is_busy = strcmp(e->code, "busy") == 0;

	if (e->cls != ERR_TRANSIENT) {
		/* The table stands as it was: rows may still come. */
		if (strcmp(e->code, "delete_ratio") == 0) {
			rows_enter(w, ROWS_READY);
			rows_turn_swept(w, e);
		} else
			rows_turn_fail(w, e);
		return;
	}
	if (w->failing_since_us == 0)
		w->failing_since_us = now;
	else if (now - w->failing_since_us > rows_turn_patience_ms * 1000) {
		rows_turn_fail(w, e);
		return;
	}
	if (!is_busy && w->attempt == 0)
		log_event(LOG_WARN, "rows_retry", LOG_S("sync", w->sync),
		    LOG_S("table", w->table), LOG_S("error", e->msg));
	w->st.retries++;
	loop_timer_start(w->timer, is_busy ? backoff_ms(w->attempt, BUSY_MS,
	    BUSY_MAX_MS, (uint32_t)now) : backoff_ms(w->attempt, RETRY_MS,
	    RETRY_MAX_MS, (uint32_t)now));
	if (w->attempt < 20)
		w->attempt++;
}

static int
has_work(const struct rows_writer * w)
{
	switch (w->state) {
	case ROWS_OPEN:
	case ROWS_COUNT:
	case ROWS_SWEEP:
		return (1);
	case ROWS_READY:
		return (w->nfull > 0 || w->sweep.wanted ||
		    (w->flush && !TAILQ_EMPTY(&w->chunks)));
	case ROWS_FAILED:
		break;
	}
	return (0);
}

void
rows_turn_want(struct rows_writer * w)
{
	if (w->failing_since_us == 0 && has_work(w))
		rows_db_turn(w);
}

static int
open_table(struct rows_writer * w, struct err * e)
{
	const char * name = w->table;
	enum targets_kind rejected;

	rejected = targets_kind(w->targets, w->db->name, w->rejected, NULL);
	if (targets_kind(w->targets, w->db->name, name, &name) ==
	    TARGETS_SAMPLES || rejected == TARGETS_SAMPLES)
		return (err_set(e, ERR_CONFIG, "bad_target", "%s.%s holds "
		    "samples (of a scrape): rows need a table of their own, "
		    "name another", w->db->name, rejected == TARGETS_SAMPLES ?
		    w->rejected : name));
	w->has_rejected = rejected == TARGETS_ROWS;
	if (rows_db_begin(w, e))
		return (-1);
	if (rows_table_make(w, e)) {
		rows_db_rollback(w->db);
		return (-1);
	}
	if (rows_db_commit(w->db, e) || rows_table_prepare(w, e) ||
	    targets_note_rows(w->targets, w->db->name, w->table, e))
		return (-1);
	rows_enter(w, ROWS_READY);
	tell(w, ROWS_EV_READY);
	return (0);
}

static void
begin_sweep(struct rows_writer * w)
{
	w->sweep.at = INT64_MIN;
	w->sweep.total = w->sweep.stale = w->sweep.n = 0;
	rows_enter(w, ROWS_COUNT);
}

static int
write_rows(struct rows_writer * w, struct err * e)
{
	if (w->nfull == 0 && (!w->flush || TAILQ_EMPTY(&w->chunks))) {
		w->flush = 0;
		if (w->sweep.wanted)
			begin_sweep(w);
		return (0);
	}
	if (rows_batch_write(w, e))
		return (-1);
	rows_sync_wrote(w);
	if (TAILQ_EMPTY(&w->chunks))
		w->flush = 0;
	if (w->blocked && w->nfull < ROWS_BATCHES) {
		w->blocked = 0;
		tell(w, ROWS_EV_ROOM);
	}
	return (0);
}

static int
count(struct rows_writer * w, struct err * e)
{
	int rc = rows_sweep_count(w, e);

	if (rc <= 0)
		return (rc);
	/* Nothing is stale; what was marked before may have to go now. */
	if (w->sweep.stale == 0 && (w->sweep.how == SWEEP_MARK ||
	    !w->t.has_deleted)) {
		rows_enter(w, ROWS_READY);
		rows_turn_swept(w, NULL);
	} else
		rows_enter(w, ROWS_SWEEP);
	return (0);
}

static int
sweep(struct rows_writer * w, struct err * e)
{
	int rc = rows_sweep_step(w, e);

	if (rc > 0) {
		rows_enter(w, ROWS_READY);
		rows_turn_swept(w, NULL);
	}
	return (rc < 0 ? -1 : 0);
}

void
rows_turn(struct rows_writer * w)
{
	struct err e;
	int rc = 0;

	switch (w->state) {
	case ROWS_OPEN:
		rc = open_table(w, &e);
		break;
	case ROWS_READY:
		rc = write_rows(w, &e);
		break;
	case ROWS_COUNT:
		rc = count(w, &e);
		break;
	case ROWS_SWEEP:
		rc = sweep(w, &e);
		break;
	case ROWS_FAILED:
		return;
	}
	if (rc != 0) {
		trouble(w, &e);
		return;
	}
	w->failing_since_us = 0;
	w->attempt = 0;
	rows_turn_want(w);
}

void
rows_turn_synced(struct rows_writer * w, const struct err * e)
{
	if (e != NULL) {
		rows_turn_fail(w, e);
		return;
	}
	w->durable = w->st.rows = w->asked;
	if (w->durable == w->given)
		w->hurry = 0;
	tell(w, ROWS_EV_ACKED);
}

void
rows_turn_begin(void * arg)
{
	struct rows_writer * w = arg;
	struct err e;

	if (w->db == NULL && (w->db = rows_db_get(w->loop, w->targets,
	    w->database, &e)) == NULL)
		trouble(w, &e);
	else
		rows_db_turn(w);
}
