#define _GNU_SOURCE 1 /* struct ucred */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/httpd_internal.h"

#define SWEEP_MS 1000
#define INPUT_SLACK 65536 /* what is read at once, and pipelined */
#define BUILTIN_MAX 4096 /* evhttp's own error pages are far smaller */
#define WRITE_MAX ((size_t)256 << 10)

static const char * const phase_names[CONN_NPHASES] = { "new", "reading",
	"idle", "held", "sending" };

static void
sweep(void * arg)
{
	struct httpd * S = arg;
	int64_t now = clock_mono_us();
	int64_t request_us = (int64_t)S->o.request_s * 1000000;
	int64_t idle_us = (int64_t)S->o.idle_s * 1000000;
	struct httpd_conn * c;

	/* evhttp's timeouts look at silence only, so one byte a second holds
	 * a connection for ever; these look at the age of the request. */
	while ((c = TAILQ_FIRST(&S->phases[CONN_READING])) != NULL &&
	    now - c->since_us >= request_us) {
		if (c->got)
			httpd_conn_refuse(c, 408, "request_timeout",
			    "the request did not arrive in time");
		else
			httpd_conn_drop(c);
	}
	while ((c = TAILQ_FIRST(&S->phases[CONN_IDLE])) != NULL &&
	    now - c->since_us >= idle_us)
		httpd_conn_drop(c);
	while ((c = TAILQ_FIRST(&S->phases[CONN_SENDING])) != NULL &&
	    now - c->since_us >= idle_us)
		httpd_conn_break(c);
	httpd_linger_sweep(S, now - 2000000);
	if (S->nconns + S->nover + S->nlingering > 0)
		loop_timer_start(S->sweep, SWEEP_MS);
}

int
httpd_conn_setup(struct httpd * S, struct err * e)
{
	size_t n = (size_t)S->o.max_conns + HTTPD_UNIX_RESERVE + HTTPD_OVER_MAX;
	size_t i;

	TAILQ_INIT(&S->conns_free);
	TAILQ_INIT(&S->lingering);
	for (i = 0; i < CONN_NPHASES; i++)
		TAILQ_INIT(&S->phases[i]);
	/* All at once, so that no connection can be without its slot; pages
	 * are touched only as they are used, the first one first. */
	if ((S->slab = calloc(n, sizeof(*S->slab))) == NULL ||
	    (S->sweep = loop_timer_new(S->loop, sweep, S)) == NULL)
		return (err_nomem(e, "the HTTP server's connections"));
	for (i = 0; i < n; i++)
		TAILQ_INSERT_TAIL(&S->conns_free, &S->slab[i], link);
	return (0);
}

void
httpd_conn_teardown(struct httpd * S)
{
	httpd_linger_sweep(S, INT64_MAX);
	loop_timer_free(S->sweep);
	loop_soon_cancel(S->loop, &S->room);
	free(S->slab);
}

struct httpd_conn *
httpd_conn_new(struct httpd_listener * lst)
{
	struct httpd * S = lst->S;
	unsigned cap = S->o.max_conns + (lst->is_unix ? HTTPD_UNIX_RESERVE : 0);
	int over = S->nconns >= cap;
	struct httpd_conn * c;

	/* The accept loop takes all that wait before it lets anyone else run:
	 * past this many to refuse, make it stop. */
	if (over && S->nover + 1 >= HTTPD_OVER_MAX)
		httpd_listen_pause(lst);
	if ((over && S->nover >= HTTPD_OVER_MAX) ||
	    (c = TAILQ_FIRST(&S->conns_free)) == NULL)
		return (NULL);
	TAILQ_REMOVE(&S->conns_free, c, link);
	memset(c, 0, sizeof(*c));
	c->S = S;
	c->lst = lst;
	c->uid = (uid_t)-1;
	c->phase = CONN_NEW;
	c->since_us = clock_mono_us();
	TAILQ_INSERT_TAIL(&S->phases[CONN_NEW], c, link);
	if (over) {
		c->over = 1;
		S->nover++;
		S->refused++;
		if (lst->tls != NULL)
			S->nover_tls++;
	} else {
		S->nconns++;
	}
	if (!loop_timer_pending(S->sweep))
		loop_timer_start(S->sweep, SWEEP_MS);
	return (c);
}

