#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn/answer_body.h"
#include "decode_pieces.h"

/* Lists that are a JSON value a line, and CSV. */

/* The columns ${spec} of ${body}, whose lines with "gone" are no rows. */
static void
rows(enum manifest_decode how, const char * spec, const char * body,
    const char * want)
{
	struct rig r;

	rig_init(&r, "$", spec);
	r.ent.decode = how;
	r.ent.drop_if = rig_path("gone");
	rig_plan(&r);
	pieces_rows(&r, body, NULL, want, SIZE_MAX);
	rig_free(&r);
}

static void
refused_n(enum manifest_decode how, const char * body, size_t n,
    const char * code, const char * with)
{
	struct rig r;

	rig_init(&r, "$", "a:text");
	r.ent.decode = how;
	rig_plan(&r);
	pieces_refused(&r, body, n, BAD_GOES_ON, code, with);
	rig_free(&r);
}

static void
refused(enum manifest_decode how, const char * body, const char * code,
    const char * with)
{
	refused_n(how, body, strlen(body), code, with);
}

static void
test_lines(void ** state)
{
	(void)state;
	rows(DECODE_NDJSON, "a:integer b:text:r.b", "{\"a\":1}\n{\"r\":{\"b\":\"x\\n\"}}\n",
	    "1,NULL;NULL,'x\n';");
	/* Blank lines, other ends, none at the end, a mark. */
	rows(DECODE_NDJSON, "a:integer", "\xef\xbb\xbf{\"a\":1}\r\n\r\n \t\n  {\"a\":2} \n"
	    "{\"a\":3}", "1;2;3;");
	rows(DECODE_NDJSON, "a:integer", "", "");
	rows(DECODE_NDJSON, "a:integer", "\n\n", "");
	rows(DECODE_NDJSON, "v:integer:$", "1\n22\nnull\n333\n4", "1;22;333;4;");
	/* Previews and such. */
	rows(DECODE_NDJSON, "a:integer", "{\"gone\":true,\"a\":1}\n{\"gone\":false,"
	    "\"a\":2}\n{\"a\":3,\"gone\":null}\n{\"a\":4,\"gone\":0}", "2;3;");
	rows(DECODE_NDJSON, "a:text:t[k=n].v", "{\"t\":[{\"v\":1,\"k\":\"n\"}]}\n", "'1';");
	/* A number that is long, and ends with its line. */
	rows(DECODE_NDJSON, "v:text:$", "1000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "\n7\n", "'1000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "';'7';");
}

static void
test_bad_lines(void ** state)
{
	(void)state;
	refused(DECODE_NDJSON, "{\"a\":1}\n{\"a\":x}\n", "json", "line 2 of the answer "
	    "is not valid JSON at column 6");
	refused(DECODE_NDJSON, "\n  {\"a\":x}\n", "json", "line 2 of the answer is not "
	    "valid JSON at column 8");
	refused(DECODE_NDJSON, "{\"a\":1},{\"a\":2}\n", "json", "line 1");
	refused(DECODE_NDJSON, "{\"a\":1}\n{\"a\":1\n,\"b\":2}\n", "json", "line 2 of the "
	    "answer is not one whole");
	refused(DECODE_NDJSON, "{\"a\":1}\n{\"a\":", "json", "line 2 of the answer is "
	    "not one whole");
	refused(DECODE_NDJSON, "{\"a\":1}\n{\"a\":1}]\n", "json", "line 2");
	refused(DECODE_NDJSON, "]\n", "json", "line 1");
	refused(DECODE_NDJSON, "{\"a\":1} {\"a\":2}\n", "json", "line 1");
	refused(DECODE_NDJSON, "{\"a\":\"\n\"}\n", "json", "line 1");
	refused(DECODE_NDJSON, "{}\n{\"a\":\"\xff\"}\n", "json", "UTF-8");
	refused(DECODE_NDJSON, "<html></html>\n", "json", "HTML");
	refused(DECODE_NDJSON, "1\n2\n", "records", "not of objects");
}

static void
test_csv(void ** state)
{
	(void)state;
	rows(DECODE_CSV, "a:integer b:text", "a,b\n1,x\n2,\"y, \"\"z\"\"\"\n",
	    "1,'x';2,'y, \"z\"';");
	/* Ends of lines, blank ones, none at the end; a mark. */
	rows(DECODE_CSV, "a:text b:text", "\xef\xbb\xbf" "b,a\r\n1,2\r\n\r\n\n3,4",
	    "'2','1';'4','3';");
	/* Fields over lines; nothing and an empty text. */
	rows(DECODE_CSV, "a:text b:text", "a,b\n\"x\r\ny\n\",\n\"\",z\n,\n",
	    "'x\r\ny\n',NULL;'','z';NULL,NULL;");
	rows(DECODE_CSV, "a:text b:text", "a,b\n1,", "'1',NULL;");
	rows(DECODE_CSV, "a:text b:text", "a,b\n1,\"\"", "'1','';");
	/* A letter that begins as the mark does. */
	rows(DECODE_CSV, "a:text:\"\xef\xbb\x80\"", "\xef\xbb\x80\n1\n",
	    "'1';");
	rows(DECODE_CSV, "a:text", "a\n", "");
	rows(DECODE_CSV, "a:text", "a", "");
	rows(DECODE_CSV, "a:text", "\"a\"\n1\n\n\"\"\n", "'1';'';");
	/* Names that are odd, or not there; types; the line whole; drop_if. */
	rows(DECODE_CSV, "x:real:\"a_\\\"b\\\".c\" n:text:none t:timestamp:T",
	    "\"a_\"\"b\"\".c\",T,z\n 1.5,2026-01-02T03:04:05Z,\n1e3,2026-01-02,q\n",
	    "' 1.5',NULL,'2026-01-02T03:04:05Z';1000,NULL,'2026-01-02T00:00:00Z';");
	rows(DECODE_CSV, "m:map:$", "a,b\n1,\"\xc3\xa9\"\n", "'{\"a\":\"1\",\"b\":\"é\"}';");
	rows(DECODE_CSV, "a:text", "a,gone\n1,\n2,x\n3,False\n", "'1';'3';");
	rows(DECODE_CSV, "a:boolean", "b,a\nx,TRUE\ny,0\n", "1;0;");
}

static void
test_bad_csv(void ** state)
{
	struct buf b = BUF_INIT(0);
	int i;

	(void)state;
	refused(DECODE_CSV, "", "csv", "empty");
	refused(DECODE_CSV, "a,b\n1,2\n1\n", "csv", "line 3: fewer fields");
	refused(DECODE_CSV, "a,b\n1,2,3\n", "csv", "line 2: more fields");
	refused(DECODE_CSV, "a,b\n1,x\"y\"\n", "csv", "line 2: a quote within");
	refused(DECODE_CSV, "a,b\n\"1\n\"2,x\n", "csv", "line 3: a comma");
	refused(DECODE_CSV, "a,b\n1,\"x\n\n", "csv", "line 4: it is cut off");
	refused(DECODE_CSV, "a,b\r1", "csv", "carriage return");
	refused(DECODE_CSV, "a,b,a\n", "csv", "line 1: the header has a column twice");
	refused(DECODE_CSV, "a\n\xff\n", "csv", "line 2: this is not UTF-8");
	refused(DECODE_CSV, "The quota is used up, try later\n", "csv", "line 1: the "
	    "header has none of the columns");
	refused(DECODE_CSV, "\n", "csv", "line 1: the header has none");
	refused(DECODE_CSV, "\xef" "a\n1\n", "csv", "line 1: this is not UTF-8");
	refused(DECODE_CSV, "<!doctype html>\n", "csv", "HTML");
	refused(DECODE_CSV, "{\"error\":\"x\"}", "csv", "line 1");
	for (i = 0; i < 4097; i++)
		buf_addf(&b, "c%d,", i);
	refused_n(DECODE_CSV, b.p, b.len, "csv", "more than 4096 columns");
	buf_free(&b);
}

/* Answers of actions. */
static void
tree(enum manifest_decode how, const char * body, const char * want)
{
	json_t * v = answer_body_read(NULL, NULL, how, body, strlen(body));
	char * s;

	if (want == NULL) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	assert_non_null(s = json_dumps(v, JSON_COMPACT));
	assert_string_equal(s, want);
	free(s);
	json_decref(v);
}

static void
test_trees(void ** state)
{
	(void)state;
	tree(DECODE_NDJSON, "{\"a\":1}\r\n\n[2]", "[{\"a\":1},[2]]");
	tree(DECODE_NDJSON, "{\"a\":1}\nx\n", NULL);
	tree(DECODE_CSV, "a,b\n1,\n", "[{\"a\":\"1\",\"b\":null}]");
	tree(DECODE_CSV, "a,b\n1\n", NULL);
	tree(DECODE_XML, "<r><a>1</a></r>", "{\"a\":\"1\"}");
	tree(DECODE_XML, "<r>", NULL);
	tree(DECODE_JSON, "", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_bad_csv),
		cmocka_unit_test(test_trees),
	};

	return (cmocka_run_group_tests_name("decode_lines", tests, pieces_setup,
	    pieces_teardown));
}
