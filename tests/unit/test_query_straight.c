#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_service.h"
#include "loop/loop.h"
#include "query/query_live.h"
#include "query_harness.h"

/* Statements whose cells go straight out (2: all rows but the first do so without
 * SQLite), and those where SQLite must have them. */
static const struct {
	const char * sql;
	int straight;
} cases[] = {
	{ "SELECT id, title, state FROM svc.issues", 2 },
	{ "SELECT * FROM svc.issues", 2 },
	{ "SELECT * FROM svc.issues WHERE state = 'open'", 1 },
	{ "SELECT state, title FROM svc.issues WHERE state = 'open' AND "
	    "points > 2.5 AND assignee IS NOT NULL", 1 },
	{ "SELECT points FROM svc.issues WHERE points = score", 1 },
	{ "SELECT id FROM svc.issues LIMIT 3", 1 },
	{ "SELECT id, title FROM svc.issues LIMIT 4 OFFSET 2", 1 },
	{ "SELECT title, draft FROM svc.issues WHERE draft", 1 },
	{ "SELECT id, score FROM svc.issues WHERE NOT draft LIMIT 5", 1 },
	{ "SELECT id FROM svc.issues WHERE state = 'open' OR points < 3", 0 },
	{ "SELECT id, id FROM svc.issues", 2 },
	{ "SELECT id + 0 FROM svc.issues", 0 },
	{ "SELECT upper(title) FROM svc.issues", 0 },
	{ "SELECT count(*) FROM svc.issues", 0 },
	{ "SELECT max(title) FROM svc.issues", 0 },
	{ "SELECT DISTINCT state FROM svc.issues", 0 },
	{ "SELECT id, 'x' FROM svc.issues", 0 },
	{ "SELECT title FROM svc.issues ORDER BY title, id", 0 },
	{ "SELECT id FROM svc.issues UNION ALL SELECT id FROM svc.issues", 0 },
	{ "SELECT a.id, b.body FROM svc.issues a JOIN svc.comments b ON "
	    "b.issue = a.id WHERE b.repo = 'core'", 0 },
	{ "SELECT id FROM svc.issues WHERE title LIKE '%a%'", 0 },
	{ "SELECT id FROM svc.issues WHERE id IN (3, 4, 9)", 0 },
	{ "SELECT x.id FROM (SELECT id, title FROM svc.issues) x", 2 },
	{ "SELECT id, (SELECT 1) FROM svc.issues", 0 },
	{ "SELECT CAST(score AS TEXT) FROM svc.issues", 0 },
	{ "SELECT id FROM svc.issues WHERE EXISTS (SELECT 1 FROM svc.comments "
	    "WHERE repo = 'core')", 0 },
};

static struct query_opts opts;

static int
begin(void ** state)
{
	(void)state;
	service_reset();
	service_make(harness_loop, 7, 100);
	memset(&opts, 0, sizeof(opts));
	opts.conn = &service_env;
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

/* How the first row came. */
static int
is_straight(const char * sql)
{
	struct run r = { .pause_every = 1 };
	int on;

	harness_start(&r, sql, strlen(sql), &opts);
	while (r.rows == 0 && !r.done)
		loop_turn(harness_loop, 100);
	if (r.done)
		fail_msg("%s: no rows", sql);
	on = r.q->live == NULL ? 0 : r.q->live->straight.on +
	    r.q->live->straight.alone;
	query_cancel(r.q);
	harness_finish(&r);
	harness_free(&r);
	return (on);
}

/* The same rows as where all are kept by SQLite before one is out. */
static void
test_same_rows(void ** state)
{
	char sql[512], * want;
	struct run * r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (is_straight(cases[i].sql) != cases[i].straight)
			fail_msg("%s: not %d", cases[i].sql, cases[i].straight);
		snprintf(sql, sizeof(sql), "WITH all_of AS MATERIALIZED (%s) "
		    "SELECT * FROM all_of", cases[i].sql);
		if (cases[i].straight)
			assert_false(is_straight(sql));
		r = harness_run_opts(sql, strlen(sql), &opts);
		if (r->failed)
			fail_msg("%s: %s", sql, r->e.msg);
		assert_true(r->rows > 0);
		assert_non_null(want = strdup(r->out.p));
		r = harness_run_opts(cases[i].sql, strlen(cases[i].sql), &opts);
		if (r->failed)
			fail_msg("%s: %s", cases[i].sql, r->e.msg);
		if (strcmp(r->out.p, want) != 0)
			fail_msg("%s:\n%s\nnot\n%s", cases[i].sql, r->out.p,
			    want);
		free(want);
	}
}

