/* What the client reads and writes: statements, rows, formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/answer.h"
#include "cli/jsonrow.h"
#include "cli/output.h"
#include "cli/split.h"

/* The statements of ${text}, "line:statement|" each. */
static void
expect_split(const char * text, const char * want)
{
	const char * p = text, * end = text + strlen(text);
	struct buf got = BUF_INIT(0);
	struct split_stmt s;
	unsigned line = 1;

	buf_adds(&got, "");
	while (split_next(&p, end, &line, &s)) {
		buf_addf(&got, "%u:", s.line);
		buf_add(&got, s.p, s.len);
		buf_addc(&got, '|');
	}
	assert_string_equal(got.p, want);
	assert_ptr_equal(p, end);
	buf_free(&got);
}

static void
test_split(void ** state)
{
	(void)state;
	expect_split("", "");
	expect_split(" \n;; -- x;\n /* ; */ ;", "");
	expect_split("a", "1:a|");
	expect_split("a;b;", "1:a|1:b|");
	expect_split("\n a\n b \n;\n\n c -- d;\n;e", "2:a\n b|6:c|7:e|");
	expect_split("'a;b';c", "1:'a;b'|1:c|");
	expect_split("'it''s;';c", "1:'it''s;'|1:c|");
	expect_split("\"a;\"\"b\";`c;`;d", "1:\"a;\"\"b\"|1:`c;`|1:d|");
	expect_split("a /* ; ' */ b;c", "1:a /* ; ' */ b|1:c|");
	expect_split("a -- ' ;\nb;c", "1:a -- ' ;\nb|2:c|");
	expect_split("/* x */ a /* y */;b", "1:a|1:b|");
	expect_split("a - b / c * d;e", "1:a - b / c * d|1:e|");
	/* What is not closed is one statement; the daemon says so. */
	/* BEGIN ... END is one. */
	expect_split("BEGIN a; b; END; c", "1:BEGIN a; b; END|1:c|");
	expect_split("begin\n try a; catch x then b; finally c; end try; end;d",
	    "1:begin\n try a; catch x then b; finally c; end try; end|2:d|");
	expect_split("BEGIN BEGIN a; END; b; END;c",
	    "1:BEGIN BEGIN a; END; b; END|1:c|");
	expect_split("BEGIN SELECT CASE a WHEN 1 THEN 2 END; END;c",
	    "1:BEGIN SELECT CASE a WHEN 1 THEN 2 END; END|1:c|");
	expect_split("BEGIN; a; END; b", "1:BEGIN|1:a|1:END|1:b|");
	expect_split("BEGIN TRANSACTION; a", "1:BEGIN TRANSACTION|1:a|");
	expect_split("a BEGIN; b", "1:a BEGIN|1:b|");
	expect_split("BEGIN a; END_ x; END; b", "1:BEGIN a; END_ x; END|1:b|");
	expect_split("'a;b", "1:'a;b|");
	expect_split("a /* ;b", "1:a /* ;b|");
	expect_split("a;/*/;b", "1:a|1:/*/;b|");
	expect_split("a;--b", "1:a|");
	expect_split("-", "1:-|");
	expect_split("a/", "1:a/|");
}

static void
expect_row(const char * s, size_t want, int ok)
{
	struct jsonrow_cell cells[8];
	struct err e;
	size_t n = strlen(s);
	char * copy = malloc(n > 0 ? n : 1); /* its end is watched by ASan */

	assert_non_null(copy);
	memcpy(copy, s, n);
	assert_int_equal(jsonrow_split(copy, n, cells, want, &e),
	    ok ? 0 : -1);
	free(copy);
}

