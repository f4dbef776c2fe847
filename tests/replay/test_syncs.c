#include "sync_world.h"

/* Definitions, the clock, and what is done to syncs: one daemon. */

static void
refused(struct sync_world * w, struct sync_spec s, const char * code,
    const char * says)
{
	struct sw_answer a = { 0 };

	if (s.connector == NULL)
		s.connector = "c";
	if (s.target == NULL)
		s.target = "t";
	sw_put(w, 0, &s, &a);
	assert_true(a.failed);
	if (strcmp(a.e.code, code) != 0 || strstr(a.e.msg, says) == NULL)
		fail_msg("%s: %s", a.e.code, a.e.msg);
	sw_clear(&a);
}

#define REFUSED(code, says, ...) \
	refused(w, (struct sync_spec){ __VA_ARGS__ }, code, says)

static void
test_refused(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	json_t * o = json_pack("{s:s}", "delete", "x");
	json_t * o2 = json_pack("{s:f}", "delete_ratio", 1.5);

	(void)state;
	sw_connector(w, 0, "c");
	sw_connector(w, 0, "shop");
	REFUSED("not_found", "did you mean shop?", .connector = "shpo",
	    .entity = "items");
	REFUSED("not_found", "did you mean items?", .entity = "itmes");
	REFUSED("bad_target", "must have a *", .entity = NULL);
	REFUSED("bad_target", "sqlite_", .entity = "items",
	    .target = "sqlite_x");
	REFUSED("bad_target", "more than one", .entity = NULL,
	    .target = "a-*-*");
	REFUSED("bad_target", "target_database", .entity = "items",
	    .database = "main");
	REFUSED("no_target", "[elasticsearch]", .entity = "items",
	    .target = "es:x");
	REFUSED("bad_schedule", "minute", .entity = "items",
	    .schedule = "61 * * * *");
	REFUSED("bad_schedule", "100 ms", .entity = "items", .every_ms = 99);
	REFUSED("bad_schedule", "not both", .entity = "items",
	    .schedule = "@daily", .every_ms = 1000);
	REFUSED("bad_options", "deletes", .entity = "items", .options = o);
	REFUSED("bad_options", "from 0 to 1", .entity = "items",
	    .options = o2);
	REFUSED("no_column", "no such column", .entity = "people",
	    .incremental = "updated");
	REFUSED("no_column", "is text", .entity = "items",
	    .incremental = "state");
	REFUSED("input", "item", .entity = "parts");
	REFUSED("sql", "line 1, column 1", .entity = "items",
	    .where = "stat = 'x'");
	REFUSED("sql", "line 2, column 5", .entity = "items",
	    .where = "state = 'x'\nAND stat = 'y'");
	REFUSED("sql", "line 1, column 2", .entity = "items",
	    .where = "1) OR (1");
	REFUSED("sql", "line 1, column 2", .entity = "items",
	    .where = "1; SELECT 2");
	REFUSED("no_table", "alone", .entity = "items",
	    .where = "id IN (SELECT id FROM c.people)");
	assert_int_equal(syncs_count(w->node[0].syncs), 0);
	json_decref(o);
	json_decref(o2);
	sw_free(w);
}

static void
test_whole(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 1);
	struct sync_spec s = { .connector = "C", .target = "all-*",
	    .incremental = "UPDATED" };
	struct sw_answer a = { 0 };
	json_t * v;

	(void)state;
	sw_connector(w, 0, "c");
	sw_put(w, 0, &s, &a);
	assert_false(a.failed);
	assert_string_equal(json_string_value(json_object_get(a.v, "sync")),
	    "c.all");
	assert_string_equal(json_string_value(json_object_get(a.v, "engine")),
	    "elastic");
	v = json_object_get(a.v, "entities");
	assert_int_equal(json_array_size(v), 2);
	v = json_array_get(json_object_get(a.v, "left_out"), 0);
	assert_string_equal(json_string_value(json_object_get(v, "entity")),
	    "parts");
	/* What it says is in the state, and comes back. */
	sw_down(w, 0);
	sw_up(w, 0);
	v = sw_show(w, 0, "C.ALL");
	assert_string_equal(json_string_value(json_object_get(v,
	    "incremental")), "updated");
	assert_string_equal(json_string_value(json_object_get(v, "status")),
	    "never ran");
	json_decref(v);
	/* With the input told it is not left out. */
	s.target = "more-*";
	s.where = "item = 'x' OR 1";
	s.entity = "parts";
	s.where = "item = 'x'";
	sw_put(w, 0, &s, &a);
	if (a.failed)
		fail_msg("%s", a.e.msg);
	sw_clear(&a);
	sw_free(w);
}

