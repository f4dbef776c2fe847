#include "conn/answer_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "conn/answer_body.h"

/* A service's own words in a message. */
#define WORDS_MAX 200
/* A refusal within a good answer is short; pages are not read twice for it. */
#define REFUSAL_MAX 4096
/* What is waited where nobody says how long. */
#define DEFAULT_WAIT_MS 60000

static int
status_matches(const json_t * list, int status)
{
	const json_t * v;
	const char * s;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, v) {
		if (json_is_integer(v) && json_integer_value(v) == status)
			return (1);
		s = json_string_value(v);
		/* "5xx" */
		if (s != NULL && s[0] - '0' == status / 100 &&
		    strcmp(s + 1, "xx") == 0)
			return (1);
	}
	return (0);
}

static int
headers_match(const json_t * want, const struct http_res * res)
{
	const char * name, * has, * s;
	const json_t * v;

	json_object_foreach((json_t *)(uintptr_t)want, name, v) {
		s = json_string_value(v);
		if ((has = http_res_header(res, name)) == NULL || s == NULL ||
		    (strcmp(s, "*") != 0 && strcasecmp(s, has) != 0))
			return (0);
	}
	return (1);
}

static int
holds(const struct http_res * res, const json_t * body, const json_t * at,
    const char * what)
{
	char * s;
	int found;

	if (json_is_string(at))
		return (strcasestr(json_string_value(at), what) != NULL);
	if (res->body != NULL && res->body[0] != '\0')
		return (strcasestr(res->body, what) != NULL);
	if (body == NULL || (s = json_dumps(body, JSON_COMPACT |
	    JSON_ENCODE_ANY)) == NULL)
		return (0);
	found = strcasestr(s, what) != NULL;
	free(s);
	return (found);
}

/* What the rule looks for, where its path leads; where that fans out, in any of
 * these places.  NULL: nowhere. */
static const json_t *
find(const struct manifest_error * r, const json_t * body)
{
	json_t * all = body != NULL ? json_path_all(r->path, body) : NULL;
	json_t * v, * found = NULL;
	size_t i;

	json_array_foreach(all, i, v)
		if (found == NULL && !json_is_null(v) && (r->equals == NULL ||
		    json_equal(r->equals, v)))
			found = v;
	json_decref(all); /* the body has it */
	return (found);
}

static int
rule_matches(const struct manifest_error * r, const struct http_res * res,
    const json_t * body)
{
	int good = res->status / 100 == 2;
	const json_t * at = NULL;

	if (r->status != NULL ? !status_matches(r->status, res->status) :
	    good && r->path == NULL)
		return (0);
	if (r->headers != NULL && !headers_match(r->headers, res))
		return (0);
	if (r->path != NULL && (at = find(r, body)) == NULL)
		return (0);
	return (r->contains == NULL || holds(res, body, at, r->contains));
}

/* Whether it looks into the body of a good answer. */
static int
is_body_rule(const struct manifest_error * r)
{
	if (r->path == NULL && r->contains == NULL)
		return (0);
	return (r->status == NULL ? r->path != NULL :
	    status_matches(r->status, 200) || status_matches(r->status, 201));
}

int
answer_has_body_rules(const struct manifest * m)
{
	size_t i;

	for (i = 0; i < m->nerrors; i++)
		if (is_body_rule(&m->errors[i]))
			return (1);
	return (0);
}

/* A text that is looked through for keys. */
struct text {
	const char * s;
	size_t n;
	int is_json;
};

/* Whether ${key} stands somewhere, in JSON in quotes. */
static int
has_key(const struct text * t, const char * key, size_t len)
{
	const char * s = t->s, * at = s, * end = s + t->n;

	if (!t->is_json) {
		/* An attribute; and what XML and CSV write otherwise. */
		if (len > 0 && *key == '@') {
			key++;
			len--;
		}
		return (len == 0 || *key == '#' || memchr(key, '"', len) ||
		    memmem(s, t->n, key, len));
	}
	while ((at = memmem(at, (size_t)(end - at), key, len)) != NULL) {
		if (at > s && at[-1] == '"' && at + len < end &&
		    at[len] == '"')
			return (1);
		at++;
	}
	return (0);
}

static int
has_keys(const struct json_path * p, const struct text * t)
{
	const struct path_step * st;
	size_t i, k;

	for (i = 0; i < p->n; i++) {
		st = &p->steps[i];
		if (st->kind == PATH_KEY && !has_key(t, st->key, st->len))
			return (0);
		for (k = 0; st->kind == PATH_WHERE && k < st->nconds; k++)
			if (!has_key(t, st->conds[k].key,
			    st->conds[k].key_len))
				return (0);
	}
	return (1);
}

