#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fair.h"
#include "sql/sql_names.h"
#include "sql/sql_rewrite.h"
#include "sql/token.h"

static struct token_list list;
static struct err e;

static int
cut(const char * sql)
{
	return (token_list(sql, strlen(sql), 10000, &list, &e));
}

/* The kinds of all tokens as letters, in order. */
static const char *
kinds(const char * sql)
{
	static const char letters[] = " iqsjbnpo;!";
	static char out[256];
	size_t i;

	if (cut(sql))
		return (e.msg);
	for (i = 0; i < list.n && i < sizeof(out) - 1; i++)
		out[i] = letters[list.t[i].kind];
	out[i] = '\0';
	token_list_free(&list);
	return (out);
}

static void
test_kinds(void ** state)
{
	(void)state;
	assert_string_equal(kinds(""), "");
	assert_string_equal(kinds(" \t\r\n\f -- x\n/* y */"), "");
	assert_string_equal(kinds("SELECT a.b, *"), "iioioo");
	assert_string_equal(kinds("\"a \"\"b\" [c d] `e``f` _g$1"), "qqqi");
	assert_string_equal(kinds("'it''s' '' x'00fF' X''"), "ssbb");
	assert_string_equal(kinds("x'0' x'zz'"), "!!");
	assert_string_equal(kinds("1 1. .5 1.5e-3 0xFf 2E9"), "nnnnnn");
	assert_string_equal(kinds("1a 1e 0x 12_3"), "!!!!");
	assert_string_equal(kinds("? ?12 :a @b $c"), "ppppp");
	assert_string_equal(kinds("<> <= >= == != << >> || -> ->> =>"),
	    "ooooooooooo");
	assert_string_equal(kinds("a;b;;"), "i;i;;");
	assert_string_equal(kinds("! # \\ ^"), "!!!!");
	assert_string_equal(kinds("\xc3\xa9t\xc3\xa9 = '\xe2\x82\xac'"), "ios");
	assert_string_equal(kinds("\xef\xbb\xbfSELECT 1"), "in");
	assert_string_equal(kinds("a--b\nc/*d*/e/***/f/* ** / */g"), "iiiii");
	assert_string_equal(kinds("'a--b' '/*'"), "ss");
}

static void
test_objects(void ** state)
{
	(void)state;
	assert_string_equal(kinds("CONFIG {\"a\":true,b:[1,'x'],\"\\\"\":{}}"),
	    "iojoioioonosoojoooo");
	/* Back outside, brackets and colons are SQL's again. */
	assert_string_equal(kinds("{:a} :a [b]"), "ooiopq");
	assert_string_equal(kinds("{ -- c } \n /* } */ } [x]"), "ooq");
	assert_string_equal(kinds("{ ; [x]"), "o;q");
	assert_string_equal(kinds("} x"), "!i");
	/* So is the value after an arrow. */
	assert_string_equal(kinds("(a => [1, [\"x]\"]], [b] => \"c\\\"\", \"d\")"),
	    "oioonoojoooqojoqo");
}

static void
test_places(void ** state)
{
	(void)state;
	assert_int_equal(cut("a\n  '\xc3\xa9' \xe2\x82\xac b\r\nc"), 0);
	assert_int_equal(list.n, 5);
	assert_int_equal(list.t[1].line, 2);
	assert_int_equal(list.t[1].col, 3);
	assert_int_equal(list.t[2].off, 9);
	assert_int_equal(list.t[2].col, 7);
	assert_int_equal(list.t[3].off, 13);
	assert_int_equal(list.t[3].col, 9);
	assert_int_equal(list.t[4].line, 3);
	assert_int_equal(list.t[4].col, 1);
	token_list_free(&list);
}

static void
assert_fails(const char * sql, size_t len, const char * code, const char * msg)
{
	assert_int_equal(token_list(sql, len, 10000, &list, &e), -1);
	assert_int_equal(e.cls, ERR_PERMANENT);
	assert_string_equal(e.code, code);
	assert_string_equal(e.msg, msg);
	assert_null(list.t);
}

