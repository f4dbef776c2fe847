/*
 * How a table of rows looks in its file: columns by the manifest's types, the
 * entity's key as primary key, and before them two columns of ours.  What is there
 * stays; what is new is added.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "target/rows_internal.h"

static const char *
decl(const struct writer_column * c)
{
	switch (c->type) {
	case COLUMN_TEXT:
		return (c->nocase ? "TEXT COLLATE NOCASE" : "TEXT");
	case COLUMN_INTEGER:
		return ("INTEGER");
	case COLUMN_REAL:
		return ("REAL");
	case COLUMN_BOOLEAN:
		return ("BOOLEAN");
	case COLUMN_TIMESTAMP:
		/* TEXT, or what looks like a number would become one. */
		return ("TIMESTAMP TEXT");
	case COLUMN_LIST:
	case COLUMN_MAP:
		break;
	}
	return ("JSON");
}

void
rows_table_clear(struct rows_table * t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].type);
		free(t->v[i].collation);
	}
	free(t->v);
	memset(t, 0, sizeof(*t));
}

static const struct rows_column *
column(const struct rows_table * t, const char * name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcasecmp(t->v[i].name, name) == 0)
			return (&t->v[i]);
	return (NULL);
}

static char *
copy(const char * s)
{
	return (strdup(s != NULL ? s : ""));
}

static int
add_column(sqlite3 * db, const char * table, sqlite3_stmt * st,
    struct rows_table * t)
{
	struct rows_column * v, * c;
	const char * collation = NULL;

	if (t->n % 32 == 0) {
		if ((v = realloc(t->v, (t->n + 32) * sizeof(*v))) == NULL)
			return (SQLITE_NOMEM);
		t->v = v;
	}
	c = &t->v[t->n++];
	c->name = copy((const char *)sqlite3_column_text(st, 0));
	c->type = copy((const char *)sqlite3_column_text(st, 1));
	c->key = sqlite3_column_int(st, 2);
	if (c->name != NULL)
		(void)sqlite3_table_column_metadata(db, "main", table, c->name,
		    NULL, &collation, NULL, NULL, NULL);
	c->collation = copy(collation != NULL ? collation : "BINARY");
	if (c->name == NULL || c->type == NULL || c->collation == NULL)
		return (SQLITE_NOMEM);
	t->nkey += c->key > 0;
	t->has_deleted |= strcasecmp(c->name, ROWS_DELETED) == 0;
	return (SQLITE_OK);
}

int
rows_table_read(sqlite3 * db, const char * table, struct rows_table * t)
{
	static const char * const rowids[] = { "_rowid_", "rowid", "oid" };
	sqlite3_stmt * st;
	size_t i;
	int rc;

	memset(t, 0, sizeof(*t));
	if ((rc = sqlite3_prepare_v2(db, "SELECT name, type, pk FROM "
	    "pragma_table_info(?)", -1, &st, NULL)) != SQLITE_OK)
		return (rc);
	sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if ((rc = add_column(db, table, st, t)) != SQLITE_OK)
			break;
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE) {
		rows_table_clear(t);
		return (rc);
	}
	for (i = 0; i < t->n && t->nkey == 1; i++)
		t->is_alias |= t->v[i].key &&
		    strcasecmp(t->v[i].type, "INTEGER") == 0;
	for (i = 0; i < 3 && t->rowid == NULL; i++)
		if (column(t, rowids[i]) == NULL)
			t->rowid = rowids[i];
	return (SQLITE_OK);
}

static int
create(struct rows_writer * w, struct err * e)
{
	char * sql, * key = NULL;
	const struct writer_column * c;
	size_t i;

	sql = sqlite3_mprintf("CREATE TABLE \"%w\"(" ROWS_OURS "sync INTEGER, "
	    ROWS_OURS "fence INTEGER", w->table);
	for (i = 0; i < w->ncols && sql != NULL; i++) {
		c = &w->cols[i];
		sql = sqlite3_mprintf("%z, \"%w\" %s", sql, c->name, decl(c));
		if (c->is_key)
			key = sqlite3_mprintf("%z%s\"%w\"", key, key ? ", " :
			    "", c->name);
	}
	/* A single INTEGER is the rowid itself. */
	sql = sqlite3_mprintf("%z, PRIMARY KEY(%z)); INSERT INTO "
	    TARGETS_ROWS_LIST " VALUES(%Q)", sql, key, w->table);
	if (rows_db_run(w->db, "making a table", sql, e))
		return (-1);
	w->st.is_new = 1;
	return (0);
}

