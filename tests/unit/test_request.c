#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service_fixture.h"

/* Requests: what is sent for a plan's pages, an action, a test; and nothing in
 * a value can change what they mean. */

static struct manifest * m;
static struct connector * c;
static const struct manifest_entity * issues, * tickets;

static int
setup(void ** state)
{
	struct err e = { .msg = "" };

	(void)state;
	if ((m = service_load(&e)) == NULL)
		fail_msg("%s", e.msg);
	c = service_connector(m, "{\"org\": \"acme\", \"token\": \"$env:TKN\"}",
	    &e);
	if (c == NULL)
		fail_msg("%s", e.msg);
	issues = manifest_entity(m, "issues");
	tickets = manifest_entity(m, "tickets");
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	connector_unref(c);
	manifest_unref(m);
	return (0);
}

#define MAX_GIVEN 8
static struct plan_given given[MAX_GIVEN];
static struct value values[MAX_GIVEN][2];
static size_t ngiven;
static struct plan_order orders[2];
static size_t norders;

static void
where(const struct manifest_entity * ent, const char * col, unsigned op,
    const char * v)
{
	int i = manifest_column(ent, col);

	assert_true(i >= 0 && ngiven < MAX_GIVEN);
	values[ngiven][0] = text_value(v);
	given[ngiven].column = (size_t)i;
	given[ngiven].op = op;
	given[ngiven].values = values[ngiven];
	given[ngiven].nvalues = op == OP_IS_NULL ? 0 : 1;
	ngiven++;
}

static void
order_by(const struct manifest_entity * ent, const char * col, int desc)
{
	orders[norders].column = (size_t)manifest_column(ent, col);
	orders[norders++].desc = desc;
}

static struct request *
page(const struct manifest_entity * ent, const struct page_pos * pos,
    struct err * e)
{
	static const struct page_pos first;
	struct plan * p = plan_new(c, ent, given, ngiven, orders, norders, e);
	struct request * r;
	json_t * in;
	size_t n;

	ngiven = norders = 0;
	if (p == NULL)
		fail_msg("%s", e->msg);
	in = plan_inputs(p, &n, e);
	assert_int_equal(n, 1);
	r = request_page(p, json_array_get(in, 0), pos ? pos : &first, e);
	json_decref(in);
	plan_free(p);
	return (r);
}

static void
asks(const struct manifest_entity * ent, const struct page_pos * pos,
    const char * url)
{
	struct err e = { .msg = "" };
	struct request * r = page(ent, pos, &e);

	if (r == NULL)
		fail_msg("%s", e.msg);
	assert_string_equal(r->url, url);
	request_free(r);
}

#define BASE "https://api.example.com/v1"

static void
test_pages(void ** state)
{
	struct page_pos pos = { .offset = 200, .number = 2, .size = 250 };

	(void)state;
	where(issues, "repo", OP_EQ, "r");
	asks(issues, NULL, BASE "/repos/acme/r/issues?state=all&sort=xacme"
	    "&per_page=30&page=1");
	where(issues, "repo", OP_EQ, "r");
	asks(issues, &pos, BASE "/repos/acme/r/issues?state=all&sort=xacme"
	    "&per_page=100&page=3");
	asks(issues, NULL, BASE "/orgs/acme/issues");
	where(issues, "org", OP_EQ, "other org/x");
	asks(issues, NULL, BASE "/orgs/other%20org%2Fx/issues");
}

static void
test_pushes(void ** state)
{
	(void)state;
	where(issues, "repo", OP_EQ, "r");
	where(issues, "state", OP_EQ, "Open");
	where(issues, "kind", OP_EQ, "both");
	where(issues, "labels", OP_CONTAINS, "a b");
	where(issues, "labels", OP_CONTAINS, "c&d=e");
	where(issues, "title", OP_SUBSTR, "%x \" OR y%");
	order_by(issues, "created", 1);
	asks(issues, NULL, BASE "/repos/acme/r/issues?state=open&sort=created"
	    "&kinds%5B%5D=X%26Y&labels=a%20b,c%26d%3De"
	    "&q=in:title%20%22x%20%5C%22%20OR%20y%22&direction=desc"
	    "&per_page=30&page=1");
	where(issues, "repo", OP_EQ, "r");
	where(issues, "assignee", OP_IS_NULL, "");
	where(issues, "word", OP_EQ, "100%");
	asks(issues, NULL, BASE "/repos/acme/r/issues?sort=xacme&assignee=none"
	    "&word=100%25&exact=yes&per_page=30&page=1");
}

