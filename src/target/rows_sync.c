/*
 * When rows are there for good.  A commit puts them into the database's log, and
 * until that is synced a power failure may take them back; who acknowledged them
 * before could find the cursor behind them afterwards.  So the helper syncs, and all
 * who wrote meanwhile wait for it together, while the loop goes on.
 */
#include <errno.h>
#include <string.h>

#include "target/rows_internal.h"

#define SYNC_MS 100 /* for who is in no hurry */

static void begin(void *);

static int
is_urgent(const struct rows_writer * w)
{
	return (w->hurry && w->written == w->given && w->durable < w->written);
}

/* The next sync: at once, or when its time has come. */
static void
want(struct rows_db * d)
{
	const struct rows_writer * w;

	if (d->is_syncing)
		return;
	TAILQ_FOREACH(w, &d->unsynced, unsynced)
		if (is_urgent(w)) {
			begin(d);
			return;
		}
	if (!TAILQ_EMPTY(&d->unsynced) && !loop_timer_pending(d->sync_timer))
		loop_timer_start(d->sync_timer, SYNC_MS);
}

static void
on_synced(void * arg, int why)
{
	struct rows_db * d = arg;
	struct rows_writer * w, * next;
	struct err e;

	d->is_syncing = 0;
	if (why != 0)
		err_set(&e, ERR_TRANSIENT, why == ENOSPC ? "disk_full" : "io",
		    "%s: its log cannot be synced (%s), so what was written "
		    "last may be lost: look at the disk", d->path,
		    strerror(why));
	for (w = TAILQ_FIRST(&d->unsynced); w != NULL; w = next) {
		next = TAILQ_NEXT(w, unsynced);
		if (w->asked == w->durable)
			continue; /* came after it had begun */
		if (w->asked == w->written)
			rows_sync_forget(w);
		rows_turn_synced(w, why != 0 ? &e : NULL);
	}
	want(d);
}

static void
begin(void * arg)
{
	struct rows_db * d = arg;
	struct rows_writer * w;

	loop_timer_stop(d->sync_timer);
	if (d->is_syncing || TAILQ_EMPTY(&d->unsynced))
		return;
	TAILQ_FOREACH(w, &d->unsynced, unsynced)
		w->asked = w->written;
	d->is_syncing = 1;
	sample_store_sync(d->store, on_synced, d);
}

void
rows_sync_wrote(struct rows_writer * w)
{
	struct rows_db * d = w->db;

	if (!w->in_unsynced) {
		w->in_unsynced = 1;
		TAILQ_INSERT_TAIL(&d->unsynced, w, unsynced);
	}
	if (d->is_syncing)
		return;
	if (is_urgent(w))
		begin(d);
	else if (!loop_timer_pending(d->sync_timer))
		loop_timer_start(d->sync_timer, SYNC_MS);
}

void
rows_sync_forget(struct rows_writer * w)
{
	if (!w->in_unsynced)
		return;
	w->in_unsynced = 0;
	TAILQ_REMOVE(&w->db->unsynced, w, unsynced);
}

int
rows_sync_init(struct rows_db * d)
{
	TAILQ_INIT(&d->unsynced);
	d->sync_timer = loop_timer_new(d->loop, begin, d);
	return (d->sync_timer == NULL ? -1 : 0);
}

void
rows_sync_fini(struct rows_db * d)
{
	loop_timer_free(d->sync_timer);
	if (d->is_syncing)
		sample_store_sync(d->store, NULL, NULL);
}
