#ifndef MOLTLER_CLI_JSONROW_H
#define MOLTLER_CLI_JSONROW_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * One row of an answer: a JSON array on a line.  Its values are found as slices
 * of that line and not built as a tree, so that numbers and documents go on
 * exactly as the daemon wrote them (no double is read and printed again).
 */
enum jsonrow_kind { JSONROW_NULL, JSONROW_BOOL, JSONROW_NUMBER,
    JSONROW_STRING, JSONROW_NEST };

struct jsonrow_cell {
	enum jsonrow_kind kind;
	const char * p; /* as written; a string with its quotes */
	size_t len;
};

/**
 * jsonrow_split(s, n, cells, want, e):
 * Check that the ${n} bytes at ${s} are one JSON array of exactly ${want}
 * values and point ${cells} at them (borrowed from ${s}).  Errors: permanent,
 * "answer", naming the byte offset.
 */
int jsonrow_split(const char * s, size_t n, struct jsonrow_cell * cells,
    size_t want, struct err * e) MUST_CHECK;

/**
 * jsonrow_text(c, out):
 * Append the text of a cell: a string without quotes and escapes, a document
 * without the white space between its tokens, anything else as it is.  Lone
 * surrogates become U+FFFD.  0, or -1 with ${out}->failed.
 */
int jsonrow_text(const struct jsonrow_cell * c, struct buf * out);

/** jsonrow_is_document(s, n): Whether this is one JSON object or array. */
int jsonrow_is_document(const char * s, size_t n);

#endif
