/* Changes of a connector, and the daemon's end, at every point of a run. */
#include "world.h"

#define EVERY 10000

static const struct fake_answer good = { .delay_ms = 30,
    .body = "up 1\nrequests_total{code=\"200\"} 42\n" };
static const struct fake_answer bad = { .delay_ms = 30, .status = 503 };

/* How far a run is: the state takes 20 ms, the service 30, the target 50. */
static const struct point {
	const char * name;
	int64_t after_ms; /* the creation */
	const struct fake_answer * a;
} points[] = {
	{ "claim", 10, &good },
	{ "read", 35, &good },
	{ "write", 60, &good },
	{ "backoff", 60, &bad },
	{ "idle", 5000, &good },
};
#define N_POINTS (sizeof(points) / sizeof(*points))

static struct world * w;

static void
reach(const struct point * p)
{
	w = world_new(1, "sqlite");
	fake_http_script(w->http, URL, p->a, 1);
	fake_state_delay(w->node[0].state, 20);
	world_create(w, 0, "a", EVERY);
	world_pass(w, p->after_ms);
	assert_int_equal(world_stats(w, 0).running,
	    strcmp(p->name, "idle") != 0);
}

/* Nothing of the connector is left, here or in the state. */
static void
check_gone(const char * name)
{
	assert_null(runner_show(w->node[0].runner, name));
	assert_null(fake_tables_record(&w->tables, name));
	assert_null(fake_tables_status(&w->tables, name));
	assert_null(json_object_get(w->tables.events, name));
	assert_int_equal(world_stats(w, 0).running, 0);
}

static void
test_delete(void ** state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < N_POINTS; i++) {
		reach(&points[i]);
		assert_int_equal(world_do(w, 0, runner_delete, "a", NULL), 0);
		n = world_sent(w);
		world_pass(w, 5000);
		check_gone("a");
		world_pass(w, 3 * EVERY);
		check_gone("a");
		assert_int_equal(world_sent(w), n);
		/* Its name is free, and a new one begins anew. */
		world_create(w, 0, "a", EVERY);
		assert_string_equal(world_show(w, 0, "a", "status"), "pending");
		/* At once, though the old one claimed this bucket. */
		fake_http_script(w->http, URL, &good, 1);
		world_pass(w, 1000);
		assert_int_equal(world_sent(w), n + 1);
		assert_string_equal(world_show(w, 0, "a", "status"),
		    "connected");
		world_free(w);
	}
}

/* A claim that is given back is there for the next. */
static void
test_delete_gives_the_claim_back(void ** state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_POINTS; i++) {
		reach(&points[i]);
		assert_int_equal(world_do(w, 0, runner_delete, "a", NULL), 0);
		world_pass(w, 1000);
		if (strcmp(points[i].name, "claim") == 0 ||
		    strcmp(points[i].name, "read") == 0 ||
		    strcmp(points[i].name, "backoff") == 0)
			assert_true(json_object_size(w->tables.leases) <= 1);
		world_free(w);
	}
}

static void
test_patch(void ** state)
{
	const struct fake_tick * t;
	size_t i, k, n;

	(void)state;
	for (i = 0; i < N_POINTS; i++) {
		reach(&points[i]);
		fake_http_script(w->http, "http://new.test/m", &good, 1);
		assert_int_equal(world_patch(w, 0, "a", "{\"schedule_ms\":2000,"
		    "\"config\":{\"endpoint\":\"http://new.test/m\"}}",
		    NULL), 0);
		assert_string_equal(world_show(w, 0, "a", "schedule_ms"),
		    "2000");
		n = fake_http_requests(w->http, URL);
		world_pass(w, 20000);
		/* The old one is asked no more, the new one in each bucket. */
		assert_int_equal(fake_http_requests(w->http, URL), n);
		assert_in_range(fake_http_requests(w->http,
		    "http://new.test/m"), 9, 11);
		t = fake_targets_ticks(w->node[0].targets, "a", &n);
		assert_true(n >= 9);
		for (k = 0; k < n; k++)
			assert_int_equal(t[k].at % 2000, 0);
		world_check_buckets(w, 0, "a", 2000);
		assert_string_equal(world_show(w, 0, "a", "status"),
		    "connected");
		assert_int_equal(fake_tables_count(&w->tables, "a", "changed"),
		    1);
		world_free(w);
	}
}

