#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "target/sample_internal.h"

/* One step: that many sources looked at, that many blocks deleted. */
#define STEP_SOURCES 1024
#define STEP_BLOCKS 16
#define STEP_LAYOUTS 16

struct gone {
	struct sample_lay * lay;
};

/* Delete up to ${room} old blocks of ${src}; how many, or -1. */
static int
delete_old(struct sample_store * S, struct sample_source * src, int64_t before,
    struct gone * gone, int room)
{
	sqlite3_stmt * st;
	char sql[80];
	int64_t ids[STEP_BLOCKS], lays[STEP_BLOCKS];
	int n = 0, i;

	if (sqlite3_prepare_v2(S->db, "SELECT id, layout FROM sample_block "
	    "WHERE source = ? AND last_at < ? ORDER BY last_at LIMIT ?", -1,
	    &st, NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_int64(st, 1, src->id);
	sqlite3_bind_int64(st, 2, before);
	sqlite3_bind_int(st, 3, room);
	while (n < room && sqlite3_step(st) == SQLITE_ROW) {
		ids[n] = sqlite3_column_int64(st, 0);
		lays[n++] = sqlite3_column_int64(st, 1);
	}
	if (sqlite3_finalize(st) != SQLITE_OK)
		return (-1);
	for (i = 0; i < n; i++) {
		snprintf(sql, sizeof(sql), "DELETE FROM sample_block "
		    "WHERE id = %lld", (long long)ids[i]);
		if (sqlite3_exec(S->db, sql, NULL, NULL, NULL) != SQLITE_OK)
			return (-1);
		gone[i].lay = sample_lay_find(S, lays[i]);
	}
	return (n);
}

static int
find_oldest(struct sample_source * src)
{
	sqlite3_stmt * st;

	if (sqlite3_prepare_v2(src->S->db, "SELECT last_at FROM sample_block "
	    "WHERE source = ? ORDER BY last_at LIMIT 1", -1, &st,
	    NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_int64(st, 1, src->id);
	src->oldest_at = sqlite3_step(st) == SQLITE_ROW ?
	    sqlite3_column_int64(st, 0) : SAMPLE_NONE;
	return (sqlite3_finalize(st) == SQLITE_OK ? 0 : -1);
}

/* The next source with something too old, or NULL after STEP_SOURCES. */
static struct sample_source *
next_old(struct sample_store * S, uint32_t * cursor, int64_t now, uint32_t * looked)
{
	struct sample_source * src;
	int64_t before;

	for (; *looked < STEP_SOURCES && *looked < S->nsources; ++*looked) {
		if (++*cursor >= S->nsources)
			*cursor = 0;
		src = S->sources[*cursor];
		if (src == NULL || src->retain_ms == 0)
			continue;
		before = now - src->retain_ms;
		/* Old ticks that nobody adds to: compaction drops them. */
		if (src->npend > 0 && src->last_at < before) {
			src->is_forced = 1;
			sample_compact_want(src);
		}
		if (src->oldest_at != SAMPLE_NONE && src->oldest_at < before) {
			++*looked;
			return (src);
		}
	}
	return (NULL);
}

int
sample_retain_step(struct sample_store * S, uint32_t * cursor)
{
	struct sample_source * src, * touched[STEP_BLOCKS];
	struct gone gone[STEP_BLOCKS];
	int64_t now = clock_wall_ms();
	uint32_t looked = 0;
	int n = 0, nt = 0, got = 0, i, swept;
	struct err e;

	src = next_old(S, cursor, now, &looked);
	if (src == NULL && !S->has_orphans)
		return (S->nsources > STEP_SOURCES && looked == STEP_SOURCES);
	if (sqlite3_exec(S->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return (1);
	while (src != NULL) {
		got = delete_old(S, src, now - src->retain_ms, gone + n,
		    STEP_BLOCKS - n);
		if (got < 0)
			break;
		touched[nt++] = src;
		n += got;
		if (n == STEP_BLOCKS || nt == STEP_BLOCKS)
			break;
		src = next_old(S, cursor, now, &looked);
	}
	if (got < 0 ||
	    sqlite3_exec(S->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		sample_store_err(S->db, S->path, "deleting old samples", &e);
		log_event(LOG_WARN, "sample_retain_failed",
		    LOG_S("path", S->path), LOG_E(&e));
		if (!sqlite3_get_autocommit(S->db))
			sqlite3_exec(S->db, "ROLLBACK", NULL, NULL, NULL);
		return (0);
	}
	for (i = 0; i < n; i++)
		if (gone[i].lay != NULL)
			sample_lay_unref(S, gone[i].lay, 1);
	for (i = 0; i < nt; i++)
		if (find_oldest(touched[i]))
			touched[i]->oldest_at = SAMPLE_NONE;
	swept = sample_lay_sweep(S, STEP_LAYOUTS);
	return (n == STEP_BLOCKS || swept >= STEP_LAYOUTS);
}
