#include "conn/template.h"

#include <string.h>

#include "base/json.h"

#define MAX_PATH 128

/*
 * Find the next {{...}} from ${*tp}: 1 with its path (blanks cut) in ${path},
 * the text before it in ${lit}/${nlit} and ${*tp} moved past it; 0 at the end
 * (the rest is the literal); -1 if malformed.
 */
static int
next(const char ** tp, const char ** lit, size_t * nlit, char path[MAX_PATH],
    struct err * e)
{
	const char * t = *tp, * open = strstr(t, "{{"), * close;
	size_t n;

	*lit = t;
	if (open == NULL) {
		*nlit = strlen(t);
		return (0);
	}
	*nlit = (size_t)(open - t);
	open += 2;
	if ((close = strstr(open, "}}")) == NULL)
		return (err_set(e, ERR_CONFIG, "template",
		    "'%.100s' has {{ without }}", t));
	*tp = close + 2;
	while (*open == ' ')
		open++;
	while (close > open && close[-1] == ' ')
		close--;
	n = (size_t)(close - open);
	if (n == 0 || n >= MAX_PATH)
		return (err_set(e, ERR_CONFIG, "template",
		    "'%.100s' has an empty or overlong {{}}", t));
	memcpy(path, open, n);
	path[n] = '\0';
	return (1);
}

/* The value at config.a.b in ${config}, or NULL. */
static const json_t *
lookup(const char * path, const json_t * config)
{
	const json_t * v = config;
	char part[MAX_PATH];
	size_t n;

	if (strncmp(path, "config.", 7) != 0)
		return (NULL);
	for (path += 7; v != NULL && *path != '\0'; path += n) {
		n = strcspn(path, ".");
		memcpy(part, path, n);
		part[n] = '\0';
		v = json_object_get(v, part);
		if (path[n] == '.')
			n++;
	}
	return (v);
}

/* Whether a schema can have something at config.a[.b]. */
static int
known(const char * path, const json_t * schema)
{
	char part[MAX_PATH];
	const json_t * f, * variant;
	const char * k, * sub;
	size_t n;

	if (strncmp(path, "config.", 7) != 0)
		return (0);
	path += 7;
	n = strcspn(path, ".");
	memcpy(part, path, n);
	part[n] = '\0';
	if ((f = json_object_get(schema, part)) == NULL)
		return (0);
	if (path[n] == '\0')
		return (1);
	sub = path + n + 1;
	if (strcmp(sub, "type") == 0)
		return (json_object_get(f, "variants") != NULL);
	json_object_foreach(json_object_get(f, "variants"), k, variant)
		if (json_object_get(variant, sub) != NULL)
			return (1);
	return (0);
}

int
template_check(const char * t, const json_t * schema, const json_t * inputs,
    struct err * e)
{
	char path[MAX_PATH];
	const char * lit;
	size_t nlit;
	int rc;

	(void)inputs;
	while ((rc = next(&t, &lit, &nlit, path, e)) > 0)
		if (!known(path, schema))
			return (err_set(e, ERR_CONFIG, "template",
			    "{{%s}}: the config schema has no such key", path));
	return (rc);
}

int
template_expand(const char * t, const struct template_env * env,
    enum template_quote quote, struct buf * out, struct err * e)
{
	char path[MAX_PATH];
	const json_t * v;
	const char * lit;
	size_t nlit;
	int rc;

	(void)quote;
	do {
		if ((rc = next(&t, &lit, &nlit, path, e)) < 0)
			return (-1);
		buf_add(out, lit, nlit);
		if (rc == 0)
			break;
		v = lookup(path, env->config);
		if (json_is_string(v))
			buf_adds(out, json_string_value(v));
		else if (json_is_integer(v))
			buf_addf(out, "%lld", (long long)json_integer_value(v));
		else
			return (err_set(e, ERR_CONFIG, "template",
			    "{{%s}} has no value", path));
	} while (rc > 0);
	return (out->failed ? err_nomem(e, "a request") : 0);
}
