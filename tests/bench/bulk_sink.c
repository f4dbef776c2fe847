/*
 * The least a cluster can be: reads what is sent to _bulk, counts its lines and
 * answers as Elasticsearch does, each item its own; keeps nothing.  For benchmarks:
 * its CPU counts for nobody, so it must only be fast enough.
 *
 *   bulk_sink PORT      listens on 127.0.0.1; ends on SIGTERM
 *   GET /_sink          {"docs":N,"bytes":N,"requests":N} so far
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HEAD_MAX 65536
#define PIECE (1 << 20)

struct conn {
	int fd;
	char head[HEAD_MAX + 1];
	size_t nhead;
	int in_body, chunked, close, is_bulk, filtered;
	uint64_t left;       /* of the body, or of the chunk */
	enum { SIZE, DATA, DATA_END, TRAILER } chunk;
	char line[64];       /* of a chunk's size */
	size_t nline;
	uint64_t lines;      /* of the body */
	char last;
	char * out;
	size_t nout, sent;
	uint32_t events;
};

static uint64_t docs, bytes, requests;
static int ep;

static void
give_up(const char * what)
{
	perror(what);
	exit(1);
}

static void *
must(void * p)
{
	if (p == NULL)
		give_up("memory");
	return (p);
}

static void
drop(struct conn * c)
{
	close(c->fd);
	free(c->out);
	free(c);
}

static void
watch(struct conn * c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (c->events == events)
		return;
	if (epoll_ctl(ep, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd,
	    &ev))
		give_up("epoll");
	c->events = events;
}

/* ---- answers ---- */

static void
answer(struct conn * c, int status, const char * body, size_t n)
{
	int h;

	c->out = must(malloc(n + 300));
	h = snprintf(c->out, 300, "HTTP/1.1 %d %s\r\nX-elastic-product: "
	    "Elasticsearch\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n", status, status == 200 ? "OK" :
	    "Not Found", n);
	memcpy(c->out + h, body, n);
	c->nout = (size_t)h + n;
	c->sent = 0;
}

static void
answer_bulk(struct conn * c)
{
	static const char few[] = "{\"index\":{\"status\":201}},";
	static const char all[] = "{\"index\":{\"_index\":\"bench\",\"_id\":"
	    "\"0123456789abcdef\",\"_version\":1,\"result\":\"created\","
	    "\"_shards\":{\"total\":2,\"successful\":1,\"failed\":0},"
	    "\"_seq_no\":1,\"_primary_term\":1,\"status\":201}},";
	const char * item = c->filtered ? few : all;
	size_t len = c->filtered ? sizeof(few) - 1 : sizeof(all) - 1, i, n;
	char * body, * p;

	if (c->last != '\n' && c->last != '\0')
		c->lines++;
	n = (size_t)(c->lines / 2);
	docs += n;
	p = body = must(malloc(n * len + 100));
	p += sprintf(p, "{%s\"errors\":false,\"items\":[", c->filtered ? "" :
	    "\"took\":1,");
	for (i = 0; i < n; i++, p += len)
		memcpy(p, item, len);
	p -= n > 0;
	p += sprintf(p, "]}");
	answer(c, 200, body, (size_t)(p - body));
	free(body);
}

static void
answer_other(struct conn * c)
{
	static const char who[] = "{\"name\":\"sink\",\"cluster_name\":\"sink\","
	    "\"cluster_uuid\":\"sink\",\"version\":{\"number\":\"8.17.0\","
	    "\"build_flavor\":\"default\"},\"tagline\":\"You Know, for "
	    "Search\"}";
	static const char done[] = "{\"acknowledged\":true}";
	static const char none[] = "{\"error\":{\"type\":"
	    "\"index_not_found_exception\",\"reason\":\"no such index\"},"
	    "\"status\":404}";
	char said[128];
	int n;

	if (strncmp(c->head, "GET / ", 6) == 0) {
		answer(c, 200, who, sizeof(who) - 1);
	} else if (strncmp(c->head, "GET /_sink ", 11) == 0) {
		n = snprintf(said, sizeof(said), "{\"docs\":%llu,\"bytes\":%llu,"
		    "\"requests\":%llu}", (unsigned long long)docs,
		    (unsigned long long)bytes, (unsigned long long)requests);
		answer(c, 200, said, (size_t)n);
	} else if (strncmp(c->head, "GET ", 4) == 0) {
		answer(c, 404, none, sizeof(none) - 1);
	} else {
		answer(c, 200, done, sizeof(done) - 1);
		if (strncmp(c->head, "HEAD ", 5) == 0)
			c->nout -= sizeof(done) - 1;
	}
}

/* ---- requests ---- */

static const char *
header(const char * head, const char * name)
{
	size_t n = strlen(name);
	const char * p;

	for (p = strstr(head, "\r\n"); p != NULL; p = strstr(p, "\r\n")) {
		p += 2;
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			return (p + n + 1 + strspn(p + n + 1, " "));
	}
	return (NULL);
}

