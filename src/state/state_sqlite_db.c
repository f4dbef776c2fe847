#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "state/state_sqlite_internal.h"

/* The layout below; a file with a larger number is from a newer program. */
#define SCHEMA_VERSION 3

static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "CREATE TABLE record(kind TEXT, name TEXT, body TEXT NOT NULL,"
    " PRIMARY KEY(kind, name)) WITHOUT ROWID;"
    "CREATE TABLE status(name TEXT PRIMARY KEY, body TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE event(name TEXT, seq INTEGER, body TEXT NOT NULL,"
    " PRIMARY KEY(name, seq)) WITHOUT ROWID;"
    "CREATE TABLE cursor(sync TEXT PRIMARY KEY, fence INTEGER NOT NULL,"
    " body TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE cache(key TEXT PRIMARY KEY, expires INTEGER NOT NULL,"
    " body TEXT NOT NULL);"
    "CREATE INDEX cache_expires ON cache(expires);";
/* What version 2 has more. */
static const char schema_2[] =
    "CREATE TABLE action(id TEXT PRIMARY KEY, body TEXT NOT NULL)"
    " WITHOUT ROWID;";

/* And version 3. */
static const char schema_3[] =
    "CREATE TABLE part(sync TEXT, name TEXT, body TEXT NOT NULL,"
    " PRIMARY KEY(sync, name)) WITHOUT ROWID;";

static const char * const sql[SQ_N] = {
	[SQ_BEGIN] = "BEGIN IMMEDIATE",
	[SQ_COMMIT] = "COMMIT",
	[SQ_META_GET] = "SELECT value FROM meta WHERE key=?1",
	[SQ_META_PUT] = "INSERT INTO meta VALUES(?1,?2)"
	    " ON CONFLICT(key) DO UPDATE SET value=excluded.value",
	[SQ_RECORD_PUT] = "INSERT INTO record VALUES(?1,?2,?3)"
	    " ON CONFLICT(kind,name) DO UPDATE SET body=excluded.body",
	[SQ_RECORD_NEW] = "INSERT INTO record VALUES(?1,?2,?3)"
	    " ON CONFLICT(kind,name) DO NOTHING",
	[SQ_RECORD_GET] = "SELECT body FROM record WHERE kind=?1 AND name=?2",
	[SQ_RECORD_LIST] = "SELECT name, body FROM record"
	    " WHERE kind=?1 AND name>?2 ORDER BY name LIMIT ?3",
	[SQ_RECORD_DEL] = "DELETE FROM record WHERE kind=?1 AND name=?2",
	[SQ_STATUS_GET] = "SELECT body FROM status WHERE name=?1",
	[SQ_STATUS_PUT] = "INSERT INTO status VALUES(?1,?2)"
	    " ON CONFLICT(name) DO UPDATE SET body=excluded.body",
	[SQ_STATUS_DEL] = "DELETE FROM status WHERE name=?1",
	[SQ_EVENT_LAST] = "SELECT max(seq) FROM event WHERE name=?1",
	[SQ_EVENT_ADD] = "INSERT INTO event VALUES(?1,?2,?3)",
	[SQ_EVENT_TRIM] = "DELETE FROM event WHERE name=?1 AND seq<=?2",
	[SQ_EVENT_LIST] = "SELECT body FROM event WHERE name=?1"
	    " ORDER BY seq DESC LIMIT ?2",
	[SQ_EVENT_DEL] = "DELETE FROM event WHERE name=?1",
	[SQ_CURSOR_GET] = "SELECT body FROM cursor WHERE sync=?1",
	[SQ_CURSOR_PUT] = "INSERT INTO cursor VALUES(?1,?2,?3) ON CONFLICT(sync)"
	    " DO UPDATE SET fence=excluded.fence, body=excluded.body"
	    " WHERE excluded.fence>=cursor.fence",
	[SQ_CURSOR_DEL] = "DELETE FROM cursor WHERE sync=?1",
	[SQ_PART_LIST] = "SELECT name, body FROM part WHERE sync=?1",
	[SQ_PART_PUT] = "INSERT INTO part VALUES(?1,?2,?3) ON CONFLICT(sync,name)"
	    " DO UPDATE SET body=excluded.body",
	[SQ_PART_DEL] = "DELETE FROM part WHERE sync=?1 AND name=?2",
	[SQ_PARTS_DEL] = "DELETE FROM part WHERE sync=?1",
	[SQ_ACTION_GET] = "SELECT body FROM action WHERE id=?1",
	[SQ_ACTION_PUT] = "INSERT INTO action VALUES(?1,?2)"
	    " ON CONFLICT(id) DO UPDATE SET body=excluded.body",
	[SQ_ACTION_LIST] = "SELECT body FROM action WHERE id<?1"
	    " ORDER BY id DESC LIMIT ?2",
	[SQ_ACTION_TRIM] = "DELETE FROM action WHERE id<?1 OR id<=(SELECT id"
	    " FROM action ORDER BY id DESC LIMIT 1 OFFSET ?2)",
	[SQ_CACHE_GET] = "SELECT body FROM cache WHERE key=?1 AND expires>?2",
	[SQ_CACHE_PUT] = "INSERT INTO cache VALUES(?1,?2,?3)",
	[SQ_CACHE_DEL] = "DELETE FROM cache WHERE key=?1"
	    " RETURNING length(body)",
	[SQ_CACHE_EXPIRED] = "DELETE FROM cache WHERE rowid IN (SELECT rowid"
	    " FROM cache WHERE expires<=?1 ORDER BY expires LIMIT 8)"
	    " RETURNING length(body)",
	[SQ_CACHE_EVICT] = "DELETE FROM cache WHERE rowid IN (SELECT rowid"
	    " FROM cache ORDER BY expires LIMIT 16) RETURNING length(body)",
	[SQ_CACHE_SIZE] = "SELECT coalesce(sum(length(body)),0) FROM cache",
};

