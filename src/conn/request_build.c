#include "conn/request_build.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define MAX_DEPTH 16
#define MAX_FORM ((size_t)16 << 20)
#define FORM "application/x-www-form-urlencoded"

int
request_build_begin(struct request_build * b, struct connector * c,
    const json_t * config, const json_t * in, struct err * e)
{
	memset(b, 0, sizeof(*b));
	b->url.max = REQUEST_MAX_URL;
	b->env.config = config;
	b->env.schema = c->m->config;
	b->env.in = in;
	b->env.now_ms = clock_wall_ms();
	b->auth = c->m->auth;
	b->query = json_object();
	b->headers = json_object();
	if ((b->r = calloc(1, sizeof(*b->r))) == NULL || config == NULL ||
	    b->query == NULL || b->headers == NULL)
		return (err_nomem(e, "a request"));
	b->r->c = connector_ref(c);
	return (0);
}

/* Whether base_url_or is shown until a token has said where the service is; that
 * takes the place of all of it. */
static int
stands_in(const struct request_build * b, const struct manifest * m)
{
	return (b->env.token_base != NULL && b->r->c->token_base == NULL &&
	    strcmp(m->base_url, "{{token.base_url}}") == 0 &&
	    template_knows(m->base_url_or, &b->env));
}

int
request_build_text(struct request_build * b, const char * t,
    const json_t ** place, json_t * v, struct buf * out, struct err * e)
{
	int rc;

	if (v == NULL)
		return (err_nomem(e, "a request"));
	*place = v;
	rc = template_expand(t, &b->env, QUOTE_TEXT, out, e);
	*place = NULL;
	json_decref(v);
	return (rc);
}

int
request_build_url(struct request_build * b, const char * t, struct err * e)
{
	const struct manifest * m = b->r->c->m;
	const char * base = m->base_url;

	if (t[0] == '/' && base != NULL && m->is_base_of_token &&
	    request_auth_base(b, e))
		return (-1);
	if (base != NULL && m->base_url_or != NULL &&
	    (!template_knows(base, &b->env) || stands_in(b, m)))
		base = m->base_url_or;
	if (t[0] == '/' && base != NULL) {
		if (template_expand(base, &b->env, QUOTE_URL, &b->url, e))
			return (err_prefix(e, "base_url"));
		if (b->url.len > 0 && strpbrk(b->url.p, "?#") != NULL)
			return (err_set(e, ERR_CONFIG, "bad_url", "base_url "
			    "has a '?' or '#', behind which no path can stand: "
			    "end the connector's URL before it"));
		while (b->url.len > 0 && b->url.p[b->url.len - 1] == '/')
			b->url.p[--b->url.len] = '\0';
		if (b->env.token_base != NULL)
			b->r->nbase = base == m->base_url ?
			    strlen(b->env.token_base) : b->url.len;
	}
	if (template_expand(t, &b->env, QUOTE_URL, &b->url, e))
		return (err_prefix(e, "url"));
	return (0);
}

static int
set_header(json_t * headers, const char * name, json_t * v)
{
	const char * k;
	json_t * old;
	void * tmp;

	json_object_foreach_safe(headers, tmp, k, old)
		if (strcasecmp(k, name) == 0)
			json_object_del(headers, k);
	return (json_object_set(headers, name, v));
}

/* At the dotted ${path} in ${body}, making what is not there. */
static int
set_path(json_t * body, const char * path, json_t * v)
{
	json_t * at = body, * next;
	size_t n, depth;

	for (depth = 0; depth < MAX_DEPTH; depth++) {
		n = strcspn(path, ".");
		if (path[n] == '\0')
			return (json_object_set(at, path, v));
		next = json_object_getn(at, path, n);
		if (!json_is_object(next)) {
			next = json_object();
			if (json_object_setn_new(at, path, n, next))
				return (-1);
		}
		at = next;
		path += n + 1;
	}
	return (-1);
}

int
request_build_set(struct request_build * b, enum param_where where,
    const char * name, json_t * v, struct err * e)
{
	json_t * text;
	int rc = -1;

	/* References in there are resolved when it is sent; a header's template
	 * has looked itself. */
	if (v != NULL && ((where == IN_BODY && b->body_marked) ||
	    (where == IN_HEADER && !b->env.mark)) && template_has_mark(v)) {
		json_decref(v);
		return (err_set(e, ERR_CONFIG, "template", "what goes into %s "
		    "holds a control character", name));
	}
	if (where == IN_BODY) {
		if (b->body == NULL)
			b->body = json_object();
		rc = v == NULL ? -1 : set_path(b->body, name, v);
	} else if ((text = request_form_texts(v)) != NULL) {
		rc = where == IN_HEADER ? set_header(b->headers, name, text) :
		    json_object_set(b->query, name, text);
		json_decref(text);
	}
	json_decref(v);
	return (rc ? err_set(e, ERR_CONFIG, "template", "%s cannot be set: it "
	    "is no text, number or boolean", name) : 0);
}

