/*
 * Pushing down never changes an answer: generated statements are run with it and
 * without, over a service that sends more than it was asked for.
 */
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
#include "random_pick.h"

#define STATEMENTS 800

static const char * const compare[] = { "=", "!=", "<", "<=", ">", ">=", "=",
	"IS", "IS NOT", "<>" };

/* One predicate on the issues called ${t}. */
static void
predicate(struct buf * b, const char * t)
{
	static const char * const ints[] = { "0", "3", "7", "-1", "2.5", "'4'",
	    "'x'", "NULL", "50", "99", "1e3", "' 5 '", "'5' || char(10)", "3.0", "true" };
	static const char * const texts[] = { "'open'", "'OPEN'", "'closed'",
	    "'blocked'", "'ann'", "'Ann'", "'bob'", "''", "NULL", "'crash'",
	    "5" };
	static const char * const times[] = { "'2026-01-05'",
	    "'2026-01-05 12:00'", "'2026-01-05T13:00:00+01:00'",
	    "'2026-01-09T00:00:00Z'", "'2026-01-09T00:00:00.5Z'", "'2026'",
	    "'soon'", "NULL", "5", "date('2026-01-03', '+2 days')" };
	static const char * const likes[] = { "'crash%'", "'%ops-1%'", "'%'",
	    "'c_ash%'", "'%1'", "'100\x25%'", "'CRASH DISK 1%'", "'%%'", "NULL",
	    "'%b%'" };
	static const char * const labels[] = { "'bug'", "'debug'", "'ui'",
	    "'b\"x'", "''", "NULL" };
	static const char * const icols[] = { "id", "points", "score", "draft" };
	static const char * const tcols[] = { "state", "assignee", "title" };
	static const char * const cols[] = { "id", "title", "state", "points",
	    "score", "draft", "created", "labels", "assignee" };
	const char * not = rnd(8) ? "" : "NOT ";

	switch (rnd(11)) {
	case 0:
	case 1:
		buf_addf(b, "%s.%s %s %s", t, PICK(icols), PICK(compare),
		    PICK(ints));
		break;
	case 2:
	case 3:
		buf_addf(b, "%s.%s %s %s%s", t, PICK(tcols), PICK(compare),
		    PICK(texts), rnd(9) ? "" : rnd(2) ? " COLLATE NOCASE" :
		    " COLLATE BINARY");
		break;
	case 4:
		buf_addf(b, "%s.created %s %s", t, PICK(compare), PICK(times));
		break;
	case 5:
		buf_addf(b, "%s.title %sLIKE %s", t, not, PICK(likes));
		break;
	case 6:
		buf_addf(b, "%s.labels CONTAINS %s", t, PICK(labels));
		break;
	case 7:
		buf_addf(b, "%s.%s IS %sNULL", t, PICK(cols), not);
		break;
	case 8:
		buf_addf(b, "%s.%s %sIN (%s, %s, %s)", t, PICK(tcols), not,
		    PICK(texts), PICK(texts), PICK(texts));
		break;
	case 9:
		buf_addf(b, "%s.%s %sBETWEEN %s AND %s", t, PICK(icols), not,
		    PICK(ints), PICK(ints));
		break;
	default:
		buf_addf(b, "%s.id IN (%s, %s)", t, PICK(ints), PICK(ints));
		break;
	}
}

static void
where(struct buf * b, const char * t, const char * word)
{
	unsigned n = rnd(4), i;

	for (i = 0; i < n; i++) {
		buf_addf(b, " %s%s ", i == 0 ? word : rnd(5) ? "AND" : "OR",
		    i == 0 ? " (" : "");
		predicate(b, t);
	}
	if (n > 0)
		buf_addc(b, ')');
}

