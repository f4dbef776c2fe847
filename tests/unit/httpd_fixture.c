#include "httpd_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#define MAX_CLIS 2600

struct loop * L;
struct httpd * S;
struct httpd_opts opts;
int port;
struct httpd_req * held[8];
unsigned nheld, nleft, ndrained;

static struct cli clis[MAX_CLIS];
static unsigned nclis;

/* A streamed answer of ?n= chunks of ?size= bytes; ?abort=1 breaks it. */
struct streamer {
	struct httpd_req * q;
	unsigned left;
	size_t size;
	int abort;
	char * block;
};

int64_t
now_ms(void)
{
	return (clock_mono_us() / 1000);
}

static unsigned
arg_num(const struct httpd_req * q, const char * key, unsigned dflt)
{
	const char * s = httpd_req_query(q, key);

	return (s == NULL ? dflt : (unsigned)strtoul(s, NULL, 10));
}

static void
stream_more(void * arg)
{
	struct streamer * s = arg;

	ndrained++;
	if (s->left == 0 || httpd_stream_gone(s->q)) {
		httpd_stream_end(s->q, s->abort);
		free(s->block);
		free(s);
		return;
	}
	s->left--;
	httpd_stream_write(s->q, s->block, s->size, stream_more, s);
}

static void
stream(struct httpd_req * q)
{
	struct streamer * s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->q = q;
	s->left = arg_num(q, "n", 3);
	s->size = arg_num(q, "size", 4);
	s->abort = (int)arg_num(q, "abort", 0);
	assert_non_null(s->block = malloc(s->size + 1));
	memset(s->block, 'x', s->size);
	httpd_stream_start(q, 200, "text/plain");
	stream_more(s);
}

void
on_left(void * arg)
{
	(void)arg;
	nleft++;
}

static void
echo(struct httpd_req * q)
{
	static const char * const names[] = { "GET", "HEAD", "POST", "PUT",
	    "PATCH", "DELETE", "OTHER" };
	const char * host = httpd_req_header(q, "host");
	const char * key = httpd_req_query(q, "k");
	struct buf b = BUF_INIT(4 << 20);
	size_t n;
	const char * body = httpd_req_body(q, &n);

	buf_addf(&b, "[%s] path=[%s] host=[%s] k=[%s] unix=%d uid=%d "
	    "body=[", names[httpd_req_method(q)], httpd_req_path(q),
	    host ? host : "", key ? key : "(none)", httpd_req_is_unix(q),
	    httpd_req_is_unix(q) ? (int)httpd_req_uid(q) : -1);
	buf_add(&b, body, n);
	buf_adds(&b, "] bytes=");
	buf_addf(&b, "%zu", n);
	assert_false(b.failed);
	httpd_req_header_add(q, "X-Split", "a\r\nX-Evil: 1");
	httpd_req_header_add(q, "X-Extra", "yes");
	httpd_reply(q, 200, "text/plain", b.p, b.len);
	buf_free(&b);
}

void
on_request(void * arg, struct httpd_req * q)
{
	const char * path = httpd_req_path(q);

	(void)arg;
	if (strcmp(path, "/hold") == 0 || strcmp(path, "/start") == 0) {
		assert_true(nheld < 8);
		held[nheld++] = q;
		httpd_on_leave(q, on_left, NULL);
		if (path[1] == 's')
			httpd_stream_start(q, 200, "text/plain");
	} else if (strcmp(path, "/stream") == 0) {
		stream(q);
	} else if (strcmp(path, "/empty") == 0) {
		httpd_reply(q, 204, NULL, "ignored", 7);
	} else if (strcmp(path, "/error") == 0) {
		httpd_error(q, 422, "odd", "\"%s\" at %s\xff", "quoted",
		    httpd_req_id(q));
	} else {
		echo(q);
	}
}

static void
drop_line(void * arg, const char * line)
{
	(void)arg;
	(void)line;
}

