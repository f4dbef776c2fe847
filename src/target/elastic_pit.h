#ifndef MOLTLER_TARGET_ELASTIC_PIT_H
#define MOLTLER_TARGET_ELASTIC_PIT_H

#include "base/err.h"
#include "target/elastic_call.h"

/*
 * A point in time of an index.  However its user leaves, it is deleted: also one
 * whose opening was under way.
 */
struct elastic_pit;

/** Called once, unless it was closed before: with ${e} NULL it is open. */
typedef void elastic_pit_cb(void * arg, const struct err * e);

/**
 * elastic_pit_open(el, index, keep_ms, cb, arg): Open one that lives so long after
 * each use.  NULL only when out of memory.  Errors: config "no_index", and what
 * the cluster says.
 * elastic_pit_close(p): Delete it; nothing is waited for.  NULL: no-op.
 */
struct elastic_pit * elastic_pit_open(struct elastic * el, const char * index,
    int64_t keep_ms, elastic_pit_cb * cb, void * arg);
void elastic_pit_close(struct elastic_pit * p);

/** elastic_pit_id(p): As it stands now (borrowed).  elastic_pit_renew(p, id): As the
 * last answer called it; 0 or -1 (memory). */
const char * elastic_pit_id(const struct elastic_pit * p);
int elastic_pit_renew(struct elastic_pit * p, const char * id) MUST_CHECK;

/** elastic_pit_by_doc(p): The cluster cannot sort by _shard_doc. */
int elastic_pit_by_doc(const struct elastic_pit * p);

/** elastic_pit_cleanup(): Forget those whose opening is under way; before the
 * cluster is freed. */
void elastic_pit_cleanup(void);

/** elastic_pit_path(index, out): Append what asks for ${index}: where it is a
 * pattern without what was rejected when its rows were written. */
int elastic_pit_path(const char * index, struct buf * out) MUST_CHECK;

#endif
