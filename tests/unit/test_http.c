/* The HTTP client: requests and answers. */

#include <sys/resource.h>
#include <time.h>

#include "http_fixture.h"

static void
test_get(void ** state)
{
	struct got g = get("port", "/ok");

	(void)state;
	assert_status(&g, 200);
	assert_string_equal(g.body, "ok\n");
	assert_int_equal(g.body_len, 3);
	assert_int_equal(g.bytes, 3);
	assert_int_equal(g.calls, 1);
	assert_true(g.total_us > 0);
	assert_true(g.queue_us >= 0);
}

static json_t *
echo(struct http_req r)
{
	struct got g;
	json_t * j;

	r.url = url_at("port", "/echo?a=1&b=%20x");
	g = fetch(r);
	assert_status(&g, 200);
	j = json_loads(g.body, 0, NULL);
	assert_non_null(j);
	return (j);
}

/* The value of the one header of that name, "(none)" or "(several)". */
static const char *
echoed(json_t * j, const char * name)
{
	const char * found = "(none)";
	size_t i;
	json_t * h;

	json_array_foreach(json_object_get(j, "headers"), i, h) {
		if (strcasecmp(json_string_value(json_array_get(h, 0)), name))
			continue;
		if (strcmp(found, "(none)") != 0)
			return ("(several)");
		found = json_string_value(json_array_get(h, 1));
	}
	return (found);
}

static const char *
field(json_t * j, const char * name)
{
	return (json_string_value(json_object_get(j, name)));
}

static void
test_defaults_of_a_request(void ** state)
{
	json_t * j = echo((struct http_req){ .method = NULL });

	(void)state;
	assert_string_equal(field(j, "method"), "GET");
	assert_string_equal(field(j, "target"), "/echo?a=1&b=%20x");
	assert_memory_equal(echoed(j, "User-Agent"), "moltler/", 8);
	assert_string_equal(echoed(j, "Accept-Encoding"), "gzip");
	assert_string_equal(echoed(j, "Content-Length"), "(none)");
	json_decref(j);
	j = echo((struct http_req){ .no_compress = 1 });
	assert_string_equal(echoed(j, "Accept-Encoding"), "identity");
	json_decref(j);
}

/* Each after the other on one reused handle: nothing of the last may stay. */
static void
test_methods_and_bodies(void ** state)
{
	static const struct {
		const char * method, * body, * length;
	} cases[] = {
		{ "POST", "hello", "5" }, { "GET", NULL, "(none)" },
		{ "PUT", "put it", "6" }, { "DELETE", NULL, "(none)" },
		{ "POST", NULL, "0" }, { "PATCH", "[]", "2" },
		{ "GET", "{\"query\":1}", "11" }, { "PUT", NULL, "0" },
		{ "DELETE", "{}", "2" }, { "PURGE", NULL, "(none)" },
		{ "GET", NULL, "(none)" },
	};
	struct got g;
	size_t i;
	json_t * j;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		j = echo((struct http_req){ .method = cases[i].method,
		    .body = cases[i].body, .body_len =
		    cases[i].body != NULL ? strlen(cases[i].body) : 0 });
		assert_string_equal(field(j, "method"), cases[i].method);
		assert_string_equal(field(j, "body"),
		    cases[i].body != NULL ? cases[i].body : "");
		assert_string_equal(echoed(j, "Content-Length"),
		    cases[i].length);
		assert_string_equal(echoed(j, "Content-Type"), "(none)");
		json_decref(j);
		g = fetch((struct http_req){ .method = "HEAD",
		    .url = url_at("port", "/ok") });
		/* The server answers HEAD with a body: never read as one. */
		assert_status(&g, 200);
		assert_int_equal(g.body_len, 0);
	}
}

static void
test_a_large_body_goes_out(void ** state)
{
	size_t n = (size_t)3 << 20;
	char * body = malloc(n);
	struct http_req r = { .method = "POST", .url = url_at("port", "/echo"),
	    .body = body, .body_len = n };
	struct got g;

	(void)state;
	assert_non_null(body);
	memset(body, 'b', n);
	g = fetch(r);
	free(body);
	assert_status(&g, 200);
	assert_true(g.body_len > n);
}

