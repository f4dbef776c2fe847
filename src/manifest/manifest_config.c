#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "manifest/manifest_schema.h"
#include "secret/secret.h"

/* A connector's configuration against its type's schema. */

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define MAX_STRING 65536
#define MAX_MATCHED 4096

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

static int
is_one_of(const json_t * v, const json_t * values)
{
	const json_t * x;
	size_t i;

	json_array_foreach(MUTABLE(values), i, x)
		if (json_equal(MUTABLE(v), MUTABLE(x)))
			return (1);
	return (0);
}

static void
fault_values(struct buf * faults, const char * path, const char * key,
    const json_t * values)
{
	struct buf names = BUF_INIT(4096);
	const json_t * x;
	size_t i;

	json_array_foreach(MUTABLE(values), i, x) {
		if (json_is_string(x))
			buf_addf(&names, "%s%s", i ? ", " : "",
			    json_string_value(x));
		else
			buf_addf(&names, "%s%lld", i ? ", " : "",
			    (long long)json_integer_value(x));
	}
	fault(faults, "must be one of: ", path, key,
	    names.p != NULL && !names.failed ? names.p : "those listed");
	buf_free(&names);
}

static int
matches(const char * s, const char * pattern)
{
	regex_t re;
	int rc;

	if (strlen(s) > MAX_MATCHED ||
	    regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return (0);
	rc = regexec(&re, s, 0, NULL, 0);
	regfree(&re);
	return (rc == 0);
}

static void
apply_integer(const json_t * f, const char * path, const char * key,
    const json_t * v, struct buf * faults)
{
	json_int_t min = json_int(f, "min", INT64_MIN);
	json_int_t max = json_int(f, "max", INT64_MAX);
	const json_t * values = json_object_get(f, "values");
	char range[64];

	snprintf(range, sizeof(range), "from %lld to %lld", (long long)min,
	    (long long)max);
	if (!json_is_integer(v) || json_integer_value(v) < min ||
	    json_integer_value(v) > max)
		fault(faults, "must be an integer ", path, key,
		    min == INT64_MIN && max == INT64_MAX ? "" : range);
	else if (values != NULL && !is_one_of(v, values))
		fault_values(faults, path, key, values);
}

/* What was meant as a reference must not be kept and sent as a literal. */
static int
seems_ref(const char * s)
{
	size_t n = strlen(s);

	return (strncasecmp(s, "vault:", 6) == 0 ||
	    strncasecmp(s, "$env:", 5) == 0 ||
	    strncasecmp(s, "${env:", 6) == 0 || (n > 4 &&
	    strncmp(s, "{{", 2) == 0 && strcmp(s + n - 2, "}}") == 0));
}

/* What was given may be the secret itself: no message repeats it. */
static void
apply_string(const json_t * f, const char * path, const char * key,
    const json_t * v, struct buf * faults)
{
	const char * s = json_string_value(v), * type = json_str(f, "type");
	const char * pattern = json_str(f, "pattern");
	const json_t * values = json_object_get(f, "values");
	json_int_t min = json_int(f, "min", 1);
	json_int_t max = json_int(f, "max", MAX_STRING);
	char range[64];

	snprintf(range, sizeof(range), "%lld to %lld bytes", (long long)min,
	    (long long)max);
	if (s == NULL || (*s == '\0' && min > 0))
		fault(faults, "must be a string that is not empty", path, key,
		    "");
	else if (strcmp(type, "url") == 0 && !url_ok(s))
		fault(faults, "must be an http:// or https:// URL", path, key,
		    " without spaces, its port at most 65535");
	else if (strcmp(type, "secret_ref") == 0 && !secret_is_ref(s))
		fault(faults, "must be a reference such as $env:NAME, not the "
		    "secret itself", path, key, "");
	else if (strncmp(type, "secret", 6) == 0 && secret_is_ref(s))
		return;
	else if (strcmp(type, "secret") == 0 && seems_ref(s))
		fault(faults, "seems a reference; those are {{secrets.NAME}}, "
		    "$env:NAME and vault:PATH#KEY", path, key, "");
	else if ((json_int_t)strlen(s) < min || (json_int_t)strlen(s) > max)
		fault(faults, "must have ", path, key, range);
	else if (values != NULL && !is_one_of(v, values))
		fault_values(faults, path, key, values);
	else if (pattern != NULL && !matches(s, pattern))
		fault(faults, "must match ", path, key, pattern);
}

/* Texts, each once: what is done for each of them is not to be done twice. */
static void
apply_list(const json_t * f, const char * path, const char * key,
    const json_t * v, struct buf * faults)
{
	const json_t * one;
	size_t i, j;

	if (!json_is_array(v) || json_array_size(v) == 0) {
		fault(faults, "must be a list that is not empty", path, key,
		    "");
		return;
	}
	json_array_foreach(MUTABLE(v), i, one) {
		apply_string(f, path, key, one, faults);
		for (j = 0; j < i; j++)
			if (json_equal(one, json_array_get(v, j)))
				fault(faults, "holds a value twice", path,
				    key, "");
		if (faults->len > 0)
			return;
	}
}

static void
apply_field(const json_t * f, const char * path, const char * key,
    const json_t * v, json_t * out, struct buf * faults)
{
	const char * type = json_str(f, "type");

	if (strcmp(type, "variant") == 0) {
		if (!json_is_object(v))
			fault(faults, "must be an object", path, key, "");
		else
			apply_variant(f, path, key, v, out, faults);
		return;
	}
	if (strcmp(type, "integer") == 0) {
		apply_integer(f, path, key, v, faults);
	} else if (strcmp(type, "boolean") == 0) {
		if (!json_is_boolean(v))
			fault(faults, "must be true or false", path, key, "");
	} else if (strcmp(type, "list") == 0) {
		apply_list(f, path, key, v, faults);
	} else {
		apply_string(f, path, key, v, faults);
	}
	json_object_set(out, key, MUTABLE(v));
}

/* Say that ${key} is missing if it must not be. */
static void
check_missing(const json_t * f, const json_t * config, const char * path,
    const char * key, struct buf * faults)
{
	const json_t * required = json_object_get(f, "required");
	const char * other = json_str(required, "unless");
	char hint[96] = "";

	if (!json_is_true(required) && (other == NULL ||
	    json_object_get(config, other) != NULL))
		return;
	if (other != NULL)
		snprintf(hint, sizeof(hint), " (or give %.64s)", other);
	fault(faults, "is missing", path, key, hint);
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
		near = json_nearest_key(key, names, n);
		if (near != NULL)
			snprintf(hint, sizeof(hint), " (did you mean %s?)",
			    near);
		fault(faults, "is not known", path, key, near ? hint : "");
	}
	json_object_foreach(MUTABLE(schema), key, f) {
		if ((v = json_object_get(config, key)) == NULL &&
		    (v = json_object_get(f, "default")) == NULL)
			check_missing(f, config, path, key, faults);
		else
			apply_field(f, path, key, v, out, faults);
	}
}

