#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sync/sync_cursor.h"

/* id, at (a time), n (a counter). */
static struct manifest_column columns[] = {
	{ .name = "id", .type = COLUMN_INTEGER, .is_key = 1 },
	{ .name = "at", .type = COLUMN_TIMESTAMP, .not_null = 1 },
	{ .name = "n", .type = COLUMN_INTEGER },
};
static const struct manifest_column * const cols[] = { &columns[0],
    &columns[1], &columns[2] };
static struct manifest_entity ent = { .name = "e", .columns = columns,
    .ncolumns = 3 };
static struct sync_cursor cu;
static json_t * rec;
static struct read_stats st;

#define T0 INT64_C(1700000000000)

static int
setup(void ** state)
{
	(void)state;
	ent.cursor = json_pack("{s:s, s:s, s:i, s:i}", "column", "AT", "order",
	    "asc", "lag_s", 0, "lookback_s", 0);
	memset(&st, 0, sizeof(st));
	st.first_ms = T0 + 1000000;
	rec = NULL;
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	sync_cursor_free(&cu);
	json_decref(rec);
	json_decref((json_t *)(uintptr_t)ent.cursor);
	return (0);
}

/* The next run. */
static void
begin(size_t column, enum sync_order order)
{
	sync_cursor_free(&cu);
	sync_cursor_init(&cu, &ent, column, column);
	sync_cursor_load(&cu, rec, "of");
	cu.order = order;
	cu.steps = order == SYNC_ASC;
}

static enum sync_row
row(int64_t id, int64_t s, int64_t n)
{
	char text[32];
	struct value v[3];

	memset(v, 0, sizeof(v));
	v[0].type = VALUE_INT;
	v[0].i = id;
	if (s >= 0) {
		v[1].type = VALUE_TEXT;
		v[1].s = text;
		v[1].len = (uint32_t)snprintf(text, sizeof(text),
		    "2023-11-14T22:%02d:%02dZ", (int)(s / 60), (int)(s % 60));
	}
	v[2].type = VALUE_INT;
	v[2].i = n;
	return (sync_cursor_row(&cu, cols, v, 3));
}

/* It ends; what is kept then: the value, or "" */
static const char *
end(int complete)
{
	static struct sync_point p;
	int has = sync_cursor_end(&cu, &st, complete, &p);
	const json_t * v;
	static char text[32];

	if (rec == NULL)
		rec = json_object();
	assert_int_equal(sync_cursor_put(&cu, has ? &p : NULL, "of", rec), 0);
	v = json_object_get(rec, "value");
	if (json_is_integer(v)) {
		snprintf(text, sizeof(text), "%lld",
		    (long long)json_integer_value(v));
		return (text);
	}
	return (v == NULL ? "" : json_string_value(v));
}

static size_t
ids(void)
{
	return (json_array_size(json_object_get(rec, "ids")));
}

