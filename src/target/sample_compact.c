/*
 * Ticks into blocks, in the background: slices of some 2 ms from a timer, never
 * more than a fifth of the time.  One source at a time: its oldest whole runs
 * of one layout are decoded, put by series, and wait in the outbox; a full
 * outbox is one transaction, so that the pages that many blocks touch are
 * written once.  Until that commit nothing on disk has changed, and after it a
 * block has taken its ticks' place: whenever we die, each tick is there once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "target/sample_internal.h"

#define SLICE_US 2000
#define PAUSE_MS 8
#define IDLE_MS 1000

#define OUTBOX 16
#define OUTBOX_BYTES ((size_t)1 << 20)
#define OUTBOX_US 5000000
#define OUTBOX_FEW 64        /* so few sources write little whatever we do: */
#define OUTBOX_FEW_US 300000 /* no need to wait for more */

/* Fewer empty bins than this, and the oldest is emptied by force. */
#define BINS_SPARE 4
#define FORCE_ROWS 500

/* A block shorter than this is written anew with what follows it. */
#define SHORT_TICKS (SAMPLE_RUN / 2)

enum compact_state { COMPACT_PICK, COMPACT_LOAD, COMPACT_ENCODE };

/* A block that waits for its transaction. */
struct out {
	struct sample_source * src;
	struct sample_lay * lay;
	int64_t replaces;  /* the block that it holds too, or 0 */
	int64_t first_at, last_at, upto, fence;
	uint32_t ticks;    /* in the block; 0: they are only dropped */
	uint32_t taken;    /* ticks that it takes from the bins */
	uint32_t from_bin[SAMPLE_BINS];
	size_t off, len;
};

struct sample_compact {
	struct sample_store * S;
	struct loop_timer * timer;
	TAILQ_HEAD(, sample_source) queue;
	enum compact_state state;
	struct sample_chain chain;
	struct out job;
	uint32_t next;   /* the tick or series to do next */
	uint32_t before; /* ticks of the block replaced */
	double * m;      /* tick by tick */
	size_t mcap;
	int64_t at[SAMPLE_MAX_TICKS];
	struct out box[OUTBOX];
	uint32_t nbox;
	struct buf data;
	int64_t box_since_us;
	int is_backlog;  /* a source in the box waits for its next turn */
	uint32_t retain_at;
	int64_t force_at, next_upkeep_us;
};

static void slice(void *);

int
sample_compact_init(struct sample_store * S)
{
	struct sample_compact * c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->S = S;
	S->compact = c;
	TAILQ_INIT(&c->queue);
	c->data.max = (size_t)1 << 30;
	c->timer = loop_timer_new(S->L, slice, c);
	return (c->timer == NULL ? -1 : 0);
}

void
sample_compact_kick(struct sample_store * S)
{
	if (S->compact != NULL && S->compact->timer != NULL)
		loop_timer_start(S->compact->timer, PAUSE_MS);
}

void
sample_compact_want(struct sample_source * src)
{
	struct sample_compact * c = src->S->compact;

	if (src->is_queued)
		return;
	src->is_queued = 1;
	if (TAILQ_EMPTY(&c->queue))
		sample_compact_kick(src->S);
	TAILQ_INSERT_TAIL(&c->queue, src, queue);
}

/* How many of the chain's ticks are whole runs of its first layout. */
static size_t
segment(const struct sample_compact * c, const struct sample_source * src)
{
	const struct sample_chain * ch = &c->chain;
	size_t open = ch->n, most, row, i, end = 0;

	if (src->run_len > 0)
		while (open > 0 && !ch->v[--open].is_key)
			continue;
	row = (size_t)sample_lay_find(src->S, ch->v[0].lay)->n * sizeof(double);
	most = SAMPLE_MATRIX_MAX / (row + 1);
	if (most > SAMPLE_BLOCK_TICKS)
		most = SAMPLE_BLOCK_TICKS;
	for (i = 1; i <= open; i++) {
		if (i < open && !ch->v[i].is_key)
			continue;
		if (end > 0 && i > most)
			break;
		end = i;
		if (i < open && ch->v[i].lay != ch->v[0].lay)
			break;
	}
	return (end <= SAMPLE_MAX_TICKS ? end : 0);
}

