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
	struct template_env env = { .config = config };
	struct buf b = BUF_INIT(MAX_EXPANDED);

	if (template_expand(t, &env, QUOTE_NONE, &b, e)) {
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
	size_t n = ent->lists[0].headers ? json_object_size(ent->lists[0].headers) : 0;
	const char * key;
	const json_t * v;
	char * value;

	if ((r->headers = calloc(n + REQUEST_SIGN_MAX + 1, sizeof(*r->headers))) == NULL)
		return (err_nomem(e, "a request"));
	json_object_foreach((json_t *)(uintptr_t)ent->lists[0].headers, key, v) {
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

static int
prepare_auth(struct request * r, const json_t * auth, const json_t * config,
    struct err * e)
{
	const char * choose = json_str(auth, "choose");
	char * chosen;

	r->auth = auth;
	if (choose == NULL)
		return (0);
	if ((chosen = expand(choose, config, e)) == NULL)
		return (-1);
	if ((r->auth = json_object_get(auth, chosen)) == NULL)
		err_set(e, ERR_CONFIG, "template", "the manifest has no auth "
		    "for '%.64s'", chosen);
	free(chosen);
	return (r->auth == NULL ? -1 : 0);
}

static int
prepare_timeout(struct request * r, const struct connector * c,
    const struct manifest_entity * ent, const json_t * config, struct err * e)
{
	const char * t = json_string_value(ent->lists[0].timeout_ms);
	char * s;

	r->timeout_ms = c->opt.timeout_ms ? c->opt.timeout_ms : 30000;
	if (json_is_integer(ent->lists[0].timeout_ms)) {
		r->timeout_ms = json_integer_value(ent->lists[0].timeout_ms);
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
request_prepare(struct connector * c, const struct manifest_entity * ent,
    struct err * e)
{
	json_t * config = connector_config(c);
	struct request * r;

	if (config == NULL || (r = calloc(1, sizeof(*r))) == NULL) {
		json_decref(config);
		err_nomem(e, "a request");
		return (NULL);
	}
	r->c = connector_ref(c);
	r->method = ent->lists[0].method;
	if ((r->url = expand(ent->lists[0].url, config, e)) == NULL ||
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
	connector_unref(r->c);
	for (i = 0; i < r->nheaders; i++)
		free(r->headers[i]);
	free(r->headers);
	free(r->url);
	free(r->body);
	json_decref(r->body_secret);
	json_decref(r->body_in);
	free(r);
}

static int
sign_basic(const char * username, const struct buf * secret, struct buf * out,
    struct err * e)
{
	struct buf pair = BUF_INIT(MAX_EXPANDED);
	int rc = 0;

	buf_addf(&pair, "%s:", username);
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

/* The reference that a key of the auth section leads to. */
static char *
auth_ref(const struct request * r, const char * key, struct err * e)
{
	json_t * config = connector_config(r->c);
	char * s = expand(json_str(r->auth, key), config, e);

	json_decref(config);
	return (s);
}

int
request_sign(const struct request * r, const struct secrets * s,
    struct request_signed * out, struct err * e)
{
	const char * kind = r->auth ? json_str(r->auth, "kind") : "none";
	int basic = strcmp(kind, "basic") == 0, rc = 0;
	const char * what = basic ? "password" : "token";
	struct buf secret = BUF_INIT(MAX_EXPANDED / 2), * line = &out->lines[0];
	char * ref, * username;

	memset(out, 0, sizeof(*out));
	if (strcmp(kind, "none") == 0)
		return (0);
	if ((ref = auth_ref(r, what, e)) == NULL)
		return (-1);
	line->max = 131072;
	if (secrets_resolve(s, ref, &secret, e)) {
		rc = err_prefix(e, "%s resolve", what);
	} else if (secret.p[strcspn(secret.p, "\r\n")] != '\0') {
		rc = err_set(e, ERR_CONFIG, "secret",
		    "%s resolve: %.200s holds a line break", what, ref);
	} else if (basic) {
		username = auth_ref(r, "username", e);
		rc = username == NULL ? -1 :
		    sign_basic(username, &secret, line, e);
		free(username);
	} else if (buf_adds(line, "Authorization: Bearer ") ||
	    buf_add(line, secret.p, secret.len)) {
		rc = err_nomem(e, "a token");
	}
	free(ref);
	buf_wipe(&secret);
	if (rc != 0)
		buf_wipe(line);
	else
		out->n = 1;
	return (rc);
}

void
request_fill(struct request * r, struct request_signed * s,
    struct http_req * hr)
{
	size_t i;

	hr->method = r->method;
	hr->url = r->url;
	hr->body = r->body;
	hr->body_len = r->body_len;
	hr->timeout_ms = r->timeout_ms;
	hr->no_compress = r->no_compress != 0;
	for (i = 0; s != NULL && i < s->n; i++)
		r->headers[r->nheaders + i] = s->lines[i].p;
	hr->headers = (const char * const *)r->headers;
}

void
request_unsign(struct request * r, struct request_signed * s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		r->headers[r->nheaders + i] = NULL;
		buf_wipe(&s->lines[i]);
	}
	buf_wipe(&s->body);
	s->n = 0;
}
