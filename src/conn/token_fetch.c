#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "conn/answer_rules.h"
#include "conn/clock_skew.h"
#include "conn/request_build.h"
#include "conn/token_internal.h"

/* A token is asked for, and comes or does not. */

#define MAX_ANSWER ((size_t)256 << 10)
#define TIMEOUT_MS 30000
#define WORDS_MAX 200
#define MAX_WAITS 3 /* for Vault */

/* What a refusal says: RFC 6749 section 5.2, and what others make of it. */
static void
words_of(const json_t * body, char * out, size_t n)
{
	static const char * const keys[] = { "error_description",
	    "error_message", "message", "error" };
	const char * s = NULL;
	size_t i;

	*out = '\0';
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]) && s == NULL; i++)
		s = json_str(body, keys[i]);
	if (s == NULL)
		s = json_str(json_object_get(body, "error"), "message");
	if (s == NULL)
		s = json_str(json_array_get(json_object_get(body, "messages"),
		    0), "text");
	if (s != NULL)
		(void)snprintf(out, n, ": %.*s", (int)strcspn(s, "\r\n"), s);
}

static int
is_code(const json_t * body, const char * code)
{
	const char * s = json_str(body, "error");

	return (s != NULL && strcmp(s, code) == 0);
}

static void
refused(struct token_entry * x, const struct http_res * res)
{
	json_t * body = res->body == NULL ? NULL : json_loadb(res->body,
	    res->body_len, JSON_DECODE_ANY, NULL);
	char words[WORDS_MAX], url[160];
	struct err e;
	int64_t after;
	enum err_class cls;

	http_url_safe(url, sizeof(url), x->req->url);
	err_from_http(&e, res, url);
	after = e.retry_after_ms;
	cls = e.cls == ERR_TRANSIENT ? ERR_TRANSIENT : ERR_CONFIG;
	words_of(body, words, sizeof(words));
	err_set(&e, cls, "token", "no token from %s: the service answered "
	    "%d%s%s", url, res->status, words, cls == ERR_TRANSIENT ? "" :
	    (is_code(body, "invalid_grant") ||
	    is_code(body, "invalid_refresh_token")) && token_rotates(x) ?
	    "; the refresh token is void: perhaps it was used by a daemon that "
	    "stopped before it could store the new one; authorise again and "
	    "SET SECRET" :
	    "; check the credentials in the connector's CONFIG");
	e.retry_after_ms = after;
	json_decref(body);
	/* Vault may have others by now, or it was signed at a wrong time. */
	if (cls == ERR_CONFIG && res->status <= 403 && !x->is_second &&
	    (secrets_refused(x->ts->env->secrets, x->c->config, x->since) ||
	    (x->req->proof != NULL &&
	    clock_skew_learn(x->c, res, x->clock_ms)))) {
		x->is_second = 1;
		token_fetch(x);
		return;
	}
	token_failed(x, &e);
}

static int
has_error(const struct http_res * res)
{
	json_t * body = res->body == NULL ? NULL : json_loadb(res->body,
	    res->body_len, JSON_DECODE_ANY, NULL);
	int rc = json_str(body, "error") != NULL;

	json_decref(body);
	return (rc);
}

/* Whoever reads along must not get what came over TLS. */
static int
check_base(const struct token_entry * x, const struct token_answer * a,
    struct err * e)
{
	const char * base = json_str(a->v, "base_url");

	if (base == NULL || strncasecmp(x->req->url, "https:", 6) != 0 ||
	    strncasecmp(base, "https:", 6) == 0)
		return (0);
	return (err_set(e, ERR_PERMANENT, "token", "the answer to the request "
	    "for a token leads to a service without TLS (http:), though it "
	    "came over TLS itself"));
}

