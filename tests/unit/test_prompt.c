/* The prompt: lines to statements, what can be completed, what is not kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/prompt_complete.h"
#include "cli/prompt_history.h"
#include "cli/prompt_read.h"

/* ---- lines to statements ---- */

/* Feed lines, divided by '|'; expect "statement;" for each that ended, and what
 * is open at the end. */
static void
expect_read(const char * lines, const char * want, char open)
{
	struct buf got = BUF_INIT(0);
	struct prompt_read r;
	struct split_stmt s;
	struct err e;
	size_t n;

	buf_adds(&got, "");
	prompt_read_init(&r);
	for (; *lines != '\0'; lines += n + (lines[n] == '|')) {
		n = strcspn(lines, "|");
		assert_int_equal(prompt_read_add(&r, lines, n, &e), 0);
		while (prompt_read_next(&r, &s)) {
			buf_add(&got, s.p, s.len);
			buf_addc(&got, ';');
		}
	}
	assert_string_equal(got.p, want);
	assert_int_equal(prompt_read_open(&r), open);
	prompt_read_free(&r);
	buf_free(&got);
}

static void
test_read(void ** state)
{
	(void)state;
	expect_read("SELECT 1;", "SELECT 1;", 0);
	expect_read("", "", 0);
	expect_read(" |-- nothing|/* nor here */", "", 0);
	expect_read("SELECT|1|;", "SELECT\n1;", 0);
	expect_read("SELECT 1; SELECT 2; SEL", "SELECT 1;SELECT 2;", ';');
	expect_read("SELECT 1; -- done", "SELECT 1;", 0);
	expect_read("SELECT 'a;|b'; x", "SELECT 'a;\nb';", ';');
	expect_read("SELECT 'it''s", "", '\'');
	expect_read("SELECT \"a;", "", '"');
	expect_read("SELECT `a;", "", '`');
	expect_read("SELECT [a;", "", '[');
	expect_read("SELECT [a;b];", "SELECT [a;b];", 0);
	expect_read("SELECT /* ;|", "", '*');
	expect_read("/* only|", "", '*');
	expect_read("SELECT (1,|", "", '(');
	expect_read("SELECT (1)|", "", ';');
	expect_read("CREATE CONNECTOR a TYPE 't' CONFIG {|", "", '{');
	expect_read("A CONFIG { \"a\": \"x\\\";y\" }|;",
	    "A CONFIG { \"a\": \"x\\\";y\" };", 0);
	expect_read("A CONFIG { \"a\": [1, 2] };", "A CONFIG { \"a\": [1, 2] };",
	    0);
	expect_read("EXEC a.b.c(x => \"q\\\";\");", "EXEC a.b.c(x => \"q\\\";\");",
	    0);
	expect_read("EXEC a.b.c(x => [\"]\", 2]);", "EXEC a.b.c(x => [\"]\", 2]);",
	    0);
	/* A brace that is not closed ends with the statement. */
	expect_read("A CONFIG { \"a\": 1;|SELECT \"x\\\";",
	    "A CONFIG { \"a\": 1;SELECT \"x\\\";", 0);
	expect_read("BEGIN SELECT 1;", "", 'b');
	expect_read("BEGIN SELECT 1;|END;", "BEGIN SELECT 1;\nEND;", 0);
	expect_read("BEGIN TRY SELECT 1; CATCH OTHERS THEN SELECT 2; END TRY;|",
	    "", 'b');
}

static void
test_read_bound(void ** state)
{
	size_t n = (size_t)1 << 20, i;
	char * p = malloc(n);
	struct prompt_read r;
	struct err e;
	int rc = 0;

	(void)state;
	assert_non_null(p);
	memset(p, 'x', n);
	prompt_read_init(&r);
	for (i = 0; i < 20 && rc == 0; i++)
		rc = prompt_read_add(&r, p, n, &e);
	assert_int_equal(rc, -1);
	assert_string_equal(e.code, "too_large");
	assert_int_equal(prompt_read_open(&r), 0);
	assert_int_equal(prompt_read_add(&r, "a", 1, &e), 0);
	prompt_read_free(&r);
	free(p);
}

