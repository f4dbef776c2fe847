#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_pieces.h"

/* Series whose times and values are two lists: a row a pair. */

static void
series(struct rig * r, const char * explode)
{
	rig_init(r, "result", explode != NULL ?
	    "m:text:id dims:map:@.dims t:epoch_ms:@.times v:real:@.values" :
	    "m:text:id x:integer t:text:times v:real:values");
	if (explode != NULL)
		r->ent.explode = rig_path(explode);
	r->ent.columns[2].zip = 1;
	r->ent.columns[3].zip = 1;
	rig_plan(r);
}

static void
rows(struct rig * r, const char * body, const uint8_t * wanted,
    const char * want)
{
	pieces_rows(r, body, wanted, want, SIZE_MAX);
}

static void
test_pairs(void ** state)
{
	struct rig r;

	(void)state;
	series(&r, "data");
	rows(&r, "{\"result\": [{\"data\": [{\"dims\": {\"a\": \"b\"}, \"times\": "
	    "[1700000000000, 1700000060000 ,\n1700000120000], \"values\": [1.5, null,-2e1"
	    "]}, {\"values\": [7], \"times\": [0]}], \"id\": \"cpu\"}, {\"id\": \"mem\", "
	    "\"data\": []}]}", NULL,
	    "'cpu','{\"a\": \"b\"}','2023-11-14T22:13:20Z',1.5;"
	    "'cpu','{\"a\": \"b\"}','2023-11-14T22:14:20Z',NULL;"
	    "'cpu','{\"a\": \"b\"}','2023-11-14T22:15:20Z',-20;"
	    "'cpu',NULL,'1970-01-01T00:00:00Z',7;");
	rig_free(&r);
}

static void
test_lists_that_differ(void ** state)
{
	struct rig r;

	(void)state;
	series(&r, NULL);
	/* The longest counts; no list, no row; one value is a list of it. */
	rows(&r, "{\"result\":[{\"id\":\"a\",\"times\":[\"x\\u0041\",\"]\\\"\",[1,[2]],{\"k\":\"]\"},"
	    "true],\"values\":[1,2]},{\"id\":\"b\",\"times\":null},{\"id\":\"c\",\"values\":[],"
	    "\"times\":{\"k\":1}},{\"id\":\"d\",\"times\":\"one\",\"values\":4},{\"id\":\"e\"}]}",
	    NULL,
	    "'a',NULL,'xA',1;'a',NULL,']\"',2;'a',NULL,'[1,[2]]',NULL;"
	    "'a',NULL,'{\"k\":\"]\"}',NULL;'a',NULL,'true',NULL;"
	    "'d',NULL,'one',4;");
	/* Keys that come again: the last counts. */
	rows(&r, "{\"result\":[{\"values\":[1,2,3],\"times\":[],\"values\":[4]}]}",
	    NULL, "NULL,NULL,NULL,4;");
	rows(&r, "{\"result\":[]}", NULL, "");
	rig_free(&r);
}

static void
test_what_stands_for_nothing(void ** state)
{
	json_t * none = json_integer(-1), * text = json_string("x");
	struct rig r;

	(void)state;
	rig_init(&r, "$", "t:epoch_ms:end a:text");
	r.ent.columns[0].none = none;
	r.ent.columns[1].none = text;
	rig_plan(&r);
	rows(&r, "[{\"end\":-1,\"a\":\"x\"},{\"end\":-10,\"a\":\"xx\"},{\"end\":\"-1\"},"
	    "{\"end\":1,\"a\":\"\"}]", NULL,
	    "NULL,NULL;'1969-12-31T23:59:59.990Z','xx';NULL,NULL;"
	    "'1970-01-01T00:00:00.001Z','';");
	rig_free(&r);
	json_decref(none);
	json_decref(text);
}

static void
test_what_is_not_wanted_counts(void ** state)
{
	static const uint8_t none[4], one[4] = { 0, 0, 0, 1 };
	struct rig r;

	(void)state;
	series(&r, "data");
	rows(&r, "{\"result\":[{\"id\":\"cpu\",\"data\":[{\"times\":[1,2],\"values\":[3,4]}]}]}",
	    none, "NULL,NULL,NULL,NULL;NULL,NULL,NULL,NULL;");
	rows(&r, "{\"result\":[{\"id\":\"cpu\",\"data\":[{\"times\":[1,2],\"values\":[3]}]}]}",
	    one, "NULL,NULL,NULL,3;NULL,NULL,NULL,NULL;");
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_lists_that_differ),
		cmocka_unit_test(test_what_stands_for_nothing),
		cmocka_unit_test(test_what_is_not_wanted_counts),
	};

	return (cmocka_run_group_tests_name("decode_zip", tests, pieces_setup,
	    pieces_teardown));
}