int
answer_may_match(const struct manifest * m, enum manifest_decode how,
    const char * s, size_t n)
{
	const struct text t = { s, n, how != DECODE_XML && how != DECODE_CSV };
	const struct manifest_error * r;
	size_t i;

	for (i = 0; i < m->nerrors; i++) {
		r = &m->errors[i];
		if (is_body_rule(r) && (r->path == NULL ||
		    has_keys(r->path, &t)))
			return (1);
	}
	return (0);
}

/* One line of text that may be shown, cut at a character's end. */
static void
tidy(const char * s, char * out, size_t n)
{
	size_t len = strlen(s), i;

	if (len >= n)
		for (len = n - 1; len > 0 &&
		    ((unsigned char)s[len] & 0xc0) == 0x80; len--)
			continue;
	for (i = 0; i < len; i++)
		out[i] = (char)((unsigned char)s[i] < 0x20 ||
		    s[i] == 0x7f ? ' ' : s[i]);
	while (len > 0 && (out[len - 1] == ' ' || out[len - 1] == '.'))
		len--;
	out[len] = '\0';
}

/* What the service says of it, where the manifest knows to look; or "". */
static const char *
words_of(const struct manifest * m, const json_t * body, char * out, size_t n)
{
	const json_t * v;
	char * s;
	size_t i;

	out[0] = '\0';
	for (i = 0; body != NULL && i < m->nerror_paths; i++) {
		v = json_path_get(m->error_paths[i], body);
		if (v == NULL || json_is_null(v))
			continue;
		if (json_is_string(v)) {
			tidy(json_string_value(v), out, n);
		} else if ((s = json_dumps(v, JSON_COMPACT |
		    JSON_ENCODE_ANY)) != NULL) {
			if (strcmp(s, "[]") != 0 && strcmp(s, "{}") != 0)
				tidy(s, out, n);
			free(s);
		}
		if (out[0] != '\0')
			break;
	}
	return (out);
}

static const char *
hint_of(const struct http_res * res)
{
	switch (res->status) {
	case 401:
		return ("; check the credentials in the connector's CONFIG: "
		    "wrong, expired or revoked");
	case 403:
		return ("; check what the credentials may do");
	case 404:
		return ("; check the names asked for and whether the "
		    "credentials may see them");
	default:
		return (res->status / 100 == 3 ?
		    "; redirects are not followed: use the final URL" : "");
	}
}

/* The usual classes, in the service's words where it has any. */
static void
usual(const struct manifest * m, const struct http_res * res,
    const json_t * body, const char * url, struct err * e)
{
	char words[WORDS_MAX];
	enum err_class cls;
	char code[32];
	int64_t after;

	err_from_http(e, res, url);
	words_of(m, body, words, sizeof(words));
	if (words[0] == '\0' && res->status != 401 && res->status != 404)
		return;
	cls = e->cls;
	after = e->retry_after_ms;
	memcpy(code, e->code, sizeof(code));
	err_set(e, cls, code, "%s: the service answered %d%s%s%s", url,
	    res->status, words[0] ? ": " : "", words, hint_of(res));
	e->retry_after_ms = after;
}

static int64_t
until_reset(const struct answer_budget * b, int64_t now_ms)
{
	return (b->reset_ms > now_ms ? b->reset_ms - now_ms : -1);
}

/* The budget that a refusal is of: one of which nothing is left, if any. */
static void
budget_of(const struct manifest * m, const struct http_res * res,
    int64_t now_ms, struct answer_budget * b)
{
	struct answer_budget one;
	size_t i;

	answer_budget(&m->limits, res, now_ms, b);
	for (i = 0; i < m->nbuckets && b->remaining != 0; i++) {
		answer_budget(&m->buckets[i], res, now_ms, &one);
		if (one.remaining == 0)
			*b = one;
	}
}

static enum answer_kind
rate_limited(const struct manifest * m, const struct http_res * res,
    const json_t * body, const char * url, int64_t now_ms,
    const struct manifest_error * r, struct err * e)
{
	char words[WORDS_MAX], when[RFC3339_LEN];
	struct answer_budget b;
	struct err h;
	int64_t wait;

	err_from_http(&h, res, url);
	budget_of(m, res, now_ms, &b);
	wait = h.retry_after_ms;
	if (wait < 0 && b.remaining <= 0)
		wait = until_reset(&b, now_ms);
	if (wait < 0)
		wait = r != NULL && r->wait_ms > 0 ? r->wait_ms :
		    DEFAULT_WAIT_MS;
	words_of(m, body, words, sizeof(words));
	rfc3339_format((now_ms + wait) / 1000 * 1000, when);
	err_set(e, ERR_TRANSIENT, "rate_limit", "%s: the service's rate limit "
	    "is used up (%d%s%s) until %s%s%s; wait, ask for less or set "
	    "rate_limit in OPTIONS", url, res->status, words[0] ? ": " : "",
	    words, when, r != NULL && r->message != NULL ? "; " : "",
	    r != NULL ? r->message ? r->message : "" : "");
	e->retry_after_ms = wait;
	return (ANSWER_RATE_LIMITED);
}

