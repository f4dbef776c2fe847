#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/httpd_internal.h"

#define SWEEP_MS 1000

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

void
httpd_conn_release(struct httpd_conn * c)
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
void
httpd_conn_closed(struct evhttp_connection * evcon, void * arg)
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
	httpd_conn_release(c);
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
