#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "query/query_internal.h"
#include "query/query_live.h"

#define MAX_NAMES ((size_t)16384)
#define MAX_COLUMNS ((size_t)4096)

/* If ${msg} begins with ${prefix}, the rest, else NULL. */
static const char *
after(const char * msg, const char * prefix)
{
	size_t n = strlen(prefix);

	return (strncmp(msg, prefix, n) == 0 ? msg + n : NULL);
}

static const char *
part(const char * name)
{
	const char * dot = strrchr(name, '.');

	return (dot == NULL ? name : dot + 1);
}

/*
 * json_nearest over what could be it: names of about the length, whole first
 * (shop.orders), then by their last part.  Filters in place, so that thousands
 * of names cost little.
 */
static const char *
nearest_name(const char * word, const char ** names, size_t n)
{
	size_t len = strlen(word), i, k, have;
	const char ** cand, ** full, * near = NULL, * at;
	int pass;

	cand = malloc((n + 1) * sizeof(*cand));
	full = malloc((n + 1) * sizeof(*full));
	for (pass = 0; cand != NULL && full != NULL && pass < 2 &&
	    near == NULL; pass++) {
		for (i = k = 0; i < n; i++) {
			at = pass ? part(names[i]) : names[i];
			have = strlen(at);
			if ((have > len ? have - len : len - have) >
			    (have + 2) / 3)
				continue;
			full[k] = names[i];
			cand[k++] = at;
		}
		if ((at = json_nearest(pass ? part(word) : word, cand, k)) ==
		    NULL)
			continue;
		for (i = 0; cand[i] != at; i++)
			continue;
		near = full[i];
	}
	free(cand);
	free(full);
	return (near);
}

/* The table name in the statement that SQLite calls ${name}, or NULL. */
static const struct sql_name *
find_name(const struct query * q, const char * name)
{
	char whole[SQL_NAME_MAX * 2];
	size_t i;

	for (i = 0; i < q->names.n; i++) {
		snprintf(whole, sizeof(whole), "%s%s%s", q->names.v[i].schema,
		    *q->names.v[i].schema ? "." : "", q->names.v[i].table);
		if (strcasecmp(whole, name) == 0)
			return (&q->names.v[i]);
	}
	return (NULL);
}

static int
no_table(struct query * q, const char * name, size_t off, struct err * e)
{
	const struct sql_name * nm = find_name(q, name);
	const char ** names, * near = NULL;
	struct query_table tab;
	char hint[160] = "";
	size_t n = 0;

	memset(&tab, 0, sizeof(tab));
	if (nm != NULL) {
		off = q->list.t[nm->first].off;
		q->cat->lookup(q->cat->arg, *nm->schema ? nm->schema : NULL,
		    nm->table, &tab);
	}
	if (tab.found == 2)
		token_error(q->sql, q->len, off, e,
		    "%.80s is in several databases (%.100s): put one and a "
		    "dot before it", name, tab.schema);
	else if (tab.found == 3)
		token_error(q->sql, q->len, off, e, "%.80s is on node %.127s, "
		    "which holds its database; ask the daemon there", name,
		    tab.schema);
	else if (tab.found == 4)
		token_error(q->sql, q->len, off, e, "%.240s", tab.path);
	else {
		names = malloc(MAX_NAMES * sizeof(*names));
		if (names != NULL && q->cat->names != NULL)
			n = q->cat->names(q->cat->arg, names, MAX_NAMES);
		near = nearest_name(name, names, n < MAX_NAMES ? n : MAX_NAMES);
		if (near != NULL && nm != NULL && strcasecmp(near, name) == 0)
			snprintf(hint, sizeof(hint), " that takes arguments: "
			    "WHERE says what is asked");
		else if (near != NULL)
			snprintf(hint, sizeof(hint), " (did you mean %.120s?)",
			    near);
		else if (nm != NULL && *nm->schema != '\0' && !nm->merged)
			snprintf(hint, sizeof(hint), "; SHOW CONNECTORS and "
			    "SHOW TARGETS list what there is");
		else if (nm != NULL)
			snprintf(hint, sizeof(hint), "; SHOW TARGETS lists "
			    "what there is");
		free(names);
		token_error(q->sql, q->len, off, e, "no table %.100s%s", name,
		    hint);
	}
	if (e != NULL)
		snprintf(e->code, sizeof(e->code), "%s",
		    tab.found == 2 ? "ambiguous_name" : tab.found == 3 ?
		    "not_here" : "no_table");
	return (-1);
}

