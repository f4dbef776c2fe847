#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_pieces.h"

/* Values, one column at a time. */

static void
column(const char * spec, const char * json, const char * want)
{
	pieces_column(spec, json, want);
}

static void
test_text(void ** state)
{
	(void)state;
	column("x:text", "\"a\"", "'a';");
	column("x:text", "\"\"", "'';");
	column("x:text", "null", "NULL;");
	column("x:text", "12.50", "'12.50';");
	column("x:text", "-0", "'-0';");
	column("x:text", "true", "'true';");
	column("x:text", "{\"a\": [1, 2]}", "'{\"a\": [1, 2]}';");
	column("x:text", "[]", "'[]';");
	column("x:text", "\"a\\nb\\\"c\\\\\"", "'a\nb\"c\\';");
	column("x:text", "\"\\\\\"", "'\\';");
	column("x:text", "\"\\\"\"", "'\"';");
	column("x:text", "\"\\b\\f\\r\\t\\/\"", "'\b\f\r\t/';");
	column("x:text", "\"\\u00e9\\u20ac\\ud83d\\ude00\"", "'é€😀';");
	column("x:text", "\"é€😀\"", "'é€😀';");
	/* Halves of surrogate pairs. */
	column("x:text", "\"\\ud83d\"", "'\xef\xbf\xbd';");
	column("x:text", "\"\\ude00x\"", "'\xef\xbf\xbdx';");
	column("x:text", "\"\\ud83d\\u0041\"", "'\xef\xbf\xbd" "A';");
	column("x:text", "\"\\ud83d\\ud83d\\ude00\"", "'\xef\xbf\xbd😀';");
	/* What looks like a string's beginning within it. */
	column("x:text", "\": \\\"abc\"", "': \"abc';");
	column("x:text", "\"\\\"abc\"", "'\"abc';");
}

static void
test_integer(void ** state)
{
	(void)state;
	column("x:integer", "0", "0;");
	column("x:integer", "9223372036854775807", "9223372036854775807;");
	column("x:integer", "-9223372036854775808", "-9223372036854775808;");
	column("x:integer", "9007199254740993", "9007199254740993;");
	column("x:integer", "9223372036854775808", "'9223372036854775808';");
	column("x:integer", "18446744073709551616", "'18446744073709551616';");
	column("x:integer", "1000099501", "1000099501;");
	column("x:integer", "1.000099501e+09", "1000099501;");
	column("x:integer", "1e2", "100;");
	column("x:integer", "12.000", "12;");
	column("x:integer", "1.5", "1.5;");
	column("x:integer", "1e400", "'1e400';");
	column("x:integer", "\"12\"", "12;");
	column("x:integer", "\"-7\"", "-7;");
	column("x:integer", "\"\\u0031\"", "1;");
	column("x:integer", "\"12a\"", "'12a';");
	column("x:integer", "\"\"", "'';");
	column("x:integer", "\"-\"", "'-';");
	column("x:integer", "true", "1;");
	column("x:integer", "[1]", "'[1]';");
	column("x:integer", "null", "NULL;");
}

static void
test_real(void ** state)
{
	(void)state;
	column("x:real", "1.5", "1.5;");
	column("x:real", "3", "3;");
	column("x:real", "\"1e+00\"", "1;");
	column("x:real", "\"0.25\"", "0.25;");
	column("x:real", "0.1", "0.10000000000000001;");
	column("x:real", "\"NaN\"", "NULL;");
	column("x:real", "\"+Inf\"", "NULL;");
	column("x:real", "\"-inf\"", "NULL;");
	column("x:real", "1e999", "'1e999';");
	column("x:real", "\"n/a\"", "'n/a';");
	column("x:real", "false", "0;");
}

