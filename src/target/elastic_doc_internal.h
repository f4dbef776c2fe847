#ifndef MOLTLER_TARGET_ELASTIC_DOC_INTERNAL_H
#define MOLTLER_TARGET_ELASTIC_DOC_INTERNAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "target/elastic_doc.h"

/* What elastic_doc.c and elastic_doc_id.c share; nobody else includes this. */

/* How each row's first line begins, and so where its key stands. */
#define ELASTIC_DOC_BEGIN "{\"index\":{\"_id\":"
/* And one that is to be removed: that line alone. */
#define ELASTIC_DOC_REMOVE "{\"delete\":{\"_id\":"

struct elastic_doc_column {
	enum column_type type;
	int is_key;
	uint32_t at, len;      /* of "name": in names */
};

struct elastic_doc {
	struct elastic_doc_column * cols;
	size_t ncols, nkeys, key; /* key: the only one, if there is one */
	struct buf names;
	struct buf after_id;   /* what ends the first line */
	struct buf end;        /* what ends the second */
	struct buf id;
	int64_t version;
	size_t gone;           /* as in the spec */
	json_t * gone_is;
	int gone_remove;
};

/** elastic_doc_id_add(d, v, out): Append the _id of row ${v}, as JSON.  0 or -1. */
int elastic_doc_id_add(struct elastic_doc * d, const struct value * v,
    struct buf * out) MUST_CHECK;

/** elastic_doc_id_reject(out, sync, lines, len, row, row_len): Append the _id, in hex,
 * under which the row of these lines is put aside: the same for the same row of
 * the same sync, whenever; where its key is NULL it is all of ${row} that says
 * which.  0 or -1. */
int elastic_doc_id_reject(struct buf * out, const char * sync,
    const char * lines, size_t len, const char * row, size_t row_len)
    MUST_CHECK;

#endif
