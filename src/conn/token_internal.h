#ifndef MOLTLER_CONN_TOKEN_INTERNAL_H
#define MOLTLER_CONN_TOKEN_INTERNAL_H

/* A table that cannot grow is no reason to die. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "conn/token.h"
#include "secret/secret_box.h"
#include "secret/secret_scrub.h"

/* What token*.c share. */

#define TOKEN_HASH 32
#define TOKEN_MAX 65536 /* bytes of what is kept, as JSON */

enum token_state {
	TOKEN_NONE,   /* nothing is there and nothing is done */
	TOKEN_SHARED, /* asking what other daemons have */
	TOKEN_LEASE,  /* asking for the right to use a refresh token */
	TOKEN_PAUSE,  /* another daemon has it */
	TOKEN_FRESH,  /* asking which refresh token is the last */
	TOKEN_SECRET, /* waiting for Vault, to ask the service with it */
	TOKEN_FETCH,  /* asking the service */
	TOKEN_STORE,  /* keeping the new refresh token */
	TOKEN_READY,
	TOKEN_FAILED  /* not asked again for a moment */
};

struct token_ask;

struct token_entry {
	UT_hash_handle hh;
	struct tokens * ts;
	struct connector * c;    /* a reference */
	const json_t * auth;     /* of its manifest */
	enum token_state state;
	char * sealed;           /* what is kept, or NULL */
	int64_t serial;
	int64_t until_us;        /* READY: fetched anew then; FAILED: not before */
	int64_t ends_us;         /* READY: it is good until then */
	uint64_t changes;        /* secrets_changes() when it was looked at */
	unsigned char values[TOKEN_HASH];  /* the secrets it was got with */
	unsigned char refused[TOKEN_HASH]; /* what the service did not take */
	int has_refused;
	struct err e;            /* FAILED: why */
	struct token_wait * first, ** lastp;
	struct request * req;
	struct http_call * call;
	struct token_ask * ask;  /* what the state is asked, or NULL */
	struct loop_timer * timer;
	struct soon soon;
	int64_t begun_us;
	int64_t fence;           /* of the lease; 0: none */
	unsigned tries;          /* to store */
	unsigned waits;          /* for Vault */
	int is_second;           /* a secret of Vault's or our clock was refused
	                            already */
	int64_t clock_ms;        /* what our clock was corrected by then */
	uint64_t since;          /* secrets_vault_changes() when it was asked */
	struct vault_wait * secret;
	/* An answer whose refresh token is not stored yet, sealed; or NULL. */
	char * new_value, * new_refresh;
	int64_t new_lives_ms;
	char key[];
};

struct tokens {
	const struct conn_env * env;
	struct secret_key key;   /* random, of this process */
	struct token_entry * all;
	struct scrub_source source;
	json_t * given;          /* what is used for all; or NULL */
	size_t sweep_at;
	int64_t serials;
	uint64_t refusals;
};

/* token.c */
/** token_enter(x, state): The setter of the state. */
void token_enter(struct token_entry * x, enum token_state state);
/** token_next(x): The step after what a state brought: nothing usable, or leave to
 * go on. */
void token_next(struct token_entry * x);

/* token_kept.c */
/** token_ready(x, value, lives_ms): Keep ${value} and give it to who waits. */
void token_ready(struct token_entry * x, const json_t * value,
    int64_t lives_ms);
/** token_failed(x, e): Tell who waits; the one there was is given if it is good for
 * a while yet and ${e} is transient. */
void token_failed(struct token_entry * x, const struct err * e);
/** token_kept_is_good(x): Whether what is kept can be given now.
 * token_kept_give(x): Give it to who waits.  token_kept_forget(x): Wipe it. */
int token_kept_is_good(struct token_entry * x);
void token_kept_give(struct token_entry * x);
void token_kept_forget(struct token_entry * x);

/* token_wait.c, which has token_cancel() */
struct token_wait {
	struct token_entry * x;
	struct token_wait * next, ** prevp;
	token_cb * cb;
	void * arg;
};
/** token_wait_tell(x, t, e): Tell each who waits now, once; what they begin anew waits
 * for its own turn.  token_wait_pop(x): Take the first out, for free(), or NULL. */
void token_wait_tell(struct token_entry * x, const struct token_value * t,
    const struct err * e);
struct token_wait * token_wait_pop(struct token_entry * x);

/* token_sealed.c */
/** token_seal(x, text, out, e), token_unseal(): Under this process's key. */
char * token_seal(const struct token_entry * x, const char * text,
    struct err * e) MUST_CHECK;
int token_unseal(const struct token_entry * x, const char * sealed,
    struct buf * out, struct err * e) MUST_CHECK;
/** token_open(x, held): What is kept; 0 or -1 (not there, or no memory). */
int token_open(const struct token_entry * x, struct token_held * held);
/** token_point(held): Let held->t point into held->v. */
void token_point(struct token_held * held);
/** token_wipe(v): Overwrite the strings of ${v} and give it back. */
void token_wipe(json_t * v);
/** token_hash_value(v, md): A hash of the token in ${v}. */
void token_hash_value(const json_t * v, unsigned char md[TOKEN_HASH]);
/** token_values(x, md): A hash of the secrets that it is got with. */
void token_values(const struct token_entry * x, unsigned char md[TOKEN_HASH]);
/** token_share_get(x): Whether other daemons are asked; token_next() or
 * token_ready() follows.  token_share_put(x, v, lives_ms): Tell them. */
int token_share_get(struct token_entry * x);
void token_share_put(struct token_entry * x, const json_t * v,
    int64_t lives_ms);

/* What the state is asked outlives who asks. */
struct token_ask {
	struct token_entry * x; /* NULL: gone */
};
struct token_ask * token_ask_new(struct token_entry * x);
/** token_ask_end(ask): The entry, or NULL; ${ask} is gone. */
struct token_entry * token_ask_end(struct token_ask * ask);

/* token_fetch.c */
/** token_fetch(x): Ask the service; one of token_fetched(), token_failed()
 * follows. */
void token_fetch(struct token_entry * x);

/* token_request.c */
#define TOKEN_KEY_MAX 65536
/** token_request(x, jwt, is_own, e): The request and, for it, ${jwt}; NULL with
 * ${*is_own} if that is all. */
struct request * token_request(struct token_entry * x, struct buf * jwt,
    int * is_own, struct err * e) MUST_CHECK;

/* token_rotate.c */
/** token_rotates(x): Whether its refresh token is replaced at each use.
 * token_rotate_take(x): Get the lease, and the last refresh token; then
 * token_next().  token_fetched(x, a): An answer came; store what must be, then
 * token_ready() or token_failed().  token_rotate_store(x): Store what a former
 * answer gave.  token_rotate_drop(x): Give the lease back. */
int token_rotates(const struct token_entry * x);
/** token_rotate_ref(x): What the configuration has there (borrowed), or NULL. */
const char * token_rotate_ref(const struct token_entry * x);
void token_rotate_take(struct token_entry * x);
void token_rotate_fresh(struct token_entry * x);
void token_fetched(struct token_entry * x, struct token_answer * a);
void token_rotate_store(struct token_entry * x);
void token_rotate_drop(struct token_entry * x);

#endif
