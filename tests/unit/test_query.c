#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query_harness.h"
#include "series_vtab.h"

static void
assert_rows(const char * sql, const char * rows)
{
	struct run * r = harness_run(sql);

	if (r->failed)
		fail_msg("%s: %s: %s", sql, r->e.code, r->e.msg);
	assert_string_equal(r->out.p, rows);
	assert_int_equal(series_vtab_open, 0);
}

static void
assert_error(const char * sql, enum err_class cls, const char * code,
    const char * msg)
{
	struct run * r = harness_run(sql);

	if (!r->failed)
		fail_msg("%s: no error, but %s", sql, r->out.p);
	assert_string_equal(r->e.msg, msg);
	assert_string_equal(r->e.code, code);
	assert_int_equal(r->e.cls, cls);
	assert_int_equal(series_vtab_open, 0);
}

static void
test_values_and_columns(void ** state)
{
	struct run * r;

	(void)state;
	assert_rows("SELECT 1, 2.5, 'a', NULL, x'0001', '' AS e",
	    "1|2.5|a|-|blob(2)|\n");
	r = harness_run("SELECT n, name AS x, value, labels, n + 1 "
	    "FROM series LIMIT 2;");
	assert_string_equal(r->columns,
	    "n INTEGER, x TEXT, value REAL, labels JSON, n + 1");
	assert_string_equal(r->out.p, "0|name-0|0|{\"n\":\"0\"}|1\n"
	    "1|name-1|0.5|{\"n\":\"1\"}|2\n");
	assert_int_equal(r->st.rows, 2);
	assert_true(r->st.ms >= 0);
	r = harness_run("SELECT n FROM series WHERE 0");
	assert_int_equal(r->columns_n, 1);
	assert_int_equal(r->rows, 0);
	assert_false(r->failed);
}

static void
test_names(void ** state)
{
	(void)state;
	assert_rows("SELECT count(*) FROM series", "100\n");
	assert_rows("SELECT count(*) FROM SERIES", "100\n");
	assert_rows("SELECT count(*) FROM shop.orders", "10\n");
	assert_rows("SELECT orders.n FROM shop.orders LIMIT 1", "0\n");
	assert_rows("SELECT count(*) FROM my-cache-*", "3\n");
	assert_rows("SELECT count(*) FROM \"my-cache-*\" x WHERE x.n > 0", "2\n");
	assert_rows("SELECT count(*) FROM db.node-metrics", "4\n");
	assert_rows("SELECT count(*) FROM db.\"node-metrics\"", "4\n");
	assert_rows("SELECT count(*) FROM x.y", "2\n");
	assert_rows("SELECT count(*) FROM main.series", "100\n");
	assert_rows("SELECT count(*) FROM dbstat", "7\n");
	assert_rows("SELECT count(*) FROM \"it's \"\"odd\"\"\"", "5\n");
	/* A name of the statement's own comes first. */
	assert_rows("WITH series AS (SELECT 7 n) SELECT n FROM series", "7\n");
	assert_rows("SELECT 3 IN (SELECT n FROM series), 3000 IN "
	    "(SELECT n FROM series)", "1|0\n");
	assert_rows("SELECT count(*) FROM s0.t, s1.t, s2.t, s3.t, s4.t, s5.t, "
	    "s6.t, s7.t, s8.t, s9.t", "1\n");
}

static void
test_real_sql(void ** state)
{
	(void)state;
	assert_rows("SELECT name, count(*) c, sum(value) FROM series "
	    "GROUP BY name HAVING c > 9 ORDER BY name DESC LIMIT 2",
	    "name-9|10|270\nname-8|10|265\n");
	assert_rows("SELECT a.n, b.n FROM series a JOIN shop.orders b "
	    "ON a.n = b.n * 2 WHERE a.n > 14 ORDER BY 1", "16|8\n18|9\n");
	assert_rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
	    "FROM c WHERE i < 4) SELECT group_concat(i, '-') FROM c",
	    "1-2-3-4\n");
	assert_rows("SELECT n, row_number() OVER (ORDER BY n DESC) FROM series "
	    "ORDER BY n DESC LIMIT 1", "99|1\n");
	assert_rows("SELECT labels ->> '$.n', json_extract(labels, '$.n') "
	    "FROM series WHERE n = 4", "4|4\n");
	assert_rows("VALUES (1, 2), (3, 4)", "1|2\n3|4\n");
	assert_rows("SELECT value FROM json_each('[5,6]')", "5\n6\n");
	assert_rows("SELECT s.n, t.fullkey FROM shop.orders s, "
	    "json_tree(s.labels) t WHERE t.type = 'text' LIMIT 1", "0|$.n\n");
	assert_rows("WITH c AS (SELECT 1) SELECT count(*) FROM c", "1\n");
	assert_rows("SELECT count(*) FROM (SELECT n FROM series) x", "100\n");
	assert_rows("SELECT 1 FROM (VALUES (1), (2)), shop.orders LIMIT 1",
	    "1\n");
	assert_rows(" -- hello\n SELECT /* x */ 1 ; ; -- bye", "1\n");
	assert_false(harness_run("EXPLAIN QUERY PLAN SELECT * FROM series")->
	    failed);
}

