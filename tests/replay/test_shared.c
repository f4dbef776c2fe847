/* Two daemons on one state. */
#define WORLD_NODES 2
#define WORLD_BACKEND "redis"
#include "world_each.h"

/* A connector both believe to be theirs: nobody's node is named. */
static void
common(const char * name, int64_t every)
{
	char json[512];

	snprintf(json, sizeof(json), "{\"id\":\"id-%s\",\"name\":\"%s\","
	    "\"type\":\"prometheus\",\"config\":{\"endpoint\":\"" URL "\"},"
	    "\"options\":{},\"target_table\":\"t\",\"schedule_ms\":%lld}", name,
	    name, (long long)every);
	fake_tables_put(&w->tables, name, json);
	/* Noticed by both within 5 s. */
	world_pass(w, 5100);
	assert_string_equal(world_show(w, 0, name, "enabled"), "true");
	assert_string_equal(world_show(w, 1, name, "enabled"), "true");
}

static size_t
both(const char * name)
{
	return (world_ticks(w, 0, name) + world_ticks(w, 1, name));
}

/* No bucket is at both. */
static void
check_no_bucket_twice(const char * name)
{
	const struct fake_tick * a, * b;
	size_t na, nb, i, k;

	a = fake_targets_ticks(w->node[0].targets, name, &na);
	b = fake_targets_ticks(w->node[1].targets, name, &nb);
	for (i = 0; i < na; i++)
		for (k = 0; k < nb; k++)
			assert_int_not_equal(a[i].at, b[k].at);
}

static void
test_each_bucket_once(void ** state)
{
	struct runner_stats a, b;
	size_t n;

	(void)state;
	common("x", 1000);
	world_pass(w, 100000);
	world_rest(w);
	n = both("x");
	assert_true(n >= 100);
	assert_int_equal(world_sent(w), n);
	check_no_bucket_twice("x");
	a = world_stats(w, 0);
	b = world_stats(w, 1);
	assert_int_equal(a.ticks[RUNNER_OK] + b.ticks[RUNNER_OK], n);
	/* Whoever comes second has nothing to do, and says so. */
	assert_in_range(a.idle + b.idle, n - 2, n + 2);
	assert_int_equal(a.ticks[RUNNER_TRANSIENT], 0);
	assert_int_equal(b.ticks[RUNNER_TRANSIENT], 0);
}

/* The one that idles shows what the other one's runs came to. */
static void
test_the_idle_one_knows(void ** state)
{
	(void)state;
	common("x", 1000);
	world_pass(w, 30000);
	assert_string_equal(world_show(w, 0, "x", "status"), "connected");
	assert_string_equal(world_show(w, 1, "x", "status"), "connected");
}

static void
test_killed(void ** state)
{
	struct state * was;
	size_t n;

	(void)state;
	common("x", 1000);
	world_pass(w, 10000);
	world_rest(w);
	n = both("x");
	/* Its calls reach nothing any more: as good as dead. */
	was = w->node[0].state;
	fake_state_away(was, 1);
	world_pass(w, 10000);
	assert_int_equal(both("x"), n + 10);
	check_no_bucket_twice("x");
	fake_state_away(was, 0);
}

/* Killed in the middle of a run: that bucket is lost, the next is not. */
static void
test_killed_in_a_run(void ** state)
{
	const struct fake_answer a[] = { world_never, world_good };
	size_t n;

	(void)state;
	fake_http_script(w->http, URL, a, 2);
	common("x", 10000);
	while (world_sent(w) == 0)
		world_pass(w, 100);
	n = world_stats(w, 0).running == 1 ? 0 : 1;
	assert_int_equal(world_stats(w, n).running, 1);
	fake_state_away(w->node[n].state, 1);
	fake_targets_fail(w->node[n].targets, ERR_TRANSIENT, "busy", 1000);
	world_pass(w, 25000);
	assert_true(world_ticks(w, 1 - n, "x") >= 2);
	assert_int_equal(world_ticks(w, n, "x"), 0);
	fake_state_away(w->node[n].state, 0);
}

