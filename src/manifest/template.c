#include "manifest/template.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "manifest/template_internal.h"

/* No secret or value is longer. */
#define MAX_SECRET 65536

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

/* A key is a path that may have empty parts. */
static int
keeps_slash(const struct template_expr * x)
{
	return (x->filter == FILTER_PATH || x->filter == FILTER_KEY);
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
		quote_percent(out, text->p, text->len,
		    keeps_slash(x) ? "/" : "");
		return (0);
	}
	if (out->len > 0 || (strncmp(x->path, "config.", 7) != 0 &&
	    strncmp(x->path, "answer.", 7) != 0 &&
	    strncmp(x->path, "header.", 7) != 0 &&
	    strcmp(x->path, "token.base_url") != 0))
		return (quote_host(out, text->p, text->len, x->path, e));
	/* A whole URL, as the configuration gives it, or as the service did:
	 * whoever asks looks at its host. */
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
	    x->filter == FILTER_RAW || x->filter == FILTER_SOQL ||
	    !json_is_string(v);

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
		    quote == QUOTE_QUERY ? ",:" :
		    keeps_slash(x) ? "/" : "");
		return (0);
	case QUOTE_URL:
		return (place_in_url(x, text, out, e));
	case QUOTE_JQL:
		if (!own)
			return (quote_jql(out, text->p, text->len, x->path, e));
		break;
	case QUOTE_ENTITY:
		if (!own)
			return (quote_entity(out, text->p, text->len, x->path,
			    e));
		break;
	case QUOTE_SELECTOR:
		if (!own)
			return (quote_selector(out, text->p, text->len,
			    x->path, e));
		break;
	case QUOTE_SOQL:
		if (!own)
			return (quote_entity(out, text->p, text->len, x->path,
			    e));
		if (json_is_real(v))
			return (quote_decimal(out, json_real_value(v), e));
		break;
	case QUOTE_SPL:
		if (!own)
			return (quote_spl(out, text->p, text->len, x->path, e));
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

/* Whether ${v} is but the name of what ${path} will be. */
static int
stands_for(const char * path, const json_t * v)
{
	const char * s = json_string_value(v);
	size_t n;

	if (strncmp(path, "in.", 3) == 0)
		path += 3;
	n = strlen(path);
	return (s != NULL && json_string_length(v) == n + 2 && s[0] == '{' &&
	    memcmp(s + 1, path, n) == 0 && s[n + 1] == '}');
}

/* What nobody can know yet: "{header.Location}". */
static void
add_names(const struct template_expr * x, struct buf * out)
{
	const char * p;
	size_t i;

	for (i = 0; i < x->npaths; i++) {
		p = template_path(x, i);
		if (strncmp(p, "in.", 3) == 0)
			p += 3;
		buf_addf(out, "%s%s", i == 0 ? "{" : " or ", p);
	}
	buf_addc(out, '}');
}

/* One scalar. */
static int
add_scalar(struct template_expr * x, const struct template_env * env,
    const json_t * v, enum template_quote quote, struct buf * out,
    struct err * e)
{
	struct buf text = BUF_INIT(TEMPLATE_TEXT_MAX);
	enum template_filter was = x->filter;
	int rc = 0, secret = template_is_secret(x->path, env);

	if (env->shows && stands_for(x->path, v)) {
		buf_add(out, json_string_value(v), json_string_length(v));
		return (0);
	}
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
		rc = template_filter(x, &text, out, quote, e);
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

int
template_missing(const char * path, struct err * e)
{
	const char * key = strncmp(path, "config.", 7) == 0 ? path + 7 : NULL;

	/* An input: what a WHERE or an action's arguments say. */
	if (strncmp(path, "in.", 3) == 0)
		return (err_set(e, ERR_CONFIG, "template", "%s has no value: "
		    "what was asked needs %s = '...', too", path + 3,
		    path + 3));
	/* It is the connector's fault, and no statement's. */
	return (err_set(e, ERR_CONFIG, key ? "config_missing" : "template",
	    "{{%s}} has no value%s%s%s", path, key ? ": set it with ALTER CONNECTOR ... SET CONFIG {\"" : "",
	    key ? key : "", key ? "\": ...}" : ""));
}

/* Several values in one segment of a URL, with commas between. */
static int
add_batch(struct template_expr * x, const struct template_env * env,
    const json_t * list, enum template_quote quote, struct buf * out,
    struct err * e)
{
	const json_t * one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, one) {
		if (json_is_string(one) && memchr(json_string_value(one), ',',
		    json_string_length(one)) != NULL)
			return (err_set(e, ERR_CONFIG, "template", "{{%s}} "
			    "holds a comma, which would make two of it",
			    x->path));
		if (i > 0)
			buf_addc(out, ',');
		if (add_scalar(x, env, one, quote, out, e))
			return (-1);
	}
	return (i > 0 ? 0 : template_missing(x->path, e));
}

static int
add_value(struct template_expr * x, const struct template_env * env,
    enum template_quote quote, struct buf * out, struct err * e)
{
	int clause = quote >= QUOTE_JQL && quote <= QUOTE_SPL;
	json_t * v = template_eval(x, env), * one;
	size_t i;
	int rc = 0;

	if ((v == NULL || json_is_null(v)) && env->shows &&
	    strncmp(x->path, "config.", 7) != 0)
		add_names(x, out);
	else if (v == NULL || json_is_null(v))
		rc = template_missing(x->path, e);
	else if (json_is_array(v) && (quote == QUOTE_URL ||
	    quote == QUOTE_SEGMENT))
		rc = add_batch(x, env, v, quote, out, e);
	else if (!json_is_array(v) || !clause)
		rc = add_scalar(x, env, v, quote, out, e);
	else if (json_array_size(v) == 0)
		rc = err_set(e, ERR_CONFIG, "template", "{{%s}} is an empty "
		    "list", x->path);
	else
		json_array_foreach(v, i, one) {
			if (i > 0)
				buf_adds(out, quote == QUOTE_QUERY_STRING ?
				    " OR " : ", ");
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