static void
read_answer(struct token_entry * x, const struct http_res * res)
{
	int64_t now = clock_wall_ms(), date = http_res_date(res);
	const char * kind = json_str(x->auth, "kind");
	struct token_answer a;
	char url[160];
	struct err e;

	/* When it ends is told by their clock. */
	if (date > 0 && kind != NULL && strcmp(kind, "signature") != 0)
		now = date;
	if (token_answer_read(x->auth, res->body ? res->body : "",
	    res->body_len, now, &a, &e)) {
		/* Some refuse in an answer of 200. */
		if (has_error(res)) {
			refused(x, res);
			return;
		}
		err_prefix(&e, "%s", http_url_safe(url, sizeof(url),
		    x->req->url));
		token_failed(x, &e);
		return;
	}
	if (check_base(x, &a, &e)) {
		err_prefix(&e, "%s", http_url_safe(url, sizeof(url),
		    x->req->url));
		token_failed(x, &e);
	} else {
		token_fetched(x, &a);
	}
	token_answer_free(&a);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * he)
{
	struct token_entry * x = arg;
	struct err e;

	x->call = NULL;
	call_counts_answer(x->ts->env->counts, x->c->m->type, res, he);
	if (res == NULL) {
		e = *he;
		err_set(&e, he->cls == ERR_TRANSIENT ? ERR_TRANSIENT : he->cls,
		    "token", "no token: %s%s", he->msg, token_rotates(x) ?
		    "; if it was given out all the same, the refresh token "
		    "may be void" : "");
		token_failed(x, &e);
	} else if (res->status / 100 != 2) {
		refused(x, res);
	} else {
		read_answer(x, res);
	}
}

static int
send_it(struct token_entry * x, const struct buf * jwt, struct err * e)
{
	const struct conn_env * env = x->ts->env;
	struct request_vars v = { .secrets = env->secrets,
	    .jwt = jwt->len > 0 ? jwt->p : NULL, .now_ms = clock_skew_now(x->c) };
	struct request_signed sig;
	struct http_req hr;

	if (request_sign_with(x->req, &v, &sig, e))
		return (-1);
	memset(&hr, 0, sizeof(hr));
	request_fill(x->req, &sig, &hr);
	if (hr.timeout_ms <= 0 || hr.timeout_ms > TIMEOUT_MS)
		hr.timeout_ms = TIMEOUT_MS;
	hr.max_body = MAX_ANSWER;
	x->clock_ms = x->c->clock_ms;
	x->since = secrets_vault_changes(env->secrets);
	x->call = http_start(env->http, &hr, on_answer, x);
	request_unsign(x->req, &sig);
	return (x->call == NULL ? err_nomem(e, "a token") : 0);
}

/* A token that is signed here and asked of nobody. */
static void
own_token(struct token_entry * x, const struct buf * jwt)
{
	struct token_answer a;
	struct err e;

	memset(&a, 0, sizeof(a));
	a.v = json_pack("{s:s}", "token", jwt->p);
	a.lives_ms = json_int(x->auth, "lives_s", 0) * 1000;
	if (a.v == NULL) {
		err_nomem(&e, "a token");
		token_failed(x, &e);
		return;
	}
	token_ready(x, a.v, a.lives_ms);
	token_answer_free(&a);
}

static void
on_secret(void * arg)
{
	struct token_entry * x = arg;

	x->secret = NULL;
	token_fetch(x);
}

/* Nothing was sent: wait for Vault if that is why, else tell who waits. */
static void
unsent(struct token_entry * x, const struct err * e)
{
	struct err why = *e;

	if (strcmp(e->code, SECRET_WAIT) == 0 && x->waits++ < MAX_WAITS &&
	    (x->secret = secrets_wait(x->ts->env->secrets, x->c->config,
	    on_secret, x)) != NULL) {
		token_enter(x, TOKEN_SECRET);
		return;
	}
	if (strcmp(e->code, SECRET_WAIT) == 0)
		(void)strcpy(why.code, "secret");
	token_failed(x, &why);
}

void
token_fetch(struct token_entry * x)
{
	struct buf jwt = BUF_INIT(TOKEN_KEY_MAX * 2);
	int is_own = 0;
	struct err e;

	token_enter(x, TOKEN_FETCH);
	request_free(x->req);
	x->req = token_request(x, &jwt, &is_own, &e);
	if (is_own)
		own_token(x, &jwt);
	else if (x->req == NULL || send_it(x, &jwt, &e))
		unsent(x, &e);
	buf_wipe(&jwt);
}
