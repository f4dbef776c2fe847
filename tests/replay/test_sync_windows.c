/* Syncs that ask for what is new in windows, and of services that forget. */
#include "base/rfc3339.h"
#include "sync/sync_run_internal.h"
#include "sync_rig.h"

#define INC ",\"incremental\":\"updated\""
#define MINUTE INT64_C(60000)

/* One every ${every} ms. */
static void
fill(struct rig * g, size_t n, int64_t every)
{
	while (n-- > 0) {
		rig_add(g);
		fake_loop_advance(g->L, every);
	}
}

static int64_t
cursor_ms(struct rig * g, struct sync_def * d, const char * entity)
{
	const char * s = json_string_value(rig_cursor(g, d, entity, "value"));
	int64_t ms;

	if (s == NULL)
		return (0);
	assert_int_equal(rfc3339_parse(s, strlen(s), &ms, NULL), 0);
	return (ms);
}

static void
test_one_after_another(void ** state)
{
	static const char * const ents[] = { "steps", "stepped" };
	struct rig * g;
	struct sync_def * d;
	char table[20];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		g = rig_new("{}");
		d = rig_def(ents[i], INC);
		snprintf(table, sizeof(table), "t-%s", ents[i]);
		/* Some in each window, none in several, and some again. */
		fill(g, 60, MINUTE);
		fake_loop_advance(g->L, 60 * MINUTE);
		fill(g, 20, MINUTE);
		fake_loop_advance(g->L, 10 * MINUTE);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_int_equal(g->res.p.written, 80);
		assert_true(rig_same(g, table));
		/* The bound itself is the service's to send or not. */
		assert_in_range(g->widest_ms, 10 * MINUTE, 10 * MINUTE + 1000);
		assert_in_range(g->windows, 13, 100);
		/* The next run begins where this one ended. */
		g->oldest_ms = 0;
		g->windows = 0;
		rig_touch(g, 3);
		fake_loop_advance(g->L, 2 * MINUTE);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_int_equal(g->res.p.written, 1);
		assert_true(rig_same(g, table));
		assert_true(g->windows <= 2);
		assert_true(g->oldest_ms > RIG_START + 120 * MINUTE);
		sync_def_unref(d);
		rig_free(g);
	}
}

/* An order that says nothing moves the cursor with each window: a run that dies goes
 * on there. */
static void
test_crash_goes_on(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("steps", INC);
	int64_t at;
	int pages;

	(void)state;
	fill(g, 120, MINUTE);
	rig_start(g, d, 0);
	while (g->windows < 6)
		fake_loop_advance(g->L, 100);
	fake_loop_advance(g->L, 20);
	rig_crash(g);
	at = cursor_ms(g, d, "steps");
	assert_in_range(at, RIG_START + 30 * MINUTE, RIG_START + 60 * MINUTE);
	assert_int_equal((at - RIG_START) % (10 * MINUTE), 0);
	g->oldest_ms = 0;
	pages = g->pages;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-steps"));
	assert_int_equal(g->oldest_ms, at);
	assert_true(g->pages - pages < 30);
	rig_end(g, d);
}

/* A window that fails is not passed over. */
static void
test_a_window_fails(void ** state)
{
	struct rig * g = rig_new("{\"retry_count\":0}");
	struct sync_def * d = rig_def("steps", INC);
	int at;

	(void)state;
	for (at = 1; at < 26; at += 3) {
		fill(g, 12, 2 * MINUTE);
		g->status = 500;
		g->status_at = g->pages + at;
		rig_run(g, d, 0);
		g->status = 0;
		if (g->res.verdict != SYNC_FAILED)
			break;
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_true(rig_same(g, "t-steps"));
	}
	assert_true(at > 4);
	rig_end(g, d);
}

/* What the service tells late is read by the next run. */
static void
test_lag(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("stepped", INC);
	size_t late;

	(void)state;
	fill(g, 30, MINUTE);
	/* Three minutes old, and not to be seen yet. */
	rig_add(g);
	late = g->nitems - 1;
	g->items[late].gone = 1;
	fake_loop_advance(g->L, 3 * MINUTE);
	fill(g, 2, 1000);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 32);
	g->items[late].gone = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-stepped"));
	rig_end(g, d);
}

/* Numbers: windows until one is empty, then the rest at once. */
static void
test_counter(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("counts", ",\"incremental\":\"id\"");
	size_t i;

	(void)state;
	fill(g, 70, 1000);
	for (i = 45; i < g->nitems; i++)
		g->items[i].id += 200;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-counts"));
	assert_int_equal(g->windows, 4);
	fill(g, 5, 1000);
	for (i = 70; i < g->nitems; i++)
		g->items[i].id += 1000;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 5);
	assert_true(rig_same(g, "t-counts"));
	rig_end(g, d);
}

/* The service keeps an hour.  A first run begins there, where there are windows. */
static void
test_first_run_of_what_is_kept(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("kept", INC);
	int64_t begun;

	(void)state;
	fill(g, 50, 4 * MINUTE);
	begun = RIG_START + 200 * MINUTE;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->oldest_ms, begun - 60 * MINUTE);
	assert_int_equal(g->res.p.written, 15);
	assert_in_range(g->windows, 5, 7);
	rig_end(g, d);
}