#define FAILS(sql, code, msg) assert_fails(sql, sizeof(sql) - 1, code, msg)

static void
test_errors(void ** state)
{
	(void)state;
	FAILS("SELECT 'a", "unterminated",
	    "line 1, column 8: this string has no closing quote\n"
	    "  SELECT 'a\n         ^");
	FAILS("SELECT 'a''", "unterminated",
	    "line 1, column 8: this string has no closing quote\n"
	    "  SELECT 'a''\n         ^");
	FAILS("x\n\"a", "unterminated",
	    "line 2, column 1: this quoted name has no closing quote\n"
	    "  \"a\n  ^");
	FAILS("x [a", "unterminated",
	    "line 1, column 3: this quoted name has no closing quote\n"
	    "  x [a\n    ^");
	FAILS("`", "unterminated",
	    "line 1, column 1: this quoted name has no closing quote\n"
	    "  `\n  ^");
	FAILS("a /* b * / **", "unterminated",
	    "line 1, column 3: this comment has no closing */\n"
	    "  a /* b * / **\n    ^");
	FAILS("/*/", "unterminated",
	    "line 1, column 1: this comment has no closing */\n"
	    "  /*/\n  ^");
	FAILS("{\"a\\\"", "unterminated",
	    "line 1, column 2: this string has no closing quote\n"
	    "  {\"a\\\"\n   ^");
	FAILS("a\tb \xff c", "sql",
	    "line 1, column 5: byte 0xff is not UTF-8\n"
	    "  a b ? c\n      ^");
	FAILS("ab\0c", "sql",
	    "line 1, column 3: a NUL byte cannot stand in SQL\n"
	    "  ab c\n    ^");
	FAILS("'\xed\xa0\x80'", "sql",
	    "line 1, column 2: byte 0xed is not UTF-8\n"
	    "  '\?\?\?'\n   ^");
	assert_int_equal(token_list("a b c", 5, 2, &list, &e), -1);
	assert_string_equal(e.msg,
	    "line 1, column 5: more than 2 words in one statement\n"
	    "  a b c\n      ^");
}

static void
test_excerpt_of_a_long_line(void ** state)
{
	char sql[1001], * p;

	(void)state;
	memset(sql, 'x', 1000);
	sql[1000] = '\0';
	memcpy(sql + 600, " 'abc", 5);
	token_error(sql, 1000, 601, &e, "here");
	assert_non_null(p = strchr(e.msg, '\n'));
	assert_int_equal(strcspn(p + 3, "\n"), 80);
	p = strchr(p + 1, '\n');
	/* The caret stands under the quote. */
	assert_int_equal(strcspn(p + 1, "^"), 2 + 50);
	assert_memory_equal(strchr(e.msg, '\n') + 1 + 2 + 50, "'abc", 4);
	/* Past the end counts as the end. */
	token_error("ab", 2, 99, &e, "end");
	assert_string_equal(e.msg, "line 1, column 3: end\n  ab\n    ^");
	token_error("", 0, 0, &e, "nothing");
	assert_string_equal(e.msg, "line 1, column 1: nothing\n  \n  ^");
}

/* A place that an error tells is found again; a line of another text is none. */
static void
test_place_of_an_error(void ** state)
{
	size_t line = 0, col = 0, n;

	(void)state;
	token_error("a\nbc", 4, 3, &e, "here");
	n = token_error_place(e.msg, &line, &col);
	assert_string_equal(e.msg + n, "here\n  bc\n   ^");
	assert_int_equal(line, 2);
	assert_int_equal(col, 2);
	assert_int_equal(token_error_place("line 3 of the answer: x", NULL,
	    NULL), 0);
	assert_int_equal(token_error_place("c.x: line 1, column 2: y", NULL,
	    NULL), 0);
}

