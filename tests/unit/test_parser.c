#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sql/ast.h"

static struct token_list list;
static struct ast_tree tree;
static struct err e;

static int
parse_n(const char * sql, size_t len)
{
	ast_free(&tree);
	token_list_free(&list);
	if (token_list(sql, len, 100000, &list, &e))
		return (-1);
	return (ast_parse(&list, &tree, &e));
}

static struct ast *
parse(const char * sql)
{
	if (parse_n(sql, strlen(sql))) {
		print_error("%s\n%s\n", sql, e.msg);
		fail();
	}
	return (tree.root);
}

static void
assert_json(const json_t * v, const char * text)
{
	char * s = json_dumps(v, JSON_COMPACT);

	assert_string_equal(s, text);
	free(s);
}

static void
assert_text(const char * sql, const struct ast * a, const char * text)
{
	assert_int_equal(a->len, strlen(text));
	assert_memory_equal(sql + a->off, text, a->len);
}

/* Each example stays one statement in one line or in many. */
static void
both_ways(const char * sql, enum ast_kind kind)
{
	char * lines = strdup(sql);
	size_t i;
	int quoted = 0;

	assert_int_equal(parse(sql)->kind, kind);
	for (i = 0; lines[i] != '\0'; i++) {
		if (lines[i] == '\'' || lines[i] == '"')
			quoted = !quoted;
		if (lines[i] == ' ' && !quoted)
			lines[i] = '\n';
	}
	assert_int_equal(parse(lines)->kind, kind);
	free(lines);
}

