#include "base/json.h"
#include "sync_world.h"

/* What one daemon changes, and when the others know. */

#define HOUR 3600000

static struct sync_world * w;

static int
setup(void ** state)
{
	(void)state;
	w = sw_new(2, "redis", 1);
	sw_connector(w, 0, "c0");
	sw_sync(w, 0, "c0", "t0", HOUR);
	/* The first look reads all. */
	sw_pass(w, 5000);
	assert_true(syncs_has(w->node[1].syncs, "c0.items"));
	w->tables.lists = w->tables.connector_lists = 0;
	return (0);
}

static int
teardown(void ** state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++)
		fake_state_delay(w->node[i].state, 0);
	sw_pass(w, 2000);
	sw_free(w);
	return (0);
}

static int
knows(size_t i, const char * connector)
{
	char id[64];

	snprintf(id, sizeof(id), "%s.items", connector);
	return (runner_has(w->node[i].runner, connector) &&
	    syncs_has(w->node[i].syncs, id));
}

static int
is(size_t i, const char * id, const char * status)
{
	json_t * v = sw_show(w, i, id);
	int yes = strcmp(json_str(v, "status"), status) == 0;

	json_decref(v);
	return (yes);
}

static void
check_no_lists(void)
{
	assert_int_equal(w->tables.lists, 0);
	assert_int_equal(w->tables.connector_lists, 0);
}

/* Within a second, and only what changed is read. */
static void
test_by_name(void ** state)
{
	struct err e;
	int k;

	(void)state;
	for (k = 0; k < 2; k++) {
		sw_connector(w, k == 0, "c1");
		sw_sync(w, k == 0, "c1", "t1", HOUR);
		sw_pass(w, 1100);
		assert_true(knows(k == 1, "c1"));
		assert_int_equal(sw_do(w, k == 1, syncs_pause, "c1.items", &e),
		    0);
		sw_pass(w, 1100);
		assert_true(is(k == 0, "c1.items", "paused"));
		assert_int_equal(sw_do(w, k == 0, syncs_connector_delete, "c1",
		    &e), 0);
		sw_pass(w, 1100);
		assert_false(runner_has(w->node[k == 1].runner, "c1"));
		assert_false(syncs_has(w->node[k == 1].syncs, "c1.items"));
		assert_true(knows(0, "c0") && knows(1, "c0"));
	}
	check_no_lists();
}

/* Both change much, and the state is slow: each knows it soon all the same. */
static void
test_both_change_much(void ** state)
{
	char c[32], t[32];
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < 2; i++)
		fake_state_delay(w->node[i].state, 200);
	for (k = 1; k < 60; k++) {
		snprintf(c, sizeof(c), "c%d", k);
		snprintf(t, sizeof(t), "t%d", k);
		sw_connector(w, (size_t)k % 2, c);
		sw_sync(w, (size_t)k % 2, c, t, HOUR);
		if (k < 6)
			continue;
		/* Five later: that took some five seconds. */
		snprintf(c, sizeof(c), "c%d", k - 5);
		assert_true(knows((size_t)k % 2, c));
		assert_true(knows((size_t)(k + 1) % 2, c));
	}
	check_no_lists();
}

/* Somebody who only counts, or a person: then all is read. */
static void
test_unnamed(void ** state)
{
	(void)state;
	w->tables.unnamed = 1;
	sw_connector(w, 0, "c1");
	sw_sync(w, 0, "c1", "t1", HOUR);
	sw_pass(w, 5000);
	assert_true(knows(1, "c1"));
	assert_in_range(w->tables.connector_lists, 2, 6);
	w->tables.unnamed = 0;
	sw_connector(w, 0, "c2");
	sw_sync(w, 0, "c2", "t2", HOUR);
	sw_pass(w, 5000);
	assert_true(knows(1, "c2"));
	w->tables.lists = w->tables.connector_lists = 0;
	sw_connector(w, 0, "c3");
	sw_pass(w, 1100);
	assert_true(runner_has(w->node[1].runner, "c3"));
	check_no_lists();
}

/* A state that lost things and was written to since, up to the same number. */
static void
test_another_history(void ** state)
{
	size_t n = json_array_size(w->tables.changes);
	json_t * v;

	(void)state;
	sw_pass(w, 20000);
	json_object_set_new(json_object_get(json_object_get(w->tables.records,
	    "sync"), "c0.items"), "every_ms", json_integer(7200000));
	json_array_set_new(w->tables.changes, n - 1, json_sprintf(
	    "%lld elsewhere sync c0.items", (long long)w->tables.generation));
	sw_pass(w, 22000);
	assert_true(w->tables.connector_lists >= 2);
	assert_true(w->tables.lists >= 2);
	v = sw_show(w, 1, "c0.items");
	assert_int_equal(json_integer_value(json_object_get(v, "schedule_ms")),
	    7200000);
	json_decref(v);
}

/* More than the state tells by name. */
static void
test_too_many(void ** state)
{
	json_t * sync = json_object_get(w->tables.records, "sync"), * rec;
	char id[32];
	int k;

	(void)state;
	for (k = 1; k <= STATE_CHANGES + 10; k++) {
		snprintf(id, sizeof(id), "c0.items_%d", k);
		rec = json_deep_copy(json_object_get(sync, "c0.items"));
		json_object_set_new(rec, "id", json_string(id));
		json_object_set_new(sync, id, rec);
		fake_tables_note(&w->tables, "sync", id);
	}
	sw_pass(w, 5000);
	assert_int_equal(syncs_count(w->node[0].syncs), STATE_CHANGES + 11);
	assert_int_equal(syncs_count(w->node[1].syncs), STATE_CHANGES + 11);
	assert_true(w->tables.lists >= 2);
}

