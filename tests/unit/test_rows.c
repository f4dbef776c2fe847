/* Rows in SQLite: how they are written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fence.h"
#include "rows_rig.h"

static const struct writer_column abc[] = {
	{ "id", COLUMN_INTEGER, 1, 0 }, { "name", COLUMN_TEXT, 0, 1 },
	{ "at", COLUMN_TIMESTAMP, 0, 0 }, { "ok", COLUMN_BOOLEAN, 0, 0 },
	{ "score", COLUMN_REAL, 0, 0 }, { "tags", COLUMN_LIST, 0, 0 },
};
static const struct writer_column pair[] = {
	{ "repo", COLUMN_TEXT, 1, 0 }, { "n", COLUMN_INTEGER, 1, 0 },
	{ "v", COLUMN_TEXT, 0, 0 },
};
static const struct writer_column pair2[] = {
	{ "REPO", COLUMN_TEXT, 1, 0 }, { "n", COLUMN_INTEGER, 1, 0 },
	{ "V", COLUMN_INTEGER, 0, 0 }, { "more", COLUMN_MAP, 0, 0 },
};

static int
has_table(const char * name, int want_rows)
{
	return (targets_is_rows(T, "moltler", name) == want_rows);
}

static void
upsert(void ** state)
{
	struct writer_stats st;
	struct rig r;

	(void)state;
	rig_open(&r, "issues", "g.issues", 1, abc, 6, 0);
	assert_true(has_table("issues", 1) && has_table("ISSUES", 1));
	assert_string_equal(rig_sql("SELECT sql FROM sqlite_schema WHERE "
	    "name = 'issues'"), "CREATE TABLE \"issues\"(_moltler_sync INTEGER, "
	    "_moltler_fence INTEGER, \"id\" INTEGER, \"name\" TEXT COLLATE "
	    "NOCASE, \"at\" TIMESTAMP TEXT, \"ok\" BOOLEAN, \"score\" REAL, "
	    "\"tags\" JSON, PRIMARY KEY(\"id\"))\n");
	assert_int_equal(writer_row(r.w, ROW(IN(1), TX("one"),
	    TX("2026-01-01T00:00:00Z"), IN(1), RE(1.5), TX("[\"a\"]"))), 0);
	assert_int_equal(writer_row(r.w, ROW(IN(2), TX(""), NU, NU, NU, NU)),
	    0);
	assert_int_equal(r.acked, 0);
	rig_flush(&r, 2);
	assert_int_equal(writer_row(r.w, ROW(IN(2), TX("two"), NU, IN(0),
	    RE(-2), TX("{}"))), 0);
	assert_int_equal(writer_row(r.w, ROW(IN(1), TX("one"),
	    TX("2026-01-01T00:00:00Z"), IN(1), RE(1.5), TX("[\"a\"]"))), 0);
	rig_flush(&r, 4);
	writer_stats(r.w, &st);
	assert_int_equal(st.rows, 4);
	assert_int_equal(st.rejected, 0);
	assert_int_equal(st.batches, 2);
	/* All is there: a flush has nothing to do. */
	writer_flush(r.w);
	loop_turn(L, 0);
	assert_int_equal(r.acked, 4);
	rig_close(&r);
	assert_string_equal(rig_sql("SELECT id, name, \"at\", ok, score, tags, "
	    "typeof(score) FROM issues"), "1|one|2026-01-01T00:00:00Z|1|1.5|"
	    "[\"a\"]|real\n2|two|-|0|-2.0|{}|real\n");
}

static void
no_flush_is_needed(void ** state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 0);
	writer_row(r.w, ROW(TX("a"), IN(1), NU));
	WAIT(r.acked == 1);
	rig_close(&r);
}

