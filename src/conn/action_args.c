#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "conn/action.h"
#include "manifest/template.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define MAX_NAMES 64
#define MAX_DEPTH 16
#define MAX_FAULTS 4096

/* What is wrong, one after the other. */
struct faults {
	struct buf text;
	const json_t * config;
	int depth;
};

/* No more than anybody reads. */
#define fault(f, ...) do { \
	if ((f)->text.len <= MAX_FAULTS) \
		buf_add_fault(&(f)->text, __VA_ARGS__); \
} while (0)

static const char *
type_name(enum arg_type t)
{
	static const char * const names[] = { "a string", "an integer",
	    "a number", "true or false", "an array", "an object", "anything" };

	return (names[t]);
}

static void
check_values(struct faults * f, const struct manifest_arg * a,
    const json_t * v, const char * path)
{
	struct buf list = BUF_INIT(300);
	char * s;
	json_t * one;
	size_t i;

	json_array_foreach(a->values, i, one) {
		if (json_equal(one, v)) {
			buf_free(&list);
			return;
		}
		s = json_is_string(one) ? NULL : json_dumps(one,
		    JSON_ENCODE_ANY);
		buf_addf(&list, "%s%s", i > 0 ? ", " : "",
		    json_is_string(one) ? json_string_value(one) : s ? s : "");
		free(s);
	}
	fault(f, "%s must be one of %s", path, list.p ? list.p : "(nothing)");
	buf_free(&list);
}

static json_t * check_fields(struct faults * f, const struct manifest_arg * args,
    size_t n, const json_t * given, const char * path);

/* ${v} as it will be used: a new reference, or NULL when there was no memory. */
static json_t *
check(struct faults * f, const struct manifest_arg * a, const json_t * v,
    const char * path)
{
	char sub[256];
	json_t * out, * one;
	size_t i;

	/* NULL takes something away, where the service lets it be missing. */
	if (json_is_null(v) && !a->required)
		return (json_null());
	if (!manifest_arg_fits(v, a->type)) {
		fault(f, "%s must be %s", path, type_name(a->type));
		return (json_null());
	}
	if (a->values != NULL && !json_is_array(v))
		check_values(f, a, v, path);
	if (json_is_object(v) && a->fields != NULL)
		return (check_fields(f, a->fields, a->nfields, v, path));
	if (!json_is_array(v))
		return (json_deep_copy(MUTABLE(v)));
	if (a->max_items > 0 && json_array_size(v) > (size_t)a->max_items)
		fault(f, "%s may hold %lld at most, not %zu", path,
		    (long long)a->max_items, json_array_size(v));
	if (a->items == NULL)
		return (json_deep_copy(MUTABLE(v)));
	out = json_array();
	json_array_foreach(v, i, one) {
		snprintf(sub, sizeof(sub), "%.200s[%zu]", path, i);
		if (json_array_append_new(out, check(f, a->items, one, sub))) {
			json_decref(out);
			return (NULL);
		}
	}
	return (out);
}

static const struct manifest_arg *
find(const struct manifest_arg * args, size_t n, const char * name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(args[i].name, name) == 0)
			return (&args[i]);
	for (i = 0; i < n; i++)
		if (strcasecmp(args[i].name, name) == 0)
			return (&args[i]);
	return (NULL);
}

static void
unknown(struct faults * f, const struct manifest_arg * args, size_t n,
    const char * name, const char * path)
{
	const char * names[MAX_NAMES], * near;
	size_t i;

	for (i = 0; i < n && i < MAX_NAMES; i++)
		names[i] = args[i].name;
	near = json_nearest(name, names, i);
	fault(f, "%s%s%.64s is not known%s%s%s", path, *path ? "." : "", name,
	    near ? " (did you mean '" : "", near ? near : "",
	    near ? "'?)" : "");
}

/* The default of ${a}, or NULL: it has none that is known. */
static json_t *
default_of(struct faults * f, const struct manifest_arg * a)
{
	struct template_env env = { .config = f->config,
	    .now_ms = clock_wall_ms() };
	json_t * t, * v;
	struct err e;

	if (a->dflt == NULL || !template_knows(a->dflt, &env) ||
	    (t = json_string(a->dflt)) == NULL)
		return (NULL);
	v = template_json(t, &env, &e);
	json_decref(t);
	/* "5" is how a template writes a number. */
	if (json_is_string(v) && (a->type == ARG_INTEGER ||
	    a->type == ARG_NUMBER || a->type == ARG_BOOLEAN)) {
		t = json_loadb(json_string_value(v), json_string_length(v),
		    JSON_DECODE_ANY, NULL);
		if (t != NULL && manifest_arg_fits(t, a->type)) {
			json_decref(v);
			return (t);
		}
		json_decref(t);
	}
	return (v);
}

static void
missing(struct faults * f, const struct manifest_arg * a, const char * path)
{
	if (a->dflt == NULL)
		fault(f, "%s%s%s is missing", path, *path ? "." : "", a->name);
	else
		fault(f, "%s%s%s is missing, and so is its default %.100s",
		    path, *path ? "." : "", a->name, a->dflt);
}

static int
put(json_t * out, const char * name, json_t * v)
{
	return (v == NULL ? -1 : json_object_set_new(out, name, v));
}

static json_t *
check_fields(struct faults * f, const struct manifest_arg * args, size_t n,
    const json_t * given, const char * path)
{
	const struct manifest_arg * a;
	json_t * out = json_object(), * v;
	const char * k;
	char sub[256];
	size_t i;
	int rc = out == NULL || f->depth >= MAX_DEPTH ? -1 : 0;

	f->depth++;
	json_object_foreach(MUTABLE(given), k, v) {
		if (rc != 0)
			break;
		if ((a = find(args, n, k)) == NULL) {
			unknown(f, args, n, k, path);
			continue;
		}
		snprintf(sub, sizeof(sub), "%.160s%s%.64s", path,
		    *path ? "." : "", a->name);
		if (json_object_get(out, a->name) != NULL)
			fault(f, "%s is given twice", sub);
		rc = put(out, a->name, check(f, a, v, sub));
	}
	for (i = 0; i < n && rc == 0; i++) {
		if (json_object_get(out, args[i].name) != NULL)
			continue;
		if ((v = default_of(f, &args[i])) != NULL)
			rc = json_object_set_new(out, args[i].name, v);
		else if (args[i].required)
			missing(f, &args[i], path);
	}
	f->depth--;
	if (rc != 0) {
		json_decref(out);
		return (NULL);
	}
	return (out);
}

json_t *
action_args(const struct connector * c, const struct manifest_action * act,
    const json_t * args, struct err * e)
{
	struct faults f = { BUF_INIT(8192), NULL, 0 };
	json_t * out = NULL;

	/* Kept with the connector; its value does not change. */
	f.config = connector_config_parsed((struct connector *)(uintptr_t)c);
	if (args != NULL && !json_is_object(args)) {
		err_set(e, ERR_CONFIG, "bad_args", "%s takes its arguments by "
		    "name: %s(name => value, ...) or %s({\"name\": value})",
		    act->name, act->name, act->name);
		return (NULL);
	}
	out = check_fields(&f, act->args, act->nargs, args, "");
	if (out == NULL) {
		err_nomem(e, "an action's arguments");
	} else if (f.text.len > 0) {
		err_set(e, ERR_CONFIG, "bad_args", "%s: %s", act->name,
		    f.text.p);
		json_decref(out);
		out = NULL;
	}
	buf_free(&f.text);
	return (out);
}
