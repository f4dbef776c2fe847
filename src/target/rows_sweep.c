/*
 * After a complete full run: rows of this sync that the run did not write.  The
 * table is walked in small steps, each in a turn of its own; first to count, so
 * that a service that suddenly shows next to nothing empties no table.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "target/rows_internal.h"

#define COUNT_ROWS 2000
#define SWEEP_ROWS 500

/* The condition of one: whose values are all of ${o}.  Letters count for no more than they
 * do at most services. */
static char *
one_of(const json_t * o)
{
	char * sql = sqlite3_mprintf("");
	const char * column;
	const json_t * v;

	json_object_foreach((json_t *)(uintptr_t)o, column, v)
		if (sql != NULL)
			sql = sqlite3_mprintf("%z%sCAST(\"%w\" AS TEXT) = %Q "
			    "COLLATE NOCASE", sql, *sql ? " AND " : "",
			    column, json_string_value(v));
	return (sql);
}

/* The same as the left side of IN (VALUES ...), or one of its values. */
static void
add_tuple(sqlite3_str * s, const json_t * like, const json_t * o)
{
	const char * column, * comma = "(";
	json_t * v;

	json_object_foreach((json_t *)(uintptr_t)like, column, v) {
		if (o == NULL)
			sqlite3_str_appendf(s, "%sCAST(\"%w\" AS TEXT)", comma,
			    column);
		else
			sqlite3_str_appendf(s, "%s%Q", comma,
			    json_string_value(json_object_get(o, column)));
		comma = ", ";
	}
	sqlite3_str_appendchar(s, 1, ')');
}

/* A row whose value is NULL is nobody's. */
static void
add_listed(sqlite3_str * s, const json_t * listed)
{
	const json_t * like = NULL, * o;
	const char * part;

	json_object_foreach((json_t *)(uintptr_t)listed, part, o) {
		sqlite3_str_appendall(s, like == NULL ? " AND " : ", ");
		if (like == NULL) {
			add_tuple(s, o, NULL);
			sqlite3_str_appendall(s, " IN (VALUES ");
			like = o;
		}
		add_tuple(s, like, o);
	}
	sqlite3_str_appendall(s, like != NULL ? ")" : " AND 0");
}

int
rows_sweep_but(struct rows_writer * w, const json_t * but)
{
	sqlite3_str * s;
	const char * part;
	const json_t * o;
	char * one;

	sqlite3_free(w->sweep.but);
	w->sweep.but = NULL;
	if (but == NULL)
		return (0);
	s = sqlite3_str_new(w->db->db);
	add_listed(s, json_object_get(but, "listed"));
	json_object_foreach(json_object_get(but, "left"), part, o) {
		one = one_of(o);
		sqlite3_str_appendf(s, " AND NOT coalesce(%s, 1)", one != NULL ?
		    one : "1");
		sqlite3_free(one);
	}
	w->sweep.but = sqlite3_str_finish(s);
	return (w->sweep.but == NULL ? -1 : 0);
}

/* Rows of this sync, and those of them that are stale; :f is our fence. */
static int
count_part(struct rows_writer * w, int64_t upto, struct err * e)
{
	sqlite3_stmt * st = NULL;
	char * sql;
	int rc;

	sql = sqlite3_mprintf("SELECT count(*), total(" ROWS_OURS "fence < ?2) "
	    "FROM \"%w\" WHERE %s > ?3 AND %s <= ?4 AND " ROWS_OURS
	    "sync = ?1%s%s", w->table, w->t.rowid, w->t.rowid,
	    w->t.has_deleted ? " AND " ROWS_DELETED " IS NULL" : "",
	    w->sweep.but ? w->sweep.but : "");
	if (sql == NULL)
		return (err_nomem(e, "a sweep"));
	rc = sqlite3_prepare_v2(w->db->db, sql, -1, &st, NULL);
	sqlite3_free(sql);
	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(st, 1, w->sync_id);
		sqlite3_bind_int64(st, 2, w->fence);
		sqlite3_bind_int64(st, 3, w->sweep.at);
		sqlite3_bind_int64(st, 4, upto);
		rc = sqlite3_step(st);
	}
	if (rc == SQLITE_ROW) {
		w->sweep.total += (uint64_t)sqlite3_column_int64(st, 0);
		w->sweep.stale += (uint64_t)sqlite3_column_double(st, 1);
		rc = SQLITE_OK;
	}
	if (rc != SQLITE_OK)
		rows_db_err(w->db, "counting what is gone", e);
	sqlite3_finalize(st);
	return (rc == SQLITE_OK ? 0 : -1);
}

