/*
 * A scan of a table of rows.  The SELECT of rows_plan.c runs on a read-only
 * connection; its values are handed on one by one.
 */
#include "target/rows_vtab_internal.h"

#include <string.h>

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

int
rows_cursor_open(sqlite3_vtab * base, sqlite3_vtab_cursor ** out)
{
	struct cursor * c;

	(void)base;
	if ((c = sqlite3_malloc(sizeof(*c))) == NULL)
		return (SQLITE_NOMEM);
	memset(c, 0, sizeof(*c));
	*out = &c->base;
	return (SQLITE_OK);
}

int
rows_cursor_close(sqlite3_vtab_cursor * base)
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

int
rows_cursor_next(sqlite3_vtab_cursor * base)
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

int
rows_cursor_filter(sqlite3_vtab_cursor * base, int idx, const char * what,
    int n, sqlite3_value ** v)
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
	return (rows_cursor_next(base));
}

int
rows_cursor_eof(sqlite3_vtab_cursor * base)
{
	return (((struct cursor *)base)->eof);
}

int
rows_cursor_column(sqlite3_vtab_cursor * base, sqlite3_context * ctx, int col)
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

int
rows_cursor_rowid(sqlite3_vtab_cursor * base, sqlite3_int64 * out)
{
	*out = sqlite3_column_int64(((struct cursor *)base)->st, 0);
	return (SQLITE_OK);
}
