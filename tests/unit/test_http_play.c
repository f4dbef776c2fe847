#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "net/http.h"

/* A player, and what came back through the usual roads. */
struct scene {
	struct loop * L;
	struct http * H;
	const char * body;
	size_t len;
	int status;
	int refuse;         /* the player fails */
	unsigned asked;
	char url[64];
	struct buf got;     /* by on_data */
	unsigned pieces;
	int stop_after;     /* pieces; 0: never */
	char ctype[64];
	int calls;
	int res_status;
	size_t res_bytes;
	char res_body[64];
	char header[64];
	struct err err;
};

static int
play(void * arg, const struct http_req * req, struct http_played * a,
    struct err * e)
{
	static const char * const headers[] = { "Content-Type: text/x-test",
	    "X-Left: 7", NULL };
	struct scene * s = arg;

	s->asked++;
	snprintf(s->url, sizeof(s->url), "%s", req->url);
	if (s->refuse)
		return (err_set(e, ERR_TRANSIENT, "recv", "as told"));
	a->status = s->status;
	a->headers = headers;
	a->body = s->body;
	a->body_len = s->len;
	return (0);
}

static int
on_head(void * arg, const char * ctype)
{
	struct scene * s = arg;

	assert_int_equal(s->pieces, 0);
	snprintf(s->ctype, sizeof(s->ctype), "%s", ctype);
	return (0);
}

static int
on_data(void * arg, const char * p, size_t n)
{
	struct scene * s = arg;

	s->pieces++;
	assert_int_equal(buf_add(&s->got, p, n), 0);
	return (s->stop_after > 0 && s->pieces >= (unsigned)s->stop_after ?
	    -1 : 0);
}

static void
on_done(void * arg, const struct http_res * res, const struct err * e)
{
	struct scene * s = arg;
	const char * left;

	s->calls++;
	assert_true((res == NULL) != (e == NULL));
	if (e != NULL) {
		s->err = *e;
		return;
	}
	s->res_status = res->status;
	s->res_bytes = res->bytes;
	snprintf(s->res_body, sizeof(s->res_body), "%s", res->body);
	left = http_res_header(res, "x-left");
	snprintf(s->header, sizeof(s->header), "%s", left != NULL ? left : "");
}

static int
setup(void ** state)
{
	struct scene * s = calloc(1, sizeof(*s));
	struct http_opts o;
	struct err e;

	assert_non_null(s);
	memset(&o, 0, sizeof(o));
	o.play = play;
	o.play_arg = s;
	s->status = 200;
	s->body = "hello";
	s->len = 5;
	s->L = loop_new(&e);
	assert_non_null(s->L);
	s->H = http_new(s->L, &o, &e);
	assert_non_null(s->H);
	*state = s;
	return (0);
}

static int
teardown(void ** state)
{
	struct scene * s = *state;

	http_free(s->H);
	loop_free(s->L);
	buf_free(&s->got);
	free(s);
	return (0);
}

static struct http_call *
start(struct scene * s, int stream)
{
	struct http_req r;
	struct http_call * c;

	memset(&r, 0, sizeof(r));
	r.url = "https://nowhere.example/a?b=c";
	r.on_data = stream ? on_data : NULL;
	r.on_head = stream ? on_head : NULL;
	c = http_start(s->H, &r, on_done, s);
	assert_non_null(c);
	assert_int_equal(s->calls, 0); /* never before it returns */
	return (c);
}

static void
turn(struct scene * s)
{
	int i;

	for (i = 0; i < 100 && s->calls == 0; i++)
		assert_int_equal(loop_turn(s->L, 0), 0);
}

static void
test_whole(void ** state)
{
	struct scene * s = *state;

	start(s, 0);
	turn(s);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->asked, 1);
	assert_string_equal(s->url, "https://nowhere.example/a?b=c");
	assert_int_equal(s->res_status, 200);
	assert_string_equal(s->res_body, "hello");
	assert_string_equal(s->header, "7");
}

static void
test_stream(void ** state)
{
	struct scene * s = *state;
	char * big = malloc(5000);

	assert_non_null(big);
	memset(big, 'x', 5000);
	s->body = big;
	s->len = 5000;
	start(s, 1);
	turn(s);
	assert_int_equal(s->calls, 1);
	assert_true(s->pieces > 3);
	assert_int_equal(s->got.len, 5000);
	assert_memory_equal(s->got.p, big, 5000);
	assert_string_equal(s->ctype, "text/x-test");
	assert_string_equal(s->res_body, "");
	assert_int_equal(s->res_bytes, 5000);
	free(big);
}

/* Bodies of answers that are not good are kept, whoever streams. */
static void
test_bad_status(void ** state)
{
	struct scene * s = *state;

	s->status = 404;
	start(s, 1);
	turn(s);
	assert_int_equal(s->res_status, 404);
	assert_int_equal(s->pieces, 0);
	assert_string_equal(s->res_body, "hello");
}

static void
test_abort(void ** state)
{
	struct scene * s = *state;

	s->stop_after = 1;
	start(s, 1);
	turn(s);
	assert_int_equal(s->calls, 1);
	assert_string_equal(s->err.code, "aborted");
	assert_int_equal(s->err.cls, ERR_CANCELLED);
}

static void
test_refuses(void ** state)
{
	struct scene * s = *state;

	s->refuse = 1;
	start(s, 1);
	turn(s);
	assert_string_equal(s->err.code, "recv");
	assert_int_equal(s->pieces, 0);
}

static void
test_too_big(void ** state)
{
	struct scene * s = *state;
	struct http_req r;

	memset(&r, 0, sizeof(r));
	r.url = "https://nowhere.example/";
	r.max_body = 4;
	assert_non_null(http_start(s->H, &r, on_done, s));
	turn(s);
	assert_string_equal(s->err.code, "too_big");
}

static void
test_cancel(void ** state)
{
	struct scene * s = *state;
	int i;

	http_cancel(start(s, 1));
	for (i = 0; i < 5; i++)
		assert_int_equal(loop_turn(s->L, 0), 0);
	assert_int_equal(s->calls, 0);
	assert_int_equal(s->pieces, 0);
	/* One that still waits is freed with the client. */
	start(s, 1);
}

static void
test_bad_request(void ** state)
{
	struct scene * s = *state;
	struct http_req r;

	memset(&r, 0, sizeof(r));
	r.url = "ftp://nowhere.example/";
	assert_non_null(http_start(s->H, &r, on_done, s));
	turn(s);
	assert_string_equal(s->err.code, "bad_url");
	assert_int_equal(s->asked, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abort, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_big, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_request, setup, teardown),
	};

	return (cmocka_run_group_tests_name("http_play", tests, NULL, NULL));
}
