#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "conn/request_build.h"

/* When a request is made: what has to be put together to sign it. */

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
/* Longer than any header value a service takes. */
#define MAX_LINE 131072
/* Until the first token says where the service is; no such host can be. */
#define BASE_UNKNOWN "https://token.base-url.invalid"

static int
add_sign(struct request * r, struct buf * line, const char * what,
    int in_query, struct err * e)
{
	if (line->failed)
		return (err_nomem(e, "a request"));
	if (r->nsign == REQUEST_SIGN_MAX)
		return (err_set(e, ERR_CONFIG, "template", "more than %d "
		    "headers hold secrets", REQUEST_SIGN_MAX));
	r->sign[r->nsign].what = what;
	r->sign[r->nsign].in_query = in_query;
	r->sign[r->nsign++].line = line->p;
	line->p = NULL;
	return (0);
}

/* "Name: " and the template, or what is before it as base64. */
static int
sign_line(struct request_build * b, const char * before, const char * t,
    const char * more, const char * what, struct err * e)
{
	struct buf line = BUF_INIT(MAX_LINE);
	int rc = -1;

	if (t == NULL)
		return (err_set(e, ERR_CONFIG, "template", "the manifest's auth "
		    "lacks its %s", what));
	b->env.mark = 1;
	buf_adds(&line, before);
	if (template_expand(t, &b->env, QUOTE_NONE, &line, e) == 0 &&
	    (more == NULL || (buf_addc(&line, ':') == 0 &&
	    template_expand(more, &b->env, QUOTE_NONE, &line, e) == 0)))
		rc = add_sign(b->r, &line, what, 0, e);
	b->env.mark = 0;
	buf_wipe(&line);
	return (rc);
}

/* The section that the configuration chooses; NULL with ${e} if there is none. */
static const json_t * MUST_CHECK
chosen(struct request_build * b, const json_t * auth,
    struct err * e)
{
	const char * t = json_str(auth, "choose");
	struct buf word = BUF_INIT(1024);
	const json_t * a = auth;

	if (t == NULL)
		return (auth);
	if (template_expand(t, &b->env, QUOTE_TEXT, &word, e)) {
		a = NULL;
	} else {
		a = json_object_get(auth, word.p ? word.p : "");
		if (a == NULL)
			err_set(e, ERR_CONFIG, "template", "the manifest has no "
			    "auth for '%.64s'", word.p ? word.p : "");
	}
	buf_free(&word);
	return (a);
}

static int
sign_headers(struct request_build * b, const json_t * headers, struct err * e)
{
	struct buf name = BUF_INIT(1024);
	const char * k;
	json_t * v;
	int rc = 0;

	json_object_foreach(MUTABLE(headers), k, v) {
		buf_clear(&name);
		buf_addf(&name, "%s: ", k);
		if (name.failed || sign_line(b, name.p, json_string_value(v),
		    NULL, NULL, e)) {
			rc = -1;
			break;
		}
	}
	buf_free(&name);
	return (rc);
}

/* Parameters whose values nobody may see. */
static int
sign_query(struct request_build * b, const json_t * query, struct err * e)
{
	struct buf line = BUF_INIT(MAX_LINE);
	const char * k;
	json_t * v;
	int rc = 0;

	b->env.mark = 1;
	json_object_foreach(MUTABLE(query), k, v) {
		buf_addf(&line, "%s=", k);
		if (template_expand(json_string_value(v), &b->env, QUOTE_NONE,
		    &line, e) || add_sign(b->r, &line, k, 1, e)) {
			rc = -1;
			break;
		}
		buf_wipe(&line);
	}
	b->env.mark = 0;
	buf_wipe(&line);
	return (rc);
}

/* ---- what is fetched before ---- */

/* A name for what ${what} says with this configuration. */
static int
token_key(struct request_build * b, const json_t * what, struct err * e)
{
	struct template_env env = b->env;
	unsigned char md[EVP_MAX_MD_SIZE];
	struct buf key = BUF_INIT(1024);
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int n = 0;
	char * text = NULL;
	json_t * v;
	int rc = -1;

	/* The same whenever it is asked. */
	env.now_ms = 0;
	env.mark = env.late = 1;
	v = template_json(what, &env, e);
	if (v != NULL) {
		text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS |
		    JSON_ENCODE_ANY);
		buf_addf(&key, "%s-", b->r->c->id);
		if (text == NULL || EVP_Digest(text, strlen(text), md, &n,
		    EVP_sha256(), NULL) != 1)
			n = 0;
		hex_write(md, n < 16 ? n : 16, hex);
		buf_adds(&key, hex);
		rc = n == 0 || key.failed ? err_nomem(e, "a request") : 0;
	}
	if (rc == 0) {
		b->r->token_key = key.p;
		key.p = NULL;
	}
	buf_free(&key);
	free(text);
	json_decref(v);
	return (rc);
}

