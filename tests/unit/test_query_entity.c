#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "fake_service.h"
#include "query/query_live.h"
#include "query_harness.h"

static struct query_opts opts;

static struct run *
ask(const char * sql)
{
	struct run * r;

	memset(&service_log, 0, sizeof(service_log));
	opts.conn = &service_env;
	r = harness_run_opts(sql, strlen(sql), &opts);
	assert_int_equal(service_log.open, 0);
	assert_int_equal(service_log.flying, 0);
	assert_int_equal(service_refs(), 0);
	assert_int_equal(r->st.api.calls, service_log.calls);
	return (r);
}

static struct run *
good(const char * sql)
{
	struct run * r = ask(sql);

	if (r->failed)
		fail_msg("%s: %s: %s", sql, r->e.code, r->e.msg);
	return (r);
}

/* What was asked of the service, and how many rows came of it. */
static void
assert_asked(const char * sql, const char * asked)
{
	(void)good(sql);
	if (strcmp(service_log.text, asked) != 0)
		fail_msg("%s\nasked %s\nnot   %s", sql, service_log.text, asked);
}

static int
begin(void ** state)
{
	(void)state;
	service_reset();
	service_make(harness_loop, 7, 100);
	memset(&opts, 0, sizeof(opts));
	harness_use = &service_catalog;
	return (0);
}

static int
end(void ** state)
{
	(void)state;
	service_free();
	return (0);
}

static void
test_columns(void ** state)
{
	struct run * r;

	(void)state;
	r = good("SELECT * FROM svc.issues WHERE id = 1");
	assert_string_equal(r->columns, "id INTEGER, title TEXT, state TEXT, "
	    "points INTEGER, score REAL, draft BOOLEAN, created TIMESTAMP, "
	    "labels JSON, assignee TEXT");
	r = good("SELECT count(*), count(title) > 80 FROM svc.issues");
	assert_string_equal(r->out.p, "100|1\n");
	assert_int_equal(r->st.api.calls, 10);
	r = good("SELECT * FROM svc.comments WHERE repo = 'core' LIMIT 1");
	assert_string_equal(r->columns,
	    "id INTEGER, issue INTEGER, body TEXT, author TEXT");
	/* What is kept of a page outlives it. */
	good("SELECT max(title), min(labels), group_concat(state) "
	    "FROM svc.issues GROUP BY created ORDER BY created");
}

static void
test_push(void ** state)
{
	static const char * const v[][2] = {
		{ "id = 5", "id=5" }, { "id = '5'", "id=5" },
		{ "id = 5.0", "id=5" }, { "5 = id", "id=5" },
		{ "id IN (3, 4)", "id IN 3,4" },
		{ "id IN (3, NULL)", "id IN 3" },
		{ "id BETWEEN 3 AND 6", "id>=3 id<=6" },
		{ "points < 2.5", "points<3" }, { "points <= 2.5", "points<=2" },
		{ "points > 2.5", "points>2" }, { "points >= 2.5", "points>=3" },
		{ "score > 2", "score>2" },
		{ "state = 'open'", "state='open'" },
		{ "state != 'open'", "state!='open'" },
		{ "state IN ('open', 'closed')", "state IN 'closed','open'" },
		{ "state = 'open' COLLATE BINARY", "" },
		{ "assignee = 'ann'", "assignee='ann'" },
		{ "assignee = 'ann' COLLATE NOCASE", "" },
		{ "assignee IS NULL", "assignee NULL" },
		{ "points IS NOT NULL", "points NOT NULL" },
		{ "title LIKE 'crash%'", "title LIKE 'crash%'" },
		{ "title LIKE '%ash%'", "title HAS '%ash%'" },
		{ "title LIKE '%ash'", "" }, { "title LIKE 'a_b%'", "" },
		{ "title LIKE 'crash'", "" }, { "title LIKE '%'", "" },
		{ "title NOT LIKE 'crash%'", "" },
		{ "title LIKE 'a|_%' ESCAPE '|'", "" },
		{ "title GLOB 'crash*'", "" },
		{ "labels CONTAINS 'bug'", "labels CONTAINS 'bug'" },
		{ "labels = '[\"bug\"]'", "" },
		{ "draft = true", "draft=1" }, { "draft != 0", "draft!=0" },
		{ "draft > 0", "" }, { "draft = 2", NULL },
		{ "draft = 'true'", "draft=1" }, { "'Yes' = draft", "draft=1" },
		{ "issues.draft IS NOT 'off'", "" },
		{ "draft = '1'", "draft=1" },
		{ "draft = 'tr' || 'ue'", NULL },
		{ "created > '2026-01-05'", "created>'2026-01-05T00:00:00Z'" },
		{ "created <= '2026-01-05 10:00'",
		    "created<='2026-01-05T10:00:00Z'" },
		{ "created >= '2026-01-05T01:00:00+01:00'",
		    "created>='2026-01-05T00:00:00Z'" },
		{ "id = NULL", NULL },
		{ "id = 1.5", NULL }, { "state IN (NULL)", NULL },
		{ "id = 5 OR title = 'x'", "" },
		{ "id = (SELECT 2 + 3)", "id=5" },
		{ "created > date('2026-01-01', '+4 days')",
		    "created>'2026-01-05T00:00:00Z'" },
		{ "org = 'other'", "org='other'" },
	};
	char sql[200], asked[200];
	size_t i;
	char * local;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT id FROM svc.issues WHERE %s "
		    "ORDER BY +id", v[i][0]);
		asked[0] = '\0';
		if (v[i][1] != NULL)
			snprintf(asked, sizeof(asked), "issues %s;", v[i][1]);
		assert_asked(sql, asked);
		if (strncmp(v[i][0], "org", 3) == 0)
			continue;
		local = strdup(good(sql)->out.p);
		opts.no_push = 1;
		assert_string_equal(good(sql)->out.p, local);
		opts.no_push = 0;
		free(local);
	}
}

