/*
 * What is asked live is answered as SQLite answers it of a table that holds the
 * same rows: generated statements, of all kinds that SQLite knows.
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
#include "plain_table.h"
#include "query_harness.h"
#include "random_pick.h"

static size_t statements = 2000;

/* ---- statements ---- */

/* Longer than any number need be. */
#define LONG_FIVE "'00000000000000000000000000000000000000000000000000000000" \
    "000000000000000005'"

static const char * const compare[] = { "=", "!=", "<", "<=", ">", ">=", "=",
	"IS", "IS NOT", "<>", "==", "IS DISTINCT FROM" };
static const char * const ints[] = { "0", "3", "7", "-1", "2.5", "'4'", "'x'",
	"NULL", "50", "99", "1e3", "' 5 '", "3.0", "true", "'3.0'", "'+5'",
	"9007199254740993", "'9007199254740993'", "-0.0", "'0x10'", "''",
	"x'35'", LONG_FIVE, "1e400", "(SELECT 5)", "2 + 3" };
static const char * const texts[] = { "'open'", "'OPEN'", "'closed'",
	"'blocked'", "'ann'", "'Ann'", "'bob'", "''", "NULL", "'crash'", "5",
	"5.0", "x'616e6e'", "'ann '", "'bob' || ''", "(SELECT 'eve')", "true" };
static const char * const times[] = { "'2026-01-05'", "'2026-01-05 12:00'",
	"'2026-01-05T13:00:00+01:00'", "'2026-01-09T00:00:00Z'",
	"'2026-01-09T00:00:00.5Z'", "'2026'", "'soon'", "NULL", "5",
	"date('2026-01-03', '+2 days')", "'2026-01-08T23:59:60Z'",
	"'2026-01-04T12:00:00-12:00'", "datetime('2026-01-05')", "''",
	"'2026-01-05t12:00:00z'", "'2026-01-05T12:00:00.0001Z'" };
static const char * const likes[] = { "'crash%'", "'%ops-1%'", "'%'",
	"'c_ash%'", "'%1'", "'100\x25%'", "'CRASH DISK 1%'", "'%%'", "NULL",
	"'%b%'", "'100|%%' ESCAPE '|'", "'a|_b%' ESCAPE '|'", "''", "5",
	"'%|%%' ESCAPE '|'", "'crash' || '%'" };
static const char * const labels[] = { "'bug'", "'debug'", "'ui'", "'b\"x'",
	"''", "NULL", "5", "'[\"bug\"]'" };
static const char * const icols[] = { "id", "points", "score", "draft" };
static const char * const tcols[] = { "state", "assignee", "title" };
static const char * const cols[] = { "id", "title", "state", "points",
	"score", "draft", "created", "labels", "assignee" };

static void
simple(struct buf * b, const char * t)
{
	const char * not = rnd(5) ? "" : "NOT ";

	switch (rnd(16)) {
	case 0:
	case 1:
		buf_addf(b, "%s.%s %s %s", t, PICK(icols), PICK(compare),
		    PICK(ints));
		break;
	case 2:
	case 3:
		buf_addf(b, "%s.%s %s %s%s", t, PICK(tcols), PICK(compare),
		    PICK(texts), rnd(6) ? "" : rnd(3) ? " COLLATE NOCASE" :
		    " COLLATE BINARY");
		break;
	case 4:
		buf_addf(b, "%s.created %s %s", t, PICK(compare), PICK(times));
		break;
	case 5:
		buf_addf(b, "%s.title %sLIKE %s", t, not, PICK(likes));
		break;
	case 6:
		buf_addf(b, "%s.%s %sCONTAINS %s", t, rnd(3) ? "labels" :
		    rnd(2) ? "title" : PICK(cols), not, PICK(labels));
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
	case 10:
		buf_addf(b, "%s.%s %s %s.%s", t, PICK(cols), PICK(compare), t,
		    PICK(cols));
		break;
	case 11:
		buf_addf(b, "%s.created %sBETWEEN %s AND %s", t, not,
		    PICK(times), PICK(times));
		break;
	case 12:
		buf_addf(b, "(%s.id, %s.state) %s (%s, %s)", t, t, rnd(2) ?
		    "=" : PICK(compare) , PICK(ints), PICK(texts));
		break;
	case 13:
		buf_addf(b, "(%s.id, %s.state) %sIN (VALUES (%u, 'open'), "
		    "(%u, %s))", t, t, not, rnd(60), rnd(60), PICK(texts));
		break;
	case 14:
		buf_addf(b, "%s.%s %sIN (%s, %s)", t, PICK(icols), not,
		    PICK(ints), PICK(ints));
		break;
	default:
		buf_addf(b, "%s %s %s.%s", PICK(texts), PICK(compare), t,
		    PICK(cols));
		break;
	}
}