static void
test_contains(void ** state)
{
	(void)state;
	assert_rows("SELECT '[\"bug\",\"a\\u00e9\\n\"]' CONTAINS 'bug', "
	    "'[\"debug\"]' CONTAINS 'bug', 'debug' CONTAINS 'bug', "
	    "'x' NOT CONTAINS 'y', '[1,22, 3 ]' CONTAINS 3, "
	    "'[1,22]' CONTAINS 2, NULL CONTAINS 'x', '' CONTAINS ''",
	    "1|0|1|1|1|0|-|1\n");
	assert_rows("SELECT '[\"a\\u00e9\\n\"]' CONTAINS 'a\xc3\xa9\n', "
	    "'[\"\\ud83d\\ude00\"]' CONTAINS '\xf0\x9f\x98\x80', "
	    "'[[\"a\"],{\"b\":\"]\"},\"c\"]' CONTAINS 'c', "
	    "'[[\"a\"]]' CONTAINS 'a', '[]' CONTAINS '', '[x' CONTAINS 'x', "
	    "'[\"a\"] b' CONTAINS 'b', '[\"\\\"\"]' CONTAINS '\"'",
	    "1|1|1|0|0|1|1|1\n");
	assert_rows("SELECT count(*) FROM series WHERE name CONTAINS '-3'",
	    "10\n");
}

static void
test_own_functions(void ** state)
{
	(void)state;
	assert_rows("SELECT 'aBc' LIKE 'AbC', 'abc' LIKE 'a%', 'abc' LIKE '%c',"
	    " 'abc' LIKE '_b_', 'abc' LIKE 'a_', 'a%c' LIKE 'a\\%c' ESCAPE "
	    "'\\', 'abc' LIKE 'a\\%c' ESCAPE '\\', NULL LIKE 'a', '' LIKE '%',"
	    " 'x\xc3\xa9y' LIKE 'x_y', 'aXbXc' LIKE 'a%b%c', 'ab' LIKE 'a%b%c'",
	    "1|1|1|1|0|1|0|-|1|1|1|0\n");
	assert_rows("SELECT 'abc' GLOB 'a*', 'abc' GLOB 'A*', 'abc' GLOB "
	    "'[a-c]?[^d]', 'a]' GLOB 'a[]]', 'a-' GLOB 'a[b-]', 'b' GLOB '[',"
	    " '\xc3\xa9' GLOB '[\xc3\xa0-\xc3\xbf]', 'abcd' GLOB '*b*d'",
	    "1|0|1|1|1|0|1|1\n");
	assert_rows("SELECT instr('abc', 'c'), instr('\xc3\xa9t\xc3\xa9', 't'),"
	    " instr('abc', ''), instr('abc', 'x'), instr(x'0102', x'02'), "
	    "instr(NULL, 'a')", "3|2|1|0|2|-\n");
	assert_rows("SELECT replace('aXbX', 'X', 'yy'), replace('a', '', 'b'), "
	    "replace('aaa', 'aa', 'b'), replace('abc', 'abc', '')",
	    "ayybyy|a|ba|\n");
	assert_rows("SELECT '<' || trim('  a ') || '>', ltrim('xxa', 'x'), "
	    "rtrim('a\xc3\xa9\xc3\xa9', '\xc3\xa9'), trim('abcba', 'ab'), "
	    "trim('', 'x'), trim('xx', 'x')", "<a>|a|a|c||\n");
	assert_rows("SELECT printf('%5.2f|%-4d|%04d|%s|%%|%c|%x|%q|%Q', 3.14159,"
	    " 7, 42, 'hi', 'word', 255, 'it''s', NULL), format('%d-%d', 1), "
	    "printf('%*d', 4, 1), printf('%.3s', 'abcdef'), printf('%,d', "
	    "1234567), printf('%!c', '\xc3\xa9t')",
	    " 3.14|7   |0042|hi|%|w|ff|it''s|NULL|1-0|   1|abc|1,234,567|"
	    "\xc3\xa9\n");
	assert_rows("SELECT printf('%'), printf(''), printf('100%'), "
	    "printf('%y'), printf(NULL)", "||100||-\n");
}

