#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "query/query_internal.h"

/*
 * A name with a * reads all targets that it matches.  Stored samples all have the
 * same columns, so a view of UNION ALL is all it takes.
 */
#define MAX_UNION 60

int
query_union_none(struct query * q, const struct sql_name * nm, struct err * e)
{
	token_error(q->sql, q->len, q->list.t[nm->first].off, e,
	    "no target matches %.100s", nm->table);
	if (e != NULL)
		memcpy(e->code, "no_table", sizeof("no_table"));
	return (-1);
}

static void
add_name(struct buf * sql, const char * name)
{
	buf_addc(sql, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"')
			buf_addc(sql, '"');
		buf_addc(sql, *name);
	}
	buf_addc(sql, '"');
}

/* One table, under a name of its own, and its part of the view. */
static int
add_one(struct query * q, const char * schema, const struct query_table * tab,
    size_t i, struct buf * sql, struct err * e)
{
	char name[SQL_NAME_MAX];

	snprintf(name, sizeof(name), "%zu~%.90s", q->tables_n, tab->table);
	if (query_db_target(q, schema, name, tab, e))
		return (-1);
	query_db_added(q, schema, name);
	buf_adds(sql, i == 0 ? "SELECT * FROM " : " UNION ALL SELECT * FROM ");
	add_name(sql, schema);
	buf_addc(sql, '.');
	add_name(sql, name);
	return (0);
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
	struct buf sql = BUF_INIT(1 << 20);
	size_t n = 0, i;
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
	if (query_db_schema(q, nm, schema, n + 1, e))
		goto done;
	for (i = 0; i < n; i++)
		if (add_one(q, schema, &v[i], i, &sql, e))
			goto done;
	if (sql.failed)
		(void)err_nomem(e, "a query");
	else if (query_db_run(q, sqlite3_mprintf("CREATE VIEW \"%w\".\"%w\" AS "
	    "%s", schema, nm->table, sql.p), e) == 0) {
		query_db_added(q, schema, nm->table);
		rc = 0;
	}
done:
	buf_free(&sql);
	free(v);
	return (rc);
}