/* ---- completion ---- */

static json_t * list;

static const json_t *
names(void * arg, enum prompt_names_kind kind, const char * a, const char * b)
{
	char key[300];

	(void)arg;
	json_decref(list);
	snprintf(key, sizeof(key), "%d %s.%s", (int)kind, a, b);
	list = NULL;
	if (kind == PROMPT_NAMES_CONNECTORS)
		list = json_pack("[sss]", "github_org", "jira", "my-own");
	else if (kind == PROMPT_NAMES_TYPES)
		list = json_pack("[sss]", "github", "gitlab", "jira");
	else if (kind == PROMPT_NAMES_SECRETS)
		list = json_pack("[ss]", "one", "two");
	else if (kind == PROMPT_NAMES_SYNCS)
		list = json_pack("[sss]", "github_org.issues",
		    "github_org.issues_2", "jira.all");
	else if (kind == PROMPT_NAMES_TARGETS)
		list = json_pack("[sss]", "github-issues-*", "github-pulls",
		    "jira");
	else if (kind == PROMPT_NAMES_CONFIG && strcmp(a, "github") == 0)
		list = json_pack("[sss]", "token", "org", "api_url");
	else if (kind == PROMPT_NAMES_ENTITIES && strcmp(a, "github_org") == 0)
		list = json_pack("[ss]", "issues", "pulls");
	else if (kind == PROMPT_NAMES_ACTIONS && strcmp(b, "issues") == 0)
		list = json_pack("[ss]", "create", "update");
	else if (kind == PROMPT_NAMES_COLUMNS && strcmp(a, "github_org") == 0 &&
	    strcmp(b, "issues") == 0)
		list = json_pack("[sssss]", "number", "title", "state",
		    "na\xc3\xafve", "na\xc3\xaeve");
	else if (kind == PROMPT_NAMES_COLUMNS && strcmp(a, "jira") == 0)
		list = json_pack("[sss]", "key", "summary", "bad\x1b[2J");
	else if (kind == PROMPT_NAMES_COLUMNS && strcmp(b, "node") == 0)
		list = json_pack("[s]", "value");
	else if (kind == PROMPT_NAMES_COLUMNS && strcmp(b, "web-nodes-*") == 0)
		list = json_pack("[s]", *a == '\0' ? "load" : "load_of_db");
	return (list);
}

static const char *
type_of(void * arg, const char * connector)
{
	(void)arg;
	return (strcmp(connector, "github_org") == 0 ? "github" : NULL);
}

/* The place is at '^' in ${text}; ${want} the whole text afterwards, the cursor
 * where it was left off, then '!' and candidates (at most four) if several. */
static void
expect_completion(const char * text, const char * want)
{
	const struct prompt_source src = { names, type_of, NULL };
	const char * at = strchr(text, '^');
	size_t before = (size_t)(at - text), i, n;
	struct prompt_completion c;
	struct buf line = BUF_INIT(0), got = BUF_INIT(0);

	buf_add(&line, text, before);
	buf_adds(&line, at + 1);
	assert_int_equal(prompt_complete(&src, line.p, line.len, before, &c),
	    0);
	buf_adds(&got, "");
	buf_add(&got, text, c.insert.len > 0 ? c.from : before);
	if (c.insert.len > 0)
		buf_add(&got, c.insert.p, c.insert.len);
	buf_addc(&got, '^');
	buf_adds(&got, at + 1);
	n = json_array_size(c.list);
	for (i = 0; n > 1 && i < n && i < 4; i++)
		buf_addf(&got, "%s%s", i ? " " : "!", json_string_value(
		    json_array_get(c.list, i)));
	assert_string_equal(got.p, want);
	prompt_completion_free(&c);
	buf_free(&line);
	buf_free(&got);
}