int
request_auth_base(struct request_build * b, struct err * e)
{
	const json_t * a = b->auth ? chosen(b, b->auth, e) : NULL;

	if (b->auth != NULL && a == NULL)
		return (-1);
	b->env.token_base = json_str(a, "base_url") == NULL ? NULL :
	    b->r->c->token_base != NULL ? b->r->c->token_base : BASE_UNKNOWN;
	return (0);
}

static int
auth_token(struct request_build * b, const json_t * a, struct err * e)
{
	const json_t * use = json_object_get(a, "use");
	int rc;

	if (token_key(b, a, e))
		return (-1);
	b->env.late = 1;
	rc = use != NULL ? sign_headers(b, use, e) : sign_line(b,
	    "Authorization: Bearer ", "{{token}}", NULL, "token", e);
	b->env.late = 0;
	return (rc);
}

/* ---- signatures ---- */

/* Those of ${keys} in ${a} that this configuration has, as texts with marks. */
static int
proof_of(struct request_build * b, const json_t * a, const char * const * keys,
    struct err * e)
{
	struct buf text = BUF_INIT(MAX_LINE);
	const char * t;
	size_t i;
	int rc = 0;

	if (b->r->proof == NULL && (b->r->proof = json_object()) == NULL)
		return (err_nomem(e, "a request"));
	b->env.mark = b->env.late = 1;
	for (i = 0; rc == 0 && keys[i] != NULL; i++) {
		if ((t = json_str(a, keys[i])) == NULL)
			continue;
		/* A session's token or an id that is not always there. */
		if (i > 1 && !template_knows(t, &b->env))
			continue;
		buf_clear(&text);
		if (template_expand(t, &b->env, QUOTE_TEXT, &text, e))
			rc = err_prefix(e, "%s", keys[i]);
		else if (json_object_set_new(b->r->proof, keys[i],
		    json_stringn(text.p ? text.p : "", text.len)))
			rc = err_nomem(e, "a request");
	}
	b->env.mark = b->env.late = 0;
	buf_free(&text);
	return (rc);
}

static int
auth_sigv4(struct request_build * b, const json_t * a, struct err * e)
{
	static const char * const keys[] = { "access_key", "secret_key",
	    "session_token", NULL };
	static const char * const where[] = { "region", "service", NULL };
	const json_t * role = json_object_get(a, "assume_role");
	json_t * what;
	int rc;

	if (proof_of(b, a, keys, e) || proof_of(b, a, where, e))
		return (-1);
	if (role == NULL || !template_knows(json_str(role, "role_arn"),
	    &b->env))
		return (0);
	what = json_pack("{s:O, s:O*, s:O*}", "assume_role", role, "access_key",
	    json_object_get(a, "access_key"), "secret_key",
	    json_object_get(a, "secret_key"));
	rc = what == NULL ? err_nomem(e, "a request") : token_key(b, what, e);
	json_decref(what);
	return (rc);
}

static int
auth_signature(struct request_build * b, const json_t * a, struct err * e)
{
	static const char * const keys[] = { "text", "key", NULL };
	const json_t * clock = json_object_get(a, "clock");
	int rc;

	if (proof_of(b, json_object_get(a, "sign"), keys, e))
		return (-1);
	b->env.late = 1;
	rc = sign_headers(b, json_object_get(a, "headers"), e);
	b->env.late = 0;
	if (rc == 0 && clock != NULL)
		rc = token_key(b, clock, e);
	return (rc);
}

int
request_auth(struct request_build * b, const json_t * auth, struct err * e)
{
	const json_t * a = auth ? chosen(b, auth, e) : NULL;
	const char * kind = a ? json_str(a, "kind") : "none";
	static const char basic[] = { 'A', 'u', 't', 'h', 'o', 'r', 'i', 'z',
	    'a', 't', 'i', 'o', 'n', ':', ' ', 'B', 'a', 's', 'i', 'c', ' ',
	    REQUEST_BASE64, '\0' };

	if (auth != NULL && a == NULL)
		return (-1);
	b->r->auth = a;
	if (kind == NULL || strcmp(kind, "none") == 0)
		return (0);
	if (strcmp(kind, "bearer") == 0)
		return (sign_line(b, "Authorization: Bearer ",
		    json_str(a, "token"), NULL, "token", e));
	if (strcmp(kind, "basic") == 0) {
		if (json_str(a, "password") == NULL)
			return (err_set(e, ERR_CONFIG, "template",
			    "the manifest's auth lacks its password"));
		return (sign_line(b, basic, json_str(a, "username"),
		    json_str(a, "password"), "password", e));
	}
	if (strcmp(kind, "token") == 0)
		return (auth_token(b, a, e));
	if (strcmp(kind, "sigv4") == 0)
		return (auth_sigv4(b, a, e));
	if (strcmp(kind, "signature") == 0)
		return (auth_signature(b, a, e));
	if (sign_headers(b, json_object_get(a, "headers"), e) ||
	    sign_query(b, json_object_get(a, "query"), e))
		return (-1);
	request_hide(b->r, b->r->url);
	return (0);
}
