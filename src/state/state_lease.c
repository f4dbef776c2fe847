#include "state/state_lease.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fence.h"

#define MAX_LEASES 1000000
#define SWEEP_SLOTS 4

struct lease {
	struct state_node node;
	int64_t bucket;
	int64_t fence;
	int64_t until_us;
	size_t len;
	char sync[];
};

static uint64_t
hash(struct state_leases * T, const char * sync, size_t len, int64_t bucket)
{
	/* The buckets of one sync are spread by an odd multiplier. */
	uint64_t h = state_map_hash(&T->map, sync, len);

	h ^= (uint64_t)bucket * UINT64_C(0x9e3779b97f4a7c15);
	return (h ^ (h >> 29));
}

static struct lease *
find(struct state_leases * T, const char * sync, size_t len, int64_t bucket,
    uint64_t h)
{
	struct state_node * n;
	struct lease * l;

	for (n = state_map_first(&T->map, h); n != NULL;
	    n = state_map_next(n)) {
		l = (struct lease *)(void *)n;
		if (l->bucket == bucket && l->len == len &&
		    memcmp(l->sync, sync, len) == 0)
			return (l);
	}
	return (NULL);
}

static void
sweep(struct state_leases * T, size_t slots, int64_t now_us)
{
	struct state_node * n, * next;
	struct lease * l;

	while (slots-- > 0 && T->map.nslots > 0) {
		T->sweep = (T->sweep + 1) & (T->map.nslots - 1);
		for (n = T->map.slots[T->sweep]; n != NULL; n = next) {
			next = n->next;
			l = (struct lease *)(void *)n;
			if (l->until_us > now_us)
				continue;
			state_map_del(&T->map, n);
			free(l);
		}
	}
}

int
state_lease_take(struct state_leases * T, const char * sync, int64_t bucket,
    int64_t fence, int64_t until_us, int64_t now_us)
{
	size_t len = strlen(sync);
	uint64_t h = hash(T, sync, len, bucket);
	struct lease * l = find(T, sync, len, bucket, h);

	if (l != NULL) {
		if (l->until_us > now_us)
			return (0);
		l->fence = fence;
		l->until_us = until_us;
		return (1);
	}
	sweep(T, SWEEP_SLOTS, now_us);
	if (T->map.n >= MAX_LEASES)
		return (-1);
	if ((l = malloc(sizeof(*l) + len + 1)) == NULL)
		return (-1);
	l->bucket = bucket;
	l->fence = fence;
	l->until_us = until_us;
	l->len = len;
	memcpy(l->sync, sync, len + 1);
	if (state_map_add(&T->map, &l->node, h)) {
		free(l);
		return (-1);
	}
	return (1);
}

int
state_lease_keep(struct state_leases * T, const char * sync, int64_t bucket,
    int64_t fence, int64_t until_us, int64_t now_us)
{
	size_t len = strlen(sync);
	struct lease * l = find(T, sync, len, bucket,
	    hash(T, sync, len, bucket));

	if (l == NULL || l->fence != fence || l->until_us <= now_us)
		return (0);
	l->until_us = until_us;
	return (1);
}

void
state_lease_drop(struct state_leases * T, const char * sync, int64_t bucket,
    int64_t fence)
{
	size_t len = strlen(sync);
	struct lease * l = find(T, sync, len, bucket,
	    hash(T, sync, len, bucket));

	if (l == NULL || l->fence != fence)
		return;
	state_map_del(&T->map, &l->node);
	free(l);
}

int64_t
state_lease_floor(void)
{
	int64_t now = clock_wall_ms() * 64, seen = fence_seen();

	return (now > seen ? now : seen + 1);
}

void
state_lease_clear(struct state_leases * T)
{
	sweep(T, T->map.nslots, INT64_MAX);
	state_map_clear(&T->map);
}
