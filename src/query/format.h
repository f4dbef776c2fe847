#ifndef MOLTLER_QUERY_FORMAT_H
#define MOLTLER_QUERY_FORMAT_H

#include "base/buf.h"
#include "base/err.h"
#include "query/query.h"

/*
 * An answer as bytes.
 *   json    {"columns":[{"name","type"},...],"rows":[{...},...],"stats":{...}};
 *           after a failure "error" in the place of "stats"
 *   ndjson  one object a row; after a failure a last line {"error":{...}}
 *   csv     RFC 4180 with lines ended by LF alone, as psql writes them: a header
 *           line, NULL empty, an empty text ""; a failure adds nothing, whoever
 *           sends it must cut the connection
 *   rows    for the client: {"columns":[...]}, one array a row, then
 *           {"stats":{...}} or {"error":{...}}
 * Numbers come back exactly; blobs are base64.  Text of a column declared JSON is
 * embedded as JSON where it is an object or an array.  Names that come twice
 * become name, name_2.
 */
enum format_kind { FORMAT_JSON, FORMAT_NDJSON, FORMAT_CSV, FORMAT_ROWS };

/** format_by_name(s, kind): 0 with ${*kind} set, or -1: none of "json",
 * "ndjson", "csv", "rows". */
int format_by_name(const char * s, enum format_kind * kind) MUST_CHECK;

/** format_content_type(kind): Its media type. */
const char * format_content_type(enum format_kind kind);

struct format;

/** format_new(kind, e): A formatter for one answer. */
struct format * format_new(enum format_kind kind, struct err * e);

/**
 * format_columns(f, out, n, names, types), format_row(f, out, n, v),
 * format_end(f, out, st, err): Append to ${out} what a query's sink is told, in
 * its order; ${err} is NULL if all went well.  What does not fit sets
 * ${out}->failed.  ${out} may be emptied between calls.
 */
void format_columns(struct format * f, struct buf * out, size_t n,
    const char * const * names, const char * const * types);
void format_row(struct format * f, struct buf * out, size_t n,
    const struct query_value * v);
void format_end(struct format * f, struct buf * out,
    const struct query_stats * st, const struct err * err);

/** format_free(f): Free it; NULL is a no-op. */
void format_free(struct format * f);

/**
 * format_json_check(s, n):
 * Whether ${n} bytes are exactly one JSON object or array (RFC 8259), at most 500
 * deep.  Nothing is built.
 */
int format_json_check(const char * s, size_t n);

#endif
