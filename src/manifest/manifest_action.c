#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/manifest_parts.h"

#define MAX_ACTIONS 500
#define MAX_ARGS 500
#define MAX_DEPTH 8

static const char * const arg_words[] = { "string", "integer", "number",
    "boolean", "array", "object", "any", NULL };

static void
free_args(struct manifest_arg * a, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free_args(a[i].fields, a[i].nfields);
		free_args(a[i].items, a[i].items != NULL);
	}
	free(a);
}

static void read_arg(struct mread *, struct manifest_arg *, const json_t *,
    int);

static void
read_fields(struct mread * r, struct manifest_arg * a, const json_t * v,
    int depth)
{
	const json_t * fields = mread_map(r, v, "fields", 0), * x;
	const char * key;
	size_t at, sub, n;

	if (fields == NULL)
		return;
	if (a->type != ARG_OBJECT)
		mread_fault(r, "fields", "goes with type object");
	at = mread_enter(r, "fields");
	n = json_object_size(fields);
	if (n == 0 || n > MAX_ARGS)
		mread_fault(r, NULL, "must have 1 to %d keys; leave it away "
		    "where any will do", MAX_ARGS);
	else if ((a->fields = mread_alloc(r, n, sizeof(*a))) != NULL)
		json_object_foreach((json_t *)(uintptr_t)fields, key, x) {
			sub = mread_enter(r, key);
			a->fields[a->nfields].name = key;
			read_arg(r, &a->fields[a->nfields++], x, depth + 1);
			mread_leave(r, sub);
		}
	mread_leave(r, at);
}

static void
read_items(struct mread * r, struct manifest_arg * a, const json_t * v,
    int depth)
{
	const json_t * items = json_object_get(v, "items");
	size_t at;

	a->max_items = mread_int(r, v, "max_items", 0, 1, 1000000);
	if (a->type != ARG_ARRAY && (items != NULL || a->max_items > 0))
		mread_fault(r, items ? "items" : "max_items",
		    "goes with type array");
	if (items == NULL)
		return;
	at = mread_enter(r, "items");
	if ((a->items = mread_alloc(r, 1, sizeof(*a))) != NULL) {
		a->items->name = "items";
		read_arg(r, a->items, items, depth + 1);
	}
	mread_leave(r, at);
}

int
manifest_arg_fits(const json_t * v, enum arg_type type)
{
	switch (type) {
	case ARG_STRING:
		return (json_is_string(v));
	case ARG_INTEGER:
		return (json_is_integer(v));
	case ARG_NUMBER:
		return (json_is_number(v));
	case ARG_BOOLEAN:
		return (json_is_boolean(v));
	case ARG_ARRAY:
		return (json_is_array(v));
	case ARG_OBJECT:
		return (json_is_object(v));
	case ARG_ANY:
		break;
	}
	return (1);
}

static void
read_arg(struct mread * r, struct manifest_arg * a, const json_t * v,
    int depth)
{
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_NOW };
	const json_t * x;
	size_t i;
	int t;

	if (depth > MAX_DEPTH) {
		mread_fault(r, NULL, "is nested deeper than %d", MAX_DEPTH);
		return;
	}
	if (!mread_is_object(r, v, KEYS_ARG))
		return;
	a->description = mread_str(r, v, "description", 0);
	t = mread_word(r, v, "type", arg_words, -1);
	a->type = t < 0 ? ARG_ANY : (enum arg_type)t;
	a->required = mread_bool(r, v, "required");
	a->dflt = mread_template(r, v, "default", 0, &s);
	a->values = mread_list(r, v, "values", 0);
	json_array_foreach((json_t *)(uintptr_t)a->values, i, x)
		if (t >= 0 && (a->type == ARG_ARRAY ||
		    a->type == ARG_OBJECT || !manifest_arg_fits(x, a->type)))
			mread_fault(r, "values", "number %zu is no %s", i + 1,
			    arg_words[t]);
	if (a->values != NULL && json_array_size(a->values) == 0)
		mread_fault(r, "values", "is empty: nothing would be allowed");
	if (t < 0)
		return;
	read_fields(r, a, v, depth);
	read_items(r, a, v, depth);
}

static const json_t *
read_args(struct mread * r, struct manifest_action * act, const json_t * v)
{
	const json_t * args = mread_map(r, v, "args", 0), * x;
	const char * key;
	size_t at, sub, n;

	if (args == NULL)
		return (NULL);
	at = mread_enter(r, "args");
	n = json_object_size(args);
	if (n > MAX_ARGS)
		mread_fault(r, NULL, "are more than %d", MAX_ARGS);
	else if ((act->args = mread_alloc(r, n, sizeof(*act->args))) != NULL)
		json_object_foreach((json_t *)(uintptr_t)args, key, x) {
			sub = mread_enter(r, key);
			if (!manifest_name_ok(key))
				mread_fault(r, NULL, "a name holds letters, "
				    "digits and _ and begins with a letter");
			act->args[act->nargs].name = key;
			read_arg(r, &act->args[act->nargs++], x, 0);
			mread_leave(r, sub);
		}
	mread_leave(r, at);
	return (args);
}

