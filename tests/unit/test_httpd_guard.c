#include "httpd_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../fair.h"
#include "base/log.h"

#define H "Host: h\r\n"

static char dir[64];
static unsigned nlines;

static struct httpd_stats
stats(void)
{
	struct httpd_stats st;

	httpd_stats_get(S, &st);
	return (st);
}

/* Go away as a client that crashed does: with a reset. */
static void
reset(struct cli * c)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard,
	    sizeof(hard)), 0);
	hang_up(c);
}

static void
test_leaving_is_noticed(void ** state)
{
	struct cli * c;
	int64_t t0;
	size_t n;
	int how;

	(void)state;
	serve();
	for (how = 0; how < 4; how++) {
		nheld = nleft = 0;
		c = dial();
		say(c, how < 2 ? "POST /hold?k=v HTTP/1.1\r\n" H
		    "X-A: b\r\nContent-Length: 4\r\n\r\nbody" :
		    "POST /start?k=v HTTP/1.1\r\n" H
		    "X-A: b\r\nContent-Length: 4\r\n\r\nbody");
		UNTIL(1000, nheld == 1);
		assert_int_equal(stats().requests_active, 1);
		if (how >= 2)
			GOT(c, "chunked");
		t0 = now_ms();
		if (how % 2)
			reset(c);
		else
			hang_up(c);
		UNTIL(500, nleft == 1);
		assert_true(now_ms() - t0 < 500);
		assert_int_equal(stats().conns, 0);
		/* What was borrowed is still there. */
		assert_string_equal(httpd_req_path(held[0]),
		    how < 2 ? "/hold" : "/start");
		assert_string_equal(httpd_req_query(held[0], "k"), "v");
		assert_string_equal(httpd_req_header(held[0], "x-a"), "b");
		assert_memory_equal(httpd_req_body(held[0], &n), "body", 4);
		if (how < 2) {
			httpd_req_header_add(held[0], "X", "y");
			httpd_reply(held[0], 200, NULL, "{}", 2);
		} else {
			ndrained = 0;
			assert_true(httpd_stream_gone(held[0]));
			httpd_stream_write(held[0], "x", 1, on_left, NULL);
			UNTIL(500, nleft == 2);
			httpd_stream_end(held[0], how == 3);
		}
		assert_int_equal(stats().requests_active, 0);
	}
}

static void
test_leave_told_late_or_not(void ** state)
{
	struct cli * c, * d;
	int i;

	(void)state;
	serve();
	c = dial();
	say(c, "GET /hold HTTP/1.1\r\n" H "\r\n");
	UNTIL(1000, nheld == 1);
	httpd_on_leave(held[0], NULL, NULL);
	hang_up(c);
	UNTIL(1000, stats().conns == 0);
	assert_int_equal(nleft, 0);
	httpd_on_leave(held[0], on_left, NULL);
	assert_int_equal(nleft, 0); /* never from within */
	UNTIL(1000, nleft == 1);
	httpd_error(held[0], 500, "x", "nobody hears");
	/* One who stays is not said to have left. */
	d = dial();
	say(d, "GET /hold HTTP/1.1\r\n" H "\r\n");
	UNTIL(1000, nheld == 2);
	for (i = 0; i < 150; i++)
		turn();
	assert_int_equal(nleft, 1);
	httpd_reply(held[1], 200, NULL, "{}", 2);
	GOT(d, "{}");
}

/* A client that leaves while the handler writes and writes. */
static void
test_leaving_mid_stream(void ** state)
{
	struct cli * c;
	int i;

	(void)state;
	serve();
	for (i = 0; i < 6; i++) {
		c = dial();
		say(c, "GET /stream?n=100000&size=10000 HTTP/1.1\r\n" H "\r\n");
		UNTIL(2000, c->total > 100000);
		c->hold = i % 2; /* and one that has stopped reading before */
		turn();
		if (i % 3)
			reset(c);
		else
			hang_up(c);
		UNTIL(500, stats().requests_active == 0);
		UNTIL(500, stats().conns == 0);
	}
}

