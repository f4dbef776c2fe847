#ifndef MOLTLER_NET_HTTPD_INTERNAL_H
#define MOLTLER_NET_HTTPD_INTERNAL_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <uthash.h>

#include "base/buf.h"
#include "net/httpd.h"

/*
 * What the httpd_*.c files share.  A listener has an evhttp of its own, so
 * that evhttp's callbacks tell which listener a connection came by.  Each
 * connection has a struct httpd_conn from accept to close, each request that
 * the handler holds a struct httpd_req.
 */
#define HTTPD_OVER_MAX 64	/* being refused at a time; see the cap */
#define HTTPD_OVER_TLS 32	/* of these, TLS handshakes carried through */
#define HTTPD_UNIX_RESERVE 16	/* a flood over TCP leaves these to unix */
#define HTTPD_LINGER_MAX 64
#define HTTPD_ID_MAX 64

struct httpd_conn;
struct httpd_linger;
struct ssl_ctx_st;
struct evconnlistener;

struct httpd_listener {
	LIST_ENTRY(httpd_listener) all; /* every listener of the process */
	LIST_ENTRY(httpd_listener) link; /* those of the server */
	struct httpd * S;
	struct evhttp * http;
	struct evhttp_bound_socket * bound; /* NULL: no longer listening */
	struct evconnlistener * lev;
	struct ssl_ctx_st * tls;
	struct loop_timer * retry; /* after EMFILE */
	int paused; /* too many being refused */
	int is_unix;
	char * path; /* the unix socket's, and which file it was */
	dev_t dev;
	ino_t ino;
};

/* One list a phase, oldest first, so that the sweep looks at heads only. */
enum httpd_phase {
	CONN_NEW,	/* accepted, not yet adopted */
	CONN_READING,	/* a request must be complete within request_s */
	CONN_IDLE,	/* keep-alive, nothing asked: idle_s */
	CONN_HELD,	/* the handler's turn: the leave watch looks after it */
	CONN_SENDING,	/* the client's turn to read: idle_s without progress */
	CONN_NPHASES
};

struct httpd_conn {
	TAILQ_ENTRY(httpd_conn) link; /* its phase's list, or the free list */
	UT_hash_handle hh;
	struct evhttp_connection * evcon; /* the key */
	struct httpd * S;
	struct httpd_listener * lst;
	struct bufferevent * bev;
	struct evbuffer_cb_entry * in_cb, * out_cb;
	struct httpd_req * q; /* held by the handler, or NULL */
	struct soon adopt, builtin;
	enum httpd_phase phase;
	int64_t since_us; /* of the phase, or of the last progress */
	size_t came; /* bytes of the request that is being read */
	uid_t uid;
	int * done; /* set when a reply is complete; see stream_end */
	unsigned over : 1;	/* past the cap: only to be refused */
	unsigned dead : 1;	/* could not be set up: close, never serve */
	unsigned got : 1;	/* bytes of a request have come */
	unsigned linger : 1;	/* closed by us with an answer under way */
};
TAILQ_HEAD(httpd_connq, httpd_conn);

struct httpd_req {
	TAILQ_ENTRY(httpd_req) link; /* S->held */
	struct httpd * S; /* NULL: the server is gone */
	struct loop * loop;
	struct httpd_conn * c; /* NULL: the client is gone */
	struct evhttp_request * req;
	enum httpd_method method;
	char * path;
	char * args; /* decoded "key\0value\0...", or NULL */
	size_t args_len;
	const char * body;
	size_t body_len;
	char id[HTTPD_ID_MAX + 1];
	int is_unix;
	uid_t uid;
	struct soon start, leave, drained;
	void (*leave_cb)(void *);
	void * leave_arg;
	void (*drained_cb)(void *);
	void * drained_arg;
	unsigned streaming : 1, bodyless : 1, writing : 1;
};
TAILQ_HEAD(httpd_reqq, httpd_req);

struct httpd {
	struct loop * loop;
	struct httpd_opts o; /* with the defaults filled in */
	httpd_handler * cb;
	void * arg;
	LIST_HEAD(, httpd_listener) listeners;
	int stopping;
	uint64_t next_id;
	/* Connections. */
	struct httpd_conn * slab;
	struct httpd_connq conns_free;
	struct httpd_connq phases[CONN_NPHASES];
	struct httpd_conn * by_evcon;
	unsigned nconns, nover, nover_tls;
	size_t coming; /* what all that are being read have brought */
	struct soon room;
	struct loop_timer * sweep;
	TAILQ_HEAD(, httpd_linger) lingering;
	unsigned nlingering;
	/* Requests. */
	struct httpd_reqq held;
	unsigned nheld;
	struct loop_timer * watch;
	struct pollfd * pfds;
	size_t pfds_cap;
	/* Scratch, emptied after each use. */
	struct evbuffer * out;
	struct buf text;
	uint64_t requests, refused;
};

/* httpd_conn.c */
int httpd_conn_setup(struct httpd * S, struct err * e);
void httpd_conn_teardown(struct httpd * S);
/** A slot for a connection about to be accepted; NULL: none left. */
struct httpd_conn * httpd_conn_new(struct httpd_listener * lst);
struct httpd_conn * httpd_conn_find(struct httpd * S,
    struct evhttp_connection * evcon);