/* Programs no SQLite of today makes: each is a reason to let it copy. */
static void
test_programs(void ** state)
{
	static const struct {
		const char * why;
		int on, alone;
		size_t asked;
		struct { const char * name; int p1, p2, p3; } ops[12];
	} v[] = {
		{ "plain", 1, 1, 0, { { "Init", 0, 9, 0 }, { "VFilter", 0, 8, 1 },
		    { "VColumn", 0, 0, 3 }, { "VColumn", 0, 1, 4 },
		    { "ResultRow", 3, 2, 0 }, { "VNext", 0, 2, 0 },
		    { "Halt", 0, 0, 0 } } },
		{ "one is looked at before", 1, 0, 1, { { "VFilter", 0, 8, 1 },
		    { "VColumn", 0, 0, 2 }, { "Ne", 1, 5, 2 },
		    { "VColumn", 0, 1, 4 }, { "ResultRow", 4, 1, 0 },
		    { "VNext", 0, 1, 0 } } },
		{ "the row's own is looked at", 0, 0, 0, { { "VFilter", 0, 8, 1 },
		    { "VColumn", 0, 0, 4 }, { "Ne", 1, 5, 4 },
		    { "VColumn", 0, 0, 4 }, { "ResultRow", 4, 1, 0 },
		    { "VNext", 0, 1, 0 } } },
		{ "a jump to the middle", 0, 0, 0, { { "VFilter", 0, 8, 1 },
		    { "VColumn", 0, 0, 2 }, { "Ne", 1, 4, 2 },
		    { "VColumn", 0, 0, 3 }, { "VColumn", 0, 1, 4 },
		    { "ResultRow", 4, 1, 0 }, { "VNext", 0, 1, 0 } } },
		{ "what nobody knows", 0, 0, 0, { { "VFilter", 0, 8, 1 },
		    { "VColumn", 0, 0, 2 }, { "Frobnicate", 2, 0, 0 },
		    { "VColumn", 0, 1, 4 }, { "ResultRow", 4, 1, 0 },
		    { "VNext", 0, 1, 0 } } },
		{ "a register of elsewhere", 0, 0, 0, { { "VFilter", 0, 8, 1 },
		    { "VColumn", 0, 0, 3 }, { "ResultRow", 3, 2, 0 },
		    { "VNext", 0, 1, 0 } } },
		{ "two rows out", 0, 0, 0, { { "VFilter", 0, 8, 1 },
		    { "VColumn", 0, 0, 3 }, { "ResultRow", 3, 1, 0 },
		    { "ResultRow", 3, 1, 0 }, { "VNext", 0, 1, 0 } } },
		{ "two scans", 0, 0, 0, { { "VFilter", 0, 8, 1 },
		    { "VFilter", 1, 8, 1 }, { "VColumn", 1, 0, 3 },
		    { "ResultRow", 3, 1, 0 }, { "VNext", 1, 2, 0 },
		    { "VNext", 0, 1, 0 } } },
		{ "a column of nowhere", 0, 0, 0, { { "VColumn", 0, 0, 3 },
		    { "VFilter", 0, 8, 1 }, { "VColumn", 0, 0, 3 },
		    { "ResultRow", 3, 1, 0 }, { "VNext", 0, 2, 0 } } },
		{ "nothing", 0, 0, 0, { { "Init", 0, 0, 0 } } }
	};
	struct query_straight s;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		memset(&s, 0, sizeof(s));
		for (k = 0; k < 12 && v[i].ops[k].name != NULL; k++)
			query_straight_op(&s, v[i].ops[k].name, (int)k,
			    v[i].ops[k].p1, v[i].ops[k].p2, v[i].ops[k].p3);
		assert_int_equal(query_straight_end(&s), 0);
		if (s.on != v[i].on || s.alone != v[i].alone ||
		    (s.on && s.asked != v[i].asked))
			fail_msg("%s", v[i].why);
		query_straight_free(&s);
	}
}

/* Too few cells are no row, and a text that SQLite would not take is for it to
 * refuse. */
static void
test_take(void ** state)
{
	static const struct value cell[] = {
		{ .type = VALUE_TEXT, .len = 3, .s = "abc" },
		{ .type = VALUE_INT, .i = 5 }, { .type = VALUE_REAL, .d = 0 } };
	const struct value * cells[3];
	size_t at[3];
	struct query_straight s = { .on = 1, .n = 3, .asked = 1, .max = 3,
		.cells = cells, .at = at };
	struct query_value row[3];
	struct value nan = cell[2];

	(void)state;
	nan.d = 0.0 / *(volatile const double *)&cell[2].d;
	assert_int_equal(query_straight_take(&s, 0, 7, &cell[0]), 0);
	assert_int_equal(query_straight_take(&s, 1, 6, &cell[0]), 1);
	assert_int_equal(query_straight_take(&s, 2, 5, &nan), 1);
	assert_int_equal(query_straight_row(&s, 3, row), -1);
	assert_int_equal(query_straight_take(&s, 1, 6, &cell[0]), 1);
	assert_int_equal(query_straight_take(&s, 2, 5, &nan), 1);
	assert_int_equal(query_straight_take(&s, 3, 4, NULL), 1);
	assert_int_equal(query_straight_take(&s, 4, 3, &cell[1]), 0);
	assert_int_equal(query_straight_row(&s, 3, row), 0);
	assert_int_equal(row[0].type, QUERY_TEXT);
	assert_int_equal(row[0].len, 3);
	assert_int_equal(row[1].type, QUERY_NULL);
	assert_int_equal(row[2].type, QUERY_NULL);
	at[0] = 1;
	at[1] = 0;
	at[2] = 2;
	assert_int_equal(query_straight_next(&s, cell, 2, row), 0);
	assert_int_equal(row[0].i, 5);
	assert_int_equal(row[1].len, 3);
	assert_int_equal(row[2].type, QUERY_NULL);
	s.max = 2;
	assert_int_equal(query_straight_next(&s, cell, 2, row), -1);
	assert_int_equal(query_straight_take(&s, 1, 6, &cell[0]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_rows, begin, end),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_take),
	};

	return (cmocka_run_group_tests(tests, harness_setup,
	    harness_teardown));
}