/* All columns of the statement's tables, as owned strings. */
static size_t
columns(struct query * q, char ** out, size_t max)
{
	const struct manifest_entity * ent;
	sqlite3_stmt * st;
	size_t i, n = 0, c;
	char * sql;
	int k;

	sqlite3_set_authorizer(q->db, NULL, NULL);
	for (i = 0; i < q->tables_n; i++) {
		/* Hidden ones too; and it need not have its inputs here. */
		if ((ent = q->tables[i].ent) != NULL) {
			for (c = 0; c < ent->ncolumns && n < max; c++)
				if ((out[n] = strdup(ent->columns[c].name)) !=
				    NULL)
					n++;
			continue;
		}
		sql = sqlite3_mprintf("SELECT * FROM \"%w\".\"%w\"",
		    q->tables[i].schema, q->tables[i].table);
		if (sql == NULL)
			break;
		if (sqlite3_prepare_v2(q->db, sql, -1, &st, NULL) == SQLITE_OK) {
			for (k = 0; k < sqlite3_column_count(st) && n < max; k++)
				if ((out[n] = strdup(
				    sqlite3_column_name(st, k))) != NULL)
					n++;
			sqlite3_finalize(st);
		}
		sqlite3_free(sql);
	}
	return (n);
}

/* There is one, but not as ${want}, or not where it stands, at byte ${off}. */
static const char *
why_not(const struct query * q, const char * want, size_t off, char whose[160])
{
	static const char * const numbers[] = { "limit", "offset", NULL };
	const char * dot = strrchr(want, '.');
	char have[128];
	size_t i;

	for (i = 1; dot == NULL && i < q->list.n; i++)
		if (q->list.t[i].off == off &&
		    token_is_one_of(&q->list, i - 1, numbers))
			return (": no column can stand here");
	if (dot == NULL)
		return (": none of that name is seen here");
	for (i = 0; i < q->list.n; i++)
		if (!token_is(&q->list, i + 1, ".") &&
		    token_name(&q->list, i, have, sizeof(have)) == 0 &&
		    strlen(have) == (size_t)(dot - want) &&
		    strncasecmp(have, want, strlen(have)) == 0)
			return (": that has none here");
	snprintf(whose, 160, ": nothing here is called %.*s", (int)(dot - want),
	    want);
	return (whose);
}

static int
no_column(struct query * q, const char * name, size_t off, struct err * e)
{
	char ** cols = calloc(MAX_COLUMNS, sizeof(*cols)), want[128];
	char hint[160] = "";
	const char * near = NULL;
	size_t n = 0, i;

	snprintf(want, sizeof(want), "%.127s", name);
	if (cols != NULL) {
		n = columns(q, cols, MAX_COLUMNS);
		near = json_nearest(part(want), (const char * const *)cols, n);
	}
	if (near != NULL && strcasecmp(near, part(want)) != 0)
		snprintf(hint, sizeof(hint), " (did you mean %.100s?)", near);
	token_error(q->sql, q->len, off, e, "no column %.100s%s", want,
	    near != NULL && *hint == '\0' ? why_not(q, want, off, hint) :
	    near == NULL && off < q->len && q->sql[off] == '"' ?
	    ": a text stands between ' and '" : hint);
	for (i = 0; i < n; i++)
		free(cols[i]);
	free(cols);
	return (-1);
}

/* What other databases call it. */
static const char *
elsewhere(const char * name)
{
	static const struct {
		const char * theirs, * ours;
	} words[] = {
		{ "any", "list CONTAINS value" },
		{ "array_length", "json_array_length()" },
		{ "charindex", "instr()" },
		{ "concat", "the operator ||" },
		{ "date_part", "strftime()" },
		{ "date_trunc", "strftime()" },
		{ "getdate", "datetime('now')" },
		{ "greatest", "max(a, b)" },
		{ "json_array_elements", "json_each() after FROM" },
		{ "jsonb_array_elements", "json_each() after FROM" },
		{ "least", "min(a, b)" },
		{ "listagg", "group_concat()" },
		{ "now", "datetime('now')" },
		{ "string_agg", "group_concat()" },
		{ "to_char", "strftime()" },
		{ "to_timestamp", "datetime(x, 'unixepoch')" },
		{ "unnest", "json_each() after FROM" },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(words[i].theirs, name) == 0)
			return (words[i].ours);
	return (NULL);
}

static int
no_function(struct query * q, const char * name, size_t off, struct err * e)
{
	const char * const * known, * near = elsewhere(name);
	size_t n;

	if (near != NULL)
		return (token_error(q->sql, q->len, off, e, "no function "
		    "%.80s(); here it is %s", name, near));
	known = query_auth_functions(&n);
	near = strcasecmp(name, "now") == 0 ? "datetime('now')" :
	    json_nearest(name, known, n);
	return (token_error(q->sql, q->len, off, e, "no function %.80s()%s%s%s",
	    name, near ? " (did you mean " : "", near ? near : "", near == NULL ?
	    "" : strchr(near, '(') ? "?)" : "()?)"));
}

