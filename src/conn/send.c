#include "conn/send.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "conn/answer_rules.h"
#include "conn/clock_skew.h"
#include "conn/token.h"
#include "secret/vault.h"

#define MAX_EXTRA 65536
#define DEFAULT_MS 30000
/* Values may end while others are waited for; not for ever. */
#define MAX_WAITS 3

enum send_state {
	SEND_BEGIN,  /* nothing was done yet */
	SEND_SECRET, /* waiting for Vault */
	SEND_TOKEN,  /* waiting for what is fetched first */
	SEND_SENT,   /* waiting for the answer */
	SEND_FAILED, /* in the soon queue, to tell why nothing was sent */
	SEND_DONE
};
static const char * const state_names[] = { "begin", "secret", "token", "sent",
	"failed", "done" };

struct send {
	const struct conn_env * env;
	struct request * r;
	struct send_opts o;
	enum send_state state;
	struct http_call * call;
	struct token_wait * wait;
	struct vault_wait * secret;
	struct loop_timer * timer; /* while waiting for one of them */
	struct soon soon;
	struct buf extra;      /* the further lines, each with its NUL */
	int64_t deadline_us;
	int64_t used;          /* the token's serial; 0: none */
	uint64_t since;        /* secrets_vault_changes() when it was sent */
	int64_t clock_ms;      /* what our clock was corrected by then */
	int is_second;         /* a token, a secret or our clock was refused
	                          already */
	unsigned waits;        /* for Vault */
	http_cb * cb;
	void * arg;
	struct err e;          /* filled before it is looked at, and large: it
	                          is not cleared for each request */
};

static void
enter(struct send * s, enum send_state state)
{
	/* That a request was sent is told by who sends it. */
	if (state == SEND_TOKEN || s->state == SEND_TOKEN ||
	    state == SEND_SECRET || s->state == SEND_SECRET)
		log_event(LOG_DEBUG, "send", LOG_S("connector", s->r->c->name),
		    LOG_S("from", state_names[s->state]),
		    LOG_S("to", state_names[state]));
	s->state = state;
}

static void
send_free(struct send * s)
{
	loop_soon_cancel(s->env->loop, &s->soon);
	loop_timer_free(s->timer);
	buf_free(&s->extra);
	free(s);
}

/* The end; ${s} is gone afterwards. */
static void
finish(struct send * s, const struct http_res * res, const struct err * e)
{
	http_cb * cb = s->cb;
	void * arg = s->arg;
	struct err copy;

	enter(s, SEND_DONE);
	if (e != NULL)
		copy = *e;
	send_free(s);
	cb(arg, res, e != NULL ? &copy : NULL);
}

/* Nothing was sent, or what was sent was refused. */
static void
fail(struct send * s)
{
	s->e.unsent = 1;
	finish(s, NULL, &s->e);
}

static void
on_failed(void * arg)
{
	fail(arg);
}

static void
fail_soon(struct send * s)
{
	enter(s, SEND_FAILED);
	loop_soon(s->env->loop, &s->soon, on_failed, s);
}

static void
set_deadline(struct send * s)
{
	int64_t ms = s->r->timeout_ms > 0 ? s->r->timeout_ms : DEFAULT_MS;

	if (s->o.timeout_ms > 0 && s->o.timeout_ms < ms)
		ms = s->o.timeout_ms;
	if (s->deadline_us == 0)
		s->deadline_us = clock_mono_us() + ms * 1000;
}

static int64_t
left_ms(const struct send * s)
{
	int64_t ms = (s->deadline_us - clock_mono_us()) / 1000;

	return (ms > 0 ? ms : 1);
}

static int
on_data(void * arg, const char * p, size_t n)
{
	struct send * s = arg;

	return (s->o.on_data(s->arg, p, n));
}

static int
on_head(void * arg, const char * ctype)
{
	struct send * s = arg;

	return (s->o.on_head(s->arg, ctype));
}

static void on_answer(void * arg, const struct http_res * res,
    const struct err * e);

/* ---- sending ---- */

/* The further lines go behind the signature's; how many. */
static size_t
add_extra(struct send * s, size_t nsigned)
{
	size_t at = s->r->nheaders + nsigned, n = 0;
	char * p = s->extra.p, * end = p + s->extra.len;

	for (; p < end && nsigned + n < REQUEST_SIGN_MAX;
	    p += strlen(p) + 1)
		s->r->headers[at + n++] = p;
	return (n);
}

