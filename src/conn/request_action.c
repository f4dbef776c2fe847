#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "conn/request_build.h"
#include "manifest/template_internal.h"

/* Whether ${url} leads to another host than the one that the credentials and
 * the headers of every request are meant for. */
static int
is_elsewhere(const struct connector * c, const char * url)
{
	return (*url != '/' && c->m->base_url != NULL);
}

/* The headers of every request. */
static int
usual_headers(struct request_build * b, const char * url, struct err * e)
{
	const struct connector * c = b->r->c;

	if (is_elsewhere(c, url) && c->m->headers != NULL &&
	    template_has_secret(c->m->headers, &b->env))
		return (0);
	return (request_build_headers(b, c->m->headers, e));
}

/* Whether the arguments are such as have a key. */
static int
has_key(const struct manifest_idempotency * k, const json_t * args)
{
	const json_t * values, * v;
	const char * arg;
	size_t i;
	int found;

	json_object_foreach((json_t *)(uintptr_t)k->when, arg, values) {
		found = 0;
		json_array_foreach(values, i, v)
			found |= json_equal(v, json_object_get(args, arg));
		if (!found)
			return (0);
	}
	return (1);
}

/* What tells the service that it is the same again. */
static int
set_key(struct request_build * b, const struct manifest_idempotency * k,
    struct err * e)
{
	json_t * t, * v;

	if (k == NULL || !has_key(k, b->env.in))
		return (0);
	if ((t = json_string(k->value)) == NULL)
		return (err_nomem(e, "a request"));
	v = template_json(t, &b->env, e);
	json_decref(t);
	if (v == NULL)
		return (err_prefix(e, "idempotency"));
	return (request_build_set(b, k->where, k->name, v, e));
}

struct request *
request_action(struct connector * c, const struct manifest_action * act,
    const json_t * args, const struct request_given * given, struct err * e)
{
	struct request_build b;
	int ok = request_build_begin(&b, c, connector_config_parsed(c), args,
	    e) == 0;

	if (given != NULL) {
		b.env.lookup = given->lookup;
		b.env.action = given->own;
	b.env.shows = given->shows;
	}
	b.env.service = act->service;
	b.raw = act->raw;
	if (act->auth != NULL || is_elsewhere(c, act->url))
		b.auth = act->auth;
	ok = ok && request_build_url(&b, act->url, e) == 0 &&
	    request_build_params(&b, act->query, e) == 0 &&
	    usual_headers(&b, act->url, e) == 0 &&
	    request_build_headers(&b, act->headers, e) == 0 &&
	    request_build_body(&b, act->body, e) == 0 &&
	    set_key(&b, act->idempotency, e) == 0 &&
	    request_build_timeout(&b, NULL, e) == 0;
	return (request_build_end(&b, act->method, ok, e));
}

struct request *
request_lookup(struct connector * c, const struct manifest_action * act,
    const json_t * args, struct err * e)
{
	const char * url = json_str(act->lookup, "url");
	struct request_build b;
	struct request * r;
	int ok = request_build_begin(&b, c, connector_config_parsed(c), args,
	    e) == 0;

	b.env.service = act->service;
	if (url != NULL && is_elsewhere(c, url))
		b.auth = act->auth;
	ok = ok && request_build_url(&b, url ? url : "", e) == 0 &&
	    usual_headers(&b, url ? url : "/", e) == 0 &&
	    request_build_timeout(&b, NULL, e) == 0;
	r = request_build_end(&b, "GET", ok, e);
	if (r == NULL)
		err_prefix(e, "what it has to look up first");
	return (r);
}

/* The headers that ${t} speaks of: name -> value. */
static json_t *
headers_of(const char * t, const struct http_res * res)
{
	json_t * all = json_object();
	struct template_expr x;
	const char * lit, * p, * v;
	size_t nlit, i;

	while (res != NULL && template_next(&t, &lit, &nlit, &x, NULL) > 0)
		for (i = 0; i < x.npaths; i++) {
			p = template_path(&x, i);
			if (strncmp(p, "header.", 7) == 0 &&
			    (v = http_res_header(res, p + 7)) != NULL &&
			    json_object_set_new(all, p + 7, json_string(v))) {
				json_decref(all);
				return (NULL);
			}
		}
	return (all);
}

