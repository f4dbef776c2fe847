#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "cli/record.h"
#include "cli/record_where.h"
#include "secret/secret.h"

#define KEY_BYTES 256
#define ENV_PREFIX "RECORDED_SECRET_"
#define FIXTURE_REF "$env:FIXTURE_SECRET"

/* The schema of the config key ${path} ("auth.token"), or NULL. */
static const json_t *
field_of(const json_t * fields, const char * path)
{
	const json_t * f, * variant, * found;
	const char * dot = strchr(path, '.'), * k;
	char key[KEY_BYTES];

	if (dot == NULL)
		return (json_object_get(fields, path));
	if ((size_t)(dot - path) >= sizeof(key))
		return (NULL);
	memcpy(key, path, (size_t)(dot - path));
	key[dot - path] = '\0';
	f = json_object_get(json_object_get(fields, key), "variants");
	json_object_foreach((json_t *)(uintptr_t)f, k, variant)
		if ((found = field_of(variant, dot + 1)) != NULL)
			return (found);
	return (NULL);
}

static int
is_type(const json_t * field, const char * type)
{
	const char * t = json_str(field, "type");

	return (t != NULL && strcmp(t, type) == 0);
}

/* "a,b" of a list, JSON of what is none of the texts. */
static json_t *
typed(const json_t * field, const char * text)
{
	json_t * v;
	const char * p;
	size_t n;

	if (is_type(field, "list") && text[0] != '[') {
		v = json_array();
		for (p = text; *p != '\0'; p += n + (p[n] == ',')) {
			n = strcspn(p, ",");
			json_array_append_new(v, json_stringn(p, n));
		}
		return (v);
	}
	if (field == NULL || is_type(field, "list") || is_type(field,
	    "integer") || is_type(field, "boolean") || is_type(field,
	    "variant"))
		if ((v = json_loads(text, JSON_DECODE_ANY, NULL)) != NULL)
			return (v);
	return (json_string(text));
}

/* Put ${v} (taken) at "a.b". */
static int
put(json_t * o, const char * path, json_t * v)
{
	const char * dot = strchr(path, '.');
	char key[KEY_BYTES];
	json_t * sub;

	if (dot == NULL)
		return (json_object_set_new(o, path, v));
	if ((size_t)(dot - path) >= sizeof(key)) {
		json_decref(v);
		return (-1);
	}
	memcpy(key, path, (size_t)(dot - path));
	key[dot - path] = '\0';
	sub = json_object_get(o, key);
	if (!json_is_object(sub)) {
		sub = json_object();
		if (json_object_set_new(o, key, sub)) {
			json_decref(v);
			return (-1);
		}
	}
	return (put(sub, dot + 1, v));
}

static int
put_all(json_t * to, const json_t * sets, const json_t * fields,
    const char * what, struct err * e)
{
	char key[KEY_BYTES];
	const char * text, * eq;
	json_t * one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)sets, i, one) {
		text = json_string_value(one);
		eq = strchr(text, '=');
		if (eq == NULL || eq == text || (size_t)(eq - text) >=
		    sizeof(key))
			return (err_set(e, ERR_CONFIG, "usage", "%s is "
			    "key=value, not \"%.60s\"", what, text));
		memcpy(key, text, (size_t)(eq - text));
		key[eq - text] = '\0';
		if (put(to, key, typed(field_of(fields, key), eq + 1)))
			return (err_set(e, ERR_CONFIG, "record", "%s %s: the "
			    "value is no UTF-8", what, key));
	}
	return (0);
}

/* A literal is kept where references find it, and nothing else has it. */
static int
hide(json_t * o, const char * key, const json_t * v, struct err * e)
{
	static unsigned n;
	char name[64], ref[80];
	const char * s = json_string_value(v);

	if (s != NULL && strncmp(s, "$env:", 5) == 0)
		return (getenv(s + 5) != NULL ? 0 : err_set(e, ERR_CONFIG,
		    "record", "config.%s: there is no %s in the environment; "
		    "export it first", key, s + 5));
	if (s != NULL && secret_is_ref(s))
		return (err_set(e, ERR_CONFIG, "record", "config.%s: only the "
		    "daemon can open %s; here it is $env:NAME", key, s));
	snprintf(name, sizeof(name), ENV_PREFIX "%u", n++);
	snprintf(ref, sizeof(ref), "$env:%s", name);
	if (s == NULL)
		return (0); /* the check of the config says what is wrong */
	if (setenv(name, s, 1) || json_object_set_new(o, key,
	    json_string(ref)))
		return (err_nomem(e, "a secret"));
	return (0);
}

static int
hide_all(json_t * config, const json_t * fields, struct err * e)
{
	const json_t * f;
	const char * key, * variant;
	json_t * v;
	void * next;

	json_object_foreach_safe(config, next, key, v) {
		f = json_object_get(fields, key);
		if ((is_type(f, "secret") || is_type(f, "secret_ref")) &&
		    hide(config, key, v, e))
			return (-1);
		variant = json_str(v, "type");
		if (is_type(f, "variant") && variant != NULL && hide_all(v,
		    json_object_get(json_object_get(f, "variants"), variant),
		    e))
			return (-1);
	}
	return (0);
}