static void
test_names_and_text(void ** state)
{
	char out[8];

	(void)state;
	assert_int_equal(cut("\"a\"\"b\" [c]] `d``` 'e''' toolongname fro From"),
	    0);
	assert_int_equal(token_name(&list, 0, out, sizeof(out)), 0);
	assert_string_equal(out, "a\"b");
	assert_int_equal(token_name(&list, 1, out, sizeof(out)), 0);
	assert_string_equal(out, "c");
	assert_int_equal(list.t[2].kind, TOKEN_BAD); /* the second bracket */
	assert_int_equal(token_name(&list, 3, out, sizeof(out)), 0);
	assert_string_equal(out, "d`");
	assert_int_equal(token_name(&list, 4, out, sizeof(out)), 0);
	assert_string_equal(out, "e'");
	assert_int_equal(token_name(&list, 5, out, sizeof(out)), -1);
	assert_false(token_is(&list, 6, "from"));
	assert_true(token_is(&list, 7, "FROM"));
	assert_false(token_is(&list, 8, "from"));
	assert_false(token_is(&list, 0, "a"));
	token_list_free(&list);
}

/* The table names found, as "schema|table schema|table!" (! for merged). */
static const char *
names(const char * sql)
{
	static char out[512];
	struct sql_names nm;
	size_t i, n = 0;

	out[0] = '\0';
	assert_int_equal(cut(sql), 0);
	assert_int_equal(sql_names(&list, 100, &nm, &e), 0);
	for (i = 0; i < nm.n; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s%s%s%s",
		    i ? " " : "", nm.v[i].schema, *nm.v[i].schema ? "." : "",
		    nm.v[i].table, nm.v[i].merged ? "!" : "");
	sql_names_free(&nm);
	token_list_free(&list);
	return (out);
}

static void
test_table_names(void ** state)
{
	(void)state;
	assert_string_equal(names("SELECT a.b FROM t"), "t");
	assert_string_equal(names("SELECT * FROM a, b.c x, d AS y"), "a b.c d");
	assert_string_equal(names("FROM a JOIN b ON f(a.x, b.y), c"), "a b c");
	assert_string_equal(names("FROM (a, b) LEFT JOIN (SELECT 1, c FROM d) e"
	    " USING (f, g), h WHERE i IN (j, k), l"), "a b d h");
	assert_string_equal(names("SELECT x IN t, y NOT IN s.u, z IN (v)"),
	    "t s.u");
	assert_string_equal(names("FROM json_each(a), t"), "t");
	assert_string_equal(names("SELECT a IS DISTINCT FROM b FROM c"), "c");
	assert_string_equal(names("FROM \"a b\".[c d]"), "a b.c d");
	assert_string_equal(names("FROM a . b"), "a.b");
	assert_string_equal(names("SELECT 1 FROM a UNION SELECT b, c FROM d"),
	    "a d");
	assert_string_equal(names("FROM a ORDER BY b, c"), "a");
	assert_string_equal(names("WITH q AS (SELECT x, y FROM t) "
	    "SELECT z, w FROM q, u"), "t q u");
	assert_string_equal(names("SELECT (SELECT a, b FROM t), c FROM u"),
	    "t u");
	assert_string_equal(names("FROM"), "");
	assert_string_equal(names("FROM 'x'"), "");
	assert_string_equal(names(")))) FROM t"), "t");
	assert_string_equal(names("FROM a; x, b"), "a");
	assert_string_equal(names("FROM a, {b: 1} FROM c"), "a");
}

static void
test_merged_names(void ** state)
{
	(void)state;
	assert_string_equal(names("FROM my-connector-cache-* WHERE a-b"),
	    "my-connector-cache-*!");
	assert_string_equal(names("FROM a-b x, c.d-e JOIN logs-2024.01.02"),
	    "a-b! c.d-e! logs-2024.01.02!");
	assert_string_equal(names("FROM a.b.c"), "a.b.c!");
	assert_string_equal(names("FROM a-2024a"), "a-2024a!");
	assert_string_equal(names("FROM s.\"t-u\""), "s.t-u");
	assert_string_equal(names("FROM my-db.\"t\""), "my-db!");
	assert_string_equal(names("FROM \"s-1\".t-u"), "s-1.t-u!");
	assert_string_equal(names("FROM a -b"), "a");
	/* What kind of target it is may stand before it. */
	assert_string_equal(names("FROM es:github-issues-* x, sqlite:t, ES:a"),
	    "es:github-issues-*! sqlite:t! ES:a!");
	assert_string_equal(names("FROM x:t, es :t"), "x es");
	/* Keywords stay keywords: this is a query without a space. */
	assert_string_equal(names("FROM (SELECT*FROM t)"), "t");
}