static void
test_boolean(void ** state)
{
	(void)state;
	column("x:boolean", "true", "1;");
	column("x:boolean", "false", "0;");
	column("x:boolean", "\"true\"", "1;");
	column("x:boolean", "\"False\"", "0;");
	column("x:boolean", "1", "1;");
	column("x:boolean", "0", "0;");
	column("x:boolean", "\"maybe\"", "'maybe';");
	column("x:boolean", "2", "'2';");
	column("x:boolean", "null", "NULL;");
}

static void
test_time(void ** state)
{
	(void)state;
	column("x:timestamp", "\"2026-11-21T16:59:43Z\"",
	    "'2026-11-21T16:59:43Z';");
	column("x:timestamp", "\"2026-11-21T16:59:43.500Z\"",
	    "'2026-11-21T16:59:43.500Z';");
	column("x:timestamp", "\"2026-11-21T16:59:43.000Z\"",
	    "'2026-11-21T16:59:43Z';");
	column("x:timestamp", "\"2026-11-21T16:59:43.123456+02:00\"",
	    "'2026-11-21T14:59:43.123Z';");
	column("x:timestamp", "\"2026-11-21T16:59:43.000-0330\"",
	    "'2026-11-21T20:29:43Z';");
	column("x:timestamp", "\"2026-11-21T16:59:43+01\"",
	    "'2026-11-21T15:59:43Z';");
	column("x:timestamp", "\"2026-11-21T16:59:43.25\"",
	    "'2026-11-21T16:59:43.250Z';");
	column("x:timestamp", "\"2026-11-21 16:59:43\"",
	    "'2026-11-21T16:59:43Z';");
	column("x:timestamp", "\"2026-11-21\"", "'2026-11-21T00:00:00Z';");
	column("x:timestamp", "\"2026-11-21T16:59:43\\u005a\"",
	    "'2026-11-21T16:59:43Z';");
	column("x:timestamp", "\"yesterday\"", "'yesterday';");
	column("x:timestamp", "\"2026-13-21T16:59:43Z\"",
	    "'2026-13-21T16:59:43Z';");
	column("x:timestamp", "\"\"", "'';");
	column("x:timestamp", "null", "NULL;");
	column("x:timestamp", "{\"a\":1}", "'{\"a\":1}';");
	column("x:epoch_s", "1700000000", "'2023-11-14T22:13:20Z';");
	column("x:epoch_s", "1700000000.123999", "'2023-11-14T22:13:20.123Z';");
	column("x:epoch_s", "1.7e9", "'2023-11-14T22:13:20Z';");
	column("x:epoch_s", "\"1700000000\"", "'2023-11-14T22:13:20Z';");
	column("x:epoch_s", "-1", "'1969-12-31T23:59:59Z';");
	column("x:epoch_s", "99999999999999999999", "'99999999999999999999';");
	column("x:epoch_s", "\"2026-11-21T16:59:43Z\"",
	    "'2026-11-21T16:59:43Z';");
	column("x:epoch_ms", "1700000000123", "'2023-11-14T22:13:20.123Z';");
	column("x:epoch_ms", "\"1700000000000\"", "'2023-11-14T22:13:20Z';");
	column("x:epoch_us", "1700000000123999", "'2023-11-14T22:13:20.123Z';");
	column("x:own", "\"14/Nov/2023 22:13:20\"", "'2023-11-14T20:13:20Z';");
	column("x:own", "\"14/Nov/2023 22:13:20 CET\"",
	    "'14/Nov/2023 22:13:20 CET';");
	column("x:own", "\"31/Xyz/2023\"", "'31/Xyz/2023';");
	column("x:ownn", "\"31/Xyz/2023\"", "NULL;");
	column("x:ownn", "\"\\u00e9\"", "NULL;");
	column("x:ownn", "\"\"", "NULL;");
	column("x:ownn", "\"14/Nov/2023 22:13:20\"", "'2023-11-14T20:13:20Z';");
	column("x:ownn", "\"14\\/Nov\\/2023 22:13:20\"",
	    "'2023-11-14T20:13:20Z';");
	column("x:ownn", "\"2023-11-14T20:13:20Z\"", "'2023-11-14T20:13:20Z';");
	/* An instant is one in any form that names its zone, also beside the
	 * service's own: no doubt, and no reason to lose it. */
	column("x:ownn", "\"2023-11-14T20:13:20.5+02:00\"",
	    "'2023-11-14T18:13:20.500Z';");
	column("x:ownn", "\"2023-11-14T20:13:20\"", "NULL;");
	column("x:own", "\"2023-11-14 20:13\"", "'2023-11-14 20:13';");
	/* But where its own form looks like that, its zone is what was said. */
	column("x:ownl", "\"2023-11-14T22:13:20Z\"", "'2023-11-14T20:13:20Z';");
	column("x:ownz", "\"14/Nov/2023 22:13:20 -0330\"",
	    "'2023-11-15T01:43:20Z';");
}