static void
test_slow_reader_costs_nothing(void ** state)
{
	struct cli * c;
	long before;

	(void)state;
	serve();
	c = dial();
	before = rss_kib();
	say(c, "GET /stream?n=1600&size=65536 HTTP/1.1\r\n" H "\r\n");
	c->hold = 1;
	while (!strstr(c->buf, "\r\n0\r\n\r\n")) {
		int i;

		for (i = 0; i < 5; i++)
			turn();
		assert_true(rss_kib() - before < 16 * 1024);
		c->hold = 0;
		turn();
		c->hold = 1;
	}
	assert_true(c->total > 100 << 20);
	assert_int_equal(ndrained, 1601);
}

static void
test_slow_loris(void ** state)
{
	struct cli * silent, * drip, * body, * chunk;
	int64_t t0, next = 0;

	(void)state;
	opts.request_s = 1;
	serve();
	silent = dial();
	drip = dial();
	body = dial();
	chunk = dial();
	say(drip, "GET / HTTP/1.1\r\n");
	say(body, "POST / HTTP/1.1\r\n" H "Content-Length: 100\r\n\r\n");
	say(chunk, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	t0 = now_ms();
	while (!silent->eof || !drip->eof || !body->eof || !chunk->eof) {
		assert_true(now_ms() - t0 < 2600);
		if (now_ms() >= next) {
			next = now_ms() + 50;
			say(drip, "X");
			say(body, "x");
			say(chunk, "1\r\nx\r\n");
		}
		turn();
	}
	assert_true(now_ms() - t0 >= 1000);
	assert_int_equal(silent->total, 0);
	assert_non_null(strstr(drip->buf, "HTTP/1.1 408 Request Timeout"));
	assert_non_null(strstr(drip->buf, "\"request_timeout\""));
	assert_non_null(strstr(body->buf, " 408 "));
	assert_non_null(strstr(chunk->buf, " 408 "));
	UNTIL(500, stats().conns == 0);
}

static void
test_idle_connections_end(void ** state)
{
	struct cli * c, * d;
	int64_t t0;

	(void)state;
	opts.request_s = 1;
	opts.idle_s = 3;
	serve();
	c = dial();
	d = dial();
	say(c, "GET / HTTP/1.1\r\n" H "\r\n");
	say(d, "GET / HTTP/1.1\r\n" H "\r\n");
	GOT(c, "bytes=0");
	GOT(d, "bytes=0");
	t0 = now_ms();
	say(d, "G"); /* a request begins: request_s counts again */
	UNTIL(2600, d->eof);
	assert_false(c->eof);
	UNTIL(3000, c->eof);
	assert_true(now_ms() - t0 >= 3000);
	assert_null(strstr(c->buf, " 408 "));
}

/* Asks, then never reads: only progress keeps such a connection. */
static void
test_reader_that_stops(void ** state)
{
	struct cli * c, * d;
	int64_t next = 0;

	(void)state;
	opts.idle_s = 1;
	serve();
	c = dial();
	c->hold = 1;
	say(c, "GET /stream?n=1000&size=1000000 HTTP/1.1\r\n" H "\r\n");
	UNTIL(1000, stats().requests_active == 1);
	d = dial(); /* slow, but alive */
	say(d, "GET /stream?n=500&size=65536 HTTP/1.1\r\n" H "\r\n");
	while (strstr(d->buf, "\r\n0\r\n\r\n") == NULL) {
		assert_false(d->eof);
		d->hold = now_ms() < next;
		if (!d->hold)
			next = now_ms() + 300;
		turn();
	}
	UNTIL(3000, stats().requests_active == 0);
}

static void
test_limits(void ** state)
{
	static char big[4 << 20];
	struct cli * c;
	long before;
	int i;

	(void)state;
	opts.max_headers = 2000;
	opts.max_body = 100000;
	serve();
	memset(big, 'a', sizeof(big));
	c = dial();
	say(c, "GET / HTTP/1.1\r\nX: ");
	say_n(c, big, 3000);
	UNTIL(2000, c->eof);
	assert_non_null(strstr(c->buf, "HTTP/1.1 400 "));
	assert_non_null(strstr(c->buf, "larger than 2000 bytes"));
	c = dial();
	say_n(c, big, 3000); /* not even a line */
	UNTIL(2000, c->eof);
	assert_non_null(strstr(c->buf, "HTTP/1.1 400 "));
	/* The answer arrives though the client is still sending. */
	for (i = 0; i < 2; i++) {
		c = dial();
		say(c, i ? "POST / HTTP/1.1\r\n" H "Content-Length: 4194304"
		    "\r\n\r\n" : "POST / HTTP/1.1\r\n" H
		    "Transfer-Encoding: chunked\r\n\r\n400000\r\n");
		say_n(c, big, sizeof(big));
		UNTIL(3000, strstr(c->buf, "}}") != NULL);
		assert_non_null(strstr(c->buf, "HTTP/1.1 413 Content Too "
		    "Large\r\nContent-Type: application/json\r\n"));
		assert_non_null(strstr(c->buf, "larger than 100000 bytes"));
		hang_up(c);
	}
	c = dial();
	say(c, "POST /x HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n");
	say_n(c, big, 100000);
	GOT(c, "bytes=100000");
	hang_up(c);
	/* A chunk's size that never ends: evhttp has no bound for it. */
	before = rss_kib();
	c = dial();
	say(c, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	for (i = 0; i < 2000 && !c->eof; i++) {
		(void)send(c->fd, big, 65536, MSG_DONTWAIT | MSG_NOSIGNAL);
		turn();
	}
	assert_true(rss_kib() - before < 8000);
	assert_non_null(strstr(c->buf, "HTTP/1.1 413 "));
}

/* Bodies that nobody has looked at yet, of who may have no leave to ask. */
static void
test_unfinished_bodies(void ** state)
{
	static char big[900000];
	struct cli * c[60], * d;
	unsigned i;
	long before;

	(void)state;
	opts.max_coming = 4 << 20;
	serve();
	memset(big, 'a', sizeof(big));
	before = rss_kib();
	for (i = 0; i < 60; i++) {
		c[i] = dial();
		say(c[i], "POST / HTTP/1.1\r\n" H "Content-Length: 1000000"
		    "\r\n\r\n");
		say_n(c[i], big, sizeof(big));
	}
	UNTIL(5000, stats().refused >= 55);
	for (i = 0; i < 20; i++)
		turn();
	assert_true(stats().refused < 60);
	assert_true(rss_kib() - before < 16 * 1024);
	for (i = 0; strstr(c[i]->buf, "HTTP/1.1 503 ") == NULL; i++)
		assert_true(i < 59);
	assert_non_null(strstr(c[i]->buf, "\"crowded\""));
	/* Who asks for little is heard. */
	d = dial();
	say(d, "POST /x HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nbody");
	GOT(d, "body=[body]");
	/* What one brought is no matter any more when he is gone. */
	for (i = 0; i < 60; i++)
		hang_up(c[i]);
	UNTIL(2000, stats().conns == 1);
	for (i = 0; i < 8; i++) {
		say(d, "POST /y HTTP/1.1\r\n" H "Content-Length: 900000"
		    "\r\n\r\n");
		say_n(d, big, sizeof(big));
		GOT(d, "bytes=900000");
		forget(d);
	}
}

static void
files_limit(rlim_t n)
{
	struct rlimit rl;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	if (n > rl.rlim_max)
		n = rl.rlim_max;
	rl.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

static void
count_line(void * arg, const char * line)
{
	(void)arg;
	if (strstr(line, "httpd_accept_failed") != NULL ||
	    strstr(line, "httpd_no_slot") != NULL)
		nlines++;
}

static void
test_connection_cap(void ** state)
{
	static struct cli * c[2000];
	char path[128];
	struct cli * u;
	struct err e;
	unsigned i, refused = 0;
	long before;

	(void)state;
	files_limit(8192);
	opts.max_conns = 500;
	serve();
	log_capture(count_line, NULL);
	nlines = 0;
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(httpd_listen_unix(S, path, 0600, &e), 0);
	before = rss_kib();
	for (i = 0; i < 2000; i++) {
		c[i] = dial();
		if (i % 900 == 899) /* a backlog full at once */
			UNTIL(10000, stats().conns + stats().refused > i);
	}
	UNTIL(10000, stats().refused == 1500);
	assert_int_equal(stats().conns, 500);
	for (i = 0; i < 40; i++)
		turn();
	assert_true(rss_kib() - before < 16 * 1024);
	for (i = 0; i < 2000; i++) {
		if (!c[i]->eof) {
			assert_int_equal(c[i]->total, 0);
			continue;
		}
		refused++;
		assert_non_null(strstr(c[i]->buf, "HTTP/1.1 429 Too Many"));
		assert_non_null(strstr(c[i]->buf, "too_many_connections"));
	}
	assert_int_equal(refused, 1500);
	assert_int_equal(nlines, 0);
	/* The operator still gets in. */
	u = dial_unix(path);
	say(u, "GET /op HTTP/1.1\r\n" H "\r\n");
	GOT(u, "path=[/op]");
	hang_up(u);
	/* One that asks at once gets the answer, too. */
	u = dial();
	say(u, "GET / HTTP/1.1\r\n" H "\r\n");
	GOT(u, " 429 ");
	hang_up(u);
	/* Room again. */
	for (i = 0; i < 2000; i++)
		hang_up(c[i]);
	UNTIL(3000, stats().conns == 0);
	u = dial();
	say(u, "GET /in HTTP/1.1\r\n" H "\r\n");
	GOT(u, "path=[/in]");
}

static void
test_out_of_files(void ** state)
{
	struct cli * c;
	int fds[64], n = 0, i;
	int64_t t0;

	(void)state;
	serve();
	log_capture(count_line, NULL);
	nlines = 0;
	c = dial();
	files_limit(64);
	while (n < 64 && (fds[n] = open("/dev/null", O_RDONLY)) != -1)
		n++;
	assert_int_equal(errno, EMFILE);
	say(c, "GET /late HTTP/1.1\r\n" H "\r\n");
	t0 = wall_us();
	while (wall_us() - t0 < 400000)
		turn();
	assert_int_equal(nlines, 1);
	assert_int_equal(c->total, 0);
	for (i = 0; i < n; i++)
		close(fds[i]);
	UNTIL(1500, strstr(c->buf, "path=[/late]") != NULL);
	assert_true(wall_us() - t0 >= 900000);
	assert_int_equal(nlines, 1);
	files_limit(8192);
}

static void
test_unix_socket(void ** state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[200], want[64], other[128];
	struct stat st;
	struct cli * c;
	struct err e;
	mode_t old = umask(0);
	int fd;

	(void)state;
	serve();
	snprintf(path, sizeof(path), "%s/sock", dir);
	assert_int_equal(httpd_listen_unix(S, path, 0660, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(umask(old), 0); /* left as it was */
	c = dial_unix(path);
	say(c, "GET /u HTTP/1.1\r\n" H "\r\n");
	snprintf(want, sizeof(want), "unix=1 uid=%d", (int)getuid());
	GOT(c, want);
	c = dial();
	say(c, "GET /t HTTP/1.1\r\n" H "\r\n");
	GOT(c, "unix=0 uid=-1");
	/* A live one is left alone. */
	assert_int_equal(httpd_listen_unix(S, path, 0600, &e), -1);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_non_null(strstr(e.msg, path));
	assert_non_null(strstr(e.msg, "another process"));
	httpd_free(S);
	assert_int_equal(stat(path, &st), -1);
	/* A stale one is replaced. */
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	serve();
	assert_int_equal(httpd_listen_unix(S, path, 0600, &e), 0);
	c = dial_unix(path);
	say(c, "GET /v HTTP/1.1\r\n" H "\r\n");
	GOT(c, "path=[/v]");
	/* What somebody else put there since is not removed. */
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(httpd_listen_unix(S, path, 0600, &e), -1);
	assert_non_null(strstr(e.msg, "no socket"));
	httpd_stop_listening(S);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	memset(other, 'p', sizeof(other) - 1);
	other[sizeof(other) - 1] = '\0';
	assert_int_equal(httpd_listen_unix(S, other, 0600, &e), -1);
	assert_non_null(strstr(e.msg, "longer than"));
	assert_int_equal(httpd_listen_unix(S, "/nonexistent/s", 0600, &e), -1);
	assert_non_null(strstr(e.msg, "/nonexistent/s"));
}

static void
test_bad_addresses(void ** state)
{
	struct err e;
	int p;

	(void)state;
	serve();
	assert_int_equal(httpd_listen_tcp(S, "127.0.0.1", port, &e), -1);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_non_null(strstr(e.msg, "127.0.0.1"));
	assert_int_equal(httpd_listen_tcp(S, "localhost", 0, &e), -1);
	assert_non_null(strstr(e.msg, "localhost"));
	assert_int_equal(httpd_listen_tcp(S, "127.0.0.1", 65536, &e), -1);
	assert_int_equal(httpd_listen_tcp(S, "192.0.2.1", 0, &e), -1);
	p = httpd_listen_tcp(S, "127.0.0.2", 0, &e);
	assert_true(p > 0);
}

/* What connecting to the port gives: 0 or an errno. */
static int
knock(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

	in.sin_port = htons((uint16_t)port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rc = connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0 ? 0 : errno;
	close(fd);
	return (rc);
}

static void
test_stop_and_free(void ** state)
{
	struct cli * c, * d, * s, * idle;

	(void)state;
	serve();
	c = dial();
	d = dial();
	s = dial();
	idle = dial();
	say(c, "GET /hold HTTP/1.1\r\n" H "\r\n");
	UNTIL(1000, nheld == 1);
	say(d, "GET /hold HTTP/1.1\r\n" H "\r\n");
	UNTIL(1000, nheld == 2);
	say(s, "GET /start HTTP/1.1\r\n" H "\r\n");
	UNTIL(1000, nheld == 3);
	say(idle, "GET /i HTTP/1.1\r\n" H "\r\n");
	GOT(idle, "path=[/i]");
	httpd_stop_listening(S);
	assert_int_equal(knock(), ECONNREFUSED);
	/* Those open go on, once more. */
	httpd_reply(held[0], 200, NULL, "{\"done\":1}", 10);
	UNTIL(1000, c->eof);
	assert_non_null(strstr(c->buf, "{\"done\":1}"));
	assert_non_null(strstr(c->buf, "Connection: close\r\n"));
	/* A request that nobody has looked at yet is freed with the rest. */
	say(idle, "GET /j HTTP/1.1\r\n" H "\r\n");
	httpd_free(S);
	S = NULL;
	UNTIL(1000, d->eof && s->eof && idle->eof);
	assert_non_null(strstr(d->buf, "HTTP/1.1 503 Service Unavailable"));
	assert_non_null(strstr(d->buf, "\"shutting_down\""));
	assert_null(strstr(s->buf, "0\r\n\r\n"));
	/* Their holders are told, and end them as always. */
	UNTIL(1000, nleft == 2);
	assert_string_equal(httpd_req_path(held[1]), "/hold");
	httpd_reply(held[1], 200, NULL, "{}", 2);
	assert_true(httpd_stream_gone(held[2]));
	httpd_stream_end(held[2], 0);
}

/* What was answered just before the end goes out, to all of them. */
static void
test_answers_at_the_end(void ** state)
{
	struct cli * c[5];
	unsigned i;

	(void)state;
	serve();
	for (i = 0; i < 5; i++) {
		c[i] = dial();
		say(c[i], "GET /hold HTTP/1.1\r\n" H "\r\n");
		UNTIL(1000, nheld == i + 1);
	}
	for (i = 0; i < 5; i++)
		httpd_reply(held[i], 200, NULL, "{\"done\":1}", 10);
	httpd_free(S);
	S = NULL;
	for (i = 0; i < 5; i++) {
		UNTIL(1000, c[i]->eof);
		assert_non_null(strstr(c[i]->buf, "{\"done\":1}"));
	}
}

static int
make_dir(void ** state)
{
	(void)state;
	strcpy(dir, "/tmp/httpd-test-XXXXXX");
	return (mkdtemp(dir) == NULL ? -1 : 0);
}

static int
drop_dir(void ** state)
{
	(void)state;
	return (rmdir(dir));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_leaving_is_noticed), T(test_leave_told_late_or_not),
		T(test_leaving_mid_stream), T(test_slow_reader_costs_nothing),
		T(test_slow_loris), T(test_idle_connections_end),
		T(test_reader_that_stops), T(test_limits), T(test_unfinished_bodies),
		T(test_connection_cap), T(test_out_of_files),
		T(test_unix_socket), T(test_bad_addresses),
		T(test_stop_and_free), T(test_answers_at_the_end),
	};

	return (cmocka_run_group_tests_name("httpd guards", tests, make_dir,
	    drop_dir));
}
