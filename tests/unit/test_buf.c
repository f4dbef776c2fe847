#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void
test_appends(void ** state)
{
	struct buf b = BUF_INIT(0);

	(void)state;
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_string_equal(b.p, "");
	assert_int_equal(buf_adds(&b, "ab"), 0);
	assert_int_equal(buf_addc(&b, 'c'), 0);
	assert_int_equal(buf_addf(&b, "%d-%s", 42, "x"), 0);
	assert_int_equal(buf_add(&b, "\0z", 2), 0);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.p, "abc42-x\0z", 10);
	buf_consume(&b, 3);
	assert_memory_equal(b.p, "42-x\0z", 7);
	assert_int_equal(b.len, 6);
	buf_consume(&b, 1000);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.p, "");
	buf_free(&b);
	buf_free(&b);
	assert_null(b.p);
	buf_consume(&b, 5);
	buf_clear(&b);
}

/* The same as buf_add(), at every distance from the bound. */
static void
test_add_near(void ** state)
{
	char from[64 + BUF_NEAR];
	size_t n, max;

	(void)state;
	for (n = 0; n < sizeof(from); n++)
		from[n] = (char)('A' + n % 50);
	for (max = 1; max < 100; max++)
		for (n = 0; n <= 64; n++) {
			struct buf a = BUF_INIT(max), b = BUF_INIT(max);

			assert_int_equal(buf_adds(&a, "x"), 0);
			assert_int_equal(buf_adds(&b, "x"), 0);
			assert_int_equal(buf_add_near(&a, from, n),
			    buf_add(&b, from, n));
			assert_int_equal(a.len, b.len);
			assert_memory_equal(a.p, b.p, b.len + 1);
			assert_int_equal(a.failed, b.failed);
			buf_free(&a);
			buf_free(&b);
		}
}

static void
test_bound_is_exact(void ** state)
{
	struct buf b = BUF_INIT(100);
	size_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_int_equal(b.len, 100);
	assert_true(b.cap <= 101);
	assert_int_equal(buf_add(&b, "", 0), 0);
	assert_int_equal(buf_addc(&b, 'y'), -1);
	assert_int_equal(b.len, 100);
	assert_int_equal(strlen(b.p), 100);
	buf_free(&b);
	assert_int_equal(b.max, 100);
	assert_int_equal(b.failed, 0);
}

static void
test_failure_sticks(void ** state)
{
	struct buf b = BUF_INIT(8);

	(void)state;
	assert_int_equal(buf_adds(&b, "1234"), 0);
	assert_int_equal(buf_adds(&b, "56789"), -1);
	assert_true(b.failed);
	assert_string_equal(b.p, "1234");
	assert_int_equal(buf_addc(&b, '5'), -1);
	assert_int_equal(buf_adds(&b, "5"), -1);
	assert_int_equal(buf_addf(&b, "%d", 5), -1);
	assert_int_equal(buf_add_json_str(&b, "", 0), -1);
	assert_int_equal(buf_reserve(&b, 0), -1);
	assert_string_equal(b.p, "1234");
	buf_clear(&b);
	assert_int_equal(buf_addf(&b, "%s", "12345678"), 0);
	assert_int_equal(buf_addf(&b, "%s", "9"), -1);
	assert_string_equal(b.p, "12345678");
	buf_free(&b);
}

/* A JSON string that does not fit leaves nothing behind, at any length. */
static void
test_json_str_is_whole_or_not(void ** state)
{
	static const char text[] = "a\"b\\c\n\xff\x01 \xe2\x82\xac";
	struct buf all = BUF_INIT(0);
	size_t max;

	(void)state;
	assert_int_equal(buf_add_json_str(&all, text, sizeof(text) - 1), 0);
	for (max = 1; max < all.len + 4; max++) {
		struct buf b = BUF_INIT(max);

		assert_int_equal(buf_addc(&b, '>'), 0);
		if (buf_add_json_str(&b, text, sizeof(text) - 1)) {
			assert_true(max < all.len + 1);
			assert_true(b.failed);
			assert_string_equal(b.p, ">");
			assert_int_equal(b.len, 1);
		} else {
			assert_true(max >= all.len + 1);
			assert_string_equal(b.p + 1, all.p);
		}
		buf_free(&b);
	}
	buf_free(&all);
}

static void
test_json_str(void ** state)
{
	static const struct {
		const char * in;
		size_t n;
		const char * out;
	} t[] = {
		{ "", 0, "\"\"" }, { "plain", 5, "\"plain\"" },
		{ "\"\\/", 3, "\"\\\"\\\\/\"" },
		{ "\n\t\r\b\f", 5, "\"\\n\\t\\r\\u0008\\u000c\"" },
		{ "\0\x1f\x7f", 3, "\"\\u0000\\u001f\x7f\"" },
		{ "\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
		/* One replacement for each byte that is not UTF-8. */
		{ "a\xffz", 3, "\"a\xef\xbf\xbdz\"" },
		{ "\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80x", 4,
		    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"" },
	};
	struct buf b = BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_clear(&b);
		assert_int_equal(buf_add_json_str(&b, t[i].in, t[i].n), 0);
		assert_string_equal(b.p, t[i].out);
	}
	buf_free(&b);
}

static void
test_sizes_that_would_wrap(void ** state)
{
	struct buf b = BUF_INIT(SIZE_MAX);

	(void)state;
	assert_int_equal(buf_adds(&b, "x"), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -1);
	assert_string_equal(b.p, "x");
	buf_clear(&b);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 4 + 1), -1);
	buf_free(&b);
	b.max = 0;
	assert_int_equal(buf_reserve(&b, BUF_DEFAULT_MAX + 1), -1);
	buf_free(&b);
}

static void
test_wipe(void ** state)
{
	struct buf b = BUF_INIT(0);

	(void)state;
	buf_wipe(&b);
	buf_adds(&b, "secret");
	buf_wipe(&b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_add_near),
		cmocka_unit_test(test_bound_is_exact),
		cmocka_unit_test(test_failure_sticks),
		cmocka_unit_test(test_json_str_is_whole_or_not),
		cmocka_unit_test(test_json_str),
		cmocka_unit_test(test_sizes_that_would_wrap),
		cmocka_unit_test(test_wipe),
	};

	return (cmocka_run_group_tests_name("buf", tests, NULL, NULL));
}
