/*
 * Entities of connectors as SQLite's tables.  A cursor walks the pages of a feed;
 * what is not there yet it waits for, on the fiber.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "query/query_live.h"

struct cursor {
	sqlite3_vtab_cursor base;
	struct query_feed * feed;
	const struct page * page;
	const struct value * row;
	size_t at_page, at_row;
	size_t half;        /* of the page's rows; SIZE_MAX: was told */
	size_t calls;       /* of xColumn for this row */
	struct query_rowids rowids;
	int64_t rowid;
	int has_rowid;
};

static const char *
decl(const struct manifest_column * col)
{
	switch (col->type) {
	case COLUMN_TEXT:
		return (col->nocase ? "TEXT COLLATE NOCASE" : "TEXT");
	case COLUMN_INTEGER:
		return ("INTEGER");
	case COLUMN_REAL:
		return ("REAL");
	case COLUMN_BOOLEAN:
		return ("BOOLEAN");
	case COLUMN_TIMESTAMP:
		/* TEXT, or '2026' would be compared as a number; query.c
		 * leaves it away. */
		return ("TIMESTAMP TEXT COLLATE " QUERY_INSTANT);
	case COLUMN_LIST:
	case COLUMN_MAP:
		break;
	}
	return ("JSON");
}

static int
declare(sqlite3 * db, const struct manifest_entity * ent)
{
	const struct manifest_column * col;
	char * sql = NULL, * more;
	size_t i;
	int rc;

	for (i = 0; i < ent->ncolumns; i++) {
		col = &ent->columns[i];
		/* HIDDEN is a word of the type: before any COLLATE. */
		more = sqlite3_mprintf("%z%s\"%w\" %s%s", sql,
		    i == 0 ? "CREATE TABLE x(" : ", ", col->name,
		    col->is_input && col->path == NULL ? "HIDDEN " : "",
		    decl(col));
		if ((sql = more) == NULL)
			return (SQLITE_NOMEM);
	}
	if ((sql = sqlite3_mprintf("%z)", sql)) == NULL)
		return (SQLITE_NOMEM);
	rc = sqlite3_declare_vtab(db, sql);
	sqlite3_free(sql);
	return (rc);
}

static int
e_connect(sqlite3 * db, void * aux, int argc, const char * const * argv,
    sqlite3_vtab ** out, char ** msg)
{
	struct query * q = aux;
	struct query_vtab * v;
	unsigned long i;
	char * end;
	int rc;

	/* The one argument is ours: the entity's index. */
	if (argc != 4 || q->live == NULL ||
	    (i = strtoul(argv[3], &end, 10)) >= q->live->nents || *end) {
		*msg = sqlite3_mprintf("no such table: " QUERY_MODULE);
		return (SQLITE_ERROR);
	}
	if ((rc = declare(db, q->live->ents[i].ent)) != SQLITE_OK)
		return (rc);
	sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
	if ((v = sqlite3_malloc(sizeof(*v))) == NULL)
		return (SQLITE_NOMEM);
	memset(v, 0, sizeof(*v));
	v->live = q->live;
	v->entity = i;
	*out = &v->base;
	return (SQLITE_OK);
}

/* Not the same function: then it would be a table without being made. */
static int
e_create(sqlite3 * db, void * aux, int argc, const char * const * argv,
    sqlite3_vtab ** out, char ** msg)
{
	return (e_connect(db, aux, argc, argv, out, msg));
}

static int
e_disconnect(sqlite3_vtab * base)
{
	sqlite3_free(base);
	return (SQLITE_OK);
}

static int
e_open(sqlite3_vtab * base, sqlite3_vtab_cursor ** out)
{
	struct cursor * c;

	(void)base;
	if ((c = sqlite3_malloc(sizeof(*c))) == NULL)
		return (SQLITE_NOMEM);
	memset(c, 0, sizeof(*c));
	*out = &c->base;
	return (SQLITE_OK);
}

static void
leave(struct cursor * c)
{
	query_feed_put(c->feed);
	c->feed = NULL;
	c->page = NULL;
	c->row = NULL;
	query_rowid_clear(&c->rowids);
	c->has_rowid = 0;
}

static int
e_close(sqlite3_vtab_cursor * base)
{
	leave((struct cursor *)base);
	sqlite3_free(base);
	return (SQLITE_OK);
}

/* Go to the first row of page ${i} or of a later one. */
static int
enter_page(struct cursor * c, size_t i)
{
	int rc;

	for (;; i++) {
		c->page = query_feed_page(c->feed, i, &rc);
		if (c->page == NULL)
			break;
		if (c->page->nrows > 0) {
			c->at_page = i;
			c->at_row = 0;
			c->half = c->page->nrows / 2;
			c->row = page_at(c->page, 0);
			/* Nothing stops early: the next page is on its way
			 * while the rows of this one are used. */
			if (query_feed_next(c->feed, i))
				c->half = SIZE_MAX;
			return (SQLITE_OK);
		}
	}
	leave(c);
	return (rc);
}

/* LIMIT and OFFSET as SQLite evaluated them: rows wanted, or -1. */
static int64_t
rows_wanted(const struct query_choice * ch, sqlite3_value ** v)
{
	int64_t limit, offset = 0;

	if (ch->h.limit == 0 || ch->h.sorts)
		return (-1);
	limit = sqlite3_value_int64(v[ch->h.limit - 1]);
	if (ch->h.offset != 0)
		offset = sqlite3_value_int64(v[ch->h.offset - 1]);
	return (query_key_limit(limit, offset));
}

