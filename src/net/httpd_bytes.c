/* What comes on a connection and what goes, as evhttp's buffers tell. */
#include "net/httpd_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define INPUT_SLACK 65536 /* what is read at once, and pipelined */
#define BUILTIN_MAX 4096 /* evhttp's own error pages are far smaller */

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

void
httpd_bytes_in(struct evbuffer * b, const struct evbuffer_cb_info * info,
    void * arg)
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

void
httpd_bytes_out(struct evbuffer * b, const struct evbuffer_cb_info * info,
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
