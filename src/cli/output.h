#ifndef MOLTLER_CLI_OUTPUT_H
#define MOLTLER_CLI_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/answer.h"

/* Rows for programs: JSON (one array of objects), a JSON object a line, CSV
 * with a head line.  Tables for people are in table.h. */
enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NDJSON, OUTPUT_CSV };

struct output {
	enum output_format format;
	struct buf keys;    /* ndjson, json: "name": of each column, end to end */
	size_t * key_end;
	int * is_json;
	size_t ncols;
	uint64_t rows;
	struct buf scratch;
};

/** output_format_parse(s, f): "table", "json", "ndjson" or "csv"; else -1. */
int output_format_parse(const char * s, enum output_format * f) MUST_CHECK;

/**
 * output_begin(o, f, cols, n, out):
 * Start a result of ${n} columns in ${out}: CSV's head, JSON's bracket.  A name
 * that an earlier column has gets _2, _3 ... in objects, so that no value hides
 * another.  0, or -1 when out of memory; output_free in any case.
 */
int output_begin(struct output * o, enum output_format f,
    const struct answer_column * cols, size_t n, struct buf * out) MUST_CHECK;

/**
 * output_row(o, cells, out): Append one row.  Numbers and documents go on as
 * written; a column of type JSON that arrives as text is a document again.
 * In CSV NULL is an empty field and the empty text is "".
 */
int output_row(struct output * o, const struct jsonrow_cell * cells,
    struct buf * out) MUST_CHECK;

/** output_end(o, out): Append what closes a whole result. */
int output_end(struct output * o, struct buf * out) MUST_CHECK;

/** output_abort(o, out): End the line of a result that failed.  JSON stays
 * open: what is no JSON text cannot be taken for all of it. */
void output_abort(const struct output * o, struct buf * out);

void output_free(struct output * o);

#endif
