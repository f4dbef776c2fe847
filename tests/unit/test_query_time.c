/* Times that went through functions and subqueries are compared as the column is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake_service.h"
#include "query_harness.h"

static char *
answer(const char * sql)
{
	struct query_opts opts = { .conn = &service_env };
	struct run * r;

	memset(&service_log, 0, sizeof(service_log));
	r = harness_run_opts(sql, strlen(sql), &opts);
	if (r->failed)
		fail_msg("%s: %s", sql, r->e.msg);
	return (strdup(r->out.p));
}

/* Each gives the ids of those whose time stands in this relation (%s). */
static const char * const wrapped[] = {
	"SELECT id FROM (SELECT id, max(created) AS m FROM svc.issues GROUP BY "
	    "id) WHERE m %s ORDER BY id",
	"SELECT id FROM (SELECT id, MAX( i.created ) m FROM svc.issues i GROUP "
	    "BY id ORDER BY id LIMIT 99) x WHERE x.m %s ORDER BY id",
	"SELECT id FROM svc.issues GROUP BY id HAVING max(created) %s ORDER BY "
	    "id",
	"SELECT id FROM svc.issues AS i GROUP BY id HAVING min(\"i\".\"created\")"
	    " %s ORDER BY id",
	"SELECT id FROM (SELECT id, max(created) AS created FROM svc.issues "
	    "GROUP BY id) WHERE created %s ORDER BY id",
	"WITH w AS (SELECT id, max(created) AS m FROM svc.issues GROUP BY id) "
	    "SELECT id FROM w WHERE m %s ORDER BY id",
	"WITH w(id, m) AS MATERIALIZED (SELECT id, min(created) FROM "
	    "svc.issues GROUP BY id) SELECT id FROM w WHERE m %s ORDER BY id",
	"SELECT id FROM (SELECT id, max(created) m FROM svc.issues GROUP BY id) "
	    "GROUP BY id HAVING max(m) %s ORDER BY id",
	"SELECT id FROM (SELECT id, max(m) n FROM (SELECT id, created AS m FROM "
	    "svc.issues) GROUP BY id) WHERE n %s ORDER BY id",
	"SELECT y.id FROM (SELECT x.id, max(x.m) AS n FROM (SELECT id, created m "
	    "FROM svc.issues) x GROUP BY x.id) y WHERE y.n %s ORDER BY y.id",
	"SELECT id FROM svc.issues WHERE coalesce(created, '') %s ORDER BY id",
	"SELECT id FROM svc.issues WHERE ifnull(NULL, created) %s ORDER BY id",
	"SELECT id FROM svc.issues WHERE iif(id > 0, created, 'x') %s ORDER BY "
	    "id",
	"SELECT id FROM svc.issues WHERE max(created, '') %s ORDER BY id",
	"SELECT id FROM svc.issues WHERE nullif(coalesce(created, title), 'x') "
	    "%s ORDER BY id",
	"SELECT id FROM svc.issues WHERE CASE WHEN id > 50 THEN created ELSE "
	    "svc.issues.created END %s ORDER BY id",
	"SELECT id FROM (SELECT id, CASE id WHEN 0 THEN '' ELSE created END m "
	    "FROM svc.issues) WHERE m %s ORDER BY id",
	"SELECT id FROM (SELECT id, max(created) FILTER (WHERE id > 0) OVER "
	    "(PARTITION BY id) AS m FROM svc.issues) WHERE m %s ORDER BY id",
	"SELECT id FROM (SELECT id, first_value(created) OVER w m FROM "
	    "svc.issues WINDOW w AS (PARTITION BY id)) WHERE m %s ORDER BY id",
	"SELECT id FROM (SELECT id, lag(created, 0) OVER (ORDER BY id) AS m "
	    "FROM svc.issues) WHERE m %s ORDER BY id",
	"SELECT id FROM (SELECT id, max(created) m FROM svc.issues GROUP BY id "
	    "UNION ALL SELECT 0, NULL) WHERE m %s ORDER BY id",
	"SELECT id FROM svc.issues i WHERE (SELECT max(created) FROM svc.issues "
	    "b WHERE b.id = i.id) %s ORDER BY id",
	"SELECT id FROM svc.issues i WHERE id > 0 AND (SELECT created FROM "
	    "svc.issues b WHERE b.id = i.id) %s ORDER BY id",
	"SELECT id FROM (SELECT i.id, (SELECT max(b.created) FROM svc.issues b "
	    "WHERE b.id = i.id) AS m FROM svc.issues i) WHERE m %s ORDER BY id",
	"SELECT i.id FROM svc.issues i LEFT JOIN (SELECT id, max(created) AS m "
	    "FROM svc.issues GROUP BY id) b ON b.id = i.id WHERE b.m %s ORDER "
	    "BY i.id",
	"SELECT DISTINCT id FROM (SELECT id, max(DISTINCT created) AS m FROM "
	    "svc.issues GROUP BY id) WHERE NOT (m %s) IS NOT TRUE ORDER BY id",
};

