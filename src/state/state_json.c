#include "state/state_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

char *
state_json_dump(const json_t * v, size_t * len, const char * what,
    struct err * e)
{
	char * s = v == NULL ? NULL :
	    json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

	if (s == NULL) {
		err_nomem(e, what);
		return (NULL);
	}
	if ((*len = strlen(s)) > STATE_VALUE_MAX) {
		err_set(e, ERR_PERMANENT, "too_large", "%s has %zu bytes of "
		    "JSON: %zu are allowed", what, *len, STATE_VALUE_MAX);
		free(s);
		return (NULL);
	}
	return (s);
}

json_t *
state_json_load(const char * s, size_t n)
{
	return (json_loadb(s, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
}

int
state_json_merge(json_t * o, const json_t * patch)
{
	const char * key;
	json_t * v;

	json_object_foreach((json_t *)(uintptr_t)patch, key, v) {
		if (json_is_null(v))
			(void)json_object_del(o, key);
		else if (json_object_set(o, key, v))
			return (-1);
	}
	return (0);
}