/* Named anew, replaced, and named after what is taken. */
static void
test_replaced(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	struct sync_spec s = { .connector = "c", .entity = "items",
	    .target = "t", .every_ms = 60000, .incremental = "updated" };
	struct sw_answer a = { 0 };
	json_t * cur;

	(void)state;
	sw_connector(w, 0, "c");
	sw_put(w, 0, &s, &a);
	assert_true(json_is_false(json_object_get(a.v, "replaced")));
	s.target = "t2";
	sw_put(w, 0, &s, &a);
	assert_string_equal(json_string_value(json_object_get(a.v, "sync")),
	    "c.items_2");
	/* The same rows to the same place: the cursor stays ... */
	cur = json_object_get(json_object_get(w->tables.cursors, "c.items"),
	    "cursor");
	json_object_set_new(cur, "items", json_pack("{s:s}", "value", "x"));
	s.target = "t";
	s.every_ms = 1000;
	sw_put(w, 0, &s, &a);
	assert_string_equal(json_string_value(json_object_get(a.v, "sync")),
	    "c.items");
	assert_true(json_is_true(json_object_get(a.v, "replaced")));
	cur = json_object_get(json_object_get(w->tables.cursors, "c.items"),
	    "cursor");
	assert_non_null(json_object_get(cur, "items"));
	/* ... but not for another column. */
	s.incremental = "size";
	sw_put(w, 0, &s, &a);
	assert_false(a.failed);
	cur = json_object_get(json_object_get(w->tables.cursors, "c.items"),
	    "cursor");
	assert_null(json_object_get(cur, "items"));
	assert_int_equal(syncs_count(w->node[0].syncs), 2);
	sw_clear(&a);
	sw_free(w);
}

/* Each piece once; none while the last one goes on. */
static void
test_every(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	size_t i;

	(void)state;
	sw_connector(w, 0, "c");
	sw_sync(w, 0, "c", "t", 1000);
	sw_pass(w, 60000);
	assert_in_range(fake_runs_count("c.items", -1), 59, 60);
	for (i = 0; i < fake_runs.n; i++) {
		assert_int_equal(fake_runs.v[i].bucket % 1000, 0);
		assert_int_equal(fake_runs_count("c.items",
		    fake_runs.v[i].bucket), 1);
	}
	fake_runs.took_ms = 2500;
	fake_runs.n = 0;
	sw_pass(w, 60000);
	assert_in_range(fake_runs.n, 20, 25);
	assert_int_equal(fake_runs.overlapped, 0);
	assert_int_equal(fake_runs.peak, 1);
	sw_free(w);
}

