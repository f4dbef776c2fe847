#define _GNU_SOURCE 1 /* POLLRDHUP */
#include "net/httpd_internal.h"

#include <event2/http_struct.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_MS 250

/* Adopt the client's id if it is safe to repeat in logs and headers. */
static void
take_id(struct httpd_req * q)
{
	const char * s = evhttp_find_header(
	    evhttp_request_get_input_headers(q->req), "X-Request-Id");
	size_t n = s == NULL ? 0 : strlen(s);

	if (n > 0 && n <= HTTPD_ID_MAX && strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n)
		memcpy(q->id, s, n + 1);
	else
		httpd_req_id_make(q->S, q->id);
	evhttp_add_header(evhttp_request_get_output_headers(q->req),
	    "X-Request-Id", q->id);
}

void
httpd_req_id_make(struct httpd * S, char id[HTTPD_ID_MAX + 1])
{
	snprintf(id, HTTPD_ID_MAX + 1, "%016llx",
	    (unsigned long long)S->next_id++);
}

static int
take_body(struct httpd_req * q)
{
	struct evbuffer * b = evhttp_request_get_input_buffer(q->req);

	q->body = "";
	if ((q->body_len = evbuffer_get_length(b)) == 0)
		return (0);
	q->body = (const char *)evbuffer_pullup(b, -1);
	return (q->body == NULL ? -1 : 0);
}

