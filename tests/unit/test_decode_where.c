#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_pieces.h"

/* Paths that choose an element by what is in it: "tags[key=Name].value". */

/* The one column ${spec} of the records ${records} of ${body}. */
static void
column(const char * records, const char * spec, const char * body,
    const char * want)
{
	struct rig r;

	rig_init(&r, records, spec);
	rig_plan(&r);
	pieces_cut_rows(&r, body, want);
	rig_free(&r);
}

static void
test_columns(void ** state)
{
	(void)state;
	/* The member may come after the value, or before it. */
	column("$", "n:text:t[k=Name].v", "[{\"t\":[{\"v\":\"a\",\"k\":\"x\"},"
	    "{\"v\":\"b\",\"k\":\"Name\"}]},{\"t\":[{\"k\":\"Name\",\"v\":\"c\"}]},"
	    "{\"t\":[]},{},{\"t\":null},{\"t\":{\"k\":\"Name\",\"v\":1}}]",
	    "'b';'c';NULL;NULL;NULL;NULL;");
	/* The first that meets them, whatever it has. */
	column("$", "n:integer:t[k=1].v", "[{\"t\":[{\"k\":1,\"v\":7},{\"k\":1,"
	    "\"v\":8}]},{\"t\":[{\"k\":\"1\"},{\"k\":1,\"v\":8}]},{\"t\":[{\"k\":1.0,"
	    "\"v\":5},{\"k\":10,\"v\":6},{\"v\":9,\"k\":1}]}]", "7;NULL;9;");
	column("$", "n:text:s[c^=PowerState/].d", "[{\"s\":[{\"c\":\"Prov/ok\","
	    "\"d\":\"no\"},{\"c\":\"PowerState\",\"d\":\"no\"},{\"d\":\"VM running\","
	    "\"c\":\"PowerState/running\"}]}]", "'VM running';");
	column("$", "n:text:a[type=public,version=4].ip", "[{\"a\":[{\"ip\":\"1\","
	    "\"version\":6,\"type\":\"public\"},{\"version\":4,\"ip\":\"2\",\"type\":"
	    "\"private\"},{\"type\":\"public\",\"ip\":\"3\",\"version\":4}]}]", "'3';");
	column("$", "n:text:a[x=true].v", "[{\"a\":[7,null,\"x\",[{\"x\":true}],"
	    "{\"x\":false},{\"x\":null},{\"x\":{\"x\":true}},{\"x\":true,\"v\":1}]}]",
	    "'1';");
	column("$", "n:text:a[x=-0].v o:text:a[x=0].v", "[{\"a\":[{\"x\":-0,"
	    "\"v\":1}]}]", "NULL,'1';");
	/* The element itself, and a list of all. */
	column("$", "e:map:a[k=2] l:list:a[*].k", "[{\"a\":[{\"k\":1},{ \"k\" : 2 },"
	    "{\"k\":3}]}]", "'{ \"k\" : 2 }','[1,2,3]';");
	/* Fanning out below, and above. */
	column("$", "l:list:a[k=2].m[*].n", "[{\"a\":[{\"m\":[{\"n\":0}],\"k\":1},"
	    "{\"m\":[{\"n\":1},{\"n\":\"x\"}],\"k\":2}]}]", "'[1,\"x\"]';");
	column("$", "l:list:a[*].m[k=1].n", "[{\"a\":[{\"m\":[{\"n\":5,\"k\":1}]},"
	    "{\"m\":[]},{\"m\":[{\"k\":1},{\"k\":1,\"n\":0}]},{\"m\":[{\"k\":1,\"n\":"
	    "6}]}]}]", "'[5,6]';");
	/* One within another. */
	column("$", "n:text:a[k=x].b[k=y].c", "[{\"a\":[{\"k\":\"y\"},{\"b\":[{\"k\":"
	    "\"z\",\"c\":1},{\"c\":\"found\",\"k\":\"y\"}],\"k\":\"x\"}]}]",
	    "'found';");
	/* Several of one list, and one of them twice. */
	column("$", "a:text:t[k=a].v b:text:t[k=b].v c:text:t[k=a].v d:text:t[0].v",
	    "[{\"t\":[{\"v\":1,\"k\":\"b\"},{\"v\":2,\"k\":\"a\"}]}]",
	    "'2','1','2','1';");
}

static void
test_texts(void ** state)
{
	(void)state;
	column("$", "n:text:t[\"a.b\"=\"c,]\\\"\"].v", "[{\"t\":[{\"v\":1,\"a.b\":"
	    "\"c,]\"},{\"v\":2,\"a.b\":\"c,]\\\"\"}]}]", "'2';");
	column("$", "n:text:t[k=é].v", "[{\"t\":[{\"v\":1,\"\\u006b\":\"\\u00e9\"}]}]",
	    "'1';");
	column("$", "n:text:t[k=\"\"].v", "[{\"t\":[{\"v\":1},{\"v\":2,\"k\":\"\"}]}]",
	    "'2';");
	/* What looks like it within texts. */
	column("$", "n:text:t[k=a].v", "[{\"t\":[{\"x\":\"{\\\"k\\\":\\\"a\\\"}\","
	    "\"v\":\"]\"},{\"x\":[\"}\",{\"k\":\"a\"}],\"v\":2,\"k\":\"a\\u0000\"},"
	    "{\"v\":3,\"k\":\"a\"}]}]", "'3';");
}