static void
test_cron_missed(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	struct sync_spec s = { .connector = "c", .entity = "items",
	    .target = "t", .schedule = "*/15 * * * *" };
	struct sw_answer a = { 0 };
	json_t * v;

	(void)state;
	sw_connector(w, 0, "c");
	sw_put(w, 0, &s, &a);
	assert_false(a.failed);
	sw_clear(&a);
	/* 22:13:20: not before the quarter. */
	sw_pass(w, 90000);
	assert_int_equal(fake_runs.n, 0);
	sw_pass(w, 20000);
	assert_int_equal(fake_runs.n, 1);
	assert_int_equal(fake_runs.v[0].bucket, SW_START + 100000);
	/* Down over three of them: one run, of the last. */
	sw_down(w, 0);
	fake_loop_advance(w->L, 45 * 60000);
	sw_up(w, 0);
	sw_pass(w, 5000);
	assert_int_equal(fake_runs.n, 2);
	assert_int_equal(fake_runs.v[1].bucket, SW_START + 100000 +
	    45 * 60000);
	v = sw_show(w, 0, "c.items");
	assert_string_equal(json_string_value(json_object_get(v,
	    "next_run_at")), "2023-11-14T23:15:00Z");
	assert_int_equal(json_integer_value(json_object_get(v, "runs")), 2);
	json_decref(v);
	/* Down within one: none. */
	sw_down(w, 0);
	sw_up(w, 0);
	sw_pass(w, 60000);
	assert_int_equal(fake_runs.n, 2);
	sw_free(w);
}

static void
test_clock_steps(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);

	(void)state;
	sw_connector(w, 0, "c");
	sw_sync(w, 0, "c", "t", 60000);
	sw_pass(w, 180000);
	assert_in_range(fake_runs.n, 2, 3);
	/* An hour ahead: one run, then as before. */
	fake_loop_step_wall(w->L, 3600000);
	fake_runs.n = 0;
	sw_pass(w, 60000);
	assert_in_range(fake_runs.n, 1, 2);
	sw_pass(w, 300000);
	assert_in_range(fake_runs.n, 5, 7);
	/* A day back: it goes on, not after a day. */
	fake_loop_step_wall(w->L, -86400000);
	fake_runs.n = 0;
	sw_pass(w, 300000);
	assert_in_range(fake_runs.n, 3, 6);
	/* Each time it is due, although all that was done lies ahead. */
	fake_runs.n = fake_runs.idle = 0;
	sw_pass(w, 600000);
	assert_in_range(fake_runs.n, 9, 11);
	assert_int_equal(fake_runs.idle, 0);
	sw_free(w);
}

static void
test_backoff(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	int64_t began;
	size_t i;

	(void)state;
	sw_connector(w, 0, "c");
	fake_runs.fails = "c.items";
	fake_runs.cls = ERR_TRANSIENT;
	sw_sync(w, 0, "c", "t", 3600000);
	while (fake_runs.n == 0)
		sw_pass(w, 10000);
	sw_pass(w, 3500000);
	/* 15, 30, 60, 120 .. s apart, up to 15 minutes. */
	assert_int_equal(fake_runs.n, 9);
	began = fake_runs.v[0].at_ms;
	for (i = 1; i < 4; i++)
		assert_in_range(fake_runs.v[i].at_ms - began,
		    15000 * ((1 << i) - 1), 15000 * ((1 << i) - 1) + 2000);
	/* The clock is set back: the wait is as long as it was. */
	fake_loop_step_wall(w->L, -88200000);
	fake_runs.n = 0;
	sw_pass(w, 910000);
	assert_int_equal(fake_runs.n, 1);
	/* Well again: the hour. */
	fake_runs.fails = NULL;
	sw_pass(w, 900000);
	fake_runs.n = 0;
	sw_pass(w, 2 * 3600000);
	assert_int_equal(fake_runs.n, 2);
	/* A clock that is set back does not put the next try off. */
	fake_runs.fails = "c.items";
	fake_runs.n = 0;
	while (fake_runs.n == 0)
		sw_pass(w, 10000);
	fake_loop_step_wall(w->L, -1500000);
	fake_runs.n = 0;
	sw_pass(w, 20000);
	assert_int_equal(fake_runs.n, 1);
	fake_loop_step_wall(w->L, 1500000);
	fake_runs.fails = NULL;
	sw_pass(w, 3600000);
	/* Permanent: when it is due again. */
	fake_runs.fails = "c.items";
	fake_runs.cls = ERR_PERMANENT;
	fake_runs.n = 0;
	sw_pass(w, 2 * 3600000);
	assert_int_equal(fake_runs.n, 2);
	sw_free(w);
}

