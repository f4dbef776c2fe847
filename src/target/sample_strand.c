#include <stdlib.h>
#include <string.h>

#include "target/sample_read.h"

#define BLOCK_COLUMNS "SELECT last_at, layout, first_at, ticks, data " \
	"FROM sample_block WHERE source = ? AND "

static int
prepare(struct sample_reader * r, sqlite3_stmt ** st, const char * sql)
{
	if (*st == NULL && sqlite3_prepare_v3(r->db, sql, -1,
	    SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK)
		return (-1);
	return (0);
}

int
sample_strand_start(struct sample_strand * s, struct sample_reader * r,
    const struct sample_rsource * src, int64_t lo, int64_t hi, int desc)
{
	struct sample_bins b = { r->db, r->bins, r->st };
	sqlite3_stmt * st;

	s->r = r;
	s->src = src;
	s->lo = lo;
	s->hi = hi;
	s->desc = desc;
	s->blocks_over = s->runs_over = 0;
	s->block.max = (size_t)1 << 30;
	if (prepare(r, &r->st_next, BLOCK_COLUMNS
	    "last_at >= ? ORDER BY last_at LIMIT 1") ||
	    prepare(r, &r->st_prev, BLOCK_COLUMNS
	    "last_at <= ? ORDER BY last_at DESC LIMIT 1") ||
	    prepare(r, &r->st_seek, "SELECT last_at FROM sample_block "
	    "WHERE source = ? AND last_at >= ? ORDER BY last_at LIMIT 1") ||
	    sample_chain_read(&b, src->newest, src->done, &s->chain))
		return (-1);
	s->run_from = s->run_to = desc ? s->chain.n : 0;
	s->seek = desc ? INT64_MAX : lo;
	if (desc && !src->is_unordered && hi < INT64_MAX) {
		/* Start at the first block that can hold the upper bound. */
		st = r->st_seek;
		sqlite3_bind_int64(st, 1, src->id);
		sqlite3_bind_int64(st, 2, hi);
		if (sqlite3_step(st) == SQLITE_ROW)
			s->seek = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return (0);
}

/* The next block: 1, 0 when there is none, -1. */
static int
next_block(struct sample_strand * s)
{
	struct sample_reader * r = s->r;
	sqlite3_stmt * st = s->desc ? r->st_prev : r->st_next;
	int64_t last, first;
	int rc, found = 0;

	while (!s->blocks_over && !found) {
		sqlite3_bind_int64(st, 1, s->src->id);
		sqlite3_bind_int64(st, 2, s->seek);
		if ((rc = sqlite3_step(st)) != SQLITE_ROW) {
			sqlite3_reset(st);
			s->blocks_over = 1;
			return (rc == SQLITE_DONE ? 0 : -1);
		}
		last = sqlite3_column_int64(st, 0);
		first = sqlite3_column_int64(st, 2);
		if (s->desc ? last < s->lo :
		    first > s->hi && !s->src->is_unordered) {
			s->blocks_over = 1;
		} else if (first <= s->hi && last >= s->lo) {
			found = 1;
			s->lay = sqlite3_column_int64(st, 1);
			buf_clear(&s->block);
			if (buf_add(&s->block, sqlite3_column_blob(st, 4),
			    (size_t)sqlite3_column_bytes(st, 4)) ||
			    sample_codec_block_times(r->codec, s->block.p,
			    s->block.len, s->at, &s->t))
				found = -1;
		}
		/* Times are unique within a source, so this is the next. */
		if (s->desc ? last == INT64_MIN : last == INT64_MAX)
			s->blocks_over = 1;
		else
			s->seek = s->desc ? last - 1 : last + 1;
		sqlite3_reset(st);
	}
	s->is_block = 1;
	return (found);
}

/* Whether a run begins at the chain's tick ${i}. */
static int
is_start(const struct sample_chain * c, size_t i)
{
	return (i >= c->n || c->v[i].is_key);
}

static int
next_run(struct sample_strand * s)
{
	const struct sample_chain * c = &s->chain;
	size_t i;
	int hit;

	for (;;) {
		if (s->desc ? s->run_from == 0 : s->run_to >= c->n) {
			s->runs_over = 1;
			return (0);
		}
		if (s->desc) {
			s->run_to = s->run_from--;
			while (s->run_from > 0 && !is_start(c, s->run_from))
				s->run_from--;
		} else {
			s->run_from = s->run_to++;
			while (!is_start(c, s->run_to))
				s->run_to++;
		}
		if (!c->v[s->run_from].is_key ||
		    s->run_to - s->run_from > SAMPLE_MAX_TICKS)
			return (-1);
		s->t = (uint32_t)(s->run_to - s->run_from);
		hit = 0;
		for (i = 0; i < s->t; i++) {
			s->at[i] = c->v[s->run_from + i].at;
			hit |= s->at[i] >= s->lo && s->at[i] <= s->hi;
		}
		if (hit)
			break;
	}
	s->lay = c->v[s->run_from].lay;
	s->is_block = 0;
	return (1);
}

int
sample_strand_next(struct sample_strand * s)
{
	int rc;

	if (s->desc) {
		if (!s->runs_over && (rc = next_run(s)) != 0)
			return (rc);
		return (next_block(s));
	}
	if (!s->blocks_over && (rc = next_block(s)) != 0)
		return (rc);
	return (next_run(s));
}

int
sample_strand_values(struct sample_strand * s, uint32_t n)
{
	struct sample_reader * r = s->r;
	struct sample_bins b = { r->db, r->bins, r->st };
	size_t need = (size_t)n * s->t;
	sqlite3_stmt * st;
	double * v, * row;
	uint32_t i;
	int rc;

	if (need > s->vcap || s->v == NULL) {
		if ((v = realloc(s->v, need * sizeof(*v) + 1)) == NULL)
			return (-1);
		s->v = v;
		s->vcap = need;
	}
	s->n = n;
	if (s->is_block)
		return (sample_codec_block_get(r->codec, s->block.p,
		    s->block.len, s->v, s->t, n));
	for (i = 0; i < s->t; i++) {
		row = s->v + (size_t)i * n;
		if (i > 0)
			memcpy(row, row - n, n * sizeof(*row));
		st = sample_chain_row(&b, s->chain.v[s->run_from + i].id);
		if (st == NULL)
			return (-1);
		rc = sqlite3_column_int64(st, 2) != s->lay ||
		    sample_codec_tick_get(r->codec, sqlite3_column_blob(st, 5),
		    (size_t)sqlite3_column_bytes(st, 5), row, n);
		sqlite3_reset(st);
		if (rc)
			return (-1);
	}
	return (0);
}

void
sample_strand_stop(struct sample_strand * s)
{
	sample_chain_free(&s->chain);
	buf_free(&s->block);
	free(s->v);
	s->v = NULL;
	s->vcap = 0;
}
