#include "conn/manifest_schema.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "conn/secret.h"
#include "conn/template.h"

#define FAULT(e, ...) err_set((e), ERR_CONFIG, "manifest", __VA_ARGS__)
#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

int
manifest_name_ok(const char * s)
{
	size_t n;

	if (!isalpha((unsigned char)s[0]))
		return (0);
	for (n = 1; s[n] != '\0'; n++)
		if (!isalnum((unsigned char)s[n]) && s[n] != '_')
			return (0);
	return (n <= 64);
}

static int
check_field(const json_t * f, const char * path, struct err * e)
{
	const char * type, * key;
	const json_t * v;
	char sub[256];

	if (!json_is_object(f))
		return (FAULT(e, "%s must be an object", path));
	if (json_check_keys(f, path, e, "type", "required", "default",
	    "description", "min", "max", "variants", NULL))
		return (-1);
	if ((type = json_str(f, "type")) == NULL)
		return (FAULT(e, "%s.type is missing", path));
	v = json_object_get(f, "required");
	if (v != NULL && !json_is_boolean(v))
		return (FAULT(e, "%s.required must be true or false", path));
	if (strcmp(type, "variant") == 0) {
		v = json_object_get(f, "variants");
		if (!json_is_object(v) || json_object_size(v) == 0)
			return (FAULT(e, "%s.variants must be an object", path));
		json_object_foreach(MUTABLE(json_object_get(f, "variants")),
		    key, v) {
			snprintf(sub, sizeof(sub), "%s.variants.%s", path, key);
			if (manifest_schema_check(v, sub, e))
				return (-1);
			if (json_object_get(v, "type") != NULL)
				return (FAULT(e, "%s.type: the key \"type\" "
				    "names the variant", sub));
		}
		return (0);
	}
	if (strcmp(type, "string") != 0 && strcmp(type, "url") != 0 &&
	    strcmp(type, "secret_ref") != 0 && strcmp(type, "integer") != 0 &&
	    strcmp(type, "boolean") != 0)
		return (FAULT(e, "%s.type '%s' is not known; known are: string, "
		    "url, secret_ref, integer, boolean, variant", path, type));
	return (0);
}

int
manifest_schema_check(const json_t * schema, const char * path,
    struct err * e)
{
	const char * key;
	const json_t * f;
	char sub[224];

	if (!json_is_object(schema))
		return (FAULT(e, "%s must be an object", path));
	json_object_foreach(MUTABLE(schema), key, f) {
		if (!manifest_name_ok(key))
			return (FAULT(e, "%s: '%.64s' is no name (letters, "
			    "digits and _)", path, key));
		snprintf(sub, sizeof(sub), "%s.%s", path, key);
		if (check_field(f, sub, e))
			return (-1);
	}
	return (0);
}

static int
check_auth_kind(const json_t * a, const char * path, const json_t * schema,
    struct err * e)
{
	const char * kind = json_str(a, "kind"), * key, * t;
	static const char * const params[] = { "token", "username",
	    "password", NULL };
	const json_t * v;
	int i;

	if (kind == NULL)
		return (FAULT(e, "%s.kind is missing", path));
	if (strcmp(kind, "none") == 0) {
		if (json_check_keys(a, path, e, "kind", NULL))
			return (-1);
	} else if (strcmp(kind, "bearer") == 0) {
		if (json_check_keys(a, path, e, "kind", "token", NULL))
			return (-1);
		if (json_str(a, "token") == NULL)
			return (FAULT(e, "%s.token is missing", path));
	} else if (strcmp(kind, "basic") == 0) {
		if (json_check_keys(a, path, e, "kind", "username", "password",
		    NULL))
			return (-1);
		if (json_str(a, "username") == NULL ||
		    json_str(a, "password") == NULL)
			return (FAULT(e, "%s needs username and password", path));
	} else {
		return (FAULT(e, "%s.kind '%s' is not known; known are: none, "
		    "bearer, basic", path, kind));
	}
	for (i = 0; (key = params[i]) != NULL; i++) {
		if ((v = json_object_get(a, key)) == NULL)
			continue;
		t = json_string_value(v);
		/* Variants' own fields are not in the plain schema. */
		(void)schema;
		if (t == NULL || template_check(t, schema, NULL, e))
			return (err_prefix(e, "%s.%s", path, key));
	}
	return (0);
}

