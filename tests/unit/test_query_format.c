#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fair.h"
#include "query/format.h"

#define V_NULL { .type = QUERY_NULL, .s = "" }
#define V_INT(x) { .type = QUERY_INT, .i = (x), .s = "" }
#define V_REAL(x) { .type = QUERY_REAL, .d = (x), .s = "" }
#define V_TEXT(x) { .type = QUERY_TEXT, .s = (x), .len = sizeof(x) - 1 }
#define V_BLOB(x) { .type = QUERY_BLOB, .s = (x), .len = sizeof(x) - 1 }

static const struct query_stats stats = { .rows = 2, .ms = 7, .api = {
	.pages = 3, .calls = 4, .cache_hits = 1 } };
static struct buf out;

/* Two rows of five columns through ${kind}. */
static const char *
play(enum query_format_kind kind, const struct err * e)
{
	static const char * const names[] = { "n", "x\"y", "t", "b", "j" };
	static const char * const types[] = { "INTEGER", "REAL", "TEXT", "",
	    "json" };
	static const struct query_value rows[2][5] = {
		{ V_INT(-5), V_REAL(0.1), V_TEXT("a,\"b\"\n\xc3\xa9"),
		  V_BLOB("\x00\xff\x10"), V_TEXT("{\"k\":\n[1,\r\n 2]}") },
		{ V_NULL, V_REAL(3), V_TEXT(""), V_BLOB(""), V_TEXT("no {") }
	};
	struct query_format * f = query_format_new(kind, &out);
	int i;

	assert_non_null(f);
	buf_free(&out);
	query_format_columns(f, 5, names, types);
	for (i = 0; i < 2; i++)
		query_format_row(f, 5, rows[i]);
	query_format_end(f, &stats, e);
	query_format_free(f);
	assert_false(out.failed);
	return (out.p);
}

static struct err
failure(void)
{
	struct err e;

	err_set(&e, ERR_TRANSIENT, "memory", "line 1\n  \"^");
	return (e);
}

#define COLS "\"columns\":[{\"name\":\"n\",\"type\":\"INTEGER\"}," \
    "{\"name\":\"x\\\"y\",\"type\":\"REAL\"}," \
    "{\"name\":\"t\",\"type\":\"TEXT\"},{\"name\":\"b\",\"type\":\"\"}," \
    "{\"name\":\"j\",\"type\":\"json\"}]"
#define ROW1 "{\"n\":-5,\"x\\\"y\":0.1,\"t\":\"a,\\\"b\\\"\\n\xc3\xa9\"," \
    "\"b\":\"AP8Q\",\"j\":{\"k\": [1,   2]}}"
#define ROW2 "{\"n\":null,\"x\\\"y\":3,\"t\":\"\",\"b\":\"\",\"j\":\"no {\"}"
#define STATS "\"stats\":{\"rows\":2,\"ms\":7,\"pages\":3,\"calls\":4," \
    "\"cache_hits\":1,\"cache_age_ms\":0}"
#define ERROR "\"error\":{\"code\":\"memory\",\"class\":\"transient\"," \
    "\"message\":\"line 1\\n  \\\"^\"}"

static void
test_json(void ** state)
{
	struct err e = failure();
	json_t * v;

	(void)state;
	assert_string_equal(play(QUERY_FORMAT_JSON, NULL),
	    "{" COLS ",\"rows\":[\n" ROW1 ",\n" ROW2 "\n]," STATS "}\n");
	assert_non_null(v = json_loads(out.p, 0, NULL));
	json_decref(v);
	assert_string_equal(play(QUERY_FORMAT_JSON, &e),
	    "{" COLS ",\"rows\":[\n" ROW1 ",\n" ROW2 "\n]," ERROR "}\n");
	assert_non_null(v = json_loads(out.p, 0, NULL));
	json_decref(v);
}

static void
test_ndjson(void ** state)
{
	struct err e = failure();

	(void)state;
	assert_string_equal(play(QUERY_FORMAT_NDJSON, NULL), ROW1 "\n" ROW2 "\n");
	assert_string_equal(play(QUERY_FORMAT_NDJSON, &e),
	    ROW1 "\n" ROW2 "\n{" ERROR "}\n");
}

