#ifndef MOLTLER_NET_HTTP_H
#define MOLTLER_NET_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "loop/loop.h"

struct sockaddr;

/*
 * The HTTP client: curl_multi on the loop behind an admission queue.  One
 * struct http is one egress policy and one connection pool.
 */
struct http;
struct http_call;

struct http_req;

/* What a player answers; borrowed until its call is over or the next question. */
struct http_played {
	int status;
	const char * const * headers; /* "Name: value", NULL-terminated, or NULL */
	const char * body;
	size_t body_len;
};

struct http_opts {
	unsigned max_total;    /* transfers at once; 0: 256 */
	unsigned max_per_host; /* of these to one host:port; 0: 32 */
	unsigned max_queued;   /* waiting; 0: 100000; beyond: Transient */
	unsigned max_resolves; /* names being looked up at once; 0: 8 */
	/*
	 * Connections kept for reuse; beyond, the one idle longest is closed, so
	 * have more of them than hosts that are asked again and again: about
	 * 4 KiB each.  They are shared out over pools of 64 hosts; where hosts
	 * are uneven a pool keeps up to a quarter more than its share.  0: a
	 * quarter of the files this process may open, 64 to 8192.
	 */
	unsigned max_idle;
	unsigned max_idle_s;   /* and for how long; 0: 118 */
	const char * user_agent; /* borrowed for life; NULL: "moltler/VERSION" */
	/*
	 * Asked for each address about to be connected to (v4-mapped v6
	 * addresses come unwrapped, unix sockets as AF_UNIX): 0 lets it, -1
	 * forbids.  NULL lets all.  Kept connections are not asked for again:
	 * another policy is another struct http.  Runs on curl's stack: call
	 * nothing of net/ from it.
	 */
	int (*egress)(void * arg, const struct sockaddr * sa);
	void * egress_arg;
	/*
	 * If set, nothing goes to the network: this is asked at each http_start
	 * and its answer takes the same roads: on_head, on_data (in pieces) and
	 * the callback, from the soon queue.  -1 with ${e}: the call fails so.
	 * For fixtures; call nothing of net/ from it.
	 */
	int (*play)(void * arg, const struct http_req * req,
	    struct http_played * a, struct err * e);
	void * play_arg;
};

struct http_req {
	const char * method; /* NULL: GET */
	const char * url;    /* http or https only */
	/* "Name: value", NULL-terminated, or NULL.  "Name:" is sent empty. */
	const char * const * headers;
	const void * body;   /* NULL: none */
	size_t body_len;
	int64_t timeout_ms;         /* whole call, waiting in our queue apart; 0: 30 s */
	int64_t connect_timeout_ms; /* 0: the smaller of 5 s and timeout_ms */
	int64_t queue_timeout_ms;   /* at most that long in the queue; 0: timeout_ms */
	size_t max_body;     /* decompressed bytes; 0: 64 MiB; beyond: Permanent */
	const char * ca_file;       /* trust this alone; NULL: the system's */
	/* Who we are, if the server wants to know: a certificate and its key (PEM);
	 * key NULL: it stands with the certificate. */
	const char * client_cert, * client_key; /* or NULL */
	const char * unix_socket;   /* connect there instead, or NULL */
	unsigned insecure : 1;      /* do not check the certificate */
	unsigned http2 : 1;         /* allow HTTP/2 (off by default) */
	unsigned body_stays : 1;    /* the body is not copied: the caller keeps
	                             * it until the callback, or the cancel */
	unsigned once : 1;          /* on a connection of its own, so that it is
	                             * never sent twice (see http_start) */
	unsigned no_compress : 1;   /* do not ask for gzip: on a fast network
	                             * unpacking costs more than it saves */
	/*
	 * If set, the body of a 2xx answer goes here as it arrives, on curl's
	 * stack: call nothing of net/ from it.  Return 0, or -1 to abort the
	 * transfer (the call then ends with class Cancelled, code "aborted").
	 * Bodies of other answers are kept (up to 4 KiB) in the result instead.
	 */
	int (*on_data)(void * arg, const char * p, size_t n);
	/*
	 * If set too, called once before the first on_data with the answer's
	 * Content-Type (NULL: none), under the same rules.
	 */
	int (*on_head)(void * arg, const char * ctype);
};

