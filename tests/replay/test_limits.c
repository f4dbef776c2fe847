#include "taker.h"

#include "base/clock.h"

/* Budgets: rates, blocks, deadlines, scopes and what is shared. */

#define ITEMS "\"items\":{\"columns\":{\"id\":{\"type\":\"integer\"}}," \
	"\"lists\":[{\"url\":\"/i\"}]}"

static void
take(struct rig * g, struct taker * t, int64_t max_ms)
{
	taker_take(g, g->env.limits, t, NULL, max_ms, 0);
}

static void
test_rate(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"rate\":10,\"burst\":2},", ITEMS,
	    "{}");
	struct taker t[6];
	int i;

	(void)state;
	for (i = 0; i < 6; i++)
		take(g, &t[i], 0);
	fake_loop_advance(g->L, 1000);
	for (i = 0; i < 6; i++) {
		assert_int_equal(t[i].calls, 1);
		assert_false(t[i].has_failed);
		assert_in_range(t[i].at, i < 2 ? 0 : (i - 1) * 100,
		    i < 2 ? 0 : (i - 1) * 100 + 1);
		assert_in_range(t[i].waited + 1, t[i].at, t[i].at + 1);
	}
	rig_free(g);
	/* OPTIONS go before the manifest. */
	g = rig_new("\"limits\":{\"rate\":10,\"burst\":2},", ITEMS,
	    "{\"rate_limit\":2}");
	for (i = 0; i < 4; i++)
		take(g, &t[i], 0);
	fake_loop_advance(g->L, 5000);
	assert_int_equal(t[1].at, 0);
	assert_in_range(t[2].at, 500, 501);
	assert_in_range(t[3].at, 1000, 1001);
	rig_free(g);
	/* No bound at all. */
	g = rig_new("", ITEMS, "{}");
	for (i = 0; i < 6; i++)
		take(g, &t[i], 0);
	fake_loop_settle(g->L);
	for (i = 0; i < 6; i++)
		assert_int_equal(t[i].calls, 1);
	rig_free(g);
}

/* Two that share a budget and want it otherwise do not fill it up for one
 * another. */
static void
test_rate_changes(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"scope\":\"all\"},", ITEMS,
	    "{\"rate_limit\":1,\"rate_limit_burst\":2}");
	struct connector * slow = g->c, * fast;
	struct taker t[8];
	struct err e;
	json_t * o = json_pack("{s:i, s:i}", "rate_limit", 2,
	    "rate_limit_burst", 2);
	int i, n = 0;

	(void)state;
	fast = connector_new(g->m, "id-2", "fast", NULL, o, &e);
	assert_non_null(fast);
	for (i = 0; i < 8; i++) {
		g->c = i % 2 ? fast : slow;
		take(g, &t[i], 0);
		fake_loop_settle(g->L);
	}
	for (i = 0; i < 8; i++)
		n += t[i].calls;
	assert_int_equal(n, 2);
	for (i = 0; i < 8; i++)
		limits_cancel(t[i].w);
	g->c = slow;
	connector_unref(fast);
	json_decref(o);
	rig_free(g);
}

static void
test_refused(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"rate\":1,\"burst\":1},", ITEMS,
	    "{}");
	struct taker t[4];

	(void)state;
	take(g, &t[0], 500);
	take(g, &t[1], 0);
	/* Behind another it would be two seconds. */
	take(g, &t[2], 1500);
	take(g, &t[3], 2500);
	fake_loop_settle(g->L);
	assert_int_equal(t[0].calls, 1);
	assert_false(t[0].has_failed);
	assert_int_equal(t[2].calls, 1);
	assert_true(t[2].has_failed);
	assert_string_equal(t[2].e.code, "rate_limit");
	assert_int_equal(t[2].e.cls, ERR_TRANSIENT);
	assert_in_range(t[2].e.retry_after_ms, 1990, 2001);
	assert_non_null(strstr(t[2].e.msg, "2023-11-14T22:13:22Z"));
	assert_int_equal(t[3].calls, 0);
	/* A block tells those that wait already. */
	limits_block(g->env.limits, g->c, NULL, 60000);
	fake_loop_settle(g->L);
	assert_int_equal(t[3].calls, 1);
	assert_true(t[3].has_failed);
	assert_int_equal(t[1].calls, 0);
	fake_loop_advance(g->L, 59000);
	assert_int_equal(t[1].calls, 0);
	fake_loop_advance(g->L, 1010);
	assert_int_equal(t[1].calls, 1);
	rig_free(g);
}

static int
is_sent(void * arg)
{
	return (fake_http_requests(((struct rig *)arg)->http, NULL) > 0);
}