static void
test_stopped_gives_its_claim_back(void ** state)
{
	const struct fake_answer a[] = { world_never, world_good };
	size_t i, n;

	(void)state;
	fake_http_script(w->http, URL, a, 2);
	common("x", 10000);
	while (world_sent(w) == 0)
		world_pass(w, 100);
	i = world_stats(w, 0).running == 1 ? 0 : 1;
	n = json_object_size(w->tables.leases);
	world_down(w, i);
	assert_int_equal(json_object_size(w->tables.leases), n - 1);
	assert_true(fake_http_request(w->http, URL, 0)->cancelled);
	/* Whoever asks for that bucket has it. */
	assert_int_equal(world_do(w, 1 - i, runner_trigger, "x", NULL), 0);
	world_pass(w, 20000);
	assert_true(both("x") >= 2);
	world_check_buckets(w, 1 - i, "x", 10000);
}

static void
test_lost_reply(void ** state)
{
	size_t n;

	(void)state;
	common("x", 1000);
	world_pass(w, 10000);
	world_rest(w);
	n = both("x");
	/* The claim stands, but who made it does not know: nobody runs it. */
	fake_state_lose(w->node[0].state, 1);
	fake_state_lose(w->node[1].state, 1);
	world_pass(w, 10000);
	assert_in_range(both("x"), n + 9, n + 10);
	check_no_bucket_twice("x");
}

static void
test_away_for_both(void ** state)
{
	size_t n, i;

	(void)state;
	common("x", 1000);
	world_pass(w, 10000);
	world_rest(w);
	n = both("x");
	for (i = 0; i < 2; i++)
		fake_state_away(w->node[i].state, 1);
	world_pass(w, 10000);
	assert_int_equal(both("x"), n);
	for (i = 0; i < 2; i++) {
		assert_begins(world_show(w, i, "x", "last_error"),
		    "transient: claiming the run: ");
		fake_state_away(w->node[i].state, 0);
	}
	world_pass(w, 10000);
	assert_in_range(both("x"), n + 9, n + 10);
	check_no_bucket_twice("x");
	for (i = 0; i < 2; i++)
		assert_string_equal(world_show(w, i, "x", "status"),
		    "connected");
}

/* Also by who has seen no change since its start. */
static void
test_status_without_a_change(void ** state)
{
	static const struct fake_answer gone = { .status = 404 };

	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 6000);
	world_down(w, 1);
	world_up(w, 1);
	assert_string_equal(world_show(w, 1, "a", "status"), "connected");
	fake_http_script(w->http, URL, &gone, 1);
	world_pass(w, 12000);
	assert_string_equal(world_show(w, 0, "a", "status"), "error");
	assert_string_equal(world_show(w, 1, "a", "status"), "error");
}

/* What statements learn of a service, wherever they run: the others see it, and it
 * stays. */
static void
test_noted(void ** state)
{
	struct err bad;
	char at[64];
	size_t i, k, n;

	(void)state;
	err_set(&bad, ERR_PERMANENT, "auth", "401");
	world_create_body(w, 0, json_pack("{s:s, s:s, s:{s:s}}", "name", "a",
	    "type", "prometheus", "config", "endpoint", URL));
	world_pass(w, 6000);
	for (k = 0; k < 4; k++) {
		i = (k + 1) % 2;
		runner_note(w->node[i].runner, "a", k < 2 ? NULL : &bad);
		world_pass(w, 6000);
		for (n = 0; n < 2; n++)
			assert_string_equal(world_show(w, n, "a", "status"),
			    k < 2 ? "connected" : "error");
		/* As well as before: that is not written at once. */
		runner_note(w->node[i].runner, "a", k < 2 ? NULL : &bad);
		snprintf(at, sizeof(at), "%s", world_show(w, i, "a",
		    "last_run_at"));
		world_pass(w, 6000);
		assert_string_equal(world_show(w, i, "a", "last_run_at"), at);
		world_pass(w, 12000);
		assert_string_equal(world_show(w, 1 - i, "a", "last_run_at"),
		    at);
	}
}

