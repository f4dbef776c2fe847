#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifest/json_path.h"

/* What ${path} finds in ${doc} as JSON text: the first, and all. */
static void
finds(const char * doc, const char * path, const char * first,
    const char * every)
{
	json_t * v = json_loads(doc, JSON_DECODE_ANY, NULL), * all, * got;
	struct json_path * p;
	struct err e;
	char * s;

	assert_non_null(v);
	if ((p = json_path_parse(path, &e)) == NULL)
		fail_msg("%s: %s", path, e.msg);
	got = json_path_get(p, v);
	if (first == NULL)
		assert_null(got);
	else {
		assert_non_null(got);
		s = json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT);
		assert_string_equal(s, first);
		free(s);
	}
	all = json_path_all(p, v);
	assert_non_null(all);
	s = json_dumps(all, JSON_COMPACT);
	assert_string_equal(s, every);
	free(s);
	json_decref(all);
	json_decref(v);
	json_path_free(p);
}

static void
refused(const char * path, const char * with)
{
	struct err e;

	assert_null(json_path_parse(path, &e));
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, "path");
	if (strstr(e.msg, with) == NULL)
		fail_msg("'%s' is not in: %s", with, e.msg);
}

static void
test_keys(void ** state)
{
	const char * doc = "{\"a\":{\"b\":7,\"x-y/z\":8},\"@odata.nextLink\":\"n\","
	    "\"q\\\"\":1,\"\":2,\"n\":null}";

	(void)state;
	finds(doc, "a.b", "7", "[7]");
	finds(doc, "$.a.b", "7", "[7]");
	finds(doc, "a.x-y/z", "8", "[8]");
	finds(doc, "\"@odata.nextLink\"", "\"n\"", "[\"n\"]");
	finds(doc, "$.\"@odata.nextLink\"", "\"n\"", "[\"n\"]");
	finds(doc, "\"q\\\"\"", "1", "[1]");
	finds(doc, "\"\"", "2", "[2]");
	finds(doc, "n", "null", "[null]");
	finds(doc, "a.c", NULL, "[]");
	finds(doc, "n.x", NULL, "[]");
	finds(doc, "a.b.c", NULL, "[]");
	finds("7", "$", "7", "[7]");
}

static void
test_arrays(void ** state)
{
	const char * doc = "{\"l\":[{\"n\":\"a\"},{\"m\":1},{\"n\":\"b\"}],"
	    "\"m\":{\"x\":1,\"y\":2},\"e\":[]}";

	(void)state;
	finds(doc, "l[0].n", "\"a\"", "[\"a\"]");
	finds(doc, "l[3]", NULL, "[]");
	finds(doc, "l[*].n", "\"a\"", "[\"a\",\"b\"]");
	finds(doc, "m.*", "1", "[1,2]");
	finds(doc, "e[*]", NULL, "[]");
	finds(doc, "m[*]", NULL, "[]");
	finds(doc, "l.*", NULL, "[]");
	finds("[[1,2],[3]]", "[*][*]", "1", "[1,2,3]");
	finds("[[1,2],[3]]", "$[0][1]", "2", "[2]");
	finds("{\"a\":[1]}", "*[0]", "1", "[1]");
}

static void
test_conditions(void ** state)
{
	const char * doc = "{\"t\":[7,{\"k\":\"Name\",\"v\":1},{\"k\":\"env\",\"v\":2},"
	    "{\"v\":3,\"k\":\"Name\"},{\"k\":4,\"t\":true},{\"k\":\"a,]b\",\"f\":false,"
	    "\"v\":[1,2]},{\"k\":1.5},{\"k\":null},{\"k\":\"\",\"v\":0}],\"o\":{\"k\":\"x\"}}";

	(void)state;
	finds(doc, "t[k=Name].v", "1", "[1]");
	finds(doc, "t[k=env].v", "2", "[2]");
	finds(doc, "t[k^=en].v", "2", "[2]");
	finds(doc, "t[k^=Name].v", "1", "[1]");
	finds(doc, "t[k=Nam].v", NULL, "[]");
	finds(doc, "t[k=Name,v=3]", "{\"v\":3,\"k\":\"Name\"}",
	    "[{\"v\":3,\"k\":\"Name\"}]");
	finds(doc, "t[k=4].t", "true", "[true]");
	finds(doc, "t[t=true].k", "4", "[4]");
	finds(doc, "t[f=false].k", "\"a,]b\"", "[\"a,]b\"]");
	finds(doc, "t[\"k\"=\"a,]b\"].v[*]", "1", "[1,2]");
	finds(doc, "t[k=\"\"].v", "0", "[0]");
	finds(doc, "t[k=1.5]", NULL, "[]");
	finds(doc, "t[k=null]", NULL, "[]");
	finds(doc, "o[k=x]", NULL, "[]");
	finds(doc, "$.t[k=Name].w", NULL, "[]");
	finds("[[{\"a\":1}],[{\"a\":1,\"b\":2}]]", "[*][a=1].b", "2", "[2]");
}

static void
test_element(void ** state)
{
	struct json_path * p;
	struct err e;

	(void)state;
	assert_non_null(p = json_path_parse("@[0]", &e));
	assert_true(p->of_element);
	assert_int_equal(p->n, 1);
	json_path_free(p);
	assert_non_null(p = json_path_parse("@.a[*].b.*", &e));
	assert_int_equal(p->n, 4);
	assert_int_equal(p->neach, 2);
	json_path_free(p);
	assert_non_null(p = json_path_parse("@", &e));
	assert_true(p->of_element);
	assert_int_equal(p->n, 0);
	json_path_free(p);
	assert_non_null(p = json_path_parse("a", &e));
	assert_false(p->of_element);
	json_path_free(p);
	json_path_free(NULL);
}

static void
test_refused(void ** state)
{
	(void)state;
	refused("", "$ is the whole value");
	refused("a.", "a key expected at byte 2");
	refused(".a", "byte 1");
	refused("a..b", "a key expected at byte 2");
	refused("a[", "an index, * or a condition's key expected at byte 2");
	refused("a[-1]", "= or ^= expected at byte 4");
	refused("a[b]", "= or ^= expected at byte 3");
	refused("a[b^]", "= expected at byte 4");
	refused("a[b=]", "a value expected at byte 4");
	refused("a[b=c", "] expected at byte 5");
	refused("a[b=c,]", "a condition's key expected at byte 6");
	refused("a[b=\"c]", "a closing quote");
	refused("a[b=1,c=2,d=3,e=4,f=5]", "more than 4 conditions");
	refused("a[1", "] expected");
	refused("a[1]b", "the end, . or [");
	refused("a[99999999999]", "10^9");
	refused("a b", "byte 1");
	refused("a*", "byte 1");
	refused("*a", "byte 1");
	refused("\"a", "a closing quote");
	refused("\"a\\n\"", "\\\" or \\\\");
	refused("\"a\\", "\\\" or \\\\");
	refused("\"a\"b", "the end");
	refused("$a", "the end");
	refused("@odata.nextLink", "is written \"@key\"");
	refused("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", "more than 16");
	finds("1", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", NULL, "[]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_element),
		cmocka_unit_test(test_refused)
	};

	return (cmocka_run_group_tests_name("json_path", tests, NULL, NULL));
}