static void
test_headers_sent(void ** state)
{
	const char * h[] = { "X-One: 1", "Content-Type: application/json",
	    "X-Empty:", "Authorization: Bearer s3cr3t", NULL };
	json_t * j = echo((struct http_req){ .method = "POST", .headers = h,
	    .body = "{}", .body_len = 2 });

	(void)state;
	assert_string_equal(echoed(j, "X-One"), "1");
	assert_string_equal(echoed(j, "X-Empty"), "");
	assert_string_equal(echoed(j, "Content-Type"), "application/json");
	assert_string_equal(echoed(j, "Authorization"), "Bearer s3cr3t");
	assert_string_equal(echoed(j, "Expect"), "(none)");
	json_decref(j);
	/* And none of them with the next request. */
	j = echo((struct http_req){ .method = NULL });
	assert_string_equal(echoed(j, "X-One"), "(none)");
	assert_string_equal(echoed(j, "Authorization"), "(none)");
	json_decref(j);
}

/* A handle that sent a URL's credentials sends them nowhere else. */
static void
test_userinfo_is_for_its_request(void ** state)
{
	char url[128];
	struct got g;
	json_t * j;
	int i;

	(void)state;
	snprintf(url, sizeof(url), "http://user:pw@127.0.0.1:%d/echo",
	    fault_port(&server, "port"));
	for (i = 0; i < 3; i++) {
		g = fetch((struct http_req){ .url = url });
		j = json_loads(g.body, 0, NULL);
		assert_string_equal(echoed(j, "Authorization"),
		    "Basic dXNlcjpwdw==");
		json_decref(j);
	}
	j = echo((struct http_req){ .method = NULL });
	assert_string_equal(echoed(j, "Authorization"), "(none)");
	json_decref(j);
}

/* A URL that comes again is kept parsed; others between do not mix with it. */
static void
test_urls_again_and_in_turns(void ** state)
{
	static const char * const paths[] = { "/echo?x=1", "/echo?x=1",
	    "/echo?x=1", "/echo/../echo?x=2#f", "/echo?x=1", "/echo?x=3",
	    "/echo?x=3", "/echo?x=3" };
	struct got g[16];
	struct http_req r = { .method = NULL };
	char want[64];
	size_t i;
	json_t * j;

	(void)state;
	for (i = 0; i < 16; i++) {
		/* First one by one, then all at once. */
		g[i] = (struct got){ .calls = 0 };
		r.url = url_at("port", paths[i % 8]);
		assert_non_null(http_start(H, &r, on_done, &g[i]));
		if (i < 8)
			run_until(&g[i].calls, 1);
	}
	for (i = 0; i < 16; i++) {
		run_until(&g[i].calls, 1);
		assert_true(g[i].ok);
		if (g[i].status != 200)
			continue; /* the path with dots goes as it is */
		j = json_loads(g[i].body, 0, NULL);
		snprintf(want, sizeof(want), "%s", paths[i % 8]);
		want[strcspn(want, "#")] = '\0';
		assert_string_equal(field(j, "target"), want);
		json_decref(j);
	}
}

static void
test_bad_requests(void ** state)
{
	static const char * const urls[] = { "ftp://127.0.0.1/", "", "http://",
	    "/path", "http://h:99999/", "http://h:x/", "http://[::1/",
	    "file:///etc/passwd", "http://127.0.0.1/a b",
	    "http://127.0.0.1/\r\nX: y" };
	const char * h[][2] = { { "X: s3cr3t\r\nY: 2" }, { "s3cr3t" },
	    { ": s3cr3t" }, { "A B: s3cr3t" } };
	struct got g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		g = fetch((struct http_req){ .url = urls[i] });
		assert_failed(&g, ERR_PERMANENT, "bad_url");
	}
	g = fetch((struct http_req){ .url = NULL });
	assert_failed(&g, ERR_PERMANENT, "bad_url");
	for (i = 0; i < sizeof(h) / sizeof(h[0]); i++) {
		g = fetch((struct http_req){ .url = url_at("port", "/ok"),
		    .headers = h[i] });
		assert_failed(&g, ERR_PERMANENT, "bad_header");
		assert_null(strstr(g.e.msg, "s3cr3t"));
	}
	g = fetch((struct http_req){ .url = url_at("port", "/ok"),
	    .method = "GET /x HTTP/1.1\r\nX:" });
	assert_failed(&g, ERR_PERMANENT, "bad_method");
}

