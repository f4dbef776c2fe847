#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "query/query_db.h"
#include "query/query_internal.h"
#include "query/query_live.h"
#include "target/rows_read.h"
#include "target/sample_store.h"

/* SQLite's own filter before an index it makes (3.40) takes only texts of one
 * length for equal, whatever the collation says; times have several. */
#define BLOOM_FILTER 0x80000

/* How many steps of SQLite's machine between two looks at the clock: some
 * hundred microseconds. */
#define STEPS 1000

static const char * module_name = "moltler_samples";
static int (*module_register)(struct sqlite3 *) = sample_vtab_register;

void
query_db_module(const char * name, int (*reg)(struct sqlite3 *))
{
	module_name = name;
	module_register = reg;
}

static int
progress(void * arg)
{
	return (query_breathe(arg));
}

static void
set_limits(struct query * q)
{
	static const struct {
		int id, value;
	} limits[] = {
		{ SQLITE_LIMIT_COLUMN, 2000 },
		{ SQLITE_LIMIT_EXPR_DEPTH, 500 },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 100 },
		/* Straight code has no place to breathe. */
		{ SQLITE_LIMIT_VDBE_OP, 200000 },
		{ SQLITE_LIMIT_FUNCTION_ARG, 100 },
		{ SQLITE_LIMIT_ATTACHED, QUERY_MAX_ATTACHED },
		{ SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 10000 },
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 1 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
		{ SQLITE_LIMIT_WORKER_THREADS, 0 }
	};
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		sqlite3_limit(q->db, limits[i].id, limits[i].value);
	sqlite3_limit(q->db, SQLITE_LIMIT_LENGTH, q->opts.sync != NULL ?
	    QUERY_MAX_SYNCED : QUERY_MAX_VALUE);
	/* With room for what query_times writes. */
	sqlite3_limit(q->db, SQLITE_LIMIT_SQL_LENGTH, QUERY_MAX_VALUE +
	    (int)q->rw.sql.len);
}

