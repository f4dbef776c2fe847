#ifndef MOLTLER_DECODE_DECODE_OPENMETRICS_H
#define MOLTLER_DECODE_DECODE_OPENMETRICS_H

#include <stddef.h>

#include "base/err.h"
#include "base/sample.h"

/*
 * Decoder of the Prometheus text format 0.0.4, with the quoted UTF-8 names of
 * Prometheus 3 (text 1.0.0), and of OpenMetrics 1.0, fed as bytes arrive.
 * Sources: prometheus.io "Exposition formats", the OpenMetrics 1.0
 * specification (openmetrics.io), Prometheus' model/textparse for what both
 * leave open.
 */
struct openmetrics;

enum openmetrics_format { OPENMETRICS_TEXT, OPENMETRICS_1 };

/** openmetrics_format_of(content_type): By media type; NULL or unknown: TEXT.
 * openmetrics_acceptable(content_type): 0 if the type cannot be metrics at
 * all (text/html, application/json, ...), 1 else. */
enum openmetrics_format openmetrics_format_of(const char * content_type);
int openmetrics_acceptable(const char * content_type);

/** openmetrics_new(): A decoder to be reused from page to page; NULL: no memory. */
struct openmetrics * openmetrics_new(void);
void openmetrics_free(struct openmetrics * d);

/**
 * openmetrics_begin(d, fmt, expect):
 * Begin a page.  ${expect} (borrowed; the decoder takes its own reference) is the layout of the source's
 * last page, or NULL.
 */
void openmetrics_begin(struct openmetrics * d, enum openmetrics_format fmt,
    struct sample_layout * expect);

/**
 * openmetrics_feed(d, p, n): Take the next ${n} bytes, cut anywhere.  0, or -1:
 * the page is bad, openmetrics_end() tells.
 */
int openmetrics_feed(struct openmetrics * d, const char * p, size_t n);

/**
 * openmetrics_end(d, page, e):
 * The page is over.  On 0 ${page} is filled; its layout and diff are the
 * caller's, its values the decoder's until the next openmetrics_begin.  On -1
 * ${e} is permanent "parse" and names line (from 1) and byte offset (from 0)
 * of the first fault and what was expected.  OpenMetrics without "# EOF" is
 * such an error; so is a line over 1 MiB.  An empty page is a page of no
 * samples.
 */
int openmetrics_end(struct openmetrics * d, struct sample_page * page,
    struct err * e) MUST_CHECK;

#endif