static void
test_examples(void ** state)
{
	static const struct {
		const char * sql;
		enum ast_kind kind;
	} ok[] = {
		{ "SELECT title, created_at, html_url FROM github_org.issues "
		  "WHERE state = 'open' AND assignee = 'myusername' AND labels "
		  "CONTAINS 'bug' ORDER BY created_at DESC;", AST_SELECT },
		{ "SELECT key, summary, status, priority FROM "
		  "jira_project.issues WHERE project = 'OPS' AND type = "
		  "'Incident' AND priority IN ('High', 'Critical') AND status "
		  "!= 'Resolved';", AST_SELECT },
		{ "SELECT name, status, last_triggered FROM "
		  "datadog_prod.monitors WHERE status = 'Alert' ORDER BY "
		  "last_triggered DESC LIMIT 10;", AST_SELECT },
		{ "SELECT g.title AS pr_title, j.summary AS ticket_summary, "
		  "j.status AS ticket_status FROM github_org.pulls g JOIN "
		  "jira_project.issues j ON g.title LIKE '%' || j.key || '%' "
		  "WHERE g.state = 'open';", AST_SELECT },
		{ "BEGIN TRY SELECT * FROM my_connector.items; CATCH "
		  "connector_error THEN SELECT * FROM my-connector-cache-*; END "
		  "TRY; END;", AST_BLOCK },
		{ "WITH t AS (SELECT 1) SELECT * FROM t", AST_SELECT },
		{ "VALUES (1)", AST_SELECT },
		{ "EXPLAIN QUERY PLAN SELECT 1", AST_SELECT },
		{ "EXPLAIN SELECT * FROM github_org.issues;", AST_EXPLAIN },
		{ "INSERT INTO t VALUES (1)", AST_SELECT },
		{ "CREATE CONNECTOR github_org TYPE 'github' CONFIG {\"token\": "
		  "\"{{secrets.github_token}}\", \"org\": \"acme\"} OPTIONS "
		  "{\"sync_interval\": \"5m\", \"batch_size\": 100};",
		  AST_CREATE_CONNECTOR },
		{ "CREATE OR REPLACE CONNECTOR n TYPE 't' CONFIG {};",
		  AST_CREATE_CONNECTOR },
		{ "CREATE CONNECTOR IF NOT EXISTS n TYPE 't' CONFIG {};",
		  AST_CREATE_CONNECTOR },
		{ "ALTER CONNECTOR n SET OPTIONS {\"cache_ttl\": 0};",
		  AST_ALTER_CONNECTOR },
		{ "ALTER CONNECTOR n SET CONFIG {\"org\": null};",
		  AST_ALTER_CONNECTOR },
		{ "ALTER CONNECTOR n ENABLE;", AST_ALTER_CONNECTOR },
		{ "ALTER CONNECTOR n DISABLE;", AST_ALTER_CONNECTOR },
		{ "DROP CONNECTOR n;", AST_DROP_CONNECTOR },
		{ "DROP CONNECTOR IF EXISTS n;", AST_DROP_CONNECTOR },
		{ "SHOW CONNECTORS;", AST_SHOW_CONNECTORS },
		{ "SHOW CONNECTOR n;", AST_SHOW_CONNECTOR },
		{ "SHOW CONNECTOR n STATUS;", AST_SHOW_CONNECTOR },
		{ "TEST CONNECTOR n;", AST_TEST_CONNECTOR },
		{ "SHOW TYPES;", AST_SHOW_TYPES },
		{ "show targets", AST_SHOW_TARGETS },
		{ "DESCRIBE github;", AST_DESCRIBE },
		{ "DESCRIBE n.entity;", AST_DESCRIBE },
		{ "DESCRIBE gh-issues;", AST_DESCRIBE },
		{ "DESC es:gh-*", AST_DESCRIBE },
		{ "DESCRIBE \"a b\"", AST_DESCRIBE },
		{ "DESCRIBE logs.app.2026-11", AST_DESCRIBE },
		{ "SYNC CONNECTOR n TO target;", AST_SYNC },
		{ "SYNC CONNECTOR n.issues TO github-issues-* WHERE state = "
		  "'open' INCREMENTAL ON updated_at SCHEDULE '*/5 * * * *';",
		  AST_SYNC },
		{ "SHOW SYNCS;", AST_SHOW_SYNCS },
		{ "SHOW ACTIONS", AST_SHOW_ACTIONS },
		{ "show actions for gh limit 5;", AST_SHOW_ACTIONS },
		{ "SHOW ACTION '01890a5d-ac96'", AST_SHOW_ACTION },
		{ "SHOW SYNC n.issues;", AST_SHOW_SYNC },
		{ "RUN SYNC '3f2a-1';", AST_RUN_SYNC },
		{ "PAUSE SYNC n.issues;", AST_PAUSE_SYNC },
		{ "RESUME SYNC n.issues;", AST_RESUME_SYNC },
		{ "DROP SYNC n;", AST_DROP_SYNC },
		{ "RUN SYNC n.issues FULL;", AST_RUN_SYNC },
		{ "EXPLAIN SYNC n.issues;", AST_EXPLAIN_SYNC },
		{ "EXPLAIN SYNC connector;", AST_EXPLAIN_SYNC },
		{ "EXPLAIN SYNC CONNECTOR n TO x-* WHERE a = 1;",
		  AST_EXPLAIN_SYNC },
		{ "CONNECTOR_EXEC github_org.issues.create({\"title\": \"New "
		  "issue from Moltler\", \"body\": \"Created automatically\", "
		  "\"labels\": [\"automated\"]});", AST_EXEC },
		{ "CONNECTOR_EXEC github_org.issues.update(issue_number => 123, "
		  "data => {\"state\": \"closed\"});", AST_EXEC },
		{ "EXEC pagerduty_prod.incidents.acknowledge(incident_id => "
		  "'P123ABC')", AST_EXEC },
		{ "EXPLAIN CONNECTOR_EXEC n.e.a()", AST_EXPLAIN_EXEC },
		{ "SET SECRET name = 'v';", AST_SET_SECRET },
		{ "SHOW SECRETS;", AST_SHOW_SECRETS },
		{ "DROP SECRET name;", AST_DROP_SECRET },
		{ "BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END",
		  AST_BLOCK },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ok) / sizeof(ok[0]); i++)
		both_ways(ok[i].sql, ok[i].kind);
}

