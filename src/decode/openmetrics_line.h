#ifndef MOLTLER_DECODE_OPENMETRICS_LINE_H
#define MOLTLER_DECODE_OPENMETRICS_LINE_H

#include <stddef.h>

#include "base/buf.h"
#include "decode/decode_openmetrics.h"

/*
 * One line, read in full.  Every rule here looks at one line alone, so a line
 * that was good once is good wherever its bytes come again: that is what lets
 * the decoder skip all this for bytes it knows.
 *
 * The rules are those Prometheus' own scraper applies, so that a page it takes
 * is taken, and one it refuses is refused.  Where it reads less or more than
 * the formats say:
 * - Both: an escape other than \\ \" \n stays as written, backslash and all
 *   (unescaped Windows paths are common); a trailing comma in the braces is
 *   allowed; the quoted metric name may stand anywhere in the braces; plain
 *   comments need not be UTF-8.  NUL bytes may stand in label values and help,
 *   but not in names.
 * - Text 0.0.4: a comma between labels may be missing; there may be no blank
 *   between '}' and the value; the page's last line may lack its newline.  Not
 *   taken, though Prometheus happens to: a raw newline in a label value, and
 *   no blank between a bare name and its value.  Taken, as the format says,
 *   though Prometheus does not: more blanks around a TYPE's type, and a sign
 *   before a timestamp.
 * - OpenMetrics: an exemplar is allowed on every sample, of any length and
 *   with any labels (client libraries put them on _count and on summaries).
 *   What needs memory of other lines is not checked: one TYPE a family,
 *   families not interleaved, "_total" on counters, timestamps in order.
 */
struct openmetrics_slice {
	const char * p;
	size_t n;
};

struct openmetrics_label {
	struct openmetrics_slice name, value;
	const char * at; /* in the line */
};

struct openmetrics_line {
	enum openmetrics_format fmt;

	/* A series, its text unescaped; it lives as long as the line's bytes. */
	struct openmetrics_slice name;
	struct openmetrics_label * labels;
	size_t nlabels;
	const char * value; /* where the value begins */
	double v;

	/* What was wrong, and at which byte; nomem: the machine's fault. */
	const char * fault;
	char what[256];
	int nomem;

	/* Reused from line to line. */
	size_t cap;
	struct openmetrics_label * sorted;
	struct buf scratch;
};

enum openmetrics_line_kind {
	OPENMETRICS_LINE_BAD,
	OPENMETRICS_LINE_NOTHING, /* a comment, or blank */
	OPENMETRICS_LINE_SERIES,
	OPENMETRICS_LINE_EOF
};

/** openmetrics_line_read(l, p, end): Read the line (without its newline). */
enum openmetrics_line_kind openmetrics_line_read(struct openmetrics_line * l,
    const char * p, const char * end);

/**
 * openmetrics_line_rest(l, p, end):
 * Read what may stand between a value and the end of its line: a timestamp,
 * in OpenMetrics also an exemplar.  0, or -1 with the fault noted.
 */
int openmetrics_line_rest(struct openmetrics_line * l, const char * p,
    const char * end);

/** openmetrics_line_labels(l, b): Append the labels of the series just read
 * as a JSON object, in the page's order.  0, or -1: no memory. */
int openmetrics_line_labels(const struct openmetrics_line * l,
    struct buf * b);

/** openmetrics_line_is_json(p, end): Does this line open a JSON document? */
int openmetrics_line_is_json(const char * p, const char * end);

/** openmetrics_line_free(l): Give its memory back; it can be used again. */
void openmetrics_line_free(struct openmetrics_line * l);

#endif