static void
columns(void ** state)
{
	struct rig r, r2;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 0);
	writer_row(r.w, ROW(TX("a"), IN(1), TX("x")));
	rig_flush(&r, 1);
	/* Another with more columns, one of another type, in another case: the
	 * first goes on beside it, each writes its own. */
	rig_open(&r2, "T", "s2", 1, pair2, 4, 0);
	assert_int_equal(r2.failed, 0);
	writer_row(r2.w, ROW(TX("a"), IN(1), IN(7), TX("{\"k\":1}")));
	rig_flush(&r2, 1);
	assert_string_equal(rig_sql("SELECT repo, n, v, more FROM t"),
	    "a|1|7|{\"k\":1}\n");
	writer_row(r.w, ROW(TX("a"), IN(1), TX("y")));
	writer_row(r.w, ROW(TX("b"), IN(1), TX("z")));
	rig_flush(&r, 3);
	assert_string_equal(rig_sql("SELECT repo, n, v, more FROM t"),
	    "a|1|y|{\"k\":1}\nb|1|z|-\n");
	rig_close(&r);
	rig_close(&r2);
	assert_string_equal(rig_sql("SELECT name FROM _moltler_rows"), "t\n");
	/* Nothing is dropped. */
	rig_open(&r, "t", "s", 2, pair, 3, 0);
	rig_close(&r);
	assert_string_equal(rig_sql("SELECT count(*) FROM pragma_table_info('t')"),
	    "6\n");
}

static void
other_key(void ** state)
{
	static const struct writer_column text_key[] = {
		{ "id", COLUMN_TEXT, 1, 0 } };
	struct rig r;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 0);
	rig_close(&r);
	rig_open(&r, "t", "s2", 1, abc, 6, 0);
	assert_int_equal(r.failed, 1);
	assert_int_equal(r.e.cls, ERR_CONFIG);
	assert_string_equal(r.e.code, "bad_target");
	assert_non_null(strstr(r.e.msg, "moltler.t "));
	rig_close(&r);
	rig_open(&r, "u", "s", 1, abc, 6, 0);
	rig_close(&r);
	rig_open(&r, "u", "s2", 1, text_key, 1, 0);
	assert_int_equal(r.failed, 1);
	assert_non_null(strstr(r.e.msg, "whole numbers"));
	rig_close(&r);
}

/* A column that would make something else of what is written there. */
static void
other_type(void ** state)
{
	static const enum column_type types[] = { COLUMN_TEXT, COLUMN_INTEGER,
	    COLUMN_REAL, COLUMN_BOOLEAN, COLUMN_TIMESTAMP, COLUMN_LIST };
	/* A row each for what comes, a column for what is there. */
	static const char * const fits[] = { "100010", "110111", "011101",
	    "111111", "100010", "111111" };
	struct writer_column cols[] = { { "id", COLUMN_TEXT, 1, 0 },
	    { "v", COLUMN_TEXT, 0, 0 } };
	char table[8];
	struct rig r;
	size_t i, k;

	(void)state;
	for (i = 0; i < 6; i++)
		for (k = 0; k < 6; k++) {
			snprintf(table, sizeof(table), "t%zu%zu", i, k);
			cols[1].type = types[i];
			rig_open(&r, table, "a", 1, cols, 2, 0);
			rig_close(&r);
			cols[1].type = types[k];
			cols[1].name = "V";
			rig_open(&r, table, "b", 1, cols, 2, 0);
			cols[1].name = "v";
			if (r.failed != (fits[k][i] == '0'))
				fail_msg("%zu into %zu: %d", k, i, r.failed);
			if (r.failed) {
				assert_string_equal(r.e.code, "bad_target");
				assert_non_null(strstr(r.e.msg, "column v"));
			}
			rig_close(&r);
		}
	/* Keys that are equal but for case are two. */
	cols[0].nocase = 1;
	rig_open(&r, "n", "a", 1, cols, 1, 0);
	rig_close(&r);
	cols[0].nocase = 0;
	rig_open(&r, "n", "b", 1, cols, 1, 0);
	assert_int_equal(r.failed, 1);
	assert_non_null(strstr(r.e.msg, "case"));
	rig_close(&r);
}