/* Make a statement; whether its rows have but one order. */
static int
make(struct buf * b)
{
	static const char * const orders[] = { "id", "id DESC", "created, id",
	    "created DESC, id DESC", "title, id", "points DESC, id",
	    "state, id", "draft, id" };
	static const char * const aggs[] = { "count(*)", "max(i.created)",
	    "min(i.id)", "sum(i.points)", "min(i.title)",
	    "count(DISTINCT i.state)", "max(i.labels)" };

	static const char * const any[] = { "id", "title", "state", "points",
	    "score", "draft", "created", "assignee" };

	buf_clear(b);
	switch (rnd(14)) {
	case 0:
		buf_addf(b, "SELECT %s, %s FROM svc.issues i", PICK(aggs),
		    PICK(aggs));
		where(b, "i", "WHERE");
		return (1);
	case 1:
		/* Any of a group's texts may be shown, so its count. */
		buf_addf(b, "SELECT length(i.state), i.draft, %s FROM "
		    "svc.issues i", PICK(aggs));
		where(b, "i", "WHERE");
		buf_adds(b, " GROUP BY i.state, i.draft");
		return (0);
	case 2:
		buf_addf(b, "SELECT i.id, c.id, c.author FROM svc.comments c "
		    "%sJOIN svc.issues i ON i.id = c.issue",
		    rnd(2) ? "LEFT " : "");
		where(b, "i", "AND");
		buf_adds(b, " WHERE c.repo = 'core'");
		where(b, "i", "AND");
		return (0);
	case 3:
		buf_adds(b, "SELECT u.name, i.id, i.assignee FROM svc.users u "
		    "JOIN svc.issues i ON i.assignee = u.name");
		where(b, "i", "WHERE");
		return (0);
	case 4:
		buf_adds(b, "SELECT i.id FROM svc.issues i WHERE i.assignee IN "
		    "(SELECT name FROM svc.users)");
		where(b, "i", "AND");
		return (0);
	case 5:
		buf_adds(b, "SELECT u.name, (SELECT max(i.id) FROM svc.issues i "
		    "WHERE i.assignee = u.name");
		where(b, "i", "AND");
		buf_adds(b, ") FROM svc.users u");
		return (0);
	case 6:
		buf_adds(b, "SELECT DISTINCT i.draft, i.created FROM svc.issues "
		    "i");
		where(b, "i", "WHERE");
		if (rnd(2))
			buf_adds(b, " ORDER BY i.created DESC");
		return (0);
	case 7:
		buf_addf(b, "SELECT u.name, i.id FROM svc.users u %s JOIN "
		    "svc.issues i ON i.assignee = u.name",
		    rnd(2) ? "RIGHT" : "FULL");
		where(b, "i", "AND");
		return (0);
	case 8:
		/* Sides of other types and collations. */
		buf_addf(b, "SELECT x.id, i.id FROM svc.issues x JOIN svc.issues "
		    "i ON x.%s %s i.%s", PICK(any), PICK(compare), PICK(any));
		where(b, "i", "AND");
		buf_adds(b, " WHERE x.id < 9");
		return (0);
	case 9:
		buf_addf(b, "SELECT i.id FROM svc.issues i WHERE i.%s %sIN "
		    "(SELECT x.%s FROM svc.issues x WHERE x.id > 40)", PICK(any),
		    rnd(4) ? "" : "NOT ", PICK(any));
		where(b, "i", "AND");
		return (0);
	default:
		break;
	}
	buf_adds(b, rnd(2) ? "SELECT i.* FROM svc.issues i" :
	    "SELECT i.id, i.title, i.created, i.labels FROM svc.issues i");
	where(b, "i", "WHERE");
	if (rnd(3) == 0)
		return (0);
	buf_addf(b, " ORDER BY %s", PICK(orders));
	if (rnd(2))
		buf_addf(b, " LIMIT %u", rnd(30));
	if (rnd(3) == 0 && strstr(b->p, "LIMIT") != NULL)
		buf_addf(b, " OFFSET %u", rnd(20));
	return (1);
}

static int
by_line(const void * a, const void * b)
{
	return (strcmp(*(char * const *)a, *(char * const *)b));
}

/* Its lines, sorted. */
static char *
sorted(const char * text)
{
	char * copy = strdup(text), * at = copy, * line, ** v, * out;
	size_t n = 0, i, len = strlen(text);

	v = calloc(len + 1, sizeof(*v));
	out = calloc(len + 2, 1);
	while ((line = strsep(&at, "\n")) != NULL)
		if (*line != '\0')
			v[n++] = line;
	qsort(v, n, sizeof(*v), by_line);
	for (i = 0; i < n; i++) {
		strcat(out, v[i]);
		strcat(out, "\n");
	}
	free(v);
	free(copy);
	return (out);
}