int
manifest_auth_check(const json_t * auth, const json_t * schema,
    struct err * e)
{
	const char * key, * choose;
	const json_t * v;
	char sub[160];

	if (auth == NULL)
		return (0);
	if (!json_is_object(auth))
		return (FAULT(e, "auth must be an object"));
	if (json_object_get(auth, "choose") == NULL)
		return (check_auth_kind(auth, "auth", schema, e));
	if ((choose = json_str(auth, "choose")) == NULL)
		return (FAULT(e, "auth.choose must be a template"));
	if (template_check(choose, schema, NULL, e))
		return (err_prefix(e, "auth.choose"));
	json_object_foreach(MUTABLE(auth), key, v) {
		if (strcmp(key, "choose") == 0)
			continue;
		snprintf(sub, sizeof(sub), "auth.%.100s", key);
		if (!json_is_object(v))
			return (FAULT(e, "%s must be an object", sub));
		if (check_auth_kind(v, sub, schema, e))
			return (-1);
	}
	return (0);
}

/* Say one more fault. */
static void
fault(struct buf * faults, const char * fmt, const char * path,
    const char * key, const char * rest)
{
	if (faults->len > 0)
		buf_adds(faults, "; ");
	buf_addf(faults, "%s%s%s ", path, *path ? "." : "", key);
	buf_adds(faults, fmt);
	buf_adds(faults, rest);
}

/* An empty one is the scheme's. */
static int
port_ok(const char * s, const char * end)
{
	long port = 0;

	for (; s < end; s++) {
		if (*s < '0' || *s > '9' || (port = port * 10 + *s - '0') >
		    65535)
			return (0);
	}
	return (1);
}

static int
url_ok(const char * s)
{
	const char * p, * end, * colon;

	if (strncasecmp(s, "http://", 7) == 0)
		p = s + 7;
	else if (strncasecmp(s, "https://", 8) == 0)
		p = s + 8;
	else
		return (0);
	if (*p == '\0' || *p == '/' || *p == '?' || *p == '#' || *p == ':')
		return (0);
	/* The port stands behind the last colon of the host's part. */
	end = p + strcspn(p, "/?#");
	for (colon = end; colon > p && colon[-1] != ':' && colon[-1] != ']' &&
	    colon[-1] != '@'; colon--)
		;
	if (colon > p && colon[-1] == ':' && !port_ok(colon, end))
		return (0);
	for (; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f)
			return (0);
	return (1);
}

static void apply(const json_t *, const json_t *, const char *, json_t *,
    struct buf *, int);

static void
apply_variant(const json_t * f, const char * path, const char * key,
    const json_t * v, json_t * out, struct buf * faults)
{
	const json_t * variants = json_object_get(f, "variants"), * fields;
	const char * type = json_str(v, "type"), * k;
	char sub[256];
	struct buf names = BUF_INIT(4096);
	json_t * made;
	const json_t * ignored;

	snprintf(sub, sizeof(sub), "%s%s%s", path, *path ? "." : "", key);
	fields = type ? json_object_get(variants, type) : NULL;
	if (fields == NULL) {
		json_object_foreach(MUTABLE(variants), k, ignored) {
			(void)ignored;
			buf_addf(&names, "%s%s", names.len ? ", " : "", k);
		}
		fault(faults, type ? "is not one of: " : "is missing; one of: ",
		    sub, "type", names.p ? names.p : "");
		buf_free(&names);
		return;
	}
	if ((made = json_object()) == NULL)
		return;
	json_object_set_new(made, "type", json_string(type));
	apply(fields, v, sub, made, faults, 1);
	json_object_set_new(out, key, made);
}

