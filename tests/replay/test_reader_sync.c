#include "reader_rig.h"

/* Marks, and going on from them; what was left out; what a list says it has. */

#define COLS "\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":\"integer\"}," \
	"\"x\":{\"type\":\"text\"}," \
	"\"org\":{\"type\":\"text\",\"input\":true,\"default\":\"o\"}}"
#define ITEMS(more) "\"items\":{" COLS ",\"lists\":[{\"url\":" \
	"\"/{{in.org}}/i\",\"records\":\"d\"" more "}]}"
#define NO_CACHE "{\"cache_ttl\":0,\"retry_count\":0}"

/* ${pages} pages, and then what leads on; owned by the caller. */
static json_t *
read_some(struct rig * g, const char * entity, const char * where, int pages)
{
	json_t * mark;
	struct err e;

	rig_open(g, entity, where);
	assert_int_equal(reader_sync(g->r, -1, NULL, &e), 0);
	assert_null(reader_mark(g->r));
	while (pages-- > 0) {
		rig_next(g);
		if (g->has_failed)
			fail_msg("%s: %s", g->e.code, g->e.msg);
		assert_false(g->is_end);
	}
	mark = json_deep_copy(reader_mark(g->r));
	assert_non_null(mark);
	return (mark);
}

static void
go_on(struct rig * g, const char * entity, const char * where,
    const json_t * mark)
{
	g->has_failed = 0;
	rig_open(g, entity, where);
	if (reader_sync(g->r, -1, mark, &g->e))
		g->has_failed = 1;
	else
		rig_all(g);
}

static void
check_lost(struct rig * g, const char * entity, const char * where,
    const json_t * mark)
{
	go_on(g, entity, where, mark);
	rig_error(g, ERR_PERMANENT, "resume", "it.items");
}

#define PAGE_OF(a, b) "{\"d\":[{\"id\":" #a "},{\"id\":" #b "}]"

static void
test_numbers(void ** state)
{
	static const struct {
		const char * paginate, * url[4];
	} v[] = {
		{ "\"kind\":\"page\",\"query\":\"p\",\"first\":1,\"more\":\"m\"",
		{ BASE "/o/i?p=1", BASE "/o/i?p=2", BASE "/o/i?p=3",
		BASE "/o/i?p=4" } },
		{ "\"kind\":\"offset\",\"query\":\"o\",\"more\":\"m\",\"size\":{"
		"\"query\":\"n\",\"default\":2,\"max\":2}",
		{ BASE "/o/i?n=2&o=0", BASE "/o/i?n=2&o=2",
		BASE "/o/i?n=2&o=4", BASE "/o/i?n=2&o=6" } },
		{ "\"kind\":\"next_url\",\"from\":\"next\"",
		{ BASE "/o/i", BASE "/o/q?2", BASE "/o/q?3", BASE "/o/q?4" } },
		{ "\"kind\":\"link\"",
		{ BASE "/o/i", BASE "/o/q?2", BASE "/o/q?3", BASE "/o/q?4" } },
	};
	static const struct fake_answer a[] = {
		{ .body = PAGE_OF(1, 2) ",\"m\":1,\"next\":\"/o/q?2\"}",
		    .header = "Link: </o/q?2>; rel=next" },
		{ .body = PAGE_OF(3, 4) ",\"m\":1,\"next\":\"/o/q?3\"}",
		    .header = "Link: </o/q?3>; rel=next" },
		{ .body = PAGE_OF(5, 6) ",\"m\":1,\"next\":\"/o/q?4\"}",
		    .header = "Link: </o/q?4>; rel=next" },
		{ .body = PAGE_OF(7, 8) ",\"m\":0}" } };
	static const struct fake_answer changed = { .body =
	    "{\"d\":[{\"id\":3},{\"id\":4,\"x\":\"new\"}],\"m\":1,"
	    "\"next\":\"/o/q?3\"}", .header = "Link: </o/q?3>; rel=next" };
	static const struct fake_answer moved = { .body = PAGE_OF(4, 5)
	    ",\"m\":1,\"next\":\"/o/q?3\"}" };
	static const struct fake_answer gone = { .status = 404 };
	char text[600];
	struct rig * g;
	json_t * mark, * other;
	size_t i, k, before;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(*v); i++) {
		snprintf(text, sizeof(text), ITEMS(",\"paginate\":{%s}"),
		    v[i].paginate);
		g = rig_new("", text, NO_CACHE);
		for (k = 0; k < 4; k++)
			fake_http_script(g->http, v[i].url[k], &a[k], 1);
		mark = read_some(g, "items", "", 2);
		rig_rows(g, "1/o 2/o|3/o 4/o");
		before = fake_http_requests(g->http, NULL);
		go_on(g, "items", "", mark);
		rig_rows(g, "5/o 6/o|7/o 8/o");
		assert_int_equal(fake_http_requests(g->http, NULL) - before, 3);
		/* Another page first, and the mark is not changed by it. */
		g->ahead = 1;
		other = read_some(g, "items", "", 2);
		fake_loop_advance(g->L, 1000);
		assert_true(json_equal(reader_mark(g->r), mark));
		assert_true(json_equal(other, mark));
		g->ahead = 0;
		json_decref(other);
		/* Its rows are other ones now; what they say may change. */
		fake_http_script(g->http, v[i].url[1], &changed, 1);
		go_on(g, "items", "", mark);
		rig_rows(g, "5/o 6/o|7/o 8/o");
		fake_http_script(g->http, v[i].url[1], &moved, 1);
		check_lost(g, "items", "", mark);
		fake_http_script(g->http, v[i].url[1], &gone, 1);
		check_lost(g, "items", "", mark);
		fake_http_script(g->http, v[i].url[1], &a[1], 1);
		/* Another question. */
		check_lost(g, "items", "org=p", mark);
		json_decref(mark);
		/* All of it is read. */
		mark = read_some(g, "items", "", 4);
		before = fake_http_requests(g->http, NULL);
		go_on(g, "items", "", mark);
		rig_rows(g, "");
		assert_int_equal(fake_http_requests(g->http, NULL), before);
		json_decref(mark);
		rig_free(g);
	}
}