/* The service is where the token says it is. */
static int
move_base(struct request * r, const char * base, struct err * e)
{
	size_t n = strlen(base), rest = strlen(r->url + r->nbase) + 1;
	char * url;

	if (r->nbase == n && memcmp(r->url, base, n) == 0)
		return (0);
	if (rest + n > 2 * (size_t)65536 || (url = malloc(n + rest)) == NULL)
		return (err_nomem(e, "a URL"));
	memcpy(url, base, n);
	memcpy(url + n, r->url + r->nbase, rest);
	free(r->url);
	r->url = url;
	r->nbase = n;
	/* For the requests to come. */
	if (r->c->token_base != NULL && strcmp(r->c->token_base, base) == 0)
		return (0);
	free(r->c->token_base);
	r->c->token_base = strdup(base);
	return (r->c->token_base == NULL ? err_nomem(e, "a URL") : 0);
}

static int
transmit(struct send * s, const struct token_value * t, struct err * e)
{
	struct request_vars v = { .secrets = s->env->secrets, .token = t };
	struct request_signed sig;
	struct http_req hr;
	size_t n;

	if (s->r->nbase > 0 && (t == NULL || t->base_url == NULL))
		return (err_set(e, ERR_CONFIG, "token", "the token's answer did "
		    "not say where the service is"));
	if (s->r->nbase > 0 && move_base(s->r, t->base_url, e))
		return (-1);
	if (s->r->proof != NULL || t != NULL)
		v.now_ms = clock_skew_now(s->r->c);
	s->clock_ms = s->r->c->clock_ms;
	if (request_sign_with(s->r, &v, &sig, e))
		return (-1);
	memset(&hr, 0, sizeof(hr));
	request_fill(s->r, &sig, &hr);
	n = add_extra(s, sig.n);
	if (s->deadline_us > 0)
		hr.timeout_ms = left_ms(s);
	else if (s->o.timeout_ms > 0 && (hr.timeout_ms == 0 ||
	    s->o.timeout_ms < hr.timeout_ms))
		hr.timeout_ms = s->o.timeout_ms;
	hr.queue_timeout_ms = s->o.queue_timeout_ms;
	hr.max_body = s->o.max_body;
	hr.once = s->o.once != 0;
	hr.on_data = s->o.on_data ? on_data : NULL;
	hr.on_head = s->o.on_head ? on_head : NULL;
	s->used = t ? t->serial : 0;
	s->since = secrets_vault_changes(s->env->secrets);
	enter(s, SEND_SENT);
	s->call = http_start(s->env->http, &hr, on_answer, s);
	while (n > 0)
		s->r->headers[s->r->nheaders + sig.n + --n] = NULL;
	request_unsign(s->r, &sig);
	return (s->call == NULL ? err_nomem(e, "a request") : 0);
}

/* ---- what has to be there first ---- */

static int begin(struct send * s, struct err * e);

static void
on_late(void * arg)
{
	struct send * s = arg;

	if (s->state == SEND_SECRET)
		err_set(&s->e, ERR_TRANSIENT, "secret", "waiting for Vault: it "
		    "did not say in time what the request is signed with");
	else
		err_set(&s->e, ERR_TRANSIENT, "token", "the token that it is "
		    "signed with did not come in time");
	token_cancel(s->wait);
	s->wait = NULL;
	vault_wait_cancel(s->secret);
	s->secret = NULL;
	fail(s);
}

static int
start_timer(struct send * s, struct err * e)
{
	if (s->timer == NULL && (s->timer = loop_timer_new(s->env->loop,
	    on_late, s)) == NULL)
		return (err_nomem(e, "a request"));
	set_deadline(s);
	loop_timer_start(s->timer, left_ms(s));
	return (0);
}

static void
on_secret(void * arg)
{
	struct send * s = arg;

	s->secret = NULL;
	loop_timer_stop(s->timer);
	if (begin(s, &s->e))
		fail(s);
}

/* Send it; where Vault has to be asked before, do that. */
static int
sign_and_send(struct send * s, const struct token_value * t, struct err * e)
{
	if (transmit(s, t, e) == 0)
		return (0);
	if (strcmp(e->code, SECRET_WAIT) != 0)
		return (-1);
	if (s->waits++ == MAX_WAITS) {
		(void)strcpy(e->code, "secret");
		return (-1);
	}
	if (start_timer(s, e))
		return (-1);
	enter(s, SEND_SECRET);
	s->secret = secrets_wait(s->env->secrets, s->r->c->config, on_secret,
	    s);
	return (s->secret == NULL ? err_nomem(e, "a request") : 0);
}

