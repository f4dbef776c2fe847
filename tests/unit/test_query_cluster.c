/* SELECT FROM indexes: pages, names, errors, and what is asked of the cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake_cluster.h"
#include "query_harness.h"

static struct query_opts opts;

static const char mapping[] = "{\"mappings\":{\"properties\":{"
    "\"id\":{\"type\":\"long\"},\"title\":{\"type\":\"text\",\"fields\":{"
    "\"keyword\":{\"type\":\"keyword\",\"ignore_above\":64}}},"
    "\"state\":{\"type\":\"keyword\"},\"score\":{\"type\":\"double\"},"
    "\"open\":{\"type\":\"boolean\"},\"at\":{\"type\":\"date\"},"
    "\"user\":{\"properties\":{\"login\":{\"type\":\"keyword\"}}},"
    "\"labels\":{\"type\":\"keyword\"},"
    "\"moltler\":{\"properties\":{\"sync\":{\"type\":\"keyword\"},"
    "\"fence\":{\"type\":\"long\"},\"deleted_at\":{\"type\":\"date\"}}}},"
    "\"_meta\":{\"moltler\":{\"columns\":{\"labels\":\"list\"}}}}}";

static void
fill(const char * index, int from, int n)
{
	struct buf b = BUF_INIT(0);
	char path[100];
	int i;

	for (i = from; i < from + n; i++) {
		buf_addf(&b, "{\"index\":{\"_id\":\"%d\"}}\n{\"id\":%d,"
		    "\"title\":\"issue %d\",\"state\":\"%s\",\"score\":%d.5,"
		    "\"open\":%s,\"at\":\"2026-01-%02dT00:00:00Z\",\"user\":"
		    "{\"login\":\"u%d\"},\"labels\":[\"%s\",\"x\"]%s}\n", i, i,
		    i, i % 3 ? "open" : "closed", i, i % 2 ? "true" : "false",
		    i % 28 + 1, i % 5, i % 4 ? "bug" : "debug", i % 10 ? "" :
		    ",\"moltler\":{\"sync\":\"s\",\"fence\":1,\"deleted_at\":"
		    "\"2026-02-01T00:00:00Z\"}");
	}
	snprintf(path, sizeof(path), "/%s/_bulk?refresh=true", index);
	cluster_send("POST", path, b.p, "application/x-ndjson");
	buf_free(&b);
}

static int
begin(void ** state)
{
	(void)state;
	memset(&opts, 0, sizeof(opts));
	opts.elastic = cluster_start(harness_loop);
	harness_use = &harness_catalog;
	cluster_send("PUT", "/logs-a", mapping, NULL);
	fill("logs-a", 0, 2500);
	return (0);
}

static int
finish(void ** state)
{
	(void)state;
	cluster_stop();
	return (0);
}

static struct run *
ask(const char * sql)
{
	struct run * r = harness_run_opts(sql, strlen(sql), &opts);
	int i;

	for (i = 0; i < 20; i++)
		loop_turn(harness_loop, 0);
	/* Whatever happens, nothing is left open. */
	assert_int_equal(cluster.opened, cluster.closed);
	return (r);
}

static const char *
rows(const char * sql)
{
	struct run * r = ask(sql);

	if (r->failed)
		fail_msg("%s: %s: %s", sql, r->e.code, r->e.msg);
	return (r->out.len > 0 ? r->out.p : "");
}

static void
assert_fails(const char * sql, const char * code, const char * says)
{
	struct run * r = ask(sql);

	if (!r->failed)
		fail_msg("%s did not fail", sql);
	if (strcmp(r->e.code, code) != 0 || strstr(r->e.msg, says) == NULL)
		fail_msg("%s: %s: %s", sql, r->e.code, r->e.msg);
}

static void
assert_asked(const char * sql, const char * has)
{
	(void)rows(sql);
	if (strstr(cluster.last_search, has) == NULL)
		fail_msg("%s\nasked %s\nnot   %s", sql, cluster.last_search,
		    has);
}