static void
test_too_many_or_deep(void ** state)
{
	char sql[2000];
	struct sql_names nm;

	(void)state;
	assert_int_equal(cut("SELECT 1 FROM a, b, c"), 0);
	assert_int_equal(sql_names(&list, 2, &nm, &e), -1);
	assert_non_null(strstr(e.msg, "column 21: more than 2 tables"));
	assert_int_equal(nm.n, 0);
	token_list_free(&list);
	memset(sql, '(', sizeof(sql) - 1);
	sql[sizeof(sql) - 1] = '\0';
	assert_int_equal(cut(sql), 0);
	assert_int_equal(sql_names(&list, 2, &nm, &e), -1);
	assert_non_null(strstr(e.msg, "nested"));
	token_list_free(&list);
}

static struct sql_rewrite rw;

static const char *
rewritten(const char * sql)
{
	static char out[512];
	struct sql_names nm;

	assert_int_equal(cut(sql), 0);
	assert_int_equal(sql_names(&list, 100, &nm, &e), 0);
	assert_int_equal(sql_rewrite(&list, &nm, &rw, &e), 0);
	snprintf(out, sizeof(out), "%s", rw.sql.p);
	sql_names_free(&nm);
	token_list_free(&list);
	return (out);
}

static void
test_rewrite_keeps_the_rest(void ** state)
{
	static const char * const same[] = {
		"SELECT a-b, c*d FROM t WHERE x - y", "", "  -- only\n",
		"SELECT 'x CONTAINS y' /* a CONTAINS b */",
		"SELECT contains FROM t", "SELECT a contains FROM t",
		"SELECT t.contains = 1", "SELECT a AS contains, b",
		"SELECT contains(a, b)", "WHERE a AND contains(a, b)",
		"FROM contains c", "FROM t contains, u", "FROM t contains JOIN u",
		"FROM t contains WHERE 1", "\"contains\"", "contains",
		"SELECT a \"contains\" b", "ORDER BY contains DESC",
		"SELECT contains - 1", "FROM s.t, \"a-b\"", NULL
	};
	size_t i;

	(void)state;
	for (i = 0; same[i] != NULL; i++) {
		assert_string_equal(rewritten(same[i]), same[i]);
		sql_rewrite_free(&rw);
	}
}

static void
test_rewrite(void ** state)
{
	static const char * const pairs[][2] = {
		{ "WHERE x CONTAINS 'y'", "WHERE x MATCH    'y'" },
		{ "WHERE x not contains y", "WHERE x not MATCH    y" },
		{ "f(x) Contains (y)", "f(x) MATCH    (y)" },
		{ "'a'CONTAINS'b'", "'a'MATCH   'b'" },
		{ "t.\"x\" CONTAINS -1", "t.\"x\" MATCH    -1" },
		{ "SELECT contains CONTAINS contains",
		  "SELECT contains MATCH    contains" },
		{ "SELECT 1 FROM a-b c, d-* WHERE c.x CONTAINS 2",
		  "SELECT 1 FROM \"a-b\" c, \"d-*\" WHERE c.x MATCH    2" },
		{ "FROM \"s-1\".t-u x", "FROM \"s-1\".\"t-u\" x" },
		{ "FROM a-*\"b\"", "FROM \"a-*\" \"b\"" },
		/* The name of a target before a column. */
		{ "SELECT a-b.x FROM A-B JOIN t ON a-b.y = t.y",
		  "SELECT \"a-b\".x FROM \"A-B\" JOIN t ON \"a-b\".y = t.y" },
		{ "SELECT a-b.* , a-b.\"x\"FROM a-b",
		  "SELECT \"a-b\".* , \"a-b\".\"x\"FROM \"a-b\"" },
		{ "SELECT a-1.b.x, x.a-1.b.x FROM a-1.b",
		  "SELECT \"a-1.b\".x, x.a-1.b.x FROM \"a-1.b\"" },
		/* It has another name, or this is arithmetic. */
		{ "SELECT a-b.x FROM a-b c", "SELECT a-b.x FROM \"a-b\" c" },
		{ "SELECT a-b.x FROM a-b AS c",
		  "SELECT a-b.x FROM \"a-b\" AS c" },
		{ "SELECT a-b, a - b.x, c-a-b.x FROM a-b",
		  "SELECT a-b, a - b.x, c-a-b.x FROM \"a-b\"" },
		{ NULL, NULL }
	};
	size_t i;

	(void)state;
	for (i = 0; pairs[i][0] != NULL; i++) {
		assert_string_equal(rewritten(pairs[i][0]), pairs[i][1]);
		sql_rewrite_free(&rw);
	}
}

