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
	rig_runs(g, d, SYNC_RUN_REFRESH, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 57);
	assert_int_equal(g->res.p.rows, 57);
	assert_int_equal(g->target.refresh, 1);
	assert_true(rig_same(g, "t-bare"));
	/* take, get, put, drop. */
	assert_int_equal(g->tables.calls, 4);
	rig_touch(g, 3);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 57);
	assert_true(rig_same(g, "t-bare"));
	rig_end(g, d);
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
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 47);
	assert_true(rig_same(g, table));
	rig_runs(g, d, 0, SYNC_COMPLETE);
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
	rig_end(g, d);
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


/* Whether some request held this. */
static size_t
asked(const struct rig * g, const char * what)
{
	size_t i, n = 0;

	for (i = 0; i < fake_http_requests(g->http, NULL); i++)
		n += strstr(fake_http_request(g->http, NULL, i)->url, what) !=
		    NULL;
	return (n);
}

static void
test_newest_first_stops(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("desc", INC);
	size_t before;

	(void)state;
	fill(g, 60);
	rig_run(g, d, 0);
	before = fake_http_requests(g->http, NULL);
	assert_int_equal(before, 12);
	rig_touch(g, 30);
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 1);
	/* One, and perhaps the one that was begun meanwhile. */
	assert_true(fake_http_requests(g->http, NULL) - before <= 2);
	rig_end(g, d);
}

/* A WHERE may change how the list is asked: the planner is asked first. */
static void
test_where(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("byvalue", INC ",\"where\":"
	    "\"rev = 1 -- first\"");

	(void)state;
	fill(g, 20);
	rig_touch(g, 3);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(fake_target_count(&g->target, "t-byvalue"), 19);
	assert_true(asked(g, "since=1970") > 0);
	assert_true(asked(g, "dir=asc") > 0);
	fake_loop_advance(g->L, 5000);
	rig_add(g);
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 1);
	sync_def_unref(d);
	d = rig_def("desc", INC ",\"where\":\"rev = 1\"");
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(asked(g, "dir=desc") > 0);
	sync_def_unref(d);
	d = rig_def("desc", ",\"where\":\"no_such = 1\"");
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_int_equal(g->res.e.cls, ERR_PERMANENT);
	rig_end(g, d);
}

static void
test_bucket(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("any", "");

	(void)state;
	fill(g, 6);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->bucket--;
	g->tables.calls = 0;
	rig_runs(g, d, 0, SYNC_IDLE);
	assert_int_equal(g->tables.calls, 3);
	assert_int_equal(json_object_size(g->tables.leases), 0);
	g->bucket--;
	rig_runs(g, d, SYNC_RUN_MANUAL, SYNC_COMPLETE);
	/* Somebody is at it. */
	json_object_set_new(g->tables.leases, "it.any:0", json_pack(
	    "{s:s, s:i, s:I}", "node", "n2", "fence", 99, "until",
	    INT64_MAX));
	rig_runs(g, d, SYNC_RUN_MANUAL, SYNC_IDLE);
	assert_int_equal(json_object_size(g->tables.leases), 1);
	rig_end(g, d);
}

/* What the service says no to, and whether the bucket is done then. */
static void
refused(int status, enum err_class cls, int done)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);
	json_t * rec;

	fill(g, 30);
	g->status = status;
	g->status_at = 3;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_int_equal(g->res.e.cls, cls);
	assert_string_equal(g->res.reason, g->res.e.msg);
	rec = json_object_get(json_object_get(g->tables.cursors, "it.asc"),
	    "cursor");
	assert_int_equal(json_object_get(rec, "bucket") != NULL, done);
	/* Two pages came, oldest first: they need not come again. */
	assert_int_equal(g->res.p.written, 10);
	assert_non_null(rig_cursor(g, d, "asc", "value"));
	g->status = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 20);
	assert_true(rig_same(g, "t-asc"));
	rig_end(g, d);
}

static void
test_refused(void ** state)
{
	(void)state;
	refused(404, ERR_PERMANENT, 1);
	refused(401, ERR_CONFIG, 1);
	refused(502, ERR_TRANSIENT, 0);
}

/* Read to where it may: the next run goes on from there. */
static void
capped(const char * entity, const char * more)
{
	struct rig * g = rig_new("{\"max_api_calls\":4}");
	struct sync_def * d = rig_def(entity, more);
	char table[32];
	unsigned i;

	snprintf(table, sizeof(table), "t-%s", entity);
	fill(g, 57);
	for (i = 0; i < 20; i++) {
		rig_run(g, d, 0);
		if (g->res.verdict == SYNC_COMPLETE)
			break;
		rig_is(g, SYNC_PARTIAL);
		assert_memory_equal(g->res.reason, "cap: ", 5);
	}
	rig_is(g, SYNC_COMPLETE);
	assert_true(i >= 2);
	assert_true(rig_same(g, table));
	rig_end(g, d);
}

static void
test_capped(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("any", INC);

	(void)state;
	capped("asc", INC);
	capped("byvalue", INC);
	capped("bare", "");
	/* Nothing less than all moves a cursor without order. */
	fill(g, 20);
	g->status = 404;
	g->status_at = 2;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_null(rig_cursor(g, d, "any", "value"));
	rig_end(g, d);
}

static void
test_no_value(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("any", INC);

	(void)state;
	fill(g, 20);
	g->items[7].ms = -1;
	g->items[19].ms = -1;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-any"));
	g->items[7].rev++;
	rig_run(g, d, 0);
	/* Nobody knows whether these changed. */
	assert_int_equal(g->res.p.written, 2);
	assert_true(rig_same(g, "t-any"));
	rig_end(g, d);
}

