/* Incremental syncs over parts that come and go: what is older than the cursor and
 * lies in a part that is new is read, once. */
#include "sync/sync_parts.h"
#include "sync/sync_run_internal.h"
#include "sync_rig.h"

#define INC ",\"incremental\":\"updated\""

static void
test_a_part_that_comes_later(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("parts", INC);

	(void)state;
	rig_fill(g, 60, 1000);
	g->boxes = RIG_BOXES - 1;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 45);
	assert_int_equal(json_string_length(rig_cursor(g, d, "parts", "parts")),
	    12 * (RIG_BOXES - 1));
	/* All of it is older than the cursor. */
	g->boxes = RIG_BOXES;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 15);
	assert_true(rig_same(g, "t-parts"));
	assert_int_equal(g->res.p.calls, 1 + RIG_BOXES + 3);
	/* Once is enough. */
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 0);
	assert_int_equal(g->res.p.calls, 1 + RIG_BOXES);
	rig_touch(g, 7);
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 1);
	assert_true(rig_same(g, "t-parts"));
	rig_end(g, d);
}

/* One that went and comes again has what it got meanwhile. */
static void
test_a_part_that_comes_again(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("parts", INC);
	size_t i;

	(void)state;
	rig_fill(g, 40, 1000);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 40);
	g->boxes = RIG_BOXES - 1;
	/* Of the last box, ... */
	for (i = 0; i < 40; i++)
		if (g->items[i].id % RIG_BOXES == RIG_BOXES - 1)
			rig_touch(g, i);
	fake_loop_advance(g->L, 60000);
	/* ... and then of another, so that the cursor goes past them. */
	rig_touch(g, RIG_BOXES - 1);
	fake_loop_advance(g->L, 60000);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 1);
	g->boxes = RIG_BOXES;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-parts"));
	rig_end(g, d);
}

/* A run that fails within the new part leaves it new. */
static void
test_a_new_part_that_fails(void ** state)
{
	struct rig * g = rig_new("{\"retry_count\":0}");
	struct sync_def * d = rig_def("parts", INC);

	(void)state;
	rig_fill(g, 60, 1000);
	g->boxes = RIG_BOXES - 1;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->boxes = RIG_BOXES;
	g->status = 500;
	g->status_at = g->pages + 1 + RIG_BOXES + 2;
	rig_runs(g, d, 0, SYNC_FAILED);
	g->status = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-parts"));
	rig_end(g, d);
}

/* The first item of box ${box} changes, and the clock goes on. */
static void
touch_in(struct rig * g, size_t box)
{
	size_t i;

	for (i = 0; (size_t)g->items[i].id % RIG_BOXES != box; i++)
		continue;
	rig_touch(g, i);
	fake_loop_advance(g->L, 60000);
}

/* A part that may not be read: the others go on, and what it gets meanwhile comes when
 * it may be read again, also where another one may not then. */
static void
forbidden(const char * entity, int status)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def(entity, INC
	    ",\"deletes\":\"remove\",\"delete_ratio\":1");
	char table[32];
	int i;

	snprintf(table, sizeof(table), "t-%s", entity);
	rig_fill(g, 40, 1000);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->forbids_with = status;
	for (i = 0; i < 2; i++) {
		g->forbids = 1U << (1 + i);
		touch_in(g, 1);
		touch_in(g, 2);
		touch_in(g, 0);
		rig_runs(g, d, i == 1 ? SYNC_RUN_FULL : 0, SYNC_PARTIAL);
		assert_non_null(strstr(g->res.reason, "1 part was left out: "));
		assert_int_equal(g->res.p.deleted, 0);
	}
	/* Box 1 is there again; of box 2 nobody tells. */
	touch_in(g, 1);
	touch_in(g, 2);
	touch_in(g, 0);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	g->forbids = 2;
	touch_in(g, 1);
	touch_in(g, 0);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	touch_in(g, 0);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_int_equal(g->res.p.written, 1);
	g->forbids = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, table));
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.written, 0);
	rig_end(g, d);
}

