#include <setjmp.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample_rig.h"

/* A store on a full disk, of another's, damaged, held by somebody, or left early. */

static void
test_disk_full(void ** state)
{
	struct sample_source * s = rig_source("t", "n");
	unsigned kinds[RIG_N] = { 1 };
	struct sample_layout * was;
	struct sample_page p;
	double v[RIG_N];
	char sql[64];
	int64_t t = 1;
	int ok;

	(void)state;
	rig_append(s, 1, 0, 1);
	rig_wait(&rig_ok, 1);
	was = sample_source_layout(s);
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%d",
	    (int)rig_count("PRAGMA page_count") + 2);
	assert_int_equal(sqlite3_exec(S->db, sql, NULL, NULL, NULL), SQLITE_OK);
	for (; rig_bad == 0 && t < 200; t++) {
		ok = rig_ok + rig_bad;
		rig_append(s, 1, t, 1);
		while (rig_ok + rig_bad == ok)
			loop_turn(L, 1);
	}
	assert_int_equal(rig_bad, 1);
	assert_string_equal(rig_err.code, "disk_full");
	assert_int_equal(rig_err.cls, ERR_TRANSIENT);
	/* The source stands where it stood, also when its layout was new. */
	assert_true(sample_source_last_at(s) == (t - 2) * 1000);
	rig_page(1, t, RIG_N, v);
	p = fix_page(kinds, RIG_N, rig_kinds, RIG_N, v);
	sample_source_append(s, t * 1000, 1, &p, rig_cb, NULL);
	fix_free(&p);
	rig_append(s, 1, t, 1); /* the same group fails as a whole */
	rig_wait(&rig_bad, 3);
	assert_ptr_equal(sample_source_layout(s), was);
	assert_int_equal(rig_count("SELECT count(*) FROM sample_layout"), 1);
	/* Room again. */
	sqlite3_exec(S->db, "PRAGMA max_page_count=100000", NULL, NULL, NULL);
	rig_append_many(s, 1, t, 210);
	assert_true(sample_source_last_at(s) == 209000);
	sample_source_close(s);
	rig_expect("SELECT max(timestamp) FROM t", "1970-01-01T00:03:29Z");
}

static void
test_busy_waits_and_fails(void ** state)
{
	struct sample_source * s = rig_source("t", "n");
	int64_t t0 = clock_mono_us();
	sqlite3 * db;

	(void)state;
	sqlite3_open(path, &db);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
	    SQLITE_OK);
	rig_append(s, 1, 0, 1);
	while (clock_mono_us() - t0 < 200000)
		loop_turn(L, 1);
	assert_int_equal(rig_ok + rig_bad, 0);
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	rig_wait(&rig_ok, 1);
	sqlite3_close(db);
	sample_source_close(s);
}

static void
test_files_that_are_not_ours(void ** state)
{
	struct sample_store * x;
	char other[120];
	struct err e;
	sqlite3 * db;
	FILE * f;

	(void)state;
	snprintf(other, sizeof(other), "%s/garbage", dir);
	f = fopen(other, "w");
	for (int i = 0; i < 1000; i++)
		fprintf(f, "this is no database\n");
	fclose(f);
	assert_null(sample_store_open(L, other, &e));
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, "not_a_database");
	snprintf(other, sizeof(other), "%s/foreign", dir);
	sqlite3_open(other, &db);
	sqlite3_exec(db, "PRAGMA application_id=77;CREATE TABLE x(y)", NULL,
	    NULL, NULL);
	sqlite3_close(db);
	assert_null(sample_store_open(L, other, &e));
	assert_string_equal(e.code, "not_ours");
	snprintf(other, sizeof(other), "%s/newer", dir);
	x = sample_store_open(L, other, &e);
	assert_non_null(x);
	sample_store_close(x);
	sqlite3_open(other, &db);
	sqlite3_exec(db, "UPDATE sample_meta SET v = 99 WHERE k = 'format'",
	    NULL, NULL, NULL);
	sqlite3_close(db);
	assert_null(sample_store_open(L, other, &e));
	assert_string_equal(e.code, "format");
	assert_null(sample_store_open(L, "/nonexistent/x.db", &e));
	assert_int_equal(e.cls, ERR_CONFIG);
}

/* Blobs overwritten in the file: an error that says so, and no crash. */
static void
test_damaged_values(void ** state)
{
	struct sample_source * s = rig_source("t", "n");
	char got[400];
	sqlite3 * db;

	(void)state;
	rig_append_many(s, 1, 0, 200);
	rig_wait_count("SELECT count(*) FROM sample_block", 1);
	sqlite3_open(path, &db);
	assert_int_equal(sqlite3_exec(db, "UPDATE sample_block SET data = "
	    "substr(data, 1, 200) || zeroblob(300)", NULL, NULL, NULL),
	    SQLITE_OK);
	rig_ask_table("t", "SELECT sum(value) FROM t", got, sizeof(got));
	assert_non_null(strstr(got, "damaged"));
	sqlite3_exec(db, "UPDATE sample_layout SET diff = x'0011'", NULL, NULL,
	    NULL);
	rig_ask_table("t", "SELECT name FROM t", got, sizeof(got));
	assert_non_null(strstr(got, "damaged"));
	sqlite3_close(db);
	sample_source_close(s);
}

static void
test_two_stores(void ** state)
{
	struct sample_source * a = rig_source("t", "n"), * b;
	struct sample_store * S2, * S1 = S;
	char second[120];
	struct err e;

	(void)state;
	snprintf(second, sizeof(second), "%s/two.db", dir);
	S2 = sample_store_open(L, second, &e);
	assert_non_null(S2);
	b = sample_source_open(S2, "t", "n", &e);
	rig_append(a, 1, 1, 1);
	rig_append(b, 1, 1, 1);
	rig_append(b, 1, 2, 1);
	rig_wait(&rig_ok, 3);
	rig_expect("SELECT count(*) FROM t", "96");
	sample_source_close(b);
	sample_store_close(S2);
	snprintf(path, sizeof(path), "%s", second);
	S = NULL;
	rig_expect("SELECT count(*) FROM t", "192"); /* without a store */
	S = S1;
	sample_source_close(a);
}

/* A source that is closed while its tick is on the way. */
static void
test_close_early(void ** state)
{
	struct sample_source * s = rig_source("t", "n"), * s2;

	(void)state;
	s2 = rig_source("t", "n");
	assert_ptr_equal(s, s2);
	sample_source_close(s2);
	rig_append(s, 1, 1, 1);
	sample_source_close(s);
	sample_store_close(S);
	assert_int_equal(rig_ok, 0);
	rig_open();
	rig_expect("SELECT count(*) FROM t", "96");
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_disk_full),
		T(test_busy_waits_and_fails),
		T(test_files_that_are_not_ours),
		T(test_damaged_values),
		T(test_two_stores),
		T(test_close_early),
	};

	return (cmocka_run_group_tests_name("sample_trouble", tests, NULL, NULL));
}