/* Answer what never gets to the handler.  Return whether that was so. */
static int
turn_away(struct httpd_req * q)
{
	const char * why;
	int has_body = 0, known = 1;

	switch (evhttp_request_get_command(q->req)) {
	case EVHTTP_REQ_GET:
		q->method = HTTPD_GET;
		break;
	case EVHTTP_REQ_HEAD:
		q->method = HTTPD_HEAD;
		q->bodyless = 1;
		break;
	case EVHTTP_REQ_POST:
		q->method = HTTPD_POST;
		break;
	case EVHTTP_REQ_PUT:
		q->method = HTTPD_PUT;
		break;
	case EVHTTP_REQ_PATCH:
		q->method = HTTPD_PATCH;
		break;
	case EVHTTP_REQ_DELETE:
		q->method = HTTPD_DELETE;
		break;
	case EVHTTP_REQ_OPTIONS:
		q->method = HTTPD_OTHER;
		break;
	case EVHTTP_REQ_TRACE:
	case EVHTTP_REQ_CONNECT:
	default:
		known = 0;
	}
	why = httpd_parse_headers(q, &has_body);
	/* evhttp leaves the body of such a request where the next request
	 * should begin. */
	if (why != NULL || !known || (has_body && q->bodyless))
		httpd_reply_close(q);
	if (why != NULL)
		httpd_error(q, 400, "bad_request", "%s", why);
	else if (evhttp_request_get_command(q->req) == EVHTTP_REQ_TRACE) {
		httpd_req_header_add(q, "Allow",
		    "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
		httpd_error(q, 405, "method_not_allowed",
		    "TRACE is not served");
	} else if (!known)
		httpd_error(q, 501, "unknown_method",
		    "this method is not known");
	else if (httpd_parse_target(q))
		httpd_error(q, 400, "bad_request",
		    "the request target is malformed");
	else if (take_body(q))
		httpd_error(q, 503, "unavailable", "out of memory");
	else if (q->c->over) {
		httpd_reply_close(q);
		httpd_error(q, 429, "too_many_connections",
		    "too many connections are open: try again later");
	} else
		return (0);
	return (1);
}

/* On the loop's stack, not evhttp's: the handler may do as it likes. */
static void
hand_over(void * arg)
{
	struct httpd_req * q = arg;

	if (q->c == NULL)
		httpd_req_free(q); /* left before anyone looked */
	else
		q->S->cb(q->S->arg, q);
}

void
httpd_req_arrive(struct evhttp_request * req, void * arg)
{
	struct evhttp_connection * evcon = evhttp_request_get_connection(req);
	struct httpd_listener * lst = arg;
	struct httpd * S = lst->S;
	struct httpd_conn * c = httpd_conn_find(S, evcon);
	struct httpd_req * q;

	if (c == NULL && httpd_adopt_early(S, evcon, &c))
		return;
	/* Without a slot it came past the guards: with TLS, in the clear. */
	if (c == NULL || c->dead) {
		evhttp_connection_free(evcon);
		return;
	}
	S->requests++;
	/* evhttp never closes after CONNECT, whatever the headers say. */
	if (evhttp_request_get_command(req) == EVHTTP_REQ_CONNECT) {
		httpd_conn_refuse(c, 405, "method_not_allowed",
		    "CONNECT is not served");
		return;
	}
	if ((q = calloc(1, sizeof(*q))) == NULL) {
		evhttp_send_error(req, 503, NULL);
		httpd_conn_quiet(c);
		return;
	}
	q->S = S;
	q->loop = S->loop;
	q->c = c;
	q->req = req;
	q->is_unix = lst->is_unix;
	q->uid = c->uid;
	/* Ours while it is held, so that what the handler borrowed outlives
	 * a client that leaves. */
	evhttp_request_own(req);
	evhttp_request_set_on_complete_cb(req, httpd_conn_complete, c);
	c->q = q;
	httpd_conn_enter(c, CONN_HELD);
	TAILQ_INSERT_TAIL(&S->held, q, link);
	S->nheld++;
	if (!loop_timer_pending(S->watch))
		loop_timer_start(S->watch, WATCH_MS);
	take_id(q);
	if (!turn_away(q))
		loop_soon(S->loop, &q->start, hand_over, q);
}

struct evhttp_request *
httpd_req_release(struct httpd_req * q)
{
	struct evhttp_request * req = q->req;

	/* From here on evhttp frees it on each of its ways out. */
	req->flags &= ~EVHTTP_USER_OWNED;
	q->c->q = NULL;
	q->c = NULL;
	q->req = NULL;
	httpd_req_free(q);
	return (req);
}

void
httpd_req_free(struct httpd_req * q)
{
	loop_soon_cancel(q->loop, &q->start);
	loop_soon_cancel(q->loop, &q->leave);
	loop_soon_cancel(q->loop, &q->drained);
	if (q->S != NULL) {
		TAILQ_REMOVE(&q->S->held, q, link);
		q->S->nheld--;
	}
	/* Its connection is gone; evhttp_send_* would still reach for it. */
	if (q->req != NULL)
		evhttp_request_free(q->req);
	free(q->path);
	free(q->args);
	free(q);
}

static void
tell_leave(void * arg)
{
	struct httpd_req * q = arg;
	void (*cb)(void *) = q->leave_cb;

	q->leave_cb = NULL;
	cb(q->leave_arg);
}

void
httpd_req_gone(struct httpd_req * q)
{
	q->c = NULL;
	if (q->leave_cb != NULL)
		loop_soon(q->loop, &q->leave, tell_leave, q);
	if (q->writing)
		loop_soon(q->loop, &q->drained, httpd_stream_tell, q);
}

void
httpd_on_leave(struct httpd_req * q, void (*cb)(void *), void * arg)
{
	q->leave_cb = cb;
	q->leave_arg = arg;
	if (cb == NULL)
		loop_soon_cancel(q->loop, &q->leave);
	else if (q->c == NULL)
		loop_soon(q->loop, &q->leave, tell_leave, q);
}

/* evhttp reads nothing while a reply is pending, so it learns of a client
 * that left only by writing to it; an EV_CLOSED event would miss resets and
 * spin.  A client that shuts down its sending side only looks the same. */
void
httpd_req_watch(void * arg)
{
	struct httpd * S = arg;
	struct httpd_req * q;
	struct pollfd * p;
	size_t n = 0, i, cap;

	if (S->pfds_cap < S->nheld) {
		cap = (size_t)S->nheld + S->nheld / 2 + 16;
		if ((p = realloc(S->pfds, cap * sizeof(*p))) != NULL) {
			S->pfds = p;
			S->pfds_cap = cap;
		}
	}
	TAILQ_FOREACH(q, &S->held, link) {
		if (q->c == NULL || n == S->pfds_cap)
			continue;
		S->pfds[n].fd = bufferevent_getfd(q->c->bev);
		S->pfds[n].events = POLLRDHUP;
		S->pfds[n].revents = 0;
		n++;
	}
	if (n > 0 && poll(S->pfds, (nfds_t)n, 0) > 0) {
		/* Dropping a connection leaves its request in the list: both
		 * walks see the same requests, but q->c may be NULL now. */
		i = 0;
		TAILQ_FOREACH(q, &S->held, link) {
			if (q->c == NULL || i == n)
				continue;
			if (S->pfds[i++].revents & (POLLRDHUP | POLLHUP |
			    POLLERR | POLLNVAL))
				httpd_conn_drop(q->c);
		}
	}
	if (S->nheld > 0)
		loop_timer_start(S->watch, WATCH_MS);
}

enum httpd_method
httpd_req_method(const struct httpd_req * q)
{
	return (q->method);
}

const char *
httpd_req_path(const struct httpd_req * q)
{
	return (q->path);
}

const char *
httpd_req_query(const struct httpd_req * q, const char * key)
{
	const char * p = q->args, * value;

	while (p != NULL && p < q->args + q->args_len) {
		value = p + strlen(p) + 1;
		if (strcmp(p, key) == 0)
			return (value);
		p = value + strlen(value) + 1;
	}
	return (NULL);
}

const char *
httpd_req_header(const struct httpd_req * q, const char * name)
{
	return (evhttp_find_header(evhttp_request_get_input_headers(q->req),
	    name));
}

const char *
httpd_req_body(const struct httpd_req * q, size_t * len)
{
	if (len != NULL)
		*len = q->body_len;
	return (q->body);
}

const char *
httpd_req_id(const struct httpd_req * q)
{
	return (q->id);
}

int
httpd_req_is_unix(const struct httpd_req * q)
{
	return (q->is_unix);
}

uid_t
httpd_req_uid(const struct httpd_req * q)
{
	return (q->uid);
}

const char *
httpd_req_peer(const struct httpd_req * q, char * buf, size_t n)
{
	struct evhttp_connection * ec = evhttp_request_get_connection(q->req);
	char * addr = NULL;
	uint16_t port;

	/* What libevent says of a unix socket is no address. */
	if (q->is_unix)
		snprintf(buf, n, "uid %ld", (long)q->uid);
	else if (ec != NULL)
		evhttp_connection_get_peer(ec, &addr, &port);
	if (!q->is_unix)
		snprintf(buf, n, "%s", addr != NULL ? addr : "");
	return (buf);
}