struct http_res {
	int status;
	const char * body;  /* NUL-terminated; empty if on_data took it */
	size_t body_len;
	size_t bytes;       /* decompressed body bytes, wherever they went */
	int64_t total_us;   /* from the start of the transfer */
	int64_t queue_us;   /* waited before */
	const char * url;   /* the one asked for */
	const struct http_hdrs * hdrs;
};

/** http_res_header(res, name): The last such header's value, or NULL.  Any case. */
const char * http_res_header(const struct http_res * res, const char * name);

/** http_res_date(res): What its Date says, in ms since 1970; -1: nothing. */
int64_t http_res_date(const struct http_res * res);

/** http_res_retry_after(res): What its Retry-After (seconds or a date) asks for, in
 * ms from now; -1: nothing, or what lies more than a week ahead. */
int64_t http_res_retry_after(const struct http_res * res);

/** http_hdrs_all(res, name, out): Append the values of all such headers, ", "
 * between them, as they would stand in one; how many there are. */
size_t http_hdrs_all(const struct http_res * res, const char * name,
    struct buf * out);

/** http_hdrs_each(res, found, arg): Call ${found} with each header, "Name: value",
 * as it came. */
void http_hdrs_each(const struct http_res * res, void (*found)(void * arg,
    const char * line), void * arg);

/**
 * Called exactly once a call, from the soon queue, never before http_start
 * returns: either ${res} (any status) with ${e} NULL, or ${e} with ${res} NULL.
 * Both borrowed for the call.
 */
typedef void http_cb(void * arg, const struct http_res * res,
    const struct err * e);

/** http_new(L, opts, e): ${opts} is copied.  NULL with ${e}. */
struct http * http_new(struct loop * L, const struct http_opts * opts,
    struct err * e);

/**
 * http_free(H): Cancel what runs without calling back, and free; allowed from
 * within an http_cb.  NULL: no-op.
 */
void http_free(struct http * H);

/**
 * http_start(H, req, cb, arg):
 * Send ${req} (copied, but for a body that stays) and call ${cb} once.  Immediate failures also come
 * through ${cb}.  Errors: Transient "timeout", "connect_timeout" (in our
 * queue, looking the name up or connecting: nothing was sent), "connect", "resolve", "recv", "queue_full", "nomem";
 * Permanent "tls", "too_big", "bad_url", "bad_header", "bad_method",
 * "protocol"; Config "egress".  Redirects are not followed: the 3xx is the
 * answer.  Deadlines are met up to 17 ms late.  A request on a kept connection
 * that the peer closed meanwhile is sent once more on a new one, whatever its
 * method, unless it is ${once}.  NULL only when out of memory.
 */
struct http_call * http_start(struct http * H, const struct http_req * req,
    http_cb * cb, void * arg);

/**
 * http_cancel(c): End the call without calling back.  NULL: no-op; so is a call
 * whose callback runs.  After its callback ${c} is gone.
 */
void http_cancel(struct http_call * c);

/** http_url_safe(buf, n, url): ${url} without userinfo, query or fragment, which
 * may be secret: the form for messages.  Returns ${buf}. */
const char * http_url_safe(char * buf, size_t n, const char * url);

/** err_from_http(e, res, what): Fill ${e} for an answer that is not 2xx:
 * 429 and 5xx and 408 Transient with Retry-After (seconds or an HTTP date) in
 * retry_after_ms, 401/403 Config, others Permanent; code "http_<status>"; the
 * message names ${what} and the first line of a text body, cut.  Return -1. */
int err_from_http(struct err * e, const struct http_res * res,
    const char * what);

struct http_stats {
	uint64_t started, done, failed, reused_conns;
	unsigned active, queued;
};
void http_stats_get(const struct http * H, struct http_stats * st);

#endif