static void
test_patch_carries_the_status(void ** state)
{
	char at[64];

	(void)state;
	reach(&points[4]);
	snprintf(at, sizeof(at), "%s", world_show(w, 0, "a",
	    "last_success_at"));
	assert_true(at[0] != '\0');
	assert_int_equal(world_patch(w, 0, "a",
	    "{\"config\":{\"timeout_ms\":777}}", NULL), 0);
	assert_string_equal(world_show(w, 0, "a", "last_success_at"), at);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	assert_string_equal(world_show(w, 0, "a", "last_rows_ingested"), "2");
	assert_has(world_show(w, 0, "a", "config"), "777");
	/* A bad one changes nothing. */
	assert_int_equal(world_patch(w, 0, "a", "{\"config\":{\"nope\":1}}",
	    NULL), -1);
	assert_int_equal(world_patch(w, 0, "a", "{\"schedule_ms\":99}", NULL),
	    -1);
	assert_has(world_show(w, 0, "a", "config"), "777");
	assert_string_equal(world_show(w, 0, "a", "last_success_at"), at);
	world_free(w);
}

/* What the old one's last write came to is not forgotten. */
static void
test_patch_in_a_write_keeps_its_outcome(void ** state)
{
	(void)state;
	reach(&points[2]);
	fake_state_delay(w->node[0].state, 0);
	assert_int_equal(world_patch(w, 0, "a",
	    "{\"config\":{\"timeout_ms\":777}}", NULL), 0);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	assert_string_equal(world_show(w, 0, "a", "last_rows_ingested"), "2");
	world_free(w);
}

/* A second change before the first one is through: refused, not lost. */
static void
test_change_during_change(void ** state)
{
	static void (* const second[])(struct runner *, const char *,
	    runner_cb *, void *) = { runner_delete, runner_pause,
	    runner_resume };
	struct outcome a, b;
	json_t * body = json_loads("{\"schedule_ms\":2000}", 0, NULL);
	int64_t at;
	size_t i, k;

	(void)state;
	for (i = 0; i < N_POINTS; i++) {
		for (k = 0; k < 3; k++)
		for (at = 0; at < 120; at += 7) {
			memset(&a, 0, sizeof(a));
			memset(&b, 0, sizeof(b));
			reach(&points[i]);
			fake_targets_commit(w->node[0].targets, 100);
			runner_patch(w->node[0].runner, "a", body, world_on, &a);
			world_pass(w, at);
			second[k](w->node[0].runner, "a", world_on, &b);
			world_wait(w, &a);
			world_wait(w, &b);
			assert_false(a.failed);
			if (b.failed)
				assert_string_equal(b.e.code, "busy");
			else if (k == 0)
				assert_null(runner_show(w->node[0].runner,
				    "a"));
			outcome_free(&a);
			outcome_free(&b);
			world_pass(w, 1000);
			world_free(w);
		}
	}
	json_decref(body);
}

/* A run asked for while the old one still writes comes after it. */
static void
test_trigger_during_patch(void ** state)
{
	struct outcome a = { 0 }, b = { 0 };
	json_t * body = json_loads("{\"config\":{\"timeout_ms\":777}}", 0,
	    NULL);

	(void)state;
	reach(&points[2]);
	fake_state_delay(w->node[0].state, 0);
	runner_patch(w->node[0].runner, "a", body, world_on, &a);
	json_decref(body);
	world_pass(w, 1);
	runner_trigger(w->node[0].runner, "a", world_on, &b);
	world_wait(w, &b);
	assert_false(b.failed);
	world_wait(w, &a);
	assert_false(a.failed);
	world_pass(w, 200);
	assert_int_equal(world_sent(w), 2);
	assert_true(world_sent_at(w, 1) - world_sent_at(w, 0) >= 80);
	world_free(w);
}

static void
test_pause(void ** state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < N_POINTS; i++) {
		reach(&points[i]);
		assert_int_equal(world_do(w, 0, runner_pause, "a", NULL), 0);
		world_pass(w, 5000);
		assert_int_equal(world_stats(w, 0).running, 0);
		assert_string_equal(world_show(w, 0, "a", "enabled"), "false");
		assert_string_equal(world_show(w, 0, "a", "disabled_reason"),
		    "manual");
		n = world_sent(w);
		world_pass(w, 5 * EVERY);
		assert_int_equal(world_sent(w), n);
		assert_true(json_is_false(json_object_get(fake_tables_record(
		    &w->tables, "a"), "enabled")));
		assert_int_equal(world_do(w, 0, runner_resume, "a", NULL), 0);
		world_pass(w, 2 * EVERY);
		assert_true(world_sent(w) > n);
		world_free(w);
	}
}