/* What a service says may be days; a person is heard before. */
static void
test_forgiven(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"buckets\":{\"few\":{\"rate\":9}}},",
	    "\"items\":{\"columns\":{\"id\":{\"type\":\"integer\"}},"
	    "\"lists\":[{\"url\":\"/i\",\"bucket\":\"few\"}]}", "{}");
	const char * why = NULL;
	int64_t t0;

	(void)state;
	limits_forgive(NULL, g->c);
	assert_int_equal(limits_until(g->env.limits, g->c, &why), 0);
	rig_script(g, "/i", { .status = 429, .header = "Retry-After: 500000" },
	    { .body = "[{\"id\":7}]" });
	rig_open(g, "items", "");
	rig_begin(g);
	assert_int_equal(fake_loop_until(g->L, is_sent, g, 1000), 0);
	fake_loop_advance(g->L, 3600000);
	t0 = limits_until(g->env.limits, g->c, &why);
	assert_in_range(t0, RIG_START + 500000000, RIG_START + 500002000);
	assert_string_equal(why, "the service refused a call as one too many");
	assert_int_equal(g->calls, 0);
	limits_forgive(g->env.limits, g->c);
	fake_loop_advance(g->L, 10);
	assert_int_equal(g->calls, 1);
	assert_false(g->has_failed);
	assert_int_equal(limits_until(g->env.limits, g->c, &why), 0);
	assert_in_range(g->ctx.st.waited_ms, 3600000, 3600100);
	rig_free(g);
}

static void
test_cancelled(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"rate\":1,\"burst\":1},", ITEMS,
	    "{}");
	struct taker t[4];
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		take(g, &t[i], i == 3 ? 1 : 0);
	/* One that waits, the first, and one that was refused. */
	limits_cancel(t[1].w);
	limits_cancel(t[0].w);
	limits_cancel(t[3].w);
	limits_cancel(NULL);
	fake_loop_advance(g->L, 5000);
	assert_int_equal(t[0].calls + t[1].calls + t[3].calls, 0);
	assert_int_equal(t[2].calls, 1);
	/* The token of who went is the next one's. */
	assert_int_equal(t[2].at, 0);
	rig_free(g);
	/* The head goes while the next waits for its turn. */
	g = rig_new("\"limits\":{\"rate\":1,\"burst\":1},", ITEMS, "{}");
	for (i = 0; i < 3; i++)
		take(g, &t[i], 0);
	fake_loop_advance(g->L, 200);
	limits_cancel(t[1].w);
	fake_loop_advance(g->L, 5000);
	assert_in_range(t[2].at, 1000, 1001);
	rig_free(g);
}

static void
test_learnt(void ** state)
{
	struct rig * g = rig_new("", ITEMS, "{}");
	struct answer_budget b = { 100, 0, RIG_START + 30000 };
	struct taker t;

	(void)state;
	limits_learn(g->env.limits, g->c, &b);
	take(g, &t, 0);
	fake_loop_advance(g->L, 29990);
	assert_int_equal(t.calls, 0);
	fake_loop_advance(g->L, 20);
	assert_int_equal(t.calls, 1);
	/* Past its reset the budget is whole. */
	assert_int_equal(limits_known(g->env.limits, g->c, &b), 0);
	assert_int_equal(b.remaining, 100);
	assert_int_equal(b.reset_ms, -1);
	/* Headers that say nothing are nothing. */
	b.limit = b.remaining = -1;
	limits_learn(g->env.limits, g->c, &b);
	assert_int_equal(limits_known(g->env.limits, g->c, &b), 0);
	assert_int_equal(b.limit, 100);
	/* A reset that is past, or far beyond all reason. */
	b = (struct answer_budget){ 100, 0, RIG_START };
	limits_learn(g->env.limits, g->c, &b);
	take(g, &t, 0);
	fake_loop_settle(g->L);
	assert_int_equal(t.calls, 1);
	b = (struct answer_budget){ 100, 0, -1 };
	limits_learn(g->env.limits, g->c, &b);
	take(g, &t, 0);
	fake_loop_settle(g->L);
	assert_int_equal(t.calls, 1);
	rig_free(g);
}

/* Of what the service lets through the last is left to others. */
static void
test_reserve(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"headers\":{\"remaining\":\"R\","
	    "\"reset\":\"T\",\"reset_unit\":\"delta_s\",\"reserve\":20}},",
	    ITEMS, "{}");
	struct answer_budget b = { 100, 21, RIG_START + 30000 };
	struct taker t[2];

	(void)state;
	limits_learn(g->env.limits, g->c, &b);
	take(g, &t[0], 0);
	fake_loop_settle(g->L);
	assert_int_equal(t[0].calls, 1);
	b.remaining = 20;
	limits_learn(g->env.limits, g->c, &b);
	take(g, &t[1], 0);
	fake_loop_advance(g->L, 29990);
	assert_int_equal(t[1].calls, 0);
	fake_loop_advance(g->L, 20);
	assert_int_equal(t[1].calls, 1);
	rig_free(g);
}

