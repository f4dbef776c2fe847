#include <stdio.h>
#include <strings.h>

#include "query/query_internal.h"

/*
 * A list of what may be called, not of what may not: a function that comes with
 * a later SQLite is refused until someone has looked at it.  Left out are those
 * that allocate by a number (zeroblob, randomblob), reach out of the statement
 * (load_extension, readfile, sqlite_*) or take quadratic time in one call
 * (json_patch).
 */
static const char * const functions[] = {
	"->", "->>", "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2",
	"atanh", "avg", "ceil", "ceiling", "char", "coalesce", "cos", "cosh",
	"count", "cume_dist", "current_date", "current_time",
	"current_timestamp", "date", "datetime", "degrees", "dense_rank", "exp",
	"first_value", "floor", "format", "glob", "group_concat", "hex",
	"ifnull", "iif", "instr", "json", "json_array", "json_array_length",
	"json_each", "json_extract", "json_group_array", "json_group_object",
	"json_insert", "json_object", "json_quote", "json_remove",
	"json_replace", "json_set", "json_tree", "json_type", "json_valid",
	"julianday", "lag", "last_value", "lead", "length", "like",
	"likelihood", "likely", "ln", "log", "log10", "log2", "lower", "ltrim",
	"match", "max", "min", "mod", "nth_value", "ntile", "nullif",
	"percent_rank", "pi", "pow", "power", "printf", "quote", "radians",
	"random", "rank", "replace", "round", "row_number", "rtrim", "sign",
	"sin", "sinh", "soundex", "sqrt", "strftime", "substr", "substring",
	"sum", "tan", "tanh", "time", "total", "trim", "trunc", "typeof",
	"unicode", "unixepoch", "unlikely", "upper"
};

const char * const *
query_auth_functions(size_t * n)
{
	*n = sizeof(functions) / sizeof(functions[0]);
	return (functions);
}

static int
function_ok(const char * name)
{
	size_t i, n;

	query_auth_functions(&n);
	for (i = 0; i < n; i++)
		if (strcasecmp(functions[i], name) == 0)
			return (1);
	return (0);
}

/* The tables made for this statement, and the two JSON ones; not SQLite's own
 * (sqlite_schema, dbstat, pragma_*), which tell of files. */
static int
table_ok(const struct query * q, const char * schema, const char * table)
{
	size_t i;

	for (i = 0; i < q->tables_n; i++)
		if (strcasecmp(q->tables[i].table, table) == 0 &&
		    strcasecmp(q->tables[i].schema, schema) == 0)
			return (1);
	return (strcasecmp(table, "json_each") == 0 ||
	    strcasecmp(table, "json_tree") == 0);
}

static const char *
verb(int code)
{
	switch (code) {
	case SQLITE_INSERT:
		return ("INSERT");
	case SQLITE_DELETE:
		return ("DELETE");
	default:
		return ("this");
	}
}

/* The one that is named, if only one is. */
static void
own_table(struct query * q)
{
	char name[sizeof(q->refused_name)];
	size_t i;

	for (i = 0; i < q->list.n; i++)
		if (token_name(&q->list, i, name, sizeof(name)) == 0 &&
		    (strncasecmp(name, "pragma_", 7) == 0 ||
		    strncasecmp(name, "sqlite_", 7) == 0 ||
		    strcasecmp(name, "dbstat") == 0))
			memcpy(q->refused_name, name, sizeof(name));
}

static int
authorize(void * arg, int code, const char * a, const char * b,
    const char * schema, const char * inner)
{
	struct query * q = arg;

	(void)inner;
	switch (code) {
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
		if (fiber_stack_left() < QUERY_STACK_SPARE) {
			snprintf(q->refused, sizeof(q->refused),
			    "the statement is nested too deeply");
			return (SQLITE_DENY);
		}
		/* Compiling can take long: a turn for the loop here too. */
		return (query_breathe(q) ? SQLITE_DENY : SQLITE_OK);
	case SQLITE_READ:
		/* No column, no database: a table, or a name of WITH, of which
		 * nothing but the number of rows is read. */
		if (schema == NULL && (b == NULL || *b == '\0'))
			return (SQLITE_OK);
		if (table_ok(q, schema ? schema : "main", a ? a : ""))
			return (SQLITE_OK);
		snprintf(q->refused, sizeof(q->refused),
		    "the table %.60s is not for queries", a);
		snprintf(q->refused_name, sizeof(q->refused_name), "%s", a);
		return (SQLITE_DENY);
	case SQLITE_FUNCTION:
		if (function_ok(b))
			return (SQLITE_OK);
		snprintf(q->refused, sizeof(q->refused),
		    "the function %.60s() is not available", b);
		return (SQLITE_DENY);
	case SQLITE_UPDATE:
		/* Tables that SQLite makes when they are first named. */
		snprintf(q->refused, sizeof(q->refused),
		    "SQLite's own tables are not for queries");
		own_table(q);
		return (SQLITE_DENY);
	default:
		snprintf(q->refused, sizeof(q->refused),
		    "%s is not possible here: a query only reads", verb(code));
		return (SQLITE_DENY);
	}
}

/* A table that comes with a module is made when it is first named, and that
 * writes to the schema: which must have happened before nobody may. */
static void
make_json_table(struct query * q, const char * name, const char * sql)
{
	size_t i;

	for (i = 0; i < q->list.n; i++)
		if (token_is(&q->list, i, name)) {
			sqlite3_exec(q->db, sql, NULL, NULL, NULL);
			return;
		}
}

void
query_auth_set(struct query * q)
{
	make_json_table(q, "json_each", "SELECT 1 FROM json_each('[]')");
	make_json_table(q, "json_tree", "SELECT 1 FROM json_tree('[]')");
	sqlite3_set_authorizer(q->db, authorize, q);
}
