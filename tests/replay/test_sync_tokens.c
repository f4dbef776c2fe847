/* Syncs whose parts each go on by their own: the service's tokens, or values. */
#include "sync/sync_run_internal.h"
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

static json_t *
rows_of(struct rig * g, const struct sync_def * d)
{
	return (json_object_get(g->tables.parts, d->id));
}

static void
test_a_token(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("token", INC);

	(void)state;
	fill(g, 23);
	run(g, d, 23, 5);
	assert_int_equal(g->begins, 1);
	assert_int_equal(kept(g, d, "token"), 1);
	run(g, d, 0, 1);
	assert_int_equal(g->begins, 0);
	rig_touch(g, 3);
	fill(g, 6);
	run(g, d, 7, 2);
	assert_int_equal(g->begins, 0);
	assert_true(rig_same(g, "t-token"));
	/* What says the same is not written again. */
	g->tables.parts_put = 0;
	run(g, d, 0, 1);
	assert_int_equal(g->tables.parts_put, 0);
	rig_end(g, d);
}

/* It is forgotten once: the list is read from its beginning, and that is said. */
static void
test_a_token_that_is_forgotten(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("token", INC);

	(void)state;
	fill(g, 12);
	run(g, d, 12, 3);
	g->epoch = 2;
	rig_touch(g, 2);
	run(g, d, 12, 4);
	assert_int_equal(g->begins, 1);
	assert_non_null(strstr(g->res.reason, "no longer knew"));
	assert_true(rig_same(g, "t-token"));
	run(g, d, 0, 1);
	assert_string_equal(g->res.reason, "");
	/* One that is forgotten again and again ends, and is not tried for ever. */
	g->epoch = 3;
	g->status = 410;
	g->status_at = g->pages + 1;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_in_range(g->res.p.calls, 2, 5);
	assert_int_equal(kept(g, d, "token"), 0);
	g->status = 0;
	run(g, d, 12, 3);
	assert_true(rig_same(g, "t-token"));
	rig_end(g, d);
}

/* No row is passed over that the target has not acknowledged. */
static void
test_a_token_waits_for_the_target(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("token", INC);

	(void)state;
	fill(g, 8);
	run(g, d, 8, 2);
	fill(g, 9);
	g->target.fail_at = 3;
	g->target.fail_cls = ERR_TRANSIENT;
	g->target.fail_code = "away";
	rig_runs(g, d, 0, SYNC_FAILED);
	g->target.fail_at = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-token"));
	rig_end(g, d);
}

static int
far_enough(void * arg)
{
	return (((struct rig *)arg)->pages >= 60);
}

/* A run that stops midway leaves what leads on from pages that are acknowledged. */
static void
test_a_crash(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("token", INC);

	(void)state;
	fill(g, RIG_ITEMS);
	rig_start(g, d, 0);
	assert_int_equal(fake_loop_until(g->L, far_enough, g, 600000), 0);
	rig_crash(g);
	g->begins = g->goes_on = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->begins, 0);
	assert_in_range(g->goes_on, 20, 32);
	assert_true(rig_same(g, "t-token"));
	rig_end(g, d);
}

static void
test_a_token_that_is_long(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("token", INC);

	(void)state;
	fill(g, 3);
	g->long_token = 9000;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_string_equal(g->res.e.code, "token");
	g->long_token = 8000;
	run(g, d, 3, 1);
	rig_end(g, d);
}

/* What leads on is kept as JSON, which has no bytes that are no text. */
static void
test_a_header_that_is_no_text(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("headed", INC);

	(void)state;
	fill(g, 12);
	g->odd_header = 1;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_int_equal(g->res.e.cls, ERR_PERMANENT);
	assert_string_equal(g->res.e.code, "token");
	assert_non_null(strstr(g->res.reason, "the header X-Next"));
	g->odd_header = 0;
	run(g, d, 12, 3);
	assert_true(rig_same(g, "t-headed"));
	rig_end(g, d);
}

