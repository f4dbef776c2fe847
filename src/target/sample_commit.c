/*
 * Appends gather in a group, encoded, and are committed together: within 50 ms,
 * or when the group is large.  The group is kept until its commit succeeded; a
 * failure takes every append back, newest first, so that each source stands
 * where it stood, and its next tick is a key tick.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "target/sample_internal.h"

#define BUSY_RETRY_MS 2
#define BUSY_US 5000000           /* then the group fails */

/* A bin is full at an eighth of all there is, within these. */
#define BIN_BYTES_MIN ((int64_t)1 << 20)
#define BIN_BYTES_MAX ((int64_t)64 << 20)

static void
on_timer(void * arg)
{
	struct sample_store * S = arg;

	if (sample_commit_flush(S, 0) == 1)
		loop_timer_start(S->commit_timer, BUSY_RETRY_MS);
}

int
sample_commit_init(struct sample_store * S)
{
	S->group.data.max = SAMPLE_GROUP_BYTES_MAX * 2;
	S->commit_timer = loop_timer_new(S->L, on_timer, S);
	return (S->commit_timer == NULL ? -1 : 0);
}

/* Where the group's ticks go: the next empty bin when this one is full. */
static void
choose_bin(struct sample_store * S)
{
	int64_t all = 0, full;
	int k, empty = -1;

	for (k = 0; k < SAMPLE_BINS; k++) {
		all += S->bins[k].bytes;
		if (S->bins[k].lo == 0 && !S->bins[k].is_clearing)
			empty = k;
	}
	full = all / 8;
	if (full < BIN_BYTES_MIN)
		full = BIN_BYTES_MIN;
	if (full > BIN_BYTES_MAX)
		full = BIN_BYTES_MAX;
	if (S->bins[S->bin].bytes >= full && empty >= 0) {
		S->bin = empty;
		sample_compact_kick(S);
	}
}

