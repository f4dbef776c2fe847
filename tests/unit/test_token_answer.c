#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "conn/token.h"

/* What comes for an answer when a token is asked for. */

static const int64_t now_ms = INT64_C(1700000000000);

static int
read_one(const char * auth, const char * body, struct token_answer * a,
    struct err * e)
{
	json_t * v = json_loads(auth, 0, NULL);
	int rc = token_answer_read(v, body, strlen(body), now_ms, a, e);

	json_decref(v);
	return (rc);
}

static void
test_answers(void ** state)
{
	static const struct {
		const char * body;
		int64_t lives;
	} cases[] = {
		{ "{\"t\": \"x\", \"in\": 120}", 120000 },
		{ "{\"t\": \"x\", \"in\": \"120\"}", 120000 },
		{ "{\"t\": \"x\", \"in\": 1e99}", 77000 },
		{ "{\"t\": \"x\", \"in\": -5, \"at\": 1700000060}", 60000 },
		{ "{\"t\": \"x\", \"at\": 1700000060000}", 60000 },
		{ "{\"t\": \"x\", \"at\": \"2000-01-01T00:00:00Z\"}", 0 },
		{ "{\"t\": \"x\", \"at\": \"soon\"}", 77000 },
		{ "{\"t\": \"x\"}", 77000 },
		{ "{\"t\": 5}", -1 }, { "{\"t\": \"\"}", -1 }, { "[]", -1 },
		{ "", -1 }, { "{\"t\": \"a b\"}", -1 },
		{ "{\"t\": \"x\", \"t\": \"y\"}", -1 },
	};
	json_t * auth = json_pack("{s:s, s:s, s:s, s:s, s:i}", "kind", "token",
	    "token", "t", "expires_in", "in", "expires_at", "at", "lives_s", 77);
	struct token_answer a;
	struct err e;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rc = token_answer_read(auth, cases[i].body,
		    strlen(cases[i].body), now_ms, &a, &e);
		assert_int_equal(rc, cases[i].lives < 0 ? -1 : 0);
		if (rc == 0)
			assert_int_equal(a.lives_ms, cases[i].lives);
		token_answer_free(&a);
	}
	json_decref(auth);
}

#define STS(inner) "<R xmlns=\"u\"><Credentials>" inner "</Credentials></R>"
#define KEYS "<AccessKeyId>A</AccessKeyId><SecretAccessKey>s/+=" \
	"</SecretAccessKey><SessionToken>t==</SessionToken>"
#define ENDS "<Expiration>2023-11-14T23:13:20Z</Expiration>"

static void
test_sts(void ** state)
{
	static const char * const bad[] = {
		"", "{}", "<Credentials>", STS(""), STS(KEYS), STS(ENDS),
		KEYS ENDS, STS(KEYS "<Expiration>soon</Expiration>"),
		STS(KEYS KEYS ENDS), STS(KEYS "<Expiration></Expiration>"),
		STS("<AccessKeyId>a&amp;b</AccessKeyId>" KEYS ENDS),
		STS("<AccessKeyId><b/></AccessKeyId>" KEYS ENDS),
	};
	struct token_answer a;
	struct err e;
	size_t i;

	(void)state;
	assert_int_equal(read_one("{\"kind\": \"sigv4\"}", STS(KEYS ENDS), &a,
	    &e), 0);
	assert_string_equal(json_str(a.v, "access_key"), "A");
	assert_string_equal(json_str(a.v, "secret_key"), "s/+=");
	assert_string_equal(json_str(a.v, "session_token"), "t==");
	assert_int_equal(json_object_size(a.v), 3);
	assert_int_equal(a.lives_ms, 3600000);
	token_answer_free(&a);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_one("{\"kind\": \"sigv4\"}", bad[i], &a,
		    &e), -1);
		assert_int_equal(e.cls, ERR_PERMANENT);
		assert_null(strstr(e.msg, "s/+="));
	}
}

static void
test_clock(void ** state)
{
	struct token_answer a;
	struct err e;

	(void)state;
	assert_int_equal(read_one("{\"kind\": \"signature\"}", "1700000100",
	    &a, &e), 0);
	assert_int_equal(json_int(a.v, "delta_ms", 0), 100500);
	token_answer_free(&a);
	assert_int_equal(read_one("{\"kind\": \"signature\"}", "\"noon\"", &a,
	    &e), -1);
}

static void
test_refresh(void ** state)
{
	static const char auth[] = "{\"kind\": \"token\", \"token\": \"a\", "
	    "\"base_url\": \"u\", \"rotates\": {\"from\": \"r\", \"to\": "
	    "\"x\"}}";
	struct token_answer a;
	struct err e;

	(void)state;
	assert_int_equal(read_one(auth, "{\"a\": \"t\", \"r\": \"new\", "
	    "\"u\": \"https://h/x//\"}", &a, &e), 0);
	assert_string_equal(a.refresh, "new");
	assert_string_equal(json_str(a.v, "base_url"), "https://h/x");
	/* It is kept where it is stored, and nowhere else. */
	assert_null(json_object_get(a.v, "refresh"));
	token_answer_free(&a);
	assert_int_equal(read_one(auth, "{\"a\": \"t\", \"u\": \"https://h\"}",
	    &a, &e), 0);
	assert_null(a.refresh);
	token_answer_free(&a);
	assert_int_equal(read_one(auth, "{\"a\": \"t\", \"u\": \"file:///\"}",
	    &a, &e), -1);
	assert_int_equal(read_one(auth, "{\"a\": \"t\", \"u\": \"https://h?x\"}",
	    &a, &e), -1);
	assert_int_equal(read_one(auth, "{\"a\": \"t\"}", &a, &e), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers), cmocka_unit_test(test_sts),
		cmocka_unit_test(test_clock), cmocka_unit_test(test_refresh),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