static void
test_create(void ** state)
{
	static const char sql[] =
	    "create /* one */ connector github_org -- it's\n"
	    "type 'github'\n"
	    "config { -- what it needs: \"token\"\n"
	    "  \"token\": \"{{secrets.gh}}\", /* } */\n"
	    "  org: 'it''s', -- in SQL's quotes\n"
	    "  \"deep\": {\"a\": [1, -2.5, true, null, {}, []], type: false}\n"
	    "} options { -- }\n \"sync_interval\": \"5\\u006d\" } ;;";
	const struct ast * a = parse(sql);

	(void)state;
	assert_int_equal(a->kind, AST_CREATE_CONNECTOR);
	assert_string_equal(a->name.s, "github_org");
	assert_string_equal(a->type.s, "github");
	assert_json(a->config, "{\"token\":\"{{secrets.gh}}\","
	    "\"org\":\"it's\",\"deep\":{\"a\":[1,-2.5,true,null,{},[]],"
	    "\"type\":false}}");
	assert_json(a->options, "{\"sync_interval\":\"5m\"}");
	assert_int_equal(a->off, 0);
	assert_int_equal(a->len, strrchr(sql, '}') + 1 - sql);
	assert_int_equal(parse("CREATE OR REPLACE CONNECTOR a TYPE 'b' "
	    "CONFIG {}")->or_replace, 1);
	assert_int_equal(parse("CREATE CONNECTOR IF NOT EXISTS a TYPE 'b' "
	    "CONFIG {}")->if_not_exists, 1);
	a = parse("ALTER CONNECTOR \"a\" SET CONFIG {x: null}");
	assert_int_equal(a->alter, ALTER_CONFIG);
	assert_json(a->config, "{\"x\":null}");
	a = parse("ALTER CONNECTOR a SET OPTIONS {x: 9223372036854775807}");
	assert_int_equal(a->alter, ALTER_OPTIONS);
	assert_json(a->options, "{\"x\":9223372036854775807}");
	assert_int_equal(parse("alter connector a disable")->alter,
	    ALTER_DISABLE);
}

/* Words of statements are names too. */
static void
test_names(void ** state)
{
	static const char * const words[] = { "alter", "begin", "catch",
	    "config", "connector", "connector_exec", "connectors", "create",
	    "describe", "disable", "drop", "enable", "end", "exec", "exists",
	    "explain", "finally", "full", "if", "incremental", "not", "on", "options",
	    "or", "pause", "replace", "resume", "run", "schedule", "secret",
	    "secrets", "select", "set", "show", "status", "sync", "syncs",
	    "test", "then", "to", "try", "type", "types", "values", "where",
	    "with" };
	char sql[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char * w = words[i];

		snprintf(sql, sizeof(sql), "SHOW CONNECTOR %s STATUS", w);
		assert_string_equal(parse(sql)->name.s, w);
		assert_int_equal(tree.root->status, 1);
		snprintf(sql, sizeof(sql), "DROP CONNECTOR %s", w);
		assert_string_equal(parse(sql)->name.s, w);
		snprintf(sql, sizeof(sql), "CREATE CONNECTOR %s TYPE 'x' "
		    "CONFIG {%s: 1}", w, w);
		assert_string_equal(parse(sql)->name.s, w);
		assert_int_equal(json_object_size(tree.root->config), 1);
		snprintf(sql, sizeof(sql), "EXEC %s.%s.%s(%s => 1)", w, w, w,
		    w);
		assert_string_equal(parse(sql)->action.s, w);
		snprintf(sql, sizeof(sql), "SYNC CONNECTOR %s.%s TO %s", w, w,
		    w);
		assert_string_equal(parse(sql)->target.s, w);
		snprintf(sql, sizeof(sql), "BEGIN DESCRIBE %s; TEST CONNECTOR "
		    "%s; SELECT 1; END", w, w);
		assert_int_equal(parse(sql)->kind, AST_BLOCK);
		assert_int_equal(tree.root->body->next->next->kind, AST_SELECT);
	}
}

static void
test_exec(void ** state)
{
	const struct ast * a;

	(void)state;
	a = parse("EXPLAIN EXEC g.issues.update(issue_number => 123, "
	    "\"data\" => {\"state\": \"clo\\\"sed\", b: [\"x\", 'y']}, "
	    "list => [1, [\"a]\", \"b\"]], t => \"a\\n\", f => -1.5, "
	    "n => NULL, s => 'it''s', ok => true)");
	assert_int_equal(a->kind, AST_EXPLAIN_EXEC);
	assert_string_equal(a->name.s, "g");
	assert_string_equal(a->entity.s, "issues");
	assert_string_equal(a->action.s, "update");
	assert_json(a->args, "{\"issue_number\":123,\"data\":{\"state\":"
	    "\"clo\\\"sed\",\"b\":[\"x\",\"y\"]},\"list\":[1,[\"a]\",\"b\"]],"
	    "\"t\":\"a\\n\",\"f\":-1.5,\"n\":null,\"s\":\"it's\",\"ok\":true}");
	/* After the value the brackets are SQL's again. */
	a = parse("EXEC a.[b c].\"d\"(x => [1], [y] => 2)");
	assert_string_equal(a->entity.s, "b c");
	assert_json(a->args, "{\"x\":[1],\"y\":2}");
	assert_json(parse("EXEC a.b.c()")->args, "{}");
	assert_int_equal(parse("EXEC a.b.c(t => error.message)")->uses_error, 1);
	assert_int_equal(parse("EXEC a.b.c({t: Error.Code})")->uses_error, 1);
}

