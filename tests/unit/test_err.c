#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/utf8.h"

static void
test_set(void ** state)
{
	struct err e;

	(void)state;
	memset(&e, 0xa5, sizeof(e));
	assert_int_equal(err_set(&e, ERR_CONFIG, "word", "%s %d", "a", 1), -1);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, "word");
	assert_string_equal(e.msg, "a 1");
	assert_int_equal(e.retry_after_ms, -1);
	assert_int_equal(err_set(NULL, ERR_CONFIG, "word", "x"), -1);
	assert_int_equal(err_prefix(NULL, "x"), -1);
	assert_int_equal(err_prefix(&e, "in %s", "b"), -1);
	assert_string_equal(e.msg, "in b: a 1");
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_int_equal(err_nomem(&e, "rows"), -1);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_non_null(strstr(e.msg, "rows"));
}

static void
test_may_quote_itself(void ** state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_PERMANENT, "old", "the first");
	err_set(&e, ERR_CONFIG, e.code, "again: %s (%s)", e.msg, e.code);
	assert_string_equal(e.msg, "again: the first (old)");
	assert_string_equal(e.code, "old");
	err_prefix(&e, "%s", e.msg);
	assert_string_equal(e.msg,
	    "again: the first (old): again: the first (old)");
}

/* Cut anywhere in any sequence the message stays UTF-8, and no more is lost
 * than the torn sequence. */
static void
test_cut_at_a_boundary(void ** state)
{
	static const char * const seqs[] = { "x", "\xc3\xa9", "\xe2\x82\xac",
	    "\xf0\x9f\x98\x80" };
	char text[1000];
	struct err e;
	size_t i, pad, len, n;

	(void)state;
	for (i = 0; i < 4; i++) {
		len = strlen(seqs[i]);
		for (pad = 0; pad < 4; pad++) {
			memset(text, '-', pad);
			for (n = pad; n + len < sizeof(text); n += len)
				memcpy(text + n, seqs[i], len);
			text[n] = '\0';
			err_set(&e, ERR_CONFIG, "c", "%s", text);
			n = strlen(e.msg);
			assert_int_equal(utf8_check(e.msg, n), n);
			assert_true(n > sizeof(e.msg) - 1 - len);
			assert_string_equal(e.msg + n - 3, "\xe2\x80\xa6");
			assert_memory_equal(e.msg, text, n - 3);
			err_set(&e, ERR_CONFIG, "c", "%s", seqs[i]);
			err_prefix(&e, "%s", text);
			n = strlen(e.msg);
			assert_int_equal(utf8_check(e.msg, n), n);
			assert_true(n > sizeof(e.msg) - 1 - len);
		}
	}
}

static void
test_bad_bytes_become_marks(void ** state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_CONFIG, "c", "a\xff\xc3z\xe2\x82");
	assert_string_equal(e.msg, "a??z??");
	err_set(&e, ERR_CONFIG, "c", "ok \xc3\xa9");
	err_prefix(&e, "\xed\xa0\x80");
	assert_string_equal(e.msg, "???: ok \xc3\xa9");
}

static void
test_long_code_and_prefix(void ** state)
{
	char text[1000];
	struct err e;

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, ERR_CONFIG, text, "m");
	assert_int_equal(strlen(e.code), sizeof(e.code) - 1);
	err_prefix(&e, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_string_equal(err_class_name(ERR_TRANSIENT), "transient");
	assert_string_equal(err_class_name(ERR_PERMANENT), "permanent");
	assert_string_equal(err_class_name(ERR_CONFIG), "config");
	assert_string_equal(err_class_name(ERR_CANCELLED), "cancelled");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_may_quote_itself),
		cmocka_unit_test(test_cut_at_a_boundary),
		cmocka_unit_test(test_bad_bytes_become_marks),
		cmocka_unit_test(test_long_code_and_prefix),
	};

	return (cmocka_run_group_tests_name("err", tests, NULL, NULL));
}