/* SQLite tells no place of these. */
static void
test_places(void ** state)
{
	static const struct {
		const char * sql, * says;
	} v[] = {
		{ "SELECT s.n FROM series t", "column 8: no column s.n: nothing "
		    "here is called s\n" },
		{ "SELECT n FROM series LIMIT n", "column 28: no column n: no "
		    "column can stand here\n" },
		{ "SELECT n FROM (SELECT 1 AS m FROM series)", "column 8: no "
		    "column n: none of that name is seen here\n" },
		{ "SELECT c.n FROM (SELECT 1 AS m FROM series) c", "column 8: no "
		    "column c.n: that has none here\n" },
		{ "SELECT * FROM series a JOIN series b USING (x)", "column 38: "
		    "cannot join" },
		{ "SELECT 1 WHERE (1, 2) = (1, 2, 3)", "column 1: row value" },
		{ "SELECT 1 WHERE 1 IN (SELECT 1, 2)", "column 18: sub-select" },
		{ "WITH c(i) AS (SELECT 1, 2) SELECT * FROM c", "column 6: "
		    "table c has 2" },
		{ "SELECT * FROM series a, series a", "column 22: ambiguous" },
		{ "SELECT group_concat(DISTINCT n, 'x') FROM series",
		    "column 21: DISTINCT" },
		{ "SELECT ntile(0) OVER () FROM series", "column 8: argument" },
		{ "SELECT json('{')", "column 8: malformed JSON" },
		{ "SELECT '{' ->> 'a'", "column 12: malformed JSON" },
		{ "SELECT json_extract('{}', 'x')", "column 8: JSON path" },
		/* One of them it was. */
		{ "SELECT json('{}'), json('{')", "column 1: malformed JSON" },
		{ "SELECT 1, abs(-9223372036854775807 - 1)", "column 11: integer" },
		{ "SELECT sum(n) OVER (ORDER BY n ROWS -1 PRECEDING) FROM series",
		    "column 32: frame" },
		{ "SELECT printf('%.*c', 99999999, 'x')", "column 8: a width" },
		{ "SELECT * FROM sqlite_master", "column 15: the table" },
		{ "SELECT * FROM pragma_table_info('x')", "column 15: SQLite" },
	};
	char says[120];
	struct run * r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		snprintf(says, sizeof(says), "line 1, %s", v[i].says);
		r = harness_run(v[i].sql);
		if (!r->failed || strncmp(r->e.msg, says, strlen(says)) != 0 ||
		    strchr(r->e.msg, '^') == NULL)
			fail_msg("%s: %s", v[i].sql, r->failed ? r->e.msg :
			    "runs");
	}
}