static void
test_sync(void ** state)
{
	static const char sql[] = "SYNC CONNECTOR n.e TO es:logs-2024.01-* "
	    "WHERE a = 'schedule' AND (schedule > 1) INCREMENTAL ON updated_at "
	    "SCHEDULE '@hourly';";
	const struct ast * a = parse(sql);

	(void)state;
	assert_string_equal(a->entity.s, "e");
	assert_string_equal(a->target.s, "es:logs-2024.01-*");
	assert_int_equal(a->where_off, strstr(sql, "WHERE") - sql);
	assert_int_equal(a->where_len, strstr(sql, " INCR") -
	    strstr(sql, "WHERE"));
	assert_string_equal(a->incremental.s, "updated_at");
	assert_string_equal(a->schedule.s, "@hourly");
	a = parse("SYNC CONNECTOR n TO sqlite:x");
	assert_string_equal(a->target.s, "sqlite:x");
	assert_int_equal(a->where_len, 0);
	assert_null(a->schedule.s);
	assert_string_equal(parse("SYNC CONNECTOR to TO \"a b\"")->target.s,
	    "a b");
	assert_string_equal(parse("SHOW SYNC a.b")->name.s, "a.b");
	assert_int_equal(parse("RUN SYNC a.b full")->full, 1);
	assert_int_equal(parse("RUN SYNC full")->full, 0);
	assert_string_equal(parse("RUN SYNC full FULL")->name.s, "full");
	assert_string_equal(parse("EXPLAIN SYNC a.b_2")->name.s, "a.b_2");
	assert_null(parse("EXPLAIN SYNC a.b_2")->target.s);
	assert_string_equal(parse("SHOW SYNC 'it''s'")->name.s, "it's");
}

static void
test_blocks(void ** state)
{
	static const char sql[] =
	    "BEGIN\n"
	    "  SHOW TYPES ;\n"
	    "  TRY SELECT a FROM b;; CATCH auth_error THEN SELECT 1;\n"
	    "  CATCH THEN SELECT error.message, 'error.code'; SELECT 2;\n"
	    "  CATCH others THEN BEGIN SELECT 3; END;\n"
	    "  FINALLY DROP CONNECTOR x; END TRY;\n"
	    "END";
	const struct ast * a = parse(sql), * t;

	(void)state;
	assert_int_equal(a->kind, AST_BLOCK);
	assert_text(sql, a, sql);
	assert_text(sql, a->body, "SHOW TYPES");
	t = a->body->next;
	assert_int_equal(t->kind, AST_TRY);
	assert_null(t->next);
	assert_text(sql, t->body, "SELECT a FROM b");
	assert_null(t->body->next);
	assert_int_equal(t->body->uses_error, 0);
	assert_int_equal(t->catches->cls, CLASS_AUTH);
	assert_int_equal(t->catches->next->cls, CLASS_OTHERS);
	assert_int_equal(t->catches->next->body->uses_error, 1);
	assert_text(sql, t->catches->next->body->next, "SELECT 2");
	assert_int_equal(t->catches->next->body->next->uses_error, 0);
	assert_int_equal(t->catches->next->next->body->kind, AST_BLOCK);
	assert_null(t->catches->next->next->next);
	assert_text(sql, t->finally, "DROP CONNECTOR x");
}

/* A line of SQL, its error's first line, and the column of the caret. */
static void
bad(const char * sql, const char * msg)
{
	if (parse_n(sql, strlen(sql)) == 0) {
		print_error("parsed: %s\n", sql);
		fail();
	}
	assert_int_equal(e.cls, ERR_PERMANENT);
	if (strncmp(e.msg, msg, strlen(msg)) != 0 ||
	    (e.msg[strlen(msg)] != '\n' && e.msg[strlen(msg)] != '\0')) {
		print_error("%s\ngot:  %s\nwant: %s\n", sql, e.msg, msg);
		fail();
	}
	assert_null(tree.root);
	assert_null(tree.mem);
}