static void
read_lookup(struct mread * r, struct manifest_action * act, const json_t * v,
    const struct mread_scope * s)
{
	const json_t * l = json_object_get(v, "lookup"), * x;
	struct json_path * p;
	const char * key;
	struct err e;
	size_t at;

	if (l == NULL)
		return;
	at = mread_enter(r, "lookup");
	if (mread_is_object(r, l, KEYS_LOOKUP)) {
		act->lookup = l;
		mread_url(r, l, "url", 1, s);
		json_path_free(mread_path(r, l, "records", 0));
		json_path_free(mread_path(r, l, "value", 1));
		mread_params(r, l, "match", 0, s);
		(void)manifest_outcome_args(r, l, "unless", s);
		json_object_foreach(json_object_get(l, "match"), key, x) {
			(void)x;
			if ((p = json_path_parse(key, &e)) == NULL)
				mread_fault(r, "match", "%s", e.msg);
			json_path_free(p);
		}
	}
	mread_leave(r, at);
}

static void
read_action(struct mread * r, struct manifest_action * act, const json_t * v)
{
	static const char * const decode_words[] = { "json", "text", "xml",
	    "ndjson", "csv", NULL };
	static const enum manifest_decode decodes[] = { DECODE_JSON,
	    DECODE_JSON, DECODE_XML, DECODE_NDJSON, DECODE_CSV };
	int how;
	static const char * const methods[] = { "GET", "POST", "PUT", "PATCH",
	    "DELETE", NULL };
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_IN | ROOT_NOW };

	act->method = "POST";
	if (!mread_is_object(r, v, KEYS_ACTION))
		return;
	s.inputs = read_args(r, act, v);
	act->description = mread_str(r, v, "description", 0);
	act->method = mread_method(r, v, methods, "POST");
	read_lookup(r, act, v, &s);
	s.roots |= ROOT_ACTION;
	if (act->lookup != NULL)
		s.roots |= ROOT_LOOKUP;
	act->url = mread_url(r, v, "url", 1, &s);
	act->auth = manifest_auth_read(r, v);
	act->query = mread_params(r, v, "query", 0, &s);
	act->headers = mread_params(r, v, "headers", 1, &s);
	act->body = mread_body(r, v, "body", &s);
	if (act->body != NULL && strcmp(act->method, "GET") == 0)
		mread_fault(r, "body", "goes with another method than GET");
	act->success = manifest_outcome_statuses(r, "success", v);
	act->result = mread_path(r, v, "result", 0);
	how = mread_word(r, v, "decode", decode_words, 0);
	act->text = how == 1;
	act->decode = decodes[how];
	act->base64 = mread_str(r, v, "base64", 0);
	if (act->text && act->base64 != NULL)
		mread_fault(r, "base64", "has no meaning where the answer is "
		    "text");
	manifest_limits_toll(r, v, &act->toll);
	act->safe_to_retry = mread_bool(r, v, "safe_to_retry");
	manifest_outcome_read(r, act, v, &s);
	act->raw = mread_bool(r, v, "raw");
}

void
manifest_action_read(struct mread * r, struct manifest_entity * ent,
    const json_t * v)
{
	const json_t * acts = mread_map(r, v, "actions", 0), * x;
	const char * key;
	size_t at, sub, n;

	if (acts == NULL)
		return;
	at = mread_enter(r, "actions");
	n = json_object_size(acts);
	if (n > MAX_ACTIONS)
		mread_fault(r, NULL, "are more than %d", MAX_ACTIONS);
	else if ((ent->actions = mread_alloc(r, n, sizeof(*ent->actions))) !=
	    NULL)
		json_object_foreach((json_t *)(uintptr_t)acts, key, x) {
			sub = mread_enter(r, key);
			if (!manifest_name_ok(key))
				mread_fault(r, NULL, "a name holds letters, "
				    "digits and _ and begins with a letter");
			if (manifest_action(ent, key) != NULL)
				mread_fault(r, NULL, "is an action already, "
				    "in other case");
			ent->actions[ent->nactions].name = key;
			ent->actions[ent->nactions].service = ent->service;
			read_action(r, &ent->actions[ent->nactions++], x);
			mread_leave(r, sub);
		}
	mread_leave(r, at);
}

void
manifest_action_free(struct manifest_action * a)
{
	free_args(a->args, a->nargs);
	json_path_free(a->result);
	manifest_outcome_free(a);
}
