#include "reader_rig.h"

/* Columns that another entity completes. */

#define ITEMS "\"items\":{\"key\":[\"uid\"],\"columns\":{\"uid\":{\"type\":" \
	"\"text\"},\"version\":{\"type\":\"integer\",\"lazy\":\"v\"},\"by\":{" \
	"\"type\":\"text\",\"lazy\":\"by\"}},\"complete\":{\"over\":\"more\"," \
	"\"bind\":{\"id\":\"uid\"}},\"lists\":[{\"url\":\"/items\"," \
	"\"paginate\":{\"kind\":\"link\"}}]},\"more\":{\"hidden\":true," \
	"\"columns\":{\"id\":{\"type\":\"text\",\"input\":true},\"v\":{" \
	"\"type\":\"integer\"},\"by\":{\"type\":\"text\",\"path\":\"by.name\"}}," \
	"\"lists\":[{\"needs\":[\"id\"],\"url\":\"/item/{{in.id}}\"," \
	"\"paginate\":{\"kind\":\"none\"}}]}"

static void
test_completes(void ** state)
{
	struct rig * g = rig_new("", ITEMS, "{}");

	(void)state;
	rig_script(g, "/items", { .body = "[{\"uid\":\"a\"},{\"uid\":null},"
	    "{\"uid\":\"b\"},{\"uid\":\"a\"}]",
	    .header = "Link: </items/2>; rel=next" });
	rig_script(g, "/items/2", { .body = "[{\"uid\":\"c\"}]" });
	rig_script(g, "/item/a", { .body = "{\"v\":1,\"by\":{\"name\":\"x\"}}",
	    .delay_ms = 100 });
	rig_script(g, "/item/b", { .body = "{\"v\":2,\"by\":null}",
	    .delay_ms = 100 });
	rig_script(g, "/item/c", { .body = "{\"v\":3,\"by\":{\"name\":\"y\"}}" });
	/* One asked for twice is one call; side by side; without a key none. */
	assert_int_equal(rig_read(g, "items", ""), 5);
	rig_rows(g, "a/1/x  b/2 a/1/x|c/3/y");
	assert_in_range(fake_loop_ms(g->L), 100, 115);
	/* The whole is kept. */
	assert_int_equal(rig_read(g, "items", ""), 0);
	rig_rows(g, "a/1/x  b/2 a/1/x|c/3/y");
	rig_free(g);
}

static void
test_not_wanted_not_asked(void ** state)
{
	struct rig * g = rig_new("", ITEMS, "{}");
	struct plan * p;

	(void)state;
	rig_script(g, "/items", { .body = "[{\"uid\":\"a\"}]" });
	p = rig_plan(g, "items", "");
	p->wanted[1] = p->wanted[2] = 0;
	rig_open_plan(g, p);
	rig_all(g);
	rig_rows(g, "a");
	assert_int_equal(fake_http_requests(g->http, BASE "/item/a"), 0);
	rig_free(g);
	/* What is wanted brings its key along. */
	g = rig_new("", ITEMS, "{}");
	rig_script(g, "/items", { .body = "[{\"uid\":\"a\"}]" });
	rig_script(g, "/item/a", { .body = "{\"v\":1,\"by\":{\"name\":\"x\"}}" });
	p = rig_plan(g, "items", "");
	p->wanted[0] = p->wanted[2] = 0;
	rig_open_plan(g, p);
	rig_all(g);
	rig_rows(g, "a/1");
	rig_free(g);
}

static void
test_fails(void ** state)
{
	struct rig * g = rig_new("", ITEMS, "{\"retry_count\":0}");

	(void)state;
	rig_script(g, "/items", { .body = "[{\"uid\":\"a\"},{\"uid\":\"b\"}]" });
	rig_script(g, "/item/a", { .body = "{\"v\":1}" });
	rig_script(g, "/item/b", { .status = 500 });
	rig_read(g, "items", "");
	assert_string_equal(g->rows, "");
	rig_error(g, ERR_TRANSIENT, "http_500", BASE "/item/b");
	assert_int_equal(fake_http_running(g->http), 0);
	rig_free(g);
}

static void
test_closed_meanwhile(void ** state)
{
	struct rig * g = rig_new("", ITEMS, "{}");

	(void)state;
	rig_script(g, "/items", { .body = "[{\"uid\":\"a\"}]" });
	rig_script(g, "/item/a", { .body = "{\"v\":1}", .delay_ms = 1000 });
	rig_open(g, "items", "");
	rig_begin(g);
	fake_loop_advance(g->L, 500);
	assert_int_equal(fake_http_running(g->http), 1);
	reader_close(g->r);
	g->r = NULL;
	assert_int_equal(fake_http_running(g->http), 0);
	rig_free(g);
}

/* More rows than are asked for at once. */
static void
test_many(void ** state)
{
	static char page[8192];
	static struct fake_answer a = { .body = page }, one[250];
	static char bodies[250][32], url[64];
	struct rig * g = rig_new("", ITEMS, "{}");
	size_t n = 0, i;

	(void)state;
	for (i = 0; i < 250; i++) {
		n += (size_t)snprintf(page + n, sizeof(page) - n,
		    "%s{\"uid\":\"u%zu\"}", i == 0 ? "[" : ",", i);
		snprintf(bodies[i], sizeof(bodies[i]), "{\"v\":%zu}", i);
		snprintf(url, sizeof(url), BASE "/item/u%zu", i);
		one[i].body = bodies[i];
		fake_http_script(g->http, url, &one[i], 1);
	}
	snprintf(page + n, sizeof(page) - n, "]");
	fake_http_script(g->http, BASE "/items", &a, 1);
	assert_int_equal(rig_read(g, "items", ""), 251);
	assert_int_equal(g->has_failed, 0);
	assert_memory_equal(g->rows, "u0/0 u1/1 ", 10);
	assert_non_null(strstr(g->rows, " u100/100 u101/101 "));
	assert_non_null(strstr(g->rows, " u249/249"));
	rig_free(g);
}