/* Only a run that read all deletes what it did not see. */
static void
test_deletes(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("token", INC
	    ",\"deletes\":\"remove\",\"delete_ratio\":1");

	(void)state;
	fill(g, 12);
	run(g, d, 12, 3);
	g->items[4].gone = 1;
	fill(g, 1);
	run(g, d, 1, 1);
	assert_int_equal(g->res.p.deleted, 0);
	assert_int_equal(g->target.sweeps, 1);
	rig_runs(g, d, SYNC_RUN_FULL, SYNC_COMPLETE);
	assert_int_equal(g->res.p.deleted, 1);
	assert_true(rig_same(g, "t-token"));
	run(g, d, 0, 1);
	rig_end(g, d);
}

/* Another WHERE is another question. */
static void
test_another_where(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("token", INC), * w = rig_def("token", INC
	    ",\"where\":\"rev >= 0\"");

	(void)state;
	fill(g, 7);
	run(g, d, 7, 2);
	run(g, w, 7, 2);
	assert_int_equal(g->begins, 1);
	assert_int_equal(kept(g, w, "token"), 1);
	assert_int_equal(json_object_size(rows_of(g, w)), 1);
	run(g, w, 0, 1);
	sync_def_unref(d);
	sync_def_unref(w);
	rig_free(g);
}

static void
test_tokens_of_parts(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tokens", INC);
	uint64_t calls;

	(void)state;
	/* Of the fourth box nobody tells yet. */
	g->boxes = RIG_BOXES - 1;
	fill(g, 40);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 30);
	assert_int_equal(kept(g, d, "tokens"), RIG_BOXES - 1);
	assert_int_equal(g->begins, RIG_BOXES - 1);
	run(g, d, 0, RIG_BOXES);
	assert_int_equal(g->begins, 0);
	rig_touch(g, 3);
	run(g, d, 1, RIG_BOXES);
	/* One that is new is read whole, and no other one. */
	g->boxes = RIG_BOXES;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 10);
	assert_true(rig_same(g, "t-tokens"));
	calls = g->res.p.calls;
	assert_int_equal(calls, 1 + RIG_BOXES + 2);
	/* One that is left out keeps its token, and loses nothing. */
	fill(g, 8);
	g->refuse = 2;
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_int_equal(g->res.p.written, 6);
	assert_int_equal(kept(g, d, "tokens"), RIG_BOXES);
	g->refuse = 0;
	run(g, d, 2, 1 + RIG_BOXES);
	assert_int_equal(g->begins, 0);
	assert_true(rig_same(g, "t-tokens"));
	/* One that is there no more is forgotten; where it comes again it is new. */
	g->boxes = RIG_BOXES - 1;
	run(g, d, 0, RIG_BOXES);
	assert_int_equal(kept(g, d, "tokens"), RIG_BOXES - 1);
	assert_int_equal(json_object_size(rows_of(g, d)), RIG_BOXES - 1);
	g->epoch = 2;
	fill(g, 4);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_non_null(strstr(g->res.reason, "in 3 parts"));
	g->boxes = RIG_BOXES;
	rig_run(g, d, 0);
	assert_true(rig_same(g, "t-tokens"));
	rig_end(g, d);
}

/* How many parts were not read whole: what is kept of them says so. */
static size_t
to_fill(struct rig * g, const struct sync_def * d)
{
	const char * name;
	json_t * row;
	size_t n = 0;

	json_object_foreach(rows_of(g, d), name, row)
		n += json_is_true(json_object_get(row, "fill"));
	assert_int_equal(kept(g, d, "tokens"),
	    json_object_size(rows_of(g, d)) - n);
	return (n);
}

