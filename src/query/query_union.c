#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/quote.h"
#include "query/query_internal.h"

/*
 * A name with a * reads all targets that it matches: a view of UNION ALL.  Where
 * they have not the same columns, it has all of them, and NULL stands for what a
 * target lacks.  SQLite takes a column's affinity and collation from the first
 * part of such a view and its type from the last: so an empty table that has all
 * columns as they should be stands at both ends.
 */
#define MAX_UNION 60
#define MAX_COLUMNS ((size_t)2000)

/* All columns of the tables so far, and which part has them. */
struct column {
	char * name, * decl;
	const char * cast;
	uint64_t in; /* bits of parts */
};
struct shape {
	struct column * v;
	size_t n, cap;
	int differ;
};

int
query_union_none(struct query * q, const struct sql_name * nm, struct err * e)
{
	size_t off = q->list.t[nm->first].off;
	struct query_table tab;

	/* It may match what another node has. */
	memset(&tab, 0, sizeof(tab));
	q->cat->lookup(q->cat->arg, *nm->schema ? nm->schema : NULL,
	    nm->table, &tab);
	if (tab.found == 3)
		token_error(q->sql, q->len, off, e, "what matches %.80s is on "
		    "node %.127s, which holds its database; ask the daemon "
		    "there", nm->table, tab.schema);
	else
		token_error(q->sql, q->len, off, e, "no target matches %.100s",
		    nm->table);
	if (e != NULL)
		snprintf(e->code, sizeof(e->code), "%s", tab.found == 3 ?
		    "not_here" : "no_table");
	return (-1);
}

static void
add_place(struct buf * sql, const char * schema, const char * name)
{
	quote_name(sql, schema);
	buf_addc(sql, '.');
	quote_name(sql, name);
}

/* What SQLite makes of a declared type, as a word for CAST. */
static const char *
cast_of(const char * type)
{
	if (strcasestr(type, "INT") != NULL)
		return ("INTEGER");
	if (strcasestr(type, "CHAR") != NULL || strcasestr(type, "CLOB") !=
	    NULL || strcasestr(type, "TEXT") != NULL)
		return ("TEXT");
	if (*type == '\0' || strcasestr(type, "BLOB") != NULL)
		return ("BLOB");
	if (strcasestr(type, "REAL") != NULL || strcasestr(type, "FLOA") !=
	    NULL || strcasestr(type, "DOUB") != NULL)
		return ("REAL");
	return ("NUMERIC");
}

static struct column *
column_of(struct query * q, struct shape * sh, const char * schema,
    const char * table, const char * name)
{
	const char * type = NULL, * collation = NULL;
	struct column * v;
	struct buf decl = BUF_INIT(0);
	size_t i;

	for (i = 0; i < sh->n; i++)
		if (strcasecmp(sh->v[i].name, name) == 0)
			return (&sh->v[i]);
	if (sh->n == sh->cap) {
		sh->cap = sh->cap ? sh->cap * 2 : 32;
		if ((v = realloc(sh->v, sh->cap * sizeof(*v))) == NULL)
			return (NULL);
		sh->v = v;
	}
	(void)sqlite3_table_column_metadata(q->db, schema, table, name, &type,
	    &collation, NULL, NULL, NULL);
	buf_adds(&decl, type != NULL ? type : "");
	if (collation != NULL) {
		buf_adds(&decl, " COLLATE ");
		quote_name(&decl, collation);
	}
	v = &sh->v[sh->n];
	v->name = strdup(name);
	v->decl = decl.failed ? NULL : strdup(decl.p);
	v->cast = cast_of(type != NULL ? type : "");
	v->in = 0;
	sh->n++;
	buf_free(&decl);
	return (v->name == NULL || v->decl == NULL ? NULL : v);
}

/* Part ${i} has these columns. */
static int
add_columns(struct query * q, struct shape * sh, const char * schema,
    const char * name, size_t i, struct err * e)
{
	char * sql = sqlite3_mprintf("SELECT * FROM \"%w\".\"%w\"", schema,
	    name);
	sqlite3_stmt * st = NULL;
	struct column * c;
	size_t n, k;
	int rc;

	if (sql == NULL)
		return (err_nomem(e, "a query"));
	rc = sqlite3_prepare_v2(q->db, sql, -1, &st, NULL);
	sqlite3_free(sql);
	if (rc != SQLITE_OK)
		return (query_error(q, rc, e));
	n = (size_t)sqlite3_column_count(st);
	for (k = 0; k < n; k++) {
		c = column_of(q, sh, schema, name, sqlite3_column_name(st,
		    (int)k));
		if (c == NULL)
			break;
		/* In another order, or new, or not there. */
		sh->differ |= (size_t)(c - sh->v) != k || (i > 0 && c->in == 0);
		c->in |= (uint64_t)1 << i;
	}
	sh->differ |= n != sh->n;
	sqlite3_finalize(st);
	if (k < n)
		return (err_nomem(e, "a query"));
	if (sh->n > MAX_COLUMNS)
		return (err_set(e, ERR_PERMANENT, "sql", "the targets have more "
		    "than %zu different columns", MAX_COLUMNS));
	return (0);
}

static void
shape_free(struct shape * sh)
{
	size_t i;

	for (i = 0; i < sh->n; i++) {
		free(sh->v[i].name);
		free(sh->v[i].decl);
	}
	free(sh->v);
}

