#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_rig.h"

static struct decode_json * d;

/* Decode ${body} in pieces of ${piece} bytes; 0 or -1 as _end says.  Each piece is
 * memory of its own, so that a read past it is seen. */
static int
decode(struct rig * r, const char * body, size_t n, size_t piece,
    const uint8_t * wanted, struct page ** p, struct decode_body * b,
    struct err * e)
{
	size_t i, take;
	char * copy;
	int bad = 0;

	assert_int_equal(decode_json_begin(d, r->plan, wanted), 0);
	for (i = 0; i < n && !bad; i += take) {
		take = n - i < piece ? n - i : piece;
		assert_non_null(copy = malloc(take));
		memcpy(copy, body + i, take);
		bad = decode_json_feed(d, copy, take);
		free(copy);
	}
	if (decode_json_end(d, p, b, e))
		return (-1);
	assert_false(bad);
	return (0);
}

static const size_t pieces[] = { 1, 2, 3, 7, 64, SIZE_MAX };
#define NPIECES (sizeof(pieces) / sizeof(pieces[0]))

/* The rows of ${body} must be ${want}, however it is cut. */
static void
rows_raw(struct rig * r, const char * body, const char * want, size_t raw)
{
	struct decode_body b;
	struct page * p;
	struct buf out = BUF_INIT(0);
	struct err e;
	size_t i;

	for (i = 0; i < NPIECES; i++) {
		if (decode(r, body, strlen(body), pieces[i], NULL, &p, &b, &e))
			fail_msg("%s: %s", body, e.msg);
		buf_clear(&out);
		buf_adds(&out, "");
		rig_show(p, &out);
		assert_string_equal(out.p, want);
		if (raw != SIZE_MAX)
			assert_int_equal(p->raw, raw);
		page_unref(p);
	}
	buf_free(&out);
}

static void
rows(struct rig * r, const char * body, const char * want)
{
	rows_raw(r, body, want, SIZE_MAX);
}

/* ${body} must be refused with these words, however it is cut. */
static void
refused_n(struct rig * r, const char * body, size_t n, const char * code,
    const char * with)
{
	struct decode_body b;
	struct page * p;
	struct err e;
	size_t i;

	for (i = 0; i < NPIECES; i++) {
		if (decode(r, body, n, pieces[i], NULL, &p, &b, &e) == 0)
			fail_msg("%.100s: good", body);
		assert_null(p);
		assert_int_equal(e.cls, ERR_PERMANENT);
		assert_string_equal(e.code, code);
		if (strstr(e.msg, with) == NULL)
			fail_msg("'%s' is not in: %s (pieces of %zu)", with,
			    e.msg, pieces[i]);
	}
}

static void
refused(struct rig * r, const char * body, const char * code, const char * with)
{
	refused_n(r, body, strlen(body), code, with);
}

/* One column ${spec} given the values ${json} in turn. */
static void
column(const char * spec, const char * json, const char * want)
{
	struct rig r;
	struct buf body = BUF_INIT(0);

	rig_init(&r, "$", spec);
	rig_plan(&r);
	buf_addf(&body, "[{\"x\":%s}]", json);
	rows(&r, body.p, want);
	buf_clear(&body);
	/* With blanks around everything. */
	buf_addf(&body, " [ { \"x\" : %s } ] \n", json);
	rows(&r, body.p, want);
	buf_free(&body);
	rig_free(&r);
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
	    "'{\"a\":\"\\u0041\",\"b\":[5,6]}','A','[5,6]',6;");
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