static void
reads_all_pages(void ** state)
{
	struct run * r;

	(void)state;
	assert_string_equal(rows("SELECT count(*), sum(id), count(DISTINCT _id) "
	    "FROM \"logs-a\""), "2500|3123750|2500\n");
	assert_int_equal(cluster.searches, 3);
	r = ask("SELECT id FROM logs-a");
	assert_int_equal(r->rows, 2500);
	assert_int_equal(r->st.api.pages, 3);
	assert_int_equal(r->st.api.calls, 4);
	assert_int_equal(cluster.mappings, 1);
}

static void
reads_by_doc(void ** state)
{
	(void)state;
	cluster.is_opensearch = 1;
	cluster.shards = 7;
	assert_string_equal(rows("SELECT count(*), sum(id), count(DISTINCT _id) "
	    "FROM \"logs-a\""), "2500|3123750|2500\n");
	assert_non_null(strstr(cluster.last_search, "\"_doc\""));
	/* More shards than rows in a page. */
	cluster.shards = 1500;
	assert_string_equal(rows("SELECT count(*), sum(id), count(DISTINCT _id) "
	    "FROM \"logs-a\""), "2500|3123750|2500\n");
	cluster.shards = 1;
	assert_string_equal(rows("SELECT count(*), sum(id) FROM \"logs-a\""),
	    "2500|3123750\n");
}

static void
shows_columns(void ** state)
{
	struct run * r;

	(void)state;
	r = ask("SELECT * FROM \"logs-a\" WHERE id = 10");
	assert_string_equal(r->columns, "id INTEGER, title TEXT, state TEXT, "
	    "score REAL, open BOOLEAN, at TIMESTAMP, user JSON, labels JSON, "
	    "_deleted_at TIMESTAMP, _id TEXT");
	assert_string_equal(r->out.p, "10|issue 10|open|10.5|0|"
	    "2026-01-11T00:00:00Z|{\"login\":\"u0\"}|[\"bug\",\"x\"]|"
	    "2026-02-01T00:00:00Z|10\n");
}

static void
pushes(void ** state)
{
	(void)state;
	assert_asked("SELECT id FROM \"logs-a\" WHERE state = 'open'",
	    "{\"terms\":{\"state\":[\"open\"]}}");
	assert_asked("SELECT id FROM \"logs-a\" WHERE title IN ('a', 'b')",
	    "{\"terms\":{\"title.keyword\":[\"a\",\"b\"]}}");
	assert_asked("SELECT id FROM \"logs-a\" WHERE id > 5 AND id <= 7",
	    "[{\"range\":{\"id\":{\"gt\":5}}},{\"range\":{\"id\":{\"lte\":7}}}]");
	assert_asked("SELECT id FROM \"logs-a\" WHERE at >= '2026-01-05'",
	    "{\"gte\":\"2026-01-04T23:59:59.999Z\",");
	assert_asked("SELECT id FROM \"logs-a\" WHERE open",
	    "\"_source\":[\"id\",\"open\"]");
	assert_asked("SELECT id FROM \"logs-a\" WHERE labels CONTAINS 'bug'",
	    "{\"terms\":{\"labels\":[\"bug\"]}}");
	assert_asked("SELECT id FROM \"logs-a\" WHERE _deleted_at IS NULL",
	    "\"must_not\":[{\"exists\":{\"field\":\"moltler.deleted_at\"}}]");
	assert_asked("SELECT 1 FROM \"logs-a\" WHERE _id = '7'",
	    "{\"ids\":{\"values\":[\"7\"]}}");
	assert_asked("SELECT _id FROM \"logs-a\" LIMIT 3", "\"size\":3,");
	assert_asked("SELECT _id FROM \"logs-a\" LIMIT 3",
	    "\"_source\":false");
	/* Too long to be in the index whole. */
	(void)rows("SELECT id FROM \"logs-a\" WHERE title = '0123456789012345678"
	    "90123456789012345678901234567890123456789012345678901234567890'");
	assert_null(strstr(cluster.last_search, "query"));
	assert_string_equal(rows("SELECT count(*) FROM \"logs-a\" WHERE labels "
	    "CONTAINS 'bug' AND state = 'open' AND at < '2026-01-03'"),
	    "60\n");
}