/* What it brought of a request is no more waited for. */
static void
came_all(struct httpd_conn * c)
{
	c->S->coming -= c->came;
	c->came = 0;
}

static void
conn_release(struct httpd_conn * c)
{
	struct httpd * S = c->S;

	loop_soon_cancel(S->loop, &c->adopt);
	loop_soon_cancel(S->loop, &c->builtin);
	came_all(c);
	TAILQ_REMOVE(&S->phases[c->phase], c, link);
	/* Warm slots first. */
	TAILQ_INSERT_HEAD(&S->conns_free, c, link);
	if (c->over) {
		S->nover--;
		if (c->lst->tls != NULL)
			S->nover_tls--;
		if (S->nover < HTTPD_OVER_MAX / 2)
			httpd_listen_resume(S);
	} else {
		S->nconns--;
	}
}

void
httpd_conn_enter(struct httpd_conn * c, enum httpd_phase phase)
{
	log_event(LOG_DEBUG, "httpd_conn",
	    LOG_I("fd", bufferevent_getfd(c->bev)),
	    LOG_S("from", phase_names[c->phase]),
	    LOG_S("to", phase_names[phase]));
	TAILQ_REMOVE(&c->S->phases[c->phase], c, link);
	came_all(c);
	c->phase = phase;
	c->since_us = clock_mono_us();
	TAILQ_INSERT_TAIL(&c->S->phases[phase], c, link);
}

struct httpd_conn *
httpd_conn_find(struct httpd * S, struct evhttp_connection * evcon)
{
	struct httpd_conn * c;

	HASH_FIND_PTR(S->by_evcon, &evcon, c);
	return (c);
}

/* Whatever the reason, evhttp calls this exactly once before it frees a
 * connection: on_complete does not come when a client leaves. */
static void
on_close(struct evhttp_connection * evcon, void * arg)
{
	struct httpd_conn * c = arg;

	(void)evcon;
	/* evhttp shuts the socket down before its bufferevent could say that
	 * TLS ends here. */
	if (c->lst->tls != NULL &&
	    evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		httpd_tls_bye(c->bev);
	if (c->linger)
		httpd_linger_start(c->S, bufferevent_getfd(c->bev));
	if (c->in_cb != NULL)
		evbuffer_remove_cb_entry(bufferevent_get_input(c->bev),
		    c->in_cb);
	if (c->out_cb != NULL)
		evbuffer_remove_cb_entry(bufferevent_get_output(c->bev),
		    c->out_cb);
	HASH_DEL(c->S->by_evcon, c);
	if (c->q != NULL)
		httpd_req_gone(c->q);
	conn_release(c);
}

void
httpd_conn_drop(struct httpd_conn * c)
{
	evhttp_connection_free(c->evcon);
}

void
httpd_conn_break(struct httpd_conn * c)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	c->linger = 0;
	if (c->lst->tls != NULL)
		httpd_tls_break(c->bev);
	/* Dissolving the connection resets it; evhttp would send a FIN first,
	 * whatever SO_LINGER says. */
	if (!c->lst->is_unix)
		(void)connect(bufferevent_getfd(c->bev), &none, sizeof(none));
	httpd_conn_drop(c);
}

