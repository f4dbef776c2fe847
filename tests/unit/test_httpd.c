#include "httpd_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define H "Host: h\r\n"

/* Send a request that ends its connection and wait for the end. */
static struct cli *
ask(const char * text)
{
	struct cli * c = dial();

	say(c, text);
	UNTIL(3000, c->eof);
	return (c);
}

static void
assert_has(const struct cli * c, const char * what)
{
	if (strstr(c->buf, what) == NULL)
		fail_msg("no <%s> in <%s>", what, c->buf);
}

static void
assert_json_error(const struct cli * c, const char * status, const char * code)
{
	char want[128];

	snprintf(want, sizeof(want), "HTTP/1.1 %s ", status);
	assert_has(c, want);
	assert_has(c, "Content-Type: application/json\r\n");
	snprintf(want, sizeof(want), "{\"error\":{\"code\":\"%s\",\"message\":\"",
	    code);
	assert_has(c, want);
	assert_has(c, "\"request_id\":\"");
	assert_null(strstr(c->buf, "<"));
}

static void
test_keep_alive_and_ids(void ** state)
{
	struct httpd_stats st;
	char id1[17], id2[17];
	struct cli * c;

	(void)state;
	serve();
	c = dial();
	say(c, "GET /a HTTP/1.1\r\n" H "\r\n");
	GOT(c, "bytes=0");
	assert_has(c, "HTTP/1.1 200 OK\r\n");
	assert_has(c, "[GET] path=[/a] host=[h]");
	assert_has(c, "X-Extra: yes\r\n");
	assert_null(strstr(c->buf, "X-Evil"));
	assert_int_equal(sscanf(strstr(c->buf, "X-Request-Id: "),
	    "X-Request-Id: %16[0-9a-f]\r", id1), 1);
	assert_int_equal(strlen(id1), 16);
	forget(c);
	say(c, "GET /b HTTP/1.1\r\n" H "\r\n");
	GOT(c, "bytes=0");
	assert_int_equal(sscanf(strstr(c->buf, "X-Request-Id: "),
	    "X-Request-Id: %16[0-9a-f]\r", id2), 1);
	assert_string_not_equal(id1, id2);
	assert_false(c->eof);
	httpd_stats_get(S, &st);
	assert_int_equal(st.requests, 2);
	assert_int_equal(st.conns, 1);
	assert_int_equal(st.requests_active, 0);
	hang_up(c);
}

static void
test_ids_of_clients(void ** state)
{
	struct cli * c;

	(void)state;
	serve();
	c = ask("GET / HTTP/1.1\r\n" H "X-Request-Id: aB9_.-z\r\n"
	    "Connection: close\r\n\r\n");
	assert_has(c, "X-Request-Id: aB9_.-z\r\n");
	c = ask("GET / HTTP/1.1\r\n" H "X-Request-Id: a\"b\r\n"
	    "Connection: close\r\n\r\n");
	assert_null(strstr(c->buf, "a\"b"));
	c = ask("GET / HTTP/1.1\r\n" H "X-Request-Id: 1234567890123456789012345"
	    "678901234567890123456789012345678901234\r\n"
	    "Connection: close\r\n\r\n");
	assert_has(c, "X-Request-Id: 1234567890123456789012345"
	    "678901234567890123456789012345678901234\r\n");
	c = ask("GET / HTTP/1.1\r\n" H "X-Request-Id: 1234567890123456789012345"
	    "6789012345678901234567890123456789012345\r\n"
	    "Connection: close\r\n\r\n");
	assert_null(strstr(c->buf, "1234567890123456789012345678"));
}

static struct soon step[3];
static struct loop_timer * early;
static struct cli * caller;

static void
third_step(void * arg)
{
	(void)arg;
}

static void
second_step(void * arg)
{
	loop_soon(L, &step[2], third_step, arg);
}

static void
first_step(void * arg)
{
	loop_soon(L, &step[1], second_step, arg);
	loop_timer_start(early, 0);
}