static void
test_csv(void ** state)
{
	struct err e = failure();

	(void)state;
	assert_string_equal(play(QUERY_FORMAT_CSV, NULL),
	    "n,\"x\"\"y\",t,b,j\n"
	    "-5,0.1,\"a,\"\"b\"\"\n\xc3\xa9\",AP8Q,\"{\"\"k\"\":\n[1,\r\n 2]}\"\n"
	    ",3,\"\",,no {\n");
	/* An error is the sender's to show by cutting the connection. */
	play(QUERY_FORMAT_CSV, &e);
	assert_null(strstr(out.p, "memory"));
}

static void
test_rows(void ** state)
{
	struct err e = failure();

	(void)state;
	assert_string_equal(play(QUERY_FORMAT_ROWS, NULL), "{" COLS "}\n"
	    "[-5,0.1,\"a,\\\"b\\\"\\n\xc3\xa9\",\"AP8Q\",{\"k\": [1,   2]}]\n"
	    "[null,3,\"\",\"\",\"no {\"]\n{" STATS "}\n");
	play(QUERY_FORMAT_ROWS, &e);
	assert_non_null(strstr(out.p, "]\n{" ERROR "}\n"));
}

static const char *
ended(enum query_format_kind kind, const struct err * e, int columns)
{
	struct query_format * f = query_format_new(kind, &out);

	buf_free(&out);
	buf_adds(&out, "");
	if (columns)
		query_format_columns(f, 0, NULL, NULL);
	query_format_end(f, &stats, e);
	query_format_free(f);
	return (out.p);
}

static void
test_nothing_but_an_end(void ** state)
{
	struct err e = failure();

	(void)state;
	assert_string_equal(ended(QUERY_FORMAT_JSON, &e, 0),
	    "{" ERROR "}\n");
	assert_string_equal(ended(QUERY_FORMAT_JSON, NULL, 1),
	    "{\"columns\":[],\"rows\":[\n]," STATS "}\n");
	assert_string_equal(ended(QUERY_FORMAT_NDJSON, &e, 0), "{" ERROR "}\n");
	assert_string_equal(ended(QUERY_FORMAT_ROWS, &e, 0), "{" ERROR "}\n");
	assert_string_equal(ended(QUERY_FORMAT_CSV, &e, 0), "");
	assert_string_equal(ended(QUERY_FORMAT_NDJSON, NULL, 1), "");
}

static void
test_progress(void ** state)
{
	struct query_format * f;
	int kind;

	(void)state;
	for (kind = QUERY_FORMAT_JSON; kind <= QUERY_FORMAT_ROWS; kind++) {
		f = query_format_new((enum query_format_kind)kind, &out);
		buf_free(&out);
		buf_adds(&out, "");
		assert_int_equal(query_format_progress(f, &stats),
		    kind == QUERY_FORMAT_ROWS);
		assert_string_equal(out.p, kind == QUERY_FORMAT_ROWS ?
		    "{\"progress\":{\"rows\":2,\"ms\":7,\"pages\":3,\"calls\":4,"
		    "\"cache_hits\":1,\"cache_age_ms\":0}}\n" : "");
		query_format_free(f);
	}
}

/* Of a statement that writes to a target. */
static void
test_progress_written(void ** state)
{
	struct query_stats st = { .ms = 7, .sync = { .entity = "is\"s",
	    .legs_done = 1, .legs = 3, .rows = 70, .written = 60, .total = -1,
	    .rate = 12.6 } };
	struct query_format * f;

	(void)state;
	f = query_format_new(QUERY_FORMAT_ROWS, &out);
	buf_free(&out);
	assert_int_equal(query_format_progress(f, &st), 1);
	assert_string_equal(out.p, "{\"progress\":{\"rows\":0,\"ms\":7,"
	    "\"pages\":0,\"calls\":0,\"cache_hits\":0,\"sync\":{\"entity\":"
	    "\"is\\\"s\",\"entities_done\":1,\"entities\":3,\"rows\":70,"
	    "\"written\":60,\"rate\":13}}}\n");
	buf_free(&out);
	st.sync.total = 400;
	st.sync.rate = 0.0 / 0.0;
	assert_int_equal(query_format_progress(f, &st), 1);
	assert_non_null(strstr(out.p, "\"rate\":0,\"total\":400}}}\n"));
	query_format_free(f);
}