static void
rejected(void ** state)
{
	struct writer_stats st;
	struct rig r;
	size_t n = ROWS_MAX_ROW + 5;
	char * big = malloc(n + 1);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', n);
	big[n] = '\0';
	memcpy(big + ROWS_CUT - 1, "\xc3\xa4", 2);
	rig_open(&r, "issues", "g", 1, abc, 6, 0);
	assert_true(has_table("issues-rejected", 0));
	writer_row(r.w, ROW(NU, TX("no \"key\""), NU, IN(1), RE(NAN),
	    TX("[1]")));
	writer_row(r.w, ROW(IN(1), TX("fine"), NU, NU, NU, NU));
	writer_row(r.w, ROW(IN(2), TX(big), NU, NU, NU, NU));
	writer_row(r.w, ROW(TX("x"), TX("no number"), NU, NU, NU, NU));
	rig_flush(&r, 4);
	writer_stats(r.w, &st);
	assert_int_equal(st.rows, 4);
	assert_int_equal(st.rejected, 3);
	assert_string_equal(st.reject_why, "a column of its key is NULL");
	assert_true(has_table("issues-rejected", 1));
	assert_string_equal(rig_sql("SELECT id, name FROM issues"),
	    "1|fine\n");
	assert_string_equal(rig_sql("SELECT sync, reason, \"row\" FROM "
	    "\"issues-rejected\" WHERE reason LIKE '%NULL'"),
	    "g|a column of its key is NULL|{\"id\":null,\"name\":\"no \\\"key"
	    "\\\"\",\"at\":null,\"ok\":true,\"score\":null,\"tags\":[1]}\n");
	assert_string_equal(rig_sql("SELECT json_valid(\"row\"), "
	    "length(\"row\" ->> 'name'), json_extract(\"row\", '$.id') FROM "
	    "\"issues-rejected\" WHERE reason LIKE 'it has%'"), "1|999|2\n");
	assert_string_equal(rig_sql("SELECT reason FROM \"issues-rejected\" "
	    "WHERE \"row\" LIKE '%no number%'"),
	    "id is a number, which this is not\n");
	/* Again: they take the place of the first. */
	writer_row(r.w, ROW(NU, TX("no \"key\""), NU, IN(1), RE(NAN),
	    TX("[1]")));
	rig_flush(&r, 5);
	assert_string_equal(rig_sql("SELECT count(*) FROM \"issues-rejected\""),
	    "3\n");
	/* So does one that changed since, but not another one. */
	writer_row(r.w, ROW(IN(2), TX(big), NU, IN(1), NU, NU));
	writer_row(r.w, ROW(TX("x"), TX("is none either"), NU, NU, NU, NU));
	rig_flush(&r, 7);
	assert_string_equal(rig_sql("SELECT count(*) FROM \"issues-rejected\""),
	    "3\n");
	writer_row(r.w, ROW(IN(3), TX(big), NU, IN(1), NU, NU));
	rig_flush(&r, 8);
	assert_string_equal(rig_sql("SELECT count(*) FROM \"issues-rejected\""),
	    "4\n");
	rig_close(&r);
	free(big);
}

