#include <stdint.h>
#include <string.h>

#include "base/quote.h"
#include "manifest/template_internal.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define MAX_TEXT ((size_t)4 << 20)
#define MAX_PARAGRAPHS 10000
#define MAX_KEY 65536

/* A text as an Atlassian document: a paragraph a line. */
static json_t *
adf(const char * s, size_t n)
{
	json_t * doc = json_pack("{s:s, s:i, s:[]}", "type", "doc", "version", 1,
	    "content"), * list = json_object_get(doc, "content"), * para;
	const char * nl;
	size_t len, i;

	for (i = 0; doc != NULL && n > 0 && i < MAX_PARAGRAPHS; i++) {
		nl = memchr(s, '\n', n);
		len = nl == NULL || i == MAX_PARAGRAPHS - 1 ? n :
		    (size_t)(nl - s);
		if (len > 0)
			para = json_pack("{s:s, s:[{s:s, s:s%}]}", "type",
			    "paragraph", "content", "type", "text", "text", s,
			    len);
		else
			para = json_pack("{s:s, s:[]}", "type", "paragraph",
			    "content");
		if (para == NULL || json_array_append_new(list, para)) {
			json_decref(doc);
			return (NULL);
		}
		len += nl != NULL && len < n;
		s += len;
		n -= len;
	}
	return (doc);
}

/* What a filter makes of a value that keeps its type. */
static json_t *
filtered(const struct template_expr * x, const json_t * v, struct err * e)
{
	const char * s = json_string_value(v);
	json_t * out;

	if (x->filter == FILTER_ADF && s != NULL) {
		if ((out = adf(s, json_string_length(v))) == NULL)
			err_nomem(e, "a request");
		return (out);
	}
	if (x->filter == FILTER_NUMBER && s != NULL) {
		if (!quote_is_number(s, json_string_length(v))) {
			err_set(e, ERR_CONFIG, "template", "{{%s}} must be a "
			    "number", x->path);
			return (NULL);
		}
		out = json_loadb(s, json_string_length(v), JSON_DECODE_ANY,
		    NULL);
		if (out == NULL)
			err_set(e, ERR_CONFIG, "template", "{{%s}} is a number "
			    "too large to be sent", x->path);
		return (out);
	}
	/* What comes of another's template must not change under it. */
	if ((out = json_deep_copy(MUTABLE(v))) == NULL)
		err_nomem(e, "a request");
	return (out);
}

static json_t *
text_of(const char * t, const struct template_env * env, struct err * e)
{
	struct buf b = BUF_INIT(MAX_TEXT);
	json_t * out = NULL;

	if (template_expand(t, env, QUOTE_TEXT, &b, e) == 0 &&
	    (out = json_stringn(b.p ? b.p : "", b.len)) == NULL)
		err_set(e, ERR_CONFIG, "template", "'%.100s' would hold bytes "
		    "that are no UTF-8", t);
	buf_wipe(&b);
	return (out);
}

/* Whether the text is one template alone, whose value is missing.  A null that
 * was given is a value of its own. */
static int
is_missing(const char * t, const struct template_env * env)
{
	struct template_expr x;
	json_t * v;

	if (!template_is_alone(t, &x))
		return (0);
	v = template_eval(&x, env);
	json_decref(v);
	return (v == NULL);
}

/* Whether anything in ${t} is missing. */
static int
lacks(const json_t * t, const struct template_env * env)
{
	struct template_expr x;
	const json_t * v;
	const char * k;
	size_t i;

	if (json_is_string(t))
		return (template_is_alone(json_string_value(t), &x) ?
		    is_missing(json_string_value(t), env) :
		    !template_knows(json_string_value(t), env));
	json_object_foreach(MUTABLE(t), k, v)
		if (lacks(v, env))
			return (1);
	json_array_foreach(t, i, v)
		if (lacks(v, env))
			return (1);
	return (0);
}

static int
any_secret(const struct template_expr * x, const struct template_env * env)
{
	size_t i;

	for (i = 0; i < x->npaths; i++)
		if (template_is_secret(template_path(x, i), env))
			return (1);
	return (0);
}

int
template_has_mark(const json_t * v)
{
	const char * s = json_string_value(v), * k;
	const json_t * sub;
	size_t i;

	if (s != NULL)
		return (s[strcspn(s, "\001\002")] != '\0');
	json_object_foreach(MUTABLE(v), k, sub)
		if (template_has_mark(sub))
			return (1);
	json_array_foreach(v, i, sub)
		if (template_has_mark(sub))
			return (1);
	return (0);
}

