#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/redis.h"
#include "redis_server.h"
#include "until.h"

static struct loop * L;
static struct redis * R;
static struct redis_server server;

/* What the last callback got. */
static int calls, ups, downs;
static char got[4096];
static struct err last;
static char logged[65536];

static void
on_log(void * arg, const char * line)
{
	size_t n = strlen(logged);

	(void)arg;
	snprintf(logged + n, sizeof(logged) - n, "%s\n", line);
}

static int
setup(void ** state)
{
	struct err e;

	(void)state;
	L = loop_new(&e);
	R = NULL;
	calls = ups = downs = 0;
	got[0] = logged[0] = '\0';
	log_capture(on_log, NULL);
	log_setup(LOG_DEBUG, LOG_JSON);
	redis_server_init(&server);
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	redis_free(R);
	redis_server_fini(&server);
	loop_free(L);
	log_capture(NULL, NULL);
	return (0);
}

static void
show(char * out, size_t n, const struct redis_reply * r)
{
	size_t i, len;

	switch (r->type) {
	case REDIS_NIL:
		snprintf(out, n, "nil");
		break;
	case REDIS_STR:
		snprintf(out, n, "\"%s\"/%zu", r->s, r->len);
		break;
	case REDIS_INT:
		snprintf(out, n, "%lld", (long long)r->i);
		break;
	case REDIS_STATUS:
		snprintf(out, n, "+%s", r->s);
		break;
	case REDIS_ARRAY:
		snprintf(out, n, "[");
		for (i = 0; i < r->n; i++) {
			len = strlen(out);
			show(out + len, n - len, r->el[i]);
			len = strlen(out);
			snprintf(out + len, n - len, "%s",
			    i + 1 < r->n ? "," : "");
		}
		len = strlen(out);
		snprintf(out + len, n - len, "]");
		break;
	}
}

static void
note(void * arg, const struct redis_reply * r, const struct err * e)
{
	(void)arg;
	calls++;
	assert_true((r == NULL) != (e == NULL));
	if (e != NULL) {
		last = *e;
		snprintf(got, sizeof(got), "error %s", e->code);
	} else {
		show(got, sizeof(got), r);
	}
}

static void
on_change(void * arg, int up)
{
	(void)arg;
	if (up)
		ups++;
	else
		downs++;
}

static void
client(const char * url)
{
	struct err e;

	R = redis_new(L, url, &e);
	assert_non_null(R);
	redis_on_change(R, on_change, NULL);
}

static void
up(const char * arg)
{
	redis_server_start(&server, arg);
	client(server.url);
	UNTIL(redis_is_up(R), 5000);
}

/* Send words, wait, and compare what came. */
#define ASK(want, ...) do { \
	const char * const v_[] = { __VA_ARGS__ }; \
	int c_ = calls; \
	redis_cmd(R, note, NULL, (int)(sizeof(v_) / sizeof(v_[0])), v_, \
	    NULL); \
	assert_int_equal(calls, c_); \
	UNTIL(calls > c_, 8000); \
	assert_string_equal(got, want); \
} while (0)

static void
test_url(void ** state)
{
	static const char * const bad[] = { "", "http://127.0.0.1",
	    "redis://", "redis://example.org", "redis://127.0.0.1:0",
	    "redis://127.0.0.1:70000", "redis://127.0.0.1:x",
	    "redis://127.0.0.1/abc", "redis://sesame@127.0.0.1",
	    "redis://:se%zzsame@127.0.0.1", "redis://:sesame%@127.0.0.1",
	    "redis://:sesame%4@127.0.0.1", "redis://:sesame%00@127.0.0.1",
	    "redis://[::1", "redis://127.0.0.1?x", "unix://", "unix:///",
	    "unix://relative", "unix:///x?db=y", "unix:///x?d=1",
	    "rediss://127.0.0.1", "redis://:sesame@",
	    "redis://256.1.1.1", "redis://127.0.0.1/99999999999" };
	static const char * const good[] = { "redis://127.0.0.1:1",
	    "redis://localhost:1/3", "redis://[::1]:1",
	    "redis://:p%40ss@127.0.0.1:1", "redis://u:p:q@127.0.0.1:1/0",
	    "redis://127.0.0.1:1/", "unix:///tmp/none?db=2",
	    "unix://u:p@/tmp/none" };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (redis_new(L, bad[i], &e) != NULL)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(e.cls, ERR_CONFIG);
		assert_string_equal(e.code, "redis_url");
		assert_null(strstr(e.msg, "sesame"));
	}
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		R = redis_new(L, good[i], &e);
		if (R == NULL)
			fail_msg("refused: %s: %s", good[i], e.msg);
		loop_turn(L, 0);
		redis_free(R);
	}
	R = NULL;
	redis_free(NULL);
}

