#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static void
test_parse(void ** state)
{
	static const char * const good[] = { "1", "null", "\"x\"", "[]",
	    " {\"a\":1} ", "[1,2.5,-3e2]", "\"\\u00e9\"" };
	static const char * const bad[] = { "", " ", "{", "[1] 2", "{\"a\":1,}",
	    "{\"a\":1,\"a\":1}", "\"\\u0000\"", "\"a\x01\"", "nul", "01", "'a'",
	    "\"\xff\"", "\"\\ud800\"", "1e999", "{a:1}", "[1]]", "// c\n1" };
	struct err e;
	json_t * v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if ((v = json_parse(good[i], strlen(good[i]), "x", &e)) == NULL)
			fail_msg("%s: %s", good[i], e.msg);
		json_decref(v);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (json_parse(bad[i], strlen(bad[i]), "the thing", &e) != NULL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(e.cls, ERR_PERMANENT);
		assert_string_equal(e.code, "json");
		assert_ptr_equal(strstr(e.msg, "the thing is"), e.msg);
		assert_non_null(strstr(e.msg, "line "));
	}
	/* Only n bytes count. */
	v = json_parse("12x", 2, "x", &e);
	assert_int_equal(json_integer_value(v), 12);
	json_decref(v);
	assert_null(json_parse("1\0", 2, "x", &e));
	assert_null(json_parse("[1,\n2\0,3]", 9, "x", &e));
	assert_non_null(strstr(e.msg, "line 2 at byte 5"));
}

static void
test_place_of_the_error(void ** state)
{
	struct err e;

	(void)state;
	assert_null(json_parse("{\n \"a\": 1,\n \"b\" 2}", 18, "the file", &e));
	assert_non_null(strstr(e.msg, "line 3"));
	assert_non_null(strstr(e.msg, "':' expected"));
}

/* What stands near an error may be a secret. */
static void
test_cites_nothing(void ** state)
{
	static const char * const bad[] = {
		"{\"password\": hunter2}", "{\"a\":\"hunter2\" \"b\"}",
		"{\"p\":\"hunter2", "{\"hunter2\":1,\"hunter2\":2}",
		"[1] hunter2", "{\"p\":\"hunter2\x01\"}",
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(json_parse(bad[i], strlen(bad[i]), "x", &e));
		if (strstr(e.msg, "hunter2") != NULL)
			fail_msg("cites: %s", e.msg);
	}
}

static void
test_depth_is_bounded(void ** state)
{
	size_t n = 1000000;
	char * deep = malloc(n);
	struct err e;

	(void)state;
	assert_non_null(deep);
	memset(deep, '[', n);
	assert_null(json_parse(deep, n, "x", &e));
	assert_non_null(strstr(e.msg, "depth"));
	free(deep);
}

static void
test_check_keys(void ** state)
{
	struct err e;
	json_t * o = json_parse("{\"url\":1,\"tokn\":2}", 18, "x", &e);

	(void)state;
	assert_non_null(o);
	assert_int_equal(json_check_keys(o, "config", &e, "url", "tokn", NULL),
	    0);
	assert_int_equal(json_check_keys(o, "config", &e, "token", "url", NULL),
	    -1);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.msg,
	    "unknown key config.tokn (did you mean token?); known are: token, "
	    "url");
	assert_int_equal(json_check_keys(o, "", &e, "url", NULL), -1);
	assert_string_equal(e.msg, "unknown key tokn; known are: url");
	assert_int_equal(json_check_keys(o, "", &e, (char *)NULL), -1);
	json_decref(o);
	o = json_object();
	assert_int_equal(json_check_keys(o, "", &e, (char *)NULL), 0);
	json_decref(o);
}

#define K8(p) p "0", p "1", p "2", p "3", p "4", p "5", p "6", p "7"

