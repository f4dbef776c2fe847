#ifndef MOLTLER_STATE_STATE_JSON_H
#define MOLTLER_STATE_STATE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/* No value that is kept is larger than this as JSON. */
#define STATE_VALUE_MAX ((size_t)16 << 20)
/* ... and no cached one larger than this. */
#define STATE_CACHE_MAX ((size_t)1 << 20)

/**
 * state_json_dump(v, len, what, e): ${v} as compact JSON (any type), to be
 * freed; NULL with ${e}: permanent "too_large", or no memory.
 * state_json_load(s, n): The value of ${n} bytes of JSON, or NULL.  Both take
 * what the other makes, NUL bytes in strings included.
 */
char * state_json_dump(const json_t * v, size_t * len, const char * what,
    struct err * e);
json_t * state_json_load(const char * s, size_t n);

/** state_json_merge(o, patch): Set ${patch}'s keys in ${o} (shared), remove
 * those that are null.  0 or -1 (no memory). */
int state_json_merge(json_t * o, const json_t * patch) MUST_CHECK;

#endif
