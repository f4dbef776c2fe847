#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rfc3339.h"
#include "conn/token_internal.h"
#include "manifest/json_path.h"

/* What comes for an answer when a token is asked for. */

#define LIVES_S 3600       /* where nobody says */
#define LIVES_MAX_S 31536000
#define URL_MAX 2048

static int
lacks(struct err * e, const char * what, const char * path)
{
	return (err_set(e, ERR_PERMANENT, "token", "the answer to the request "
	    "for a token has no %s%s%s", what, path ? " at " : "",
	    path ? path : ""));
}

/* What stands at the path in ${auth}'s ${key}; NULL: nothing. */
static const json_t *
at(const json_t * auth, const char * key, const json_t * body)
{
	const char * s = json_str(auth, key);
	struct json_path * path;
	const json_t * v;
	struct err e;

	if (s == NULL || (path = json_path_parse(s, &e)) == NULL)
		return (NULL);
	v = json_path_get(path, body);
	json_path_free(path);
	return (v);
}

/* A number, also as text; -1 if it is none. */
static double
number(const json_t * v)
{
	const char * s = json_string_value(v);
	char * end;
	double d = json_number_value(v);

	if (s != NULL) {
		d = strtod(s, &end);
		if (end == s || *end != '\0')
			return (-1);
	} else if (!json_is_number(v)) {
		return (-1);
	}
	return (isfinite(d) && d >= 0 && d < 1e15 ? d : -1);
}

/* A time: RFC 3339, or seconds or milliseconds since 1970.  -1: none. */
static int64_t
time_ms(const json_t * v)
{
	double d = number(v);
	int64_t ms;
	struct err e;

	if (d >= 0)
		return (d > 1e11 ? (int64_t)d : (int64_t)(d * 1000));
	if (!json_is_string(v) || rfc3339_parse(json_string_value(v),
	    json_string_length(v), &ms, &e))
		return (-1);
	return (ms);
}

static int64_t
lives_ms(const json_t * auth, const json_t * body, int64_t now_ms)
{
	const json_t * v;
	int64_t ms;
	double s;

	if ((v = at(auth, "expires_in", body)) != NULL && (s = number(v)) >= 0)
		return ((int64_t)(s < LIVES_MAX_S ? s * 1000 :
		    LIVES_MAX_S * 1000.0));
	if ((v = at(auth, "expires_at", body)) != NULL &&
	    (ms = time_ms(v)) >= 0)
		return (ms <= now_ms ? 0 : ms - now_ms <
		    (int64_t)LIVES_MAX_S * 1000 ? ms - now_ms :
		    (int64_t)LIVES_MAX_S * 1000);
	return (json_int(auth, "lives_s", LIVES_S) * 1000);
}

/* What may stand in a header. */
static int
text_ok(const char * s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return (0);
	return (n > 0);
}

static int
put_base(const json_t * auth, const json_t * body, struct token_answer * a,
    struct err * e)
{
	const char * path = json_str(auth, "base_url"), * s;
	size_t n;

	if (path == NULL)
		return (0);
	s = json_string_value(at(auth, "base_url", body));
	n = s ? strlen(s) : 0;
	while (n > 0 && s[n - 1] == '/')
		n--;
	if (n <= 8 || n > URL_MAX || !text_ok(s, n) ||
	    (strncmp(s, "https://", 8) != 0 && strncmp(s, "http://", 7) != 0) ||
	    strpbrk(s, "?#@\\") != NULL)
		return (lacks(e, "URL", path));
	return (json_object_set_new(a->v, "base_url", json_stringn(s, n)) ?
	    err_nomem(e, "a token") : 0);
}

static int
read_json(const json_t * auth, const json_t * body, int64_t now_ms,
    struct token_answer * a, struct err * e)
{
	const char * path = json_str(auth, "token"), * from;
	const json_t * v = at(auth, "token", body), * r;

	if (!json_is_string(v) || !text_ok(json_string_value(v),
	    json_string_length(v)))
		return (lacks(e, "token", path));
	if (json_object_set(a->v, "token", (json_t *)(uintptr_t)v))
		return (err_nomem(e, "a token"));
	if (put_base(auth, body, a, e))
		return (-1);
	a->lives_ms = lives_ms(auth, body, now_ms);
	from = json_str(json_object_get(auth, "rotates"), "from");
	if (from == NULL)
		return (0);
	r = at(json_object_get(auth, "rotates"), "from", body);
	/* Some replace it only now and then. */
	if (!json_is_string(r) || json_string_length(r) == 0)
		return (0);
	if (json_string_length(r) > SECRET_VALUE_MAX)
		return (err_set(e, ERR_PERMANENT, "token", "the new refresh "
		    "token is longer than %d bytes", SECRET_VALUE_MAX));
	a->refresh = strdup(json_string_value(r));
	return (a->refresh == NULL ? err_nomem(e, "a token") : 0);
}

