#include "sync_world.h"

#include "base/json.h"
#include "conn/limits.h"

/* Several daemons change the same syncs, and hands that are none of ours. */

#define MINUTE 60000

static json_t *
record(struct sync_world * w, const char * id)
{
	return (json_object_get(json_object_get(w->tables.records, "sync"),
	    id));
}

static struct sync_world *
two(void)
{
	struct sync_world * w = sw_new(2, "redis", 1);

	sw_connector(w, 0, "c0");
	sw_pass(w, 2000);
	sw_sync(w, 0, "c0", "t", MINUTE);
	sw_pass(w, 7000);
	assert_int_equal(syncs_count(w->node[1].syncs), 1);
	return (w);
}

/* What one said the other's change does not take back, however soon it comes. */
static void
test_two_changes(void ** state)
{
	struct sync_world * w = two();
	json_t * body = json_pack("{s:i}", "every_ms", 5000);
	struct sw_answer a = { 0 }, b = { 0 };
	struct err e;

	(void)state;
	json_object_set_new(record(w, "c0.items"), "of_tomorrow", json_true());
	syncs_patch(w->node[0].syncs, "c0.items", body, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	assert_int_equal(sw_do(w, 1, syncs_pause, "c0.items", &e), 0);
	assert_int_equal(json_int(record(w, "c0.items"), "every_ms", 0), 5000);
	assert_true(json_is_false(json_object_get(record(w, "c0.items"),
	    "enabled")));
	/* What another version says more stays. */
	assert_true(json_is_true(json_object_get(record(w, "c0.items"),
	    "of_tomorrow")));
	/* Dropped here, and resumed there before it heard of it. */
	assert_int_equal(sw_do(w, 0, syncs_drop, "c0.items", &e), 0);
	syncs_resume(w->node[1].syncs, "c0.items", sw_on, &b);
	sw_wait(w, &b);
	assert_string_equal(b.e.code, "not_found");
	sw_pass(w, 3000);
	assert_null(record(w, "c0.items"));
	assert_int_equal(syncs_count(w->node[1].syncs), 0);
	json_decref(body);
	sw_clear(&a);
	sw_clear(&b);
	sw_free(w);
}

/* A daemon finds that a sync is to be stopped that was changed meanwhile. */
static void
test_disabled_late(void ** state)
{
	struct sync_world * w = two();
	json_t * body = json_pack("{s:s}", "deletes", "mark");
	size_t owner, other;
	struct sw_answer a = { 0 };
	struct syncs_stats st;

	(void)state;
	syncs_stats_get(w->node[0].syncs, &st);
	owner = st.mine == 1 ? 0 : 1;
	other = 1 - owner;
	fake_runs.took_ms = 700;
	fake_runs.fails = "c0";
	fake_runs.cls = ERR_CONFIG;
	while (fake_runs.running == 0)
		sw_pass(w, 10);
	/* A second's looking around just before, and one after the run. */
	syncs_patch(w->node[other].syncs, "c0.items", body, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	sw_pass(w, 5000);
	assert_true(json_is_false(json_object_get(record(w, "c0.items"),
	    "enabled")));
	assert_string_equal(json_str(record(w, "c0.items"), "deletes"),
	    "mark");
	json_decref(body);
	sw_clear(&a);
	sw_free(w);
}

/* Dropped and made anew while another daemon still ends its run. */
static void
test_made_anew(void ** state)
{
	struct sync_world * w = two();
	json_t * rec;
	size_t i;

	(void)state;
	fake_runs.took_ms = 3000;
	while (fake_runs.running == 0)
		sw_pass(w, 10);
	rec = json_deep_copy(record(w, "c0.items"));
	json_object_del(json_object_get(w->tables.records, "sync"),
	    "c0.items");
	w->tables.generation++;
	for (i = 0; i < 2; i++)
		fake_state_delay(w->node[i].state, 400);
	/* Until it is noticed; then the same comes back. */
	while (syncs_count(w->node[0].syncs) + syncs_count(
	    w->node[1].syncs) == 2)
		sw_pass(w, 50);
	json_object_set_new(json_object_get(w->tables.records, "sync"),
	    "c0.items", rec);
	w->tables.generation++;
	sw_pass(w, 40000);
	for (i = 0; i < 2; i++) {
		fake_state_delay(w->node[i].state, 0);
		assert_int_equal(syncs_count(w->node[i].syncs), 1);
	}
	assert_non_null(record(w, "c0.items"));
	fake_runs.n = 0;
	sw_pass(w, 3 * MINUTE);
	assert_in_range(fake_runs.n, 2, 4);
	sw_free(w);
}

/* A record that cannot be read: it is not run, nor deleted, and harms no other. */
static void
test_unreadable(void ** state)
{
	static const char * const hands[] = { "v", "entities", "every_ms" };
	struct sync_world * w = two();
	json_t * good, * v;
	size_t i, k;

	(void)state;
	sw_connector(w, 0, "c1");
	sw_pass(w, 2000);
	sw_sync(w, 0, "c1", "t1", MINUTE);
	sw_pass(w, 7000);
	fake_runs.took_ms = 2000;
	good = json_deep_copy(record(w, "c0.items"));
	for (i = 0; i < sizeof(hands) / sizeof(hands[0]); i++) {
		while (fake_runs.running == 0)
			sw_pass(w, 10);
		json_object_set_new(record(w, "c0.items"), hands[i],
		    json_string("2"));
		w->tables.generation++;
		sw_pass(w, 5000);
		fake_runs.n = 0;
		sw_pass(w, 3 * MINUTE);
		for (k = 0; k < fake_runs.n; k++)
			assert_string_equal(fake_runs.v[k].id, "c1.items");
		assert_in_range(fake_runs.n, 2, 4);
		assert_non_null(record(w, "c0.items"));
		v = sw_show(w, i % 2, "c0.items");
		assert_string_equal(json_str(v, "status"), "unreadable");
		json_decref(v);
		/* And put right again. */
		json_object_update(record(w, "c0.items"), good);
		w->tables.generation++;
		fake_runs.n = 0;
		sw_pass(w, 3 * MINUTE);
		assert_in_range(fake_runs.n, 5, 8);
	}
	json_decref(good);
	sw_free(w);
}

/* Which of two runs was later their claims say: the clocks of those that ran them may
 * differ by minutes. */
static void
test_clocks(void ** state)
{
	static const struct {
		const char * began, * last;
		int began_run, run;
		const char * status;
	} cases[] = {
		{ "2023-11-14T22:13:15Z", "2023-11-14T22:13:05Z", 7, 7,
		    "complete" },
		{ "2023-11-14T22:13:15Z", "2023-11-14T22:13:05Z", 7, 8,
		    "complete" },
		{ "2023-11-14T22:13:05Z", "2023-11-14T22:13:15Z", 8, 7,
		    "interrupted" },
		/* Of an older version, that tells no claim. */
		{ "2023-11-14T22:13:15Z", "2023-11-14T22:13:05Z", 0, 7,
		    "interrupted" },
		{ "2023-11-14T22:13:05Z", "2023-11-14T22:13:15Z", 0, 7,
		    "complete" },
	};
	struct sync_world * w = two();
	json_t * v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		v = json_pack("{s:s, s:s, s:s, s:i, s:s}", "began_at",
		    cases[i].began, "last_run_at", cases[i].last, "verdict",
		    "complete", "run", cases[i].run, "node", "gone");
		if (cases[i].began_run > 0)
			json_object_set_new(v, "began_run",
			    json_integer(cases[i].began_run));
		json_object_set_new(w->tables.statuses, "c0.items", v);
		v = sw_show(w, i % 2, "c0.items");
		if (strcmp(json_str(v, "status"), cases[i].status) != 0)
			fail_msg("%zu: %s", i, json_str(v, "status"));
		json_decref(v);
	}
	sw_free(w);
}

/* A person resumes a sync whose connector this version cannot use. */
static void
test_resumed_without_its_connector(void ** state)
{
	struct sync_world * w = two();
	json_t * types = json_object_get(w->tables.records, "connector");
	struct err e;

	(void)state;
	json_object_set_new(json_object_get(types, "c0"), "type",
	    json_string("of_tomorrow"));
	w->tables.generation++;
	sw_pass(w, 10000);
	assert_int_equal(sw_do(w, 0, syncs_pause, "c0.items", &e), 0);
	assert_int_equal(sw_do(w, 0, syncs_resume, "c0.items", &e), 0);
	sw_pass(w, 2 * MINUTE);
	sw_free(w);
}

/* Whoever resumes a sync by way of another daemon is heard as well: what the service told
 * the one that runs it to wait for is over. */
static void
test_resumed_elsewhere(void ** state)
{
	struct sync_world * w = two();
	struct limits * l = limits_new(w->L, NULL);
	struct connector * c;
	const char * why;

	(void)state;
	json_object_set_new(record(w, "c0.items"), "enabled", json_false());
	w->tables.generation++;
	sw_pass(w, 10000);
	c = runner_connector(w->node[0].runner, "c0");
	w->conn.limits = l;
	limits_block(l, c, NULL, INT64_C(86400000));
	assert_true(limits_until(l, c, &why) > 0);
	json_object_set_new(record(w, "c0.items"), "enabled", json_true());
	w->tables.generation++;
	sw_pass(w, 10000);
	assert_true(limits_until(l, c, &why) == 0);
	w->conn.limits = NULL;
	limits_free(l);
	sw_free(w);
}

/* Of a node that lives its own clock says whether its list of what it runs is older than
 * the run. */
static void
test_a_clock_that_differs(void ** state)
{
	static const struct {
		const char * began, * at, * status;
	} cases[] = {
		{ "2023-11-14T20:00:00Z", "2023-11-14T19:59:58Z", "complete" },
		{ "2023-11-14T20:00:00Z", "2023-11-14T20:00:03Z",
		    "interrupted" },
		{ "2023-11-14T23:59:00Z", "2023-11-14T23:58:58Z", "complete" },
		{ "2023-11-14T23:59:00Z", "2023-11-14T23:59:03Z",
		    "interrupted" },
	};
	struct sync_world * w = two();
	json_t * v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_object_set_new(w->tables.nodes, "far", json_pack("{s:I, "
		    "s:{s:s, s:[]}}", "until", (json_int_t)INT64_MAX, "info",
		    "at", cases[i].at, "syncs"));
		sw_pass(w, 12000);
		json_object_set_new(w->tables.statuses, "c0.items", json_pack(
		    "{s:s, s:s, s:s, s:i, s:i, s:s}", "began_at",
		    cases[i].began, "last_run_at", "2023-11-14T19:00:00Z",
		    "verdict", "complete", "run", 7, "began_run", 8, "node",
		    "far"));
		v = sw_show(w, i % 2, "c0.items");
		if (strcmp(json_str(v, "status"), cases[i].status) != 0)
			fail_msg("%zu: %s", i, json_str(v, "status"));
		json_decref(v);
	}
	sw_free(w);
}

