#include "decode/decode_pairs.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

/* A tree takes many times its text. */
#define PAIRS_MAX ((size_t)1 << 20)

/* The name in ${v}; NULL: it is no pair. */
static const json_t *
name_of(const json_t * v)
{
	static const char * const words[] = { "key", "Key", "name", "Name" };
	const json_t * name;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((name = json_object_get(v, words[i])) != NULL)
			return (json_is_string(name) ? name : NULL);
	return (NULL);
}

static int
add_pair(json_t * map, const json_t * v)
{
	const json_t * name = name_of(v);
	json_t * value = json_object_get(v, "value");

	if (name == NULL)
		return (-1);
	if (value == NULL)
		value = json_object_get(v, "Value");
	return (json_object_setn_new(map, json_string_value(name),
	    json_string_length(name), value ? json_incref(value) :
	    json_null()));
}

/* ${v} as one object; NULL: it is none. */
static json_t *
map_of(const json_t * v)
{
	const json_t * list = v, * one;
	json_t * map = json_object();
	size_t i;
	int rc = 0;

	if (json_is_object(v) && json_object_size(v) == 1 && name_of(v) == NULL)
		list = json_object_iter_value(json_object_iter(
		    (json_t *)(uintptr_t)v));
	if (json_is_object(list))
		rc = add_pair(map, list);
	else if (!json_is_array(list))
		rc = -1;
	json_array_foreach(list, i, one)
		if (rc == 0)
			rc = add_pair(map, one);
	if (rc == 0)
		return (map);
	json_decref(map);
	return (NULL);
}

int
decode_pairs(const char * s, size_t n, struct buf * out)
{
	json_t * v, * map;
	char * text;

	if (n > PAIRS_MAX || (v = json_loadb(s, n, 0, NULL)) == NULL)
		return (1);
	map = map_of(v);
	json_decref(v);
	if (map == NULL)
		return (1);
	text = json_dumps(map, JSON_COMPACT);
	json_decref(map);
	if (text == NULL)
		return (-1);
	(void)buf_adds(out, text);
	free(text);
	return (out->failed ? -1 : 0);
}
