/* SELECT from tables of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rfc3339.h"
#include "query_harness.h"
#include "rows_rig.h"

static const struct writer_column issues[] = {
	{ "id", COLUMN_INTEGER, 1, 0 }, { "title", COLUMN_TEXT, 0, 0 },
	{ "state", COLUMN_TEXT, 0, 1 }, { "labels", COLUMN_LIST, 0, 0 },
	{ "updated_at", COLUMN_TIMESTAMP, 0, 0 },
	{ "open", COLUMN_BOOLEAN, 0, 0 },
};
static const struct writer_column pulls[] = {
	{ "repo", COLUMN_TEXT, 1, 0 }, { "number", COLUMN_INTEGER, 1, 0 },
	{ "title", COLUMN_TEXT, 0, 0 }, { "score", COLUMN_REAL, 0, 0 },
	{ "updated_at", COLUMN_TIMESTAMP, 0, 0 }, { "rowid", COLUMN_TEXT, 0, 0 },
};

static void
on_table(void * arg, const char * database, const char * file,
    const char * table)
{
	struct query_table * o = arg;

	o->found = 1;
	snprintf(o->schema, sizeof(o->schema), "%s", database);
	snprintf(o->path, sizeof(o->path), "%s", file);
	snprintf(o->table, sizeof(o->table), "%s", table);
	o->rows = targets_is_rows(T, database, table);
}

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * o)
{
	(void)arg;
	if (schema == NULL || strcmp(schema, "moltler") == 0)
		targets_find(T, table, on_table, o);
}

struct all {
	struct query_table * v;
	size_t n;
};

static int
on_each(void * arg, const char * database, const char * table)
{
	struct all * a = arg;

	(void)database;
	if (strncmp(table, "gh-", 3) == 0)
		targets_find(T, table, on_table, &a->v[a->n++]);
	return (0);
}

static size_t
match(void * arg, const char * schema, const char * pattern,
    struct query_table * v, size_t max)
{
	struct all a = { v, 0 };

	(void)arg;
	(void)schema;
	assert_true(max > 4);
	assert_string_equal(pattern, "gh-*");
	targets_each_table(T, on_each, &a);
	return (a.n);
}

static const struct query_catalog catalog = { .lookup = lookup,
    .match = match };

static void
fill(void)
{
	struct rig r;
	char title[32], when[40];
	int i;

	rig_open(&r, "gh-issues", "g", 1, issues, 6, 0);
	for (i = 1; i <= 1000; i++) {
		snprintf(title, sizeof(title), "issue %d", i);
		snprintf(when, sizeof(when), "2026-01-%02dT00:00:00%sZ",
		    1 + i % 28, i % 2 ? ".500" : "");
		writer_row(r.w, ROW(IN(i), TX(title), TX(i % 4 ? "Open" :
		    "closed"), TX(i % 10 ? "[\"bug\"]" : "[\"debug\"]"),
		    TX(when), IN(i % 4 != 0)));
		if (i % 400 == 0)
			loop_turn(L, 1);
	}
	rig_flush(&r, 1000);
	rig_close(&r);
	rig_open(&r, "gh-pulls", "p", 1, pulls, 6, 0);
	for (i = 1; i <= 20; i++)
		writer_row(r.w, ROW(TX(i % 2 ? "a" : "b"), IN(i), TX("pull"),
		    RE(i / 4.0), TX("2026-01-01T00:00:00Z"), NU));
	writer_row(r.w, ROW(TX("05"), IN(99), TX("zero"), NU, NU, TX("x")));
	rig_flush(&r, 21);
	rig_close(&r);
}

static int
setup(void ** state)
{
	struct err e;

	if (rig_setup(state))
		return (-1);
	loop_free(L);
	harness_use = &catalog;
	if (harness_setup(state))
		return (-1);
	targets_free(T);
	L = harness_loop;
	T = targets_new(L, dir, &e);
	assert_non_null(T);
	fill();
	return (0);
}

static int
teardown(void ** state)
{
	char cmd[128];

	(void)harness_run("SELECT 1"); /* lets go of the last answer */
	targets_free(T);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (harness_teardown(state) | (system(cmd) != 0));
}