static void
test_paths_lead_nowhere(void ** state)
{
	static const char * const bad[] = { "", ".", "..", "a\nb", "\xff" };
	struct err e;
	struct plan * p;
	struct request * r;
	json_t * in;
	size_t i, n;
	const struct page_pos first = { 0 };

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		where(issues, "repo", OP_EQ, bad[i]);
		p = plan_new(c, issues, given, ngiven, NULL, 0, &e);
		ngiven = 0;
		if (p == NULL) {
			assert_string_equal(e.code, "input");
			continue;
		}
		in = plan_inputs(p, &n, &e);
		r = request_page(p, json_array_get(in, 0), &first, &e);
		/* A line break is a character like others, once encoded. */
		if (i == 3)
			assert_string_equal(r->url, BASE "/repos/acme/a%0Ab/"
			    "issues?state=all&sort=xacme&per_page=30&page=1");
		else
			assert_null(r);
		request_free(r);
		json_decref(in);
		plan_free(p);
	}
}

/* The text of the ticket search. */
static void
searches(const struct page_pos * pos, const char * body)
{
	struct err e = { .msg = "" };
	struct request * r = page(tickets, pos, &e);

	if (r == NULL)
		fail_msg("%s", e.msg);
	assert_string_equal(r->method, "POST");
	assert_string_equal(r->url, BASE "/search");
	assert_string_equal(r->body, body);
	assert_int_equal(r->body_len, strlen(body));
	request_free(r);
}

static void
test_clauses(void ** state)
{
	const struct page_pos pos = { .cursor = "c\"1", .number = 1, .size = 20 };

	(void)state;
	searches(NULL, "{\"fields\":[\"*all\"],\"q\":{\"x\":1,\"max\":50},"
	    "\"jql\":\"created >= -30d\"}");
	order_by(tickets, "rank", 1);
	order_by(tickets, "created", 0);
	searches(&pos, "{\"fields\":[\"*all\"],\"q\":{\"x\":1,\"max\":20},"
	    "\"jql\":\"created >= -30d ORDER BY Rank DESC, created ASC\","
	    "\"next\":\"c\\\"1\"}");
	where(tickets, "project", OP_EQ, "OPS\" OR project = \"X\\");
	where(tickets, "priority", OP_EQ, "High");
	where(tickets, "status", OP_NE, "Won't do");
	where(tickets, "jql", OP_EQ, "a = 1 OR b = 2");
	where(tickets, "created", OP_GE, "2026-01-31T13:05:59Z");
	searches(NULL, "{\"fields\":[\"*all\"],\"q\":{\"x\":1,\"max\":50},"
	    "\"jql\":\"project = \\\"OPS\\\\\\\" OR project = \\\\\\\"X\\\\\\\\\\\" "
	    "AND priority IN (\\\"High\\\") AND status != \\\"Won't do\\\" "
	    "AND created >= \\\"2026/01/30 23:05\\\" AND (a = 1 OR b = 2)\"}");
	/* What the language cannot say stays here. */
	where(tickets, "project", OP_EQ, "a\nb");
	searches(NULL, "{\"fields\":[\"*all\"],\"q\":{\"x\":1,\"max\":50},"
	    "\"jql\":\"created >= -30d\"}");
}

static void
test_clause_in(void ** state)
{
	struct value v[2] = { text_value("High"), text_value("a \"b\"") };
	struct plan_given g = { (size_t)manifest_column(tickets, "priority"),
	    OP_IN, v, 2 };
	const struct page_pos first = { 0 };
	struct err e;
	struct plan * p = plan_new(c, tickets, &g, 1, NULL, 0, &e);
	struct request * r = request_page(p, NULL, &first, &e);

	(void)state;
	assert_non_null(strstr(r->body, "\"priority IN (\\\"High\\\", "
	    "\\\"a \\\\\\\"b\\\\\\\"\\\")\""));
	request_free(r);
	plan_free(p);
}