void
record_secrets(const json_t * config, struct record_scrub * scrub)
{
	const char * key, * s;
	json_t * v;

	json_object_foreach((json_t *)(uintptr_t)config, key, v) {
		s = json_string_value(v);
		if (s != NULL && strncmp(s, "$env:", 5) == 0 &&
		    (s = getenv(s + 5)) != NULL)
			record_scrub_add(scrub, s, strlen(s));
		record_secrets(v, scrub);
	}
}

static size_t
replace_refs(json_t * v)
{
	const char * key;
	json_t * x;
	void * next;
	size_t n = 0;

	json_object_foreach_safe(v, next, key, x) {
		if (json_is_string(x) && secret_is_ref(json_string_value(x))) {
			json_object_set_new(v, key, json_string(FIXTURE_REF));
			n++;
		} else {
			n += replace_refs(x);
		}
	}
	return (n);
}

size_t
record_no_secrets(json_t * fx)
{
	return (replace_refs(json_object_get(fx, "config")));
}

static const struct manifest_entity *
entity_of(const struct manifest * m, const char * name, struct err * e)
{
	const struct manifest_entity * ent = manifest_entity(m, name);
	struct buf b = BUF_INIT(400);
	size_t i;

	if (ent != NULL)
		return (ent);
	for (i = 0; i < m->nentities; i++)
		if (!m->entities[i].hidden)
			buf_addf(&b, "%s%s", b.len > 0 ? ", " : "",
			    m->entities[i].name);
	err_set(e, ERR_CONFIG, "record", "there is no entity %.60s; there are: "
	    "%s", name, b.p != NULL ? b.p : "none");
	buf_free(&b);
	return (NULL);
}

/* Those that were named; else all that have no call of their own. */
static json_t *
columns_of(const struct manifest_entity * ent, const char * named)
{
	const struct manifest_column * c;
	json_t * out = json_array();
	const char * p;
	size_t i, n;

	for (p = named; p != NULL && *p != '\0'; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		json_array_append_new(out, json_stringn(p, n));
	}
	for (i = 0; named == NULL && i < ent->ncolumns; i++) {
		c = &ent->columns[i];
		if (c->lazy == NULL && (c->path != NULL || !c->is_input))
			json_array_append_new(out, json_string(c->name));
	}
	return (out);
}

/* Small pages show paging best; where the service can, it makes them. */
static void
small_pages(const struct record_opts * o, const struct manifest_entity * ent,
    json_t * fx)
{
	json_t * options = json_object_get(fx, "options");
	size_t i;

	for (i = 0; i < ent->nlists; i++)
		if (ent->lists[i].paginate.size_param != NULL)
			break;
	if (o->rows == 0 || i == ent->nlists ||
	    json_object_get(options, "batch_size") != NULL)
		return;
	if (options == NULL) {
		options = json_object();
		json_object_set_new(fx, "options", options);
	}
	json_object_set_new(options, "batch_size", json_integer(o->rows));
}

static int
ask_list(const struct record_opts * o, const struct manifest * m, json_t * fx,
    struct err * e)
{
	const struct manifest_entity * ent = entity_of(m, o->entity, e);
	json_t * where, * one;
	size_t i;

	if (ent == NULL)
		return (-1);
	small_pages(o, ent, fx);
	where = json_array();
	json_object_set_new(fx, "entity", json_string(ent->name));
	json_object_set_new(fx, "columns", columns_of(ent, o->columns));
	json_object_set_new(fx, "where", where);
	json_array_foreach(o->where, i, one)
		if (record_where_parse(json_string_value(one), where, e))
			return (-1);
	if (json_array_size(where) == 0)
		json_object_del(fx, "where");
	if (o->limit >= 0)
		json_object_set_new(fx, "limit", json_integer(o->limit));
	return (0);
}

static int
ask_what(const struct record_opts * o, const struct manifest * m, json_t * fx,
    struct err * e)
{
	json_t * args;

	if (o->entity != NULL)
		return (ask_list(o, m, fx, e));
	if (o->test) {
		json_object_set_new(fx, "test", json_true());
		return (0);
	}
	args = o->args != NULL ? json_parse(o->args, strlen(o->args), "--args",
	    e) : json_object();
	if (!json_is_object(args)) {
		if (args != NULL)
			err_set(e, ERR_CONFIG, "usage", "--args is a JSON "
			    "object, as {\"name\": \"x\"}");
		memcpy(e->code, "usage", sizeof("usage"));
		json_decref(args);
		return (-1);
	}
	json_object_set_new(fx, "action", json_string(o->action));
	json_object_set_new(fx, "args", args);
	return (0);
}

json_t *
record_ask(const struct record_opts * o, const struct manifest * m,
    struct err * e)
{
	json_t * fx = json_object(), * config = json_object();
	json_t * options = json_object();
	char now[RFC3339_LEN];
	int rc;

	rfc3339_format(clock_wall_ms() / 1000 * 1000, now);
	rc = put_all(config, o->sets, m->config, "--set", e) ||
	    put_all(options, o->options, NULL, "--option", e) ||
	    hide_all(config, m->config, e);
	json_object_set_new(fx, "description", o->description != NULL ?
	    json_string(o->description) : json_sprintf("recorded %.10s", now));
	json_object_set_new(fx, "now", json_string(now));
	json_object_set(fx, "config", config);
	if (json_object_size(options) > 0)
		json_object_set(fx, "options", options);
	json_decref(config);
	json_decref(options);
	if (rc || ask_what(o, m, fx, e)) {
		json_decref(fx);
		return (NULL);
	}
	return (fx);
}
