/*
 * A writer of rows into SQLite: takes rows, has turns at the database's connection,
 * and tells what came of them, always from the soon queue.
 */
#include "target/rows.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "target/rows_internal.h"

#define LINGER_MS 1000      /* what nobody flushes is written after that */
#define BUSY_MS 2           /* the helper's checkpoint takes about as long */
#define BUSY_MAX_MS 50
#define RETRY_MS 100
#define RETRY_MAX_MS 5000

int64_t rows_writer_patience_ms = 60000;

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

static void
swept(struct rows_writer * w, const struct err * e)
{
	w->sweep.wanted = 0;
	w->sweep.failed = e != NULL;
	if (e != NULL)
		w->sweep.e = *e;
	tell(w, ROWS_EV_SWEPT);
}

static void
fail(struct rows_writer * w, const struct err * e)
{
	int sweeping = w->sweep.wanted;

	w->events &= ~(ROWS_EV_READY | ROWS_EV_ROOM);
	w->flush = 0;
	loop_timer_stop(w->linger);
	/* What the log may lose yet is not acknowledged any more. */
	rows_sync_forget(w);
	rows_enter(w, ROWS_FAILED);
	if (sweeping) {
		swept(w, e);
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
			swept(w, e);
		} else
			fail(w, e);
		return;
	}
	if (w->failing_since_us == 0)
		w->failing_since_us = now;
	else if (now - w->failing_since_us > rows_writer_patience_ms * 1000) {
		fail(w, e);
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

/* A turn, if there is something to do and no wait for the next attempt. */
static void
want_turn(struct rows_writer * w)
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
		swept(w, NULL);
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
		swept(w, NULL);
	}
	return (rc < 0 ? -1 : 0);
}

/* One step, whose end is that of our turn. */
void
rows_writer_turn(struct rows_writer * w)
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
	want_turn(w);
}

void
rows_writer_synced(struct rows_writer * w, const struct err * e)
{
	if (e != NULL) {
		fail(w, e);
		return;
	}
	w->durable = w->st.rows = w->asked;
	if (w->durable == w->given)
		w->hurry = 0;
	tell(w, ROWS_EV_ACKED);
}

static void
rows_begin(void * arg)
{
	struct rows_writer * w = arg;
	struct err e;

	if (w->db == NULL && (w->db = rows_db_get(w->loop, w->targets,
	    w->database, &e)) == NULL)
		trouble(w, &e);
	else
		rows_db_turn(w);
}

static void
on_linger(void * arg)
{
	struct rows_writer * w = arg;

	w->flush = 1;
	want_turn(w);
}

static int
rows_row(struct writer * base, const struct value * v)
{
	struct rows_writer * w = (struct rows_writer *)base;
	struct err e;

	if (w->state == ROWS_FAILED)
		return (1);
	if (rows_batch_add(w, v)) {
		err_nomem(&e, "rows that wait");
		fail(w, &e);
		return (1);
	}
	w->given++;
	if (w->nfull > 0)
		want_turn(w);
	else if (!loop_timer_pending(w->linger))
		loop_timer_start(w->linger, LINGER_MS);
	if (w->nfull < ROWS_BATCHES)
		return (0);
	w->blocked = 1;
	return (1);
}

static void
rows_flush(struct writer * base)
{
	struct rows_writer * w = (struct rows_writer *)base;

	if (w->state == ROWS_FAILED || w->given == w->durable)
		return;
	w->hurry = 1;
	if (w->given == w->written) {
		rows_sync_wrote(w);
		return;
	}
	w->flush = 1;
	want_turn(w);
}

static void
rows_sweep_start(struct writer * base, enum writer_sweep_how how, double max_ratio,
    writer_sweep_cb * cb, void * arg)
{
	struct rows_writer * w = (struct rows_writer *)base;

	w->sweep.how = how;
	w->sweep.ratio = max_ratio;
	w->sweep.cb = cb;
	w->sweep.arg = arg;
	w->sweep.n = 0;
	w->sweep.wanted = 1;
	w->flush = 1;
	if (w->state == ROWS_FAILED)
		swept(w, &w->e);
	else
		want_turn(w);
}

static void
rows_stats(const struct writer * base, struct writer_stats * st)
{
	*st = ((const struct rows_writer *)base)->st;
}

static void
rows_close(struct writer * base)
{
	struct rows_writer * w = (struct rows_writer *)base;
	size_t i;

	loop_soon_cancel(w->loop, &w->soon);
	loop_timer_free(w->timer);
	loop_timer_free(w->linger);
	if (w->in_turns)
		TAILQ_REMOVE(&w->db->turns, w, turns);
	rows_sync_forget(w);
	rows_table_done(w);
	rows_batch_free(w);
	rows_db_put(w->db);
	for (i = 0; w->cols != NULL && i < w->ncols; i++)
		free((void *)(uintptr_t)w->cols[i].name);
	free(w->cols);
	buf_free(&w->scratch);
	json_decref(w->gone_is);
	free(w->database);
	free(w->table);
	free(w->rejected);
	free(w->sync);
	free(w);
}