static void
call_in(void * arg)
{
	(void)arg;
	caller = dial();
	say(caller, "GET /b HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
}

/* A request that overtakes what is done soon for its new connection: accepted
 * after a round of the soon queue that leaves another to do, and the sockets
 * come before that. */
static void
test_request_before_adoption(void ** state)
{
	(void)state;
	serve();
	early = loop_timer_new(L, call_in, NULL);
	assert_non_null(early);
	loop_soon(L, &step[0], first_step, NULL);
	UNTIL(3000, caller != NULL && caller->eof);
	assert_has(caller, "path=[/b]");
	loop_timer_free(early);
}

static void
test_methods(void ** state)
{
	static const char * const names[] = { "PUT", "PATCH", "DELETE",
	    "POST" };
	char text[128];
	struct cli * c;
	size_t i;

	(void)state;
	serve();
	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "%s /x HTTP/1.1\r\n" H
		    "Content-Length: 3\r\nConnection: close\r\n\r\nabc",
		    names[i]);
		c = ask(text);
		snprintf(text, sizeof(text), "[%s] path=[/x]", names[i]);
		assert_has(c, text);
		assert_has(c, "body=[abc]");
	}
	c = ask("OPTIONS * HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	assert_has(c, "[OTHER] path=[*]");
	c = ask("TRACE / HTTP/1.1\r\n" H "\r\n");
	assert_json_error(c, "405", "method_not_allowed");
	assert_has(c, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
	c = ask("CONNECT h:80 HTTP/1.1\r\n" H "\r\n");
	assert_json_error(c, "405", "method_not_allowed");
	c = ask("BREW / HTTP/1.1\r\n" H "Content-Length: 40\r\n\r\n"
	    "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n1234");
	assert_json_error(c, "501", "unknown_method");
	assert_int_equal(count(c, "HTTP/1.1 "), 1);
}

static void
test_head_and_empty(void ** state)
{
	struct cli * c;

	(void)state;
	serve();
	c = dial();
	say(c, "HEAD /a HTTP/1.1\r\n" H "\r\nGET /empty HTTP/1.1\r\n" H "\r\n"
	    "HEAD /error HTTP/1.1\r\n" H "\r\n"
	    "HEAD /stream HTTP/1.1\r\n" H "\r\n"
	    "GET /last HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	UNTIL(3000, c->eof);
	assert_has(c, "Content-Length: 66\r\n");
	assert_has(c, "HTTP/1.1 204 No Content\r\n");
	assert_has(c, "HTTP/1.1 422 ");
	assert_int_equal(count(c, "path=["), 1);
	assert_int_equal(count(c, "xxxx"), 0);
	assert_int_equal(count(c, "\"error\""), 0);
	assert_int_equal(count(c, "ignored"), 0);
	assert_int_equal(count(c, "HTTP/1.1 "), 5);
	/* A body that HEAD may not have must not become the next request. */
	c = ask("HEAD / HTTP/1.1\r\n" H "Content-Length: 30\r\n\r\n"
	    "GET /smuggled HTTP/1.1\r\n" H "\r\n");
	assert_int_equal(count(c, "HTTP/1.1 "), 1);
}

static void
test_targets(void ** state)
{
	static const struct {
		const char * target, * want;
	} good[] = {
		{ "/a%20b%2Fc+d", "path=[/a b/c+d]" },
		{ "/x?k=v%3D1+2&k=no", "k=[v=1 2]" },
		{ "/x?a&&k", "k=[]" },
		{ "/x?%6b=y", "k=[y]" },
		{ "/x?b=%26k%3Dz", "k=[(none)]" },
		{ "//evil/path", "path=[//evil/path] host=[h]" },
		{ "http://other:81/p?k=1", "path=[/p] host=[other:81] k=[1]" },
		{ "HTTP://other", "path=[/] host=[other]" },
	};
	static const char * const bad[] = { "/a%", "/a%4", "/a%zz", "/a%00b",
	    "/?k=%", "/?%00=1", "/?k=a%0", "*", "x", "ftp://h/", "http://",
	    "http://u@h/", "http:///x", "/a b", "/a\x01", "/a\x7f" };
	char text[256];
	struct cli * c;
	size_t i;

	(void)state;
	serve();
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H
		    "Connection: close\r\n\r\n", good[i].target);
		c = ask(text);
		assert_has(c, good[i].want);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H
		    "Connection: close\r\n\r\n", bad[i]);
		c = ask(text);
		assert_json_error(c, "400", "bad_request");
	}
	/* An absolute target keeps the connection, too. */
	c = dial();
	say(c, "GET http://h/1 HTTP/1.1\r\n" H "\r\n");
	GOT(c, "path=[/1]");
	say(c, "GET /2 HTTP/1.1\r\n" H "\r\n");
	GOT(c, "path=[/2]");
	hang_up(c);
	/* A NUL in the request line or in a header's name. */
	c = dial();
	say_n(c, "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n", 31);
	UNTIL(3000, c->eof);
	assert_json_error(c, "400", "bad_request");
}

