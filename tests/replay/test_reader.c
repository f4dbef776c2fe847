#include "reader_rig.h"

/* Paging: each way, each end, and what must not be taken for one. */

#define COLS "\"columns\":{\"id\":{\"type\":\"integer\"}}"
#define ITEMS(more) "\"items\":{" COLS ",\"lists\":[{\"url\":\"/i\"," \
	more "}]}"

static void
test_none(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"records\":\"data\""), "{}");

	(void)state;
	rig_script(g, "/i", { .body = "{\"data\":[{\"id\":1},{\"id\":2}]}" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "1 2");
	assert_int_equal(g->ctx.st.calls, 1);
	assert_int_equal(g->ctx.st.pages, 1);
	assert_int_equal(g->ctx.st.rows, 2);
	assert_int_equal(g->ctx.st.bytes, 28);
	rig_free(g);
	/* Nothing there is no error. */
	g = rig_new("", ITEMS("\"records\":\"data\""), "{}");
	rig_script(g, "/i", { .body = "{\"data\":[]}" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "");
	rig_free(g);
	g = rig_new("", ITEMS("\"records\":\"$\""), "{}");
	rig_script(g, "/i", { .status = 204 });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "");
	rig_free(g);
}

static void
test_link(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"link\"}"),
	    "{}");

	(void)state;
	rig_script(g, "/i", { .body = "[{\"id\":1}]", .header =
	    "Link: <" BASE "/first?a=1>; rel=\"first\", <" BASE
	    "/i?x=%2C,;&page=2>; title=\"rel=next, x\"; rel=\"prefetch next\""
	    });
	/* A relative one is seen from the page it stands on. */
	rig_script(g, "/i?x=%2C,;&page=2", { .body = "[{\"id\":2}]",
	    .header = "Link: <?page=3>; REL=next" });
	rig_script(g, "/i?page=3", { .body = "[{\"id\":3}]",
	    .header = "Link: <" BASE "/i>; rel=\"first\"" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1|2|3");
	rig_free(g);
}

static void
test_odd_links(void ** state)
{
	static const char * const odd[] = { "", "<", "<>", "<x", "x>", "<x>",
	    "<x>;", "<x>; rel", "<x>; rel=", "<x>; rel=\"", "<x>; rel=\"nex",
	    "<x>; rel=nextt", "<x>; rel=\"nex t\"", "<x>; norel=next",
	    "<x>; title=\"; rel=next", ",,<,>;;rel==next", "<x> rel=;next",
	    "<x>; rel=prev, ; rel=next", "<x>; title=\"a, <y>; rel=next\"" };
	static const struct {
		const char * link, * url;
	} good[] = {
		{ "<x>;rel=next", BASE "/d/x" },
		{ "<x>; a=b; rel=\"next\"", BASE "/d/x" },
		{ "<x>; rel = \"last next\"", BASE "/d/x" },
		{ "<y>; rel=last,<x>; rel=NEXT", BASE "/d/x" },
		{ "</x>; rel=next", BASE "/x" },
		{ "<//svc.test/x>; rel=next", BASE "/x" },
		{ "<?x>; rel=next", BASE "/d/i?x" },
		{ "<" BASE "/x,;y>; rel=next", BASE "/x,;y" },
	};
	struct fake_answer a = { .body = "[{\"id\":1}]" };
	static const struct fake_answer two = { .body = "[{\"id\":2}]" };
	struct rig * g = rig_new("", "\"items\":{" COLS ",\"lists\":[{\"url\":"
	    "\"/d/i?k=1/2\",\"paginate\":{\"kind\":\"link\"}}]}",
	    "{\"cache_ttl\":0,\"retry_count\":0}");
	char line[200];
	size_t i;

	(void)state;
	a.header = line;
	fake_http_script(g->http, BASE "/d/i?k=1/2", &a, 1);
	fake_http_script(g->http, BASE "/d/i?k=1%2F2", &a, 1);
	for (i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		snprintf(line, sizeof(line), "Link: %s", odd[i]);
		if (rig_read(g, "items", "") != 1)
			fail_msg("%s was followed", odd[i]);
		rig_rows(g, "1");
	}
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(line, sizeof(line), "Link: %s", good[i].link);
		fake_http_script(g->http, good[i].url, &two, 1);
		rig_read(g, "items", "");
		rig_rows(g, "1|2");
	}
	rig_free(g);
}