static const char * const relations[] = {
	"> '2026-01-05 10:00'", "< '2026-01-05 10:00:00'",
	">= '2026-01-05T01:00:00+01:00'", "<= datetime('2026-01-05 12:00')",
	"= '2026-01-05 12:00'", "!= '2026-01-05'",
	"BETWEEN datetime('2026-01-03') AND '2026-01-06 12:00:00.000Z'",
	"NOT BETWEEN '2026-01-03 00:00' AND date('2026-01-06')",
	"IN ('2026-01-05', '2026-01-06 12:00')", "> '2026-01'",
};

static void
test_as_the_column(void ** state)
{
	char sql[400], * want, * have;
	const char * at;
	size_t i, k;

	(void)state;
	for (k = 0; k < sizeof(relations) / sizeof(relations[0]); k++) {
		snprintf(sql, sizeof(sql), "SELECT id FROM svc.issues WHERE "
		    "created %s ORDER BY id", relations[k]);
		want = answer(sql);
		assert_true(strlen(want) > 1);
		for (i = 0; i < sizeof(wrapped) / sizeof(wrapped[0]); i++) {
			at = strstr(wrapped[i], "%s");
			snprintf(sql, sizeof(sql), "%.*s%s%s",
			    (int)(at - wrapped[i]), wrapped[i], relations[k],
			    at + 2);
			have = answer(sql);
			if (strcmp(want, have) != 0)
				fail_msg("%s\ngives:\n%s\nnot:\n%s", sql, have,
				    want);
			free(have);
		}
		free(want);
	}
}

/* A literal that is no time is refused beside them as beside the column. */
static void
test_no_times(void ** state)
{
	static const struct {
		const char * sql, * says; /* NULL: it runs */
	} v[] = {
		{ "SELECT 1 FROM svc.issues GROUP BY id HAVING max(created) > "
		    "'soon'", "column 60: max(created) is a time, as" },
		{ "SELECT * FROM (SELECT max(created) AS m FROM svc.issues) WHERE "
		    "m < '01/02/2026'", " m is a time, as" },
		{ "SELECT * FROM (SELECT min(i.created) m FROM svc.issues i) x "
		    "WHERE x.m BETWEEN 'a' AND 'b'", "m is a time, as" },
		{ "SELECT id FROM svc.issues WHERE coalesce(created, min(created, "
		    "created)) = '2026-13-01'", "created)) is a time" },
		{ "SELECT id FROM svc.issues WHERE coalesce(created, 'none') = "
		    "'none' OR ifnull(created, '') = '' OR CASE WHEN id > 5 THEN "
		    "created ELSE '-' END = '-'", NULL },
		{ "SELECT c FROM (SELECT iif(id > 5, max(created), 'no') AS c FROM "
		    "svc.issues GROUP BY id) WHERE c != 'no' AND (SELECT "
		    "coalesce(created, '') FROM svc.issues) = ''", NULL },
		{ "SELECT (SELECT created FROM svc.issues LIMIT 1) > 'x'",
		    " is a time" },
		{ "SELECT * FROM (SELECT max(created) AS m FROM svc.issues) WHERE "
		    "m < '2026-01' OR m IS NULL OR m LIKE 'x'", NULL },
		{ "SELECT 1 FROM svc.issues GROUP BY id HAVING max(created) || '' "
		    "> 'soon' OR max(created) > 'so' || 'on'", NULL },
		{ "SELECT * FROM (SELECT max(created) AS m FROM svc.issues UNION "
		    "ALL SELECT 'none') WHERE m = 'none'", NULL },
		/* Something else is called so, too. */
		{ "SELECT * FROM (SELECT max(created) AS m FROM svc.issues) a, "
		    "(SELECT title AS m FROM svc.issues) b WHERE b.m = 'x'",
		    NULL },
		{ "SELECT * FROM (SELECT created AS title, title AS t FROM "
		    "svc.issues) WHERE title = 'x'", NULL },
	};
	struct query_opts opts = { .conn = &service_env };
	struct run * r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		r = harness_run_opts(v[i].sql, strlen(v[i].sql), &opts);
		if (r->failed != (v[i].says != NULL) || (r->failed &&
		    strstr(r->e.msg, v[i].says) == NULL))
			fail_msg("%s: %s", v[i].sql, r->failed ? r->e.msg :
			    "runs");
		if (r->failed)
			assert_string_equal(r->e.code, "value");
	}
}