/* What changed while nobody looked for longer than that is lost, and it is said once. */
static void
test_gap(void ** state)
{
	static const char * const ents[] = { "kept", "keeps" };
	struct rig * g;
	struct sync_def * d;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		g = rig_new("{}");
		d = rig_def(ents[i], INC);
		fill(g, 20, MINUTE);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		/* Quiet times are no gap if somebody looked. */
		fake_loop_advance(g->L, 50 * MINUTE);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		fake_loop_advance(g->L, 50 * MINUTE);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		/* Two hours away. */
		fake_loop_advance(g->L, 110 * MINUTE);
		fill(g, 10, MINUTE);
		rig_runs(g, d, 0, SYNC_PARTIAL);
		if (strstr(g->res.reason, "what changed from 2023-11-15T00:1") ==
		    NULL || strstr(g->res.reason, " to 2023-11-15T01:1") ==
		    NULL)
			fail_msg("%s", g->res.reason);
		assert_int_equal(g->res.p.written, 10);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		sync_def_unref(d);
		rig_free(g);
	}
}

/* What ran out there was not deleted. */
static void
test_no_deletes(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("kept", ",\"deletes\":\"remove\"");
	size_t i;

	(void)state;
	fill(g, 20, MINUTE);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	fake_loop_advance(g->L, 50 * MINUTE);
	for (i = 0; i < 10; i++)
		g->items[i].gone = 1;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(fake_target_count(&g->target, "t-kept"), 20);
	rig_end(g, d);
}

/* No window ends where the service's clock has not been yet. */
static void
test_clocks(void ** state)
{
	static const char * const ents[] = { "rising", "steps" };
	struct rig * g;
	struct sync_def * d;
	char table[20];
	size_t i, k;

	(void)state;
	for (i = 0; i < 2; i++)
		for (k = 0; k < 2; k++) {
			g = rig_new("{}");
			d = rig_def(ents[i], INC);
			snprintf(table, sizeof(table), "t-%s", ents[i]);
			g->ahead_ms = k == 0 ? -25 * MINUTE : 25 * MINUTE;
			fake_loop_advance(g->L, 30 * MINUTE);
			fill(g, 20, MINUTE / 2);
			rig_runs(g, d, 0, SYNC_COMPLETE);
			fill(g, 20, MINUTE / 2);
			/* One that dies leaves no more than it saw. */
			rig_start(g, d, 0);
			while (g->windows % 5 != 4 && !g->is_done)
				fake_loop_advance(g->L, 100);
			rig_crash(g);
			fill(g, 20, MINUTE / 2);
			rig_runs(g, d, 0, SYNC_COMPLETE);
			assert_true(rig_same(g, table));
			sync_def_unref(d);
			rig_free(g);
		}
}

/* A run that is cut off behind a gap leaves it to the next one to say so. */
static void
test_gap_of_a_run_that_fails(void ** state)
{
	static const char * const ents[] = { "kept", "rising" };
	struct rig * g;
	struct sync_def * d;
	int64_t was;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		g = rig_new("{\"retry_count\":0}");
		d = rig_def(ents[i], INC);
		fill(g, 5, MINUTE);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		was = cursor_ms(g, d, ents[i]);
		fake_loop_advance(g->L, 180 * MINUTE);
		fill(g, 40, MINUTE);
		g->status = 500;
		g->status_at = g->pages + 40;
		rig_run(g, d, 0);
		g->status = 0;
		if (i == 1)
			rig_is(g, SYNC_FAILED);
		else if (g->res.verdict != SYNC_FAILED) {
			/* It has fewer pages. */
			assert_int_equal(g->res.verdict, SYNC_PARTIAL);
			sync_def_unref(d);
			rig_free(g);
			continue;
		}
		assert_true(cursor_ms(g, d, ents[i]) > was + 120 * MINUTE);
		rig_runs(g, d, 0, SYNC_PARTIAL);
		if (strstr(g->res.reason, "what changed from 2023-11-14T22:1") ==
		    NULL)
			fail_msg("%s", g->res.reason);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		sync_def_unref(d);
		rig_free(g);
	}
}

/* A condition leaves them windows; but with a bound of its own, that goes down in place
 * of theirs, each would be all that is left: so it is read at once. */
static void
test_where(void ** state)
{
	static const char * const where[] = { "rev > 0", "updated < '2030-01-01'" };
	struct rig * g;
	struct sync_def * d;
	char more[100];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		g = rig_new("{}");
		snprintf(more, sizeof(more), INC ",\"where\":\"%s\"", where[i]);
		d = rig_def("steps", more);
		fill(g, 60, MINUTE);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_true(rig_same(g, "t-steps"));
		assert_in_range(g->windows, i == 0 ? 5 : 1, i == 0 ? 8 : 1);
		assert_int_equal(g->pages, i == 0 ? g->res.p.calls : 12);
		sync_def_unref(d);
		rig_free(g);
	}
}

/* The calls of all windows count. */
static void
test_max_api_calls(void ** state)
{
	struct rig * g = rig_new("{\"max_api_calls\":8}");
	struct sync_def * d = rig_def("steps", INC);
	size_t runs;

	(void)state;
	fill(g, 40, 5 * MINUTE);
	for (runs = 0; runs < 9; runs++) {
		rig_run(g, d, 0);
		assert_true(g->res.p.calls <= 8);
		if (g->res.verdict == SYNC_COMPLETE)
			break;
		rig_is(g, SYNC_PARTIAL);
		assert_non_null(strstr(g->res.reason, "max_api_calls"));
	}
	assert_in_range(runs, 2, 5);
	assert_true(rig_same(g, "t-steps"));
	rig_end(g, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_after_another),
		cmocka_unit_test(test_crash_goes_on),
		cmocka_unit_test(test_a_window_fails),
		cmocka_unit_test(test_lag),
		cmocka_unit_test(test_counter),
		cmocka_unit_test(test_first_run_of_what_is_kept),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_no_deletes),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_gap_of_a_run_that_fails),
		cmocka_unit_test(test_max_api_calls),
		cmocka_unit_test(test_where),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
