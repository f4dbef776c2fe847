/* Runs of syncs: what is read, written and kept, rule by rule. */
#include "sync_rig.h"

#define INC ",\"incremental\":\"updated\""

static void
fill(struct rig * g, size_t n)
{
	while (n-- > 0) {
		rig_add(g);
		/* Three have the same second. */
		if (n % 3 == 0)
			fake_loop_advance(g->L, 1000);
	}
	fake_loop_advance(g->L, 60000);
}

static void
test_full(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("bare", "");

	(void)state;
	fill(g, 57);
	rig_run(g, d, SYNC_RUN_REFRESH);
	rig_is(g, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 57);
	assert_int_equal(g->res.p.rows, 57);
	assert_int_equal(g->target.refresh, 1);
	assert_true(rig_same(g, "t-bare"));
	/* take, get, put, drop. */
	assert_int_equal(g->tables.calls, 4);
	rig_touch(g, 3);
	rig_run(g, d, 0);
	rig_is(g, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 57);
	assert_true(rig_same(g, "t-bare"));
	sync_def_unref(d);
	rig_free(g);
}

/* The same of each kind: a second run without changes writes nothing, a changed row
 * is written alone, one within the same second too. */
static void
incremental(const char * entity)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def(entity, INC);
	char table[32];

	snprintf(table, sizeof(table), "t-%s", entity);
	fill(g, 47);
	rig_run(g, d, 0);
	rig_is(g, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 47);
	assert_true(rig_same(g, table));
	rig_run(g, d, 0);
	rig_is(g, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 0);
	rig_touch(g, 5);
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 1);
	fake_loop_advance(g->L, 100);
	rig_touch(g, 6);
	rig_touch(g, 5);
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 2);
	assert_true(rig_same(g, table));
	rig_run(g, d, SYNC_RUN_FULL);
	assert_int_equal(g->res.p.written, 47);
	assert_true(rig_same(g, table));
	sync_def_unref(d);
	rig_free(g);
}

static void
test_incremental(void ** state)
{
	(void)state;
	incremental("asc");
	incremental("byvalue");
	incremental("desc");
	incremental("any");
	incremental("some");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_incremental),
	};

	return (cmocka_run_group_tests_name("sync", tests, NULL, NULL));
}
