#ifndef MOLTLER_NET_REDIS_H
#define MOLTLER_NET_REDIS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

/*
 * A Redis client on the loop: one connection, pipelined, made again with
 * backoff when it is lost.  No call blocks.
 */
struct redis;

enum redis_type { REDIS_NIL, REDIS_STR, REDIS_INT, REDIS_ARRAY, REDIS_STATUS };

struct redis_reply {
	enum redis_type type;
	int64_t i;
	const char * s; /* NUL-terminated; may hold NULs too */
	size_t len;
	const struct redis_reply * const * el;
	size_t n;
};

/** Called once a command, from the soon queue; exactly one of ${r} and ${e}.  Both borrowed. */
typedef void redis_cb(void * arg, const struct redis_reply * r,
    const struct err * e);

/**
 * redis_new(L, url, e):
 * Begin connecting to ${url}: redis://[[user]:password@]IP[:port][/db] or
 * unix:///path[?db=N].  The host is an IP address or "localhost" (hiredis
 * would look other names up blocking).  Errors: config, for a bad url.  A
 * server that is away is no error here.
 */
struct redis * redis_new(struct loop * L, const char * url, struct err * e);

/** redis_url_check(url, e): Whether redis_new would take it; connects to nothing. */
int redis_url_check(const char * url, struct err * e) MUST_CHECK;

/** redis_free(R): Drop what waits without calling back, and free. */
void redis_free(struct redis * R);

/** redis_is_up(R): Whether commands would be sent at once. */
int redis_is_up(const struct redis * R);

/** redis_on_change(R, cb, arg): Tell of every change of redis_is_up. */
void redis_on_change(struct redis * R, void (*cb)(void *, int up), void * arg);

/**
 * redis_cmd(R, cb, arg, argc, argv, lens):
 * Send a command (copied; ${lens} NULL: C strings).  ${cb} may be NULL.  Not
 * connected: it fails at once with Transient "redis_away"; nothing is queued
 * across a reconnect and nothing is sent twice.  No reply within 5 s: the
 * connection is dropped and all that wait fail Transient "redis_timeout".  An
 * error reply is Permanent "redis_reply" (LOADING, BUSY, READONLY, MASTERDOWN,
 * CLUSTERDOWN, OOM: Transient) with the server's text.
 */
void redis_cmd(struct redis * R, redis_cb * cb, void * arg, int argc,
    const char * const * argv, const size_t * lens);

/**
 * redis_script(R, script, cb, arg, nkeys, argc, argv, lens):
 * Run ${script} (a static string; its address is its identity) by EVALSHA, by
 * EVAL when the server does not know it.  ${argv} is keys then arguments.
 */
void redis_script(struct redis * R, const char * script, redis_cb * cb,
    void * arg, int nkeys, int argc, const char * const * argv,
    const size_t * lens);

/** redis_commands(R): Commands sent so far, for metrics and benchmarks. */
uint64_t redis_commands(const struct redis * R);

#endif
