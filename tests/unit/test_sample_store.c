#include <setjmp.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/fiber.h"
#include "sample_rig.h"

/* All rows in one number that no two tables share. */
#define DIGEST "SELECT count(*) || ' ' || sum(length(timestamp) * 3 + " \
	"unicode(substr(timestamp, 15))) || ' ' || total(CASE WHEN abs(value) " \
	"< 1e12 THEN value ELSE 1 END) || ' ' || count(value) || ' ' || " \
	"min(timestamp) || ' ' || max(timestamp) FROM t"

static void
test_append_and_read(void ** state)
{
	struct sample_source * s = rig_source("t", "node1");
	struct sample_store_stats st;

	(void)state;
	assert_null(sample_source_layout(s));
	assert_true(sample_source_last_at(s) == INT64_MIN);
	rig_expect("SELECT count(*) FROM t", "0");
	rig_append(s, 1, 0, 1);
	rig_append(s, 1, 1, 1);
	/* Never before the call returns, and not before the commit. */
	assert_int_equal(rig_ok, 0);
	rig_expect("SELECT count(*) FROM t", "0");
	rig_wait(&rig_ok, 2);
	assert_non_null(sample_source_layout(s));
	assert_true(sample_source_last_at(s) == 1000);
	rig_expect("SELECT count(*) FROM t", "192");
	rig_expect("SELECT timestamp FROM t LIMIT 1", "1970-01-01T00:00:00Z");
	rig_expect("SELECT name || labels || value FROM t LIMIT 1 OFFSET 97",
	    "metric_0_total{\"cpu\":\"1\",\"kind\":\"0\"}1000008.0");
	/* NaN, -Inf: NULL.  A minus zero is a number (SQL writes it so). */
	rig_expect("SELECT value FROM t LIMIT 1 OFFSET 4", "NULL");
	rig_expect("SELECT value FROM t LIMIT 1 OFFSET 5", "NULL");
	rig_expect("SELECT value FROM t LIMIT 1 OFFSET 101", "0.0");
	rig_expect("SELECT count(*) FROM t WHERE value IS NULL", "24");
	rig_expect("SELECT source FROM t LIMIT 1", "node1");
	rig_expect("SELECT * FROM t", "1970-01-01T00:00:00Z");
	sample_store_stats_get(S, &st);
	assert_int_equal(st.ticks, 2);
	assert_int_equal(st.samples, 192);
	assert_int_equal(st.commits, 1);
	assert_int_equal(st.layouts, 1);
	assert_true(st.bytes_values > 0);
	sample_source_close(s);
	sample_store_close(NULL);
	sample_source_close(NULL);
}

