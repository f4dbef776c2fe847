#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_service.h"
#include "query_harness.h"

/* SELECT as a sync reads: by value, with marks between pages. */

#define MARKS 64

static struct marks {
	struct run * r;
	size_t n;
	json_t * token[MARKS];
	uint64_t rows[MARKS]; /* that were out */
	size_t bytes[MARKS];
	size_t cancel_at;     /* cancel at this one; 0: none */
} marks;

static void
on_mark(void * arg, const json_t * token)
{
	struct marks * m = arg;

	assert_true(m->n < MARKS);
	m->token[m->n] = json_deep_copy(token);
	m->rows[m->n] = m->r->rows;
	m->bytes[m->n++] = m->r->out.len;
	if (m->n == m->cancel_at)
		query_cancel(m->r->q);
}

static void
forget(void)
{
	while (marks.n > 0)
		json_decref(marks.token[--marks.n]);
}

static void
run(struct run * r, const char * sql, const char * restart,
    const json_t * resume, unsigned pause_every)
{
	struct query_sync sync = { .restart = restart, .resume = resume,
	    .mark = on_mark, .arg = &marks };
	struct query_opts opts = { .conn = &service_env, .sync = &sync };

	forget();
	memset(r, 0, sizeof(*r));
	r->pause_every = pause_every;
	memset(&service_log, 0, sizeof(service_log));
	marks.r = r;
	harness_start(r, sql, strlen(sql), &opts);
	while (!r->done) {
		assert_int_equal(loop_turn(harness_loop, 1), 0);
		query_resume(r->q);
	}
	assert_int_equal(service_log.flying, 0);
}

static int
begin(void ** state)
{
	(void)state;
	service_reset();
	service_make(harness_loop, 7, 100);
	harness_use = &service_catalog;
	return (0);
}

static int
end(void ** state)
{
	(void)state;
	forget();
	service_free();
	return (0);
}

/* A mark stands behind all rows of the pages before it; what follows from it are
 * the others. */
static void
test_marks(void ** state)
{
	static const char * const sqls[] = {
		"SELECT id, title FROM svc.issues",
		"SELECT id, title FROM svc.issues WHERE id % 3 = 0",
		"SELECT id FROM svc.issues WHERE state = 'open'",
		"SELECT id FROM svc.issues WHERE org = 'acme' AND id < 60",
	};
	struct run whole, rest;
	struct marks all;
	size_t i, k, cut;

	(void)state;
	for (i = 0; i < sizeof(sqls) / sizeof(*sqls); i++) {
		run(&whole, sqls[i], NULL, NULL, i == 1 ? 1 : 0);
		assert_false(whole.failed);
		assert_true(marks.n >= 3);
		assert_int_equal(marks.n, whole.st.api.pages);
		assert_int_equal(marks.rows[marks.n - 1], whole.rows);
		all = marks;
		marks.n = 0;
		for (k = 0; k < all.n; k++) {
			assert_non_null(all.token[k]);
			run(&rest, sqls[i], NULL, all.token[k], 0);
			if (rest.failed)
				fail_msg("%s", rest.e.msg);
			cut = all.bytes[k];
			assert_int_equal(all.rows[k] + rest.rows, whole.rows);
			assert_string_equal(rest.out.p, whole.out.p + cut);
			harness_free(&rest);
		}
		harness_free(&whole);
		forget();
		marks = all;
	}
}

static void
test_restart(void ** state)
{
	struct run whole, by;
	char * line, * save = NULL, * text;
	json_t * token;

	(void)state;
	run(&whole, "SELECT id FROM svc.issues ORDER BY created", NULL, NULL,
	    0);
	run(&by, "SELECT id FROM svc.issues ORDER BY created", "created", NULL,
	    0);
	assert_false(whole.failed || by.failed);
	assert_int_equal(whole.rows, 100);
	assert_true(by.rows > 100);
	assert_non_null(strstr(service_log.text, "since="));
	assert_int_equal(by.st.api.unordered, 0);
	text = strdup(by.out.p);
	for (line = strtok_r(whole.out.p, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		assert_non_null(strstr(text, line));
	free(text);
	harness_free(&whole);
	harness_free(&by);
	/* Behind a mark it goes on from that value. */
	run(&by, "SELECT id FROM svc.issues WHERE created >= "
	    "'2020-01-01T00:00:00Z' ORDER BY created", "created", NULL, 0);
	assert_true(marks.n > 5);
	token = json_incref(marks.token[5]);
	run(&whole, "SELECT id FROM svc.issues WHERE created >= "
	    "'2019-06-01T00:00:00Z' ORDER BY created", "created",
	    token, 0);
	json_decref(token);
	assert_false(whole.failed);
	assert_true(whole.rows < by.rows && whole.rows > 0);
	assert_string_equal(whole.out.p, by.out.p + by.out.len -
	    whole.out.len);
	harness_free(&whole);
	harness_free(&by);
	/* What cannot be pages as ever. */
	run(&by, "SELECT id FROM svc.issues ORDER BY created DESC", "created",
	    NULL, 0);
	assert_int_equal(by.rows, 100);
	harness_free(&by);
	run(&by, "SELECT id FROM svc.issues", "created", NULL, 0);
	assert_int_equal(by.rows, 100);
	harness_free(&by);
	run(&by, "SELECT id FROM svc.issues ORDER BY created", "none", NULL, 0);
	assert_int_equal(by.rows, 100);
	harness_free(&by);
}

static void
test_no_marks(void ** state)
{
	struct run r;
	size_t i;

	(void)state;
	/* Rows that are sorted are not out. */
	run(&r, "SELECT id FROM svc.issues ORDER BY title", NULL, NULL, 0);
	assert_int_equal(r.rows, 100);
	assert_true(marks.n > 0);
	for (i = 0; i < marks.n; i++)
		assert_null(marks.token[i]);
	harness_free(&r);
}

static void
test_lost(void ** state)
{
	json_t * bad = json_pack("{s:i}", "v", 1);
	struct run r;

	(void)state;
	run(&r, "SELECT id FROM svc.issues", NULL, bad, 0);
	assert_true(r.failed);
	assert_string_equal(r.e.code, "resume");
	assert_int_equal(r.e.cls, ERR_PERMANENT);
	assert_int_equal(r.rows, 0);
	json_decref(bad);
	harness_free(&r);
}

static void
test_cancel(void ** state)
{
	struct run r;

	(void)state;
	marks.cancel_at = 2;
	run(&r, "SELECT id FROM svc.issues", NULL, NULL, 0);
	marks.cancel_at = 0;
	assert_true(r.failed);
	assert_int_equal(r.e.cls, ERR_CANCELLED);
	assert_int_equal(r.rows, marks.rows[1]);
	harness_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_marks, begin, end),
		cmocka_unit_test_setup_teardown(test_restart, begin, end),
		cmocka_unit_test_setup_teardown(test_no_marks, begin, end),
		cmocka_unit_test_setup_teardown(test_lost, begin, end),
		cmocka_unit_test_setup_teardown(test_cancel, begin, end),
	};

	return (cmocka_run_group_tests(tests, harness_setup,
	    harness_teardown));
}
