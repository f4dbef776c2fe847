#include "reader_rig.h"

/* Many listings as one: the values of an IN, the rows of another entity. */

#define LIST(more) "\"issues\":{\"columns\":{\"repo\":{\"type\":\"text\"," \
	"\"input\":true},\"id\":{\"type\":\"integer\"}},\"lists\":[{" \
	"\"url\":\"/{{in.repo}}/i\",\"needs\":[\"repo\"]" more "}"
#define ISSUES LIST("") "]}"
#define PAGED LIST(",\"paginate\":{\"kind\":\"link\"}") "]}"
#define REPOS "\"repos\":{\"columns\":{\"org\":{\"type\":\"text\"," \
	"\"input\":true,\"default\":\"o\"},\"name\":{\"type\":\"text\"}," \
	"\"dead\":{\"type\":\"boolean\"}},\"lists\":[{" \
	"\"url\":\"/{{in.org}}/repos\",\"paginate\":{\"kind\":\"link\"}}]}"
#define OVER(more) REPOS ",\"issues\":{\"columns\":{\"repo\":{\"type\":" \
	"\"text\",\"input\":true},\"org\":{\"type\":\"text\",\"input\":true," \
	"\"default\":\"o\"},\"id\":{\"type\":\"integer\"}},\"lists\":[" \
	"{\"url\":\"/{{in.org}}/{{in.repo}}/i\",\"needs\":[\"org\",\"repo\"]" \
	more ",\"partition\":{\"over\":\"repos\",\"bind\":{\"repo\":\"name\"}," \
	"\"where\":{\"dead\":false},\"parallel\":2}}]}"

static void
test_values(void ** state)
{
	struct rig * g = rig_new("", ISSUES, "{}");

	(void)state;
	rig_script(g, "/a/i", { .body = "[{\"id\":1}]", .delay_ms = 90 });
	rig_script(g, "/b/i", { .body = "[{\"id\":2},{\"id\":3}]",
	    .delay_ms = 10 });
	rig_script(g, "/c/i", { .body = "[]", .delay_ms = 10 });
	rig_script(g, "/d/i", { .body = "[{\"id\":4}]", .delay_ms = 90 });
	rig_script(g, "/e/i", { .body = "[{\"id\":5}]", .delay_ms = 100 });
	/* In the order asked for, and side by side: four at once, the fifth when
	 * one that had nothing is over. */
	assert_int_equal(rig_read(g, "issues", "repo=in:a,b,c,d,e"), 5);
	rig_rows(g, "a/1|b/2 b/3|d/4|e/5");
	assert_in_range(fake_loop_ms(g->L), 100, 115);
	/* And kept as one. */
	assert_int_equal(rig_read(g, "issues", "repo=in:a,b,c,d,e"), 0);
	rig_rows(g, "a/1|b/2 b/3|d/4|e/5");
	assert_int_equal(rig_read(g, "issues", "repo=a"), 1);
	rig_rows(g, "a/1");
	rig_free(g);
	/* As many as the service wants. */
	g = rig_new("\"limits\":{\"concurrency\":1},", ISSUES, "{}");
	rig_script(g, "/a/i", { .body = "[{\"id\":1}]", .delay_ms = 50 });
	rig_script(g, "/b/i", { .body = "[{\"id\":2}]", .delay_ms = 50 });
	rig_read(g, "issues", "repo=in:b,a");
	rig_rows(g, "b/2|a/1");
	assert_int_equal(fake_loop_ms(g->L), 100);
	rig_free(g);
}

