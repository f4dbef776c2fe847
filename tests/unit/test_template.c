#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/quote.h"
#include "manifest/template.h"

/* Templates: typed, strict, and quoted for where their values go. */

static json_t * config, * schema, * in;

static int
setup(void ** state)
{
	(void)state;
	config = json_loads("{\"site\": \"api.example.com\", \"url\": "
	    "\"https://h.example/base\", \"token\": \"$env:TOKEN\", \"n\": 5,"
	    "\"evil\": \"x.example/@y\", \"auth\": {\"type\": \"bearer\","
	    "\"ref\": \"$env:REF\"}}", 0, NULL);
	schema = json_loads("{\"site\": {\"type\": \"string\"}, \"url\": {\"type\":"
	    "\"url\"}, \"token\": {\"type\": \"secret\"}, \"n\": {\"type\": "
	    "\"integer\"}, \"evil\": {\"type\": \"string\"}, \"auth\": {\"type\":"
	    "\"variant\", \"variants\": {\"none\": {}, \"bearer\": {\"ref\": "
	    "{\"type\": \"secret_ref\"}}}}}", 0, NULL);
	in = json_loads("{\"repo\": \"a/b c\", \"dots\": \"..\", \"dot\": \".\","
	    "\"quoted\": \"it's \\\\\", \"empty\": \"\", "
	    "\"q\": \"say \\\"hi\\\" \\\\ OR project = X\", "
	    "\"line\": \"a\\r\\nX-Evil: 1\", \"num\": 7, \"real\": 0.25, \"yes\":"
	    "true, \"no\": null, \"list\": [\"a\", \"b \\\"c\"], \"obj\": {\"k\":"
	    "\"v\"}, \"big\": \"9007199254740993\", \"two\": \"one\\ntwo\","
	    "\"star\": \"a*\"}", 0,
	    NULL);
	assert_non_null(config);
	assert_non_null(schema);
	assert_non_null(in);
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	json_decref(config);
	json_decref(schema);
	json_decref(in);
	return (0);
}

static struct template_env
env_of(void)
{
	struct template_env env = { .config = config, .schema = schema,
	    .in = in, .now_ms = INT64_C(1770000000123) };

	return (env);
}

static void
expands(const char * t, enum template_quote q, const char * want)
{
	struct template_env env = env_of();
	struct buf b = BUF_INIT(4096);
	struct err e = { .msg = "" };

	if (template_expand(t, &env, q, &b, &e) != 0)
		fail_msg("%s: %s", t, e.msg);
	assert_string_equal(b.p ? b.p : "", want);
	buf_free(&b);
}

static void
refuses(const char * t, enum template_quote q, const char * words)
{
	struct template_env env = env_of();
	struct buf b = BUF_INIT(4096);
	struct err e;

	if (template_expand(t, &env, q, &b, &e) == 0)
		fail_msg("%s became %s", t, b.p ? b.p : "");
	if (strstr(e.msg, words) == NULL)
		fail_msg("%s: '%s' has no '%s'", t, e.msg, words);
	assert_string_equal(e.code, "template");
	buf_free(&b);
}

static void
test_text(void ** state)
{
	(void)state;
	expands("no template", QUOTE_TEXT, "no template");
	expands("{{config.n}}-{{ in.num }}", QUOTE_TEXT, "5-7");
	expands("{{in.real}} {{in.yes}}", QUOTE_TEXT, "0.25 true");
	expands("{{now_s}}", QUOTE_TEXT, "1770000000");
	expands("{{now_s-3600}}", QUOTE_TEXT, "1769996400");
	expands("{{now}}", QUOTE_TEXT, "2026-02-02T02:40:00Z");
	expands("{{in.gone ?? config.n}}", QUOTE_TEXT, "5");
	expands("{{in.no ?? in.num}}", QUOTE_TEXT, "7");
	expands("avg:x{{{in.num}}}", QUOTE_TEXT, "avg:x{7}");
	expands("{{in.obj.k}}", QUOTE_TEXT, "v");
	expands("{{in.repo|base64}}", QUOTE_TEXT, "YS9iIGM=");
	expands("{{in.empty|base64}}", QUOTE_TEXT, "");
	refuses("{{in.gone}}", QUOTE_TEXT, "gone has no value: what was asked "
	    "needs gone");
	refuses("{{in.no}}", QUOTE_TEXT, "has no value");
	refuses("{{in.obj}}", QUOTE_TEXT, "cannot stand in a text");
	refuses("{{value", QUOTE_TEXT, "without }}");
	refuses("{{in.num|jsl}}", QUOTE_TEXT, "did you mean 'jql'");
}