static json_t *
string(const char * t, const struct template_env * env, struct err * e)
{
	struct template_expr x;
	json_t * v, * out;

	if (!template_is_alone(t, &x) || any_secret(&x, env) ||
	    x.filter == FILTER_JQL || x.filter == FILTER_QUERY ||
	    x.filter == FILTER_URL || x.filter == FILTER_RAW ||
	    x.filter == FILTER_PATH || x.filter == FILTER_KEY || x.filter == FILTER_BASE64 ||
	    x.filter == FILTER_LIKE || x.filter == FILTER_PREFIX ||
	    x.filter == FILTER_SOQL)
		return (text_of(t, env, e));
	if ((v = template_eval(&x, env)) == NULL) {
		(void)template_missing(x.path, e);
		return (NULL);
	}
	if (env->mark && template_has_mark(v)) {
		err_set(e, ERR_CONFIG, "template", "{{%s}} holds a control "
		    "character", x.path);
		out = NULL;
	} else {
		out = filtered(&x, v, e);
	}
	json_decref(v);
	return (out);
}

static json_t * expand(const json_t * t, const struct template_env * env,
    int * missing, struct err * e);

/* Set ${out}'s member ${k}, of ${n} bytes, which may hold templates, to ${v}
 * (taken). */
static int
set_member(json_t * out, const char * k, size_t n, json_t * v,
    const struct template_env * env, struct err * e)
{
	struct buf name = BUF_INIT(MAX_KEY), plain = BUF_INIT(MAX_KEY);
	int rc = 0;

	if (memmem(k, n, "{{", 2) != NULL) {
		buf_add(&plain, k, n);
		rc = plain.failed ? err_nomem(e, "a request") : template_expand(
		    plain.p, env, QUOTE_TEXT, &name, e);
		k = name.p;
		n = name.len;
	}
	if (rc != 0)
		json_decref(v);
	else if (json_object_setn_new(out, k, n, v))
		rc = err_set(e, ERR_CONFIG, "template", "a body's key would "
		    "hold bytes that are no UTF-8");
	buf_free(&plain);
	buf_free(&name);
	return (rc);
}

/* Members that are missing are left out, and an object of which nothing but
 * missing ones were asked is missing itself. */
static json_t *
object(const json_t * t, const struct template_env * env, int * missing,
    struct err * e)
{
	json_t * out = json_object(), * v;
	const json_t * sub;
	const char * k;
	size_t n;
	int gone;

	if (out == NULL) {
		err_nomem(e, "a request");
		return (NULL);
	}
	json_object_foreach(MUTABLE(t), k, sub) {
		/* "key?": only if all in it is there. */
		n = strlen(k);
		gone = n > 1 && k[n - 1] == '?' && lacks(sub, env);
		n -= n > 1 && k[n - 1] == '?';
		v = gone ? NULL : expand(sub, env, &gone, e);
		if (v == NULL && !gone) {
			json_decref(out);
			return (NULL);
		}
		if (v != NULL && set_member(out, k, n, v, env, e)) {
			json_decref(out);
			return (NULL);
		}
	}
	if (json_object_size(out) > 0 || json_object_size(t) == 0)
		return (out);
	json_decref(out);
	*missing = 1;
	return (NULL);
}

/* Strings must be there; objects that are missing leave the list, and a list of
 * which all left is missing itself. */
static json_t *
array(const json_t * t, const struct template_env * env, int * missing,
    struct err * e)
{
	json_t * out = json_array(), * v, * sub;
	size_t i;
	int gone;

	if (out == NULL) {
		err_nomem(e, "a request");
		return (NULL);
	}
	json_array_foreach(t, i, sub) {
		gone = 0;
		v = json_is_string(sub) ? string(json_string_value(sub), env,
		    e) : expand(sub, env, &gone, e);
		if (v == NULL && gone)
			continue;
		if (v == NULL || json_array_append_new(out, v)) {
			if (v != NULL)
				err_nomem(e, "a request");
			json_decref(out);
			return (NULL);
		}
	}
	if (json_array_size(out) > 0 || json_array_size(t) == 0)
		return (out);
	json_decref(out);
	*missing = 1;
	return (NULL);
}

/* NULL with ${*missing} set, or with ${e}. */
static json_t *
expand(const json_t * t, const struct template_env * env, int * missing,
    struct err * e)
{
	json_t * v;

	if (json_is_string(t)) {
		if (is_missing(json_string_value(t), env)) {
			*missing = 1;
			return (NULL);
		}
		return (string(json_string_value(t), env, e));
	}
	if (json_is_object(t))
		return (object(t, env, missing, e));
	if (json_is_array(t))
		return (array(t, env, missing, e));
	if ((v = json_copy(MUTABLE(t))) == NULL)
		err_nomem(e, "a request");
	return (v);
}

json_t *
template_json(const json_t * t, const struct template_env * env,
    struct err * e)
{
	int missing = 0;
	json_t * v;

	if (json_is_string(t))
		return (string(json_string_value(t), env, e));
	v = expand(t, env, &missing, e);
	if (v == NULL && missing)
		v = json_is_array(t) ? json_array() : json_object();
	if (v == NULL && missing)
		err_nomem(e, "a request");
	return (v);
}
