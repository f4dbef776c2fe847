#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conn/request_build.h"

/* Longer than any header value a service takes. */
#define MAX_LINE 131072
/* So much at first, that secrets are not copied about when a buffer grows. */
#define ROOM 4096

/* ---- when a request is made: what has to be put together ---- */

static int
add_sign(struct request * r, struct buf * line, const char * what,
    struct err * e)
{
	if (line->failed)
		return (err_nomem(e, "a request"));
	if (r->nsign == REQUEST_SIGN_MAX)
		return (err_set(e, ERR_CONFIG, "template", "more than %d "
		    "headers hold secrets", REQUEST_SIGN_MAX));
	r->sign[r->nsign].what = what;
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
		rc = add_sign(b->r, &line, what, e);
	b->env.mark = 0;
	buf_wipe(&line);
	return (rc);
}

static const json_t *
chosen(struct request_build * b, const json_t * auth, struct err * e)
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

	json_object_foreach((json_t *)(uintptr_t)headers, k, v) {
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

int
request_sign_auth(struct request_build * b, const json_t * auth,
    struct err * e)
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
	return (sign_headers(b, json_object_get(a, "headers"), e));
}

/* ---- when it is sent ---- */

/* Append ${s} with its references resolved, or (${sec} NULL) shown. */
static int
fill_in(const char * s, const struct secrets * sec, int in_header,
    struct buf * out, struct err * e)
{
	struct buf ref = BUF_INIT(MAX_LINE), v = BUF_INIT(MAX_LINE);
	size_t n;
	int rc = 0;

	for (; rc == 0 && *s != '\0'; s += n + (s[n] != '\0')) {
		n = strcspn(s, "\001");
		buf_add(out, s, n);
		if (s[n] == '\0')
			break;
		s += n + 1;
		n = strcspn(s, "\002");
		buf_clear(&ref);
		buf_wipe(&v);
		if (buf_add(&ref, s, n) || buf_reserve(&v, ROOM))
			rc = err_nomem(e, "a secret");
		else if (sec == NULL)
			buf_adds(&v, secret_shown(ref.p));
		else
			rc = secrets_resolve(sec, ref.p, &v, e);
		if (rc == 0 && in_header && v.p != NULL &&
		    v.p[strcspn(v.p, "\r\n")] != '\0')
			rc = err_set(e, ERR_CONFIG, "secret", "%.200s holds a "
			    "line break", secret_shown(ref.p));
		if (rc == 0 && v.len > 0)
			buf_add(out, v.p, v.len);
	}
	buf_wipe(&ref);
	buf_wipe(&v);
	return (rc != 0 ? -1 : out->failed ? err_nomem(e, "a secret") : 0);
}

static int
to_base64(const struct buf * in, struct buf * out, struct err * e)
{
	if (in->failed || buf_reserve(out, in->len * 4 / 3 + 5))
		return (err_nomem(e, "a password"));
	out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->p + out->len,
	    (const unsigned char *)(in->p ? in->p : ""), (int)in->len);
	return (0);
}

static int
sign_one(const struct request_line * l, const struct secrets * s,
    struct buf * out, struct err * e)
{
	const char * cut = strchr(l->line, REQUEST_BASE64);
	struct buf plain = BUF_INIT(MAX_LINE);
	int rc;

	out->max = MAX_LINE;
	if (buf_reserve(out, ROOM) || buf_reserve(&plain, ROOM)) {
		rc = err_nomem(e, "a secret");
	} else if (cut == NULL) {
		rc = fill_in(l->line, s, 1, out, e);
	} else {
		buf_add(out, l->line, (size_t)(cut - l->line));
		if ((rc = fill_in(cut + 1, s, 1, &plain, e)) == 0)
			rc = to_base64(&plain, out, e);
	}
	buf_wipe(&plain);
	if (rc != 0)
		err_prefix(e, "%.*s resolve", l->what ? 64 :
		    (int)strcspn(l->line, ":"), l->what ? l->what : l->line);
	return (rc);
}

static int
json_string_filled(const json_t * v, const struct secrets * s,
    struct buf * out, struct err * e)
{
	const char * text = json_string_value(v);
	struct buf plain = BUF_INIT(MAX_LINE);
	int rc;

	if (strchr(text, TEMPLATE_MARK) == NULL) {
		buf_add_json_str(out, text, json_string_length(v));
		return (0);
	}
	rc = buf_reserve(&plain, ROOM) ? err_nomem(e, "a secret") :
	    fill_in(text, s, 0, &plain, e);
	if (rc == 0)
		buf_add_json_str(out, plain.p, plain.len);
	buf_wipe(&plain);
	return (rc);
}

int
request_sign_json(const json_t * v, const struct secrets * s,
    struct buf * out, struct err * e)
{
	json_t * sub, * o = (json_t *)(uintptr_t)v;
	const char * k, * sep = "";
	size_t i;
	char * text;

	if (json_is_string(v))
		return (json_string_filled(v, s, out, e));
	if (json_is_object(v) || json_is_array(v)) {
		buf_addc(out, json_is_object(v) ? '{' : '[');
		json_object_foreach(o, k, sub) {
			buf_adds(out, sep);
			buf_add_json_str(out, k, strlen(k));
			buf_addc(out, ':');
			if (request_sign_json(sub, s, out, e))
				return (-1);
			sep = ",";
		}
		json_array_foreach(v, i, sub) {
			buf_adds(out, sep);
			if (request_sign_json(sub, s, out, e))
				return (-1);
			sep = ",";
		}
		buf_addc(out, json_is_object(v) ? '}' : ']');
		return (out->failed ? err_nomem(e, "a body") : 0);
	}
	if ((text = json_dumps(v, JSON_ENCODE_ANY)) == NULL)
		return (err_nomem(e, "a body"));
	buf_adds(out, text);
	free(text);
	return (out->failed ? err_nomem(e, "a body") : 0);
}

int
request_sign(const struct request * r, const struct secrets * s,
    struct request_signed * out, struct err * e)
{
	memset(out, 0, sizeof(*out));
	if (s == NULL && (r->nsign > 0 || r->body_secret != NULL))
		return (err_set(e, ERR_CONFIG, "secret", "there is nothing to "
		    "resolve references with"));
	for (; out->n < r->nsign; out->n++)
		if (sign_one(&r->sign[out->n], s, &out->lines[out->n], e)) {
			buf_wipe(&out->lines[out->n]);
			break;
		}
	out->body.max = REQUEST_MAX_TEXT;
	if (out->n == r->nsign && (r->body_secret == NULL ||
	    (buf_reserve(&out->body, ROOM) == 0 &&
	    request_sign_json(r->body_secret, s, &out->body, e) == 0)))
		return (0);
	if (out->n == r->nsign)
		err_prefix(e, "body resolve");
	while (out->n > 0)
		buf_wipe(&out->lines[--out->n]);
	buf_wipe(&out->body);
	return (-1);
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
	if (s != NULL && r->body_secret != NULL) {
		hr->body = s->body.p;
		hr->body_len = s->body.len;
	}
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
