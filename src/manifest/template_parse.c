#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/quote.h"
#include "base/rfc3339.h"
#include "manifest/template_internal.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

/* What stands in a template, and what that stands for. */

static const char * const filters[] = { "", "jql", "query", "url", "number",
	"adf", "raw", "path", "base64", "like", "prefix", "key", "soql" };
#define NFILTERS (sizeof(filters) / sizeof(filters[0]))

static int
filter_of(struct template_expr * x, const char * name, const char * t,
    struct err * e)
{
	const char * near;
	size_t i;

	for (i = 1; i < NFILTERS; i++)
		if (strcmp(filters[i], name) == 0) {
			x->filter = (enum template_filter)i;
			return (0);
		}
	near = json_nearest(name, filters + 1, NFILTERS - 1);
	return (err_set(e, ERR_CONFIG, "template", "'%.100s': there is no filter "
	    "'%.32s'%s%s%s; known are jql, query, url, number, adf, raw, path, "
	    "base64, like, prefix, key, soql", t, name,
	    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : ""));
}

/* Cut the blanks at the end of ${s}, and return it without those before. */
static char *
trim(char * s)
{
	size_t n;

	while (*s == ' ')
		s++;
	for (n = strlen(s); n > 0 && s[n - 1] == ' '; )
		s[--n] = '\0';
	return (s);
}

/* Take "{{paths|filter}}" apart in place. */
static int
split(struct template_expr * x, const char * t, struct err * e)
{
	char * p = x->text, * bar = strchr(p, '|'), * or, * to = x->text, * end;
	size_t n;

	x->filter = FILTER_NONE;
	x->earlier = 0;
	x->npaths = 0;
	if (bar != NULL) {
		*bar = '\0';
		if (filter_of(x, trim(bar + 1), t, e))
			return (-1);
	}
	do {
		if ((or = strstr(p, "??")) != NULL)
			*or = '\0';
		p = trim(p);
		if ((n = strlen(p)) == 0)
			return (err_set(e, ERR_CONFIG, "template",
			    "'%.100s' has an empty or overlong {{}}", t));
		memmove(to, p, n + 1);
		to += n + 1;
		x->npaths++;
		p = or != NULL ? or + 2 : p;
	} while (or != NULL);
	x->path = x->text;
	if (strncmp(x->path, "now", 3) == 0 && (end = strpbrk(x->text,
	    "-+")) != NULL && end[1] != '\0' && strlen(end + 1) < 16 &&
	    strspn(end + 1, "0123456789") == strlen(end + 1)) {
		x->earlier = strtoll(end + 1, NULL, 10);
		x->earlier = *end == '+' ? -x->earlier : x->earlier;
		*end = '\0';
	}
	return (0);
}

const char *
template_path(const struct template_expr * x, size_t i)
{
	const char * p = x->text;

	while (i-- > 0)
		p += strlen(p) + 1;
	return (p);
}

int
template_next(const char ** tp, const char ** lit, size_t * nlit,
    struct template_expr * x, struct err * e)
{
	const char * t = *tp, * open = strstr(t, "{{"), * close;
	size_t n;

	*lit = t;
	if (open == NULL) {
		*nlit = strlen(t);
		return (0);
	}
	/* Of three braces the first stands for itself. */
	while (open[2] == '{')
		open++;
	*nlit = (size_t)(open - t);
	open += 2;
	if ((close = strstr(open, "}}")) == NULL)
		return (err_set(e, ERR_CONFIG, "template",
		    "'%.100s' has {{ without }}", t));
	*tp = close + 2;
	n = (size_t)(close - open);
	if (n == 0 || n >= sizeof(x->text))
		return (err_set(e, ERR_CONFIG, "template",
		    "'%.100s' has an empty or overlong {{}}", t));
	memcpy(x->text, open, n);
	x->text[n] = '\0';
	return (split(x, t, e) ? -1 : 1);
}

int
template_is_alone(const char * t, struct template_expr * x)
{
	const char * lit;
	size_t nlit;

	return (template_next(&t, &lit, &nlit, x, NULL) == 1 && nlit == 0 &&
	    *t == '\0');
}

/* The value at the dotted ${path} in ${v}, or NULL. */
static const json_t *
walk(const char * path, const json_t * v)
{
	char part[TEMPLATE_PATH_MAX];
	size_t n;

	for (; v != NULL && *path != '\0'; path += n) {
		n = strcspn(path, ".");
		memcpy(part, path, n);
		part[n] = '\0';
		v = json_object_get(v, part);
		if (path[n] == '.')
			n++;
	}
	return (v);
}

static const json_t *
json_of_root(const char * root, size_t n, const struct template_env * env)
{
	const struct {
		const char * name;
		const json_t * v;
	} roots[] = { { "config", env->config }, { "in", env->in },
	    { "value", env->value }, { "order", env->order },
	    { "lookup", env->lookup }, { "answer", env->answer },
	    { "header", env->header }, { "action", env->action } };
	size_t i;

	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (strlen(roots[i].name) == n &&
		    memcmp(roots[i].name, root, n) == 0)
			return (roots[i].v);
	return (NULL);
}