/* The other way round, and where nothing is to be compared. */
static void
test_elsewhere(void ** state)
{
	static const struct {
		const char * sql, * as;
	} v[] = {
		{ "SELECT count(*) FROM (SELECT id, max(created) AS m FROM "
		    "svc.issues GROUP BY id) WHERE '2026-01-05 10:00' < m",
		    "SELECT count(*) FROM svc.issues WHERE created > "
		    "'2026-01-05 10:00'" },
		{ "SELECT count(*) FROM svc.issues i WHERE '2026-01-05 10:00' < "
		    "(SELECT max(created) FROM svc.issues b WHERE b.id = i.id)",
		    "SELECT count(*) FROM svc.issues WHERE created > "
		    "'2026-01-05 10:00'" },
		{ "SELECT id FROM svc.issues WHERE created IN (SELECT created "
		    "FROM svc.issues WHERE id = 5) ORDER BY id",
		    "SELECT id FROM svc.issues WHERE created = (SELECT "
		    "max(created) FROM svc.issues WHERE id = 5) ORDER BY id" },
		{ "SELECT count(*) FROM svc.users u, (SELECT created FROM "
		    "svc.issues) b WHERE EXISTS (SELECT created FROM "
		    "svc.issues)", "SELECT 4 * count(*) FROM svc.issues" },
		{ "SELECT max(id), max(coalesce(title, '')) FROM svc.issues",
		    "SELECT max(id) + 0, (SELECT max(title) FROM svc.issues) "
		    "FROM svc.issues" },
		/* In the order of time, also with fractions. */
		{ "SELECT max(created) FROM svc.issues GROUP BY id ORDER BY "
		    "max(created), id", "SELECT created FROM svc.issues ORDER BY "
		    "created, id" },
	};
	char * want, * have;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		want = answer(v[i].as);
		have = answer(v[i].sql);
		if (strcmp(want, have) != 0)
			fail_msg("%s\ngives:\n%s\nnot:\n%s", v[i].sql, have,
			    want);
		free(want);
		free(have);
	}
}

/* What is asked of the service is the same, also where its order is what max() wants. */
static void
test_asked(void ** state)
{
	static const char * const v[] = {
		"SELECT max(created) FROM svc.issues",
		"SELECT min(created) FROM svc.issues WHERE state = 'open'",
		"SELECT id FROM svc.issues WHERE created >= (SELECT max(created) "
		    "FROM svc.issues WHERE id < 20)",
		"SELECT m FROM (SELECT max(created) AS m FROM svc.issues) JOIN "
		    "svc.issues i ON i.created = m",
	};
	char asked[sizeof(service_log.text)], * have;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		harness_as_is = 1;
		have = answer(v[i]);
		memcpy(asked, service_log.text, sizeof(asked));
		free(have);
		harness_as_is = 0;
		have = answer(v[i]);
		assert_string_equal(service_log.text, asked);
		free(have);
	}
}

