/*
 * Tables of rows, as statements see them.  The SELECT of rows_plan.c runs on a
 * read-only connection; its values are handed on one by one.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/rfc3339.h"
#include "loop/fiber.h"
#include "target/rows_read.h"
#include "target/rows_vtab_internal.h"

#define STEPS 1000 /* of SQLite's machine between two breaths */
#define FEW 200

struct cursor {
	sqlite3_vtab_cursor base;
	sqlite3_stmt * st;
	char * sql;
	int ncols, eof, in_snapshot;
};

static int
fail(sqlite3_vtab * base, int rc)
{
	struct rows_vtab * v = (struct rows_vtab *)base;

	if (rc == SQLITE_INTERRUPT || rc == SQLITE_NOMEM ||
	    rc == SQLITE_IOERR_NOMEM)
		return (rc);
	sqlite3_free(base->zErrMsg);
	base->zErrMsg = sqlite3_mprintf("rows of %s cannot be read: %s",
	    v->table, sqlite3_errmsg(v->file->db));
	return (rc);
}

static int
instant_order(void * arg, int na, const void * a, int nb, const void * b)
{
	(void)arg;
	return (rfc3339_order(a, (size_t)na, b, (size_t)nb));
}

static int
collate(sqlite3 * db)
{
	return (sqlite3_create_collation_v2(db, ROWS_INSTANT, SQLITE_UTF8, NULL,
	    instant_order, NULL));
}

static int
on_progress(void * arg)
{
	(void)arg;
	return (fiber_breathe());
}

static void
file_put(struct rows_file ** all, struct rows_file * f)
{
	if (f == NULL || --f->refs > 0)
		return;
	while (*all != f)
		all = &(*all)->next;
	*all = f->next;
	sqlite3_close(f->db);
	sqlite3_free(f->path);
	sqlite3_free(f);
}

static int
file_open(struct rows_file * f)
{
	int rc;

	if ((rc = sqlite3_open_v2(f->path, &f->db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL)) != SQLITE_OK ||
	    (rc = sqlite3_exec(f->db, "PRAGMA cache_size=-1024;"
	    "PRAGMA trusted_schema=0", NULL, NULL, NULL)) != SQLITE_OK ||
	    /* A column that somebody took away meanwhile is no text. */
	    (rc = sqlite3_db_config(f->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL)) !=
	    SQLITE_OK)
		return (rc);
	sqlite3_progress_handler(f->db, STEPS, on_progress, NULL);
	return (collate(f->db));
}

/* The file, opened once a statement. */
static int
file_get(struct rows_file ** all, const char * path, struct rows_file ** out,
    char ** msg)
{
	struct rows_file * f;
	int rc = SQLITE_NOMEM;

	for (f = *all; f != NULL; f = f->next)
		if (strcmp(f->path, path) == 0) {
			f->refs++;
			*out = f;
			return (SQLITE_OK);
		}
	if ((f = sqlite3_malloc(sizeof(*f))) == NULL)
		return (SQLITE_NOMEM);
	memset(f, 0, sizeof(*f));
	f->refs = 1;
	f->next = *all;
	*all = f;
	if ((f->path = sqlite3_mprintf("%s", path)) != NULL)
		rc = file_open(f);
	if (rc != SQLITE_OK) {
		*msg = sqlite3_mprintf("%s: %s", path, f->db ?
		    sqlite3_errmsg(f->db) : "out of memory");
		file_put(all, f);
		return (rc);
	}
	*out = f;
	return (SQLITE_OK);
}

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
	file_put(v->files, v->file);
	sqlite3_free(v->table);
	sqlite3_free(v);
}