/* Where the service's answer leads to, as seen from the request before: its host
 * is the one the credentials are meant for. */
static int
follow(struct request_build * b, const struct manifest_poll * p,
    const char * own, struct err * e)
{
	struct buf ref = BUF_INIT(REQUEST_MAX_URL + 8);
	struct buf url = BUF_INIT(REQUEST_MAX_URL + 8);
	const char * said = b->url.p ? b->url.p : "";
	int rc = 0;

	if (p->base != NULL && said[0] == '/' && said[1] != '/' &&
	    (rc = template_expand(p->base, &b->env, QUOTE_URL, &ref, e)) != 0)
		err_prefix(e, "base");
	while (ref.len > 0 && ref.p[ref.len - 1] == '/')
		ref.len--;
	if (rc == 0 && buf_adds(&ref, said))
		rc = err_nomem(e, "a request");
	if (rc == 0 && request_url_resolve(own, ref.p, &url, e) == 0) {
		buf_free(&b->url);
		b->url = url;
		buf_free(&ref);
		return (0);
	}
	buf_free(&ref);
	buf_free(&url);
	return (-1);
}

static int
poll_url(struct request_build * b, const struct manifest_poll * p,
    const char * own, struct err * e)
{
	if (b->env.shows)
		return (request_build_url(b, p->url, e));
	if (!template_knows(p->url, &b->env))
		return (err_set(e, ERR_PERMANENT, "no_url", "the service did "
		    "not say where to ask"));
	if (request_build_url(b, p->url, e))
		return (-1);
	return (p->url[0] == '/' ? 0 : follow(b, p, own, e));
}

struct request *
request_poll(struct connector * c, const struct manifest_action * act,
    const json_t * args, const struct request_given * given, struct err * e)
{
	struct request_build b;
	struct request * r;
	json_t * headers = headers_of(act->poll->url, given->res);
	const char * where = act->poll->url;
	int ok = request_build_begin(&b, c, connector_config_parsed(c), args,
	    e) == 0;

	b.env.lookup = given->lookup;
	b.env.action = given->own;
	b.env.shows = given->shows;
	b.env.answer = given->answer;
	b.env.header = headers;
	if (ok && headers == NULL)
		ok = err_nomem(e, "a request") == 0;
	if (act->poll->url[0] != '/' || !is_elsewhere(c, act->url)) {
		where = act->url;
		if (act->auth != NULL || is_elsewhere(c, act->url))
			b.auth = act->auth;
	}
	ok = ok && poll_url(&b, act->poll, given->url, e) == 0 &&
	    usual_headers(&b, where, e) == 0 &&
	    request_build_timeout(&b, NULL, e) == 0;
	r = request_build_end(&b, "GET", ok, e);
	json_decref(headers);
	if (r == NULL)
		err_prefix(e, "asking what became of it");
	return (r);
}

int
request_can_probe(struct connector * c, const struct manifest_action * act,
    const json_t * args, const struct request_given * given)
{
	struct template_env env = { .config = connector_config_parsed(c),
	    .schema = c->m->config, .in = args, .lookup = given->lookup,
	    .action = given->own };

	return (template_knows(act->probe->url, &env));
}

struct request *
request_probe(struct connector * c, const struct manifest_action * act,
    const json_t * args, const struct request_given * given, struct err * e)
{
	const struct manifest_probe * p = act->probe;
	struct request_build b;
	struct request * r;
	int ok = request_build_begin(&b, c, connector_config_parsed(c), args,
	    e) == 0;

	b.env.lookup = given->lookup;
	b.env.action = given->own;
	b.env.shows = given->shows;
	if (is_elsewhere(c, p->url))
		b.auth = act->auth;
	ok = ok && request_build_url(&b, p->url, e) == 0 &&
	    request_build_params(&b, p->query, e) == 0 &&
	    (given->next == NULL || request_build_set(&b, IN_QUERY,
	    p->next_query, json_string(given->next), e) == 0) &&
	    usual_headers(&b, p->url, e) == 0 &&
	    request_build_body(&b, p->body, e) == 0 &&
	    request_build_timeout(&b, NULL, e) == 0;
	r = request_build_end(&b, p->method, ok, e);
	if (r == NULL)
		err_prefix(e, "looking whether it was done");
	return (r);
}
