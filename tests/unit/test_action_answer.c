#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/action_answer.h"
#include "conn/request.h"
#include "manifest_text.h"
#include "service_fixture.h"

/* Actions on files: what is sent as a form, and what comes back as text. */

static const char files_manifest[] =
"{'format': 1, 'type': 'files', 'title': 'F', 'drive_model': 'on_demand',"
"'config': {'token': {'type': 'secret'}},"
"'auth': {'kind': 'bearer', 'token': '{{config.token}}'},"
"'base_url': 'https://f.example', 'entities': {'files': {'columns': {"
"  'id': {'type': 'integer'}}, 'lists': [{'name': 'l', 'url': '/f'}], 'actions': {"
" 'raw': {'method': 'GET', 'url': '/raw', 'decode': 'text'},"
" 'part': {'method': 'GET', 'url': '/part', 'base64': 'content', 'result': 'file'},"
" 'json': {'method': 'GET', 'url': '/json'},"
" 'xml': {'method': 'GET', 'url': '/x', 'decode': 'xml', 'result': 'set.i[*]'},"
" 'csv': {'method': 'GET', 'url': '/c', 'decode': 'csv'},"
" 'ndjson': {'method': 'GET', 'url': '/n', 'decode': 'ndjson', 'result': '[a=2].a'},"
" 'commit': {'method': 'POST', 'url': '/src',"
"  'args': {'path': {'type': 'string'}, 'text': {'type': 'string'}, 'to': {'type': 'any'},"
"   'n': {'type': 'integer'}, 'why': {'type': 'string'}},"
"  'headers': {'Content-Type': 'application/x-www-form-urlencoded'},"
"  'body': {'/{{in.path|path}}': '{{in.text}}', 'message?': '{{in.why}}', 'n': '{{in.n}}', 'to': '{{in.to}}'}},"
" 'keys': {'method': 'POST', 'url': '/keys', 'args': {'k': {'type': 'string'}},"
"  'body': {'a': {'{{in.k}}?': 1, 'x{{in.k}}': [2]}, 'b': '{{in.k|base64}}'}}"
"}}}}";

static struct manifest * m;
static struct connector * c;