/* The key is the table's for good: say what does not fit. */
static int
check_key(struct rows_writer * w, struct err * e)
{
	const struct rows_column * have;
	const char * why = NULL, * which = "";
	size_t i, n = 0;

	for (i = 0; i < w->ncols; i++) {
		if (!w->cols[i].is_key)
			continue;
		n++;
		have = column(&w->t, w->cols[i].name);
		if (have == NULL || !have->key) {
			why = "is no part of its key";
			which = w->cols[i].name;
		} else if (w->t.is_alias && w->cols[i].type !=
		    COLUMN_INTEGER) {
			why = "holds whole numbers there";
			which = w->cols[i].name;
		}
	}
	if (why == NULL && n != w->t.nkey)
		why = "and others are its key";
	if (why == NULL)
		return (0);
	return (err_set(e, ERR_CONFIG, "bad_target", "%s.%s holds rows of "
	    "another kind already: %s%s%s; give this sync another target",
	    w->db->name, w->table, which, *which ? " " : "", why));
}

/* Whether the values of ${c} stay what they are in a column that is there: SQLite
 * makes numbers of texts, and reals of integers, where the column says so. */
static int
fits(const struct rows_column * have, const struct writer_column * c)
{
	const char * t = have->type;

	if (have->key && !c->nocase && c->type == COLUMN_TEXT &&
	    strcasecmp(have->collation, "NOCASE") == 0)
		return (0);
	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_TIMESTAMP:
		return (strcasestr(t, "TEXT") != NULL);
	case COLUMN_INTEGER:
		return (strcasecmp(t, "REAL") != 0);
	case COLUMN_REAL:
		return (strcasestr(t, "TEXT") == NULL);
	case COLUMN_BOOLEAN:
	case COLUMN_LIST:
	case COLUMN_MAP:
		break;
	}
	return (1);
}

static int
check_types(struct rows_writer * w, struct err * e)
{
	const struct rows_column * have;
	size_t i;

	for (i = 0; i < w->ncols; i++) {
		have = column(&w->t, w->cols[i].name);
		if (have == NULL || fits(have, &w->cols[i]))
			continue;
		return (err_set(e, ERR_CONFIG, "bad_target", "%s.%s has a "
		    "column %s of type %s%s, where rows of this sync have "
		    "another (%s) that would not be kept as they are: give it "
		    "another target", w->db->name, w->table, have->name,
		    have->type, have->key && strcasecmp(have->collation,
		    "NOCASE") == 0 ? ", whatever case," : "",
		    decl(&w->cols[i])));
	}
	return (0);
}

static int
extend(struct rows_writer * w, struct err * e)
{
	size_t i, n = w->t.n;

	if (check_key(w, e) || check_types(w, e))
		return (-1);
	for (i = 0; i < w->ncols; i++) {
		if (column(&w->t, w->cols[i].name) != NULL)
			continue;
		if (++n > ROWS_MAX_COLUMNS)
			return (err_set(e, ERR_CONFIG, "bad_target", "%s.%s "
			    "would have more than %d columns", w->db->name,
			    w->table, ROWS_MAX_COLUMNS));
		if (rows_db_run(w->db, "adding a column", sqlite3_mprintf(
		    "ALTER TABLE \"%w\" ADD COLUMN \"%w\" %s", w->table,
		    w->cols[i].name, decl(&w->cols[i])), e))
			return (-1);
	}
	return (0);
}

/* Whether there is anything of that name, and how it is spelled; never our
 * business if it was not us who made it. */
static int
is_foreign(struct rows_writer * w)
{
	sqlite3_stmt * st = NULL;
	int found = 0;

	if (sqlite3_prepare_v2(w->db->db, "SELECT 1 FROM sqlite_schema WHERE "
	    "name = ?1 COLLATE NOCASE AND NOT EXISTS(SELECT 1 FROM "
	    TARGETS_ROWS_LIST " WHERE name = ?1)", -1, &st, NULL) ==
	    SQLITE_OK) {
		sqlite3_bind_text(st, 1, w->table, -1, SQLITE_STATIC);
		found = sqlite3_step(st) == SQLITE_ROW;
	}
	sqlite3_finalize(st);
	return (found);
}

int
rows_table_make(struct rows_writer * w, struct err * e)
{
	rows_table_clear(&w->t);
	if (rows_table_read(w->db->db, w->table, &w->t) != SQLITE_OK)
		return (rows_db_err(w->db, "reading a table's columns", e));
	if (is_foreign(w))
		return (err_set(e, ERR_CONFIG, "bad_target", "%s holds a %s "
		    "that is not moltler's: give this sync another target",
		    w->db->path, w->table));
	if (w->t.n == 0 ? create(w, e) : extend(w, e))
		return (-1);
	w->db->gen++;
	return (w->gone > 0 && !w->gone_remove ? rows_table_mark(w, e) : 0);
}