/* A change the state did not take is no change. */
static void
test_changes_while_the_state_is_away(void ** state)
{
	size_t n;

	(void)state;
	reach(&points[4]);
	fake_state_away(w->node[0].state, 1);
	assert_int_equal(world_do(w, 0, runner_pause, "a", NULL), -1);
	assert_string_equal(world_show(w, 0, "a", "enabled"), "true");
	assert_int_equal(world_patch(w, 0, "a", "{\"schedule_ms\":500}", NULL),
	    -1);
	assert_string_equal(world_show(w, 0, "a", "schedule_ms"), "10000");
	assert_int_equal(world_do(w, 0, runner_delete, "a", NULL), -1);
	fake_state_away(w->node[0].state, 0);
	n = world_ticks(w, 0, "a");
	world_pass(w, 2 * EVERY);
	assert_in_range(world_ticks(w, 0, "a"), n + 1, n + 2);
	assert_int_equal(world_do(w, 0, runner_pause, "a", NULL), 0);
	fake_state_away(w->node[0].state, 1);
	assert_int_equal(world_do(w, 0, runner_resume, "a", NULL), -1);
	assert_string_equal(world_show(w, 0, "a", "disabled_reason"), "manual");
	fake_state_away(w->node[0].state, 0);
	world_free(w);
}

/* ---- stop ---- */

/* world_down() sees that the callback comes once, world_free() that nothing is
 * left; what counts here is how long it takes and what it leaves behind. */
static void
test_stop(void ** state)
{
	int64_t from;
	size_t i, n;

	(void)state;
	for (i = 0; i < N_POINTS; i++) {
		reach(&points[i]);
		from = fake_loop_ms(w->L);
		n = json_object_size(w->tables.leases);
		world_down(w, 0);
		/* 1000 of it are world_down's own. */
		assert_in_range(fake_loop_ms(w->L) - from, 1000, 1200);
		if (strcmp(points[i].name, "write") == 0) {
			assert_int_equal(world_ticks(w, 0, "a"), 1);
			assert_string_equal(json_string_value(json_object_get(
			    fake_tables_status(&w->tables, "a"), "status")),
			    "connected");
		} else if (strcmp(points[i].name, "idle") != 0) {
			/* Given back. */
			assert_int_equal(json_object_size(w->tables.leases),
			    strcmp(points[i].name, "claim") == 0 && n == 0 ?
			    0 : n - 1);
		}
		world_free(w);
	}
}

/* Whatever is asked for just before it. */
static void
test_stop_during_a_change(void ** state)
{
	static void (* const what[])(struct runner *, const char *,
	    runner_cb *, void *) = { runner_delete, runner_pause,
	    runner_resume, runner_trigger, runner_test };
	struct outcome a;
	json_t * body;
	int64_t at;
	size_t i, k;

	(void)state;
	for (i = 0; i < N_POINTS; i++) {
		for (k = 0; k < 7; k++)
		for (at = 0; at < 60; at += 13) {
			memset(&a, 0, sizeof(a));
			reach(&points[i]);
			if (k < 5) {
				what[k](w->node[0].runner, "a", world_on, &a);
			} else if (k == 5) {
				body = world_body("b", EVERY);
				runner_create(w->node[0].runner, body, world_on,
				    &a);
				json_decref(body);
			} else {
				body = json_loads("{\"schedule_ms\":500}", 0,
				    NULL);
				runner_patch(w->node[0].runner, "a", body,
				    world_on, &a);
				json_decref(body);
			}
			world_pass(w, at);
			world_down(w, 0);
			assert_int_equal(a.calls, 1);
			outcome_free(&a);
			world_free(w);
		}
	}
}