static struct run *
good(const char * sql)
{
	struct run * r = harness_run(sql);

	if (r->failed)
		fail_msg("%s: %s: %s", sql, r->e.code, r->e.msg);
	return (r);
}

#define IS(sql, want) assert_string_equal(good(sql)->out.p, want)

static void
test_columns(void ** state)
{
	(void)state;
	assert_string_equal(good("SELECT * FROM gh-issues LIMIT 1")->columns,
	    "id INTEGER, title TEXT, state TEXT, labels JSON, "
	    "updated_at TIMESTAMP, open BOOLEAN");
	IS("SELECT * FROM gh-issues LIMIT 1",
	    "1|issue 1|Open|[\"bug\"]|2026-01-02T00:00:00.500Z|1\n");
	/* In any case, and with its database. */
	IS("SELECT Title FROM moltler.\"GH-Issues\" WHERE ID = 7", "issue 7\n");
	assert_true(harness_run("SELECT _moltler_sync FROM gh-issues")->failed);
	assert_true(harness_run("SELECT * FROM _moltler_rows")->failed);
	assert_true(harness_run("SELECT * FROM moltler.sqlite_schema")->failed);
}

static void
test_where(void ** state)
{
	(void)state;
	IS("SELECT id FROM gh-issues WHERE id IN (3, 900, 5000)", "3\n900\n");
	IS("SELECT count(*) FROM gh-issues WHERE id > 10 AND id <= 20", "10\n");
	IS("SELECT count(*) FROM gh-issues WHERE state = 'open'", "750\n");
	IS("SELECT count(*) FROM gh-issues WHERE state COLLATE BINARY = 'open'",
	    "0\n");
	IS("SELECT count(*) FROM gh-issues WHERE labels CONTAINS 'bug'",
	    "900\n");
	IS("SELECT count(*) FROM gh-issues WHERE title CONTAINS 'ssue 99'",
	    "11\n");
	IS("SELECT id FROM gh-issues WHERE title LIKE 'ISSUE 10%' AND "
	    "title IS NOT NULL ORDER BY id DESC LIMIT 2", "1000\n109\n");
	/* Times are instants: whatever their fraction, and a date is midnight. */
	IS("SELECT count(*) FROM gh-issues WHERE updated_at >= "
	    "'2026-01-02T01:00:00.5+01:00' AND updated_at < '2026-01-03'",
	    "36\n");
	IS("SELECT count(*) FROM gh-issues WHERE updated_at = "
	    "'2026-01-03T00:00:00.000Z'", "36\n");
	IS("SELECT number FROM gh-pulls WHERE repo = 'b' AND number = 4",
	    "4\n");
	IS("SELECT number FROM gh-pulls WHERE repo IS NULL OR number = 3 OR "
	    "number = 3 OR repo = 'a' AND number < 4 ORDER BY 1", "1\n3\n");
	IS("SELECT number FROM gh-pulls WHERE rowid = 'x'", "99\n");
	IS("SELECT number FROM gh-pulls WHERE score = '2.5'", "10\n");
	/* Text beside a number: as SQLite has it, also where it could be asked
	 * by the key. */
	IS("SELECT number FROM gh-pulls WHERE repo = 5", "");
	IS("WITH n(i) AS (SELECT id FROM gh-issues WHERE id = 5) SELECT number "
	    "FROM n JOIN gh-pulls ON repo = i", "99\n");
	IS("SELECT title FROM gh-issues WHERE id = '7'", "issue 7\n");
	IS("SELECT count(*) FROM gh-issues WHERE id = NULL", "0\n");
}

