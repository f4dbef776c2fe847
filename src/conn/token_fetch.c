#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "conn/answer_rules.h"
#include "conn/clock_skew.h"
#include "conn/request_build.h"
#include "conn/token_internal.h"
#include "secret/jwt.h"

/* The request that fetches a token. */

#define MAX_ANSWER ((size_t)256 << 10)
#define TIMEOUT_MS 30000
#define WORDS_MAX 200
#define MAX_KEY 65536
#define MAX_WAITS 3 /* for Vault */
#define STS_URL "https://sts.amazonaws.com/"

/* ---- proof of who asks, as a JSON Web Token ---- */

/* ${t} with its templates and secrets filled in; as it may hold secrets the caller
 * wipes it. */
static json_t *
filled(struct request_build * b, const json_t * t, struct err * e)
{
	struct request_vars v = { .secrets = b->env.secrets };
	struct sign_vars w = { .v = &v };
	struct buf text = BUF_INIT(MAX_KEY);
	json_t * made, * out = NULL;

	b->env.secrets = NULL;
	b->env.mark = 1;
	made = template_json(t, &b->env, e);
	b->env.mark = 0;
	b->env.secrets = v.secrets;
	if (made == NULL)
		return (NULL);
	if (buf_reserve(&text, 4096))
		err_nomem(e, "a token");
	else if (request_sign_json(made, &w, &text, e) == 0 &&
	    (out = json_loadb(text.p, text.len, JSON_DECODE_ANY, NULL)) ==
	    NULL)
		err_nomem(e, "a token");
	buf_wipe(&text);
	json_decref(made);
	return (out);
}

/*
 * A key may be the whole file that a cloud gives for a service account, JSON with
 * private_key, private_key_id and client_email: these then stand in for what the
 * manifest leaves open.
 */
static int
open_file(json_t ** key, json_t * head, json_t * claims, struct err * e)
{
	const char * s = json_string_value(*key);
	json_t * file, * v;

	if (s == NULL || s[strspn(s, " \t\r\n")] != '{')
		return (0);
	file = json_loads(s, 0, NULL);
	v = json_object_get(file, "private_key");
	if (!json_is_string(v)) {
		token_wipe(file);
		return (err_set(e, ERR_CONFIG, "token", "the key is JSON, but "
		    "no service account's file: it has no private_key"));
	}
	if (json_object_get(head, "kid") == NULL &&
	    json_is_string(json_object_get(file, "private_key_id")))
		(void)json_object_set(head, "kid", json_object_get(file,
		    "private_key_id"));
	if (json_object_get(claims, "iss") == NULL &&
	    json_is_string(json_object_get(file, "client_email")))
		(void)json_object_set(claims, "iss", json_object_get(file,
		    "client_email"));
	json_incref(v);
	(void)json_object_del(file, "private_key");
	json_decref(file);
	explicit_bzero((char *)(uintptr_t)s, json_string_length(*key));
	json_decref(*key);
	*key = v;
	return (0);
}

static void
wipe_string(json_t * v)
{
	const char * s = json_string_value(v);

	if (s != NULL)
		explicit_bzero((char *)(uintptr_t)s, json_string_length(v));
	json_decref(v);
}

static int
make_jwt(struct request_build * b, const json_t * t, struct buf * out,
    struct err * e)
{
	const json_t * head_t = json_object_get(t, "header");
	json_t * key, * head = NULL, * claims = NULL;
	int rc = -1;

	key = filled(b, json_object_get(t, "key"), e);
	if (key != NULL)
		head = head_t ? filled(b, head_t, e) : json_object();
	if (head != NULL)
		claims = filled(b, json_object_get(t, "claims"), e);
	if (claims != NULL && json_is_string(key) &&
	    open_file(&key, head, claims, e) == 0 && buf_reserve(out, 8192) == 0)
		rc = jwt_sign(json_str(t, "alg"), json_string_value(key),
		    json_string_length(key), head, claims, out, e);
	wipe_string(key);
	json_decref(head);
	token_wipe(claims);
	return (rc);
}

/* ---- the request ---- */

static int
set_header(struct request_build * b, const char * name, const char * value,
    struct err * e)
{
	return (request_build_set(b, IN_HEADER, name, json_string(value), e));
}

static int
set_form(struct request_build * b, const json_t * form, struct err * e)
{
	b->env.mark = b->body_marked = 1;
	b->body = template_json(form, &b->env, e);
	b->env.mark = 0;
	if (b->body == NULL)
		return (err_prefix(e, "form"));
	return (set_header(b, "Content-Type",
	    "application/x-www-form-urlencoded", e));
}