static void
test_list_and_map(void ** state)
{
	(void)state;
	column("x:list", "[1,\"a\", {\"b\":null}]", "'[1,\"a\", {\"b\":null}]';");
	column("x:list", "[]", "'[]';");
	column("x:list", "null", "NULL;");
	column("x:list", "\"a\\n\"", "'\"a\\n\"';");
	column("x:map", "{\"a\":{\"b\":[[],{}]}}", "'{\"a\":{\"b\":[[],{}]}}';");
	column("x:map", "{}", "'{}';");
	column("x:map", "17", "'17';");
	/* Below, above and beside each other. */
	column("x:map a:text:x.a b:list:x.b c:integer:x.b[1]",
	    "{\"a\":\"\\u0041\",\"b\":[5,6]}",
	    "'{\"a\":\"A\",\"b\":[5,6]}','A','[5,6]',6;");
}

/* A character is written as itself, however the service writes it: else LIKE would
 * find it at one service and not at another. */
static void
test_plain(void ** state)
{
	(void)state;
	column("x:list", "[\"\\u00fcn\\u00EF\",\"a\\/b\"]",
	    "'[\"ünï\",\"a/b\"]';");
	column("x:map", "{\"\\u00fc\":\"\\ud83d\\ude00\\u0041\"}",
	    "'{\"ü\":\"😀A\"}';");
	column("x:text", "{\"a\": \"\\u00fc\"}", "'{\"a\": \"ü\"}';");
	column("x:list", "\"\\u00fc\"", "'\"ü\"';");
	column("n:list:x[*].n", "[{\"n\":\"\\u00fc\"},{\"n\":{\"y\":\"\\/\"}}]",
	    "'[\"ü\",{\"y\":\"/\"}]';");
	/* What JSON wants escaped, and half a pair, stay. */
	column("x:list", "[\"\\u0022\\u005c\\u005Cu00fc\\u0000\\u001f\\n\\\\u00fc\"]",
	    "'[\"\\u0022\\u005c\\u005Cu00fc\\u0000\\u001f\\n\\\\u00fc\"]';");
	column("x:list", "[\"\\ud83d\",\"\\ud83dx\",\"\\ude00\",\"\\ud83d\\u0041\"]",
	    "'[\"\\ud83d\",\"\\ud83dx\",\"\\ude00\",\"\\ud83dA\"]';");
}