/* A part that is new is kept only once it was read whole. */
static void
test_a_crash_while_new(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tokens", INC);

	(void)state;
	fill(g, RIG_ITEMS);
	rig_start(g, d, 0);
	assert_int_equal(fake_loop_until(g->L, far_enough, g, 600000), 0);
	rig_crash(g);
	assert_in_range(to_fill(g, d), 1, RIG_BOXES - 1);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_in_range(g->res.p.calls, 20, 50);
	assert_true(rig_same(g, "t-tokens"));
	assert_int_equal(kept(g, d, "tokens"), RIG_BOXES);
	run(g, d, 0, 1 + RIG_BOXES);
	rig_end(g, d);
}

static void
values(const char * entity)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def(entity, INC);
	char table[32];

	snprintf(table, sizeof(table), "t-%s", entity);
	g->boxes = RIG_BOXES - 1;
	fill(g, 80);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 60);
	assert_int_equal(g->res.p.calls, 1 + 4 * (RIG_BOXES - 1));
	assert_int_equal(kept(g, d, entity), RIG_BOXES - 1);
	run(g, d, 0, RIG_BOXES);
	/* What lies behind another part's cursor is not lost. */
	g->refuse = 2;
	rig_touch(g, 4);
	fake_loop_advance(g->L, 60000);
	rig_touch(g, 3);
	fake_loop_advance(g->L, 60000);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_int_equal(g->res.p.written, 1);
	g->refuse = 0;
	run(g, d, 1, RIG_BOXES);
	g->boxes = RIG_BOXES;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 20);
	assert_true(rig_same(g, table));
	/* Only what changed is written. */
	rig_touch(g, 9);
	fake_loop_advance(g->L, 60000);
	g->tables.parts_put = 0;
	run(g, d, 1, 1 + RIG_BOXES);
	assert_int_equal(g->tables.parts_put, 1);
	rig_run(g, d, SYNC_RUN_FULL);
	assert_int_equal(g->res.p.written, 80);
	run(g, d, 0, 1 + RIG_BOXES);
	assert_true(rig_same(g, table));
	rig_end(g, d);
}

static void
test_values_that_the_service_filters(void ** state)
{
	(void)state;
	values("own");
}

static void
test_values_newest_first(void ** state)
{
	(void)state;
	values("down");
}

/* Rows of one moment that come one after the other are neither lost nor doubled. */
static void
test_equal_values(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("down", INC);
	size_t i;

	(void)state;
	g->grain_ms = 3600000;
	for (i = 0; i < 8; i++)
		rig_add(g);
	run(g, d, 8, 1 + RIG_BOXES);
	for (i = 0; i < 4; i++)
		rig_add(g);
	run(g, d, 4, 1 + RIG_BOXES);
	run(g, d, 0, 1 + RIG_BOXES);
	assert_true(rig_same(g, "t-down"));
	rig_end(g, d);
}

/* A record of rows that other rules wrote: nothing of it is believed. */
static void
test_rows_of_another_generation(void ** state)
{
	const json_t * none = json_null();
	json_t * rows = json_pack("{s:{s:s, s:s, s:I}}", "e/0000000000000001",
	    "g", "old", "t", "dead", "at", (json_int_t)1);
	struct sync_tokens t;
	json_t * out = json_object();

	(void)state;
	assert_int_equal(sync_tokens_load(&t, "e", rows, NULL, 77), 0);
	assert_null(sync_tokens_begin(&t, 1, none));
	assert_int_equal(sync_tokens_move(&t, out), 1);
	assert_true(json_is_null(json_object_get(out, "e/0000000000000001")));
	sync_tokens_free(&t);
	assert_int_equal(sync_tokens_load(&t, "e", rows, "old", 77), 0);
	assert_non_null(sync_tokens_begin(&t, 1, none));
	/* What was told before it was forgotten is not kept after. */
	sync_tokens_told(&t, 1, json_pack("{s:s}", "t", "mid"), 5);
	sync_tokens_told(&t, 1, NULL, 5);
	sync_tokens_acked(&t, 9, 1);
	json_object_clear(out);
	assert_int_equal(sync_tokens_move(&t, out), 1);
	assert_true(json_is_null(json_object_get(out, "e/0000000000000001")));
	assert_int_equal(t.lost, 1);
	sync_tokens_free(&t);
	json_decref(rows);
	json_decref(out);
}