static void
test_syntax_errors(void ** state)
{
	(void)state;
	assert_error("SELECT 1 +\nFROM series", ERR_PERMANENT, "sql",
	    "line 2, column 1: found FROM, but expected a value or a column\n"
	    "  FROM series\n  ^");
	assert_error("SELECT 1 FROM my-cache-* WHERE x y z", ERR_PERMANENT,
	    "sql", "line 1, column 34: found y, but expected an operator, a "
	    "comma, a clause such as WHERE or the end\n"
	    "  SELECT 1 FROM my-cache-* WHERE x y z\n"
	    "                                   ^");
	assert_error("SELECT '\xc3\xa9', zzzz FROM series", ERR_PERMANENT,
	    "sql", "line 1, column 13: no column zzzz\n"
	    "  SELECT '\xc3\xa9', zzzz FROM series\n              ^");
	assert_error("SELECT 1 WHERE 'a' CONTAINS ", ERR_PERMANENT, "sql",
	    "line 1, column 20: found CONTAINS, but expected an operator, a "
	    "comma, a clause such as WHERE or the end\n"
	    "  SELECT 1 WHERE 'a' CONTAINS\n                     ^");
	assert_error("SELECT * FORM series", ERR_PERMANENT, "sql",
	    "line 1, column 10: found FORM (did you mean FROM?), but expected "
	    "an operator, a comma, a clause such as WHERE or the end\n"
	    "  SELECT * FORM series\n           ^");
	assert_error("SELECT * FROM series\nWHERE ;", ERR_PERMANENT, "sql",
	    "line 2, column 7: found the end of the statement, but expected a "
	    "value or a column\n  WHERE ;\n        ^");
	assert_error("SELECT n FROM series WHERE (n = 1", ERR_PERMANENT, "sql",
	    "line 1, column 34: found the end of the statement, but expected an "
	    "operator, a comma or )\n  SELECT n FROM series WHERE (n = 1\n"
	    "                                   ^");
	assert_error("SELECT n FROM series GROUP n", ERR_PERMANENT, "sql",
	    "line 1, column 28: found n, but expected BY\n"
	    "  SELECT n FROM series GROUP n\n                             ^");
	assert_error("SELECT 1 WHERE 1 IN 'x'", ERR_PERMANENT, "no_table",
	    "line 1, column 21: no table x\n  SELECT 1 WHERE 1 IN 'x'\n"
	    "                      ^");
	assert_error("SELECT n FROM series ORDER BY 9", ERR_PERMANENT, "sql",
	    "line 1, column 22: 1st ORDER BY term out of range - should be "
	    "between 1 and 1\n  SELECT n FROM series ORDER BY 9\n"
	    "                       ^");
	assert_error("SELECT 1 FROM series\nLIMIT 'x'", ERR_PERMANENT, "sql",
	    "line 2, column 1: LIMIT and OFFSET take whole numbers\n  LIMIT 'x'\n  ^");
	assert_error("SELECT sum(9223372036854775807) FROM series",
	    ERR_PERMANENT, "sql", "line 1, column 8: integer overflow\n"
	    "  SELECT sum(9223372036854775807) FROM series\n         ^");
	assert_error("SELECT 'abc", ERR_PERMANENT, "sql",
	    "line 1, column 8: this string has no closing quote\n"
	    "  SELECT 'abc\n         ^");
	assert_error("", ERR_PERMANENT, "sql",
	    "line 1, column 1: there is no statement here\n  \n  ^");
	assert_error("/* x */ ;", ERR_PERMANENT, "sql",
	    "line 1, column 1: there is no statement here\n  /* x */ ;\n  ^");
	assert_error("SELECT 1; SELECT 2", ERR_PERMANENT, "sql",
	    "line 1, column 11: more than one statement: send one at a time\n"
	    "  SELECT 1; SELECT 2\n            ^");
	assert_error("SELECT ?1", ERR_PERMANENT, "sql",
	    "line 1, column 8: the parameter ?1 has no value: write the value\n"
	    "  SELECT ?1\n         ^");
	assert_error("SELCT 1", ERR_PERMANENT, "sql",
	    "line 1, column 1: found SELCT (did you mean SELECT?), but a query "
	    "begins with SELECT (also WITH, VALUES and EXPLAIN QUERY PLAN)\n"
	    "  SELCT 1\n  ^");
	assert_error("SELECT 12abc", ERR_PERMANENT, "sql",
	    "line 1, column 8: unrecognized token: \"12abc\"\n"
	    "  SELECT 12abc\n         ^");
}

static void
test_did_you_mean(void ** state)
{
	(void)state;
	assert_error("SELECT * FROM serie", ERR_PERMANENT, "no_table",
	    "line 1, column 15: no table serie (did you mean series?)\n"
	    "  SELECT * FROM serie\n                ^");
	assert_error("SELECT 1 FROM shop.ordrs", ERR_PERMANENT, "no_table",
	    "line 1, column 15: no table shop.ordrs (did you mean "
	    "shop.orders?)\n  SELECT 1 FROM shop.ordrs\n                ^");
	assert_error("SELECT 1 FROM metrcs", ERR_PERMANENT, "no_table",
	    "line 1, column 15: no table metrcs (did you mean prod.metrics?)\n"
	    "  SELECT 1 FROM metrcs\n                ^");
	assert_error("SELECT 1\nFROM series,\n  nothing-like-*", ERR_PERMANENT,
	    "no_table", "line 3, column 3: no table nothing-like-*; SHOW "
	    "TARGETS lists what there is\n"
	    "    nothing-like-*\n    ^");
	assert_error("SELECT nam FROM series", ERR_PERMANENT, "sql",
	    "line 1, column 8: no column nam (did you mean name?)\n"
	    "  SELECT nam FROM series\n         ^");
	assert_error("SELECT s.valeu FROM series s", ERR_PERMANENT, "sql",
	    "line 1, column 8: no column s.valeu (did you mean value?)\n"
	    "  SELECT s.valeu FROM series s\n         ^");
	assert_error("SELECT \"text\" FROM series", ERR_PERMANENT, "sql",
	    "line 1, column 8: no column text: a text stands between ' and '\n"
	    "  SELECT \"text\" FROM series\n         ^");
	assert_error("SELECT lenght('a')", ERR_PERMANENT, "sql",
	    "line 1, column 8: no function lenght() (did you mean length()?)\n"
	    "  SELECT lenght('a')\n         ^");
	assert_error("SELECT now()", ERR_PERMANENT, "sql",
	    "line 1, column 8: no function now(); here it is datetime('now')\n"
	    "  SELECT now()\n         ^");
	assert_error("SELECT * FROM dup", ERR_PERMANENT, "ambiguous_name",
	    "line 1, column 15: dup is in several databases (shop, prod): put "
	    "one and a dot before it\n  SELECT * FROM dup\n                ^");
}