static void
test_order_and_limit(void ** state)
{
	(void)state;
	assert_asked("SELECT id FROM svc.issues ORDER BY id DESC LIMIT 3",
	    "issues ORDER id DESC LIMIT 3 exact;");
	assert_int_equal(service_log.calls, 1);
	assert_asked("SELECT id FROM svc.issues ORDER BY created LIMIT 10 "
	    "OFFSET 10", "issues ORDER created LIMIT 20 exact;");
	assert_int_equal(service_log.calls, 2);
	/* An order made here needs all rows. */
	assert_asked("SELECT id FROM svc.issues ORDER BY title LIMIT 3",
	    "issues ;");
	assert_int_equal(service_log.calls, 10);
	/* What is looked at here may throw rows away. */
	assert_asked("SELECT id FROM svc.issues WHERE length(title) > 0 LIMIT 5",
	    "issues ;");
	assert_int_equal(service_log.calls, 1);
	assert_asked("SELECT id FROM svc.issues WHERE assignee > 'a' LIMIT 1",
	    "issues  LIMIT 1;");
	assert_asked("SELECT id FROM svc.issues WHERE state = 'open' LIMIT 2",
	    "issues state='open' LIMIT 2 exact;");
	assert_int_equal(service_log.calls, 1);
	assert_asked("SELECT i.id FROM svc.issues AS i WHERE (i.state = 'open' "
	    "AND id < 99) AND draft = 0 AND assignee > 'a' COLLATE BINARY LIMIT "
	    "2", "issues state='open' id<99 draft=0 LIMIT 2;");
	assert_asked("SELECT i.id FROM svc.issues AS i WHERE (i.state = 'open' "
	    "AND 99 > id) AND draft = 0 LIMIT 2",
	    "issues state='open' id<99 draft=0 LIMIT 2 exact;");
	assert_asked("SELECT id FROM svc.issues WHERE state > title LIMIT 2",
	    "issues  LIMIT 2;");
	assert_asked("SELECT id FROM svc.issues LIMIT 0", "");
	/* Never a call more than needed. */
	service_page = 4;
	good("SELECT id FROM svc.issues LIMIT 9");
	assert_int_equal(service_log.calls, 3);
	good("SELECT id FROM svc.issues WHERE title != '' LIMIT 1");
	assert_int_equal(service_log.calls, 1);
	good("SELECT 1 WHERE EXISTS (SELECT * FROM svc.issues)");
	assert_int_equal(service_log.calls, 1);
	good("SELECT i.id, u.name FROM svc.issues i JOIN svc.users u LIMIT 4");
	assert_true(service_log.calls <= 2);
}

static void
test_ahead(void ** state)
{
	struct run * r;
	int64_t t0;

	(void)state;
	service_ms = 20;
	t0 = clock_mono_us();
	r = good("SELECT id FROM svc.issues");
	assert_int_equal(r->rows, 100);
	assert_true(service_log.aheads >= 9);
	assert_int_equal(service_log.calls, 10);
	assert_true(clock_mono_us() - t0 >= 190000);
	/* Its rows are in use while the next comes: the sink is slow. */
	assert_true(r->progress >= 0);
}