static void
test_rows(void ** state)
{
	static const char * const bad[] = { "", "[", "[1", "[1,", "[1,]", "[,1]",
	    "[1 2]", "[1]x", "[01]", "[1.]", "[.5]", "[-]", "[1e]", "[1e+]",
	    "[+1]", "[nul]", "[nullx]", "[tru", "[\"]", "[\"\\\"]", "[\"\\x\"]",
	    "[\"\\u12g4\"]", "[\"\\u12\"]", "[\"\n\"]", "[{]", "[{\"a\"}]",
	    "[{\"a\":}]", "[{\"a\":1,}]", "[{a:1}]", "[[1,]]", "[[1}]", "{}",
	    "1", "[NaN]", "['a']" };
	static const char * const good[] = { "[1]", " [ 1 ] ", "[-0.5e+10]",
	    "[0]", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"]", "[true]",
	    "[false]", "[null]", "[{}]", "[[]]", "[{\"a\":[1,{\"b\":null}]}]",
	    "[\"\xc3\xa9\"]", "[1E5]" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_row(bad[i], 1, 0);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect_row(good[i], 1, 1);
	expect_row("[]", 0, 1);
	expect_row("[]", 1, 0);
	expect_row("[1,2]", 1, 0);
	expect_row("[1,2]", 3, 0);
}

static void
test_deep_rows_end(void ** state)
{
	size_t n = 200000;
	char * s = malloc(n);
	struct jsonrow_cell c;
	struct err e;

	(void)state;
	assert_non_null(s);
	memset(s, '[', n);
	assert_int_equal(jsonrow_split(s, n, &c, 1, &e), -1);
	assert_string_equal(e.code, "answer");
	free(s);
}

static void
expect_text(const char * s, const char * want, size_t n)
{
	struct buf line = BUF_INIT(0), got = BUF_INIT(0);
	struct jsonrow_cell c;
	struct err e;

	buf_addf(&line, "[%s]", s);
	assert_int_equal(jsonrow_split(line.p, line.len, &c, 1, &e), 0);
	assert_int_equal(jsonrow_text(&c, &got), 0);
	assert_int_equal(got.len, n);
	assert_memory_equal(got.p, want, n);
	buf_free(&line);
	buf_free(&got);
}

static void
test_text_of_cells(void ** state)
{
	(void)state;
	expect_text("\"\"", "", 0);
	expect_text("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "a\"\\/\b\f\n\r\t", 9);
	expect_text("\"\\u0041\\u00e9\\u20ac\"", "A\xc3\xa9\xe2\x82\xac", 6);
	expect_text("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4);
	expect_text("\"\\ud83d\"", "\xef\xbf\xbd", 3);
	expect_text("\"\\ud83dx\"", "\xef\xbf\xbdx", 4);
	expect_text("\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A", 4);
	expect_text("\"\\ude00\"", "\xef\xbf\xbd", 3);
	expect_text("\"a\\u0000b\"", "a\0b", 3);
	expect_text("12.50", "12.50", 5);
	expect_text("true", "true", 4);
	expect_text("{ \"a b\" : [ 1 , \"c \\\" d\" ] }",
	    "{\"a b\":[1,\"c \\\" d\"]}", 20);
}

static void
test_documents(void ** state)
{
	(void)state;
	assert_true(jsonrow_is_document("{}", 2));
	assert_true(jsonrow_is_document(" [1] ", 5));
	assert_false(jsonrow_is_document("1", 1));
	assert_false(jsonrow_is_document("", 0));
	assert_false(jsonrow_is_document("{} x", 4));
	assert_false(jsonrow_is_document("{", 1));
	assert_false(jsonrow_is_document("\"a\"", 3));
}

static struct buf seen;

static int
on_columns(void * arg, const struct answer_column * cols, size_t n,
    struct err * e)
{
	size_t i;

	(void)arg;
	(void)e;
	for (i = 0; i < n; i++)
		buf_addf(&seen, "%s%s%s ", cols[i].name,
		    cols[i].is_number ? ":n" : "", cols[i].is_json ? ":j" : "");
	return (0);
}

static int
on_row(void * arg, const struct jsonrow_cell * cells, size_t n, struct err * e)
{
	(void)arg;
	(void)e;
	assert_true(n > 0);
	buf_addc(&seen, '<');
	buf_add(&seen, cells[0].p, cells[0].len);
	buf_addc(&seen, '>');
	return (0);
}

/* Feed ${s} in pieces of each size; the same must come out of all. */
static void
expect_answer(const char * s, const char * want, const char * want_code)
{
	const struct answer_sink sink = { on_columns, on_row, NULL };
	size_t n = strlen(s), piece, at, take;
	struct answer a;
	struct err e;
	int rc;

	for (piece = 1; piece <= n; piece++) {
		answer_init(&a, &sink);
		buf_clear(&seen);
		buf_adds(&seen, "");
		for (rc = 0, at = 0; rc == 0 && at < n; at += take) {
			take = n - at < piece ? n - at : piece;
			rc = answer_feed(&a, s + at, take, &e);
		}
		if (rc == 0)
			rc = answer_finish(&a, &e);
		assert_string_equal(seen.p, want);
		assert_string_equal(rc ? e.code : "", want_code);
		answer_free(&a);
	}
	buf_free(&seen);
}

#define C "{\"columns\":[{\"name\":\"a\",\"type\":\"BIGINT\"}," \
	"{\"name\":\"b\",\"type\":\"json\"},{\"name\":\"c\"}]}\n"
#define P "{\"progress\":{\"rows\":9,\"pages\":2}}\n"
#define S(n) "{\"stats\":{\"rows\":" #n ",\"ms\":1.5}}\n"

static void
test_answers(void ** state)
{
	(void)state;
	expect_answer(C S(0), "a:n b:j c ", "");
	expect_answer(C "[1,{},3]\r\n\n[4,5,6]\n" S(2), "a:n b:j c <1><4>", "");
	expect_answer("{\"columns\":[]}\n" S(0), "", "");
	expect_answer(S(0), "", "");
	expect_answer(P C P "[1,2,3]\n" P S(1), "a:n b:j c <1>", "");
	expect_answer(P "{\"error\":{\"code\":\"denied\"}}\n", "", "denied");
	expect_answer(C S(0) P, "a:n b:j c ", "answer");
	expect_answer(C P, "a:n b:j c ", "cut");
	expect_answer(C "[1,2,3]\n", "a:n b:j c <1>", "cut");
	expect_answer(C "[1,2,3]\n{\"stats\":", "a:n b:j c <1>", "cut");
	expect_answer("\n", "", "cut");
	expect_answer(C "[1,2,3]\n" S(0), "a:n b:j c <1>", "cut");
	expect_answer(C C, "a:n b:j c ", "answer");
	expect_answer(C "[1,2]\n" S(1), "a:n b:j c ", "answer");
	expect_answer("[1]\n", "", "answer");
	expect_answer("{}\n", "", "answer");
	expect_answer("{\"columns\":[{}]}\n", "", "answer");
	expect_answer("<html>\n", "", "answer");
	expect_answer("{\"columns\":\n", "", "json");
	expect_answer(C "{\"error\":{\"code\":\"denied\"}}\n", "a:n b:j c ",
	    "denied");
	expect_answer("{\"error\":1}\n", "", "error");
}

/* How far a sync is; what a daemon says does not drive the terminal. */
static void
test_answer_sync(void ** state)
{
	static const char far[] = "{\"progress\":{\"rows\":0,\"pages\":3,"
	    "\"sync\":{\"entity\":\"is\\u001bs\",\"entities_done\":1,"
	    "\"entities\":3,\"rows\":70,\"written\":60,\"rate\":12.5}}}\n"
	    "{\"progress\":{\"sync\":{\"total\":400,\"written\":-1}}}\n";
	const struct answer_sink sink = { on_columns, on_row, NULL };
	const char * nl = strchr(far, '\n') + 1;
	struct answer a;
	struct err e;

	(void)state;
	answer_init(&a, &sink);
	assert_int_equal(answer_feed(&a, P, sizeof(P) - 1, &e), 0);
	assert_int_equal(a.stats.sync.there, 0);
	assert_int_equal(answer_feed(&a, far, (size_t)(nl - far), &e), 0);
	assert_int_equal(a.stats.sync.there, 1);
	assert_string_equal(a.stats.sync.entity, "is?s");
	assert_int_equal(a.stats.sync.entities_done, 1);
	assert_int_equal(a.stats.sync.written, 60);
	assert_int_equal(a.stats.sync.total, -1);
	assert_int_equal(answer_feed(&a, nl, strlen(nl), &e), 0);
	assert_int_equal(a.stats.sync.total, 400);
	assert_int_equal(a.stats.sync.written, 0);
	answer_free(&a);
}

static void
test_error_classes(void ** state)
{
	static const struct {
		const char * name;
		enum err_class cls;
	} all[] = { { "transient", ERR_TRANSIENT }, { "config", ERR_CONFIG },
	    { "cancelled", ERR_CANCELLED }, { "permanent", ERR_PERMANENT },
	    { "new", ERR_PERMANENT } };
	const struct answer_sink sink = { on_columns, on_row, NULL };
	struct buf line = BUF_INIT(0);
	struct answer a;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		buf_clear(&line);
		buf_addf(&line, "{\"error\":{\"code\":\"c\",\"class\":\"%s\","
		    "\"message\":\"m %%s\"}}\n", all[i].name);
		answer_init(&a, &sink);
		assert_int_equal(answer_feed(&a, line.p, line.len, &e), -1);
		assert_int_equal(e.cls, all[i].cls);
		assert_string_equal(e.msg, "m %s");
		answer_free(&a);
	}
	buf_free(&line);
}

static void
expect_output(enum output_format f, const char * row, const char * want)
{
	char a[] = "id", b[] = "a\"b", c[] = "id", d[] = "id_2";
	struct answer_column cols[] = { { .name = a, .len = 2 },
	    { .name = b, .len = 3, .is_json = 1 }, { .name = c, .len = 2 },
	    { .name = d, .len = 4 } };
	struct buf out = BUF_INIT(0);
	struct jsonrow_cell cells[4];
	struct output o;
	struct err e;

	assert_int_equal(jsonrow_split(row, strlen(row), cells, 4, &e), 0);
	assert_int_equal(output_begin(&o, f, cols, 4, &out), 0);
	assert_int_equal(output_row(&o, cells, &out), 0);
	assert_int_equal(output_end(&o, &out), 0);
	assert_string_equal(out.p, want);
	output_free(&o);
	buf_free(&out);
}

static void
test_outputs(void ** state)
{
	const char * row = "[1,\"{\\\"k\\\":[]}\",\" x\",\"a,\\\"b\\\"\\n\"]";

	(void)state;
	expect_output(OUTPUT_NDJSON, row, "{\"id\":1,\"a\\\"b\":{\"k\":[]},"
	    "\"id_2\":\" x\",\"id_2_2\":\"a,\\\"b\\\"\\n\"}\n");
	expect_output(OUTPUT_JSON, "[null,\"{\\n}\",\"{}\",{\"z\": 1}]",
	    "[\n{\"id\":null,\"a\\\"b\":\"{\\n}\",\"id_2\":\"{}\","
	    "\"id_2_2\":{\"z\": 1}}\n]\n");
	expect_output(OUTPUT_CSV, row, "id,\"a\"\"b\",id,id_2\n"
	    "1,\"{\"\"k\"\":[]}\",\" x\",\"a,\"\"b\"\"\n\"\n");
	expect_output(OUTPUT_CSV, "[null,\"\",\"a\",\"b\\rc\"]",
	    "id,\"a\"\"b\",id,id_2\n,\"\",a,\"b\rc\"\n");
}

static void
test_formats(void ** state)
{
	enum output_format f;

	(void)state;
	assert_int_equal(output_format_parse("csv", &f), 0);
	assert_int_equal(f, OUTPUT_CSV);
	assert_int_equal(output_format_parse("CSV", &f), -1);
	assert_int_equal(output_format_parse("", &f), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_deep_rows_end),
		cmocka_unit_test(test_text_of_cells),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_answers), cmocka_unit_test(test_answer_sync),
		cmocka_unit_test(test_error_classes),
		cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_formats),
	};

	return (cmocka_run_group_tests_name("cli_text", tests, NULL, NULL));
}
