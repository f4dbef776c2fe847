#ifndef MOLTLER_BASE_QUOTE_H
#define MOLTLER_BASE_QUOTE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Texts made safe for where they go.  All append to ${out}; a text that has no
 * safe form there is refused with config "template", and ${what} names it.
 */

/** quote_percent(out, s, n, keep): Percent-encode all but RFC 3986's unreserved
 * characters and those in ${keep}. */
void quote_percent(struct buf * out, const char * s, size_t n,
    const char * keep);

/** quote_host(out, s, n, what, e): A part of a URL's host and port: letters,
 * digits, '.', '-' and ':'. */
int quote_host(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e) MUST_CHECK;

/** quote_line(out, s, n, what, e): Part of a header: no control characters. */
int quote_line(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e) MUST_CHECK;

/** quote_jql(out, s, n, what, e): A string of JQL: in double quotes, with \ before
 * quotes and backslashes; no control characters. */
int quote_jql(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e) MUST_CHECK;

/** quote_query_string(out, s, n, what, e): The same, but bare where only letters,
 * digits and "_-./@" stand, not beginning with '-' and not a word of the language. */
int quote_entity(struct buf * out, const char * s, size_t n,
    const char * what, struct err * e) MUST_CHECK;
int quote_selector(struct buf * out, const char * s, size_t n,
    const char * what, struct err * e) MUST_CHECK;
int quote_query_string(struct buf * out, const char * s, size_t n,
    const char * what, struct err * e) MUST_CHECK;

/** quote_spl(out, s, n, what, e): As quote_jql; a text with a '*', which there
 * stands for any other, is refused. */
int quote_spl(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e) MUST_CHECK;

/** quote_name(out, s): A name in SQL: in double quotes, each within it twice. */
void quote_name(struct buf * out, const char * s);

/** quote_within(out, s, n, ends, what, e): A text as it is, for a place within
 * quotes: refused where it holds one of the characters ${ends}, which would end
 * them or escape their end. */
int quote_within(struct buf * out, const char * s, size_t n,
    const char * ends, const char * what, struct err * e) MUST_CHECK;

/** quote_balanced(out, s, n, what, e): Clauses in a language's own words, as they
 * are, if brackets and quotes close, so that nothing leads out of the
 * brackets a template puts around them. */
int quote_balanced(struct buf * out, const char * s, size_t n,
    const char * what, struct err * e) MUST_CHECK;

/** quote_base64(out, s, n, e): As base64. */
int quote_base64(struct buf * out, const char * s, size_t n,
    struct err * e) MUST_CHECK;

/** quote_path_ok(s, n, what, e): Whether it is a path of several segments, none of
 * them empty, "." or "..". */
int quote_path_ok(const char * s, size_t n, const char * what,
    struct err * e) MUST_CHECK;

/** quote_decimal(out, d, e): A number in digits alone, for languages without
 * exponents; as exact as it is. */
int quote_decimal(struct buf * out, double d, struct err * e) MUST_CHECK;

/** quote_is_number(s, n): Whether it is a number as JSON writes them. */
int quote_is_number(const char * s, size_t n);

/** quote_has_control(s, n): Whether a control character is in it. */
int quote_has_control(const char * s, size_t n);

#endif
