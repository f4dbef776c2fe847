#include "conn/request.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "conn/template.h"

/* Longer than any header value a service takes. */
#define MAX_EXPANDED 65536

static char *
expand(const char * t, const json_t * config, struct err * e)
{
	struct buf b = BUF_INIT(MAX_EXPANDED);

	if (template_expand(t, config, &b, e)) {
		buf_free(&b);
		return (NULL);
	}
	if (b.p == NULL && buf_adds(&b, ""))
		err_nomem(e, "a request");
	return (b.p);
}

static int
prepare_headers(struct request * r, const struct manifest_entity * ent,
    const json_t * config, struct err * e)
{
	size_t n = ent->headers ? json_object_size(ent->headers) : 0;
	const char * key;
	const json_t * v;
	char * value;

	/* One more for Authorization, one for the end. */
	if ((r->headers = calloc(n + 2, sizeof(*r->headers))) == NULL)
		return (err_nomem(e, "a request"));
	json_object_foreach((json_t *)(uintptr_t)ent->headers, key, v) {
		struct buf b = BUF_INIT(MAX_EXPANDED);

		value = expand(json_string_value(v), config, e);
		if (value == NULL)
			return (err_prefix(e, "header %s", key));
		if (strpbrk(value, "\r\n") != NULL) {
			free(value);
			return (err_set(e, ERR_CONFIG, "template",
			    "header %s would hold a line break", key));
		}
		buf_addf(&b, "%s: %s", key, value);
		free(value);
		if (b.failed)
			return (err_nomem(e, "a request"));
		r->headers[r->nheaders++] = b.p;
	}
	return (0);
}

/*
 * The auth section's own templates name references, not values: what comes out
 * of {{config.auth.token_ref}} is "$env:NAME", resolved at each sending.
 */
static int
prepare_auth(struct request * r, const json_t * auth, const json_t * config,
    struct err * e)
{
	const char * kind, * choose = json_str(auth, "choose");
	char * chosen;

	if (auth == NULL)
		return (0);
	if (choose != NULL) {
		if ((chosen = expand(choose, config, e)) == NULL)
			return (-1);
		auth = json_object_get(auth, chosen);
		if (auth == NULL) {
			err_set(e, ERR_CONFIG, "template", "the manifest has no "
			    "auth for '%.64s'", chosen);
			free(chosen);
			return (-1);
		}
		free(chosen);
	}
	kind = json_str(auth, "kind");
	if (strcmp(kind, "bearer") == 0) {
		r->auth = REQUEST_AUTH_BEARER;
		r->secret_ref = expand(json_str(auth, "token"), config, e);
		return (r->secret_ref == NULL ? -1 : 0);
	}
	if (strcmp(kind, "basic") == 0) {
		r->auth = REQUEST_AUTH_BASIC;
		r->username = expand(json_str(auth, "username"), config, e);
		r->secret_ref = expand(json_str(auth, "password"), config, e);
		return (r->username == NULL || r->secret_ref == NULL ? -1 : 0);
	}
	return (0);
}

static int
prepare_timeout(struct request * r, const struct connector * c,
    const struct manifest_entity * ent, const json_t * config, struct err * e)
{
	const char * t = json_string_value(ent->timeout_ms);
	char * s;

	r->timeout_ms = c->opt.timeout_ms ? c->opt.timeout_ms : 30000;
	if (json_is_integer(ent->timeout_ms)) {
		r->timeout_ms = json_integer_value(ent->timeout_ms);
	} else if (t != NULL) {
		if ((s = expand(t, config, e)) == NULL)
			return (-1);
		r->timeout_ms = strtoll(s, NULL, 10);
		free(s);
	}
	return (0);
}

/* Whether a URL leads to this machine itself. */
static int
is_loopback(const char * url)
{
	const char * host = strstr(url, "://");

	if (host == NULL)
		return (0);
	host += 3;
	return (strncmp(host, "127.", 4) == 0 ||
	    strncmp(host, "[::1]", 5) == 0 ||
	    (strncasecmp(host, "localhost", 9) == 0 &&
	    strchr(":/?#", host[9]) != NULL));
}

struct request *
request_prepare(const struct connector * c, const struct manifest_entity * ent,
    struct err * e)
{
	json_t * config = connector_config(c);
	struct request * r;

	if (config == NULL || (r = calloc(1, sizeof(*r))) == NULL) {
		json_decref(config);
		err_nomem(e, "a request");
		return (NULL);
	}
	r->method = ent->method;
	if ((r->url = expand(ent->url, config, e)) == NULL ||
	    prepare_headers(r, ent, config, e) ||
	    prepare_auth(r, c->m->auth, config, e) ||
	    prepare_timeout(r, c, ent, config, e)) {
		request_free(r);
		r = NULL;
	}
	json_decref(config);
	if (r != NULL)
		r->no_compress = is_loopback(r->url);
	return (r);
}

void
request_free(struct request * r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->nheaders; i++)
		free(r->headers[i]);
	free(r->headers);
	free(r->url);
	free(r->username);
	free(r->secret_ref);
	free(r);
}

static int
sign_basic(const struct request * r, const struct buf * secret,
    struct buf * out, struct err * e)
{
	struct buf pair = BUF_INIT(MAX_EXPANDED);
	int rc = 0;

	buf_addf(&pair, "%s:", r->username);
	buf_add(&pair, secret->p, secret->len);
	buf_adds(out, "Authorization: Basic ");
	if (pair.failed || buf_reserve(out, pair.len * 4 / 3 + 5))
		rc = err_nomem(e, "a password");
	else
		out->len += (size_t)EVP_EncodeBlock(
		    (unsigned char *)out->p + out->len,
		    (const unsigned char *)pair.p, (int)pair.len);
	buf_wipe(&pair);
	return (rc);
}

int
request_sign(const struct request * r, const struct secrets * s,
    struct buf * out, struct err * e)
{
	const char * what = r->auth == REQUEST_AUTH_BASIC ? "password" :
	    "token";
	struct buf secret = BUF_INIT(MAX_EXPANDED / 2);
	int rc = 0;

	if (r->auth == REQUEST_AUTH_NONE)
		return (0);
	if (secrets_resolve(s, r->secret_ref, &secret, e)) {
		buf_wipe(&secret);
		return (err_prefix(e, "%s resolve", what));
	}
	if (secret.p[strcspn(secret.p, "\r\n")] != '\0')
		rc = err_set(e, ERR_CONFIG, "secret",
		    "%s resolve: %.200s holds a line break", what,
		    r->secret_ref);
	else if (r->auth == REQUEST_AUTH_BASIC)
		rc = sign_basic(r, &secret, out, e);
	else if (buf_adds(out, "Authorization: Bearer ") ||
	    buf_add(out, secret.p, secret.len))
		rc = err_nomem(e, "a token");
	buf_wipe(&secret);
	return (rc);
}
