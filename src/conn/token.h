#ifndef MOLTLER_CONN_TOKEN_H
#define MOLTLER_CONN_TOKEN_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/request.h"

/*
 * What is fetched before requests can be signed: access tokens, a role's keys, the
 * clock of a service.  Kept in memory, sealed under a key of this process, until
 * shortly before it ends; fetched by one request at a time, for which all who need
 * it wait; told to other daemons, sealed with the master key, where there is a
 * Redis.  A refresh token that a service replaces is stored under a lease that all
 * daemons share before what came with it is used.
 */
struct tokens;
struct token_wait;

/** tokens_new(env, e): ${env} (borrowed) outlives it.  tokens_free(ts): Nobody is
 * called back.  NULL is a no-op. */
struct tokens * tokens_new(const struct conn_env * env, struct err * e);
void tokens_free(struct tokens * ts);

/** tokens_given(ts, v): From now on ${v} (a reference is taken; {token, base_url,
 * access_key, secret_key, session_token, delta_ms}) is what any request needs, and
 * nothing is fetched: for fixtures.  With {"anew": true} it is used once more where it
 * was refused, as another would be.
 * tokens_refusals(ts): How many were refused so far. */
void tokens_given(struct tokens * ts, json_t * v);
uint64_t tokens_refusals(const struct tokens * ts);

/* One that was opened; what it points to is its own. */
struct token_held {
	struct token_value t;
	json_t * v;
};

/** token_have(ts, r, held): Whether what ${r} needs is there and still good; then
 * the caller closes ${held}.  token_close(held): Wipe it. */
int token_have(struct tokens * ts, const struct request * r,
    struct token_held * held);
void token_close(struct token_held * held);

/** Called once, never before token_wait() returns: exactly one is not NULL.  ${t}
 * borrowed.  ${e} has the code "token" or "secret". */
typedef void token_cb(void * arg, const struct token_value * t,
    const struct err * e);

/** token_wait(ts, r, cb, arg): Fetch what ${r} needs, if nobody does.  NULL only
 * when out of memory.  token_cancel(w): Do not call back; what is being fetched
 * comes all the same.  NULL is a no-op. */
struct token_wait * token_wait(struct tokens * ts, const struct request * r,
    token_cb * cb, void * arg);
void token_cancel(struct token_wait * w);

/** token_refused(ts, r, serial): The service did not take the one of ${serial} (0:
 * the last); if it is still that, it is forgotten. */
void token_refused(struct tokens * ts, const struct request * r,
    int64_t serial);

/* What an answer gave. */
struct token_answer {
	json_t * v;        /* what is kept: token, base_url, access_key, ... */
	int64_t lives_ms;
	char * refresh;    /* what takes the place of what it was got with, or
	                      NULL */
};

/**
 * token_answer_read(auth, p, n, now_ms, a, e): Read the answer ${p} to what the auth
 * section ${auth} asks, sent ${now_ms} by the service's clock.  The caller gives it
 * back with token_answer_free().  Errors: permanent "token", naming what is
 * missing, never what is there.
 */
int token_answer_read(const json_t * auth, const char * p, size_t n,
    int64_t now_ms, struct token_answer * a, struct err * e) MUST_CHECK;
void token_answer_free(struct token_answer * a);

#endif