static void
test_pushdown(void ** state)
{
	struct sample_source * a = rig_source("t", "a");
	struct sample_source * b = rig_source("t", "it's b");
	struct sample_source * o = rig_source("other", "a");

	(void)state;
	rig_append_many(a, 1, 0, 90);
	rig_append_many(b, 2, 30, 60);
	rig_append_many(o, 3, 0, 5);
	rig_expect("SELECT count(*) FROM t", "11520");
	rig_expect("SELECT count(*) FROM t WHERE source = 'it''s b'", "2880");
	rig_expect("SELECT count(*) FROM t WHERE source = 'none'", "0");
	rig_expect("SELECT count(*) FROM t WHERE name = 'metric_3_total'",
	    "480");
	rig_expect("SELECT count(*) FROM t WHERE name IN ('metric_3_total', "
	    "'metric_5_total', 'metric_3_total', NULL)", "960");
	rig_expect("SELECT count(*) FROM t WHERE name = NULL", "0");
	rig_expect("SELECT count(*) FROM t WHERE name = 'metric_3_total' AND "
	    "labels = '{\"cpu\":\"1\",\"kind\":\"0\"}'", "120");
	rig_expect("SELECT count(*) FROM t WHERE name LIKE 'METRIC_3_%'",
	    "480");
	rig_expect("SELECT count(*) FROM t WHERE name = 'METRIC_3_TOTAL' "
	    "COLLATE NOCASE", "480");
	rig_expect("SELECT count(*) FROM t WHERE "
	    "timestamp = '1970-01-01T00:00:40Z'", "192");
	rig_expect("SELECT count(*) FROM t WHERE "
	    "timestamp > '1970-01-01T00:00:40Z' AND source = 'a'", "4704");
	rig_expect("SELECT count(*) FROM t WHERE "
	    "timestamp >= '1970-01-01T00:00:40Z' AND source = 'a'", "4800");
	rig_expect("SELECT count(*) FROM t WHERE "
	    "timestamp < '1970-01-01T00:00:40Z' AND source = 'a'", "3840");
	rig_expect("SELECT count(*) FROM t WHERE timestamp BETWEEN "
	    "'1970-01-01T00:00:10Z' AND '1970-01-01T00:00:19Z'", "960");
	/* A time is one however it is written: with another offset, as datetime()
	 * writes it, in parts. */
	rig_expect("SELECT count(*) FROM t WHERE "
	    "timestamp <= '1970-01-01T02:00:09+02:00'", "960");
	rig_expect("SELECT count(*) FROM t WHERE "
	    "timestamp <= '1970-01-01 00:00:09'", "960");
	rig_expect("SELECT count(*) FROM t WHERE '1970-01-01 00:00:09' >= "
	    "timestamp", "960");
	rig_expect("SELECT count(*) FROM t WHERE timestamp > "
	    "datetime('1970-01-01', '+40 seconds') AND source = 'a'", "4704");
	rig_expect("SELECT count(*) FROM t WHERE timestamp BETWEEN "
	    "datetime('1970-01-01', '+10 seconds') AND "
	    "datetime('1970-01-01', '+19 seconds')", "960");
	rig_expect("SELECT count(*) FROM t WHERE timestamp = "
	    "'1970-01-01 00:00:40'", "192");
	rig_expect("SELECT count(*) FROM t WHERE timestamp IN "
	    "('1970-01-01 00:00:40', '1970-01-01T00:00:40Z')", "192");
	rig_expect("SELECT count(*) FROM t WHERE timestamp COLLATE BINARY > "
	    "'1970-01-01 00:00:50'", "11520");
	rig_expect("SELECT count(*) FROM t WHERE timestamp COLLATE BINARY = "
	    "'1970-01-01T02:00:40+02:00'", "0");
	rig_expect("SELECT count(*) FROM t WHERE timestamp >= '1970-01-01'",
	    "11520");
	rig_expect("SELECT count(*) FROM t WHERE timestamp > '1970-01-01'",
	    "11424");
	rig_expect("SELECT count(*) FROM t WHERE timestamp < '1970-01-01'",
	    "0");
	rig_expect("SELECT count(*) FROM t WHERE timestamp < '1970-01-01T00:01'",
	    "8640");
	rig_expect("SELECT count(*) FROM t WHERE timestamp > 'zzz'", "0");
	rig_expect("SELECT count(*) FROM t WHERE timestamp > 0", "11520");
	/* A join pushes the outer row's values down. */
	rig_expect("WITH w(ts) AS (VALUES('1970-01-01T00:00:40Z'), "
	    "('1970-01-01T00:00:01Z')) SELECT count(*) FROM w JOIN t "
	    "ON timestamp = ts", "288");
	rig_expect("SELECT count(*) FROM t x JOIN t y ON x.timestamp = "
	    "y.timestamp AND x.name = y.name AND x.labels = y.labels "
	    "WHERE x.source = 'a' AND y.source = 'it''s b' AND "
	    "x.name = 'metric_0_total'", "120");
	rig_expect("SELECT group_concat(timestamp) FROM (SELECT DISTINCT "
	    "timestamp FROM t WHERE source = 'a' ORDER BY timestamp DESC "
	    "LIMIT 2)", "1970-01-01T00:01:29Z,1970-01-01T00:01:28Z");
	sample_source_close(a);
	sample_source_close(b);
	sample_source_close(o);
}