static void
test_cursor(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[410],\"do\":\"skip\"},"
	    "{\"status\":[401],\"do\":\"fail\",\"class\":\"config\"}],",
	    ITEMS(",\"paginate\":{\"kind\":\"cursor\",\"query\":\"c\","
	    "\"from\":\"n\"}"), NO_CACHE);
	static const int lost[] = { 400, 404, 410, 422 };
	struct fake_answer bad = { .body = "{}" };
	json_t * mark;
	size_t i;

	(void)state;
	rig_script(g, "/o/i", { .body = PAGE_OF(1, 2) ",\"n\":\"x y\"}" });
	rig_script(g, "/o/i?c=x%20y", { .body = PAGE_OF(3, 4) ",\"n\":\"z\"}" });
	rig_script(g, "/o/i?c=z", { .body = PAGE_OF(5, 6) "}" });
	mark = read_some(g, "items", "", 1);
	go_on(g, "items", "", mark);
	rig_rows(g, "3/o 4/o|5/o 6/o");
	for (i = 0; i < sizeof(lost) / sizeof(*lost); i++) {
		bad.status = lost[i];
		fake_http_script(g->http, BASE "/o/i?c=x%20y", &bad, 1);
		check_lost(g, "items", "", mark);
		assert_int_equal(g->ctx.st.skipped, 0);
	}
	/* These say nothing of it. */
	bad.status = 401;
	go_on(g, "items", "", mark);
	rig_error(g, ERR_CONFIG, "http_401", "");
	bad.status = 503;
	go_on(g, "items", "", mark);
	rig_error(g, ERR_TRANSIENT, "http_503", "");
	/* Later it is an error as ever. */
	rig_script(g, "/o/i?c=x%20y", { .body = PAGE_OF(3, 4) ",\"n\":\"z\"}" });
	rig_script(g, "/o/i?c=z", { .status = 404 });
	go_on(g, "items", "", mark);
	rig_error(g, ERR_PERMANENT, "http_404", "");
	json_decref(mark);
	rig_free(g);
}

static void
test_values(void ** state)
{
	struct rig * g = rig_new("", ITEMS(",\"paginate\":{\"kind\":\"link\"}"),
	    NO_CACHE);
	json_t * mark, * end;

	(void)state;
	rig_script(g, "/a/i", { .body = PAGE_OF(1, 2) "}" });
	rig_script(g, "/b/i", { .body = PAGE_OF(3, 4) "}",
	    .header = "Link: </b/2>; rel=next" });
	rig_script(g, "/b/2", { .body = PAGE_OF(5, 6) "}" });
	rig_script(g, "/c/i", { .body = PAGE_OF(7, 8) "}" });
	/* Behind the first part, and within the second. */
	mark = read_some(g, "items", "org=in:a,b,c", 1);
	go_on(g, "items", "org=in:a,b,c", mark);
	rig_rows(g, "3/b 4/b|5/b 6/b|7/c 8/c");
	json_decref(mark);
	mark = read_some(g, "items", "org=in:a,b,c", 2);
	go_on(g, "items", "org=in:a,b,c", mark);
	rig_rows(g, "5/b 6/b|7/c 8/c");
	/* Other parts. */
	check_lost(g, "items", "org=in:b,a,c", mark);
	check_lost(g, "items", "org=in:a,c", mark);
	check_lost(g, "items", "org=a", mark);
	end = read_some(g, "items", "org=in:a,b,c", 4);
	go_on(g, "items", "org=in:a,b,c", end);
	rig_rows(g, "");
	json_decref(end);
	json_decref(mark);
	rig_free(g);
}

