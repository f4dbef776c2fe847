#ifndef MOLTLER_STATE_STATE_MAP_H
#define MOLTLER_STATE_STATE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A hash table of structs whose first member is a struct state_node; the
 * caller hashes (state_map_hash) and compares.  Zero it before first use.
 */
struct state_node {
	struct state_node * next;
	uint64_t hash;
};

struct state_map {
	struct state_node ** slots;
	size_t nslots; /* a power of two, or 0 */
	size_t n;
	uint64_t key; /* set once, at the first growth */
};

/** state_map_hash(m, p, n): The hash of ${n} bytes under the table's secret. */
uint64_t state_map_hash(struct state_map * m, const char * p, size_t n);

/** state_map_first(m, hash), state_map_next(e): Walk what has this hash. */
struct state_node * state_map_first(const struct state_map * m, uint64_t hash);
struct state_node * state_map_next(const struct state_node * e);

/** state_map_add(m, e, hash): Put ${e} in (borrowed).  -1: no memory. */
int state_map_add(struct state_map * m, struct state_node * e, uint64_t hash)
    MUST_CHECK;

/** state_map_del(m, e): Take ${e}, which is in ${m}, out. */
void state_map_del(struct state_map * m, struct state_node * e);

/** state_map_clear(m): Free the table, not the elements. */
void state_map_clear(struct state_map * m);

#endif
