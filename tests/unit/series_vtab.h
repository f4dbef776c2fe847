#ifndef MOLTLER_TESTS_SERIES_VTAB_H
#define MOLTLER_TESTS_SERIES_VTAB_H

struct sqlite3;

/*
 * A virtual table module "series" for tests of queries: n INTEGER (from 0),
 * name TEXT ("name-<n % 10>"), value REAL (n / 2), labels JSON ({"n":"<n>"}).  The
 * file is "rows=N", with, after commas, "fail=N" (an error before row N),
 * "wait=N" (a fiber_wait for a timer every N rows), "busy=N" (that row is busy),
 * and "big=N" (name is N bytes).
 */
int series_vtab_register(struct sqlite3 * db);

/* Cursors open now: 0 when every query has cleaned up. */
extern int series_vtab_open;

/* The loop that "wait" needs. */
struct loop;
extern struct loop * series_vtab_loop;

#endif
