#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_internal.h"

/*
 * Sockets of curl, found by their number.  One that we opened keeps its place
 * in the loop while its connection is idle: still watched for reading, so that
 * a request on a kept connection costs no epoll_ctl at all.  Should it become
 * readable then (the peer closes), watching ends until curl wants it again.
 */

static struct http_sock *
sock_at(const struct http * H, int fd)
{
	return (fd >= 0 && fd < H->n_socks ? H->socks[fd] : NULL);
}

static void
on_io(void * arg, int fd, int events)
{
	struct http_sock * s = arg;

	if (s->events == 0) {
		/* Idle, and closed by the peer, or worse: we look before it is
		 * used again. */
		if (loop_io_set(s->io, 0) == 0)
			s->armed = 0;
		return;
	}
	http_lane_io(s->lane, fd, events);
}

static struct http_sock *
sock_add(struct http_lane * l, int fd)
{
	struct http * H = l->H;
	struct http_sock * s, ** v;
	int n;

	if (fd >= H->n_socks) {
		n = H->n_socks ? H->n_socks : 64;
		while (n <= fd)
			n *= 2;
		v = realloc(H->socks, (size_t)n * sizeof(*v));
		if (v == NULL)
			return (NULL);
		memset(v + H->n_socks, 0,
		    (size_t)(n - H->n_socks) * sizeof(*v));
		H->socks = v;
		H->n_socks = n;
	}
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->lane = l;
	s->fd = fd;
	H->socks[fd] = s;
	return (s);
}

static void
sock_unlink(struct http_sock * s)
{
	if (s->linked)
		LIST_REMOVE(s, of_call);
	s->linked = 0;
}

static void
sock_free(struct http * H, struct http_sock * s)
{
	struct http_host * h = s->host;

	sock_unlink(s);
	if (h != NULL)
		LIST_REMOVE(s, of_host);
	loop_io_free(s->io);
	H->socks[s->fd] = NULL;
	free(s);
	if (h != NULL) {
		h->conns--;
		http_admit_unref(H, h);
	}
}

static int
sock_arm(struct http_sock * s, int events)
{
	if (s->io == NULL && events == 0)
		return (0);
	if (s->io == NULL) {
		s->io = loop_io_new(s->lane->H->L, s->fd, LOOP_PRIO_LOW, on_io, s);
		if (s->io == NULL)
			return (-1);
	}
	if (loop_io_set(s->io, events))
		return (-1);
	s->armed = events;
	return (0);
}

int
http_sock_watch(CURL * curl, curl_socket_t fd, int what, void * lane,
    void * unused)
{
	struct http_lane * l = lane;
	struct http_sock * s = sock_at(l->H, fd);
	int events = 0;

	(void)curl;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		if (s == NULL)
			return (0);
		/*
		 * A connection that read last goes idle (or its closing comes
		 * through http_sock_close).  Else it is a socket of curl's own,
		 * or one that never connected: curl 7.88 closes those without
		 * telling.
		 */
		if (s->host != NULL && s->events == LOOP_READ)
			s->events = 0;
		else {
			l->stalled |= s->linked;
			sock_free(l->H, s);
		}
		return (0);
	}
	if (what & CURL_POLL_IN)
		events |= LOOP_READ;
	if (what & CURL_POLL_OUT)
		events |= LOOP_WRITE;
	if (s == NULL && (s = sock_add(l, fd)) == NULL)
		return (-1);
	if (s->lane != l) {
		/* The number was another multi's, closed without telling. */
		sock_free(l->H, s);
		if ((s = sock_add(l, fd)) == NULL)
			return (-1);
	}
	s->events = events;
	if (s->armed == events)
		return (0);
	/* -1 makes curl give the whole multi up: we build a new one. */
	return (sock_arm(s, events));
}

/* Ask for the address itself, not for its v4-mapped coat. */
static int
egress_ok(struct http * H, const struct curl_sockaddr * sa)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 in6;
	struct sockaddr_in in4;

	if (H->o.egress == NULL)
		return (1);
	if (sa->addrlen > sizeof(ss))
		return (0);
	/* curl declares one struct sockaddr; sockaddr_un is longer. */
	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, (const char *)sa + offsetof(struct curl_sockaddr, addr),
	    sa->addrlen);
	if (sa->family == AF_INET6) {
		memcpy(&in6, &ss, sizeof(in6));
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			memset(&in4, 0, sizeof(in4));
			in4.sin_family = AF_INET;
			in4.sin_port = in6.sin6_port;
			memcpy(&in4.sin_addr, &in6.sin6_addr.s6_addr[12], 4);
			memset(&ss, 0, sizeof(ss));
			memcpy(&ss, &in4, sizeof(in4));
		}
	}
	return (H->o.egress(H->o.egress_arg, (struct sockaddr *)&ss) == 0);
}

