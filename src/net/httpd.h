#ifndef MOLTLER_NET_HTTPD_H
#define MOLTLER_NET_HTTPD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "loop/loop.h"

/*
 * The HTTP server: evhttp on the loop with the guards it lacks.  It knows
 * nothing of routes; one handler gets every request, from the loop and never
 * from within another call.  The process must ignore SIGPIPE.
 */
struct httpd;
struct httpd_req;

struct httpd_opts {
	size_t max_headers;      /* bytes; 0: 16 KiB */
	size_t max_body;         /* bytes; 0: 1 MiB; beyond: 413 */
	size_t max_coming;       /* bytes of all requests that are not whole yet; 0: 64
	                            MiB, or two of the largest; beyond: 503 to who
	                            brought most */
	unsigned max_conns;      /* 0: 1024; beyond: 429 and close */
	unsigned idle_s;         /* keep-alive without a request; 0: 60 */
	unsigned request_s;      /* headers and body must be there by; 0: 10 */
};

enum httpd_method { HTTPD_GET, HTTPD_HEAD, HTTPD_POST, HTTPD_PUT, HTTPD_PATCH,
    HTTPD_DELETE, HTTPD_OTHER };

/** The handler owns the request until it has replied (now or later), exactly once. */
typedef void httpd_handler(void * arg, struct httpd_req * q);

struct httpd * httpd_new(struct loop * L, const struct httpd_opts * opts,
    httpd_handler * cb, void * arg, struct err * e);

/**
 * httpd_free(S): Stop listening, answer what is pending with 503, close, free.
 * httpd_stop_listening(S): Take no new connections; go on with those open.
 */
void httpd_free(struct httpd * S);
void httpd_stop_listening(struct httpd * S);

/**
 * httpd_listen_tcp(S, addr, port, e): Listen on the IP address ${addr}; port 0
 * takes a free one.  Return the port, or -1 with ${e} (config).
 * httpd_listen_tls: the same with a PEM certificate chain and key (TLS 1.2+).
 * httpd_listen_unix(S, path, mode, e): a unix socket of that mode; a stale one
 * is replaced, a live one is an error.
 */
int httpd_listen_tcp(struct httpd * S, const char * addr, int port,
    struct err * e);
int httpd_listen_tls(struct httpd * S, const char * addr, int port,
    const char * cert_file, const char * key_file, struct err * e);
int httpd_listen_unix(struct httpd * S, const char * path, mode_t mode,
    struct err * e);

/* What was asked.  All borrowed until the reply is done. */
enum httpd_method httpd_req_method(const struct httpd_req * q);
const char * httpd_req_path(const struct httpd_req * q);  /* decoded, no query */
const char * httpd_req_query(const struct httpd_req * q, const char * key);
const char * httpd_req_header(const struct httpd_req * q, const char * name);
const char * httpd_req_body(const struct httpd_req * q, size_t * len);
const char * httpd_req_id(const struct httpd_req * q);    /* for logs */
int httpd_req_is_unix(const struct httpd_req * q); /* over a unix socket */
uid_t httpd_req_uid(const struct httpd_req * q);   /* its peer; unix only */
/** httpd_req_peer(q, buf, n): Who asks: an address, or "uid N" over a unix socket; for
 * people.  Returns ${buf}. */
const char * httpd_req_peer(const struct httpd_req * q, char * buf, size_t n);

/** httpd_req_header_add(q, name, value): For the reply; before it starts. */
void httpd_req_header_add(struct httpd_req * q, const char * name,
    const char * value);

/** httpd_reply(q, status, ctype, body, len): Answer whole; ${q} is gone after. */
void httpd_reply(struct httpd_req * q, int status, const char * ctype,
    const void * body, size_t len);

/**
 * httpd_error(q, status, code, fmt, ...): Answer
 * {"error":{"code","message","request_id"}}; ${q} is gone after.
 */
void httpd_error(struct httpd_req * q, int status, const char * code,
    const char * fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * A streamed reply.  httpd_stream_start sends the head.  httpd_stream_write
 * hands over ${len} bytes (copied); ${drained}(arg) runs once when the client
 * took them, or the client has left: then httpd_stream_gone says so.  One write
 * at a time.  httpd_stream_end finishes (abort != 0: breaks the connection so
 * that the client sees the answer is not whole); ${q} is gone after.
 */
void httpd_stream_start(struct httpd_req * q, int status, const char * ctype);
void httpd_stream_write(struct httpd_req * q, const void * p, size_t len,
    void (*drained)(void *), void * arg);
int httpd_stream_gone(const struct httpd_req * q);
void httpd_stream_end(struct httpd_req * q, int abort);

/**
 * httpd_on_leave(q, cb, arg): Call ${cb} once if the client leaves before the
 * reply is done (noticed within 500 ms).  ${q} must still be ended.
 */
void httpd_on_leave(struct httpd_req * q, void (*cb)(void *), void * arg);

struct httpd_stats {
	unsigned conns, requests_active;
	uint64_t requests, refused;
};
void httpd_stats_get(const struct httpd * S, struct httpd_stats * st);

#endif