static void
test_replies(void ** state)
{
	static const char bin[] = "a\0b\r\nc";
	const char * set[] = { "SET", "k", bin };
	size_t lens[] = { 3, 1, sizeof(bin) - 1 };

	(void)state;
	up(NULL);
	UNTIL(ups == 1, 1000);
	ASK("+PONG", "PING");
	ASK("nil", "GET", "none");
	ASK("+OK", "SET", "s", "");
	ASK("\"\"/0", "GET", "s");
	ASK("1", "INCR", "n");
	ASK("-7", "INCRBY", "n", "-8");
	redis_cmd(R, NULL, NULL, 3, set, lens);
	ASK("7", "APPEND", "k", "!");
	ASK("\"a\"/7", "GET", "k");
	ASK("3", "RPUSH", "l", "x", "yy", "");
	ASK("[\"x\"/1,\"yy\"/2,\"\"/0]", "LRANGE", "l", "0", "-1");
	ASK("[]", "LRANGE", "none", "0", "-1");
	ASK("[1,[\"a\"/1,[2,nil]],\"z\"/1]", "EVAL",
	    "return {1,{'a',{2,false}},'z'}", "0");
	assert_true(redis_commands(R) >= 12);
}

static void
test_error_replies(void ** state)
{
	static const char * const passing[] = { "LOADING x", "BUSY x",
	    "READONLY x", "MASTERDOWN x", "CLUSTERDOWN x", "OOM x" };
	char script[128];
	size_t i;

	(void)state;
	up(NULL);
	ASK("error redis_reply", "NOSUCH");
	assert_int_equal(last.cls, ERR_PERMANENT);
	assert_non_null(strstr(last.msg, "NOSUCH"));
	for (i = 0; i < 6; i++) {
		snprintf(script, sizeof(script),
		    "return redis.error_reply('%s')", passing[i]);
		ASK("error redis_reply", "EVAL", script, "0");
		assert_int_equal(last.cls, ERR_TRANSIENT);
	}
	/* One inside an array is not lost. */
	ASK("error redis_reply", "EVAL",
	    "return {1, {redis.error_reply('INNER x')}}", "0");
	assert_int_equal(last.cls, ERR_PERMANENT);
	assert_non_null(strstr(last.msg, "INNER"));
	ASK("+PONG", "PING");
}

static void
test_refused_then_there(void ** state)
{
	(void)state;
	client(server.url);
	ASK("error redis_away", "PING");
	assert_int_equal(last.cls, ERR_TRANSIENT);
	assert_false(redis_is_up(R));
	redis_server_start(&server, NULL);
	UNTIL(redis_is_up(R), 8000);
	ASK("+PONG", "PING");
	assert_int_equal(ups, 1);
	assert_int_equal(downs, 0);
	assert_non_null(strstr(logged, "redis_down"));
	assert_non_null(strstr(logged, "redis_up"));
}

static void
test_refused_tcp(void ** state)
{
	struct err e;

	(void)state;
	R = redis_new(L, "redis://127.0.0.1:1", &e);
	assert_non_null(R);
	UNTIL(strstr(logged, "cannot connect") != NULL, 5000);
	ASK("error redis_away", "PING");
}