static void
test_joins(void ** state)
{
	struct run * r;
	size_t n = 0;
	const char * s;

	(void)state;
	/* The outer key goes down, repeated keys are asked once. */
	r = good("SELECT c.id, i.title FROM svc.comments c JOIN svc.issues i "
	    "ON i.id = c.issue WHERE c.repo = 'core'");
	assert_int_equal(r->rows, 30);
	for (s = service_log.text; (s = strstr(s, "issues id=")) != NULL; s++)
		n++;
	assert_true(n >= 5 && n < 20);
	assert_non_null(strstr(service_log.text, "comments repo='core'"));
	assert_int_equal(service_log.opened, n + 1);
	/* An inner table scanned again is not fetched again. */
	r = good("SELECT i.id, u.name FROM svc.issues i JOIN svc.users u ON "
	    "i.title LIKE '%' || u.name || '%' OR 1");
	assert_int_equal(r->rows, 400);
	assert_int_equal(service_log.calls, 11);
	/* Also where it stops early each time. */
	r = good("SELECT count(*) FROM svc.users u WHERE EXISTS (SELECT 1 FROM "
	    "svc.issues i WHERE i.assignee || '' = u.name)");
	assert_true(service_log.calls <= 11);
	assert_int_equal(service_log.opened, 2);
	r = good("SELECT count(*) FROM svc.users a JOIN svc.users b");
	assert_string_equal(r->out.p, "16\n");
	assert_int_equal(service_log.calls, 1);
	r = good("SELECT name FROM svc.users UNION ALL SELECT name FROM "
	    "svc.users");
	assert_int_equal(r->rows, 8);
	assert_int_equal(service_log.calls, 1);
	r = good("SELECT u.name, i.id FROM svc.users u LEFT JOIN svc.issues i "
	    "ON i.assignee = u.name AND i.id < 0");
	assert_int_equal(r->rows, 4);
}

static void
test_memo_is_bounded(void ** state)
{
	struct run * r;

	(void)state;
	/* 100 rows a page of 400 bytes: no room for what is over 64 KiB. */
	service_make(harness_loop, 3, 2000);
	service_page = 100;
	opts.max_memory = (size_t)2 << 20;
	r = good("SELECT count(*) FROM svc.users u JOIN svc.issues i ON "
	    "i.title || u.name != ''");
	assert_int_equal(r->failed, 0);
	assert_true(service_log.calls <= 22);
	opts.max_memory = (size_t)1 << 20;
	service_make(harness_loop, 3, 5000);
	(void)good("SELECT count(*) FROM svc.users u JOIN svc.issues i ON "
	    "i.title || u.name != ''");
	assert_true(service_log.calls > 51);
}

static void
test_side_by_side(void ** state)
{
	(void)state;
	service_ms = 10;
	good("SELECT count(*) FROM svc.issues i JOIN svc.users u ON i.assignee "
	    "|| '' = u.name WHERE i.state = 'open'");
	assert_int_equal(service_log.most, 2);
	assert_int_equal(service_log.opened, 2);
	good("SELECT id FROM svc.issues WHERE id < 5 UNION ALL SELECT id FROM "
	    "svc.comments WHERE repo = 'core'");
	assert_int_equal(service_log.most, 2);
	/* The second part is perhaps never wanted. */
	good("SELECT id FROM svc.issues WHERE id < 5 UNION ALL SELECT id FROM "
	    "svc.comments WHERE repo = 'core' LIMIT 2");
	assert_int_equal(service_log.calls, 1);
}

