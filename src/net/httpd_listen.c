#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "net/httpd_internal.h"

#define BACKLOG 1024
#define RETRY_MS 1000

/* evhttp takes the listener's one callback argument for itself, so that a
 * failed accept is known by the listener's address only. */
static LIST_HEAD(, httpd_listener) all_listeners =
    LIST_HEAD_INITIALIZER(all_listeners);

static void
listen_again(void * arg)
{
	struct httpd_listener * lst = arg;

	if (lst->lev != NULL && !lst->paused)
		evconnlistener_enable(lst->lev);
}

/* Out of descriptors the socket stays readable: without a rest the loop would
 * fail to accept a million times a second. */
static void
on_accept_error(struct evconnlistener * lev, void * arg)
{
	struct httpd_listener * lst;
	const char * why = strerror(errno);

	(void)arg;
	LIST_FOREACH(lst, &all_listeners, all)
		if (lst->lev == lev)
			break;
	if (lst == NULL)
		return;
	log_event(LOG_WARN, "httpd_accept_failed", LOG_S("error", why));
	evconnlistener_disable(lev);
	loop_timer_start(lst->retry, RETRY_MS);
}

void
httpd_listen_pause(struct httpd_listener * lst)
{
	lst->paused = 1;
	if (lst->lev != NULL)
		evconnlistener_disable(lst->lev);
}

void
httpd_listen_resume(struct httpd * S)
{
	struct httpd_listener * lst;

	LIST_FOREACH(lst, &S->listeners, link) {
		if (!lst->paused)
			continue;
		lst->paused = 0;
		if (lst->lev != NULL && !loop_timer_pending(lst->retry))
			evconnlistener_enable(lst->lev);
	}
}

/* evhttp's only word of a new connection; it gets its socket after this. */
static struct bufferevent *
make_bev(struct event_base * base, void * arg)
{
	struct httpd_listener * lst = arg;
	struct httpd_conn * c = httpd_conn_new(lst);
	struct bufferevent * bev = NULL;

	if (c == NULL)
		log_event(LOG_WARN, "httpd_no_slot",
		    LOG_I("conns", lst->S->nconns),
		    LOG_I("refusing", lst->S->nover));
	else if (lst->tls != NULL)
		bev = httpd_tls_bev(lst);
	/* On NULL evhttp would go on in the clear, TLS or not: give it a
	 * socket that is closed before a byte is read.  Were there no memory
	 * for that either, the request would still find no slot and end. */
	if (bev == NULL) {
		bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
		if (c != NULL && lst->tls != NULL)
			c->dead = 1;
	}
	if (c != NULL)
		httpd_adopt_soon(c, bev);
	return (bev);
}

void
httpd_listen_stop(struct httpd_listener * lst)
{
	struct stat st;

	if (lst->bound == NULL)
		return;
	loop_timer_stop(lst->retry);
	evhttp_del_accept_socket(lst->http, lst->bound);
	lst->bound = NULL;
	lst->lev = NULL;
	/* Only if it is still ours: another daemon may have taken over. */
	if (lst->path != NULL && lstat(lst->path, &st) == 0 &&
	    st.st_dev == lst->dev && st.st_ino == lst->ino)
		(void)unlink(lst->path);
}

void
httpd_listen_free(struct httpd_listener * lst)
{
	if (lst == NULL)
		return;
	httpd_listen_stop(lst);
	if (lst->http != NULL)
		evhttp_free(lst->http);
	if (lst->tls != NULL)
		httpd_tls_free(lst);
	loop_timer_free(lst->retry);
	LIST_REMOVE(lst, all);
	LIST_REMOVE(lst, link);
	free(lst->path);
	free(lst);
}

static struct httpd_listener *
listener_new(struct httpd * S, struct err * e)
{
	struct httpd_listener * lst;

	if ((lst = calloc(1, sizeof(*lst))) == NULL) {
		err_nomem(e, "a listener");
		return (NULL);
	}
	lst->S = S;
	LIST_INSERT_HEAD(&all_listeners, lst, all);
	LIST_INSERT_HEAD(&S->listeners, lst, link);
	lst->http = evhttp_new(loop_base(S->loop));
	lst->retry = loop_timer_new(S->loop, listen_again, lst);
	if (lst->http == NULL || lst->retry == NULL) {
		httpd_listen_free(lst);
		err_nomem(e, "a listener");
		return (NULL);
	}
	evhttp_set_max_headers_size(lst->http, (ev_ssize_t)S->o.max_headers);
	evhttp_set_max_body_size(lst->http, (ev_ssize_t)S->o.max_body);
	evhttp_set_default_content_type(lst->http, "application/json");
	/* All, unknown ones too: a method evhttp does not allow gets an HTML
	 * page, one it passes on gets our answer.  No evhttp timeouts: they
	 * would end a slow but living stream, and the sweep sees the rest. */
	evhttp_set_allowed_methods(lst->http, 0xffff);
	evhttp_set_bevcb(lst->http, make_bev, lst);
	evhttp_set_gencb(lst->http, httpd_req_arrive, lst);
	return (lst);
}

