#ifndef MOLTLER_TARGET_ELASTIC_SPARE_H
#define MOLTLER_TARGET_ELASTIC_SPARE_H

#include "base/err.h"
#include "decode/decode_json.h"
#include "manifest/manifest.h"

/* What scans need that costs about what a page does: compiled paths and scratch
 * space, some of each kept for who comes next. */

/** elastic_spare_paths(m, e): The paths of the hits of ${m}, an index's manifest: a
 * reference is the caller's.  NULL with ${e}. */
struct decode_plan * elastic_spare_paths(struct manifest * m, struct err * e)
    MUST_CHECK;

/** elastic_spare_decoder(): A decoder that has not begun, the caller's; NULL: no
 * memory.  elastic_spare_give(d): Take it back (NULL: no-op). */
struct decode_json * elastic_spare_decoder(void) MUST_CHECK;
void elastic_spare_give(struct decode_json * d);

/** elastic_spare_cleanup(): Free what is kept; at exit. */
void elastic_spare_cleanup(void);

#endif