/* One that is new and may not be read stays new. */
static void
new_and_forbidden(const char * entity, int status)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def(entity, INC);
	char table[32];
	int i;

	snprintf(table, sizeof(table), "t-%s", entity);
	rig_fill(g, 40, 1000);
	g->boxes = RIG_BOXES - 1;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->boxes = RIG_BOXES;
	g->forbids = 1U << (RIG_BOXES - 1);
	g->forbids_with = status;
	for (i = 0; i < 2; i++) {
		touch_in(g, 0);
		rig_runs(g, d, 0, SYNC_PARTIAL);
		assert_int_equal(g->res.p.written, 1);
	}
	/* With its first page only. */
	g->forbids_late = 1;
	rig_runs(g, d, 0, SYNC_PARTIAL);
	g->forbids = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, table));
	rig_end(g, d);
}

static const char * const boxed[] = { "parts", "own", "down", "tokens" };

static void
test_parts_that_are_left_out(void ** state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		forbidden(boxed[i], 423);
		new_and_forbidden(boxed[i], 423);
	}
}

static void
test_parts_that_are_forbidden(void ** state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		forbidden(boxed[i], 403);
		new_and_forbidden(boxed[i], 403);
	}
}

/* Where all are it is the credentials, and no run is green on nothing. */
static void
test_all_are_forbidden(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("parts", INC);

	(void)state;
	rig_fill(g, 40, 1000);
	g->forbids = ~0U;
	g->forbids_with = 403;
	rig_runs(g, d, 0, SYNC_FAILED);
	assert_int_equal(g->res.e.cls, ERR_CONFIG);
	assert_non_null(strstr(g->res.reason, "answered 403"));
	g->forbids = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-parts"));
	rig_end(g, d);
}

/* What is read of new parts counts as all of the run does. */
static void
calls_of_new_parts(const char * entity)
{
	struct rig * g = rig_new("{\"max_api_calls\":9}");
	struct sync_def * d = rig_def(entity, INC);
	size_t runs;

	rig_fill(g, 60, 1000);
	g->boxes = 1;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->boxes = RIG_BOXES;
	for (runs = 0; runs < 9; runs++) {
		rig_run(g, d, 0);
		if (g->res.p.calls > 9)
			fail_msg("%s: %d calls", entity, (int)g->res.p.calls);
		if (g->res.verdict == SYNC_COMPLETE)
			break;
		rig_is(g, SYNC_PARTIAL);
		assert_non_null(strstr(g->res.reason, "max_api_calls"));
	}
	assert_true(runs < 9);
	assert_true(runs > 0);
	assert_true(rig_same(g, entity[0] == 'p' ? "t-parts" : "t-tokens"));
	rig_end(g, d);
}

static void
test_calls_of_new_parts(void ** state)
{
	(void)state;
	calls_of_new_parts("tokens");
	calls_of_new_parts("parts");
}

/* What a part says that it lacks is no part that was left out: it is not forgotten
 * because one was. */
static void
test_what_a_part_lacks(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("parts", INC);

	(void)state;
	rig_fill(g, 40, 1000);
	g->boxes = RIG_BOXES - 1;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->boxes = RIG_BOXES;
	g->forbids = 1U << (RIG_BOXES - 1);
	g->forbids_with = 403;
	g->forbids_whole = 1;
	g->lacks = 1 + 1;
	g->hides = g->items[0].id;
	assert_int_equal(g->hides % RIG_BOXES, 1);
	rig_touch(g, 0);
	fake_loop_advance(g->L, 60000);
	touch_in(g, 0);
	rig_runs(g, d, 0, SYNC_PARTIAL);
	g->forbids = 0;
	g->lacks = 0;
	g->hides = 0;
	rig_run(g, d, 0);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-parts"));
	rig_end(g, d);
}