static void
test_config_disables(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	struct sw_answer a = { 0 };
	json_t * v;
	struct err e;

	(void)state;
	sw_connector(w, 0, "c");
	sw_sync(w, 0, "c", "t", 1000);
	fake_runs.fails = "c.items";
	fake_runs.cls = ERR_CONFIG;
	sw_pass(w, 10000);
	assert_int_equal(fake_runs.n, 1);
	v = sw_show(w, 0, "c.items");
	assert_string_equal(json_string_value(json_object_get(v,
	    "disabled_reason")), "the service says no");
	assert_string_equal(json_string_value(json_object_get(v, "verdict")),
	    "failed");
	json_decref(v);
	syncs_run(w->node[0].syncs, "c.items", 0, NULL, sw_ran, &a);
	sw_wait(w, &a);
	assert_string_equal(a.e.code, "disabled");
	sw_clear(&a);
	/* Also after a restart. */
	sw_down(w, 0);
	sw_up(w, 0);
	fake_runs.fails = NULL;
	sw_pass(w, 10000);
	assert_int_equal(fake_runs.n, 1);
	assert_int_equal(sw_do(w, 0, syncs_resume, "c.items", &e), 0);
	sw_pass(w, 10000);
	assert_in_range(fake_runs.n, 10, 12);
	assert_int_equal(sw_do(w, 0, syncs_pause, "c.items", &e), 0);
	fake_runs.n = 0;
	sw_pass(w, 10000);
	assert_int_equal(fake_runs.n, 0);
	sw_free(w);
}

/* Dropped while it runs: no trace is left. */
static void
test_drop_mid_run(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	struct sw_answer a = { 0 };
	struct err e;

	(void)state;
	sw_connector(w, 0, "c");
	sw_sync(w, 0, "c", "t", 0);
	fake_runs.took_ms = 10000;
	syncs_run(w->node[0].syncs, "c.items", 0, NULL, sw_ran, &a);
	sw_pass(w, 5000);
	assert_int_equal(fake_runs.running, 1);
	assert_non_null(json_object_get(w->tables.statuses, "c.items"));
	assert_int_equal(sw_do(w, 0, syncs_drop, "c.items", &e), 0);
	assert_int_equal(fake_runs.running, 0);
	assert_int_equal(a.calls, 1);
	assert_int_equal(a.r.e.cls, ERR_CANCELLED);
	sw_pass(w, 5000);
	assert_null(json_object_get(w->tables.statuses, "c.items"));
	assert_null(json_object_get(w->tables.cursors, "c.items"));
	assert_int_equal(syncs_count(w->node[0].syncs), 0);
	assert_int_equal(sw_do(w, 0, syncs_drop, "c.items", &e), -1);
	assert_string_equal(e.code, "not_found");
	sw_clear(&a);
	sw_free(w);
}

static void
test_redefined_mid_run(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	struct sw_answer a = { 0 };

	(void)state;
	sw_connector(w, 0, "c");
	sw_sync(w, 0, "c", "t", 3600000);
	fake_runs.took_ms = 10000;
	syncs_run(w->node[0].syncs, "c.items", 0, NULL, sw_ran, &a);
	sw_pass(w, 1000);
	/* Only the schedule: the run goes on with what it began. */
	sw_sync(w, 0, "c", "t", 30000);
	assert_int_equal(a.calls, 0);
	sw_pass(w, 9500);
	assert_int_equal(a.calls, 1);
	assert_int_equal(a.r.verdict, SYNC_COMPLETE);
	assert_int_equal(fake_runs.v[0].every_ms, 3600000);
	fake_runs.took_ms = 10;
	sw_pass(w, 60000);
	assert_int_equal(fake_runs.v[1].every_ms, 30000);
	sw_clear(&a);
	sw_free(w);
}