static void
test_cursor(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"records\":\"d\",\"paginate\":{"
	    "\"kind\":\"cursor\",\"query\":\"c\",\"from\":\"next\"}"), "{}");

	(void)state;
	rig_script(g, "/i", { .body = "{\"d\":[{\"id\":1}],\"next\":\"a b\"}" });
	rig_script(g, "/i?c=a%20b", { .body =
	    "{\"d\":[{\"id\":2}],\"next\":77}" });
	/* A page that is empty is not the last. */
	rig_script(g, "/i?c=77", { .body = "{\"d\":[],\"next\":\"z\"}" });
	rig_script(g, "/i?c=z", { .body = "{\"d\":[{\"id\":3}],\"next\":\"\"}" },
	    { .body = "{\"d\":[{\"id\":3}],\"next\":null}" },
	    { .body = "{\"d\":[{\"id\":3}]}" });
	g->ctx.no_cache = 1;
	assert_int_equal(rig_read(g, "items", ""), 4);
	rig_rows(g, "1|2|3");
	assert_int_equal(rig_read(g, "items", ""), 4);
	rig_rows(g, "1|2|3");
	assert_int_equal(rig_read(g, "items", ""), 4);
	rig_rows(g, "1|2|3");
	rig_free(g);
	g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"cursor\","
	    "\"query\":\"c\",\"from_header\":\"X-Next\"}"), "{}");
	rig_script(g, "/i", { .body = "[{\"id\":1}]", .header = "X-Next: q" });
	rig_script(g, "/i?c=q", { .body = "[{\"id\":2}]" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_rows(g, "1|2");
	rig_free(g);
}

/* What the ${i}-th request sent of a header; "": nothing. */
static const char *
sent(const struct rig * g, size_t i, const char * header)
{
	static char out[80];
	const char * at = strcasestr(fake_http_request(g->http, BASE "/i",
	    i)->headers, header);

	out[0] = '\0';
	if (at != NULL)
		snprintf(out, sizeof(out), "%.*s", (int)strcspn(at, "\n"), at);
	return (out);
}

/* The place and the size go in headers, too: the URL is the same. */
static void
test_cursor_headers(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"paginate\":{\"kind\":"
	    "\"cursor\",\"header\":\"X-Cursor\",\"from_header\":\"X-Next\","
	    "\"end\":\"null\",\"size\":{\"header\":\"X-Size\",\"default\":2,"
	    "\"max\":4}}"), "{}");

	(void)state;
	rig_script(g, "/i", { .body = "[{\"id\":1},{\"id\":2}]",
	    .header = "x-next: q+1/=" }, { .body = "[{\"id\":3}]",
	    .header = "X-Next: r" }, { .body = "[{\"id\":4}]",
	    .header = "X-Next: null" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1 2|3|4");
	assert_string_equal(sent(g, 0, "X-Cursor"), "");
	assert_string_equal(sent(g, 0, "X-Size"), "X-Size: 2");
	assert_string_equal(sent(g, 1, "X-Cursor"), "X-Cursor: q+1/=");
	assert_string_equal(sent(g, 1, "X-Size"), "X-Size: 2");
	assert_string_equal(sent(g, 2, "X-Cursor"), "X-Cursor: r");
	rig_free(g);
	/* A place out of a body is no way to what this side keeps to itself. */
	g = rig_new("", ITEMS("\"records\":\"d\",\"paginate\":{\"kind\":"
	    "\"cursor\",\"header\":\"X-Cursor\",\"from\":\"n\"}"), "{}");
	rig_script(g, "/i", { .body =
	    "{\"d\":[{\"id\":1}],\"n\":\"\\u0001secret\\u0002\"}" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_error(g, ERR_CONFIG, "template", "control character");
	rig_free(g);
}

/* The place is a member of the last record there is, of a row or not. */
static void
test_cursor_records(void ** state)
{
	struct rig * g = rig_new("", "\"items\":{" COLS ",\"drop_if\":\"x\","
	    "\"lists\":[{\"url\":\"/i\",\"records\":\"d\",\"paginate\":{"
	    "\"kind\":\"cursor\",\"query\":\"after\",\"from_record\":"
	    "\"m.n\"}}]}", "{}");

	(void)state;
	rig_script(g, "/i", { .body = "{\"d\":[{\"id\":1,\"m\":{\"n\":7}},"
	    "{\"m\":{\"n\":\"x y\",\"n2\":[{\"n\":4}]},\"id\":2}]}",
	    .pieces = 5 });
	rig_script(g, "/i?after=x%20y", { .body = "{\"d\":[{\"id\":3,\"m\":"
	    "{\"n\":9}},{\"id\":4,\"x\":true,\"m\":{\"n\":12}}]}" });
	rig_script(g, "/i?after=12", { .body = "{\"d\":[]}" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1 2|3");
	rig_free(g);
	/* Where the last one lacks it, that of another would lead back. */
	g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"cursor\",\"query\":"
	    "\"c\",\"from_record\":\"k\"}"), "{}");
	rig_script(g, "/i", { .body = "[{\"id\":1,\"k\":1},{\"id\":2}]" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_error(g, ERR_PERMANENT, "page_cursor", "page 1");
	rig_free(g);
	/* A list that does not move on. */
	g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"cursor\",\"query\":"
	    "\"c\",\"from_record\":\"id\"}"), "{}");
	rig_script(g, "/i", { .body = "[{\"id\":1},{\"id\":2}]" });
	rig_script(g, "/i?c=2", { .body = "[{\"id\":1},{\"id\":2}]" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_error(g, ERR_PERMANENT, "page_repeats", "paging would not end");
	rig_free(g);
}

static void
test_cursor_ends(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"records\":\"d\",\"paginate\":{"
	    "\"kind\":\"cursor\",\"query\":\"c\",\"from\":\"next\","
	    "\"last\":\"done\",\"more\":\"has\"}"), "{}");

	(void)state;
	g->ctx.no_cache = 1;
	rig_script(g, "/i", { .body =
	    "{\"d\":[{\"id\":1}],\"next\":\"x\",\"has\":false}" },
	    { .body = "{\"d\":[{\"id\":1}],\"next\":\"x\"}" },
	    { .body = "{\"d\":[{\"id\":1}],\"next\":\"x\",\"has\":true,"
	    "\"done\":true}" },
	    { .body = "{\"d\":[{\"id\":1}],\"next\":\"x\",\"has\":true,"
	    "\"done\":false}" });
	rig_script(g, "/i?c=x", { .body = "{\"d\":[{\"id\":2}]}" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	assert_int_equal(rig_read(g, "items", ""), 1);
	assert_int_equal(rig_read(g, "items", ""), 1);
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_rows(g, "1|2");
	rig_free(g);
}

static void
test_offset(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"records\":\"d\",\"paginate\":{"
	    "\"kind\":\"offset\",\"query\":\"o\",\"total\":\"n\",\"size\":{"
	    "\"query\":\"l\",\"default\":2,\"max\":3}}"), "{}");

	(void)state;
	g->ctx.no_cache = 1;
	rig_script(g, "/i?l=2&o=0", { .body =
	    "{\"d\":[{\"id\":1},{\"id\":2}],\"n\":5}" });
	rig_script(g, "/i?l=2&o=2", { .body =
	    "{\"d\":[{\"id\":3},{\"id\":4}],\"n\":\"5\"}" });
	rig_script(g, "/i?l=2&o=4", { .body = "{\"d\":[{\"id\":5}],\"n\":5}" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1 2|3 4|5");
	rig_free(g);
	/* Without a total it goes on until nothing comes; a short page is no
	 * end unless the manifest says so. */
	g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"offset\","
	    "\"query\":\"o\",\"size\":{\"query\":\"l\",\"default\":2,"
	    "\"max\":2}}"), "{}");
	rig_script(g, "/i?l=2&o=0", { .body = "[{\"id\":1},{\"id\":2}]" });
	rig_script(g, "/i?l=2&o=2", { .body = "[{\"id\":3}]" });
	rig_script(g, "/i?l=2&o=3", { .body = "[]" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1 2|3");
	rig_free(g);
}

static void
test_short_page(void ** state)
{
	struct rig * g = rig_new("", "\"items\":{" COLS ",\"drop_if\":\"pr\","
	    "\"lists\":[{\"url\":\"/i\",\"paginate\":{\"kind\":\"page\","
	    "\"query\":\"p\",\"first\":1,\"short_page_ends\":true,\"size\":{"
	    "\"query\":\"l\",\"default\":2,\"max\":2}}}]}", "{}");

	(void)state;
	/* Records that are dropped count: the page was full. */
	rig_script(g, "/i?l=2&p=1", { .body =
	    "[{\"id\":1,\"pr\":{}},{\"id\":2,\"pr\":{}}]" });
	rig_script(g, "/i?l=2&p=2", { .body =
	    "[{\"id\":3,\"pr\":{}},{\"id\":4}]" });
	rig_script(g, "/i?l=2&p=3", { .body = "[{\"id\":5}]" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "4|5");
	rig_free(g);
}

static void
test_next_url(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"records\":\"d\",\"paginate\":{"
	    "\"kind\":\"next_url\",\"from\":\"\\\"@next\\\"\"}"), "{}");

	(void)state;
	rig_script(g, "/i", { .body =
	    "{\"d\":[{\"id\":1}],\"@next\":\"" BASE "/j?k=1\"}" });
	rig_script(g, "/j?k=1", { .body =
	    "{\"d\":[{\"id\":2}],\"@next\":\"/k\"}" });
	rig_script(g, "/k", { .body = "{\"d\":[{\"id\":3}],\"@next\":\"l\"}" });
	rig_script(g, "/l", { .body = "{\"d\":[{\"id\":4}],\"@next\":null}" });
	assert_int_equal(rig_read(g, "items", ""), 4);
	rig_rows(g, "1|2|3|4");
	rig_free(g);
}

/* What begins with / may stand behind a part of the path that the service does
 * not know of. */
static void
test_next_base(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"records\":\"d\",\"paginate\":{"
	    "\"kind\":\"next_url\",\"from\":\"n\",\"base\":\"" BASE
	    "/ex/\"}"), "{}");

	(void)state;
	rig_script(g, "/i", { .body = "{\"d\":[{\"id\":1}],\"n\":\"/j?k=1\"}" });
	rig_script(g, "/ex/j?k=1", { .body =
	    "{\"d\":[{\"id\":2}],\"n\":\"" BASE "/k\"}" });
	rig_script(g, "/k", { .body = "{\"d\":[{\"id\":3}]}" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1|2|3");
	rig_free(g);
}

static void
test_other_host(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"link\"}"),
	    "{}");

	(void)state;
	rig_script(g, "/i", { .body = "[{\"id\":1}]",
	    .header = "Link: <http://evil.test/i>; rel=\"next\"" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	assert_string_equal(g->rows, "1");
	rig_error(g, ERR_PERMANENT, "page_host", "it.items, page 2");
	rig_free(g);
}

static void
test_repeats(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"page\","
	    "\"query\":\"p\",\"first\":1}"), "{}");

	(void)state;
	rig_script(g, "/i?p=1", { .body = "[{\"id\":1}]" });
	rig_script(g, "/i?p=2", { .body = "[{\"id\":2}]", .pieces = 4 });
	rig_script(g, "/i?p=3", { .body = "[{\"id\":2}]", .pieces = 7 });
	assert_int_equal(rig_read(g, "items", ""), 3);
	assert_string_equal(g->rows, "1|2");
	rig_error(g, ERR_PERMANENT, "page_repeats",
	    "it.items, page 3 of http://svc.test/i");
	rig_free(g);
	/* An empty page that leads to itself. */
	g = rig_new("", ITEMS("\"records\":\"d\",\"paginate\":{"
	    "\"kind\":\"cursor\",\"query\":\"c\",\"from\":\"n\"}"), "{}");
	rig_script(g, "/i", { .body = "{\"d\":[],\"n\":\"x\"}" });
	rig_script(g, "/i?c=x", { .body = "{\"d\":[],\"n\":\"x\"}" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_error(g, ERR_PERMANENT, "page_repeats", "paging would not end");
	rig_free(g);
}

static void
test_links(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"link\"}"),
	    "{}");

	(void)state;
	/* A server may send several headers, or one with all of it. */
	rig_script(g, "/i", { .body = "[{\"id\":1}]", .header =
	    "Link: </i?p=2>; rel=\"next\"\nX-A: b\nlink: </s.css>; "
	    "rel=preload" });
	rig_script(g, "/i?p=2", { .body = "[{\"id\":2}]", .header =
	    "Link: </s.css>; rel=preload\nLink: </i?p=3>; rel=\"next\"" });
	rig_script(g, "/i?p=3", { .body = "[{\"id\":3}]", .header =
	    "Link: </i>; rel=first, </s.css>; rel=preload" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1|2|3");
	rig_free(g);
}

static void
test_caps(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"offset\","
	    "\"query\":\"o\",\"cap\":3,\"size\":{\"query\":\"l\","
	    "\"default\":2,\"max\":2}}"), "{}");

	(void)state;
	rig_script(g, "/i?l=2&o=0", { .body = "[{\"id\":1},{\"id\":2}]" });
	/* No more than the cap allows is asked for. */
	rig_script(g, "/i?l=1&o=2", { .body = "[{\"id\":3}]" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	assert_string_equal(g->rows, "1 2|3");
	rig_error(g, ERR_PERMANENT, "page_cap", "offset 3");
	rig_free(g);
	/* And that smaller page is no short one. */
	g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"offset\",\"query\":"
	    "\"o\",\"cap\":3,\"short_page_ends\":true,\"size\":{\"query\":"
	    "\"l\",\"default\":2,\"max\":2}}"), "{}");
	rig_script(g, "/i?l=2&o=0", { .body = "[{\"id\":1},{\"id\":2}]" });
	rig_script(g, "/i?l=1&o=2", { .body = "[{\"id\":3}]" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_error(g, ERR_PERMANENT, "page_cap", "offset 3");
	rig_free(g);
	g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"page\",\"query\":\"p\","
	    "\"first\":0,\"max_pages\":2}"), "{}");
	rig_script(g, "/i?p=0", { .body = "[{\"id\":1}]" });
	rig_script(g, "/i?p=1", { .body = "[{\"id\":2}]" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	assert_string_equal(g->rows, "1|2");
	rig_error(g, ERR_PERMANENT, "max_pages", "which is 2");
	rig_free(g);
}

static void
test_max_rows(void ** state)
{
	struct rig * g = rig_new("", "\"items\":{\"columns\":{\"id\":{"
	    "\"type\":\"integer\"},\"q\":{\"type\":\"text\"}},"
	    "\"lists\":[{\"url\":\"/i\",\"max_rows\":2,\"push\":{\"q\":{"
	    "\"op\":\"=\",\"query\":\"q\",\"caps\":true}}}]}", "{}");

	(void)state;
	rig_script(g, "/i?q=x", { .body =
	    "[{\"id\":1,\"q\":\"x\"},{\"id\":2,\"q\":\"x\"}]" });
	rig_script(g, "/i", { .body = "[{\"id\":1},{\"id\":2}]" });
	rig_script(g, "/i?q=y", { .body = "[{\"id\":1,\"q\":\"y\"}]" });
	rig_read(g, "items", "q=x");
	assert_string_equal(g->rows, "1/x 2/x");
	rig_error(g, ERR_PERMANENT, "max_rows", "narrow it by q");
	/* Below it, or without that push, all is well. */
	rig_read(g, "items", "q=y");
	rig_rows(g, "1/y");
	rig_read(g, "items", "");
	rig_rows(g, "1 2");
	rig_free(g);
}

static void
test_limit_and_size(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"page\","
	    "\"query\":\"p\",\"first\":1,\"size\":{\"query\":\"l\","
	    "\"default\":2,\"max\":4}}"), "{\"batch_size\":3}");
	struct plan * p;
	size_t before;

	(void)state;
	rig_script(g, "/i?l=1&p=1", { .body = "[{\"id\":1}]" });
	rig_script(g, "/i?l=4&p=1", { .body =
	    "[{\"id\":1},{\"id\":2},{\"id\":3},{\"id\":4}]" });
	rig_script(g, "/i?l=4&p=2", { .body =
	    "[{\"id\":5},{\"id\":6},{\"id\":7}]" });
	rig_script(g, "/i?l=3&p=1", { .body =
	    "[{\"id\":1},{\"id\":2},{\"id\":3}]" });
	rig_script(g, "/i?l=3&p=2", { .body = "[]" });
	/* A page as small as the limit, if all was pushed. */
	p = rig_plan(g, "items", "");
	p->limit = 1;
	p->exact = 1;
	rig_open_plan(g, p);
	rig_all(g);
	rig_rows(g, "1");
	assert_int_equal(fake_http_requests(g->http, NULL), 1);
	/* Paging stops when there are enough. */
	p = rig_plan(g, "items", "");
	p->limit = 6;
	p->exact = 1;
	rig_open_plan(g, p);
	rig_all(g);
	rig_rows(g, "1 2 3 4|5 6 7");
	assert_int_equal(fake_http_requests(g->http, NULL), 3);
	/* Else as OPTIONS say, and the limit is others' to keep. */
	p = rig_plan(g, "items", "");
	p->limit = 1;
	p->exact = 0;
	before = fake_http_requests(g->http, NULL);
	rig_open_plan(g, p);
	rig_all(g);
	rig_rows(g, "1 2 3");
	assert_int_equal(fake_http_requests(g->http, NULL) - before, 2);
	rig_free(g);
}

static void
test_ahead(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"paginate\":{\"kind\":\"page\","
	    "\"query\":\"p\",\"first\":1}"), "{}");
	int64_t t0;

	(void)state;
	rig_script(g, "/i?p=1", { .body = "[{\"id\":1}]", .delay_ms = 50 });
	rig_script(g, "/i?p=2", { .body = "[{\"id\":2}]", .delay_ms = 50 });
	rig_script(g, "/i?p=3", { .body = "[{\"id\":3}]", .delay_ms = 50 });
	rig_script(g, "/i?p=4", { .body = "[]", .delay_ms = 50 });
	rig_open(g, "items", "");
	fake_loop_advance(g->L, 1000);
	/* Nothing is asked that nobody asked for. */
	assert_int_equal(fake_http_requests(g->http, NULL), 0);
	rig_next(g);
	fake_loop_advance(g->L, 1000);
	assert_int_equal(fake_http_requests(g->http, NULL), 1);
	/* Ahead: one, and no more. */
	reader_ahead(g->r);
	reader_ahead(g->r);
	fake_loop_advance(g->L, 1000);
	assert_int_equal(fake_http_requests(g->http, NULL), 2);
	reader_ahead(g->r);
	fake_loop_advance(g->L, 1000);
	assert_int_equal(fake_http_requests(g->http, NULL), 2);
	t0 = fake_loop_ms(g->L);
	rig_next(g);
	assert_int_equal(fake_loop_ms(g->L), t0);
	assert_string_equal(g->rows, "1|2");
	/* Asking while it is under way waits for it. */
	reader_ahead(g->r);
	fake_loop_advance(g->L, 30);
	rig_next(g);
	assert_int_equal(fake_loop_ms(g->L), t0 + 50);
	assert_int_equal(fake_http_requests(g->http, NULL), 3);
	assert_string_equal(g->rows, "1|2|3");
	/* Ahead of the end. */
	reader_ahead(g->r);
	fake_loop_advance(g->L, 100);
	rig_next(g);
	assert_true(g->is_end && !g->has_failed);
	reader_ahead(g->r);
	fake_loop_advance(g->L, 100);
	assert_int_equal(fake_http_requests(g->http, NULL), 4);
	rig_free(g);
}