static void
test_names(void ** state)
{
	static const struct {
		const char * sql, * columns;
	} v[] = {
		{ "SELECT max(created), min( created ) FROM svc.issues",
		    "max(created), min( created )" },
		{ "SELECT * FROM (SELECT max(created) FROM svc.issues)",
		    "max(created)" },
		{ "SELECT (SELECT created FROM svc.issues LIMIT 1), CASE WHEN 1 "
		    "THEN created END || '' FROM svc.issues LIMIT 1",
		    "(SELECT created FROM svc.issues LIMIT 1) TIMESTAMP, CASE "
		    "WHEN 1 THEN created END || ''" },
		/* What is cited stays as it is. */
		{ "SELECT \"max(created)\" FROM (SELECT max(created) FROM "
		    "svc.issues)", "max(created)" },
		{ "SELECT \"max(i.created) || 'x'\" FROM (SELECT max(i.created) "
		    "|| 'x' FROM svc.issues i)", "max(i.created) || 'x'" },
	};
	struct query_opts opts = { .conn = &service_env };
	struct run * r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		r = harness_run_opts(v[i].sql, strlen(v[i].sql), &opts);
		if (r->failed)
			fail_msg("%s: %s", v[i].sql, r->e.msg);
		assert_string_equal(r->columns, v[i].columns);
	}
	/* Places stay true behind what was written in. */
	r = harness_run_opts("SELECT max(created), nope FROM svc.issues", 41,
	    &opts);
	assert_int_equal(r->failed, 1);
	assert_non_null(strstr(r->e.msg, "line 1, column 22: no column nope"));
}

/* What comes out, what is asked of the service and what columns are called and hold
 * stays as it was where no times are compared. */
static void
test_untouched(void ** state)
{
	static const char * const v[] = {
		/* Compared with a column, which brings its own order. */
		"SELECT id FROM svc.issues WHERE state = CASE WHEN coalesce("
		    "created, '') > '2026-01-02' THEN 'OPEN' ELSE 'CLOSED' END",
		"SELECT id FROM svc.issues i WHERE upper(iif(coalesce(created, "
		    "'') > '2026', 'open', 'x')) IS NOT i.state",
		"SELECT c.id FROM svc.comments c JOIN (SELECT created x FROM "
		    "svc.issues LIMIT 1) j WHERE c.repo = iif(coalesce(x, '') > "
		    "'2020', 'core', 'x')",
		"SELECT c.id FROM svc.comments c JOIN (SELECT created x FROM "
		    "svc.issues LIMIT 1) j WHERE c.repo = 'co' || substr(max(x, "
		    "'re'), 1, 2) OR c.repo = ('core')",
		"SELECT c.id FROM (SELECT strftime('co', coalesce(created, "
		    "'')) || 're' AS x FROM svc.issues LIMIT 1) j JOIN "
		    "svc.comments c ON j.x = c.repo",
		"SELECT c.id FROM svc.comments c WHERE c.repo IN (SELECT 'core' "
		    "FROM svc.issues WHERE id = 5) AND coalesce(c.repo, '') = "
		    "(SELECT 'core')",
		"SELECT c.id FROM (SELECT CASE WHEN coalesce(created, '') > "
		    "'2026' THEN 'core' END AS x FROM svc.issues LIMIT 1) j JOIN "
		    "svc.comments c ON j.x = c.repo",
		"SELECT c.id FROM (SELECT max(created, 'core') x FROM svc.issues "
		    "LIMIT 1) j JOIN svc.comments c ON j.x = c.repo OR c.repo = "
		    "'core'",
		"SELECT c.id FROM (SELECT iif(min(created) > '2026', 'core', "
		    "'') AS repo FROM svc.issues) j JOIN svc.comments c USING "
		    "(repo)",
		"SELECT c.id FROM (SELECT sum(coalesce(created, '') > '2026') "
		    "AS x FROM svc.issues) j JOIN svc.comments c ON c.repo = "
		    "'core' AND j.x = c.issue",
		"SELECT count(*) FROM svc.issues WHERE iif(coalesce(created, '') "
		    "> '2026', 'CLOSED', 'x') IN (SELECT state FROM svc.issues "
		    "WHERE id < 9)",
		/* Another's column is called as a time is. */
		"SELECT (SELECT max(created) AS state FROM svc.issues), "
		    "max(state), min(state) FROM svc.issues",
		/* A column that is as it is keeps its type. */
		"SELECT m FROM (SELECT (SELECT created FROM svc.issues WHERE id "
		    "= 3) AS m)",
		/* What is cited. */
		"SELECT \"CASE WHEN 1 THEN created END\" FROM (SELECT CASE WHEN "
		    "1 THEN created END FROM svc.issues WHERE id = 3)",
		"SELECT [count(CASE WHEN 1 THEN created END)] FROM (SELECT "
		    "count(CASE WHEN 1 THEN created END) FROM svc.issues)",
		"SELECT `(SELECT max(created) FROM svc.issues)`, max(7) FROM "
		    "(SELECT (SELECT max(created) FROM svc.issues))",
		"SELECT x.\"max(created):1\" FROM (SELECT max(created), "
		    "max(created) FROM svc.issues) x",
		/* Words that are columns. */
		"SELECT max(CASE WHEN end > 1 THEN created END), iif(1, CASE "
		    "end WHEN 2 THEN end ELSE end END, created) FROM (SELECT id "
		    "AS end, created FROM svc.issues)",
		"SELECT max(created) filter, min(created) over FROM svc.issues",
		"SELECT CASE WHEN 1 THEN created || 'x' END AS title, max("
		    "created)/**/AS/**/\"from\" FROM svc.issues",
	};
	struct query_opts opts = { .conn = &service_env };
	char * want;
	struct run * r;
	size_t i;
	int pass;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		for (pass = 0, want = NULL; pass < 2; pass++) {
			opts.as_is = pass == 0;
			memset(&service_log, 0, sizeof(service_log));
			r = harness_run_opts(v[i], strlen(v[i]), &opts);
			if (r->failed)
				fail_msg("%s: %s", v[i], r->e.msg);
			buf_addf(&r->out, "%s\n%s", r->columns,
			    service_log.text);
			if (want == NULL)
				want = strdup(r->out.p);
			else if (strcmp(want, r->out.p) != 0)
				fail_msg("%s\ngives:\n%s\nnot:\n%s", v[i],
				    r->out.p, want);
			if (pass == 1)
				free(want);
		}
}