static void
test_records(void ** state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "$", "a:integer");
	rig_plan(&r);
	rows_raw(&r, "[]", "", 0);
	rows_raw(&r, "[{\"a\":1},{},{\"a\":3}]", "1;NULL;3;", 3);
	rows_raw(&r, "{\"a\":1}", "1;", 1);
	rows_raw(&r, "\xef\xbb\xbf[{\"a\":1}]", "1;", 1);
	rows_raw(&r, "[null,{\"a\":1},null]", "1;", 3);
	rows_raw(&r, "[[1]]", "NULL;", 1);
	refused(&r, "[{\"a\":1},7]", "records", "an array of 2, but not of objects");
	rows_raw(&r, "null", "", 0);
	rig_free(&r);

	rig_init(&r, "data.items", "a:integer v:text:$");
	rig_plan(&r);
	rows_raw(&r, "{\"x\":[{\"a\":9}],\"data\":{\"items\":[{\"a\":1}],\"a\":5}}",
	    "1,'{\"a\":1}';", 1);
	rows_raw(&r, "{\"data\":{\"items\":{\"a\":1}}}", "1,'{\"a\":1}';", 1);
	rows_raw(&r, "{\"data\":{\"items\":[\"s\",2]}}", "NULL,'s';NULL,'2';", 2);
	rows_raw(&r, "{\"data\":{\"items\":null}}", "", 0);
	rig_free(&r);

	rig_init(&r, "series[*]", "n:text:name l:list:p[*].v");
	rig_plan(&r);
	rows_raw(&r, "{\"series\":[{\"name\":\"a\",\"p\":[{\"v\":1}]},{\"name\":\"b\"}]}",
	    "'a','[1]';'b',NULL;", 2);
	rows_raw(&r, "{\"series\":[]}", "", 0);
	rows_raw(&r, "{\"series\":null}", "", 0);
	rig_free(&r);

	rig_init(&r, "pages[*].items", "a:integer");
	rig_plan(&r);
	rows_raw(&r, "{\"pages\":[{\"items\":[{\"a\":1},{\"a\":2}]},{\"items\":[]},{},"
	    "{\"items\":{\"a\":3}}]}", "1;2;3;", 3);
	rows_raw(&r, "{\"pages\":[]}", "", 0);
	refused(&r, "{\"pages\":[{\"item\":[]}]}", "records",
	    "pages[*] is an object with the keys item");
	rig_free(&r);

	rig_init(&r, "vms.*", "a:integer v:text:$");
	rig_plan(&r);
	rows_raw(&r, "{\"vms\":{\"x\":{\"a\":1},\"y\":{\"a\":2},\"z\":3}}",
	    "1,'{\"a\":1}';2,'{\"a\":2}';NULL,'3';", 3);
	rows_raw(&r, "{\"vms\":{}}", "", 0);
	rig_free(&r);

	rig_init(&r, "rows", "a:integer:$[0] b:text:$[1]");
	rig_plan(&r);
	rows_raw(&r, "{\"rows\":[[1,\"x\"],[2]]}", "1,'x';2,NULL;", 2);
	rig_free(&r);

	rig_init(&r, NULL, "k:input a:text");
	rig_plan(&r);
	rows_raw(&r, "[{\"a\":\"x\",\"k\":1}]", "NULL,'x';", 1);
	rig_free(&r);
}

static void
test_records_missing(void ** state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "data.items", "a:integer");
	rig_plan(&r);
	refused(&r, "{\"message\":\"no\",\"code\":7}", "records",
	    "\"data.items\" (the manifest's \"records\"): $ (the page) is an "
	    "object with the keys message, code");
	refused(&r, "{\"data\":{\"rows\":[]}}", "records",
	    "data is an object with the keys rows");
	refused(&r, "{\"data\":[1,2]}", "records", "data is an array of 2");
	refused(&r, "{\"data\":{\"items\":\"x\"}}", "records",
	    "data.items is a text");
	refused(&r, "{}", "records", "an object without keys");
	refused(&r, "[{\"a\":1}]", "records", "is an array of 1");
	refused(&r, "7", "records", "is a number");
	refused(&r, "12345678901234567890123", "records", "is a number");
	rig_free(&r);
	rig_init(&r, "$[*]", "a:integer");
	rig_plan(&r);
	rows(&r, "[{\"a\":1}]", "1;");
	refused(&r, "{\"message\":\"no\"}", "records",
	    "\"[*]\" (the manifest's \"records\"): $ (the page) is an object with "
	    "the keys message");
	rig_free(&r);
	rig_init(&r, "a.*", "a:integer");
	rig_plan(&r);
	refused(&r, "{\"a\":[{\"a\":1}]}", "records", "a is an array of 1");
	rig_free(&r);
}