#define OVER "\"repos\":{\"columns\":{\"name\":{\"type\":\"text\"}}," \
	"\"lists\":[{\"url\":\"/repos\",\"paginate\":{\"kind\":\"link\"}}]}," \
	"\"items\":{\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":" \
	"\"integer\"},\"repo\":{\"type\":\"text\",\"input\":true}},\"lists\":[{" \
	"\"url\":\"/r/{{in.repo}}\",\"paginate\":{\"kind\":\"link\"}," \
	"\"partition\":{\"over\":\"repos\",\"bind\":{\"repo\":\"name\"}}}]}"

static void
test_partition(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[404],\"do\":"
	    "\"empty\"},{\"status\":[409],\"do\":\"skip\"}],", OVER, NO_CACHE);
	json_t * mark;
	size_t before;

	(void)state;
	rig_script(g, "/repos", { .body = "[{\"name\":\"a\"},{\"name\":\"b\"}]",
	    .header = "Link: </repos2>; rel=next" });
	rig_script(g, "/repos2", { .body = "[{\"name\":\"c\"},{\"name\":\"d\"}]"
	    });
	rig_script(g, "/r/a", { .body = "[{\"id\":1}]" });
	rig_script(g, "/r/b", { .body = "[{\"id\":2}]",
	    .header = "Link: </b2>; rel=next" });
	rig_script(g, "/b2", { .body = "[{\"id\":3}]" });
	rig_script(g, "/r/c", { .status = 404 });
	rig_script(g, "/r/d", { .body = "[{\"id\":4}]" });
	mark = read_some(g, "items", "", 2);
	before = fake_http_requests(g->http, BASE "/r/a");
	go_on(g, "items", "", mark);
	rig_rows(g, "3/b|4/d");
	assert_int_equal(fake_http_requests(g->http, BASE "/r/a"), before);
	/* One of them was left out. */
	assert_int_equal(g->ctx.st.skipped, 1);
	assert_string_equal(g->ctx.st.skipped_why, BASE "/r/c answered 404");
	/* A part came before. */
	rig_script(g, "/repos", { .body = "[{\"name\":\"0\"},{\"name\":\"b\"}]",
	    .header = "Link: </repos2>; rel=next" });
	check_lost(g, "items", "", mark);
	/* They are fewer. */
	rig_script(g, "/repos", { .body = "[{\"name\":\"a\"}]" });
	check_lost(g, "items", "", mark);
	json_decref(mark);
	rig_free(g);
}

static void
test_bad_marks(void ** state)
{
	static const char * const bad[] = { "{}", "[]", "null", "1",
	    "{\"v\":2}", "{\"v\":1}", "{\"v\":1,\"part\":-1}",
	    "{\"v\":1,\"part\":0,\"ask\":\"0\"}" };
	static const char * const changes[] = { "\"part\":-1", "\"part\":\"0\"",
	    "\"part\":9", "\"chain\":1", "\"in\":\"0\"", "\"last\":1",
	    "\"last\":{}", "\"last\":{\"offset\":-1,\"number\":0}",
	    "\"last\":{\"offset\":0,\"number\":\"x\"}", "\"last\":null",
	    "\"cursor\":7,\"last\":null", "\"bound\":{}", "\"bound\":\"x\"",
	    "\"rows\":\"0\"", "\"rows\":5", "\"rows\":null",
	    ("\"last\":{\"offset\":0,\"number\":0,\"url\":"
	    "\"http://elsewhere.test/i\"}") };
	struct rig * g = rig_new("", ITEMS(",\"paginate\":{\"kind\":"
	    "\"next_url\",\"from\":\"n\"}"), NO_CACHE);
	json_t * mark, * m, * change;
	char text[200];
	size_t i;

	(void)state;
	rig_script(g, "/o/i", { .body = PAGE_OF(1, 2) ",\"n\":\"/o/2\"}" });
	rig_script(g, "/o/2", { .body = PAGE_OF(3, 4) "}" });
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		mark = json_loads(bad[i], JSON_DECODE_ANY, NULL);
		check_lost(g, "items", "", mark);
		json_decref(mark);
	}
	mark = read_some(g, "items", "", 1);
	for (i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		snprintf(text, sizeof(text), "{%s}", changes[i]);
		change = json_loads(text, 0, NULL);
		assert_non_null(change);
		m = json_deep_copy(mark);
		json_object_update(m, change);
		check_lost(g, "items", "", m);
		json_decref(change);
		json_decref(m);
	}
	assert_int_equal(fake_http_requests(g->http,
	    "http://elsewhere.test/i"), 0);
	go_on(g, "items", "", mark);
	rig_rows(g, "3/o 4/o");
	json_decref(mark);
	rig_free(g);
}

