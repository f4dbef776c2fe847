#ifndef MOLTLER_NET_HTTP_INTERNAL_H
#define MOLTLER_NET_HTTP_INTERNAL_H

/*
 * What the files of the HTTP client share; nobody else includes this.
 *
 *   http.c          calls: made, started, cancelled, delivered, kept for reuse
 *   http_admit.c    hosts, their queues, and who may start next
 *   http_deadline.c one timing wheel for all calls' deadlines
 *   http_lane.c     a curl multi on the loop: its timer, its messages
 *   http_sock.c     sockets: made, watched and closed for curl; egress
 *   http_play.c     answers of a player instead of the network
 *   http_easy.c     easy handles: set up, answers taken in
 *   http_url.c      what we must know of a URL; URLs fit for messages
 *   http_err.c      curl's results and bad statuses as struct err
 */

#include <sys/queue.h>

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Out of memory is ours to report, not uthash's to exit on. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/buf.h"
#include "base/err.h"
#include "loop/loop.h"
#include "net/http.h"

#define HTTP_HDRS_MAX ((size_t)256 << 10)   /* of one answer */
#define HTTP_ERRBODY_MAX ((size_t)4 << 10)  /* kept of a bad answer's body */
#define HTTP_URL_MAX ((size_t)64 << 10)
#define HTTP_KEY_MAX 320
#define HTTP_DNS_TTL_S 300
#define HTTP_LANES_MAX 256
#define HTTP_LANE_HOSTS 64 /* of one lane, until all lanes are open */

enum call_state {
	CALL_NEW,        /* being filled, or on the free list */
	CALL_QUEUED,     /* in its host's queue */
	CALL_ACTIVE,     /* curl has it */
	CALL_DONE,       /* waits in the soon queue */
	CALL_DELIVERING  /* its callback runs */
};

/* Why one of our own callbacks made curl stop. */
enum call_abort {
	ABORT_NONE, ABORT_BY_USER, ABORT_BODY, ABORT_HEADERS, ABORT_NOMEM
};

/* Header lines of the last answer: "Name: value\0" one after the other. */
struct http_hdrs {
	struct buf text;
};

/* What a URL says that matters before curl parses it. */
struct http_url {
	char key[HTTP_KEY_MAX]; /* scheme, host and port, or socket: no string */
	size_t key_len;
	const char * host;      /* in the URL */
	size_t host_len;
	unsigned port;
	int tls;
	int is_name;            /* needs a name lookup */
};

/* The list that a host stands in. */
enum host_where { HOST_BLOCKED, HOST_READY, HOST_LOOKUP_WAIT, HOST_UNUSED };

/* All calls to one scheme://host:port. */
struct http_host {
	UT_hash_handle hh;
	TAILQ_ENTRY(http_host) turn; /* in H->ready, H->lookup_wait or H->unused */
	TAILQ_HEAD(, http_call) queue;
	struct http_lane * lane;
	struct http_call * looking;  /* the call that looks the name up */
	enum host_where where;
	unsigned active;             /* calls that curl has */
	unsigned conns;              /* sockets open */
	LIST_HEAD(, http_sock) socks; /* those */
	int64_t resolved_until;      /* the name is known until then */
	unsigned is_name : 1;
	unsigned forget : 1;         /* the name's last address did not answer */
	char * url;                  /* the last one asked for */
	CURLU * parsed;              /* and that, if it was asked for again */
	size_t key_len;
	char * name;                 /* "host:port", after the key */
	char key[];
};

/* A socket that curl told us of, at its number in H->socks. */
struct http_sock {
	struct http_lane * lane;
	struct http_host * host;     /* NULL if curl made the socket itself */
	LIST_ENTRY(http_sock) of_call;
	LIST_ENTRY(http_sock) of_host;
	int port;                    /* our end's; 0: not looked at yet */
	unsigned linked;             /* in the list of the call that opened it */
	struct loop_io * io;
	int fd;
	int events;                  /* what curl wants to know now */
	int armed;                   /* what the loop watches for */
};