void
httpd_conn_refuse(struct httpd_conn * c, int status, const char * code,
    const char * msg)
{
	char text[1024], id[HTTPD_ID_MAX + 1];
	struct httpd * S = c->S;
	int n;

	httpd_req_id_make(S, id);
	if (c->lst->tls == NULL && httpd_reply_json(S, code, msg, id) == 0) {
		n = snprintf(text, sizeof(text), "HTTP/1.1 %d %s\r\n"
		    "Content-Type: application/json\r\n"
		    "Content-Length: %zu\r\nX-Request-Id: %s\r\n"
		    "Connection: close\r\n\r\n%s", status,
		    httpd_reply_reason(status), S->text.len, id, S->text.p);
		if (n > 0 && (size_t)n < sizeof(text) &&
		    send(bufferevent_getfd(c->bev), text, (size_t)n,
		    MSG_DONTWAIT | MSG_NOSIGNAL) == n)
			c->linger = 1;
	}
	httpd_conn_drop(c);
}

void
httpd_conn_quiet(struct httpd_conn * c)
{
	/* Every evhttp_send_* enables EV_READ without a callback: what the
	 * client goes on sending would pile up in memory.  Leave it in the
	 * kernel; evhttp reads again when the next request may come.  (Never
	 * enable it here: bytes that reach evhttp while it writes end the
	 * whole process.) */
	bufferevent_disable(c->bev, EV_READ);
}

void
httpd_conn_flush(struct httpd_conn * c)
{
	struct evbuffer * out = bufferevent_get_output(c->bev);
	int i;

	if (c->lst->tls != NULL) {
		httpd_tls_flush(c->bev);
		return;
	}
	evbuffer_unfreeze(out, 1);
	for (i = 0; i < 64 && evbuffer_get_length(out) > 0; i++)
		if (evbuffer_write(out, bufferevent_getfd(c->bev)) <= 0)
			break;
	evbuffer_freeze(out, 1);
}

void
httpd_conn_complete(struct evhttp_request * req, void * arg)
{
	struct httpd_conn * c = arg;

	(void)req;
	if (c->done != NULL) {
		*c->done = 1;
		c->done = NULL;
	}
	/* A pipelined request is already there. */
	c->got = evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;
	httpd_conn_enter(c, c->got ? CONN_READING : CONN_IDLE);
}

static void
too_much(void * arg)
{
	struct httpd_conn * c = arg;

	if (c->phase == CONN_READING)
		httpd_conn_refuse(c, 413, "too_large",
		    "the request is larger than it may be");
}

/*
 * Each request is bounded, and so is their number, but not what both come to; and
 * nobody knows yet who may ask at all.  Who has brought most goes.
 */
static void
make_room(void * arg)
{
	struct httpd * S = arg;
	struct httpd_conn * c, * most;

	while (S->coming > S->o.max_coming) {
		most = NULL;
		TAILQ_FOREACH(c, &S->phases[CONN_READING], link)
			if (most == NULL || c->came > most->came)
				most = c;
		if (most == NULL)
			return;
		S->refused++;
		httpd_conn_refuse(most, 503, "crowded", "requests that are on "
		    "their way are too many and too large: try again later");
	}
}

static void
brought(struct httpd_conn * c, size_t n)
{
	c->came += n;
	c->S->coming += n;
	if (c->S->coming > c->S->o.max_coming)
		loop_soon(c->S->loop, &c->S->room, make_room, c->S);
}

static void
on_input(struct evbuffer * b, const struct evbuffer_cb_info * info, void * arg)
{
	struct httpd_conn * c = arg;

	if (info->n_added == 0)
		return;
	c->got = 1;
	if (c->phase == CONN_IDLE)
		httpd_conn_enter(c, CONN_READING);
	if (c->phase == CONN_READING)
		brought(c, info->n_added);
	/* evhttp bounds heads and bodies, but not the line that gives a
	 * chunk's size.  (A high watermark would not do: while it is reached
	 * the bufferevent calls back without end and holds the loop.) */
	if (evbuffer_get_length(b) > c->S->o.max_headers + c->S->o.max_body +
	    INPUT_SLACK)
		loop_soon(c->S->loop, &c->builtin, too_much, c);
}

/* evhttp 2.1.12 has no hook for the errors it answers itself (a malformed
 * head, a body too large) and answers in HTML: rewrite its page before the
 * loop comes to write it. */