curl_socket_t
http_sock_open(void * arg, curlsocktype purpose, struct curl_sockaddr * sa)
{
	struct http_easy * ez = arg;
	struct http_call * c = ez->call;
	struct http * H = c->H;
	struct http_sock * s;
	int fd, events = 0;

	(void)purpose;
	if (!egress_ok(H, sa)) {
		c->denied = 1;
		return (CURL_SOCKET_BAD);
	}
	fd = socket(sa->family, sa->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    sa->protocol);
	if (fd < 0) {
		c->no_fds = errno == EMFILE || errno == ENFILE;
		return (CURL_SOCKET_BAD);
	}
	/*
	 * curl 7.88 closes a socket that did not get as far as a connection
	 * without a word; should the next one get its number before curl takes
	 * stock, it will believe that number watched already.  So do as it does.
	 */
	if ((s = sock_at(H, fd)) != NULL) {
		if (s->lane == c->host->lane)
			events = s->events;
		sock_free(H, s);
	}
	if ((s = sock_add(c->host->lane, fd)) == NULL ||
	    (events != 0 && sock_arm(s, events))) {
		if (s != NULL)
			sock_free(H, s);
		close(fd);
		return (CURL_SOCKET_BAD);
	}
	s->events = events;
	s->host = c->host;
	s->host->conns++;
	LIST_INSERT_HEAD(&s->host->socks, s, of_host);
	LIST_INSERT_HEAD(&c->socks, s, of_call);
	s->linked = 1;
	c->opened = 1;
	/* So the name is known; the next ones need not wait for it. */
	http_admit_resolved(c, 1);
	return (fd);
}

static int
port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0)
		return (-1);
	if (ss.ss_family == AF_INET)
		return (ntohs(((struct sockaddr_in *)(void *)&ss)->sin_port));
	if (ss.ss_family == AF_INET6)
		return (ntohs(((struct sockaddr_in6 *)(void *)&ss)->sin6_port));
	return (-1);
}

/*
 * A kept connection that has something to say before it is asked: its end, or
 * an answer that nobody asked for and that would be taken for the next one's.
 * curl 7.88 looks at its connections once a second at most, so we do.  It names
 * the connection by our end's port alone.
 */
int
http_sock_before_send(void * arg, char * ip, char * own_ip, int port,
    int own_port)
{
	struct http_call * c = ((struct http_easy *)arg)->call;
	struct http_sock * s;
	struct pollfd p = { .events = POLLIN };

	(void)ip;
	(void)own_ip;
	(void)port;
	if (c->opened || c->req.http2 || own_port <= 0)
		return (CURL_PREREQFUNC_OK);
	LIST_FOREACH(s, &c->host->socks, of_host) {
		if (s->port == 0)
			s->port = port_of(s->fd);
		if (s->port == own_port)
			break;
	}
	if (s == NULL)
		return (CURL_PREREQFUNC_OK);
	p.fd = s->fd;
	if (poll(&p, 1, 0) <= 0)
		return (CURL_PREREQFUNC_OK);
	c->dirty = 1;
	return (CURL_PREREQFUNC_ABORT);
}

int
http_sock_close(void * arg, curl_socket_t fd)
{
	struct http * H = arg;
	struct http_sock * s = sock_at(H, fd);

	/* First out of the loop, then closed: the number may come again. */
	if (s != NULL)
		sock_free(H, s);
	return (close(fd));
}

void
http_sock_settle(struct http_call * c, int keep)
{
	struct http_sock * s;

	while ((s = LIST_FIRST(&c->socks)) != NULL) {
		sock_unlink(s);
		if (s->fd != keep)
			sock_free(c->H, s);
	}
}

void
http_sock_free_all(struct http * H)
{
	int i;

	for (i = 0; i < H->n_socks; i++)
		if (H->socks[i] != NULL)
			sock_free(H, H->socks[i]);
	free(H->socks);
	H->socks = NULL;
	H->n_socks = 0;
}