int
state_sqlite_db_err(struct state_sqlite * S, const char * what,
    struct err * e)
{
	int rc = sqlite3_errcode(S->db);
	const char * msg = sqlite3_errmsg(S->db);

	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return (err_set(e, ERR_CONFIG, "state_corrupt",
		    "%s: the state file %s is damaged or no SQLite database "
		    "(%s): restore a copy, or move it away to begin anew",
		    what, S->path, msg));
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return (err_set(e, ERR_CONFIG, "state_file",
		    "%s: cannot write the state file %s: %s", what, S->path,
		    msg));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return (err_set(e, ERR_TRANSIENT, "state_busy",
		    "%s: the state file %s is in use: %s", what, S->path, msg));
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_NOMEM:
		return (err_set(e, ERR_TRANSIENT, "state_io",
		    "%s: state file %s: %s", what, S->path, msg));
	default:
		return (err_set(e, ERR_PERMANENT, "state_sqlite",
		    "%s: state file %s: %s", what, S->path, msg));
	}
}

sqlite3_stmt *
state_sqlite_db_get(struct state_sqlite * S, enum state_sqlite_id id)
{
	sqlite3_reset(S->stmt[id]);
	sqlite3_clear_bindings(S->stmt[id]);
	return (S->stmt[id]);
}

int
state_sqlite_db_run(struct state_sqlite * S, sqlite3_stmt * st,
    const char * what, struct err * e)
{
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		continue;
	if (rc != SQLITE_DONE)
		state_sqlite_db_err(S, what, e);
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

json_t *
state_sqlite_db_json(sqlite3_stmt * st, int col)
{
	const void * p = sqlite3_column_text(st, col);
	int n = sqlite3_column_bytes(st, col);

	return (p == NULL || n < 0 ? NULL : state_json_load(p, (size_t)n));
}

void
state_sqlite_db_bind(sqlite3_stmt * st, int i, const char * s)
{
	sqlite3_bind_text(st, i, s, -1, SQLITE_STATIC);
}

int
state_sqlite_db_meta(struct state_sqlite * S, const char * key, int64_t * v,
    struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_META_GET);
	int rc;

	state_sqlite_db_bind(st, 1, key);
	*v = 0;
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*v = sqlite3_column_int64(st, 0);
	else if (rc != SQLITE_DONE)
		state_sqlite_db_err(S, key, e);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1);
}

int
state_sqlite_db_meta_put(struct state_sqlite * S, const char * key, int64_t v,
    struct err * e)
{
	sqlite3_stmt * st = state_sqlite_db_get(S, SQ_META_PUT);

	state_sqlite_db_bind(st, 1, key);
	sqlite3_bind_int64(st, 2, v);
	return (state_sqlite_db_run(S, st, key, e));
}

/* One owner: its lock lives on a file beside the database, since SQLite's own
 * locks come and go with its transactions. */
static int
take_lock(struct state_sqlite * S, struct err * e)
{
	size_t n = strlen(S->path) + sizeof(".lock");
	char * path = malloc(n), who[32] = "";
	ssize_t got;
	int rc = -1;

	if (path == NULL)
		return (err_nomem(e, "the state's lock"));
	snprintf(path, n, "%s.lock", S->path);
	S->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (S->lock_fd < 0) {
		err_set(e, ERR_CONFIG, "state_file", "cannot make %s: %s "
		    "(does the data directory exist, and may we write there?)",
		    path, strerror(errno));
	} else if (flock(S->lock_fd, LOCK_EX | LOCK_NB) == 0) {
		/* For the message that the next one shows. */
		snprintf(who, sizeof(who), "%ld\n", (long)getpid());
		rc = ftruncate(S->lock_fd, 0) != 0 ||
		    pwrite(S->lock_fd, who, strlen(who), 0) < 0 ?
		    err_set(e, ERR_CONFIG, "state_file",
		    "cannot write %s: %s", path, strerror(errno)) : 0;
	} else {
		got = pread(S->lock_fd, who, sizeof(who) - 1, 0);
		who[got > 0 ? got : 0] = '\0';
		who[strcspn(who, "\n")] = '\0';
		err_set(e, ERR_CONFIG, "locked", "another moltlerd (process "
		    "%s) has the state file %s: stop it, or use another data "
		    "directory", who[0] != '\0' ? who : "unknown", S->path);
	}
	free(path);
	return (rc);
}