static int
fill(struct rows_vtab * v, sqlite3 * db, const char * file, char ** msg)
{
	char * path = unquote(file);
	int rc = SQLITE_NOMEM;

	if (path != NULL && v->table != NULL)
		rc = file_get(v->files, path, &v->file, msg);
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

static int
r_open(sqlite3_vtab * base, sqlite3_vtab_cursor ** out)
{
	struct cursor * c;

	(void)base;
	if ((c = sqlite3_malloc(sizeof(*c))) == NULL)
		return (SQLITE_NOMEM);
	memset(c, 0, sizeof(*c));
	*out = &c->base;
	return (SQLITE_OK);
}

static int
r_close(sqlite3_vtab_cursor * base)
{
	struct cursor * c = (struct cursor *)base;
	struct rows_file * f = ((struct rows_vtab *)base->pVtab)->file;

	sqlite3_finalize(c->st);
	sqlite3_free(c->sql);
	/* The last one lets go of the snapshot. */
	if (c->in_snapshot && --f->cursors == 0)
		sqlite3_exec(f->db, "COMMIT", NULL, NULL, NULL);
	sqlite3_free(c);
	return (SQLITE_OK);
}

static int
r_next(sqlite3_vtab_cursor * base)
{
	struct cursor * c = (struct cursor *)base;
	int rc = sqlite3_step(c->st);

	if (rc == SQLITE_ROW)
		return (SQLITE_OK);
	c->eof = 1;
	if (rc == SQLITE_DONE) {
		/* Its pages may go. */
		sqlite3_reset(c->st);
		return (SQLITE_OK);
	}
	return (fail(base->pVtab, rc));
}

/* The text that ${what} means for these values; its length. */
static const char *
choose(int idx, const char * what, int n, sqlite3_value ** v, size_t * len)
{
	const char * second = strchr(what, '\n');
	int i, type, loose = 0;

	*len = second != NULL ? (size_t)(second - what) : strlen(what);
	for (i = 0; i < n && second != NULL; i++) {
		type = sqlite3_value_type(v[i]);
		loose |= (idx >> i & 1) && (type == SQLITE_INTEGER ||
		    type == SQLITE_FLOAT);
	}
	if (!loose)
		return (what);
	*len = strlen(second + 1);
	return (second + 1);
}

static int
prepare(struct cursor * c, const char * sql, size_t len)
{
	struct rows_vtab * v = (struct rows_vtab *)c->base.pVtab;
	int rc;

	if (c->st != NULL && strncmp(c->sql, sql, len) == 0 &&
	    c->sql[len] == '\0') {
		sqlite3_reset(c->st);
		return (SQLITE_OK);
	}
	sqlite3_finalize(c->st);
	c->st = NULL;
	sqlite3_free(c->sql);
	if ((c->sql = sqlite3_mprintf("%.*s", (int)len, sql)) == NULL)
		return (SQLITE_NOMEM);
	rc = sqlite3_prepare_v3(v->file->db, c->sql, (int)len + 1, 0, &c->st,
	    NULL);
	c->ncols = c->st != NULL ? sqlite3_column_count(c->st) : 0;
	return (rc);
}

static int
r_filter(sqlite3_vtab_cursor * base, int idx, const char * what, int n,
    sqlite3_value ** v)
{
	struct cursor * c = (struct cursor *)base;
	struct rows_file * f = ((struct rows_vtab *)base->pVtab)->file;
	const char * sql;
	size_t len;
	int rc, i;

	c->eof = 0;
	if (!c->in_snapshot) {
		if (f->cursors == 0 && (rc = sqlite3_exec(f->db, "BEGIN", NULL,
		    NULL, NULL)) != SQLITE_OK)
			return (fail(base->pVtab, rc));
		f->cursors++;
		c->in_snapshot = 1;
	}
	sql = choose(idx, what, n, v, &len);
	if ((rc = prepare(c, sql, len)) != SQLITE_OK)
		return (fail(base->pVtab, rc));
	for (i = 0; i < n && i < sqlite3_bind_parameter_count(c->st); i++)
		if ((rc = sqlite3_bind_value(c->st, i + 1, v[i])) != SQLITE_OK)
			return (fail(base->pVtab, rc));
	return (r_next(base));
}

static int
r_eof(sqlite3_vtab_cursor * base)
{
	return (((struct cursor *)base)->eof);
}

static int
r_column(sqlite3_vtab_cursor * base, sqlite3_context * ctx, int col)
{
	struct cursor * c = (struct cursor *)base;
	sqlite3_value * v;
	const char * s;

	if (c->eof || ++col >= c->ncols)
		return (SQLITE_OK);
	/* As in query.c: a text is taken as it lies there, without a NUL. */
	v = sqlite3_column_value(c->st, col);
	if (sqlite3_value_type(v) == SQLITE_TEXT) {
		s = sqlite3_value_blob(v);
		sqlite3_result_text64(ctx, s != NULL ? s : "",
		    (sqlite3_uint64)sqlite3_value_bytes(v), SQLITE_TRANSIENT,
		    SQLITE_UTF8);
	} else
		sqlite3_result_value(ctx, v);
	return (SQLITE_OK);
}

static int
r_rowid(sqlite3_vtab_cursor * base, sqlite3_int64 * out)
{
	*out = sqlite3_column_int64(((struct cursor *)base)->st, 0);
	return (SQLITE_OK);
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
		.xOpen = r_open,
		.xClose = r_close,
		.xFilter = r_filter,
		.xNext = r_next,
		.xEof = r_eof,
		.xColumn = r_column,
		.xRowid = r_rowid,
	};
	struct rows_file ** files;
	int rc;

	if ((rc = collate(db)) != SQLITE_OK)
		return (rc);
	if ((files = sqlite3_malloc(sizeof(*files))) == NULL)
		return (SQLITE_NOMEM);
	*files = NULL;
	/* The last table closes its file; this frees but the head. */
	return (sqlite3_create_module_v2(db, ROWS_MODULE, &module, files,
	    sqlite3_free));
}
