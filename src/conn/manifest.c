#include "conn/manifest.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "conn/manifest_schema.h"
#include "conn/template.h"

/* An error at ${path}; the file's name is put before it by manifest_parse. */
#define FAULT(e, ...) err_set((e), ERR_CONFIG, "manifest", __VA_ARGS__)

static int
want_string(const json_t * o, const char * path, const char * key,
    int required, const char ** out, struct err * e)
{
	const json_t * v = json_object_get(o, key);

	*out = json_string_value(v);
	if (v == NULL && !required)
		return (0);
	if (v == NULL)
		return (FAULT(e, "%s.%s is missing", path, key));
	if (*out == NULL || **out == '\0')
		return (FAULT(e, "%s.%s must be a string that is not empty",
		    path, key));
	return (0);
}

static int
want_int(const json_t * o, const char * path, const char * key, int dflt,
    int min, int max, int * out, struct err * e)
{
	const json_t * v = json_object_get(o, key);

	*out = dflt;
	if (v == NULL)
		return (0);
	if (!json_is_integer(v) || json_integer_value(v) < min ||
	    json_integer_value(v) > max)
		return (FAULT(e, "%s.%s must be an integer from %d to %d",
		    path, key, min, max));
	*out = (int)json_integer_value(v);
	return (0);
}

static int
parse_columns(struct manifest_entity * ent, const json_t * cols,
    const char * path, struct err * e)
{
	static const char * const types[] = { "text", "integer", "real",
	    "boolean", "timestamp", "map", "list" };
	static const enum column_type column_types[] = { COLUMN_TEXT,
	    COLUMN_INTEGER, COLUMN_REAL, COLUMN_BOOLEAN, COLUMN_TIMESTAMP,
	    COLUMN_MAP, COLUMN_LIST };
	const char * key, * near;
	char sub[288];
	const json_t * v;
	size_t i;

	if (!json_is_object(cols) || json_object_size(cols) == 0)
		return (FAULT(e, "%s.columns must be an object with at least "
		    "one column", path));
	ent->columns = calloc(json_object_size(cols), sizeof(*ent->columns));
	if (ent->columns == NULL)
		return (err_nomem(e, "a manifest"));
	json_object_foreach((json_t *)(uintptr_t)cols, key, v) {
		struct manifest_column * c = &ent->columns[ent->ncolumns];

		snprintf(sub, sizeof(sub), "%s.columns.%.64s", path, key);
		if (!json_is_object(v))
			return (FAULT(e, "%s must be an object", sub));
		if (json_check_keys(v, sub, e, "type", "description", NULL) ||
		    want_string(v, sub, "type", 1, &c->type_name, e) ||
		    want_string(v, sub, "description", 0, &c->description, e))
			return (-1);
		for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (strcmp(types[i], c->type_name) == 0)
				break;
		if (i == sizeof(types) / sizeof(types[0])) {
			near = json_nearest(c->type_name, types, i);
			return (FAULT(e, "%s.type '%s' is no column type%s%s%s",
			    sub, c->type_name, near ? " (did you mean '" : "",
			    near ? near : "", near ? "'?)" : ""));
		}
		c->type = column_types[i];
		c->name = key;
		ent->ncolumns++;
	}
	return (0);
}

static int
parse_request(struct manifest_entity * ent, const json_t * req,
    const struct manifest * m, const char * path, struct err * e)
{
	struct manifest_list * list = calloc(1, sizeof(*list));
	const char * key;
	char sub[288];
	const json_t * v;

	if (list == NULL)
		return (err_nomem(e, "a manifest"));
	ent->lists = list;
	ent->nlists = 1;
	snprintf(sub, sizeof(sub), "%s.request", path);
	if (!json_is_object(req))
		return (FAULT(e, "%s must be an object", sub));
	if (json_check_keys(req, sub, e, "method", "url", "headers",
	    "timeout_ms", NULL) ||
	    want_string(req, sub, "method", 0, &list->method, e) ||
	    want_string(req, sub, "url", 1, &list->url, e))
		return (-1);
	if (list->method == NULL)
		list->method = "GET";
	if (strcmp(list->method, "GET") != 0 && strcmp(list->method, "POST") != 0)
		return (FAULT(e, "%s.method must be GET or POST", sub));
	if (template_check(list->url, m->config, NULL, e))
		return (err_prefix(e, "%s.url", sub));
	list->timeout_ms = json_object_get(req, "timeout_ms");
	if (json_is_string(list->timeout_ms)) {
		if (template_check(json_string_value(list->timeout_ms),
		    m->config, NULL, e))
			return (err_prefix(e, "%s.timeout_ms", sub));
	} else if (list->timeout_ms != NULL && !json_is_integer(list->timeout_ms)) {
		return (FAULT(e, "%s.timeout_ms must be an integer or a "
		    "template", sub));
	}
	list->headers = json_object_get(req, "headers");
	if (list->headers == NULL)
		return (0);
	if (!json_is_object(list->headers))
		return (FAULT(e, "%s.headers must be an object", sub));
	json_object_foreach((json_t *)(uintptr_t)list->headers, key, v) {
		if (!json_is_string(v) || *key == '\0' ||
		    key[strcspn(key, ":\r\n ")] != '\0' ||
		    strpbrk(json_string_value(v), "\r\n") != NULL)
			return (FAULT(e, "%s.headers.%s must be a header name "
			    "with a one-line string", sub, key));
		if (template_check(json_string_value(v), m->config, NULL, e))
			return (err_prefix(e, "%s.headers.%s", sub, key));
	}
	return (0);
}

