#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode_pairs.h"

/* Lists of names with values, as maps. */

static const struct {
	const char * in;
	const char * out; /* NULL: it is none */
} cases[] = {
	{ "[]", "{}" },
	{ "[{\"Key\":\"a\",\"Value\":\"b\"},{\"Key\":\"c\",\"Value\":1}]",
	  "{\"a\":\"b\",\"c\":1}" },
	{ "[{\"name\":\"a\",\"value\":\"b\"}]", "{\"a\":\"b\"}" },
	{ "[{\"key\":\"a\"}]", "{\"a\":null}" },
	{ "[{\"key\":\"a\",\"value\":1},{\"key\":\"a\",\"value\":2}]",
	  "{\"a\":2}" },
	/* As it comes out of XML. */
	{ "{\"key\":\"a\",\"value\":\"b\"}", "{\"a\":\"b\"}" },
	{ "{\"item\":[{\"key\":\"a\",\"value\":\"b\"},{\"key\":\"c\","
	  "\"value\":\"\"}]}", "{\"a\":\"b\",\"c\":\"\"}" },
	{ "{\"member\":{\"Name\":\"a\",\"Value\":\"b\"}}", "{\"a\":\"b\"}" },
	{ "{\"key\":\"a\"}", "{\"a\":null}" },
	{ "{}", NULL },
	{ "{\"a\":\"b\"}", NULL },
	{ "[1]", NULL },
	{ "[{\"key\":1,\"value\":2}]", NULL },
	{ "{\"item\":{\"a\":1}}", NULL },
};

static void
test_cases(void ** state)
{
	struct buf out = BUF_INIT(1 << 16);
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		rc = decode_pairs(cases[i].in, strlen(cases[i].in), &out);
		if (rc != (cases[i].out == NULL) || (rc == 0 &&
		    strcmp(out.p, cases[i].out) != 0))
			fail_msg("%s: %d, %s", cases[i].in, rc,
			    out.p ? out.p : "");
	}
	buf_free(&out);
}

static void
test_no_room(void ** state)
{
	struct buf out = BUF_INIT(4);

	(void)state;
	assert_int_equal(decode_pairs("[{\"key\":\"abcdef\"}]", 18, &out), -1);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_no_room),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