static void
test_errors(void ** state)
{
	struct run * r;

	(void)state;
	service_fail = 3;
	r = ask("SELECT id FROM svc.issues");
	assert_true(r->failed);
	assert_int_equal(r->e.cls, ERR_TRANSIENT);
	assert_string_equal(r->e.code, "http_503");
	assert_string_equal(r->e.msg, "svc.issues: 503 of the page");
	assert_int_equal(r->rows, 20);
	service_fail = 0;
	r = ask("SELECT id FROM big.issues");
	assert_string_equal(r->e.code, "max_api_calls");
	assert_int_equal(r->rows, 30);
	opts.max_calls = 2;
	r = ask("SELECT id FROM big.issues");
	assert_int_equal(r->rows, 20);
	opts.max_calls = 0;
	r = ask("SELECT * FROM svc.comments");
	assert_int_equal(r->e.cls, ERR_CONFIG);
	assert_string_equal(r->e.code, "input");
	assert_non_null(strstr(r->e.msg, "line 1, column 15: svc.comments has "
	    "to be told repo: add WHERE repo = '...'"));
	r = ask("SELECT * FROM svc.comments WHERE repo > 'a'");
	assert_string_equal(r->e.code, "input");
	r = ask("SELECT titel FROM svc.issues");
	assert_non_null(strstr(r->e.msg, "no column titel (did you mean "
	    "title?)"));
	r = ask("SELECT autor FROM svc.comments");
	assert_non_null(strstr(r->e.msg, "did you mean author?"));
	r = ask("SELECT id FROM svc.issues i JOIN svc.comments c ON c.repo = "
	    "'x'");
	assert_non_null(strstr(r->e.msg, "ambiguous column name: id"));
	r = ask("SELECT 1 FROM svc.isues");
	assert_non_null(strstr(r->e.msg, "did you mean svc.issues?"));
	r = ask("SELECT 1 FROM moltler_entity");
	assert_string_equal(r->e.code, "no_table");
	r = ask("SELECT id FROM svc.issues WHERE title > 5 AND abs('x') = "
	    "json('{')");
	assert_true(r->failed);
}

/* The query is stopped in each of its waits. */
static void
test_cancel(void ** state)
{
	const char * sql = "SELECT i.id, c.id FROM svc.issues i JOIN "
	    "svc.comments c ON c.issue = i.id AND c.repo = 'core' JOIN "
	    "svc.users u ON u.name = c.author";
	struct run r;
	int turns, k;

	(void)state;
	opts.conn = &service_env;
	for (turns = 0; turns < 200; turns++) {
		service_reset();
		memset(&r, 0, sizeof(r));
		harness_start(&r, sql, strlen(sql), &opts);
		for (k = 0; k < turns && !r.done; k++)
			assert_int_equal(loop_turn(harness_loop, 1), 0);
		if (r.done) {
			harness_free(&r);
			break;
		}
		query_cancel(r.q);
		harness_finish(&r);
		if (r.failed)
			assert_int_equal(r.e.cls, ERR_CANCELLED);
		assert_int_equal(service_log.open, 0);
		assert_int_equal(service_refs(), 0);
		harness_free(&r);
	}
	assert_true(turns > 10);
}

static void
test_deadline_and_progress(void ** state)
{
	struct run * r;

	(void)state;
	service_ms = 60;
	opts.deadline_ms = 150;
	r = ask("SELECT id FROM svc.issues");
	assert_string_equal(r->e.code, "deadline");
	opts.deadline_ms = 0;
	r = good("SELECT count(*) FROM svc.issues");
	assert_true(r->progress >= 2 && r->progress <= 4);
	assert_int_equal(r->st.api.pages, 10);
	assert_int_equal(r->st.api.rows, 100);
}

/* What tells rows apart where OR is several scans is the statement's memory. */
static void
test_or_is_bounded(void ** state)
{
	const char * sql = "SELECT count(id) FROM svc.issues WHERE state = 'open' OR "
	    "assignee = 'ann'";
	struct run * r;

	(void)state;
	service_make(harness_loop, 3, 15000);
	service_page = 1000;
	r = good(sql);
	assert_true(atoi(r->out.p) > 6000);
	assert_non_null(strstr(service_log.text, "assignee='ann';"));
	opts.max_memory = (size_t)500 << 10;
	r = ask(sql);
	assert_true(r->failed);
	assert_string_equal(r->e.code, "memory");
}

/* A table that is read in two places at once stays; where that is too much, the page
 * that was it is nobody's. */
static void
test_places_are_bounded(void ** state)
{
	struct run * r;

	(void)state;
	service_make(harness_loop, 3, 15000);
	service_page = 1000;
	opts.max_memory = (size_t)1 << 20;
	r = ask("SELECT count(*) FROM svc.issues a JOIN svc.issues b ON "
	    "a.title || b.title = 'x'");
	assert_true(r->failed);
	assert_string_equal(r->e.code, "memory");
	assert_non_null(strstr(r->e.msg, "in several places at once"));
	/* The service was not asked for more than that. */
	assert_true(service_log.calls < 10);
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 m = (u128)a * b;

	return ((uint64_t)m ^ (uint64_t)(m >> 64));
}