static void
assert_denied(const char * sql)
{
	struct run * r = harness_run(sql);

	if (!r->failed)
		fail_msg("%s: was not refused: %s", sql, r->out.p);
	if (strcmp(r->e.code, "denied") != 0)
		fail_msg("%s: %s: %s", sql, r->e.code, r->e.msg);
	assert_int_equal(r->e.cls, ERR_PERMANENT);
}

static void
test_denied(void ** state)
{
	static const char * const sqls[] = {
		"CREATE TABLE t(a)", "INSERT INTO series VALUES (1)",
		"DELETE FROM series", "UPDATE series SET n = 1",
		"DROP TABLE series", "PRAGMA table_info(series)",
		"ATTACH '/etc/passwd' AS x", "DETACH main", "VACUUM",
		"BEGIN", "REINDEX", "ANALYZE", "EXPLAIN SELECT 1",
		"EXPLAIN QUERY PLAN DELETE FROM series",
		"WITH a AS (SELECT 1) INSERT INTO series SELECT * FROM a",
		"WITH a AS (SELECT 1) DELETE FROM series",
		"SELECT load_extension('x')", "SELECT zeroblob(1000000000)",
		"SELECT randomblob(1000000000)", "SELECT sqlite_version()",
		"SELECT json_patch('{}', '{}')", "SELECT fts5(1)",
		"SELECT * FROM sqlite_master", "SELECT * FROM sqlite_schema",
		"SELECT sql FROM main.sqlite_master",
		"SELECT * FROM shop.orders, shop.sqlite_master",
		"SELECT * FROM pragma_database_list",
		"SELECT * FROM pragma_table_info('series')",
		"SELECT * FROM sqlite_stmt", "SELECT * FROM sqlite_temp_master",
		"WITH a AS (SELECT 1) REPLACE INTO x SELECT 1",
		"SELECT count(*) FROM pragma_table_list", NULL
	};
	size_t i;

	(void)state;
	for (i = 0; sqls[i] != NULL; i++)
		assert_denied(sqls[i]);
	assert_error("insert into t values (1)", ERR_PERMANENT, "denied",
	    "line 1, column 1: found insert, but only SELECT (also WITH, "
	    "VALUES and EXPLAIN QUERY PLAN) can run as a query\n"
	    "  insert into t values (1)\n  ^");
	assert_error("SELECT 1, zeroblob(5)", ERR_PERMANENT, "denied",
	    "line 1, column 11: the function zeroblob() is not available\n"
	    "  SELECT 1, zeroblob(5)\n            ^");
}

static void
test_table_errors(void ** state)
{
	(void)state;
	assert_error("SELECT n FROM failing", ERR_PERMANENT, "sql",
	    "page 5 went wrong");
	assert_int_equal(harness_run("SELECT n FROM failing")->rows, 5);
	assert_rows("SELECT n FROM failing LIMIT 2", "0\n1\n");
	assert_error("SELECT n FROM busy", ERR_TRANSIENT, "sqlite",
	    "database is locked");
	assert_error("SELECT n FROM gone", ERR_TRANSIENT, "sqlite",
	    "cannot open 'gone'");
	assert_error("SELECT abs(-9223372036854775807 - 1) FROM series",
	    ERR_PERMANENT, "sql", "line 1, column 8: integer overflow\n"
	    "  SELECT abs(-9223372036854775807 - 1) FROM series\n         ^");
}

