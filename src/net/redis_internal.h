#ifndef MOLTLER_NET_REDIS_INTERNAL_H
#define MOLTLER_NET_REDIS_INTERNAL_H

#include <hiredis/async.h>

#include "net/redis.h"

/* What a connection needs to know; made by redis_url_parse. */
struct redis_url {
	char * host; /* an address, or NULL: ${path} */
	int port;
	char * path;
	char * user; /* NULL: none */
	char * pass; /* NULL: no AUTH */
	int db;
	char where[160]; /* for messages: no secret in it */
};

/** redis_url_parse(u, url, e): Fill ${u}.  Errors: config.  _clear: free it. */
int redis_url_parse(struct redis_url * u, const char * url, struct err * e)
    MUST_CHECK;
void redis_url_clear(struct redis_url * u);

/* An error that many commands share when a connection dies. */
struct redis_cause {
	unsigned refs;
	struct err e;
};

/* What EVAL needs when the server does not know a script. */
struct redis_eval {
	const char * script;
	int argc;
	const char ** argv; /* "EVAL", script, nkeys, ...: in this allocation */
	size_t * lens;
};

struct redis_command {
	struct redis * R;
	struct redis_command * next, ** prevp; /* all of one client */
	struct soon soon;
	redis_cb * cb;
	void * arg;
	struct redis_cause * why;
	struct redis_reply * reply; /* in ${room}, or malloced */
	struct redis_eval * eval;
	int noscript;
	/* Small replies live here: no malloc for a lease. */
	union {
		int64_t align;
		char bytes[160];
	} room;
};

enum redis_state { REDIS_WAIT, REDIS_CONNECT, REDIS_HELLO, REDIS_UP };

#define REDIS_SCRIPTS 32

struct redis_known {
	const char * script;
	int sent; /* on this connection */
	char sha[41];
};

struct redis {
	struct loop * loop;
	struct redis_url url;
	enum redis_state state;

	/* redis_conn.c */
	redisAsyncContext * ac;
	redisReplyObjectFunctions fn; /* hiredis' own, with a guard before */
	const redisReplyObjectFunctions * orig_fn;
	struct loop_io * io;
	int io_events;
	struct loop_timer * retry;
	struct loop_timer * watch;
	struct soon drop_soon;
	struct err drop_err;
	const struct err * why; /* while we drop a connection ourselves */
	struct redis_cause * lost; /* shared by all that die in one loss */
	struct err last; /* why we are down */
	int told_down;
	unsigned attempt;
	uint64_t rnd;
	size_t reply_bytes; /* of the reply being read */
	int reply_too_big;
	struct soon change_soon;
	void (*change_cb)(void *, int);
	void * change_arg;
	int change_told;

	/* redis.c */
	struct redis_command * cmds;
	struct redis_command ** cmds_tail;
	struct redis_command * spare;
	unsigned nspare;
	size_t waiting; /* sent, no reply yet */
	int64_t progress_us; /* last reply, or first send after none waited */
	uint64_t sent;
	int freeing;
	int * dead; /* of a callback that runs: set by redis_free */

	/* redis_script.c */
	struct redis_known scripts[REDIS_SCRIPTS];
	unsigned nscripts;
};

/** redis_conn_init(R, e): Timers, then connect.  _fini: undo, drop the rest. */
int redis_conn_init(struct redis * R, struct err * e) MUST_CHECK;
void redis_conn_fini(struct redis * R);

/** redis_conn_sent(R): A command went out: mind the watchdog. */
void redis_conn_sent(struct redis * R);

/** redis_send(R, cb, arg, argc, argv, lens, eval): As redis_cmd, in any state
 * with a connection; ${eval} (taken, may be NULL) is for NOSCRIPT. */
void redis_send(struct redis * R, redis_cb * cb, void * arg, int argc,
    const char * const * argv, const size_t * lens, struct redis_eval * eval);

/** redis_eval_text(v): Make ${v} an EVAL with the script's text. */
void redis_eval_text(struct redis_eval * v);

/** redis_script_forget(R): A new connection: send the texts again. */
void redis_script_forget(struct redis * R);

/** redis_reply_copy(c, r): Copy hiredis' reply into ${c}: its reply, or why.
 * Never fails otherwise. */
void redis_reply_copy(struct redis_command * c, const redisReply * r);

/** redis_cause_new(): One reference to an error to fill; never NULL (a static
 * one says "out of memory").  _ref, _unref: share it. */
struct redis_cause * redis_cause_new(void);
struct redis_cause * redis_cause_ref(struct redis_cause * w);
void redis_cause_unref(struct redis_cause * w);

/* No reply is larger; a server that sends more is dropped. */
#define REDIS_REPLY_MAX ((size_t)64 << 20)

#endif