static void
test_shared(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"rate\":10,\"burst\":1},", ITEMS,
	    "{}");
	struct taker t[3];
	int i;

	(void)state;
	g->shared.is_shared = 1;
	g->fake.delay_ms = 3;
	g->fake.wait_ms = 40;
	g->fake.waits = 1;
	for (i = 0; i < 3; i++)
		take(g, &t[i], 0);
	fake_loop_advance(g->L, 1000);
	assert_in_range(t[0].at, 46, 47);
	assert_in_range(t[1].at, 49, 50);
	assert_in_range(t[2].at, 52, 53);
	assert_int_equal(g->fake.takes, 4);
	/* Told to wait longer than he may. */
	g->fake.waits = 1;
	g->fake.wait_ms = 900;
	take(g, &t[0], 500);
	fake_loop_advance(g->L, 5);
	assert_int_equal(t[0].calls, 1);
	assert_true(t[0].has_failed);
	/* The state is away: this process alone keeps to the rate. */
	g->fake.is_away = 1;
	fake_loop_advance(g->L, 1000);
	for (i = 0; i < 3; i++)
		take(g, &t[i], 0);
	fake_loop_advance(g->L, 1000);
	assert_in_range(t[1].at - t[0].at, 99, 110);
	assert_in_range(t[2].at - t[1].at, 99, 110);
	/* Gone while the question is under way. */
	take(g, &t[0], 0);
	fake_loop_settle(g->L);
	limits_cancel(t[0].w);
	fake_loop_advance(g->L, 1000);
	assert_int_equal(t[0].calls, 0);
	rig_free(g);
}

static void
test_scope(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"rate\":1,\"burst\":1,"
	    "\"scope\":\"all\"},", ITEMS, "{}");
	struct connector * other, * own = g->c;
	struct taker a, b;
	struct err e;

	(void)state;
	/* Two connectors, one budget. */
	other = connector_new(g->m, "id-2", "other", NULL, NULL, &e);
	assert_non_null(other);
	take(g, &a, 0);
	g->c = other;
	take(g, &b, 0);
	g->c = own;
	fake_loop_advance(g->L, 5000);
	assert_int_equal(a.at, 0);
	assert_in_range(b.at, 1000, 1001);
	connector_unref(other);
	rig_free(g);
}

/* What one of a scope has in OPTIONS binds that one, and whoever else asks. */
static void
test_scope_options(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"scope\":\"all\"},", ITEMS,
	    "{}");
	json_t * o = json_pack("{s:i}", "rate_limit", 1);
	struct connector * bound, * own = g->c;
	struct taker t[6], free_one;
	struct err e;
	int i;

	(void)state;
	bound = connector_new(g->m, "id-2", "bound", NULL, o, &e);
	assert_non_null(bound);
	for (i = 0; i < 6; i++) {
		g->c = bound;
		take(g, &t[i], 0);
		g->c = own;
		take(g, &free_one, 0);
		fake_loop_settle(g->L);
		assert_int_equal(free_one.calls, 1);
		assert_int_equal(free_one.waited, 0);
	}
	fake_loop_advance(g->L, 6000);
	for (i = 0; i < 6; i++)
		assert_in_range(t[i].at, i * 1000, i * 1000 + 1);
	/* Nobody asks while the service says so; who is not bound goes first, in
	 * the order of coming. */
	limits_block(g->env.limits, own, NULL, 1000);
	g->c = bound;
	for (i = 0; i < 3; i++)
		take(g, &t[i], 0);
	g->c = own;
	take(g, &free_one, 0);
	take(g, &t[3], 0);
	fake_loop_advance(g->L, 999);
	assert_int_equal(free_one.calls, 0);
	fake_loop_advance(g->L, 2);
	fake_loop_advance(g->L, 0);
	assert_int_equal(free_one.calls, 1);
	assert_int_equal(t[3].calls, 1);
	assert_int_equal(t[1].calls, 0);
	fake_loop_advance(g->L, 3000);
	assert_int_equal(t[2].calls, 1);
	/* All the same where nobody owes anything. */
	memset(taker_order, 0, sizeof(taker_order));
	taker_norder = 0;
	for (i = 0; i < 4; i++)
		take(g, &t[i], 0);
	fake_loop_settle(g->L);
	for (i = 0; i < 4; i++)
		assert_ptr_equal(taker_order[i], &t[i]);
	json_decref(o);
	connector_unref(bound);
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate), cmocka_unit_test(test_rate_changes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_forgiven),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_learnt), cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_scope), cmocka_unit_test(test_scope_options),
	};

	return (cmocka_run_group_tests_name("limits", tests, NULL, NULL));
}
