/* The HTTP client: what each failure is called, and what it says. */

#include <time.h>

#include "../fair.h"
#include "http_fixture.h"

static void
test_secrets_stay_out_of_messages(void ** state)
{
	char url[256];
	struct got g;

	(void)state;
	snprintf(url, sizeof(url),
	    "http://user:pa55@127.0.0.1:%d/metrics?token=t0k3n#frag",
	    fault_port(&server, "closed"));
	g = fetch((struct http_req){ .url = url });
	assert_failed(&g, ERR_TRANSIENT, "connect");
	assert_null(strstr(g.e.msg, "pa55"));
	assert_null(strstr(g.e.msg, "user"));
	assert_null(strstr(g.e.msg, "t0k3n"));
	assert_non_null(strstr(g.e.msg, "/metrics"));
	g = fetch((struct http_req){ .url = "gopher://u:pa55@h/?t0k3n" });
	assert_failed(&g, ERR_PERMANENT, "bad_url");
	assert_null(strstr(g.e.msg, "pa55"));
	assert_null(strstr(g.e.msg, "t0k3n"));
}

static void
test_failures_by_name(void ** state)
{
	static const struct {
		const char * port, * path;
		enum err_class cls;
		const char * code;
	} cases[] = {
		{ "closed", "/", ERR_TRANSIENT, "connect" },
		{ "port", "/half", ERR_TRANSIENT, "recv" },
		{ "port", "/reset", ERR_TRANSIENT, "recv" },
		{ "port", "/reset-late", ERR_TRANSIENT, "recv" },
		{ "port", "/garbage", ERR_PERMANENT, "protocol" },
		{ "port", "/nothttp", ERR_PERMANENT, "protocol" },
		{ "port", "/never", ERR_TRANSIENT, "timeout" },
		{ "port", "/drip", ERR_TRANSIENT, "timeout" },
		{ "port", "/slowheaders", ERR_TRANSIENT, "timeout" },
		{ "silent", "/", ERR_TRANSIENT, "timeout" },
		{ "tls_wrong", "/ok", ERR_PERMANENT, "tls" },
		{ "tls_self", "/ok", ERR_PERMANENT, "tls" },
		{ "port", "/hugeheaders", ERR_PERMANENT, "too_big" },
	};
	struct got g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* What fails otherwise is not to fail by its time. */
		g = fetch((struct http_req){ .timeout_ms =
		    strcmp(cases[i].code, "timeout") == 0 ? 1000 : 20000,
		    .url = url_at(cases[i].port, cases[i].path) });
		assert_failed(&g, cases[i].cls, cases[i].code);
		assert_non_null(strstr(g.e.msg, "127.0.0.1"));
		/* Where the service can have seen it, that is not denied. */
		assert_int_equal(g.e.unsent, strcmp(cases[i].port, "port") != 0 &&
		    strcmp(cases[i].port, "silent") != 0);
		/* The client is none the worse for it. */
		g = get("port", "/ok");
		assert_status(&g, 200);
	}
}

static void
test_timeouts_say_where(void ** state)
{
	struct got g;
	int64_t t0, f0;

	(void)state;
	t0 = clock_mono_us();
	f0 = fair_us();
	g = fetch((struct http_req){ .timeout_ms = 200,
	    .url = url_at("port", "/never") });
	assert_failed(&g, ERR_TRANSIENT, "timeout");
	assert_non_null(strstr(g.e.msg, "waiting for the answer"));
	assert_int_equal(g.e.unsent, 0);
	assert_true(clock_mono_us() - t0 >= 200000);
	assert_true(fair_us() - f0 < 2000000);
	g = fetch((struct http_req){ .timeout_ms = 200,
	    .url = url_at("port", "/drip") });
	assert_non_null(strstr(g.e.msg, "reading the answer"));
	g = fetch((struct http_req){ .timeout_ms = 5000,
	    .connect_timeout_ms = 100, .url = url_at("full", "/") });
	assert_failed(&g, ERR_TRANSIENT, "connect_timeout");
	assert_non_null(strstr(g.e.msg, "connecting"));
	assert_int_equal(g.e.unsent, 1);
	g = fetch((struct http_req){ .timeout_ms = 150,
	    .url = url_at("full", "/") });
	assert_failed(&g, ERR_TRANSIENT, "connect_timeout");
	assert_non_null(strstr(g.e.msg, "connect"));
	assert_int_equal(g.e.unsent, 1);
}

static void
copy_file(const char * from, const char * to)
{
	FILE * in = fopen(from, "r"), * out = fopen(to, "w");
	int c;

	assert_true(in != NULL && out != NULL);
	while ((c = getc(in)) != EOF)
		putc(c, out);
	fclose(in);
	fclose(out);
}