static void
test_keywords(void ** state)
{
	(void)state;
	expect_completion("SEL^", "SELECT ^");
	expect_completion("sel^", "select ^");
	expect_completion("S^", "S^!SELECT SET SHOW SYNC");
	expect_completion("SH^", "SHOW ^");
	expect_completion("SHOW C^", "SHOW CONNECTOR^!CONNECTOR CONNECTORS");
	expect_completion("SHOW T^", "SHOW T^!TARGETS TYPES");
	expect_completion("SYNC CONNECTOR a.b TO c OPTIONS {dele^",
	    "SYNC CONNECTOR a.b TO c OPTIONS {delete^!delete_ratio deletes");
	expect_completion("SELECT * FROM web-nodes-* WHERE lo^",
	    "SELECT * FROM web-nodes-* WHERE load^");
	expect_completion("SELECT lo^ FROM db.web-nodes-* w, x",
	    "SELECT load_of_db^ FROM db.web-nodes-* w, x");
	expect_completion("SHOW TA^", "SHOW TARGETS ^");
	expect_completion("drop s^", "drop s^!secret sync");
	expect_completion("CREATE OR^", "CREATE OR REPLACE CONNECTOR ^");
	expect_completion("SELECT 1; sel^", "SELECT 1; select ^");
	expect_completion("-- sel^", "-- sel^");
	expect_completion("/* sel^", "/* sel^");
	expect_completion("BEGIN T^", "BEGIN TRY ^");
	expect_completion("BEGIN TRY SEL^", "BEGIN TRY SELECT ^");
	expect_completion("BEGIN TRY SELECT 1; CATCH auth^",
	    "BEGIN TRY SELECT 1; CATCH auth_error ^");
	expect_completion("BEGIN TRY SELECT 1; CATCH auth_error THEN SEL^",
	    "BEGIN TRY SELECT 1; CATCH auth_error THEN SELECT ^");
	expect_completion("SELECT cou^", "SELECT count(^");
	expect_completion("SELECT number FR^", "SELECT number FROM ^");
	expect_completion("SELECT 1 FROM a.b WHE^", "SELECT 1 FROM a.b WHERE ^");
	expect_completion("SELECT 1 FROM a.b ORDER ^",
	    "SELECT 1 FROM a.b ORDER BY ^");
	expect_completion("SELECT 1 FROM a.b ORDER BY c DE^",
	    "SELECT 1 FROM a.b ORDER BY c DESC ^");
	expect_completion("SELECT 1 FROM a.b WHERE c = 1 AN^",
	    "SELECT 1 FROM a.b WHERE c = 1 AND ^");
	expect_completion("SELECT 1 LIMIT 5 OFF^", "SELECT 1 LIMIT 5 OFFSET ^");
	expect_completion("ALTER CONNECTOR jira DIS^",
	    "ALTER CONNECTOR jira DISABLE ^");
	expect_completion("CREATE CONNECTOR x T^", "CREATE CONNECTOR x TYPE ^");
	expect_completion("CREATE CONNECTOR x TYPE 'jira' C^",
	    "CREATE CONNECTOR x TYPE 'jira' CONFIG ^");
	expect_completion("^", "^!ALTER BEGIN CONNECTOR_EXEC CREATE");
}

