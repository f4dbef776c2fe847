#ifndef MOLTLER_CONN_SEND_H
#define MOLTLER_CONN_SEND_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/request.h"
#include "net/http.h"

/*
 * The one way to send a request: fetch the token if its auth needs one, ask Vault for
 * what it is signed with, sign it, send it; and where a fetched token or a secret of
 * Vault's is refused, fetch it anew and send it once more.
 */
struct send;

struct send_opts {
	int64_t timeout_ms;       /* for all of it, beside the request's own; 0:
	                             that alone */
	int64_t queue_timeout_ms; /* as in struct http_req */
	size_t max_body;
	/* As in struct http_req; they get the arg of send_start(). */
	int (*on_data)(void * arg, const char * p, size_t n);
	int (*on_head)(void * arg, const char * ctype);
	const char * const * headers; /* more lines, NULL-terminated, copied; or
	                                 NULL.  What is too many is left out. */
	int once;                 /* as in struct http_req */
	int uncounted;            /* whoever asks counts the answers */
};

/**
 * send_start(env, r, o, cb, arg):
 * Send ${r} (borrowed until the callback; its URL may change to where a token
 * says the service is).  ${cb} as that of http_start(), with its errors, and
 * before anything is sent: config "secret", transient "secret" where Vault cannot
 * say; "token" (of any class) when none could be had.  NULL only when out of memory.
 * send_cancel(s): End it without calling back.  NULL is a no-op.
 */
struct send * send_start(const struct conn_env * env, struct request * r,
    const struct send_opts * o, http_cb * cb, void * arg);
void send_cancel(struct send * s);

/**
 * send_judged(env, r, e): What an answer was judged to be, where a rule of the
 * manifest may have said that the token is refused (code "token_refused"): then a
 * fetched one is forgotten and ${e} is transient, so that who tries again has
 * another; else it is config.
 */
void send_judged(const struct conn_env * env, const struct request * r,
    struct err * e);

#endif