#define BEGINS "but a statement begins with SELECT, WITH, VALUES, EXPLAIN, " \
    "CREATE, ALTER, DROP, SHOW, DESCRIBE, TEST, SYNC, RUN, PAUSE, RESUME, " \
    "SET, CONNECTOR_EXEC"

/* The clauses of SYNC stand in any order, each once. */
static void
test_sync_clauses(void ** state)
{
	static const char sql[] = "EXPLAIN SYNC CONNECTOR n TO t OPTIONS "
	    "{\"deletes\": \"mark\", where: 1} SCHEDULE '@daily' INCREMENTAL ON "
	    "at WHERE a = 'x' AND options > 2";
	const struct ast * a = parse(sql);

	(void)state;
	assert_int_equal(a->kind, AST_EXPLAIN_SYNC);
	assert_int_equal(a->off, 0);
	assert_int_equal(a->len, sizeof(sql) - 1);
	assert_json(a->options, "{\"deletes\":\"mark\",\"where\":1}");
	assert_string_equal(a->schedule.s, "@daily");
	assert_string_equal(a->incremental.s, "at");
	assert_int_equal(a->where_off, strstr(sql, "WHERE") - sql);
	assert_int_equal(a->where_off + a->where_len, sizeof(sql) - 1);
	a = parse("SYNC CONNECTOR n TO t WHERE a IN (1, 2) OPTIONS {} "
	    "INCREMENTAL ON at");
	assert_int_equal(a->where_len, strlen("WHERE a IN (1, 2)"));
	assert_json(a->options, "{}");
	bad("SYNC CONNECTOR n TO t SCHEDULE 'a' SCHEDULE 'b'", "line 1, column "
	    "36: SCHEDULE is there already");
	bad("SYNC CONNECTOR n TO t OPTIONS {} OPTIONS {}", "line 1, column 34: "
	    "OPTIONS is there already");
	bad("SYNC CONNECTOR n TO t INCREMENTAL ON a INCREMENTAL ON b",
	    "line 1, column 40: INCREMENTAL is there already");
	bad("SYNC CONNECTOR n TO t INCREMENTAL ON a WHERE b SCHEDULE 'x' WHERE c",
	    "line 1, column 61: WHERE is there already");
	bad("SYNC CONNECTOR n TO t NOW", "line 1, column 23: found NOW, but "
	    "expected the end of the statement, WHERE, ;, INCREMENTAL, OPTIONS "
	    "or SCHEDULE");
	bad("RUN SYNC n FUL", "line 1, column 12: found FUL (did you mean FULL?)"
	    ", but expected the end of the statement, ., ; or FULL");
}