static void
test_drop(void ** state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "$", "a:integer l:list:l[*].n");
	r.ent.drop_if = rig_path("pull_request");
	rig_plan(&r);
	rows_raw(&r, "[{\"a\":1,\"pull_request\":{\"url\":\"u\"}},{\"a\":2},"
	    "{\"pull_request\":1,\"a\":3},{\"a\":4,\"pull_request\":null,"
	    "\"l\":[{\"n\":1}]},{\"pull_request\":[]}]", "2,NULL;4,'[1]';", 5);
	rig_free(&r);
}

static void
test_explode(void ** state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "series[*]", "m:text:metric t:epoch_ms:@[0] v:real:@[1] "
	    "s:list:tags[*]");
	r.ent.explode = rig_path("pointlist");
	rig_plan(&r);
	/* What belongs to the record may come after its elements. */
	rows_raw(&r, "{\"series\":[{\"tags\":[\"a\"],\"pointlist\":[[1700000000000.0,1.5],"
	    "[1700000001000.0,null]],\"metric\":\"cpu\"},{\"metric\":\"x\",\"pointlist\":"
	    "[]},{\"metric\":\"y\"},{\"pointlist\":[[0,18446744073709551616]],\"metric\":"
	    "\"z\"}]}",
	    "'cpu','2023-11-14T22:13:20Z',1.5,'[\"a\"]';"
	    "'cpu','2023-11-14T22:13:21Z',NULL,'[\"a\"]';"
	    "'z','1970-01-01T00:00:00Z',1.8446744073709552e+19,NULL;", 4);
	rig_free(&r);

	rig_init(&r, "$", "id:integer n:text:@.n all:list:@.l[*].x e:text:@");
	r.ent.explode = rig_path("a.items");
	r.ent.drop_if = rig_path("gone");
	rig_plan(&r);
	rows_raw(&r, "[{\"id\":1,\"a\":{\"items\":[{\"n\":\"x\",\"l\":[{\"x\":1},{\"x\":2}]},"
	    "5,null,{\"l\":[]}]}},{\"id\":2,\"a\":{\"items\":{\"n\":\"one\"}}},"
	    "{\"id\":3,\"gone\":true,\"a\":{\"items\":[1,2,3]}},{\"id\":4}]",
	    "1,'x','[1,2]','{\"n\":\"x\",\"l\":[{\"x\":1},{\"x\":2}]}';"
	    "1,NULL,NULL,'5';1,NULL,'[]','{\"l\":[]}';"
	    "2,'one',NULL,'{\"n\":\"one\"}';", 4);
	rig_free(&r);

	rig_init(&r, "$", "id:integer k:text:@.k");
	r.ent.explode = rig_path("m.*");
	r.ent.drop_if = rig_path("@.off");
	rig_plan(&r);
	rows_raw(&r, "[{\"m\":{\"a\":{\"k\":1},\"b\":{\"k\":2,\"off\":1}},\"id\":1}]",
	    "1,'1';", 1);
	rig_free(&r);
}

static void
test_element_path_without_explode(void ** state)
{
	struct rig r;
	struct err e;

	(void)state;
	rig_init(&r, "$", "v:real:@[1]");
	assert_null(decode_plan_new(&r.ent, &r.list, &e));
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_non_null(strstr(e.msg, "column v"));
	rig_free(&r);
}