static void
limits(void ** state)
{
	(void)state;
	assert_string_equal(rows("SELECT id FROM \"logs-a\" LIMIT 2"),
	    "0\n1\n");
	assert_int_equal(cluster.searches, 1);
	/* The order is made here, of all rows. */
	assert_string_equal(rows("SELECT id FROM \"logs-a\" ORDER BY id DESC "
	    "LIMIT 1"), "2499\n");
	assert_string_equal(rows("SELECT id FROM \"logs-a\" WHERE id % 2 = 1 "
	    "LIMIT 2 OFFSET 1"), "3\n5\n");
}

static void
patterns(void ** state)
{
	(void)state;
	cluster_send("PUT", "/logs-b", "{\"mappings\":{\"properties\":{\"id\":"
	    "{\"type\":\"long\"},\"state\":{\"type\":\"text\"},\"more\":"
	    "{\"type\":\"keyword\"}}}}", NULL);
	cluster_send("PUT", "/logs-b-rejected", "{\"mappings\":{\"properties\":{"
	    "\"id\":{\"type\":\"long\"}}}}", NULL);
	cluster_send("POST", "/logs-b/_bulk", "{\"index\":{\"_id\":\"0\"}}\n"
	    "{\"id\":5000,\"state\":\"open\",\"more\":\"y\"}\n", NULL);
	cluster_send("POST", "/logs-b-rejected/_bulk", "{\"index\":{\"_id\":"
	    "\"0\"}}\n{\"id\":1}\n", NULL);
	assert_string_equal(rows("SELECT id, more, title FROM logs-* WHERE id "
	    ">= 2499"), "2499|-|issue 2499\n5000|y|-\n");
	/* The two know it differently: it is looked at here. */
	assert_string_equal(rows("SELECT count(*) FROM logs-* WHERE state = "
	    "'open' AND id > 2490"), "7\n");
	assert_null(strstr(cluster.last_search, "terms"));
	assert_string_equal(rows("SELECT id FROM logs-b-rejected"), "1\n");
	assert_string_equal(rows("SELECT id FROM es:logs-b"), "5000\n");
	assert_string_equal(rows("SELECT id FROM \"es:logs-b\""), "5000\n");
	assert_fails("SELECT 1 FROM none-*", "no_table",
	    "no target or index matches none-*");
}

static void
names(void ** state)
{
	unsigned calls;

	(void)state;
	/* What is a target here is not asked for. */
	calls = cluster.calls;
	assert_string_equal(rows("SELECT count(*) FROM series"), "100\n");
	assert_string_equal(rows("WITH logs(n) AS (SELECT 1) SELECT * FROM "
	    "logs"), "1\n");
	assert_int_equal(cluster.calls, calls);
	assert_fails("SELECT * FROM nowhere", "no_table", "no table nowhere");
	assert_fails("SELECT * FROM es:nowhere", "no_table",
	    "no index nowhere");
	assert_fails("SELECT * FROM sqlite:logs-a", "no_table",
	    "no table sqlite:logs-a");
	assert_string_equal(rows("SELECT count(*) FROM sqlite:series"),
	    "100\n");
	assert_string_equal(rows("SELECT a.id FROM logs-a a JOIN series s ON "
	    "a.id = s.n WHERE s.n BETWEEN 3 AND 5 ORDER BY 1"), "3\n4\n5\n");
	opts.elastic = NULL;
	assert_fails("SELECT * FROM es:logs-a", "no_table",
	    "no cluster is configured");
}

static void
errors(void ** state)
{
	(void)state;
	cluster.fail_search = 2;
	cluster.fail_status = 500;
	cluster.fail_times = 9;
	assert_fails("SELECT sum(id) FROM logs-a", "http_500",
	    "es.logs-a, page 2: search: the cluster answered 500");
	cluster.searches = 0;
	cluster.fail_times = 2;
	cluster.fail_status = 503;
	assert_string_equal(rows("SELECT count(*) FROM logs-a"), "2500\n");
	cluster.searches = 0;
	cluster.fail_status = 404;
	cluster.fail_times = 1;
	assert_fails("SELECT count(*) FROM logs-a", "expired",
	    "page 2: the point in time");
	cluster.searches = 0;
	cluster.fail_status = 200;
	cluster.fail_body = "{\"hits\":{\"hits\":[{\"_id\":";
	assert_fails("SELECT count(*) FROM logs-a", "json", "page 2");
	cluster.searches = 0;
	cluster.fail_body = "<html>";
	assert_fails("SELECT count(*) FROM logs-a", "json", "page 2");
	cluster.fail_search = 0;
	cluster.shards_failed = 1;
	assert_fails("SELECT count(*) FROM logs-a", "shards",
	    "shards did not answer");
	cluster.shards_failed = 0;
	cluster.fail_mapping = 401;
	assert_fails("SELECT count(*) FROM logs-c", "http_401",
	    "columns of es.logs-c");
}