static void
predicate(struct buf * b, const char * t)
{
	switch (rnd(12)) {
	case 0:
		buf_addf(b, "%s.%s %sIN (SELECT x.%s FROM svc.issues x WHERE ",
		    t, PICK(cols), rnd(3) ? "" : "NOT ", PICK(cols));
		simple(b, "x");
		buf_addf(b, "%s)", rnd(3) ? "" : " ORDER BY x.id LIMIT 4");
		break;
	case 1:
		buf_addf(b, "%sEXISTS (SELECT 1 FROM svc.issues x WHERE x.%s = "
		    "%s.%s AND ", rnd(3) ? "" : "NOT ", PICK(cols), t,
		    PICK(cols));
		simple(b, "x");
		buf_adds(b, ")");
		break;
	case 2:
		buf_addf(b, "%s.%s %s (SELECT x.%s FROM svc.issues x WHERE ",
		    t, PICK(cols), PICK(compare), PICK(cols));
		simple(b, "x");
		buf_addf(b, " ORDER BY x.%sid%s LIMIT 1 OFFSET %u)",
		    rnd(2) ? "created, x." : "", rnd(2) ? " DESC" : "", rnd(3));
		break;
	default:
		simple(b, t);
		break;
	}
}

static void
where(struct buf * b, const char * t, const char * word)
{
	unsigned n = rnd(4), i;

	for (i = 0; i < n; i++) {
		buf_addf(b, " %s%s ", i == 0 ? word : rnd(3) ? "AND" : "OR",
		    i == 0 ? " (" : "");
		predicate(b, t);
	}
	if (n > 0)
		buf_addc(b, ')');
}

static const char * const orders[] = { "id", "id DESC", "created, id",
	"created DESC, id DESC", "title, id", "points DESC, id", "state, id",
	"draft, id", "created DESC, id", "score NULLS LAST, id",
	"title COLLATE NOCASE DESC, id", "id + 0 DESC", "-points, id" };

static void
limit(struct buf * b)
{
	static const char * const v[] = { "0", "1", "2", "5", "7", "14", "59",
	    "60", "61", "-1", "2 + 1", "'3'", "(SELECT 4)" };

	if (rnd(3) == 0)
		return;
	buf_addf(b, " LIMIT %s", PICK(v));
	if (rnd(2))
		buf_addf(b, " OFFSET %s", PICK(v));
}

/* The kinds of statements: each tells how to compare, 0 in any order, 1 in this
 * one, 2 only how many rows. */
static int
joins(struct buf * b)
{
	static const char * const kinds[] = { "JOIN", "LEFT JOIN", "RIGHT JOIN",
	    "FULL JOIN", "CROSS JOIN", "LEFT JOIN" };

	switch (rnd(5)) {
	case 0:
		buf_addf(b, "SELECT u.name, u.team, i.id FROM svc.users u %s "
		    "svc.issues i ON i.assignee = u.name", PICK(kinds));
		where(b, "i", "AND");
		where(b, "i", "WHERE");
		break;
	case 1:
		buf_addf(b, "SELECT a.id, i.id FROM svc.issues a %s svc.issues i "
		    "ON a.%s = i.%s", PICK(kinds), PICK(cols), PICK(cols));
		where(b, "i", "AND");
		buf_adds(b, " WHERE coalesce(a.id, 0) < 9");
		where(b, "a", "AND");
		break;
	case 2:
		buf_addf(b, "SELECT i.id, c.id, u.team FROM svc.comments c %s "
		    "svc.issues i ON i.id = c.issue", rnd(2) ? "JOIN" :
		    "LEFT JOIN");
		where(b, "i", "AND");
		buf_addf(b, " %s svc.users u ON u.name = c.author WHERE c.repo "
		    "= 'core'", rnd(2) ? "JOIN" : "LEFT JOIN");
		where(b, "i", "AND");
		break;
	case 3:
		buf_addf(b, "SELECT a.id, i.id FROM svc.issues a JOIN svc.issues "
		    "i USING (%s) WHERE a.id < 20", PICK(cols));
		where(b, "i", "AND");
		break;
	default:
		buf_addf(b, "SELECT i.id, c.id FROM svc.issues i %s svc.comments "
		    "c ON c.issue = i.id AND c.repo = 'core'",
		    rnd(2) ? "JOIN" : "LEFT JOIN");
		where(b, "i", "WHERE");
		buf_addf(b, " ORDER BY i.%sid%s, c.id", rnd(2) ? "created, i." :
		    "", rnd(2) ? " DESC" : "");
		limit(b);
		return (1);
	}
	return (0);
}