static void
test_keys_again(void ** state)
{
	(void)state;
	/* Of equal keys the last counts. */
	column("$", "n:text:t[k=a].v", "[{\"t\":[{\"k\":\"a\",\"v\":1}],\"t\":[{\"k\":"
	    "\"a\",\"v\":2}]}]", "'2';");
	column("$", "n:text:t[k=a].v", "[{\"t\":[{\"k\":\"a\",\"v\":1}],\"t\":[]}]",
	    "NULL;");
	column("$", "n:text:t[k=a].v", "[{\"t\":[{\"k\":\"a\",\"k\":\"b\",\"v\":1},"
	    "{\"k\":null,\"v\":2,\"k\":\"a\",\"v\":3}]}]", "'3';");
	column("l[k=a].r", "n:text:n", "{\"l\":[{\"k\":\"a\",\"r\":[{\"n\":1}]}],"
	    "\"l\":[{\"r\":[{\"n\":2},{\"n\":3}],\"k\":\"a\"}]}", "'2';'3';");
}

static void
test_records(void ** state)
{
	const char * doc = "[{\"name\":\"a\",\"rows\":[{\"x\":1}]},{\"rows\":[{\"x\":2},"
	    "{\"x\":3,\"tags\":[{\"k\":\"skip\"}]},{\"x\":4,\"p\":[{\"l\":[{\"y\":8},"
	    "{\"y\":9}],\"k\":\"e\"}]}],\"name\":\"b\",\"next\":\"c1\"}]";
	struct rig r;
	struct decode_body b;
	struct page * p;
	struct err e;

	(void)state;
	column("$[name=b].rows", "x:integer", doc, "2;3;4;");
	column("$[name=b].rows[*]", "x:integer", doc, "2;3;4;");
	column("$[name=b]", "n:text:next", doc, "'c1';");
	rig_init(&r, "$[name=b].rows", "x:integer");
	r.ent.drop_if = rig_path("tags[k=skip]");
	rig_plan(&r);
	pieces_cut_rows(&r, doc, "2;4;");
	rig_free(&r);
	rig_init(&r, "$[name=b].rows", "x:integer y:integer:@.y");
	r.ent.explode = rig_path("p[k=e].l");
	rig_plan(&r);
	pieces_cut_rows(&r, doc, "4,8;4,9;");
	rig_free(&r);
	/* What paging reads; and no such element at all. */
	rig_init(&r, "$[name=a].rows", "x:integer");
	r.list.paginate.field[BODY_CURSOR] = rig_path("$[name=b].next");
	rig_plan(&r);
	assert_int_equal(decode_json_begin(decoder, r.plan, NULL), 0);
	assert_int_equal(decode_json_feed(decoder, doc, strlen(doc)), 0);
	assert_int_equal(decode_json_end(decoder, &p, &b, &e), 0);
	assert_string_equal(json_string_value(b.field[BODY_CURSOR]), "c1");
	assert_int_equal(p->raw, 1);
	page_unref(p);
	assert_int_equal(decode_json_begin(decoder, r.plan, NULL), 0);
	assert_int_equal(decode_json_feed(decoder, "[{\"name\":\"c\"}]", 14), 0);
	assert_int_equal(decode_json_end(decoder, &p, &b, &e), -1);
	assert_string_equal(e.code, "records");
	assert_non_null(strstr(e.msg, "\"[name=a].rows\""));
	rig_free(&r);
}

/* As deep as may be, with a path that goes as deep as may be. */
static void
test_deep(void ** state)
{
	struct buf path = BUF_INIT(0), doc = BUF_INIT(0);
	struct rig r;
	int i;

	(void)state;
	buf_adds(&path, "x:integer:$");
	for (i = 0; i < JSON_PATH_MAX; i++)
		buf_adds(&path, i % 2 ? "[k=1]" : ".a");
	buf_adds(&doc, "[");
	for (i = 0; i < JSON_PATH_MAX / 2; i++)
		buf_adds(&doc, "{\"a\":[{\"k\":2,\"a\":[]},{\"a\":[],\"k\":1,\"a\":[");
	for (i = 0; i < JSON_PATH_MAX / 2; i++)
		buf_adds(&doc, "]}]}");
	buf_adds(&doc, "]");
	rig_init(&r, "$", path.p);
	rig_plan(&r);
	assert_int_equal(decode_json_begin(decoder, r.plan, NULL), 0);
	assert_int_equal(decode_json_feed(decoder, doc.p, doc.len), 0);
	rig_free(&r);
	buf_free(&path);
	buf_free(&doc);
}

/* More of one list than are looked for at once; each is there, or not. */
static void
test_many(void ** state)
{
	struct buf spec = BUF_INIT(0), doc = BUF_INIT(0), want = BUF_INIT(0);
	int i;

	(void)state;
	buf_adds(&doc, "[{\"t\":[");
	for (i = 0; i < 50; i++) {
		buf_addf(&spec, "c%d:integer:t[k=n%d].v ", i, i);
		if (i % 7 != 0)
			buf_addf(&doc, "{\"v\":%d,\"k\":\"n%d\"},{\"k\":\"n%d\"},", i,
			    i, i);
		buf_adds(&want, i > 0 ? "," : "");
		if (i % 7 != 0)
			buf_addf(&want, "%d", i);
		else
			buf_adds(&want, "NULL");
	}
	buf_adds(&doc, "7]}]");
	buf_adds(&want, ";");
	spec.p[spec.len - 1] = '\0';
	column("$", spec.p, doc.p, want.p);
	buf_free(&spec);
	buf_free(&doc);
	buf_free(&want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_keys_again),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_many),
	};

	return (cmocka_run_group_tests_name("decode_where", tests, pieces_setup,
	    pieces_teardown));
}
