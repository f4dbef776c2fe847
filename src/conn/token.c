#include "conn/token.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/token_internal.h"
#include "secret/vault.h"

/* Tokens of so many connectors; a bound all the same. */
#define MAX_ENTRIES 100000
#define SWEEP_FIRST 256

static const char * const state_names[] = { "none", "shared", "lease", "pause",
	"fresh", "secret", "fetch", "store", "ready", "failed" };

void
token_enter(struct token_entry * x, enum token_state state)
{
	log_event(LOG_DEBUG, "token", LOG_S("connector", x->c->name),
	    LOG_S("from", state_names[x->state]),
	    LOG_S("to", state_names[state]));
	x->state = state;
}

/* ---- entries ---- */

static void
entry_free(struct token_entry * x)
{
	struct token_wait * w;

	HASH_DEL(x->ts->all, x);
	while ((w = token_wait_pop(x)) != NULL)
		free(w);
	if (x->ask != NULL)
		x->ask->x = NULL;
	http_cancel(x->call);
	vault_wait_cancel(x->secret);
	loop_timer_free(x->timer);
	loop_soon_cancel(x->ts->env->loop, &x->soon);
	request_free(x->req);
	token_kept_forget(x);
	free(x->new_value);
	free(x->new_refresh);
	connector_unref(x->c);
	free(x);
}

static int
is_idle(const struct token_entry * x, int64_t now)
{
	return (x->first == NULL && x->new_refresh == NULL &&
	    !loop_soon_pending(&x->soon) && (x->state == TOKEN_NONE ||
	    ((x->state == TOKEN_READY || x->state == TOKEN_FAILED) &&
	    now >= x->until_us)));
}

/* Entries of what is no more asked go when there are many. */
static void
sweep(struct tokens * ts)
{
	struct token_entry * x, * next;
	int64_t now = clock_mono_us();

	if (HASH_COUNT(ts->all) < ts->sweep_at)
		return;
	HASH_ITER(hh, ts->all, x, next)
		if (is_idle(x, now))
			entry_free(x);
	ts->sweep_at = HASH_COUNT(ts->all) * 2;
	if (ts->sweep_at < SWEEP_FIRST)
		ts->sweep_at = SWEEP_FIRST;
}

static struct token_entry *
find(const struct tokens * ts, const char * key)
{
	struct token_entry * x;

	HASH_FIND_STR(ts->all, key, x);
	return (x);
}

static struct token_entry *
entry_new(struct tokens * ts, const struct request * r)
{
	size_t n = strlen(r->token_key);
	struct token_entry * x;

	sweep(ts);
	if (HASH_COUNT(ts->all) >= MAX_ENTRIES ||
	    (x = calloc(1, sizeof(*x) + n + 1)) == NULL)
		return (NULL);
	x->ts = ts;
	x->c = connector_ref(r->c);
	x->auth = r->auth;
	x->lastp = &x->first;
	memcpy(x->key, r->token_key, n + 1);
	HASH_ADD_STR(ts->all, key, x);
	if (x->hh.tbl == NULL) {
		connector_unref(x->c);
		free(x);
		return (NULL);
	}
	return (x);
}

/* ---- from step to step ---- */

void
token_next(struct token_entry * x)
{
	switch (x->state) {
	case TOKEN_NONE:
	case TOKEN_READY:
	case TOKEN_FAILED:
		x->begun_us = clock_mono_us();
		x->tries = x->waits = 0;
		x->is_second = 0;
		if (!token_share_get(x))
			token_next(x);
		break;
	case TOKEN_SHARED:
		if (!token_rotates(x))
			token_fetch(x);
		else if (x->fence == 0)
			token_rotate_take(x);
		else if (x->new_refresh != NULL)
			token_rotate_store(x);
		else
			token_rotate_fresh(x);
		break;
	case TOKEN_PAUSE:
	case TOKEN_LEASE:
		/* Another daemon may have just done it. */
		if (!token_share_get(x))
			token_next(x);
		break;
	case TOKEN_FRESH:
		token_fetch(x);
		break;
	case TOKEN_SECRET:
	case TOKEN_FETCH:
	case TOKEN_STORE:
		break;
	}
}