static int
compounds(struct buf * b)
{
	static const char * const ops[] = { "UNION ALL", "UNION", "EXCEPT",
	    "INTERSECT", "UNION ALL" };
	unsigned n = 1 + rnd(3), i;
	int sorts = (int)rnd(3);

	for (i = 0; i <= n; i++) {
		if (i > 0)
			buf_addf(b, " %s ", PICK(ops));
		buf_adds(b, "SELECT i.id, i.created, i.draft FROM svc.issues i");
		where(b, "i", "WHERE");
	}
	if (sorts)
		buf_addf(b, " ORDER BY %s", sorts == 1 ? "id, created" :
		    "created DESC, id");
	limit(b);
	return (sorts ? 1 : strstr(b->p, " LIMIT ") ? 2 : 0);
}

static int
groups(struct buf * b)
{
	static const char * const aggs[] = { "count(*)", "max(i.created)",
	    "min(i.id)", "sum(i.points)", "total(i.score)",
	    "count(DISTINCT i.state)", "max(i.labels)", "max(i.id)", "min(i.created)",
	    "count(i.assignee)", "avg(i.points)", "min(i.points)",
	    "count(*) FILTER (WHERE i.id > 20)", "max(i.title)" };

	switch (rnd(4)) {
	case 0:
		buf_addf(b, "SELECT %s FROM svc.issues i", PICK(aggs));
		where(b, "i", "WHERE");
		break;
	case 1:
		buf_addf(b, "SELECT %s, %s FROM svc.issues i", PICK(aggs),
		    PICK(aggs));
		where(b, "i", "WHERE");
		break;
	case 2:
		buf_addf(b, "SELECT i.draft, i.points, %s, %s FROM svc.issues i",
		    PICK(aggs), PICK(aggs));
		where(b, "i", "WHERE");
		buf_adds(b, " GROUP BY i.draft, i.points");
		if (rnd(2))
			buf_adds(b, " HAVING count(*) > 1");
		if (rnd(2))
			return (0);
		buf_adds(b, " ORDER BY i.draft, i.points");
		limit(b);
		return (1);
	default:
		buf_addf(b, "SELECT i.created, %s FROM svc.issues i",
		    PICK(aggs));
		where(b, "i", "WHERE");
		buf_addf(b, " GROUP BY i.created ORDER BY i.created%s",
		    rnd(2) ? " DESC" : "");
		limit(b);
		return (1);
	}
	return (0);
}

