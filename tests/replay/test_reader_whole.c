#include "reader_rig.h"

/* Answers that say themselves what is not in them, what is no row, and which rows
 * belong to which. */

/* A map of places, each with a list or a warning, as clouds aggregate. */
#define PLACES "\"vms\":{\"key\":[\"name\"],\"columns\":{\"name\":{\"type\":" \
	"\"text\"},\"zone\":{\"type\":\"text\",\"segment\":-1},\"project\":{" \
	"\"type\":\"text\",\"path\":\"zone\",\"segment\":2}},\"lists\":[{" \
	"\"url\":\"/vms\",\"records\":\"items.*.vms[*]\"," \
	"\"records_optional\":true,\"incomplete\":{\"lost\":[]," \
	"\"items.*.warning.code\":[\"NONE\"]},\"paginate\":{\"kind\":" \
	"\"cursor\",\"query\":\"t\",\"from\":\"next\"}}]}"

static void
test_whole(void ** state)
{
	struct rig * g = rig_new("", PLACES, "{}");

	(void)state;
	/* A page without the list at all, and one with warnings that mean
	 * nothing. */
	rig_script(g, "/vms", { .body = "{\"next\":\"2\"}" });
	rig_script(g, "/vms?t=2", { .body = "{\"items\":{\"z/a\":{\"warning\":{"
	    "\"code\":\"NONE\"}}},\"lost\":[ ],\"next\":\"3\"}" });
	rig_script(g, "/vms?t=3", { .body = "{\"items\":{\"z/a\":{\"vms\":[{"
	    "\"name\":\"x\",\"zone\":\"https://c.test/p/z\\/b\"}]},\"z/b\":{"
	    "\"vms\":[{\"name\":\"y\",\"zone\":\"//p//q/\"},{\"name\":\"w\","
	    "\"zone\":\"/\"}]}},\"next\":\"\"}" });
	assert_int_equal(rig_read(g, "vms", ""), 3);
	rig_rows(g, "x/b/c.test y/q/q w");
	assert_int_equal(g->ctx.st.skipped, 0);
	rig_free(g);
}

static void
test_not_whole(void ** state)
{
	struct rig * g = rig_new("", PLACES, "{}");

	(void)state;
	rig_script(g, "/vms", { .body = "{\"next\":\"2\",\"items\":{\"z/a\":{"
	    "\"vms\":[{\"name\":\"x\"}]},\"z/b\":{\"warning\":{\"code\":"
	    "\"UNREACHABLE\"}},\"z/c\":{\"warning\":{\"code\":\"LATE\"}}}}" });
	rig_script(g, "/vms?t=2", { .body = "{\"lost\":[\"z/d\"],\"items\":{}}" });
	rig_read(g, "vms", "");
	rig_rows(g, "x");
	assert_int_equal(g->ctx.st.skipped, 2);
	assert_string_equal(g->ctx.st.skipped_why, BASE "/vms: UNREACHABLE");
	/* The same where the answer is a kept one. */
	memset(&g->ctx.st, 0, sizeof(g->ctx.st));
	assert_int_equal(rig_read(g, "vms", ""), 0);
	rig_rows(g, "x");
	assert_int_equal(g->ctx.st.skipped, 2);
	rig_free(g);
}

/* What is no object says nothing of records that may be missing. */
static void
test_still_no_records(void ** state)
{
	static const struct fake_answer bad[] = { { .body = "[]" },
	    { .body = " \"x\"" } };
	struct rig * g;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		g = rig_new("", PLACES, "{\"retry_count\":0}");
		fake_http_script(g->http, BASE "/vms", &bad[i], 1);
		rig_read(g, "vms", "");
		rig_error(g, ERR_PERMANENT, "records", "items.*.vms[*]");
		rig_free(g);
	}
}

#define KINDS "\"apps\":{\"key\":[\"id\"],\"keep_if\":{\"path\":\"kind\"," \
	"\"contains\":\"fun\"},\"columns\":{\"id\":{\"type\":\"integer\"}}," \
	"\"lists\":[{\"url\":\"/apps\",\"paginate\":{\"kind\":\"page\"," \
	"\"query\":\"p\",\"size\":{\"query\":\"n\",\"default\":3," \
	"\"max\":3},\"short_page_ends\":true}}]},\"parts\":{\"key\":[\"id\"]," \
	"\"explode\":\"of\",\"keep_if\":{\"path\":\"@.kind\",\"contains\":" \
	"\"fun\"},\"columns\":{\"id\":{\"type\":\"integer\",\"path\":" \
	"\"@.id\"}},\"lists\":[{\"url\":\"/parts\",\"paginate\":{\"kind\":" \
	"\"none\"}}]}"