/* ---- STS ---- */

/* The text of the one element ${name} within <Credentials>. */
static int
element(const char * p, const char * end, const char * name, const char * key,
    json_t * v, struct err * e)
{
	char open[64], close[64];
	const char * from, * to;

	snprintf(open, sizeof(open), "<%s>", name);
	snprintf(close, sizeof(close), "</%s>", name);
	from = memmem(p, (size_t)(end - p), open, strlen(open));
	if (from != NULL)
		from += strlen(open);
	to = from == NULL ? NULL : memmem(from, (size_t)(end - from), close,
	    strlen(close));
	/* Keys are base64 and times; what would have to be unescaped is none. */
	if (to == NULL || !text_ok(from, (size_t)(to - from)) ||
	    memchr(from, '<', (size_t)(to - from)) != NULL ||
	    memchr(from, '&', (size_t)(to - from)) != NULL ||
	    memmem(to, (size_t)(end - to), open, strlen(open)) != NULL)
		return (lacks(e, name, NULL));
	return (json_object_set_new(v, key, json_stringn(from,
	    (size_t)(to - from))) ? err_nomem(e, "a token") : 0);
}

static int
read_sts(const char * p, size_t n, int64_t now_ms, struct token_answer * a,
    struct err * e)
{
	static const char open[] = "<Credentials>", close[] = "</Credentials>";
	const char * from = memmem(p, n, open, sizeof(open) - 1), * to;
	int64_t ms;

	to = from == NULL ? NULL : memmem(from, (size_t)(p + n - from), close,
	    sizeof(close) - 1);
	if (to == NULL)
		return (lacks(e, "Credentials", NULL));
	if (element(from, to, "AccessKeyId", "access_key", a->v, e) ||
	    element(from, to, "SecretAccessKey", "secret_key", a->v, e) ||
	    element(from, to, "SessionToken", "session_token", a->v, e) ||
	    element(from, to, "Expiration", "ends", a->v, e))
		return (-1);
	ms = time_ms(json_object_get(a->v, "ends"));
	(void)json_object_del(a->v, "ends");
	if (ms < 0)
		return (lacks(e, "Expiration", NULL));
	a->lives_ms = ms > now_ms ? ms - now_ms : 0;
	if (a->lives_ms > (int64_t)LIVES_MAX_S * 1000)
		a->lives_ms = (int64_t)LIVES_MAX_S * 1000;
	return (0);
}

/* ---- a clock ---- */

static int
read_clock(const json_t * body, int64_t now_ms, struct token_answer * a,
    struct err * e)
{
	int64_t ms = time_ms(body);

	if (ms < 0)
		return (lacks(e, "time", NULL));
	a->lives_ms = (int64_t)LIVES_S * 1000;
	/* Whole seconds: half of one is the likeliest. */
	return (json_object_set_new(a->v, "delta_ms", json_integer(ms + 500 -
	    now_ms)) ? err_nomem(e, "a token") : 0);
}

int
token_answer_read(const json_t * auth, const char * p, size_t n,
    int64_t now_ms, struct token_answer * a, struct err * e)
{
	const char * kind = json_str(auth, "kind");
	json_t * body = NULL;
	int rc;

	memset(a, 0, sizeof(*a));
	if ((a->v = json_object()) == NULL)
		return (err_nomem(e, "a token"));
	if (kind != NULL && strcmp(kind, "sigv4") == 0) {
		rc = read_sts(p, n, now_ms, a, e);
	} else {
		body = json_loadb(p, n, JSON_DECODE_ANY |
		    JSON_REJECT_DUPLICATES, NULL);
		if (body == NULL)
			rc = err_set(e, ERR_PERMANENT, "token", "the answer to "
			    "the request for a token is no JSON");
		else if (kind != NULL && strcmp(kind, "signature") == 0)
			rc = read_clock(body, now_ms, a, e);
		else
			rc = read_json(auth, body, now_ms, a, e);
	}
	json_decref(body);
	if (rc != 0)
		token_answer_free(a);
	return (rc);
}

void
token_answer_free(struct token_answer * a)
{
	token_wipe(a->v);
	if (a->refresh != NULL)
		explicit_bzero(a->refresh, strlen(a->refresh));
	free(a->refresh);
	memset(a, 0, sizeof(*a));
}