static void
apply_field(const json_t * f, const char * path, const char * key,
    const json_t * v, json_t * out, struct buf * faults)
{
	const char * type = json_str(f, "type");
	json_int_t min = json_int(f, "min", INT64_MIN);
	json_int_t max = json_int(f, "max", INT64_MAX);
	char range[64];

	if (strcmp(type, "variant") == 0) {
		if (!json_is_object(v))
			fault(faults, "must be an object", path, key, "");
		else
			apply_variant(f, path, key, v, out, faults);
		return;
	}
	if (strcmp(type, "integer") == 0) {
		snprintf(range, sizeof(range), "from %lld to %lld",
		    (long long)min, (long long)max);
		if (!json_is_integer(v) || json_integer_value(v) < min ||
		    json_integer_value(v) > max)
			fault(faults, "must be an integer ", path, key, range);
	} else if (strcmp(type, "boolean") == 0) {
		if (!json_is_boolean(v))
			fault(faults, "must be true or false", path, key, "");
	} else if (!json_is_string(v) || *json_string_value(v) == '\0') {
		fault(faults, "must be a string that is not empty", path, key,
		    "");
	} else if (strcmp(type, "url") == 0 && !url_ok(json_string_value(v))) {
		fault(faults, "must be an http:// or https:// URL", path, key,
		    " without spaces, its port at most 65535");
	} else if (strcmp(type, "secret_ref") == 0 &&
	    !secret_is_ref(json_string_value(v))) {
		/* What was given may be the secret itself: never repeat it. */
		fault(faults, "must be a reference such as $env:NAME, not the "
		    "secret itself", path, key, "");
	}
	json_object_set(out, key, MUTABLE(v));
}

/* Check ${config} field by field into ${out}; faults are collected. */
static void
apply(const json_t * schema, const json_t * config, const char * path,
    json_t * out, struct buf * faults, int is_variant)
{
	const char * key, * names[64], * near;
	const json_t * f, * v;
	char hint[96];
	size_t n = 0;

	json_object_foreach(MUTABLE(schema), key, f)
		if (n < sizeof(names) / sizeof(names[0]))
			names[n++] = key;
	json_object_foreach(MUTABLE(config), key, v) {
		if (json_object_get(schema, key) != NULL ||
		    (is_variant && strcmp(key, "type") == 0))
			continue;
		near = json_nearest(key, names, n);
		if (near != NULL)
			snprintf(hint, sizeof(hint), " (did you mean %s?)",
			    near);
		fault(faults, "is not known", path, key, near ? hint : "");
	}
	json_object_foreach(MUTABLE(schema), key, f) {
		v = json_object_get(config, key);
		if (v == NULL && json_is_true(json_object_get(f, "required")))
			fault(faults, "is missing", path, key, "");
		if (v == NULL)
			v = json_object_get(f, "default");
		if (v != NULL)
			apply_field(f, path, key, v, out, faults);
	}
}

json_t *
manifest_config_apply(const json_t * schema, const json_t * config,
    const char * path, struct err * e)
{
	struct buf faults = BUF_INIT(1 << 16);
	json_t * out;

	if (config != NULL && !json_is_object(config)) {
		err_set(e, ERR_CONFIG, "bad_config", "%s must be an object",
		    path);
		return (NULL);
	}
	if ((out = json_object()) == NULL) {
		err_nomem(e, "a configuration");
		return (NULL);
	}
	apply(schema, config, path, out, &faults, 0);
	if (faults.len > 0 || faults.failed) {
		err_set(e, ERR_CONFIG, "bad_config", "%s",
		    faults.p ? faults.p : "the configuration is too large");
		json_decref(out);
		out = NULL;
	}
	buf_free(&faults);
	return (out);
}

json_t *
manifest_config_hide(const json_t * schema, const json_t * config)
{
	json_t * out = json_copy(MUTABLE(config));
	const char * key, * s, * at, * slash, * host;
	struct buf b = BUF_INIT(1 << 16);
	const json_t * f;

	if (out == NULL)
		return (NULL);
	json_object_foreach(MUTABLE(schema), key, f) {
		s = json_str(config, key);
		if (s == NULL || strcmp(json_str(f, "type"), "url") != 0 ||
		    (host = strstr(s, "://")) == NULL)
			continue;
		host += 3;
		slash = host + strcspn(host, "/?#");
		at = memchr(host, '@', (size_t)(slash - host));
		if (at == NULL)
			continue;
		while (memchr(at + 1, '@', (size_t)(slash - at - 1)) != NULL)
			at = memchr(at + 1, '@', (size_t)(slash - at - 1));
		buf_clear(&b);
		buf_add(&b, s, (size_t)(host - s));
		buf_addf(&b, "***%s", at);
		if (!b.failed)
			json_object_set_new(out, key, json_string(b.p));
	}
	buf_free(&b);
	return (out);
}
