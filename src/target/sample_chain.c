#include <stdio.h>
#include <stdlib.h>

#include "target/sample_internal.h"

/* Runaway: a source that has this many ticks outside blocks is a broken file. */
#define CHAIN_MAX ((size_t)1 << 22)

sqlite3_stmt *
sample_chain_row(const struct sample_bins * b, int64_t id)
{
	char sql[96];
	int k;

	for (k = 0; k < SAMPLE_BINS; k++)
		if (b->bins[k].lo != 0 && id >= b->bins[k].lo &&
		    id <= b->bins[k].hi)
			break;
	if (k == SAMPLE_BINS)
		return (NULL);
	if (b->st[k] == NULL) {
		snprintf(sql, sizeof(sql), "SELECT id, at, layout, prev, "
		    "fence, data FROM sample_tick%d WHERE id = ?", k);
		if (sqlite3_prepare_v3(b->db, sql, -1,
		    SQLITE_PREPARE_PERSISTENT, &b->st[k], NULL) != SQLITE_OK)
			return (NULL);
	}
	sqlite3_bind_int64(b->st[k], 1, id);
	if (sqlite3_step(b->st[k]) == SQLITE_ROW)
		return (b->st[k]);
	sqlite3_reset(b->st[k]);
	return (NULL);
}

int
sample_chain_read(const struct sample_bins * b, int64_t from, int64_t done,
    struct sample_chain * c)
{
	struct sample_tick * t, tmp;
	sqlite3_stmt * st;
	int64_t prev;
	size_t cap, i;

	c->n = 0;
	while (from > done && from > 0) {
		if (c->n == c->cap) {
			cap = c->cap ? c->cap * 2 : 128;
			if (cap > CHAIN_MAX || (t = realloc(c->v,
			    cap * sizeof(*t))) == NULL)
				return (-1);
			c->v = t;
			c->cap = cap;
		}
		if ((st = sample_chain_row(b, from)) == NULL)
			return (-1);
		t = &c->v[c->n++];
		t->id = from;
		t->at = sqlite3_column_int64(st, 1);
		t->lay = sqlite3_column_int64(st, 2);
		prev = sqlite3_column_int64(st, 3);
		t->fence = sqlite3_column_int64(st, 4);
		t->is_key = sample_codec_tick_is_key(sqlite3_column_blob(st, 5),
		    (size_t)sqlite3_column_bytes(st, 5));
		sqlite3_reset(st);
		if (prev < 0)
			return (-1);
		from = prev == 0 ? 0 : from - prev;
	}
	for (i = 0; i < c->n / 2; i++) {
		tmp = c->v[i];
		c->v[i] = c->v[c->n - 1 - i];
		c->v[c->n - 1 - i] = tmp;
	}
	return (0);
}

void
sample_chain_free(struct sample_chain * c)
{
	free(c->v);
	c->v = NULL;
	c->n = c->cap = 0;
}