static void
on_asked(void * arg)
{
	struct token_entry * x = arg;
	struct err e;

	if (token_kept_is_good(x)) {
		token_kept_give(x);
	} else if (x->state == TOKEN_FAILED && clock_mono_us() < x->until_us &&
	    x->changes == secrets_changes(x->ts->env->secrets)) {
		e = x->e;
		token_wait_tell(x, NULL, &e);
	} else if (x->state == TOKEN_NONE || x->state == TOKEN_READY ||
	    x->state == TOKEN_FAILED) {
		token_next(x);
	}
}

/* ---- the outside ---- */

int
token_have(struct tokens * ts, const struct request * r,
    struct token_held * held)
{
	struct token_entry * x;

	if (ts->given != NULL) {
		memset(held, 0, sizeof(*held));
		if ((held->v = json_deep_copy(ts->given)) == NULL)
			return (0);
		token_point(held);
		if (json_is_true(json_object_get(held->v, "anew")))
			held->t.serial = 1;
		return (1);
	}
	x = find(ts, r->token_key);
	return (x != NULL && token_kept_is_good(x) && token_open(x, held) == 0);
}

void
token_close(struct token_held * held)
{
	token_wipe(held->v);
	memset(held, 0, sizeof(*held));
}

struct token_wait *
token_wait(struct tokens * ts, const struct request * r, token_cb * cb,
    void * arg)
{
	struct token_entry * x = find(ts, r->token_key);
	struct token_wait * w;

	if ((x == NULL && (x = entry_new(ts, r)) == NULL) ||
	    (w = calloc(1, sizeof(*w))) == NULL)
		return (NULL);
	w->x = x;
	w->cb = cb;
	w->arg = arg;
	w->prevp = x->lastp;
	*x->lastp = w;
	x->lastp = &w->next;
	loop_soon(ts->env->loop, &x->soon, on_asked, x);
	return (w);
}

void
token_refused(struct tokens * ts, const struct request * r, int64_t serial)
{
	struct token_entry * x = find(ts, r->token_key);
	struct token_held held;

	if (x == NULL || x->state != TOKEN_READY ||
	    (serial != 0 && x->serial != serial))
		return;
	if (token_open(x, &held) == 0) {
		token_hash_value(held.v, x->refused);
		x->has_refused = 1;
		token_close(&held);
	}
	ts->refusals++;
	log_event(LOG_INFO, "token_refused", LOG_S("connector", x->c->name));
	token_kept_forget(x);
	token_enter(x, TOKEN_NONE);
}

/* What services may cite of what was fetched for the connector of ${config}. */
static void
each_value(void * arg, const char * config, void (*found)(void *,
    const char *, size_t), void * farg)
{
	struct tokens * ts = arg;
	struct token_entry * x, * next;
	struct token_held held;
	const char * v[3];
	size_t i;

	HASH_ITER(hh, ts->all, x, next) {
		if (x->sealed == NULL || strcmp(x->c->config, config) != 0 ||
		    token_open(x, &held))
			continue;
		v[0] = held.t.text;
		v[1] = held.t.secret_key;
		v[2] = held.t.session_token;
		for (i = 0; i < 3; i++)
			if (v[i] != NULL)
				found(farg, v[i], strlen(v[i]));
		token_close(&held);
	}
}

struct tokens *
tokens_new(const struct conn_env * env, struct err * e)
{
	struct tokens * ts = calloc(1, sizeof(*ts));

	if (ts == NULL) {
		err_nomem(e, "tokens");
		return (NULL);
	}
	if (RAND_bytes(ts->key.k, sizeof(ts->key.k)) != 1) {
		free(ts);
		err_set(e, ERR_PERMANENT, "openssl", "the cryptographic library "
		    "has no random numbers");
		return (NULL);
	}
	ts->env = env;
	ts->sweep_at = SWEEP_FIRST;
	ts->source.each = each_value;
	ts->source.arg = ts;
	secret_scrub_add(&ts->source);
	return (ts);
}

void
tokens_given(struct tokens * ts, json_t * v)
{
	json_decref(ts->given);
	ts->given = v;
}

uint64_t
tokens_refusals(const struct tokens * ts)
{
	return (ts->refusals);
}

void
tokens_free(struct tokens * ts)
{
	struct token_entry * x, * next;

	if (ts == NULL)
		return;
	secret_scrub_remove(&ts->source);
	HASH_ITER(hh, ts->all, x, next)
		entry_free(x);
	secret_box_wipe(&ts->key);
	json_decref(ts->given);
	free(ts);
}