static void
test_raw_is_bracketed(void ** state)
{
	struct err e;

	(void)state;
	where(tickets, "jql", OP_EQ, "a = 1) OR (b = 2");
	assert_null(page(tickets, NULL, &e));
	assert_string_equal(e.code, "template");
}

static void
test_next_url(void ** state)
{
	static const struct {
		const char * next, * url;
	} t[] = {
		{ "https://api.example.com/v1/orgs/acme/issues?page=2",
		    BASE "/orgs/acme/issues?page=2" },
		{ "HTTPS://API.example.com:443/x?y=a b", "HTTPS://API.example"
		    ".com:443/x?y=a%20b" },
		{ "/x?cursor=%2Fa", "https://api.example.com/x?cursor=%2Fa" },
		{ "?page=2", BASE "/orgs/acme/issues?page=2" },
		{ "more?p=2#frag", BASE "/orgs/acme/more?p=2" },
		{ "//api.example.com/z", "https://api.example.com/z" },
		{ "http://api.example.com/v1", NULL },
		{ "https://api.example.com:444/v1", NULL },
		{ "https://api.example.com.evil.example/v1", NULL },
		{ "https://evil.example/v1", NULL },
		{ "//evil.example/v1", NULL },
		{ "https://api.example.com@evil.example/", NULL },
		{ "https://api.example.com\\@evil.example/", NULL },
		{ "https://evil.example\\@api.example.com/", NULL },
		{ "https://x:y@api.example.com/", NULL },
		{ "ftp://api.example.com/", NULL },
		{ "javascript:alert(1)", NULL },
		{ "https:///v1", NULL },
		{ "\thttps://evil.example/", BASE "/orgs/acme/%09https://evil"
		    ".example/" },
	};
	struct page_pos pos = { .number = 1 };
	struct request * r;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		pos.next_url = t[i].next;
		r = page(issues, &pos, &e);
		if (r == NULL && t[i].url != NULL)
			fail_msg("%s: %s", t[i].next, e.msg);
		if (r != NULL && t[i].url == NULL)
			fail_msg("%s: %s", t[i].next, r->url);
		if (r == NULL)
			assert_string_equal(e.code, "page_host");
		else
			assert_string_equal(r->url, t[i].url);
		request_free(r);
	}
}

static const char *
header(const struct http_req * hr, const char * name)
{
	size_t i, n = strlen(name);

	for (i = 0; hr->headers[i] != NULL; i++)
		if (strncmp(hr->headers[i], name, n) == 0)
			return (hr->headers[i] + n);
	return (NULL);
}

static void
test_signing(void ** state)
{
	struct request_signed sig;
	struct http_req hr;
	struct secrets * s;
	struct request * r;
	struct buf shown = BUF_INIT(4096);
	struct err e;

	(void)state;
	s = secrets_new(NULL, &e);
	r = page(issues, NULL, &e);
	unsetenv("TKN");
	assert_int_equal(request_sign(r, s, &sig, &e), -1);
	assert_string_equal(e.code, "secret");
	assert_non_null(strstr(e.msg, "resolve: "));
	setenv("TKN", "a\nb", 1);
	assert_int_equal(request_sign(r, s, &sig, &e), -1);
	assert_non_null(strstr(e.msg, "line break"));
	setenv("TKN", "sesame", 1);
	assert_int_equal(request_sign(r, s, &sig, &e), 0);
	memset(&hr, 0, sizeof(hr));
	request_fill(r, &sig, &hr);
	assert_string_equal(header(&hr, "Authorization: "), "Bearer sesame");
	assert_string_equal(header(&hr, "X-Key: "), "k sesame");
	assert_string_equal(header(&hr, "Accept: "), "application/json");
	request_unsign(r, &sig);
	assert_null(header(&hr, "Authorization: "));
	request_show(r, &shown);
	assert_string_equal(shown.p, "GET " BASE "/orgs/acme/issues\nAccept: "
	    "application/json\nX-Key: k $env:TKN\nAuthorization: Bearer "
	    "$env:TKN");
	buf_clear(&shown);
	request_key(r, &shown);
	assert_null(strstr(shown.p, "TKN"));
	buf_free(&shown);
	request_free(r);
	secrets_free(s);
	unsetenv("TKN");
}

