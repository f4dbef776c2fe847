#include <math.h>

#include "state/state_redis_internal.h"

/*
 * One bucket for all daemons, by the server's clock: theirs differ.  A clock
 * that goes back counts as standing still.  The key is gone when the bucket
 * would be full again.
 */
static const char take_script[] =
    "local t = redis.call('TIME') "
    "local now = tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000 "
    "local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]) "
    "local n = tonumber(ARGV[3]) "
    "local v = redis.call('HMGET', KEYS[1], 'have', 'at') "
    "local have, at = tonumber(v[1]) or burst, tonumber(v[2]) or now "
    "if now > at then have = have + (now - at) * rate / 1000 end "
    "if have > burst then have = burst end "
    "local wait = 0 "
    "if have >= n - 0.000001 then have = have - n "
    "else wait = math.ceil((n - have) * 1000 / rate) end "
    "redis.call('HSET', KEYS[1], 'have', string.format('%.9f', have),"
    " 'at', string.format('%.3f', now)) "
    "redis.call('PEXPIRE', KEYS[1], string.format('%.0f',"
    " math.min(burst * 1000 / rate, 864000000) + 1000)) "
    "return wait";

static void
on_take(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;

	if (e == NULL && r->type != REDIS_INT)
		state_redis_args_odd(d);
	else
		state_done_now(d, NULL, e == NULL ? r->i : 0, e);
}

void
state_redis_limit_take(struct state * state, const char * key, double rate,
    double burst, double n, state_wait_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_redis_args_begin(&S->args);
	state_redis_args_addf(&S->args, "moltler:limit:%s", key);
	state_redis_args_addf(&S->args, "%.9f", rate);
	state_redis_args_addf(&S->args, "%.9f", fmax(burst, 1));
	state_redis_args_addf(&S->args, "%.9f", fmin(n, fmax(burst, 1)));
	state_redis_args_script(S, state_done_lease(&S->dones, cb, arg),
	    on_take, take_script, 1);
}
