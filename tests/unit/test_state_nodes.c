/* What daemons of one state share: leases, limits, actions, who is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fence.h"
#include "base/id7.h"
#include "state/state.h"
#include "test_state.h"

void
test_lease(void ** state)
{
	int64_t f1, f2;

	(void)state;
	DO_FENCE(lease_take, "s", 100, 60000);
	assert_true((f1 = fence) > 0);
	/* By the clock, so that a new state does not begin below an old one. */
	assert_true(fence / 64 > clock_wall_ms() - 600000);
	DO_FENCE(lease_take, "s", 100, 60000);
	assert_int_equal(fence, 0);
	DO_FENCE(lease_take, "s", 101, 60000);
	assert_true((f2 = fence) > f1);
	DO_FENCE(lease_take, "t", 100, 60000);
	assert_true(fence > 0);
	DO_FENCE(lease_take, "s", -100, 60000);
	assert_true(fence > f2);
	DO_FENCE(lease_keep, "s", 100, f1, 60000);
	assert_int_equal(fence, f1);
	DO_FENCE(lease_keep, "s", 100, f2, 60000);
	assert_int_equal(fence, 0);
	DO_FENCE(lease_keep, "s", 999, f1, 60000);
	assert_int_equal(fence, 0);
	/* A target has seen a later one: the state was lost, and the clock that
	 * gave that was ahead. */
	fence_see(f2 + (INT64_C(1) << 30));
	DO_FENCE(lease_take, "late", 100, 60000);
	assert_true(fence > f2 + (INT64_C(1) << 30));
	fence_see(INT64_MAX);
	DO_FENCE(lease_take, "late", 101, 60000);
	assert_true(fence > 0 && fence < f2 + (INT64_C(1) << 32));
	/* Only who holds it can give it back. */
	DO(lease_drop, "s", 100, f2);
	DO_FENCE(lease_take, "s", 100, 60000);
	assert_int_equal(fence, 0);
	DO(lease_drop, "s", 100, f1);
	DO_FENCE(lease_take, "s", 100, 60000);
	assert_true(fence > f2);
	DO_FENCE(lease_keep, "s", 100, f1, 60000);
	assert_int_equal(fence, 0);
}

void
test_lease_expires(void ** state)
{
	int64_t f1, t0 = clock_mono_us();

	(void)state;
	DO_FENCE(lease_take, "s", 1, 150);
	assert_true((f1 = fence) > 0);
	do {
		DO_FENCE(lease_take, "s", 1, 60000);
	} while (fence == 0 && clock_mono_us() - t0 < 5000000);
	assert_true(fence > f1);
	assert_true(clock_mono_us() - t0 >= 149000);
	DO_FENCE(lease_keep, "s", 1, f1, 60000);
	assert_int_equal(fence, 0);
	/* A kept one does not. */
	DO_FENCE(lease_take, "s", 2, 200);
	f1 = fence;
	DO_FENCE(lease_keep, "s", 2, f1, 60000);
	assert_int_equal(fence, f1);
	t0 = clock_mono_us();
	while (clock_mono_us() - t0 < 300000)
		loop_turn(L, 1);
	DO_FENCE(lease_take, "s", 2, 60000);
	assert_int_equal(fence, 0);
}

static int granted;

static void
count_grants(void * arg, int64_t f, const struct err * e)
{
	assert_null(e);
	calls++;
	granted += f > 0;
	if (f > 0)
		*(int64_t *)arg += 1;
}

/* However many ask, one bucket is granted once. */
void
test_lease_race(void ** state)
{
	struct state * s[3] = { S, NULL, NULL };
	int64_t won[3] = { 0, 0, 0 };
	int i, k, n = STATE_REDIS ? 3 : 1, c = calls;

	(void)state;
	for (i = 1; i < n; i++) {
		s[i] = open_state(i == 1 ? "n2" : "n1");
		UNTIL(s[i]->ops->is_up(s[i]), 5000);
	}
	granted = 0;
	for (k = 0; k < 300; k++)
		for (i = 0; i < n; i++)
			s[(i + k) % n]->ops->lease_take(s[(i + k) % n], "s",
			    k / 3, 60000, count_grants, &won[(i + k) % n]);
	UNTIL(calls == c + 300 * n, 10000);
	assert_int_equal(granted, 100);
	for (i = 1; i < n; i++)
		s[i]->ops->free(s[i]);
}