/* What the manifest's "request" says. */
static int
build_own(struct request_build * b, const json_t * q, struct err * e)
{
	const char * url = json_str(q, "url");
	const json_t * form = json_object_get(q, "form"),
	    * body = json_object_get(q, "json");

	if (request_build_url(b, url ? url : "", e) ||
	    set_header(b, "Accept", "application/json", e) ||
	    (url != NULL && *url == '/' &&
	    request_build_headers(b, b->r->c->m->headers, e)) ||
	    request_build_headers(b, json_object_get(q, "headers"), e) ||
	    (form != NULL && set_form(b, form, e)))
		return (-1);
	return (body != NULL ? request_build_body(b, body, e) : 0);
}

static struct request *
own_request(struct request_build * b, const json_t * auth, struct err * e)
{
	const json_t * q = json_object_get(auth, "request"),
	    * basic = json_object_get(q, "basic");
	const char * method = json_str(q, "method");
	json_t * with = basic == NULL ? NULL : json_pack("{s:s, s:O, s:O}",
	    "kind", "basic", "username", json_object_get(basic, "username"),
	    "password", json_object_get(basic, "password"));
	struct request * r;
	int ok = basic == NULL || with != NULL;

	if (!ok)
		err_nomem(e, "a token");
	b->env.late = 1;
	b->auth = NULL;
	ok = ok && build_own(b, q, e) == 0;
	b->auth = with;
	r = request_build_end(b, method ? method : "POST", ok, e);
	if (r != NULL)
		r->auth = NULL;
	json_decref(with);
	return (r);
}

static struct request *
sts_request(struct request_build * b, const json_t * auth, struct err * e)
{
	const json_t * role = json_object_get(auth, "assume_role");
	const char * url = json_str(role, "url"), * name = json_str(role,
	    "session_name"), * region = json_str(role, "region");
	json_t * form = json_pack("{s:s, s:s, s:s, s:s, s:O*, s:O*}", "Action",
	    "AssumeRole", "Version", "2011-06-15", "DurationSeconds", "3600",
	    "RoleSessionName", name ? name : "moltler", "RoleArn",
	    json_object_get(role, "role_arn"), "ExternalId",
	    json_object_get(role, "external_id"));
	json_t * with = json_pack("{s:s, s:O, s:O, s:O*, s:s, s:s}", "kind",
	    "sigv4", "access_key", json_object_get(auth, "access_key"),
	    "secret_key", json_object_get(auth, "secret_key"),
	    "session_token", json_object_get(auth, "session_token"), "region",
	    region ? region : "us-east-1", "service", "sts");
	int ok = form != NULL && with != NULL;
	struct request * r;

	if (!ok)
		err_nomem(e, "a token");
	b->auth = NULL;
	b->env.service = "sts";
	ok = ok && request_build_url(b, url ? url : STS_URL, e) == 0 &&
	    set_form(b, form, e) == 0;
	b->auth = with;
	r = request_build_end(b, "POST", ok, e);
	if (r != NULL)
		r->auth = NULL;
	json_decref(form);
	json_decref(with);
	return (r);
}

static struct request *
clock_request(struct request_build * b, const json_t * auth, struct err * e)
{
	const char * url = json_str(auth, "clock");
	int ok;

	b->auth = NULL;
	ok = request_build_url(b, url ? url : "", e) == 0;
	return (request_build_end(b, "GET", ok, e));
}

/* The request and, for it, ${jwt}; NULL with ${*is_own} if that is all. */
static struct request *
make_request(struct token_entry * x, struct buf * jwt, int * is_own,
    struct err * e)
{
	const json_t * t = json_object_get(x->auth, "jwt");
	const char * kind = json_str(x->auth, "kind");
	struct request_build b;
	int rc = request_build_begin(&b, x->c, connector_config_parsed(x->c),
	    NULL, e);

	if (rc == 0 && t != NULL) {
		b.env.secrets = x->ts->env->secrets;
		rc = make_jwt(&b, t, jwt, e);
		b.env.secrets = NULL;
	}
	*is_own = rc == 0 && t != NULL && json_object_get(x->auth,
	    "request") == NULL;
	if (rc != 0 || kind == NULL || *is_own)
		return (request_build_end(&b, NULL, 0, e));
	if (strcmp(kind, "sigv4") == 0)
		return (sts_request(&b, x->auth, e));
	if (strcmp(kind, "signature") == 0)
		return (clock_request(&b, x->auth, e));
	return (own_request(&b, x->auth, e));
}

/* ---- the answer ---- */

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
	struct buf jwt = BUF_INIT(MAX_KEY * 2);
	int is_own = 0;
	struct err e;

	token_enter(x, TOKEN_FETCH);
	request_free(x->req);
	x->req = make_request(x, &jwt, &is_own, &e);
	if (is_own)
		own_token(x, &jwt);
	else if (x->req == NULL || send_it(x, &jwt, &e))
		unsent(x, &e);
	buf_wipe(&jwt);
}
