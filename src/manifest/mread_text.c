#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "manifest/mread.h"
#include "manifest/template.h"

/* Templates, and what is made of them. */

#define NEAREST_MAX 128
#define BODY_DEPTH 32

static const struct {
	const char * name;
	unsigned bit;
	int alone;    /* may stand without .something */
} roots[] = {
	{ "config", ROOT_CONFIG, 0 }, { "in", ROOT_IN, 0 },
	{ "value", ROOT_VALUE, 1 }, { "order", ROOT_ORDER, 1 },
	{ "now", ROOT_NOW, 1 }, { "now_s", ROOT_NOW, 1 },
	{ "now_ms", ROOT_NOW, 1 }, { "lookup", ROOT_LOOKUP, 1 },
	{ "token", ROOT_TOKEN, 1 }, { "jwt", ROOT_JWT, 1 },
	{ "method", ROOT_SIGN, 1 }, { "url", ROOT_SIGN, 1 },
	{ "body", ROOT_SIGN, 1 }, { "timestamp", ROOT_SIGN, 1 },
	{ "signature", ROOT_SIGN, 1 }, { "answer", ROOT_ANSWER, 0 },
	{ "header", ROOT_ANSWER, 0 }, { "service", ROOT_SERVICE, 1 },
	{ "action", ROOT_ACTION, 0 },
};
#define NROOTS (sizeof(roots) / sizeof(roots[0]))

/* Whether ${name} (${n} bytes) is one of the inputs; else a fault. */
static int
input_ok(struct mread * r, const char * key, const char * name, size_t n,
    const json_t * inputs)
{
	const char * known[NEAREST_MAX], * k;
	size_t i, nknown = 0;
	char word[65];
	const json_t * v;

	if (n >= sizeof(word))
		n = sizeof(word) - 1;
	memcpy(word, name, n);
	word[n] = '\0';
	if (json_is_array(inputs)) {
		json_array_foreach((json_t *)(uintptr_t)inputs, i, v)
			if (json_is_string(v) && nknown < NEAREST_MAX)
				known[nknown++] = json_string_value(v);
	} else {
		json_object_foreach((json_t *)(uintptr_t)inputs, k, v)
			if (nknown < NEAREST_MAX)
				known[nknown++] = k;
	}
	if (json_object_get(inputs, word) != NULL)
		return (1);
	for (i = 0; i < nknown; i++)
		if (strcmp(known[i], word) == 0)
			return (1);
	mread_unknown(r, key, "input", word, known, nknown);
	return (0);
}

/* Check the root of one way to a value: "in.x", "now_s-60", "value|jql"; 0: it
 * was told what is wrong. */
static int
root_ok(struct mread * r, const char * key, const char * p, const char * end,
    const struct mread_scope * s)
{
	size_t n, i, len;

	while (p < end && *p == ' ')
		p++;
	for (n = 0; p + n < end && strchr(".|} -+", p[n]) == NULL; n++)
		;
	for (i = 0; i < NROOTS; i++)
		if (strlen(roots[i].name) == n &&
		    strncmp(roots[i].name, p, n) == 0)
			break;
	if (i == NROOTS) {
		mread_fault(r, key, "{{%.*s}}: a template speaks of config, "
		    "in, value, order, now, now_s, now_ms or lookup",
		    n < 64 ? (int)n : 64, p);
		return (0);
	}
	if (!(s->roots & roots[i].bit)) {
		mread_fault(r, key, "{{%s}} has no meaning here",
		    roots[i].name);
		return (0);
	}
	if ((p + n == end || p[n] != '.') && !roots[i].alone) {
		mread_fault(r, key, "{{%s}} alone is no value: name one as "
		    "{{%s.NAME}}", roots[i].name, roots[i].name);
		return (0);
	}
	if (roots[i].bit != ROOT_IN)
		return (1);
	for (len = 0, p += n + 1; p + len < end &&
	    strchr(".[|} ", p[len]) == NULL; len++)
		;
	return (input_ok(r, key, p, len, s->inputs));
}

/* All ways of what stands between {{ and }}: "a ?? b". */
static int
ways_ok(struct mread * r, const char * key, const char * p, const char * end,
    const struct mread_scope * s)
{
	const char * q;
	int ok = 1;

	for (;;) {
		for (q = p; q + 1 < end && (q[0] != '?' || q[1] != '?'); q++)
			;
		if (q + 1 >= end)
			return (ok & root_ok(r, key, p, end, s));
		ok &= root_ok(r, key, p, q, s);
		p = q + 2;
	}
}

