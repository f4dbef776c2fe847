#include "manifest/manifest_schema.h"

#include <ctype.h>
#include <regex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "manifest/manifest_parts.h"
#include "secret/secret.h"

#define MAX_FIELDS 200
#define MAX_PATTERN 256
#define MAX_REPEATS 1000

static const char * const type_words[] = { "string", "url", "secret",
    "secret_ref", "integer", "boolean", "variant", "list", NULL };

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

/* The C library unrolls what is repeated: "(a{1,999}){1,999}" would take all
 * memory there is; and back references take all the time there is. */
static int
pattern_is_modest(const char * s)
{
	unsigned long repeats = 1, n, m;
	char * end;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0') {
			if (isdigit((unsigned char)*++s))
				return (0);
			continue;
		}
		if (*s != '{')
			continue;
		n = strtoul(s + 1, &end, 10);
		m = *end == ',' ? strtoul(end + 1, NULL, 10) : n;
		n = m > n ? m : n;
		if (n > MAX_REPEATS || (repeats *= n ? n : 1) > MAX_REPEATS)
			return (0);
	}
	return (1);
}

static void
check_pattern(struct mread * r, const json_t * f)
{
	const char * s = mread_str(r, f, "pattern", 0);
	char why[128];
	regex_t re;
	int rc;

	if (s == NULL)
		return;
	if (strlen(s) > MAX_PATTERN || !pattern_is_modest(s)) {
		mread_fault(r, "pattern", "is too much: at most %d bytes, no "
		    "back references and no more than %d repeats",
		    MAX_PATTERN, MAX_REPEATS);
		return;
	}
	rc = regcomp(&re, s, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		regfree(&re);
		return;
	}
	regerror(rc, &re, why, sizeof(why));
	mread_fault(r, "pattern", "is no extended regular expression: %s",
	    why);
}

static void
check_required(struct mread * r, const json_t * f, const json_t * schema)
{
	const json_t * v = json_object_get(f, "required");
	const char * other;
	size_t at;

	if (v == NULL || json_is_boolean(v))
		return;
	if (!json_is_object(v)) {
		mread_fault(r, "required", "must be true, false or {\"unless\":"
		    " KEY}");
		return;
	}
	at = mread_enter(r, "required");
	if (mread_is_object(r, v, KEYS_UNLESS) &&
	    (other = mread_str(r, v, "unless", 1)) != NULL &&
	    json_object_get(schema, other) == NULL)
		mread_fault(r, "unless", "there is no key '%.64s'", other);
	mread_leave(r, at);
}

/* The default must be what a person might give. */
static void
check_default(struct mread * r, const char * key, const json_t * f)
{
	const json_t * d = json_object_get(f, "default");
	json_t * schema, * config, * out;
	const char * type = json_str(f, "type");
	struct err e;

	if (d == NULL || type == NULL)
		return;
	if (strncmp(type, "secret", 6) == 0 && json_is_string(d) &&
	    !secret_is_ref(json_string_value(d))) {
		mread_fault(r, "default", "a default secret would be "
		    "everybody's; only a reference can be one");
		return;
	}
	schema = json_pack("{s:O}", key, f);
	config = json_pack("{s:O}", key, d);
	if (schema == NULL || config == NULL)
		mread_fault(r, "default", "out of memory");
	else if ((out = manifest_config_apply(schema, config, "", &e)) == NULL)
		mread_fault(r, "default", "%s", e.msg);
	else
		json_decref(out);
	json_decref(schema);
	json_decref(config);
}

static void
check_values(struct mread * r, const json_t * f, const char * type)
{
	const json_t * values = mread_list(r, f, "values", 0), * v;
	int whole = strcmp(type, "integer") == 0;
	size_t i;

	if (values == NULL)
		return;
	if (strcmp(type, "boolean") == 0 || strcmp(type, "variant") == 0)
		mread_fault(r, "values", "has no meaning for type %s", type);
	if (json_array_size(values) == 0)
		mread_fault(r, "values", "is empty: nothing would be allowed");
	json_array_foreach((json_t *)(uintptr_t)values, i, v)
		if (whole ? !json_is_integer(v) : !json_is_string(v))
			mread_fault(r, "values", "number %zu is no %s", i + 1,
			    whole ? "integer" : "string");
}