static void
test_too_many_databases(void ** state)
{
	(void)state;
	assert_error("SELECT 1 FROM s0.t, s1.t, s2.t, s3.t, s4.t, s5.t, s6.t, "
	    "s7.t, s8.t, s9.t, s10.t", ERR_PERMANENT, "sql",
	    "line 1, column 75: a query can read from 10 databases at once, "
	    "and s10 is one more\n"
	    "  , s2.t, s3.t, s4.t, s5.t, s6.t, s7.t, s8.t, s9.t, s10.t\n"
	    "                                                    ^");
}

/* Pauses on every seventh row; nothing comes until it is resumed. */
static void
test_back_pressure(void ** state)
{
	const char * sql = "SELECT n FROM mid";
	struct run r;
	uint64_t rows;
	int i;

	(void)state;
	memset(&r, 0, sizeof(r));
	r.pause_every = 7;
	r.quiet = 1;
	harness_start(&r, sql, strlen(sql), NULL);
	query_resume(r.q); /* too early: does not count */
	while (r.pauses < 200) {
		rows = (uint64_t)r.pauses * 7 + 7;
		while (r.rows < rows)
			assert_int_equal(loop_turn(harness_loop, 1), 0);
		for (i = 0; i < 3; i++)
			loop_turn(harness_loop, 0);
		assert_int_equal(r.rows, rows);
		query_resume(r.q);
		query_resume(r.q);
	}
	query_cancel(r.q);
	harness_finish(&r);
	assert_int_equal(r.e.cls, ERR_CANCELLED);
	harness_free(&r);
}

/* A reader that never comes back ends by the deadline. */
static void
test_deadline_while_paused(void ** state)
{
	struct query_opts opts = { .deadline_ms = 50 };
	const char * sql = "SELECT n FROM series";
	struct run r;

	(void)state;
	memset(&r, 0, sizeof(r));
	r.pause_every = 3;
	harness_start(&r, sql, strlen(sql), &opts);
	harness_finish(&r);
	assert_int_equal(r.rows, 3);
	assert_string_equal(r.e.code, "deadline");
	assert_int_equal(r.e.cls, ERR_TRANSIENT);
	assert_true(r.st.ms >= 40 && r.st.ms < 5000);
	assert_int_equal(series_vtab_open, 0);
	harness_free(&r);
}

/* Cancelled after k turns of the loop, for every k until it ends by itself:
 * before it starts, while it compiles, waits, pauses and computes. */
static void
test_cancel_anywhere(void ** state)
{
	const char * sql = "SELECT a.n, count(*) FROM wait a, wait b "
	    "WHERE b.n < 20 GROUP BY a.n ORDER BY 2, 1 DESC";
	int k, i, cancelled = 0;
	struct run r;

	(void)state;
	for (k = 0;; k += k < 40 ? 1 : 60) {
		memset(&r, 0, sizeof(r));
		r.pause_every = 5;
		harness_start(&r, sql, strlen(sql), NULL);
		for (i = 0; i < k && !r.done; i++) {
			loop_turn(harness_loop, 1);
			if (i % 2 && !r.done)
				query_resume(r.q);
		}
		if (r.done)
			break;
		query_cancel(r.q);
		query_cancel(r.q);
		harness_finish(&r);
		assert_true(r.failed);
		assert_int_equal(r.e.cls, ERR_CANCELLED);
		assert_string_equal(r.e.code, "cancelled");
		assert_int_equal(series_vtab_open, 0);
		harness_free(&r);
		cancelled++;
	}
	assert_false(r.failed);
	assert_int_equal(r.rows, 100);
	assert_true(cancelled > 20);
	harness_free(&r);
	query_cancel(NULL);
	query_resume(NULL);
}

static void
test_cancel_from_the_sink(void ** state)
{
	const char * sql = "SELECT n FROM mid";
	struct run r;

	(void)state;
	memset(&r, 0, sizeof(r));
	r.cancel_at = 10;
	harness_start(&r, sql, strlen(sql), NULL);
	harness_finish(&r);
	assert_int_equal(r.rows, 10);
	assert_int_equal(r.e.cls, ERR_CANCELLED);
	harness_free(&r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_values_and_columns), T(test_names), T(test_real_sql),
		T(test_contains), T(test_own_functions), T(test_places), T(test_syntax_errors),
		T(test_did_you_mean), T(test_denied), T(test_table_errors),
		T(test_too_many_databases), T(test_back_pressure),
		T(test_deadline_while_paused), T(test_cancel_anywhere),
		T(test_cancel_from_the_sink),
	};

	return (cmocka_run_group_tests_name("query", tests, NULL, NULL));
}