void
test_limit(void ** state)
{
	int64_t t0;
	int i;

	(void)state;
	/* A burst of two, then one every 500 ms; a key each its own. */
	for (i = 0; i < 2; i++) {
		DO_FENCE(limit_take, "a b", 2, 2, 1);
		assert_int_equal(fence, 0);
	}
	DO_FENCE(limit_take, "a b", 2, 2, 1);
	assert_in_range(fence, 1, 500);
	DO_FENCE(limit_take, "other", 5, 2, 1);
	assert_int_equal(fence, 0);
	/* Who comes after the time told is let through, once. */
	t0 = clock_mono_us();
	do {
		DO_FENCE(limit_take, "a b", 2, 2, 1);
	} while (fence > 0 && clock_mono_us() - t0 < 5000000);
	assert_int_equal(fence, 0);
	assert_true(clock_mono_us() - t0 >= 50000);
	/* Who was almost in time was let through and owes that little. */
	DO_FENCE(limit_take, "a b", 2, 2, 1);
	assert_in_range(fence, 1, 501);
	/* Rare and odd rates. */
	DO_FENCE(limit_take, "rare", 0.0001, 1, 1);
	assert_int_equal(fence, 0);
	DO_FENCE(limit_take, "rare", 0.0001, 1, 1);
	assert_in_range(fence, 9990000, 10000000);
	DO_FENCE(limit_take, "burst", 1e6, 0, 1);
	assert_int_equal(fence, 0);
	/* What counts for several, and for more than there is room for. */
	DO_FENCE(limit_take, "several", 0.01, 12, 5);
	assert_int_equal(fence, 0);
	DO_FENCE(limit_take, "several", 0.01, 12, 5);
	assert_int_equal(fence, 0);
	DO_FENCE(limit_take, "several", 0.01, 12, 5);
	assert_in_range(fence, 290000, 300000);
	DO_FENCE(limit_take, "several", 0.01, 12, 2);
	assert_int_equal(fence, 0);
	DO_FENCE(limit_take, "several", 0.01, 12, 100);
	assert_in_range(fence, 1190000, 1200000);
}

static void
put_action(const char * id, const char * json, int is_new)
{
	json_t * v = json_loads(json, 0, NULL);

	TRY(action_put, id, v, is_new);
	OK();
	json_decref(v);
}

void
test_actions(void ** state)
{
	char id[5][ID7_LEN], old[ID7_LEN], json[100];
	int64_t now = clock_wall_ms();
	int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		id7_make(now + i, id[i]);
		snprintf(json, sizeof(json), "{\"id\":\"%s\",\"state\":"
		    "\"intent\",\"n\":%d}", id[i], i);
		put_action(id[i], json, 1);
	}
	put_action(id[1], "{\"state\":\"done\",\"status\":201}", 0);
	DO(action_get, id[1]);
	snprintf(json, sizeof(json), "{\"id\":\"%s\",\"n\":1,"
	    "\"state\":\"done\",\"status\":201}", id[1]);
	assert_json(value, json);
	/* Newest first, from any on. */
	DO(action_list, NULL, 2);
	assert_int_equal(json_array_size(value), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(value,
	    0), "n")), 4);
	DO(action_list, id[2], 10);
	assert_int_equal(json_array_size(value), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(value,
	    1), "n")), 0);
	/* What is not there is not begun by a change. */
	id7_make(now - STATE_ACTION_MS - 60000, old);
	put_action(old, "{\"state\":\"done\"}", 0);
	DO(action_get, old);
	assert_null(value);
	/* And what is too old goes. */
	put_action(old, "{\"n\":9}", 1);
	for (i = 0; i < 70; i++) {
		id7_make(now + 10 + i, id[0]);
		put_action(id[0], "{\"n\":5}", 1);
	}
	DO(action_list, NULL, 500);
	assert_int_equal(json_array_size(value), 75);
	TRY(action_list, NULL, 500);
}

void
test_nodes(void ** state)
{
	json_t * info = json_pack("{s:s}", "version", "1");
	int64_t t0 = clock_mono_us();

	(void)state;
	DO(node_list);
	assert_json(value, "{}");
	S->ops->node_beat(S, info, 300);
	DO(node_list);
	assert_json(value, "{\"n1\":{\"version\":\"1\"}}");
	do {
		DO(node_list);
	} while (json_object_size(value) > 0 &&
	    clock_mono_us() - t0 < 5000000);
	assert_json(value, "{}");
	S->ops->node_beat(S, info, 60000);
	DO(node_list);
	assert_json(value, "{\"n1\":{\"version\":\"1\"}}");
	json_decref(info);
}
