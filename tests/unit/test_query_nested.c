/*
 * Queries within queries, asked live, are answered as SQLite answers them of a table
 * with the same rows: names of WITH, joins that hand keys down, EXISTS, IN (SELECT),
 * UNIONs with LIMITs in them, windows, one in the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "fake_service.h"
#include "plain_table.h"
#include "query_harness.h"
#include "random_pick.h"

static unsigned names;

/* What each source has.  Texts that differ only in case are one to the column state,
 * and which of them stays is not told: so it is made a text of its own. */
#define COLUMNS "id, title, state, points, created, draft"

static const char * const compare[] = { "=", "<", "<=", ">", ">=", "!=", "IS",
	"IS NOT" };
static const char * const ints[] = { "0", "1", "3", "5", "12", "30", "NULL",
	"'4'", "2.5", "-1" };
static const char * const texts[] = { "'open'", "'closed'", "'OPEN'", "'x'",
	"'crash'", "NULL" };
static const char * const times[] = { "'2026-01-05'", "'2026-01-05 12:00'",
	"'2026-01-09T00:00:00Z'", "'2026-01-03T01:00:00+01:00'",
	"datetime('2026-01-06')" };
static const char * const likes[] = { "'%crash%'", "'disk%'", "'%1'", "'%'" };

static void
simple(struct buf * b, const char * t)
{
	static const char * const nums[] = { "id", "points", "draft" };
	static const char * const strs[] = { "state", "title" };

	switch (rnd(8)) {
	case 0:
	case 1:
		buf_addf(b, "%s.%s %s %s", t, PICK(nums), PICK(compare),
		    PICK(ints));
		break;
	case 2:
		buf_addf(b, "%s.%s %s %s", t, PICK(strs), PICK(compare),
		    PICK(texts));
		break;
	case 3:
		buf_addf(b, "%s.created %s %s", t, PICK(compare), PICK(times));
		break;
	case 4:
		buf_addf(b, "%s.title LIKE %s", t, PICK(likes));
		break;
	case 5:
		buf_addf(b, "%s.id %sIN (%s, %s, 7, %u)", t, rnd(3) ? "" :
		    "NOT ", PICK(ints), PICK(ints), rnd(60));
		break;
	case 6:
		buf_addf(b, "%s.%s IS %sNULL", t, PICK(nums), rnd(2) ? "NOT " :
		    "");
		break;
	default:
		buf_addf(b, "%s.id BETWEEN %u AND %u", t, rnd(30), 20 + rnd(40));
		break;
	}
}

static void source(struct buf * b, unsigned depth);

/* "  WHERE" or "AND", or nothing. */
static void
where(struct buf * b, const char * t, const char * word, unsigned depth)
{
	unsigned n = rnd(3), i;

	for (i = 0; i < n; i++) {
		buf_addf(b, " %s%s", i == 0 ? word : rnd(3) ? "AND" : "OR",
		    i == 0 ? " (" : " ");
		switch (depth > 0 ? rnd(7) : 9) {
		case 0:
			buf_addf(b, "%sEXISTS (SELECT 1 FROM (", rnd(2) ? "" :
			    "NOT ");
			source(b, depth - 1);
			buf_addf(b, ") e WHERE e.id %s %s.points", rnd(2) ? "=" :
			    ">", t);
			if (rnd(2))
				buf_addf(b, " AND e.created <= %s.created", t);
			buf_adds(b, ")");
			break;
		case 1:
			buf_addf(b, "%s.id %sIN (SELECT points FROM (", t,
			    rnd(2) ? "" : "NOT ");
			source(b, depth - 1);
			buf_adds(b, "))");
			break;
		case 2:
			buf_addf(b, "%s.created %s (SELECT %s(created) FROM (",
			    t, PICK(compare), rnd(2) ? "max" : "min");
			source(b, depth - 1);
			buf_adds(b, "))");
			break;
		case 3:
			buf_addf(b, "(%s.id, %s.draft) IN (SELECT id, draft FROM (",
			    t, t);
			source(b, depth - 1);
			buf_adds(b, "))");
			break;
		default:
			simple(b, t);
			break;
		}
	}
	if (n > 0)
		buf_addc(b, ')');
}