static void
test_fan_out(void ** state)
{
	(void)state;
	column("n:list:x[*].n", "[{\"n\":\"a\"},{\"m\":1},{\"n\":\"b\\\"\"}]",
	    "'[\"a\",\"b\\\"\"]';");
	column("n:list:x[*].n", "[{\"n\":null},{\"n\":{\"y\":[1]}},{\"n\":2.50}]",
	    "'[null,{\"y\":[1]},2.50]';");
	column("n:list:x[*].n", "[]", "'[]';");
	column("n:list:x[*].n", "[{}]", "'[]';");
	column("n:list:x[*].n", "null", "NULL;");
	column("n:list:x[*].n", "{\"n\":1}", "NULL;");
	column("n:list:y[*].n", "1", "NULL;");
	column("n:list:x.*", "{\"a\":1,\"b\":[2]}", "'[1,[2]]';");
	column("n:list:x.*", "[1]", "NULL;");
	column("n:list:x[*].a[*]", "[{\"a\":[1,2]},{\"a\":[3]},{\"a\":[]}]",
	    "'[1,2,3]';");
	column("n:integer:x[*].n m:timestamp:x[*].t",
	    "[{\"n\":null,\"t\":\"2026-11-21\"},{\"n\":\"7\"},{\"n\":8}]",
	    "7,'2026-11-21T00:00:00Z';");
	column("n:integer:x[*]", "[]", "NULL;");
	column("n:text:x[0].n a:list:x[*].n l:text:x[1]", "[{\"n\":1},{\"n\":2}]",
	    "'1','[1,2]','{\"n\":2}';");
	column("a:text:x.a v:list:x.*", "{\"a\":1,\"b\":2}", "'1','[1,2]';");
}

static void
test_documents(void ** state)
{
	(void)state;
	column("x:adf", "\"plain\"", "'plain';");
	column("x:adf", "null", "NULL;");
	column("x:adf", "{\"type\":\"other\"}", "'{\"type\":\"other\"}';");
	column("x:adf", "{\"type\":\"doc\",\"version\":1,\"content\":[]}", "'';");
	column("x:adf", "{\"type\":\"doc\",\"version\":1,\"content\":["
	    "{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"Hi \"},"
	    "{\"type\":\"mention\",\"attrs\":{\"id\":\"1\",\"text\":\"@Bob\"}},"
	    "{\"type\":\"hardBreak\"},{\"type\":\"text\",\"text\":\"see \"},"
	    "{\"type\":\"inlineCard\",\"attrs\":{\"url\":\"https://a.b/c\"}}]},"
	    "{\"type\":\"paragraph\"},"
	    "{\"type\":\"codeBlock\",\"attrs\":{\"language\":\"c\"},\"content\":"
	    "[{\"type\":\"text\",\"text\":\"int a;\\nint b;\"}]},"
	    "{\"type\":\"bulletList\",\"content\":[{\"type\":\"listItem\",\"content\":"
	    "[{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"one\"}]}]},"
	    "{\"type\":\"listItem\",\"content\":[{\"type\":\"paragraph\",\"content\":"
	    "[{\"type\":\"text\",\"text\":\"two\"}]},{\"type\":\"orderedList\",\"attrs\":"
	    "{\"order\":3},\"content\":[{\"type\":\"listItem\",\"content\":[{\"type\":"
	    "\"paragraph\",\"content\":[{\"type\":\"emoji\",\"attrs\":{\"shortName\":"
	    "\":x:\"}}]}]}]}]}]},{\"type\":\"paragraph\",\"content\":[{\"type\":\"date\","
	    "\"attrs\":{\"timestamp\":\"1700000000000\"}}]},{\"type\":\"table\",\"content\":"
	    "[{\"type\":\"tableRow\",\"content\":[{\"type\":\"tableCell\",\"content\":["
	    "{\"type\":\"paragraph\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]},"
	    "{\"type\":\"tableCell\",\"content\":[{\"type\":\"paragraph\",\"content\":["
	    "{\"type\":\"text\",\"text\":\"b\"}]}]}]}]}]}",
	    "'Hi @Bob\nsee https://a.b/c\n\nint a;\nint b;\n- one\n- two\n"
	    "3. :x:\n2023-11-14\na | b';");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_integer),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_boolean),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_list_and_map),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_fan_out),
		cmocka_unit_test(test_documents),
	};

	return (cmocka_run_group_tests_name("decode_values", tests, pieces_setup,
	    pieces_teardown));
}