/* Take over the listening ${fd}: it is closed on failure. */
static int
listener_start(struct httpd_listener * lst, int fd, struct err * e)
{
	struct evconnlistener * lev;

	lev = evconnlistener_new(loop_base(lst->S->loop), NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (lev == NULL) {
		close(fd);
		return (err_nomem(e, "a listener"));
	}
	if ((lst->bound = evhttp_bind_listener(lst->http, lev)) == NULL) {
		evconnlistener_free(lev);
		return (err_nomem(e, "a listener"));
	}
	lst->lev = lev;
	evconnlistener_set_error_cb(lev, on_accept_error);
	return (0);
}

static socklen_t
parse_addr(const char * addr, int port, struct sockaddr_storage * ss)
{
	struct sockaddr_in * in4 = (void *)ss;
	struct sockaddr_in6 * in6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, addr, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		return (sizeof(*in4));
	}
	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET6, addr, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		return (sizeof(*in6));
	}
	return (0);
}

static int
open_tcp(const char * addr, int port, int * got, struct err * e)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, on = 1, saved;

	if (port < 0 || port > 65535 || (len = parse_addr(addr, port, &ss)) == 0)
		return (err_set(e, ERR_CONFIG, "listen", "cannot listen on "
		    "%s port %d: give an IP address and a port up to 65535",
		    addr, port));
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd >= 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)&ss, len) == 0 &&
	    listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&ss, &len) == 0) {
		/* The port is at the same place in both families. */
		*got = ntohs(((struct sockaddr_in *)(void *)&ss)->sin_port);
		return (fd);
	}
	saved = errno;
	if (fd >= 0)
		close(fd);
	return (err_set(e, ERR_CONFIG, "listen",
	    "cannot listen on %s port %d: %s", addr, port, strerror(saved)));
}

static int
listen_tcp(struct httpd * S, const char * addr, int port,
    const char * cert_file, const char * key_file, struct err * e)
{
	struct httpd_listener * lst;
	int fd, got = 0;

	if ((lst = listener_new(S, e)) == NULL)
		return (-1);
	if ((cert_file != NULL &&
	    httpd_tls_load(lst, cert_file, key_file, e)) ||
	    (fd = open_tcp(addr, port, &got, e)) < 0 ||
	    listener_start(lst, fd, e)) {
		httpd_listen_free(lst);
		return (-1);
	}
	return (got);
}

int
httpd_listen_tcp(struct httpd * S, const char * addr, int port,
    struct err * e)
{
	return (listen_tcp(S, addr, port, NULL, NULL, e));
}

int
httpd_listen_tls(struct httpd * S, const char * addr, int port,
    const char * cert_file, const char * key_file, struct err * e)
{
	return (listen_tcp(S, addr, port, cert_file, key_file, e));
}

/* Make way for a new socket: remove a stale one, refuse anything else. */
static int
clear_path(const struct sockaddr_un * sun, struct err * e)
{
	const char * path = sun->sun_path;
	struct stat st;
	int fd, saved;

	if (lstat(path, &st) != 0)
		return (0); /* bind() tells what else is wrong */
	if (!S_ISSOCK(st.st_mode))
		return (err_set(e, ERR_CONFIG, "listen", "cannot listen on "
		    "%s: it exists and is no socket; remove it or choose "
		    "another path", path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return (err_set(e, ERR_CONFIG, "listen",
		    "cannot listen on %s: %s", path, strerror(errno)));
	saved = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 ?
	    0 : errno;
	close(fd);
	/* EAGAIN: alive, with a full queue. */
	if (saved == 0 || saved == EAGAIN)
		return (err_set(e, ERR_CONFIG, "listen", "cannot listen on "
		    "%s: another process does; stop it or choose another "
		    "path", path));
	if (saved != ECONNREFUSED || unlink(path) != 0)
		return (err_set(e, ERR_CONFIG, "listen",
		    "cannot replace the socket %s: %s", path,
		    strerror(saved != ECONNREFUSED ? saved : errno)));
	return (0);
}

static int
open_unix(const struct sockaddr_un * sun, mode_t mode, struct stat * st,
    struct err * e)
{
	int fd, ok, saved;
	mode_t old;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Never wider than asked for, not even between bind and chmod. */
	old = umask((mode_t)~mode & 0777);
	ok = fd >= 0 &&
	    bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0;
	saved = errno;
	(void)umask(old);
	if (ok) {
		ok = chmod(sun->sun_path, mode & 0777) == 0 &&
		    lstat(sun->sun_path, st) == 0 && listen(fd, BACKLOG) == 0;
		saved = errno;
	}
	if (ok)
		return (fd);
	if (fd >= 0)
		close(fd);
	return (err_set(e, ERR_CONFIG, "listen", "cannot listen on %s: %s",
	    sun->sun_path, strerror(saved)));
}

int
httpd_listen_unix(struct httpd * S, const char * path, mode_t mode,
    struct err * e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct httpd_listener * lst;
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return (err_set(e, ERR_CONFIG, "listen", "cannot listen on "
		    "%s: the path is longer than %zu bytes", path,
		    sizeof(sun.sun_path) - 1));
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (clear_path(&sun, e) || (lst = listener_new(S, e)) == NULL)
		return (-1);
	lst->is_unix = 1;
	if ((fd = open_unix(&sun, mode, &st, e)) < 0 ||
	    listener_start(lst, fd, e)) {
		httpd_listen_free(lst);
		return (-1);
	}
	lst->dev = st.st_dev;
	lst->ino = st.st_ino;
	if ((lst->path = strdup(path)) == NULL) {
		httpd_listen_free(lst);
		(void)unlink(path);
		return (err_nomem(e, "a listener"));
	}
	return (0);
}
