#ifndef MOLTLER_MANIFEST_TYPES_H
#define MOLTLER_MANIFEST_TYPES_H

#include <stddef.h>

#include "base/err.h"
#include "manifest/manifest.h"

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

/**
 * types_reload(dirs, ndirs, old, e):
 * As types_load, but only the first directory, with the types that come with
 * moltler, must be without fault: a bad manifest in a later one, the users' own,
 * is logged and left out, and if ${old} (may be NULL) has that user's type, it
 * stays as it was.  NULL with ${e} if a directory or a manifest of the first is
 * bad.  ${old} is left as it is; a manifest that did not change is the same one.
 */
struct types * types_reload(const char * const * dirs, size_t ndirs,
    const struct types * old, struct err * e) MUST_CHECK;
void types_free(struct types * t);

/** types_get(t, name): The manifest (borrowed), or NULL. */
struct manifest * types_get(const struct types * t, const char * name);

/** types_count(t) / types_at(t, i): All of them, ordered by name. */
size_t types_count(const struct types * t);
struct manifest * types_at(const struct types * t, size_t i);

#endif
