#ifndef MOLTLER_TESTS_HTTP_FIXTURE_H
#define MOLTLER_TESTS_HTTP_FIXTURE_H

/* What the tests of the HTTP client share: a loop, a client, a server. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "net/http.h"

#include "../fault.h"

static struct fault server;
static struct loop * L;
static struct http * H;

/* What came of a call. */
struct got {
	int calls;
	int ok;
	int status;
	size_t bytes;
	size_t body_len;
	char body[8192];
	char header[256];
	const char * want_header;
	struct err e;
	int64_t total_us, queue_us;
	/* on_data */
	size_t data;
	size_t stop_after;
	/* what the callback shall do */
	void (*then)(struct got *);
	struct http_call * other;
};

static inline void
on_done(void * arg, const struct http_res * res, const struct err * e)
{
	struct got * g = arg;
	const char * h;

	g->calls++;
	g->ok = res != NULL;
	if (res != NULL) {
		assert_null(e);
		g->status = res->status;
		g->bytes = res->bytes;
		g->body_len = res->body_len;
		g->total_us = res->total_us;
		g->queue_us = res->queue_us;
		snprintf(g->body, sizeof(g->body), "%s", res->body);
		if (g->want_header != NULL) {
			h = http_res_header(res, g->want_header);
			snprintf(g->header, sizeof(g->header), "%s",
			    h != NULL ? h : "(none)");
		}
	} else {
		assert_non_null(e);
		g->e = *e;
		/* Every message names what it is about and ends without a dot. */
		assert_true(strlen(e->msg) > 10);
		assert_true(e->msg[strlen(e->msg) - 1] != '.');
	}
	if (g->then != NULL)
		g->then(g);
}

static inline int
on_data(void * arg, const char * p, size_t n)
{
	struct got * g = arg;

	(void)p;
	g->data += n;
	return (g->stop_after != 0 && g->data >= g->stop_after ? -1 : 0);
}

static inline const char *
url_at(const char * port, const char * path)
{
	static char url[4][2048];
	static unsigned i;
	char * u = url[i++ % 4];

	snprintf(u, sizeof(url[0]), "http%s://127.0.0.1:%d%s",
	    strncmp(port, "tls", 3) == 0 ? "s" : "", fault_port(&server, port),
	    path);
	return (u);
}

/* The server by a name, which the program must let resolve. */
static inline const char *
named(const char * host, const char * path)
{
	static char url[2][512];
	static unsigned i;
	char * u = url[i++ % 2];

	snprintf(u, sizeof(url[0]), "http://%s:%d%s", host,
	    fault_port(&server, "port"), path);
	return (u);
}

static inline struct http_call *
start(struct got * g, const char * url)
{
	struct http_req r = { .url = url };
	struct http_call * c = http_start(H, &r, on_done, g);

	assert_non_null(c);
	return (c);
}

/* Turn the loop until *n is at least want; a minute passes only where something
 * hangs, for machines can be busy. */
static inline void
run_until(const int * n, int want)
{
	int64_t end = clock_mono_us() + 60000000;

	while (*n < want) {
		assert_int_equal(loop_turn(L, 1), 0);
		if (clock_mono_us() > end)
			fail_msg("waited a minute for %d, have %d", want, *n);
	}
}

static inline void
run_for_ms(int ms)
{
	int64_t end = clock_mono_us() + ms * 1000;

	while (clock_mono_us() < end)
		assert_int_equal(loop_turn(L, 1), 0);
}

static inline struct got
fetch(struct http_req r)
{
	struct got g = { .want_header = NULL };

	assert_non_null(http_start(H, &r, on_done, &g));
	assert_int_equal(g.calls, 0);
	run_until(&g.calls, 1);
	return (g);
}

static inline struct got
get(const char * port, const char * path)
{
	return (fetch((struct http_req){ .url = url_at(port, path) }));
}

static inline void
client(const struct http_opts * o)
{
	struct err e;

	http_free(H);
	H = http_new(L, o, &e);
	assert_non_null(H);
}

static inline int
setup(void ** state)
{
	struct err e;

	(void)state;
	if ((L = loop_new(&e)) == NULL || (H = http_new(L, NULL, &e)) == NULL)
		return (-1);
	return (0);
}

static inline int
teardown(void ** state)
{
	(void)state;
	http_free(H);
	H = NULL;
	loop_free(L);
	return (0);
}

static inline void
assert_failed(const struct got * g, enum err_class cls, const char * code)
{
	if (g->ok)
		fail_msg("status %d where %s was due", g->status, code);
	if (strcmp(g->e.code, code) != 0 || g->e.cls != cls)
		fail_msg("%s %s: %s; due was %s", err_class_name(g->e.cls),
		    g->e.code, g->e.msg, code);
}

static inline void
assert_status(const struct got * g, int status)
{
	if (!g->ok)
		fail_msg("%s: %s", g->e.code, g->e.msg);
	assert_int_equal(g->status, status);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Run the group with a server, or skip the program where there is none. */
static inline int
run_with_server(const char * name, const struct CMUnitTest * tests, size_t n)
{
	int rc;

	signal(SIGPIPE, SIG_IGN);
	if (fault_start(&server)) {
		printf("1..0 # SKIP python3 or openssl cannot serve\n");
		fault_stop(&server);
		return (77);
	}
	rc = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	fault_stop(&server);
	return (rc);
}

#endif
