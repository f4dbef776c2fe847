#include "manifest/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "manifest/manifest_parts.h"
#include "manifest/template.h"

/* A service that is where the token says it is. */
static void
check_base(struct mread * r)
{
	static const char begin[] = "{{token.base_url}}";
	struct manifest * m = r->m;
	const char * t = m->base_url;

	if (t == NULL)
		return;
	m->is_base_of_token = strncmp(t, begin, sizeof(begin) - 1) == 0;
	if (template_text_uses(t + (m->is_base_of_token ? sizeof(begin) - 1 :
	    0), "token"))
		mread_fault(r, "base_url", "may only begin with "
		    "{{token.base_url}}, and not speak of the token");
}

static void
read_head(struct mread * r, const json_t * d)
{
	static const char * const models[] = { "periodic", "on_demand", NULL };
	static const char * const forms[] = { "repeat", "numbered", NULL };
	json_t * inputs = manifest_auth_inputs(r);
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_SERVICE }, base;
	struct manifest * m = r->m;
	const json_t * fmt = json_object_get(d, "format");
	int i;

	if (!json_is_integer(fmt) || json_integer_value(fmt) != 1)
		mread_fault(r, "format", "must be 1, the one this moltler "
		    "reads");
	m->type = mread_str(r, d, "type", 1);
	if (m->type != NULL && !manifest_name_ok(m->type))
		mread_fault(r, "type", "a name holds letters, digits and _ "
		    "and begins with a letter");
	m->title = mread_str(r, d, "title", 1);
	m->description = mread_str(r, d, "description", 0);
	i = mread_word(r, d, "drive_model", models, -1);
	m->drive_model = models[i < 0 ? 0 : i];
	m->config = mread_map(r, d, "config", 0);
	manifest_schema_read(r, d);
	m->auth = manifest_auth_read(r, d);
	base.roots = s.roots | ROOT_TOKEN | ROOT_IN;
	base.inputs = inputs;
	m->base_url = mread_url(r, d, "base_url", 0, &base);
	check_base(r);
	base.roots = s.roots | ROOT_IN;
	m->base_url_or = mread_url(r, d, "base_url_or", 0, &base);
	if (m->base_url_or != NULL && m->base_url == NULL)
		mread_fault(r, "base_url_or", "stands in for base_url, which "
		    "there is none of");
	m->headers = mread_params(r, d, "headers", 1, &s);
	m->form_numbered = mread_word(r, d, "form", forms, 0) == 1;
	json_decref(inputs);
	manifest_limits_read(r, d);
	manifest_error_read(r, d);
}

static void
read_test(struct mread * r, const json_t * d)
{
	static const char * const methods[] = { "GET", "POST", NULL };
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_NOW };
	const json_t * t = json_object_get(d, "test"), * v;
	struct manifest * m = r->m;
	struct json_path * p;
	const char * key;
	struct err e;
	size_t at;

	if (t == NULL)
		return;
	at = mread_enter(r, "test");
	if (mread_is_object(r, t, KEYS_TEST)) {
		m->test_entity = mread_str(r, t, "entity", 0);
		m->test_url = mread_url(r, t, "url", 0, &s);
		m->test_body = mread_body(r, t, "body", &s);
		m->test_method = mread_method(r, t, methods,
		    m->test_body != NULL ? "POST" : "GET");
		m->test_expect = mread_map(r, t, "expect", 0);
		m->test_service = mread_str(r, t, "service", 0);
		m->test_headers = mread_params(r, t, "headers", 1, &s);
		manifest_limits_toll(r, t, &m->test_toll);
		if (m->test_url == NULL && (m->test_service != NULL ||
		    m->test_headers != NULL))
			mread_fault(r, m->test_service ? "service" : "headers",
			    "goes with a url");
		if (json_object_get(t, "entity") != NULL &&
		    json_object_get(t, "url") != NULL)
			mread_fault(r, NULL, "has both entity and url: one "
			    "call is enough");
		else if (json_object_get(t, "entity") == NULL &&
		    json_object_get(t, "url") == NULL)
			mread_fault(r, NULL, "needs an entity or a url");
		if (m->test_expect != NULL && m->test_url == NULL)
			mread_fault(r, "expect", "goes with a url");
		if (m->test_body != NULL && (m->test_url == NULL ||
		    strcmp(m->test_method, "GET") == 0))
			mread_fault(r, "body", "goes with a url and method "
			    "POST");
		if (m->test_entity != NULL &&
		    manifest_entity(m, m->test_entity) == NULL)
			mread_fault(r, "entity", "there is no entity '%.64s'",
			    m->test_entity);
	}
	json_object_foreach(json_object_get(t, "expect"), key, v) {
		if ((p = json_path_parse(key, &e)) == NULL)
			mread_fault(r, "expect", "%s", e.msg);
		json_path_free(p);
	}
	mread_leave(r, at);
}