static void
names(void ** state)
{
	static const struct {
		const char * table, * code;
	} bad[] = {
		{ "", "bad_target" }, { "a*", "bad_target" },
		{ "sample_tick0", "bad_target" }, { "SQLITE_x", "bad_target" },
		{ "_moltler_rows", "bad_target" },
		{ "issues-rejected", "bad_target" }, { "a\"b", "bad_target" },
	};
	static const struct writer_column none[] = {
		{ "a", COLUMN_TEXT, 0, 0 } };
	static const struct writer_column ours[] = {
		{ "a", COLUMN_TEXT, 1, 0 }, { "_Deleted_at", COLUMN_TEXT, 0, 0 }
	};
	struct writer_spec spec = { .sync = "s", .columns = abc,
	    .ncolumns = 6 };
	struct rig r;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		spec.table = bad[i].table;
		assert_null(rig_try(&r, &spec, &e));
		assert_string_equal(e.code, bad[i].code);
		assert_int_equal(e.cls, ERR_CONFIG);
	}
	spec.table = "fine";
	spec.database = "main";
	assert_null(rig_try(&r, &spec, &e));
	spec.database = NULL;
	spec.columns = none;
	spec.ncolumns = 1;
	assert_null(rig_try(&r, &spec, &e));
	assert_string_equal(e.code, "no_key");
	spec.columns = ours;
	spec.ncolumns = 2;
	assert_null(rig_try(&r, &spec, &e));
	assert_string_equal(e.code, "bad_target");
}

/* One name cannot be samples and rows. */
static void
samples_beside(void ** state)
{
	struct sample_source * src;
	struct err e;
	struct rig r;

	(void)state;
	src = targets_source(T, "moltler", "cpu", "node", &e);
	assert_non_null(src);
	rig_open(&r, "CPU", "s", 1, abc, 6, 0);
	assert_int_equal(r.failed, 1);
	assert_string_equal(r.e.code, "bad_target");
	assert_non_null(strstr(r.e.msg, "moltler.cpu holds samples"));
	rig_close(&r);
	rig_open(&r, "issues", "s", 1, abc, 6, 0);
	assert_null(targets_source(T, "moltler", "Issues", "node", &e));
	assert_string_equal(e.code, "bad_target");
	assert_non_null(strstr(e.msg, "moltler.issues holds the rows"));
	rig_close(&r);
	/* Also after a start. */
	sample_source_close(src);
	targets_free(T);
	T = targets_new(L, dir, &e);
	assert_non_null(T);
	assert_true(has_table("issues", 1) && has_table("cpu", 0));
	assert_null(targets_source(T, "moltler", "issues", "node", &e));
}

static void
foreign_table(void ** state)
{
	struct rig r;
	sqlite3 * db;

	(void)state;
	rig_open(&r, "a", "s", 1, abc, 6, 0);
	rig_close(&r);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine(x)", NULL, NULL,
	    NULL), SQLITE_OK);
	sqlite3_close(db);
	rig_open(&r, "Mine", "s", 1, abc, 6, 0);
	assert_int_equal(r.failed, 1);
	assert_string_equal(r.e.code, "bad_target");
	rig_close(&r);
}

static void
fence(void ** state)
{
	struct rig old, new, other;

	(void)state;
	rig_open(&old, "t", "s", 5, pair, 3, 0);
	writer_row(old.w, ROW(TX("a"), IN(1), TX("old")));
	rig_flush(&old, 1);
	rig_open(&new, "t", "s", 6, pair, 3, 0);
	rig_open(&other, "t", "another", 1, pair, 3, 0);
	writer_row(new.w, ROW(TX("a"), IN(1), TX("new")));
	rig_flush(&new, 1);
	/* The one that was thought dead comes back. */
	writer_row(old.w, ROW(TX("a"), IN(1), TX("older")));
	writer_row(old.w, ROW(TX("b"), IN(1), TX("older")));
	writer_flush(old.w);
	WAIT(old.failed);
	assert_int_equal(old.e.cls, ERR_PERMANENT);
	assert_string_equal(old.e.code, "fenced");
	assert_int_equal(fence_seen(), 6);
	assert_int_equal(old.acked, 1);
	assert_int_equal(writer_row(old.w, ROW(TX("c"), IN(1), NU)), 1);
	writer_row(other.w, ROW(TX("o"), IN(1), TX("other")));
	rig_flush(&other, 1);
	rig_close(&old);
	rig_close(&new);
	rig_close(&other);
	assert_string_equal(rig_sql("SELECT repo, v FROM t"),
	    "a|new\no|other\n");
	rig_open(&old, "t2", "s", 5, pair, 3, 0);
	assert_int_equal(old.failed, 1);
	assert_string_equal(old.e.code, "fenced");
	rig_close(&old);
	assert_string_equal(rig_sql("SELECT count(*) FROM sqlite_schema WHERE "
	    "name = 't2'"), "0\n");
}

