#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "manifest/template_internal.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define MAX_NAMES 256

/* "(did you mean 'x'?)" over an object's keys or an array of names. */
static const char *
nearest(const char * word, const json_t * names)
{
	const char * list[MAX_NAMES], * k;
	const json_t * v;
	size_t n = 0, i;

	json_object_foreach(MUTABLE(names), k, v)
		if (n < MAX_NAMES)
			list[n++] = k;
	json_array_foreach(names, i, v)
		if (n < MAX_NAMES && json_is_string(v))
			list[n++] = json_string_value(v);
	return (json_nearest(word, list, n));
}

static int
unknown(const char * path, const char * root, const char * word,
    const char * why, const json_t * names, struct err * e)
{
	const char * near = nearest(word, names);

	return (err_set(e, ERR_CONFIG, "template", "{{%s}}: %s%s%s%s%s%s", path,
	    why, near ? " (did you mean '" : "", near ? root : "", near ? "." :
	    "", near ? near : "", near ? "'?)" : ""));
}

static int
config_ok(const char * path, const json_t * schema, struct err * e)
{
	char part[TEMPLATE_PATH_MAX];
	const json_t * f, * variant;
	const char * k, * sub;
	size_t n;

	n = strcspn(path + 7, ".");
	memcpy(part, path + 7, n);
	part[n] = '\0';
	if ((f = json_object_get(schema, part)) == NULL)
		return (unknown(path, "config", part,
		    "the config schema has no such key", schema, e));
	if (path[7 + n] == '\0')
		return (0);
	sub = path + 7 + n + 1;
	if (strcmp(sub, "type") == 0 && json_object_get(f, "variants") != NULL)
		return (0);
	json_object_foreach(MUTABLE(json_object_get(f, "variants")), k, variant)
		if (json_object_get(variant, sub) != NULL)
			return (0);
	return (err_set(e, ERR_CONFIG, "template",
	    "{{%s}}: the config schema has no such key", path));
}

static int
input_ok(const char * path, const json_t * inputs, struct err * e)
{
	char part[TEMPLATE_PATH_MAX];
	size_t n = strcspn(path + 3, "."), i;
	const json_t * v;

	memcpy(part, path + 3, n);
	part[n] = '\0';
	if (json_object_get(inputs, part) != NULL)
		return (0);
	json_array_foreach(inputs, i, v)
		if (json_is_string(v) && strcmp(json_string_value(v), part) == 0)
			return (0);
	return (unknown(path, "in", part, inputs == NULL ?
	    "there are no inputs here" : "there is no such input", inputs, e));
}

static int
expr_ok(const char * path, const json_t * schema, const json_t * inputs,
    struct err * e)
{
	static const char * const plain[] = { "value", "now", "now_s", "now_ms",
	    "lookup", "action.id", "action.at", "action.since",
	    "action.since_s", "order", "order.column", "order.direction", "order.sign",
	    "order.minus", "service", "token", "token.base_url", "jwt", "method", "url",
	    "body", "timestamp", "signature", "config", "in" };
	const char * near;
	size_t i;

	if (strncmp(path, "config.", 7) == 0)
		return (config_ok(path, schema, e));
	if (strncmp(path, "in.", 3) == 0)
		return (input_ok(path, inputs, e));
	if (strncmp(path, "lookup.", 7) == 0 ||
	    strncmp(path, "answer.", 7) == 0 ||
	    strncmp(path, "header.", 7) == 0)
		return (0);
	/* The last two are there for "did you mean" alone. */
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]) - 2; i++)
		if (strcmp(path, plain[i]) == 0)
			return (0);
	near = json_nearest(path, plain, sizeof(plain) / sizeof(plain[0]) - 2);
	return (err_set(e, ERR_CONFIG, "template", "{{%s}} is nothing a template "
	    "knows%s%s%s; it begins with config., in., value, order., now, "
	    "now_s, now_ms or lookup", path, near ? " (did you mean '" : "",
	    near ? near : "", near ? "'?)" : ""));
}

int
template_check(const char * t, const json_t * schema, const json_t * inputs,
    struct err * e)
{
	struct template_expr x;
	const char * lit;
	size_t nlit, i;
	int rc;

	while ((rc = template_next(&t, &lit, &nlit, &x, e)) > 0)
		for (i = 0; i < x.npaths; i++)
			if (expr_ok(template_path(&x, i), schema, inputs, e))
				return (-1);
	return (rc);
}
