#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "conn/token_internal.h"

/*
 * Refresh tokens that serve once: who loses the new one has lost the connection.
 * So one daemon alone uses it, under a lease; it asks the state for the last one
 * before, and stores the new one before anything is done with what came along.
 */

/* Longer than asking and storing can take. */
#define LEASE_MS 120000
#define PAUSE_MS 250
#define WAIT_US 40000000
#define STORE_TRIES 4
#define STORE_PAUSE_MS 1000

static void on_timer(void * arg);

int
token_rotates(const struct token_entry * x)
{
	return (json_object_get(x->auth, "rotates") != NULL);
}

const char *
token_rotate_ref(const struct token_entry * x)
{
	const char * to = json_str(json_object_get(x->auth, "rotates"), "to");
	const json_t * v = connector_config_parsed(x->c);
	char part[128];
	size_t n;

	for (; to != NULL && *to != '\0' && v != NULL; to += n) {
		n = strcspn(to, ".");
		if (n >= sizeof(part))
			return (NULL);
		memcpy(part, to, n);
		part[n] = '\0';
		v = json_object_get(v, part);
		n += to[n] == '.';
	}
	return (json_string_value(v));
}

/* The name of the secret that is replaced; an error where it cannot be. */
static int
secret_name(const struct token_entry * x, char * name, size_t max,
    struct err * e)
{
	const char * ref = token_rotate_ref(x), * p;
	size_t n;

	if (ref != NULL && (p = secret_ref_name(ref, &n)) != NULL && n < max) {
		memcpy(name, p, n);
		name[n] = '\0';
		return (0);
	}
	return (err_set(e, ERR_CONFIG, "token", "this service replaces the "
	    "refresh token at each use, so moltler must be able to store it: "
	    "SET SECRET and refer to it as {{secrets.NAME}}, not %.60s", ref ?
	    secret_shown(ref) : "nothing"));
}

/* ---- the lease ---- */

static void
lease_name(const struct token_entry * x, struct buf * b)
{
	buf_addf(b, "token-%s", x->key);
}

void
token_rotate_drop(struct token_entry * x)
{
	const struct conn_shared * sh = x->ts->env->shared;
	struct buf name = BUF_INIT(1024);

	if (x->fence == 0)
		return;
	lease_name(x, &name);
	if (!name.failed)
		sh->lease_drop(sh->arg, name.p, x->fence);
	x->fence = 0;
	buf_free(&name);
}

static int
pause_for(struct token_entry * x, int64_t ms)
{
	if (x->timer == NULL && (x->timer = loop_timer_new(x->ts->env->loop,
	    on_timer, x)) == NULL)
		return (-1);
	loop_timer_start(x->timer, ms);
	return (0);
}

static void
on_lease(void * arg, int64_t fence, const struct err * e)
{
	struct token_entry * x = token_ask_end(arg);
	struct err why;

	if (x == NULL)
		return;
	if (e != NULL) {
		err_set(&why, ERR_TRANSIENT, "token", "no token is fetched "
		    "while the right to use the refresh token cannot be had: "
		    "%s", e->msg);
		token_failed(x, &why);
	} else if (fence > 0) {
		x->fence = fence;
		token_next(x);
	} else if (clock_mono_us() - x->begun_us > WAIT_US) {
		err_set(&why, ERR_TRANSIENT, "token", "another daemon has been "
		    "fetching a token for too long; it will be tried again");
		token_failed(x, &why);
	} else {
		token_enter(x, TOKEN_PAUSE);
		if (pause_for(x, PAUSE_MS)) {
			err_nomem(&why, "a token");
			token_failed(x, &why);
		}
	}
}

void
token_rotate_take(struct token_entry * x)
{
	const struct conn_shared * sh = x->ts->env->shared;
	struct buf name = BUF_INIT(1024);
	struct token_ask * ask = NULL;
	char secret[512];
	struct err e;

	token_enter(x, TOKEN_LEASE);
	if (secret_name(x, secret, sizeof(secret), &e)) {
		token_failed(x, &e);
		return;
	}
	lease_name(x, &name);
	if (sh == NULL || sh->lease_take == NULL || sh->secret_put == NULL) {
		err_set(&e, ERR_CONFIG, "token", "a refresh token that the "
		    "service replaces cannot be stored here");
		token_failed(x, &e);
	} else if (name.failed || (ask = token_ask_new(x)) == NULL) {
		err_nomem(&e, "a token");
		token_failed(x, &e);
	} else {
		sh->lease_take(sh->arg, name.p, LEASE_MS, on_lease, ask);
	}
	buf_free(&name);
}

