#ifndef MOLTLER_QUERY_FORMAT_H
#define MOLTLER_QUERY_FORMAT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "query/query.h"

/*
 * A query's answer as bytes.
 *   json    {"columns":[{"name","type"}],"rows":[{...}],"stats":{...}}, with
 *           "error" in place of "stats" if it failed
 *   ndjson  an object a row; at a failure a last line {"error":{...}}
 *   csv     RFC 4180 but for the line ends, which are LF as other SQL clients
 *           write them; a header line; NULL is empty, an empty text is ""
 *   rows    for the moltler client: {"columns":[...]}, then an array a row, then
 *           {"stats":{...}} or {"error":{...}}; between these, and before, lines
 *           {"progress":{...}} with the same members as stats; of a statement
 *           that writes to a target "sync" in it says how far that is
 * Integers are exact, reals as short as reads back the same.  Text of a column
 * declared JSON that holds an object or a list is put in as it is.  Blobs are
 * base64.  In objects a second column of the same name becomes name_2.
 */
struct query_format;

enum query_format_kind { QUERY_FORMAT_JSON, QUERY_FORMAT_NDJSON,
    QUERY_FORMAT_CSV, QUERY_FORMAT_ROWS };

/** query_format_new(kind, out): Write to ${out} (borrowed; its failure flag
 * tells when something did not fit).  NULL when out of memory. */
struct query_format * query_format_new(enum query_format_kind kind,
    struct buf * out);
void query_format_free(struct query_format * f); /* NULL is a no-op */

/** query_format_mime(f): The Content-Type of its answers. */
const char * query_format_mime(const struct query_format * f);

/** query_format_breaks(f): Whether the format has no place for an error, so that
 * the connection must break instead. */
int query_format_breaks(const struct query_format * f);

/** query_format_progress(f, st): Write how far it is, where the format has a
 * place for that; nonzero if so.  Not after query_format_end. */
int query_format_progress(struct query_format * f,
    const struct query_stats * st);

/** query_format_columns: once, first.  query_format_row: each row.
 * query_format_end: once, at last, also if there were no columns; ${e} NULL if
 * all went well. */
void query_format_columns(struct query_format * f, size_t n,
    const char * const * names, const char * const * types);
void query_format_row(struct query_format * f, size_t n,
    const struct query_value * v);
void query_format_end(struct query_format * f, const struct query_stats * st,
    const struct err * e);

/**
 * query_format_is_document(s, n):
 * Whether ${n} bytes are exactly one JSON object or list (RFC 8259), at most 500
 * deep.  Nothing is built.
 */
int query_format_is_document(const char * s, size_t n);

#endif