static void
test_order(void ** state)
{
	struct sample_source * a = rig_source("t", "a"), * b;

	(void)state;
	rig_append_many(a, 1, 0, 200);
	/* One source: the table's own order serves; no sorter. */
	rig_expect("SELECT count(*) FROM (SELECT 1) WHERE NOT EXISTS (SELECT 1 "
	    "FROM (SELECT timestamp x, lag(timestamp) OVER () y FROM (SELECT "
	    "timestamp FROM t ORDER BY timestamp DESC)) WHERE x > y)", "1");
	rig_expect("SELECT timestamp FROM t ORDER BY timestamp DESC LIMIT 1",
	    "1970-01-01T00:03:19Z");
	b = rig_source("t", "b");
	rig_append_many(b, 1, 300, 301);
	rig_expect("SELECT timestamp FROM t ORDER BY timestamp DESC LIMIT 1",
	    "1970-01-01T00:05:00Z");
	rig_expect("SELECT timestamp FROM t WHERE source = 'a' ORDER BY "
	    "timestamp DESC LIMIT 1", "1970-01-01T00:03:19Z");
	/* A clock that was stepped back: stored, and sorted by SQLite. */
	rig_append_many(a, 1, 250, 251);
	rig_append_many(a, 1, 220, 222);
	rig_expect("SELECT count(*) FROM (SELECT DISTINCT timestamp FROM t)",
	    "204");
	rig_expect("SELECT group_concat(timestamp) FROM (SELECT DISTINCT "
	    "timestamp FROM t WHERE source = 'a' ORDER BY timestamp DESC "
	    "LIMIT 3)", "1970-01-01T00:04:10Z,1970-01-01T00:03:41Z,"
	    "1970-01-01T00:03:40Z");
	assert_true(sample_source_last_at(a) == 250000);
	sample_source_close(a);
	sample_source_close(b);
}

/* Text has "01.500Z" before "01Z"; time has not. */
static void
test_order_of_fractions(void ** state)
{
	struct sample_source * s = rig_source("t", "a");
	double v[RIG_N];
	struct sample_page p;
	int64_t ms;

	(void)state;
	for (ms = 0; ms <= 2500; ms += 500) {
		rig_page(1, ms, RIG_N, v);
		p = fix_page(rig_kinds, RIG_N, sample_source_layout(s) ?
		    rig_kinds : NULL, RIG_N, v);
		sample_source_append(s, ms, 1, &p, rig_cb, NULL);
		fix_free(&p);
	}
	rig_wait(&rig_ok, 6);
	rig_expect("SELECT min(timestamp) || ' ' || max(timestamp) FROM t "
	    "WHERE timestamp < '1970-01-01T00:00:02Z'",
	    "1970-01-01T00:00:00Z 1970-01-01T00:00:01.500Z");
	rig_expect("SELECT group_concat(x, ' ') FROM (SELECT substr(timestamp, "
	    "18) AS x FROM (SELECT DISTINCT timestamp, name FROM t WHERE name "
	    "= 'metric_0_total') ORDER BY timestamp)",
	    "00Z 00.500Z 01Z 01.500Z 02Z 02.500Z");
	/* Also where the table does not see what it is compared with. */
	rig_expect("SELECT count(DISTINCT x.timestamp) FROM t x JOIN t y ON "
	    "x.timestamp < y.timestamp || '' WHERE "
	    "y.timestamp = '1970-01-01T00:00:02Z'", "4");
	rig_expect("SELECT count(DISTINCT timestamp) FROM t WHERE timestamp > "
	    "(SELECT '1970-01-01T00:00:01Z')", "3");
	sample_source_close(s);
}

