#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fence.h"
#include "state/state_lease.h"
#include "state/state_redis_internal.h"

/*
 * A lease is one key, "<node> <fence> <token>".  The token begins with what
 * this process alone knows and ends with the number of the claim: keeping and
 * dropping compare up to the former, and a claim whose answer was lost is made
 * again with the same token, so that the server tells us it is ours.
 *
 * Fences are at least 64 a millisecond of the server's clock, so that those of
 * syncs that daemons with other clocks run can be compared: targets remember the
 * last one, and a server that was emptied must not begin below it, nor below what
 * this daemon knows that targets saw.
 */
static const char take_script[] =
    "local v = redis.call('GET', KEYS[1]) "
    "if v then"
    " local n = #v - #ARGV[4]"
    " if n > 0 and string.sub(v, n + 1) == ARGV[4] then"
    "  redis.call('PEXPIRE', KEYS[1], ARGV[3])"
    "  return tonumber(string.match(string.sub(v, 1, n), '(%d+) $')) or 0"
    " end"
    " return 0 "
    "end "
    "local f = (tonumber(redis.call('HGET', KEYS[2], ARGV[1])) or 0) + 1 "
    "if f <= tonumber(ARGV[5]) then f = tonumber(ARGV[5]) + 1 end "
    "local t = redis.call('TIME') "
    "local now = (t[1] * 1000 + math.floor(t[2] / 1000)) * 64 "
    "if f < now then f = now end "
    "local s = string.format('%.0f', f) "
    "redis.call('HSET', KEYS[2], ARGV[1], s) "
    "redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. s .. ' ' .. ARGV[4],"
    " 'NX', 'PX', ARGV[3]) "
    "return f";

static const char keep_script[] =
    "local v = redis.call('GET', KEYS[1]) "
    "if v and string.sub(v, 1, #ARGV[1]) == ARGV[1] then"
    " redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end "
    "return 0";

static const char drop_script[] =
    "local v = redis.call('GET', KEYS[1]) "
    "if v and string.sub(v, 1, #ARGV[1]) == ARGV[1] then"
    " redis.call('DEL', KEYS[1]) return 1 end "
    "return 0";

int
state_redis_lease_init(struct state_redis * S, struct err * e)
{
	uint64_t r;

	if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return (err_set(e, ERR_TRANSIENT, "random",
		    "the system gives no random bytes"));
	snprintf(S->secret, sizeof(S->secret), "%016llx",
	    (unsigned long long)r);
	return (0);
}

static void
claim_free(void * arg)
{
	struct state_redis_claim * c = arg;

	free(c->sync);
	free(c);
}

void
state_redis_lease_fini(struct state_redis * S)
{
	size_t i;

	for (i = 0; i < STATE_REDIS_UNKNOWN; i++)
		free(S->unknown[i].sync);
}

/* Remember a claim nobody answered; the oldest goes if there are too many. */
static void
remember(struct state_redis * S, struct state_redis_claim * c)
{
	struct state_redis_claim * u = &S->unknown[S->unknown_next];

	S->unknown_next = (S->unknown_next + 1) % STATE_REDIS_UNKNOWN;
	if (u->sync == NULL)
		S->nunknown++;
	free(u->sync);
	*u = *c;
	c->sync = NULL;
}

/* The token for a claim: that of an earlier one without answer, or new. */
static void
choose_token(struct state_redis * S, struct state_redis_claim * c)
{
	struct state_redis_claim * u;
	size_t i;

	for (i = 0; S->nunknown > 0 && i < STATE_REDIS_UNKNOWN; i++) {
		u = &S->unknown[i];
		if (u->sync == NULL || u->bucket != c->bucket ||
		    strcmp(u->sync, c->sync) != 0)
			continue;
		memcpy(c->token, u->token, sizeof(c->token));
		free(u->sync);
		u->sync = NULL;
		S->nunknown--;
		return;
	}
	snprintf(c->token, sizeof(c->token), "%s%08x", S->secret, S->nonce++);
}

static void
on_take(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;

	if (e != NULL && (strcmp(e->code, "redis_lost") == 0 ||
	    strcmp(e->code, "redis_timeout") == 0))
		remember(d->D->owner, d->x);
	/* Should the server lose it, the next one is above it all the same. */
	if (e == NULL && r->type == REDIS_INT)
		fence_see(r->i);
	if (e == NULL && r->type != REDIS_INT)
		state_redis_args_odd(d);
	else
		state_done_now(d, NULL, e == NULL ? r->i : 0, e);
}

static void
add_lease(struct state_redis * S, const char * sync, int64_t bucket)
{
	state_redis_args_begin(&S->args);
	state_redis_args_addf(&S->args, "moltler:lease:%s:%lld", sync,
	    (long long)bucket);
}

void
state_redis_lease_take(struct state * state, const char * sync,
    int64_t bucket, int64_t ttl_ms, state_lease_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_lease(&S->dones, cb, arg);
	struct state_redis_claim * c = calloc(1, sizeof(*c));
	struct err e;

	if (c != NULL) {
		d->x = c;
		d->x_free = claim_free;
	}
	if (c == NULL || (c->sync = strdup(sync)) == NULL) {
		err_nomem(&e, "a lease");
		state_done_soon(d, NULL, 0, &e);
		return;
	}
	c->bucket = bucket;
	choose_token(S, c);
	add_lease(S, sync, bucket);
	state_redis_args_adds(&S->args, "moltler:fence");
	state_redis_args_adds(&S->args, sync);
	state_redis_args_adds(&S->args, S->node);
	state_redis_args_ttl(&S->args, ttl_ms);
	state_redis_args_adds(&S->args, c->token);
	state_redis_args_addf(&S->args, "%lld",
	    (long long)fence_seen());
	state_redis_args_script(S, d, on_take, take_script, 2);
}

static void
on_keep(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	int64_t fence = d->fence;

	if (e == NULL && (r->type != REDIS_INT || r->i == 0))
		fence = 0;
	state_done_now(d, NULL, fence, e);
}

void
state_redis_lease_keep(struct state * state, const char * sync,
    int64_t bucket, int64_t fence, int64_t ttl_ms, state_lease_cb * cb,
    void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_lease(&S->dones, cb, arg);

	d->fence = fence;
	add_lease(S, sync, bucket);
	state_redis_args_addf(&S->args, "%s %lld %s", S->node,
	    (long long)fence, S->secret);
	state_redis_args_ttl(&S->args, ttl_ms);
	state_redis_args_script(S, d, on_keep, keep_script, 1);
}

void
state_redis_lease_drop(struct state * state, const char * sync,
    int64_t bucket, int64_t fence, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);

	add_lease(S, sync, bucket);
	state_redis_args_addf(&S->args, "%s %lld %s", S->node,
	    (long long)fence, S->secret);
	state_redis_args_script(S, d, state_redis_args_ok, drop_script, 1);
}