static void
test_headers_received(void ** state)
{
	struct got g = { .want_header = "retry-AFTER" };
	struct http_req r = { .url = url_at("port", "/retry-after?v=12") };

	(void)state;
	assert_non_null(http_start(H, &r, on_done, &g));
	run_until(&g.calls, 1);
	assert_status(&g, 503);
	assert_string_equal(g.header, "12");
	/* Those of an interim answer do not count. */
	g = (struct got){ .want_header = "X-Interim" };
	r.url = url_at("port", "/continue");
	assert_non_null(http_start(H, &r, on_done, &g));
	run_until(&g.calls, 1);
	assert_status(&g, 200);
	assert_string_equal(g.header, "(none)");
}

static void
test_redirects_are_answers(void ** state)
{
	struct got g = get("port", "/redirect?to=http://127.0.0.1:1/elsewhere");

	(void)state;
	assert_status(&g, 302);
}

static void
test_unix_socket(void ** state)
{
	struct http_req r = { .url = "http://localhost/ok",
	    .unix_socket = fault_path(&server, "unix") };
	struct got g = fetch(r);

	(void)state;
	assert_status(&g, 200);
	g = get("port", "/ok");
	assert_status(&g, 200);
	r.unix_socket = "/nonexistent.sock";
	g = fetch(r);
	assert_failed(&g, ERR_TRANSIENT, "connect");
}

static void
test_body_limits(void ** state)
{
	struct http_req r = { .max_body = 1000 };
	struct got g;

	(void)state;
	r.url = url_at("port", "/page?n=1000");
	g = fetch(r);
	assert_status(&g, 200);
	assert_int_equal(g.bytes, 1000);
	r.url = url_at("port", "/page?n=1001");
	g = fetch(r);
	assert_failed(&g, ERR_PERMANENT, "too_big");
	/* A gigabyte, and one that travels as a megabyte. */
	r.max_body = (size_t)10 << 20;
	r.url = url_at("port", "/big");
	g = fetch(r);
	assert_failed(&g, ERR_PERMANENT, "too_big");
	r.url = url_at("port", "/bomb");
	g = fetch(r);
	assert_failed(&g, ERR_PERMANENT, "too_big");
	g = get("port", "/gzip?n=5000");
	assert_status(&g, 200);
	assert_int_equal(g.bytes, 5000);
	assert_memory_equal(g.body, "0123456789abcdef0123", 20);
}

static void
test_on_data(void ** state)
{
	struct http_req r = { .on_data = on_data };
	struct got g;

	(void)state;
	r.url = url_at("port", "/page?n=300000");
	g = fetch(r);
	assert_status(&g, 200);
	assert_int_equal(g.data, 300000);
	assert_int_equal(g.bytes, 300000);
	assert_int_equal(g.body_len, 0);
	/* A bad answer's body is kept instead, its beginning. */
	r.url = url_at("port", "/status/503?body=sorry");
	g = fetch(r);
	assert_status(&g, 503);
	assert_int_equal(g.data, 0);
	assert_string_equal(g.body, "sorry");
	g = (struct got){ .stop_after = 100000 };
	r.url = url_at("port", "/big");
	assert_non_null(http_start(H, &r, on_done, &g));
	run_until(&g.calls, 1);
	assert_failed(&g, ERR_CANCELLED, "aborted");
	assert_true(g.data >= 100000);
	g = get("port", "/ok");
	assert_status(&g, 200);
}