/* How far another one was that did not end is nothing of the next. */
static void
test_progress_of_another(void ** state)
{
	struct sync_world * w = two();
	json_t * v;

	(void)state;
	fake_runs.took_ms = 20000;
	while (fake_runs.running > 0)
		sw_pass(w, 10);
	json_object_set_new(w->tables.statuses, "c0.items", json_pack(
	    "{s:s, s:i, s:i, s:s, s:{s:i}}", "began_at",
	    "2023-11-14T20:00:00Z", "run", 0, "began_run", 0, "node", "gone",
	    "progress", "rows", 999));
	while (fake_runs.running == 0)
		sw_pass(w, 10);
	sw_pass(w, 1100);
	v = json_object_get(json_object_get(w->tables.statuses, "c0.items"),
	    "progress");
	assert_int_not_equal(json_int(v, "rows", 0), 999);
	sw_pass(w, 2000);
	v = json_object_get(json_object_get(w->tables.statuses, "c0.items"),
	    "progress");
	assert_true(json_is_object(v));
	sw_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_changes),
		cmocka_unit_test(test_disabled_late),
		cmocka_unit_test(test_made_anew),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_a_clock_that_differs),
		cmocka_unit_test(test_progress_of_another),
		cmocka_unit_test(test_resumed_elsewhere),
		cmocka_unit_test(test_resumed_without_its_connector),
	};

	return (cmocka_run_group_tests_name("syncs_races", tests, NULL, NULL));
}
