#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "manifest/manifest_parts.h"
#include "manifest/template.h"
#include "secret/jwt.h"

/* How requests are signed. */

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

static const char * const kinds[] = { "none", "bearer", "basic", "headers",
    "token", "sigv4", "signature", NULL };
enum { AUTH_NONE, AUTH_BEARER, AUTH_BASIC, AUTH_HEADERS, AUTH_TOKEN,
	AUTH_SIGV4, AUTH_SIGNATURE };
#define OF(kind) (1U << (kind))

/* Which kinds each key belongs to. */
static const struct {
	const char * key;
	unsigned kinds;
} params[] = {
	{ "token", OF(AUTH_BEARER) | OF(AUTH_TOKEN) },
	{ "username", OF(AUTH_BASIC) }, { "password", OF(AUTH_BASIC) },
	{ "headers", OF(AUTH_HEADERS) | OF(AUTH_SIGNATURE) },
	{ "query", OF(AUTH_HEADERS) }, { "jwt", OF(AUTH_TOKEN) },
	{ "request", OF(AUTH_TOKEN) }, { "expires_in", OF(AUTH_TOKEN) },
	{ "expires_at", OF(AUTH_TOKEN) }, { "lives_s", OF(AUTH_TOKEN) },
	{ "rotates", OF(AUTH_TOKEN) }, { "use", OF(AUTH_TOKEN) },
	{ "base_url", OF(AUTH_TOKEN) }, { "access_key", OF(AUTH_SIGV4) },
	{ "secret_key", OF(AUTH_SIGV4) }, { "session_token", OF(AUTH_SIGV4) },
	{ "region", OF(AUTH_SIGV4) }, { "service", OF(AUTH_SIGV4) },
	{ "assume_role", OF(AUTH_SIGV4) }, { "sign", OF(AUTH_SIGNATURE) },
	{ "clock", OF(AUTH_SIGNATURE) },
};

/* ---- kind "headers" ---- */

static void
read_headers(struct mread * r, const json_t * a)
{
	struct mread_scope s = { .roots = ROOT_CONFIG };
	const json_t * h = mread_params(r, a, "headers", 1, &s),
	    * q = mread_map(r, a, "query", 0), * v;
	const char * name;
	size_t at;

	if (json_object_size(h) + json_object_size(q) == 0)
		mread_fault(r, "headers", "must have at least one header, or "
		    "query a parameter");
	at = mread_enter(r, "query");
	json_object_foreach(MUTABLE(q), name, v) {
		if (!json_is_string(v) || *name == '\0')
			mread_fault(r, name, "must be a parameter's name with a "
			    "string (a template)");
		else
			mread_text_ok(r, name, json_string_value(v), &s);
	}
	mread_leave(r, at);
}

/* ---- kind "token" ---- */

static void
check_path(struct mread * r, const json_t * a, const char * key, int required)
{
	json_path_free(mread_path(r, a, key, required));
}

static void
read_jwt(struct mread * r, const json_t * a)
{
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_NOW };
	const json_t * j = json_object_get(a, "jwt");
	const char * alg;
	size_t at;

	if (j == NULL)
		return;
	at = mread_enter(r, "jwt");
	if (mread_is_object(r, j, KEYS_JWT)) {
		alg = mread_str(r, j, "alg", 1);
		if (alg != NULL && !jwt_alg_ok(alg))
			mread_fault(r, "alg", "must be HS256, RS256 or ES256");
		mread_template(r, j, "key", 1, &s);
		mread_map(r, j, "header", 0);
		mread_body(r, j, "header", &s);
		mread_map(r, j, "claims", 1);
		mread_body(r, j, "claims", &s);
	}
	mread_leave(r, at);
}

static void
read_basic(struct mread * r, const json_t * q)
{
	struct mread_scope s = { .roots = ROOT_CONFIG };
	const json_t * b = json_object_get(q, "basic");
	size_t at;

	if (b == NULL)
		return;
	at = mread_enter(r, "basic");
	if (mread_is_object(r, b, KEYS_AUTH_BASIC)) {
		mread_template(r, b, "username", 1, &s);
		mread_template(r, b, "password", 1, &s);
	}
	mread_leave(r, at);
}