/* Of rows in an order that is certain. */
static void
limit(struct buf * b)
{
	buf_addf(b, " ORDER BY 1%s, 2, 3, 4, 5, 6 LIMIT %u", rnd(3) ? "" :
	    " DESC", rnd(25));
	if (rnd(3) == 0)
		buf_addf(b, " OFFSET %u", rnd(6));
}

static void
plain_source(struct buf * b, unsigned depth)
{
	buf_adds(b, "SELECT i.id, i.title, i.state || '' AS state, i.points, "
	    "i.created, i.draft FROM svc.issues i");
	where(b, "i", "WHERE", depth);
	switch (rnd(4)) {
	case 0:
		limit(b);
		break;
	case 1:
		buf_addf(b, " ORDER BY i.id%s LIMIT %u", rnd(2) ? " DESC" : "",
		    1 + rnd(30));
		break;
	default:
		break;
	}
}

static void
compound(struct buf * b, unsigned depth)
{
	static const char * const ops[] = { "UNION ALL", "UNION", "EXCEPT",
	    "INTERSECT", "UNION ALL" };
	unsigned n = 1 + rnd(2), i;

	for (i = 0; i <= n; i++) {
		if (i > 0)
			buf_addf(b, " %s ", PICK(ops));
		buf_adds(b, "SELECT " COLUMNS " FROM (");
		source(b, depth - 1);
		buf_adds(b, ")");
	}
	if (rnd(3) == 0)
		limit(b);
}

static void
join(struct buf * b, unsigned depth)
{
	static const char * const kinds[] = { "JOIN", "LEFT JOIN", "LEFT JOIN",
	    "CROSS JOIN", "RIGHT JOIN", "FULL JOIN" };
	static const char * const ons[] = { "j.id = a.points", "j.id = a.id",
	    "j.points = a.id", "j.created = a.created", "j.id = a.id + 1",
	    "j.id IN (a.id, a.points)", "j.id > a.id AND j.id < a.id + 3" };

	buf_addf(b, "SELECT a.id, j.title, coalesce(a.state, '-') AS state, "
	    "j.points, %s.created, j.draft FROM (", rnd(2) ? "a" : "j");
	source(b, depth - 1);
	buf_addf(b, ") a %s ", PICK(kinds));
	if (rnd(2)) {
		buf_adds(b, "svc.issues j");
	} else {
		buf_adds(b, "(");
		source(b, depth - 1);
		buf_adds(b, ") j");
	}
	buf_addf(b, " ON %s", PICK(ons));
	where(b, "j", "AND", 0);
	where(b, rnd(2) ? "a" : "j", "WHERE", depth - 1);
}

static void
group(struct buf * b, unsigned depth)
{
	static const char * const havings[] = { "count(*) > 1",
	    "max(g.created) > '2026-01-05 12:00'", "min(g.id) < 9",
	    "sum(g.points) IS NOT NULL" };

	buf_adds(b, "SELECT min(g.id) AS id, max(g.title) AS title, upper(g.state) "
	    "AS state, sum(g.points) AS points, max(g.created) AS created, "
	    "g.draft AS draft FROM (");
	source(b, depth - 1);
	buf_adds(b, ") g");
	where(b, "g", "WHERE", depth - 1);
	buf_adds(b, " GROUP BY upper(g.state), g.draft");
	if (rnd(2))
		buf_addf(b, " HAVING %s", PICK(havings));
}

