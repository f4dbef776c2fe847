/* Syncs of lists that did not change since. */
#include "sync/sync_run_internal.h"
#include "sync_rig.h"

#define INC ",\"incremental\":\"updated\""

/* A run that has nothing to do, and says why. */
static void
same(struct rig * g, struct sync_def * d, unsigned flags)
{
	size_t was = g->unmodified;

	rig_runs(g, d, flags, SYNC_COMPLETE);
	assert_int_equal(g->unmodified, was + 1);
	assert_int_equal(g->res.p.rows, 0);
	assert_int_equal(g->res.p.calls, 1);
	assert_string_equal(g->res.reason, "not modified");
}

/* One that reads. */
static void
reads(struct rig * g, struct sync_def * d, unsigned flags)
{
	size_t was = g->unmodified;

	rig_runs(g, d, flags, SYNC_COMPLETE);
	assert_int_equal(g->unmodified, was);
	assert_string_equal(g->res.reason, "");
}

static void
test_one_page(void ** state)
{
	static const char * const more[] = { "", ",\"deletes\":\"remove\"", INC };
	struct rig * g;
	struct sync_def * d;
	const char * ent;
	char table[20];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		g = rig_new("{}");
		ent = i < 2 ? "tags" : "tagsome";
		d = rig_def(ent, more[i]);
		snprintf(table, sizeof(table), "t-%s", ent);
		rig_fill(g, 3, 1000);
		reads(g, d, 0);
		/* Of an incremental run the second asks for other rows. */
		if (i == 2)
			reads(g, d, 0);
		same(g, d, 0);
		same(g, d, 0);
		/* Nothing was taken for deleted. */
		assert_true(rig_same(g, table));
		rig_touch(g, 1);
		fake_loop_advance(g->L, 60000);
		reads(g, d, 0);
		assert_true(rig_same(g, table));
		if (i == 2)
			reads(g, d, 0);
		same(g, d, 0);
		/* Who wants all is given all. */
		reads(g, d, SYNC_RUN_FULL);
		sync_def_unref(d);
		rig_free(g);
	}
}

/* What went is seen, as the list is another one then. */
/* Twice in one second: the time alone would hide the second change. */
static void
test_only_a_time(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tags", "");

	(void)state;
	g->by_time = 1;
	rig_fill(g, 3, 1000);
	reads(g, d, 0);
	rig_touch(g, 1);
	reads(g, d, 0);
	assert_true(rig_same(g, "t-tags"));
	rig_end(g, d);
}

static void
test_deletes(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tags", ",\"deletes\":\"remove\","
	    "\"delete_ratio\":1.0");

	(void)state;
	rig_fill(g, 4, 1000);
	reads(g, d, 0);
	same(g, d, 0);
	g->items[2].gone = 1;
	reads(g, d, 0);
	assert_int_equal(fake_target_count(&g->target, "t-tags"), 3);
	same(g, d, 0);
	assert_int_equal(fake_target_count(&g->target, "t-tags"), 3);
	rig_end(g, d);
}

/* The first of several pages, and one that is full, say nothing of what comes behind
 * them. */
static void
test_more_pages(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tags", "");
	size_t i;

	(void)state;
	for (i = RIG_PAGE; i < RIG_PAGE + 3; i++) {
		rig_fill(g, g->nitems == 0 ? i : 1, 1000);
		reads(g, d, 0);
		reads(g, d, 0);
		assert_true(rig_same(g, "t-tags"));
	}
	rig_end(g, d);
}

/* But of a list that is newest first. */
static void
test_newest_first(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tagdesc", INC);
	size_t i;

	(void)state;
	rig_fill(g, 23, 1000);
	reads(g, d, 0);
	assert_int_equal(g->res.p.written, 23);
	same(g, d, 0);
	for (i = 0; i < 23; i += 7) {
		rig_touch(g, i);
		fake_loop_advance(g->L, 60000);
		reads(g, d, 0);
		assert_true(rig_same(g, "t-tagdesc"));
		same(g, d, 0);
	}
	rig_end(g, d);
}

/* Each part for itself. */
static void
test_parts(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tagparts", INC);
	size_t i, was;

	(void)state;
	rig_fill(g, 12, 1000);
	reads(g, d, 0);
	assert_int_equal(g->res.p.written, 12);
	/* Now from the cursor on. */
	reads(g, d, 0);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->unmodified, RIG_BOXES);
	assert_string_equal(g->res.reason, "4 of 4 parts not modified");
	for (i = 0; i < 6; i++) {
		rig_touch(g, i * 2);
		fake_loop_advance(g->L, 60000);
		was = g->unmodified;
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_int_equal(g->unmodified, was + RIG_BOXES - 1);
		assert_string_equal(g->res.reason, "3 of 4 parts not modified");
		assert_true(rig_same(g, "t-tagparts"));
		reads(g, d, 0);
	}
	rig_end(g, d);
}

