/* One block: a source's oldest whole runs of one layout, decoded and put by series. */
#include "target/sample_compact_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* A block shorter than this is written anew with what follows it. */
#define SHORT_TICKS (SAMPLE_RUN / 2)

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
	struct sample_out * j = &c->job;
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
	struct sample_out * j = &c->job;
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

int
sample_job_pick(struct sample_compact * c)
{
	struct sample_store * S = c->S;
	struct sample_bins b = { S->db, S->bins, S->st_read };
	struct sample_source * src = TAILQ_FIRST(&c->queue);
	struct sample_out * j = &c->job;
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
		sample_outbox_add(c);
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

int
sample_job_load(struct sample_compact * c, int64_t until)
{
	struct sample_store * S = c->S;
	struct sample_bins b = { S->db, S->bins, S->st_read };
	struct sample_out * j = &c->job;
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

int
sample_job_encode(struct sample_compact * c, int64_t until)
{
	struct sample_out * j = &c->job;
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
	sample_outbox_add(c);
	return (1);
}