static void
on_token(void * arg, const struct token_value * t, const struct err * e)
{
	struct send * s = arg;

	s->wait = NULL;
	loop_timer_stop(s->timer);
	if (e != NULL)
		s->e = *e;
	if (e != NULL || sign_and_send(s, t, &s->e))
		fail(s);
}

static int
wait_for_token(struct send * s, struct err * e)
{
	if (start_timer(s, e))
		return (-1);
	enter(s, SEND_TOKEN);
	s->wait = token_wait(s->env->tokens, s->r, on_token, s);
	return (s->wait == NULL ? err_nomem(e, "a request") : 0);
}

/* With a token: one that is there, or one that has to be fetched. */
static int
begin_with_token(struct send * s, struct err * e)
{
	struct token_held held;
	int rc;

	if (s->env->tokens == NULL)
		return (err_set(e, ERR_CONFIG, "token", "no tokens can be "
		    "fetched here"));
	if (!token_have(s->env->tokens, s->r, &held))
		return (wait_for_token(s, e));
	rc = sign_and_send(s, &held.t, e);
	token_close(&held);
	return (rc);
}

static int
begin(struct send * s, struct err * e)
{
	if (s->r->token_key == NULL)
		return (sign_and_send(s, NULL, e));
	set_deadline(s);
	return (begin_with_token(s, e));
}

static int
is_refused(const struct send * s, const struct http_res * res)
{
	if (res == NULL || res->status == 304)
		return (0);
	return (res->status == 401 || answer_says(s->r->c->m, res,
	    DO_REFRESH));
}

/* Whether there may be another token or secret than what was refused. */
static int
drop_refused(struct send * s)
{
	if (s->used == 0)
		return (secrets_refused(s->env->secrets, s->r->c->config,
		    s->since));
	token_refused(s->env->tokens, s->r, s->used);
	return (1);
}

/* Whether it was signed at a time that is not the service's, which is known now.  A
 * token that says how late it is there is asked for anew by itself. */
static int
is_off(const struct send * s, const struct http_res * res)
{
	return (res != NULL && res->status / 100 != 2 && res->status != 304 &&
	    s->r->proof != NULL && (s->used == 0 ||
	    json_object_get(s->r->proof, "text") == NULL) &&
	    clock_skew_learn(s->r->c, res, s->clock_ms));
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct send * s = arg;
	int refused;

	s->call = NULL;
	if (!s->o.uncounted)
		call_counts_answer(s->env->counts, s->r->c->m->type, res, e);
	refused = is_refused(s, res);
	if (s->is_second || !(refused ? drop_refused(s) :
	    is_off(s, res))) {
		s->r->is_refused = refused;
		finish(s, res, e);
		return;
	}
	s->is_second = 1;
	if (begin(s, &s->e))
		fail(s);
}

/* ---- the object ---- */

static int
keep_extra(struct send * s, const char * const * lines)
{
	size_t i;

	s->extra.max = MAX_EXTRA;
	for (i = 0; lines != NULL && lines[i] != NULL; i++)
		buf_add(&s->extra, lines[i], strlen(lines[i]) + 1);
	s->o.headers = NULL;
	return (s->extra.failed ? -1 : 0);
}

struct send *
send_start(const struct conn_env * env, struct request * r,
    const struct send_opts * o, http_cb * cb, void * arg)
{
	struct send * s = malloc(sizeof(*s));

	if (s == NULL)
		return (NULL);
	memset(s, 0, offsetof(struct send, e));
	s->env = env;
	s->r = r;
	s->o = *o;
	s->cb = cb;
	s->arg = arg;
	if (keep_extra(s, o->headers)) {
		send_free(s);
		return (NULL);
	}
	if (begin(s, &s->e))
		fail_soon(s);
	return (s);
}

void
send_cancel(struct send * s)
{
	if (s == NULL)
		return;
	http_cancel(s->call);
	token_cancel(s->wait);
	vault_wait_cancel(s->secret);
	send_free(s);
}

void
send_judged(const struct conn_env * env, const struct request * r,
    struct err * e)
{
	if (strcmp(e->code, "token_refused") != 0)
		return;
	if (r->token_key == NULL || env->tokens == NULL) {
		e->cls = secrets_refused(env->secrets, r->c->config,
		    secrets_vault_changes(env->secrets)) ? ERR_TRANSIENT :
		    ERR_CONFIG;
		return;
	}
	token_refused(env->tokens, r, 0);
	/* What was fetched a moment ago is refused, too: so will the next be. */
	e->cls = r->is_refused ? ERR_CONFIG : ERR_TRANSIENT;
}
