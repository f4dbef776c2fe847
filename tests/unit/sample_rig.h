/* A store in a folder of its own, for tests: open, append, wait, ask by SQL. */
#ifndef MOLTLER_TESTS_SAMPLE_RIG_H
#define MOLTLER_TESTS_SAMPLE_RIG_H

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "sample_fix.h"
#include "target/sample_internal.h"

#define RIG_N 96

static struct loop * L;
static struct sample_store * S;
static char dir[64], path[120];

/* What the last callbacks said. */
static int rig_ok, rig_bad;
static struct err rig_err;

static inline void
rig_open(void)
{
	struct err e;

	S = sample_store_open(L, path, &e);
	if (S == NULL)
		fprintf(stderr, "%s: %s\n", e.code, e.msg);
	assert_non_null(S);
}

static inline int
rig_setup(void ** state)
{
	struct err e;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/moltler-samples-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s.db", dir);
	L = loop_new(&e);
	assert_non_null(L);
	rig_open();
	rig_ok = rig_bad = 0;
	return (0);
}

static inline int
rig_teardown(void ** state)
{
	char cmd[128];

	(void)state;
	sample_store_close(S);
	S = NULL;
	loop_free(L);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) != 0);
}

static inline struct sample_source *
rig_source(const char * table, const char * name)
{
	struct sample_source * s;
	struct err e;

	s = sample_source_open(S, table, name, &e);
	assert_non_null(s);
	return (s);
}

static inline void
rig_cb(void * arg, const struct err * e)
{
	(void)arg;
	if (e == NULL) {
		rig_ok++;
	} else {
		rig_bad++;
		rig_err = *e;
	}
}

/* Turn the loop until ${*n} is ${want}, for at most ten seconds. */
static inline void
rig_wait(const int * n, int want)
{
	int64_t until = clock_mono_us() + 10000000;

	while (*n < want && clock_mono_us() < until)
		loop_turn(L, 1);
	assert_int_equal(*n, want);
}

/* Value of series ${i} at the tick ${t} of source ${k}: any form of number. */
static inline double
rig_value(unsigned k, int64_t t, uint32_t i)
{
	switch (i % 8) {
	case 0: return ((double)(1000 * k + i));
	case 1: return ((double)(t * 7 + (int64_t)i * 1000000 + k));
	case 2: return ((double)(t * 3 + (int64_t)i) / 100);
	case 3: return (1.0 / (double)(t + (int64_t)i + 1));
	case 4: return (t % 5 == 0 ? NAN : (double)t);
	case 5: return (t % 7 == 0 ? -INFINITY : -0.0);
	case 6: return ((double)(t / 10) * 1e-9);
	default: return (1e300 * (double)t);
	}
}

static inline void
rig_page(unsigned k, int64_t t, uint32_t n, double * v)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		v[i] = rig_value(k, t, i);
}

static const unsigned rig_kinds[FIX_MAX];

/* Append the tick ${t} (at t seconds) of source ${k} with all kinds 0. */
static inline void
rig_append(struct sample_source * s, unsigned k, int64_t t, int64_t fence)
{
	double v[RIG_N];
	struct sample_page p;

	rig_page(k, t, RIG_N, v);
	p = fix_page(rig_kinds, RIG_N, sample_source_layout(s) ? rig_kinds :
	    NULL, RIG_N, v);
	sample_source_append(s, t * 1000, fence, &p, rig_cb, NULL);
	fix_free(&p);
}

/* One a second, and wait for them. */
static inline void
rig_append_many(struct sample_source * s, unsigned k, int64_t from, int64_t to)
{
	int64_t t;
	int ok = rig_ok;

	for (t = from; t < to; t++)
		rig_append(s, k, t, 1);
	rig_wait(&rig_ok, ok + (int)(to - from));
}

/* Ask the table t of the file; the first column of the first row as text. */
static inline void
rig_ask_table(const char * table, const char * sql, char * out, size_t n)
{
	sqlite3_stmt * st;
	sqlite3 * db;
	char * make;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sample_vtab_register(db), 0);
	make = sqlite3_mprintf("CREATE VIRTUAL TABLE temp.t USING "
	    "moltler_samples(%Q, %Q)", path, table);
	if (sqlite3_exec(db, make, NULL, NULL, NULL) != SQLITE_OK) {
		snprintf(out, n, "%s", sqlite3_errmsg(db));
	} else if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
		snprintf(out, n, "%s", sqlite3_errmsg(db));
	} else {
		if (sqlite3_step(st) == SQLITE_ROW)
			snprintf(out, n, "%s", sqlite3_column_text(st, 0) ?
			    (const char *)sqlite3_column_text(st, 0) : "NULL");
		else
			snprintf(out, n, "%s", sqlite3_errcode(db) ==
			    SQLITE_DONE ? "(none)" : sqlite3_errmsg(db));
		sqlite3_finalize(st);
	}
	sqlite3_free(make);
	sqlite3_close(db);
}

static inline void
rig_expect(const char * sql, const char * want)
{
	char got[4096];

	rig_ask_table("t", sql, got, sizeof(got));
	assert_string_equal(got, want);
}

/* A number from the file itself. */
static inline int64_t
rig_count(const char * sql)
{
	sqlite3_stmt * st;
	sqlite3 * db;
	int64_t n;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY,
	    NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (n);
}

/* Turn the loop until the question about the file has that answer. */
static inline void
rig_wait_count(const char * sql, int64_t least)
{
	int64_t until = clock_mono_us() + 15000000;

	while (rig_count(sql) < least && clock_mono_us() < until)
		loop_turn(L, 1);
	assert_true(rig_count(sql) >= least);
}

static inline void
rig_reopen(struct sample_source ** s, const char * name)
{
	sample_source_close(*s);
	sample_store_close(S);
	rig_open();
	*s = rig_source("t", name);
}

#endif