static struct request *
act(const char * name, const char * args, const json_t * lookup,
    struct err * e)
{
	struct request_given know = { .lookup = lookup };
	json_t * a = json_loads(args, 0, NULL);
	struct request * r = request_action(c, manifest_action(tickets, name),
	    a, &know, e);

	json_decref(a);
	return (r);
}

static void
test_actions(void ** state)
{
	struct request_signed sig;
	struct http_req hr;
	struct buf shown = BUF_INIT(4096);
	struct secrets * s;
	struct request * r;
	json_t * found = json_integer(31);
	struct err e;
	int i;

	(void)state;
	r = act("create", "{\"org\": \"a/b\", \"title\": \"T \\\"x\\\"\", "
	    "\"labels\": [\"l\"], \"data\": {\"n\": 1}}", NULL, &e);
	assert_string_equal(r->method, "POST");
	assert_string_equal(r->url, BASE "/orgs/a%2Fb/tickets");
	assert_string_equal(r->body, "{\"title\":\"T \\\"x\\\"\",\"labels\":"
	    "[\"l\"],\"data\":{\"n\":1}}");
	request_free(r);
	assert_null(act("create", "{\"title\": \"x\"}", NULL, &e));
	assert_string_equal(e.code, "template");
	r = act("move", "{\"id\": \"OPS-1\", \"to\": \"Done\"}", found, &e);
	assert_string_equal(r->body, "{\"id\":31}");
	request_free(r);
	json_decref(found);
	/* A secret in the body is written when it is sent, and never shown. */
	r = act("alert", "{\"text\": \"hi\"}", NULL, &e);
	assert_string_equal(r->url, "https://other.example/alert");
	assert_null(r->body);
	request_show(r, &shown);
	assert_non_null(strstr(shown.p, "{\"key\":\"$env:TKN\",\"text\":\"hi\"}"));
	/* Another host gets nothing of what the service is signed with. */
	assert_null(strstr(shown.p, "Authorization"));
	assert_null(strstr(shown.p, "X-Key"));
	assert_non_null(strstr(shown.p, "Content-Type: application/json"));
	setenv("TKN", "se\"same", 1);
	s = secrets_new(NULL, &e);
	assert_int_equal(request_sign(r, s, &sig, &e), 0);
	memset(&hr, 0, sizeof(hr));
	request_fill(r, &sig, &hr);
	assert_string_equal(hr.body, "{\"key\":\"se\\\"same\",\"text\":\"hi\"}");
	assert_int_equal(hr.body_len, strlen(hr.body));
	assert_string_equal(header(&hr, "Content-Type: "), "application/json");
	request_unsign(r, &sig);
	request_free(r);
	/* But what the manifest gives it. */
	for (i = 0; i < 2; i++) {
		r = i == 0 ? act("page", "{}", NULL, &e) : request_lookup(c,
		    manifest_action(tickets, "page"), NULL, &e);
		buf_clear(&shown);
		request_show(r, &shown);
		assert_string_equal(shown.p, i == 0 ?
		    "GET https://other.example/page\nX-Page: $env:TKN" :
		    "GET https://other.example/find\nX-Page: $env:TKN");
		request_free(r);
	}
	/* A value cannot pass for a reference. */
	assert_null(act("alert", "{\"text\": \"\\u0001$env:HOME\\u0002\"}", NULL,
	    &e));
	assert_string_equal(e.code, "template");
	assert_null(act("alert", "{\"text\": {\"x\": [1, \"\\u0001$env:HOME"
	    "\\u0002\"]}}", NULL, &e));
	assert_string_equal(e.code, "template");
	secrets_free(s);
	buf_free(&shown);
	unsetenv("TKN");
}

/* What is put into a body that holds a secret is no reference either, be it of
 * the asker or the service's own cursor. */