static void
test_layout_changes_and_restart(void ** state)
{
	struct sample_source * s = rig_source("t", "n");
	unsigned kinds[2][RIG_N] = { { 0 }, { 0 } };
	struct sample_page p;
	struct sample_store_stats st;
	double v[RIG_N];
	int i, k, old = -1;

	(void)state;
	/* Forty layouts, each one series away from the last. */
	for (i = 0; i < 40; i++) {
		k = i % 2;
		memcpy(kinds[k], kinds[1 - k], sizeof(kinds[k]));
		kinds[k][i] = (unsigned)i + 1;
		rig_page(1, i, RIG_N, v);
		p = fix_page(kinds[k], RIG_N, old < 0 ? NULL : kinds[old],
		    RIG_N, v);
		sample_source_append(s, i * 1000, 1, &p, rig_cb, NULL);
		fix_free(&p);
		old = k;
		if (i % 10 == 9)
			rig_wait(&rig_ok, i + 1);
	}
	sample_store_stats_get(S, &st);
	assert_int_equal(st.layouts, 40);
	rig_expect("SELECT count(*) FROM t", "3840");
	rig_expect("SELECT count(DISTINCT labels) FROM t", "44");
	rig_expect("SELECT group_concat(labels) FROM t WHERE name = "
	    "'metric_9_total' AND timestamp = '1970-01-01T00:00:39Z'",
	    "{\"cpu\":\"0\",\"kind\":\"37\"},{\"cpu\":\"1\",\"kind\":\"38\"},"
	    "{\"cpu\":\"2\",\"kind\":\"39\"},{\"cpu\":\"3\",\"kind\":\"40\"}");
	/* A new process: the decoder gives a full list, the layout is found. */
	rig_reopen(&s, "n");
	assert_null(sample_source_layout(s));
	assert_true(sample_source_last_at(s) == 39000);
	rig_page(1, 40, RIG_N, v);
	p = fix_page(kinds[old], RIG_N, NULL, 0, v);
	sample_source_append(s, 40000, 1, &p, rig_cb, NULL);
	fix_free(&p);
	rig_wait(&rig_ok, 41);
	sample_store_stats_get(S, &st);
	assert_int_equal(st.layouts, 40);
	assert_int_equal(rig_count("SELECT count(*) FROM sample_layout"), 40);
	rig_expect("SELECT count(*) FROM t", "3936");
	/* A page that says nothing changed, but it did: refused. */
	kinds[0][0] = 99;
	p = fix_page(kinds[0], RIG_N, kinds[0], RIG_N, v);
	assert_null(p.diff);
	sample_source_append(s, 41000, 1, &p, rig_cb, NULL);
	fix_free(&p);
	rig_wait(&rig_bad, 1);
	assert_string_equal(rig_err.code, "layout");
	rig_expect("SELECT count(*) FROM t", "3936");
	sample_source_close(s);
}

static void
test_sources_share_layouts(void ** state)
{
	struct sample_source * s[20];
	struct sample_store_stats st;
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		s[i] = rig_source(i % 2 ? "t" : "u", name);
		rig_append(s[i], (unsigned)i, 1, 1);
	}
	rig_wait(&rig_ok, 20);
	sample_store_stats_get(S, &st);
	assert_int_equal(st.layouts, 1);
	rig_expect("SELECT count(*) FROM t", "960");
	rig_expect("SELECT count(DISTINCT source) FROM t", "10");
	for (i = 0; i < 20; i++)
		sample_source_close(s[i]);
}

static void
test_twice_and_fences(void ** state)
{
	struct sample_source * s = rig_source("t", "n");
	int i;

	(void)state;
	rig_append(s, 1, 1, 5);
	rig_append(s, 2, 1, 5); /* the same time, in the same group */
	rig_wait(&rig_ok, 2);
	rig_append(s, 2, 1, 5);
	rig_wait(&rig_ok, 3);
	rig_expect("SELECT count(*) || value FROM t", "961000.0");
	rig_append(s, 1, 2, 4);
	rig_wait(&rig_bad, 1);
	assert_string_equal(rig_err.code, "fenced");
	assert_int_equal(rig_err.cls, ERR_PERMANENT);
	rig_append(s, 1, 2, 9);
	rig_wait(&rig_ok, 4);
	rig_reopen(&s, "n");
	rig_append(s, 1, 3, 8);
	rig_wait(&rig_bad, 2);
	rig_append(s, 2, 2, 9); /* there already, also after a restart */
	rig_append(s, 2, 1, 9);
	rig_wait(&rig_ok, 6);
	rig_expect("SELECT count(*) FROM t", "192");
	/* Also when the ticks are in blocks. */
	for (i = 10; i < 300; i++)
		rig_append(s, 1, i, 11);
	rig_wait(&rig_ok, 296);
	rig_wait_count("SELECT count(*) FROM sample_block", 2);
	rig_append(s, 2, 12, 11);
	rig_append(s, 2, 299, 11);
	rig_append(s, 2, 8, 11);
	rig_wait(&rig_ok, 299);
	rig_expect("SELECT count(DISTINCT timestamp) FROM t", "293");
	rig_reopen(&s, "n");
	rig_append(s, 2, 13, 10);
	rig_wait(&rig_bad, 3);
	sample_source_close(s);
}

