#ifndef MOLTLER_MANIFEST_JSON_PATH_H
#define MOLTLER_MANIFEST_JSON_PATH_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Where something is in a JSON value: "a.b", "labels[*].name", "unit[0].name",
 * "\"@odata.nextLink\"", "data[0]", "$" (the value itself), "tags[key=Name].value"
 * (of the first object in the list whose member key is Name; ^= begins with; more
 * conditions after commas; quotes around what is no plain word).  A path may begin with
 * "$." (the same) and, in the columns of an entity that explodes a nested array,
 * with "@" (the array's element) as "@[0]" or "@.name".
 */
enum path_step_kind { PATH_KEY, PATH_INDEX, PATH_EACH, PATH_VALUES, PATH_WHERE };
#define PATH_CONDS_MAX 4
/* The member ${key} is, or begins with, ${value}: texts as they are, integers and
 * booleans as JSON writes them; all else is equal to nothing. */
struct path_cond {
	char * key;
	size_t key_len;
	char * value;
	size_t len;
	int prefix;
};
struct path_step {
	enum path_step_kind kind; /* VALUES: ".*", every value of a map; WHERE:
	                             the first element that meets all conditions */
	char * key;
	size_t len;
	size_t index;
	struct path_cond * conds;
	size_t nconds;
};
struct json_path {
	int of_element;  /* began with @ */
	size_t n;
	struct path_step * steps;
	size_t neach;    /* how many steps fan out: [*] and .* */
};

#define JSON_PATH_MAX 16 /* steps */

/** json_path_parse(s, e): Compile; the caller owns it.  Errors: config "path",
 * with the byte offset. */
struct json_path * json_path_parse(const char * s, struct err * e) MUST_CHECK;
void json_path_free(struct json_path * p); /* NULL is a no-op */

/**
 * json_path_get(p, v): What is there (borrowed), or NULL; where the path fans
 * out, the first.
 * json_path_all(p, v): All that is there, an array owned by the caller.
 */
json_t * json_path_get(const struct json_path * p, const json_t * v);
json_t * json_path_all(const struct json_path * p, const json_t * v);

/**
 * json_path_cond(c, s, n): Whether these ${n} bytes, the text of a scalar, meet ${c}.
 * json_path_same(a, b): Whether two steps lead from any value to the same.
 */
int json_path_cond(const struct path_cond * c, const char * s, size_t n);
int json_path_same(const struct path_step * a, const struct path_step * b);

#endif