static void
test_duplicate_keys(void ** state)
{
	struct rig r;

	(void)state;
	column("x:text", "1,\"x\":2", "'2';");
	column("x:text", "1,\"x\":null", "NULL;");
	column("y:text:x.y", "{\"y\":1},\"x\":{}", "NULL;");
	column("y:text:x.y", "{\"y\":1,\"y\":2},\"x\":3", "NULL;");
	column("y:list:x[*].y", "[{\"y\":1}],\"x\":[{\"y\":2,\"y\":3},{\"y\":4}]",
	    "'[3,4]';");
	column("y:list:x[*].y", "[{\"y\":1}],\"x\":null", "NULL;");
	column("x:text", "1,\"\\u0078\":2", "'2';");

	rig_init(&r, "data", "a:integer");
	r.list.paginate.field[BODY_CURSOR] = rig_path("next");
	r.ent.drop_if = rig_path("gone");
	rig_plan(&r);
	rows_raw(&r, "{\"data\":[{\"a\":1},{\"a\":2}],\"data\":[{\"a\":3}]}", "3;",
	    1);
	rows_raw(&r, "{\"data\":[{\"a\":1}],\"data\":[]}", "", 0);
	rows_raw(&r, "{\"data\":[{\"gone\":1,\"gone\":null,\"a\":3}]}", "3;", 1);
	refused(&r, "{\"data\":[{\"a\":1}],\"data\":7}", "records",
	    "data is a number");
	rig_free(&r);

	rig_init(&r, "$", "id:integer v:integer:@");
	r.ent.explode = rig_path("l");
	rig_plan(&r);
	rows_raw(&r, "[{\"id\":1,\"l\":[1]},{\"l\":[2,3],\"id\":2,\"l\":[4]}]",
	    "1,1;2,4;", 2);
	rig_free(&r);
}

static void
test_keys_again_and_again(void ** state)
{
	struct buf b = BUF_INIT(0);
	struct decode_body body;
	struct page * p;
	struct rig r;
	struct err e;
	int i;

	(void)state;
	rig_init(&r, "$", "a:list:a[*] l:list:l[*]");
	rig_plan(&r);
	buf_adds(&b, "{\"a\":[0");
	for (i = 0; i < 100000; i++)
		buf_adds(&b, ",1");
	buf_addc(&b, ']');
	for (i = 0; i < 100; i++)
		buf_adds(&b, ",\"l\":[1]");
	buf_addc(&b, '}');
	assert_int_equal(decode(&r, b.p, b.len, SIZE_MAX, NULL, &p, &body, &e), 0);
	assert_int_equal(page_at(p, 0)[0].len, 200003);
	assert_memory_equal(page_at(p, 0)[1].s, "[1]", 3);
	page_unref(p);
	b.len--;
	for (i = 0; i < 100000; i++)
		buf_adds(&b, ",\"l\":[1]");
	buf_addc(&b, '}');
	assert_int_equal(decode(&r, b.p, b.len, SIZE_MAX, NULL, &p, &body, &e),
	    -1);
	assert_string_equal(e.code, "too_big");
	assert_non_null(strstr(e.msg, "the same keys too often"));
	buf_free(&b);
	rig_free(&r);
}

static void
test_body_fields(void ** state)
{
	static const char body[] = "{\"meta\":{\"next\":\"a\\u0041\",\"more\":true,"
	    "\"total\":12,\"u\":\"https://h/p\"},\"items\":[{\"id\":5},{\"id\":"
	    "18446744073709551616}]}";
	struct decode_body b;
	struct page * p;
	struct rig r;
	struct err e;
	size_t i;

	(void)state;
	rig_init(&r, "items", "id:integer");
	r.list.paginate.field[BODY_CURSOR] = rig_path("meta.next");
	r.list.paginate.field[BODY_MORE] = rig_path("$.meta.more");
	r.list.paginate.field[BODY_TOTAL] = rig_path("meta.total");
	r.list.paginate.field[BODY_NEXT_URL] = rig_path("meta.u");
	r.list.paginate.field[BODY_LAST] = rig_path("items[*].id");
	rig_plan(&r);
	for (i = 0; i < NPIECES; i++) {
		if (decode(&r, body, strlen(body), pieces[i], NULL, &p, &b, &e))
			fail_msg("%s", e.msg);
		assert_string_equal(json_string_value(b.field[BODY_CURSOR]), "aA");
		assert_true(json_is_true(b.field[BODY_MORE]));
		assert_int_equal(json_integer_value(b.field[BODY_TOTAL]), 12);
		assert_string_equal(json_string_value(b.field[BODY_NEXT_URL]),
		    "https://h/p");
		assert_string_equal(json_string_value(b.field[BODY_LAST]),
		    "18446744073709551616");
		page_unref(p);
	}
	assert_int_equal(decode(&r, "{\"meta\":{\"next\":null,\"total\":{}},\"items\""
	    ":[]}", 44, 1, NULL, &p, &b, &e), 0);
	for (i = 0; i < BODY_FIELDS; i++)
		assert_null(b.field[i]);
	page_unref(p);
	rig_free(&r);
}