static void
test_kept(void ** state)
{
	struct rig * g = rig_new("", KINDS, "{}");

	(void)state;
	/* What is no row counts where a short page ends the list. */
	rig_script(g, "/apps?n=3&p=1", { .body = "[{\"id\":1,\"kind\":"
	    "\"FunApp,x\"},{\"id\":2,\"kind\":\"app\"},{\"id\":3}]" });
	rig_script(g, "/apps?n=3&p=2", { .body = "[{\"kind\":\"a,fun\",\"id\":4},"
	    "{\"id\":5,\"kind\":null}]" });
	assert_int_equal(rig_read(g, "apps", ""), 2);
	rig_rows(g, "1|4");
	rig_script(g, "/parts", { .body = "[{\"of\":[{\"id\":1,\"kind\":\"fun\"},"
	    "{\"id\":2}]},{\"of\":[{\"kind\":\"x\",\"id\":3},{\"kind\":\"fun\","
	    "\"id\":4}]}]" });
	rig_read(g, "parts", "");
	rig_rows(g, "1 4");
	rig_free(g);
}

/* One listing tells what many rows lack. */
#define STATES "\"vms\":{\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":" \
	"\"text\",\"nocase\":true},\"sub\":{\"type\":\"text\"},\"state\":{" \
	"\"type\":\"text\",\"lazy\":\"state\"}},\"complete\":{\"over\":" \
	"\"states\",\"bind\":{\"sub\":\"sub\"},\"match\":{\"vm\":\"id\"}}," \
	"\"lists\":[{\"url\":\"/vms\",\"paginate\":{\"kind\":\"link\"}}]}," \
	"\"states\":{\"hidden\":true,\"columns\":{\"sub\":{\"type\":\"text\"," \
	"\"input\":true},\"vm\":{\"type\":\"text\"},\"state\":{\"type\":" \
	"\"text\"}},\"lists\":[{\"needs\":[\"sub\"],\"url\":" \
	"\"/{{in.sub}}/states\",\"paginate\":{\"kind\":\"none\"}}]}"

static void
test_matches(void ** state)
{
	static char page[16384];
	static struct fake_answer a = { .body = page,
	    .header = "Link: </vms/2>; rel=next" };
	/* Nothing is kept between statements. */
	struct rig * g = rig_new("", STATES, "{\"cache_ttl\":0}");
	size_t n = 0, i;

	(void)state;
	for (i = 0; i < 250; i++)
		n += (size_t)snprintf(page + n, sizeof(page) - n,
		    "%s{\"id\":\"v%zu\",\"sub\":\"%s\"}", i == 0 ? "[" : ",", i,
		    i % 2 == 0 ? "s" : "t");
	snprintf(page + n, sizeof(page) - n, "]");
	fake_http_script(g->http, BASE "/vms", &a, 1);
	rig_script(g, "/s/states", { .body = "[{\"vm\":\"V2\",\"state\":\"on\"},"
	    "{\"vm\":\"gone\",\"state\":\"off\"},{\"vm\":\"v248\",\"state\":"
	    "\"off\"}]" });
	rig_script(g, "/t/states", { .body = "[{\"vm\":\"v1\",\"state\":\"x\"}]" });
	/* The second page asks for nothing more. */
	rig_script(g, "/vms/2", { .body = "[{\"id\":\"V248\",\"sub\":\"s\"},{\"id\":"
	    "\"v9\",\"sub\":null},{\"id\":null,\"sub\":\"t\"}]" });
	assert_int_equal(rig_read(g, "vms", ""), 4);
	assert_int_equal(g->has_failed, 0);
	assert_non_null(strstr(g->rows, "|V248/s/off v9 /t"));
	assert_memory_equal(g->rows, "v0/s v1/t/x v2/s/on v3/t ", 25);
	assert_non_null(strstr(g->rows, " v248/s/off v249/t"));
	assert_int_equal(g->ctx.held, 0);
	rig_free(g);
	/* What is held of it counts for the statement. */
	g = rig_new("", STATES, "{\"cache_ttl\":0}");
	fake_http_script(g->http, BASE "/vms", &a, 1);
	rig_script(g, "/s/states", { .body = "[{\"vm\":\"v2\",\"state\":\"on\"}]" });
	rig_script(g, "/t/states", { .body = "[{\"vm\":\"v1\",\"state\":\"x\"}]" });
	g->ctx.max_held = 64;
	rig_read(g, "vms", "");
	rig_error(g, ERR_PERMANENT, "too_big", "query_memory");
	assert_int_equal(g->ctx.held, 0);
	rig_free(g);
}

/* A direction that the service does not list in is sorted here. */
#define ORDER "\"vms\":{\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":" \
	"\"integer\"}},\"lists\":[{\"url\":\"/vms\",\"order\":{\"columns\":{" \
	"\"id\":\"made\"},\"query\":{\"by\":\"{{order.column}} " \
	"{{order.direction}}\"},\"asc\":null},\"paginate\":{\"kind\":" \
	"\"none\"}}]}"

static void
test_one_direction(void ** state)
{
	struct rig * g = rig_new("", ORDER, "{}");
	const struct manifest_entity * ent = manifest_entity(g->m, "vms");
	struct plan_order o = { .column = 0 };
	struct plan * p;
	struct err e;

	(void)state;
	for (o.desc = 0; o.desc < 2; o.desc++) {
		p = plan_new(g->c, ent, NULL, 0, &o, 1, &e);
		assert_non_null(p);
		assert_int_equal(p->norders, o.desc);
		plan_free(p);
	}
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_not_whole),
		cmocka_unit_test(test_still_no_records),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_one_direction),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
