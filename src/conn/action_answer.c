#include "conn/action_answer.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/json.h"
#include "base/utf8.h"
#include "conn/answer_body.h"
#include "manifest/json_path.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

static json_t *
text(const char * s, size_t n)
{
	if (utf8_check(s, n) != n || memchr(s, '\0', n) != NULL)
		return (NULL);
	return (json_stringn(s, n));
}

json_t *
action_answer_read(const struct manifest * m,
    const struct manifest_action * act, const struct http_res * res)
{
	int good = res->status / 100 == 2;
	json_t * v = NULL;

	if (act != NULL && act->text && good)
		v = res->body_len == 0 ? json_string("") : text(res->body,
		    res->body_len);
	else if (res->body != NULL && res->body_len > 0 &&
	    (v = answer_body_read(m, act != NULL ? act->result : NULL,
	    act != NULL && good ? act->decode : answer_body_said(res),
	    res->body, res->body_len)) == NULL)
		v = text(res->body, res->body_len);
	return (v == NULL ? json_null() : v);
}

json_t *
action_answer_at(const json_t * body, const char * path)
{
	struct json_path * p = json_path_parse(path ? path : "$", NULL);
	json_t * v = p ? json_path_get(p, body) : NULL;

	json_path_free(p);
	return (v);
}

int
action_answer_same(const json_t * a, const json_t * b)
{
	if (json_is_string(a) && json_is_string(b))
		return (strcasecmp(json_string_value(a),
		    json_string_value(b)) == 0);
	return (json_equal(a, b));
}

/* The text that ${s} is the base64 of; NULL: it is none. */
static json_t *
decoded(const char * s, size_t n)
{
	unsigned char * packed = malloc(n + 1), * out = malloc(n + 1);
	size_t i, len = 0, pad;
	json_t * v = NULL;
	int got;

	/* Services break it into lines. */
	for (i = 0; packed != NULL && i < n; i++)
		if (strchr(" \r\n", s[i]) == NULL)
			packed[len++] = (unsigned char)s[i];
	if (out != NULL && packed != NULL && len % 4 == 0 && len < INT_MAX) {
		for (pad = 0; pad < 2 && pad < len &&
		    packed[len - 1 - pad] == '='; pad++)
			continue;
		got = EVP_DecodeBlock(out, packed, (int)len);
		if (got >= (int)pad)
			v = text((char *)out, (size_t)got - pad);
	}
	free(packed);
	free(out);
	return (v);
}

/* ${v} (taken) with its member that is base64 as text, where it is text. */
static json_t *
unpacked(const char * key, json_t * v)
{
	const json_t * member = json_object_get(v, key);
	const char * how = json_str(v, "encoding");
	json_t * plain, * copy;

	if (!json_is_string(member) || (how != NULL &&
	    strcmp(how, "base64") != 0))
		return (v);
	plain = decoded(json_string_value(member), json_string_length(member));
	if (plain == NULL || (copy = json_copy(v)) == NULL) {
		json_decref(plain);
		return (v);
	}
	json_decref(v);
	if (json_object_set_new(copy, key, plain) || (how != NULL &&
	    json_object_set_new(copy, "encoding", json_string("utf-8")))) {
		json_decref(copy);
		return (NULL);
	}
	return (copy);
}

json_t *
action_answer_result(const struct manifest_action * act, const json_t * body,
    struct err * e)
{
	const json_t * part = body;
	json_t * v;

	if (act->text && !json_is_string(body)) {
		err_set(e, ERR_PERMANENT, "no_text", "the answer is no text: a "
		    "row cannot hold it");
		return (NULL);
	}
	/* Where the path fans out it is all that is there. */
	if (act->result != NULL && act->result->neach > 0) {
		if ((v = json_path_all(act->result, body)) == NULL) {
			err_nomem(e, "an action's result");
			return (NULL);
		}
		return (v);
	}
	if (act->result != NULL)
		part = json_path_get(act->result, body);
	v = part != NULL ? json_incref(MUTABLE(part)) : json_null();
	if (act->base64 != NULL && (v = unpacked(act->base64, v)) == NULL)
		err_nomem(e, "an action's result");
	return (v);
}

const char * const action_answer_keys[] = { "key", "id", "number", "iid", "uuid",
	"ts", "alertId", "sha", "name", "html_url", NULL };

int
action_answer_is(const json_t * record, const char * name)
{
	const json_t * v;
	char num[32];
	size_t i;

	for (i = 0; action_answer_keys[i] != NULL; i++) {
		v = json_object_get(record, action_answer_keys[i]);
		if (json_is_string(v) && strcmp(json_string_value(v), name) ==
		    0)
			return (1);
		if (!json_is_integer(v))
			continue;
		snprintf(num, sizeof(num), "%lld",
		    (long long)json_integer_value(v));
		if (strcmp(num, name) == 0)
			return (1);
	}
	return (0);
}
