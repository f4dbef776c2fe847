#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/manifest_parts.h"

/* What the service's refusals mean. */

#define MAX_RULES 500

static int
status_ok(const json_t * v)
{
	const char * s = json_string_value(v);

	if (json_is_integer(v))
		return (json_integer_value(v) >= 100 &&
		    json_integer_value(v) <= 599);
	return (s != NULL && s[0] >= '1' && s[0] <= '5' &&
	    strcmp(s + 1, "xx") == 0);
}

static void
read_status(struct mread * r, struct manifest_error * x, const json_t * v)
{
	const json_t * s;
	size_t i, at, sub;

	if ((x->status = mread_list(r, v, "status", 0)) == NULL)
		return;
	at = mread_enter(r, "status");
	if (json_array_size(x->status) == 0)
		mread_fault(r, NULL, "is empty: the rule would never match");
	json_array_foreach((json_t *)(uintptr_t)x->status, i, s) {
		sub = mread_enter_index(r, i);
		if (!status_ok(s))
			mread_fault(r, NULL, "must be a status such as 403 or "
			    "\"5xx\"");
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

static void
read_headers(struct mread * r, struct manifest_error * x, const json_t * v)
{
	const char * key;
	const json_t * h;
	size_t at;

	if ((x->headers = mread_map(r, v, "headers", 0)) == NULL)
		return;
	at = mread_enter(r, "headers");
	json_object_foreach((json_t *)(uintptr_t)x->headers, key, h)
		if (!json_is_string(h) || *key == '\0')
			mread_fault(r, key, "must be the header's value, or "
			    "\"*\" for any");
	mread_leave(r, at);
}

static void
read_what(struct mread * r, struct manifest_error * x, const json_t * v)
{
	static const char * const does[] = { "fail", "retry", "rate_limited",
	    "empty", "skip", "refresh", "start_over", "clock",
	    "split_window", NULL };
	static const char * const thens[] = { "skip", NULL };
	static const char * const classes[] = { "transient", "permanent",
	    "config", NULL };
	int i;

	i = mread_word(r, v, "do", does, -1);
	x->what = i < 0 ? DO_FAIL : (enum error_do)i;
	x->then_skip = json_object_get(v, "then") != NULL &&
	    mread_word(r, v, "then", thens, -1) == 0;
	if (x->then_skip && x->what != DO_RETRY && x->what != DO_FAIL)
		mread_fault(r, "then", "goes with \"do\": \"retry\" or "
		    "\"fail\"");
	i = mread_word(r, v, "class", classes, 1);
	x->cls = i == 0 ? ERR_TRANSIENT : i == 2 ? ERR_CONFIG : ERR_PERMANENT;
	if (x->what == DO_CLOCK)
		x->cls = ERR_CONFIG;
	if (json_object_get(v, "class") != NULL && x->what != DO_FAIL)
		mread_fault(r, "class", "goes with \"do\": \"fail\"");
	x->wait_ms = (int64_t)(1000 * mread_num(r, v, "wait_s", 0, 0.001,
	    86400));
	if (x->wait_ms != 0 && x->what != DO_RATE_LIMITED)
		mread_fault(r, "wait_s", "goes with \"do\": "
		    "\"rate_limited\"");
	x->code = mread_str(r, v, "code", 0);
	if (x->code != NULL && strlen(x->code) >= sizeof(((struct err *)0)->
	    code))
		mread_fault(r, "code", "is longer than 31 bytes");
	x->message = mread_str(r, v, "message", 0);
}

static void
read_rule(struct mread * r, struct manifest_error * x, const json_t * v)
{
	if (!mread_is_object(r, v, KEYS_ERROR))
		return;
	read_status(r, x, v);
	read_headers(r, x, v);
	x->path = mread_path(r, v, "path", 0);
	if ((x->equals = json_object_get(v, "equals")) != NULL &&
	    json_object_get(v, "path") == NULL)
		mread_fault(r, "equals", "needs a path");
	if (json_is_object(x->equals) || json_is_array(x->equals))
		mread_fault(r, "equals", "must be one value");
	x->contains = mread_str(r, v, "contains", 0);
	read_what(r, x, v);
}

static void
read_error_text(struct mread * r, const json_t * doc)
{
	struct manifest * m = r->m;
	const json_t * v;
	struct err e;
	size_t i, at, sub;

	m->error_text = mread_list(r, doc, "error_text", 0);
	if (json_array_size(m->error_text) == 0)
		return;
	at = mread_enter(r, "error_text");
	m->error_paths = mread_alloc(r, json_array_size(m->error_text),
	    sizeof(*m->error_paths));
	json_array_foreach((json_t *)(uintptr_t)m->error_text, i, v) {
		if (m->error_paths == NULL)
			break;
		sub = mread_enter_index(r, i);
		if (!json_is_string(v))
			mread_fault(r, NULL, "must be a path");
		else if ((m->error_paths[m->nerror_paths] = json_path_parse(
		    json_string_value(v), &e)) == NULL)
			mread_fault(r, NULL, "%s", e.msg);
		else
			m->nerror_paths++;
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

void
manifest_error_read(struct mread * r, const json_t * doc)
{
	const json_t * rules = mread_list(r, doc, "errors", 0), * v;
	struct manifest * m = r->m;
	size_t i, at, sub, n;

	read_error_text(r, doc);
	if (rules == NULL)
		return;
	at = mread_enter(r, "errors");
	n = json_array_size(rules);
	if (n > MAX_RULES)
		mread_fault(r, NULL, "are more than %d", MAX_RULES);
	else if ((m->errors = mread_alloc(r, n, sizeof(*m->errors))) != NULL)
		json_array_foreach((json_t *)(uintptr_t)rules, i, v) {
			sub = mread_enter_index(r, i);
			read_rule(r, &m->errors[m->nerrors++], v);
			mread_leave(r, sub);
		}
	mread_leave(r, at);
}

void
manifest_error_free(struct manifest * m)
{
	size_t i;

	for (i = 0; i < m->nerrors; i++)
		json_path_free(m->errors[i].path);
	free(m->errors);
	for (i = 0; i < m->nerror_paths; i++)
		json_path_free(m->error_paths[i]);
	free(m->error_paths);
}
