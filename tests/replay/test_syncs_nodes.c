#include "sync_world.h"

/* Several daemons on one state. */

#define MINUTE 60000

static char *
name(char * out, const char * begin, int i)
{
	snprintf(out, 32, "%s%d", begin, i);
	return (out);
}

/* ${n} syncs of a connector a dozen, each once in ${every}. */
static void
make_each(struct sync_world * w, int n, int64_t every)
{
	char c[32], t[32];
	int i;

	for (i = 0; i < n; i++) {
		name(c, "c", i / 12);
		if (i % 12 == 0)
			sw_connector(w, (size_t)i / 12 % w->n, c);
		/* The others look each second. */
		if (i % 12 == 0)
			sw_pass(w, 2000);
		sw_sync(w, (size_t)i % w->n, c, name(t, "t", i), every);
	}
	sw_pass(w, 12000);
}

static void
make(struct sync_world * w, int n)
{
	make_each(w, n, MINUTE);
}

/* Each bucket once at most, and how many there are from ${from} on. */
static size_t
check_once(int64_t from)
{
	size_t i, k, n = 0;

	for (i = 0; i < fake_runs.n; i++) {
		if (fake_runs.v[i].verdict != SYNC_COMPLETE ||
		    fake_runs.v[i].bucket < from)
			continue;
		n++;
		for (k = i + 1; k < fake_runs.n; k++)
			if (fake_runs.v[k].bucket == fake_runs.v[i].bucket &&
			    fake_runs.v[k].verdict == SYNC_COMPLETE &&
			    strcmp(fake_runs.v[k].id, fake_runs.v[i].id) == 0)
				fail_msg("%s ran twice in bucket %lld",
				    fake_runs.v[i].id,
				    (long long)fake_runs.v[i].bucket);
	}
	assert_int_equal(fake_runs.overlapped, 0);
	return (n);
}

static size_t
mine(struct sync_world * w, size_t i)
{
	struct syncs_stats st;

	syncs_stats_get(w->node[i].syncs, &st);
	return (st.mine);
}

static void
test_spread(void ** state)
{
	struct sync_world * w = sw_new(3, "redis", 1);
	unsigned calls;
	size_t i, sum = 0, n;

	(void)state;
	make(w, 300);
	for (i = 0; i < 3; i++) {
		assert_int_equal(syncs_count(w->node[i].syncs), 300);
		assert_in_range(mine(w, i), 70, 130);
		sum += mine(w, i);
	}
	assert_int_equal(sum, 300);
	sw_pass(w, MINUTE);
	fake_runs.n = fake_runs.idle = 0;
	calls = w->tables.calls;
	sw_pass(w, 5 * MINUTE);
	n = check_once(0);
	assert_in_range(n, 5 * 300 - 20, 5 * 300 + 20);
	assert_int_equal(fake_runs.idle, 0);
	/* Nobody asks who does not run it: claim, cursor, cursor, drop. */
	assert_in_range(w->tables.calls - calls, 4 * n - 20, 4 * n + 20);
	sw_free(w);
}

/* One dies in the middle of runs: the others do its work, from the bucket on that
 * was not done. */
static void
test_killed(void ** state)
{
	struct sync_world * w = sw_new(3, "redis", 1);
	size_t i;

	(void)state;
	make(w, 120);
	fake_runs.took_ms = 3000;
	sw_pass(w, 2 * MINUTE);
	assert_true(mine(w, 1) > 20);
	fake_runs.dead = "node-b";
	fake_state_freeze(w->node[1].state, 1);
	/* Its last heartbeat, and the leases it held. */
	sw_pass(w, 60000);
	assert_int_equal(mine(w, 0) + mine(w, 2), 120);
	fake_runs.n = 0;
	sw_pass(w, 5 * MINUTE);
	for (i = 0; i < fake_runs.n; i++)
		assert_string_not_equal(fake_runs.v[i].node, "node-b");
	assert_in_range(check_once(0), 5 * 120 - 10, 5 * 120 + 10);
	sw_free(w);
}

/* From the end of a node in the middle of a run until another one has begun it. */
static int64_t
taken_over_after(struct sync_world * w, int64_t phase)
{
	size_t running, own;
	int64_t took = 0;

	make_each(w, 1, 3000);
	own = mine(w, 0) == 1 ? 0 : 1;
	fake_runs.took_ms = 2000;
	while (fake_runs.running == 0)
		sw_pass(w, 10);
	sw_pass(w, phase);
	fake_runs.dead = w->node[own].id;
	fake_state_freeze(w->node[own].state, 1);
	for (running = fake_runs.running; fake_runs.running == running &&
	    took < 60000; took += 10)
		sw_pass(w, 10);
	return (took);
}