static void
test_totals(void ** state)
{
	struct rig * g = rig_new("", ITEMS(",\"paginate\":{\"kind\":\"page\","
	    "\"query\":\"p\",\"first\":1,\"total\":\"n\",\"size\":{\"query\":"
	    "\"l\",\"default\":2,\"max\":2}}"), NO_CACHE);
	struct plan * p;

	(void)state;
	rig_script(g, "/a/i?l=2&p=1", { .body = PAGE_OF(1, 2) ",\"n\":4}" });
	rig_script(g, "/a/i?l=2&p=2", { .body = PAGE_OF(3, 4) ",\"n\":4}" });
	rig_script(g, "/b/i?l=2&p=1", { .body = PAGE_OF(5, 6) ",\"n\":\"7\"}" });
	rig_script(g, "/b/i?l=2&p=2", { .body = "{\"d\":[],\"n\":7}" });
	rig_script(g, "/c/i?l=2&p=1", { .body = PAGE_OF(7, 8) "}" });
	rig_script(g, "/c/i?l=2&p=2", { .body = "{\"d\":[]}" });
	g->ctx.st.total = -1;
	rig_read(g, "items", "org=c");
	assert_int_equal(g->ctx.st.total, -1);
	rig_read(g, "items", "org=in:a,b,c");
	rig_rows(g, "1/a 2/a|3/a 4/a|5/b 6/b|7/c 8/c");
	assert_int_equal(g->ctx.st.total, 11);
	assert_int_equal(g->ctx.st.short_of, 5);
	/* Who wants two is not short of five. */
	g->ctx.st.short_of = 0;
	p = rig_plan(g, "items", "org=b");
	p->limit = 3;
	rig_open_plan(g, p);
	rig_all(g);
	assert_int_equal(g->ctx.st.short_of, 0);
	rig_free(g);
}

static void
test_skipped(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[409],\"do\":\"skip\"}"
	    ",{\"status\":[400,403,404],\"do\":\"empty\"}],", ITEMS(""), "{}");

	(void)state;
	rig_script(g, "/a/i", { .body = PAGE_OF(1, 2) "}" });
	rig_script(g, "/b/i", { .status = 409 });
	rig_script(g, "/c/i", { .status = 204 });
	rig_script(g, "/d/i", { .status = 403, .body = "no d for you" });
	rig_script(g, "/e/i", { .status = 400, .body = "e is no name" });
	rig_read(g, "items", "org=in:a,b,c,d,e");
	rig_rows(g, "1/a 2/a");
	assert_int_equal(g->ctx.st.skipped, 2);
	assert_string_equal(g->ctx.st.skipped_why, BASE "/b/i answered 409");
	/* From the cache it lacks the same. */
	memset(&g->ctx.st, 0, sizeof(g->ctx.st));
	assert_int_equal(rig_read(g, "items", "org=in:a,b,c,d,e"), 0);
	assert_int_equal(g->ctx.st.skipped, 2);
	assert_string_equal(g->ctx.st.skipped_why, BASE "/b/i answered 409");
	rig_free(g);
}

static void
test_first(void ** state)
{
	struct rig * g = rig_new("", ITEMS(""), NO_CACHE);

	(void)state;
	rig_script(g, "/o/i", { .body = "{\"d\":[]}", .header =
	    "Date: Sun, 06 Nov 1994 08:49:37 GMT" }, { .body = "{\"d\":[]}",
	    .header = "Date: soon" });
	rig_read(g, "items", "");
	assert_int_equal(g->ctx.st.first_ms, INT64_C(784111777000));
	rig_read(g, "items", "");
	assert_int_equal(g->ctx.st.first_ms, INT64_C(784111777000));
	memset(&g->ctx.st, 0, sizeof(g->ctx.st));
	rig_read(g, "items", "");
	assert_true(g->ctx.st.first_ms >= RIG_START);
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_partition),
		cmocka_unit_test(test_bad_marks),
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_first),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
