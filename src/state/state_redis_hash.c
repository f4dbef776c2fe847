#include <stdlib.h>
#include <string.h>

#include "state/state_redis_internal.h"

/*
 * An object as a Redis hash, for a person to read and to write:
 * - A field is a top-level key.  A key that begins with "_" gets one more,
 *   since fields with a single one are ours: "_fence" (of a cursor), "_value"
 *   (of what is no object), "_" (the object is empty: a hash cannot be).
 * - A value that is no string is JSON: 5000, true, ["a"].
 * - A string is bare: 5m, node-a, two words.  Only one that would read as JSON
 *   is quoted as JSON: the string 5000 is "5000", true is "true", and a string
 *   that has its own quotes around it gets outer ones.
 * So reading is: what parses as JSON is that, anything else is a string, and
 * every value comes back as it was.
 */

/* Whether it may be JSON, judged by its first letter. */
static int
maybe_json(const char * s, size_t n)
{
	size_t i = 0;

	while (i < n && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' ||
	    s[i] == '\n'))
		i++;
	return (i < n && s[i] != '\0' &&
	    strchr("{[\"-0123456789tfn", s[i]) != NULL);
}

static int
is_json(const char * s, size_t n)
{
	json_t * v;

	if (!maybe_json(s, n) || (v = state_json_load(s, n)) == NULL)
		return (0);
	json_decref(v);
	return (1);
}

void
state_redis_hash_field(struct state_redis_args * A, const char * key)
{
	if (*key == '_')
		state_redis_args_addf(A, "_%s", key);
	else
		state_redis_args_adds(A, key);
}

void
state_redis_hash_value(struct state_redis_args * A, const json_t * v)
{
	const char * s = json_string_value(v);
	size_t n = json_string_length(v);

	if (s == NULL || is_json(s, n))
		state_redis_args_json(A, v);
	else
		state_redis_args_add(A, s, n);
}

void
state_redis_hash_put(struct state_redis_args * A, const json_t * o, int nulls,
    int mark)
{
	const char * key;
	json_t * v;
	size_t n = A->n;

	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		if (json_is_null(v) && !nulls)
			continue;
		state_redis_hash_field(A, key);
		state_redis_hash_value(A, v);
	}
	if (A->n == n && mark) {
		state_redis_args_adds(A, "_");
		state_redis_args_adds(A, "{}");
	}
}

static json_t *
value_of(const struct redis_reply * r)
{
	struct buf b = BUF_INIT(4 * STATE_VALUE_MAX);
	json_t * v = NULL;

	if (maybe_json(r->s, r->len) &&
	    (v = state_json_load(r->s, r->len)) != NULL)
		return (v);
	if ((v = json_stringn(r->s, r->len)) != NULL)
		return (v);
	/* Not UTF-8: somebody's hand.  Show what can be shown. */
	if (buf_add_json_str(&b, r->s, r->len) == 0)
		v = state_json_load(b.p, b.len);
	buf_free(&b);
	return (v);
}

json_t *
state_redis_hash_get(const struct redis_reply * r, int * bad)
{
	json_t * o = NULL, * v;
	const char * key;
	size_t i;

	*bad = r->type != REDIS_ARRAY || r->n % 2 != 0;
	if (*bad || r->n == 0 || (o = json_object()) == NULL) {
		*bad |= r->n > 0;
		return (NULL);
	}
	for (i = 0; i < r->n && !*bad; i += 2) {
		if (r->el[i]->type != REDIS_STR ||
		    r->el[i + 1]->type != REDIS_STR) {
			*bad = 1;
			break;
		}
		key = r->el[i]->s;
		if (strcmp(key, "_value") == 0) {
			v = value_of(r->el[i + 1]);
			json_decref(o);
			*bad = v == NULL;
			return (v);
		}
		if (key[0] == '_' && key[1] != '_')
			continue;
		*bad = json_object_set_new(o, key + (key[0] == '_'),
		    value_of(r->el[i + 1])) != 0;
	}
	if (*bad) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}