int
request_build_add(struct request_build * b, const char * path, json_t * v,
    struct err * e)
{
	json_t * at = b->body;
	const char * p = path;
	size_t n, depth;
	char * end;
	unsigned long i;

	/* References in there are resolved when it is sent. */
	if (b->body_marked && template_has_mark(v)) {
		json_decref(v);
		return (err_set(e, ERR_CONFIG, "template", "what goes into %s "
		    "holds a control character", path));
	}
	for (depth = 0; depth < MAX_DEPTH && *p != '\0'; depth++) {
		n = strcspn(p, ".");
		i = strtoul(p, &end, 10);
		at = json_is_array(at) && end == p + n ?
		    json_array_get(at, i) : json_object_getn(at, p, n);
		p += n + (p[n] == '.');
	}
	if (!json_is_array(at) || *p != '\0') {
		json_decref(v);
		return (err_set(e, ERR_CONFIG, "template", "the body has no "
		    "list at %s: write it there", path));
	}
	return (json_array_append_new(at, v) ? err_nomem(e, "a request") : 0);
}

/* Of templates name -> template, those that are there. */
static int
set_all(struct request_build * b, enum param_where where, const json_t * t,
    struct err * e)
{
	json_t * all, * v;
	const char * name;
	void * tmp;

	if (t == NULL || json_object_size(t) == 0)
		return (0);
	if ((all = template_json(t, &b->env, e)) == NULL)
		return (-1);
	json_object_foreach_safe(all, tmp, name, v)
		if (!json_is_null(v) && request_build_set(b, where, name,
		    json_incref(v), e)) {
			json_decref(all);
			return (-1);
		}
	json_decref(all);
	return (0);
}

int
request_build_params(struct request_build * b, const json_t * t,
    struct err * e)
{
	if (t != NULL && template_has_secret(t, &b->env))
		return (err_set(e, ERR_CONFIG, "template", "a secret cannot "
		    "stand in a URL"));
	return (set_all(b, IN_QUERY, t, e) ? err_prefix(e, "query") : 0);
}

int
request_build_headers(struct request_build * b, const json_t * t,
    struct err * e)
{
	int rc;

	b->env.mark = 1;
	rc = set_all(b, IN_HEADER, t, e);
	b->env.mark = 0;
	return (rc ? err_prefix(e, "headers") : 0);
}

int
request_build_body(struct request_build * b, const json_t * t, struct err * e)
{
	if (t == NULL)
		return (0);
	b->env.mark = b->body_marked = template_has_secret(t, &b->env);
	b->body = template_json(t, &b->env, e);
	b->env.mark = 0;
	return (b->body == NULL ? err_prefix(e, "body") : 0);
}

int
request_build_timeout(struct request_build * b, const json_t * t,
    struct err * e)
{
	const struct connector * c = b->r->c;
	struct buf s = BUF_INIT(64);

	b->r->timeout_ms = c->opt.timeout_ms ? c->opt.timeout_ms : 30000;
	if (json_is_integer(t)) {
		b->r->timeout_ms = json_integer_value(t);
	} else if (json_is_string(t)) {
		if (template_expand(json_string_value(t), &b->env, QUOTE_TEXT,
		    &s, e)) {
			buf_free(&s);
			return (err_prefix(e, "timeout_ms"));
		}
		b->r->timeout_ms = strtoll(s.p ? s.p : "", NULL, 10);
		buf_free(&s);
	}
	return (0);
}

/* ---- the end ---- */

static int
add_line(struct request * r, const char * name, const char * value, size_t n,
    struct err * e)
{
	struct buf b = BUF_INIT(REQUEST_MAX_TEXT);
	size_t i;

	for (i = 0; i < n; i++)
		if (((unsigned char)value[i] < ' ' || value[i] == 0x7f) &&
		    value[i] != TEMPLATE_MARK && value[i] != TEMPLATE_MARK_END)
			return (err_set(e, ERR_CONFIG, "template", "header %s "
			    "would hold a line break", name));
	buf_addf(&b, "%s: ", name);
	buf_add(&b, value, n);
	if (b.failed)
		return (err_nomem(e, "a request"));
	if (memchr(b.p, TEMPLATE_MARK, b.len) == NULL) {
		r->headers[r->nheaders++] = b.p;
	} else if (r->nsign < REQUEST_SIGN_MAX) {
		r->sign[r->nsign++].line = b.p;
	} else {
		buf_free(&b);
		return (err_set(e, ERR_CONFIG, "template", "more than %d "
		    "headers hold secrets", REQUEST_SIGN_MAX));
	}
	return (0);
}