static void
test_bad(void ** state)
{
	(void)state;
	bad("", "line 1, column 1: there is no statement here");
	bad(" ; -- x\n;", "line 1, column 1: there is no statement here");
	bad("SELCT 1", "line 1, column 1: found SELCT (did you mean SELECT?), "
	    BEGINS " or BEGIN");
	bad("\n  12", "line 2, column 3: found a number, " BEGINS " or BEGIN");
	bad("CREATE CONNECTR x", "line 1, column 8: found CONNECTR (did you "
	    "mean CONNECTOR?), but expected CONNECTOR or OR");
	bad("CREATE CONNECTOR", "line 1, column 17: found the end of the "
	    "statement, but expected a name");
	bad("CREATE CONNECTOR x\n  TYP 'y'", "line 2, column 3: found TYP (did "
	    "you mean TYPE?), but expected TYPE");
	bad("CREATE CONNECTOR x TYPE y", "line 1, column 25: found y, but "
	    "expected a text in quotes ('...')");
	bad("CREATE CONNECTOR x TYPE 'y';", "line 1, column 28: found ;, but "
	    "expected CONFIG");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG 'a'", "line 1, column 36: found "
	    "a text in quotes, but expected {");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {\"a\" \"hunter2\"}",
	    "line 1, column 41: found a text in quotes, but expected :");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {\"a\": b}", "line 1, column "
	    "42: found something without quotes, but expected a value: a text "
	    "in quotes, a number, true, false, null, {...} or [...]");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {\"a\": }", "line 1, column "
	    "42: found }, but expected a value");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {\"a\": 1,}", "line 1, column "
	    "44: found }, but expected a key");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {\"a\": 1", "line 1, column "
	    "43: found the end of the statement, but expected } or ,");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {\"a\": 1,\n \"a\": 2}",
	    "line 2, column 2: the key \"a\" is there already");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {\"a\": \"b\\q\"}", "line 1, "
	    "column 42: this text is not JSON: control characters and \" need "
	    "a \\ before them, as in \\n, and \\ begins only what JSON knows");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {a: 9223372036854775808}",
	    "line 1, column 40: this number does not fit into 64 bits; write "
	    "it as a text");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {a: 0x10}",
	    "line 1, column 40: a number here is decimal");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {a: 1e999}",
	    "line 1, column 40: this number is too large");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {a: [1 2]}",
	    "line 1, column 43: found a number, but expected ] or ,");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {a: b.c}",
	    "line 1, column 40: a value cannot be a name; in CATCH there are "
	    "error.message, error.class and error.code");
	/* Secrets whose quotes were forgotten. */
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {a: good hunter2}", "line 1, "
	    "column 45: found something without quotes, but expected }, , or .");
	bad("CREATE CONNECTOR x TYPE 'y' CONFIG {a: 9hunter2}", "line 1, column "
	    "40: found something without quotes, but expected a value");
	bad("EXEC a.b.c(x => 9hunter2)", "line 1, column 17: found something "
	    "without quotes, but expected a value");
	bad("SET SECRET a hunter2", "line 1, column 14: found something without "
	    "quotes, but expected =");
	bad("ALTER CONNECTOR x", "line 1, column 18: found the end of the "
	    "statement, but expected DISABLE, ENABLE or SET");
	bad("ALTER CONNECTOR x SET y", "line 1, column 23: found y, but "
	    "expected CONFIG or OPTIONS");
	bad("SHOW CONNECTOR", "line 1, column 15: found the end of the "
	    "statement, but expected a name");
	bad("SHOW TYPE", "line 1, column 6: found TYPE (did you mean "
	    "TYPES?), but expected ACTION, ACTIONS, CONNECTOR, CONNECTORS, "
	    "SECRETS, SYNC, SYNCS, TARGETS or TYPES");
	bad("DROP TABLE t", "line 1, column 6: found TABLE, but expected "
	    "CONNECTOR, SECRET or SYNC");
	bad("DESCRIBE a.b .c", "line 1, column 14: found ., but expected the end "
	    "of the statement or ;");
	bad("EXEC a.b()", "line 1, column 9: found (, but expected .");
	bad("EXEC a.b.c(1)", "line 1, column 12: found a number, but expected "
	    "a name, { or )");
	bad("EXEC a.b.c(x = 1)", "line 1, column 14: found =, but expected =>");
	bad("EXEC a.b.c(x => 1, x => 2)", "line 1, column 20: the key \"x\" is "
	    "there already");
	bad("EXPLAIN DROP CONNECTOR x", "line 1, column 9: found DROP, but "
	    "expected SELECT, CONNECTOR_EXEC or SYNC");
	bad("SYNC CONNECTOR n TO", "line 1, column 20: found the end of the "
	    "statement, but expected a target");
	bad("SET SECRET x = hunter2", "line 1, column 16: found something "
	    "without quotes, but expected a text in quotes ('...')");
	assert_null(strstr(e.msg, "hunter2"));
	bad("SELECT 1; SELECT 2", "line 1, column 11: more than one statement: "
	    "send one at a time, or put them between BEGIN and END");
	bad("SHOW TYPES; x", "line 1, column 13: more than one statement: "
	    "send one at a time, or put them between BEGIN and END");
	bad("BEGIN SELECT 1", "line 1, column 15: found the end of the "
	    "statement, but expected ;");
	bad("BEGIN SELECT 1;", "line 1, column 16: found the end of the "
	    "statement, " BEGINS ", BEGIN, END or TRY");
	bad("BEGIN END", "line 1, column 7: found END, " BEGINS
	    ", BEGIN or TRY");
	bad("BEGIN TRY SELECT 1; END TRY; END", "line 1, column 21: found END, "
	    BEGINS ", BEGIN, CATCH or TRY");
	bad("BEGIN TRY SELECT 1; CATCH conector_error THEN SELECT 2; END TRY; "
	    "END", "line 1, column 27: there is no class of errors "
	    "conector_error (did you mean connector_error?); there are "
	    "connector_error, auth_error, rate_limit_error, timeout_error, "
	    "config_error and OTHERS");
	bad("BEGIN TRY SELECT 1; CATCH 'x' THEN", "line 1, column 27: found a "
	    "text in quotes, but expected a class of errors or THEN");
	bad("TRY SELECT 1;", "line 1, column 1: found TRY, " BEGINS
	    " or BEGIN");
	bad("SHOW ?", "line 1, column 6: found ?, but expected ACTION, "
	    "ACTIONS, CONNECTOR, CONNECTORS, SECRETS, SYNC, SYNCS, TARGETS or TYPES");
	bad("SHOW TYPES #", "line 1, column 12: found #, but expected the end "
	    "of the statement or ;");
}

