#ifndef MOLTLER_BASE_JSON_H
#define MOLTLER_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/**
 * json_parse(s, n, what, e):
 * Parse ${n} bytes as one JSON value.  Duplicate keys, trailing bytes, NUL in
 * strings and nesting past jansson's bound are refused.  The caller owns the
 * value; NULL with ${e} (permanent, "json", naming ${what}, line and column;
 * what stands there is not cited, it may be a secret).
 */
json_t * json_parse(const char * s, size_t n, const char * what,
    struct err * e) MUST_CHECK;

/**
 * json_check_keys(o, path, e, key, ..., NULL):
 * Check that every key of the object ${o} is one of those listed.  Errors:
 * config, naming ${path}.key and the nearest known key.
 */
int json_check_keys(const json_t * o, const char * path, struct err * e, ...)
    __attribute__((sentinel)) MUST_CHECK;

/** json_str(o, key): The string at ${key} of the object ${o}, or NULL. */
const char * json_str(const json_t * o, const char * key);

/** json_int(o, key, dflt): The integer at ${key}, or ${dflt}. */
json_int_t json_int(const json_t * o, const char * key, json_int_t dflt);

/** json_time(o, key): The time at ${key}, as rfc3339_format() writes it, in ms; 0:
 * there is none. */
int64_t json_time(const json_t * o, const char * key);

/** json_opt_string(s), json_opt_time(ms): It as a string; null for NULL, and for 0. */
json_t * json_opt_string(const char * s);
json_t * json_opt_time(int64_t ms);

/**
 * json_nearest(word, candidates, n):
 * Return the candidate that is at most a third of its letters away from
 * ${word} (Damerau-Levenshtein), or NULL: for "did you mean".
 */
const char * json_nearest(const char * word, const char * const * candidates,
    size_t n);

/** json_nearest_key(word, keys, n): The same, or else a key of which it is a part:
 * url of api_url. */
const char * json_nearest_key(const char * word, const char * const * keys,
    size_t n);

#endif