/* Each of one list with each of another. */
static void
test_matrix(void ** state)
{
	struct rig * g = rig_new("", "\"issues\":{\"columns\":{\"zone\":{\"type\":"
	    "\"text\",\"input\":true},\"who\":{\"type\":\"text\",\"input\":true,"
	    "\"default\":\"w\"},\"id\":{\"type\":\"integer\"}},\"lists\":[{"
	    "\"url\":\"/{{in.zone}}/i\",\"needs\":[\"zone\"],\"push\":{\"who\":"
	    "{\"query\":\"who\"}}}]}", "{}");

	(void)state;
	rig_script(g, "/a/i?who=x", { .body = "[{\"id\":1}]" });
	rig_script(g, "/a/i?who=y", { .body = "[{\"id\":2}]" });
	rig_script(g, "/b/i?who=x", { .body = "[]" });
	rig_script(g, "/b/i?who=y", { .body = "[{\"id\":3}]" });
	rig_script(g, "/b/i?who=z", { .body = "[{\"id\":4}]" });
	rig_script(g, "/b/i?who=w", { .body = "[{\"id\":5}]" });
	assert_int_equal(rig_read(g, "issues", "zone=in:a,b who=in:x,y"), 4);
	rig_rows(g, "a/x/1|a/y/2|b/y/3");
	assert_int_equal(rig_read(g, "issues", "who=in:z,y zone=b"), 2);
	rig_rows(g, "b/z/4|b/y/3");
	/* What is not told has its default. */
	assert_int_equal(rig_read(g, "issues", "zone=b"), 1);
	rig_rows(g, "b/w/5");
	rig_free(g);
}

static void
test_held(void ** state)
{
	struct rig * g = rig_new("", PAGED, "{}");

	(void)state;
	rig_script(g, "/a/i", { .body = "[{\"id\":1}]",
	    .header = "Link: </a/2>; rel=next" });
	rig_script(g, "/a/2", { .body = "[{\"id\":2}]" });
	rig_script(g, "/b/i", { .body = "[{\"id\":3}]",
	    .header = "Link: </b/2>; rel=next" });
	rig_script(g, "/b/2", { .body = "[{\"id\":4}]" });
	/* A part behind the first goes no further than its first page. */
	rig_open(g, "issues", "repo=in:a,b");
	rig_next(g);
	fake_loop_advance(g->L, 1000);
	assert_int_equal(fake_http_requests(g->http, BASE "/b/i"), 1);
	assert_int_equal(fake_http_requests(g->http, BASE "/b/2"), 0);
	assert_int_equal(fake_http_requests(g->http, BASE "/a/2"), 0);
	rig_all(g);
	rig_rows(g, "a/1|a/2|b/3|b/4");
	rig_free(g);
}

static void
test_fails_in_order(void ** state)
{
	struct rig * g = rig_new("", ISSUES, "{}");

	(void)state;
	rig_script(g, "/a/i", { .body = "[{\"id\":1}]", .delay_ms = 100 });
	rig_script(g, "/b/i", { .status = 404 });
	rig_script(g, "/c/i", { .body = "[{\"id\":3}]", .delay_ms = 200 });
	rig_read(g, "issues", "repo=in:a,b,c");
	assert_string_equal(g->rows, "a/1");
	rig_error(g, ERR_PERMANENT, "http_404", BASE "/b/i");
	/* What was under way for others is ended. */
	assert_int_equal(fake_http_running(g->http), 0);
	assert_int_equal(fake_loop_ms(g->L), 100);
	rig_free(g);
}

static void
test_limit(void ** state)
{
	struct rig * g = rig_new("", ISSUES, "{}");
	struct plan * p;

	(void)state;
	rig_script(g, "/a/i", { .body = "[{\"id\":1}]" });
	rig_script(g, "/b/i", { .body = "[{\"id\":2}]" });
	/* Who wants one row does not pay for the others'. */
	p = rig_plan(g, "issues", "repo=in:a,b");
	p->limit = 1;
	p->exact = 1;
	rig_open_plan(g, p);
	rig_all(g);
	rig_rows(g, "a/1");
	assert_int_equal(fake_http_requests(g->http, NULL), 1);
	rig_free(g);
}