static void
give(struct rig * r, int from, int n)
{
	int i;

	for (i = from; i < from + n; i++)
		writer_row(r->w, ROW(TX("r"), IN(i), TX("v")));
}

static void
sweep(struct rig * r, enum writer_sweep_how how, double ratio)
{
	int before = r->swept;

	writer_sweep(r->w, how, ratio, NULL, rig_swept, r);
	assert_int_equal(r->swept, before);
	WAIT(r->swept > before);
}

static void
sweep_marks(void ** state)
{
	struct rig r, other;

	(void)state;
	rig_open(&other, "t", "other", 1, pair, 3, 0);
	writer_row(other.w, ROW(TX("o"), IN(1), TX("other")));
	rig_flush(&other, 1);
	rig_open(&r, "t", "s", 1, pair, 3, 1);
	give(&r, 0, 3000);
	sweep(&r, SWEEP_MARK, 0.5); /* writes what waits by itself */
	rig_flush(&r, 3000);
	assert_int_equal(r.nswept, 0);
	rig_close(&r);
	/* Nothing was ever marked: no column. */
	assert_string_equal(rig_sql("SELECT count(*) FROM pragma_table_info('t')"
	    " WHERE name = '_deleted_at'"), "0\n");
	rig_open(&r, "t", "s", 2, pair, 3, 1);
	give(&r, 0, 2000);
	sweep(&r, SWEEP_MARK, 0.5);
	assert_int_equal(r.sweep_failed, 0);
	assert_int_equal(r.nswept, 1000);
	assert_string_equal(rig_sql("SELECT min(n), max(n), count(*) FROM t "
	    "WHERE _deleted_at IS NOT NULL"), "2000|2999|1000\n");
	/* One that comes again is no longer marked, whoever brings it. */
	give(&r, 2000, 1);
	rig_flush(&r, 2001);
	writer_row(other.w, ROW(TX("r"), IN(2001), TX("v")));
	rig_flush(&other, 2);
	assert_string_equal(rig_sql("SELECT min(n), max(n), count(*) FROM t "
	    "WHERE _deleted_at IS NOT NULL"), "2002|2999|998\n");
	/* A second sweep marks nothing twice. */
	sweep(&r, SWEEP_MARK, 0);
	assert_int_equal(r.sweep_failed, 0);
	assert_int_equal(r.nswept, 0);
	/* What is marked goes when removing is asked for. */
	sweep(&r, SWEEP_REMOVE, 0);
	assert_int_equal(r.nswept, 998);
	rig_close(&r);
	rig_close(&other);
	assert_string_equal(rig_sql("SELECT count(*), sum(repo = 'o') FROM t"),
	    "2003|1\n");
}

static void
sweep_guard(void ** state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 1);
	give(&r, 0, 1000);
	rig_flush(&r, 1000);
	rig_close(&r);
	rig_open(&r, "t", "s", 2, pair, 3, 1);
	give(&r, 0, 499);
	sweep(&r, SWEEP_REMOVE, 0.5);
	assert_int_equal(r.sweep_failed, 1);
	assert_int_equal(r.sweep_e.cls, ERR_PERMANENT);
	assert_string_equal(r.sweep_e.code, "delete_ratio");
	assert_non_null(strstr(r.sweep_e.msg, "501 of 1000"));
	assert_string_equal(rig_sql("SELECT count(*) FROM t"), "1000\n");
	/* It may go on. */
	give(&r, 499, 1);
	sweep(&r, SWEEP_REMOVE, 0.5);
	assert_int_equal(r.sweep_failed, 0);
	assert_int_equal(r.nswept, 500);
	assert_int_equal(r.failed, 0);
	rig_close(&r);
	assert_string_equal(rig_sql("SELECT count(*), max(n) FROM t"),
	    "500|499\n");
	/* A run that saw nothing at all. */
	rig_open(&r, "t", "s", 3, pair, 3, 1);
	sweep(&r, SWEEP_REMOVE, 0.99);
	assert_int_equal(r.sweep_failed, 1);
	rig_close(&r);
}

