/* A tick of a source: encoded against the one before, and into the group. */
#include "target/sample_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define COMMIT_MS 50
#define GROUP_TICKS 512           /* commit at once from here on */
#define GROUP_TICKS_MAX 16384     /* refuse from here on */

/* Whether this source has a tick at ${at}, which is older than its newest. */
static int
has_tick(struct sample_source * src, int64_t at, int * has)
{
	struct sample_store * S = src->S;
	struct sample_bins b = { S->db, S->bins, S->st_read };
	struct sample_chain c = { NULL, 0, 0 };
	int64_t times[SAMPLE_MAX_TICKS];
	sqlite3_stmt * st;
	uint32_t t, j;
	size_t i;
	int rc;

	*has = 0;
	for (i = 0; i < S->group.n; i++)
		if (S->group.v[i].src == src && S->group.v[i].id != 0 &&
		    S->group.v[i].at == at)
			*has = 1;
	rc = sample_chain_read(&b, src->stored_id, src->done, &c);
	for (i = 0; rc == 0 && i < c.n; i++)
		*has |= c.v[i].at == at;
	sample_chain_free(&c);
	if (rc || *has)
		return (rc);
	if (sqlite3_prepare_v2(S->db, "SELECT data FROM sample_block "
	    "WHERE source = ? AND last_at >= ? AND first_at <= ?", -1, &st,
	    NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_int64(st, 1, src->id);
	sqlite3_bind_int64(st, 2, at);
	sqlite3_bind_int64(st, 3, at);
	while (!*has && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (sample_codec_block_times(S->codec,
		    sqlite3_column_blob(st, 0),
		    (size_t)sqlite3_column_bytes(st, 0), times, &t)) {
			sqlite3_finalize(st);
			return (-1);
		}
		for (j = 0; j < t; j++)
			*has |= times[j] == at;
	}
	sqlite3_finalize(st);
	return (*has || rc == SQLITE_DONE ? 0 : -1);
}

/* How long this source's next run may be.  First runs differ, so that a
 * thousand sources that start together are not to be rewritten together;
 * neighbours agree, so that their blocks share index pages. */
static uint32_t
run_max(const struct sample_source * src, uint32_t n)
{
	size_t fit = SAMPLE_MATRIX_MAX / (((size_t)n + 1) * sizeof(double));
	uint32_t most = SAMPLE_RUN;

	if (src->done == 0 && src->npend < SAMPLE_RUN)
		most = SAMPLE_RUN / 4 + src->id / 16 % (SAMPLE_RUN * 3 / 4);
	if (fit < most)
		most = fit > SAMPLE_RUN_LEAST ? (uint32_t)fit :
		    SAMPLE_RUN_LEAST;
	return (most);
}

/* Encode ${page} behind the group's data and make it the source's newest. */
static int
put(struct sample_source * src, struct sample_entry * en,
    const struct sample_page * page, struct err * e)
{
	struct sample_store * S = src->S;
	struct buf * data = &S->group.data;
	struct sample_lay * lay = src->lay;
	double * last;
	int key = src->run_len == 0 || src->run_len >= run_max(src, page->n);

	if (page->layout != src->layout || lay == NULL) {
		if ((lay = sample_lay_resolve(src, page, e)) == NULL)
			return (-1);
		if (lay != src->lay || page->n != src->nlast)
			key = 1;
	} else {
		sample_lay_ref(lay);
	}
	if (src->last == NULL || src->nlast != page->n) {
		last = realloc(src->last, page->n * sizeof(*last) + 1);
		if (last == NULL)
			goto nomem;
		src->last = last;
		src->nlast = page->n;
		key = 1;
	}
	en->off = data->len;
	if (sample_codec_tick_put(S->codec, key ? NULL : src->last,
	    page->values, page->n, data)) {
		/* The bytes before are whole; only this tick is refused. */
		data->len = en->off;
		data->failed = 0;
		goto nomem;
	}
	en->len = data->len - en->off;
	/* The tick keeps the reference we have; the source needs its own.
	 * What it had goes only when the group is settled. */
	if (lay != src->lay) {
		sample_lay_ref(lay);
		en->new_lay = 1;
	}
	if (page->layout != src->layout) {
		src->layout = sample_layout_ref(page->layout);
		en->new_layout = 1;
	}
	src->lay = lay;
	en->is_key = key != 0;
	en->lay_id = lay->id;
	en->n = page->n;
	memcpy(src->last, page->values, page->n * sizeof(*src->last));
	src->run_len = key ? 1 : src->run_len + 1;
	return (0);
nomem:
	src->run_len = 0;
	sample_lay_unref(S, lay, 1);
	return (err_nomem(e, "a tick of samples"));
}

static int
check(struct sample_source * src, int64_t fence,
    const struct sample_page * page, struct err * e)
{
	struct sample_store * S = src->S;

	if (src->fence != SAMPLE_NONE && fence < src->fence)
		return (err_set(e, ERR_PERMANENT, "fenced", "a tick of %s "
		    "comes with fence %lld after one with %lld: another node "
		    "runs it now", src->name, (long long)fence,
		    (long long)src->fence));
	if (page->layout == NULL || page->n > SAMPLE_MAX_SERIES ||
	    page->n != sample_layout_n(page->layout))
		return (err_set(e, ERR_PERMANENT, "layout", "a page of %s has "
		    "%u values, which its layout has not", src->name, page->n));
	if (S->group.n >= GROUP_TICKS_MAX ||
	    S->group.data.len >= SAMPLE_GROUP_BYTES_MAX)
		return (err_set(e, ERR_TRANSIENT, "busy", "%s: too many ticks "
		    "wait to be committed", S->path));
	return (0);
}

static void
take(struct sample_source * src, struct sample_entry * en,
    const struct sample_page * page, struct err * e)
{
	struct sample_store * S = src->S;
	int has = en->at == src->last_at;

	en->was.last_at = src->last_at;
	en->was.last_id = src->last_id;
	en->was.fence = src->fence;
	en->was.layout = src->layout;
	en->was.lay = src->lay;
	en->was.unordered = src->is_unordered;
	if (check(src, en->fence, page, e))
		return;
	if (en->at < src->last_at && has_tick(src, en->at, &has)) {
		sample_store_err(S->db, S->path, "looking for a tick", e);
		return;
	}
	if (has) {
		e->code[0] = '\0';
		return;
	}
	if (put(src, en, page, e))
		return;
	e->code[0] = '\0';
	en->id = S->next_id++;
	en->prev = src->last_id > src->done ? en->id - src->last_id : 0;
	src->last_id = en->id;
	src->npend++;
	src->fence = en->fence;
	if (en->at > src->last_at) {
		src->last_at = en->at;
	} else if (!src->is_unordered) {
		src->is_unordered = 1;
		en->marks_unordered = 1;
	}
}

void
sample_source_append(struct sample_source * src, int64_t at_ms, int64_t fence,
    const struct sample_page * page, void (*cb)(void *, const struct err *),
    void * arg)
{
	struct sample_store * S = src->S;
	struct sample_group * g = &S->group;
	struct sample_entry * en;
	struct err e;
	uint32_t cap;

	if (g->n == g->cap) {
		cap = g->cap ? g->cap * 2 : 64;
		en = cap > GROUP_TICKS_MAX * 4 ? NULL :
		    realloc(g->v, cap * sizeof(*en));
		if (en == NULL) {
			/* No place even for the refusal: the one exception to
			 * "not before this returns". */
			err_nomem(&e, "a tick of samples");
			cb(arg, &e);
			return;
		}
		g->v = en;
		g->cap = cap;
	}
	en = &g->v[g->n];
	memset(en, 0, sizeof(*en));
	en->src = src;
	en->cb = cb;
	en->arg = arg;
	en->at = at_ms;
	en->fence = fence;
	take(src, en, page, &e);
	if (e.code[0] != '\0' && (en->e = malloc(sizeof(e))) != NULL)
		*en->e = e;
	else if (e.code[0] != '\0')
		en->id = -1; /* said below as out of memory */
	src->inflight++;
	if (g->n++ == 0) {
		S->group_since_us = clock_mono_us();
		S->busy_since_us = 0;
		loop_timer_start(S->commit_timer, COMMIT_MS);
	}
	if ((g->n == GROUP_TICKS || g->data.len >= SAMPLE_GROUP_BYTES) &&
	    S->busy_since_us == 0)
		loop_timer_start(S->commit_timer, 0);
}