static void
test_order(void ** state)
{
	(void)state;
	IS("SELECT number FROM gh-pulls ORDER BY repo, number LIMIT 3",
	    "99\n1\n3\n");
	IS("SELECT number FROM gh-pulls ORDER BY repo DESC, number DESC LIMIT 2",
	    "20\n18\n");
	IS("SELECT number FROM gh-pulls ORDER BY repo DESC, number LIMIT 2",
	    "2\n4\n");
	IS("SELECT number FROM gh-pulls WHERE repo = 'a' ORDER BY number DESC "
	    "LIMIT 2", "19\n17\n");
	IS("SELECT number FROM gh-pulls WHERE repo IN ('b', 'a') ORDER BY repo, "
	    "number LIMIT 2 OFFSET 9", "19\n2\n");
	IS("SELECT id FROM gh-issues ORDER BY id DESC LIMIT 2 OFFSET 1",
	    "999\n998\n");
	IS("SELECT id FROM gh-issues ORDER BY updated_at DESC, id LIMIT 2",
	    "27\n55\n");
	IS("SELECT state, count(*), max(id) FROM gh-issues GROUP BY state "
	    "ORDER BY 1", "closed|250|1000\nOpen|750|999\n");
}

/* What the plan is: the key is an index, also for a join. */
static void
test_plan(void ** state)
{
	(void)state;
	IS("SELECT p.number, i.title FROM gh-pulls p JOIN gh-issues i ON "
	    "i.id = p.number WHERE p.repo = 'a' AND p.number < 4 ORDER BY 1",
	    "1|issue 1\n3|issue 3\n");
	assert_non_null(strstr(good("EXPLAIN QUERY PLAN SELECT i.title FROM "
	    "gh-pulls p JOIN gh-issues i ON i.id = p.number")->out.p,
	    "\"id\" = ?1"));
	assert_non_null(strstr(good("EXPLAIN QUERY PLAN SELECT 1 FROM gh-pulls "
	    "ORDER BY repo LIMIT 1")->out.p, "INDEXED BY"));
	assert_null(strstr(good("EXPLAIN QUERY PLAN SELECT 1 FROM gh-pulls "
	    "ORDER BY repo")->out.p, "INDEXED BY"));
	IS("SELECT a.number, b.number FROM gh-pulls a LEFT JOIN gh-pulls b ON "
	    "b.repo = a.repo AND b.number = a.number + 2 WHERE a.number > 18 "
	    "AND a.number < 50", "19|-\n20|-\n");
	/* What ON says of the table to the left leaves none of its rows out. */
	IS("SELECT i.id, p.number FROM gh-issues i LEFT JOIN gh-pulls p ON "
	    "i.title IS NULL WHERE i.id < 3", "1|-\n2|-\n");
}

static void
test_union(void ** state)
{
	struct run * r;

	(void)state;
	r = good("SELECT * FROM gh-* WHERE title = 'zero'");
	assert_string_equal(r->columns, "id INTEGER, title TEXT, state TEXT, "
	    "labels JSON, updated_at TIMESTAMP, open BOOLEAN, repo TEXT, number "
	    "INTEGER, score REAL, rowid TEXT");
	assert_string_equal(r->out.p, "-|zero|-|-|-|-|05|99|-|x\n");
	IS("SELECT count(*), count(id), count(repo) FROM gh-*",
	    "1021|1000|21\n");
	IS("SELECT count(*) FROM gh-* WHERE updated_at >= '2026-01-28'",
	    "35\n");
	IS("SELECT count(*) FROM gh-* WHERE state = 'OPEN'", "750\n");
	IS("SELECT title, number FROM gh-* WHERE number = 2 OR id = 2 "
	    "ORDER BY title", "issue 2|-\npull|2\n");
	assert_int_equal(good("SELECT * FROM gh-* LIMIT 3")->rows, 3);
	IS("SELECT u.title FROM gh-* u JOIN gh-pulls p ON p.number = u.id "
	    "WHERE p.number = 8", "issue 8\n");
}