/* An entity that a newer manifest lets go by tokens no more is read whole once, and not
 * for ever. */
static void
test_by_values_again(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("some", INC);

	(void)state;
	fill(g, 7);
	run(g, d, 7, 2);
	json_object_set_new((json_t *)(uintptr_t)json_object_get(json_object_get(
	    json_object_get(g->tables.cursors, d->id), "cursor"), "some"),
	    "gen", json_string("1"));
	run(g, d, 7, 2);
	run(g, d, 0, 1);
	assert_null(rig_cursor(g, d, "some", "gen"));
	rig_end(g, d);
}

/* A condition that asks for rows besides is given all there are, and its asking moves
 * no cursor. */
static void
test_conditions_that_ask(void ** state)
{
	static const char * const ents[] = { "token", "tokens", "own", "down",
	    "some", "tags", "tagparts" };
	char more[200], table[20];
	struct sync_def * d;
	struct rig * g;
	size_t i, k;

	(void)state;
	for (i = 0; i < 7; i++) {
		g = rig_new("{}");
		snprintf(more, sizeof(more), "%s,\"where\":\"rev > 0 AND "
		    "EXISTS (SELECT 1 FROM it.%s x WHERE x.id = 1)\"",
		    i == 5 ? "" : INC, ents[i]);
		snprintf(table, sizeof(table), "t-%s", ents[i]);
		d = rig_def(ents[i], more);
		fill(g, 3);
		for (k = 0; k < 4; k++) {
			rig_runs(g, d, 0, SYNC_COMPLETE);
			assert_true(rig_same(g, table));
			assert_int_equal(g->unmodified, 0);
			fill(g, k % 2);
			rig_touch(g, 2);
			fake_loop_advance(g->L, 60000);
		}
		sync_def_unref(d);
		rig_free(g);
	}
	/* A word of a text is none. */
	g = rig_new("{}");
	d = rig_def("token", INC ",\"where\":\"'a select' <> 'b' AND \\\"rev\\\" > "
	    "0\"");
	fill(g, 7);
	run(g, d, 7, 2);
	run(g, d, 0, 1);
	assert_int_equal(g->begins, 0);
	rig_end(g, d);
}

/* Parts that a condition names one by one have each its own cursor. */
static void
test_conditions_of_parts(void ** state)
{
	static const char * const ents[] = { "own", "down", "tokens" };
	struct rig * g;
	struct sync_def * d;
	size_t i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		g = rig_new("{}");
		d = rig_def(ents[i], INC ",\"where\":\"box = 'b1' OR box = "
		    "'b2' OR (box = 'b3' AND rev > 0)\"");
		fill(g, 24);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_int_equal(g->res.p.written, 18);
		/* Of the second much later than of the first. */
		for (k = 0; k < 3; k++) {
			rig_touch(g, 1);
			fake_loop_advance(g->L, 60000);
			rig_touch(g, 0);
			fake_loop_advance(g->L, 60000);
			rig_runs(g, d, 0, SYNC_COMPLETE);
			assert_int_equal(g->res.p.written, 2);
			rig_touch(g, 4);
			fake_loop_advance(g->L, 60000);
			rig_runs(g, d, 0, SYNC_COMPLETE);
			assert_int_equal(g->res.p.written, 1);
		}
		sync_def_unref(d);
		rig_free(g);
	}
}

/* Parts that were forgotten in mid-list, or more than once, do not hide that another
 * told only what changed: what that one did not tell is not taken for deleted. */
