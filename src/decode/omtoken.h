#ifndef MOLTLER_DECODE_OMTOKEN_H
#define MOLTLER_DECODE_OMTOKEN_H

#include "base/openmetrics_number.h"
#include "decode/openmetrics_line.h"

/* The words of a metrics page's lines, and how to say what is wrong with one. */

static inline int
omtoken_is_start(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_');
}

static inline int
omtoken_is_label(char c)
{
	return (omtoken_is_start(c) || (c >= '0' && c <= '9'));
}

static inline int
omtoken_is_metric(char c)
{
	return (omtoken_is_label(c) || c == ':');
}

/** omtoken_blanks(p, end): Skip spaces and tabs. */
static inline const char *
omtoken_blanks(const char * p, const char * end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return (p);
}

/** omtoken_end(l, p, end): Where the run of characters up to a blank (in
 * OpenMetrics: a space) ends. */
const char * omtoken_end(const struct openmetrics_line * l, const char * p,
    const char * end);

/** omtoken_quoted(l, pp, end, what, is_name, s): Read the quoted string at
 * *${pp}, which is ${what}, into ${s} unless that is NULL.  0 or -1. */
int omtoken_quoted(struct openmetrics_line * l, const char ** pp,
    const char * end, const char * what, int is_name,
    struct openmetrics_slice * s);

/** omtoken_utf8(l, p, end): Check free text.  0 or -1. */
int omtoken_utf8(struct openmetrics_line * l, const char * p,
    const char * end);

/*
 * Each notes the first fault of a line and returns -1.  _fault: as said;
 * _expected: "expected ...; found ..." with what stands at ${at}; _bad: the
 * word or number from ${p} to ${end}, with as much of it as is good to show.
 */
int omtoken_fault(struct openmetrics_line * l, const char * at,
    const char * what);
int omtoken_expected(struct openmetrics_line * l, const char * at,
    const char * end, const char * what);
int omtoken_bad(struct openmetrics_line * l, const char * p,
    const char * end, const char * what, enum openmetrics_number why);

#endif
