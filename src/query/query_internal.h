#ifndef MOLTLER_QUERY_QUERY_INTERNAL_H
#define MOLTLER_QUERY_QUERY_INTERNAL_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/fiber.h"
#include "query/query.h"
#include "sql/sql_names.h"
#include "sql/sql_rewrite.h"
#include "sql/token.h"

/* What the parts of query/ share; nobody else includes this. */

#define QUERY_MAX_TABLES 64   /* SQLite joins no more */
#define QUERY_MAX_ATTACHED 10 /* SQLite's compiled-in limit */
#define QUERY_MAX_VALUE ((int)4 << 20) /* bytes of one text or blob, ... */
#define QUERY_MAX_SYNCED ((int)32 << 20) /* ... of a sync, which only hands it on */
/* Compiling has few places to breathe, and names of WITH that each read the one
 * before twice double its work: what it may hold bounds how long it takes. */
#define QUERY_PREPARE_MEMORY ((size_t)10 << 20)
/* SQLite recurses as deep as a statement nests, and its limits multiply: a
 * hundred terms of UNION within each of hundreds of names of WITH.  So where it
 * comes by often (each SELECT, each allocation) we look how much stack is left;
 * what it may need between two looks is far less than this. */
#define QUERY_STACK ((size_t)2 << 20)
#define QUERY_STACK_SPARE ((size_t)1 << 20)

enum query_state {
	QUERY_QUEUED, QUERY_PREPARE, QUERY_RUN, QUERY_PAUSED, QUERY_ENDED
};

/* A table that was made for this statement. */
struct query_attached {
	char schema[SQL_NAME_MAX];
	char table[SQL_NAME_MAX];
	const struct manifest_entity * ent; /* NULL: a target's */
};

struct query_live;

struct query {
	struct loop * loop;
	struct fiber * fiber;
	struct loop_timer * deadline;
	enum query_state state;
	char * sql;
	size_t len;
	size_t too_long; /* the length of a statement that was not copied */
	const struct query_catalog * cat;
	struct query_opts opts;
	struct query_sink sink;
	struct query_stats st;
	int64_t t0_us;
	int cancelled, expired, resumed, compiling;

	struct token_list list;
	struct sql_names names;
	struct sql_rewrite rw;
	struct query_mem * mem;
	sqlite3 * db;
	sqlite3_stmt * stmt;
	struct query_value * row;
	size_t ncols;             /* of it */
	struct query_attached tables[QUERY_MAX_TABLES];
	size_t tables_n;
	int has_rows;             /* ROWS_MODULE is there */
	struct query_live * live; /* NULL: it names no entity (query_live.h) */
	/* What the authorizer refused, for the message; "": not by a name. */
	char refused[96], refused_name[64];

	int failed;
	struct err e;
};

/** query_key: fiber_local(&query_key) is the struct query that runs. */
extern const char query_key;

/**
 * query_breathe(q): Give the loop its turn if we had ours.  Nonzero when the
 * query must stop (deadline, cancel): then unwind.
 */
int query_breathe(struct query * q);

/** query_row(q): ${q}->row goes out.  Nonzero when the query must stop. */
int query_row(struct query * q);

/** query_pause(q): Sleep until the sink can take more, or ${q} must stop. */
void query_pause(struct query * q);

/* query_mem.c: what SQLite holds for one query, counted and capped. */

/** query_mem_new(max): An account of at most ${max} bytes, or NULL. */
struct query_mem * query_mem_new(size_t max);

/** query_mem_limit(m, max): From now on at most ${max} bytes. */
void query_mem_limit(struct query_mem * m, size_t max);

/** query_mem_close(m): Let go of it; memory still charged keeps it until it is
 * freed.  NULL: no-op. */
void query_mem_close(struct query_mem * m);

/** query_mem_denied(m): Whether an allocation met the cap. */
int query_mem_denied(const struct query_mem * m);

/** query_mem_failed(m): Whether the machine had no more. */
int query_mem_failed(const struct query_mem * m);

/* query_vfs.c: temporary files that are memory of the query. */

/** query_vfs_name(): The VFS for statements' connections, registered on first
 * use; NULL if that failed. */
const char * query_vfs_name(void);

/* query_db.c: the statement's own connection. */

/** query_db_open(q, e): Open ${q}->db with its limits, functions and handlers. */
int query_db_open(struct query * q, struct err * e) MUST_CHECK;

/** query_db_attach(q, e): Make the tables that the statement names. */
int query_db_attach(struct query * q, struct err * e) MUST_CHECK;

/**
 * query_db_schema(q, nm, schema, n, e): Be sure that ${schema} is there, for
 * ${n} more tables.
 * query_db_target(q, schema, name, tab, e): Make the table ${name} that reads the
 * target ${tab}.
 * query_db_run(q, sql, e): Run SQL of our own making (sqlite3_mprintf's; freed).
 * query_db_added(q, schema, table): Note it; there must be room.
 */
