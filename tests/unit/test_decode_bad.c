#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_pieces.h"

/* What is no JSON, is too much, or ends in the middle. */

static void
rows(struct rig * r, const char * body, const char * want)
{
	pieces_rows(r, body, NULL, want, SIZE_MAX);
}

static void
refused_n(struct rig * r, const char * body, size_t n, const char * code,
    const char * with)
{
	pieces_refused(r, body, n, BAD_ENDS, code, with);
}

static void
refused(struct rig * r, const char * body, const char * code, const char * with)
{
	pieces_refused(r, body, strlen(body), BAD_ENDS, code, with);
}

static void
test_bad_json(void ** state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "$", "a:integer");
	rig_plan(&r);
	refused(&r, "", "json", "the page is empty");
	refused(&r, " \n", "json", "cut off");
	refused(&r, "[{\"a\":1}", "json", "line 1, column 9 (byte 8): the page is "
	    "cut off");
	refused(&r, "[{\"a\":\"x", "json", "cut off");
	refused(&r, "[{\"a\":1,", "json", "cut off");
	refused(&r, "[tru", "json", "cut off");
	refused(&r, "[{\"a\":1},\n {\"a\" 2}]", "json",
	    "line 2, column 7 (byte 16): ':' expected");
	refused(&r, "[{\"a\":1},\n {\"é\":1,\"a\":trux}]", "json",
	    "line 2, column 16 (byte 26)");
	refused(&r, "[]]", "json", "(byte 2): there is more after the end");
	refused(&r, "[] {\"a\":1}", "json", "(byte 3): there is more");
	refused(&r, "[1]\n{\"a\":1}", "json", "line 2, column 1 (byte 4)");
	refused(&r, "[01]", "json", "(byte 2): ',' or ']' expected");
	refused(&r, "[1.]", "json", "byte");
	refused(&r, "[,1]", "json", "(byte 1)");
	refused(&r, "[1,]", "json", "(byte 3)");
	refused(&r, "{\"a\":1,}", "json", "(byte 7)");
	refused(&r, "{\"a\":\"b\" \"c\":1}", "json", "(byte 9)");
	refused(&r, "[NaN]", "json", "byte 1");
	refused(&r, "['a']", "json", "byte 1");
	refused(&r, "[\"a\tb\"]", "json", "byte");
	refused(&r, "[\"\\x\"]", "json", "byte");
	refused(&r, "[\"\\u12g4\"]", "json", "byte");
	refused(&r, "<!DOCTYPE html><html>", "json", "is HTML, not JSON");
	refused(&r, "\n <html>", "json", "is HTML, not JSON");
	refused(&r, "<?xml version=\"1.0\"?>", "json", "is XML, not JSON");
	refused(&r, "Not Found", "json", "line 1, column 1");
	refused_n(&r, "[\0]", 3, "json", "(byte 1)");
	refused_n(&r, "[\"a\0b\"]", 7, "json", "byte");
	refused_n(&r, "[]\0", 3, "json", "(byte 2)");
	refused(&r, "[\"a\xff\"]", "json", "(byte 3): this is not UTF-8");
	refused(&r, "[\"\xed\xa0\x80\"]", "json", "(byte 2): this is not UTF-8");
	refused(&r, "[\"\xc0\x80\"]", "json", "not UTF-8");
	refused(&r, "[{\"x\":\"\xe2\x82\"}]", "json", "not UTF-8");
	refused(&r, "[\"\xe2\x82", "json", "not UTF-8");
	refused_n(&r, "\x1f\x8b\x08\x00", 4, "json", "byte 0");
	/* Where no path leads all must be right, too. */
	refused(&r, "[{\"z\":{\"q\":[1,{\"y\":tru}]}}]", "json", "byte");
	rig_free(&r);
}

static void
test_nesting(void ** state)
{
	struct buf b = BUF_INIT(0);
	struct rig r;
	int i, deep[] = { 127, 128, 10000 }, k;

	(void)state;
	rig_init(&r, "$", "a:list");
	rig_plan(&r);
	for (k = 0; k < 3; k++) {
		buf_clear(&b);
		for (i = 0; i < deep[k]; i++)
			buf_adds(&b, i == 0 ? "{\"b\":" : "[");
		buf_addc(&b, '1');
		for (i = 0; i < deep[k]; i++)
			buf_adds(&b, i == deep[k] - 1 ? "}" : "]");
		if (deep[k] <= 128)
			rows(&r, b.p, "NULL;");
		else
			refused(&r, b.p, "nesting", "more than 128 levels deep "
			    "at line 1, column 133 (byte 132)");
	}
	buf_free(&b);
	rig_free(&r);
}

