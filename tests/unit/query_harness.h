#ifndef MOLTLER_TESTS_QUERY_HARNESS_H
#define MOLTLER_TESTS_QUERY_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "query/query.h"

/* One query and what came of it: rows as text, "a|b\n", NULL as "-". */
struct run {
	struct query * q;
	struct buf out;
	struct buf scans;  /* a line a scan that EXPLAIN tells of */
	char columns[512]; /* "name type, name type" */
	int columns_n;     /* how often columns came */
	int done;          /* how often done came */
	int failed;
	struct err e;
	struct query_stats st;
	uint64_t rows;
	/* Knobs. */
	uint64_t pause_every; /* row returns 1 on each such row */
	int pauses;
	int progress;      /* how often progress came */
	uint64_t cancel_at;   /* query_cancel from within that row */
	int quiet;            /* do not keep the rows */
};

extern struct loop * harness_loop;

/*
 * Tables: series(100), big(3 million), mid(200,000), wait(100, naps), wide
 * (names of 100 KB), failing (at row 5), busy (at row 5), gone (cannot open),
 * shop.orders(10), "my-cache-*"(3), db.node-metrics(4) as schema db, the bare
 * "x.y"(2), s0..s11.t(1), dup (ambiguous), dbstat(7), sqlite_like(1).
 */
extern const struct query_catalog harness_catalog;

/* The catalog that queries get; harness_catalog unless a test says else. */
extern const struct query_catalog * harness_use;

/* Set it where answers are compared with SQLite's own (query_opts.as_is). */
extern int harness_as_is;

int harness_setup(void ** state);
int harness_teardown(void ** state);

/* Start ${sql}; ${r} must be zeroed but for its knobs. */
void harness_start(struct run * r, const char * sql, size_t len,
    const struct query_opts * opts);

/* Turn the loop until ${r} is done (60 s at most). */
void harness_finish(struct run * r);

/* Start and finish; the result is static and freed by the next call. */
struct run * harness_run(const char * sql);
struct run * harness_run_opts(const char * sql, size_t len,
    const struct query_opts * opts);

void harness_free(struct run * r);

#endif