static int
end_headers(struct request_build * b, struct err * e)
{
	struct request * r = b->r;
	const char * name;
	json_t * v;
	size_t n = json_object_size(b->headers);

	if ((r->headers = calloc(n + REQUEST_SIGN_MAX + 2,
	    sizeof(*r->headers))) == NULL)
		return (err_nomem(e, "a request"));
	json_object_foreach(b->headers, name, v)
		if (!json_is_string(v) || add_line(r, name,
		    json_string_value(v), json_string_length(v), e))
			return (json_is_string(v) ? -1 : err_set(e, ERR_CONFIG,
			    "template", "header %s has several values", name));
	return (0);
}

/* A body whose members are the fields of a form. */
static int
end_form(struct request_build * b, struct err * e)
{
	struct buf out = BUF_INIT(MAX_FORM);
	struct request * r = b->r;
	json_t * fields = json_object();
	int rc;

	if (!json_is_object(b->body))
		rc = err_set(e, ERR_CONFIG, "template", "a form's body must be "
		    "an object");
	else
		rc = request_form_fields(b->body, r->c->m->form_numbered,
		    fields, e);
	if (rc == 0 && b->body_marked) {
		/* Written when it is sent, with its secrets. */
		r->body_secret = fields;
		r->body_form = 1;
		return (0);
	}
	if (rc == 0) {
		request_url_form(&out, fields);
		if (out.failed || (out.p == NULL && buf_adds(&out, "")))
			rc = err_nomem(e, "a request");
	}
	json_decref(fields);
	if (rc != 0) {
		buf_free(&out);
		return (-1);
	}
	r->body = out.p;
	r->body_len = out.len;
	return (0);
}

/* A text that its header does not call JSON is sent as it is. */
static int
is_plain(const struct request_build * b, const char * type)
{
	return (type != NULL && (b->raw || strcasestr(type, "json") == NULL) &&
	    json_is_string(b->body) && !b->body_marked);
}

static int
end_body(struct request_build * b, struct err * e)
{
	struct request * r = b->r;
	const char * k;
	json_t * v;
	const char * type = NULL;

	if (b->body == NULL)
		return (0);
	json_object_foreach(b->headers, k, v)
		if (strcasecmp(k, "Content-Type") == 0)
			type = json_string_value(v);
	if (type != NULL && strcasecmp(type, FORM) == 0)
		return (end_form(b, e));
	if (type == NULL && json_object_set_new(b->headers, "Content-Type",
	    json_string("application/json")))
		return (err_nomem(e, "a request"));
	if (b->body_marked) {
		r->body_secret = json_incref(b->body);
		return (0);
	}
	r->body = is_plain(b, type) ? strdup(json_string_value(b->body)) :
	    json_dumps(b->body, JSON_COMPACT | JSON_ENCODE_ANY);
	if (r->body == NULL)
		return (err_nomem(e, "a request"));
	r->body_len = strlen(r->body);
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

static int
end_url(struct request_build * b, struct err * e)
{
	request_url_query(&b->url, b->query);
	if (b->url.failed)
		return (err_set(e, ERR_PERMANENT, "too_big", "the URL of a "
		    "request would be longer than %d bytes", REQUEST_MAX_URL));
	if (b->url.len == 0 && buf_adds(&b->url, ""))
		return (err_nomem(e, "a request"));
	if (b->env.shows)
		request_url_names(b->url.p, b->env.in);
	b->r->url = b->url.p;
	b->url.p = NULL;
	b->r->no_compress = is_loopback(b->r->url);
	return (0);
}

/* What was not needed goes back: scrapes keep their requests. */
static int
begin_sign(struct request_build * b, struct err * e)
{
	b->r->sign = calloc(REQUEST_SIGN_MAX, sizeof(*b->r->sign));
	return (b->r->sign == NULL ? err_nomem(e, "a request") : 0);
}

static void
end_sign(struct request * r)
{
	struct request_line * less;

	if (r->nsign == 0) {
		free(r->sign);
		r->sign = NULL;
	} else if ((less = realloc(r->sign, r->nsign * sizeof(*less))) != NULL) {
		r->sign = less;
	}
}

struct request *
request_build_end(struct request_build * b, const char * method, int ok,
    struct err * e)
{
	struct request * r = b->r;

	if (ok && (begin_sign(b, e) || end_url(b, e) || end_body(b, e) ||
	    end_headers(b, e) || request_auth(b, b->auth, e)))
		ok = 0;
	if (ok) {
		end_sign(r);
		r->method = method != NULL ? method : r->body != NULL ||
		    r->body_secret != NULL ? "POST" : "GET";
	} else {
		request_free(r);
		r = NULL;
	}
	buf_free(&b->url);
	json_decref(b->query);
	json_decref(b->headers);
	json_decref(b->body);
	return (r);
}