int
fixture_setup(void ** state)
{
	struct err e;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	memset(&opts, 0, sizeof(opts));
	nheld = nleft = ndrained = nclis = 0;
	S = NULL;
	log_capture(drop_line, NULL);
	L = loop_new(&e);
	return (L == NULL ? -1 : 0);
}

int
fixture_teardown(void ** state)
{
	unsigned i;

	(void)state;
	httpd_free(S);
	for (i = 0; i < nclis; i++)
		hang_up(&clis[i]);
	/* What is freed late: bufferevents. */
	for (i = 0; i < 3; i++)
		loop_turn(L, 0);
	loop_free(L);
	log_capture(NULL, NULL);
	return (0);
}

void
serve(void)
{
	struct err e;

	assert_non_null(S = httpd_new(L, &opts, on_request, NULL, &e));
	port = httpd_listen_tcp(S, "127.0.0.1", 0, &e);
	if (port < 0)
		fail_msg("%s", e.msg);
}

static void
pump(struct cli * c)
{
	static char in[65536];
	size_t n, drop;
	ssize_t r;

	while (c->fd != -1 && !c->eof && !c->hold) {
		r = recv(c->fd, in, sizeof(in), MSG_DONTWAIT);
		if (r < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (r <= 0) {
			c->eof = r == 0 ? 1 : 2;
			break;
		}
		n = (size_t)r;
		c->total += n;
		if (c->len + n > CLI_KEEP) {
			drop = c->len + n - CLI_KEEP;
			memmove(c->buf, c->buf + drop, c->len - drop);
			c->len -= drop;
		}
		assert_non_null(c->buf = realloc(c->buf, c->len + n + 1));
		memcpy(c->buf + c->len, in, n);
		c->len += n;
		c->buf[c->len] = '\0';
	}
}

void
turn(void)
{
	unsigned i;

	/* At most 5 ms: the loop's own lag timer. */
	assert_int_equal(loop_turn(L, 1), 0);
	for (i = 0; i < nclis; i++)
		pump(&clis[i]);
}

struct cli *
adopt_fd(int fd)
{
	struct cli * c;

	assert_true(nclis < MAX_CLIS);
	c = &clis[nclis++];
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	assert_non_null(c->buf = calloc(1, 1));
	return (c);
}

struct cli *
dial(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_port = htons((uint16_t)port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	/* The backlog answers: no turn of the loop is needed. */
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0)
		fail_msg("connect: %s", strerror(errno));
	return (adopt_fd(fd));
}

struct cli *
dial_unix(const char * path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && strlen(path) < sizeof(sun.sun_path));
	strcpy(sun.sun_path, path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		fail_msg("connect: %s", strerror(errno));
	return (adopt_fd(fd));
}

void
say_n(struct cli * c, const char * s, size_t n)
{
	int64_t end = now_ms() + 10000;
	ssize_t r;

	while (n > 0) {
		r = send(c->fd, s, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0 && (errno == EPIPE || errno == ECONNRESET))
			return; /* what the test then sees */
		if (r < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(now_ms() < end);
			turn();
			continue;
		}
		s += r;
		n -= (size_t)r;
	}
}

void
say(struct cli * c, const char * s)
{
	say_n(c, s, strlen(s));
}

void
forget(struct cli * c)
{
	c->len = 0;
	c->buf[0] = '\0';
}

void
hang_up(struct cli * c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	free(c->buf);
	c->buf = NULL;
}

int
count(const struct cli * c, const char * what)
{
	const char * p = c->buf;
	int n = 0;

	while ((p = strstr(p, what)) != NULL) {
		n++;
		p += strlen(what);
	}
	return (n);
}

long
rss_kib(void)
{
	long pages = 0, skip;
	FILE * f = fopen("/proc/self/statm", "r");

#ifdef __SANITIZE_ADDRESS__
	/* What was freed stays, to catch its use. */
	fclose(f);
	return (0);
#endif
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &skip, &pages), 2);
	fclose(f);
	return (pages * (sysconf(_SC_PAGESIZE) / 1024));
}