static void
on_fresh(void * arg, const struct err * e)
{
	struct token_entry * x = token_ask_end(arg);
	struct err why;

	if (x == NULL)
		return;
	if (e == NULL) {
		token_next(x);
		return;
	}
	err_set(&why, ERR_TRANSIENT, "token", "no token is fetched while the "
	    "last refresh token cannot be looked up: %s", e->msg);
	token_failed(x, &why);
}

void
token_rotate_fresh(struct token_entry * x)
{
	const struct conn_shared * sh = x->ts->env->shared;
	struct token_ask * ask = NULL;
	char secret[512];
	struct err e;

	token_enter(x, TOKEN_FRESH);
	if (sh->secret_fresh == NULL)
		token_next(x);
	else if (secret_name(x, secret, sizeof(secret), &e))
		token_failed(x, &e);
	else if ((ask = token_ask_new(x)) == NULL) {
		err_nomem(&e, "a token");
		token_failed(x, &e);
	} else {
		sh->secret_fresh(sh->arg, secret, on_fresh, ask);
	}
}

/* ---- storing ---- */

static void
forget_new(struct token_entry * x)
{
	free(x->new_value);
	free(x->new_refresh);
	x->new_value = x->new_refresh = NULL;
}

/* The new one is stored: what came with it may be used. */
static void
stored(struct token_entry * x)
{
	struct buf text = BUF_INIT(TOKEN_MAX + 1);
	json_t * v = NULL;
	struct err e;

	if (token_unseal(x, x->new_value, &text, &e) == 0 &&
	    (v = json_loadb(text.p, text.len, 0, NULL)) == NULL)
		err_nomem(&e, "a token");
	buf_wipe(&text);
	forget_new(x);
	if (v == NULL) {
		token_failed(x, &e);
		return;
	}
	token_share_put(x, v, x->new_lives_ms);
	token_ready(x, v, x->new_lives_ms);
	token_wipe(v);
}

static void
on_stored(void * arg, const struct err * e)
{
	struct token_entry * x = token_ask_end(arg);
	struct err why;

	if (x == NULL)
		return;
	if (e == NULL) {
		stored(x);
		return;
	}
	log_event(LOG_ERROR, "refresh_token_not_stored",
	    LOG_S("connector", x->c->name), LOG_E(e));
	if (++x->tries < STORE_TRIES && pause_for(x, STORE_PAUSE_MS) == 0)
		return;
	/* It stays in memory; the next who asks has it stored first. */
	err_set(&why, ERR_TRANSIENT, "token", "the service gave a new refresh "
	    "token that could not be stored, and the old one may be void: do "
	    "not stop this daemon before it is; %s", e->msg);
	token_failed(x, &why);
}

void
token_rotate_store(struct token_entry * x)
{
	const struct conn_shared * sh = x->ts->env->shared;
	struct buf text = BUF_INIT(SECRET_VALUE_MAX + 1);
	struct token_ask * ask = NULL;
	char secret[512];
	struct err e;

	token_enter(x, TOKEN_STORE);
	if (secret_name(x, secret, sizeof(secret), &e) == 0 &&
	    token_unseal(x, x->new_refresh, &text, &e) == 0 &&
	    (ask = token_ask_new(x)) == NULL)
		err_nomem(&e, "a token");
	if (ask != NULL)
		sh->secret_put(sh->arg, secret, text.p, text.len, on_stored,
		    ask);
	buf_wipe(&text);
	if (ask == NULL)
		token_failed(x, &e);
}

static void
on_timer(void * arg)
{
	struct token_entry * x = arg;

	if (x->state == TOKEN_PAUSE)
		token_next(x);
	else
		token_rotate_store(x);
}

/* Put away, sealed, what must be stored before it is used. */
static int
put_away(struct token_entry * x, const struct token_answer * a,
    struct err * e)
{
	char * text = json_dumps(a->v, JSON_COMPACT);

	forget_new(x);
	if (text == NULL)
		return (err_nomem(e, "a token"));
	if (strlen(text) > TOKEN_MAX ||
	    (x->new_value = token_seal(x, text, e)) == NULL ||
	    (x->new_refresh = token_seal(x, a->refresh, e)) == NULL) {
		if (strlen(text) > TOKEN_MAX)
			err_set(e, ERR_PERMANENT, "token", "the token is "
			    "longer than %d bytes", TOKEN_MAX);
		forget_new(x);
	}
	explicit_bzero(text, strlen(text));
	free(text);
	x->new_lives_ms = a->lives_ms;
	return (x->new_refresh == NULL ? -1 : 0);
}

void
token_fetched(struct token_entry * x, struct token_answer * a)
{
	struct err e;

	if (a->refresh != NULL && token_rotates(x)) {
		x->tries = 0;
		if (put_away(x, a, &e))
			token_failed(x, &e);
		else
			token_rotate_store(x);
		return;
	}
	token_share_put(x, a->v, a->lives_ms);
	token_ready(x, a->v, a->lives_ms);
}
