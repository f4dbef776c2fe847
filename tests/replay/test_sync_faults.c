/* Runs of syncs: leases, stops, targets that stall or fail, a state that is away. */
#include "sync_rig.h"

#define INC ",\"incremental\":\"updated\""

/* Let it run until it has written ${rows}. */
static void
until_rows(struct rig * g, uint64_t rows)
{
	while (g->target.rows < rows)
		if (g->is_done || !fake_loop_step(g->L, 60000))
			fail_msg("it does not write");
}

static const json_t *
record(struct rig * g)
{
	return (json_object_get(json_object_get(g->tables.cursors, "it.asc"),
	    "cursor"));
}

static void
test_lease_is_kept(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);

	(void)state;
	rig_fill(g, 100, 500);
	g->target.delay_ms = 40000;
	rig_start(g, d, 0);
	fake_loop_advance(g->L, 70000);
	assert_false(g->is_done);
	assert_string_equal(sync_run_state_name(g->run), "read");
	rig_wait(g);
	rig_is(g, SYNC_COMPLETE);
	assert_true(g->res.took_ms > 2 * RIG_LEASE);
	assert_true(g->told > 0);
	assert_int_equal(json_object_size(g->tables.leases), 0);
	rig_end(g, d);
}

static void
test_lease_is_taken(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);
	uint64_t rows;

	(void)state;
	rig_fill(g, 200, 500);
	g->target.delay_ms = 4000;
	rig_start(g, d, 0);
	until_rows(g, 10);
	json_object_clear(g->tables.leases);
	fake_loop_advance(g->L, RIG_LEASE / 3);
	assert_true(g->is_done);
	rig_is(g, SYNC_FAILED);
	assert_int_equal(g->res.e.cls, ERR_TRANSIENT);
	assert_string_equal(g->res.e.code, "lease_lost");
	rows = g->target.rows;
	fake_loop_advance(g->L, 60000);
	assert_int_equal(g->target.rows, rows);
	assert_null(json_object_get(record(g), "bucket"));
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-asc"));
	rig_end(g, d);
}

/* The state does not answer for as long as the lease lasts. */
static void
test_state_hangs(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);

	(void)state;
	rig_fill(g, 60, 500);
	g->target.delay_ms = 20000;
	rig_start(g, d, 0);
	until_rows(g, 10);
	fake_state_delay(g->state, 3600000);
	fake_loop_advance(g->L, RIG_LEASE);
	assert_true(g->is_done);
	assert_string_equal(g->res.e.code, "lease_lost");
	/* The answers find nobody. */
	fake_state_delay(g->state, 0);
	fake_loop_advance(g->L, 3600000);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-asc"));
	rig_end(g, d);
}

/* Stopped at each event for longer than the lease, while another daemon does it. */
static void
stopped(const char * entity)
{
	struct rig * g;
	struct sync_def * d;
	char table[32];
	json_t * was;
	int at, i, ended = 0;

	snprintf(table, sizeof(table), "t-%s", entity);
	for (at = 0; !ended; at += at < 30 ? 1 : 7) {
		g = rig_new("{}");
		d = rig_def(entity, INC);
		rig_fill(g, 23, 500);
		rig_start(g, d, 0);
		for (i = 0; i < at && !g->is_done; i++)
			fake_loop_step(g->L, 60000);
		ended = g->is_done;
		if (!ended) {
			fake_loop_sleep(g->L, RIG_LEASE + 1);
			/* Its successor, done at once. */
			rig_touch(g, 3);
			g->tables.fence++;
			was = json_pack("{s:I, s:{s:I, s:I}}", "fence",
			    g->tables.fence, "cursor", "bucket", (json_int_t)77,
			    "run", g->tables.fence);
			json_object_set_new(g->tables.cursors, d->id, was);
			json_incref(was);
			json_object_clear(g->tables.leases);
			rig_wait(g);
			/* Unless its claim came only now. */
			if (g->res.fence != 0 &&
			    g->res.fence < g->tables.fence) {
				assert_int_not_equal(g->res.verdict,
				    SYNC_COMPLETE);
				assert_true(json_equal(json_object_get(
				    g->tables.cursors, d->id), was));
			}
			json_decref(was);
		}
		fake_loop_advance(g->L, RIG_LEASE);
		json_object_clear(g->tables.cursors);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		if (!rig_same(g, table))
			fail_msg("%s, event %d", entity, at);
		sync_def_unref(d);
		rig_free(g);
	}
}