static void
test_killed_and_restarted(void ** state)
{
	const char * const block[] = { "BLPOP", "none", "0" };
	const char * const ping[] = { "PING" };
	int i;

	(void)state;
	up(NULL);
	redis_cmd(R, note, NULL, 3, block, NULL);
	for (i = 0; i < 100; i++)
		redis_cmd(R, note, NULL, 1, ping, NULL);
	for (i = 0; i < 20; i++)
		loop_turn(L, 0);
	assert_int_equal(calls, 0);
	redis_server_kill(&server);
	UNTIL(calls == 101, 5000);
	assert_string_equal(got, "error redis_lost");
	assert_int_equal(last.cls, ERR_TRANSIENT);
	assert_false(redis_is_up(R));
	UNTIL(downs == 1, 1000);
	redis_server_start(&server, NULL);
	UNTIL(ups == 2, 8000);
	ASK("+PONG", "PING");
	assert_int_equal(calls, 102);
}

static void
test_hang(void ** state)
{
	const char * const ping[] = { "PING" };
	int64_t t0;
	int i;

	(void)state;
	up(NULL);
	ASK("+PONG", "PING");
	kill(server.pid, SIGSTOP);
	t0 = clock_mono_us();
	for (i = 0; i < 10; i++)
		redis_cmd(R, note, NULL, 1, ping, NULL);
	UNTIL(calls == 11, 9000);
	assert_string_equal(got, "error redis_timeout");
	assert_int_equal(last.cls, ERR_TRANSIENT);
	assert_true(clock_mono_us() - t0 >= 4900000);
	assert_false(redis_is_up(R));
	kill(server.pid, SIGCONT);
	UNTIL(redis_is_up(R), 12000);
	ASK("+PONG", "PING");
}

static void
test_script(void ** state)
{
	static const char script[] = "return {KEYS[1], ARGV[1], #ARGV}";
	static const char bin[] = "x\0y";
	const char * v[] = { "k", bin };
	size_t lens[] = { 1, 3 };
	char cli[64];
	uint64_t sent;
	int i;

	(void)state;
	up(NULL);
	for (i = 1; i <= 4; i++) {
		if (i == 3)
			redis_server_cli(&server, cli, sizeof(cli),
			    "SCRIPT FLUSH");
		sent = redis_commands(R);
		redis_script(R, script, note, NULL, 1, 2, v, lens);
		UNTIL(calls == i, 5000);
		assert_string_equal(got, "[\"k\"/1,\"x\"/3,1]");
		/* Once more only if the server forgot it. */
		assert_int_equal(redis_commands(R) - sent, i == 3 ? 2 : 1);
	}
	redis_server_kill(&server);
	UNTIL(!redis_is_up(R), 5000);
	redis_script(R, script, note, NULL, 1, 2, v, lens);
	UNTIL(calls == 5, 1000);
	assert_string_equal(got, "error redis_away");
	redis_server_start(&server, NULL);
	UNTIL(redis_is_up(R), 8000);
	redis_script(R, script, note, NULL, 1, 2, v, NULL);
	UNTIL(calls == 6, 5000);
	assert_string_equal(got, "[\"k\"/1,\"x\"/1,1]");
}

static void
test_auth_and_select(void ** state)
{
	char url[256], cli[256];
	struct err e;

	(void)state;
	redis_server_start(&server, "--requirepass sesame");
	client(server.url);
	UNTIL(strstr(logged, "NOAUTH") != NULL, 5000);
	assert_non_null(strstr(logged, "redis://[USER]:PASSWORD@HOST"));
	assert_false(redis_is_up(R));
	redis_free(R);
	snprintf(url, sizeof(url), "unix://:wrong-one@%s", server.sock);
	R = redis_new(L, url, &e);
	UNTIL(strstr(logged, "WRONGPASS") != NULL, 5000);
	assert_false(redis_is_up(R));
	ASK("error redis_away", "PING");
	assert_null(strstr(last.msg, "wrong-one"));
	redis_free(R);
	snprintf(url, sizeof(url), "unix://:s%%65same@%s?db=3", server.sock);
	R = redis_new(L, url, &e);
	UNTIL(redis_is_up(R), 5000);
	ASK("+OK", "SET", "here", "1");
	redis_server_cli(&server, cli, sizeof(cli),
	    "-a sesame --no-auth-warning -n 3 GET here");
	assert_string_equal(cli, "1");
	ASK("+OK", "ACL", "SETUSER", "bob", "on", ">pw", "~*", "+@all");
	redis_free(R);
	snprintf(url, sizeof(url), "unix://bob:pw@%s", server.sock);
	R = redis_new(L, url, &e);
	UNTIL(redis_is_up(R), 5000);
	ASK("\"bob\"/3", "ACL", "WHOAMI");
	redis_free(R);
	snprintf(url, sizeof(url), "unix://bob:pw@%s?db=999", server.sock);
	R = redis_new(L, url, &e);
	UNTIL(strstr(logged, "out of range") != NULL, 5000);
	assert_false(redis_is_up(R));
	assert_null(strstr(logged, "sesame"));
	assert_null(strstr(logged, "wrong-one"));
}