/* The last rowid of the next part: 1, 0 if there is none, -1. */
static int
next_part(struct rows_writer * w, int rows, int64_t * upto, struct err * e)
{
	sqlite3_stmt * st = NULL;
	char * sql;
	int rc;

	if (w->t.rowid == NULL)
		return (err_set(e, ERR_CONFIG, "bad_target", "%s.%s has columns "
		    "named rowid, oid and _rowid_, so its rows cannot be "
		    "walked: use deletes 'ignore'", w->db->name, w->table));
	sql = sqlite3_mprintf("SELECT max(r) FROM (SELECT %s AS r FROM \"%w\" "
	    "WHERE %s > ? ORDER BY %s LIMIT %d)", w->t.rowid, w->table,
	    w->t.rowid, w->t.rowid, rows);
	if (sql == NULL)
		return (err_nomem(e, "a sweep"));
	rc = sqlite3_prepare_v2(w->db->db, sql, -1, &st, NULL);
	sqlite3_free(sql);
	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(st, 1, w->sweep.at);
		rc = sqlite3_step(st);
	}
	if (rc != SQLITE_ROW)
		rows_db_err(w->db, "looking for what is gone", e);
	else if (sqlite3_column_type(st, 0) != SQLITE_NULL)
		*upto = sqlite3_column_int64(st, 0);
	else
		rc = SQLITE_DONE;
	sqlite3_finalize(st);
	return (rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1);
}

static int
too_many(struct rows_writer * w, struct err * e)
{
	return (err_set(e, ERR_PERMANENT, "delete_ratio", "%s.%s: %llu of %llu "
	    "rows are no longer there at the service, more than the %g %% that "
	    "may go at once; none was touched: raise delete_ratio if this is "
	    "right", w->db->name, w->table, (unsigned long long)w->sweep.stale,
	    (unsigned long long)w->sweep.total, w->sweep.ratio * 100));
}

int
rows_sweep_count(struct rows_writer * w, struct err * e)
{
	int64_t until = clock_mono_us() + ROWS_BATCH_US / 2, upto = 0;
	int rc;

	if (rows_table_prepare(w, e))
		return (-1);
	do {
		if ((rc = next_part(w, COUNT_ROWS, &upto, e)) < 0)
			return (-1);
		if (rc == 0)
			break;
		if (count_part(w, upto, e))
			return (-1);
		w->sweep.at = upto;
	} while (clock_mono_us() < until);
	if (rc != 0)
		return (0);
	if ((double)w->sweep.stale > w->sweep.ratio * (double)w->sweep.total)
		return (too_many(w, e));
	w->sweep.at = INT64_MIN;
	return (1);
}

static int
sweep_part(struct rows_writer * w, int64_t upto, struct err * e)
{
	char now[RFC3339_LEN], * what;
	int rc;

	rfc3339_format(clock_wall_ms(), now);
	what = w->sweep.how == SWEEP_MARK ?
	    sqlite3_mprintf("UPDATE \"%w\" SET " ROWS_DELETED " = %Q WHERE "
	    ROWS_DELETED " IS NULL AND ", w->table, now) :
	    sqlite3_mprintf("DELETE FROM \"%w\" WHERE ", w->table);
	rc = rows_db_run(w->db, "sweeping", sqlite3_mprintf("%z%s > %lld AND "
	    "%s <= %lld AND " ROWS_OURS "sync = %lld AND " ROWS_OURS
	    "fence < %lld%s", what, w->t.rowid, (long long)w->sweep.at,
	    w->t.rowid, (long long)upto, (long long)w->sync_id,
	    (long long)w->fence, w->sweep.but ? w->sweep.but : ""), e);
	return (rc);
}

int
rows_sweep_step(struct rows_writer * w, struct err * e)
{
	int64_t upto = 0;
	int rc, n;

	if (rows_table_prepare(w, e) || rows_db_begin(w, e))
		return (-1);
	if (w->sweep.how == SWEEP_MARK && rows_table_mark(w, e)) {
		rows_db_rollback(w->db);
		return (-1);
	}
	if ((rc = next_part(w, SWEEP_ROWS, &upto, e)) <= 0) {
		/* The column, at least, is there to stay. */
		if (rc < 0)
			rows_db_rollback(w->db);
		else if (rows_db_commit(w->db, e))
			return (-1);
		return (rc < 0 ? -1 : 1);
	}
	if (sweep_part(w, upto, e)) {
		rows_db_rollback(w->db);
		return (-1);
	}
	n = sqlite3_changes(w->db->db);
	if (rows_db_commit(w->db, e))
		return (-1);
	w->sweep.n += (uint64_t)n;
	w->sweep.at = upto;
	return (0);
}
