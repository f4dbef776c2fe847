#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "manifest/manifest_parts.h"
#include "manifest/template.h"

/* How it is learned what became of an action. */

const json_t *
manifest_outcome_statuses(struct mread * r, const char * key, const json_t * v)
{
	const json_t * all = mread_list(r, v, key, 0), * x;
	size_t i;

	if (all != NULL && json_array_size(all) == 0)
		mread_fault(r, key, "is empty: leave it away for the usual "
		    "statuses");
	json_array_foreach((json_t *)(uintptr_t)all, i, x)
		if (!json_is_integer(x) || json_integer_value(x) < 200 ||
		    json_integer_value(x) > 599)
			mread_fault(r, key, "number %zu is no status from 200 "
			    "to 599", i + 1);
	return (all);
}

/* path -> values, or "*" for any. */
static const json_t *
read_said(struct mread * r, const json_t * v, const char * key)
{
	const json_t * said = mread_map(r, v, key, 0), * x;
	struct json_path * p;
	const char * path;
	struct err e;
	size_t at;

	if (said == NULL)
		return (NULL);
	at = mread_enter(r, key);
	if (json_object_size(said) == 0)
		mread_fault(r, NULL, "is empty: nothing would say so");
	json_object_foreach((json_t *)(uintptr_t)said, path, x) {
		if ((p = json_path_parse(path, &e)) == NULL)
			mread_fault(r, path, "%s", e.msg);
		json_path_free(p);
		if (json_array_size(x) == 0 && (!json_is_string(x) ||
		    strcmp(json_string_value(x), "*") != 0))
			mread_fault(r, path, "must be an array of values, or "
			    "\"*\" for any");
	}
	mread_leave(r, at);
	return (said);
}

static void
read_poll(struct mread * r, struct manifest_action * act, const json_t * v,
    struct mread_scope s)
{
	const json_t * o = json_object_get(v, "poll");
	struct manifest_poll * p;
	size_t at;

	if (o == NULL)
		return;
	at = mread_enter(r, "poll");
	if (mread_is_object(r, o, KEYS_POLL) && (act->poll = p = mread_alloc(r,
	    1, sizeof(*p))) != NULL) {
		s.roots |= ROOT_ANSWER;
		p->url = mread_url(r, o, "url", 1, &s);
		s.roots = ROOT_CONFIG;
		p->base = mread_template(r, o, "base", 0, &s);
		p->when = manifest_outcome_statuses(r, "when", o);
		p->status = manifest_outcome_statuses(r, "status", o);
		p->pending = manifest_outcome_statuses(r, "pending", o);
		p->until = read_said(r, o, "until");
		p->failed = read_said(r, o, "failed");
		p->error_text = mread_path(r, o, "error_text", 0);
		p->result = mread_path(r, o, "result", 0);
		p->every_ms = mread_int(r, o, "every_ms", 1000, 100, 60000);
	}
	mread_leave(r, at);
}

/* Keys that are paths. */
static void
paths_ok(struct mread * r, const char * key, const json_t * o)
{
	struct json_path * p;
	const char * path;
	const json_t * x;
	struct err e;

	json_object_foreach((json_t *)(uintptr_t)o, path, x) {
		(void)x;
		if ((p = json_path_parse(path, &e)) == NULL)
			mread_fault(r, key, "%s", e.msg);
		json_path_free(p);
	}
}

const json_t *
manifest_outcome_args(struct mread * r, const json_t * v, const char * key,
    const struct mread_scope * s)
{
	const json_t * all = mread_list(r, v, key, 0), * x;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)all, i, x)
		if (!json_is_string(x) || json_object_get(s->inputs,
		    json_string_value(x)) == NULL)
			mread_fault(r, key, "number %zu is no argument of the "
			    "action", i + 1);
	return (all);
}

#define PAGES_MAX 50
#define PAGES_USUAL 10

/* What is looked at goes on over several pages. */
static void
read_next(struct mread * r, struct manifest_probe * p, const json_t * o)
{
	int pages = (int)mread_int(r, o, "pages", 0, 1, PAGES_MAX);

	json_path_free(mread_path(r, o, "next", 0));
	p->next = json_str(o, "next");
	p->next_query = mread_str(r, o, "next_query", p->next != NULL);
	p->pages = pages > 0 ? (unsigned)pages : PAGES_USUAL;
	if (p->next == NULL && (p->next_query != NULL || pages > 0))
		mread_fault(r, p->next_query != NULL ? "next_query" : "pages",
		    "needs next: where the answer says what the next page is");
}

static void
read_probe(struct mread * r, struct manifest_action * act, const json_t * v,
    struct mread_scope s)
{
	static const char * const methods[] = { "GET", "POST", NULL };
	const json_t * o = json_object_get(v, "probe");
	struct manifest_probe * p;
	size_t at;

