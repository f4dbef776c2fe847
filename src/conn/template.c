#include "conn/template.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "conn/quote.h"
#include "conn/template_internal.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

/* No secret or value is longer. */
#define MAX_SECRET 65536
#define MAX_TEXT ((size_t)4 << 20)

static const char * const filters[] = { "", "jql", "query", "url", "number",
	"adf", "raw" };
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
	    "'%.32s'%s%s%s; known are jql, query, url, number, adf, raw", t, name,
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
	if (strncmp(x->path, "now_", 4) == 0 && (end = strchr(x->text, '-')) !=
	    NULL && quote_is_number(end + 1, strlen(end + 1)) &&
	    strspn(end + 1, "0123456789") == strlen(end + 1)) {
		x->earlier = strtoll(end + 1, NULL, 10);
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
	    { "lookup", env->lookup } };
	size_t i;

	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (strlen(roots[i].name) == n &&
		    memcmp(roots[i].name, root, n) == 0)
			return (roots[i].v);
	return (NULL);
}

static json_t *
eval_path(const char * path, int64_t earlier, const struct template_env * env)
{
	size_t n = strcspn(path, ".");
	const char * sub = path + n + (path[n] == '.');
	char now[RFC3339_LEN];

	if (strcmp(path, "now_ms") == 0)
		return (json_integer(env->now_ms - earlier));
	if (strcmp(path, "now_s") == 0)
		return (json_integer(env->now_ms / 1000 - earlier));
	if (strcmp(path, "now") == 0) {
		rfc3339_format(env->now_ms / 1000 * 1000, now);
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

	return (type != NULL && (strcmp(type, "secret") == 0 ||
	    strcmp(type, "secret_ref") == 0));
}

/* ---- what is asked of templates without expanding them ---- */

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

/* ---- expansion ---- */

/* The text of a scalar into ${b}; 0, 1: it is none (missing, list, object). */
static int
scalar_text(const json_t * v, struct buf * b)
{
	char num[40];

	if (json_is_string(v))
		buf_add(b, json_string_value(v), json_string_length(v));
	else if (json_is_integer(v))
		buf_addf(b, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		buf_adds(b, json_is_true(v) ? "true" : "false");
	else if (json_is_real(v)) {
		snprintf(num, sizeof(num), "%.15g", json_real_value(v));
		if (strtod(num, NULL) < json_real_value(v) ||
		    strtod(num, NULL) > json_real_value(v))
			snprintf(num, sizeof(num), "%.17g", json_real_value(v));
		buf_adds(b, num);
	} else {
		return (1);
	}
	return (0);
}

static int
is_mark(const struct buf * b)
{
	return (memchr(b->p, TEMPLATE_MARK, b->len) != NULL ||
	    memchr(b->p, TEMPLATE_MARK_END, b->len) != NULL);
}

/* The reference in ${text} becomes what it stands for. */
static int
secret_text(const struct template_env * env, struct buf * text, struct err * e)
{
	struct buf v = BUF_INIT(MAX_SECRET);

	if (env->secrets == NULL && env->mark) {
		buf_addf(&v, "%c%s%c", TEMPLATE_MARK, text->p,
		    TEMPLATE_MARK_END);
	} else if (env->secrets == NULL) {
		buf_adds(&v, secret_shown(text->p));
	} else if (buf_reserve(&v, 4096) ||
	    secrets_resolve(env->secrets, text->p, &v, e)) {
		buf_wipe(&v);
		return (-1);
	}
	buf_wipe(text);
	*text = v;
	return (v.failed ? err_nomem(e, "a secret") : 0);
}

static int
filter_text(const struct template_expr * x, struct buf * text, struct err * e)
{
	struct buf out = BUF_INIT(MAX_TEXT);
	int rc = 0;

	switch (x->filter) {
	case FILTER_NONE:
		return (0);
	case FILTER_JQL:
		rc = quote_jql(&out, text->p, text->len, x->path, e);
		break;
	case FILTER_QUERY:
		rc = quote_query_string(&out, text->p, text->len, x->path, e);
		break;
	case FILTER_URL:
		quote_percent(&out, text->p, text->len, "");
		break;
	case FILTER_RAW:
		rc = quote_balanced(&out, text->p, text->len, x->path, e);
		break;
	case FILTER_NUMBER:
		if (quote_is_number(text->p, text->len))
			return (0);
		return (err_set(e, ERR_CONFIG, "template", "{{%s}} must be a "
		    "number", x->path));
	case FILTER_ADF:
		return (err_set(e, ERR_CONFIG, "template", "{{%s|adf}} is a "
		    "document: it stands alone in a JSON string", x->path));
	}
	buf_wipe(text);
	*text = out;
	if (rc == 0 && (out.failed || (out.p == NULL && buf_adds(text, ""))))
		rc = err_nomem(e, "a request");
	return (rc);
}

/* Where in the URL in ${out} the next bytes go. */
static enum template_quote
url_place(const struct buf * out)
{
	const char * p = out->p, * host;

	if (out->len == 0 || (host = strstr(p, "://")) == NULL)
		return (out->len == 0 || strchr(p, '/') == NULL ? QUOTE_URL :
		    strchr(p, '?') != NULL ? QUOTE_QUERY : QUOTE_SEGMENT);
	host += 3;
	if (strchr(host, '?') != NULL)
		return (QUOTE_QUERY);
	return (strchr(host, '/') != NULL ? QUOTE_SEGMENT : QUOTE_URL);
}

static int
place_in_url(const struct template_expr * x, const struct buf * text,
    struct buf * out, struct err * e)
{
	enum template_quote where = url_place(out);
	size_t i;

	if (where == QUOTE_QUERY) {
		quote_percent(out, text->p, text->len, ",:");
		return (0);
	}
	if (text->len == 0)
		return (err_set(e, ERR_CONFIG, "template", "{{%s}} is empty, "
		    "and would change what the URL means", x->path));
	if (where == QUOTE_SEGMENT) {
		quote_percent(out, text->p, text->len, "");
		return (0);
	}
	if (out->len > 0 || strncmp(x->path, "config.", 7) != 0)
		return (quote_host(out, text->p, text->len, x->path, e));
	/* A whole URL, as the configuration gives it. */
	for (i = 0; i < text->len; i++)
		if ((unsigned char)text->p[i] <= ' ' || text->p[i] == 0x7f)
			return (err_set(e, ERR_CONFIG, "template", "{{%s}} "
			    "holds a blank or a control character, which no URL "
			    "has", x->path));
	buf_add(out, text->p, text->len);
	return (0);
}

/* Put ${text} where it goes. */
static int
place(const struct template_expr * x, const json_t * v,
    const struct buf * text, enum template_quote quote, struct buf * out,
    struct err * e)
{
	/* The manifest's own words, and what is quoted already. */
	int own = strncmp(x->path, "order", 5) == 0 ||
	    x->filter == FILTER_JQL || x->filter == FILTER_QUERY ||
	    x->filter == FILTER_RAW || !json_is_string(v);

	switch (quote) {
	case QUOTE_TEXT:
		buf_add(out, text->p, text->len);
		return (0);
	case QUOTE_NONE:
		return (quote_line(out, text->p, text->len, x->path, e));
	case QUOTE_SEGMENT:
		if (text->len == 0)
			return (err_set(e, ERR_CONFIG, "template", "{{%s}} is "
			    "empty, and would change what the URL means",
			    x->path));
		/* FALLTHROUGH */
	case QUOTE_QUERY:
		quote_percent(out, text->p, text->len,
		    quote == QUOTE_QUERY ? ",:" : "");
		return (0);
	case QUOTE_URL:
		return (place_in_url(x, text, out, e));
	case QUOTE_JQL:
		if (!own)
			return (quote_jql(out, text->p, text->len, x->path, e));
		break;
	case QUOTE_QUERY_STRING:
		if (!own)
			return (quote_query_string(out, text->p, text->len,
			    x->path, e));
		break;
	}
	buf_add(out, text->p, text->len);
	return (0);
}

/* One scalar. */
static int
add_scalar(struct template_expr * x, const struct template_env * env,
    const json_t * v, enum template_quote quote, struct buf * out,
    struct err * e)
{
	struct buf text = BUF_INIT(MAX_TEXT);
	enum template_filter was = x->filter;
	int rc = 0, secret = template_is_secret(x->path, env);

	if (scalar_text(v, &text))
		rc = err_set(e, ERR_CONFIG, "template", json_is_array(v) ||
		    json_is_object(v) ? "{{%s}} is a list or an object, which "
		    "cannot stand in a text" : "{{%s}} has no value", x->path);
	else if (text.failed || (text.p == NULL && buf_adds(&text, "")))
		rc = err_nomem(e, "a request");
	else if (env->mark && is_mark(&text))
		rc = err_set(e, ERR_CONFIG, "template", "{{%s}} holds a control "
		    "character", x->path);
	else if (secret && (quote == QUOTE_URL || quote == QUOTE_SEGMENT ||
	    quote == QUOTE_QUERY))
		rc = err_set(e, ERR_CONFIG, "template", "{{%s}} is a secret, "
		    "which cannot stand in a URL", x->path);
	else if (secret)
		rc = secret_text(env, &text, e);
	/* In a URL the place does it. */
	if (was == FILTER_URL && (quote == QUOTE_URL ||
	    quote == QUOTE_SEGMENT || quote == QUOTE_QUERY))
		x->filter = FILTER_NONE;
	if (rc == 0)
		rc = filter_text(x, &text, e);
	if (rc == 0) {
		/* Marks are no part of the value, and leave with it. */
		if (secret && env->mark)
			buf_add(out, text.p, text.len);
		else
			rc = place(x, v, &text, quote, out, e);
	}
	x->filter = was;
	buf_wipe(&text);
	return (rc);
}

static int
add_value(struct template_expr * x, const struct template_env * env,
    enum template_quote quote, struct buf * out, struct err * e)
{
	int clause = quote == QUOTE_JQL || quote == QUOTE_QUERY_STRING;
	json_t * v = template_eval(x, env), * one;
	size_t i;
	int rc = 0;

	if (v == NULL || json_is_null(v))
		rc = err_set(e, ERR_CONFIG, "template", "{{%s}} has no value",
		    x->path);
	else if (!json_is_array(v) || !clause)
		rc = add_scalar(x, env, v, quote, out, e);
	else if (json_array_size(v) == 0)
		rc = err_set(e, ERR_CONFIG, "template", "{{%s}} is an empty "
		    "list", x->path);
	else
		json_array_foreach(v, i, one) {
			if (i > 0)
				buf_adds(out, quote == QUOTE_JQL ? ", " :
				    " OR ");
			if ((rc = add_scalar(x, env, one, quote, out, e)) != 0)
				break;
		}
	json_decref(v);
	return (rc);
}

/* Whether a segment from ${at} to the end of the path leads elsewhere. */
static int
has_dots(const struct buf * out, size_t at)
{
	const char * p = out->p;
	size_t n;

	while (at > 0 && p[at - 1] != '/')
		at--;
	for (;;) {
		n = strcspn(p + at, "/?#");
		if ((n == 1 && p[at] == '.') ||
		    (n == 2 && p[at] == '.' && p[at + 1] == '.'))
			return (1);
		if (p[at + n] != '/')
			return (0);
		at += n + 1;
	}
}

int
template_expand(const char * t, const struct template_env * env,
    enum template_quote quote, struct buf * out, struct err * e)
{
	const char * whole = t, * lit;
	struct template_expr x;
	size_t nlit, at = SIZE_MAX;
	int rc;

	for (;;) {
		if ((rc = template_next(&t, &lit, &nlit, &x, e)) < 0)
			return (-1);
		buf_add(out, lit, nlit);
		if (rc == 0)
			break;
		if (at == SIZE_MAX && !out->failed && out->len > 0 &&
		    (quote == QUOTE_SEGMENT || (quote == QUOTE_URL &&
		    url_place(out) == QUOTE_SEGMENT)))
			at = out->len;
		else if (at == SIZE_MAX && quote == QUOTE_SEGMENT)
			at = 0;
		if (add_value(&x, env, quote, out, e))
			return (-1);
	}
	if (out->failed)
		return (err_nomem(e, "a request"));
	if (at != SIZE_MAX && has_dots(out, at))
		return (err_set(e, ERR_CONFIG, "template", "'%.100s' would hold "
		    "'.' or '..' as a part of its path, which leads elsewhere",
		    whole));
	return (0);
}