/* Several in one call, some calls side by side. */
static void
test_batches(void ** state)
{
	static const char ents[] = "\"items\":{\"key\":[\"uid\"],\"columns\":{"
	    "\"uid\":{\"type\":\"text\",\"path\":\"$\"},\"version\":{\"type\":"
	    "\"integer\",\"lazy\":\"v\"}},\"complete\":{\"over\":\"more\","
	    "\"bind\":{\"id\":\"uid\"}},\"lists\":[{\"url\":\"/items\"}]},"
	    "\"more\":{\"hidden\":true,\"columns\":{\"id\":{\"type\":\"text\","
	    "\"input\":true,\"path\":\"value.id\"},\"v\":{\"type\":\"integer\","
	    "\"path\":\"value.v\"}},\"lists\":[{\"needs\":[\"id\"],\"batch\":2,"
	    "\"url\":\"/item/{{in.id}}\"}]}";
	static const char rules[] = "\"errors\":[{\"status\":[200],\"path\":"
	    "\"[*].error\",\"do\":\"fail\",\"class\":\"permanent\"}],"
	    "\"error_text\":[\"[*].error.message\"],";
	struct rig * g = rig_new(rules, ents, "{}");

	(void)state;
	rig_script(g, "/items", { .body = "[\"a/x\",\"b\",\"c\",\"b\",\"d\",\"e\"]" });
	rig_script(g, "/item/a%2Fx,b", { .body = "[{\"value\":{\"id\":\"b\",\"v\":2}},"
	    "{\"value\":{\"id\":\"a/x\",\"v\":1}}]", .delay_ms = 100 });
	rig_script(g, "/item/c,d", { .body = "[{\"error\":null,\"value\":{\"id\":"
	    "\"d\",\"v\":4}},{\"value\":null}]", .delay_ms = 100 });
	rig_script(g, "/item/e", { .body = "[{\"value\":{\"id\":\"e\",\"v\":5}}]" });
	assert_int_equal(rig_read(g, "items", ""), 4);
	rig_rows(g, "a/x/1 b/2 c b/2 d/4 e/5");
	assert_in_range(fake_loop_ms(g->L), 100, 115);
	rig_free(g);
	/* One that fails is not left out without a word. */
	g = rig_new(rules, ents, "{}");
	rig_script(g, "/items", { .body = "[\"a\",\"b\"]" });
	rig_script(g, "/item/a,b", { .body = "[{\"error\":null,\"value\":{\"id\":\"a\","
	    "\"v\":1}},{\"value\":null,\"error\":{\"message\":\"b is out\"}}]" });
	rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "http_200", "b is out");
	rig_free(g);
	/* Where one makes the service refuse the whole, the others are told. */
	g = rig_new("\"errors\":[{\"status\":[404],\"do\":\"empty\"},{\"status\":"
	    "[200],\"path\":\"[*].error\",\"do\":\"skip\"}],", ents, "{}");
	rig_script(g, "/items", { .body = "[\"a\",\"b\",\"c\",\"d\"]" });
	rig_script(g, "/item/a,b", { .body = "[{\"value\":{\"id\":\"a\",\"v\":1}},"
	    "{\"value\":null,\"error\":\"b is out\"}]" });
	rig_script(g, "/item/a", { .body = "[{\"value\":{\"id\":\"a\",\"v\":1}}]" });
	rig_script(g, "/item/b", { .body = "[{\"error\":\"b is out\"}]" });
	rig_script(g, "/item/c,d", { .status = 404 });
	rig_script(g, "/item/c", { .status = 404 });
	rig_script(g, "/item/d", { .body = "[{\"value\":{\"id\":\"d\",\"v\":4}}]" });
	assert_int_equal(rig_read(g, "items", ""), 7);
	rig_rows(g, "a/1 b c d/4");
	assert_int_equal(g->ctx.st.skipped, 2);
	rig_free(g);
	/* What came of them before is not asked for again. */
	g = rig_new("\"errors\":[{\"status\":[409],\"do\":\"skip\"}],",
	    "\"more\":{\"columns\":{\"id\":{\"type\":\"text\",\"input\":true,"
	    "\"path\":\"id\"}},\"lists\":[{\"needs\":[\"id\"],\"batch\":2,\"url\":"
	    "\"/item/{{in.id}}\",\"paginate\":{\"kind\":\"link\"}}]}", "{}");
	rig_script(g, "/item/a,b", { .body = "[{\"id\":\"a\"},{\"id\":\"b\"}]",
	    .header = "Link: </2>; rel=next" });
	rig_script(g, "/2", { .status = 409 });
	rig_script(g, "/item/a", { .body = "[{\"id\":\"a\"}]" });
	rig_script(g, "/item/b", { .body = "[{\"id\":\"b\"}]" });
	assert_int_equal(rig_read(g, "more", "id=in:a,b"), 2);
	rig_rows(g, "a b");
	assert_int_equal(g->ctx.st.skipped, 1);
	rig_free(g);
	/* A comma would make two of one. */
	g = rig_new(rules, ents, "{}");
	rig_script(g, "/items", { .body = "[\"a,b\",\"c\"]" });
	rig_read(g, "items", "");
	rig_error(g, ERR_CONFIG, "template", "comma");
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_completes),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_not_wanted_not_asked),
		cmocka_unit_test(test_fails),
		cmocka_unit_test(test_closed_meanwhile),
		cmocka_unit_test(test_many),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