static void
test_stopped(void ** state)
{
	(void)state;
	stopped("asc");
	stopped("any");
	stopped("desc");
}

/* Cancelled at each event: it ends, says so, and leaves nothing. */
static void
test_cancel(void ** state)
{
	struct rig * g;
	struct sync_def * d;
	int at, i, ended = 0;

	(void)state;
	for (at = 0; !ended; at++) {
		g = rig_new("{}");
		d = rig_def("asc", INC);
		rig_fill(g, 13, 500);
		rig_start(g, d, 0);
		for (i = 0; i < at && !g->is_done; i++)
			fake_loop_step(g->L, 60000);
		ended = g->is_done;
		sync_run_cancel(g->run, "the daemon stops");
		sync_run_cancel(g->run, "again");
		if (!ended)
			rig_wait(g);
		if (g->res.verdict == SYNC_FAILED) {
			assert_int_equal(g->res.e.cls, ERR_CANCELLED);
			assert_string_equal(g->res.reason, "the daemon stops");
			assert_null(json_object_get(record(g), "bucket"));
		} else
			rig_is(g, SYNC_COMPLETE);
		fake_loop_settle(g->L);
		assert_int_equal(json_object_size(g->tables.leases), 0);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_true(rig_same(g, "t-asc"));
		sync_def_unref(d);
		rig_free(g);
	}
	sync_run_cancel(NULL, "nobody");
}

static void
test_target_stalls(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);
	struct sync_progress p;

	(void)state;
	rig_fill(g, 200, 500);
	rig_start(g, d, 0);
	until_rows(g, 20);
	g->target.stalled = 1;
	fake_loop_advance(g->L, 600000);
	assert_false(g->is_done);
	sync_run_progress(g->run, &p);
	assert_true(p.rows - p.written <= g->target.window);
	assert_string_equal(p.entity, "asc");
	g->target.stalled = 0;
	rig_wait(g);
	rig_is(g, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-asc"));
	rig_end(g, d);
}

static void
target_fails(const char * code, enum err_class cls, enum err_class want)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);

	rig_fill(g, 60, 500);
	g->target.fail_at = 25;
	g->target.fail_cls = cls;
	g->target.fail_code = code;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_int_equal(g->res.e.cls, want);
	assert_string_equal(g->res.e.code, code);
	assert_int_equal(json_object_get(record(g), "bucket") != NULL,
	    want == ERR_PERMANENT);
	/* Not everything given was there. */
	assert_null(rig_cursor(g, d, "asc", "value"));
	g->target.fail_at = 0;
	fake_loop_advance(g->L, RIG_LEASE + 1);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-asc"));
	rig_end(g, d);
}

static void
test_target_fails(void ** state)
{
	(void)state;
	target_fails("away", ERR_TRANSIENT, ERR_TRANSIENT);
	target_fails("mapping", ERR_PERMANENT, ERR_PERMANENT);
	target_fails("fenced", ERR_PERMANENT, ERR_TRANSIENT);
}

/* A long run keeps what it has, and no more often than it should. */
static void
test_steps(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);
	unsigned calls;

	(void)state;
	rig_fill(g, 300, 500);
	g->delay_ms = 1000;
	rig_start(g, d, 0);
	fake_loop_advance(g->L, 30500);
	assert_false(g->is_done);
	assert_non_null(rig_cursor(g, d, "asc", "value"));
	/* take, get, and each 5 s a put and each 10 s a keep. */
	calls = g->tables.calls;
	assert_in_range(calls, 6, 11);
	rig_crash(g);
	g->delay_ms = 20;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_in_range(g->res.p.written, 150, 190);
	assert_true(rig_same(g, "t-asc"));
	rig_end(g, d);
}