static const struct writer_ops ops = {
	"sqlite", rows_row, rows_flush, rows_sweep_start, rows_stats, rows_close
};

static int
bad(struct err * e, const char * why, const char * name)
{
	return (err_set(e, ERR_CONFIG, "bad_target", "'%.128s' cannot be a "
	    "target: %s", name, why));
}

static int
check_columns(const struct writer_spec * spec, struct err * e)
{
	const char * name;
	size_t i, k, keys = 0;

	if (spec->ncolumns > ROWS_MAX_COLUMNS)
		return (bad(e, "its rows have too many columns", spec->table));
	for (i = 0; i < spec->ncolumns; i++) {
		name = spec->columns[i].name;
		keys += spec->columns[i].is_key;
		for (k = 0; k < i; k++)
			if (strcasecmp(spec->columns[k].name, name) == 0)
				return (bad(e, "two of its columns have one "
				    "name", spec->table));
		if (strncasecmp(name, ROWS_OURS, strlen(ROWS_OURS)) == 0 ||
		    strcasecmp(name, ROWS_DELETED) == 0)
			return (err_set(e, ERR_CONFIG, "bad_target", "%s: a "
			    "column cannot be called %s, which is moltler's",
			    spec->table, name));
	}
	if (keys == 0)
		return (err_set(e, ERR_CONFIG, "no_key", "%s: its rows have no "
		    "key, so that the same row could not be known again",
		    spec->table));
	return (0);
}

static int
check(const struct writer_spec * spec, const char * database, struct err * e)
{
	size_t n = strlen(spec->table), r = strlen(ROWS_REJECTED);

	if (!targets_database_ok(database))
		return (err_set(e, ERR_CONFIG, "bad_target", "'%.64s' cannot be "
		    "a database's name: letters, digits and _, beginning with a "
		    "letter", database));
	if (!targets_table_ok(spec->table))
		return (bad(e, "letters, digits, _, - and ., beginning with a "
		    "letter or _", spec->table));
	if (n > ROWS_MAX_TABLE)
		return (bad(e, "it is too long", spec->table));
	if (strncasecmp(spec->table, "sample_", 7) == 0 ||
	    strncasecmp(spec->table, ROWS_OURS, strlen(ROWS_OURS)) == 0)
		return (bad(e, "names that begin with sample_ or " ROWS_OURS
		    " are moltler's own", spec->table));
	if (n > r && strcasecmp(spec->table + n - r, ROWS_REJECTED) == 0)
		return (bad(e, "names that end in " ROWS_REJECTED " are for "
		    "rows that were rejected", spec->table));
	return (check_columns(spec, e));
}

static int
take(struct rows_writer * w, const struct writer_spec * spec)
{
	size_t i;

	if (w->table == NULL || w->sync == NULL || w->database == NULL ||
	    (w->rejected = malloc(strlen(w->table) +
	    sizeof(ROWS_REJECTED))) == NULL ||
	    (w->cols = calloc(spec->ncolumns, sizeof(*w->cols))) == NULL)
		return (-1);
	strcpy(w->rejected, w->table);
	strcat(w->rejected, ROWS_REJECTED);
	w->ncols = spec->ncolumns;
	for (i = 0; i < w->ncols; i++) {
		w->cols[i] = spec->columns[i];
		if ((w->cols[i].name = strdup(spec->columns[i].name)) == NULL) {
			w->ncols = i;
			return (-1);
		}
	}
	return (0);
}

struct writer *
rows_writer_open(struct loop * L, struct targets * t,
    const struct writer_spec * spec, const struct writer_events * ev,
    struct err * e)
{
	const char * database = spec->database != NULL ? spec->database :
	    TARGETS_DEFAULT;
	struct rows_writer * w;

	if (check(spec, database, e))
		return (NULL);
	if ((w = calloc(1, sizeof(*w))) == NULL) {
		err_nomem(e, "a writer");
		return (NULL);
	}
	w->base.ops = &ops;
	w->loop = L;
	w->targets = t;
	w->ev = *ev;
	w->fence = spec->fence;
	w->marks = spec->marks;
	w->gone = spec->gone;
	w->gone_is = json_incref((json_t *)(uintptr_t)spec->gone_is);
	w->gone_remove = spec->gone_remove;
	TAILQ_INIT(&w->chunks);
	w->database = strdup(database);
	w->table = strdup(spec->table);
	w->sync = strdup(spec->sync);
	w->timer = loop_timer_new(L, rows_begin, w);
	w->linger = loop_timer_new(L, on_linger, w);
	if (w->timer == NULL || w->linger == NULL || take(w, spec)) {
		rows_close(&w->base);
		err_nomem(e, "a writer");
		return (NULL);
	}
	loop_soon(L, &w->soon, rows_begin, w);
	return (&w->base);
}