static void
test_urls(void ** state)
{
	(void)state;
	expands("https://{{config.site}}/r/{{in.repo}}/x", QUOTE_URL,
	    "https://api.example.com/r/a%2Fb%20c/x");
	expands("{{config.url}}/r/{{in.q}}", QUOTE_URL,
	    "https://h.example/base/r/say%20%22hi%22%20%5C%20OR%20project%20"
	    "%3D%20X");
	expands("https://h/p?q={{in.repo}}&r={{in.line}}", QUOTE_URL,
	    "https://h/p?q=a%2Fb%20c&r=a%0D%0AX-Evil:%201");
	expands("https://h/{{in.repo|url}}", QUOTE_URL, "https://h/a%2Fb%20c");
	expands("https://h/{{in.repo|path}}/x", QUOTE_URL, "https://h/a/b%20c/x");
	expands("/src/{{in.repo|path}}", QUOTE_SEGMENT, "/src/a/b%20c");
	expands("/{{in.repo|path}}", QUOTE_TEXT, "/a/b c");
	refuses("https://h/{{in.dots|path}}", QUOTE_URL, "none that is '.'");
	refuses("/{{in.dot|path}}", QUOTE_TEXT, "none that is '.'");
	refuses("/{{in.empty|path}}", QUOTE_TEXT, "no empty part");
	expands("/v{{in.dot}}", QUOTE_SEGMENT, "/v.");
	refuses("https://h/{{in.dots}}/x", QUOTE_URL, "leads elsewhere");
	refuses("https://h/{{in.dot}}", QUOTE_URL, "leads elsewhere");
	refuses("https://h/{{in.dot}}{{in.dot}}", QUOTE_URL, "leads elsewhere");
	refuses("https://h/{{in.empty}}/x", QUOTE_URL, "is empty");
	refuses("{{in.dots}}", QUOTE_SEGMENT, "leads elsewhere");
	refuses("https://{{config.evil}}/x", QUOTE_URL, "host");
	refuses("https://{{in.repo}}.example/x", QUOTE_URL, "host");
	refuses("{{in.repo}}/x", QUOTE_URL, "host");
	refuses("https://h/?t={{config.token}}", QUOTE_URL, "is a secret");
}

static void
test_headers(void ** state)
{
	(void)state;
	expands("v {{in.num}}", QUOTE_NONE, "v 7");
	refuses("{{in.line}}", QUOTE_NONE, "line break");
}

static void
test_languages(void ** state)
{
	(void)state;
	expands("project = {{in.q}}", QUOTE_JQL,
	    "project = \"say \\\"hi\\\" \\\\ OR project = X\"");
	expands("n = {{in.num}}", QUOTE_JQL, "n = 7");
	expands("p IN ({{in.list}})", QUOTE_JQL, "p IN (\"a\", \"b \\\"c\")");
	expands("({{in.list}})", QUOTE_QUERY_STRING, "(a OR \"b \\\"c\")");
	expands("{{in.obj.k|jql}}", QUOTE_QUERY, "%22v%22");
	refuses("{{in.line}}", QUOTE_JQL, "control character");
	refuses("{{in.line}}", QUOTE_QUERY_STRING, "control character");
	expands("({{in.obj.k|raw}})", QUOTE_JQL, "(v)");
	expands("x = {{in.quoted}} AND n > {{in.num}}", QUOTE_SOQL,
	    "x = 'it\\'s \\\\' AND n > 7");
	expands("x IN ({{in.list}})", QUOTE_SOQL, "x IN ('a', 'b \"c')");
	expands("x LIKE {{in.obj.k|prefix}}", QUOTE_SOQL, "x LIKE 'v%'");
	expands("x LIKE {{in.obj.k|like}}", QUOTE_SOQL, "x LIKE '%v%'");
	refuses("{{in.line}}", QUOTE_SOQL, "control character");
	expands("x = {{in.quoted|soql}}", QUOTE_SOQL, "x = 'it\\'s \\\\'");
	expands("x = {{in.quoted|soql}}", QUOTE_TEXT, "x = 'it\\'s \\\\'");
	expands("host={{in.q}} n={{in.num}}", QUOTE_SPL,
	    "host=\"say \\\"hi\\\" \\\\ OR project = X\" n=7");
	expands("host IN ({{in.list}})", QUOTE_SPL,
	    "host IN (\"a\", \"b \\\"c\")");
	refuses("{{in.line}}", QUOTE_SPL, "control character");
	refuses("host={{in.star}}", QUOTE_SPL, "any text");
}