/* Who knows what rows are hashed with can write two that hash alike: one of them
 * would be taken for the other where OR is two scans. */
static void
test_rows_that_are_made_alike(void ** state)
{
	const uint64_t h0 = UINT64_C(0x2545f4914f6cdd1d);
	const uint64_t s1 = UINT64_C(0xe7037ed1a0b428db);
	char flat[9] = { VALUE_TEXT }, text[2][33];
	struct query_rowids rows[2];
	int64_t id[2] = { 0, 0 };
	struct value v;
	uint64_t h, word;
	int i;

	(void)state;
	h = hash64(h0, flat, sizeof(flat));
	word = s1 ^ h ^ mix(h ^ UINT64_C(0xa0761d6478bd642f), s1);
	memset(rows, 0, sizeof(rows));
	for (i = 0; i < 2; i++) {
		memset(text[i], 'a' + i, 32);
		memset(text[i] + 16, 'x', 16);
		memcpy(text[i], &word, sizeof(word));
		memset(&v, 0, sizeof(v));
		v.type = VALUE_TEXT;
		v.s = text[i];
		v.len = 32;
		assert_int_equal(query_rowid(&rows[i], &v, 1, &id[i]), 0);
		query_rowid_clear(&rows[i]);
	}
	/* They are of that kind. */
	assert_true(hash64(h, text[0], 32) == hash64(h, text[1], 32));
	assert_true(id[0] != id[1]);
}

/* A connector that is dropped while its rows are read. */
static void
test_dropped(void ** state)
{
	const char * sql = "SELECT id FROM svc.issues";
	struct run r;
	int i;

	(void)state;
	memset(&r, 0, sizeof(r));
	opts.conn = &service_env;
	harness_start(&r, sql, strlen(sql), &opts);
	for (i = 0; i < 4; i++)
		assert_int_equal(loop_turn(harness_loop, 1), 0);
	assert_true(service_refs() > 0);
	service_connector_gone = "svc";
	harness_finish(&r);
	assert_int_equal(r.rows, 100);
	harness_free(&r);
}

static void
test_explain(void ** state)
{
	struct run * r;

	(void)state;
	opts.explain = 1;
	r = good("SELECT title FROM svc.issues WHERE state = 'open' AND "
	    "assignee > 'a' ORDER BY created DESC LIMIT 5");
	assert_int_equal(service_log.opened, 0);
	assert_string_equal(r->columns, "entity TEXT, request TEXT, pushed TEXT, "
	    "local TEXT, order TEXT, limit TEXT, calls TEXT, cache TEXT, "
	    "list TEXT");
	assert_string_equal(r->out.p, "svc.issues|GET /issues|state='open' ORDER "
	    "created DESC|assignee >|by the service: created DESC|5 rows at "
	    "least|1 a page of 10|none|all\n");
	assert_string_equal(r->scans.p, "issues: 1 preds, known 1, ordered 1, "
	    "sorts 0, limit 5\n");
	r = good("SELECT c.id FROM svc.comments c JOIN svc.issues i ON i.id = "
	    "c.issue WHERE c.repo = 'core' ORDER BY i.title");
	assert_string_equal(r->out.p, "svc.comments|GET /comments|repo='core'|-|"
	    "-|-|1 a page of 10|none|all\nsvc.issues|GET /issues|id=0|-|here|-|"
	    "1 a page of 10, for each different row of comments|none|all\n");
	assert_string_equal(r->scans.p, "comments: 1 preds, known 1, ordered 0, "
	    "sorts 0, limit -1\nissues: 1 preds, known 0, ordered 0, sorts 1, "
	    "limit -1\n");
	r = ask("SELECT id FROM svc.comments");
	assert_string_equal(r->e.code, "input");
	r = good("SELECT 1");
	assert_int_equal(r->rows, 0);
	opts.explain = 0;
	r = good("EXPLAIN QUERY PLAN SELECT id FROM svc.issues WHERE id = 1");
	assert_int_equal(service_log.opened, 0);
}

/* The most tables there may be. */
static void
test_many_tables(void ** state)
{
	char sql[8192];
	size_t n;
	int i;

	(void)state;
	n = (size_t)snprintf(sql, sizeof(sql), "SELECT count(*) FROM svc.users "
	    "u0");
	for (i = 1; i < 64; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, " JOIN svc.users "
		    "u%d ON u%d.name = u%d.name", i, i, i - 1);
	(void)good(sql);
	assert_true(service_log.calls <= 10);
}