void
mread_text_ok(struct mread * r, const char * key, const char * t,
    const struct mread_scope * s)
{
	const char * p, * end;
	struct err e;
	int ok = 1;

	for (p = t; (p = strstr(p, "{{")) != NULL; p = end) {
		/* Of three braces the first stands for itself. */
		while (p[2] == '{')
			p++;
		if ((end = strstr(p, "}}")) == NULL)
			break;
		ok &= ways_ok(r, key, p + 2, end, s);
	}
	if (ok && template_check(t, r->m->config, s->inputs, &e))
		mread_fault(r, key, "%s", e.msg);
}

const char *
mread_template(struct mread * r, const json_t * o, const char * key,
    int required, const struct mread_scope * s)
{
	const char * t = mread_str(r, o, key, required);

	if (t != NULL)
		mread_text_ok(r, key, t, s);
	return (t);
}

/* A URL is logged, cached and shown. */
static void
no_secret(struct mread * r, const char * key, const char * t)
{
	struct template_env env = { .schema = r->m->config };
	json_t * v = json_string(t);

	if (v != NULL && template_has_secret(v, &env))
		mread_fault(r, key, "speaks of a secret, which cannot stand in "
		    "a URL; send it in a header");
	json_decref(v);
}

const char *
mread_url(struct mread * r, const json_t * o, const char * key, int required,
    const struct mread_scope * s)
{
	const char * t = mread_template(r, o, key, required, s);

	if (t == NULL)
		return (NULL);
	no_secret(r, key, t);
	if (*t == '/' && json_object_get(r->m->doc, "base_url") == NULL)
		mread_fault(r, key, "begins with /, but there is no base_url "
		    "for it to follow");
	else if (*t != '/' && strncmp(t, "{{", 2) != 0 &&
	    strncmp(t, "http://", 7) != 0 && strncmp(t, "https://", 8) != 0)
		mread_fault(r, key, "must begin with /, http://, https:// or "
		    "a template");
	return (t);
}

static void
body_ok(struct mread * r, const json_t * v, const struct mread_scope * s,
    int depth)
{
	const char * key;
	const json_t * x;
	size_t i, at;

	if (depth > BODY_DEPTH) {
		mread_fault(r, NULL, "is nested deeper than %d", BODY_DEPTH);
		return;
	}
	if (json_is_string(v))
		mread_text_ok(r, NULL, json_string_value(v), s);
	json_object_foreach((json_t *)(uintptr_t)v, key, x) {
		at = mread_enter(r, key);
		mread_text_ok(r, NULL, key, s);
		no_secret(r, NULL, key);
		body_ok(r, x, s, depth + 1);
		mread_leave(r, at);
	}
	json_array_foreach((json_t *)(uintptr_t)v, i, x) {
		at = mread_enter_index(r, i);
		body_ok(r, x, s, depth + 1);
		mread_leave(r, at);
	}
}

const json_t *
mread_body(struct mread * r, const json_t * o, const char * key,
    const struct mread_scope * s)
{
	const json_t * v = json_object_get(o, key);
	size_t at;

	if (v == NULL)
		return (NULL);
	at = mread_enter(r, key);
	body_ok(r, v, s, 0);
	mread_leave(r, at);
	return (v);
}

/* A header's name holds what RFC 9110 calls a token. */
static int
header_ok(const char * key)
{
	return (*key != '\0' && key[strspn(key, "!#$%&'*+-.^_`|~0123456789"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0');
}

const json_t *
mread_params(struct mread * r, const json_t * o, const char * key,
    int is_header, const struct mread_scope * s)
{
	const json_t * v = mread_map(r, o, key, 0), * x;
	const char * name;
	size_t at;

	if (v == NULL)
		return (NULL);
	at = mread_enter(r, key);
	json_object_foreach((json_t *)(uintptr_t)v, name, x) {
		if (!json_is_string(x))
			mread_fault(r, name, "must be a string (a template)");
		else if (is_header && (!header_ok(name) ||
		    strpbrk(json_string_value(x), "\r\n") != NULL))
			mread_fault(r, name, "must be a header name with a "
			    "one-line string");
		else if (*name == '\0')
			mread_fault(r, name, "a parameter needs a name");
		else {
			mread_text_ok(r, name, json_string_value(x), s);
			if (!is_header)
				no_secret(r, name, json_string_value(x));
		}
	}
	mread_leave(r, at);
	return (v);
}