static int
setup(void ** state)
{
	struct err e = { .msg = "" };

	(void)state;
	m = manifest_text(files_manifest, "files", &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	c = service_connector(m, "{\"token\": \"$env:TKN\"}", &e);
	assert_non_null(c);
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	connector_unref(c);
	manifest_unref(m);
	return (0);
}

static const struct manifest_action *
action(const char * name)
{
	return (manifest_action(manifest_entity(m, "files"), name));
}

/* What ${name} sends, or the error. */
static void
sends(const char * name, const char * args, const char * want)
{
	json_t * in = json_loads(args, 0, NULL);
	struct err e = { .msg = "" };
	struct request * r = request_action(c, action(name), in, NULL, &e);

	assert_non_null(in);
	if (r == NULL && strstr(e.msg, want) == NULL)
		fail_msg("%s: %s, not: %s", args, e.msg, want);
	if (r != NULL)
		assert_string_equal(r->body, want);
	if (r != NULL)
		assert_int_equal(r->body_len, strlen(want));
	request_free(r);
	json_decref(in);
}

static void
test_form(void ** state)
{
	(void)state;
	sends("commit", "{\"path\": \"a/b c.txt\", \"text\": \"x=1&y\\n+\", \"why\": "
	    "\"because\", \"n\": 7, \"to\": [\"p\", \"q\"]}",
	    "%2Fa%2Fb%20c.txt=x%3D1%26y%0A%2B&message=because&n=7&to=p&to=q");
	sends("commit", "{\"path\": \"a\", \"text\": \"\"}", "%2Fa=");
	sends("commit", "{\"path\": \"../a\", \"text\": \"\"}", "none that is '.'");
	sends("commit", "{\"path\": \"a\", \"text\": \"\", \"to\": {\"k\": 1}}",
	    "to cannot stand in a form");
	sends("commit", "{\"text\": \"x\"}", "path has no value: what was asked needs path");
}

static void
test_keys(void ** state)
{
	(void)state;
	sends("keys", "{\"k\": \"y\\\"\"}",
	    "{\"a\":{\"y\\\"\":1,\"xy\\\"\":[2]},\"b\":\"eSI=\"}");
}

/* What an answer becomes; NULL: an error. */
static void
becomes(const char * name, int status, const char * body, size_t n,
    const char * want)
{
	struct http_res res = { .status = status, .body = body, .body_len = n };
	json_t * read = action_answer_read(NULL, action(name), &res), * out;
	struct err e = { .msg = "" };
	char * got;

	assert_non_null(read);
	out = action_answer_result(action(name), read, &e);
	got = out ? json_dumps(out, JSON_COMPACT | JSON_ENCODE_ANY |
	    JSON_SORT_KEYS) : NULL;
	if (want == NULL) {
		assert_null(got);
		assert_string_equal(e.code, "no_text");
	} else {
		assert_non_null(got);
		assert_string_equal(got, want);
	}
	free(got);
	json_decref(out);
	json_decref(read);
}
#define BECOMES(name, body, want) becomes(name, 200, body, sizeof(body) - 1, want)

static void
test_text(void ** state)
{
	(void)state;
	BECOMES("raw", "{\"a\": 1}", "\"{\\\"a\\\": 1}\"");
	BECOMES("raw", "17", "\"17\"");
	BECOMES("raw", "", "\"\"");
	BECOMES("raw", "\xff\x01", NULL);
	BECOMES("raw", "a\0b", NULL);
	BECOMES("json", "17", "17");
	BECOMES("json", "no json", "\"no json\"");
	BECOMES("json", "", "null");
	BECOMES("json", "\xff", "null");
}

static void
test_base64(void ** state)
{
	(void)state;
	BECOMES("part", "{\"file\":{\"content\":\"aGkK\\n\",\"encoding\":\"base64\"}}",
	    "{\"content\":\"hi\\n\",\"encoding\":\"utf-8\"}");
	BECOMES("part", "{\"file\":{\"content\":\"aA==\"}}", "{\"content\":\"h\"}");
	BECOMES("part", "{\"file\":{\"content\":\"\"}}", "{\"content\":\"\"}");
	/* What is none, or no text, stays. */
	BECOMES("part", "{\"file\":{\"content\":\"aA=\"}}", "{\"content\":\"aA=\"}");
	BECOMES("part", "{\"file\":{\"content\":\"====\"}}", "{\"content\":\"====\"}");
	BECOMES("part", "{\"file\":{\"content\":\"/w==\",\"encoding\":\"base64\"}}",
	    "{\"content\":\"/w==\",\"encoding\":\"base64\"}");
	BECOMES("part", "{\"file\":{\"content\":\"aGkK\",\"encoding\":\"none\"}}",
	    "{\"content\":\"aGkK\",\"encoding\":\"none\"}");
	BECOMES("part", "{\"file\":{\"content\":null}}", "{\"content\":null}");
	BECOMES("part", "{\"file\":[1]}", "[1]");
	BECOMES("part", "{}", "null");
}

static void
test_others(void ** state)
{
	(void)state;
	BECOMES("xml", "<R><set><i><k>1</k></i></set></R>", "[{\"k\":\"1\"}]");
	BECOMES("xml", "<R><set/></R>", "[]");
	BECOMES("xml", "<R>", "[]");
	BECOMES("xml", "", "[]");
	BECOMES("csv", "a,b\n1,2\n", "[{\"a\":\"1\",\"b\":\"2\"}]");
	BECOMES("ndjson", "{\"a\":1}\n{\"a\":2}\n", "2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_others),
	};

	return (cmocka_run_group_tests_name("action_answer", tests, setup,
	    teardown));
}