/* The place is marked, as everywhere. */
static void
test_marks(void ** state)
{
	(void)state;
	bad("DESCRIBE a\n  .1", "line 2, column 3: found a number, but "
	    "expected the end of the statement, . or ;");
	assert_non_null(strstr(e.msg, "\n    .1\n    ^"));
	parse_n("SHOW \0TYPES", 11);
	assert_string_equal(e.msg, "line 1, column 6: a NUL byte cannot stand "
	    "in SQL\n  SHOW  TYPES\n       ^");
	parse_n("SHOW \xff", 6);
	assert_non_null(strstr(e.msg, "byte 0xff is not UTF-8"));
}

/* Much of the same, as text. */
static char *
many(const char * head, const char * s, size_t n, const char * tail)
{
	size_t k = strlen(s), h = strlen(head);
	char * out = malloc(h + k * n + strlen(tail) + 1);
	size_t i;

	memcpy(out, head, h);
	for (i = 0; i < n; i++)
		memcpy(out + h + i * k, s, k);
	strcpy(out + h + n * k, tail);
	return (out);
}

static void
test_bounds(void ** state)
{
	static const char create[] = "CREATE CONNECTOR x TYPE 'y' CONFIG ";
	char * s, * in;

	(void)state;
	s = many(create, "{\"a\":", 10000, "");
	bad(s, "line 1, column 536: nested more than 100 deep");
	free(s);
	in = many("", "[", 99, "]");
	s = many("EXEC a.b.c(x => ", "[", 10000, "");
	bad(s, "line 1, column 116: nested more than 100 deep");
	free(s);
	free(in);
	s = many("", "BEGIN ", 10000, "");
	bad(s, "line 1, column 193: blocks nested more than 32 deep");
	free(s);
	s = many("BEGIN ", "TRY ", 10000, "");
	assert_int_equal(parse_n(s, strlen(s)), -1);
	assert_non_null(strstr(e.msg, "blocks nested more than 32 deep"));
	free(s);
	s = many("BEGIN ", "SELECT 1;", 10000, "END");
	assert_int_equal(parse_n(s, strlen(s)), -1);
	assert_non_null(strstr(e.msg, "more than 1000 statements"));
	free(s);
	s = many("BEGIN ", "SELECT 1;", 900, "END");
	assert_int_equal(parse(s)->kind, AST_BLOCK);
	free(s);
	in = many("", "[", 90, "");
	s = many(create, "", 0, "{a:");
	s = realloc(s, 1000);
	strcat(s, in);
	free(in);
	in = many("", "]", 90, "}");
	strcat(s, in);
	assert_int_equal(parse(s)->kind, AST_CREATE_CONNECTOR);
	free(in);
	free(s);
	s = many("SHOW TYPES", " x", 200000, "");
	assert_int_equal(parse_n(s, strlen(s)), -1);
	assert_non_null(strstr(e.msg, "more than 100000 words"));
	free(s);
}

static int
teardown(void ** state)
{
	(void)state;
	ast_free(&tree);
	token_list_free(&list);
	return (0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples), cmocka_unit_test(test_create),
		cmocka_unit_test(test_names), cmocka_unit_test(test_exec),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_sync_clauses),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_bad), cmocka_unit_test(test_marks),
		cmocka_unit_test(test_bounds),
	};

	return (cmocka_run_group_tests(tests, NULL, teardown));
}
