#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/quote.h"
#include "conn/request_build.h"

/* When a request is sent: its secrets. */

/* Longer than any header value a service takes. */
#define MAX_LINE 131072
/* So much at first, that secrets are not copied about when a buffer grows. */
#define ROOM 4096

/* What a name stands for that is known only now. */
static const char *
late_of(const char * ref, const struct sign_vars * w)
{
	const struct token_value * t = w->v->token;

	if (*ref != '{')
		return (NULL);
	if (strcmp(ref, "{{token}}") == 0)
		return (t ? t->text : NULL);
	if (strcmp(ref, "{{jwt}}") == 0)
		return (w->v->jwt);
	if (strcmp(ref, "{{method}}") == 0)
		return (w->method);
	if (strcmp(ref, "{{url}}") == 0)
		return (w->url);
	if (strcmp(ref, "{{body}}") == 0)
		return (w->body);
	if (strcmp(ref, "{{timestamp}}") == 0)
		return (w->timestamp);
	return (strcmp(ref, "{{signature}}") == 0 ? w->signature : NULL);
}

static int
resolve(const char * ref, const struct sign_vars * w, struct buf * out,
    struct err * e)
{
	const char * late = late_of(ref, w);

	if (late != NULL)
		return (buf_adds(out, late) ? err_nomem(e, "a secret") : 0);
	if (w->v->secrets == NULL)
		return (err_set(e, ERR_CONFIG, "secret", "there is nothing to "
		    "resolve references with"));
	return (secrets_resolve(w->v->secrets, ref, out, e));
}

int
request_sign_text(const char * s, const struct sign_vars * w, int in_header,
    struct buf * out, struct err * e)
{
	struct buf ref = BUF_INIT(MAX_LINE), v = BUF_INIT(REQUEST_MAX_TEXT);
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
		else if (w == NULL)
			buf_adds(&v, secret_shown(ref.p));
		else
			rc = resolve(ref.p, w, &v, e);
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
sign_one(const struct request_line * l, const struct sign_vars * s,
    struct buf * out, struct err * e)
{
	const char * cut = strchr(l->line, REQUEST_BASE64);
	struct buf plain = BUF_INIT(MAX_LINE);
	int rc;

	out->max = MAX_LINE;
	if (buf_reserve(out, ROOM) || buf_reserve(&plain, ROOM)) {
		rc = err_nomem(e, "a secret");
	} else if (cut == NULL) {
		rc = request_sign_text(l->line, s, 1, out, e);
	} else {
		buf_add(out, l->line, (size_t)(cut - l->line));
		if ((rc = request_sign_text(cut + 1, s, 1, &plain, e)) == 0)
			rc = to_base64(&plain, out, e);
	}
	buf_wipe(&plain);
	if (rc != 0)
		err_prefix(e, "%.*s resolve", l->what ? 64 :
		    (int)strcspn(l->line, ":"), l->what ? l->what : l->line);
	return (rc);
}

static int
json_string_filled(const json_t * v, const struct sign_vars * s,
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
	    request_sign_text(text, s, 0, &plain, e);
	if (rc == 0)
		buf_add_json_str(out, plain.p, plain.len);
	buf_wipe(&plain);
	return (rc);
}

int
request_sign_json(const json_t * v, const struct sign_vars * s,
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

static int
sign_field(const char * name, const char * text, const struct sign_vars * s,
    struct buf * out, struct err * e)
{
	struct buf plain = BUF_INIT(REQUEST_MAX_TEXT);
	int rc;

	rc = buf_reserve(&plain, ROOM) ? err_nomem(e, "a body") :
	    request_sign_text(text, s, 0, &plain, e);
	if (rc == 0) {
		if (out->len > 0)
			buf_addc(out, '&');
		quote_percent(out, name, strlen(name), "");
		buf_addc(out, '=');
		quote_percent(out, plain.p, plain.len, "");
	}
	buf_wipe(&plain);
	return (rc);
}

int
request_sign_form(const json_t * v, const struct sign_vars * s,
    struct buf * out, struct err * e)
{
	const char * k;
	json_t * sub, * one;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)v, k, sub) {
		if (json_is_string(sub) && sign_field(k,
		    json_string_value(sub), s, out, e))
			return (-1);
		json_array_foreach(sub, i, one)
			if (json_is_string(one) && sign_field(k,
			    json_string_value(one), s, out, e))
				return (-1);
	}
	return (out->failed ? err_nomem(e, "a body") : 0);
}

/* A parameter with its secret behind the URL. */
static int
sign_param(const struct request_line * l, const struct sign_vars * w,
    struct buf * url, struct err * e)
{
	struct buf v = BUF_INIT(MAX_LINE);
	const char * value = strchr(l->line, '=') + 1;
	int rc = -1;

	if (buf_reserve(&v, ROOM))
		err_nomem(e, "a secret");
	else if ((rc = request_sign_text(value, w, 1, &v, e)) == 0) {
		buf_addc(url, strchr(url->p, '?') != NULL ? '&' : '?');
		quote_percent(url, l->line, (size_t)(value - 1 - l->line), "");
		buf_addc(url, '=');
		quote_percent(url, v.p, v.len, "");
		rc = url->failed ? err_nomem(e, "a URL") : 0;
	} else {
		err_prefix(e, "%.64s resolve", l->what);
	}
	buf_wipe(&v);
	return (rc);
}