static void
test_long_tokens_cost_their_length(void ** state)
{
	size_t n = 8 << 20, i;
	struct decode_body b;
	struct page * p;
	struct rig r;
	struct err e;
	char * s = malloc(n);

	(void)state;
	assert_non_null(s);
	rig_init(&r, "$", "a:text");
	rig_plan(&r);
	memset(s, 'x', n);
	memcpy(s, "[{\"a\":\"", 7);
	memcpy(s + n - 4, "\"}]\n", 4);
	/* In pieces of 100 bytes: re-reading would take hours. */
	assert_int_equal(pieces_whole(&r, s, n, 100, &p, &b, &e), 0);
	assert_int_equal(page_at(p, 0)[0].len, n - 11);
	for (i = 0; i < n - 11; i += 4096)
		assert_int_equal(page_at(p, 0)[0].s[i], 'x');
	assert_in_range(p->bytes, n, n + n / 10);
	page_unref(p);
	/* A number of a million zeros. */
	memset(s, '0', n);
	memcpy(s, "[{\"a\":1.", 8);
	memcpy(s + n - 4, "1}]\n", 4);
	r.columns[0].type = COLUMN_INTEGER;
	assert_int_equal(pieces_whole(&r, s, n, 4096, &p, &b, &e), 0);
	page_unref(p);
	free(s);
	rig_free(&r);
}

static void
test_too_big(void ** state)
{
	size_t n = 1 << 20, i;
	struct decode_body b;
	struct page * p;
	struct rig r;
	struct err e;
	char * s = malloc(n);
	int bad = 0;

	(void)state;
	rig_init(&r, "$", "a:text");
	rig_plan(&r);
	memset(s, ' ', n);
	s[0] = '[';
	assert_int_equal(decode_json_begin(decoder, r.plan, NULL), 0);
	for (i = 0; i < 66 && !bad; i++) {
		bad = decode_json_feed(decoder, s, n);
		s[0] = ' ';
	}
	assert_int_equal(i, 65);
	assert_int_equal(decode_json_feed(decoder, s, n), -1);
	assert_int_equal(decode_json_end(decoder, &p, &b, &e), -1);
	assert_string_equal(e.code, "too_big");
	free(s);
	rig_free(&r);
}

/* ${n} records of 3 KB. */
static void
make_page(struct buf * b, size_t n)
{
	char text[2800];
	size_t i;

	memset(text, 'x', sizeof(text));
	buf_addc(b, '[');
	for (i = 0; i < n; i++)
		buf_addf(b, "%s{\"id\":%zu,\"title\":\"title %zu\",\"body\":\"%.*s\","
		    "\"user\":{\"login\":\"u%zu\",\"site\":null}}", i ? "," : "", i,
		    i, (int)sizeof(text), text, i);
	buf_addc(b, ']');
}

static void
test_memory(void ** state)
{
	struct buf b = BUF_INIT(0);
	struct decode_body body;
	struct page * p;
	struct rig r;
	struct err e;
	uint8_t wanted[] = { 1, 1, 0, 1 };

	(void)state;
	rig_init(&r, "$", "id:integer title:text body:text login:text:user.login");
	rig_plan(&r);
	make_page(&b, 1000);
	assert_int_equal(pieces_whole(&r, b.p, b.len, 16384, &p, &body, &e), 0);
	assert_int_equal(p->nrows, 1000);
	/* The body, kept as it is, and the cells. */
	assert_in_range(p->bytes, b.len + 64000, (b.len + 64000) * 11 / 10);
	page_unref(p);
	/* A page of short cells does not keep the body. */
	assert_int_equal(pieces_decode(&r, b.p, b.len, 16384, 16384, BAD_ENDS, wanted, &p, &body, &e), 0);
	assert_in_range(p->bytes, 64000 + 12000, 64000 + 14000);
	assert_memory_equal(page_at(p, 999)[1].s, "title 999", 9);
	assert_memory_equal(page_at(p, 999)[3].s, "u999", 4);
	page_unref(p);
	buf_free(&b);
	rig_free(&r);
}

static void
test_given_up(void ** state)
{
	struct page * p;
	struct decode_body b;
	struct rig r;
	struct err e;

	(void)state;
	rig_init(&r, "$", "a:text");
	rig_plan(&r);
	/* In the middle, again from the beginning, and freed in the middle. */
	assert_int_equal(decode_json_begin(decoder, r.plan, NULL), 0);
	assert_int_equal(decode_json_feed(decoder, "[{\"a\":", 6), 0);
	rows(&r, "[{\"a\":\"b\"}]", "'b';");
	assert_int_equal(decode_json_end(decoder, &p, &b, &e), -1);
	assert_int_equal(decode_json_feed(decoder, "[]", 2), -1);
	assert_int_equal(decode_json_begin(decoder, r.plan, NULL), 0);
	assert_int_equal(decode_json_feed(decoder, "[{\"a\":", 6), 0);
	decode_json_free(decoder);
	decode_json_free(NULL);
	assert_non_null(decoder = decode_json_new());
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_long_tokens_cost_their_length),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_given_up),
	};

	return (cmocka_run_group_tests_name("decode_bad", tests, pieces_setup,
	    pieces_teardown));
}