static void
sweep_fenced(void ** state)
{
	struct rig r, new;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 1);
	give(&r, 0, 10);
	rig_flush(&r, 10);
	rig_close(&r);
	rig_open(&r, "t", "s", 2, pair, 3, 1);
	give(&r, 0, 9);
	rig_flush(&r, 9);
	rig_open(&new, "t", "s", 3, pair, 3, 1);
	sweep(&r, SWEEP_REMOVE, 0.5);
	assert_int_equal(r.sweep_failed, 1);
	assert_string_equal(r.sweep_e.code, "fenced");
	rig_close(&r);
	rig_close(&new);
	assert_string_equal(rig_sql("SELECT count(*) FROM t"), "10\n");
}

/* The giver is told to stop, and when to go on; batches are bounded. */
static void
room(void ** state)
{
	struct writer_stats st;
	struct rig r;
	int i, stops = 0, rooms;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 0);
	for (i = 0; i < 20000; i++) {
		rooms = r.rooms;
		if (writer_row(r.w, ROW(TX("r"), IN(i), TX("v")))) {
			stops++;
			assert_true((uint64_t)i - ((struct rows_writer *)
			    (void *)r.w)->written <= (ROWS_BATCHES + 1) *
			    ROWS_BATCH_ROWS);
			WAIT(r.rooms > rooms);
		}
	}
	rig_flush(&r, 20000);
	assert_true(stops > 5);
	writer_stats(r.w, &st);
	assert_true(st.batches >= 20000 / ROWS_BATCH_ROWS);
	rig_close(&r);
	assert_string_equal(rig_sql("SELECT count(*), sum(n) FROM t"),
	    "20000|199990000\n");
}

/* A writer may be closed whenever it says something, and with rows waiting. */
static void
close_anytime(void ** state)
{
	struct writer_spec spec = { .table = "t", .sync = "s", .fence = 1,
	    .columns = pair, .ncolumns = 3 };
	struct rig r, r2;
	struct err e;
	int i;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 0);
	r.close_when_acked = 1;
	for (i = 0; i < 2000; i++)
		writer_row(r.w, ROW(TX("r"), IN(i), TX("v")));
	WAIT(r.w == NULL);
	rig_open(&r, "t", "s", 1, pair, 3, 0);
	rig_open(&r2, "t", "s", 1, pair, 3, 0);
	give(&r, 0, 1000);
	give(&r2, 0, 1000);
	loop_turn(L, 0);
	rig_close(&r);
	rig_flush(&r2, 1000);
	sweep(&r2, SWEEP_MARK, 1);
	writer_sweep(r2.w, SWEEP_MARK, 1, NULL, rig_swept, &r2);
	rig_close(&r2);
	/* Before it began. */
	assert_non_null(rig_try(&r, &spec, &e));
	rig_close(&r);
	loop_turn(L, 0);
	assert_non_null(rig_try(&r, &spec, &e));
	give(&r, 0, 1200);
	rig_flush(&r, 1200);
	rig_close(&r);
}