int query_db_schema(struct query * q, const struct sql_name * nm,
    const char * schema, size_t n, struct err * e) MUST_CHECK;
int query_db_target(struct query * q, const char * schema, const char * name,
    const struct query_table * tab, struct err * e) MUST_CHECK;
int query_db_run(struct query * q, char * sql, struct err * e) MUST_CHECK;
void query_db_added(struct query * q, const char * schema, const char * table);

/** query_db_entity(q, schema, nm, tab, e): Make the table that ${nm} names, in
 * ${schema}, one that reads the entity of ${tab}. */
int query_db_entity(struct query * q, const char * schema,
    const struct sql_name * nm, const struct query_table * tab, struct err * e)
    MUST_CHECK;

/* query_literal.c */

/** query_literals(q, e): Look at the literals beside columns of the attached tables:
 * 'true' beside a boolean becomes true; what no value of the column can be is
 * Config "value". */
int query_literals(struct query * q, struct err * e) MUST_CHECK;
/** query_literal_time(q, i, name, e): The same of token ${i}, if it is a literal: it
 * stands beside ${name}, which is a time. */
int query_literal_time(const struct query * q, size_t i, const char * name,
    struct err * e) MUST_CHECK;

/* query_time.c */

/** query_times(q, e): Have SQLite compare as times what max(), coalesce() and their
 * like, CASE and subqueries make of columns that are times.
 * query_times_name(name, own): A column's name without what it wrote for that, if
 * there is any: ${*own}, to be freed; else NULL.  -1: no memory. */
int query_times(struct query * q, struct err * e) MUST_CHECK;
int query_times_name(const char * name, char ** own) MUST_CHECK;

/* query_union.c */

/** query_union(q, nm, bare, e): Make the name ${nm} with * in it a view: the union
 * of the targets that ${bare} matches.  1: there are none. */
int query_union(struct query * q, const struct sql_name * nm,
    const struct sql_name * bare, struct err * e) MUST_CHECK;
/** query_union_none(q, nm, e): Say that nothing matches.  Return -1. */
int query_union_none(struct query * q, const struct sql_name * nm,
    struct err * e);

/* query_cluster.c: indexes. */

/** Where a name may be: es: and sqlite: before it say so. */
enum query_place { PLACE_ANY, PLACE_HERE, PLACE_CLUSTER };

/** query_cluster_place(nm, bare): That, and the name without it. */
enum query_place query_cluster_place(const struct sql_name * nm,
    struct sql_name * bare);

/**
 * query_cluster_attach(q, nm, bare, place, e): Make ${nm} the index, or the
 * pattern's indexes, that ${bare} names.  Waits.  1: there is none, and it need
 * not be one.
 * query_cluster_clash(q, nm, bare, place, e): -1 if ${bare}, which matches tables
 * here, matches indexes too.
 */
int query_cluster_attach(struct query * q, const struct sql_name * nm,
    const struct sql_name * bare, enum query_place place, struct err * e)
    MUST_CHECK;
int query_cluster_clash(struct query * q, const struct sql_name * nm,
    const struct sql_name * bare, enum query_place place, struct err * e)
    MUST_CHECK;

/** query_db_close(q): Close it. */
void query_db_close(struct query * q);

/* query_auth.c */

/** query_auth_set(q): Refuse from now on all but reading. */
void query_auth_set(struct query * q);

/** query_auth_functions(n): The ${*n} functions a statement may call. */
const char * const * query_auth_functions(size_t * n);

/* query_func.c, query_printf.c: functions that could hold the loop, made so
 * that they cannot. */
int query_func_register(struct query * q);
int query_printf_register(struct query * q);

/* query_contains.c: CONTAINS where no table handles it. */
int query_contains_register(struct query * q);

/* query_check.c */

/** query_check(q, e): Cut ${q}->sql into tokens and refuse what is not exactly
 * one reading statement; fill list, names and rw. */
int query_check(struct query * q, struct err * e) MUST_CHECK;

/* query_error.c */

/** query_error(q, rc, e): Say what SQLite's ${rc} means, at the user's place.
 * Return -1. */
int query_error(struct query * q, int rc, struct err * e);

/* query_syntax.c */

/** query_syntax(q, msg, off, e): SQLite's ${msg} about the text at byte ${off}
 * (-1: it did not say), in our words.  Return -1. */
int query_syntax(struct query * q, const char * msg, long off, struct err * e);

/** query_stopped(q, e): If cancelled or past the deadline say so and return -1,
 * else 0. */
int query_stopped(const struct query * q, struct err * e);

#endif
