#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_pieces.h"

/* Where the records of a page are, and what goes with them. */

static void
rows(struct rig * r, const char * body, const char * want)
{
	pieces_rows(r, body, NULL, want, SIZE_MAX);
}

static void
rows_raw(struct rig * r, const char * body, const char * want, size_t raw)
{
	pieces_rows(r, body, NULL, want, raw);
}

static void
refused(struct rig * r, const char * body, const char * code, const char * with)
{
	pieces_refused(r, body, strlen(body), BAD_ENDS, code, with);
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
	pieces_column("x:text", "1,\"x\":2", "'2';");
	pieces_column("x:text", "1,\"x\":null", "NULL;");
	pieces_column("y:text:x.y", "{\"y\":1},\"x\":{}", "NULL;");
	pieces_column("y:text:x.y", "{\"y\":1,\"y\":2},\"x\":3", "NULL;");
	pieces_column("y:list:x[*].y", "[{\"y\":1}],\"x\":[{\"y\":2,\"y\":3},{\"y\":4}]",
	    "'[3,4]';");
	pieces_column("y:list:x[*].y", "[{\"y\":1}],\"x\":null", "NULL;");
	pieces_column("x:text", "1,\"\\u0078\":2", "'2';");

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
	assert_int_equal(pieces_whole(&r, b.p, b.len, SIZE_MAX, &p, &body, &e), 0);
	assert_int_equal(page_at(p, 0)[0].len, 200003);
	assert_memory_equal(page_at(p, 0)[1].s, "[1]", 3);
	page_unref(p);
	b.len--;
	for (i = 0; i < 100000; i++)
		buf_adds(&b, ",\"l\":[1]");
	buf_addc(&b, '}');
	assert_int_equal(pieces_whole(&r, b.p, b.len, SIZE_MAX, &p, &body, &e),
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
		if (pieces_whole(&r, body, strlen(body), pieces[i], &p, &b, &e))
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
	assert_int_equal(pieces_whole(&r, "{\"meta\":{\"next\":null,\"total\":{}},\"items\""
	    ":[]}", 44, 1, &p, &b, &e), 0);
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
	assert_int_equal(pieces_decode(&r, body, strlen(body), 5, 5, BAD_ENDS, wanted, &p, &b, &e), 0);
	assert_int_equal(p->nrows, 1);
	assert_int_equal(page_at(p, 0)[0].type, VALUE_NULL);
	assert_int_equal(page_at(p, 0)[1].type, VALUE_TEXT);
	assert_int_equal(page_at(p, 0)[2].type, VALUE_NULL);
	assert_int_equal(page_at(p, 0)[3].type, VALUE_NULL);
	page_unref(p);
	rows(&r, body, "1,'x','{\"c\":\"x\",\"d\":[1]}','[1]';");
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_records_missing),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_explode),
		cmocka_unit_test(test_element_path_without_explode),
		cmocka_unit_test(test_duplicate_keys),
		cmocka_unit_test(test_keys_again_and_again),
		cmocka_unit_test(test_body_fields),
		cmocka_unit_test(test_wanted),
	};

	return (cmocka_run_group_tests_name("decode_json", tests, pieces_setup,
	    pieces_teardown));
}
