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

#include "base/clock.h"
#include "target/sample_compact_internal.h"

#define SLICE_US 2000
#define PAUSE_MS 8
#define IDLE_MS 1000

/* Fewer empty bins than this, and the oldest is emptied by force. */
#define BINS_SPARE 4
#define FORCE_ROWS 500

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

void
sample_compact_clear(struct sample_store * S)
{
	int k;

	for (k = 0; k < SAMPLE_BINS; k++)
		if (S->bins[k].lo != 0 && S->bins[k].live == 0 &&
		    k != S->bin && !S->bins[k].is_clearing)
			sample_helper_clear(S, k);
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
	sample_compact_clear(c->S);
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
		if (sample_outbox_is_due(c)) {
			more = sample_outbox_post(c);
			continue;
		}
		switch (c->state) {
		case COMPACT_PICK:
			more = sample_job_pick(c);
			break;
		case COMPACT_LOAD:
			more = sample_job_load(c, until);
			break;
		case COMPACT_ENCODE:
			more = sample_job_encode(c, until);
			break;
		}
	} while (more && clock_mono_us() < until);
	loop_timer_start(c->timer, c->state != COMPACT_PICK ||
	    !TAILQ_EMPTY(&c->queue) || sample_outbox_is_due(c) ? PAUSE_MS :
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