static void
test_waiting(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	struct sw_answer a[3] = { { 0 }, { 0 }, { 0 } };
	struct sync_wait * x;

	(void)state;
	sw_connector(w, 0, "c");
	sw_sync(w, 0, "c", "t", 0);
	fake_runs.took_ms = 5000;
	syncs_run(w->node[0].syncs, "c.items", 0, NULL, sw_ran, &a[0]);
	assert_int_equal(a[0].calls, 0);
	sw_pass(w, 1000);
	/* These two wait for the next one, together. */
	syncs_run(w->node[0].syncs, "c.items", 1, NULL, sw_ran, &a[1]);
	x = syncs_run(w->node[0].syncs, "c.items", 0, NULL, sw_ran, &a[2]);
	sw_pass(w, 4500);
	assert_int_equal(a[0].calls, 1);
	assert_int_equal(a[1].calls, 0);
	syncs_leave(x, 1);
	sw_pass(w, 5000);
	assert_int_equal(a[1].calls, 1);
	assert_int_equal(a[2].calls, 0);
	assert_int_equal(fake_runs.n, 2);
	assert_true(fake_runs.v[1].flags & SYNC_RUN_FULL);
	/* Whoever leaves ends what was begun for him ... */
	x = syncs_run(w->node[0].syncs, "c.items", 0, NULL, sw_ran, &a[2]);
	sw_pass(w, 1000);
	syncs_leave(x, 1);
	sw_pass(w, 100);
	assert_int_equal(fake_runs.running, 0);
	/* ... or lets it run. */
	x = syncs_run(w->node[0].syncs, "c.items", 0, NULL, sw_ran, &a[2]);
	syncs_leave(x, 0);
	sw_pass(w, 6000);
	assert_int_equal(fake_runs_count("c.items", -1), 3);
	x = syncs_run(w->node[0].syncs, "c.itmes", 0, NULL, sw_ran, &a[2]);
	sw_wait(w, &a[2]);
	assert_non_null(strstr(a[2].e.msg, "did you mean c.items?"));
	sw_free(w);
}

/* A hanging service leaves room for the others. */
static void
test_room(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	char t[16];
	int i;

	(void)state;
	sw_connector(w, 0, "slow");
	sw_connector(w, 0, "quick");
	for (i = 0; i < 100; i++) {
		snprintf(t, sizeof(t), "t%d", i);
		sw_sync(w, 0, "slow", t, 60000);
	}
	sw_sync(w, 0, "quick", "q", 60000);
	fake_runs.took_ms = 30000;
	sw_pass(w, 300000);
	assert_int_equal(fake_runs.peak, 17);
	assert_in_range(fake_runs_count("quick.items", -1), 4, 5);
	assert_in_range(fake_runs.n, 100, 170);
	sw_free(w);
}