static void
test_boundary(void ** state)
{
	int64_t v;

	(void)state;
	begin(1, SYNC_ASC);
	assert_false(sync_cursor_from(&cu, &v));
	assert_int_equal(row(1, 5, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(2, 7, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(3, 7, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "2023-11-14T22:00:07Z");
	assert_int_equal(ids(), 2);
	begin(1, SYNC_ASC);
	assert_true(sync_cursor_from(&cu, &v));
	assert_int_equal(row(2, 7, 0), SYNC_ROW_SKIP);
	assert_int_equal(row(3, 7, 1), SYNC_ROW_WRITE); /* changed */
	assert_int_equal(row(4, 7, 0), SYNC_ROW_WRITE); /* new */
	assert_string_equal(end(1), "2023-11-14T22:00:07Z");
	assert_int_equal(ids(), 3); /* as they are now */
	begin(1, SYNC_ASC);
	assert_int_equal(row(2, 7, 0), SYNC_ROW_SKIP);
	assert_int_equal(row(3, 7, 1), SYNC_ROW_SKIP);
	assert_int_equal(row(4, 7, 0), SYNC_ROW_SKIP);
	assert_int_equal(row(5, 8, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "2023-11-14T22:00:08Z");
	assert_int_equal(ids(), 1);
	/* It is for this column, and these rows. */
	begin(2, SYNC_ASC);
	assert_false(sync_cursor_from(&cu, &v));
	sync_cursor_init(&cu, &ent, 1, 1);
	sync_cursor_load(&cu, rec, "other");
	assert_false(sync_cursor_from(&cu, &v));
}

/* A row changes and changes back, and its cursor's value stays the same. */
static void
test_there_and_back(void ** state)
{
	(void)state;
	begin(1, SYNC_ANY);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(2, 7, 0), SYNC_ROW_WRITE);
	end(1);
	begin(1, SYNC_ANY);
	assert_int_equal(row(1, 7, 1), SYNC_ROW_WRITE);
	assert_int_equal(row(2, 7, 0), SYNC_ROW_SKIP);
	end(1);
	begin(1, SYNC_ANY);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_WRITE);
	/* What was not seen to its end is not kept. */
	end(0);
	begin(1, SYNC_ANY);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(2, 7, 0), SYNC_ROW_SKIP);
	end(1);
	assert_int_equal(ids(), 2);
	/* Within one run, where it comes twice. */
	begin(1, SYNC_ASC);
	assert_int_equal(sync_cursor_seams(&cu), 0);
	assert_int_equal(row(3, 8, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(3, 8, 1), SYNC_ROW_WRITE);
	end(1);
	assert_int_equal(ids(), 1);
	begin(1, SYNC_ASC);
	assert_int_equal(row(3, 8, 0), SYNC_ROW_WRITE);
}

static void
test_many_at_once(void ** state)
{
	int i;

	(void)state;
	begin(1, SYNC_ANY);
	for (i = 0; i < 2500; i++)
		assert_int_equal(row(i, 7, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "2023-11-14T22:00:07Z");
	assert_int_equal(ids(), SYNC_CURSOR_IDS);
	begin(1, SYNC_ANY);
	assert_int_equal(row(3, 7, 0), SYNC_ROW_SKIP);
	assert_int_equal(row(2000, 7, 0), SYNC_ROW_WRITE);
}

static void
test_clock(void ** state)
{
	(void)state;
	/* Without order, what came after the run began is asked again. */
	begin(1, SYNC_ANY);
	row(1, 5, 0);
	row(2, 3599, 0);
	st.first_ms = T0 - 783000; /* 22:00:17 */
	assert_string_equal(end(1), "2023-11-14T21:59:47Z");
	assert_int_equal(ids(), 0);
	/* It never goes back. */
	begin(1, SYNC_ANY);
	row(1, 40, 0);
	st.first_ms -= 3600000;
	assert_string_equal(end(1), "2023-11-14T21:59:47Z");
	/* Newest first the first row is the clock. */
	begin(1, SYNC_DESC);
	st.first_ms += 3600000;
	row(1, 100, 0);
	row(3, 101, 0);
	row(2, 50, 0);
	assert_string_equal(end(1), "2023-11-14T22:01:40Z");
	begin(1, SYNC_DESC);
	assert_int_equal(row(4, 200, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(1, 100, 0), SYNC_ROW_SKIP);
	assert_int_equal(row(2, 99, 0), SYNC_ROW_STOP);
	assert_string_equal(end(0), "2023-11-14T22:01:40Z");
	/* A lag holds for all. */
	json_object_set_new((json_t *)(uintptr_t)ent.cursor, "lag_s",
	    json_integer(10));
	begin(1, SYNC_ASC);
	row(4, 200, 0);
	st.first_ms = T0 - 800000 + 205000 + 0;
	assert_string_equal(end(1), "2023-11-14T22:03:15Z");
}

static void
test_disorder(void ** state)
{
	struct sync_point p;

	(void)state;
	begin(1, SYNC_ASC);
	assert_int_equal(sync_cursor_seams(&cu), 0);
	assert_int_equal(row(1, 5, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(2, 6, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(1, 5, 0), SYNC_ROW_SKIP); /* a seam */
	assert_int_equal(row(2, 6, 0), SYNC_ROW_SKIP);
	assert_true(sync_cursor_step(&cu, 0, &p));
	assert_int_equal(row(1, 7, 1), SYNC_ROW_WRITE);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_WRITE); /* and back again */
	assert_int_equal(row(3, 4, 0), SYNC_ROW_WRITE);
	/* No order then: nothing before the end. */
	assert_false(sync_cursor_step(&cu, 0, &p));
	assert_string_equal(end(0), "");
	st.first_ms = T0 - 795000; /* 22:00:05 */
	assert_string_equal(end(1), "2023-11-14T21:59:35Z");
}

static void
test_no_value(void ** state)
{
	(void)state;
	begin(1, SYNC_ANY);
	assert_int_equal(row(1, -1, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "");
	begin(1, SYNC_ANY);
	assert_int_equal(row(1, -1, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(2, 9, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "2023-11-14T22:00:09Z");
	begin(1, SYNC_ANY);
	assert_int_equal(row(1, -1, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(2, 9, 0), SYNC_ROW_SKIP);
	assert_int_equal(row(3, 8, 0), SYNC_ROW_SKIP);
}

static void
test_counter(void ** state)
{
	int64_t v;

	(void)state;
	begin(2, SYNC_ANY);
	row(1, 1, -5);
	row(2, 1, 900);
	row(3, 1, 7);
	assert_string_equal(end(1), "900");
	begin(2, SYNC_ANY);
	assert_true(sync_cursor_from(&cu, &v));
	assert_int_equal(v, 900);
	assert_int_equal(row(3, 1, 8), SYNC_ROW_SKIP);
	assert_int_equal(row(4, 1, INT64_MAX), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "9223372036854775807");
}

/* Parts that share a counter: what the first got while the last was read. */
static void
test_counter_of_parts(void ** state)
{
	int64_t v;

	(void)state;
	begin(2, SYNC_ANY);
	cu.many = 1;
	row(1, 1, 100);
	row(2, 1, 110);
	assert_string_equal(end(1), "");
	begin(2, SYNC_ANY);
	cu.many = 1;
	assert_false(sync_cursor_from(&cu, &v));
	assert_int_equal(row(3, 1, 105), SYNC_ROW_WRITE);
	row(4, 1, 120);
	assert_string_equal(end(1), "110");
	/* Nothing came: all are known. */
	begin(2, SYNC_ANY);
	cu.many = 1;
	assert_int_equal(row(5, 1, 115), SYNC_ROW_WRITE);
	row(4, 1, 120);
	assert_string_equal(end(1), "120");
	begin(2, SYNC_ANY);
	cu.many = 1;
	assert_int_equal(row(4, 1, 120), SYNC_ROW_SKIP);
	assert_string_equal(end(0), "120");
	/* One part alone shows all. */
	begin(2, SYNC_ANY);
	row(6, 1, 130);
	assert_string_equal(end(1), "130");
	assert_null(json_object_get(rec, "ahead"));
}

/* While a new part is read whole nothing is heard of the others. */
static void
test_fills(void ** state)
{
	(void)state;
	begin(2, SYNC_ANY);
	row(1, 1, 7);
	assert_string_equal(end(1), "7");
	begin(2, SYNC_ANY);
	row(2, 1, 8);
	cu.fills = 1;
	assert_int_equal(row(3, 1, 2), SYNC_ROW_WRITE);
	assert_int_equal(row(5, 1, 10), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "8");
	/* What another got meanwhile. */
	begin(2, SYNC_ANY);
	assert_int_equal(row(4, 1, 9), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "9");
}

static void
test_lookback(void ** state)
{
	int64_t v;

	(void)state;
	json_object_set_new((json_t *)(uintptr_t)ent.cursor, "lookback_s",
	    json_integer(60));
	begin(1, SYNC_ANY);
	row(1, 100, 0);
	end(1);
	begin(1, SYNC_ANY);
	assert_true(sync_cursor_from(&cu, &v));
	assert_int_equal(row(2, 39, 0), SYNC_ROW_SKIP);
	assert_int_equal(row(3, 40, 0), SYNC_ROW_WRITE);
	assert_int_equal(row(1, 100, 0), SYNC_ROW_SKIP);
	assert_string_equal(end(1), "2023-11-14T22:01:40Z");
}

/* Parts that were left out, and lists that were short. */
static void
test_left_out(void ** state)
{
	int64_t v;

	(void)state;
	begin(1, SYNC_ANY);
	row(1, 5, 0);
	st.skipped = 1;
	assert_string_equal(end(1), "2023-11-14T22:00:05Z");
	/* Left out as before: on it goes. */
	begin(1, SYNC_ANY);
	row(1, 6, 0);
	assert_string_equal(end(1), "2023-11-14T22:00:06Z");
	/* It is there again: all has to be read. */
	begin(1, SYNC_ANY);
	row(1, 7, 0);
	st.skipped = 0;
	assert_string_equal(end(1), "");
	begin(1, SYNC_ANY);
	assert_false(sync_cursor_from(&cu, &v));
	row(1, 7, 0);
	assert_string_equal(end(1), "2023-11-14T22:00:07Z");
	/* Short once: it may be there the next time. */
	begin(1, SYNC_ANY);
	row(1, 8, 0);
	st.short_of = 2;
	assert_string_equal(end(1), "2023-11-14T22:00:07Z");
	begin(1, SYNC_ANY);
	assert_int_equal(row(1, 8, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "2023-11-14T22:00:08Z");
}

static void
test_bad_record(void ** state)
{
	static const char * const bad[] = { "{}", "[]", "{\"column\":1}",
	    "{\"column\":\"at\"}", "{\"column\":\"at\",\"value\":7}",
	    "{\"column\":\"at\",\"value\":\"soon\",\"ids\":{}}",
	    "{\"column\":\"at\",\"value\":null,\"ids\":[1]}" };
	int64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rec = json_loads(bad[i], 0, NULL);
		assert_non_null(rec);
		begin(1, SYNC_ANY);
		assert_false(sync_cursor_from(&cu, &v));
		json_decref(rec);
	}
	rec = json_loads("{\"column\":\"at\",\"value\":"
	    "\"2023-11-14T22:00:07Z\",\"ids\":[1,null,\"zz\",\"ff\"]}", 0,
	    NULL);
	begin(1, SYNC_ANY);
	assert_true(sync_cursor_from(&cu, &v));
	assert_int_equal(row(1, 7, 0), SYNC_ROW_WRITE);
}

/* Who sends rows cannot make two that pass for one: what they are known by is a secret of
 * the cursor.  Of a record without one they are written once more. */
static void
test_salt(void ** state)
{
	json_t * one, * old;

	(void)state;
	begin(1, SYNC_ASC);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "2023-11-14T22:00:07Z");
	one = json_deep_copy(rec);
	assert_int_equal(strlen(json_string_value(json_object_get(rec,
	    "salt"))), 16);
	json_object_clear(rec);
	begin(1, SYNC_ASC);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "2023-11-14T22:00:07Z");
	assert_false(json_equal(json_object_get(one, "ids"),
	    json_object_get(rec, "ids")));
	begin(1, SYNC_ASC);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_SKIP);
	old = json_deep_copy(rec);
	(void)end(1);
	assert_true(json_equal(rec, old));
	json_object_del(rec, "salt");
	begin(1, SYNC_ASC);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_WRITE);
	assert_string_equal(end(1), "2023-11-14T22:00:07Z");
	begin(1, SYNC_ASC);
	assert_int_equal(row(1, 7, 0), SYNC_ROW_SKIP);
	json_decref(one);
	json_decref(old);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_boundary), T(test_salt), T(test_there_and_back), T(test_many_at_once),
		T(test_clock), T(test_disorder), T(test_no_value), T(test_counter),
		T(test_clock), T(test_disorder), T(test_no_value), T(test_counter_of_parts),
		T(test_fills), T(test_lookback), T(test_left_out), T(test_bad_record),
	};

	return (cmocka_run_group_tests_name("sync_cursor", tests, NULL, NULL));
}