/* Behind all faults, as the message may be cut: what there is, where something is
 * named that is not. */
static void
tell_known(const json_t * schema, const json_t * config, const char * path,
    struct buf * faults, int is_variant)
{
	const char * key, * sep = is_variant ? "type, " : "";
	const json_t * f, * v, * fields;
	char sub[128];
	int unknown = 0;

	json_object_foreach(MUTABLE(config), key, v)
		unknown |= json_object_get(schema, key) == NULL &&
		    !(is_variant && strcmp(key, "type") == 0);
	if (unknown)
		buf_addf(faults, "; the keys%s%s are: ", *path ? " of " : "",
		    path);
	json_object_foreach(MUTABLE(schema), key, f) {
		if (unknown)
			buf_addf(faults, "%s%s", sep, key);
		sep = ", ";
	}
	json_object_foreach(MUTABLE(schema), key, f) {
		v = json_object_get(config, key);
		fields = json_object_get(json_object_get(f, "variants"),
		    json_is_object(v) && json_str(v, "type") ?
		    json_str(v, "type") : "");
		if (fields == NULL)
			continue;
		snprintf(sub, sizeof(sub), "%.60s.%.60s", path, key);
		tell_known(fields, v, sub, faults, 1);
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
	if (faults.len > 0)
		tell_known(schema, config, path, &faults, 0);
	if (faults.len > 0 || faults.failed) {
		err_set(e, ERR_CONFIG, "bad_config", "%s",
		    faults.p ? faults.p : "the configuration is too large");
		json_decref(out);
		out = NULL;
	}
	buf_free(&faults);
	return (out);
}

/* A URL without the password in it, or NULL: it has none. */
static json_t *
hide_url(const char * s)
{
	const char * at, * slash, * host = strstr(s, "://");
	struct buf b = BUF_INIT(1 << 17);
	json_t * out;

	if (host == NULL)
		return (NULL);
	host += 3;
	slash = host + strcspn(host, "/?#");
	if ((at = memchr(host, '@', (size_t)(slash - host))) == NULL)
		return (NULL);
	while (memchr(at + 1, '@', (size_t)(slash - at - 1)) != NULL)
		at = memchr(at + 1, '@', (size_t)(slash - at - 1));
	buf_add(&b, s, (size_t)(host - s));
	buf_addf(&b, "***%s", at);
	out = json_string(b.failed ? "***" : b.p);
	buf_free(&b);
	return (out);
}

json_t *
manifest_config_hide(const json_t * schema, const json_t * config)
{
	json_t * out = json_copy(MUTABLE(config)), * shown;
	const char * key, * s, * type;
	const json_t * f, * v;

	if (out == NULL)
		return (NULL);
	json_object_foreach(MUTABLE(schema), key, f) {
		if ((v = json_object_get(config, key)) == NULL)
			continue;
		type = json_str(f, "type");
		s = json_string_value(v);
		shown = NULL;
		if (strcmp(type, "variant") == 0 && json_is_object(v))
			shown = manifest_config_hide(json_object_get(
			    json_object_get(f, "variants"), json_str(v, "type")
			    ? json_str(v, "type") : ""), v);
		else if (strncmp(type, "secret", 6) == 0 &&
		    (s == NULL || !secret_is_ref(s) || secret_is_hidden(s)))
			shown = json_string("***");
		else if (strcmp(type, "url") == 0 && s != NULL)
			shown = hide_url(s);
		if (shown != NULL)
			json_object_set_new(out, key, shown);
	}
	return (out);
}
