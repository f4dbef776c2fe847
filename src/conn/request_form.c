#include <stdint.h>
#include <stdio.h>

#include "conn/request_build.h"

/* The fields of a form. */

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define MAX_DEPTH 16
#define MAX_NAME 4096

/* A scalar as text; NULL: it is none, or no memory. */
static json_t *
text_of(const json_t * v)
{
	char num[32];

	if (json_is_string(v))
		return (json_incref(MUTABLE(v)));
	if (json_is_boolean(v))
		return (json_string(json_is_true(v) ? "true" : "false"));
	if (json_is_integer(v))
		return (json_sprintf("%lld", (long long)json_integer_value(v)));
	if (!json_is_real(v))
		return (NULL);
	snprintf(num, sizeof(num), "%.15g", json_real_value(v));
	return (json_string(num));
}

json_t *
request_form_texts(const json_t * v)
{
	json_t * list, * one;
	size_t i;

	if (!json_is_array(v))
		return (text_of(v));
	list = json_array();
	json_array_foreach(v, i, one)
		if (json_array_append_new(list, text_of(one))) {
			json_decref(list);
			return (NULL);
		}
	return (list);
}

static int add_nested(json_t * fields, const char * name, const json_t * v,
    int depth, struct err * e);

/* What stands in a list or an object, each under its place in it. */
static int
add_members(json_t * fields, const char * name, const json_t * v, int depth,
    struct err * e)
{
	struct buf full = BUF_INIT(MAX_NAME);
	json_t * one;
	const char * k;
	size_t i;
	int rc = 0;

	json_object_foreach(MUTABLE(v), k, one) {
		buf_clear(&full);
		buf_addf(&full, "%s%s%s", name, *name ? "." : "", k);
		rc = rc ? rc : full.failed ? err_nomem(e, "a form") :
		    add_nested(fields, full.p, one, depth + 1, e);
	}
	json_array_foreach(v, i, one) {
		buf_clear(&full);
		buf_addf(&full, "%s.%zu", name, i + 1);
		rc = rc ? rc : full.failed ? err_nomem(e, "a form") :
		    add_nested(fields, full.p, one, depth + 1, e);
	}
	buf_free(&full);
	return (rc);
}

/* Fields that are named by where they stand: {"Filter": [{"Name": "x"}]} is
 * Filter.1.Name=x. */
static int
add_nested(json_t * fields, const char * name, const json_t * v, int depth,
    struct err * e)
{
	if (json_is_null(v))
		return (0);
	if (depth > MAX_DEPTH)
		return (err_set(e, ERR_CONFIG, "template", "a form's body is "
		    "nested deeper than %d", MAX_DEPTH));
	if (json_is_object(v) || json_is_array(v))
		return (add_members(fields, name, v, depth, e));
	return (json_object_set_new(fields, name, text_of(v)) ?
	    err_nomem(e, "a form") : 0);
}

/* Fields that are texts or lists of them, which repeat. */
static int
add_flat(json_t * fields, const json_t * body, struct err * e)
{
	const char * k;
	json_t * v, * text;

	json_object_foreach(MUTABLE(body), k, v)
		if (!json_is_null(v) && ((text = request_form_texts(v)) == NULL ||
		    json_object_set_new(fields, k, text)))
			return (err_set(e, ERR_CONFIG, "template", "%.64s "
			    "cannot stand in a form: it is no text, number or "
			    "boolean", k));
	return (0);
}

int
request_form_fields(const json_t * body, int numbered, json_t * fields,
    struct err * e)
{
	return (numbered ? add_nested(fields, "", body, 0, e) :
	    add_flat(fields, body, e));
}