/** Give the slot back; nothing of evhttp's is looked at. */
void httpd_conn_release(struct httpd_conn * c);
/** For evhttp_connection_set_closecb; ${arg} is the connection, gone after it. */
void httpd_conn_closed(struct evhttp_connection * evcon, void * arg);
void httpd_conn_enter(struct httpd_conn * c, enum httpd_phase phase);
/** Close now, dropping what is unsent; ${c} is gone. */
void httpd_conn_drop(struct httpd_conn * c);
/** The same, so that the client sees that something is missing: a reset. */
void httpd_conn_break(struct httpd_conn * c);
/** Answer by hand, past evhttp, and close; ${c} is gone.  Plain sockets only:
 * a TLS one is just closed. */
void httpd_conn_refuse(struct httpd_conn * c, int status, const char * code,
    const char * msg);
/** Stop reading until evhttp starts the next request. */
void httpd_conn_quiet(struct httpd_conn * c);
/** Write out what can be written without waiting. */
void httpd_conn_flush(struct httpd_conn * c);
/** For evhttp_request_set_on_complete_cb; ${arg} is the connection. */
void httpd_conn_complete(struct evhttp_request * req, void * arg);

/* httpd_adopt.c */
/** httpd_adopt_soon(c, bev): Give ${c} its bufferevent; its evhttp_connection is found
 * soon after. */
void httpd_adopt_soon(struct httpd_conn * c, struct bufferevent * bev);
/** httpd_adopt_early(S, evcon, cp): A request came: set ${cp} to its connection if
 * that waits to be adopted and do so, else to NULL.  -1 if it is refused and
 * gone. */
int httpd_adopt_early(struct httpd * S, struct evhttp_connection * evcon,
    struct httpd_conn ** cp) MUST_CHECK;

/* httpd_bytes.c: callbacks of a connection's buffers; ${arg} is the connection. */
/** httpd_bytes_in(): A request comes; what is too large, or too much with that of
 * others, is refused. */
void httpd_bytes_in(struct evbuffer * b, const struct evbuffer_cb_info * info,
    void * arg);
/** httpd_bytes_out(): An answer goes; what evhttp says by itself becomes JSON. */
void httpd_bytes_out(struct evbuffer * b, const struct evbuffer_cb_info * info,
    void * arg);

/* httpd_linger.c */
void httpd_linger_start(struct httpd * S, int fd);
void httpd_linger_sweep(struct httpd * S, int64_t before_us);

/* httpd_req.c */
/** evhttp's callback for every whole request; ${arg} is the listener. */
void httpd_req_arrive(struct evhttp_request * req, void * arg);
void httpd_req_id_make(struct httpd * S, char id[HTTPD_ID_MAX + 1]);
/** The client has left: tell the holder. */
void httpd_req_gone(struct httpd_req * q);
/** Give the request back to evhttp, which now frees it. */
struct evhttp_request * httpd_req_release(struct httpd_req * q);
void httpd_req_free(struct httpd_req * q);
/** The 250 ms look at every held request's socket. */
void httpd_req_watch(void * arg);

/* httpd_parse.c */
/**
 * Path and query from the target as it was sent, for evhttp reads "//a/b" as a
 * host and lets torn escapes pass.  0, or -1 if it is malformed.
 */
int httpd_parse_target(struct httpd_req * q);
/**
 * Check that everyone on the way must have read the same end of this request:
 * evhttp is lenient, and where two readers differ a request can hide.  Return
 * NULL, or what is wrong; *has_body becomes 1 if a body was announced.
 */
const char * httpd_parse_headers(struct httpd_req * q, int * has_body);

/* httpd_reply.c */
const char * httpd_reply_reason(int status);
/** The JSON error body, into S->text.  0, or -1 without memory. */
int httpd_reply_json(struct httpd * S, const char * code, const char * msg,
    const char * id);
/** Make this the connection's last reply. */
void httpd_reply_close(struct httpd_req * q);

/* httpd_stream.c */
/** In the soon queue: tell the writer ${arg} (a request) to go on. */
void httpd_stream_tell(void * arg);

/* httpd_listen.c */
void httpd_listen_stop(struct httpd_listener * lst);
void httpd_listen_free(struct httpd_listener * lst);
void httpd_listen_pause(struct httpd_listener * lst);
void httpd_listen_resume(struct httpd * S);

/* httpd_tls.c */
int httpd_tls_load(struct httpd_listener * lst, const char * cert_file,
    const char * key_file, struct err * e);
struct bufferevent * httpd_tls_bev(struct httpd_listener * lst);
void httpd_tls_flush(struct bufferevent * bev);
/** Say that TLS ends, unless the session is broken. */
void httpd_tls_bye(struct bufferevent * bev);
/** No close_notify: what was sent shall not look whole. */
void httpd_tls_break(struct bufferevent * bev);
void httpd_tls_free(struct httpd_listener * lst);

#endif
