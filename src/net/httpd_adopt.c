/* A connection that was accepted becomes evhttp's, and ours. */
#define _GNU_SOURCE 1 /* struct ucred */
#include "net/httpd_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define WRITE_MAX ((size_t)256 << 10)

/* -1: it is gone. */
static int
adopt_now(struct httpd_conn * c)
{
	struct httpd * S = c->S;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	void * evcon;
	int fd, on = 1;

	/* evhttp tells nobody of a new connection, but is by now the argument
	 * of its bufferevent's callbacks; none: it has already given up. */
	bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
	bufferevent_decref(c->bev);
	if (evcon == NULL) {
		httpd_conn_release(c);
		return (-1);
	}
	c->evcon = evcon;
	c->in_cb = evbuffer_add_cb(bufferevent_get_input(c->bev),
	    httpd_bytes_in, c);
	c->out_cb = evbuffer_add_cb(bufferevent_get_output(c->bev),
	    httpd_bytes_out, c);
	evhttp_connection_set_closecb(c->evcon, httpd_conn_closed, c);
	HASH_ADD_PTR(S->by_evcon, evcon, c);
	fd = bufferevent_getfd(c->bev);
	if (c->in_cb == NULL || c->out_cb == NULL)
		c->dead = 1;
	if (c->lst->is_unix) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ||
		    len != sizeof(cred))
			c->dead = 1;
		else
			c->uid = cred.uid;
		/* The operator's own way in comes before the traffic. */
		bufferevent_priority_set(c->bev, LOOP_PRIO_HIGH);
	} else {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	/* By itself it takes 16 KiB, and then a turn of the loop, at a time. */
	(void)bufferevent_set_max_single_write(c->bev, WRITE_MAX);
	httpd_conn_enter(c, CONN_READING);
	if (c->dead)
		httpd_conn_drop(c);
	else if (c->over && c->lst->tls == NULL)
		httpd_conn_refuse(c, 429, "too_many_connections",
		    "too many connections are open: try again later");
	else if (c->over && S->nover_tls > HTTPD_OVER_TLS)
		httpd_conn_drop(c);
	else
		return (0);
	return (-1);
}

static void
adopt(void * arg)
{
	(void)adopt_now(arg);
}

int
httpd_adopt_early(struct httpd * S, struct evhttp_connection * evcon,
    struct httpd_conn ** cp)
{
	struct bufferevent * bev = evhttp_connection_get_bufferevent(evcon);
	struct httpd_conn * c;

	/* A busy soon queue lets the request overtake the adoption. */
	*cp = NULL;
	TAILQ_FOREACH(c, &S->phases[CONN_NEW], link) {
		if (c->bev == bev) {
			loop_soon_cancel(S->loop, &c->adopt);
			c->got = 1;
			*cp = c;
			return (adopt_now(c));
		}
	}
	return (0);
}

void
httpd_adopt_soon(struct httpd_conn * c, struct bufferevent * bev)
{
	c->bev = bev;
	bufferevent_incref(bev);
	loop_soon(c->S->loop, &c->adopt, adopt, c);
}
