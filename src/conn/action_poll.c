#include "conn/action_poll.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conn/action_answer.h"
#include "manifest/json_path.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

static int
has_status(const json_t * all, int status)
{
	const json_t * v;
	size_t i;

	json_array_foreach(all, i, v)
		if (json_integer_value(v) == status)
			return (1);
	return (0);
}

/* Whether ${body} has one of ${values} ("*": anything) at ${path}. */
static int
says(const json_t * body, const char * path, const json_t * values)
{
	const json_t * at = action_answer_at(body, path), * v;
	size_t i;

	if (at == NULL || json_is_null(at))
		return (0);
	json_array_foreach(values, i, v)
		if (action_answer_same(v, at))
			return (1);
	return (json_is_string(values));
}

/* How many of ${said} the answer says. */
static size_t
count(const json_t * said, const json_t * body)
{
	const json_t * values;
	const char * path;
	size_t n = 0;

	json_object_foreach(MUTABLE(said), path, values)
		n += says(body, path, values) != 0;
	return (n);
}

/* What its body says alone. */
static enum poll_word
body_word(const struct manifest_poll * p, const json_t * body)
{
	if (count(p->failed, body) > 0)
		return (POLL_FAILED);
	return (count(p->until, body) > 0 ? POLL_DONE : POLL_PENDING);
}

enum poll_word
action_poll_first(const struct manifest_action * act, int status,
    const json_t * body)
{
	const struct manifest_poll * p = act->poll;

	if (p == NULL || (p->when != NULL ? !has_status(p->when, status) :
	    status != 202))
		return (POLL_DONE);
	return (body_word(p, body));
}

enum poll_word
action_poll_word(const struct manifest_poll * p, int status,
    const json_t * body)
{
	enum poll_word word = body_word(p, body);

	if (has_status(p->pending, status))
		return (POLL_PENDING);
	if (word != POLL_PENDING || has_status(p->status, status))
		return (word == POLL_PENDING ? POLL_DONE : word);
	return (p->until == NULL && p->status == NULL && status / 100 == 2 &&
	    status != 202 ? POLL_DONE : POLL_PENDING);
}

int
action_poll_speaks(const struct manifest_poll * p, int status)
{
	return (has_status(p->status, status) ||
	    has_status(p->pending, status));
}

json_t *
action_poll_result(const struct manifest_poll * p, const json_t * body)
{
	const json_t * v = p->result ? json_path_get(p->result, body) : body;

	return (v != NULL ? json_incref(MUTABLE(v)) : json_null());
}

void
action_poll_failed(const struct manifest_poll * p, const json_t * body,
    struct err * e)
{
	const json_t * v = p->error_text ? json_path_get(p->error_text, body) :
	    NULL;

	err_set(e, ERR_PERMANENT, "failed", "the service accepted it, and then "
	    "it failed there%s%.300s", json_is_string(v) ? ": " : "",
	    json_is_string(v) ? json_string_value(v) : "");
}

static void
show_said(const json_t * said, const char * word, struct buf * out)
{
	const json_t * values;
	const char * path;
	const char * sep = word;
	char * text;

	json_object_foreach(MUTABLE(said), path, values) {
		text = json_is_string(values) ? NULL : json_dumps(values,
		    JSON_COMPACT | JSON_ENCODE_ANY);
		buf_addf(out, "%s %s is %s", sep, path, text ? text :
		    "there");
		free(text);
		sep = " or";
	}
}

void
action_poll_show(const struct manifest_poll * p, struct buf * out)
{
	buf_addf(out, "asked every %lld ms where the answer above only accepts",
	    (long long)p->every_ms);
	show_said(p->until, ", until", out);
	show_said(p->failed, "; it failed if", out);
}