static void
test_names(void ** state)
{
	(void)state;
	expect_completion("SELECT * FROM github_^",
	    "SELECT * FROM github_org.^");
	expect_completion("SELECT * FROM ^",
	    "SELECT * FROM ^!github_org jira \"my-own\" github-issues-*");
	expect_completion("SELECT * FROM github_org.^",
	    "SELECT * FROM github_org.^!issues pulls");
	expect_completion("SELECT * FROM github_org.is^",
	    "SELECT * FROM github_org.issues^");
	expect_completion("SELECT * FROM a.b, github_org.is^",
	    "SELECT * FROM a.b, github_org.issues^");
	expect_completion("SELECT * FROM a.b JOIN ji^",
	    "SELECT * FROM a.b JOIN jira.^");
	expect_completion("SELECT * FROM nothing.^", "SELECT * FROM nothing.^");
	expect_completion("TEST CONNECTOR ji^", "TEST CONNECTOR jira^");
	expect_completion("DROP CONNECTOR IF EXISTS ji^",
	    "DROP CONNECTOR IF EXISTS jira^");
	expect_completion("SHOW ACTIONS FOR ji^", "SHOW ACTIONS FOR jira^");
	expect_completion("SHOW ACTIONS F^", "SHOW ACTIONS FOR ^");
	expect_completion("SHOW CONNECTOR ji^", "SHOW CONNECTOR jira^");
	expect_completion("DESCRIBE gith^",
	    "DESCRIBE github^!github_org github github-issues-* github-pulls");
	expect_completion("DESCRIBE github_org.p^", "DESCRIBE github_org.pulls^");
	expect_completion("DROP SECRET tw^", "DROP SECRET two^");
	expect_completion("EXEC g^", "EXEC github_org.^");
	expect_completion("CONNECTOR_EXEC github_org.issues.c^",
	    "CONNECTOR_EXEC github_org.issues.create(^");
	expect_completion("EXPLAIN EXEC github_org.issues.u^",
	    "EXPLAIN EXEC github_org.issues.update(^");
	expect_completion("CREATE CONNECTOR x TYPE j^",
	    "CREATE CONNECTOR x TYPE 'jira' ^");
	expect_completion("CREATE CONNECTOR x TYPE 'j^",
	    "CREATE CONNECTOR x TYPE 'jira' ^");
	expect_completion("CREATE CONNECTOR x TYPE 'g^",
	    "CREATE CONNECTOR x TYPE 'git^!github gitlab");
	expect_completion("CREATE CONNECTOR x TYPE ^",
	    "CREATE CONNECTOR x TYPE '^!github gitlab jira");
	expect_completion("CREATE CONNECTOR x TYPE 'github' CONFIG { \"to^",
	    "CREATE CONNECTOR x TYPE 'github' CONFIG { \"token\": ^");
	expect_completion("CREATE CONNECTOR x TYPE 'github' CONFIG {\"token\": "
	    "\"x\", \"a^", "CREATE CONNECTOR x TYPE 'github' CONFIG "
	    "{\"token\": \"x\", \"api_url\": ^");
	expect_completion("ALTER CONNECTOR github_org SET CONFIG {\"o^",
	    "ALTER CONNECTOR github_org SET CONFIG {\"org\": ^");
	expect_completion("ALTER CONNECTOR github_org SET OPTIONS {\"cac^",
	    "ALTER CONNECTOR github_org SET OPTIONS {\"cache_ttl\": ^");
	expect_completion("ALTER CONNECTOR github_org SET CONFIG {o^",
	    "ALTER CONNECTOR github_org SET CONFIG {\"org\": ^");
	expect_completion("CREATE CONNECTOR x TYPE 'github' CONFIG {token: "
	    "'x'} OPTIONS {retry_count: 1, tl^", "CREATE CONNECTOR x TYPE "
	    "'github' CONFIG {token: 'x'} OPTIONS {retry_count: 1, "
	    "\"tls_verify\": ^");
	/* A value is nobody's to guess. */
	expect_completion("CREATE CONNECTOR x TYPE 'github' CONFIG {token: t^",
	    "CREATE CONNECTOR x TYPE 'github' CONFIG {token: t^");
	expect_completion("CREATE CONNECTOR x TYPE 'github' CONFIG {\"token\": "
	    "\"t^", "CREATE CONNECTOR x TYPE 'github' CONFIG {\"token\": \"t^");
	expect_completion("SELECT 'sel^", "SELECT 'sel^");
}