static int
sign_url(const struct request * r, const struct sign_vars * w,
    struct request_signed * out, struct err * e)
{
	size_t i;

	out->url.max = REQUEST_MAX_URL + MAX_LINE;
	for (i = 0; i < r->nsign; i++) {
		if (!r->sign[i].in_query)
			continue;
		if (out->url.len == 0 && (buf_reserve(&out->url,
		    strlen(r->url) + ROOM) || buf_adds(&out->url, r->url)))
			return (err_nomem(e, "a URL"));
		if (sign_param(&r->sign[i], w, &out->url, e))
			return (-1);
	}
	return (0);
}

static int
sign_body(const struct request * r, const struct sign_vars * w,
    struct request_signed * out, struct err * e)
{
	int rc;

	out->body.max = REQUEST_MAX_TEXT;
	if (r->body_secret == NULL)
		return (0);
	if (buf_reserve(&out->body, ROOM))
		rc = err_nomem(e, "a body");
	else if (r->body_form)
		rc = request_sign_form(r->body_secret, w, &out->body, e);
	else
		rc = request_sign_json(r->body_secret, w, &out->body, e);
	return (rc ? err_prefix(e, "body resolve") : 0);
}

static int
sign_lines(const struct request * r, const struct sign_vars * w,
    struct request_signed * out, struct err * e)
{
	size_t i;

	for (i = 0; i < r->nsign; i++) {
		if (r->sign[i].in_query)
			continue;
		if (sign_one(&r->sign[i], w, &out->lines[out->n++], e))
			return (-1);
	}
	return (0);
}

/* The parts that speak of each other: URL, body, what is signed, headers. */
static int
sign_all(const struct request * r, struct sign_vars * w,
    struct request_signed * out, struct err * e)
{
	struct buf proof = BUF_INIT(4096);
	int is_text = r->proof != NULL && json_object_get(r->proof, "text"), rc;

	w->method = r->method;
	if (sign_url(r, w, out, e) || sign_body(r, w, out, e))
		return (-1);
	w->url = out->url.len > 0 ? out->url.p : r->url;
	w->body = r->body_secret ? out->body.p : r->body;
	if (w->body == NULL)
		w->body = "";
	if (is_text)
		snprintf(w->timestamp, sizeof(w->timestamp), "%lld",
		    (long long)((w->v->now_ms + (w->v->token ?
		    w->v->token->delta_ms : 0)) / 1000));
	if (is_text && request_proof_text(r, w, &proof, e)) {
		buf_wipe(&proof);
		return (-1);
	}
	w->signature = proof.p;
	rc = sign_lines(r, w, out, e);
	buf_wipe(&proof);
	if (rc == 0 && r->proof != NULL && !is_text)
		rc = request_proof_sigv4(r, w, out, e);
	return (rc);
}

static void
wipe(struct request_signed * s)
{
	while (s->n > 0)
		buf_wipe(&s->lines[--s->n]);
	buf_wipe(&s->body);
	buf_wipe(&s->url);
}

int
request_sign_with(const struct request * r, const struct request_vars * v,
    struct request_signed * out, struct err * e)
{
	struct sign_vars w;

	memset(out, 0, sizeof(*out));
	if (r->nsign == 0 && r->body_secret == NULL && r->proof == NULL)
		return (0);
	memset(&w, 0, sizeof(w));
	w.v = v;
	if (sign_all(r, &w, out, e) == 0)
		return (0);
	wipe(out);
	return (-1);
}

int
request_sign(const struct request * r, const struct secrets * s,
    struct request_signed * out, struct err * e)
{
	struct request_vars v = { .secrets = s, .now_ms = clock_wall_ms() };

	return (request_sign_with(r, &v, out, e));
}

void
request_fill(struct request * r, struct request_signed * s,
    struct http_req * hr)
{
	size_t i;

	hr->method = r->method;
	hr->url = s != NULL && s->url.len > 0 ? s->url.p : r->url;
	hr->body = r->body;
	hr->body_len = r->body_len;
	if (s != NULL && r->body_secret != NULL) {
		hr->body = s->body.p;
		hr->body_len = s->body.len;
	}
	hr->timeout_ms = r->timeout_ms;
	hr->no_compress = r->no_compress != 0;
	hr->ca_file = r->c->opt.ca_file;
	hr->client_cert = r->c->opt.client_cert;
	hr->client_key = r->c->opt.client_key;
	hr->insecure = r->c->opt.insecure != 0;
	for (i = 0; s != NULL && i < s->n; i++)
		r->headers[r->nheaders + i] = s->lines[i].p;
	hr->headers = (const char * const *)r->headers;
}

void
request_unsign(struct request * r, struct request_signed * s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		r->headers[r->nheaders + i] = NULL;
	wipe(s);
}