static void
test_offsets_map_back(void ** state)
{
	const char * sql = "SELECT x FROM a-b c, d-* WHERE y = z";
	const char * out;
	size_t i;

	(void)state;
	out = rewritten(sql);
	for (i = 0; out[i] != '\0'; i++) {
		size_t in = sql_rewrite_offset(&rw, i);

		assert_true(in <= strlen(sql));
		if (out[i] == 'x' || out[i] == 'c' || out[i] == 'y' ||
		    out[i] == 'z' || out[i] == '=')
			assert_int_equal(sql[in], out[i]);
	}
	assert_int_equal(sql_rewrite_offset(&rw, strlen(out)), strlen(sql));
	/* Anywhere in a quoted name is its beginning. */
	assert_int_equal(sql_rewrite_offset(&rw,
	    (size_t)(strstr(out, "-b\"") - out)), 14);
	sql_rewrite_free(&rw);
}

static void
test_split(void ** state)
{
	const char * s = " ;; SELECT 1; -- x;y\n SELECT ';' ; \n{ \"a;\": 1 } ;z ";
	struct token_stmt * st;
	size_t n;

	(void)state;
	assert_int_equal(token_split(s, strlen(s), &st, &n, &e), 0);
	assert_int_equal(n, 4);
	assert_int_equal(st[0].len, 8);
	assert_memory_equal(s + st[0].off, "SELECT 1", 8);
	assert_true(st[0].ended);
	assert_int_equal(st[0].line, 1);
	assert_memory_equal(s + st[1].off, "SELECT ';'", st[1].len);
	assert_int_equal(st[1].line, 2);
	assert_memory_equal(s + st[2].off, "{ \"a;\": 1 }", st[2].len);
	assert_memory_equal(s + st[3].off, "z", st[3].len);
	assert_false(st[3].ended);
	free(st);
	s = "BEGIN TRY a; CATCH THEN b; END TRY; END; c";
	assert_int_equal(token_split(s, strlen(s), &st, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(st[0].len, strlen(s) - 3);
	free(st);
	assert_int_equal(token_split("", 0, &st, &n, &e), 0);
	assert_int_equal(n, 0);
	free(st);
	assert_int_equal(token_split("a; 'b", 5, &st, &n, &e), -1);
	assert_string_equal(e.code, "unterminated");
	assert_null(st);
}

/* Ten megabytes take part of a second, not more: nothing is quadratic. */
/* What may be a secret is not cited. */
static void
test_masked(void ** state)
{
	static const struct {
		const char * sql, * at, * want;
	} v[] = {
		{ "SET SECRET x = 'hunter2", "'", "\n  SET SECRET x =***\n" },
		{ "set secret x = hunter2", "hun", "\n  set secret x =***\n" },
		{ "SET SECRET x hunter2", "hun", "\n  SET SECRET x ***\n" },
		{ "CREATE x CONFIG {\"a\": hunter2, \"b\": {c: hunter2}}",
		    "hun", "CONFIG {\"a\": ***, \"b\": {c: ***}}\n" },
		{ "SET x = 'hunter2' y", "y", "\n  SET x = '***' ***\n" },
		{ "STE SECRET x = 'it''s' 'hunter2'", "STE", "SECRET x =***\n" },
		{ "/* a */ SET SECRET x = hunter2 hunter2", "hun",
		    "SET SECRET x =***\n" },
		{ "BEGIN SLECT 1; SET SECRET x = hunter2; END", "SLE",
		    "SET SECRET x =***\n" },
		{ "CREATE CONNECTOR c CONFIG {\"token\": \"hun\\\"ter2\" x}",
		    "x}", "CONFIG {\"token\": \"***\" ***}\n" },
		{ "CREATE c CONFIG {\"token\": good hunter2, b: {\"c\": 1}}",
		    "hun", "{\"token\": *** ***, b: {\"c\": ***}}\n" },
		{ "ALTER c SET CONFIG {\"a\" : 'it's hunter2', \"b\": 2}", "s h",
		    "CONFIG {\"a\" : '***'*** ***'***\n" },
		{ "CREATE c CONFIG {token = hunter2 [hunter2, {b: hunter2}]}",
		    "=", "CONFIG {*** = *** [***, {b: ***}]}\n" },
		{ "CREATE c CONFIG token: hunter2 9hunter2", "tok",
		    "CONFIG token: *** ***\n" },
		{ "EXEC a.b.c(x => good hunter2, y => [hunter2, 1])", "hun",
		    "c(x => *** ***, y => [***, ***])\n" },
		{ "ALTER c SET CONFIG {\"a\": 'hunter2', -- hunter2\n}", "'",
		    "{\"a\": '***', --***\n" },
		{ "ALTER c SET CONFIG {\"a\": \"hunter2\nhunter2\" x}", " x",
		    "\n  ***\" ***}\n" },
		{ "SELECT 1; SET SECRET x = 'hunter2' z", "z", "x =***\n" },
		{ "CREATE /* hunter2 */ \"hunter2\" x", "x",
		    "CREATE /*****/ \"***\" x\n" },
		{ "SELECT 'hunter' x", "x", "SELECT 'hunter' x\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(*v); i++) {
		token_error(v[i].sql, strlen(v[i].sql),
		    (size_t)(strstr(v[i].sql, v[i].at) - v[i].sql), &e, "no");
		if (strstr(e.msg, v[i].want) == NULL)
			fail_msg("%s: %s", v[i].sql, e.msg);
		assert_null(strstr(e.msg, "hunter2"));
	}
}

static void
test_large_texts(void ** state)
{
	size_t len = (size_t)10 << 20, n, i;
	struct token_stmt * st;
	char * sql = malloc(len);
	int64_t t0 = fair_us();

	(void)state;
	assert_non_null(sql);
	for (i = 0; i < len; i++)
		sql[i] = "a;\n'"[i % 3];
	assert_int_equal(token_split(sql, len, &st, &n, &e), 0);
	assert_int_equal(n, (len + 2) / 3);
	free(st);
	memset(sql, '*', len);
	memcpy(sql, "/*", 2);
	assert_int_equal(token_split(sql, len, &st, &n, &e), -1);
	memset(sql, '\'', len);
	assert_int_equal(token_split(sql, len, &st, &n, &e), 0);
	free(st);
	memset(sql, '-', len);
	assert_int_equal(token_split(sql, len, &st, &n, &e), 0);
	assert_int_equal(n, 0);
	free(st);
	free(sql);
	assert_true(fair_us() - t0 < 20000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds), cmocka_unit_test(test_objects),
		cmocka_unit_test(test_places), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_place_of_an_error),
		cmocka_unit_test(test_excerpt_of_a_long_line),
		cmocka_unit_test(test_names_and_text),
		cmocka_unit_test(test_table_names),
		cmocka_unit_test(test_merged_names),
		cmocka_unit_test(test_too_many_or_deep),
		cmocka_unit_test(test_rewrite_keeps_the_rest),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_offsets_map_back),
		cmocka_unit_test(test_split), cmocka_unit_test(test_large_texts),
		cmocka_unit_test(test_masked),
	};

	return (cmocka_run_group_tests_name("token", tests, NULL, NULL));
}
