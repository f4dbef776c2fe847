#include <string.h>

#include "base/json.h"
#include "conn/request_build.h"
#include "conn/token_internal.h"
#include "secret/jwt.h"

/* The request that fetches a token. */

#define STS_URL "https://sts.amazonaws.com/"

/* ---- proof of who asks, as a JSON Web Token ---- */

/* ${t} with its templates and secrets filled in; as it may hold secrets the caller
 * wipes it. */
static json_t *
filled(struct request_build * b, const json_t * t, struct err * e)
{
	struct request_vars v = { .secrets = b->env.secrets };
	struct sign_vars w = { .v = &v };
	struct buf text = BUF_INIT(TOKEN_KEY_MAX);
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

struct request *
token_request(struct token_entry * x, struct buf * jwt, int * is_own,
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