static void
read_request(struct mread * r, const json_t * a)
{
	static const char * const methods[] = { "GET", "POST", "PUT", NULL };
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_NOW }, in_url = {
	    .roots = ROOT_CONFIG };
	const json_t * q = json_object_get(a, "request");
	size_t at;

	if (q == NULL) {
		if (json_object_get(a, "jwt") == NULL)
			mread_fault(r, "request", "is missing");
		else if (json_int(a, "lives_s", 0) == 0)
			mread_fault(r, "lives_s", "is missing: a token that is "
			    "signed here ends then");
		return;
	}
	if (json_object_get(a, "jwt") != NULL)
		s.roots |= ROOT_JWT;
	at = mread_enter(r, "request");
	if (mread_is_object(r, q, KEYS_AUTH_REQUEST)) {
		mread_method(r, q, methods, "POST");
		mread_url(r, q, "url", 1, &in_url);
		mread_params(r, q, "headers", 1, &s);
		mread_map(r, q, "form", 0);
		mread_body(r, q, "form", &s);
		mread_map(r, q, "json", 0);
		mread_body(r, q, "json", &s);
		if (json_object_get(q, "form") && json_object_get(q, "json"))
			mread_fault(r, "json", "cannot stand beside form");
		read_basic(r, q);
	}
	mread_leave(r, at);
	if (json_object_get(a, "token") == NULL)
		mread_fault(r, "token", "is missing: where the answer has it");
}

static void
read_rotates(struct mread * r, const json_t * a)
{
	const json_t * t = json_object_get(a, "rotates");
	const char * to;
	char path[140];
	size_t at;

	if (t == NULL)
		return;
	at = mread_enter(r, "rotates");
	if (mread_is_object(r, t, KEYS_ROTATES)) {
		check_path(r, t, "from", 1);
		to = mread_str(r, t, "to", 1);
		if (to != NULL) {
			struct mread_scope s = { .roots = ROOT_CONFIG };

			(void)snprintf(path, sizeof(path), "{{config.%.110s}}",
			    to);
			mread_text_ok(r, "to", path, &s);
		}
	}
	mread_leave(r, at);
}

static void
read_token(struct mread * r, const json_t * a)
{
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_TOKEN };
	const json_t * use;

	read_jwt(r, a);
	read_request(r, a);
	read_rotates(r, a);
	check_path(r, a, "token", 0);
	check_path(r, a, "expires_in", 0);
	check_path(r, a, "expires_at", 0);
	check_path(r, a, "base_url", 0);
	(void)mread_int(r, a, "lives_s", 0, 60, 31536000);
	use = mread_params(r, a, "use", 1, &s);
	if (use != NULL && !template_uses(use, "token"))
		mread_fault(r, "use", "speaks nowhere of {{token}}");
}

/* ---- signatures ---- */

json_t *
manifest_auth_inputs(const struct mread * r)
{
	const json_t * ents = json_object_get(r->m->doc, "entities"), * ent,
	    * col, * act, * arg;
	json_t * names = json_object();
	const char * k, * k2, * k3;

	json_object_foreach(MUTABLE(ents), k, ent) {
		json_object_foreach(json_object_get(ent, "columns"), k2, col)
			if (json_is_true(json_object_get(col, "input")))
				json_object_set(names, k2, MUTABLE(col));
		json_object_foreach(json_object_get(ent, "actions"), k2, act)
			json_object_foreach(json_object_get(act, "args"), k3,
			    arg)
				json_object_set(names, k3, MUTABLE(arg));
	}
	return (names);
}

static void
read_sigv4(struct mread * r, const json_t * a)
{
	json_t * names = manifest_auth_inputs(r);
	struct mread_scope s = { .roots = ROOT_CONFIG }, where = {
	    .roots = ROOT_CONFIG | ROOT_IN | ROOT_SERVICE, .inputs = names };
	const json_t * role = json_object_get(a, "assume_role");
	size_t at;

	mread_template(r, a, "access_key", 1, &s);
	mread_template(r, a, "secret_key", 1, &s);
	mread_template(r, a, "session_token", 0, &s);
	mread_template(r, a, "region", 1, &where);
	mread_template(r, a, "service", 1, &where);
	if (role != NULL) {
		at = mread_enter(r, "assume_role");
		if (mread_is_object(r, role, KEYS_ASSUME_ROLE)) {
			mread_template(r, role, "role_arn", 1, &s);
			mread_template(r, role, "external_id", 0, &s);
			mread_template(r, role, "session_name", 0, &s);
			mread_template(r, role, "region", 0, &s);
			mread_url(r, role, "url", 0, &s);
		}
		mread_leave(r, at);
	}
	json_decref(names);
}

