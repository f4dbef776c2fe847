/* SELECT from tables of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
	    "70\n");
	IS("SELECT count(*) FROM gh-* WHERE state = 'OPEN'", "750\n");
	IS("SELECT title, number FROM gh-* WHERE number = 2 OR id = 2 "
	    "ORDER BY title", "issue 2|-\npull|2\n");
	assert_int_equal(good("SELECT * FROM gh-* LIMIT 3")->rows, 3);
	IS("SELECT u.title FROM gh-* u JOIN gh-pulls p ON p.number = u.id "
	    "WHERE p.number = 8", "issue 8\n");
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
	writer_sweep(w.w, SWEEP_MARK, 1, rig_swept, &w);
	WAIT(w.swept);
	assert_int_equal(w.nswept, 20);
	rig_close(&w);
	r = good("SELECT * FROM gh-pulls WHERE _deleted_at IS NULL");
	assert_non_null(strstr(r->columns, "_deleted_at TIMESTAMP"));
	assert_int_equal(r->rows, 1);
	IS("SELECT count(*) FROM gh-* WHERE _deleted_at > '2020-01-01'", "20\n");
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
		TEST(test_plan), TEST(test_union), TEST(test_beside_a_writer),
		TEST(test_deleted_at), TEST(test_limits), TEST(test_gone),
	};

	return (cmocka_run_group_tests_name("query_rows", tests, NULL, NULL));
}
