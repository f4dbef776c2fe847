/* Syncs whose parts come short, or may not be asked for whole in one run. */
#include "sync/sync_token.h"
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

/* Runs until one is complete, ${most} at most. */
static void
run_on(struct rig * g, struct sync_def * d, unsigned most)
{
	do {
		rig_run(g, d, 0);
		if (g->res.verdict != SYNC_PARTIAL)
			break;
	} while (most-- > 1);
	rig_is(g, SYNC_COMPLETE);
}

/* A part that was left out, or came short, while all was read for the first time is read
 * by a later run, though the next one goes on behind it. */
static void
test_left_out_before_the_place(void ** state)
{
	static const char * const more[] = { INC, INC
	    ",\"where\":\"rev >= 0\"" };
	struct rig * g;
	struct sync_def * d;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		g = rig_new("{}");
		d = rig_def("tokens", more[i % 2]);
		/* More than are read one by one. */
		g->boxes = 60;
		rig_fill(g, 160, 1000);
		g->forbids_whole = 1;
		g->forbids_with = 423;
		g->forbids = i < 2;
		g->hides = i < 2 ? 0 : g->items[3].id;
		/* Within the second part. */
		g->status = 500;
		g->status_at = 1 + 60 + 1 + (i < 2 ? 1 : 8) + 4;
		rig_runs(g, d, 0, SYNC_FAILED);
		assert_non_null(rig_cursor(g, d, "tokens", "resume"));
		g->status = 0;
		g->forbids = 0;
		g->hides = 0;
		run_on(g, d, 2);
		run_on(g, d, 2);
		if (!rig_same(g, "t-tokens"))
			fail_msg("%zu", i);
		assert_int_equal(kept(g, d, "tokens"), g->boxes);
		rig_end(g, d);
	}
}

/* What was read before the service forgot the tokens is read once more: nobody tells
 * any more what changed since. */
static void
test_forgotten_before_all_was_read(void ** state)
{
	static const size_t boxes[] = { RIG_BOXES, 60 };
	struct rig * g;
	struct sync_def * d;
	size_t i, k;

	(void)state;
	for (i = 0; i < 2; i++) {
		g = rig_new(i == 0 ? "{\"max_api_calls\":14}" :
		    "{\"max_api_calls\":80}");
		d = rig_def("tokens", INC);
		g->boxes = boxes[i];
		rig_fill(g, 240, 1000);
		rig_runs(g, d, 0, SYNC_PARTIAL);
		assert_non_null(rig_cursor(g, d, "tokens", "resume"));
		for (k = 0; k < 12; k++)
			rig_touch(g, k);
		fake_loop_advance(g->L, 60000);
		g->epoch = 2;
		run_on(g, d, 12);
		if (!rig_same(g, "t-tokens"))
			fail_msg("%zu", i);
		rig_end(g, d);
	}
}

/* A first list of changes that comes short tells all the same what changes while the part
 * is read whole, in several runs. */
static void
test_short_and_not_yet_whole(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tokens", INC);

	(void)state;
	g->boxes = 60;
	rig_fill(g, 160, 1000);
	rig_touch(g, 3);
	g->hides = g->items[3].id;
	/* Within the first part, of which that is one. */
	g->status = 500;
	g->status_at = 1 + 60 + 1 + 8;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_non_null(rig_cursor(g, d, "tokens", "resume"));
	g->hides = 0;
	g->status = 0;
	rig_touch(g, 7);
	fake_loop_advance(g->L, 60000);
	run_on(g, d, 3);
	run_on(g, d, 3);
	assert_true(rig_same(g, "t-tokens"));
	rig_end(g, d);
}

/* What a version before does not know of a row must not look to it like a token that is
 * good: it drops rows of another generation. */
static void
test_rows_of_parts_not_read_whole(void ** state)
{
	json_t * rows = json_object(), * in = json_object(), * row;
	struct sync_tokens t;
	int changes_only;

	(void)state;
	for (changes_only = 0; changes_only < 2; changes_only++) {
		json_object_clear(rows);
		assert_int_equal(sync_tokens_load(&t, "e", rows, "5", 9), 0);
		t.changes_only = changes_only;
		assert_null(sync_tokens_begin(&t, 1, in));
		assert_null(sync_tokens_begin(&t, 2, in));
		row = json_pack("{s:s}", "t", "x");
		if (!changes_only)
			row = sync_tokens_short(&t, 1, row, 3);
		sync_tokens_told(&t, 1, row, 0);
		if (!changes_only)
			sync_tokens_told(&t, 2, json_pack("{s:s}", "t", "y"),
			    0);
		sync_tokens_acked(&t, 9, 1);
		assert_int_equal(sync_tokens_move(&t, rows), 1);
		assert_string_not_equal(json_string_value(json_object_get(
		    json_object_get(rows, "e/0000000000000001"), "g")), "5");
		if (!changes_only)
			assert_string_equal(json_string_value(json_object_get(
			    json_object_get(rows, "e/0000000000000002"), "g")),
			    "5");
		sync_tokens_free(&t);
		/* We know it. */
		assert_int_equal(sync_tokens_load(&t, "e", rows, "5", 9), 0);
		assert_int_equal(json_object_size(t.now), 2 - changes_only);
		sync_tokens_free(&t);
		assert_int_equal(sync_tokens_load(&t, "e", rows, "6", 9), 0);
		assert_int_equal(json_object_size(t.now), 0);
		sync_tokens_free(&t);
	}
	json_decref(rows);
	json_decref(in);
}

/* A run that reads all once more and does not end leaves the tokens: with the new ones
 * nobody would tell what was deleted since, and nothing is swept. */
static void
test_all_again_in_part(void ** state)
{
	json_t * rows = json_pack("{s:{s:s, s:i, s:s}}", "e/0000000000000001",
	    "g", "5", "at", 7, "t", "x"), * in = json_object(),
	    * out = json_object();
	struct sync_tokens_how how = { .all = 1, .whole = 1 };
	struct sync_tokens t;

	(void)state;
	assert_int_equal(sync_tokens_load(&t, "e", rows, "5", 9), 0);
	t.changes_only = 1;
	t.uses = 0;
	assert_null(sync_tokens_begin(&t, 1, in));
	sync_tokens_told(&t, 1, json_pack("{s:s}", "t", "y"), 0);
	assert_int_equal(sync_tokens_fill(&t), 1);
	sync_tokens_all(&t, 1);
	sync_tokens_acked(&t, 5, 8);
	assert_int_equal(sync_tokens_move(&t, out), 0);
	sync_tokens_part(&t, 1, 5, 0);
	sync_tokens_acked(&t, 5, 8);
	assert_int_equal(sync_tokens_move(&t, out), 0);
	sync_tokens_end(&t, &how, 9);
	assert_int_equal(sync_tokens_move(&t, out), 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(
	    out, "e/0000000000000001"), "t")), "y");
	sync_tokens_free(&t);
	json_decref(rows);
	json_decref(out);
	json_decref(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_part_that_comes_short),
		cmocka_unit_test(test_a_token_of_a_list_that_comes_short),
		cmocka_unit_test(test_a_token_of_a_list_that_lacks),
		cmocka_unit_test(test_few_calls),
		cmocka_unit_test(test_all_again_in_part),
		cmocka_unit_test(test_rows_of_parts_not_read_whole),
		cmocka_unit_test(test_left_out_before_the_place),
		cmocka_unit_test(test_forgotten_before_all_was_read),
		cmocka_unit_test(test_short_and_not_yet_whole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("sync parts in part", tests, NULL,
	    NULL));
}