static void
test_syncs(void ** state)
{
	(void)state;
	expect_completion("SYNC ^", "SYNC CONNECTOR ^");
	expect_completion("SYNC CONNECTOR ji^", "SYNC CONNECTOR jira^");
	expect_completion("SYNC CONNECTOR github_org.i^",
	    "SYNC CONNECTOR github_org.issues^");
	expect_completion("SYNC CONNECTOR jira T^", "SYNC CONNECTOR jira TO ^");
	expect_completion("SYNC CONNECTOR jira TO j^",
	    "SYNC CONNECTOR jira TO jira ^");
	expect_completion("SYNC CONNECTOR jira TO github-p^",
	    "SYNC CONNECTOR jira TO github-pulls ^");
	expect_completion("SYNC CONNECTOR jira TO x-* ^",
	    "SYNC CONNECTOR jira TO x-* ^!INCREMENTAL ON OPTIONS SCHEDULE WHERE");
	expect_completion("sync connector jira to x-* in^",
	    "sync connector jira to x-* incremental on ^");
	expect_completion("SYNC CONNECTOR github_org.issues TO x WHERE nu^",
	    "SYNC CONNECTOR github_org.issues TO x WHERE number^");
	expect_completion("SYNC CONNECTOR github_org.issues TO x WHERE number > "
	    "1 SCH^", "SYNC CONNECTOR github_org.issues TO x WHERE number > 1 "
	    "SCHEDULE ^");
	expect_completion("SYNC CONNECTOR github_org.issues TO x INCREMENTAL ON "
	    "ti^", "SYNC CONNECTOR github_org.issues TO x INCREMENTAL ON title^");
	expect_completion("SYNC CONNECTOR jira TO x OPTIONS {\"delete_^",
	    "SYNC CONNECTOR jira TO x OPTIONS {\"delete_ratio\": ^");
	expect_completion("RUN SYNC j^", "RUN SYNC jira.all^");
	expect_completion("RUN SYNC github_org.is^",
	    "RUN SYNC github_org.issues^!github_org.issues github_org.issues_2");
	expect_completion("RUN SYNC jira.all F^", "RUN SYNC jira.all FULL ^");
	expect_completion("EXPLAIN SYNC CONNECTOR jira T^",
	    "EXPLAIN SYNC CONNECTOR jira TO ^");
	expect_completion("EXPLAIN SYNC jira.^", "EXPLAIN SYNC jira.all^");
	expect_completion("SELECT * FROM github-is^",
	    "SELECT * FROM github-issues-* ^");
	expect_completion("SELECT 1 FROM github_org.issues WHERE number-nu^",
	    "SELECT 1 FROM github_org.issues WHERE number-number^");
}

static void
test_columns(void ** state)
{
	(void)state;
	expect_completion("SELECT t^ FROM github_org.issues",
	    "SELECT title^ FROM github_org.issues");
	expect_completion("SELECT TIT^ FROM github_org.issues",
	    "SELECT title^ FROM github_org.issues");
	expect_completion("SELECT ^ FROM github_org.issues",
	    "SELECT ^ FROM github_org.issues!number title state na\xc3\xafve");
	/* Both begin with the same byte of two. */
	expect_completion("SELECT na^ FROM github_org.issues",
	    "SELECT na^ FROM github_org.issues!na\xc3\xafve na\xc3\xaeve");
	expect_completion("SELECT 1 FROM github_org.issues WHERE nu^",
	    "SELECT 1 FROM github_org.issues WHERE number^");
	expect_completion("SELECT 1 FROM github_org.issues WHERE a = 1 AND (s^",
	    "SELECT 1 FROM github_org.issues WHERE a = 1 AND (state^");
	expect_completion("SELECT g.t^ FROM github_org.issues g",
	    "SELECT g.title^ FROM github_org.issues g");
	expect_completion("SELECT g.t^ FROM github_org.issues AS g JOIN jira.i j",
	    "SELECT g.title^ FROM github_org.issues AS g JOIN jira.i j");
	expect_completion("SELECT issues.t^ FROM github_org.issues",
	    "SELECT issues.title^ FROM github_org.issues");
	expect_completion("SELECT * FROM github_org.issues g JOIN jira.i j ON "
	    "g.title = j.su^", "SELECT * FROM github_org.issues g JOIN jira.i j "
	    "ON g.title = j.summary^");
	expect_completion("SELECT * FROM github_org.issues g, jira.i j WHERE su^",
	    "SELECT * FROM github_org.issues g, jira.i j WHERE summary^");
	expect_completion("SELECT v^ FROM metrics.node",
	    "SELECT value^ FROM metrics.node");
	expect_completion("SELECT * FROM github_org.issues ORDER BY ti^",
	    "SELECT * FROM github_org.issues ORDER BY title^");
	/* Another statement's table is none of this one. */
	expect_completion("SELECT 1 FROM github_org.issues; SELECT tit^",
	    "SELECT 1 FROM github_org.issues; SELECT tit^");
	expect_completion("SELECT tit^; SELECT 1 FROM github_org.issues",
	    "SELECT tit^; SELECT 1 FROM github_org.issues");
	/* What would drive the terminal is not there. */
	expect_completion("SELECT b^ FROM jira.i", "SELECT b^ FROM jira.i");
	/* What stands behind cannot be read: what is before counts. */
	expect_completion("SELECT 1 FROM github_org.issues WHERE nu^ = 'x",
	    "SELECT 1 FROM github_org.issues WHERE number^ = 'x");
}

