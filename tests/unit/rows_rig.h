/* Targets in a folder of their own, writers of rows, and what is in the file. */
#ifndef MOLTLER_TESTS_ROWS_RIG_H
#define MOLTLER_TESTS_ROWS_RIG_H

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "target/rows_internal.h"

static struct loop * L;
static struct targets * T;
static char dir[64], path[120];

/* A writer and what it said. */
struct rig {
	struct writer * w;
	int ready, failed, swept, rooms;
	uint64_t acked, nswept;
	struct err e, sweep_e;
	int sweep_failed;
	int close_when_acked;
};

#define TX(x) { .type = VALUE_TEXT, .len = (uint32_t)strlen(x), .s = (x) }
#define IN(x) { .type = VALUE_INT, .i = (x) }
#define RE(x) { .type = VALUE_REAL, .d = (x) }
#define NU { .type = VALUE_NULL }
#define ROW(...) ((const struct value[]){ __VA_ARGS__ })

static inline int
rig_setup(void ** state)
{
	struct err e;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/moltler-rows-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/moltler.db", dir);
	L = loop_new(&e);
	assert_non_null(L);
	T = targets_new(L, dir, &e);
	assert_non_null(T);
	rows_turn_patience_ms = 60000;
	return (0);
}

static inline int
rig_teardown(void ** state)
{
	char cmd[128];

	(void)state;
	targets_free(T);
	loop_free(L);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) != 0);
}

static inline void
rig_ready(void * arg)
{
	((struct rig *)arg)->ready++;
}

static inline void
rig_acked(void * arg, uint64_t rows)
{
	struct rig * r = arg;

	assert_true(rows >= r->acked);
	r->acked = rows;
	if (r->close_when_acked) {
		writer_close(r->w);
		r->w = NULL;
	}
}

static inline void
rig_room(void * arg)
{
	((struct rig *)arg)->rooms++;
}

static inline void
rig_failed(void * arg, const struct err * e)
{
	struct rig * r = arg;

	r->failed++;
	r->e = *e;
}

static inline void
rig_swept(void * arg, uint64_t n, const struct err * e)
{
	struct rig * r = arg;

	r->swept++;
	r->nswept = n;
	r->sweep_failed = e != NULL;
	if (e != NULL)
		r->sweep_e = *e;
}

/* Turn the loop until ${cond}, for at most twenty seconds. */
#define WAIT(cond) do { \
		int64_t until_ = clock_mono_us() + 20000000; \
		while (!(cond) && clock_mono_us() < until_) \
			assert_int_equal(loop_turn(L, 1), 0); \
		assert_true(cond); \
	} while (0)

static inline struct writer *
rig_try(struct rig * r, const struct writer_spec * spec, struct err * e)
{
	struct writer_events ev = { rig_ready, rig_acked, rig_room, rig_failed,
	    r };

	memset(r, 0, sizeof(*r));
	return (r->w = rows_writer_open(L, T, spec, &ev, e));
}

static inline void
rig_open(struct rig * r, const char * table, const char * sync, int64_t fence,
    const struct writer_column * cols, size_t n, int marks)
{
	struct writer_spec spec = { .table = table, .sync = sync,
	    .fence = fence, .columns = cols, .ncolumns = n,
	    .marks = marks != 0 };
	struct err e = { .msg = "" };

	if (rig_try(r, &spec, &e) == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(r->ready + r->failed, 0);
	WAIT(r->ready || r->failed);
}

/* Flush, and wait until ${n} rows are there. */
static inline void
rig_flush(struct rig * r, uint64_t n)
{
	writer_flush(r->w);
	WAIT(r->acked >= n || r->failed);
	if (r->failed)
		fail_msg("%s: %s", r->e.code, r->e.msg);
	assert_int_equal(r->acked, n);
}

static inline void
rig_close(struct rig * r)
{
	writer_close(r->w);
	r->w = NULL;
}

/* What SQL says of the file: "a|b\n", NULL as "-". */
static inline const char *
rig_sql(const char * sql)
{
	static struct buf out;
	sqlite3_stmt * st;
	sqlite3 * db;
	int rc, i;

	buf_clear(&out);
	buf_adds(&out, "");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		for (i = 0; i < sqlite3_column_count(st); i++)
			buf_addf(&out, "%s%s", i ? "|" : "",
			    sqlite3_column_type(st, i) == SQLITE_NULL ? "-" :
			    (const char *)sqlite3_column_text(st, i));
		buf_addc(&out, '\n');
	}
	assert_int_equal(rc, SQLITE_DONE);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (out.p);
}

#endif
