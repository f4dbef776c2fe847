#include <string.h>

#include "base/json.h"
#include "conn/request_build.h"

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

struct request *
request_action(struct connector * c, const struct manifest_action * act,
    const json_t * args, const json_t * lookup, struct err * e)
{
	struct request_build b;
	struct request * r;
	int ok = request_build_begin(&b, c, connector_config_parsed(c), args,
	    e) == 0;

	b.env.lookup = lookup;
	b.env.service = act->service;
	b.raw = act->raw;
	if (act->auth != NULL || is_elsewhere(c, act->url))
		b.auth = act->auth;
	ok = ok && request_build_url(&b, act->url, e) == 0 &&
	    request_build_params(&b, act->query, e) == 0 &&
	    usual_headers(&b, act->url, e) == 0 &&
	    request_build_headers(&b, act->headers, e) == 0 &&
	    request_build_body(&b, act->body, e) == 0 &&
	    request_build_timeout(&b, NULL, e) == 0;
	r = request_build_end(&b, act->method, ok, e);
	if (r == NULL)
		err_prefix(e, "%s: %s", c->name, act->name);
	return (r);
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
		err_prefix(e, "%s: %s, what it has to look up first", c->name,
		    act->name);
	return (r);
}
