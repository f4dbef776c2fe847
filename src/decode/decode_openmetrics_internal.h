#ifndef MOLTLER_DECODE_DECODE_OPENMETRICS_INTERNAL_H
#define MOLTLER_DECODE_DECODE_OPENMETRICS_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "decode/decode_openmetrics.h"
#include "decode/openmetrics_diff.h"
#include "decode/openmetrics_line.h"

/* What the two roads through a page share; nobody else includes this. */

/*
 * A page is read chunk by chunk.  A chunk is what stands between the end of
 * the line of the value before and the next value: comments, then the series
 * as written, with the blanks after it.  If its length and hash are those the
 * source's last page had at this place, its bytes are those that were found
 * good then, and only the number is read (fast).  Anything else, also anything
 * odd after the number, takes the slow road (slow), which alone finds faults:
 * whether a page is good never depends on what was expected.
 */
#define OPENMETRICS_LINE_MAX ((size_t)1 << 20)
#define OPENMETRICS_CHUNK_MAX ((size_t)8 << 20)
#define OPENMETRICS_SERIES_MAX 5000000

/*
 * The lines a chunk spans are kept in the lowest bits of its hash, so that the
 * fast road can count lines without looking for them; OPENMETRICS_LINES_MANY: count.
 */
#define OPENMETRICS_LINES_BITS 4
#define OPENMETRICS_LINES_MANY ((uint64_t)(1 << OPENMETRICS_LINES_BITS) - 1)

struct openmetrics {
	enum openmetrics_format fmt;
	uint64_t key;
	struct openmetrics_diff list;
	struct openmetrics_line line;
	double * values;
	uint32_t values_cap;
	struct buf carry; /* the pending chunk, as far as it was fed */
	size_t need;  /* bytes of it that a next try wants, and a newline after */
	size_t scan;  /* bytes of it that the slow road has read, whole lines */
	uint64_t nl;  /* the lines in these */
	uint64_t off; /* where in the page it begins */
	uint64_t lineno; /* and on which line */
	int eof;
	int failed;
	struct err err;
};

/** openmetrics_fail(d, at, what): The first fault is at ${at} bytes into the pending
 * chunk.  openmetrics_fail_nomem(d): It is that there is no memory. */
void openmetrics_fail(struct openmetrics * d, size_t at, const char * what);
void openmetrics_fail_nomem(struct openmetrics * d);

/** openmetrics_more_values(d): Room for more values; -1: failed. */
int openmetrics_more_values(struct openmetrics * d);

/**
 * openmetrics_fast(d, pp, end, last): Read chunks that are known, from *pp on, which
 * goes behind them.  1 when more bytes are needed to go on (never if it is the
 * ${last} time), 0 when the slow road must read on, or it failed.
 */
int openmetrics_fast(struct openmetrics * d, const char ** pp,
    const char * end, int last);

/**
 * openmetrics_slow(d, pp, end, last): Read the next line of the chunk at *pp, which
 * goes on when the chunk is whole.  1 when more bytes are needed, or the page is
 * over or bad; 0 when there may be more to read.
 */
int openmetrics_slow(struct openmetrics * d, const char ** pp,
    const char * end, int last);

#endif