/* Somebody else writes: again shortly after. */
static void
busy(void ** state)
{
	struct writer_stats st;
	int64_t until;
	struct rig r;
	sqlite3 * db;

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
	    SQLITE_OK);
	give(&r, 0, 10);
	writer_flush(r.w);
	until = clock_mono_us() + 100000;
	while (clock_mono_us() < until)
		loop_turn(L, 1);
	assert_int_equal(r.acked + (uint64_t)r.failed, 0);
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
	rig_flush(&r, 10);
	writer_stats(r.w, &st);
	assert_true(st.retries > 0);
	rig_close(&r);
}

/* A full disk: tried for a while; what was acknowledged is there. */
static void
disk_full(void ** state)
{
	struct rows_writer * w;
	struct rig r;
	char sql[64];

	(void)state;
	rig_open(&r, "t", "s", 1, pair, 3, 0);
	give(&r, 0, 500);
	rig_flush(&r, 500);
	w = (struct rows_writer *)r.w;
	assert_int_equal(sqlite3_exec(w->db->db, "PRAGMA max_page_count=1",
	    NULL, NULL, NULL), SQLITE_OK);
	give(&r, 500, 500);
	writer_flush(r.w);
	/* A slow machine's short batch may find room in pages that are there. */
	WAIT(w->st.retries > 1);
	assert_in_range(r.acked, 500, 999);
	assert_int_equal(r.failed, 0);
	/* There is room again. */
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=1000000");
	sqlite3_exec(w->db->db, sql, NULL, NULL, NULL);
	rig_flush(&r, 1000);
	/* And now for good. */
	rows_turn_patience_ms = 200;
	sqlite3_exec(w->db->db, "PRAGMA max_page_count=1", NULL, NULL, NULL);
	give(&r, 1000, 1000);
	WAIT(r.failed);
	assert_int_equal(r.e.cls, ERR_TRANSIENT);
	assert_string_equal(r.e.code, "disk_full");
	rig_close(&r);
	snprintf(sql, sizeof(sql), "%llu|%llu\n", (unsigned long long)r.acked,
	    (unsigned long long)r.acked - 1);
	assert_in_range(r.acked, 1000, 1999);
	assert_string_equal(rig_sql("SELECT count(*), max(n) FROM t"), sql);
	assert_string_equal(rig_sql("PRAGMA integrity_check"), "ok\n");
}

/* The connection is there while somebody writes. */
static void
shared_connection(void ** state)
{
	struct rig a, b;

	(void)state;
	assert_null(*targets_rows(T));
	rig_open(&a, "a", "s", 1, pair, 3, 0);
	rig_open(&b, "b", "s", 1, pair, 3, 0);
	assert_int_equal((*targets_rows(T))->refs, 2);
	assert_null((*targets_rows(T))->next);
	rig_close(&a);
	rig_close(&b);
	assert_null(*targets_rows(T));
}

static void
not_a_database(void ** state)
{
	struct writer_spec spec = { .database = "bad", .table = "t",
	    .sync = "s", .fence = 1, .columns = pair, .ncolumns = 3 };
	char file[140];
	struct rig r;
	struct err e;
	FILE * f;

	(void)state;
	snprintf(file, sizeof(file), "%s/bad.db", dir);
	f = fopen(file, "w");
	assert_non_null(f);
	fprintf(f, "%4096s", "this is no database");
	fclose(f);
	assert_non_null(rig_try(&r, &spec, &e));
	WAIT(r.failed);
	assert_int_equal(r.e.cls, ERR_CONFIG);
	assert_non_null(strstr(r.e.msg, "bad.db"));
	rig_close(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(upsert), TEST(no_flush_is_needed), TEST(columns),
		TEST(other_key), TEST(other_type), TEST(rejected), TEST(names),
		TEST(samples_beside), TEST(foreign_table), TEST(fence),
		TEST(sweep_marks), TEST(sweep_guard), TEST(sweep_fenced),
		TEST(room), TEST(close_anytime), TEST(busy), TEST(disk_full),
		TEST(shared_connection), TEST(not_a_database),
	};

	return (cmocka_run_group_tests_name("rows", tests, NULL, NULL));
}
