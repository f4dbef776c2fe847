#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conn/connector.h"
#include "conn/request.h"
#include "manifest/manifest.h"
#include "manifest/manifest_schema.h"
#include "fuzz.h"

/* Manifests from anywhere.  Checking and parsing say the same; what is accepted
 * must be usable: its defaults apply, a connector of it can be asked for its
 * request, and what is secret is never shown. */

#define MARKER "hunter2hunter2"
#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

struct counted {
	size_t faults;
};

static void
on_fault(void * arg, int is_warning, const char * path, const char * msg)
{
	struct counted * c = arg;

	if (path[0] != '$' || msg[0] == '\0')
		abort();
	c->faults += !is_warning;
}

static json_t * some_config(const json_t * schema);

static json_t *
some_value(const json_t * f)
{
	const char * type = json_str(f, "type"), * k;
	const json_t * values = json_object_get(f, "values"), * v;
	json_t * out;

	if (json_array_size(values) > 0)
		return (json_incref(json_array_get(values, 0)));
	if (strcmp(type, "integer") == 0)
		return (json_integer(json_int(f, "min", 7)));
	if (strcmp(type, "boolean") == 0)
		return (json_true());
	if (strcmp(type, "url") == 0)
		return (json_string("http://h/"));
	if (strcmp(type, "secret_ref") == 0)
		return (json_string("$env:NAME"));
	if (strcmp(type, "secret") == 0)
		return (json_string(MARKER));
	if (strcmp(type, "variant") != 0)
		return (json_string("some"));
	json_object_foreach(json_object_get(f, "variants"), k, v) {
		if ((out = some_config(v)) != NULL)
			json_object_set_new(out, "type", json_string(k));
		return (out);
	}
	return (NULL);
}

static json_t *
some_config(const json_t * schema)
{
	json_t * out = json_object();
	const char * key;
	const json_t * f;

	json_object_foreach(MUTABLE(schema), key, f)
		json_object_set_new(out, key, some_value(f));
	return (out);
}

static void
check_hidden(const json_t * schema, const json_t * config)
{
	json_t * shown = manifest_config_hide(schema, config);
	char * text = json_dumps(shown, JSON_ENCODE_ANY);

	if (text == NULL || strstr(text, MARKER) != NULL)
		abort();
	free(text);
	json_decref(shown);
}

static void
use(struct manifest * m, const json_t * config)
{
	struct connector * c;
	struct request * r;
	struct err e;

	if ((c = connector_new(m, "id", "n", config, NULL, &e)) == NULL) {
		if (e.cls != ERR_CONFIG || e.msg[0] == '\0')
			abort();
		return;
	}
	check_hidden(m->config, config);
	if (m->main != NULL &&
	    (r = request_prepare(c, m->main, &e)) != NULL)
		request_free(r);
	connector_unref(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	struct manifest * m, * checked;
	struct counted count = { 0 };
	json_t * config;
	struct err e, e2;

	/* A key of that name would be shown, and rightly. */
	if (memmem(p, n, MARKER, sizeof(MARKER) - 1) != NULL)
		return (0);
	m = manifest_parse((const char *)p, n, "fuzz", &e);
	checked = manifest_check((const char *)p, n, "fuzz", on_fault, &count,
	    &e2);
	if ((m == NULL) != (checked == NULL) ||
	    (m == NULL) != (count.faults > 0) ||
	    (m == NULL && strcmp(e.msg, e2.msg) != 0))
		abort();
	manifest_unref(checked);
	if (m == NULL) {
		if (e.cls != ERR_CONFIG || e.msg[0] == '\0')
			abort();
		return (0);
	}
	config = json_object();
	use(m, config);
	json_decref(config);
	config = some_config(m->config);
	use(m, config);
	json_decref(config);
	manifest_unref(m);
	return (0);
}