static void
test_wanted(void ** state)
{
	static const char body[] = "[{\"a\":1,\"b\":{\"c\":\"x\",\"d\":[1]},\"l\":[{\"n\":"
	    "1}]}]";
	static const uint8_t wanted[] = { 0, 1, 0, 0 };
	struct decode_body b;
	struct page * p;
	struct rig r;
	struct err e;

	(void)state;
	rig_init(&r, "$", "a:integer c:text:b.c b:map l:list:l[*].n");
	rig_plan(&r);
	assert_int_equal(decode(&r, body, strlen(body), 5, wanted, &p, &b, &e), 0);
	assert_int_equal(p->nrows, 1);
	assert_int_equal(page_at(p, 0)[0].type, VALUE_NULL);
	assert_int_equal(page_at(p, 0)[1].type, VALUE_TEXT);
	assert_int_equal(page_at(p, 0)[2].type, VALUE_NULL);
	assert_int_equal(page_at(p, 0)[3].type, VALUE_NULL);
	page_unref(p);
	rows(&r, body, "1,'x','{\"c\":\"x\",\"d\":[1]}','[1]';");
	rig_free(&r);
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
	assert_int_equal(decode(&r, s, n, 100, NULL, &p, &b, &e), 0);
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
	assert_int_equal(decode(&r, s, n, 4096, NULL, &p, &b, &e), 0);
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
	assert_int_equal(decode_json_begin(d, r.plan, NULL), 0);
	for (i = 0; i < 66 && !bad; i++) {
		bad = decode_json_feed(d, s, n);
		s[0] = ' ';
	}
	assert_int_equal(i, 65);
	assert_int_equal(decode_json_feed(d, s, n), -1);
	assert_int_equal(decode_json_end(d, &p, &b, &e), -1);
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
	assert_int_equal(decode(&r, b.p, b.len, 16384, NULL, &p, &body, &e), 0);
	assert_int_equal(p->nrows, 1000);
	/* The body, kept as it is, and the cells. */
	assert_in_range(p->bytes, b.len + 64000, (b.len + 64000) * 11 / 10);
	page_unref(p);
	/* A page of short cells does not keep the body. */
	assert_int_equal(decode(&r, b.p, b.len, 16384, wanted, &p, &body, &e), 0);
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
	assert_int_equal(decode_json_begin(d, r.plan, NULL), 0);
	assert_int_equal(decode_json_feed(d, "[{\"a\":", 6), 0);
	rows(&r, "[{\"a\":\"b\"}]", "'b';");
	assert_int_equal(decode_json_end(d, &p, &b, &e), -1);
	assert_int_equal(decode_json_feed(d, "[]", 2), -1);
	assert_int_equal(decode_json_begin(d, r.plan, NULL), 0);
	assert_int_equal(decode_json_feed(d, "[{\"a\":", 6), 0);
	decode_json_free(d);
	decode_json_free(NULL);
	assert_non_null(d = decode_json_new());
	rig_free(&r);
}

static int
setup(void ** state)
{
	(void)state;
	return ((d = decode_json_new()) == NULL ? -1 : 0);
}

static int
teardown(void ** state)
{
	(void)state;
	decode_json_free(d);
	return (0);
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
		cmocka_unit_test(test_fan_out),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_records_missing),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_explode),
		cmocka_unit_test(test_element_path_without_explode),
		cmocka_unit_test(test_duplicate_keys),
		cmocka_unit_test(test_keys_again_and_again),
		cmocka_unit_test(test_body_fields),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_long_tokens_cost_their_length),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_given_up)
	};

	return (cmocka_run_group_tests_name("decode_json", tests, setup,
	    teardown));
}
