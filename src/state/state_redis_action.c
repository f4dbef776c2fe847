#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id7.h"
#include "state/state_redis_internal.h"

/*
 * What was done: a hash each, and their ids, which sort by time, in a sorted set.
 * KEYS: the hash, the set.  ARGV: the id, 1 if it is new, how many are kept, the
 * oldest that is, seconds they live, then fields.  A change of one that is gone is
 * none.
 */
static const char put_script[] =
    "if ARGV[2] ~= '1' and redis.call('EXISTS', KEYS[1]) == 0 then"
    " return 0 end "
    "for i = 6, #ARGV, 2 do"
    " redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end "
    "if ARGV[2] ~= '1' then return 1 end "
    "redis.call('EXPIRE', KEYS[1], ARGV[5]) "
    "redis.call('ZADD', KEYS[2], 0, ARGV[1]) "
    "redis.call('ZREMRANGEBYLEX', KEYS[2], '-', '(' .. ARGV[4]) "
    "local n = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3]) "
    "if n > 0 then"
    " for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, n - 1)) do"
    "  redis.call('DEL', 'moltler:action:' .. id) end"
    " redis.call('ZREMRANGEBYRANK', KEYS[2], 0, n - 1) end "
    "return 1";

void
state_redis_action_put(struct state * state, const char * id,
    const json_t * fields, int is_new, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct state_redis_args * A = &S->args;
	char oldest[ID7_LEN];

	id7_floor(clock_wall_ms() - STATE_ACTION_MS, oldest);
	state_redis_args_begin(A);
	state_redis_args_addf(A, "moltler:action:%s", id);
	state_redis_args_adds(A, "moltler:actions");
	state_redis_args_adds(A, id);
	state_redis_args_adds(A, is_new ? "1" : "0");
	state_redis_args_addf(A, "%d", STATE_ACTIONS);
	state_redis_args_adds(A, oldest);
	state_redis_args_addf(A, "%lld", (long long)(STATE_ACTION_MS / 1000));
	state_redis_hash_put(A, fields, 0, 1);
	state_redis_args_script(S, d, state_redis_args_ok, put_script, 2);
}

void
state_redis_action_get(struct state * state, const char * id, state_cb * cb,
    void * arg)
{
	state_redis_record_get(state, "action", id, cb, arg);
}
