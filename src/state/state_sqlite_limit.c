#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/tokenbucket.h"
#include "state/state_sqlite_internal.h"

/* The file has one owner, so its buckets live in memory; those that would be
 * full again are as good as new ones. */
#define BUCKETS_MAX 100000
#define SWEEP_SLOTS 4

struct bucket {
	struct state_node node; /* first */
	struct tokenbucket tb;
	size_t len;
	char key[];
};

static int
is_full(const struct tokenbucket * tb, int64_t now)
{
	return (tb->have + (double)(now - tb->at_us) / 1e6 * tb->rate >=
	    tb->burst);
}

static void
sweep(struct state_sqlite * S, size_t slots, int all, int64_t now)
{
	struct state_map * m = &S->limits;
	struct state_node * n, * next;
	struct bucket * b;

	while (slots-- > 0 && m->nslots > 0) {
		S->limit_sweep = (S->limit_sweep + 1) & (m->nslots - 1);
		for (n = m->slots[S->limit_sweep]; n != NULL; n = next) {
			next = n->next;
			b = (struct bucket *)(void *)n;
			if (!all && !is_full(&b->tb, now))
				continue;
			state_map_del(m, n);
			free(b);
		}
	}
}

static struct bucket *
find(struct state_sqlite * S, const char * key, size_t len, uint64_t h)
{
	struct state_node * n;
	struct bucket * b;

	for (n = state_map_first(&S->limits, h); n != NULL;
	    n = state_map_next(n)) {
		b = (struct bucket *)(void *)n;
		if (b->len == len && memcmp(b->key, key, len) == 0)
			return (b);
	}
	return (NULL);
}

static struct bucket *
make(struct state_sqlite * S, const char * key, size_t len, uint64_t h,
    int64_t now)
{
	struct bucket * b;

	sweep(S, SWEEP_SLOTS, 0, now);
	if (S->limits.n >= BUCKETS_MAX ||
	    (b = calloc(1, sizeof(*b) + len + 1)) == NULL)
		return (NULL);
	b->len = len;
	memcpy(b->key, key, len);
	if (state_map_add(&S->limits, &b->node, h)) {
		free(b);
		return (NULL);
	}
	return (b);
}

void
state_sqlite_limit_take(struct state * state, const char * key, double rate,
    double burst, double n, state_wait_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_lease(&S->dones, cb, arg);
	size_t len = strlen(key);
	uint64_t h = state_map_hash(&S->limits, key, len);
	int64_t now = clock_mono_us(), wait;
	struct bucket * b = find(S, key, len, h);
	struct err e;

	burst = fmax(burst, 1);
	if (b == NULL && (b = make(S, key, len, h, now)) == NULL) {
		err_set(&e, ERR_TRANSIENT, "limit_full", "no room for the rate "
		    "limit of \"%s\": too many are kept", key);
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	if (b->tb.at_us == 0) {
		tokenbucket_init(&b->tb, rate, burst, now);
	} else {
		/* Who asked last says how fast. */
		b->tb.rate = rate;
		b->tb.burst = burst;
	}
	wait = tokenbucket_take(&b->tb, n, now);
	state_done_soon(d, NULL, (wait + 999) / 1000, NULL);
}

void
state_sqlite_limit_clear(struct state_sqlite * S)
{
	sweep(S, S->limits.nslots, 1, 0);
	state_map_clear(&S->limits);
}