static void
begin(struct conn * c)
{
	const char * v;
	size_t line = strcspn(c->head, "\r");

	c->in_body = 1;
	c->lines = 0;
	c->last = '\0';
	c->is_bulk = strncmp(c->head, "GET", 3) != 0 &&
	    memmem(c->head, line, "_bulk", 5) != NULL;
	c->filtered = memmem(c->head, line, "filter_path=", 12) != NULL;
	v = header(c->head, "Transfer-Encoding");
	c->chunked = v != NULL && strncasecmp(v, "chunked", 7) == 0;
	c->chunk = SIZE;
	c->nline = 0;
	v = header(c->head, "Content-Length");
	c->left = v != NULL && !c->chunked ? strtoull(v, NULL, 10) : 0;
	v = header(c->head, "Connection");
	c->close = v != NULL && strncasecmp(v, "close", 5) == 0;
	v = header(c->head, "Expect");
	if (v != NULL && write(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25) < 0)
		c->close = 1;
}

static void
count(struct conn * c, const char * p, size_t n)
{
	const char * end = p + n;

	bytes += n;
	if (n > 0)
		c->last = end[-1];
	while (c->is_bulk && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		c->lines++;
		p++;
	}
}

/* Take what is of the body; where it ends, or NULL: more is to come. */
static const char *
plain_body(struct conn * c, const char * p, const char * end)
{
	size_t n = (size_t)(end - p);

	if (n > c->left)
		n = (size_t)c->left;
	count(c, p, n);
	c->left -= n;
	return (c->left == 0 ? p + n : NULL);
}

static const char *
chunked_body(struct conn * c, const char * p, const char * end)
{
	size_t n;

	while (p < end) {
		switch (c->chunk) {
		case SIZE:
		case TRAILER:
			if (*p != '\n') {
				if (*p != '\r' && c->nline + 1 < sizeof(c->line))
					c->line[c->nline++] = *p;
				p++;
				break;
			}
			p++;
			c->line[c->nline] = '\0';
			n = c->nline;
			c->nline = 0;
			if (c->chunk == TRAILER && n == 0)
				return (p);
			if (c->chunk == TRAILER)
				break;
			c->left = strtoull(c->line, NULL, 16);
			c->chunk = c->left > 0 ? DATA : TRAILER;
			break;
		case DATA:
			n = (size_t)(end - p);
			if (n > c->left)
				n = (size_t)c->left;
			count(c, p, n);
			c->left -= n;
			p += n;
			if (c->left == 0)
				c->chunk = DATA_END;
			break;
		case DATA_END:
			if (*p++ == '\n')
				c->chunk = SIZE;
			break;
		}
	}
	return (NULL);
}

/* Some bytes of this connection; -1: it ends. */
static int
take(struct conn * c, const char * p, const char * end)
{
	const char * at;
	size_t n;

	while (p < end || c->in_body) {
		if (!c->in_body) {
			n = (size_t)(end - p);
			if (n > HEAD_MAX - c->nhead)
				n = HEAD_MAX - c->nhead;
			memcpy(c->head + c->nhead, p, n);
			c->head[c->nhead + n] = '\0';
			at = strstr(c->head, "\r\n\r\n");
			if (at == NULL && c->nhead + n == HEAD_MAX)
				return (-1);
			if (at == NULL) {
				c->nhead += n;
				return (0);
			}
			p += (size_t)(at + 4 - c->head) - c->nhead;
			c->nhead = 0;
			c->head[at + 2 - c->head] = '\0';
			begin(c);
		}
		p = c->chunked ? chunked_body(c, p, end) : plain_body(c, p, end);
		if (p == NULL)
			return (0);
		c->in_body = 0;
		requests++;
		if (c->is_bulk)
			answer_bulk(c);
		else
			answer_other(c);
		/* Nobody here sends the next before he has the answer. */
		return (p == end ? 0 : -1);
	}
	return (0);
}

static int
push(struct conn * c)
{
	ssize_t n;

	while (c->sent < c->nout) {
		n = write(c->fd, c->out + c->sent, c->nout - c->sent);
		if (n < 0 && errno == EAGAIN) {
			watch(c, EPOLLOUT);
			return (0);
		}
		if (n < 0)
			return (-1);
		c->sent += (size_t)n;
	}
	free(c->out);
	c->out = NULL;
	watch(c, EPOLLIN);
	return (c->close ? -1 : 0);
}

static void
serve(struct conn * c)
{
	static char piece[PIECE];
	ssize_t n;

	if (c->out == NULL) {
		n = read(c->fd, piece, sizeof(piece));
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || take(c, piece, piece + n)) {
			drop(c);
			return;
		}
	}
	if (c->out != NULL && push(c))
		drop(c);
}

static void
meet(int lst)
{
	struct conn * c;
	int fd = accept4(lst, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c = must(calloc(1, sizeof(*c)));
	c->fd = fd;
	watch(c, EPOLLIN);
}

int
main(int argc, char ** argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct epoll_event ev[64];
	int lst, on = 1, i, n;

	if (argc != 2) {
		fprintf(stderr, "usage: bulk_sink PORT\n");
		return (2);
	}
	signal(SIGPIPE, SIG_IGN);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)atoi(argv[1]));
	lst = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(lst, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (lst < 0 || bind(lst, (struct sockaddr *)&sin, sizeof(sin)) ||
	    listen(lst, 1024))
		give_up("listen");
	if ((ep = epoll_create1(EPOLL_CLOEXEC)) < 0)
		give_up("epoll");
	ev[0].events = EPOLLIN;
	ev[0].data.ptr = NULL;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, lst, &ev[0]))
		give_up("epoll");
	for (;;) {
		n = epoll_wait(ep, ev, 64, -1);
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				meet(lst);
			else
				serve(ev[i].data.ptr);
		}
	}
}
