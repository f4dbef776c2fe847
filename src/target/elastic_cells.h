#ifndef MOLTLER_TARGET_ELASTIC_CELLS_H
#define MOLTLER_TARGET_ELASTIC_CELLS_H

#include "base/err.h"
#include "decode/page.h"
#include "manifest/manifest.h"

/**
 * elastic_cells_fix(p, ent, e):
 * Make the cells of ${p}, as they stand in _source, what the index took them for:
 * an index holds 5.7 in a whole-number field as 5, the first of a list of numbers
 * among others, and of what it could not read nothing.  So whatever a query finds
 * by a value shows that value, and what shows it is found.  0, or -1 (memory).
 */
int elastic_cells_fix(struct page * p, const struct manifest_entity * ent,
    struct err * e) MUST_CHECK;

/** elastic_cells_time(s, n, ms): A date as the engine's usual formats write it.
 * 0, or -1. */
int elastic_cells_time(const char * s, size_t n, int64_t * ms) MUST_CHECK;

#endif