/* Numbers of a language that has no exponents. */
static void
test_decimals(void ** state)
{
	static const struct {
		double d;
		const char * want;
	} cases[] = {
		{ 0.25, "0.25" }, { -1234.5, "-1234.5" }, { 1e20,
		"100000000000000000000" }, { -1e-7, "-0.0000001" },
		{ 0.1, "0.1" }, { 1.5e-5, "0.000015" }, { 1e15,
		"1000000000000000" },
	};
	struct buf b = BUF_INIT(4096);
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_clear(&b);
		assert_int_equal(quote_decimal(&b, cases[i].d, &e), 0);
		assert_string_equal(b.p, cases[i].want);
	}
	buf_clear(&b);
	assert_int_equal(quote_decimal(&b, 1.7e308, &e), 0);
	assert_int_equal(b.len, 309);
	buf_clear(&b);
	assert_int_equal(quote_decimal(&b, 5e-324, &e), 0);
	assert_int_equal(strtod(b.p, NULL) > 0, 1);
	assert_int_equal(quote_decimal(&b, HUGE_VAL, &e), -1);
	buf_free(&b);
}

/* The asker's own words stay within the brackets around them. */
/* Who writes quotes around it means a text, and that is all that may come of it. */
static void
test_raw_within_quotes(void ** state)
{
	static const struct {
		const char * t, * value, * want;
		enum template_quote quote;
	} c[] = {
		{ "host=\"{{value|raw}}*\"", "web-1", "host=\"web-1*\"", QUOTE_SPL },
		{ "host=\"{{value|raw}}*\"", "it's (x", "host=\"it's (x*\"",
		    QUOTE_SPL },
		{ "host=\"{{value|raw}}*\"", "a\nb", NULL, QUOTE_SPL },
		{ "host=\"{{value|raw}}*\"", "x\" | delete | \"y", NULL, QUOTE_SPL },
		{ "a='{{value|raw}}'", "x' OR 'a'='a", NULL, QUOTE_SOQL },
		{ "a='{{value|raw}}'", "\"x\"", "a='\"x\"'", QUOTE_SOQL },
		{ "a=\"{{value|raw}}\"", "x\\\\", NULL, QUOTE_JQL },
		{ "a=\"\\\"\" AND {{value|raw}}", "b = \"c\"",
		    "a=\"\\\"\" AND b = \"c\"", QUOTE_JQL },
		{ "a(\"~\"\"),{{value|raw}}", "b(\"c\")", "a(\"~\"\"),b(\"c\")",
		    QUOTE_SELECTOR },
		{ "a(\"{{value|raw}}\")", "x~", NULL, QUOTE_SELECTOR },
		{ "{q(s: \"{{value|raw}}\")}", "\"a\"", NULL, QUOTE_TEXT },
	};
	struct template_env env = { .in = NULL };
	struct buf b = BUF_INIT(256);
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(c) / sizeof(*c); i++) {
		json_t * v = json_string(c[i].value);

		env.value = v;
		buf_clear(&b);
		if ((template_expand(c[i].t, &env, c[i].quote, &b, &e) == 0) !=
		    (c[i].want != NULL))
			fail_msg("%s with %s", c[i].t, c[i].value);
		if (c[i].want != NULL)
			assert_string_equal(b.p, c[i].want);
		json_decref(v);
	}
	buf_free(&b);
}

static void
test_raw(void ** state)
{
	static const char * const bad[] = { "", "a) OR (b", "(", "\"", "a)",
	    "'x", "\"a\\\"", "a\nb",
	    /* To some languages a backslash outside quotes is nothing. */
	    "a\\\"b", "a\\(b)", "a\\" };
	static const char * const good[] = { "a = 1 OR b = 2", "x in (1, 2)",
	    "s ~ \"a)\\\" b\"", "s = ')'", "s ~ a\\(b\\)", "s ~ a\\ b" };
	struct template_env env = env_of();
	struct buf b = BUF_INIT(4096);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad) + sizeof(good) /
	    sizeof(*good); i++) {
		int is_bad = i < sizeof(bad) / sizeof(*bad);
		const char * s = is_bad ? bad[i] :
		    good[i - sizeof(bad) / sizeof(*bad)];
		json_t * v = json_string(s);

		env.value = v;
		buf_clear(&b);
		if ((template_expand("({{value|raw}})", &env, QUOTE_JQL, &b,
		    NULL) != 0) != is_bad)
			fail_msg("'%s'", s);
		json_decref(v);
	}
	buf_free(&b);
}

static void
test_secrets(void ** state)
{
	struct template_env env = env_of();
	struct buf b = BUF_INIT(4096);
	struct secrets * s;
	struct err e;
	json_t * t = json_string("x {{config.auth.ref}}");

	(void)state;
	expands("k={{config.token}}", QUOTE_NONE, "k=$env:TOKEN");
	assert_true(template_has_secret(t, &env));
	json_decref(t);
	env.mark = 1;
	assert_int_equal(template_expand("k={{config.auth.ref}}", &env,
	    QUOTE_NONE, &b, &e), 0);
	assert_string_equal(b.p, "k=\001$env:REF\002");
	env.mark = 0;
	setenv("TOKEN", "s3cret", 1);
	s = secrets_new(NULL, &e);
	assert_non_null(s);
	env.secrets = s;
	buf_clear(&b);
	assert_int_equal(template_expand("k={{config.token}}", &env, QUOTE_NONE,
	    &b, &e), 0);
	assert_string_equal(b.p, "k=s3cret");
	unsetenv("TOKEN");
	buf_clear(&b);
	assert_int_equal(template_expand("k={{config.token}}", &env, QUOTE_NONE,
	    &b, &e), -1);
	assert_string_equal(e.code, "secret");
	secrets_free(s);
	buf_free(&b);
}