static int
parse_entity(struct manifest_entity * ent, const char * name,
    const json_t * v, const struct manifest * m, struct err * e)
{
	const json_t * retry, * is_main;
	const char * decode;
	char path[160], sub[288];
	int n;

	snprintf(path, sizeof(path), "entities.%.64s", name);
	ent->name = name;
	if (!manifest_name_ok(name))
		return (FAULT(e, "%s: a name holds letters, digits and _ and "
		    "begins with a letter", path));
	if (!json_is_object(v))
		return (FAULT(e, "%s must be an object", path));
	if (json_check_keys(v, path, e, "main", "description", "request",
	    "decode", "retry", "columns", NULL) ||
	    want_string(v, path, "description", 0, &ent->description, e) ||
	    parse_request(ent, json_object_get(v, "request"), m, path, e) ||
	    want_string(v, path, "decode", 1, &decode, e) ||
	    parse_columns(ent, json_object_get(v, "columns"), path, e))
		return (-1);
	is_main = json_object_get(v, "main");
	if (is_main != NULL && !json_is_boolean(is_main))
		return (FAULT(e, "%s.main must be true or false", path));
	ent->is_main = json_is_true(is_main);
	if (strcmp(decode, "openmetrics") != 0)
		return (FAULT(e, "%s.decode '%s' is not known; known are: "
		    "openmetrics", path, decode));
	ent->decode = DECODE_OPENMETRICS;
	ent->retry_base_ms = 100;
	if ((retry = json_object_get(v, "retry")) == NULL)
		return (0);
	snprintf(sub, sizeof(sub), "%s.retry", path);
	if (!json_is_object(retry))
		return (FAULT(e, "%s must be an object", sub));
	if (json_check_keys(retry, sub, e, "count", "base_ms", NULL) ||
	    want_int(retry, sub, "count", 3, 0, 10, &n, e) ||
	    want_int(retry, sub, "base_ms", 100, 1, 60000,
	    &ent->retry_base_ms, e))
		return (-1);
	ent->retry_count = (unsigned)n;
	return (0);
}

static int
parse_entities(struct manifest * m, const json_t * ents, struct err * e)
{
	struct manifest_entity * ent;
	const char * key;
	const json_t * v;

	if (!json_is_object(ents) || json_object_size(ents) == 0)
		return (FAULT(e, "entities must be an object with at least one "
		    "entity"));
	m->entities = calloc(json_object_size(ents), sizeof(*m->entities));
	if (m->entities == NULL)
		return (err_nomem(e, "a manifest"));
	json_object_foreach((json_t *)(uintptr_t)ents, key, v) {
		/* Counted first, so that a failure frees its columns too. */
		ent = &m->entities[m->nentities++];
		if (parse_entity(ent, key, v, m, e))
			return (-1);
		if (ent->is_main && m->main != NULL)
			return (FAULT(e, "entities.%s.main: %s is the main "
			    "entity already", key, m->main->name));
		if (ent->is_main)
			m->main = ent;
	}
	return (0);
}

static int
parse_test(const struct manifest * m, const json_t * test, struct err * e)
{
	const char * ent;

	if (test == NULL)
		return (0);
	if (!json_is_object(test))
		return (FAULT(e, "test must be an object"));
	if (json_check_keys(test, "test", e, "entity", NULL) ||
	    want_string(test, "test", "entity", 1, &ent, e))
		return (-1);
	if (manifest_entity(m, ent) == NULL)
		return (FAULT(e, "test.entity: there is no entity '%s'", ent));
	return (0);
}

static int
parse_doc(struct manifest * m, struct err * e)
{
	const json_t * d = m->doc, * fmt;

	if (!json_is_object(d))
		return (FAULT(e, "a manifest is a JSON object"));
	fmt = json_object_get(d, "format");
	if (!json_is_integer(fmt) || json_integer_value(fmt) != 1)
		return (FAULT(e, "format must be 1, the one this moltler reads"));
	if (json_check_keys(d, "", e, "format", "type", "title", "description",
	    "drive_model", "config", "auth", "entities", "test", NULL) ||
	    want_string(d, "", "type", 1, &m->type, e) ||
	    want_string(d, "", "title", 1, &m->title, e) ||
	    want_string(d, "", "description", 0, &m->description, e) ||
	    want_string(d, "", "drive_model", 1, &m->drive_model, e))
		return (-1);
	if (!manifest_name_ok(m->type))
		return (FAULT(e, "type: a name holds letters, digits and _ and "
		    "begins with a letter"));
	if (strcmp(m->drive_model, "periodic") != 0)
		return (FAULT(e, "drive_model '%s' is not known; known are: "
		    "periodic", m->drive_model));
	m->config = json_object_get(d, "config");
	m->auth = json_object_get(d, "auth");
	if (manifest_schema_check(m->config, "config", e) ||
	    manifest_auth_check(m->auth, m->config, e) ||
	    parse_entities(m, json_object_get(d, "entities"), e) ||
	    parse_test(m, json_object_get(d, "test"), e))
		return (-1);
	return (0);
}

struct manifest *
manifest_parse(const char * s, size_t n, const char * file, struct err * e)
{
	struct manifest * m;

	if ((m = calloc(1, sizeof(*m))) == NULL) {
		err_nomem(e, "a manifest");
		return (NULL);
	}
	m->refs = 1;
	if ((m->doc = json_parse(s, n, "the manifest", e)) == NULL ||
	    parse_doc(m, e)) {
		err_prefix(e, "%s", file);
		if (e != NULL)
			e->cls = ERR_CONFIG;
		manifest_unref(m);
		return (NULL);
	}
	return (m);
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
	for (i = 0; i < m->nentities; i++) {
		free(m->entities[i].columns);
		free(m->entities[i].lists);
	}
	free(m->entities);
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