static void
window(struct buf * b, unsigned depth)
{
	static const char * const frames[] = { "", " ROWS 2 PRECEDING",
	    " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
	    " GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
	    " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES" };
	static const char * const parts[] = { "", "PARTITION BY w.draft ",
	    "PARTITION BY w.created ", "PARTITION BY w.points, w.draft " };
	static const char * const sums[] = { "sum(w.points)", "count(*)",
	    "row_number()", "count(w.draft) FILTER (WHERE w.id > 9)",
	    "dense_rank()" };
	const char * part = PICK(parts);

	buf_addf(b, "SELECT w.id, lag(w.title, 1, 'none') OVER (%sORDER BY w.id, "
	    "w.title, w.points, w.created, w.draft, w.state) AS title, w.state, "
	    "%s OVER (%sORDER BY w.id, w.title, w.points, w.created, w.draft, "
	    "w.state%s) AS points, first_value(w.created) OVER (%sORDER BY "
	    "w.created) AS created, w.draft FROM (", part, PICK(sums), part,
	    PICK(frames), part);
	source(b, depth - 1);
	buf_adds(b, ") w");
	where(b, "w", "WHERE", depth - 1);
}

static void
with(struct buf * b, unsigned depth)
{
	static const char * const hints[] = { "", "MATERIALIZED ",
	    "NOT MATERIALIZED " };
	unsigned n = names++;

	buf_addf(b, "WITH n%u AS %s(", n, PICK(hints));
	source(b, depth - 1);
	buf_addf(b, ") SELECT x.id, x.title, y.state, x.points, y.created, "
	    "x.draft FROM n%u x %s n%u y ON x.%s = y.%s", n, rnd(2) ? "JOIN" :
	    "LEFT JOIN", n, rnd(2) ? "id" : "points", rnd(2) ? "id" : "points");
	where(b, rnd(2) ? "x" : "y", "WHERE", depth - 1);
}

static void
scalar(struct buf * b, unsigned depth)
{
	buf_adds(b, "SELECT s.id, (SELECT u.team FROM svc.users u JOIN svc.issues "
	    "q ON q.assignee = u.name WHERE q.id = s.id) AS title, s.state, "
	    "(SELECT count(*) FROM svc.comments c WHERE c.repo = 'core' AND "
	    "c.issue = s.id) AS points, (SELECT max(q.created) FROM svc.issues "
	    "q WHERE q.id <= s.points) AS created, s.draft FROM (");
	source(b, depth - 1);
	buf_adds(b, ") s");
	where(b, "s", "WHERE", depth - 1);
}

static void
distinct(struct buf * b, unsigned depth)
{
	buf_adds(b, "SELECT DISTINCT d.points AS id, 'x' AS title, d.state, "
	    "d.draft AS points, d.created, d.draft FROM (");
	source(b, depth - 1);
	buf_adds(b, ") d");
	where(b, "d", "WHERE", depth - 1);
	if (rnd(3) == 0)
		limit(b);
}

static void
source(struct buf * b, unsigned depth)
{
	static void (* const kinds[])(struct buf *, unsigned) = { compound, join,
	    join, group, window, with, scalar, distinct };

	if (depth == 0 || rnd(4) == 0)
		plain_source(b, depth);
	else
		kinds[rnd(sizeof(kinds) / sizeof(kinds[0]))](b, depth);
}

static void
test_generated(void ** state)
{
	size_t count = getenv("PLAIN_COUNT") ?
	    (size_t)atoi(getenv("PLAIN_COUNT")) : 600;
	unsigned i, from = getenv("PLAIN_FROM") ?
	    (unsigned)atoi(getenv("PLAIN_FROM")) : 0;
	struct buf b = BUF_INIT(0);

	(void)state;
	harness_as_is = 1;
	service_reset();
	service_page = 7;
	for (i = from; i < from + count; i++) {
		seed = i * 7919 + 23;
		names = 0;
		if (i % 100 == 0 || i == from)
			plain_make(i / 100 + 1);
		buf_clear(&b);
		buf_adds(&b, "SELECT * FROM (");
		source(&b, 1 + rnd(3));
		buf_adds(&b, ")");
		if (b.len < 12000)
			plain_compare(b.p, 0, i);
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
		cmocka_unit_test(test_generated),
	};

	return (cmocka_run_group_tests_name("query_nested", tests, begin,
	    harness_teardown));
}