static void
test_compaction_changes_nothing(void ** state)
{
	struct sample_source * a = rig_source("t", "a");
	struct sample_source * b = rig_source("t", "b");
	char before[400], after[400], all[400];
	int i;

	(void)state;
	/* Nothing is compacted before we have looked. */
	loop_timer_stop(*(struct loop_timer **)((char *)S->compact +
	    sizeof(void *)));
	for (i = 0; i < 400; i++) {
		rig_append(a, 1, i, 1);
		rig_append(b, 2, i * 3, 1);
		if (i == 200)
			rig_append(b, 2, 7, 1); /* the clock went back */
	}
	sample_commit_flush(S, 0);
	rig_ask_table("t", DIGEST, before, sizeof(before));
	assert_int_equal(rig_count("SELECT count(*) FROM sample_block"), 0);
	sample_compact_kick(S);
	rig_wait_count("SELECT sum(ticks) FROM sample_block", 690);
	rig_ask_table("t", DIGEST, after, sizeof(after));
	assert_string_equal(before, after);
	rig_ask_table("t", DIGEST " WHERE source = 'b' AND timestamp > "
	    "'1970-01-01T00:09:00Z'", all, sizeof(all));
	/* The ticks that are in blocks are gone when their table is. */
	assert_true(rig_count("SELECT min(done) FROM sample_source") > 0);
	rig_reopen(&a, "a");
	rig_ask_table("t", DIGEST, after, sizeof(after));
	assert_string_equal(before, after);
	rig_ask_table("t", DIGEST " WHERE source = 'b' AND timestamp > "
	    "'1970-01-01T00:09:00Z'", after, sizeof(after));
	assert_string_equal(all, after);
	rig_expect("SELECT timestamp FROM t WHERE source = 'a' AND timestamp "
	    "<= '1970-01-01T00:03:20Z' ORDER BY timestamp DESC LIMIT 1",
	    "1970-01-01T00:03:20Z");
	sample_source_close(a);
}