/* A curl multi: its own connections, name cache and timer. */
struct http_lane {
	struct http * H;
	CURLM * multi;
	struct loop_timer * timer;
	STAILQ_ENTRY(http_lane) touch; /* in H->touched */
	uint64_t kind;    /* plain or TLS by which authorities; names or not */
	unsigned n_hosts;
	int64_t due_us;   /* when curl wants to be called; INT64_MAX: never */
	int64_t armed_us; /* when the timer will fire */
	unsigned busy;    /* our own code will call curl when it is done */
	unsigned stalled; /* curl may wait for a socket it has yet to open */
	unsigned touched; /* handles were added, it waits in H->touched */
};

/* An easy handle and what is set on it, so that only changes are set again. */
struct http_easy {
	SLIST_ENTRY(http_easy) link;
	CURL * curl;
	struct http_call * call;
	int shape;           /* enum shape of http_easy.c */
	int custom;          /* a CUSTOMREQUEST is set */
	int64_t connect_ms;
	int64_t dns_ttl;
	int insecure, http2, compress, fresh;
	int has_ca, has_cert, has_key, has_unix, has_resolve, has_parsed;
	char * ca_file;
	char * client_cert, * client_key;
	char * unix_socket;
	char errbuf[CURL_ERROR_SIZE];
};

struct http_call {
	struct http * H;
	enum call_state state;
	http_cb * cb;
	void * arg;
	LIST_ENTRY(http_call) all;     /* H->calls or H->free_calls */
	TAILQ_ENTRY(http_call) turn;   /* host->queue */
	LIST_ENTRY(http_call) slot;    /* of the wheel */
	int64_t deadline_us;           /* 0: on no list of the wheel */
	LIST_HEAD(, http_sock) socks;  /* opened for this call */
	struct soon soon;
	struct http_host * host;
	struct http_easy * ez;

	/* The request, copied: its pointers lead into arena. */
	struct http_req req;
	struct curl_slist * headers;
	struct curl_slist * resolve;   /* RESOLVE list, owned */
	int64_t dns_ttl;               /* DNS_CACHE_TIMEOUT, seconds or -1 */
	char * arena;
	size_t arena_cap;

	/* The answer. */
	int status;
	enum call_abort abort;
	struct http_hdrs hdrs;
	struct buf body;
	size_t bytes;
	int64_t queued_us, start_us, end_us;
	unsigned opened : 1;     /* a new socket was made for it */
	unsigned denied : 1;     /* egress forbade an address */
	unsigned no_fds : 1;     /* no file descriptor was left */
	unsigned reuse_likely : 1;
	unsigned failed : 1;
	unsigned headed : 1;     /* on_head was called */
	unsigned dirty : 1;      /* its connection spoke before it was asked */
	struct err err;
};

LIST_HEAD(http_calls, http_call);
TAILQ_HEAD(http_hosts, http_host);

#define WHEEL_SLOTS 512
#define WHEEL_US 16384

struct http {
	struct loop * L;
	struct http_opts o;
	char * user_agent;
	struct http_lane * lanes[HTTP_LANES_MAX];
	unsigned n_lanes;
	STAILQ_HEAD(, http_lane) touched;

	struct http_host * hosts;       /* uthash, by key */
	struct http_hosts ready;        /* may start a call now: a ring */
	struct http_hosts lookup_wait;  /* could, if a lookup were free */
	struct http_hosts unused;       /* remembered for their name's sake */
	unsigned n_unused;
	unsigned lookups;
	struct soon pump;

	struct http_sock ** socks;      /* by file descriptor */
	int n_socks;

	SLIST_HEAD(, http_easy) easies;
	unsigned n_easies;
	struct http_calls calls;        /* all that live */
	struct http_calls free_calls;
	unsigned n_free_calls;
	size_t kept_bytes;              /* in buffers of the free calls */

