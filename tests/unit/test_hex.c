#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/quote.h"

static void
test_digits(void ** state)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char * at;
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		at = c == 0 ? NULL : strchr(digits, c);
		assert_int_equal(hex_digit((char)c), at == NULL ? -1 :
		    (at - digits) - (at - digits >= 16 ? 6 : 0));
	}
}

static void
test_write(void ** state)
{
	char out[7];

	(void)state;
	hex_write("\x00\xaf\x19", 3, out);
	assert_string_equal(out, "00af19");
	hex_write("", 0, out);
	assert_string_equal(out, "");
}

static void
test_name(void ** state)
{
	static const struct { const char * name, * sql; } t[] = {
		{ "", "\"\"" }, { "a b", "\"a b\"" },
		{ "\"", "\"\"\"\"" }, { "a\"b\"c'", "\"a\"\"b\"\"c'\"" },
	};
	struct buf b = BUF_INIT(100);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_clear(&b);
		quote_name(&b, t[i].name);
		assert_string_equal(b.p, t[i].sql);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits), cmocka_unit_test(test_write),
		cmocka_unit_test(test_name),
	};

	return (cmocka_run_group_tests_name("hex", tests, NULL, NULL));
}