static int
e_filter(sqlite3_vtab_cursor * base, int idx, const char * what, int n,
    sqlite3_value ** v)
{
	struct cursor * c = (struct cursor *)base;
	struct query_vtab * tab = (struct query_vtab *)base->pVtab;
	struct query_live * live = tab->live;
	const struct query_choice * ch;
	int64_t wanted;
	struct err e;
	size_t i;

	(void)what;
	leave(c);
	c->calls = 0;
	if (idx < 0 || (size_t)idx >= live->nchoices)
		return (SQLITE_INTERNAL);
	ch = live->choices[idx];
	if ((size_t)n < ch->h.nasks)
		return (SQLITE_INTERNAL);
	if ((wanted = rows_wanted(ch, v)) == 0)
		return (SQLITE_OK);
	query_key_begin(&live->key, (uint32_t)idx, wanted);
	for (i = 0; i < ch->h.nasks; i++)
		switch (query_key_ask(&live->key, live->ents[tab->entity].ent,
		    &ch->h.asks[i], v[i])) {
		case KEY_OK:
			break;
		case KEY_NOTHING:
			return (SQLITE_OK);
		case KEY_NOMEM:
			return (SQLITE_NOMEM);
		}
	if ((c->feed = query_feed_get(live->feeds, ch, &live->key, &e)) == NULL)
		return (query_live_fail(live, &e));
	return (enter_page(c, 0));
}

/* Go to the next row, if there is one. */
static int
advance(struct cursor * c)
{
	if (++c->at_row >= c->page->nrows) {
		query_feed_mark(c->feed, c->at_page);
		return (enter_page(c, c->at_page + 1));
	}
	c->row += c->page->ncols;
	if (c->at_row >= c->half) {
		c->half = SIZE_MAX;
		query_feed_half(c->feed, c->at_page);
	}
	return (SQLITE_OK);
}

static int
e_next(sqlite3_vtab_cursor * base)
{
	struct cursor * c = (struct cursor *)base;
	struct query_live * live = ((struct query_vtab *)base->pVtab)->live;
	int rc;

	c->has_rowid = 0;
	c->calls = 0;
	rc = advance(c);
	while (rc == SQLITE_OK && c->row != NULL && live->straight.alone) {
		if (query_straight_next(&live->straight, c->row,
		    c->page->ncols, live->q->row))
			break;
		if (query_row(live->q))
			return (SQLITE_INTERRUPT);
		rc = advance(c);
	}
	return (rc);
}

static int
e_eof(sqlite3_vtab_cursor * base)
{
	return (((struct cursor *)base)->row == NULL);
}

static int
e_column(sqlite3_vtab_cursor * base, sqlite3_context * ctx, int col)
{
	struct cursor * c = (struct cursor *)base;
	struct query_vtab * tab = (struct query_vtab *)base->pVtab;
	const struct value * v = NULL;

	if (c->row != NULL && (size_t)col < c->page->ncols)
		v = &c->row[col];
	if (query_straight_take(&tab->live->straight, c->calls++, (size_t)col,
	    v) || v == NULL)
		return (SQLITE_OK);
	switch (v->type) {
	case VALUE_INT:
		sqlite3_result_int64(ctx, v->i);
		break;
	case VALUE_REAL:
		sqlite3_result_double(ctx, v->d);
		break;
	case VALUE_TEXT:
		/* A copy, into a register's own buffer that is used again: what
		 * aggregates keep must outlive the page, and SQLite takes text
		 * called static at its word. */
		sqlite3_result_text64(ctx, v->s, v->len, SQLITE_TRANSIENT,
		    SQLITE_UTF8);
		break;
	default:
		break;
	}
	return (SQLITE_OK);
}

static int
e_rowid(sqlite3_vtab_cursor * base, sqlite3_int64 * out)
{
	struct cursor * c = (struct cursor *)base;

	/* Once a row: each counts. */
	if (!c->has_rowid && c->row != NULL && query_rowid(&c->rowids, c->row,
	    c->page->ncols, &c->rowid))
		return (SQLITE_NOMEM);
	c->has_rowid = 1;
	*out = c->rowid;
	return (SQLITE_OK);
}

static int
instant_order(void * arg, int na, const void * a, int nb, const void * b)
{
	(void)arg;
	return (rfc3339_order(a, (size_t)na, b, (size_t)nb));
}

int
query_entity_register(struct query * q)
{
	static const sqlite3_module module = {
		.iVersion = 1,
		.xCreate = e_create,
		.xConnect = e_connect,
		.xBestIndex = query_index_best,
		.xDisconnect = e_disconnect,
		.xDestroy = e_disconnect,
		.xOpen = e_open,
		.xClose = e_close,
		.xFilter = e_filter,
		.xNext = e_next,
		.xEof = e_eof,
		.xColumn = e_column,
		.xRowid = e_rowid,
	};
	int rc;

	if ((rc = sqlite3_create_collation_v2(q->db, QUERY_INSTANT, SQLITE_UTF8,
	    NULL, instant_order, NULL)) != SQLITE_OK)
		return (rc);
	return (sqlite3_create_module_v2(q->db, QUERY_MODULE, &module, q,
	    NULL));
}