/* Whether ${path} is known only when a request is sent. */
static int
is_late(const char * path)
{
	static const char * const late[] = { "token", "jwt", "method", "url",
	    "body", "timestamp", "signature" };
	size_t i;

	for (i = 0; i < sizeof(late) / sizeof(late[0]); i++)
		if (strcmp(path, late[i]) == 0)
			return (1);
	return (0);
}

static json_t *
eval_path(const char * path, int64_t earlier, const struct template_env * env)
{
	size_t n = strcspn(path, ".");
	const char * sub = path + n + (path[n] == '.');
	char now[RFC3339_LEN];

	if (strcmp(path, "token.base_url") == 0)
		return (env->token_base ? json_string(env->token_base) : NULL);
	if (strcmp(path, "service") == 0)
		return (env->service ? json_string(env->service) : NULL);
	if (is_late(path))
		return (env->late ? json_sprintf("{{%s}}", path) : NULL);
	if (strcmp(path, "now_ms") == 0)
		return (json_integer(env->now_ms - earlier));
	if (strcmp(path, "now_s") == 0)
		return (json_integer(env->now_ms / 1000 - earlier));
	if (strcmp(path, "now") == 0) {
		rfc3339_format((env->now_ms / 1000 - earlier) * 1000, now);
		return (json_string(now));
	}
	return (json_incref(MUTABLE(walk(sub, json_of_root(path, n, env)))));
}

json_t *
template_eval(struct template_expr * x, const struct template_env * env)
{
	json_t * v = NULL;
	size_t i;

	for (i = 0; i < x->npaths; i++) {
		x->path = template_path(x, i);
		v = eval_path(x->path, x->earlier, env);
		if (v != NULL && (!json_is_null(v) || i + 1 == x->npaths))
			return (v);
		json_decref(v);
	}
	return (NULL);
}

/* What the schema has at config.a or, of the variant chosen, config.a.b. */
static const json_t *
field_of(const char * path, const struct template_env * env)
{
	char part[TEMPLATE_PATH_MAX];
	const json_t * f, * v;
	const char * k;
	size_t n;

	if (strncmp(path, "config.", 7) != 0)
		return (NULL);
	path += 7;
	n = strcspn(path, ".");
	memcpy(part, path, n);
	part[n] = '\0';
	f = json_object_get(env->schema, part);
	if (path[n] == '\0' || f == NULL)
		return (f);
	/* Without a configuration: any variant's. */
	k = json_str(json_object_get(env->config, part), "type");
	if (k != NULL)
		return (json_object_get(json_object_get(json_object_get(f,
		    "variants"), k), path + n + 1));
	json_object_foreach(MUTABLE(json_object_get(f, "variants")), k, v)
		if (json_object_get(v, path + n + 1) != NULL)
			return (json_object_get(v, path + n + 1));
	return (NULL);
}

int
template_is_secret(const char * path, const struct template_env * env)
{
	const char * type = json_str(field_of(path, env), "type");

	if (env->late && is_late(path))
		return (1);
	return (type != NULL && (strcmp(type, "secret") == 0 ||
	    strcmp(type, "secret_ref") == 0));
}

int
template_knows(const char * t, const struct template_env * env)
{
	struct template_expr x;
	const char * lit;
	size_t nlit;
	json_t * v;
	int rc;

	while ((rc = template_next(&t, &lit, &nlit, &x, NULL)) > 0) {
		v = template_eval(&x, env);
		rc = v == NULL || json_is_null(v);
		json_decref(v);
		if (rc)
			return (0);
	}
	return (rc == 0);
}

int
template_text_uses(const char * t, const char * path)
{
	struct template_expr x;
	const char * lit, * p;
	size_t nlit, n = strlen(path), i;

	while (t != NULL && template_next(&t, &lit, &nlit, &x, NULL) > 0)
		for (i = 0; i < x.npaths; i++) {
			p = template_path(&x, i);
			if (strncmp(p, path, n) == 0 &&
			    (p[n] == '\0' || p[n] == '.'))
				return (1);
		}
	return (0);
}

/* Whether ${is} says so of any string in ${t}. */
static int
any_string(const json_t * t, int (*is)(const char * s, const void * arg),
    const void * arg)
{
	const json_t * v;
	const char * k;
	size_t i;

	if (json_is_string(t))
		return (is(json_string_value(t), arg));
	json_object_foreach(MUTABLE(t), k, v)
		if (any_string(v, is, arg))
			return (1);
	json_array_foreach(t, i, v)
		if (any_string(v, is, arg))
			return (1);
	return (0);
}

static int
uses(const char * s, const void * arg)
{
	return (template_text_uses(s, arg));
}

int
template_uses(const json_t * t, const char * path)
{
	return (any_string(t, uses, path));
}

static int
has_secret(const char * t, const void * arg)
{
	struct template_expr x;
	const char * lit;
	size_t nlit, i;

	while (template_next(&t, &lit, &nlit, &x, NULL) > 0)
		for (i = 0; i < x.npaths; i++)
			if (template_is_secret(template_path(&x, i), arg))
				return (1);
	return (0);
}

int
template_has_secret(const json_t * t, const struct template_env * env)
{
	return (any_string(t, has_secret, env));
}