static void
test_framing(void ** state)
{
	static const char * const bad[] = {
		"Content-Length: 5\r\nContent-Length: 6\r\n",
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: gzip\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
		"Content-Length : 5\r\n",
		"Content-Length: +5\r\n",
		"Content-Length: 5 \t5\r\n",
		"Content-Length: -1\r\n",
		"Content-Length: 99999999999999999999\r\n",
		": novalue\r\n",
		"Host: second\r\n",
		"no colon\r\n",
		"A: b\x01\r\n",
	};
	char text[256];
	struct cli * c;
	size_t i;

	(void)state;
	serve();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "POST /x HTTP/1.1\r\n" H
		    "%s\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" H "\r\n",
		    bad[i]);
		c = ask(text);
		if (strstr(c->buf, "HTTP/1.1 413") == NULL)
			assert_json_error(c, "400", "bad_request");
		assert_int_equal(count(c, "HTTP/1.1 "), 1);
	}
	c = ask("GET / HTTP/1.1\r\n\r\n"); /* no Host */
	assert_json_error(c, "400", "bad_request");
	c = ask("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n");
	assert_has(c, " 400 ");
	/* And a good chunked body with a trailer. */
	c = ask("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
	    "Connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n");
	assert_has(c, "body=[abcde]");
}

static void
test_garbage(void ** state)
{
	static const char * const bad[] = { "\r\n\r\n", "x\r\n\r\n",
	    "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / FTP/1.1\r\n\r\n",
	    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x01\r\n",
	    "<script> / HTTP/x\r\n\r\n" };
	struct cli * c;
	size_t i;

	(void)state;
	serve();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c = ask(bad[i]);
		assert_json_error(c, "400", "bad_request");
	}
}