static void
too_old(void ** state)
{
	(void)state;
	cluster.version = "7.9.1";
	assert_fails("SELECT count(*) FROM logs-a", "too_old", "since 7.10");
}

static void
cancels(void ** state)
{
	static const char sql[] = "SELECT id FROM logs-a";
	struct run r;
	int i, turns;

	(void)state;
	/* At every moment there is. */
	for (turns = 0; turns < 40; turns++) {
		memset(&r, 0, sizeof(r));
		harness_start(&r, sql, strlen(sql), &opts);
		for (i = 0; i < turns && !r.done; i++)
			loop_turn(harness_loop, 0);
		if (!r.done)
			query_cancel(r.q);
		harness_finish(&r);
		harness_free(&r);
		for (i = 0; i < 20; i++)
			loop_turn(harness_loop, 0);
		assert_int_equal(cluster.opened, cluster.closed);
	}
	memset(&r, 0, sizeof(r));
	r.cancel_at = 1200;
	harness_start(&r, sql, strlen(sql), &opts);
	harness_finish(&r);
	assert_true(r.failed);
	harness_free(&r);
}

static void
explains(void ** state)
{
	(void)state;
	opts.explain = 1;
	assert_string_equal(rows("SELECT id FROM logs-a WHERE state = 'open' AND "
	    "title LIKE 'x%' LIMIT 5"), "es.logs-a|POST /logs-a/_search "
	    "{\"size\":1000,\"track_total_hits\":false,\"query\":{\"bool\":{"
	    "\"filter\":[{\"terms\":{\"state\":[\"open\"]}}]}},\"_source\":["
	    "\"id\",\"title\",\"state\"],\"sort\":[{\"_shard_doc\":\"asc\"}]}|"
	    "state = 'open' as term.state=open|title LIKE|-|-|"
	    "1 a page of 1000|none|-\n");
	assert_int_equal(cluster.searches, 0);
}

static void
joins(void ** state)
{
	(void)state;
	/* The outer row's key goes down, and equal ones are asked once. */
	assert_string_equal(rows("SELECT count(*) FROM (VALUES ('3'), ('4'), "
	    "('3')) v JOIN logs-a a ON a._id = v.column1"), "3\n");
	assert_true(cluster.searches <= 3);
	assert_string_equal(rows("SELECT count(*) FROM logs-a WHERE id = 3 OR "
	    "state = 'closed' OR score > 2000"), "1167\n");
}

/* Very many fields in very many indexes: the loop is not held. */
static void
wide(void ** state)
{
	struct buf b = BUF_INIT(0);
	char path[32];
	clock_t began;
	int i;

	(void)state;
	buf_adds(&b, "{\"mappings\":{\"properties\":{");
	for (i = 0; i < 10000; i++)
		buf_addf(&b, "%s\"field_of_a_service_%d\":{\"type\":"
		    "\"long\"}", i > 0 ? "," : "", i);
	buf_adds(&b, "}}}");
	for (i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "/wide-%d", i);
		cluster_send("PUT", path, b.p, NULL);
	}
	buf_free(&b);
	/* Of our own time: others may have the processor. */
	began = clock();
	assert_string_equal(rows("SELECT count(*) FROM wide-*"), "0\n");
	assert_true(clock() - began < 2 * CLOCKS_PER_SEC);
	assert_fails("SELECT field_of_a_service_9999 FROM wide-*", "sql",
	    "field_of_a_service_9999");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
		TEST(reads_all_pages), TEST(reads_by_doc), TEST(shows_columns),
		TEST(pushes), TEST(limits), TEST(patterns), TEST(names),
		TEST(errors), TEST(too_old), TEST(cancels), TEST(explains),
		TEST(joins), TEST(wide)
	};

	unsetenv("MOLTLER_ELASTIC_URL");
	return (cmocka_run_group_tests(tests, harness_setup,
	    harness_teardown));
}