static void
test_tls(void ** state)
{
	struct http_req r = { .url = url_at("tls", "/ok"),
	    .ca_file = fault_path(&server, "ca") };
	char file[64], cert[96], key[96];
	struct got g;

	(void)state;
	g = fetch(r);
	assert_status(&g, 200);
	/* Without its authority, on the very same handle: not trusted. */
	r.ca_file = NULL;
	g = fetch(r);
	assert_failed(&g, ERR_PERMANENT, "tls");
	r.insecure = 1;
	g = fetch(r);
	assert_status(&g, 200);
	/* And what was insecure is not so again. */
	r.insecure = 0;
	g = fetch(r);
	assert_failed(&g, ERR_PERMANENT, "tls");
	r.ca_file = fault_path(&server, "ca");
	g = fetch(r);
	assert_status(&g, 200);
	/* HTTP/2 is offered, and done without where the server cannot. */
	r.http2 = 1;
	g = fetch(r);
	assert_status(&g, 200);
	r.http2 = 0;
	r.url = url_at("tls_wrong", "/ok");
	g = fetch(r);
	assert_failed(&g, ERR_PERMANENT, "tls");
	/* Some want to know who we are; on a handle that has said so, and not. */
	r.url = url_at("tls_mutual", "/ok");
	g = fetch(r);
	assert_false(g.ok);
	snprintf(cert, sizeof(cert), "%s/wrong.pem", server.dir);
	snprintf(key, sizeof(key), "%s/wrong.key", server.dir);
	r.client_cert = cert;
	r.client_key = key;
	g = fetch(r);
	assert_status(&g, 200);
	r.client_cert = r.client_key = NULL;
	g = fetch(r);
	assert_false(g.ok);
	r.client_cert = "/nonexistent/me.pem";
	g = fetch(r);
	assert_failed(&g, ERR_CONFIG, "client_cert");
	r.client_cert = r.client_key = NULL;
	r.ca_file = "/nonexistent/ca.pem";
	g = fetch(r);
	assert_failed(&g, ERR_PERMANENT, "tls");
	/* A file that is replaced is read anew. */
	snprintf(file, sizeof(file), "/tmp/moltler-test-ca-%d", (int)getpid());
	r.url = url_at("tls", "/ok");
	r.ca_file = file;
	r.once = 1;
	copy_file(fault_path(&server, "ca"), file);
	g = fetch(r);
	assert_status(&g, 200);
	copy_file("/dev/null", file);
	g = fetch(r);
	assert_failed(&g, ERR_PERMANENT, "tls");
	unlink(file);
	/* Plain HTTP on a TLS port and the other way round. */
	g = fetch((struct http_req){ .insecure = 1, .timeout_ms = 2000,
	    .url = "https://127.0.0.1:1/" });
	assert_failed(&g, ERR_TRANSIENT, "connect");
}

static void
on_bad(void * arg, const struct http_res * res, const struct err * e)
{
	struct got * g = arg;

	assert_null(e);
	g->calls++;
	assert_int_equal(err_from_http(&g->e, res, "reading issues"), -1);
}

static struct err
status_err(const char * path)
{
	struct http_req r = { .url = url_at("port", path) };
	struct got g = { .calls = 0 };

	assert_non_null(http_start(H, &r, on_bad, &g));
	run_until(&g.calls, 1);
	assert_memory_equal(g.e.msg, "reading issues: ", 16);
	return (g.e);
}

static void
test_err_from_http(void ** state)
{
	struct err e = status_err("/status/404?body=no+such+repo%0Asecond");
	char path[128];
	time_t t;

	(void)state;
	assert_int_equal(e.cls, ERR_PERMANENT);
	assert_string_equal(e.code, "http_404");
	assert_int_equal(e.retry_after_ms, -1);
	assert_non_null(strstr(e.msg, "404: no such repo"));
	assert_null(strstr(e.msg, "second"));
	e = status_err("/status/401");
	assert_int_equal(e.cls, ERR_CONFIG);
	e = status_err("/status/403");
	assert_int_equal(e.cls, ERR_CONFIG);
	e = status_err("/status/429");
	assert_int_equal(e.cls, ERR_TRANSIENT);
	e = status_err("/status/408");
	assert_int_equal(e.cls, ERR_TRANSIENT);
	e = status_err("/status/302");
	assert_int_equal(e.cls, ERR_PERMANENT);
	e = status_err("/retry-after?v=7");
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_string_equal(e.code, "http_503");
	assert_int_equal(e.retry_after_ms, 7000);
	e = status_err("/retry-after?v=99999999999999999999");
	assert_int_equal(e.retry_after_ms, -1);
	/* When, rather than how long. */
	e = status_err("/retry-after?v=1700000000");
	assert_int_equal(e.retry_after_ms, -1);
	e = status_err("/retry-after?v=Sun,%2006%20Nov%202994%2008:49:37%20GMT");
	assert_int_equal(e.retry_after_ms, -1);
	e = status_err("/retry-after?v=1.5");
	assert_int_equal(e.retry_after_ms, 2000);
	e = status_err("/retry-after?v=99999999999999999999.5");
	assert_int_equal(e.retry_after_ms, -1);
	e = status_err("/retry-after?v=1.");
	assert_int_equal(e.retry_after_ms, -1);
	e = status_err("/retry-after?v=soon");
	assert_int_equal(e.retry_after_ms, -1);
	e = status_err("/retry-after?v=-5");
	assert_true(e.retry_after_ms <= 0);
	e = status_err("/retry-after?v=Sun,%2006%20Nov%201994%2008:49:37%20GMT");
	assert_int_equal(e.retry_after_ms, 0);
	t = time(NULL) + 120;
	strftime(path, sizeof(path),
	    "/retry-after?v=%a,%%20%d%%20%b%%20%Y%%20%H:%M:%S%%20GMT",
	    gmtime(&t));
	e = status_err(path);
	assert_in_range(e.retry_after_ms, 115000, 120000);
	/* Markup and bytes that are no text are not for a message. */
	e = status_err("/status/500?body=%3Chtml%3E&type=text/html");
	assert_null(strstr(e.msg, "<"));
	e = status_err("/status/500?body=a%01b");
	assert_null(strchr(e.msg, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_secrets_stay_out_of_messages),
		T(test_failures_by_name),
		T(test_timeouts_say_where),
		T(test_tls),
		T(test_err_from_http),
	};

	return (run_with_server("http_failures", tests,
	    sizeof(tests) / sizeof(tests[0])));
}