/* Asked for by name, and dropped here or there before the answer came; or the
 * state is emptied: nothing comes back, nothing is taken for dropped. */
static void
test_meanwhile(void ** state)
{
	static const int64_t slow = 150;
	struct err e;
	int64_t at;
	int k;

	(void)state;
	for (at = 0, k = 0; at < 3000; at += 70, k++) {
		sw_connector(w, 0, "c1");
		sw_sync(w, 0, "c1", "t1", HOUR);
		sw_pass(w, 3000);
		assert_true(knows(1, "c1"));
		fake_state_delay(w->node[0].state, slow);
		fake_state_delay(w->node[1].state, slow);
		fake_tables_note(&w->tables, "connector", "c1");
		fake_tables_note(&w->tables, "sync", "c1.items");
		sw_pass(w, at);
		assert_int_equal(sw_do(w, (size_t)k % 2,
		    syncs_connector_delete, "c1", &e), 0);
		fake_state_delay(w->node[0].state, 0);
		fake_state_delay(w->node[1].state, 0);
		sw_pass(w, 3000);
		assert_false(runner_has(w->node[0].runner, "c1"));
		assert_false(runner_has(w->node[1].runner, "c1"));
		assert_false(syncs_has(w->node[0].syncs, "c1.items"));
		assert_false(syncs_has(w->node[1].syncs, "c1.items"));
		assert_true(knows(0, "c0") && knows(1, "c0"));
	}
	for (at = 0; at < 3000; at += 70) {
		fake_state_delay(w->node[0].state, slow);
		fake_state_delay(w->node[1].state, slow);
		fake_tables_note(&w->tables, "connector", "c0");
		fake_tables_note(&w->tables, "sync", "c0.items");
		sw_pass(w, at);
		json_object_clear(json_object_get(w->tables.records, "sync"));
		json_object_clear(json_object_get(w->tables.records,
		    "connector"));
		json_array_clear(w->tables.changes);
		w->tables.generation = 0;
		sw_pass(w, 1000);
		fake_state_delay(w->node[0].state, 0);
		fake_state_delay(w->node[1].state, 0);
		sw_pass(w, 60000);
		assert_true(knows(0, "c0") && knows(1, "c0"));
		assert_int_equal(json_object_size(json_object_get(
		    w->tables.records, "sync")), 1);
	}
}

/* An answer that is lost costs a look. */
static void
test_lost_answers(void ** state)
{
	char c[32];
	unsigned k;

	(void)state;
	for (k = 1; k < 8; k++) {
		snprintf(c, sizeof(c), "c%u", k);
		sw_connector(w, 0, c);
		sw_sync(w, 0, c, c, HOUR);
		fake_state_lose(w->node[1].state, k);
		sw_pass(w, 1000 * (k + 4));
		assert_true(knows(1, c));
	}
}

/* ---- waiting for it ---- */

static void
count(void * arg)
{
	++*(int *)arg;
}

static void
test_look(void ** state)
{
	struct syncs_look a = { 0 }, b = { 0 }, c = { 0 };
	int na = 0, nb = 0, nc = 0;

	(void)state;
	sw_connector(w, 0, "c1");
	sw_sync(w, 0, "c1", "t1", HOUR);
	assert_false(knows(1, "c1"));
	assert_true(syncs_look(w->node[1].syncs, &a, count, &na));
	assert_true(syncs_look(w->node[1].syncs, &b, count, &nb));
	assert_true(syncs_look(w->node[1].syncs, &c, count, &nc));
	syncs_look_cancel(&b);
	syncs_look_cancel(&b);
	assert_int_equal(na, 0);
	sw_pass(w, 1);
	assert_int_equal(na + nc, 2);
	assert_int_equal(nb, 0);
	assert_true(knows(1, "c1"));
	check_no_lists();
	/* Whoever comes while one is under way waits for the next. */
	fake_state_delay(w->node[1].state, 50);
	assert_true(syncs_look(w->node[1].syncs, &a, count, &na));
	sw_pass(w, 40);
	sw_connector(w, 0, "c2");
	sw_sync(w, 0, "c2", "t2", HOUR);
	assert_true(syncs_look(w->node[1].syncs, &b, count, &nb));
	sw_pass(w, 400);
	assert_int_equal(na + nb, 3);
	assert_true(knows(1, "c2"));
}

/* A state that hangs or is away: only the first waits, and not for long. */
static void
test_look_hangs(void ** state)
{
	struct syncs_look a = { 0 };
	int n = 0;

	(void)state;
	fake_state_freeze(w->node[1].state, 1);
	assert_true(syncs_look(w->node[1].syncs, &a, count, &n));
	sw_pass(w, 900);
	assert_int_equal(n, 0);
	sw_pass(w, 200);
	assert_int_equal(n, 1);
	assert_false(syncs_look(w->node[1].syncs, &a, count, &n));
	fake_state_freeze(w->node[1].state, 0);
	sw_pass(w, 2000);
	assert_true(syncs_look(w->node[1].syncs, &a, count, &n));
	sw_pass(w, 100);
	assert_int_equal(n, 2);
	fake_state_away(w->node[1].state, 1);
	assert_false(syncs_look(w->node[1].syncs, &a, count, &n));
	fake_state_away(w->node[1].state, 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_by_name), T(test_both_change_much), T(test_unnamed),
		T(test_another_history), T(test_too_many), T(test_meanwhile),
		T(test_lost_answers), T(test_look), T(test_look_hangs),
	};

	return (cmocka_run_group_tests_name("syncs_changes", tests, NULL,
	    NULL));
}