static void
test_partition(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[409],\"do\":"
	    "\"skip\"}],", OVER(""), "{}");

	(void)state;
	rig_script(g, "/o/repos", { .body = "[{\"name\":\"a\",\"dead\":false},"
	    "{\"name\":\"x\",\"dead\":true},{\"name\":\"b\",\"dead\":false}]",
	    .header = "Link: </o/2>; rel=next", .delay_ms = 10 });
	rig_script(g, "/o/2", { .body = "[{\"name\":\"c/d\",\"dead\":false},"
	    "{\"dead\":false},{\"name\":\"e\",\"dead\":false}]",
	    .delay_ms = 10 });
	rig_script(g, "/o/a/i", { .body = "[{\"id\":1}]", .delay_ms = 100 });
	rig_script(g, "/o/b/i", { .status = 409, .delay_ms = 20 });
	rig_script(g, "/o/c%2Fd/i", { .body = "[{\"id\":3},{\"id\":4}]",
	    .delay_ms = 20 });
	rig_script(g, "/o/e/i", { .body = "[{\"id\":5}]", .delay_ms = 20 });
	assert_int_equal(rig_read(g, "issues", ""), 6);
	rig_rows(g, "a/o/1|c/d/o/3 c/d/o/4|e/o/5");
	assert_int_equal(fake_http_requests(g->http, BASE "/o/x/i"), 0);
	/* All of them count. */
	assert_int_equal(g->ctx.st.calls, 6);
	assert_int_equal(rig_read(g, "issues", ""), 0);
	rig_rows(g, "a/o/1|c/d/o/3 c/d/o/4|e/o/5");
	rig_free(g);
}

/* What fails for the moment is tried again, and only then left out. */
#define FORGOTTEN "\"errors\":[{\"status\":[410],\"do\":\"start_over\"," \
	"\"code\":\"resync\",\"message\":\"forgotten\"}],"

/* The place in the list is there no more. */
static void
test_start_over(void ** state)
{
	struct rig * g = rig_new(FORGOTTEN, PAGED, "{\"cache_ttl\":0}");
	struct err e;

	(void)state;
	/* Its rows are out: once more would double them. */
	rig_script(g, "/a/i", { .body = "[{\"id\":1}]",
	    .header = "Link: </a/2>; rel=next" });
	rig_script(g, "/a/2", { .status = 410, .body = "{}" },
	    { .body = "[{\"id\":2}]" });
	rig_read(g, "issues", "repo=a");
	rig_error(g, ERR_TRANSIENT, "resync", "forgotten");
	assert_int_equal(fake_http_requests(g->http, BASE "/a/2"), 1);
	/* None is out yet. */
	rig_script(g, "/b/i", { .body = "[]",
	    .header = "Link: </b/2>; rel=next" });
	rig_script(g, "/b/2", { .status = 410, .body = "{}" },
	    { .body = "[{\"id\":3}]" });
	assert_int_equal(rig_read(g, "issues", "repo=b"), 4);
	rig_rows(g, "b/3");
	/* A sync writes by keys. */
	rig_script(g, "/c/i", { .body = "[{\"id\":1}]",
	    .header = "Link: </c/2>; rel=next" },
	    { .body = "[{\"id\":1},{\"id\":9}]",
	    .header = "Link: </c/2>; rel=next" });
	rig_script(g, "/c/2", { .status = 410, .body = "{}" },
	    { .body = "[{\"id\":2}]" });
	rig_open(g, "issues", "repo=c");
	assert_int_equal(reader_sync(g->r, -1, NULL, &e), 0);
	rig_all(g);
	rig_rows(g, "c/1|c/1 c/9|c/2");
	/* But not for ever. */
	rig_script(g, "/d/i", { .body = "[]",
	    .header = "Link: </d/2>; rel=next" });
	rig_script(g, "/d/2", { .status = 410, .body = "{}" });
	assert_int_equal(rig_read(g, "issues", "repo=d"), 8);
	rig_error(g, ERR_TRANSIENT, "resync", "forgotten");
	rig_free(g);
}