static void
test_late_and_lookback(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("late", INC);
	size_t n;

	(void)state;
	fill(g, 20);
	rig_run(g, d, 0);
	/* 60 s ago is within the 100 s in which rows may still turn up. */
	assert_int_equal(g->res.p.written, 20);
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 20);
	fake_loop_advance(g->L, 600000);
	rig_run(g, d, 0);
	fake_loop_advance(g->L, 600000);
	g->items[17].rev++;
	n = fake_http_requests(g->http, NULL);
	rig_run(g, d, 0);
	/* Within the lookback without a new time. */
	assert_true(g->res.p.written > 0);
	assert_true(fake_http_requests(g->http, NULL) > n);
	assert_true(rig_same(g, "t-late"));
	rig_end(g, d);
}

static void
test_deletes(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("byvalue", INC ",\"deletes\":\"mark\","
	    "\"delete_ratio\":0.5");

	(void)state;
	fill(g, 20);
	rig_run(g, d, 0);
	assert_int_equal(g->target.sweeps, 1);
	g->items[4].gone = g->items[9].gone = 1;
	rig_run(g, d, 0);
	/* What was not asked for is not gone. */
	assert_int_equal(g->target.sweeps, 1);
	rig_runs(g, d, SYNC_RUN_FULL, SYNC_COMPLETE);
	assert_int_equal(g->res.p.deleted, 2);
	assert_true(rig_same(g, "t-byvalue"));
	g->items[4].gone = 0;
	rig_touch(g, 4);
	rig_run(g, d, 0);
	assert_true(rig_same(g, "t-byvalue"));
	for (size_t i = 0; i < 15; i++)
		g->items[i].gone = 1;
	rig_runs(g, d, SYNC_RUN_FULL, SYNC_PARTIAL);
	assert_non_null(strstr(g->res.reason, "deletes: "));
	assert_int_equal(g->res.p.deleted, 0);
	for (size_t i = 0; i < 12; i++)
		g->items[i].gone = 0;
	/* A row that was put aside is there, too. */
	g->target.reject = "20|";
	rig_touch(g, 19);
	rig_runs(g, d, SYNC_RUN_FULL, SYNC_PARTIAL);
	assert_int_equal(g->res.p.deleted, 0);
	assert_int_equal(g->res.p.rejected, 1);
	assert_string_equal(g->res.reason,
	    "1 row rejected (t-byvalue-rejected has it): "
	    "mapper_parsing_exception");
	rig_end(g, d);
}

/* Rows that move while all are read are not gone. */
static void
test_moving_is_not_deleted(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("newest", ",\"deletes\":\"remove\"");
	unsigned i, n;

	(void)state;
	fill(g, 60);
	rig_run(g, d, 0);
	for (i = 0; i < 20; i++) {
		rig_start(g, d, 0);
		for (n = 0; !g->is_done; n++) {
			fake_loop_step(g->L, 60000);
			if (n % 61 == 3)
				rig_touch(g, (n * 7 + i) % 60);
		}
		rig_is(g, SYNC_COMPLETE);
		assert_int_equal(g->res.p.deleted, 0);
	}
	assert_int_equal(g->target.sweeps, 21);
	g->items[3].gone = 1;
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.deleted, 1);
	assert_true(rig_same(g, "t-newest"));
	rig_end(g, d);
}

static void
test_rejected(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC);

	(void)state;
	fill(g, 20);
	g->target.reject = "11|";
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_int_equal(g->res.p.rejected, 1);
	assert_int_equal(g->res.p.written, 19);
	/* It would be rejected again. */
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.rejected, 0);
	rig_end(g, d);
}

static void
test_legs(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("all\",\"asc\",\"gone\",\"bare", "");

	(void)state;
	fill(g, 12);
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_non_null(strstr(g->res.reason, "all: "));
	assert_non_null(strstr(g->res.reason, "; gone: "));
	assert_int_equal(g->res.e.cls, ERR_PERMANENT);
	assert_int_equal(g->res.p.legs, 4);
	assert_int_equal(g->res.p.legs_done, 4);
	assert_int_equal(g->res.p.written, 24);
	assert_true(rig_same(g, "t-asc"));
	assert_true(rig_same(g, "t-bare"));
	/* Who is refused is refused everywhere. */
	g->status = 401;
	rig_run(g, d, 0);
	assert_int_equal(g->res.e.cls, ERR_CONFIG);
	assert_int_equal(g->res.p.legs_done, 2);
	rig_end(g, d);
}

/* Another WHERE, another configuration: other rows. */
static void
test_redefined(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("asc", INC ",\"where\":\"rev > 1\"");

	(void)state;
	fill(g, 12);
	rig_touch(g, 2);
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 1);
	sync_def_unref(d);
	d = rig_def("asc", INC);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-asc"));
	rig_end(g, d);
}

#define T(t) cmocka_unit_test(t)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_full), T(test_incremental), T(test_newest_first_stops),
		T(test_where), T(test_bucket), T(test_refused), T(test_capped),
		T(test_no_value), T(test_late_and_lookback), T(test_deletes),
		T(test_moving_is_not_deleted), T(test_rejected), T(test_legs),
		T(test_redefined),
	};

	return (cmocka_run_group_tests_name("sync", tests, NULL, NULL));
}