static void
test_time_order(void ** state)
{
	struct run * r;

	(void)state;
	r = good("SELECT count(*) FROM svc.issues WHERE created BETWEEN "
	    "'2026-01-01' AND '2026-01-16T00:00:00.000Z'");
	assert_string_not_equal(r->out.p, "0\n");
	r = good("SELECT count(*) FROM svc.issues WHERE created >= '2027'");
	assert_string_equal(r->out.p, "0\n");
	r = good("SELECT sum(created = '2026-01-01') = sum(created = "
	    "'2026-01-01 00:00') FROM svc.issues");
	assert_string_equal(r->out.p, "1\n");
}

/* What no value of the column can be is said to be so; what only looks like it is
 * left alone. */
static void
test_literals(void ** state)
{
	static const struct {
		const char * sql, * says; /* NULL: it runs */
	} v[] = {
		{ "draft = 'maybe'", "column 41: draft is true or false, which "
		    "'maybe' is not" },
		{ "draft IN ('true', 'x')", "draft is true or false" },
		{ "points < 'x'", "points is a number" },
		{ "draft IN ('t', 'F')", NULL },
		{ "id = ''", "id is a number" },
		{ "id = '0x10'", "id is a number" },
		{ "score = ' 1e3 '", NULL },
		{ "created > 'soon'", "created is a time, as '2026-" },
		{ "created > 1767225600", "created is a time" },
		{ "created BETWEEN '2026' AND 'x'", "created is a time" },
		{ "created BETWEEN '2026' AND '2026-12'", NULL },
		{ "created LIKE '2026-0%'", NULL },
		{ "created > date('now')", NULL },
		{ "labels = 'bug'", "CONTAINS 'x'" },
		{ "labels = '[\"bug\"]'", NULL },
		{ "labels LIKE '%bug%'", NULL },
		{ "title = 'x' AND 'open' = state", NULL },
		{ "title || points = 'x'", NULL },
		{ "cast(points AS TEXT) = 'x'", NULL },
		{ "points = 'x' COLLATE NOCASE", NULL },
		{ "title = 'draft' OR state = 'points'", NULL },
	};
	char sql[300];
	struct run * r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT id FROM svc.issues WHERE %s",
		    v[i].sql);
		r = ask(sql);
		if (r->failed != (v[i].says != NULL))
			fail_msg("%s: %s", sql, r->failed ? r->e.msg : "runs");
		if (!r->failed)
			continue;
		assert_int_equal(r->e.cls, ERR_CONFIG);
		if (strstr(r->e.msg, v[i].says) == NULL)
			fail_msg("%s: %s", sql, r->e.msg);
	}
	good("SELECT id = 5, 'x', id IN (1, 2), 'y' FROM svc.issues");
	/* Names of the statement's own. */
	good("SELECT max(points) || 'x' AS points FROM svc.issues GROUP BY state "
	    "HAVING points = 'x'");
	good("SELECT * FROM (SELECT upper(state) id FROM svc.issues) WHERE id = "
	    "'OPEN'");
	good("WITH t(id) AS (SELECT title FROM svc.issues) SELECT * FROM t WHERE "
	    "id = 'x'");
	good("SELECT title FROM svc.issues, json_each(labels) e WHERE e.id = "
	    "'x'");
	/* Both have one, and what it holds is not the same. */
	r = ask("SELECT count(*) FROM svc.issues i JOIN svc.users u ON u.name = "
	    "i.assignee WHERE draft = 'yes'");
	assert_int_equal(r->failed, 0);
	r = good("SELECT sum(draft = 'true') = sum(draft) AND sum(draft = 'no') = "
	    "sum(NOT draft), count(*) > 0 FROM svc.issues");
	assert_string_equal(r->out.p, "1|1\n");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_columns), T(test_push), T(test_order_and_limit),
		T(test_ahead), T(test_joins), T(test_memo_is_bounded),
		T(test_side_by_side), T(test_errors), T(test_cancel),
		T(test_deadline_and_progress), T(test_dropped), T(test_explain),
		T(test_many_tables), T(test_time_order),
		T(test_or_is_bounded), T(test_places_are_bounded),
		T(test_rows_that_are_made_alike),
		T(test_literals),
	};

	return (cmocka_run_group_tests_name("query_entity", tests,
	    harness_setup, harness_teardown));
}