static long
place_of_name(const struct query * q, const char * name)
{
	char have[128];
	size_t i;

	for (i = 0; i < q->list.n; i++)
		if ((q->list.t[i].kind == TOKEN_ID ||
		    q->list.t[i].kind == TOKEN_QUOTED ||
		    q->list.t[i].kind == TOKEN_STRING) &&
		    token_name(&q->list, i, have, sizeof(have)) == 0 &&
		    strcasecmp(have, name) == 0)
			return ((long)q->list.t[i].off);
	return (-1);
}

/* A word of the statement that the message's last word names, if any: SQLite
 * does not give a place for all its errors. */
static long
guess_place(const struct query * q, const char * msg)
{
	const char * w = strrchr(msg, ' ');
	char name[128], * dot;
	long off;

	if (sscanf(msg, "table %127s has", name) == 1)
		return (place_of_name(q, name));
	snprintf(name, sizeof(name), "%s", w == NULL ? msg : w + 1);
	name[strcspn(name, "()")] = '\0';
	/* A column that SELECT * means: its table. */
	while ((off = place_of_name(q, part(name))) < 0 &&
	    (dot = strrchr(name, '.')) != NULL)
		*dot = '\0';
	return (off);
}

/* SQLITE_ERROR: the statement itself is wrong, or what it does. */
static int
bad_sql(struct query * q, struct err * e)
{
	int at = sqlite3_error_offset(q->db);
	const char * name;
	char msg[200];
	long off;

	snprintf(msg, sizeof(msg), "%s", sqlite3_errmsg(q->db));
	off = at >= 0 ? (long)sql_rewrite_offset(&q->rw, (size_t)at) :
	    q->compiling ? guess_place(q, msg) : -1;
	if ((name = after(msg, "no such table: ")) != NULL)
		return (no_table(q, name, off < 0 ? 0 : (size_t)off, e));
	if (off >= 0 && (name = after(msg, "no such column: ")) != NULL)
		return (no_column(q, name, (size_t)off, e));
	if (off >= 0 && (name = after(msg, "no such function: ")) != NULL)
		return (no_function(q, name, (size_t)off, e));
	return (query_syntax(q, msg, off, e));
}

static int
denied(struct query * q, struct err * e)
{
	int at = sqlite3_error_offset(q->db);
	long off;

	off = at >= 0 ? (long)sql_rewrite_offset(&q->rw, (size_t)at) :
	    guess_place(q, *q->refused_name ? q->refused_name :
	    sqlite3_errmsg(q->db));
	if (off < 0)
		off = q->list.n > 0 ? (long)q->list.t[0].off : 0;
	token_error(q->sql, q->len, (size_t)off, e, "%s", q->refused);
	if (e != NULL)
		memcpy(e->code, "denied", sizeof("denied"));
	return (-1);
}

static int
no_memory(struct query * q, struct err * e)
{
	if (q->mem != NULL && query_mem_denied(q->mem) && !q->compiling)
		return (err_set(e, ERR_TRANSIENT, "memory", "the query needs "
		    "more than its %zu MiB of memory: read fewer columns, "
		    "narrow it by WHERE, or leave out ORDER BY, GROUP BY or "
		    "DISTINCT over so many rows",
		    (q->opts.max_memory + ((size_t)1 << 20) - 1) >> 20));
	if (q->mem == NULL || query_mem_failed(q->mem))
		return (err_nomem(e, "the query"));
	/* Past QUERY_PREPARE_MEMORY, or past SQLITE_LIMIT_VDBE_OP, of which
	 * SQLite says the same. */
	return (token_error(q->sql, q->len, q->list.n > 0 ? q->list.t[0].off :
	    0, e, "the statement is too complex: cut it in parts, or shorten "
	    "its lists"));
}

int
query_error(struct query * q, int rc, struct err * e)
{
	if (query_stopped(q, e) || query_live_error(q->live, rc, e))
		return (-1);
	if (rc == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM || q->db == NULL)
		return (no_memory(q, e));
	if (*q->refused != '\0')
		return (denied(q, e));
	switch (rc & 0xff) {
	case SQLITE_ERROR:
	case SQLITE_RANGE:
	case SQLITE_MISMATCH:
		return (bad_sql(q, e));
	case SQLITE_TOOBIG:
		if (q->opts.sync != NULL)
			return (err_set(e, ERR_PERMANENT, "too_big", "the "
			    "service sent a value longer than %d MiB: leave "
			    "that row out by WHERE", QUERY_MAX_SYNCED >> 20));
		return (err_set(e, ERR_PERMANENT, "sql",
		    "a value longer than %d MiB came up: cut it with substr()",
		    QUERY_MAX_VALUE >> 20));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
	case SQLITE_FULL:
	case SQLITE_SCHEMA:
		return (err_set(e, ERR_TRANSIENT, "sqlite", "%s",
		    sqlite3_errmsg(q->db)));
	default:
		return (err_set(e, ERR_PERMANENT, "sqlite", "%s (SQLite %d)",
		    sqlite3_errmsg(q->db), rc));
	}
}