static void
test_retry_then_skip(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[500],\"do\":"
	    "\"retry\",\"then\":\"skip\"}],", ISSUES, "{\"retry_count\":2}");

	(void)state;
	rig_script(g, "/a/i", { .status = 500 }, { .status = 500 },
	    { .body = "[{\"id\":1}]" });
	rig_script(g, "/b/i", { .status = 500 });
	rig_script(g, "/c/i", { .body = "[{\"id\":3}]" });
	rig_read(g, "issues", "repo=in:a,b,c");
	rig_rows(g, "a/1|c/3");
	assert_int_equal(fake_http_requests(g->http, BASE "/a/i"), 3);
	assert_int_equal(fake_http_requests(g->http, BASE "/b/i"), 3);
	assert_int_equal(g->ctx.st.skipped, 1);
	assert_string_equal(g->ctx.st.skipped_why, BASE "/b/i answered 500");
	rig_free(g);
	/* Where there is but one, or none is left, it is an error. */
	g = rig_new("\"errors\":[{\"status\":[500],\"do\":\"retry\",\"then\":"
	    "\"skip\"}],", ISSUES, "{\"retry_count\":1,\"cache_ttl\":0}");
	rig_script(g, "/a/i", { .status = 500 });
	assert_int_equal(rig_read(g, "issues", "repo=a"), 2);
	rig_error(g, ERR_TRANSIENT, "http_500", BASE "/a/i");
	assert_int_equal(g->ctx.st.skipped, 0);
	rig_script(g, "/b/i", { .status = 500 });
	assert_int_equal(rig_read(g, "issues", "repo=in:a,b"), 4);
	rig_error(g, ERR_TRANSIENT, "http_500", "/i");
	/* Also where all say so at once. */
	g->c->opt.retry_count = 0;
	assert_int_equal(rig_read(g, "issues", "repo=in:a,b"), 2);
	rig_error(g, ERR_TRANSIENT, "http_500", "/i");
	/* One that is empty is an answer. */
	rig_script(g, "/c/i", { .body = "[]" });
	memset(&g->ctx.st, 0, sizeof(g->ctx.st));
	rig_read(g, "issues", "repo=in:c,a");
	rig_rows(g, "");
	assert_int_equal(g->ctx.st.skipped, 1);
	rig_free(g);
}

/* What is refused is left out where others are not. */
static void
test_fail_then_skip(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[403],\"do\":"
	    "\"fail\",\"class\":\"config\",\"then\":\"skip\",\"message\":\"ask "
	    "for a role\"}],", OVER("") ",\"all\":{\"columns\":{\"repo\":{\"type\":"
	    "\"text\",\"input\":true},\"id\":{\"type\":\"integer\"}},\"lists\":[{"
	    "\"url\":\"/{{in.repo}}/i\",\"needs\":[\"repo\"]}]}",
	    "{\"cache_ttl\":0}");
	char url[64], in[1024] = "repo=in:";
	const struct fake_answer no = { .status = 403 };
	size_t i;

	(void)state;
	rig_script(g, "/a/i", { .status = 403 });
	rig_script(g, "/b/i", { .body = "[{\"id\":2}]", .delay_ms = 50 });
	rig_script(g, "/c/i", { .status = 403 });
	assert_int_equal(rig_read(g, "all", "repo=in:a,b,c"), 3);
	rig_rows(g, "b/2");
	assert_int_equal(g->ctx.st.skipped, 2);
	assert_string_equal(g->ctx.st.skipped_why, BASE "/a/i answered 403");
	/* The only one, and all. */
	assert_int_equal(rig_read(g, "all", "repo=a"), 1);
	rig_error(g, ERR_CONFIG, "http_403", "ask for a role");
	assert_int_equal(rig_read(g, "all", "repo=in:a,c"), 2);
	rig_error(g, ERR_CONFIG, "http_403", BASE "/c/i");
	/* All, while there may still be others. */
	rig_script(g, "/o/repos", { .body = "[{\"name\":\"a\",\"dead\":false},"
	    "{\"name\":\"b\",\"dead\":false}]",
	    .header = "Link: </o/2>; rel=next" });
	rig_script(g, "/o/a/i", { .status = 403 });
	rig_script(g, "/o/b/i", { .status = 403 });
	rig_script(g, "/o/2", { .body = "[]", .delay_ms = 100 });
	rig_read(g, "issues", "");
	rig_error(g, ERR_CONFIG, "http_403", "it.issues, page 1: ");
	assert_non_null(strstr(g->e.msg, BASE "/o/a/i"));
	rig_script(g, "/o/2", { .body = "[{\"name\":\"c\",\"dead\":false}]",
	    .delay_ms = 100 });
	rig_script(g, "/o/c/i", { .body = "[]" });
	rig_read(g, "issues", "");
	rig_rows(g, "");
	/* So many are taken for all. */
	for (i = 0; i < 150; i++) {
		snprintf(url, sizeof(url), "%sr%zu", i > 0 ? "," : "", i);
		strcat(in, url);
		snprintf(url, sizeof(url), BASE "/r%zu/i", i);
		fake_http_script(g->http, url, &no, 1);
	}
	i = rig_read(g, "all", in);
	rig_error(g, ERR_CONFIG, "http_403", "ask for a role");
	assert_in_range(i, 100, 104);
	rig_free(g);
}