static void
test_left_out(void ** state)
{
	struct query_stats st = { .rows = 1, .api.short_of = 4,
	    .api.skipped = 2, .api.skipped_why = "a\"b" };
	struct query_format * f = query_format_new(QUERY_FORMAT_ROWS, &out);

	(void)state;
	buf_free(&out);
	query_format_end(f, &st, NULL);
	assert_string_equal(out.p, "{\"stats\":{\"rows\":1,\"ms\":0,"
	    "\"pages\":0,\"calls\":0,\"cache_hits\":0,\"short_of\":4,"
	    "\"skipped\":2,\"skipped_why\":\"a\\\"b\"}}\n");
	query_format_free(f);
}

static const char *
real(double d)
{
	static const char * const names[] = { "r" };
	static const char * const types[] = { "" };
	struct query_value v = { .type = QUERY_REAL, .d = d };
	struct query_format * f = query_format_new(QUERY_FORMAT_NDJSON, &out);

	buf_free(&out);
	query_format_columns(f, 1, names, types);
	query_format_row(f, 1, &v);
	query_format_free(f);
	out.p[out.len - 2] = '\0';
	return (out.p + 5);
}

static void
test_numbers_come_back(void ** state)
{
	static const double edge[] = { 0.1, 1.0 / 3, 1e15, 1e16, 123456789012345.6,
		9007199254740993.0, 5e-324, 1.7976931348623157e308, -2.5, 1e22,
		0.30000000000000004, 999999999999999.9, -1e15, 1e-7 };
	union { double d; uint64_t u; } x;
	uint64_t seed = 88172645463325252ULL;
	size_t i;

	(void)state;
	assert_string_equal(real(5), "5");
	assert_string_equal(real(0.1), "0.1");
	assert_string_equal(real(-0.0), "-0");
	assert_string_equal(real(1e300 * 1e10), "null");
	assert_string_equal(real(NAN), "null");
	for (i = 0; i < sizeof(edge) / sizeof(edge[0]); i++)
		assert_true(strtod(real(edge[i]), NULL) == edge[i]);
	for (i = 0; i < 20000; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		x.u = seed;
		if (isfinite(x.d))
			assert_true(strtod(real(x.d), NULL) == x.d);
	}
}

static void
test_integers(void ** state)
{
	static const char * const names[] = { "a", "b", "c" };
	static const char * const types[] = { "", "", "" };
	struct query_value v[3] = { V_INT(INT64_MIN), V_INT(INT64_MAX),
	    V_INT(0) };
	struct query_format * f = query_format_new(QUERY_FORMAT_ROWS, &out);

	(void)state;
	buf_free(&out);
	query_format_columns(f, 3, names, types);
	buf_clear(&out);
	query_format_row(f, 3, v);
	assert_string_equal(out.p,
	    "[-9223372036854775808,9223372036854775807,0]\n");
	/* Another number of columns than announced is refused. */
	query_format_row(f, 2, v);
	assert_true(out.failed);
	query_format_free(f);
}

static void
test_names_twice(void ** state)
{
	static const char * const names[] = { "a", "a", "a_2", "a", "", "",
	    "A", "a_2" };
	static const char * const types[] = { "", "", "", "", "", "", "", "" };
	struct query_value v[8];
	struct query_format * f = query_format_new(QUERY_FORMAT_NDJSON, &out);
	int i;

	(void)state;
	memset(v, 0, sizeof(v));
	for (i = 0; i < 8; i++) {
		v[i].type = QUERY_INT;
		v[i].i = i;
	}
	buf_free(&out);
	query_format_columns(f, 8, names, types);
	query_format_row(f, 8, v);
	assert_string_equal(out.p, "{\"a\":0,\"a_3\":1,\"a_2\":2,\"a_4\":3,"
	    "\"\":4,\"_2\":5,\"A\":6,\"a_2_2\":7}\n");
	query_format_free(f);
}