static void
test_forgotten_again(void ** state)
{
	const json_t * none = json_null();
	json_t * rows = json_pack("{s:{s:s, s:s}, s:{s:s, s:s}}",
	    "e/0000000000000001", "g", "g", "t", "a",
	    "e/0000000000000002", "g", "g", "t", "b");
	struct sync_tokens t;
	uint64_t part, n = 0;

	(void)state;
	assert_int_equal(sync_tokens_load(&t, "e", rows, "g", 77), 0);
	for (part = 1; part <= 3; part++)
		(void)sync_tokens_begin(&t, part, none);
	/* The third is new; the second is forgotten again and again. */
	for (part = 3; part >= 2; part--) {
		for (n++; n % 4 != 0; n++) {
			sync_tokens_told(&t, part, json_pack("{s:s}", "t",
			    "mid"), n);
			sync_tokens_acked(&t, n, 1);
			sync_tokens_told(&t, part, NULL, n);
		}
	}
	assert_int_equal(json_object_size(t.old), 1);
	/* What waits takes no more room than that. */
	for (n++; n < 1000; n++) {
		sync_tokens_told(&t, 1, json_pack("{s:s}", "t", "on"), n);
		sync_tokens_acked(&t, n - 1, 1);
	}
	assert_true(t.wait_cap <= 16);
	sync_tokens_free(&t);
	json_decref(rows);
}

/* What one statement for all does not read goes on by no token: neither where all of it
 * is refused, nor where a part is not in its list. */
static void
test_all_is_not_all(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tokens", INC);

	(void)state;
	fill(g, 40);
	g->forbids = ~0U;
	g->forbids_whole = 1;
	g->forbids_with = 403;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_non_null(strstr(g->res.reason, "answered 403"));
	assert_int_equal(to_fill(g, d), RIG_BOXES);
	rig_end(g, d);
	g = rig_new("{}");
	d = rig_def("tokens", INC);
	fill(g, 40);
	g->boxes_later = RIG_BOXES - 1;
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 30);
	assert_int_equal(kept(g, d, "tokens"), RIG_BOXES - 1);
	g->boxes_later = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-tokens"));
	assert_int_equal(kept(g, d, "tokens"), RIG_BOXES);
	rig_end(g, d);
}

/* More new parts than are read one by one, of which one is left out meanwhile: the
 * others are read whole all the same, each of them. */
static void
test_many_new_parts(void ** state)
{
	json_t * rows = json_pack("{s:{s:s, s:i, s:s}}", "e/0000000000000001",
	    "g", "5", "at", 7, "t", "x"), * in = json_object();
	struct sync_tokens t;
	uint64_t i;

	(void)state;
	assert_int_equal(sync_tokens_load(&t, "e", rows, "5", 9), 0);
	t.changes_only = 1;
	assert_non_null(sync_tokens_begin(&t, 1, in));
	for (i = 0; i <= SYNC_TOKEN_FRESH; i++)
		assert_null(sync_tokens_begin(&t, 10 + i, in));
	sync_tokens_left(&t, 12);
	assert_int_equal(sync_tokens_fill(&t), 1);
	sync_tokens_free(&t);
	json_decref(rows);
	json_decref(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_token),
		cmocka_unit_test(test_a_token_that_is_forgotten),
		cmocka_unit_test(test_a_token_waits_for_the_target),
		cmocka_unit_test(test_a_crash),
		cmocka_unit_test(test_a_header_that_is_no_text),
		cmocka_unit_test(test_a_token_that_is_long),
		cmocka_unit_test(test_deletes),
		cmocka_unit_test(test_another_where),
		cmocka_unit_test(test_tokens_of_parts),
		cmocka_unit_test(test_a_crash_while_new),
		cmocka_unit_test(test_values_that_the_service_filters),
		cmocka_unit_test(test_values_newest_first),
		cmocka_unit_test(test_equal_values),
		cmocka_unit_test(test_rows_of_another_generation),
		cmocka_unit_test(test_forgotten_again),
		cmocka_unit_test(test_by_values_again),
		cmocka_unit_test(test_conditions_that_ask),
		cmocka_unit_test(test_conditions_of_parts),
		cmocka_unit_test(test_all_is_not_all),
		cmocka_unit_test(test_many_new_parts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("sync tokens", tests, NULL, NULL));
}