static void
read_signature(struct mread * r, const json_t * a)
{
	static const char * const algorithms[] = { "sha1", "sha256",
	    "hmac_sha1", "hmac_sha256", NULL };
	static const char * const encodings[] = { "hex", "base64", NULL };
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_SIGN };
	const json_t * v = json_object_get(a, "sign"),
	    * h = mread_params(r, a, "headers", 1, &s);
	size_t at;
	int mac;

	if (h == NULL || !template_uses(h, "signature"))
		mread_fault(r, "headers", "must have a header that speaks of "
		    "{{signature}}");
	mread_url(r, a, "clock", 0, &s);
	at = mread_enter(r, "sign");
	if (v == NULL) {
		mread_fault(r, NULL, "is missing: what {{signature}} is made "
		    "of");
	} else if (mread_is_object(r, v, KEYS_SIGN)) {
		mac = mread_word(r, v, "algorithm", algorithms, -1) >= 2;
		(void)mread_word(r, v, "encoding", encodings, 0);
		mread_template(r, v, "text", 1, &s);
		mread_template(r, v, "key", mac, &s);
		if (!mac && json_object_get(v, "key") != NULL)
			mread_fault(r, "key", "goes with hmac_sha1 and "
			    "hmac_sha256");
	}
	mread_leave(r, at);
}

static void
read_kind(struct mread * r, const json_t * a)
{
	struct mread_scope s = { .roots = ROOT_CONFIG };
	size_t i;
	int kind;

	if (!mread_is_object(r, a, KEYS_AUTH) ||
	    (kind = mread_word(r, a, "kind", kinds, -1)) < 0)
		return;
	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		if (!(params[i].kinds & OF(kind)) &&
		    json_object_get(a, params[i].key) != NULL)
			mread_fault(r, params[i].key, "has no meaning for kind "
			    "%s", kinds[kind]);
	switch (kind) {
	case AUTH_BEARER:
		mread_template(r, a, "token", 1, &s);
		break;
	case AUTH_BASIC:
		mread_template(r, a, "username", 1, &s);
		mread_template(r, a, "password", 1, &s);
		break;
	case AUTH_HEADERS:
		read_headers(r, a);
		break;
	case AUTH_TOKEN:
		read_token(r, a);
		break;
	case AUTH_SIGV4:
		read_sigv4(r, a);
		break;
	case AUTH_SIGNATURE:
		read_signature(r, a);
		break;
	default:
		break;
	}
}

/* The names that a choice may find, if it looks at a variant's type. */
static const json_t *
variants_of(const struct mread * r, const char * choose)
{
	const char * p, * end;
	char key[80];
	size_t n;

	if (choose == NULL || strncmp(choose, "{{config.", 9) != 0)
		return (NULL);
	p = choose + 9;
	if ((end = strstr(p, ".type}}")) == NULL || end[7] != '\0' ||
	    (n = (size_t)(end - p)) >= sizeof(key))
		return (NULL);
	memcpy(key, p, n);
	key[n] = '\0';
	return (json_object_get(json_object_get(r->m->config, key),
	    "variants"));
}

const json_t *
manifest_auth_read(struct mread * r, const json_t * o)
{
	struct mread_scope s = { .roots = ROOT_CONFIG };
	const json_t * auth = json_object_get(o, "auth"), * v, * variants;
	const char * key, * choose;
	size_t at, sub;

	if (auth == NULL)
		return (NULL);
	at = mread_enter(r, "auth");
	if (json_object_get(auth, "choose") == NULL) {
		read_kind(r, auth);
		mread_leave(r, at);
		return (auth);
	}
	choose = mread_template(r, auth, "choose", 1, &s);
	variants = variants_of(r, choose);
	json_object_foreach((json_t *)(uintptr_t)auth, key, v) {
		if (strcmp(key, "choose") == 0)
			continue;
		sub = mread_enter(r, key);
		read_kind(r, v);
		if (variants != NULL && json_object_get(variants, key) == NULL)
			mread_fault(r, NULL, "is no variant of what is chosen "
			    "by");
		mread_leave(r, sub);
	}
	json_object_foreach((json_t *)(uintptr_t)variants, key, v)
		if (json_object_get(auth, key) == NULL)
			mread_fault(r, key, "is missing: the config can choose "
			    "it");
	mread_leave(r, at);
	return (auth);
}
