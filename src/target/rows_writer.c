/*
 * A writer of rows into SQLite: takes rows, has turns at the database's connection,
 * and tells what came of them, always from the soon queue.
 */
#include "target/rows.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "target/rows_internal.h"

#define LINGER_MS 1000      /* what nobody flushes is written after that */

static void
on_linger(void * arg)
{
	struct rows_writer * w = arg;

	w->flush = 1;
	rows_turn_want(w);
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
		rows_turn_fail(w, &e);
		return (1);
	}
	w->given++;
	if (w->nfull > 0)
		rows_turn_want(w);
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
	rows_turn_want(w);
}

static void
rows_sweep_start(struct writer * base, enum writer_sweep_how how, double max_ratio,
    const json_t * but, writer_sweep_cb * cb, void * arg)
{
	struct rows_writer * w = (struct rows_writer *)base;
	struct err e;

	w->sweep.how = how;
	w->sweep.ratio = max_ratio;
	w->sweep.cb = cb;
	w->sweep.arg = arg;
	w->sweep.n = 0;
	w->sweep.wanted = 1;
	w->flush = 1;
	if (w->state == ROWS_FAILED) {
		rows_turn_swept(w, &w->e);
	} else if (rows_sweep_but(w, but)) {
		err_nomem(&e, "a sweep");
		rows_turn_swept(w, &e);
	} else {
		rows_turn_want(w);
	}
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
	sqlite3_free(w->sweep.but);
	free(w->database);
	free(w->table);
	free(w->rejected);
	free(w->sync);
	free(w);
}

static const struct writer_ops ops = {
	"sqlite", rows_row, rows_flush, rows_sweep_start, rows_stats, rows_close,
	1
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
	w->timer = loop_timer_new(L, rows_turn_begin, w);
	w->linger = loop_timer_new(L, on_linger, w);
	if (w->timer == NULL || w->linger == NULL || take(w, spec)) {
		rows_close(&w->base);
		err_nomem(e, "a writer");
		return (NULL);
	}
	loop_soon(L, &w->soon, rows_turn_begin, w);
	return (&w->base);
}