static void
test_connector(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	struct syncs * S = w->node[0].syncs;
	struct runner * r = w->node[0].runner;
	struct sw_answer a = { 0 };
	json_t * body = json_pack("{s:s, s:s, s:{}, s:s, s:i}", "name", "m",
	    "type", "svc", "config", "target_table", "mt", "schedule_ms",
	    50), * v;
	struct err e;

	(void)state;
	syncs_connector_create(S, body, sw_on, &a);
	sw_wait(w, &a);
	assert_string_equal(a.e.code, "bad_schedule_ms");
	sw_clear(&a);
	/* A target that will not do: the connector does not stay. */
	json_object_set_new(body, "schedule_ms", json_integer(1000));
	json_object_set_new(body, "target_table", json_string("no good"));
	syncs_connector_create(S, body, sw_on, &a);
	sw_wait(w, &a);
	assert_string_equal(a.e.code, "bad_target");
	assert_false(runner_has(r, "m"));
	sw_clear(&a);
	json_object_set_new(body, "target_table", json_string("mt"));
	syncs_connector_create(S, body, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	assert_true(json_is_string(json_object_get(a.v, "id")));
	sw_clear(&a);
	sw_pass(w, 100);
	assert_int_equal(fake_runs.n, 1); /* at once */
	sw_pass(w, 10000);
	v = runner_show(r, "m");
	syncs_connector_show(S, v);
	assert_string_equal(json_string_value(json_object_get(v,
	    "target_table")), "mt");
	assert_int_equal(json_integer_value(json_object_get(v,
	    "last_rows_ingested")), 7);
	assert_string_equal(json_string_value(json_object_get(v, "status")),
	    "connected");
	json_decref(v);
	json_decref(body);
	/* Slower, then another table, under the same name. */
	body = json_pack("{s:i, s:s}", "schedule_ms", 5000, "target_table",
	    "mt2");
	syncs_connector_patch(S, "m", body, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	sw_clear(&a);
	json_decref(body);
	assert_int_equal(syncs_count(S), 1);
	v = sw_show(w, 0, "m.items");
	assert_string_equal(json_string_value(json_object_get(v, "target")),
	    "mt2");
	assert_int_equal(json_integer_value(json_object_get(v,
	    "schedule_ms")), 5000);
	json_decref(v);
	assert_int_equal(sw_do(w, 0, syncs_connector_pause, "m", &e), 0);
	fake_runs.n = 0;
	sw_pass(w, 20000);
	assert_int_equal(fake_runs.n, 0);
	assert_int_equal(sw_do(w, 0, syncs_connector_trigger, "m", &e), -1);
	assert_string_equal(e.code, "disabled");
	if (sw_do(w, 0, syncs_connector_resume, "m", &e))
		fail_msg("%s", e.msg);
	assert_int_equal(sw_do(w, 0, syncs_connector_trigger, "m", &e), 0);
	sw_pass(w, 20000);
	assert_in_range(fake_runs.n, 4, 6);
	/* Gone while it runs. */
	fake_runs.took_ms = 10000;
	sw_pass(w, 6000);
	assert_int_equal(fake_runs.running, 1);
	assert_int_equal(sw_do(w, 0, syncs_connector_delete, "m", &e), 0);
	assert_int_equal(fake_runs.running, 0);
	assert_int_equal(syncs_count(S), 0);
	assert_int_equal(json_object_size(json_object_get(w->tables.records,
	    "sync")), 0);
	sw_free(w);
}

static void
test_explain(void ** state)
{
	struct sync_world * w = sw_new(1, "sqlite", 0);
	struct sync_spec s = { .connector = "c", .target = "x-*",
	    .incremental = "updated" };
	struct sw_answer a = { 0 };
	json_t * v;

	(void)state;
	sw_connector(w, 0, "c");
	syncs_explain(w->node[0].syncs, &s, NULL, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	assert_int_equal(json_array_size(a.v), 3);
	v = json_array_get(a.v, 0);
	assert_string_equal(json_string_value(json_object_get(v, "target")),
	    "x-items");
	assert_non_null(strstr(json_string_value(json_object_get(v,
	    "statement")), "FROM \"c\".\"items\""));
	assert_true(json_array_size(json_object_get(v, "calls")) > 0);
	v = json_array_get(a.v, 2);
	assert_string_equal(json_string_value(json_object_get(v, "entity")),
	    "parts");
	sw_clear(&a);
	sw_sync(w, 0, "c", "t", 0);
	syncs_explain(w->node[0].syncs, NULL, "c.items", sw_on, &a);
	sw_wait(w, &a);
	assert_int_equal(json_array_size(a.v), 1);
	sw_clear(&a);
	assert_int_equal(fake_http_requests(w->http, NULL), 0);
	sw_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_every),
		cmocka_unit_test(test_cron_missed),
		cmocka_unit_test(test_clock_steps),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_config_disables),
		cmocka_unit_test(test_drop_mid_run),
		cmocka_unit_test(test_redefined_mid_run),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_connector),
		cmocka_unit_test(test_explain),
	};

	return (cmocka_run_group_tests_name("syncs", tests, NULL, NULL));
}