/* Any place of any text: nothing to see but that it ends well. */
static void
test_everywhere(void ** state)
{
	static const char * const texts[] = {
		"CREATE OR REPLACE CONNECTOR IF NOT EXISTS a TYPE 't' CONFIG "
		"{\"a\": [1, {\"b\": null}]} OPTIONS {\"x\": 'y'};",
		"BEGIN TRY SELECT a.b.c, * FROM x.y z, (SELECT 1) JOIN w.v ON "
		"z.a LIKE '%' || v.b WHERE c IN (1, 2); CATCH OTHERS THEN EXEC "
		"a.b.c({\"q\": 1}); FINALLY SHOW TYPES; END TRY; END;",
		"....,,,;;FROM FROM . JOIN , . FROM a. AS b. SELECT ) ( } {",
		"WITH t AS (SELECT 1) SELECT \"q q\".[x y].`z`, x'00' FROM t --",
		"\xff\xfe\x80 \xc3 FROM \xc3\xa9.\xc3\xa9 \x01",
	};
	const struct prompt_source src = { names, type_of, NULL };
	struct prompt_completion c;
	size_t i, at, len;
	char * copy;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (len = 1; len <= strlen(texts[i]); len++) {
			copy = malloc(len); /* its end is watched by ASan */
			assert_non_null(copy);
			memcpy(copy, texts[i], len);
			for (at = len > 12 ? len - 12 : 0; at <= len; at++) {
				assert_int_equal(prompt_complete(&src, copy,
				    len, at, &c), 0);
				assert_true(c.from <= at);
				prompt_completion_free(&c);
			}
			free(copy);
		}
	}
}

static void
test_words(void ** state)
{
	static const char * const words[] = { "\\timing", "\\x", NULL };
	struct prompt_completion c;

	(void)state;
	assert_int_equal(prompt_complete_word(words, "\\t", 2, &c), 0);
	assert_string_equal(c.insert.p, "\\timing ");
	prompt_completion_free(&c);
	assert_int_equal(prompt_complete_word(words, "\\q", 2, &c), 0);
	assert_int_equal(c.insert.len, 0);
	prompt_completion_free(&c);
}

/* ---- history ---- */

static void
expect_keeps(const char * s, int keeps)
{
	assert_int_equal(prompt_history_keeps(s, strlen(s)), keeps);
}

