#ifndef MOLTLER_CONN_TYPES_H
#define MOLTLER_CONN_TYPES_H

#include <stddef.h>

#include "base/err.h"
#include "conn/manifest.h"

/* The types there are: the manifests of one or more directories. */
struct types;

/**
 * types_load(dirs, ndirs, e):
 * Read <dir>/<type>/manifest.json of every directory in ${dirs}; a later
 * directory's type replaces an earlier one's of that name.  NULL with ${e}
 * (config) if a directory or a manifest is bad.
 */
struct types * types_load(const char * const * dirs, size_t ndirs,
    struct err * e) MUST_CHECK;
void types_free(struct types * t);

/** types_get(t, name): The manifest (borrowed), or NULL. */
struct manifest * types_get(const struct types * t, const char * name);

/** types_count(t) / types_at(t, i): All of them, ordered by name. */
size_t types_count(const struct types * t);
struct manifest * types_at(const struct types * t, size_t i);

#endif