static void
rewrite_builtin(void * arg)
{
	struct httpd_conn * c = arg;
	struct httpd * S = c->S;
	struct evbuffer * out = bufferevent_get_output(c->bev);
	char page[BUILTIN_MAX + 1], msg[160], id[HTTPD_ID_MAX + 1];
	const char * code = "bad_request", * p = page, * end;
	ev_ssize_t n;
	int status, major, minor;

	if (c->phase != CONN_READING && c->phase != CONN_IDLE)
		return;
	if (evbuffer_get_length(out) > BUILTIN_MAX ||
	    (n = evbuffer_copyout(out, page, BUILTIN_MAX)) <= 0)
		return;
	page[n] = '\0';
	/* "100 Continue" is no error, but one may follow it. */
	while (strncmp(p, "HTTP/1.", 7) == 0 &&
	    strncmp(p + 8, " 100 ", 5) == 0 &&
	    (end = strstr(p, "\r\n\r\n")) != NULL)
		p = end + 4;
	if (sscanf(p, "HTTP/%d.%d %d ", &major, &minor, &status) != 3 ||
	    status < 400)
		return;
	snprintf(msg, sizeof(msg), "the request is malformed, or its head is "
	    "larger than %zu bytes", S->o.max_headers);
	if (status == 413) {
		code = "too_large";
		snprintf(msg, sizeof(msg), "the body is malformed or larger "
		    "than %zu bytes, the daemon's max_body", S->o.max_body);
	} else if (status == 417) {
		code = "expectation_failed";
		snprintf(msg, sizeof(msg),
		    "Expect takes nothing but 100-continue");
	} else if (status >= 500) {
		code = "unavailable";
		snprintf(msg, sizeof(msg), "out of memory: try again later");
	}
	httpd_req_id_make(S, id);
	if (httpd_reply_json(S, code, msg, id))
		return;
	/* A plain bufferevent keeps its output's front frozen between writes.
	 * One with TLS does not, and freezing it would make it write the same
	 * bytes again and again. */
	if (c->lst->tls == NULL)
		evbuffer_unfreeze(out, 1);
	evbuffer_drain(out, (size_t)n);
	if (c->lst->tls == NULL)
		evbuffer_freeze(out, 1);
	evbuffer_add(out, page, (size_t)(p - page));
	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n"
	    "X-Request-Id: %s\r\nConnection: close\r\n\r\n", status,
	    httpd_reply_reason(status), S->text.len, id);
	evbuffer_add(out, S->text.p, S->text.len);
	c->linger = 1;
	httpd_conn_quiet(c);
	httpd_conn_enter(c, CONN_SENDING);
}

static void
on_output(struct evbuffer * b, const struct evbuffer_cb_info * info,
    void * arg)
{
	struct httpd_conn * c = arg;

	(void)b;
	if (info->n_deleted > 0 && c->phase == CONN_SENDING) {
		TAILQ_REMOVE(&c->S->phases[CONN_SENDING], c, link);
		TAILQ_INSERT_TAIL(&c->S->phases[CONN_SENDING], c, link);
		c->since_us = clock_mono_us();
	}
	/* Written by nobody here: evhttp speaks for itself. */
	if (info->n_added > 0 && c->phase == CONN_READING)
		loop_soon(c->S->loop, &c->builtin, rewrite_builtin, c);
}

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
		conn_release(c);
		return (-1);
	}
	c->evcon = evcon;
	c->in_cb = evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c);
	c->out_cb = evbuffer_add_cb(bufferevent_get_output(c->bev), on_output,
	    c);
	evhttp_connection_set_closecb(c->evcon, on_close, c);
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
httpd_conn_early(struct httpd * S, struct evhttp_connection * evcon,
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
httpd_conn_attach(struct httpd_conn * c, struct bufferevent * bev)
{
	c->bev = bev;
	bufferevent_incref(bev);
	loop_soon(c->S->loop, &c->adopt, adopt, c);
}