/* The state comes back in time: the run loses nothing. */
static void
test_state_away(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);

	(void)state;
	rig_fill(g, 30, 500);
	rig_start(g, d, 0);
	until_rows(g, 20);
	fake_state_away(g->state, 1);
	fake_loop_advance(g->L, RIG_LEASE / 2);
	assert_false(g->is_done);
	assert_string_equal(sync_run_state_name(g->run), "release");
	fake_state_away(g->state, 0);
	rig_wait(g);
	rig_is(g, SYNC_COMPLETE);
	assert_non_null(json_object_get(record(g), "bucket"));
	/* And where it does not: */
	rig_touch(g, 3);
	rig_start(g, d, SYNC_RUN_FULL);
	until_rows(g, 50);
	fake_state_away(g->state, 1);
	rig_wait(g);
	rig_is(g, SYNC_FAILED);
	assert_int_equal(g->res.e.cls, ERR_TRANSIENT);
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_string_equal(g->res.e.code, "redis_away");
	fake_state_away(g->state, 0);
	fake_loop_advance(g->L, RIG_LEASE);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-asc"));
	rig_end(g, d);
}

/* Our clock jumps: leases do not mind, and the cursor is the service's. */
static void
test_clock_steps(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("any", INC);
	int64_t step = 86400000;

	(void)state;
	rig_fill(g, 60, 500);
	for (int i = 0; i < 6; i++) {
		rig_start(g, d, 0);
		until_rows(g, g->target.rows + (i == 0 ? 10 : 0));
		fake_loop_step_wall(g->L, step);
		g->ahead_ms -= step;
		rig_touch(g, 1);
		rig_wait(g);
		rig_is(g, SYNC_COMPLETE);
		rig_touch(g, 58);
		step = -step;
	}
	rig_run(g, d, 0);
	assert_true(rig_same(g, "t-any"));
	rig_end(g, d);
}

/* Another sync, which does not see all that this one does, has a row of it under a
 * later fence: it is not passed over for good. */
static void
test_passed_over(void ** state)
{
	static const char * const entities[] = { "asc", "newest", "any" };
	char table[16], was[64];
	struct sync_def * d;
	struct rig * g;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		g = rig_new("{}");
		d = rig_def(entities[i], INC);
		snprintf(table, sizeof(table), "t-%s", entities[i]);
		rig_fill(g, 20, 500);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		snprintf(was, sizeof(was), "%s", json_string_value(
		    rig_cursor(g, d, entities[i], "value")));
		fake_loop_advance(g->L, 60000);
		rig_touch(g, 10);
		g->target.pass = "11|";
		rig_runs(g, d, 0, SYNC_PARTIAL);
		assert_string_equal(g->res.reason, "1 row was left as a later "
		    "run of another sync wrote it: the next run looks again");
		assert_string_equal(json_string_value(rig_cursor(g, d,
		    entities[i], "value")), was);
		g->target.pass = NULL;
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_true(rig_same(g, table));
		sync_def_unref(d);
		rig_free(g);
	}
	/* Who reads all each time needs no cursor for that. */
	g = rig_new("{}");
	d = rig_def("bare", "");
	rig_fill(g, 20, 500);
	g->target.pass = "11|";
	rig_runs(g, d, 0, SYNC_COMPLETE);
	rig_end(g, d);
}

#define T(t) cmocka_unit_test(t)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lease_is_kept), T(test_lease_is_taken),
		T(test_state_hangs), T(test_stopped), T(test_cancel),
		T(test_target_stalls), T(test_target_fails), T(test_steps),
		T(test_state_away), T(test_clock_steps),
		T(test_passed_over),
	};

	return (cmocka_run_group_tests_name("sync faults", tests, NULL,
	    NULL));
}