static void
test_connections_are_reused(void ** state)
{
	struct http_stats st;
	struct got g;
	int i, before;
	json_t * j;

	(void)state;
	g = get("port", "/stats");
	j = json_loads(g.body, 0, NULL);
	before = (int)json_integer_value(json_object_get(j, "connections"));
	json_decref(j);
	for (i = 0; i < 20; i++) {
		g = get("port", i % 2 ? "/ok" : "/page?n=70000");
		assert_status(&g, 200);
	}
	g = get("port", "/stats");
	j = json_loads(g.body, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(j, "connections")),
	    before);
	json_decref(j);
	http_stats_get(H, &st);
	assert_int_equal(st.started, 22);
	assert_int_equal(st.done, 22);
	assert_int_equal(st.failed, 0);
	assert_int_equal(st.reused_conns, 21);
	/* A peer that closes costs a new connection, nothing else. */
	for (i = 0; i < 5; i++) {
		g = get("port", "/close");
		assert_status(&g, 200);
	}
}

/* How many requests the service has read. */
static int
requests_seen(void)
{
	struct got g = get("port", "/stats");
	json_t * j = json_loads(g.body, 0, NULL);
	int n = (int)json_integer_value(json_object_get(j, "requests"));

	json_decref(j);
	return (n);
}

/* On a kept connection that breaks, a request is sent again; what must not be has one
 * of its own. */
static void
test_once(void ** state)
{
	struct http_req r = { .method = "POST", .body = "x", .body_len = 1,
	    .url = url_at("port", "/reset") };
	struct got g;
	int before, once;

	(void)state;
	for (once = 0; once < 2; once++) {
		before = requests_seen();
		memset(&g, 0, sizeof(g));
		r.once = once != 0;
		assert_non_null(http_start(H, &r, on_done, &g));
		run_until(&g.calls, 1);
		assert_false(g.ok);
		/* The look afterwards is one, too. */
		assert_int_equal(requests_seen() - before - 1, once ? 1 : 2);
	}
}

static void
test_no_descriptor_left(void ** state)
{
	struct rlimit was, none;
	struct got g;

	(void)state;
	g = get("port", "/ok");
	assert_status(&g, 200);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	g = get("silent", "/");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_failed(&g, ERR_TRANSIENT, "connect");
	assert_non_null(strstr(g.e.msg, "file descriptor"));
	g = get("port", "/ok");
	assert_status(&g, 200);
}

/* More hosts than one pool takes, and than are remembered, come and go. */
static void
test_many_hosts(void ** state)
{
	struct http_opts o = { .max_idle = 200 };
	struct got g = { .calls = 0 };
	struct http_stats st;
	char url[128];
	int i;

	(void)state;
	client(&o);
	for (i = 0; i < 300; i++) {
		snprintf(url, sizeof(url), "http://127.0.%d.%d:%d/ok", i / 200,
		    i % 200 + 1, fault_port(&server, "any"));
		start(&g, url);
	}
	run_until(&g.calls, 300);
	assert_status(&g, 200);
	/* Five thousand where nobody listens. */
	for (i = 0; i < 5000; i++) {
		snprintf(url, sizeof(url), "http://127.1.%d.%d:%d/", i / 200,
		    i % 200 + 1, fault_port(&server, "closed"));
		start(&g, url);
	}
	run_until(&g.calls, 5300);
	assert_false(g.ok);
	http_stats_get(H, &st);
	assert_int_equal(st.done, 300);
	assert_int_equal(st.failed, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_get), T(test_defaults_of_a_request),
		T(test_methods_and_bodies), T(test_a_large_body_goes_out),
		T(test_headers_sent),
		T(test_userinfo_is_for_its_request),
		T(test_urls_again_and_in_turns),
		T(test_bad_requests), T(test_headers_received),
		T(test_redirects_are_answers), T(test_unix_socket),
		T(test_body_limits), T(test_on_data),
		T(test_connections_are_reused), T(test_once),
		T(test_no_descriptor_left),
		T(test_many_hosts),
	};

	return (run_with_server("http", tests,
	    sizeof(tests) / sizeof(tests[0])));
}