static int
others(struct buf * b)
{
	switch (rnd(7)) {
	case 0:
		buf_adds(b, "WITH w AS (SELECT * FROM svc.issues i");
		where(b, "i", "WHERE");
		buf_adds(b, ") SELECT a.id, b.id FROM w a JOIN w b ON a.points "
		    "= b.points WHERE a.id <= b.id");
		return (0);
	case 1:
		buf_addf(b, "SELECT i.id, row_number() OVER (PARTITION BY i.draft "
		    "ORDER BY i.id%s), lag(i.title) OVER (ORDER BY i.created, "
		    "i.id), sum(i.points) OVER (ORDER BY i.id ROWS 2 PRECEDING) "
		    "FROM svc.issues i", rnd(2) ? " DESC" : "");
		where(b, "i", "WHERE");
		buf_adds(b, " ORDER BY i.id");
		limit(b);
		return (1);
	case 2:
		buf_addf(b, "SELECT DISTINCT i.%s, i.points FROM svc.issues i",
		    rnd(2) ? "created" : "draft");
		where(b, "i", "WHERE");
		if (rnd(2)) {
			limit(b);
			return (2);
		}
		return (0);
	case 3:
		buf_adds(b, "WITH RECURSIVE r(id, n) AS (SELECT 1, 0 UNION SELECT "
		    "i.id, r.n + 1 FROM r JOIN svc.issues i ON i.id = r.id + 1 "
		    "WHERE r.n < 12");
		where(b, "i", "AND");
		buf_adds(b, ") SELECT * FROM r ORDER BY 1, 2");
		return (1);
	case 4:
		buf_adds(b, "SELECT u.name, (SELECT i.id FROM svc.issues i WHERE "
		    "i.assignee = u.name");
		where(b, "i", "AND");
		buf_addf(b, " ORDER BY i.%sid LIMIT 1), (SELECT count(*) FROM "
		    "svc.issues i WHERE i.assignee > u.name", rnd(2) ?
		    "created DESC, i." : "");
		where(b, "i", "AND");
		buf_adds(b, ") FROM svc.users u ORDER BY 1");
		limit(b);
		return (1);
	case 5:
		buf_adds(b, "SELECT s.id, s.n FROM (SELECT i.id, i.points AS n "
		    "FROM svc.issues i");
		where(b, "i", "WHERE");
		buf_addf(b, " ORDER BY i.%sid", rnd(2) ? "created, i." : "");
		limit(b);
		buf_adds(b, ") s JOIN svc.users u ON s.n = length(u.name) OR "
		    "s.id < 5");
		return (0);
	default:
		buf_adds(b, "SELECT i.id FROM svc.issues i");
		where(b, "i", "WHERE");
		limit(b);
		return (2);
	}
}

static int
make(struct buf * b)
{
	buf_clear(b);
	switch (rnd(9)) {
	case 0:
	case 1:
		return (joins(b));
	case 2:
		return (compounds(b));
	case 3:
		return (groups(b));
	case 4:
	case 5:
		return (others(b));
	default:
		break;
	}
	buf_adds(b, "SELECT i.id, i.title, i.created, i.labels FROM svc.issues "
	    "i");
	where(b, "i", "WHERE");
	buf_addf(b, " ORDER BY %s", PICK(orders));
	limit(b);
	return (1);
}

/* What was wrong once. */
static void
test_found(void ** state)
{
	static const char * const v[] = {
		"SELECT id FROM svc.issues WHERE points = '00000000000000000000"
		    "000000000000000000000000000000000000000000000000005'",
		"SELECT id FROM svc.issues WHERE id < '9007199254740993' AND "
		    "id >= '3'",
		/* Times of several lengths in an index of SQLite's making. */
		"WITH w AS MATERIALIZED (SELECT * FROM svc.issues) SELECT w.id, "
		    "u.name FROM svc.users u CROSS JOIN w WHERE w.created = "
		    "'2026-01-05'",
		/* LIMIT beside what SQLite does not tell of. */
		"SELECT id FROM svc.issues WHERE state > title ORDER BY id "
		    "LIMIT 2",
		"SELECT id FROM svc.issues WHERE id < 50 AND points BETWEEN 0 "
		    "AND (id - 20) ORDER BY id LIMIT 2",
		"SELECT id FROM (SELECT id, points > id - 9 AS x FROM "
		    "svc.issues) WHERE x ORDER BY id LIMIT 4",
		"SELECT id FROM svc.issues WHERE (id, 1) > (points + 40, 1) "
		    "ORDER BY id LIMIT 2",
	};
	size_t i;

	(void)state;
	service_reset();
	plain_make(101);
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		plain_compare(v[i], 0, (unsigned)i);
}

static void
test_generated(void ** state)
{
	struct buf b = BUF_INIT(0);
	unsigned i, from = getenv("PLAIN_FROM") ?
	    (unsigned)atoi(getenv("PLAIN_FROM")) : 0;
	int how;

	(void)state;
	harness_as_is = 1;
	service_reset();
	service_page = 7;
	if (getenv("PLAIN_COUNT"))
		statements = (size_t)atoi(getenv("PLAIN_COUNT"));
	for (i = from; i < from + statements; i++) {
		seed = i * 7919 + 17;
		if (i % 100 == 0 || i == from)
			plain_make(i / 100 + 1);
		how = make(&b);
		plain_compare(b.p, how, i);
	}
	buf_free(&b);
	service_free();
	plain_free();
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
		cmocka_unit_test(test_found), cmocka_unit_test(test_generated),
	};

	return (cmocka_run_group_tests_name("query_plain", tests, begin,
	    harness_teardown));
}