static enum answer_kind
by_rule(const struct manifest * m, const struct manifest_error * r,
    const struct http_res * res, const json_t * body, const char * url,
    struct err * e)
{
	char words[WORDS_MAX], code[32];
	int64_t after;

	usual(m, res, body, url, e);
	after = e->retry_after_ms;
	words_of(m, body, words, sizeof(words));
	snprintf(code, sizeof(code), "http_%d", res->status);
	if (r->message != NULL)
		err_set(e, r->cls, r->code ? r->code : code,
		    "%s: the service answered %d%s%s; %s", url, res->status,
		    words[0] ? ": " : "", words, r->message);
	else if (res->status / 100 == 2)
		err_set(e, r->cls, r->code ? r->code : code,
		    "%s: the service answered %d with an error%s%s", url,
		    res->status, words[0] ? ": " : "", words);
	else
		snprintf(e->code, sizeof(e->code), "%s",
		    r->code ? r->code : code);
	if (r->what == DO_REFRESH) {
		snprintf(e->code, sizeof(e->code), "token_refused");
		e->cls = ERR_CONFIG;
		return (ANSWER_ERROR);
	}
	e->cls = r->what == DO_RETRY || r->what == DO_START_OVER ?
	    ERR_TRANSIENT : r->cls;
	e->retry_after_ms = after;
	return (ANSWER_ERROR);
}

static enum answer_kind
judge(const struct manifest * m, const struct http_res * res,
    const json_t * body, const char * url, int64_t now_ms, struct err * e)
{
	const struct manifest_error * r;
	struct answer_budget b;
	enum answer_kind k;
	size_t i;

	for (i = 0; i < m->nerrors; i++) {
		r = &m->errors[i];
		if (!rule_matches(r, res, body))
			continue;
		switch (r->what) {
		case DO_EMPTY:
			return (ANSWER_EMPTY);
		case DO_SKIP:
			return (ANSWER_SKIP);
		case DO_RATE_LIMITED:
			return (rate_limited(m, res, body, url, now_ms, r, e));
		case DO_RETRY:
		case DO_FAIL:
			k = by_rule(m, r, res, body, url, e);
			return (r->then_skip ? ANSWER_ERROR_SKIP : k);
		case DO_START_OVER:
			(void)by_rule(m, r, res, body, url, e);
			return (ANSWER_START_OVER);
		case DO_SPLIT_WINDOW:
			(void)by_rule(m, r, res, body, url, e);
			return (ANSWER_SPLIT);
		case DO_REFRESH:
		case DO_CLOCK:
			return (by_rule(m, r, res, body, url, e));
		}
	}
	if (res->status / 100 == 2)
		return (ANSWER_OK);
	if (res->status == 304)
		return (ANSWER_NOT_MODIFIED);
	budget_of(m, res, now_ms, &b);
	/* Who has nothing left is not forbidden to ask, only to ask now. */
	if (res->status == 429 || (res->status == 403 && b.remaining == 0))
		return (rate_limited(m, res, body, url, now_ms, NULL, e));
	usual(m, res, body, url, e);
	return (ANSWER_ERROR);
}

enum answer_kind
answer_judge(const struct manifest * m, const struct http_res * res,
    const json_t * body, const char * url, int64_t now_ms, struct err * e)
{
	json_t * own = NULL;
	enum answer_kind k;
	char safe[200];

	if (body == NULL)
		body = own = answer_body(m, res);
	k = judge(m, res, body, http_url_safe(safe, sizeof(safe), url), now_ms,
	    e);
	json_decref(own);
	return (k);
}

int
answer_says(const struct manifest * m, const struct http_res * res,
    enum error_do what)
{
	int good = res->status / 100 == 2, rc = 0;
	json_t * body;
	size_t i;

	for (i = 0; i < m->nerrors && (m->errors[i].what != what ||
	    (good && !is_body_rule(&m->errors[i]))); i++)
		continue;
	if (i == m->nerrors || (good && res->body_len > REFUSAL_MAX))
		return (0);
	body = answer_body(m, res);
	for (i = 0; i < m->nerrors; i++)
		if (rule_matches(&m->errors[i], res, body)) {
			rc = m->errors[i].what == what;
			break;
		}
	json_decref(body);
	return (rc);
}

void
answer_failed(const struct manifest * m, const struct http_res * res,
    const char * url, struct err * e)
{
	json_t * body = answer_body(m, res);
	char safe[200];

	usual(m, res, body, http_url_safe(safe, sizeof(safe), url), e);
	json_decref(body);
}