/* ---- what the other one does ---- */

static void
test_name_taken_by_the_other(void ** state)
{
	struct outcome o = { 0 };
	json_t * body;

	(void)state;
	world_create(w, 0, "a", 1000);
	/* Before the other one has noticed. */
	body = world_body("a", 2000);
	runner_create(w->node[1].runner, body, world_on, &o);
	world_wait(w, &o);
	assert_true(o.failed);
	assert_int_equal(o.e.cls, ERR_CONFIG);
	assert_string_equal(o.e.code, "exists");
	outcome_free(&o);
	world_pass(w, 6000);
	runner_create(w->node[1].runner, body, world_on, &o);
	json_decref(body);
	world_wait(w, &o);
	assert_string_equal(o.e.code, "exists");
	outcome_free(&o);
	assert_string_equal(world_show(w, 1, "a", "schedule_ms"), "1000");
}

static void
test_created_by_the_other(void ** state)
{
	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 6000);
	assert_string_equal(world_show(w, 1, "a", "node"), "node-a");
	assert_string_equal(world_show(w, 1, "a", "type"), "prometheus");
	world_pass(w, 20000);
	/* It runs where its target is, and the other one sees how. */
	assert_true(world_ticks(w, 0, "a") >= 25);
	assert_int_equal(world_ticks(w, 1, "a"), 0);
	assert_int_equal(world_stats(w, 1).idle, 0);
	assert_string_equal(world_show(w, 1, "a", "status"), "connected");
	assert_int_equal(world_do(w, 1, runner_trigger, "a", NULL), -1);
}

/* More than are looked at in one turn, while one of our own changes, too. */
static void
test_many_by_the_other(void ** state)
{
	char name[16];
	int k;

	(void)state;
	for (k = 0; k < 300; k++) {
		snprintf(name, sizeof(name), "c%03d", k);
		world_create(w, 0, name, 3600000);
	}
	world_create(w, 1, "own", 3600000);
	world_pass(w, 20000);
	assert_int_equal(world_stats(w, 1).connected, 301);
	for (k = 0; k < 300; k += 2) {
		snprintf(name, sizeof(name), "c%03d", k);
		if (k % 4 == 0)
			assert_int_equal(world_do(w, 0, runner_delete, name,
			    NULL), 0);
		else
			assert_int_equal(world_do(w, 0, runner_pause, name,
			    NULL), 0);
	}
	world_pass(w, 5010);
	/* In the midst of it. */
	assert_int_equal(world_do(w, 1, runner_pause, "own", NULL), 0);
	world_pass(w, 20000);
	assert_int_equal(world_stats(w, 1).connected, 150);
	assert_int_equal(world_stats(w, 1).disabled, 76);
	assert_int_equal(world_stats(w, 0).connected, 150);
}

static void
test_changed_by_the_other(void ** state)
{
	size_t n;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 10000);
	assert_int_equal(world_patch(w, 1, "a", "{\"schedule_ms\":5000}",
	    NULL), 0);
	world_pass(w, 6000);
	assert_string_equal(world_show(w, 0, "a", "schedule_ms"), "5000");
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	n = world_ticks(w, 0, "a");
	world_pass(w, 20000);
	assert_int_equal(world_ticks(w, 0, "a"), n + 4);
	assert_int_equal(world_do(w, 1, runner_pause, "a", NULL), 0);
	world_pass(w, 6000);
	assert_string_equal(world_show(w, 0, "a", "disabled_reason"), "manual");
	n = world_sent(w);
	world_pass(w, 20000);
	assert_int_equal(world_sent(w), n);
	assert_int_equal(world_do(w, 1, runner_resume, "a", NULL), 0);
	world_pass(w, 12000);
	assert_true(world_sent(w) > n);
}