static void
test_values_bit_for_bit(void ** state)
{
	struct sample_source * s = rig_source("t", "n");
	sqlite3_stmt * st;
	sqlite3 * db;
	char * make;
	double want, got;
	int64_t t;
	uint32_t i;

	(void)state;
	rig_append_many(s, 1, 0, 200);
	rig_wait_count("SELECT count(*) FROM sample_block", 1);
	sqlite3_open(":memory:", &db);
	sample_vtab_register(db);
	make = sqlite3_mprintf("CREATE VIRTUAL TABLE t USING moltler_samples("
	    "%Q,%Q)", path, "t");
	assert_int_equal(sqlite3_exec(db, make, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_free(make);
	sqlite3_prepare_v2(db, "SELECT value FROM t ORDER BY timestamp", -1,
	    &st, NULL);
	for (t = 0; t < 200; t++) {
		for (i = 0; i < RIG_N; i++) {
			assert_int_equal(sqlite3_step(st), SQLITE_ROW);
			want = rig_value(1, t, i);
			got = sqlite3_column_double(st, 0);
			if (!isfinite(want))
				assert_int_equal(sqlite3_column_type(st, 0),
				    SQLITE_NULL);
			else
				assert_memory_equal(&want, &got, 8);
		}
	}
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
	sqlite3_close(db);
	sample_source_close(s);
}

static void
test_retention(void ** state)
{
	struct sample_source * s = rig_source("t", "n"), * k;
	unsigned kinds[RIG_N];
	struct sample_page p;
	double v[RIG_N];
	int64_t now = clock_wall_ms() / 1000;
	int i;

	(void)state;
	for (i = 0; i < RIG_N; i++)
		kinds[i] = 7;
	k = rig_source("t", "kept");
	rig_append_many(k, 1, 0, 200);
	rig_append_many(s, 1, 0, 200);
	rig_wait_count("SELECT count(*) FROM sample_block", 2);
	/* Today's page is another; the old layout goes with its last tick. */
	rig_page(1, now, RIG_N, v);
	p = fix_page(kinds, RIG_N, rig_kinds, RIG_N, v);
	sample_source_append(s, now * 1000, 1, &p, rig_cb, NULL);
	fix_free(&p);
	sample_source_retain(s, 3600000);
	rig_wait(&rig_ok, 401);
	rig_wait_count("SELECT count(*) = 0 FROM sample_block WHERE source = "
	    "(SELECT id FROM sample_source WHERE name = 'n')", 1);
	rig_expect("SELECT count(DISTINCT timestamp) FROM t WHERE "
	    "source = 'kept'", "200");
	assert_int_equal(rig_count("SELECT count(*) FROM sample_layout"), 2);
	sample_source_retain(k, 3600000);
	sample_source_close(k);
	rig_wait_count("SELECT count(*) = 1 FROM sample_layout", 1);
	rig_wait_count("SELECT count(*) = 0 FROM sample_block", 1);
	rig_expect("SELECT count(DISTINCT timestamp) FROM t", "1");
	sample_source_close(s);
}

static void
test_checkpoints_keep_the_log_short(void ** state)
{
	struct sample_source * s = rig_source("t", "n");
	struct sample_page p;
	static double v[FIX_MAX];
	uint64_t seed = 1;
	uint32_t i;
	int t;

	(void)state;
	/* Some 40 MB of values that nothing can shrink. */
	for (t = 0; t < 2600; t++) {
		for (i = 0; i < FIX_MAX; i++)
			v[i] = (double)fix_rand(&seed) / 3;
		p = fix_page(rig_kinds, FIX_MAX, t ? rig_kinds : NULL, FIX_MAX,
		    v);
		sample_source_append(s, t * 1000, 1, &p, rig_cb, NULL);
		fix_free(&p);
		if (t % 64 == 63)
			rig_wait(&rig_ok, t + 1);
	}
	rig_wait(&rig_ok, 2600);
	assert_true(S->wal_pages < 3 * (16 << 20) / SAMPLE_PAGE);
	rig_wait_count("SELECT v FROM sample_meta WHERE k = 'wal'", 1);
	sample_source_close(s);
}

/* Reading on a fiber what has none of the rows asked for. */
static struct {
	struct fiber * f;
	sqlite3 * db;
	int rc, done;
} reading;

static void
read_nothing(void * arg)
{
	(void)arg;
	reading.rc = sqlite3_exec(reading.db, "SELECT count(*) FROM t WHERE "
	    "name = 'nobody'", NULL, NULL, NULL);
}

static void
read_done(void * arg)
{
	(void)arg;
	reading.done = 1;
}

/* How many turns the loop had meanwhile. */
static int
read_turns(int stop)
{
	int64_t until = clock_mono_us() + 20000000;
	struct err e;
	int turns = 0;

	reading.done = 0;
	reading.f = fiber_start(L, read_nothing, NULL, (size_t)1 << 20,
	    read_done, &e);
	assert_non_null(reading.f);
	for (; !reading.done && clock_mono_us() < until; turns++) {
		loop_turn(L, 0);
		if (stop && turns == 3)
			fiber_stop(reading.f);
	}
	assert_true(reading.done);
	return (turns);
}

static void
test_reading_leaves_the_loop_free(void ** state)
{
	struct sample_source * s;
	char name[16], * make;
	unsigned k;
	int turns;

	(void)state;
	for (k = 0; k < 20000; k++) {
		snprintf(name, sizeof(name), "n%u", k % 2000);
		s = rig_source("t", name);
		rig_append(s, k % 2000, k / 2000, 1);
		if (k % 200 == 199)
			rig_wait(&rig_ok, (int)k + 1);
	}
	make = sqlite3_mprintf("CREATE VIRTUAL TABLE temp.t USING "
	    "moltler_samples(%Q, 't')", path);
	assert_int_equal(sqlite3_open(":memory:", &reading.db), SQLITE_OK);
	assert_int_equal(sample_vtab_register(reading.db), 0);
	assert_int_equal(sqlite3_exec(reading.db, make, NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_free(make);
	turns = read_turns(0);
	assert_int_equal(reading.rc, SQLITE_OK);
	assert_true(turns > 4);
	/* And it ends when it is told to. */
	assert_true(read_turns(1) < turns || turns < 8);
	assert_int_equal(reading.rc, SQLITE_INTERRUPT);
	sqlite3_close(reading.db);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_append_and_read), T(test_pushdown), T(test_order),
		T(test_order_of_fractions),
		T(test_layout_changes_and_restart),
		T(test_reading_leaves_the_loop_free),
		T(test_sources_share_layouts), T(test_twice_and_fences),
		T(test_compaction_changes_nothing), T(test_values_bit_for_bit),
		T(test_retention),
		T(test_checkpoints_keep_the_log_short),
	};

	return (cmocka_run_group_tests_name("sample_store", tests, NULL, NULL));
}