/* A column may be called like what we write. */
static void
test_own_names(void ** state)
{
	static const char sql[] = "SELECT 1 AS \"\fCOLLATE \", 2 AS \"\fCOLLATE "
	    "moltler\", 3 AS \"a\fCOLLATE moltler_instantb\"";
	struct run * r = harness_run(sql);

	(void)state;
	assert_int_equal(r->failed, 0);
	assert_string_equal(r->columns, "\fCOLLATE , \fCOLLATE moltler, ab");
}

/* Not a look at all words for each call. */
static void
test_large(void ** state)
{
	struct query_opts opts = { .conn = &service_env };
	struct buf b = BUF_INIT(0);
	struct run * r;
	clock_t began;
	size_t i;

	(void)state;
	buf_adds(&b, "SELECT 1");
	for (i = 0; i < 13000; i++)
		buf_adds(&b, ",\"a(b\",max(1)");
	buf_adds(&b, " FROM svc.issues");
	began = clock();
	r = harness_run_opts(b.p, b.len, &opts);
	assert_true(clock() - began < 3 * CLOCKS_PER_SEC);
	assert_non_null(strstr(r->e.msg, "too many columns"));
	buf_free(&b);
}

static int
begin(void ** state)
{
	(void)state;
	service_reset();
	service_make(harness_loop, 7, 90);
	harness_use = &service_catalog;
	return (0);
}

static int
end(void ** state)
{
	(void)state;
	service_free();
	harness_use = &harness_catalog;
	return (0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_as_the_column), T(test_elsewhere), T(test_no_times),
		T(test_asked), T(test_names), T(test_untouched), T(test_own_names),
		T(test_large),
	};

	return (cmocka_run_group_tests_name("query_time", tests, harness_setup,
	    harness_teardown));
}
