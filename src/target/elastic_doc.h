#ifndef MOLTLER_TARGET_ELASTIC_DOC_H
#define MOLTLER_TARGET_ELASTIC_DOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/value.h"
#include "target/writer.h"

/*
 * Rows as the lines of a _bulk: one that says what to do, one with the document.
 *
 * The document's _id is the key: of one column its text; of several their texts
 * with | between, where | and \ within stand behind a \; \N for NULL, \E for an
 * empty single one; what would be over 512 bytes is \H and the SHA-256 of it in
 * hex.  A text that itself begins with \ gets a second one.
 *
 * Its version is the fence, and in the low bits who wrote: a conflict with the
 * same sync means that we are late, with another that it came after us.
 */
struct elastic_doc;

/** elastic_doc_new(spec, e): NULL with ${e}: config "no_key", memory. */
struct elastic_doc * elastic_doc_new(const struct writer_spec * spec,
    struct err * e) MUST_CHECK;
void elastic_doc_free(struct elastic_doc * d); /* NULL is a no-op */

/** elastic_doc_is_gone(d, v): Whether the service has deleted the row: it is marked or
 * removed. */
int elastic_doc_is_gone(const struct elastic_doc * d, const struct value * v);

/** elastic_doc_add(d, v, out): Append the two lines of a row, or the one that removes
 * it.  0 or -1 (memory, or ${out}'s bound).  elastic_doc_is_removal(lines, len):
 * Whether it is that one. */
int elastic_doc_is_removal(const char * lines, size_t len);
int elastic_doc_add(struct elastic_doc * d, const struct value * v,
    struct buf * out) MUST_CHECK;

/** elastic_doc_version(d): The version of documents written now.
 * elastic_doc_is_ours(d, version): Whether a later run of the same sync wrote a
 * document of that version. */
int64_t elastic_doc_version(const struct elastic_doc * d);
int elastic_doc_is_ours(const struct elastic_doc * d, int64_t version);
/** elastic_doc_fence(version): The fence in it. */
int64_t elastic_doc_fence(int64_t version);

/** elastic_doc_id(lines, len, n): The _id of a row's lines, as JSON: its ${*n}
 * bytes.  elastic_doc_is_keyless(d, v): Whether nothing of the row's key is there,
 * so that all such rows would be one document. */
const char * elastic_doc_id(const char * lines, size_t len, size_t * n);
int elastic_doc_is_keyless(const struct elastic_doc * d,
    const struct value * v);

/**
 * elastic_doc_reject(index, sync, at, reason, reason_len, lines, len, out):
 * Append the lines that put a row aside into ${index}: the row's own are the
 * ${len} bytes at ${lines}, of which the document is kept as text, at most
 * ELASTIC_ROW_MAX of it.  ${at}: ms since 1970.  0 or -1.
 */
#define ELASTIC_ROW_MAX ((size_t)64 << 10)
int elastic_doc_reject(const char * index, const char * sync, int64_t at,
    const char * reason, size_t reason_len, const char * lines, size_t len,
    struct buf * out) MUST_CHECK;

#endif