/* Only what the target has counts: after a run that failed all is read. */
static void
test_target_fails(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tags", "");

	(void)state;
	rig_fill(g, 3, 1000);
	rig_start(g, d, 0);
	while (g->pages == 0)
		fake_loop_advance(g->L, 5);
	rig_crash(g);
	reads(g, d, 0);
	assert_true(rig_same(g, "t-tags"));
	same(g, d, 0);
	/* It is there no more. */
	fake_target_free(&g->target);
	fake_target_init(&g->target, g->L);
	g->target.tells_new = 1;
	reads(g, d, 0);
	assert_true(rig_same(g, "t-tags"));
	sync_def_unref(d);
	/* Other rows are asked for. */
	d = rig_def("tags", ",\"where\":\"id < 3\"");
	reads(g, d, 0);
	same(g, d, 0);
	rig_end(g, d);
}

/* What is not in the list's own answer may change while that does not. */
static void
test_lazy_columns(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("taglazy", "");

	(void)state;
	rig_fill(g, 3, 1000);
	reads(g, d, 0);
	assert_true(rig_same(g, "t-taglazy"));
	g->items[1].rev++;
	reads(g, d, 0);
	assert_true(rig_same(g, "t-taglazy"));
	rig_end(g, d);
}

/* Deletions that are wanted, or that somebody has to decide about, are not hidden by a
 * list that stays as it is. */
static void
test_deletes_that_wait(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tags", ""), * few = rig_def("tags",
	    ",\"deletes\":\"remove\",\"delete_ratio\":0.1"),
	    * all = rig_def("tags", ",\"deletes\":\"remove\","
	    "\"delete_ratio\":1.0");
	int i;

	(void)state;
	rig_fill(g, 4, 1000);
	reads(g, d, 0);
	g->items[2].gone = 1;
	reads(g, d, 0);
	same(g, d, 0);
	assert_int_equal(fake_target_count(&g->target, "t-tags"), 4);
	for (i = 0; i < 3; i++) {
		rig_run(g, few, 0);
		rig_is(g, SYNC_PARTIAL);
		assert_non_null(strstr(g->res.reason, "would be deleted"));
	}
	reads(g, all, 0);
	assert_int_equal(fake_target_count(&g->target, "t-tags"), 3);
	same(g, all, 0);
	sync_def_unref(d);
	sync_def_unref(few);
	sync_def_unref(all);
	rig_free(g);
}

/* A row that was left to another sync is looked at again. */
static void
test_rows_left(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tags", "");

	(void)state;
	rig_fill(g, 3, 1000);
	g->target.pass = "2|";
	rig_run(g, d, 0);
	g->target.pass = NULL;
	reads(g, d, 0);
	assert_true(rig_same(g, "t-tags"));
	same(g, d, 0);
	rig_end(g, d);
}

/* A list that is again what it was, after a run that wrote some of another one and
 * died, is not what the target has. */
static void
test_there_and_back(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("tags", "");

	(void)state;
	rig_fill(g, 3, 1000);
	reads(g, d, 0);
	same(g, d, 0);
	g->items[1].rev = 5;
	g->target.delay_ms = 1000;
	rig_start(g, d, 0);
	fake_loop_advance(g->L, 500);
	fake_state_away(g->state, 1);
	g->target.rows = 0;
	while (g->target.rows == 0)
		fake_loop_advance(g->L, 5);
	rig_crash(g);
	assert_string_equal(fake_target_row(&g->target, "t-tags", "2"),
	    "2|2023-11-14T22:13:21Z|5");
	g->items[1].rev = 1;
	reads(g, d, 0);
	assert_true(rig_same(g, "t-tags"));
	rig_end(g, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_page),
		cmocka_unit_test(test_only_a_time),
		cmocka_unit_test(test_deletes),
		cmocka_unit_test(test_more_pages),
		cmocka_unit_test(test_newest_first),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_target_fails),
		cmocka_unit_test(test_lazy_columns),
		cmocka_unit_test(test_deletes_that_wait),
		cmocka_unit_test(test_rows_left),
		cmocka_unit_test(test_there_and_back),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