/* A connector made in the last moment does not begin to run. */
static void
test_stop_during_create(void ** state)
{
	struct outcome a = { 0 }, s = { 0 };
	json_t * body = world_body("a", EVERY);

	(void)state;
	w = world_new(1, "sqlite");
	fake_http_script(w->http, URL, &world_never, 1);
	fake_state_delay(w->node[0].state, 20);
	runner_create(w->node[0].runner, body, world_on, &a);
	json_decref(body);
	world_pass(w, 10);
	runner_stop(w->node[0].runner, world_on, &s);
	world_pass(w, 100);
	assert_int_equal(a.calls, 1);
	assert_false(a.failed);
	assert_int_equal(s.calls, 1);
	assert_int_equal(world_sent(w), 0);
	runner_free(w->node[0].runner);
	w->node[0].runner = NULL;
	outcome_free(&a);
	outcome_free(&s);
	world_free(w);
}

/* A test call to a server that never answers does not hold it up. */
static void
test_stop_during_test(void ** state)
{
	struct outcome a = { 0 };
	int64_t from;

	(void)state;
	reach(&points[4]);
	fake_http_script(w->http, URL, &world_never, 1);
	runner_test(w->node[0].runner, "a", world_on, &a);
	world_pass(w, 100);
	from = fake_loop_ms(w->L);
	world_down(w, 0);
	assert_in_range(fake_loop_ms(w->L) - from, 1000, 1200);
	assert_int_equal(a.calls, 1);
	outcome_free(&a);
	world_free(w);
}

struct stopping {
	struct outcome test, stop;
};

static void
on_test_stop(void * arg, json_t * v, const struct err * e)
{
	struct stopping * s = arg;

	world_on(&s->test, v, e);
	runner_stop(w->node[0].runner, world_on, &s->stop);
}

/* Who is told of a test may stop everything. */
static void
test_stop_within_test(void ** state)
{
	struct stopping s = { .test = { 0 } };

	(void)state;
	reach(&points[4]);
	runner_test(w->node[0].runner, "a", on_test_stop, &s);
	world_pass(w, 5000);
	assert_int_equal(s.test.calls, 1);
	assert_int_equal(s.stop.calls, 1);
	runner_free(w->node[0].runner);
	w->node[0].runner = NULL;
	outcome_free(&s.test);
	outcome_free(&s.stop);
	world_free(w);
}

static void
test_stop_during_load(void ** state)
{
	struct outcome load = { 0 }, stop = { 0 };
	int64_t at;
	int away, later;

	(void)state;
	for (away = 0; away < 2; away++)
	for (later = 0; later < 2; later++)
	for (at = 0; at < 1200; at += at < 60 ? 7 : 50) {
		reach(&points[4]);
		world_down(w, 0);
		memset(&load, 0, sizeof(load));
		memset(&stop, 0, sizeof(stop));
		world_begin(w, 0);
		fake_state_away(w->node[0].state, away);
		(later ? runner_load_later : runner_load)(w->node[0].runner,
		    world_on, &load);
		world_pass(w, at);
		runner_stop(w->node[0].runner, world_on, &stop);
		world_wait(w, &stop);
		world_pass(w, 2000);
		assert_int_equal(stop.calls, 1);
		assert_true(load.calls <= 1);
		runner_free(w->node[0].runner);
		w->node[0].runner = NULL;
		fake_state_away(w->node[0].state, 0);
		outcome_free(&load);
		outcome_free(&stop);
		world_free(w);
	}
}

/* Whatever the poll of a shared state is waiting for. */
static void
test_stop_during_poll(void ** state)
{
	int64_t at;

	(void)state;
	for (at = 0; at < 150; at += 9) {
		w = world_new(2, "redis");
		world_create(w, 1, "b", 1000);
		world_pass(w, 4800);
		world_create(w, 1, "c", 1000);
		world_pass(w, 4000);
		fake_state_delay(w->node[0].state, 40);
		w->tables.generation++;
		world_pass(w, 1190 + at);
		world_down(w, 0);
		world_free(w);
	}
}

#define T(t) cmocka_unit_test(t)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_delete), T(test_delete_gives_the_claim_back),
		T(test_patch), T(test_patch_carries_the_status),
		T(test_patch_in_a_write_keeps_its_outcome),
		T(test_change_during_change), T(test_trigger_during_patch),
		T(test_pause), T(test_changes_while_the_state_is_away),
		T(test_stop), T(test_stop_during_a_change),
		T(test_stop_during_create), T(test_stop_during_test),
		T(test_stop_within_test),
		T(test_stop_during_load), T(test_stop_during_poll),
	};

	return (cmocka_run_group_tests_name("change", tests, NULL, NULL));
}
