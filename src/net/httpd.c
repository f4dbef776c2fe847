#include "net/httpd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "net/httpd_internal.h"

#define COMING ((size_t)64 << 20)

struct httpd *
httpd_new(struct loop * L, const struct httpd_opts * opts, httpd_handler * cb,
    void * arg, struct err * e)
{
	struct httpd * S;

	if ((S = calloc(1, sizeof(*S))) == NULL) {
		err_nomem(e, "the HTTP server");
		return (NULL);
	}
	S->loop = L;
	S->cb = cb;
	S->arg = arg;
	if (opts != NULL)
		S->o = *opts;
	if (S->o.max_headers == 0)
		S->o.max_headers = 16 * 1024;
	if (S->o.max_body == 0)
		S->o.max_body = 1024 * 1024;
	if (S->o.max_coming == 0)
		S->o.max_coming = S->o.max_body < COMING / 2 ? COMING :
		    2 * S->o.max_body;
	if (S->o.max_conns == 0)
		S->o.max_conns = 1024;
	if (S->o.idle_s == 0)
		S->o.idle_s = 60;
	if (S->o.request_s == 0)
		S->o.request_s = 10;
	LIST_INIT(&S->listeners);
	TAILQ_INIT(&S->held);
	S->text.max = 64 * 1024;
	/* Ids need not be secret, only unlike those of the last start. */
	if (getrandom(&S->next_id, sizeof(S->next_id), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(S->next_id))
		S->next_id = (uint64_t)clock_wall_ms() << 20;
	if (httpd_conn_setup(S, e)) {
		httpd_free(S);
		return (NULL);
	}
	if ((S->out = evbuffer_new()) == NULL ||
	    (S->watch = loop_timer_new(L, httpd_req_watch, S)) == NULL) {
		httpd_free(S);
		err_nomem(e, "the HTTP server");
		return (NULL);
	}
	return (S);
}

void
httpd_stop_listening(struct httpd * S)
{
	struct httpd_listener * lst;

	S->stopping = 1;
	LIST_FOREACH(lst, &S->listeners, link)
		httpd_listen_stop(lst);
}

/* Say 503 to whom nothing was said yet, push out what is under way, and leave
 * the requests to their holders as if the clients had left. */
static void
answer_all(struct httpd * S)
{
	struct httpd_req * q, * next;
	struct httpd_conn * c, * after;

	for (q = TAILQ_FIRST(&S->held); q != NULL; q = next) {
		struct evhttp_request * req = q->req;

		next = TAILQ_NEXT(q, link);
		c = q->c;
		if (c != NULL && !q->streaming &&
		    httpd_reply_json(S, "shutting_down",
		    "the server is stopping: try again later", q->id) == 0 &&
		    evbuffer_add(S->out, S->text.p, S->text.len) == 0) {
			/* The holder keeps the request, so evhttp must not
			 * free it: the connection dies before that. */
			httpd_reply_close(q);
			evhttp_send_reply(req, 503, httpd_reply_reason(503),
			    q->bodyless ? NULL : S->out);
			evbuffer_drain(S->out, evbuffer_get_length(S->out));
		}
		/* Either tells the holder, too: httpd_req_gone. */
		if (c != NULL && q->streaming)
			httpd_conn_break(c);
		else if (c != NULL) {
			httpd_conn_flush(c);
			httpd_conn_drop(c);
		}
		TAILQ_REMOVE(&S->held, q, link);
		q->S = NULL;
	}
	S->nheld = 0;
	/* Whoever gets on is moved to the end, where nothing is left to do. */
	for (c = TAILQ_FIRST(&S->phases[CONN_SENDING]); c != NULL; c = after) {
		after = TAILQ_NEXT(c, link);
		httpd_conn_flush(c);
	}
}

void
httpd_free(struct httpd * S)
{
	struct httpd_listener * lst;

	if (S == NULL)
		return;
	httpd_stop_listening(S);
	answer_all(S);
	while ((lst = LIST_FIRST(&S->listeners)) != NULL)
		httpd_listen_free(lst);
	httpd_conn_teardown(S);
	loop_timer_free(S->watch);
	free(S->pfds);
	if (S->out != NULL)
		evbuffer_free(S->out);
	buf_free(&S->text);
	free(S);
}

void
httpd_stats_get(const struct httpd * S, struct httpd_stats * st)
{
	st->conns = S->nconns;
	st->requests_active = S->nheld;
	st->requests = S->requests;
	st->refused = S->refused;
}