static int seen;

static void
in_order(void * arg, const struct redis_reply * r, const struct err * e)
{
	assert_null(e);
	assert_int_equal((int)(intptr_t)arg, seen);
	assert_int_equal(r->i, seen + 1);
	seen++;
}

static void
test_pipeline(void ** state)
{
	const char * const incr[] = { "INCR", "n" };
	int i;

	(void)state;
	up(NULL);
	seen = 0;
	for (i = 0; i < 10000; i++)
		redis_cmd(R, in_order, (void *)(intptr_t)i, 2, incr, NULL);
	assert_int_equal(seen, 0);
	UNTIL(seen == 10000, 10000);
}

static void
test_large_values(void ** state)
{
	size_t n = 8 << 20;
	char * s = malloc(n + 1);
	const char * v[] = { "SET", "big", s };
	size_t lens[] = { 3, 3, n };

	(void)state;
	assert_non_null(s);
	memset(s, 'x', n);
	s[n] = '\0';
	up(NULL);
	redis_cmd(R, note, NULL, 3, v, lens);
	UNTIL(calls == 1, 8000);
	ASK("8388608", "STRLEN", "big");
	v[0] = "GET";
	redis_cmd(R, note, NULL, 2, v, lens);
	UNTIL(calls == 3, 8000);
	assert_memory_equal(got, "\"xxxx", 5);
	/* Past the bound the connection is given up, not the memory. */
	ASK("error redis_lost", "EVAL",
	    "local t = {} local s = redis.call('GET', 'big') "
	    "for i = 1, 9 do t[i] = s end return t", "0");
	UNTIL(redis_is_up(R), 8000);
	ASK("+PONG", "PING");
	free(s);
}

static void
test_free_with_waiting(void ** state)
{
	const char * const ping[] = { "PING" };
	int i;

	(void)state;
	up(NULL);
	for (i = 0; i < 50; i++)
		redis_cmd(R, note, NULL, 1, ping, NULL);
	redis_free(R);
	R = NULL;
	for (i = 0; i < 20; i++)
		loop_turn(L, 0);
	assert_int_equal(calls, 0);
	/* Answered, but not yet told. */
	client(server.url);
	UNTIL(redis_is_up(R), 5000);
	redis_server_kill(&server);
	UNTIL(!redis_is_up(R), 5000);
	redis_cmd(R, note, NULL, 1, ping, NULL);
	redis_free(R);
	R = NULL;
	loop_turn(L, 0);
	assert_int_equal(calls, 0);
}

static void
free_it(void * arg, const struct redis_reply * r, const struct err * e)
{
	(void)arg;
	calls++;
	redis_free(R);
	R = NULL;
	/* The reply is ours until we return. */
	assert_null(e);
	assert_string_equal(r->el[1]->s, "two");
}

static void
test_free_in_callback(void ** state)
{
	const char * const eval[] = { "EVAL", "return {'one','two'}", "0" };
	int i;

	(void)state;
	up(NULL);
	for (i = 0; i < 10; i++)
		redis_cmd(R, free_it, NULL, 3, eval, NULL);
	UNTIL(calls == 1, 5000);
	for (i = 0; i < 10; i++)
		loop_turn(L, 0);
	assert_int_equal(calls, 1);
}