/* After a run that found no part at all each that comes is new. */
static void
test_none_for_a_while(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("parts", INC);

	(void)state;
	rig_fill(g, 40, 1000);
	g->boxes = RIG_BOXES - 1;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->boxes = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->boxes = RIG_BOXES;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_true(rig_same(g, "t-parts"));
	rig_run(g, d, 0);
	assert_int_equal(g->res.p.written, 0);
	rig_end(g, d);
}

/* ---- the set itself ---- */

static json_t *
in_of(int i)
{
	json_t * in = json_pack("{s:i}", "box", i);

	assert_non_null(in);
	return (in);
}

static void
note(struct sync_parts * p, int from, int to)
{
	json_t * in;
	int i;

	for (i = from; i < to; i++) {
		in = in_of(i);
		sync_parts_note(p, (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15),
		    in);
		json_decref(in);
	}
}

/* Several that are asked for at once are no part that could be read by itself. */
static void
test_several_at_once(void ** state)
{
	json_t * in = json_pack("{s:[i, i]}", "box", 1, 2), * rec = json_object();
	struct sync_parts p;

	(void)state;
	memset(&p, 0, sizeof(p));
	sync_parts_note(&p, 7, in);
	sync_parts_left(&p, 8);
	assert_int_equal(sync_parts_lost(&p), 0);
	assert_int_equal(sync_parts_put(&p, rec), 0);
	assert_null(json_object_get(rec, "parts"));
	sync_parts_free(&p);
	json_object_set_new(rec, "parts", json_string(""));
	sync_parts_load(&p, rec);
	sync_parts_note(&p, 7, in);
	assert_null(sync_parts_fresh(&p));
	sync_parts_free(&p);
	json_decref(in);
	json_decref(rec);
}

static void
test_set(void ** state)
{
	struct sync_parts p;
	json_t * rec = json_object();
	const json_t * in;
	int n;

	(void)state;
	memset(&p, 0, sizeof(p));
	sync_parts_load(&p, rec);
	note(&p, 0, 100);
	note(&p, 50, 100);
	/* Without anything known nothing is new. */
	assert_null(sync_parts_fresh(&p));
	assert_int_equal(sync_parts_put(&p, rec), 0);
	assert_int_equal(json_string_length(json_object_get(rec, "parts")),
	    12 * 100);
	sync_parts_free(&p);
	sync_parts_load(&p, rec);
	note(&p, 10, 103);
	for (n = 100; n < 103; n++) {
		in = sync_parts_fresh(&p);
		assert_int_equal(json_integer_value(json_object_get(in, "box")),
		    n);
	}
	assert_null(sync_parts_fresh(&p));
	assert_int_equal(sync_parts_put(&p, rec), 0);
	assert_int_equal(json_string_length(json_object_get(rec, "parts")),
	    12 * 93);
	sync_parts_free(&p);
	/* Too many that are new: all is read. */
	sync_parts_load(&p, rec);
	note(&p, 200, 200 + SYNC_PARTS_FRESH + 1);
	assert_true(p.too_many);
	assert_null(sync_parts_fresh(&p));
	sync_parts_free(&p);
	/* Too many at all: they are not told apart. */
	sync_parts_load(&p, rec);
	note(&p, 0, SYNC_PARTS_MAX + 1);
	assert_int_equal(sync_parts_put(&p, rec), 0);
	assert_null(json_object_get(rec, "parts"));
	sync_parts_free(&p);
	/* A record of another hand. */
	json_object_set_new(rec, "parts", json_string("zz"));
	sync_parts_load(&p, rec);
	assert_false(p.has_known);
	sync_parts_free(&p);
	json_decref(rec);
}

