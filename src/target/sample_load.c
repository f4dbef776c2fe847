#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/sample_internal.h"

#define FORMAT 1
#define APPLICATION_ID 1836018804 /* "molt" */

#define STR_(x) #x
#define STR(x) STR_(x)

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS sample_tbl("
    "id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS sample_source("
    "id INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, name TEXT NOT NULL,"
    " done INTEGER NOT NULL, fence INTEGER NOT NULL,"
    " unordered INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS sample_layout("
    "id INTEGER PRIMARY KEY, digest BLOB NOT NULL, base INTEGER NOT NULL,"
    " n INTEGER NOT NULL, diff BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS sample_block("
    "id INTEGER PRIMARY KEY, source INTEGER NOT NULL,"
    " last_at INTEGER NOT NULL, layout INTEGER NOT NULL,"
    " first_at INTEGER NOT NULL, ticks INTEGER NOT NULL,"
    " data BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS sample_block_by"
    " ON sample_block(source, last_at, layout);";

/* Run ${sql} and hand each row to ${row}, until it does not return 0. */
static int
each(struct sample_store * S, const char * sql,
    int (*row)(struct sample_store *, sqlite3_stmt *, int), int arg,
    struct err * e)
{
	sqlite3_stmt * st;
	int rc, bad = 0;

	if (sqlite3_prepare_v2(S->db, sql, -1, &st, NULL) != SQLITE_OK)
		return (sample_store_err(S->db, S->path, "reading it", e));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if ((bad = row(S, st, arg)) != 0)
			break;
	sqlite3_finalize(st);
	if (bad)
		return (err_set(e, ERR_CONFIG, "corrupt", "%s: its parts do not "
		    "fit together (%s): restore it from a backup", S->path,
		    sql));
	if (rc != SQLITE_DONE)
		return (sample_store_err(S->db, S->path, "reading it", e));
	return (0);
}

static int
row_int(struct sample_store * S, sqlite3_stmt * st, int arg)
{
	(void)S;
	/* Anything at all is a database of somebody else's. */
	return (arg == 0 || sqlite3_column_int64(st, 0) == arg ? 0 : 1);
}

static int
row_tbl(struct sample_store * S, sqlite3_stmt * st, int arg)
{
	const char * name = (const char *)sqlite3_column_text(st, 1);
	struct sample_tbl * t;

	(void)arg;
	if (name == NULL || (t = sample_source_tbl(S,
	    (uint32_t)sqlite3_column_int64(st, 0), name)) == NULL)
		return (-1);
	t->is_stored = 1;
	return (0);
}

static int
row_source(struct sample_store * S, sqlite3_stmt * st, int arg)
{
	const char * name = (const char *)sqlite3_column_text(st, 2);
	struct sample_source * src;
	int64_t id = sqlite3_column_int64(st, 0);

	(void)arg;
	if (name == NULL || id <= 0 || id > INT32_MAX ||
	    (src = sample_source_make(S, (uint32_t)id,
	    (uint32_t)sqlite3_column_int64(st, 1), name)) == NULL)
		return (-1);
	src->done = sqlite3_column_int64(st, 3);
	src->fence = sqlite3_column_int64(st, 4);
	src->is_unordered = sqlite3_column_int(st, 5) != 0;
	src->is_stored = 1;
	if (src->done >= S->next_id)
		S->next_id = src->done + 1;
	return (0);
}

static int
row_layout(struct sample_store * S, sqlite3_stmt * st, int arg)
{
	struct sample_lay * base = NULL;
	int64_t b = sqlite3_column_int64(st, 2);

	(void)arg;
	if (sqlite3_column_bytes(st, 1) != SAMPLE_DIGEST ||
	    (b != 0 && ((base = sample_lay_find(S, b)) == NULL ||
	    base->depth >= SAMPLE_BASE_DEPTH)))
		return (-1);
	return (sample_lay_new(S, sqlite3_column_int64(st, 0),
	    sqlite3_column_blob(st, 1), (uint32_t)sqlite3_column_int64(st, 3),
	    base) == NULL);
}

static struct sample_source *
source_at(struct sample_store * S, int64_t id)
{
	return (id > 0 && id < S->nsources ? S->sources[id] : NULL);
}

static int
row_block(struct sample_store * S, sqlite3_stmt * st, int arg)
{
	struct sample_source * src = source_at(S, sqlite3_column_int64(st, 0));
	struct sample_lay * l = sample_lay_find(S, sqlite3_column_int64(st, 2));
	int64_t at = sqlite3_column_int64(st, 1);

	(void)arg;
	if (src == NULL || l == NULL)
		return (-1);
	sample_lay_ref(l);
	if (at > src->last_at)
		src->last_at = at;
	if (src->oldest_at == SAMPLE_NONE || at < src->oldest_at)
		src->oldest_at = at;
	return (0);
}

static int
row_tick(struct sample_store * S, sqlite3_stmt * st, int k)
{
	struct sample_source * src = source_at(S, sqlite3_column_int64(st, 1));
	struct sample_bin * b = &S->bins[k];
	struct sample_lay * l;
	int64_t id = sqlite3_column_int64(st, 0);
	int64_t at = sqlite3_column_int64(st, 2);
	int64_t fence = sqlite3_column_int64(st, 4);

	if (b->lo == 0)
		b->lo = id;
	b->hi = id;
	b->bytes += sqlite3_column_int64(st, 5);
	if (id >= S->next_id) {
		S->next_id = id + 1;
		S->bin = k; /* the bin of the newest tick goes on */
	}
	if (src == NULL || id <= 0)
		return (-1);
	if (id <= src->done)
		return (0);
	if ((l = sample_lay_find(S, sqlite3_column_int64(st, 3))) == NULL)
		return (-1);
	sample_lay_ref(l);
	b->live++;
	src->npend++;
	if (id > src->stored_id)
		src->stored_id = src->last_id = id;
	if (at > src->last_at)
		src->last_at = at;
	if (fence > src->fence)
		src->fence = fence;
	return (0);
}

static int
open_db(struct sample_store * S, struct err * e)
{
	sqlite3 * db = NULL;
	int rc;

	rc = sqlite3_open_v2(S->path, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    NULL);
	S->db = db;
	if (db == NULL)
		return (err_nomem(e, S->path));
	if (rc != SQLITE_OK)
		return (sample_store_err(db, S->path, "opening it", e));
	/* At the start a short wait is right: the loop is not running yet. */
	sqlite3_busy_timeout(db, 2000);
	/* NORMAL: a commit survives our death at once and a power failure
	 * after the helper's next sync.  Checkpoints are the helper's. */
	return (sample_store_exec(S, "PRAGMA page_size=" STR(SAMPLE_PAGE)
	    ";PRAGMA journal_mode=WAL", e) ||
	    sample_store_exec(S, "PRAGMA synchronous=NORMAL;"
	    "PRAGMA wal_autocheckpoint=0;PRAGMA cache_size=-4096;"
	    "PRAGMA temp_store=MEMORY", e));
}

static int
make_schema(struct sample_store * S, struct err * e)
{
	char sql[200];
	struct err ig;
	int k;

	/* Somebody else's file: refuse before the first write. */
	if (each(S, "PRAGMA application_id", row_int, 0, e))
		return (-1);
	if (each(S, "SELECT 1 FROM pragma_application_id WHERE "
	    "application_id NOT IN (0, " STR(APPLICATION_ID) ")", row_int, -1,
	    &ig))
		return (err_set(e, ERR_CONFIG, "not_ours",
		    "%s: a database of another program: give another path",
		    S->path));
	if (sample_store_exec(S, "BEGIN IMMEDIATE", e) ||
	    sample_store_exec(S, "CREATE TABLE IF NOT EXISTS sample_meta("
	    "k TEXT PRIMARY KEY, v INTEGER NOT NULL) WITHOUT ROWID;"
	    "INSERT OR IGNORE INTO sample_meta VALUES('format', "
	    STR(FORMAT) "), ('wal', 0)", e))
		return (-1);
	if (each(S, "SELECT v FROM sample_meta WHERE k = 'format'", row_int,
	    FORMAT, &ig))
		return (err_set(e, ERR_CONFIG, "format", "%s: samples in a "
		    "newer format than " STR(FORMAT) ": run the newer program",
		    S->path));
	if (sample_store_exec(S, schema, e))
		return (-1);
	for (k = 0; k < SAMPLE_BINS; k++) {
		snprintf(sql, sizeof(sql), "CREATE TABLE IF NOT EXISTS "
		    "sample_tick%d(id INTEGER PRIMARY KEY, source INTEGER,"
		    " at INTEGER, layout INTEGER, prev INTEGER, fence INTEGER,"
		    " data BLOB)", k);
		if (sample_store_exec(S, sql, e))
			return (-1);
	}
	return (sample_store_exec(S, "PRAGMA application_id="
	    STR(APPLICATION_ID) ";COMMIT", e));
}

int
sample_load_open(struct sample_store * S, struct err * e)
{
	char sql[120];
	int k;

	S->next_id = S->next_lay = 1;
	if (open_db(S, e))
		return (-1);
	if (make_schema(S, e)) {
		sqlite3_exec(S->db, "ROLLBACK", NULL, NULL, NULL);
		return (-1);
	}
	if (each(S, "SELECT id, name FROM sample_tbl", row_tbl, 0, e) ||
	    each(S, "SELECT id, tbl, name, done, fence, unordered "
	    "FROM sample_source", row_source, 0, e) ||
	    each(S, "SELECT id, digest, base, n FROM sample_layout ORDER BY id",
	    row_layout, 0, e) ||
	    each(S, "SELECT source, last_at, layout FROM sample_block "
	    "INDEXED BY sample_block_by", row_block, 0, e))
		return (-1);
	for (k = 0; k < SAMPLE_BINS; k++) {
		snprintf(sql, sizeof(sql), "SELECT id, source, at, layout, "
		    "fence, length(data) FROM sample_tick%d ORDER BY id", k);
		if (each(S, sql, row_tick, k, e))
			return (-1);
	}
	S->has_orphans = 1;
	/* From here on nobody waits for a lock inside the loop. */
	sqlite3_busy_timeout(S->db, 0);
	return (0);
}
