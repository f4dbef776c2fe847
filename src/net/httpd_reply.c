#include <event2/keyvalq_struct.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "net/httpd_internal.h"

/* evhttp's own table ends at 417 and 505 and is off by one at 307. */
const char *
httpd_reply_reason(int status)
{
	switch (status) {
	case 307:
		return ("Temporary Redirect");
	case 308:
		return ("Permanent Redirect");
	case 400:
		return ("Bad Request");
	case 405:
		return ("Method Not Allowed");
	case 408:
		return ("Request Timeout");
	case 413:
		return ("Content Too Large");
	case 417:
		return ("Expectation Failed");
	case 422:
		return ("Unprocessable Content");
	case 429:
		return ("Too Many Requests");
	case 503:
		return ("Service Unavailable");
	default:
		return (NULL);
	}
}

int
httpd_reply_json(struct httpd * S, const char * code, const char * msg,
    const char * id)
{
	struct buf * b = &S->text;

	buf_clear(b);
	buf_adds(b, "{\"error\":{\"code\":");
	buf_add_json_str(b, code, strlen(code));
	buf_adds(b, ",\"message\":");
	buf_add_json_str(b, msg, strlen(msg));
	buf_adds(b, ",\"request_id\":");
	buf_add_json_str(b, id, strlen(id));
	buf_adds(b, "}}\n");
	return (b->failed ? -1 : 0);
}

void
httpd_reply_close(struct httpd_req * q)
{
	struct evkeyvalq * in = evhttp_request_get_input_headers(q->req);
	struct evkeyvalq * out = evhttp_request_get_output_headers(q->req);

	/* For HTTP/1.0 evhttp would add the client's own keep-alive to it. */
	evhttp_remove_header(in, "Connection");
	evhttp_remove_header(out, "Connection");
	evhttp_add_header(out, "Connection", "close");
	q->c->linger = 1;
}

void
httpd_req_header_add(struct httpd_req * q, const char * name,
    const char * value)
{
	/* Header splitting is refused there; then the reply goes without. */
	if (strpbrk(value, "\r\n") != NULL ||
	    evhttp_add_header(evhttp_request_get_output_headers(q->req), name,
	    value))
		log_event(LOG_WARN, "httpd_bad_header", LOG_S("name", name),
		    LOG_S("request_id", q->id));
}

void
httpd_reply(struct httpd_req * q, int status, const char * ctype,
    const void * body, size_t len)
{
	struct httpd_conn * c = q->c;
	struct evhttp_request * req;
	struct httpd * S;
	int none = status == 204 || status == 304 || status < 200;
	char num[24];

	if (q->streaming) {
		/* Its head is out: all that can be said is "broken". */
		httpd_stream_end(q, 1);
		return;
	}
	if (c == NULL) {
		httpd_req_free(q);
		return;
	}
	S = c->S;
	if (S->stopping)
		httpd_reply_close(q);
	if (ctype != NULL && !none)
		httpd_req_header_add(q, "Content-Type", ctype);
	if (q->bodyless && !none) {
		snprintf(num, sizeof(num), "%zu", len);
		httpd_req_header_add(q, "Content-Length", num);
	}
	if (!none && !q->bodyless && len > 0 &&
	    evbuffer_add(S->out, body, len)) {
		evbuffer_drain(S->out, evbuffer_get_length(S->out));
		req = httpd_req_release(q);
		httpd_conn_drop(c);
		return;
	}
	req = httpd_req_release(q);
	httpd_conn_enter(c, CONN_SENDING);
	evhttp_send_reply(req, status, httpd_reply_reason(status), S->out);
	httpd_conn_quiet(c);
}

void
httpd_error(struct httpd_req * q, int status, const char * code,
    const char * fmt, ...)
{
	char msg[1024];
	va_list ap;

	if (q->c == NULL || q->streaming) {
		httpd_reply(q, status, NULL, NULL, 0);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (httpd_reply_json(q->S, code, msg, q->id))
		httpd_reply(q, 503, NULL, NULL, 0);
	else
		httpd_reply(q, status, "application/json", q->S->text.p,
		    q->S->text.len);
}