static void
read_doc(struct mread * r)
{
	const json_t * d = r->m->doc, * fmt;

	/* A format to come may be quite another thing: say only that. */
	fmt = json_object_get(d, "format");
	if (json_is_integer(fmt) && json_integer_value(fmt) != 1) {
		mread_fault(r, "format", "must be 1, the one this moltler "
		    "reads");
		return;
	}
	if (!mread_is_object(r, d, KEYS_MANIFEST))
		return;
	read_head(r, d);
	manifest_entity_read(r, d);
	read_test(r, d);
}

static uint64_t serials;

struct manifest *
manifest_check(const char * s, size_t n, const char * file,
    manifest_fault_cb * fault, void * arg, struct err * e)
{
	struct mread r = { .fault = fault, .arg = arg };
	struct err mine;

	r.e = e != NULL ? e : &mine;
	if ((r.m = calloc(1, sizeof(*r.m))) == NULL) {
		err_nomem(e, "a manifest");
		return (NULL);
	}
	r.m->refs = 1;
	r.m->serial = ++serials;
	r.len = (size_t)snprintf(r.path, sizeof(r.path), "$");
	if ((r.m->doc = json_parse(s, n, "the manifest", r.e)) == NULL) {
		r.nfaults++;
		if (fault != NULL)
			fault(arg, 0, r.path, r.e->msg);
	} else {
		read_doc(&r);
		if (r.nfaults == 0 && fault != NULL)
			manifest_lint(&r, file);
	}
	if (r.nfaults == 0)
		return (r.m);
	err_prefix(r.e, "%s", file);
	r.e->cls = ERR_CONFIG;
	manifest_unref(r.m);
	return (NULL);
}

struct manifest *
manifest_parse(const char * s, size_t n, const char * file, struct err * e)
{
	return (manifest_check(s, n, file, NULL, NULL, e));
}

struct manifest *
manifest_ref(struct manifest * m)
{
	m->refs++;
	return (m);
}

void
manifest_unref(struct manifest * m)
{
	size_t i;

	if (m == NULL || --m->refs > 0)
		return;
	for (i = 0; i < m->nentities; i++)
		manifest_entity_free(&m->entities[i]);
	free(m->entities);
	manifest_error_free(m);
	manifest_limits_free(m);
	json_decref(m->doc);
	free(m);
}

const struct manifest_entity *
manifest_entity(const struct manifest * m, const char * name)
{
	size_t i;

	for (i = 0; i < m->nentities; i++)
		if (strcasecmp(m->entities[i].name, name) == 0)
			return (&m->entities[i]);
	return (NULL);
}

int
manifest_column(const struct manifest_entity * ent, const char * name)
{
	size_t i;

	for (i = 0; i < ent->ncolumns; i++)
		if (strcasecmp(ent->columns[i].name, name) == 0)
			return ((int)i);
	return (-1);
}

const struct manifest_action *
manifest_action(const struct manifest_entity * ent, const char * name)
{
	size_t i;

	for (i = 0; i < ent->nactions; i++)
		if (strcasecmp(ent->actions[i].name, name) == 0)
			return (&ent->actions[i]);
	return (NULL);
}