static void
check_range(struct mread * r, const json_t * f, const char * type)
{
	int64_t min, max, most = INT64_MAX, least = INT64_MIN;

	if (strcmp(type, "boolean") == 0 || strcmp(type, "variant") == 0) {
		if (json_object_get(f, "min") || json_object_get(f, "max"))
			mread_fault(r, json_object_get(f, "min") ? "min" :
			    "max", "has no meaning for type %s", type);
		return;
	}
	if (strcmp(type, "integer") != 0) {
		/* Of a string: how many bytes. */
		least = 0;
		most = 65536;
	}
	min = mread_int(r, f, "min", least, least, most);
	max = mread_int(r, f, "max", most, least, most);
	if (min > max)
		mread_fault(r, "min", "is more than max");
}

static void check_fields(struct mread *, const json_t *, int);

static void
check_variants(struct mread * r, const json_t * f)
{
	const json_t * variants = mread_map(r, f, "variants", 1), * v;
	const char * key;
	size_t at, sub;

	if (variants == NULL)
		return;
	at = mread_enter(r, "variants");
	if (json_object_size(variants) == 0)
		mread_fault(r, NULL, "must have at least one");
	json_object_foreach((json_t *)(uintptr_t)variants, key, v) {
		sub = mread_enter(r, key);
		if (!json_is_object(v))
			mread_fault(r, NULL, "must be an object");
		else
			check_fields(r, v, 1);
		if (json_object_get(v, "type") != NULL)
			mread_fault(r, "type", "the key \"type\" names the "
			    "variant");
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

static void
check_field(struct mread * r, const char * key, const json_t * f,
    const json_t * schema, int is_variant)
{
	size_t faults = r->nfaults;
	const char * type;
	int t;

	if (!mread_is_object(r, f, KEYS_FIELD))
		return;
	mread_str(r, f, "description", 0);
	check_required(r, f, schema);
	if ((t = mread_word(r, f, "type", type_words, -1)) < 0)
		return;
	type = type_words[t];
	check_values(r, f, type);
	check_range(r, f, type);
	check_pattern(r, f);
	if (strcmp(type, "variant") == 0) {
		if (is_variant)
			mread_fault(r, "type", "a variant within a variant is "
			    "more than the format knows");
		else
			check_variants(r, f);
	} else if (json_object_get(f, "variants") != NULL) {
		mread_fault(r, "variants", "goes with type variant");
	}
	if (r->nfaults == faults)
		check_default(r, key, f);
}

static void
check_fields(struct mread * r, const json_t * schema, int is_variant)
{
	const char * key;
	const json_t * f;
	size_t at;

	if (json_object_size(schema) > MAX_FIELDS)
		mread_fault(r, NULL, "has more than %d keys", MAX_FIELDS);
	json_object_foreach((json_t *)(uintptr_t)schema, key, f) {
		at = mread_enter(r, key);
		if (!manifest_name_ok(key))
			mread_fault(r, NULL, "a name holds letters, digits and "
			    "_ and begins with a letter");
		check_field(r, key, f, schema, is_variant);
		mread_leave(r, at);
	}
}

void
manifest_schema_read(struct mread * r, const json_t * doc)
{
	const json_t * schema = json_object_get(doc, "config");
	size_t at;

	if (schema == NULL) {
		mread_fault(r, "config", "is missing; {} where nothing is to "
		    "be configured");
		return;
	}
	at = mread_enter(r, "config");
	if (json_is_object(schema))
		check_fields(r, schema, 0);
	mread_leave(r, at);
}
