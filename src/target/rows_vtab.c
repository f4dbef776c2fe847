/* Tables of rows, as statements see them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "loop/fiber.h"
#include "target/rows_read.h"
#include "target/rows_vtab_internal.h"

#define FEW 200 /* so few rows are counted */

/* A module argument without its quotes; sqlite3_free it. */
static char *
unquote(const char * s)
{
	size_t n = strlen(s), i, o = 0;
	char * out = sqlite3_mprintf("%s", s);

	if (out == NULL || n < 2 || *s != '\'' || s[n - 1] != '\'')
		return (out);
	for (i = 1; i + 1 < n; i++) {
		out[o++] = s[i];
		if (s[i] == '\'' && s[i + 1] == '\'')
			i++;
	}
	out[o] = '\0';
	return (out);
}

/* Our columns are nobody's. */
static void
hide(struct rows_table * t)
{
	size_t i, n = 0;

	for (i = 0; i < t->n; i++) {
		if (strncasecmp(t->v[i].name, ROWS_OURS,
		    strlen(ROWS_OURS)) == 0) {
			t->nkey -= t->v[i].key > 0;
			t->is_alias &= t->v[i].key == 0;
			free(t->v[i].name);
			free(t->v[i].type);
			free(t->v[i].collation);
		} else
			t->v[n++] = t->v[i];
	}
	t->n = n;
}

/* The types of live entities' columns; anything else is somebody's own. */
static int
declare(sqlite3 * db, const struct rows_table * t)
{
	static const char * const types[] = { "TEXT", "INTEGER", "REAL",
	    "BOOLEAN", "TIMESTAMP TEXT", "JSON" };
	const struct rows_column * c;
	const char * type, * collation;
	char * sql = NULL;
	size_t i, k;
	int rc;

	for (i = 0; i < t->n; i++) {
		c = &t->v[i];
		for (k = 0, type = ""; k < 6; k++)
			if (strcasecmp(c->type, types[k]) == 0)
				type = types[k];
		collation = rows_plan_is_time(c) ? " COLLATE " ROWS_INSTANT :
		    strcasecmp(c->collation, "NOCASE") == 0 ?
		    " COLLATE NOCASE" : "";
		sql = sqlite3_mprintf("%z%s\"%w\" %s%s", sql, i == 0 ?
		    "CREATE TABLE x(" : ", ", c->name, type, collation);
		if (sql == NULL)
			return (SQLITE_NOMEM);
	}
	if ((sql = sqlite3_mprintf("%z)", sql)) == NULL)
		return (SQLITE_NOMEM);
	rc = sqlite3_declare_vtab(db, sql);
	sqlite3_free(sql);
	return (rc);
}

static double
number(struct rows_vtab * v, char * sql)
{
	sqlite3_stmt * st = NULL;
	double n = 0;

	if (sql != NULL && sqlite3_prepare_v2(v->file->db, sql, -1, &st,
	    NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_double(st, 0);
	sqlite3_finalize(st);
	sqlite3_free(sql);
	return (n);
}

/* About how many rows there are: a few are counted; of many the last rowid tells,
 * where it is no key of the service's. */
static double
estimate(struct rows_vtab * v)
{
	double n = number(v, sqlite3_mprintf("SELECT count(*) FROM (SELECT 1 "
	    "FROM \"%w\" LIMIT %d)", v->table, FEW));

	if (n < FEW)
		return (n < 1 ? 1 : n);
	if (v->t.is_alias)
		return (1e5);
	n = number(v, sqlite3_mprintf("SELECT max(%s) FROM \"%w\"",
	    v->t.rowid, v->table));
	return (n < FEW ? FEW : n);
}

static void
vtab_free(struct rows_vtab * v)
{
	rows_table_clear(&v->t);
	rows_file_put(v->files, v->file);
	sqlite3_free(v->table);
	sqlite3_free(v);
}

static int
fill(struct rows_vtab * v, sqlite3 * db, const char * file, char ** msg)
{
	char * path = unquote(file);
	int rc = SQLITE_NOMEM;

	if (path != NULL && v->table != NULL)
		rc = rows_file_get(v->files, path, &v->file, msg);
	sqlite3_free(path);
	if (rc != SQLITE_OK)
		return (rc);
	if ((rc = rows_table_read(v->file->db, v->table, &v->t)) != SQLITE_OK) {
		*msg = sqlite3_mprintf("%s: %s", v->file->path,
		    sqlite3_errmsg(v->file->db));
		return (rc);
	}
	hide(&v->t);
	if (v->t.n == 0 || v->t.rowid == NULL) {
		*msg = sqlite3_mprintf("%s has no rows to read in %s",
		    v->file->path, v->table);
		return (SQLITE_ERROR);
	}
	v->estimate = estimate(v);
	return (declare(db, &v->t));
}

static int
r_connect(sqlite3 * db, void * aux, int argc, const char * const * argv,
    sqlite3_vtab ** out, char ** msg)
{
	struct rows_vtab * v;
	int rc;

	if (argc != 5) {
		*msg = sqlite3_mprintf(ROWS_MODULE " wants a file and a table");
		return (SQLITE_ERROR);
	}
	if ((v = sqlite3_malloc(sizeof(*v))) == NULL)
		return (SQLITE_NOMEM);
	memset(v, 0, sizeof(*v));
	v->files = aux;
	v->table = unquote(argv[4]);
	if ((rc = fill(v, db, argv[3], msg)) != SQLITE_OK) {
		vtab_free(v);
		return (rc);
	}
	*out = &v->base;
	return (SQLITE_OK);
}

/* Not the same function: then it would be a table without being made. */
static int
r_create(sqlite3 * db, void * aux, int argc, const char * const * argv,
    sqlite3_vtab ** out, char ** msg)
{
	return (r_connect(db, aux, argc, argv, out, msg));
}

static int
r_disconnect(sqlite3_vtab * base)
{
	vtab_free((struct rows_vtab *)base);
	return (SQLITE_OK);
}

static int
r_best_index(sqlite3_vtab * base, sqlite3_index_info * info)
{
	if (fiber_breathe())
		return (SQLITE_INTERRUPT);
	return (rows_plan_best((struct rows_vtab *)base, info));
}

int
rows_vtab_register(sqlite3 * db)
{
	static const sqlite3_module module = {
		.iVersion = 1,
		.xCreate = r_create,
		.xConnect = r_connect,
		.xBestIndex = r_best_index,
		.xDisconnect = r_disconnect,
		.xDestroy = r_disconnect,
		.xOpen = rows_cursor_open,
		.xClose = rows_cursor_close,
		.xFilter = rows_cursor_filter,
		.xNext = rows_cursor_next,
		.xEof = rows_cursor_eof,
		.xColumn = rows_cursor_column,
		.xRowid = rows_cursor_rowid,
	};
	struct rows_file ** files;
	int rc;

	if ((rc = rows_file_collate(db)) != SQLITE_OK)
		return (rc);
	if ((files = sqlite3_malloc(sizeof(*files))) == NULL)
		return (SQLITE_NOMEM);
	*files = NULL;
	/* The last table closes its file; this frees but the head. */
	return (sqlite3_create_module_v2(db, ROWS_MODULE, &module, files,
	    sqlite3_free));
}