static char *
answer(const char * sql, int no_push, int order)
{
	struct query_opts opts = { .conn = &service_env };
	struct run * r;

	opts.no_push = no_push != 0;
	r = harness_run_opts(sql, strlen(sql), &opts);
	if (r->failed)
		fail_msg("%s: %s", sql, r->e.msg);
	return (order ? strdup(r->out.p) : sorted(r->out.p));
}

static void
test_same_answers(void ** state)
{
	struct buf b = BUF_INIT(0);
	unsigned pushed = 0, fewer = 0, calls, i;
	char * with, * without;
	int order;

	(void)state;
	harness_as_is = 1;
	service_reset();
	service_page = 7;
	for (i = 0; i < STATEMENTS; i++) {
		seed = i * 7919 + 17;
		if (i % 50 == 0)
			service_make(harness_loop, i + 1, 60);
		order = make(&b);
		memset(&service_log, 0, sizeof(service_log));
		with = answer(b.p, 0, order > 0);
		calls = service_log.calls;
		pushed += strpbrk(service_log.text, "=<>") != NULL;
		without = answer(b.p, 1, order > 0);
		fewer += calls < service_log.calls - calls;
		if (strcmp(with, without) != 0)
			fail_msg("%u: %s\nasked %s\npushed:\n%s\nnot:\n%s", i,
			    b.p, service_log.text, with, without);
		free(with);
		free(without);
	}
	assert_true(pushed > STATEMENTS / 4);
	assert_true(fewer > STATEMENTS / 4);
	buf_free(&b);
	service_free();
}

/* What the service was told shows in its rows, though they have no such thing. */
static void
test_inputs(void ** state)
{
	char * out;

	(void)state;
	service_reset();
	service_make(harness_loop, 1, 60);
	out = answer("SELECT count(*), min(repo), max(repo) FROM svc.comments "
	    "WHERE repo = 'core'", 0, 1);
	assert_string_equal(out, "30|core|core\n");
	free(out);
	out = answer("SELECT count(*), count(DISTINCT id), min(repo), max(repo) "
	    "FROM svc.comments WHERE repo IN ('core', 'core')", 0, 1);
	assert_string_equal(out, "30|30|core|core\n");
	free(out);
	out = answer("SELECT i.id, count(*) FROM svc.issues i JOIN svc.comments "
	    "c ON c.repo = substr('core', 1 + (i.id > 2) * 2) WHERE i.id = 1 OR "
	    "i.id = 2 GROUP BY 1", 0, 1);
	assert_string_equal(out, "1|30\n2|30\n");
	free(out);
	service_free();
}

/* Stopped at each turn of the loop: nothing is left behind. */
static void
test_cancel(void ** state)
{
	const char * sql = "SELECT i.id, c.id FROM svc.comments c JOIN svc.issues "
	    "i ON i.id = c.issue JOIN svc.users u ON u.name = c.author WHERE "
	    "c.repo = 'core'";
	struct query_opts opts = { .conn = &service_env };
	unsigned turns, k, cancelled = 0;
	struct run r;

	(void)state;
	service_reset();
	service_make(harness_loop, 5, 60);
	for (turns = 0; turns < 400; turns++) {
		memset(&r, 0, sizeof(r));
		harness_start(&r, sql, strlen(sql), &opts);
		for (k = 0; k < turns && !r.done; k++)
			assert_int_equal(loop_turn(harness_loop, 1), 0);
		if (r.done)
			break;
		query_cancel(r.q);
		harness_finish(&r);
		if (r.failed)
			assert_int_equal(r.e.cls, ERR_CANCELLED);
		cancelled += r.failed != 0;
		assert_int_equal(service_log.flying, 0);
		assert_int_equal(service_refs(), 0);
		harness_free(&r);
	}
	assert_true(cancelled > 10 && r.done && !r.failed);
	harness_free(&r);
	service_free();
}

static int
begin(void ** state)
{
	harness_use = &service_catalog;
	return (harness_setup(state));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_answers),
		cmocka_unit_test(test_inputs), cmocka_unit_test(test_cancel),
	};

	return (cmocka_run_group_tests_name("query_diff", tests, begin,
	    harness_teardown));
}
