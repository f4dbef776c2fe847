/* Syncs whose parts come short, or may not be asked for whole in one run. */
#include "sync_rig.h"

#define INC ",\"incremental\":\"updated\""

static void
fill(struct rig * g, size_t n)
{
	rig_fill(g, n, 1000);
}

/* A run that is complete, and wrote ${written} with ${calls} calls. */
static void
run(struct rig * g, struct sync_def * d, uint64_t written, uint64_t calls)
{
	g->begins = g->goes_on = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, written);
	assert_int_equal(g->res.p.calls, calls);
}

static int64_t
kept(struct rig * g, const struct sync_def * d, const char * entity)
{
	return (json_integer_value(rig_cursor(g, d, entity, "tokens")));
}

/* A part whose list has fewer than it says stays where it was, once. */
static void
test_a_part_that_comes_short(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("own", INC);

	(void)state;
	fill(g, 12);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	/* Of one box an item, and behind it another. */
	g->hides = g->items[0].id;
	rig_touch(g, 0);
	fake_loop_advance(g->L, 60000);
	rig_touch(g, 4);
	fake_loop_advance(g->L, 60000);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_non_null(strstr(g->res.reason, "the total differs: 1 record"));
	assert_int_equal(g->res.p.written, 1);
	g->hides = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-own"));
	run(g, d, 0, 1 + RIG_BOXES);
	/* One that never tells it holds nobody up for ever. */
	g->hides = g->items[0].id;
	rig_touch(g, 0);
	fake_loop_advance(g->L, 60000);
	rig_touch(g, 4);
	fake_loop_advance(g->L, 60000);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_int_equal(g->res.p.written, 1);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_int_equal(g->res.p.written, 1);
	run(g, d, 0, 1 + RIG_BOXES);
	rig_end(g, d);
}

/* What a list by token said to have and did not send is asked for once more: of one
 * list, of parts, and of parts that are read whole. */
static void
test_a_token_of_a_list_that_comes_short(void ** state)
{
	static const char * const ents[] = { "token", "tokens" };
	char table[20];
	struct sync_def * d;
	struct rig * g;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		snprintf(table, sizeof(table), "t-%s", ents[i]);
		g = rig_new("{}");
		d = rig_def(ents[i], INC);
		fill(g, 4);
		g->hides = 3;
		rig_runs(g, d, 0, SYNC_PARTIAL);
		assert_non_null(strstr(g->res.reason, "differs: 1 record"));
		assert_int_equal(g->res.p.written, 3);
		g->hides = 0;
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_true(rig_same(g, table));
		run(g, d, 0, i == 0 ? 1 : 1 + RIG_BOXES);
		/* And where there was a token, that one is sent again. */
		g->hides = 3;
		rig_touch(g, 2);
		rig_runs(g, d, 0, SYNC_PARTIAL);
		g->hides = 0;
		run(g, d, 1, i == 0 ? 1 : 1 + RIG_BOXES);
		assert_int_equal(g->begins, 0);
		assert_true(rig_same(g, table));
		/* One that never tells it holds nobody up for ever. */
		g->hides = 3;
		rig_touch(g, 2);
		rig_runs(g, d, 0, SYNC_PARTIAL);
		rig_runs(g, d, 0, SYNC_PARTIAL);
		run(g, d, 0, i == 0 ? 1 : 1 + RIG_BOXES);
		rig_end(g, d);
	}
}

/* The same where it says only that something is missing. */
static void
test_a_token_of_a_list_that_lacks(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("headed", INC);

	(void)state;
	fill(g, 3);
	run(g, d, 3, 1);
	g->lacks = -1;
	g->hides = 2;
	rig_touch(g, 1);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_non_null(strstr(g->res.reason, "left out"));
	g->lacks = 0;
	g->hides = 0;
	run(g, d, 1, 1);
	assert_true(rig_same(g, "t-headed"));
	run(g, d, 0, 1);
	rig_end(g, d);
}

/* A first run that may not ask as often as it would have to: each goes on where the one
 * before ended, within a part too, and says so only if it will. */
static void
test_few_calls(void ** state)
{
	static const struct {
		const char * options;
		size_t boxes, items;
		unsigned most;
	} cases[] = {
		{ "{\"max_api_calls\":12}", RIG_BOXES, 80, 5 },
		{ "{\"max_api_calls\":5}", 1, 160, 8 },
		{ "{\"max_api_calls\":7}", RIG_BOXES, 80, 15 },
	};
	struct rig * g;
	struct sync_def * d;
	size_t i;
	unsigned n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		g = rig_new(cases[i].options);
		d = rig_def("tokens", INC);
		g->boxes = cases[i].boxes;
		fill(g, cases[i].items);
		for (n = 0; n <= cases[i].most; n++) {
			rig_run(g, d, 0);
			if (g->res.verdict == SYNC_COMPLETE)
				break;
			rig_is(g, SYNC_PARTIAL);
			assert_non_null(strstr(g->res.reason, "goes on"));
			/* What changes meanwhile is not lost. */
			rig_touch(g, 0);
			rig_touch(g, 3 + 4 * n);
			fake_loop_advance(g->L, 60000);
		}
		rig_is(g, SYNC_COMPLETE);
		assert_in_range(n, 2, cases[i].most);
		assert_int_equal(kept(g, d, "tokens"), cases[i].boxes);
		/* Only the first box's: the fake has no others to compare with. */
		if (cases[i].boxes == RIG_BOXES)
			assert_true(rig_same(g, "t-tokens"));
		assert_null(rig_cursor(g, d, "tokens", "resume"));
		run(g, d, 0, 1 + cases[i].boxes);
		rig_end(g, d);
	}
	/* So few that no run ever gets to the last part. */
	g = rig_new("{\"max_api_calls\":4}");
	d = rig_def("tokens", INC);
	fill(g, 20);
	for (n = 0; n < 2; n++) {
		rig_runs(g, d, 0, SYNC_PARTIAL);
		assert_null(strstr(g->res.reason, "goes on"));
		assert_non_null(strstr(g->res.reason, "raise max_api_calls"));
		assert_non_null(strstr(g->res.reason, "in each run"));
	}
	rig_end(g, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_part_that_comes_short),
		cmocka_unit_test(test_a_token_of_a_list_that_comes_short),
		cmocka_unit_test(test_a_token_of_a_list_that_lacks),
		cmocka_unit_test(test_few_calls),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("sync parts in part", tests, NULL,
	    NULL));
}