/* Past the number that "did you mean" looks at a key is still known. */
static void
test_check_many_keys(void ** state)
{
	struct err e;
	json_t * o = json_pack("{s:i}", "last", 1);

	(void)state;
	assert_int_equal(json_check_keys(o, "", &e, K8("a"), K8("b"), K8("c"),
	    K8("d"), K8("e"), K8("f"), K8("g"), K8("h"), K8("i"), "last", NULL),
	    0);
	assert_int_equal(json_check_keys(o, "", &e, K8("a"), K8("b"), K8("c"),
	    K8("d"), K8("e"), K8("f"), K8("g"), K8("h"), K8("i"), NULL), -1);
	json_decref(o);
}

static void
test_getters(void ** state)
{
	struct err e;
	json_t * o = json_parse("{\"s\":\"t\",\"i\":-5,\"r\":1.5}", 24, "x", &e);

	(void)state;
	assert_string_equal(json_str(o, "s"), "t");
	assert_null(json_str(o, "i"));
	assert_null(json_str(o, "none"));
	assert_null(json_str(NULL, "s"));
	assert_int_equal(json_int(o, "i", 7), -5);
	assert_int_equal(json_int(o, "r", 7), 7);
	assert_int_equal(json_int(o, "none", 7), 7);
	json_decref(o);
}

static void
test_nearest(void ** state)
{
	static const char * const words[] = { "token", "schedule", "url",
	    "password", "user", "id", "x" };
	static const struct {
		const char * word;
		const char * near;
	} t[] = {
		{ "tokn", "token" }, { "toekn", "token" }, { "TOKEN", "token" },
		{ "tOEKN", "token" }, { "tkn", NULL }, { "scheduel", "schedule" },
		{ "shedul", "schedule" }, { "shedl", NULL }, { "ur", "url" },
		{ "rul", "url" }, { "uri", "url" }, { "usre", "user" },
		{ "pasword", "password" }, { "passwort", "password" },
		{ "di", NULL }, { "ix", NULL }, { "y", NULL }, { "", NULL },
		{ "id", "id" }, { "x", "x" }, { "completely", NULL },
	};
	char big[200];
	const char * got, * one = big;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		got = json_nearest(t[i].word, words,
		    sizeof(words) / sizeof(words[0]));
		if ((got == NULL) != (t[i].near == NULL) ||
		    (got != NULL && strcmp(got, t[i].near) != 0))
			fail_msg("%s: %s", t[i].word, got ? got : "(none)");
	}
	assert_null(json_nearest("x", NULL, 0));
	/* 64 letters are compared, 65 are not. */
	memset(big, 'a', sizeof(big));
	big[64] = '\0';
	assert_ptr_equal(json_nearest(big, &one, 1), big);
	big[64] = 'a';
	big[65] = '\0';
	assert_null(json_nearest(big, &one, 1));
	assert_null(json_nearest("a", &one, 1));
}

static void
test_times(void ** state)
{
	json_t * o = json_pack("{s:o, s:o, s:s, s:s?, s:i}", "at",
	    json_opt_time(INT64_C(1700000000123)), "never", json_opt_time(0),
	    "odd", "yesterday", "null", NULL, "n", 5);

	(void)state;
	assert_string_equal(json_str(o, "at"), "2023-11-14T22:13:20.123Z");
	assert_true(json_is_null(json_object_get(o, "never")));
	assert_int_equal(json_time(o, "at"), INT64_C(1700000000123));
	assert_int_equal(json_time(o, "never"), 0);
	assert_int_equal(json_time(o, "odd"), 0);
	assert_int_equal(json_time(o, "n"), 0);
	assert_int_equal(json_time(o, "no"), 0);
	assert_int_equal(json_time(NULL, "at"), 0);
	json_object_set_new(o, "s", json_opt_string("x"));
	json_object_set_new(o, "z", json_opt_string(NULL));
	assert_string_equal(json_str(o, "s"), "x");
	assert_true(json_is_null(json_object_get(o, "z")));
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_place_of_the_error),
		cmocka_unit_test(test_cites_nothing),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_check_keys),
		cmocka_unit_test(test_check_many_keys),
		cmocka_unit_test(test_getters), cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_times),
	};

	return (cmocka_run_group_tests_name("json", tests, NULL, NULL));
}
