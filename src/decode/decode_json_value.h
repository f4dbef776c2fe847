#ifndef MOLTLER_DECODE_DECODE_JSON_VALUE_H
#define MOLTLER_DECODE_DECODE_JSON_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/value.h"
#include "manifest/manifest.h"

/* What stands in the body from ${at} on, ${len} bytes of it. */
enum json_token_kind {
	TOKEN_NULL, TOKEN_FALSE, TOKEN_TRUE, TOKEN_NUMBER,
	TOKEN_STRING,  /* between the quotes, nothing escaped */
	TOKEN_ESCAPED, /* between the quotes */
	TOKEN_TREE     /* an array or object, whole */
};
struct json_token {
	enum json_token_kind kind;
	size_t at;
	size_t len;
};

/*
 * Body and texts move while they grow, so until a page is whole a cell's text is
 * an offset in ${i}: twice that into the body, or twice that and one into the
 * texts that were made.
 */
#define DECODE_MADE INT64_C(1)

/**
 * decode_value(c, t, body, made, v):
 * Type ${t} as column ${c} says.  What does not fit its type stays as its text:
 * nothing is lost.  -1 if ${made} cannot grow.
 */
int decode_value(const struct manifest_column * c, const struct json_token * t,
    const char * body, struct buf * made, struct value * v) MUST_CHECK;

/* decode_value_escape.c */

/** decode_value_unescape(s, n, out): Append the ${n} bytes of a string that was
 * found good, its escapes undone; half a surrogate pair becomes U+FFFD.  0 or -1. */
int decode_value_unescape(const char * s, size_t n, struct buf * out);

/** decode_value_hex4(s): The number that the four hexadecimal digits at ${s} are. */
unsigned decode_value_hex4(const char * s);

/* decode_value_time.c */

/** decode_value_integer(s, n, scale, v): The number in these bytes, times ten to
 * the ${scale}, cut to an integer.  1 if something was cut, 0 if not, -1: no number or past
 * 64 bits. */
int decode_value_integer(const char * s, size_t n, int scale, int64_t * v);

/** decode_value_is_usual(s, n): Whether these bytes are a time as rfc3339_format()
 * writes it, seen without working it out: 0 for some that are. */
int decode_value_is_usual(const char * s, size_t n);

/** decode_value_time(s, n, how, ms): The time in these bytes.  0 or -1. */
int decode_value_time(const char * s, size_t n, enum time_format how,
    int64_t * ms);

/** decode_value_own_time(own, s, n, ms): The time in these bytes, in the service's
 * own words.  0 or -1. */
int decode_value_own_time(const struct manifest_time * own, const char * s,
    size_t n, int64_t * ms);

#endif