/* One table, under a name of its own. */
static int
add_one(struct query * q, const char * schema, const struct query_table * tab,
    size_t i, struct shape * sh, struct err * e)
{
	char name[SQL_NAME_MAX];

	snprintf(name, sizeof(name), "%zu~%.90s", q->tables_n, tab->table);
	if (query_db_target(q, schema, name, tab, e))
		return (-1);
	query_db_added(q, schema, name);
	return (add_columns(q, sh, schema, name, i, e));
}

/* The empty table. */
static int
make_shape(struct query * q, const char * schema, const struct shape * sh,
    struct err * e)
{
	struct buf sql = BUF_INIT(1 << 20);
	char name[SQL_NAME_MAX];
	size_t i;
	int rc;

	snprintf(name, sizeof(name), "%zu~", q->tables_n);
	buf_adds(&sql, "CREATE TABLE ");
	add_place(&sql, schema, name);
	for (i = 0; i < sh->n; i++) {
		buf_adds(&sql, i == 0 ? "(" : ", ");
		quote_name(&sql, sh->v[i].name);
		buf_addf(&sql, " %s", sh->v[i].decl);
	}
	buf_addc(&sql, ')');
	rc = sql.failed ? err_nomem(e, "a query") :
	    query_db_run(q, sqlite3_mprintf("%s", sql.p), e);
	buf_free(&sql);
	if (rc == 0)
		query_db_added(q, schema, name);
	return (rc);
}

/* A part of the view: table ${at} of the query's, which is part ${i}. */
static void
add_part(struct query * q, struct buf * sql, const struct shape * sh,
    size_t at, uint64_t in)
{
	const struct query_attached * tab = &q->tables[at];
	size_t k;

	if (!sh->differ)
		buf_adds(sql, "SELECT *");
	for (k = 0; sh->differ && k < sh->n; k++) {
		buf_adds(sql, k == 0 ? "SELECT " : ", ");
		if (sh->v[k].in & in)
			quote_name(sql, sh->v[k].name);
		else
			buf_addf(sql, "CAST(NULL AS %s)", sh->v[k].cast);
	}
	buf_adds(sql, " FROM ");
	add_place(sql, tab->schema, tab->table);
}

/* The view over the tables from ${first} on, ${n} of them. */
static int
make_view(struct query * q, const struct sql_name * nm, const char * schema,
    const struct shape * sh, size_t first, size_t n, struct err * e)
{
	struct buf sql = BUF_INIT(4 << 20);
	size_t i;
	int rc = 0;

	if (sh->differ && (rc = make_shape(q, schema, sh, e)) == 0) {
		add_part(q, &sql, sh, first + n, UINT64_MAX);
		buf_adds(&sql, " UNION ALL ");
	}
	for (i = 0; i < n && rc == 0; i++) {
		if (i > 0)
			buf_adds(&sql, " UNION ALL ");
		add_part(q, &sql, sh, first + i, (uint64_t)1 << i);
	}
	if (sh->differ && rc == 0) {
		buf_adds(&sql, " UNION ALL ");
		add_part(q, &sql, sh, first + n, UINT64_MAX);
	}
	if (sql.failed)
		rc = err_nomem(e, "a query");
	if (rc == 0)
		rc = query_db_run(q, sqlite3_mprintf("CREATE VIEW \"%w\".\"%w\" "
		    "AS %s", schema, nm->table, sql.p), e);
	buf_free(&sql);
	if (rc == 0)
		query_db_added(q, schema, nm->table);
	return (rc);
}

/* A dotted bare name may also be a database and a name in it. */
static size_t
find(struct query * q, const struct sql_name * nm, struct query_table * v)
{
	const struct query_catalog * cat = q->cat;
	const char * schema = *nm->schema &&
	    strcasecmp(nm->schema, "main") != 0 ? nm->schema : NULL;
	const char * dot = strchr(nm->table, '.');
	char first[SQL_NAME_MAX];
	size_t n = cat->match(cat->arg, schema, nm->table, v, MAX_UNION);

	if (n > 0 || *nm->schema || dot == NULL)
		return (n);
	snprintf(first, sizeof(first), "%.*s", (int)(dot - nm->table),
	    nm->table);
	return (cat->match(cat->arg, first, dot + 1, v, MAX_UNION));
}

int
query_union(struct query * q, const struct sql_name * nm,
    const struct sql_name * bare, struct err * e)
{
	const char * schema = *nm->schema ? nm->schema : "main";
	struct query_table * v = NULL;
	struct shape sh = { NULL, 0, 0, 0 };
	size_t n = 0, i, first;
	int rc = -1;

	if (q->cat->match == NULL)
		return (1);
	if ((v = calloc(MAX_UNION, sizeof(*v))) == NULL)
		return (err_nomem(e, "a query"));
	if ((n = find(q, bare, v)) == 0) {
		rc = 1;
		goto done;
	}
	if (n > MAX_UNION) {
		(void)token_error(q->sql, q->len, q->list.t[nm->first].off, e,
		    "more than %d targets match %.100s", MAX_UNION, nm->table);
		goto done;
	}
	if (query_db_schema(q, nm, schema, n + 2, e))
		goto done;
	first = q->tables_n;
	for (i = 0; i < n; i++)
		if (add_one(q, schema, &v[i], i, &sh, e))
			goto done;
	rc = make_view(q, nm, schema, &sh, first, n, e);
done:
	shape_free(&sh);
	free(v);
	return (rc);
}