/* A short block just before ours goes into ours: its values become the first
 * rows.  Sources that tick seldom would be left with a block a tick else. */
static int
take_previous(struct sample_compact * c)
{
	struct sample_store * S = c->S;
	struct out * j = &c->job;
	sqlite3_stmt * st;
	uint32_t t;
	int rc = 0;

	if (j->taken >= SHORT_TICKS || j->src->is_unordered)
		return (0);
	if (sqlite3_prepare_v2(S->db, "SELECT id, layout, ticks, data FROM "
	    "sample_block WHERE source = ? ORDER BY last_at DESC LIMIT 1", -1,
	    &st, NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_int64(st, 1, j->src->id);
	if (sqlite3_step(st) == SQLITE_ROW &&
	    sqlite3_column_int64(st, 1) == j->lay->id &&
	    sqlite3_column_int64(st, 2) <= SHORT_TICKS &&
	    ((size_t)sqlite3_column_int64(st, 2) + j->taken) * j->lay->n *
	    sizeof(double) <= SAMPLE_MATRIX_MAX) {
		rc = sample_codec_block_times(S->codec,
		    sqlite3_column_blob(st, 3),
		    (size_t)sqlite3_column_bytes(st, 3), c->at, &t) ||
		    t > SHORT_TICKS || sample_codec_block_get(S->codec,
		    sqlite3_column_blob(st, 3),
		    (size_t)sqlite3_column_bytes(st, 3), c->m, t, j->lay->n);
		if (rc == 0) {
			j->replaces = sqlite3_column_int64(st, 0);
			c->before = t;
		}
	}
	sqlite3_finalize(st);
	return (rc ? -1 : 0);
}

static int
give_up(struct sample_compact * c, const char * why)
{
	log_event(LOG_ERROR, "sample_compact_failed",
	    LOG_S("path", c->S->path), LOG_S("source", c->job.src->name),
	    LOG_S("error", why));
	c->job.src->is_queued = 0;
	c->state = COMPACT_PICK;
	return (0);
}

static void
count_taken(struct sample_compact * c, size_t n)
{
	struct out * j = &c->job;
	const struct sample_tick * v = c->chain.v;
	size_t i;
	int k;

	j->taken = (uint32_t)n;
	j->upto = v[n - 1].id;
	j->fence = j->src->fence;
	j->first_at = j->last_at = v[0].at;
	for (i = 0; i < n; i++) {
		if ((k = sample_store_bin_of(c->S, v[i].id)) >= 0)
			j->from_bin[k]++;
		if (v[i].at < j->first_at)
			j->first_at = v[i].at;
		if (v[i].at > j->last_at)
			j->last_at = v[i].at;
	}
}

static void
box_add(struct sample_compact * c)
{
	const struct sample_source * src = c->job.src;

	if (c->nbox == 0) {
		c->box_since_us = clock_mono_us();
		c->is_backlog = 0;
	}
	/* Nor does it cost much to post what only goes. */
	c->is_backlog |= c->job.ticks == 0 || src->npend - c->job.taken >
	    src->run_len + SAMPLE_RUN;
	c->box[c->nbox++] = c->job;
	c->state = COMPACT_PICK;
}

/* Take the next source.  1: something was done, 0: nothing is waiting. */
static int
pick(struct sample_compact * c)
{
	struct sample_store * S = c->S;
	struct sample_bins b = { S->db, S->bins, S->st_read };
	struct sample_source * src = TAILQ_FIRST(&c->queue);
	struct out * j = &c->job;
	double * m;
	size_t n, need;

	if (src == NULL)
		return (0);
	TAILQ_REMOVE(&c->queue, src, queue);
	memset(j, 0, sizeof(*j));
	j->src = src;
	c->before = 0;
	if (sample_chain_read(&b, src->stored_id, src->done, &c->chain))
		return (give_up(c, "its ticks do not hang together"), 1);
	/* By force the run under way ends here too. */
	if (src->is_forced && src->inflight == 0) {
		src->run_len = 0;
		src->is_forced = 0;
	}
	if (c->chain.n == 0 || (j->lay = sample_lay_find(S,
	    c->chain.v[0].lay)) == NULL || (n = segment(c, src)) == 0) {
		src->is_queued = 0;
		return (1);
	}
	count_taken(c, n);
	src->is_queued = 2;
	c->next = 0;
	if (src->retain_ms > 0 &&
	    j->last_at < clock_wall_ms() - src->retain_ms) {
		box_add(c);
		return (1);
	}
	need = (n + SHORT_TICKS) * j->lay->n * sizeof(*m) + 1;
	if (need > c->mcap) {
		if ((m = realloc(c->m, need)) == NULL)
			return (give_up(c, "out of memory"), 1);
		c->m = m;
		c->mcap = need;
	}
	if (take_previous(c))
		return (give_up(c, "its last block cannot be read"), 1);
	c->state = COMPACT_LOAD;
	return (1);
}

static int
load(struct sample_compact * c, int64_t until)
{
	struct sample_store * S = c->S;
	struct sample_bins b = { S->db, S->bins, S->st_read };
	struct out * j = &c->job;
	size_t n = j->lay->n;
	sqlite3_stmt * st;
	double * row;
	int rc;

	for (; c->next < j->taken; c->next++) {
		if (c->next % 8 == 7 && clock_mono_us() >= until)
			return (1);
		row = c->m + (c->before + c->next) * n;
		if (c->next > 0)
			memcpy(row, row - n, n * sizeof(*row));
		if ((st = sample_chain_row(&b, c->chain.v[c->next].id)) == NULL)
			return (give_up(c, "a tick is missing"), 1);
		rc = sample_codec_tick_get(S->codec,
		    sqlite3_column_blob(st, 5),
		    (size_t)sqlite3_column_bytes(st, 5), row, j->lay->n);
		sqlite3_reset(st);
		if (rc)
			return (give_up(c, "a tick cannot be read"), 1);
		c->at[c->before + c->next] = c->chain.v[c->next].at;
	}
	j->ticks = c->before + j->taken;
	if (c->before > 0)
		j->first_at = c->at[0];
	if (sample_codec_block_begin(S->codec, c->at, j->ticks, j->lay->n))
		return (give_up(c, "out of memory"), 1);
	c->next = 0;
	c->state = COMPACT_ENCODE;
	return (1);
}

static int
encode(struct sample_compact * c, int64_t until)
{
	struct out * j = &c->job;
	struct sample_codec * codec = c->S->codec;

	for (; c->next < j->lay->n; c->next++) {
		if (c->next % 16 == 15 && clock_mono_us() >= until)
			return (1);
		if (sample_codec_block_series(codec, c->m + c->next, j->lay->n))
			return (give_up(c, "out of memory"), 1);
	}
	j->off = c->data.len;
	if (sample_codec_block_end(codec, &c->data)) {
		c->data.len = j->off;
		c->data.failed = 0;
		return (give_up(c, "out of memory"), 1);
	}
	j->len = c->data.len - j->off;
	box_add(c);
	return (1);
}

static int
write_out(struct sample_compact * c, const struct out * o,
    sqlite3_stmt * const st[3])
{
	int rc = SQLITE_DONE;

	if (o->replaces != 0) {
		sqlite3_bind_int64(st[0], 1, o->replaces);
		rc = sqlite3_step(st[0]);
		sqlite3_reset(st[0]);
	}
	if (rc == SQLITE_DONE && o->ticks > 0) {
		sqlite3_bind_int64(st[1], 1, o->src->id);
		sqlite3_bind_int64(st[1], 2, o->last_at);
		sqlite3_bind_int64(st[1], 3, o->lay->id);
		sqlite3_bind_int64(st[1], 4, o->first_at);
		sqlite3_bind_int64(st[1], 5, o->ticks);
		sqlite3_bind_blob64(st[1], 6, c->data.p + o->off, o->len,
		    SQLITE_STATIC);
		rc = sqlite3_step(st[1]);
		sqlite3_reset(st[1]);
	}
	if (rc != SQLITE_DONE)
		return (-1);
	sqlite3_bind_int64(st[2], 1, o->upto);
	sqlite3_bind_int64(st[2], 2, o->fence);
	sqlite3_bind_int64(st[2], 3, o->src->id);
	rc = sqlite3_step(st[2]);
	sqlite3_reset(st[2]);
	return (rc == SQLITE_DONE ? 0 : -1);
}

static int
write_box(struct sample_compact * c)
{
	static const char * const sql[3] = {
		"DELETE FROM sample_block WHERE id = ?",
		("INSERT INTO sample_block(source, last_at, layout, first_at, "
		"ticks, data) VALUES(?, ?, ?, ?, ?, ?)"),
		"UPDATE sample_source SET done = ?, fence = ? WHERE id = ?",
	};
	sqlite3_stmt * st[3] = { NULL, NULL, NULL };
	uint32_t i;
	int rc = 0, k;

	for (k = 0; k < 3 && rc == 0; k++)
		rc = sqlite3_prepare_v2(c->S->db, sql[k], -1, &st[k], NULL);
	for (i = 0; i < c->nbox && rc == 0; i++)
		rc = write_out(c, &c->box[i], st);
	for (k = 0; k < 3; k++)
		sqlite3_finalize(st[k]);
	return (rc);
}

static void
clear_bins(struct sample_store * S)
{
	int k;

	for (k = 0; k < SAMPLE_BINS; k++)
		if (S->bins[k].lo != 0 && S->bins[k].live == 0 &&
		    k != S->bin && !S->bins[k].is_clearing)
			sample_helper_clear(S, k);
}

static void
keep_out(struct sample_store * S, const struct out * o)
{
	struct sample_source * src = o->src;
	int k;

	src->done = o->upto;
	src->npend -= o->taken;
	for (k = 0; k < SAMPLE_BINS; k++)
		S->bins[k].live -= o->from_bin[k];
	if (o->ticks > 0) {
		if (src->oldest_at == SAMPLE_NONE || o->last_at < src->oldest_at)
			src->oldest_at = o->last_at;
		if (o->replaces == 0)
			sample_lay_ref(o->lay);
	}
	sample_lay_unref(S, o->lay, o->taken);
	/* There may be another whole run. */
	src->is_queued = 0;
	if (src->npend > (src->run_len > 0 ? src->run_len : 0))
		sample_compact_want(src);
}

/* Commit the outbox.  1 done, 0 somebody else writes. */
static int
post(struct sample_compact * c)
{
	struct sample_store * S = c->S;
	struct err e;
	uint32_t i;
	int rc;

	rc = sqlite3_exec(S->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) & 0xff;
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return (0);
	if (rc == SQLITE_OK && write_box(c) == 0 &&
	    sqlite3_exec(S->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
		for (i = 0; i < c->nbox; i++)
			keep_out(S, &c->box[i]);
		clear_bins(S);
		sample_helper_dirty(S);
	} else {
		/* The ticks are still there: a later run tries again. */
		sample_store_err(S->db, S->path, "writing blocks", &e);
		if (!sqlite3_get_autocommit(S->db))
			sqlite3_exec(S->db, "ROLLBACK", NULL, NULL, NULL);
		log_event(LOG_WARN, "sample_compact_failed",
		    LOG_S("path", S->path), LOG_E(&e));
		for (i = 0; i < c->nbox; i++)
			c->box[i].src->is_queued = 0;
	}
	c->nbox = 0;
	buf_clear(&c->data);
	return (1);
}

static int
is_box_due(const struct sample_compact * c)
{
	return (c->nbox == OUTBOX || c->data.len >= OUTBOX_BYTES ||
	    (c->nbox > 0 && c->is_backlog && TAILQ_EMPTY(&c->queue) &&
	    c->state == COMPACT_PICK) || (c->nbox > 0 && clock_mono_us() - c->box_since_us >=
	    (c->S->nsources < OUTBOX_FEW ? OUTBOX_FEW_US : OUTBOX_US)));
}

/* When bins run short, the sources that hold the oldest are compacted though
 * their runs are not long: those that tick seldom among many that do. */
static void
force(struct sample_compact * c)
{
	struct sample_store * S = c->S;
	struct sample_source * src;
	sqlite3_stmt * st;
	int64_t id;
	char sql[96];
	int k, old = -1, spare = 0;

	for (k = 0; k < SAMPLE_BINS; k++) {
		spare += S->bins[k].lo == 0;
		if (S->bins[k].lo != 0 && k != S->bin && S->bins[k].live > 0 &&
		    (old < 0 || S->bins[k].lo < S->bins[old].lo))
			old = k;
	}
	if (spare >= BINS_SPARE || old < 0)
		return;
	snprintf(sql, sizeof(sql), "SELECT id, source FROM sample_tick%d "
	    "WHERE id > ? ORDER BY id LIMIT %d", old, FORCE_ROWS);
	if (sqlite3_prepare_v2(S->db, sql, -1, &st, NULL) != SQLITE_OK)
		return;
	if (c->force_at < S->bins[old].lo || c->force_at >= S->bins[old].hi)
		c->force_at = S->bins[old].lo - 1;
	sqlite3_bind_int64(st, 1, c->force_at);
	while (sqlite3_step(st) == SQLITE_ROW) {
		id = c->force_at = sqlite3_column_int64(st, 0);
		k = sqlite3_column_int(st, 1);
		src = k > 0 && (uint32_t)k < S->nsources ? S->sources[k] : NULL;
		if (src != NULL && id > src->done) {
			src->is_forced = 1;
			sample_compact_want(src);
		}
	}
	sqlite3_finalize(st);
}

static void
upkeep(struct sample_compact * c)
{
	int64_t now = clock_mono_us();
	int more;

	if (now < c->next_upkeep_us)
		return;
	force(c);
	clear_bins(c->S);
	more = sample_retain_step(c->S, &c->retain_at);
	c->next_upkeep_us = now + (more ? PAUSE_MS * 4 : IDLE_MS) * 1000;
}

static void
slice(void * arg)
{
	struct sample_compact * c = arg;
	int64_t until = clock_mono_us() + SLICE_US;
	int more = 1;

	upkeep(c);
	do {
		if (is_box_due(c)) {
			more = post(c);
			continue;
		}
		switch (c->state) {
		case COMPACT_PICK:
			more = pick(c);
			break;
		case COMPACT_LOAD:
			more = load(c, until);
			break;
		case COMPACT_ENCODE:
			more = encode(c, until);
			break;
		}
	} while (more && clock_mono_us() < until);
	loop_timer_start(c->timer, c->state != COMPACT_PICK ||
	    !TAILQ_EMPTY(&c->queue) || is_box_due(c) ? PAUSE_MS :
	    c->nbox > 0 || c->next_upkeep_us < until + IDLE_MS * 500 ?
	    IDLE_MS / 4 : IDLE_MS);
}

void
sample_compact_free(struct sample_store * S)
{
	struct sample_compact * c = S->compact;

	if (c == NULL)
		return;
	/* What is not posted is still there as ticks. */
	loop_timer_free(c->timer);
	sample_chain_free(&c->chain);
	buf_free(&c->data);
	free(c->m);
	free(c);
	S->compact = NULL;
}