int
query_db_open(struct query * q, struct err * e)
{
	const char * vfs = query_vfs_name();
	int rc = SQLITE_ERROR;

	if (vfs != NULL)
		rc = sqlite3_open_v2(":memory:", &q->db, SQLITE_OPEN_READWRITE |
		    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
	if (rc != SQLITE_OK)
		return (query_error(q, rc, e));
	sqlite3_extended_result_codes(q->db, 1);
	set_limits(q);
	sqlite3_test_control(SQLITE_TESTCTRL_OPTIMIZATIONS, q->db, BLOOM_FILTER);
	sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* "typo" is an unknown column, not a text. */
	sqlite3_db_config(q->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(q->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	/* Temporary files are ours (query_vfs.c); small caches, so that they are
	 * used: the file counts under the query's cap just as the cache does. */
	if ((rc = sqlite3_exec(q->db, "PRAGMA temp_store=FILE; "
	    "PRAGMA cache_size=-256", NULL, NULL, NULL)) != SQLITE_OK ||
	    (rc = query_func_register(q)) != SQLITE_OK ||
	    (rc = query_printf_register(q)) != SQLITE_OK ||
	    (rc = query_contains_register(q)) != SQLITE_OK ||
	    (rc = module_register(q->db)) != SQLITE_OK)
		return (query_error(q, rc, e));
	sqlite3_progress_handler(q->db, STEPS, progress, q);
	return (0);
}

static int
have_table(const struct query * q, const char * schema, const char * table)
{
	size_t i;

	for (i = 0; i < q->tables_n; i++)
		if (strcasecmp(q->tables[i].schema, schema) == 0 &&
		    strcasecmp(q->tables[i].table, table) == 0)
			return (1);
	return (0);
}

static int
have_schema(const struct query * q, const char * schema)
{
	size_t i;

	if (strcasecmp(schema, "main") == 0 || strcasecmp(schema, "temp") == 0)
		return (1);
	for (i = 0; i < q->tables_n; i++)
		if (strcasecmp(q->tables[i].schema, schema) == 0)
			return (1);
	return (0);
}

static size_t
schemas(const struct query * q)
{
	size_t i, k, n = 0;

	for (i = 0; i < q->tables_n; i++) {
		for (k = 0; k < i; k++)
			if (strcasecmp(q->tables[i].schema,
			    q->tables[k].schema) == 0)
				break;
		n += k == i && strcasecmp(q->tables[i].schema, "main") != 0 &&
		    strcasecmp(q->tables[i].schema, "temp") != 0;
	}
	return (n);
}

/* Run SQL of our own making, freed here. */
static int
run(struct query * q, char * sql, struct err * e)
{
	int rc = SQLITE_NOMEM;

	if (sql != NULL)
		rc = sqlite3_exec(q->db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return (rc == SQLITE_OK ? 0 : query_error(q, rc, e));
}

static int
is_main(const char * schema)
{
	return (*schema == '\0' || strcasecmp(schema, "main") == 0);
}

/* Ask the catalog; a dotted bare name may also be a schema and a table. */
static int
lookup(struct query * q, const struct sql_name * nm, struct query_table * out)
{
	char schema[SQL_NAME_MAX], whole[SQL_NAME_MAX * 2];
	const char * dot;

	memset(out, 0, sizeof(*out));
	q->cat->lookup(q->cat->arg, is_main(nm->schema) ? NULL : nm->schema,
	    nm->table, out);
	if (out->found == 1 || out->found == 2 || (*nm->schema && nm->merged))
		return (out->found);
	if (*nm->schema) {
		/* a.b may be the name of one table. */
		snprintf(whole, sizeof(whole), "%s.%s", nm->schema, nm->table);
		q->cat->lookup(q->cat->arg, NULL, whole, out);
	} else if (nm->merged && (dot = strchr(nm->table, '.')) != NULL) {
		memcpy(schema, nm->table, (size_t)(dot - nm->table));
		schema[dot - nm->table] = '\0';
		q->cat->lookup(q->cat->arg, schema, dot + 1, out);
	}
	return (out->found);
}

int
query_db_schema(struct query * q, const struct sql_name * nm,
    const char * schema, size_t n, struct err * e)
{
	size_t off = q->list.t[nm->first].off;

	if (q->tables_n + n > QUERY_MAX_TABLES)
		return (token_error(q->sql, q->len, off, e,
		    "more than %d tables in one query", QUERY_MAX_TABLES));
	if (have_schema(q, schema))
		return (0);
	if (schemas(q) >= QUERY_MAX_ATTACHED)
		return (token_error(q->sql, q->len, off, e,
		    "a query can read from %d databases at once, and "
		    "%s is one more", QUERY_MAX_ATTACHED, schema));
	return (run(q, sqlite3_mprintf("ATTACH ':memory:' AS \"%w\"", schema),
	    e));
}

int
query_db_target(struct query * q, const char * schema, const char * name,
    const struct query_table * tab, struct err * e)
{
	int rc;

	if (tab->rows && !q->has_rows) {
		if ((rc = rows_vtab_register(q->db)) != SQLITE_OK)
			return (query_error(q, rc, e));
		q->has_rows = 1;
	}
	return (run(q, sqlite3_mprintf("CREATE VIRTUAL TABLE \"%w\".\"%w\" "
	    "USING %s(%Q, %Q)", schema, name, tab->rows ? ROWS_MODULE :
	    module_name, tab->path, tab->table), e));
}

void
query_db_added(struct query * q, const char * schema, const char * table)
{
	snprintf(q->tables[q->tables_n].schema, SQL_NAME_MAX, "%s", schema);
	snprintf(q->tables[q->tables_n].table, SQL_NAME_MAX, "%s", table);
	q->tables_n++;
}

int
query_db_run(struct query * q, char * sql, struct err * e)
{
	return (run(q, sql, e));
}

/* An entity: its connector is held from here on, so that nothing may come between
 * the lookup and this. */
int
query_db_entity(struct query * q, const char * schema,
    const struct sql_name * nm, const struct query_table * tab, struct err * e)
{
	int i;

	if (q->live == NULL) {
		if ((q->live = query_live_new(q)) == NULL)
			return (err_nomem(e, "a query"));
		if ((i = query_entity_register(q)) != SQLITE_OK)
			return (query_error(q, i, e));
	}
	if ((i = query_live_add(q->live, tab->c, tab->ent, nm->first)) < 0)
		return (err_set(e, ERR_PERMANENT, "sql", "more than %d tables "
		    "in one query", QUERY_MAX_TABLES));
	return (run(q, sqlite3_mprintf("CREATE VIRTUAL TABLE \"%w\".\"%w\" "
	    "USING " QUERY_MODULE "(%d)", schema, nm->table, i), e));
}

static int
attach(struct query * q, const struct sql_name * nm, struct err * e)
{
	const char * schema = *nm->schema ? nm->schema : "main";
	struct query_table tab;
	struct sql_name bare;
	enum query_place place;
	int rc, wild;

	if (*nm->table == '\0' || have_table(q, schema, nm->table))
		return (0);
	place = query_cluster_place(nm, &bare);
	wild = strchr(bare.table, '*') != NULL;
	memset(&tab, 0, sizeof(tab));
	if (place != PLACE_CLUSTER)
		(void)lookup(q, &bare, &tab);
	if (tab.found != 1) {
		rc = 1;
		if (wild && place != PLACE_CLUSTER &&
		    (rc = query_union(q, nm, &bare, e)) == 0)
			rc = query_cluster_clash(q, nm, &bare, place, e);
		if (rc == 1 && place != PLACE_HERE && tab.found == 0)
			rc = query_cluster_attach(q, nm, &bare, place, e);
		if (rc == 1 && wild && q->cat->match != NULL)
			return (query_union_none(q, nm, e));
		/* If there is none: a CTE perhaps; if not SQLite will miss it. */
		return (rc < 0 ? -1 : 0);
	}
	if (query_db_schema(q, nm, schema, 1, e) || (tab.c != NULL ?
	    query_db_entity(q, schema, nm, &tab, e) :
	    query_db_target(q, schema, nm->table, &tab, e)))
		return (-1);
	q->tables[q->tables_n].ent = tab.ent;
	query_db_added(q, schema, nm->table);
	return (0);
}

int
query_db_attach(struct query * q, struct err * e)
{
	size_t i;

	for (i = 0; i < q->names.n; i++) {
		if (attach(q, &q->names.v[i], e))
			return (-1);
		if (query_breathe(q))
			return (query_stopped(q, e));
	}
	return (0);
}

void
query_db_close(struct query * q)
{
	sqlite3_finalize(q->stmt);
	q->stmt = NULL;
	sqlite3_close(q->db);
	q->db = NULL;
	query_live_free(q->live);
	q->live = NULL;
}