	if (o == NULL)
		return;
	at = mread_enter(r, "probe");
	if (mread_is_object(r, o, KEYS_PROBE) && (act->probe = p = mread_alloc(
	    r, 1, sizeof(*p))) != NULL) {
		p->method = mread_method(r, o, methods, "GET");
		p->url = mread_url(r, o, "url", 1, &s);
		p->query = mread_params(r, o, "query", 0, &s);
		p->body = mread_body(r, o, "body", &s);
		p->records = mread_path(r, o, "records", 0);
		p->match = mread_params(r, o, "match", 0, &s);
		p->since = mread_params(r, o, "since", 0, &s);
		paths_ok(r, "match", p->match);
		paths_ok(r, "since", p->since);
		p->missing = manifest_outcome_statuses(r, "missing", o);
		p->result = mread_path(r, o, "result", 0);
		p->unless = manifest_outcome_args(r, o, "unless", &s);
		p->after_ms = mread_int(r, o, "after_ms", 1000, 0, 60000);
		read_next(r, p, o);
		p->is_own = template_uses(p->match, "action.id") ||
		    template_uses(p->query, "action.id") ||
		    template_uses(p->body, "action.id") ||
		    template_text_uses(p->url, "action.id");
		act->lookup_late = act->lookup != NULL && (
		    template_uses(p->match, "lookup") ||
		    template_uses(p->query, "lookup") ||
		    template_uses(p->body, "lookup") ||
		    template_text_uses(p->url, "lookup")) &&
		    !template_uses(act->query, "lookup") &&
		    !template_uses(act->headers, "lookup") &&
		    !template_uses(act->body, "lookup") &&
		    !template_text_uses(act->url, "lookup");
		if (p->records != NULL && p->match == NULL)
			mread_fault(r, "match", "is missing: any record would "
			    "be taken for what was done");
	}
	mread_leave(r, at);
}

/* argument -> values */
static const json_t *
read_when(struct mread * r, const json_t * v, const struct mread_scope * s)
{
	const json_t * when = mread_map(r, v, "when", 0), * x;
	const char * arg;
	size_t at;

	if (when == NULL)
		return (NULL);
	at = mread_enter(r, "when");
	json_object_foreach((json_t *)(uintptr_t)when, arg, x) {
		if (json_object_get(s->inputs, arg) == NULL)
			mread_fault(r, arg, "is no argument of the action");
		if (json_array_size(x) == 0)
			mread_fault(r, arg, "must be an array of values");
	}
	mread_leave(r, at);
	return (when);
}

static void
read_key(struct mread * r, struct manifest_action * act, const json_t * v,
    struct mread_scope s)
{
	static const struct {
		const char * key;
		enum param_where where;
	} places[] = { { "header", IN_HEADER }, { "query", IN_QUERY },
	    { "body", IN_BODY } };
	const json_t * o = json_object_get(v, "idempotency");
	struct manifest_idempotency * k;
	size_t at, i, n = 0;

	if (o == NULL)
		return;
	at = mread_enter(r, "idempotency");
	if (mread_is_object(r, o, KEYS_IDEMPOTENCY) && (act->idempotency = k =
	    mread_alloc(r, 1, sizeof(*k))) != NULL) {
		for (i = 0; i < 3; i++) {
			if (json_object_get(o, places[i].key) == NULL)
				continue;
			n++;
			k->where = places[i].where;
			k->name = mread_str(r, o, places[i].key, 1);
		}
		k->value = mread_template(r, o, "value", 0, &s);
		k->when = read_when(r, o, &s);
		if (k->value == NULL)
			k->value = "{{action.id}}";
		if (k->name == NULL)
			k->name = "";
		if (n != 1)
			mread_fault(r, NULL, "needs a header, a parameter of "
			    "the query, or a path in the body");
		else if (k->where == IN_BODY && (strcmp(act->method, "GET") == 0 ||
		    (act->body != NULL && !json_is_object(act->body))))
			mread_fault(r, "body", "goes with a body that is an "
			    "object");
	}
	mread_leave(r, at);
}

void
manifest_outcome_read(struct mread * r, struct manifest_action * act,
    const json_t * v, const struct mread_scope * s)
{
	read_poll(r, act, v, *s);
	read_probe(r, act, v, *s);
	read_key(r, act, v, *s);
}

void
manifest_outcome_free(struct manifest_action * a)
{
	if (a->poll != NULL) {
		json_path_free(a->poll->error_text);
		json_path_free(a->poll->result);
	}
	if (a->probe != NULL) {
		json_path_free(a->probe->records);
		json_path_free(a->probe->result);
	}
	free(a->poll);
	free(a->probe);
	free(a->idempotency);
}