static void
test_body_push(void ** state)
{
	static const char doc[] = "{\"format\":1,\"type\":\"t\",\"title\":\"T\","
	    "\"description\":\"d\",\"drive_model\":\"on_demand\",\"config\":{"
	    "\"token\":{\"type\":\"secret\",\"required\":true}},\"entities\":{"
	    "\"e\":{\"columns\":{\"a\":{\"type\":\"text\"}},\"lists\":[{\"url\":"
	    "\"https://h/e\",\"method\":\"POST\",\"body\":{\"key\":"
	    "\"{{config.token}}\"},\"push\":{\"a\":{\"body\":\"q.a\"}},"
	    "\"paginate\":{\"kind\":\"cursor\",\"body\":\"at\",\"from\":"
	    "\"next\"}}]}}}";
	struct page_pos pos = { .cursor = "\001$env:HOME\002",
	    .offset = 1, .number = 1 };
	struct manifest * own;
	struct connector * was = c;
	const struct manifest_entity * ent;
	struct buf keys[3] = { BUF_INIT(4096), BUF_INIT(4096), BUF_INIT(4096) };
	const struct page_pos next = { .cursor = "c2", .number = 1 };
	struct request * r;
	struct err e = { .msg = "" };
	int i;

	(void)state;
	if ((own = manifest_parse(doc, sizeof(doc) - 1, "t", &e)) == NULL)
		fail_msg("%s", e.msg);
	ent = manifest_entity(own, "e");
	c = service_connector(own, "{\"token\": \"$env:TKN\"}", &e);
	setenv("TKN", "sesame", 1);
	for (i = 0; i < 3; i++) {
		where(ent, "a", OP_EQ, i == 1 ? "y" : "x");
		r = page(ent, i == 2 ? &next : NULL, &e);
		assert_non_null(r);
		request_key(r, &keys[i]);
		assert_null(strstr(keys[i].p, "sesame"));
		request_free(r);
	}
	unsetenv("TKN");
	/* What is kept of the one is no answer to another. */
	assert_string_not_equal(keys[0].p, keys[1].p);
	assert_string_not_equal(keys[0].p, keys[2].p);
	for (i = 0; i < 3; i++)
		buf_free(&keys[i]);
	where(ent, "a", OP_EQ, "\001$env:HOME\002");
	assert_null(page(ent, NULL, &e));
	assert_string_equal(e.code, "template");
	assert_null(page(ent, &pos, &e));
	assert_string_equal(e.code, "template");
	connector_unref(c);
	manifest_unref(own);
	c = was;
}

/* A password in a URL of the configuration is not shown. */
static void
test_shown_url(void ** state)
{
	static const char doc[] = "{\"format\":1,\"type\":\"t\",\"title\":\"T\","
	    "\"description\":\"d\",\"drive_model\":\"on_demand\",\"config\":{"
	    "\"u\":{\"type\":\"url\"}},\"base_url\":\"{{config.u}}\","
	    "\"test\":{\"url\":\"/a@b?c=d\"},\"entities\":{\"e\":{\"columns\":{"
	    "\"a\":{\"type\":\"text\"}},\"lists\":[{\"url\":\"/e\"}]}}}";
	struct buf shown = BUF_INIT(4096);
	struct manifest * own;
	struct connector * it;
	struct request * r;
	struct err e = { .msg = "" };

	(void)state;
	if ((own = manifest_parse(doc, sizeof(doc) - 1, "t", &e)) == NULL)
		fail_msg("%s", e.msg);
	it = service_connector(own, "{\"u\": \"https://me:p@ss@h:1/x\"}", &e);
	if (it == NULL)
		fail_msg("%s", e.msg);
	r = request_test(it, &e);
	request_show(r, &shown);
	assert_string_equal(shown.p, "GET https://***@h:1/x/a@b?c=d");
	request_free(r);
	connector_unref(it);
	manifest_unref(own);
	buf_free(&shown);
}

static void
test_test_call(void ** state)
{
	struct err e;
	struct request * r = request_test(c, &e);

	(void)state;
	assert_string_equal(r->method, "GET");
	assert_string_equal(r->url, BASE "/me");
	assert_int_equal(r->nsign, 2);
	request_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_pushes),
		cmocka_unit_test(test_paths_lead_nowhere),
		cmocka_unit_test(test_clauses),
		cmocka_unit_test(test_clause_in),
		cmocka_unit_test(test_raw_is_bracketed),
		cmocka_unit_test(test_next_url),
		cmocka_unit_test(test_signing),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_body_push),
		cmocka_unit_test(test_shown_url),
		cmocka_unit_test(test_test_call),
	};

	return (cmocka_run_group_tests_name("request", tests, setup, teardown));
}