/* ---- against SQLite itself ---- */

static sqlite3 * plain;

static int
times(void * arg, int na, const void * a, int nb, const void * b)
{
	(void)arg;
	return (rfc3339_order(a, (size_t)na, b, (size_t)nb));
}

/* The same rows in tables of SQLite's own. */
static void
make_plain(void)
{
	char sql[400];

	assert_int_equal(sqlite3_open(":memory:", &plain), SQLITE_OK);
	sqlite3_create_collation(plain, "instant", SQLITE_UTF8, NULL, times);
	/* As for statements: it takes only texts of one length for equal. */
	sqlite3_test_control(SQLITE_TESTCTRL_OPTIMIZATIONS, plain, 0x80000);
	snprintf(sql, sizeof(sql), "ATTACH '%s' AS f;"
	    "CREATE TABLE i(id INTEGER, title TEXT, state TEXT COLLATE NOCASE, "
	    "labels JSON, updated_at TIMESTAMP TEXT COLLATE instant, "
	    "open BOOLEAN); INSERT INTO i SELECT id, title, state, labels, "
	    "updated_at, open FROM f.\"gh-issues\" WHERE id <= 40", path);
	assert_int_equal(sqlite3_exec(plain, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(plain, "CREATE TABLE p(repo TEXT, "
	    "number INTEGER, title TEXT, score REAL, updated_at TIMESTAMP TEXT "
	    "COLLATE instant, rowid TEXT); INSERT INTO p SELECT repo, number, "
	    "title, score, updated_at, rowid FROM f.\"gh-pulls\"", NULL, NULL,
	    NULL), SQLITE_OK);
}

static const char *
of_plain(const char * sql)
{
	static struct buf out;
	sqlite3_stmt * st;
	int rc;

	buf_clear(&out);
	buf_adds(&out, "");
	if (sqlite3_prepare_v2(plain, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(plain));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		buf_addf(&out, "%s\n", sqlite3_column_text(st, 0));
	assert_int_equal(rc, SQLITE_DONE);
	sqlite3_finalize(st);
	return (out.p);
}

static const char *
any(const char * const * v, size_t n)
{
	return (v[(size_t)random() % n]);
}
#define ANY(v) any(v, sizeof(v) / sizeof((v)[0]))

/* One of all kinds of conditions. */
static void
condition(struct buf * b)
{
	static const char * const cols[] = { "i.id", "i.title", "i.state",
	    "i.updated_at", "i.open", "p.repo", "p.number", "p.score",
	    "p.updated_at", "p.rowid", "p.title" };
	static const char * const ops[] = { "=", "=", "=", "IS", "<", "<=", ">",
	    ">=", "<>" };
	static const char * const values[] = { "5", "'5'", "'05'", "7.5",
	    "'a'", "'OPEN'", "'closed'", "'issue 3'", "'2026-01-04'", "NULL",
	    "'2026-01-04T00:00:00.50Z'", "0", "'1'", "x'61'", "''" };
	static const char * const forms[] = { "%s %s %s", "%s %s %s",
	    "NOT (%s %s %s)", "%s %s %s COLLATE NOCASE",
	    "%s %s %s COLLATE BINARY", "+%s %s %s" };
	int i, n = 1 + (int)random() % 3;

	for (i = 0; i < n; i++) {
		buf_adds(b, i == 0 ? "" : random() % 3 ? " AND " : " OR ");
		if (random() % 8 == 0) {
			buf_addf(b, "%s IN (%s, %s)", ANY(cols), ANY(values),
			    ANY(values));
			continue;
		}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		buf_addf(b, ANY(forms), ANY(cols), ANY(ops), random() % 3 ?
		    ANY(values) : ANY(cols));
#pragma GCC diagnostic pop
	}
}

static void
test_as_plain(void ** state)
{
	static const char * const orders[] = { "p.repo, p.number",
	    "p.repo DESC, p.number DESC", "i.id", "i.id DESC, p.number",
	    "p.updated_at", "i.state" };
	const char * count = getenv("ROWS_COUNT"), * want;
	struct buf b = BUF_INIT(0), sql = BUF_INIT(0);
	long k, n = count != NULL ? atol(count) : 400;

	(void)state;
	harness_as_is = 1;
	make_plain();
	srandom(11);
	for (k = 0; k < n; k++) {
		buf_clear(&b);
		condition(&b);
		buf_addf(&b, ") WHERE i.id <= 40 ORDER BY %s, i.id, p.repo, "
		    "p.number%s", ANY(orders), k % 3 ? "" : " LIMIT 7");
		buf_clear(&sql);
		buf_addf(&sql, "SELECT coalesce(p.repo || p.number, '-') || ' ' "
		    "|| i.id FROM i %sJOIN p ON (%s", k % 5 ? "" : "LEFT ",
		    b.p);
		want = of_plain(sql.p);
		buf_clear(&sql);
		buf_addf(&sql, "SELECT coalesce(p.repo || p.number, '-') || ' ' "
		    "|| i.id FROM gh-issues i %sJOIN gh-pulls p ON (%s",
		    k % 5 ? "" : "LEFT ", b.p);
		if (strcmp(good(sql.p)->out.p, want) != 0)
			fail_msg("%ld: %s\n%.300s--\n%.300s", k, sql.p,
			    harness_run(sql.p)->out.p, want);
	}
	buf_free(&b);
	buf_free(&sql);
	sqlite3_close(plain);
}

/* A statement that stops in the middle is no concern of the writer, and sees
 * what was there when it began. */
static void
test_beside_a_writer(void ** state)
{
	struct run r = { .pause_every = 10 };
	const char * sql = "SELECT a.id, (SELECT count(*) FROM gh-issues) AS n "
	    "FROM gh-issues a";
	struct rig w;
	int i;

	(void)state;
	harness_start(&r, sql, strlen(sql), NULL);
	WAIT(r.rows == 10);
	rig_open(&w, "gh-issues", "g", 2, issues, 6, 0);
	for (i = 5000; i < 5400; i++)
		writer_row(w.w, ROW(IN(i), TX("late"), NU, NU, NU, NU));
	rig_flush(&w, 400);
	rig_close(&w);
	r.pause_every = 0;
	query_resume(r.q);
	harness_finish(&r);
	assert_int_equal(r.failed, 0);
	assert_int_equal(r.rows, 1000);
	assert_non_null(strstr(r.out.p, "1000|1000\n"));
	harness_free(&r);
	IS("SELECT count(*) FROM gh-issues", "1400\n");
}

static void
test_deleted_at(void ** state)
{
	struct run * r;
	struct rig w;

	(void)state;
	rig_open(&w, "gh-pulls", "p", 2, pulls, 6, 1);
	writer_row(w.w, ROW(TX("a"), IN(1), TX("pull"), RE(0), NU, NU));
	writer_sweep(w.w, SWEEP_MARK, 1, NULL, rig_swept, &w);
	WAIT(w.swept);
	assert_int_equal(w.nswept, 20);
	rig_close(&w);
	r = good("SELECT * FROM gh-pulls WHERE _deleted_at IS NULL");
	assert_non_null(strstr(r->columns, "_deleted_at TIMESTAMP"));
	assert_int_equal(r->rows, 1);
	IS("SELECT count(*) FROM gh-* WHERE _deleted_at > '2020-01-01'", "20\n");
}

/* Rows of some parts are left, whatever the case of their names, and of those that are not
 * listed; and count for nothing. */
static void
test_sweep_but(void ** state)
{
	json_t * but = json_pack("{s:{s:{s:s}, s:{s:s}, s:{s:s}}, s:{s:{s:s}, "
	    "s:{s:s, s:s}}}", "listed", "1", "repo", "r'1", "2", "repo",
	    "two", "3", "repo", "three", "left", "1", "repo", "r'1", "2",
	    "repo", "two", "n", "7");
	static const struct writer_column pair[] = {
		{ "repo", COLUMN_TEXT, 1, 0 }, { "n", COLUMN_INTEGER, 1, 0 },
		{ "v", COLUMN_TEXT, 0, 0 },
	};
	struct rig r;
	int i;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 1);
	for (i = 0; i < 10; i++) {
		writer_row(r.w, ROW(TX("R'1"), IN(i), TX("v")));
		writer_row(r.w, ROW(TX("two"), IN(i), TX("v")));
		writer_row(r.w, ROW(TX("three"), IN(i), TX("v")));
		writer_row(r.w, ROW(TX("four"), IN(i), TX("v")));
	}
	rig_flush(&r, 40);
	rig_close(&r);
	rig_open(&r, "t", "s", 2, pair, 3, 1);
	writer_row(r.w, ROW(TX("three"), IN(0), TX("v")));
	rig_flush(&r, 1);
	/* 18 of the 19 rows that count. */
	writer_sweep(r.w, SWEEP_REMOVE, 0.9, but, rig_swept, &r);
	WAIT(r.swept == 1);
	assert_int_equal(r.sweep_failed, 1);
	assert_non_null(strstr(r.sweep_e.msg, "18 of 19"));
	writer_sweep(r.w, SWEEP_REMOVE, 0.99, but, rig_swept, &r);
	WAIT(r.swept == 2);
	assert_int_equal(r.sweep_failed, 0);
	assert_int_equal(r.nswept, 18);
	assert_string_equal(rig_sql("SELECT group_concat(repo || n) FROM (SELECT "
	    "repo, n FROM t WHERE repo NOT IN ('R''1', 'four') ORDER BY 1)"),
	    "three0,two7\n");
	writer_sweep(r.w, SWEEP_MARK, 1, NULL, rig_swept, &r);
	WAIT(r.swept == 3);
	assert_int_equal(r.nswept, 21);
	rig_close(&r);
	json_decref(but);
}

/* Long statements end when they are told to; memory is capped. */
static void
test_limits(void ** state)
{
	struct query_opts opts = { .deadline_ms = 100 };
	const char * sql = "SELECT count(*) FROM gh-issues a, gh-issues b, "
	    "gh-issues c WHERE a.title || b.title = c.title || 'x'";
	struct run * r = harness_run_opts(sql, strlen(sql), &opts);

	(void)state;
	assert_int_equal(r->failed, 1);
	assert_string_equal(r->e.code, "deadline");
	memset(&opts, 0, sizeof(opts));
	opts.max_memory = (size_t)2 << 20;
	sql = "SELECT group_concat(a.title || b.title) FROM gh-issues a, "
	    "gh-issues b";
	r = harness_run_opts(sql, strlen(sql), &opts);
	assert_int_equal(r->failed, 1);
	assert_string_equal(r->e.code, "memory");
}

static void
test_gone(void ** state)
{
	struct run * r;
	char file[200];

	(void)state;
	snprintf(file, sizeof(file), "%s/moltler.db", dir);
	targets_free(T);
	T = targets_new(L, dir, NULL);
	assert_non_null(T);
	assert_int_equal(unlink(file), 0);
	r = harness_run("SELECT 1 FROM gh-issues");
	assert_int_equal(r->failed, 1);
	assert_non_null(strstr(r->e.msg, "moltler.db"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_columns), TEST(test_where), TEST(test_order),
		TEST(test_plan), TEST(test_union), TEST(test_as_plain),
		TEST(test_beside_a_writer),
		TEST(test_deleted_at), TEST(test_sweep_but),
		TEST(test_limits), TEST(test_gone),
	};

	return (cmocka_run_group_tests_name("query_rows", tests, NULL, NULL));
}