	struct http_calls wheel[WHEEL_SLOTS];
	struct loop_timer * wheel_timer;
	unsigned wheel_n;
	int64_t wheel_at;               /* the next slot's number to look at */

	struct http_stats st;
};

/* http.c */
void http_call_enter(struct http_call * c, enum call_state s);
/** http_call_done(c): Let ${c} (no longer with curl or queued) be delivered. */
void http_call_done(struct http_call * c);
/** http_call_deliver(c): Call back with what came of ${c}; from the soon queue. */
void http_call_deliver(void * c);

/* http_play.c */
/** http_play(c, req): Let the player answer ${req}, whose copy ${c} has. */
void http_play(struct http_call * c, const struct http_req * req);

/* http_admit.c */
/** http_admit_host(H, u, ca): The host of ${u}, made if need be, or NULL. */
struct http_host * http_admit_host(struct http * H, const struct http_url * u,
    const char * ca_file);
void http_admit_queue(struct http_call * c);
void http_admit_unqueue(struct http_call * c);
/** http_admit_resolved(c): ${c} no longer waits for a name lookup. */
void http_admit_resolved(struct http_call * c, int known);
/** http_admit_ended(c): curl no longer has ${c}. */
void http_admit_ended(struct http_call * c);
/** http_admit_unref(h): A socket of ${h} or its last call is gone. */
void http_admit_unref(struct http * H, struct http_host * h);
void http_admit_free(struct http * H);

/* http_deadline.c */
int http_deadline_init(struct http * H);
void http_deadline_set(struct http_call * c, int64_t at_us);
void http_deadline_clear(struct http_call * c);
void http_deadline_fini(struct http * H);

/* http_lane.c */
/** http_lane_pick(H, u, ca): A lane for one more host, or NULL (memory). */
struct http_lane * http_lane_pick(struct http * H, const struct http_url * u,
    const char * ca_file);
/** http_lane_add(l, c): Give ${c}, set up, to curl.  0, or -1 with c->err. */
int http_lane_add(struct http_lane * l, struct http_call * c) MUST_CHECK;
/** http_lane_run(l): Let curl do what is due now. */
void http_lane_run(struct http_lane * l);
/** http_lane_io(l, fd, events): A socket is ready. */
void http_lane_io(struct http_lane * l, int fd, int events);
/** http_lane_stop(c): Take active ${c} from curl; it has no handle then. */
void http_lane_stop(struct http_call * c);
/** http_lane_fini(l): Close all of it; ${l} itself the caller frees last. */
void http_lane_fini(struct http_lane * l);

/* http_sock.c */
int http_sock_watch(CURL * curl, curl_socket_t fd, int what, void * lane,
    void * unused);
curl_socket_t http_sock_open(void * ez, curlsocktype purpose,
    struct curl_sockaddr * sa);
int http_sock_before_send(void *, char *, char *, int, int);
int http_sock_close(void * H, curl_socket_t fd);
/** http_sock_settle(c, keep): Forget the sockets opened for ${c} but ${keep}. */
void http_sock_settle(struct http_call * c, int keep);
void http_sock_free_all(struct http * H);

/* http_easy.c */
struct http_easy * http_easy_get(struct http * H);
/** http_easy_setup(c): Set ${c}'s request on its handle.  0, or -1 and c->err. */
int http_easy_setup(struct http_call * c) MUST_CHECK;
/** http_easy_sends_body(r): Whether ${r} has a body, if an empty one. */
int http_easy_sends_body(const struct http_req * r);
void http_easy_put(struct http * H, struct http_easy * ez);
void http_easy_drop(struct http_easy * ez);

/* http_url.c */
int http_url_parse(const struct http_req * req, struct http_url * u,
    struct err * e) MUST_CHECK;

/* http_err.c */
/** http_err_curl(c, rc): Say in c->err how ${c} failed; its handle is set. */
void http_err_curl(struct http_call * c, CURLcode rc);
/** http_err_deadline(c): Say that its time ran out (queued or active). */
void http_err_deadline(struct http_call * c);

#endif
