#include "net/httpd_internal.h"

#include <assert.h>
#include <event2/http_struct.h>
#include <stddef.h>

void
httpd_stream_tell(void * arg)
{
	struct httpd_req * q = arg;

	q->writing = 0;
	if (q->c != NULL && q->c->phase == CONN_SENDING)
		httpd_conn_enter(q->c, CONN_HELD);
	q->drained_cb(q->drained_arg);
}

/* evhttp may call this again for as long as nothing else is written. */
static void
on_drained(struct evhttp_connection * evcon, void * arg)
{
	struct httpd_conn * c = arg;

	(void)evcon;
	if (c->q != NULL && c->q->writing)
		loop_soon(c->S->loop, &c->q->drained, httpd_stream_tell, c->q);
}

void
httpd_stream_start(struct httpd_req * q, int status, const char * ctype)
{
	struct evkeyvalq * in;

	assert(!q->streaming);
	q->streaming = 1;
	if (q->c == NULL)
		return;
	if (q->S->stopping)
		httpd_reply_close(q);
	if (ctype != NULL)
		httpd_req_header_add(q, "Content-Type", ctype);
	/* To HTTP/1.0 with keep-alive evhttp would say Content-Length: 0;
	 * without it the end of the connection ends the body. */
	in = evhttp_request_get_input_headers(q->req);
	if (q->req->minor < 1)
		evhttp_remove_header(in, "Connection");
	if (status == 204 || status == 304)
		q->bodyless = 1;
	evhttp_send_reply_start(q->req, status, httpd_reply_reason(status));
	httpd_conn_quiet(q->c);
}

void
httpd_stream_write(struct httpd_req * q, const void * p, size_t len,
    void (*drained)(void *), void * arg)
{
	struct httpd * S = q->S;
	struct httpd_conn * c = q->c;

	assert(q->streaming && !q->writing);
	q->writing = 1;
	q->drained_cb = drained;
	q->drained_arg = arg;
	/* evhttp forgets the callback where it has nothing to write. */
	if (c == NULL || q->bodyless || len == 0) {
		loop_soon(q->loop, &q->drained, httpd_stream_tell, q);
		return;
	}
	if (evbuffer_add(S->out, p, len)) {
		/* Out of memory: break it, and the writer hears of it. */
		evbuffer_drain(S->out, evbuffer_get_length(S->out));
		httpd_conn_drop(c);
		return;
	}
	httpd_conn_enter(c, CONN_SENDING);
	evhttp_send_reply_chunk_with_cb(q->req, S->out, on_drained, c);
	httpd_conn_quiet(c);
}

int
httpd_stream_gone(const struct httpd_req * q)
{
	return (q->c == NULL);
}

void
httpd_stream_end(struct httpd_req * q, int abort)
{
	struct httpd_conn * c = q->c;
	struct evhttp_request * req;
	int done = 0;

	if (c == NULL) {
		httpd_req_free(q);
		return;
	}
	if (abort) {
		/* Chunks end visibly or not; where the end of the connection
		 * ends the body, only a reset says that something is missing. */
		done = !q->req->chunked || c->lst->tls != NULL;
		(void)httpd_req_release(q);
		c->linger = 0;
		if (done)
			httpd_conn_break(c);
		else
			httpd_conn_drop(c);
		return;
	}
	req = httpd_req_release(q);
	httpd_conn_enter(c, CONN_SENDING);
	/* With nothing left to write evhttp is done at once, and ${c} with it
	 * or already at its next request. */
	c->done = &done;
	evhttp_send_reply_end(req);
	if (!done) {
		c->done = NULL;
		httpd_conn_quiet(c);
	}
}