/* The text of ${sql}'s first column, or its number if ${text} is NULL. */
static int
ask(struct state_sqlite * S, const char * q, int64_t * v, char * text,
    size_t n, struct err * e)
{
	sqlite3_stmt * st = NULL;
	const unsigned char * s;
	int rc = -1;

	if (sqlite3_prepare_v2(S->db, q, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		*v = sqlite3_column_int64(st, 0);
		s = sqlite3_column_text(st, 0);
		if (text != NULL)
			snprintf(text, n, "%s", s ? (const char *)s : "");
		rc = 0;
	} else {
		state_sqlite_db_err(S, q, e);
	}
	sqlite3_finalize(st);
	return (rc);
}

static int
check_schema(struct state_sqlite * S, struct err * e)
{
	char text[128];
	int64_t v, tables;

	if (ask(S, "PRAGMA journal_mode=WAL", &v, text, sizeof(text), e) ||
	    ask(S, "PRAGMA quick_check(1)", &v, text, sizeof(text), e))
		return (-1);
	if (strcmp(text, "ok") != 0)
		return (err_set(e, ERR_CONFIG, "state_corrupt", "the state "
		    "file %s is damaged (%s): restore a copy, or move it away "
		    "to begin anew", S->path, text));
	if (ask(S, "PRAGMA user_version", &v, NULL, 0, e) ||
	    ask(S, "SELECT count(*) FROM sqlite_schema", &tables, NULL, 0, e))
		return (-1);
	if (v > SCHEMA_VERSION)
		return (err_set(e, ERR_CONFIG, "state_newer", "the state file "
		    "%s was written by a newer moltlerd (layout %lld, we know "
		    "%d): run that one", S->path, (long long)v,
		    SCHEMA_VERSION));
	if (v == 0 && tables > 0)
		return (err_set(e, ERR_CONFIG, "state_foreign", "the file %s "
		    "is a database of another program: use another path",
		    S->path));
	if (v == SCHEMA_VERSION)
		return (0);
	if (sqlite3_exec(S->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) ||
	    (v == 0 && sqlite3_exec(S->db, schema, NULL, NULL, NULL)) ||
	    (v < 2 && sqlite3_exec(S->db, schema_2, NULL, NULL, NULL)) ||
	    sqlite3_exec(S->db, schema_3, NULL, NULL, NULL) ||
	    sqlite3_exec(S->db, "PRAGMA user_version=3", NULL, NULL, NULL) ||
	    sqlite3_exec(S->db, "COMMIT", NULL, NULL, NULL))
		return (state_sqlite_db_err(S, "making the tables", e));
	return (0);
}

int
state_sqlite_db_open(struct state_sqlite * S, struct err * e)
{
	int fd, i;

	if (take_lock(S, e))
		return (-1);
	/* Nobody else may read it: records can hold what users typed. */
	fd = open(S->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return (err_set(e, ERR_CONFIG, "state_file",
		    "cannot open the state file %s: %s", S->path,
		    strerror(errno)));
	close(fd);
	if (sqlite3_open_v2(S->path, &S->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
		return (state_sqlite_db_err(S, "opening", e));
	/* A person with the sqlite3 shell may hold it for a moment. */
	sqlite3_busy_timeout(S->db, 20);
	sqlite3_extended_result_codes(S->db, 0);
	if (sqlite3_exec(S->db, "PRAGMA synchronous=FULL;"
	    "PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=0;"
	    "PRAGMA journal_size_limit=67108864;", NULL, NULL, NULL))
		return (state_sqlite_db_err(S, "opening", e));
	S->sync_full = 1;
	if (check_schema(S, e))
		return (-1);
	for (i = 0; i < SQ_N; i++)
		if (sqlite3_prepare_v3(S->db, sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &S->stmt[i], NULL))
			return (state_sqlite_db_err(S, sql[i], e));
	return (0);
}

void
state_sqlite_db_close(struct state_sqlite * S)
{
	int i;

	for (i = 0; i < SQ_N; i++)
		sqlite3_finalize(S->stmt[i]);
	sqlite3_close(S->db);
	if (S->lock_fd >= 0)
		close(S->lock_fd);
}