static void
test_deleted_by_the_other(void ** state)
{
	size_t n;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_create(w, 0, "b", 1000);
	world_pass(w, 10000);
	assert_int_equal(world_do(w, 1, runner_delete, "a", NULL), 0);
	world_pass(w, 6000);
	assert_null(runner_show(w->node[0].runner, "a"));
	n = world_ticks(w, 0, "a");
	world_pass(w, 10000);
	assert_int_equal(world_ticks(w, 0, "a"), n);
	assert_true(world_ticks(w, 0, "b") >= 20);
	/* Nothing of it comes back into the state. */
	assert_null(fake_tables_status(&w->tables, "a"));
	assert_int_equal(fake_tables_count(&w->tables, "a", "connected"), 0);
}

/* Deleted by the other in the middle of a run. */
static void
test_deleted_by_the_other_in_a_run(void ** state)
{
	struct fake_answer slow = world_good;

	(void)state;
	slow.delay_ms = 4500;
	fake_http_script(w->http, URL, &slow, 1);
	world_create(w, 0, "a", 1000);
	world_pass(w, 10000);
	assert_int_equal(world_do(w, 1, runner_delete, "a", NULL), 0);
	world_pass(w, 15000);
	assert_null(runner_show(w->node[0].runner, "a"));
	assert_int_equal(world_stats(w, 0).running, 0);
	assert_null(fake_tables_status(&w->tables, "a"));
}

/* A change of one connector leaves the others' runs alone. */
static void
test_changes_disturb_nobody(void ** state)
{
	struct fake_answer slow = world_good;
	size_t i, n;

	(void)state;
	slow.delay_ms = 900;
	fake_http_script(w->http, URL, &slow, 1);
	/* By hand, without what has a default. */
	common("x", 1000);
	world_pass(w, 5000);
	n = world_sent(w);
	for (i = 0; i < 10; i++) {
		w->tables.generation++;
		world_pass(w, 5000);
	}
	for (; n + 2 < world_sent(w); n++)
		assert_false(fake_http_request(w->http, URL, n)->cancelled);
}

/* The list was on its way when a connector was made, changed or dropped here. */
static void
test_own_change_against_an_old_list(void ** state)
{
	json_t * v;

	(void)state;
	world_create(w, 0, "b", 1000);
	world_create(w, 0, "c", 1000);
	/* Polls come every 5 s; the next one's list leaves at 5 s + 400 ms. */
	world_pass(w, 4700);
	fake_state_delay(w->node[0].state, 400);
	w->tables.generation++;
	world_pass(w, 750);
	fake_state_delay(w->node[0].state, 0);
	/* The list, taken at 5400, comes at 5800. */
	world_create(w, 0, "a", 1000);
	assert_int_equal(world_patch(w, 0, "b", "{\"schedule_ms\":2000}",
	    NULL), 0);
	assert_int_equal(world_do(w, 0, runner_delete, "c", NULL), 0);
	world_pass(w, 1000);
	v = runner_show(w->node[0].runner, "a");
	assert_non_null(v);
	json_decref(v);
	assert_string_equal(world_show(w, 0, "b", "schedule_ms"), "2000");
	assert_null(runner_show(w->node[0].runner, "c"));
	world_pass(w, 12000);
	assert_string_equal(world_show(w, 1, "b", "schedule_ms"), "2000");
	assert_null(runner_show(w->node[1].runner, "c"));
	assert_null(fake_tables_status(&w->tables, "c"));
}

/* The poll that would have seen it fails half-way: the next one sees it. */
static void
test_list_lost(void ** state)
{
	json_t * v;

	(void)state;
	world_pass(w, 4900);
	world_create(w, 0, "a", 1000);
	fake_state_delay(w->node[1].state, 10);
	world_pass(w, 105);
	/* The generation came; the list's answer does not. */
	fake_state_lose(w->node[1].state, 1);
	world_pass(w, 4800);
	fake_state_lose(w->node[1].state, 0);
	world_pass(w, 1000);
	v = runner_show(w->node[1].runner, "a");
	assert_non_null(v);
	json_decref(v);
}