static void
test_bad_pages(void ** state)
{
	struct rig * g = rig_new("", ITEMS("\"records\":\"d\",\"paginate\":{"
	    "\"kind\":\"page\",\"query\":\"p\",\"first\":1}"), "{}");

	(void)state;
	rig_script(g, "/i?p=1", { .body = "{\"d\":[{\"id\":1}]}" });
	rig_script(g, "/i?p=2", { .body = "{\"d\":[{\"id\":2},}]}" },
	    { .body = "{\"e\":[],\"f\":1}" }, { .body = "<html>" },
	    { .body = "{\"d\":[{\"id\":2}" }, { .body = "" });
	rig_read(g, "items", "");
	assert_string_equal(g->rows, "1");
	rig_error(g, ERR_PERMANENT, "json", "it.items, page 2 of " BASE "/i");
	rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "records", "it.items, page 2 of ");
	rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "json", "page 2 of ");
	rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "json", "page 2 of ");
	rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "json", "page 2 of ");
	rig_free(g);
}

static void
test_metrics(void ** state)
{
	struct rig * g = rig_new("", "\"m\":{\"decode\":\"openmetrics\","
	    "\"columns\":{\"name\":{\"type\":\"text\"},\"value\":{\"type\":"
	    "\"real\"},\"labels\":{\"type\":\"map\"},\"timestamp\":{\"type\":"
	    "\"timestamp\"}},\"lists\":[{\"url\":\"/metrics\"}]}", "{}");

	(void)state;
	rig_script(g, "/metrics", { .body = "up 1\nq{a=\"b\"} NaN\n" },
	    { .status = 503 }, { .body = "up 2\n" }, { .status = 404 },
	    { .body = "no metrics at all\n" });
	assert_int_equal(rig_read(g, "m", ""), 1);
	rig_rows(g, "up/1/{}/2023-11-14T22:13:20Z q/{\"a\":\"b\"}/"
	    "2023-11-14T22:13:20Z");
	/* Never from a cache, and again after what is transient. */
	assert_int_equal(rig_read(g, "m", ""), 2);
	rig_rows(g, "up/2/{}/2023-11-14T22:13:20Z");
	assert_int_equal(rig_read(g, "m", ""), 1);
	rig_error(g, ERR_PERMANENT, "http_404", "it.m, page 1");
	assert_int_equal(rig_read(g, "m", ""), 1);
	rig_error(g, ERR_PERMANENT, "parse", "it.m, page 1");
	assert_int_equal(g->ctx.st.calls, 5);
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none), cmocka_unit_test(test_link),
		cmocka_unit_test(test_odd_links),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_cursor_headers),
		cmocka_unit_test(test_cursor_records),
		cmocka_unit_test(test_cursor_ends),
		cmocka_unit_test(test_offset),
		cmocka_unit_test(test_short_page),
		cmocka_unit_test(test_next_url),
		cmocka_unit_test(test_next_base),
		cmocka_unit_test(test_other_host),
		cmocka_unit_test(test_repeats), cmocka_unit_test(test_links),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_max_rows),
		cmocka_unit_test(test_limit_and_size),
		cmocka_unit_test(test_ahead), cmocka_unit_test(test_bad_pages),
		cmocka_unit_test(test_metrics),
	};

	return (cmocka_run_group_tests_name("reader paging", tests, NULL,
	    NULL));
}
