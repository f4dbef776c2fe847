#ifndef MOLTLER_QUERY_QUERY_H
#define MOLTLER_QUERY_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/connector.h"
#include "conn/plan.h"
#include "conn/reader.h"
#include "loop/loop.h"
#include "target/elastic.h"

/*
 * SELECT: SQLite pulls, a fiber waits.  Each query has its own in-memory SQLite
 * connection on a fiber, with the tables the catalog knows attached by name.
 */
struct query;

/*
 * What can be named after FROM.  The query asks the catalog for each name it
 * finds in the statement's tokens: ${schema} is NULL for a bare name.  The
 * catalog answers with the database file and table to read, or leaves found 0.
 */
struct query_table {
	int found;          /* 1; or 2: ambiguous, ${schema} lists where; or
	                     * 3: on another node, which ${schema} names; or
	                     * 4: there is none, and ${path} says why */
	char schema[128];   /* the database it is in */
	char path[1024];    /* its file */
	char table[128];    /* the table in it */
	int rows;           /* it holds rows (target/rows.h), not samples */
	/* An entity of a connector, asked live: then path and table are empty.
	 * Borrowed until the lookup's caller refs it, at once. */
	struct connector * c;
	const struct manifest_entity * ent;
};
struct query_catalog {
	void (*lookup)(void * arg, const char * schema, const char * table,
	    struct query_table * out);
	/* Fill up to ${n} names (borrowed for the call) for "did you mean". */
	size_t (*names)(void * arg, const char ** names, size_t n);
	void * arg;
	/* Fill up to ${n} tables whose names ${pattern} (with *) matches; ${n} + 1
	 * if there are more.  NULL: there are no patterns. */
	size_t (*match)(void * arg, const char * schema, const char * pattern,
	    struct query_table * out, size_t n);
};

/*
 * How a sync reads one entity: a SELECT over it alone, whose rows come in the order
 * of the service's pages (nothing in it sorts).
 */
struct query_sync {
	/*
	 * Where lists move while they are read, going on by page number would
	 * step over rows.  If set, the statement asks "column >= value ORDER BY
	 * column", both go down, and each page is asked for from the last one's
	 * last value on; rows at the seam come twice.  Where the plan cannot do
	 * so (an opaque cursor, no such push) the list pages as it always does.
	 */
	const char * restart;
	const json_t * resume;  /* a token of ${mark} in an earlier run that did not
	                           end, or NULL.  Permanent "resume": it leads
	                           nowhere any more: begin anew. */
	/*
	 * Called between rows: all rows so far are those of the pages up to here, and
	 * ${token} (borrowed) leads on behind them; NULL: nothing does.
	 */
	void (*mark)(void * arg, const json_t * token);
	/* Called for each part that is listed, and for each that is left out
	 * (reader_sync_parts), or NULL. */
	void (*part)(void * arg, uint64_t hash, const json_t * in);
	void (*left)(void * arg, uint64_t hash, const json_t * in);
	void * arg;
	int is_part;            /* it reads one of several parts: refused, that is
	                           left out */
	/* Go on by the service's tokens; that of each part is asked of ${cursors}, and
	 * told. */
	int by_token;
	const struct reader_cursors * cursors; /* or NULL */
	const struct reader_etags * etags; /* has anything changed? or NULL */
};

struct query_opts {
	int64_t deadline_ms;   /* 0: 60 s */
	size_t max_memory;     /* bytes SQLite may hold for it; 0: 64 MiB */
	size_t max_sql;        /* 0: 1 MiB */
	const struct conn_env * conn; /* to ask services; NULL: targets only */
	struct elastic * elastic; /* whose indexes are tables where the catalog
	                             knows no other; NULL: no cluster */
	uint64_t max_calls;    /* of services; 0: the least that the connectors'
	                          OPTIONS say */
	unsigned explain : 1;  /* do not run it: one row a table, in API terms */
	const struct query_sync * sync; /* borrowed until done; NULL: none */
	unsigned no_push : 1;  /* ask services for everything and evaluate here,
	                          for tests that compare */
	unsigned as_is : 1;    /* literals that cannot be of a column are compared
	                          as SQLite does, for such tests */
};

enum query_type { QUERY_NULL, QUERY_INT, QUERY_REAL, QUERY_TEXT, QUERY_BLOB };
struct query_value {
	enum query_type type;
	int64_t i;
	double d;
	const char * s; /* text or blob, not NUL-terminated; not NULL */
	size_t len;
	int is_json;    /* an array or object, that is known of it; 0: perhaps */
};

/* How far a statement that writes to a target is. */
struct query_written {
	const char * entity;   /* at work now, borrowed; NULL: it is none such */
	uint64_t legs_done, legs; /* of its entities */
	uint64_t rows;         /* read */
	uint64_t written;      /* acknowledged by the target */
	int64_t total;         /* that there are; -1: the service does not say */
	double rate;           /* rows written a second, lately */
};

struct query_stats {
	uint64_t rows;
	int64_t ms;
	struct read_stats api; /* of services; 0 for targets */
	struct query_written sync;
	unsigned not_ok : 1;   /* the row tells of something that does not work */
};

/* How the rows of one scan will be asked for.  All is borrowed for the call. */
struct query_scan {
	const struct plan * plan; /* what goes down; values not known yet are stood
	                             in for */
	int known;             /* all of them are known */
	int ordered;           /* the service gives the order that was asked, ... */
	const struct plan_order * orders; /* ... by these */
	size_t norders;
	int sorts;             /* it is made here */
	int64_t limit;         /* rows wanted at most; -1: all; -2: not known */
};

/*
 * Where the answer goes.  columns comes once, before the first row, with the
 * declared types ("" if none); row for each row; done exactly once at the end,
 * from the loop's stack, with ${e} NULL if all went well.  Values are borrowed
 * for the call.  row returns 0 to go on, or 1: then the query sleeps until
 * query_resume().
 */
struct query_sink {
	void (*columns)(void * arg, size_t n, const char * const * names,
	    const char * const * types);
	int (*row)(void * arg, size_t n, const struct query_value * v);
	void (*done)(void * arg, const struct query_stats * st,
	    const struct err * e);
	void * arg;
	/* The query waits for a service: what came so far may go on its way;
	 * at most every 200 ms while there is nothing new but ${st}.  NULL: it
	 * is not said. */
	void (*progress)(void * arg, const struct query_stats * st);
	/* Of opts.explain, before each row: what that row says in words.  NULL: it
	 * is not said. */
	void (*scan)(void * arg, const struct query_scan * s);
};

/**
 * query_start(L, sql, len, cat, opts, sink, e):
 * Run one SELECT (or WITH, VALUES, EXPLAIN QUERY PLAN) statement.  ${cat} must outlive it;
 * ${sql} is copied.  NULL with ${e} only if it cannot start; bad SQL arrives
 * through done: Permanent "sql" with "line L, column C", what was found and
 * the place marked; "no_table" with did-you-mean; "denied" for what is not a
 * SELECT; Transient "deadline", "memory"; Cancelled.
 */
struct query * query_start(struct loop * L, const char * sql, size_t len,
    const struct query_catalog * cat, const struct query_opts * opts,
    const struct query_sink * sink, struct err * e);

/** query_resume(q): The sink can take more. */
void query_resume(struct query * q);

/** query_cancel(q): End it soon: done comes with class Cancelled. */
void query_cancel(struct query * q);

#endif