static void
test_partition_inputs(void ** state)
{
	struct rig * g = rig_new("", OVER(""), "{}");

	(void)state;
	/* The parent is asked with the inputs they share. */
	rig_script(g, "/p/repos", { .body = "[{\"name\":\"a\","
	    "\"dead\":false}]" });
	rig_script(g, "/q/repos", { .body = "[{\"name\":\"b\","
	    "\"dead\":false}]" });
	rig_script(g, "/p/a/i", { .body = "[{\"id\":1}]" });
	rig_script(g, "/q/b/i", { .body = "[{\"id\":2}]" });
	assert_int_equal(rig_read(g, "issues", "org=in:p,q"), 4);
	rig_rows(g, "a/p/1|b/q/2");
	rig_free(g);
}

static void
test_partition_fails(void ** state)
{
	struct rig * g = rig_new("", OVER(""), "{\"retry_count\":0}");

	(void)state;
	rig_script(g, "/o/repos", { .body = "[{\"name\":\"a\","
	    "\"dead\":false}]", .header = "Link: </o/2>; rel=next" });
	rig_script(g, "/o/2", { .status = 500 });
	rig_script(g, "/o/a/i", { .body = "[{\"id\":1}]" });
	rig_read(g, "issues", "");
	assert_string_equal(g->rows, "a/o/1");
	rig_error(g, ERR_TRANSIENT, "http_500",
	    "for the rows of issues: it.repos, page 2");
	/* The calls of both count together. */
	g->ctx.max_calls = g->ctx.st.calls + 1;
	rig_read(g, "issues", "");
	rig_error(g, ERR_PERMANENT, "max_api_calls", "API calls");
	rig_free(g);
}

#define PART(name, over) "\"" name "\":{\"columns\":{\"id\":{\"type\":" \
	"\"integer\"},\"up\":{\"type\":\"integer\",\"input\":true}}," \
	"\"lists\":[{\"url\":\"/" name "/{{in.up}}\",\"needs\":[\"up\"]," \
	"\"partition\":{\"over\":\"" over "\",\"bind\":{\"up\":\"id\"}}}]}"

static void
test_nested(void ** state)
{
	struct rig * g = rig_new("", "\"a\":{\"columns\":{\"id\":{\"type\":"
	    "\"integer\"}},\"lists\":[{\"url\":\"/a\"}]}," PART("b", "a") ","
	    PART("c", "b"), "{}");

	(void)state;
	rig_script(g, "/a", { .body = "[{\"id\":1},{\"id\":2}]" });
	rig_script(g, "/b/1", { .body = "[{\"id\":3}]" });
	rig_script(g, "/b/2", { .body = "[{\"id\":4}]" });
	rig_script(g, "/c/3", { .body = "[{\"id\":5}]" });
	rig_script(g, "/c/4", { .body = "[{\"id\":6}]" });
	assert_int_equal(rig_read(g, "c", ""), 5);
	rig_rows(g, "5/3|6/4");
	rig_free(g);
}

static void
test_cancel(void ** state)
{
	struct rig * g;
	int64_t ms;

	(void)state;
	for (ms = 0; ms < 90; ms++) {
		g = rig_new("", OVER(""), "{}");
		rig_script(g, "/o/repos", { .body = "[{\"name\":\"a\","
		    "\"dead\":false},{\"name\":\"b\",\"dead\":false}]",
		    .header = "Link: </o/2>; rel=next", .delay_ms = 10 });
		rig_script(g, "/o/2", { .body = "[{\"name\":\"c\","
		    "\"dead\":false}]", .delay_ms = 10 });
		rig_script(g, "/o/a/i", { .body = "[{\"id\":1}]",
		    .delay_ms = 15 });
		rig_script(g, "/o/b/i", { .body = "[]", .delay_ms = 5 });
		rig_script(g, "/o/c/i", { .body = "[{\"id\":1}]",
		    .delay_ms = 35 });
		rig_open(g, "issues", "");
		rig_begin(g);
		fake_loop_advance(g->L, ms / 3);
		if (g->calls > 0 && !g->is_end && ms % 3 > 0) {
			g->calls = 0;
			if (ms % 3 == 1)
				rig_begin(g);
			else
				reader_ahead(g->r);
			fake_loop_advance(g->L, ms / 3);
		}
		rig_free(g);
	}
}

