#ifndef MOLTLER_TARGET_ELASTIC_MANIFEST_H
#define MOLTLER_TARGET_ELASTIC_MANIFEST_H

#include <jansson.h>

#include "base/err.h"
#include "manifest/manifest.h"

/**
 * elastic_manifest(pattern, columns, e):
 * The manifest of elastic_columns.h, of ${columns} (taken): name -> {"column" (an
 * enum column_type), "field", "type", "above", "source" (or none: _id), "ops" (enum
 * push_op bits)}.  The caller owns a reference; NULL with ${e} (memory).
 */
struct manifest * elastic_manifest(const char * pattern, json_t * columns,
    struct err * e) MUST_CHECK;

#endif
