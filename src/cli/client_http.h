#ifndef MOLTLER_CLI_CLIENT_HTTP_H
#define MOLTLER_CLI_CLIENT_HTTP_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Calls to the daemon, one at a time, each waited for.  Ctrl-C (interrupt.h)
 * ends a call and closes its connection, by which the daemon notices.  No
 * proxy is used and no redirect followed: the token goes nowhere else.
 */
struct client_http;

/* Error codes of this side; the daemon's own are never these. */
#define CLIENT_HTTP_UNREACHABLE "client_unreachable"
#define CLIENT_HTTP_CUT "client_cut"
#define CLIENT_HTTP_INTERRUPTED "client_interrupted"

/* What a call hears while it runs; both may be NULL.  data: bytes of an answer
 * with status 2xx.  tick: about ten times a second.  -1 with ${e} ends the
 * call. */
struct client_http_sink {
	int (*data)(void * arg, const char * p, size_t n, struct err * e);
	int (*tick)(void * arg, struct err * e);
	void * arg;
};

/**
 * client_http_new(url, token, e):
 * ${url} is http://host:port, https://host:port (either with a path in front
 * of the API's) or unix:///path/of/socket; ${token} may be NULL.  Errors:
 * config "url", "token".
 */
struct client_http * client_http_new(const char * url, const char * token,
    struct err * e);

/**
 * client_http_post(c, path, accept, body, len, sink, e):
 * POST the JSON ${body} on a connection of its own (a call with effects must
 * not be sent twice because a kept connection died).
 * Errors: transient CLIENT_HTTP_UNREACHABLE when nothing answered,
 * CLIENT_HTTP_CUT when an answer broke off; cancelled CLIENT_HTTP_INTERRUPTED;
 * "http_NNN" with the daemon's message; what the sink said.
 */
int client_http_post(struct client_http * c, const char * path,
    const char * accept, const char * body, size_t len,
    const struct client_http_sink * sink, struct err * e) MUST_CHECK;

/**
 * client_http_get(c, path, out, e):
 * GET ${path} into ${out} (bounded by its max) within ten seconds.  Errors as
 * above.
 */
int client_http_get(struct client_http * c, const char * path,
    struct buf * out, struct err * e) MUST_CHECK;

/**
 * client_http_send(c, method, path, body, len, out, e):
 * The same with PUT or DELETE; ${body} is JSON, or NULL.
 */
int client_http_send(struct client_http * c, const char * method,
    const char * path, const char * body, size_t len, struct buf * out,
    struct err * e) MUST_CHECK;

/* One call; borrowed until it is over. */
struct client_http_req {
	const char * method; /* NULL: GET, or POST with a body */
	const char * path, * accept;
	const char * type;   /* of the body; NULL: application/json */
	const char * body;   /* or NULL */
	size_t len;
	long timeout_ms;     /* of all of it; 0: none */
};

/** client_http_call(c, r, sink, e): Any other call.  Errors as above. */
int client_http_call(struct client_http * c, const struct client_http_req * r,
    const struct client_http_sink * sink, struct err * e) MUST_CHECK;

/** client_http_keep(out, p, n, e): A sink's data that gathers the answer in the
 * struct buf ${out}. */
int client_http_keep(void * out, const char * p, size_t n, struct err * e);

/** client_http_url(c): The URL as it was given, for messages; borrowed. */
const char * client_http_url(const struct client_http * c);

/** client_http_exit_code(e): What the client ends with where a call ended with
 * ${e}. */
int client_http_exit_code(const struct err * e);

/** client_http_free(c): Close and free; the token is wiped.  NULL is a no-op. */
void client_http_free(struct client_http * c);

#endif