static void
forget_all(void)
{
	json_object_clear(json_object_get(w->tables.records, "connector"));
	json_object_clear(json_object_get(w->tables.records, "sync"));
	json_object_clear(w->tables.statuses);
	w->tables.generation = 0;
}

/* The state comes back empty: what the daemons know is put back. */
static void
test_state_lost(void ** state)
{
	size_t n;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_create(w, 1, "b", 1000);
	world_pass(w, 10000);
	forget_all();
	n = world_ticks(w, 0, "a");
	world_pass(w, 12000);
	assert_non_null(fake_tables_record(&w->tables, "a"));
	assert_non_null(fake_tables_record(&w->tables, "b"));
	assert_int_equal(json_object_size(json_object_get(w->tables.records,
	    "sync")), 2);
	assert_non_null(fake_tables_status(&w->tables, "a"));
	assert_true(world_ticks(w, 0, "a") >= n + 11);
	assert_string_equal(world_show(w, 1, "a", "node"), "node-a");
	/* A deletion counts again. */
	assert_int_equal(world_do(w, 1, runner_delete, "a", NULL), 0);
	world_pass(w, 6000);
	assert_null(runner_show(w->node[0].runner, "a"));
	assert_null(fake_tables_record(&w->tables, "a"));
}

/* Empty, and empty again whatever it was that was under way: also between the
 * counter and the list. */
static void
test_state_lost_twice(void ** state)
{
	int64_t ms;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_create(w, 1, "b", 1000);
	world_pass(w, 6000);
	fake_state_delay(w->node[0].state, 30);
	fake_state_delay(w->node[1].state, 70);
	for (ms = 0; ms <= 3000; ms += 37) {
		forget_all();
		world_pass(w, ms);
		forget_all();
		world_pass(w, 15000);
		assert_non_null(fake_tables_record(&w->tables, "a"));
		assert_non_null(fake_tables_record(&w->tables, "b"));
		assert_string_equal(world_show(w, 1, "a", "node"), "node-a");
		assert_string_equal(world_show(w, 0, "b", "node"), "node-b");
	}
}

/* It comes back as it was some changes ago. */
static void
test_state_of_yesterday(void ** state)
{
	json_t * old;
	json_int_t gen;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_create(w, 0, "gone", 1000);
	world_pass(w, 6000);
	old = json_deep_copy(w->tables.records);
	gen = w->tables.generation;
	assert_int_equal(world_patch(w, 0, "a", "{\"schedule_ms\":2000}",
	    NULL), 0);
	world_create(w, 0, "b", 1000);
	world_pass(w, 6000);
	json_decref(w->tables.records);
	w->tables.records = old;
	w->tables.generation = gen;
	world_pass(w, 12000);
	assert_string_equal(world_show(w, 0, "a", "schedule_ms"), "2000");
	assert_string_equal(world_show(w, 1, "a", "schedule_ms"), "2000");
	assert_string_equal(world_show(w, 0, "b", "schedule_ms"), "1000");
	assert_string_equal(world_show(w, 1, "b", "schedule_ms"), "1000");
	assert_non_null(fake_tables_record(&w->tables, "b"));
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_each_bucket_once), T(test_the_idle_one_knows),
		T(test_killed), T(test_killed_in_a_run),
		T(test_stopped_gives_its_claim_back), T(test_lost_reply),
		T(test_away_for_both), T(test_status_without_a_change),
		T(test_noted),
		T(test_name_taken_by_the_other),
		T(test_created_by_the_other),
		T(test_many_by_the_other), T(test_changed_by_the_other),
		T(test_deleted_by_the_other),
		T(test_deleted_by_the_other_in_a_run),
		T(test_changes_disturb_nobody),
		T(test_own_change_against_an_old_list), T(test_list_lost),
		T(test_state_lost), T(test_state_lost_twice), T(test_state_of_yesterday),
	};

	return (cmocka_run_group_tests_name("shared", tests, NULL, NULL));
}