int
rows_table_mark(struct rows_writer * w, struct err * e)
{
	if (w->t.has_deleted)
		return (0);
	if (rows_db_run(w->db, "adding a column", sqlite3_mprintf(
	    "ALTER TABLE \"%w\" ADD COLUMN " ROWS_DELETED " TIMESTAMP TEXT",
	    w->table), e))
		return (-1);
	w->db->gen++;
	return (rows_table_prepare(w, e));
}

/* Behind DO UPDATE SET: what changes, and that something does.  Rows that are
 * swept must tell who saw them last, so those are always written. */
static char *
update_of(const struct rows_writer * w)
{
	char * set, * unlike;
	size_t i;

	set = sqlite3_mprintf(ROWS_OURS "sync = excluded." ROWS_OURS "sync, "
	    ROWS_OURS "fence = excluded." ROWS_OURS "fence%s", w->t.has_deleted
	    ? ", " ROWS_DELETED " = iif(excluded." ROWS_DELETED " IS NULL, "
	    "NULL, ifnull(" ROWS_DELETED ", excluded." ROWS_DELETED "))" : "");
	unlike = sqlite3_mprintf(ROWS_OURS "sync IS NOT excluded." ROWS_OURS
	    "sync%s", w->t.has_deleted ? " OR " ROWS_DELETED " IS NOT NULL" :
	    "");
	for (i = 0; i < w->ncols; i++) {
		if (w->cols[i].is_key)
			continue;
		set = sqlite3_mprintf("%z, \"%w\" = excluded.\"%w\"", set,
		    w->cols[i].name, w->cols[i].name);
		unlike = sqlite3_mprintf("%z OR \"%w\".\"%w\" IS NOT "
		    "excluded.\"%w\"", unlike, w->table, w->cols[i].name,
		    w->cols[i].name);
	}
	if (!w->marks)
		return (sqlite3_mprintf("%z WHERE %z", set, unlike));
	sqlite3_free(unlike);
	return (set);
}

static char *
upsert_of(const struct rows_writer * w)
{
	char * names = NULL, * values = NULL, * key = NULL;
	const struct writer_column * c;
	size_t i;

	for (i = 0; i < w->ncols; i++) {
		c = &w->cols[i];
		names = sqlite3_mprintf("%z, \"%w\"", names, c->name);
		values = sqlite3_mprintf("%z, ?%d", values, (int)i + 3);
		if (c->is_key)
			key = sqlite3_mprintf("%z%s\"%w\"", key, key ? ", " :
			    "", c->name);
	}
	if (w->t.has_deleted) {
		names = sqlite3_mprintf("%z, " ROWS_DELETED, names);
		values = sqlite3_mprintf("%z, ?%d", values, (int)i + 3);
	}
	return (sqlite3_mprintf("INSERT INTO \"%w\"(" ROWS_OURS "sync, "
	    ROWS_OURS "fence%z) VALUES(?1, ?2%z) ON CONFLICT(%z) DO UPDATE "
	    "SET %z", w->table, names, values, key, update_of(w)));
}

/* Of the row that was just written; numbered as there. */
static char *
removal_of(const struct rows_writer * w)
{
	char * sql = sqlite3_mprintf("DELETE FROM \"%w\" WHERE " ROWS_OURS
	    "sync = ?1 AND " ROWS_OURS "fence = ?2", w->table);
	size_t i;

	for (i = 0; i < w->ncols; i++)
		if (w->cols[i].is_key)
			sql = sqlite3_mprintf("%z AND \"%w\" = ?%d", sql,
			    w->cols[i].name, (int)i + 3);
	return (sql);
}

static int
prepare(struct rows_writer * w, char * sql, sqlite3_stmt ** st, struct err * e)
{
	int rc;

	if (sql == NULL)
		return (err_nomem(e, "a table"));
	rc = sqlite3_prepare_v3(w->db->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    st, NULL);
	sqlite3_free(sql);
	return (rc != SQLITE_OK ? rows_db_err(w->db, "preparing to write", e) :
	    0);
}

int
rows_table_prepare(struct rows_writer * w, struct err * e)
{

	if (w->upsert != NULL && w->gen == w->db->gen)
		return (0);
	rows_table_done(w);
	if (rows_table_read(w->db->db, w->table, &w->t) != SQLITE_OK)
		return (rows_db_err(w->db, "reading a table's columns", e));
	if (prepare(w, upsert_of(w), &w->upsert, e) || (w->gone_remove &&
	    prepare(w, removal_of(w), &w->removal, e)))
		return (-1);
	w->gen = w->db->gen;
	return (0);
}

void
rows_table_done(struct rows_writer * w)
{
	sqlite3_finalize(w->upsert);
	sqlite3_finalize(w->reject);
	sqlite3_finalize(w->removal);
	w->upsert = w->reject = w->removal = NULL;
	rows_table_clear(&w->t);
}
