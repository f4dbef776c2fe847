#include <string.h>

#include "api/api_internal.h"
#include "base/json.h"

/* /v1/types: the manifests. */

static void
list(const struct api_call * c)
{
	const struct types * t = runner_types(c->a->o.runner);
	json_t * items = json_array(), * ents;
	const struct manifest * m;
	size_t i, k;

	for (i = 0; i < types_count(t); i++) {
		m = types_at(t, i);
		ents = json_array();
		for (k = 0; k < m->nentities; k++)
			json_array_append_new(ents,
			    json_string(m->entities[k].name));
		json_array_append_new(items, json_pack(
		    "{s:s, s:s, s:s, s:s, s:o}", "type", m->type, "title",
		    m->title, "description", m->description ? m->description :
		    "", "drive_model", m->drive_model, "entities", ents));
	}
	api_reply_json(c->q, 200, json_pack("{s:o}", "items", items));
}

/* Say of each field whether what stands there is kept from sight. */
static void
mark(json_t * fields)
{
	const char * key, * type, * name;
	json_t * f, * v;

	json_object_foreach(fields, key, f) {
		type = json_str(f, "type");
		if (type != NULL && strncmp(type, "secret", 6) == 0)
			json_object_set_new(f, "secret", json_true());
		json_object_foreach(json_object_get(f, "variants"), name, v)
			mark(v);
	}
}

static void
show(const struct api_call * c)
{
	const struct manifest * m = types_get(runner_types(c->a->o.runner),
	    c->id);
	json_t * doc;

	if (m == NULL) {
		httpd_error(c->q, 404, "not_found",
		    "there is no type '%.64s'; GET /v1/types lists them",
		    c->id);
		return;
	}
	/* Other parts point into the document: only the config is copied. */
	if ((doc = json_copy(m->doc)) != NULL) {
		json_object_set_new(doc, "config",
		    json_deep_copy(m->config));
		mark(json_object_get(doc, "config"));
	}
	api_reply_json(c->q, 200, doc);
}

const struct api_route api_type_routes[] = {
	{ HTTPD_GET, "/v1/types", list },
	{ HTTPD_GET, "/v1/types/:id", show },
	{ HTTPD_OTHER, NULL, NULL },
};