/* Whatever the lease, and however long ago the last heartbeat was. */
static void
test_within_lease(void ** state)
{
	static const int64_t leases[] = { 1000, 5000, 30000 };
	struct sync_world * w;
	int64_t took, phase;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(leases) / sizeof(leases[0]); i++)
		for (phase = 10; phase < 700; phase += 97) {
			sw_lease_ms = leases[i];
			w = sw_new(2, "redis", 1);
			took = taken_over_after(w, phase);
			if (took > leases[i])
				fail_msg("lease %lld: taken over after %lld",
				    (long long)leases[i], (long long)took);
			sw_free(w);
		}
	sw_lease_ms = 0;
}

/* One comes, one goes in good order: nothing is done twice, nothing left out. */
static void
test_join_leave(void ** state)
{
	struct sync_world * w = sw_new(3, "redis", 1);
	size_t before;

	(void)state;
	sw_down(w, 2);
	sw_pass(w, 30000);
	make(w, 0);
	w->n = 2;
	make(w, 120);
	w->n = 3;
	assert_int_equal(mine(w, 0) + mine(w, 1), 120);
	sw_pass(w, 2 * MINUTE);
	fake_runs.n = 0;
	sw_up(w, 2);
	sw_pass(w, 5 * MINUTE);
	before = mine(w, 2);
	assert_in_range(before, 20, 60);
	assert_in_range(check_once(0), 5 * 120 - 15, 5 * 120 + 15);
	sw_down(w, 2);
	fake_runs.n = 0;
	sw_pass(w, 5 * MINUTE);
	/* Not known to have left before its heartbeat is old: what was due
	 * meanwhile comes late, but comes. */
	assert_in_range(check_once(0), 5 * 120 - 60, 5 * 120 + 15);
	sw_free(w);
}

/* Stopped past everything, and back: it asks first who is there. */
static void
test_paused(void ** state)
{
	struct sync_world * w = sw_new(3, "redis", 1);

	(void)state;
	make(w, 90);
	sw_pass(w, 2 * MINUTE);
	fake_runs.n = fake_runs.idle = 0;
	fake_state_freeze(w->node[0].state, 1);
	sw_pass(w, 3 * MINUTE);
	assert_int_equal(mine(w, 1) + mine(w, 2), 90);
	fake_state_freeze(w->node[0].state, 0);
	sw_pass(w, 3 * MINUTE);
	assert_int_equal(mine(w, 0) + mine(w, 1) + mine(w, 2), 90);
	assert_in_range(check_once(0), 6 * 90 - 45, 6 * 90 + 10);
	sw_free(w);
}