static void
test_http_1_0(void ** state)
{
	struct cli * c;

	(void)state;
	serve();
	c = ask("GET /old HTTP/1.0\r\n\r\n");
	assert_has(c, "path=[/old]");
	c = dial();
	say(c, "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	GOT(c, "path=[/1]");
	say(c, "GET /2 HTTP/1.0\r\n\r\n");
	UNTIL(3000, c->eof);
	assert_has(c, "path=[/2]");
	/* No chunks, no length: the end of the connection ends the body. */
	c = ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_null(strstr(c->buf, "Content-Length"));
	assert_null(strstr(c->buf, "chunked"));
	assert_has(c, "\r\n\r\nxxxxxxxxxxxx");
	assert_int_equal(c->eof, 1);
	/* Broken off, the client must be able to tell. */
	c = ask("GET /stream?abort=1 HTTP/1.0\r\n\r\n");
	assert_int_equal(c->eof, 2);
}

static void
test_expect(void ** state)
{
	struct cli * c;

	(void)state;
	opts.max_body = 1000;
	serve();
	c = dial();
	say(c, "POST /x HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
	    "Content-Length: 4\r\n\r\n");
	GOT(c, "HTTP/1.1 100 Continue\r\n\r\n");
	say(c, "body");
	GOT(c, "body=[body]");
	say(c, "POST /y HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
	    "Content-Length: 4\r\n\r\nbody");
	GOT(c, "path=[/y]");
	hang_up(c);
	c = ask("POST /x HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
	    "Content-Length: 4000\r\n\r\n");
	assert_json_error(c, "413", "too_large");
	assert_null(strstr(c->buf, "100 Continue"));
	c = ask("POST /x HTTP/1.1\r\n" H "Expect: miracles\r\n"
	    "Content-Length: 4\r\n\r\n");
	assert_json_error(c, "417", "expectation_failed");
}

static void
test_errors_as_json(void ** state)
{
	struct cli * c;

	(void)state;
	serve();
	c = ask("GET /error HTTP/1.1\r\n" H "X-Request-Id: me\r\n"
	    "Connection: close\r\n\r\n");
	assert_json_error(c, "422", "odd");
	assert_has(c, "\"message\":\"\\\"quoted\\\" at me\xef\xbf\xbd\","
	    "\"request_id\":\"me\"}}");
}

static void
test_pipelined(void ** state)
{
	struct cli * c;
	int i;

	(void)state;
	serve();
	c = dial();
	say(c, "GET /1 HTTP/1.1\r\n" H "\r\nPOST /2 HTTP/1.1\r\n" H
	    "Content-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\n" H "\r\n");
	GOT(c, "path=[/3]");
	assert_has(c, "body=[hi]");
	assert_true(strstr(c->buf, "/1") < strstr(c->buf, "/2"));
	assert_true(strstr(c->buf, "/2") < strstr(c->buf, "/3"));
	forget(c);
	for (i = 0; i < 200; i++)
		say(c, "GET /many HTTP/1.1\r\n" H "\r\n");
	UNTIL(5000, count(c, "path=[/many]") == 200);
	/* In one segment with a held one: the second waits its turn. */
	forget(c);
	say(c, "GET /hold HTTP/1.1\r\n" H "\r\nGET /after HTTP/1.1\r\n" H
	    "\r\n");
	UNTIL(1000, nheld == 1);
	for (i = 0; i < 20; i++)
		turn();
	assert_int_equal(c->len, 0);
	httpd_reply(held[0], 200, "text/plain", "first", 5);
	GOT(c, "path=[/after]");
	assert_true(strstr(c->buf, "first") < strstr(c->buf, "/after"));
	hang_up(c);
}

/* Bytes that come while a reply is pending ended the process in evhttp. */
static void
test_bytes_while_pending(void ** state)
{
	static char junk[65536];
	struct cli * c, * d;
	long before;
	int i;

	(void)state;
	serve();
	memset(junk, 'j', sizeof(junk));
	c = dial();
	d = dial();
	say(c, "GET /hold HTTP/1.1\r\n" H "\r\n");
	UNTIL(1000, nheld == 1);
	say(d, "GET /start HTTP/1.1\r\n" H "\r\n");
	UNTIL(1000, nheld == 2);
	before = rss_kib();
	for (i = 0; i < 2000; i++) {
		(void)send(c->fd, junk, sizeof(junk),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)send(d->fd, junk, sizeof(junk),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (i % 50 == 0)
			turn();
	}
	assert_true(rss_kib() - before < 20000);
	httpd_stream_write(held[1], "part", 4, on_left, NULL);
	GOT(d, "part");
	UNTIL(1000, nleft == 1);
	httpd_stream_end(held[1], 0);
	httpd_reply(held[0], 200, NULL, "{}", 2);
	UNTIL(3000, c->eof && d->eof);
	assert_has(c, "200 OK");
	assert_has(d, "\r\n0\r\n\r\n");
	/* The junk was no request. */
	assert_int_equal(count(c, "HTTP/1.1 200"), 1);
	assert_int_equal(count(d, "HTTP/1.1 200"), 1);
}

static void
test_stream(void ** state)
{
	struct cli * c;

	(void)state;
	serve();
	c = dial();
	say(c, "GET /stream?n=3&size=4 HTTP/1.1\r\n" H "\r\n"
	    "GET /next HTTP/1.1\r\n" H "\r\n");
	GOT(c, "path=[/next]");
	assert_has(c, "Transfer-Encoding: chunked\r\n");
	assert_has(c, "\r\n\r\n4\r\nxxxx\r\n4\r\nxxxx\r\n4\r\nxxxx\r\n"
	    "0\r\n\r\nHTTP/1.1");
	assert_int_equal(ndrained, 4);
	hang_up(c);
	c = dial();
	say(c, "GET /stream?n=0 HTTP/1.1\r\n" H "\r\n");
	GOT(c, "\r\n\r\n0\r\n\r\n");
	hang_up(c);
	c = ask("GET /stream?abort=1 HTTP/1.1\r\n" H "\r\n");
	assert_has(c, "xxxx");
	assert_null(strstr(c->buf, "\r\n0\r\n"));
}

static void
test_error_after_stream_start(void ** state)
{
	struct cli * c;

	(void)state;
	serve();
	c = dial();
	say(c, "GET /start HTTP/1.1\r\n" H "\r\n");
	GOT(c, "chunked");
	httpd_error(held[0], 500, "late", "too late to say");
	UNTIL(1000, c->eof);
	assert_null(strstr(c->buf, "late"));
	assert_null(strstr(c->buf, "0\r\n\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_keep_alive_and_ids), T(test_ids_of_clients),
		T(test_request_before_adoption), T(test_methods),
		T(test_head_and_empty), T(test_targets), T(test_framing),
		T(test_garbage), T(test_http_1_0),
		T(test_expect), T(test_errors_as_json), T(test_pipelined),
		T(test_bytes_while_pending), T(test_stream),
		T(test_error_after_stream_start),
	};

	return (cmocka_run_group_tests_name("httpd", tests, NULL, NULL));
}