static void
resend(void * arg, const struct redis_reply * r, const struct err * e)
{
	const char * const ping[] = { "PING" };

	(void)r;
	(void)arg;
	calls++;
	if (e != NULL && calls < 10)
		redis_cmd(R, resend, NULL, 1, ping, NULL);
}

static void
test_send_from_failed_callback(void ** state)
{
	const char * const ping[] = { "PING" };

	(void)state;
	up(NULL);
	kill(server.pid, SIGSTOP);
	redis_cmd(R, resend, NULL, 1, ping, NULL);
	loop_turn(L, 0);
	redis_server_kill(&server);
	UNTIL(calls == 10, 5000);
}

/* A peer that is no Redis: says a thing to whoever connects, then nothing. */
static int lfd, cfd;
static const char * line;
static struct loop_io * lio;

static void
on_accept(void * arg, int fd, int events)
{
	size_t n = strlen(line);

	(void)arg;
	(void)events;
	if (cfd >= 0)
		close(cfd);
	cfd = accept(fd, NULL, NULL);
	if (n > 0 && write(cfd, line, n) != (ssize_t)n)
		line = "";
}

static void
fake_peer(const char * says)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	line = says;
	cfd = -1;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", server.sock);
	lfd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(lfd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(lfd, 5), 0);
	lio = loop_io_new(L, lfd, LOOP_PRIO_NORMAL, on_accept, NULL);
	assert_int_equal(loop_io_set(lio, LOOP_READ), 0);
	client(server.url);
}

static void
fake_end(void)
{
	redis_free(R);
	R = NULL;
	loop_io_free(lio);
	close(lfd);
	if (cfd >= 0)
		close(cfd);
	unlink(server.sock);
}

static void
test_peer_that_is_no_redis(void ** state)
{
	static const char * const says[] = {
	    "HTTP/1.1 400 Bad Request\r\n\r\n", "+OK\r\n+OK\r\n+OK\r\n",
	    "*2000000000\r\n", "*2147483647\r\n", "$99999999999\r\n",
	    "*-5\r\n", ":1\r\n*1\r\n", "+PONG\r\n+MORE\r\n",
	    "-ERR max number of clients reached\r\n",
	    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		logged[0] = '\0';
		fake_peer(says[i]);
		UNTIL(strstr(logged, "redis_down") != NULL, 8000);
		fake_end();
	}
}

/* What came while we were away ourselves is no silence of Redis. */
static void
test_late_ourselves(void ** state)
{
	const char * const wait[] = { "BLPOP", "nothing", "4" };
	const struct timespec away = { .tv_sec = 5, .tv_nsec = 200000000 };
	int64_t t0 = clock_mono_us();

	(void)state;
	up(NULL);
	redis_cmd(R, note, NULL, 3, wait, NULL);
	while (clock_mono_us() - t0 < 500000) /* it goes out */
		loop_turn(L, 1);
	assert_int_equal(calls, 0);
	nanosleep(&away, NULL);
	UNTIL(calls == 1, 1000);
	assert_string_equal(got, "nil");
	assert_true(redis_is_up(R));
}

static void
test_silent_peer(void ** state)
{
	int64_t t0 = clock_mono_us();

	(void)state;
	fake_peer("");
	UNTIL(strstr(logged, "did not let us in") != NULL, 8000);
	assert_true(clock_mono_us() - t0 >= 4900000);
	ASK("error redis_away", "PING");
	fake_end();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_url), T(test_replies), T(test_error_replies),
		T(test_refused_then_there), T(test_refused_tcp),
		T(test_killed_and_restarted), T(test_hang), T(test_script),
		T(test_auth_and_select), T(test_pipeline),
		T(test_large_values), T(test_free_with_waiting),
		T(test_free_in_callback), T(test_send_from_failed_callback),
		T(test_peer_that_is_no_redis), T(test_silent_peer),
		T(test_late_ourselves),
	};

	signal(SIGPIPE, SIG_IGN);
	redis_server_need();
	return (cmocka_run_group_tests_name("redis", tests, NULL, NULL));
}
