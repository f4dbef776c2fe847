#include "base/clock.h"
#include "base/fence.h"
#include "state/state_sqlite_internal.h"

/* Fences set aside at once: so many runs per disk write. */
#define FENCE_BLOCK ((int64_t)1 << 20)

int
state_sqlite_lease_reserve(struct state_sqlite * S, struct err * e)
{
	int64_t used;

	if (state_sqlite_db_meta(S, "fence_reserved", &used, e) ||
	    state_sqlite_batch_begin(S, 1, e))
		return (-1);
	if (used < state_lease_floor())
		used = state_lease_floor();
	if (state_sqlite_db_meta_put(S, "fence_reserved", used + FENCE_BLOCK,
	    e)) {
		state_sqlite_batch_fail(S, NULL, e);
		return (-1);
	}
	if (state_sqlite_batch_commit(S, e))
		return (-1);
	S->fence_next = used + 1;
	S->fence_end = used + FENCE_BLOCK;
	return (0);
}

static int64_t
until(int64_t now_us, int64_t ttl_ms)
{
	if (ttl_ms < 1)
		ttl_ms = 1;
	return (ttl_ms > (INT64_MAX - now_us) / 1000 ? INT64_MAX :
	    now_us + ttl_ms * 1000);
}

void
state_sqlite_lease_take(struct state * state, const char * sync,
    int64_t bucket, int64_t ttl_ms, state_lease_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_lease(&S->dones, cb, arg);
	int64_t now = clock_mono_us(), fence;
	struct err e;
	int got;

	if ((S->fence_next > S->fence_end ||
	    S->fence_next <= fence_seen()) &&
	    state_sqlite_lease_reserve(S, &e)) {
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	fence = S->fence_next;
	got = state_lease_take(&S->leases, sync, bucket, fence,
	    until(now, ttl_ms), now);
	if (got < 0) {
		err_set(&e, ERR_TRANSIENT, "lease_full",
		    "no room for the lease of \"%s\": too many runs are held",
		    sync);
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	if (got)
		S->fence_next++;
	state_done_soon(d, NULL, got ? fence : 0, NULL);
}

void
state_sqlite_lease_keep(struct state * state, const char * sync,
    int64_t bucket, int64_t fence, int64_t ttl_ms, state_lease_cb * cb,
    void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;
	struct state_done * d = state_done_lease(&S->dones, cb, arg);
	int64_t now = clock_mono_us();

	state_done_soon(d, NULL, state_lease_keep(&S->leases, sync, bucket,
	    fence, until(now, ttl_ms), now) ? fence : 0, NULL);
}

void
state_sqlite_lease_drop(struct state * state, const char * sync,
    int64_t bucket, int64_t fence, state_cb * cb, void * arg)
{
	struct state_sqlite * S = (struct state_sqlite *)(void *)state;

	state_lease_drop(&S->leases, sync, bucket, fence);
	state_done_soon(state_done_new(&S->dones, cb, arg), NULL, 0, NULL);
}