static void
test_keeps(void ** state)
{
	(void)state;
	expect_keeps("SELECT * FROM a.b WHERE token = 'x';", 1);
	expect_keeps("SET SECRET a = 'x';", 0);
	expect_keeps("set /* */ secret a = 'x';", 0);
	expect_keeps("BEGIN SET SECRET a = 'x'; END;", 0);
	expect_keeps("SHOW SECRETS;", 1);
	expect_keeps("DROP SECRET a;", 1);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"token\": \"ghp_1\"};",
	    0);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"api_key\": 'x'};", 0);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"Password\": 12345};",
	    0);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"token\": "
	    "\"$env:GH\"};", 1);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"token\": "
	    "\"vault:a/b#c\"};", 1);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"token\": "
	    "\"{{secrets.gh}}\", \"org\": \"acme\"};", 1);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"auth\": "
	    "{\"token\": \"x1y2\"}};", 0);
	expect_keeps("EXEC a.b.c(password => 'x1y2');", 0);
	expect_keeps("EXEC a.b.c(title => 'x1y2');", 1);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"api_url\": "
	    "\"https://me:pw@host/\"};", 0);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"api_url\": "
	    "\"https://host:80/a@b\"};", 1);
	expect_keeps("\\c http://u:p@host", 0);
	expect_keeps("\\c http://host:8080", 1);
	/* It cannot be read, so it cannot be judged. */
	expect_keeps("SET SECRET a = 'x", 0);
	expect_keeps("CREATE CONNECTOR a TYPE 'g' CONFIG {\"x\": \"y", 0);
}

static size_t
entries(struct prompt_history * h, const char * last)
{
	HistEvent ev;
	size_t n = 0;
	int rc;

	for (rc = history(prompt_history_edit(h), &ev, H_FIRST); rc != -1;
	    rc = history(prompt_history_edit(h), &ev, H_NEXT))
		if (n++ == 0 && last != NULL)
			assert_string_equal(ev.str, last);
	return (n);
}

static void
add(struct prompt_history * h, const char * s)
{
	prompt_history_add(h, s, strlen(s));
}

static void
test_history(void ** state)
{
	char dir[] = "/tmp/moltler-test-XXXXXX", path[100];
	struct prompt_history * h;
	struct stat st;
	FILE * f;
	int i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/h", dir);
	setenv("MOLTLER_HISTORY", path, 1);
	h = prompt_history_open();
	assert_non_null(h);
	assert_int_equal(entries(h, NULL), 0);
	add(h, "SELECT 'a\\b\nc';");
	add(h, "SELECT 2;");
	add(h, "SELECT 2;");
	add(h, "SET SECRET a = 'hush';");
	add(h, "\\d");
	assert_int_equal(entries(h, "\\d"), 3);
	prompt_history_free(h);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	h = prompt_history_open();
	assert_int_equal(entries(h, "\\d"), 3);
	prompt_history_free(h);

	/* A file that has grown is cut, to entries that are whole. */
	f = fopen(path, "w");
	assert_non_null(f);
	for (i = 0; i < 60000; i++)
		fprintf(f, "SELECT %d, 'a\\nb'; -- and more\n", i);
	fclose(f);
	h = prompt_history_open();
	assert_int_equal(entries(h, "SELECT 59999, 'a\nb'; -- and more"), 1000);
	prompt_history_free(h);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 100000);
	assert_int_equal(st.st_mode & 07777, 0600);
	h = prompt_history_open();
	assert_int_equal(entries(h, "SELECT 59999, 'a\nb'; -- and more"), 1000);
	prompt_history_free(h);

	/* No file: what is typed is there all the same. */
	setenv("MOLTLER_HISTORY", "", 1);
	h = prompt_history_open();
	add(h, "SELECT 3;");
	assert_int_equal(entries(h, "SELECT 3;"), 1);
	prompt_history_free(h);
	setenv("MOLTLER_HISTORY", "/nonexistent/h", 1);
	h = prompt_history_open();
	add(h, "SELECT 4;");
	assert_int_equal(entries(h, "SELECT 4;"), 1);
	prompt_history_free(h);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_bound),
		cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_names), cmocka_unit_test(test_syncs),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_everywhere),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_keeps),
		cmocka_unit_test(test_history),
	};
	int rc = cmocka_run_group_tests_name("prompt", tests, NULL, NULL);

	json_decref(list);
	return (rc);
}
