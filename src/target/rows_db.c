/*
 * The connection through which rows are written into one database.  Whoever has
 * something to write gets his turn: one transaction, one turn of the loop.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fence.h"
#include "base/log.h"
#include "target/rows_internal.h"

#define REST_MS 10

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS " TARGETS_ROWS_LIST "("
    "name TEXT PRIMARY KEY COLLATE NOCASE) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _moltler_sync(id INTEGER PRIMARY KEY,"
    " sync TEXT NOT NULL UNIQUE, fence INTEGER NOT NULL);"
    "COMMIT";

int
rows_db_err(struct rows_db * d, const char * what, struct err * e)
{
	const char * msg = d->db ? sqlite3_errmsg(d->db) : "out of memory";

	switch (d->db ? sqlite3_errcode(d->db) & 0xff : SQLITE_NOMEM) {
	case SQLITE_FULL:
		return (err_set(e, ERR_TRANSIENT, "disk_full", "%s: no space "
		    "left while %s: free some", d->path, what));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return (err_set(e, ERR_TRANSIENT, "busy", "%s: another writer "
		    "holds the file while %s", d->path, what));
	case SQLITE_NOMEM:
		return (err_nomem(e, d->path));
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return (err_set(e, ERR_CONFIG, "corrupt", "%s: %s while %s: "
		    "restore it from a backup or move it away", d->path, msg,
		    what));
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return (err_set(e, ERR_CONFIG, "open", "%s: %s while %s: check "
		    "the path and its permissions", d->path, msg, what));
	case SQLITE_ERROR:
		return (err_set(e, ERR_PERMANENT, "sqlite", "%s: %s while %s",
		    d->path, msg, what));
	default:
		return (err_set(e, ERR_TRANSIENT, "io", "%s: %s while %s",
		    d->path, msg, what));
	}
}

int
rows_db_run(struct rows_db * d, const char * what, char * sql, struct err * e)
{
	int rc;

	if (sql == NULL)
		return (err_nomem(e, what));
	rc = sqlite3_exec(d->db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return (rc == SQLITE_OK ? 0 : rows_db_err(d, what, e));
}

static int
on_wal(void * arg, sqlite3 * db, const char * name, int pages)
{
	struct rows_db * d = arg;

	(void)db;
	(void)name;
	d->rest = sample_store_wal(d->store, pages);
	return (SQLITE_OK);
}

static int
prepare(struct rows_db * d, struct err * e)
{
	struct {
		sqlite3_stmt ** st;
		const char * sql;
	} v[] = {
		{ &d->begin, "BEGIN IMMEDIATE" },
		{ &d->commit, "COMMIT" },
		{ &d->rollback, "ROLLBACK" },
		{ &d->fence_get, "SELECT id, fence FROM _moltler_sync "
		    "WHERE sync = ?" },
		{ &d->fence_set, "INSERT INTO _moltler_sync(sync, fence) "
		    "VALUES(?, ?) ON CONFLICT(sync) DO UPDATE SET "
		    "fence = excluded.fence" },
	};
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (sqlite3_prepare_v3(d->db, v[i].sql, -1,
		    SQLITE_PREPARE_PERSISTENT, v[i].st, NULL) != SQLITE_OK)
			return (rows_db_err(d, "opening it", e));
	return (0);
}

static void next_turn(void *);

static void
rows_db_close(struct rows_db * d)
{
	sqlite3_finalize(d->begin);
	sqlite3_finalize(d->commit);
	sqlite3_finalize(d->rollback);
	sqlite3_finalize(d->fence_get);
	sqlite3_finalize(d->fence_set);
	if (d->db != NULL && sqlite3_close(d->db) != SQLITE_OK)
		log_event(LOG_ERROR, "rows_close", LOG_S("path", d->path),
		    LOG_S("error", sqlite3_errmsg(d->db)));
	loop_soon_cancel(d->loop, &d->soon);
	loop_timer_free(d->timer);
	rows_sync_fini(d);
	free(d->path);
	free(d);
}

/* The store made the file already. */
static int
open_db(struct rows_db * d, struct err * e)
{
	if (sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
		return (rows_db_err(d, "opening it", e));
	/* NORMAL: a commit survives our death at once, and a power failure after
	 * the helper's next sync, which rows_sync.c waits for.  Checkpoints are
	 * the helper's. */
	if (sqlite3_exec(d->db, "PRAGMA journal_mode=WAL;"
	    "PRAGMA synchronous=NORMAL;PRAGMA wal_autocheckpoint=0;"
	    "PRAGMA cache_size=-8192;PRAGMA temp_store=MEMORY", NULL, NULL,
	    NULL) != SQLITE_OK ||
	    (sqlite3_table_column_metadata(d->db, "main", "_moltler_sync",
	    "fence", NULL, NULL, NULL, NULL, NULL) != SQLITE_OK &&
	    sqlite3_exec(d->db, schema, NULL, NULL, NULL) != SQLITE_OK))
		return (rows_db_err(d, "opening it", e));
	sqlite3_wal_hook(d->db, on_wal, d);
	return (prepare(d, e));
}

struct rows_db *
rows_db_get(struct loop * L, struct targets * t, const char * database,
    struct err * e)
{
	struct sample_store * store;
	struct rows_db * d;
	const char * name;
	char path[1024];

	if ((store = targets_store(t, database, &name, path, sizeof(path),
	    e)) == NULL)
		return (NULL);
	for (d = *targets_rows(t); d != NULL; d = d->next)
		if (strcmp(d->name, name) == 0) {
			d->refs++;
			return (d);
		}
	if ((d = calloc(1, sizeof(*d))) == NULL ||
	    (d->path = strdup(path)) == NULL) {
		free(d);
		err_nomem(e, "a database");
		return (NULL);
	}
	d->loop = L;
	d->targets = t;
	d->store = store;
	d->name = name;
	d->refs = 1;
	TAILQ_INIT(&d->turns);
	if (rows_sync_init(d) ||
	    (d->timer = loop_timer_new(L, next_turn, d)) == NULL) {
		rows_db_close(d);
		err_nomem(e, "a database");
		return (NULL);
	}
	if (open_db(d, e)) {
		rows_db_close(d);
		return (NULL);
	}
	d->next = *targets_rows(t);
	*targets_rows(t) = d;
	return (d);
}

void
rows_db_put(struct rows_db * d)
{
	struct rows_db ** p;

	if (d == NULL || --d->refs > 0)
		return;
	for (p = targets_rows(d->targets); *p != d; p = &(*p)->next)
		continue;
	*p = d->next;
	rows_db_close(d);
}

/* The next turn: soon, or when a checkpoint had its chance. */
static void
again(struct rows_db * d)
{
	if (TAILQ_EMPTY(&d->turns) || loop_timer_pending(d->timer))
		return;
	if (d->rest)
		loop_timer_start(d->timer, REST_MS);
	else
		loop_soon(d->loop, &d->soon, next_turn, d);
	d->rest = 0;
}

static void
next_turn(void * arg)
{
	struct rows_db * d = arg;
	struct rows_writer * w = TAILQ_FIRST(&d->turns);

	if (w == NULL)
		return;
	TAILQ_REMOVE(&d->turns, w, turns);
	w->in_turns = 0;
	/* One a turn of the loop: a transaction may take milliseconds. */
	rows_turn(w);
	again(d);
}

void
rows_db_turn(struct rows_writer * w)
{
	if (w->in_turns || w->db == NULL)
		return;
	w->in_turns = 1;
	TAILQ_INSERT_TAIL(&w->db->turns, w, turns);
	again(w->db);
}

static int
step_once(sqlite3_stmt * st)
{
	int rc = sqlite3_step(st), rc2 = sqlite3_reset(st);

	return (rc == SQLITE_DONE ? rc2 : rc == SQLITE_ROW ? SQLITE_OK : rc2);
}

/* Who writes last has the highest fence; 0, or -1. */
static int
take_fence(struct rows_writer * w, struct err * e)
{
	struct rows_db * d = w->db;
	int64_t have = INT64_MIN;
	int rc;

	sqlite3_bind_text(d->fence_get, 1, w->sync, -1, SQLITE_STATIC);
	if ((rc = sqlite3_step(d->fence_get)) == SQLITE_ROW) {
		w->sync_id = sqlite3_column_int64(d->fence_get, 0);
		have = sqlite3_column_int64(d->fence_get, 1);
	}
	if (sqlite3_reset(d->fence_get) != SQLITE_OK)
		return (rows_db_err(d, "reading a fence", e));
	if (have > w->fence) {
		fence_see(have);
		return (err_set(e, ERR_PERMANENT, "fenced", "%s.%s: another "
		    "run of %s has begun since (fence %lld, ours is %lld)",
		    d->name, w->table, w->sync, (long long)have,
		    (long long)w->fence));
	}
	if (rc == SQLITE_ROW && have == w->fence)
		return (0);
	sqlite3_bind_text(d->fence_set, 1, w->sync, -1, SQLITE_STATIC);
	sqlite3_bind_int64(d->fence_set, 2, w->fence);
	if (step_once(d->fence_set) != SQLITE_OK)
		return (rows_db_err(d, "noting a fence", e));
	if (rc != SQLITE_ROW)
		w->sync_id = sqlite3_last_insert_rowid(d->db);
	return (0);
}

int
rows_db_begin(struct rows_writer * w, struct err * e)
{
	if (step_once(w->db->begin) != SQLITE_OK)
		return (rows_db_err(w->db, "beginning to write", e));
	if (take_fence(w, e)) {
		rows_db_rollback(w->db);
		return (-1);
	}
	return (0);
}

int
rows_db_commit(struct rows_db * d, struct err * e)
{
	if (step_once(d->commit) == SQLITE_OK)
		return (0);
	rows_db_err(d, "committing", e);
	rows_db_rollback(d);
	return (-1);
}

void
rows_db_rollback(struct rows_db * d)
{
	/* Some errors rolled back already. */
	if (!sqlite3_get_autocommit(d->db))
		(void)step_once(d->rollback);
	d->gen++;
}
