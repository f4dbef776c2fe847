#include "conn/request.h"

#include <stdlib.h>
#include <string.h>

#include "conn/plan_choose.h"
#include "conn/request_build.h"

/* The inputs that have defaults, for a listing without predicates. */
static json_t *
defaults(const struct plan * p, struct err * e)
{
	size_t n;
	json_t * sets = plan_inputs(p, &n, e), * in;

	if (sets == NULL)
		return (NULL);
	in = json_incref(json_array_get(sets, 0));
	json_decref(sets);
	if (in == NULL)
		err_nomem(e, "a request");
	return (in);
}

/*
 * A plan on the stack that keeps no parsed configuration: there may be tens of
 * thousands of connectors, and each asks this once.
 */
struct request *
request_prepare(struct connector * c, const struct manifest_entity * ent,
    struct err * e)
{
	struct plan p = { .c = c, .ent = ent, .limit = -1 };
	const struct page_pos first = { 0 };
	struct request * r = NULL;
	json_t * in;

	if (ent->nlists == 0) {
		err_set(e, ERR_CONFIG, "input", "%s.%s cannot be listed",
		    c->name, ent->name);
		return (NULL);
	}
	p.list = &ent->lists[0];
	if ((p.config = connector_config(c)) == NULL)
		err_nomem(e, "a request");
	else if ((in = defaults(&p, e)) != NULL) {
		r = request_page(&p, in, &first, e);
		json_decref(in);
	}
	json_decref(p.config);
	return (r);
}

static struct request *
test_entity(struct connector * c, const struct manifest_entity * ent,
    struct err * e)
{
	const struct page_pos first = { 0 };
	struct plan * p = plan_new(c, ent, NULL, 0, NULL, 0, e);
	struct request * r = NULL;
	json_t * in;

	if (p != NULL && (in = defaults(p, e)) != NULL) {
		r = request_page(p, in, &first, e);
		json_decref(in);
	}
	plan_free(p);
	return (r);
}

/* Whether the configuration tells all that a listing of ${ent} needs. */
static int
is_told(struct connector * c, const struct manifest_entity * ent)
{
	struct err e;
	struct plan * p = plan_new(c, ent, NULL, 0, NULL, 0, &e);
	int told = p != NULL && p->list->partition == NULL;

	plan_free(p);
	return (told);
}

/* The entity to try: the manifest's, or one that this configuration reaches. */
static const struct manifest_entity *
entity_to_test(struct connector * c)
{
	struct template_env env = { .config = connector_config_parsed(c),
	    .in = NULL };
	const struct manifest_entity * named = c->m->test_entity ?
	    manifest_entity(c->m, c->m->test_entity) : c->m->main, * ent;
	size_t i;

	if (named != NULL && named->nlists > 0 &&
	    (template_knows(named->lists[0].url, &env) || is_told(c, named)))
		return (named);
	for (i = 0; i < c->m->nentities; i++) {
		ent = &c->m->entities[i];
		if (ent->nlists > 0 && ent->lists[0].partition == NULL &&
		    template_knows(ent->lists[0].url, &env))
			return (ent);
	}
	return (named);
}

struct request *
request_test(struct connector * c, struct err * e)
{
	const struct manifest_entity * ent;
	struct request_build b;
	int ok;

	if (c->m->test_url == NULL) {
		ent = entity_to_test(c);
		if (ent != NULL)
			return (test_entity(c, ent, e));
		err_set(e, ERR_CONFIG, "no_test",
		    "type %s has nothing to test with", c->m->type);
		return (NULL);
	}
	ok = request_build_begin(&b, c, connector_config_parsed(c), NULL,
	    e) == 0;
	b.env.service = c->m->test_service;
	ok = ok && request_build_url(&b, c->m->test_url, e) == 0 &&
	    request_build_headers(&b, c->m->headers, e) == 0 &&
	    request_build_headers(&b, c->m->test_headers, e) == 0 &&
	    request_build_body(&b, c->m->test_body, e) == 0 &&
	    request_build_timeout(&b, NULL, e) == 0;
	return (request_build_end(&b, c->m->test_method, ok, e));
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
	for (i = 0; i < r->nsign; i++)
		free(r->sign[i].line);
	free(r->sign);
	json_decref(r->proof);
	free(r->token_key);
	free(r->url);
	free(r->body);
	json_decref(r->body_secret);
	free(r);
}
