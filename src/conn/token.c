#include "conn/token.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/token_internal.h"
#include "conn/vault.h"

/* Tokens of so many connectors; a bound all the same. */
#define MAX_ENTRIES 100000
#define SWEEP_FIRST 256
/* A failure is told again for so long without asking. */
#define FAILED_MS 2000
#define FAILED_CONFIG_MS 30000
#define FAILED_MAX_MS 300000
/* Fetched anew so long before it ends. */
#define LEAD_MIN_MS 30000
#define LEAD_MAX_MS 300000
/* No clock is trusted for longer. */
#define LIVES_MAX_MS ((int64_t)30 * 24 * 3600 * 1000)

static const char * const state_names[] = { "none", "shared", "lease", "pause",
	"fresh", "secret", "fetch", "store", "ready", "failed" };

struct token_wait {
	struct token_entry * x;
	struct token_wait * next, ** prevp;
	token_cb * cb;
	void * arg;
};

void
token_enter(struct token_entry * x, enum token_state state)
{
	log_event(LOG_DEBUG, "token", LOG_S("connector", x->c->name),
	    LOG_S("from", state_names[x->state]),
	    LOG_S("to", state_names[state]));
	x->state = state;
}

/* ---- who waits ---- */

static struct token_wait *
pop(struct token_entry * x)
{
	struct token_wait * w = x->first;

	if (w == NULL)
		return (NULL);
	x->first = w->next;
	if (w->next != NULL)
		w->next->prevp = &x->first;
	else
		x->lastp = &x->first;
	return (w);
}

/* Each is told once; what they begin anew waits for its own turn. */
static void
tell(struct token_entry * x, const struct token_value * t, const struct err * e)
{
	struct token_wait * w, * end = x->first;
	token_cb * cb;
	void * arg;

	if (end == NULL)
		return;
	/* Callbacks may cancel others, which are found by their links. */
	end->prevp = &end;
	x->first = NULL;
	x->lastp = &x->first;
	while ((w = end) != NULL) {
		cb = w->cb;
		arg = w->arg;
		if ((end = w->next) != NULL)
			end->prevp = &end;
		free(w);
		cb(arg, t, e);
	}
}

void
token_cancel(struct token_wait * w)
{
	if (w == NULL)
		return;
	*w->prevp = w->next;
	if (w->next != NULL)
		w->next->prevp = w->prevp;
	else if (w->x->lastp == &w->next)
		w->x->lastp = w->prevp;
	free(w);
}

/* ---- entries ---- */

static void
forget(struct token_entry * x)
{
	if (x->sealed != NULL)
		explicit_bzero(x->sealed, strlen(x->sealed));
	free(x->sealed);
	x->sealed = NULL;
}

static void
entry_free(struct token_entry * x)
{
	struct token_wait * w;

	HASH_DEL(x->ts->all, x);
	while ((w = pop(x)) != NULL)
		free(w);
	if (x->ask != NULL)
		x->ask->x = NULL;
	http_cancel(x->call);
	vault_wait_cancel(x->secret);
	loop_timer_free(x->timer);
	loop_soon_cancel(x->ts->env->loop, &x->soon);
	request_free(x->req);
	forget(x);
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

/* ---- what came ---- */

static int64_t
lead_ms(int64_t lives_ms)
{
	int64_t ms = lives_ms / 10;

	ms = ms < LEAD_MIN_MS ? LEAD_MIN_MS : ms > LEAD_MAX_MS ? LEAD_MAX_MS :
	    ms;
	return (ms < lives_ms / 2 ? ms : lives_ms / 2);
}

static void
give(struct token_entry * x)
{
	struct token_held held;
	struct err e;

	if (token_open(x, &held)) {
		err_nomem(&e, "a token");
		tell(x, NULL, &e);
		return;
	}
	tell(x, &held.t, NULL);
	token_close(&held);
}

void
token_ready(struct token_entry * x, const json_t * value, int64_t lives_ms)
{
	char * text = json_dumps(value, JSON_COMPACT), * sealed = NULL;
	int64_t now = clock_mono_us();
	struct err e;

	if (text == NULL)
		err_nomem(&e, "a token");
	else if (strlen(text) > TOKEN_MAX)
		err_set(&e, ERR_PERMANENT, "token", "the token is longer than "
		    "%d bytes", TOKEN_MAX);
	else
		sealed = token_seal(x, text, &e);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	if (sealed == NULL) {
		token_failed(x, &e);
		return;
	}
	token_rotate_drop(x);
	forget(x);
	x->sealed = sealed;
	if (lives_ms > LIVES_MAX_MS)
		lives_ms = LIVES_MAX_MS;
	x->ends_us = now + lives_ms * 1000;
	x->until_us = x->ends_us - lead_ms(lives_ms) * 1000;
	x->serial = ++x->ts->serials;
	x->has_refused = 0;
	x->changes = secrets_changes(x->ts->env->secrets);
	token_values(x, x->values);
	token_enter(x, TOKEN_READY);
	give(x);
}

/* The old one is good for a while yet, which is better than none. */
static int
old_will_do(struct token_entry * x, const struct err * e)
{
	int64_t now = clock_mono_us();

	if (x->sealed == NULL || e->cls != ERR_TRANSIENT ||
	    now + 5000000 >= x->ends_us || x->new_refresh != NULL)
		return (0);
	x->until_us = now + 15000000 < x->ends_us ? now + 15000000 :
	    x->ends_us;
	log_event(LOG_WARN, "token_late", LOG_S("connector", x->c->name),
	    LOG_E(e));
	token_enter(x, TOKEN_READY);
	give(x);
	return (1);
}

void
token_failed(struct token_entry * x, const struct err * e)
{
	int64_t ms = e->cls == ERR_TRANSIENT ? FAILED_MS : FAILED_CONFIG_MS;

	token_rotate_drop(x);
	if (old_will_do(x, e))
		return;
	forget(x);
	x->e = *e;
	secret_scrub(x->ts->env->secrets, x->c->config, &x->e);
	if (e->retry_after_ms > ms)
		ms = e->retry_after_ms < FAILED_MAX_MS ? e->retry_after_ms :
		    FAILED_MAX_MS;
	x->until_us = clock_mono_us() + ms * 1000;
	x->changes = secrets_changes(x->ts->env->secrets);
	token_enter(x, TOKEN_FAILED);
	tell(x, NULL, &x->e);
}

/* Whether the secrets it was got with are what they were. */
static int
same_secrets(struct token_entry * x)
{
	uint64_t changes = secrets_changes(x->ts->env->secrets);
	unsigned char md[TOKEN_HASH];

	if (x->changes == changes)
		return (1);
	token_values(x, md);
	if (memcmp(md, x->values, sizeof(md)) != 0)
		return (0);
	x->changes = changes;
	return (1);
}

static int
is_good(struct token_entry * x)
{
	return (x->state == TOKEN_READY && clock_mono_us() < x->until_us &&
	    same_secrets(x));
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

	if (is_good(x)) {
		give(x);
	} else if (x->state == TOKEN_FAILED && clock_mono_us() < x->until_us &&
	    x->changes == secrets_changes(x->ts->env->secrets)) {
		e = x->e;
		tell(x, NULL, &e);
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
	return (x != NULL && is_good(x) && token_open(x, held) == 0);
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
	forget(x);
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