static void
test_wider(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[400],\"contains\":"
	    "\"no such\",\"do\":\"empty\"}],", "\"items\":{\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"s\":{\"type\":\"text\"}},"
	    "\"lists\":[{\"url\":\"/i\",\"push\":{\"s\":[{\"op\":\"in\","
	    "\"query\":\"s\",\"many\":\"csv\"},{\"op\":\"=\",\"query\":\"s\"}]"
	    "}}]}", "{}");

	(void)state;
	rig_script(g, "/i?s=a%2Cb", { .status = 400, .body = "no such s" });
	rig_script(g, "/i?s=a,b", { .status = 400, .body = "no such s" });
	rig_script(g, "/i?s=z", { .status = 400, .body = "no such s" });
	rig_script(g, "/i", { .body = "[{\"id\":1,\"s\":\"a\"},{\"id\":2}]" });
	/* One of two values is unknown: the other may still have rows. */
	assert_int_equal(rig_read(g, "items", "s=in:a,b"), 2);
	rig_rows(g, "1/a 2");
	/* The only one is: there are none. */
	assert_int_equal(rig_read(g, "items", "s=z"), 1);
	rig_rows(g, "");
	/* Nobody asked for a value: then it is what the connector is configured
	 * with, and no rows would hide that. */
	g->ctx.no_cache = 1;
	rig_script(g, "/i", { .status = 400, .body = "no such s" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_error(g, ERR_PERMANENT, "http_400", "answered 400");
	rig_free(g);
}

/* One part finds that a value is unknown while the others page, or ask for the
 * very same: each goes on as it began, and none is taken for empty. */
static void
test_wider_parts(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[400],\"contains\":"
	    "\"no such\",\"do\":\"empty\"}],", "\"items\":{\"columns\":{"
	    "\"repo\":{\"type\":\"text\",\"input\":true},\"id\":{\"type\":"
	    "\"integer\"},\"s\":{\"type\":\"text\"}},\"lists\":[{\"url\":"
	    "\"/{{in.repo}}/i\",\"needs\":[\"repo\"],\"paginate\":{\"kind\":"
	    "\"offset\",\"query\":\"o\",\"short_page_ends\":true,\"size\":{"
	    "\"query\":\"n\",\"default\":2}},\"push\":{\"s\":{\"op\":\"in\","
	    "\"query\":\"s\",\"many\":\"csv\"}}}]}", "{}");

	(void)state;
	rig_script(g, "/a/i?s=x,y&n=2&o=0", { .status = 400, .body =
	    "no such s", .delay_ms = 50 });
	rig_script(g, "/a/i?n=2&o=0", { .body = "[{\"id\":1,\"s\":\"x\"}]" });
	rig_script(g, "/b/i?s=x,y&n=2&o=0", { .body = "[{\"id\":2,\"s\":\"x\"},"
	    "{\"id\":3,\"s\":\"y\"}]" });
	rig_script(g, "/b/i?s=x,y&n=2&o=2", { .body = "[{\"id\":4,\"s\":\"x\"}"
	    "]" });
	rig_script(g, "/c/i?s=x,y&n=2&o=0", { .status = 400, .body =
	    "no such s", .delay_ms = 90 });
	rig_script(g, "/c/i?n=2&o=0", { .body = "[{\"id\":5,\"s\":\"y\"}]" });
	assert_int_equal(rig_read(g, "items", "repo=in:a,b,c s=in:x,y"), 6);
	rig_rows(g, "a/1/x|b/2/x b/3/y|b/4/x|c/5/y");
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_fails_in_order),
		cmocka_unit_test(test_limit), cmocka_unit_test(test_partition),
		cmocka_unit_test(test_start_over),
		cmocka_unit_test(test_retry_then_skip),
		cmocka_unit_test(test_fail_then_skip),
		cmocka_unit_test(test_partition_inputs),
		cmocka_unit_test(test_partition_fails),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_cancel), cmocka_unit_test(test_wider),
		cmocka_unit_test(test_wider_parts),
	};

	return (cmocka_run_group_tests_name("reader parts", tests, NULL,
	    NULL));
}