/* Two thousand columns of one name: quick, and all different. */
static void
test_many_names_twice(void ** state)
{
	const char ** names = calloc(2000, sizeof(*names));
	const char ** types = calloc(2000, sizeof(*types));
	struct query_value * v = calloc(2000, sizeof(*v));
	struct query_format * f = query_format_new(QUERY_FORMAT_NDJSON, &out);
	int64_t t0 = fair_us();
	json_t * o;
	int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		names[i] = "count(*)";
		types[i] = "";
		v[i].type = QUERY_INT;
	}
	buf_free(&out);
	query_format_columns(f, 2000, names, types);
	query_format_row(f, 2000, v);
	assert_true(fair_us() - t0 < 2000000);
	o = json_loads(out.p, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_object_size(o), 2000);
	json_decref(o);
	query_format_free(f);
	free(names);
	free(types);
	free(v);
}

static void
test_full_buffer(void ** state)
{
	static const char * const names[] = { "a" };
	static const char * const types[] = { "" };
	struct query_value v = V_TEXT("0123456789012345678901234567890123456789");
	struct buf small = BUF_INIT(64);
	struct query_format * f = query_format_new(QUERY_FORMAT_NDJSON, &small);

	(void)state;
	query_format_columns(f, 1, names, types);
	query_format_row(f, 1, &v);
	assert_false(small.failed);
	query_format_row(f, 1, &v);
	assert_true(small.failed);
	buf_clear(&small);
	query_format_row(f, 1, &v);
	assert_false(small.failed);
	buf_free(&small);
	query_format_free(f);
}

static int
json(const char * s)
{
	return (query_format_is_document(s, strlen(s)));
}

static void
test_json_check(void ** state)
{
	static const char * const good[] = { "{}", "[]", " [ ] ",
	    "{\"a\":1,\"b\":[true,false,null,{}]}", "[-0.5e+10,1E5,0,-1]",
	    "[\"\\u00e9\\n\\\\\",\"\xc3\xa9\"]", "[[],[],{\"a\":{}}]", NULL };
	static const char * const bad[] = { "", " ", "1", "\"a\"", "null", "{",
	    "[", "[1", "[1,", "[1,]", "[,]", "{\"a\"}", "{\"a\":}", "{a:1}",
	    "{\"a\":1,}", "[1]x", "[1][2]", "[01]", "[1.]", "[.5]", "[1e]",
	    "[+1]", "[-]", "[nul]", "[\"\\x\"]", "[\"\\u12g4\"]", "[\"a\nb\"]",
	    "[\"\xff\"]", "[\"]", "{\"a\":1]", "[1}", "]", "[\"\\", "[1 2]",
	    "{\"a\":1 \"b\":2}", "[true,]", NULL };
	char deep[1100];
	size_t i;

	(void)state;
	for (i = 0; good[i] != NULL; i++)
		if (!json(good[i]))
			fail_msg("refused %s", good[i]);
	for (i = 0; bad[i] != NULL; i++)
		if (json(bad[i]))
			fail_msg("took %s", bad[i]);
	memset(deep, '[', 500);
	memset(deep + 500, ']', 500);
	assert_true(query_format_is_document(deep, 1000));
	memset(deep, '[', 501);
	memset(deep + 501, ']', 501);
	assert_false(query_format_is_document(deep, 1002));
	assert_false(query_format_is_document("[\0]", 3));
}

static void
test_kinds(void ** state)
{
	struct query_format * f = query_format_new(QUERY_FORMAT_CSV, &out);

	(void)state;
	assert_true(query_format_breaks(f));
	assert_string_equal(query_format_mime(f), "text/csv; charset=utf-8");
	query_format_free(f);
	f = query_format_new(QUERY_FORMAT_NDJSON, &out);
	assert_false(query_format_breaks(f));
	assert_string_equal(query_format_mime(f), "application/x-ndjson");
	query_format_free(f);
	query_format_free(NULL);
}

static int
free_out(void ** state)
{
	(void)state;
	buf_free(&out);
	return (0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json), cmocka_unit_test(test_ndjson),
		cmocka_unit_test(test_csv), cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nothing_but_an_end),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_progress_written),
		cmocka_unit_test(test_numbers_come_back),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_names_twice),
		cmocka_unit_test(test_many_names_twice),
		cmocka_unit_test(test_full_buffer),
		cmocka_unit_test(test_json_check),
		cmocka_unit_test(test_kinds),
	};

	return (cmocka_run_group_tests_name("query_format", tests, NULL,
	    free_out));
}