/* What asks for a part whole; several values of an input may be one part. */
static void
test_statement(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("parts", INC);
	const struct manifest_column * cols[1];
	struct sync_run r = { .d = d, .c = g->c };
	struct sync_leg l;
	json_t * in = json_pack("{s:[s,i,s]}", "box", "b'1", 2, "b3");

	(void)state;
	memset(&l, 0, sizeof(l));
	l.r = &r;
	l.ent = manifest_entity(g->m, "parts");
	cols[0] = &l.ent->columns[0];
	l.cols = cols;
	l.ncols = 1;
	assert_int_equal(sync_plan_fill(&l, in), 0);
	assert_non_null(strstr(l.sql.p, " WHERE \"box\" IN ('b''1', 2, 'b3')"));
	json_object_set_new(in, "box", json_string("b"));
	assert_int_equal(sync_plan_fill(&l, in), 0);
	assert_non_null(strstr(l.sql.p, " WHERE \"box\" IN ('b')"));
	buf_free(&l.sql);
	json_decref(in);
	rig_end(g, d);
}

/* What is gone of the parts that were read goes, where the rows of the one that was not
 * are known by their key; else nothing does, and that is said. */
static void
test_deletes_beside_what_is_left_out(void ** state)
{
	static const char * const ents[] = { "keyed", "parts" };
	char table[20];
	struct rig * g;
	struct sync_def * d;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		snprintf(table, sizeof(table), "t-%s", ents[i]);
		g = rig_new("{}");
		d = rig_def(ents[i], ",\"deletes\":\"remove\",\"delete_ratio\":1");
		rig_fill(g, 24, 1000);
		rig_runs(g, d, 0, SYNC_COMPLETE);
		/* One of each of two boxes. */
		g->items[0].gone = g->items[1].gone = 1;
		g->refuse = 2;
		rig_runs(g, d, 0, SYNC_PARTIAL);
		assert_int_equal(g->res.p.deleted, i == 0 ? 1 : 0);
		assert_int_equal(fake_target_count(&g->target, table),
		    i == 0 ? 23 : 24);
		assert_int_equal(strstr(g->res.reason, "nothing was deleted") !=
		    NULL, i == 1);
		/* That something else is missing is of nobody. */
		g->lacks = 3;
		g->items[3].gone = 1;
		rig_runs(g, d, 0, SYNC_PARTIAL);
		assert_int_equal(g->res.p.deleted, 0);
		assert_non_null(strstr(g->res.reason, "nothing was deleted"));
		g->lacks = g->refuse = 0;
		rig_runs(g, d, 0, SYNC_COMPLETE);
		assert_int_equal(fake_target_count(&g->target, table), 21);
		rig_end(g, d);
	}
}

/* What is listed no more may be one that was left out, under another name: while any is,
 * its rows stay. */
static void
test_not_listed_beside_what_is_left_out(void ** state)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def("keyed",
	    ",\"deletes\":\"remove\",\"delete_ratio\":1");

	(void)state;
	rig_fill(g, 24, 1000);
	rig_runs(g, d, 0, SYNC_COMPLETE);
	g->boxes = RIG_BOXES - 1;
	g->items[2].gone = g->items[1].gone = 1;
	g->refuse = 2;
	rig_runs(g, d, 0, SYNC_PARTIAL);
	assert_int_equal(g->res.p.deleted, 1);
	g->refuse = 0;
	rig_runs(g, d, 0, SYNC_COMPLETE);
	assert_int_equal(g->res.p.deleted, 6);
	rig_end(g, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_part_that_comes_later),
		cmocka_unit_test(test_a_part_that_comes_again),
		cmocka_unit_test(test_a_new_part_that_fails),
		cmocka_unit_test(test_calls_of_new_parts),
		cmocka_unit_test(test_parts_that_are_left_out),
		cmocka_unit_test(test_parts_that_are_forbidden),
		cmocka_unit_test(test_all_are_forbidden),
		cmocka_unit_test(test_statement),
		cmocka_unit_test(test_what_a_part_lacks),
		cmocka_unit_test(test_none_for_a_while),
		cmocka_unit_test(test_several_at_once),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_deletes_beside_what_is_left_out),
		cmocka_unit_test(test_not_listed_beside_what_is_left_out),
	};

	return (cmocka_run_group_tests_name("sync_parts", tests, NULL, NULL));
}
