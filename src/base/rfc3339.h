#ifndef MOLTLER_BASE_RFC3339_H
#define MOLTLER_BASE_RFC3339_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* "2026-11-21T16:59:43.123Z" and its NUL, with room for large years. */
#define RFC3339_LEN 40

/**
 * rfc3339_format(ms, out):
 * Write ${ms} (milliseconds since 1970, UTC) as RFC 3339 with Z; the fraction
 * has three digits and is left out when it is zero.
 */
void rfc3339_format(int64_t ms, char out[RFC3339_LEN]);

/**
 * rfc3339_parse(s, n, ms, e):
 * Read an RFC 3339 section 5.6 date-time (also with a space for the T, lower
 * case t and z, and any number of fraction digits, cut to milliseconds) into
 * ${*ms}.  A leap second counts as the second after it.  Errors: permanent,
 * naming the byte offset.
 */
int rfc3339_parse(const char * s, size_t n, int64_t * ms, struct err * e)
    MUST_CHECK;

/**
 * rfc3339_compare(a, na, b, nb):
 * <0, 0, >0, as memcmp does, but what rfc3339_format wrote comes in the order of
 * time: bare text has "11.500Z" before "11Z".  Any two texts have an order; only
 * equal ones are equal.
 */
int rfc3339_compare(const char * a, size_t na, const char * b, size_t nb);

/**
 * rfc3339_loose(s, n, ms):
 * As rfc3339_parse, but a date alone is its midnight, seconds may be left out, and
 * without a zone it is UTC.  0, or -1: no time.
 */
int rfc3339_loose(const char * s, size_t n, int64_t * ms) MUST_CHECK;

/**
 * rfc3339_order(a, na, b, nb):
 * As rfc3339_compare, but what rfc3339_loose can read is compared as the instant
 * it says, so that different texts of one instant are equal.
 */
int rfc3339_order(const char * a, size_t na, const char * b, size_t nb);

#endif