static void
becomes(const char * t, const char * want)
{
	struct template_env env = env_of();
	json_t * v = json_loads(t, JSON_DECODE_ANY, NULL), * out, * w;
	struct err e = { .msg = "" };
	char * s;

	assert_non_null(v);
	out = template_json(v, &env, &e);
	json_decref(v);
	if (want == NULL) {
		assert_null(out);
		assert_string_equal(e.code, "template");
		return;
	}
	if (out == NULL)
		fail_msg("%s: %s", t, e.msg);
	w = json_loads(want, JSON_DECODE_ANY, NULL);
	s = json_dumps(out, JSON_ENCODE_ANY);
	if (!json_equal(w, out))
		fail_msg("%s became %s", t, s);
	free(s);
	json_decref(w);
	json_decref(out);
}

static void
test_json(void ** state)
{
	(void)state;
	becomes("{\"a\": \"{{in.num}}\", \"b\": \"n{{in.num}}\", \"c\": [1, "
	    "\"{{in.yes}}\"]}", "{\"a\": 7, \"b\": \"n7\", \"c\": [1, true]}");
	becomes("{\"a\": \"{{in.gone}}\", \"b\": 1}", "{\"b\": 1}");
	becomes("{\"f\": {\"p\": {\"name\": \"{{in.gone}}\"}}}", "{}");
	becomes("{\"f\": {}, \"l\": [{\"x\": \"{{in.gone}}\"}]}", "{\"f\": {}}");
	becomes("{\"a?\": {\"k\": 1, \"n\": \"{{in.gone}}\"}, \"b?\": "
	    "\"x{{in.num}}\"}", "{\"b\": \"x7\"}");
	becomes("{\"a\": \"x{{in.gone}}\"}", NULL);
	becomes("[\"{{in.gone}}\"]", NULL);
	becomes("\"{{in.gone}}\"", NULL);
	becomes("\"{{in.obj}}\"", "{\"k\": \"v\"}");
	becomes("\"{{in.obj.k|prefix}}\"", "\"v%\"");
	becomes("\"{{in.obj.k|soql}}\"", "\"'v'\"");
	becomes("{\"a\": \"{{in.no}}\"}", "{\"a\": null}");
	becomes("\"{{in.big|number}}\"", "9007199254740993");
	becomes("\"{{in.q|number}}\"", NULL);
	becomes("\"{{in.two|adf}}\"", "{\"type\": \"doc\", \"version\": 1, "
	    "\"content\": [{\"type\": \"paragraph\", \"content\": [{\"type\": "
	    "\"text\", \"text\": \"one\"}]}, {\"type\": \"paragraph\", \"content\":"
	    "[{\"type\": \"text\", \"text\": \"two\"}]}]}");
	becomes("\"{{in.empty|adf}}\"", "{\"type\": \"doc\", \"version\": 1, "
	    "\"content\": []}");
	becomes("\"{{in.line}}\"", "\"a\\r\\nX-Evil: 1\"");
}

static void
test_check(void ** state)
{
	static const struct {
		const char * t, * words;
	} bad[] = {
		{ "{{config.sit}}", "did you mean 'config.site'" },
		{ "{{in.rep}}", "did you mean 'in.repo'" },
		{ "{{config.auth.nope}}", "no such key" },
		{ "{{vaule}}", "did you mean 'value'" },
		{ "{{order.dir}}", "nothing a template knows" },
		{ "{{a ?? }}", "empty" },
	};
	json_t * names = json_pack("[s]", "repo");
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(template_check(bad[i].t, schema, names, &e),
		    -1);
		if (strstr(e.msg, bad[i].words) == NULL)
			fail_msg("%s: %s", bad[i].t, e.msg);
	}
	assert_int_equal(template_check("{{config.auth.ref}} {{in.repo}} "
	    "{{now_ms-5}} {{order.minus}} {{lookup}} {{value|jql}}", schema,
	    names, &e), 0);
	assert_int_equal(template_check("{{in.repo}}", schema, NULL, &e), -1);
	json_decref(names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_languages),
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_raw_within_quotes),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_check),
	};

	return (cmocka_run_group_tests_name("template", tests, setup,
	    teardown));
}
