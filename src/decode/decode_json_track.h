#ifndef MOLTLER_DECODE_DECODE_JSON_TRACK_H
#define MOLTLER_DECODE_DECODE_JSON_TRACK_H

#include "decode/decode_json_plan.h"

/* All paths of an entity as they run through a document: what decode_json_plan.c makes
 * its states of. */

/* records, its elements, explode, its elements, the column's own */
#define DECODE_TRACK_MAX (3 * JSON_PATH_MAX + 2)

/* One path from the document's root, and what is to be done at its end. */
struct decode_track {
	const struct path_step * steps[DECODE_TRACK_MAX];
	size_t n;
	struct decode_accept accept;
};

struct decode_tracks {
	struct decode_track * v; /* the caller frees it */
	size_t n;
	size_t cap;
};

/** decode_track_entity(ts, p): Add those of ${p}'s entity and list.  0 or -1. */
int decode_track_entity(struct decode_tracks * ts,
    const struct decode_plan * p);

/** decode_track_path(ts, path, accept): Add one.  0 or -1. */
int decode_track_path(struct decode_tracks * ts, const struct json_path * path,
    struct decode_accept accept);

#endif