static void
test_state_away(void ** state)
{
	struct sync_world * w = sw_new(2, "redis", 1);
	struct sw_answer a = { 0 };
	size_t i, known = 0;
	json_t * v;

	(void)state;
	make(w, 24);
	sw_pass(w, MINUTE);
	for (i = 0; i < 2; i++)
		sw_cut(w, i, 1);
	sw_pass(w, 30000);
	fake_runs.n = 0;
	sw_pass(w, 3 * MINUTE);
	assert_int_equal(check_once(0), 0);
	/* What they remember they still show, and that it may be old. */
	v = sw_show(w, mine(w, 0) > mine(w, 1), "c0.items");
	assert_string_equal(json_string_value(json_object_get(v, "status")),
	    "waiting");
	assert_non_null(strstr(json_string_value(json_object_get(v, "stale")),
	    "away"));
	json_decref(v);
	syncs_list(w->node[0].syncs, NULL, 100, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	json_array_foreach(json_object_get(a.v, "items"), i, v)
		known += json_is_string(json_object_get(v, "verdict"));
	assert_int_equal(json_array_size(json_object_get(a.v, "items")), 24);
	assert_int_equal(known, mine(w, 0));
	sw_clear(&a);
	/* Whoever asks for one is told. */
	syncs_run(w->node[0].syncs, "c0.items", 0, NULL, sw_ran, &a);
	sw_wait(w, &a);
	assert_true(a.has_r);
	assert_string_equal(a.r.e.code, "redis_away");
	for (i = 0; i < 2; i++)
		sw_cut(w, i, 0);
	fake_runs.n = 0;
	/* Each once, soon, for all that was missed. */
	sw_pass(w, 30000);
	assert_in_range(check_once(0), 24, 40);
	sw_clear(&a);
	sw_free(w);
}

/* SQLite's lie with their node. */
static void
test_sqlite_stays(void ** state)
{
	struct sync_world * w = sw_new(2, "redis", 0);
	struct sw_answer a = { 0 };
	json_t * v;
	size_t i;

	(void)state;
	make(w, 12);
	assert_int_equal(mine(w, 0), 6);
	sw_pass(w, 2 * MINUTE);
	for (i = 0; i < fake_runs.n; i++)
		assert_true(strncmp(fake_runs.v[i].node, "node-", 5) == 0);
	assert_true(fake_runs.n >= 24);
	syncs_run(w->node[1].syncs, "c0.items", 0, NULL, sw_ran, &a);
	sw_wait(w, &a);
	assert_string_equal(a.e.code, "not_here");
	assert_non_null(strstr(a.e.msg, "node-a"));
	v = sw_show(w, 1, "c0.items");
	assert_string_equal(json_string_value(json_object_get(v, "node")),
	    "node-a");
	assert_string_equal(json_string_value(json_object_get(v, "status")),
	    "complete");
	json_decref(v);
	/* The file's node is away: nobody else writes it. */
	sw_down(w, 0);
	fake_runs.n = 0;
	sw_pass(w, 3 * MINUTE);
	for (i = 0; i < fake_runs.n; i++)
		assert_string_equal(fake_runs.v[i].node, "node-b");
	sw_clear(&a);
	sw_free(w);
}

/* What one changes the others take over, also where it runs. */
static void
test_changed_elsewhere(void ** state)
{
	struct sync_world * w = sw_new(2, "redis", 1);
	json_t * body = json_pack("{s:i}", "every_ms", 5000), * v;
	struct sw_answer a = { 0 };
	struct err e;
	size_t owner, other;

	(void)state;
	make(w, 1);
	owner = mine(w, 0) == 1 ? 0 : 1;
	other = 1 - owner;
	syncs_patch(w->node[other].syncs, "c0.items", body, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	sw_pass(w, 2000);
	fake_runs.n = 0;
	sw_pass(w, MINUTE);
	assert_in_range(check_once(0), 11, 13);
	/* Asked for there while it runs here. */
	fake_runs.took_ms = 4500;
	sw_pass(w, 8000);
	sw_clear(&a);
	syncs_run(w->node[other].syncs, "c0.items", 0, NULL, sw_ran, &a);
	while (a.calls == 0)
		sw_pass(w, 1000);
	assert_true(a.has_r);
	assert_int_equal(a.r.verdict, SYNC_COMPLETE);
	assert_int_equal(fake_runs.overlapped, 0);
	while (fake_runs.running == 0)
		sw_pass(w, 100);
	/* Paused from there: what runs here ends. */
	assert_int_equal(sw_do(w, other, syncs_pause, "c0.items", &e), 0);
	sw_pass(w, 2500);
	assert_int_equal(fake_runs.running, 0);
	v = sw_show(w, owner, "c0.items");
	assert_string_equal(json_string_value(json_object_get(v, "status")),
	    "paused");
	json_decref(v);
	assert_int_equal(sw_do(w, other, syncs_resume, "c0.items", &e), 0);
	while (fake_runs.running == 0)
		sw_pass(w, 100);
	/* Its connector is dropped there. */
	assert_int_equal(sw_do(w, other, syncs_connector_delete, "c0", &e),
	    0);
	sw_pass(w, 10000);
	assert_int_equal(fake_runs.running, 0);
	assert_int_equal(syncs_count(w->node[owner].syncs), 0);
	assert_null(json_object_get(w->tables.cursors, "c0.items"));
	json_decref(body);
	sw_clear(&a);
	sw_free(w);
}

/* The daemon that dropped a connector died before it came to the syncs. */
static void
test_orphans(void ** state)
{
	struct sync_world * w = sw_new(2, "redis", 1);

	(void)state;
	make(w, 3);
	json_object_del(json_object_get(w->tables.records, "connector"), "c0");
	w->tables.generation++;
	sw_pass(w, 5000);
	assert_int_equal(syncs_count(w->node[0].syncs), 0);
	assert_int_equal(syncs_count(w->node[1].syncs), 0);
	assert_int_equal(json_object_size(json_object_get(w->tables.records,
	    "sync")), 0);
	sw_free(w);
}

/* The state was emptied: what the daemons know is written again. */
static void
test_lost(void ** state)
{
	struct sync_world * w = sw_new(2, "redis", 1);

	(void)state;
	make(w, 24);
	json_object_clear(json_object_get(w->tables.records, "connector"));
	json_object_clear(json_object_get(w->tables.records, "sync"));
	json_object_clear(w->tables.leases);
	json_object_clear(w->tables.cursors);
	w->tables.generation = 0;
	sw_pass(w, 10000);
	assert_int_equal(json_object_size(json_object_get(w->tables.records,
	    "sync")), 24);
	assert_int_equal(syncs_count(w->node[0].syncs), 24);
	assert_int_equal(syncs_count(w->node[1].syncs), 24);
	fake_runs.n = 0;
	sw_pass(w, 3 * MINUTE);
	assert_in_range(check_once(0), 3 * 24 - 3, 3 * 24 + 3);
	sw_free(w);
}

/* Emptied at any moment, also while it is read: nobody takes what is missing for
 * dropped. */
static void
test_lost_midway(void ** state)
{
	struct sync_world * w;
	int64_t at;
	size_t i;

	(void)state;
	for (at = 0; at < 12000; at += 400) {
		w = sw_new(2, "redis", 1);
		make(w, 12);
		for (i = 0; i < 2; i++)
			fake_state_delay(w->node[i].state, 450);
		w->tables.generation++;
		sw_pass(w, 4000);
		w->tables.generation++;
		sw_pass(w, at);
		json_object_clear(json_object_get(w->tables.records, "sync"));
		w->tables.generation = 0;
		sw_pass(w, 60000);
		assert_int_equal(syncs_count(w->node[0].syncs), 12);
		assert_int_equal(syncs_count(w->node[1].syncs), 12);
		assert_int_equal(json_object_size(json_object_get(
		    w->tables.records, "sync")), 12);
		sw_free(w);
	}
}

/* One makes many, one after the other, from a state that is slow to tell all: the
 * others read it now and then, and miss none. */
static void
test_burst(void ** state)
{
	struct sync_world * w = sw_new(3, "redis", 1);
	char t[32];
	unsigned lists;
	size_t i;
	int k;

	(void)state;
	make(w, 1);
	/* It is an older one, that does not say what it changed. */
	w->tables.unnamed = 1;
	for (i = 1; i < 3; i++)
		fake_state_delay(w->node[i].state, 200);
	lists = w->tables.lists;
	for (k = 0; k < 300; k++) {
		sw_sync(w, 0, "c0", name(t, "b", k), MINUTE);
		sw_pass(w, 200);
	}
	/* A minute: a list takes 0.4 s there, and nothing at home. */
	assert_in_range(w->tables.lists - lists, 60, 60 + 2 * 16);
	sw_pass(w, 12000);
	for (i = 0; i < 3; i++)
		assert_int_equal(syncs_count(w->node[i].syncs), 301);
	sw_free(w);
}

/* Memory and timers for ten thousand. */
static void
test_many(void ** state)
{
	struct sync_world * w = sw_new(1, "redis", 1);
	json_t * sync = json_object_get(w->tables.records, "sync");
	char id[32], t[32];
	int i;

	(void)state;
	sw_connector(w, 0, "c");
	for (i = 0; i < 10000; i++) {
		name(id, "c.items_", i);
		json_object_set_new(sync, id, json_pack("{s:i, s:s, "
		    "s:s, s:[s], s:s, s:s, s:i, s:I}",
		    "v", 1, "id", id, "connector", "c", "entities", "items",
		    "engine", "elastic", "target", name(t, "t", i),
		    "every_ms", MINUTE, "created_at", (json_int_t)SW_START));
	}
	w->tables.generation++;
	sw_pass(w, 5000);
	assert_int_equal(syncs_count(w->node[0].syncs), 10000);
	assert_true(fake_loop_made(w->L) < 300);
	sw_pass(w, 2 * MINUTE);
	fake_runs.n = 0;
	sw_pass(w, MINUTE);
	assert_in_range(fake_runs.n, 9900, 10100);
	sw_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_within_lease),
		cmocka_unit_test(test_join_leave),
		cmocka_unit_test(test_paused),
		cmocka_unit_test(test_state_away),
		cmocka_unit_test(test_sqlite_stays),
		cmocka_unit_test(test_changed_elsewhere),
		cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_lost_midway),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_many),
	};

	return (cmocka_run_group_tests_name("syncs_nodes", tests, NULL, NULL));
}