static int
write_source(struct sample_store * S, struct sample_source * src)
{
	sqlite3_stmt * st;
	uint32_t i;
	int rc;

	for (i = 0; i < S->ntbls; i++) {
		if (S->tbls[i].id != src->tbl || S->tbls[i].is_stored)
			continue;
		if (sqlite3_prepare_v2(S->db, "INSERT OR IGNORE INTO "
		    "sample_tbl(id, name) VALUES(?, ?)", -1, &st, NULL))
			return (-1);
		sqlite3_bind_int64(st, 1, src->tbl);
		sqlite3_bind_text(st, 2, S->tbls[i].name, -1, SQLITE_STATIC);
		sqlite3_step(st);
		if (sqlite3_finalize(st) != SQLITE_OK)
			return (-1);
	}
	if (sqlite3_prepare_v2(S->db, "INSERT OR REPLACE INTO sample_source"
	    "(id, tbl, name, done, fence, unordered) VALUES(?, ?, ?, ?, ?, ?)",
	    -1, &st, NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_int64(st, 1, src->id);
	sqlite3_bind_int64(st, 2, src->tbl);
	sqlite3_bind_text(st, 3, src->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, src->done);
	sqlite3_bind_int64(st, 5, src->fence);
	sqlite3_bind_int(st, 6, src->is_unordered);
	rc = sqlite3_step(st);
	sqlite3_finalize(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

static int
write_tick(struct sample_store * S, const struct sample_entry * en)
{
	sqlite3_stmt * st = S->st_tick[S->bin];
	char sql[120];
	int rc;

	if (st == NULL) {
		snprintf(sql, sizeof(sql), "INSERT INTO sample_tick%d(id, "
		    "source, at, layout, prev, fence, data) "
		    "VALUES(?, ?, ?, ?, ?, ?, ?)", S->bin);
		if (sqlite3_prepare_v3(S->db, sql, -1,
		    SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
			return (-1);
		S->st_tick[S->bin] = st;
	}
	sqlite3_bind_int64(st, 1, en->id);
	sqlite3_bind_int64(st, 2, en->src->id);
	sqlite3_bind_int64(st, 3, en->at);
	sqlite3_bind_int64(st, 4, en->lay_id);
	sqlite3_bind_int64(st, 5, en->prev);
	sqlite3_bind_int64(st, 6, en->fence);
	sqlite3_bind_blob64(st, 7, S->group.data.p + en->off, en->len,
	    SQLITE_STATIC);
	rc = sqlite3_step(st);
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

static int
write_group(struct sample_store * S)
{
	struct sample_group * g = &S->group;
	struct sample_source * src;
	uint32_t i;

	if (sample_lay_write_pending(S))
		return (-1);
	for (i = 0; i < g->n; i++) {
		src = g->v[i].src;
		if (g->v[i].id <= 0)
			continue;
		if (!src->is_stored || g->v[i].marks_unordered) {
			if (write_source(S, src))
				return (-1);
			src->is_stored = 2; /* until the commit */
		}
		if (write_tick(S, &g->v[i]))
			return (-1);
	}
	return (0);
}

static void
undo(struct sample_store * S, struct sample_entry * en)
{
	struct sample_source * src = en->src;

	if (src->is_stored == 2)
		src->is_stored = 0;
	if (en->id <= 0)
		return;
	if (en->new_layout)
		sample_layout_unref(src->layout);
	if (en->new_lay)
		sample_lay_unref(S, src->lay, 1);
	sample_lay_unref(S, sample_lay_find(S, en->lay_id), 1);
	src->layout = en->was.layout;
	src->lay = en->was.lay;
	src->last_at = en->was.last_at;
	src->last_id = en->was.last_id;
	src->fence = en->was.fence;
	src->is_unordered = en->was.unordered;
	src->npend--;
	src->run_len = 0;
}

static void
keep(struct sample_store * S, struct sample_entry * en)
{
	struct sample_source * src = en->src;
	struct sample_bin * b = &S->bins[S->bin];

	if (src->is_stored == 2)
		src->is_stored = 1;
	if (en->id <= 0)
		return;
	if (en->new_layout)
		sample_layout_unref(en->was.layout);
	if (en->new_lay && en->was.lay != NULL)
		sample_lay_unref(S, en->was.lay, 1);
	src->stored_id = en->id;
	if (b->lo == 0)
		b->lo = en->id;
	b->hi = en->id;
	b->live++;
	b->bytes += (int64_t)en->len + 40;
	S->stats.ticks++;
	S->stats.samples += en->n;
	S->stats.bytes_values += en->len;
	/* The run before this key tick is whole. */
	if (en->is_key && en->prev != 0)
		sample_compact_want(src);
}

/* The group is over: ${e} is NULL when it is committed.  Callbacks may append,
 * so the group is taken away first. */
static void
settle(struct sample_store * S, const struct err * e)
{
	struct sample_group old = S->group;
	struct sample_entry * en;
	struct err nomem;
	uint32_t i;

	err_nomem(&nomem, "a tick of samples");
	if (e == NULL)
		for (i = 0; i < old.n; i++)
			keep(S, &old.v[i]);
	else
		for (i = old.n; i-- > 0;)
			undo(S, &old.v[i]);
	sample_lay_settle(S, e == NULL);
	memset(&S->group, 0, sizeof(S->group));
	S->group.data.max = old.data.max;
	S->busy_since_us = 0;
	for (i = 0; i < old.n; i++)
		old.v[i].src->inflight--;
	for (i = 0; i < old.n; i++) {
		en = &old.v[i];
		if (en->cb != NULL)
			en->cb(en->arg, en->e != NULL ? en->e :
			    en->id < 0 ? &nomem : e);
		if (en->src->opens == 0 && en->src->inflight == 0)
			sample_source_release(en->src);
		free(en->e);
	}
	/* Keep the larger of the two sets of buffers. */
	if (S->group.n == 0 && S->group.cap < old.cap) {
		buf_free(&S->group.data);
		free(S->group.v);
		old.n = 0;
		buf_clear(&old.data);
		if (old.data.cap > 4 * SAMPLE_GROUP_BYTES)
			buf_free(&old.data);
		S->group = old;
		return;
	}
	buf_free(&old.data);
	free(old.v);
}

static int
is_busy(int rc)
{
	return ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED);
}

int
sample_commit_flush(struct sample_store * S, int last)
{
	struct err e;
	int64_t now;
	int rc;

	if (S->group.n == 0)
		return (0);
	/* Nothing waits here: the helper may hold the file for a moment. */
	if (last)
		sqlite3_busy_timeout(S->db, 5000);
	rc = sqlite3_exec(S->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (is_busy(rc) && !last) {
		now = clock_mono_us();
		if (S->busy_since_us == 0)
			S->busy_since_us = now;
		if (now - S->busy_since_us < BUSY_US)
			return (1);
	}
	if (rc == SQLITE_OK) {
		choose_bin(S);
		if (write_group(S) == 0)
			rc = sqlite3_exec(S->db, "COMMIT", NULL, NULL, NULL);
		else
			rc = sqlite3_errcode(S->db);
	}
	if (rc == SQLITE_OK) {
		S->stats.commits++;
		settle(S, NULL);
		sample_helper_dirty(S);
		return (0);
	}
	sample_store_err(S->db, S->path, "committing ticks", &e);
	if (!sqlite3_get_autocommit(S->db))
		sqlite3_exec(S->db, "ROLLBACK", NULL, NULL, NULL);
	log_event(LOG_WARN, "sample_commit_failed", LOG_S("path", S->path),
	    LOG_I("ticks", S->group.n), LOG_E(&e));
	settle(S, &e);
	return (-1);
}

void
sample_commit_free(struct sample_store * S)
{
	loop_timer_free(S->commit_timer);
	S->commit_timer = NULL;
	buf_free(&S->group.data);
	free(S->group.v);
	S->group.v = NULL;
}
