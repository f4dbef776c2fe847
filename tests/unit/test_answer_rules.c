#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rfc3339.h"
#include "conn/answer_rules.h"
#include "net/http_internal.h"

#define NOW INT64_C(1700000000000)
#define URL "https://api.test/items?token=geheim"

static struct manifest * m;
static struct err e;

static struct manifest *
parse(const char * more)
{
	char text[4096];

	snprintf(text, sizeof(text), "{\"format\":1,\"type\":\"t\","
	    "\"title\":\"T\",\"drive_model\":\"on_demand\",\"config\":{},%s"
	    "\"test\":{\"entity\":\"e\"},"
	    "\"entities\":{\"e\":{\"columns\":{\"id\":{\"type\":\"integer\"}},"
	    "\"lists\":[{\"url\":\"https://api.test/items\"}]}}}", more);
	m = manifest_parse(text, strlen(text), "t", &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	return (m);
}

/* Judge an answer with the header lines ${hdrs}, each ended by '\n'. */
static enum answer_kind
judge(int status, const char * hdrs, const char * body,
    struct answer_budget * b)
{
	struct http_hdrs h;
	struct http_res res;
	json_t * good = NULL;
	enum answer_kind k;
	const char * nl;

	memset(&h, 0, sizeof(h));
	memset(&res, 0, sizeof(res));
	memset(&e, 0, sizeof(e));
	for (; *hdrs != '\0'; hdrs = nl + 1) {
		nl = strchr(hdrs, '\n');
		assert_int_equal(buf_add(&h.text, hdrs, (size_t)(nl - hdrs)),
		    0);
		assert_int_equal(buf_addc(&h.text, '\0'), 0);
	}
	res.status = status;
	res.hdrs = &h;
	res.url = URL;
	res.body = "";
	if (status / 100 == 2) {
		good = json_loads(body, JSON_DECODE_ANY, NULL);
	} else {
		res.body = body;
		res.body_len = strlen(body);
	}
	if (b != NULL)
		answer_budget(&m->limits, &res, NOW, b);
	k = answer_judge(m, &res, good, URL, NOW, &e);
	json_decref(good);
	buf_free(&h.text);
	/* Whatever it is, no message shows what a URL's query may hold. */
	assert_null(strstr(e.msg, "geheim"));
	return (k);
}

static void
has(const char * what)
{
	if (strstr(e.msg, what) == NULL)
		fail_msg("'%s' does not hold '%s'", e.msg, what);
}

static void
test_usual(void ** state)
{
	(void)state;
	parse("");
	assert_int_equal(judge(200, "", "{}", NULL), ANSWER_OK);
	assert_int_equal(judge(204, "", "", NULL), ANSWER_OK);
	assert_int_equal(judge(304, "", "", NULL), ANSWER_NOT_MODIFIED);
	assert_int_equal(judge(500, "", "oops", NULL), ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_string_equal(e.code, "http_500");
	has("https://api.test/items");
	has("oops");
	assert_int_equal(judge(503, "Retry-After: 7\n", "", NULL),
	    ANSWER_ERROR);
	assert_int_equal(e.retry_after_ms, 7000);
	assert_int_equal(judge(401, "", "{}", NULL), ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, "http_401");
	has("check the credentials");
	assert_int_equal(judge(404, "", "", NULL), ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_PERMANENT);
	has("check the names");
	assert_int_equal(judge(302, "", "", NULL), ANSWER_ERROR);
	has("redirects");
	assert_int_equal(judge(429, "Retry-After: 3\n", "", NULL),
	    ANSWER_RATE_LIMITED);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_string_equal(e.code, "rate_limit");
	assert_int_equal(e.retry_after_ms, 3000);
	has("2023-11-14T22:13:23Z");
	/* Nobody says how long. */
	assert_int_equal(judge(429, "", "", NULL), ANSWER_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 60000);
	/* Years that no date has, which must not come round to "at once". */
	assert_int_equal(judge(429, "Retry-After: Tue, 17 Nov 1700000030\n", "",
	    NULL), ANSWER_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 60000);
	assert_int_equal(judge(429, "Date: Tue, 17 Nov 1700000030\n"
	    "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\n", "", NULL),
	    ANSWER_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 0);
	manifest_unref(m);
}

static void
test_words(void ** state)
{
	(void)state;
	parse("\"error_text\":[\"error.message\",\"errors\"],");
	assert_int_equal(judge(422, "",
	    "{\"error\":{\"message\":\"no such\\nfield.\"}}", NULL),
	    ANSWER_ERROR);
	has("the service answered 422: no such field");
	assert_int_equal(judge(400, "", "{\"errors\":[\"a\",\"b\"]}", NULL),
	    ANSWER_ERROR);
	has("[\"a\",\"b\"]");
	assert_int_equal(judge(403, "", "{\"error\":{\"message\":\"admins "
	    "only\"}}", NULL), ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_CONFIG);
	has("admins only; check what the credentials may do");
	manifest_unref(m);
}

#define XML "Content-Type: text/xml;charset=UTF-8\n"
#define EC2(code, msg) "<Response><Errors><Error><Code>" code "</Code><Message>" \
	msg "</Message></Error></Errors></Response>"

static void
test_xml(void ** state)
{
	(void)state;
	parse("\"errors\":[{\"path\":\"Errors.Error[Code=Throttled].Message\",\"do\":"
	    "\"rate_limited\",\"wait_s\":5},{\"path\":\"Errors.Error[*].Code\","
	    "\"equals\":\"AuthFailure\",\"do\":\"refresh\"}],"
	    "\"error_text\":[\"Errors.Error.Message\",\"Message\"],");
	assert_int_equal(judge(400, XML, EC2("Throttled", "too fast"), NULL),
	    ANSWER_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 5000);
	assert_int_equal(judge(401, XML, EC2("AuthFailure", "no"), NULL),
	    ANSWER_ERROR);
	assert_string_equal(e.code, "token_refused");
	/* By its first bytes, where no header says so. */
	assert_int_equal(judge(404, "", "\n<?xml version=\"1.0\"?><Error><Message>no "
	    "such key</Message></Error>", NULL), ANSWER_ERROR);
	has("the service answered 404: no such key");
	/* What is bad is shown as nothing; HTML is none. */
	assert_int_equal(judge(500, XML, "<Error><Message>cut", NULL),
	    ANSWER_ERROR);
	assert_string_equal(e.code, "http_500");
	assert_int_equal(judge(500, "Content-Type: text/html\n", "<html><Message>x"
	    "</Message></html>", NULL), ANSWER_ERROR);
	assert_int_equal(judge(500, XML, "<!DOCTYPE r [<!ENTITY a \"b\">]><r>"
	    "<Message>&a;</Message></r>", NULL), ANSWER_ERROR);
	manifest_unref(m);
}

static void
test_rules(void ** state)
{
	(void)state;
	parse("\"errors\":["
	    "{\"status\":[403],\"headers\":{\"X-Remaining\":\"0\"},"
	    "\"do\":\"rate_limited\"},"
	    "{\"status\":[403],\"contains\":\"Secondary Rate\","
	    "\"do\":\"rate_limited\",\"wait_s\":90},"
	    "{\"status\":[410],\"do\":\"empty\"},"
	    "{\"status\":[404,409],\"headers\":{\"X-Any\":\"*\"},"
	    "\"do\":\"skip\"},"
	    "{\"status\":[\"5xx\"],\"contains\":\"maintenance\","
	    "\"do\":\"fail\",\"class\":\"permanent\",\"code\":\"closed\","
	    "\"message\":\"come back on Monday\"},"
	    "{\"status\":[418],\"do\":\"retry\"},"
	    "{\"status\":[451],\"do\":\"fail\",\"class\":\"config\",\"then\":"
	    "\"skip\"},"
	    "{\"path\":\"ok\",\"equals\":false,\"do\":\"fail\","
	    "\"class\":\"config\",\"code\":\"not_ok\"}],"
	    "\"error_text\":[\"error\"],"
	    "\"limits\":{\"headers\":{\"remaining\":\"X-Remaining\","
	    "\"limit\":\"X-Limit\",\"reset\":\"X-Reset\","
	    "\"reset_unit\":\"epoch_s\"}},");
	assert_true(answer_has_body_rules(m));
	assert_int_equal(judge(403, "X-Remaining: 0\nX-Reset: 1700000030\n",
	    "{}", NULL), ANSWER_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 30000);
	assert_int_equal(judge(403, "X-Remaining: 5\n",
	    "you hit a secondary rate limit", NULL), ANSWER_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 90000);
	assert_int_equal(judge(403, "X-Remaining: 5\n", "no", NULL),
	    ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_int_equal(judge(410, "", "", NULL), ANSWER_EMPTY);
	assert_int_equal(judge(404, "X-Any: 1\n", "", NULL), ANSWER_SKIP);
	assert_int_equal(judge(404, "", "", NULL), ANSWER_ERROR);
	assert_int_equal(judge(502, "", "under MAINTENANCE", NULL),
	    ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_PERMANENT);
	assert_string_equal(e.code, "closed");
	has("come back on Monday");
	assert_int_equal(judge(502, "", "", NULL), ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_int_equal(judge(418, "", "", NULL), ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_string_equal(e.code, "http_418");
	assert_int_equal(judge(451, "", "", NULL), ANSWER_ERROR_SKIP);
	assert_int_equal(e.cls, ERR_CONFIG);
	/* Errors inside a 200. */
	assert_int_equal(judge(200, "", "{\"ok\":true}", NULL), ANSWER_OK);
	assert_int_equal(judge(200, "", "{\"ok\":false,"
	    "\"error\":\"not_authed\"}", NULL), ANSWER_ERROR);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, "not_ok");
	has("not_authed");
	/* Remaining 0 on a good answer is a good answer. */
	assert_int_equal(judge(200, "X-Remaining: 0\nX-Reset: 1700000030\n",
	    "{\"ok\":true}", NULL), ANSWER_OK);
	manifest_unref(m);
	parse("\"errors\":[{\"status\":[404],\"do\":\"empty\"}],");
	assert_false(answer_has_body_rules(m));
	manifest_unref(m);
}

static void
test_budget(void ** state)
{
	static const struct {
		const char * unit, * reset;
		int64_t want;
	} cases[] = {
		{ "delta_s", "30", NOW + 30000 },
		{ "delta_s", "0.2", NOW + 1000 },
		{ "epoch_s", "1700000100", INT64_C(1700000100000) },
		{ "epoch_ms", "1700000100500", INT64_C(1700000100500) },
		{ "iso8601", "2023-11-14T22:13:50Z", NOW + 30000 },
		{ "iso8601", "2023-11-14T22:14Z", NOW + 40000 },
		{ "iso8601", "soon", -1 },
		{ "epoch_us", "1700000100500000", INT64_C(1700000100500) },
		{ "duration", "1m30s", NOW + 90000 },
		{ "duration", "250ms", NOW + 250 },
		{ "duration", "90", -1 },
		{ "duration", "00:00:05", NOW + 5000 },
		{ "duration", "01:02:03", NOW + 3723000 },
		{ "duration", "00:00:04.2000000", NOW + 5000 },
		{ "duration", "1.00:00:00.0", NOW + 86400000 },
		{ "duration", "00:61:00", -1 },
		{ "duration", "00:00", -1 },
		{ "duration", "00:00:01.", -1 },
		{ "duration", "00:00:01x", -1 },
		{ "duration", "8.00:00:00", -1 },
		{ "duration", "99999999:00:00", -1 },
		{ "delta_s", "-1", -1 },
		{ "delta_s", "1e99", -1 },
		/* An epoch read as seconds to wait lies in no budget's reach. */
		{ "delta_s", "1700000100", -1 },
		{ "epoch_s", "1700000100500", -1 },
	};
	static const char * const no_usage[] = { "X-U: api-usage=18\n",
	    "X-U: 18/20\n", "X-U: a=-1/5\n", "X-U: a=1/-5\n",
	    "X-U: a=1e99/5\n", "X-U: a;b=1/5\n", "X-V: a=1/5\n", "X-U: =/\n" };
	struct answer_budget b;
	char text[512], line[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "\"limits\":{\"headers\":{"
		    "\"limit\":\"X-L\",\"remaining\":\"X-R\",\"reset\":\"X-T\","
		    "\"reset_unit\":\"%s\"}},", cases[i].unit);
		parse(text);
		snprintf(line, sizeof(line), "x-l: 60\nX-R: 2\nX-T: %s\n",
		    cases[i].reset);
		assert_int_equal(judge(200, line, "{}", &b), ANSWER_OK);
		assert_int_equal(b.limit, 60);
		assert_int_equal(b.remaining, 2);
		assert_int_equal(b.reset_ms, cases[i].want);
		/* Who has nothing left is limited, also by a plain 403. */
		snprintf(line, sizeof(line), "X-R: 0\nX-T: %s\n",
		    cases[i].reset);
		assert_int_equal(judge(403, line, "", NULL),
		    ANSWER_RATE_LIMITED);
		assert_int_equal(e.retry_after_ms, cases[i].want < 0 ? 60000 :
		    cases[i].want - NOW);
		manifest_unref(m);
	}
	/* Theirs is an hour behind ours. */
	parse("\"limits\":{\"headers\":{\"remaining\":\"X-R\",\"reset\":\"X-T\","
	    "\"reset_unit\":\"epoch_s\"}},");
	judge(200, "X-R: 0\nX-T: 1699996430\n"
	    "Date: Tue, 14 Nov 2023 21:13:20 GMT\n", "{}", &b);
	assert_int_equal(b.reset_ms, NOW + 30000);
	/* Seconds are none of its. */
	judge(200, "X-R: 0\nX-T: 1700000030\n"
	    "Date: Tue, 14 Nov 2023 22:13:02 GMT\n", "{}", &b);
	assert_int_equal(b.reset_ms, NOW + 30000);
	judge(200, "X-R: 0\nX-T: 30\nDate: Fri, 14 Nov 2031 22:13:02 GMT\n",
	    "{}", &b);
	assert_int_equal(b.reset_ms, 0);
	manifest_unref(m);
	parse("\"limits\":{\"headers\":{\"usage\":\"X-U\"}},");
	judge(200, "X-U: api-usage=18/15000; per-app-api-usage=17/250(a=b)\n",
	    "{}", &b);
	assert_int_equal(b.limit, 15000);
	assert_int_equal(b.remaining, 14982);
	judge(200, "X-U: api-usage=20/5\n", "{}", &b);
	assert_int_equal(b.remaining, 0);
	for (i = 0; i < sizeof(no_usage) / sizeof(*no_usage); i++) {
		judge(200, no_usage[i], "{}", &b);
		assert_int_equal(b.limit, -1);
		assert_int_equal(b.remaining, -1);
	}
	manifest_unref(m);
	/* A bucket's headers say when it is full again, too. */
	parse("\"limits\":{\"headers\":{\"remaining\":\"X-R\"},\"buckets\":{\"q\":{"
	    "\"headers\":{\"remaining\":\"X-Q\",\"reset\":\"X-QT\","
	    "\"reset_unit\":\"delta_s\"}}}},");
	assert_int_equal(judge(429, "X-R: 7\nX-Q: 0\nX-QT: 5\n", "", NULL),
	    ANSWER_RATE_LIMITED);
	assert_int_equal(e.retry_after_ms, 5000);
	assert_int_equal(judge(403, "X-R: 7\nX-Q: 0\nX-QT: 5\n", "", NULL),
	    ANSWER_RATE_LIMITED);
	assert_int_equal(judge(403, "X-R: 7\nX-Q: 1\nX-QT: 5\n", "", NULL),
	    ANSWER_ERROR);
	manifest_unref(m);
	parse("");
	judge(200, "X-R: 0\n", "{}", &b);
	assert_int_equal(b.limit, -1);
	assert_int_equal(b.remaining, -1);
	assert_int_equal(b.reset_ms, -1);
	manifest_unref(m);
}

/* One header that holds it all. */
static void
test_members(void ** state)
{
	static const struct {
		const char * limit, * remaining, * reset, * line;
		int64_t want[3];
	} cases[] = {
		{ "Z;total", "Z;remaining", "Z;resets", "z: total=100; "
		  "remaining=99; resets=12", { 100, 99, 12 } },
		{ "RateLimit;limit", "RateLimit;remaining", "RateLimit;reset",
		  "RateLimit: limit=100, remaining=50, reset=30",
		  { 100, 50, 30 } },
		{ "RateLimit-Policy;q", "RateLimit;r", "RateLimit;t",
		  "RateLimit: \"a;r=7,\";r=50;t=30\nRateLimit-Policy: \"a\";"
		  "q=100;w=60", { 100, 50, 30 } },
		/* Of several the one with the least. */
		{ "RateLimit-Policy;q", "RateLimit;r", "RateLimit;t",
		  "RateLimit: \"app\";t=600, \"burst\";r=9;t=1, \"user\";r=3;t=40"
		  "\nRateLimit-Policy: \"app\";q=100;w=60", { 100, 3, 40 } },
		/* Of several policies the one that is told of, ... */
		{ "RateLimit-Policy;q", "RateLimit;r", "RateLimit;t",
		  "RateLimit: \"day\";r=90;t=600, \"b,u\";r=3;t=1\n"
		  "RateLimit-Policy: \"day\";q=1000;w=86400, \"b,u\";q=10;w=1",
		  { 10, 3, 1 } },
		{ "RateLimit-Policy;q", "RateLimit;r", "RateLimit;t",
		  "RateLimit-Policy: \"burst\";q=10;w=1, \"day\";q=1000;w=86400"
		  ";comment=\"burst\"\nRateLimit: \"day\";r=90;t=600",
		  { 1000, 90, 600 } },
		{ "RateLimit-Policy;q", "RateLimit;r", "RateLimit;t",
		  "RateLimit: day ;r=90\nRateLimit-Policy: burst;q=10;w=1\n"
		  "RateLimit-Policy: day;w=86400;q=1000", { 1000, 90, -1 } },
		/* ... else that which lets through the least. */
		{ "RateLimit-Policy;q", "RateLimit;r", "RateLimit;t",
		  "RateLimit-Policy: \"burst\";q=10;w=1, \"day\";q=1000;w=86400"
		  ", \"hour\";q=100;w=3600\nRateLimit: \"x\";r=9;t=60",
		  { 1000, 9, 60 } },
		{ "RateLimit-Policy;q", "X-Left", "X-Reset", "X-Left: 4\n"
		  "RateLimit-Policy: \"a\";q=100;w=60, \"b\";q=500;w=3600",
		  { 500, 4, -1 } },
		{ "RateLimit-Policy;q", "X-Left", "X-Reset", "X-Left: 4\n"
		  "RateLimit-Policy: \"a\";q=100, \"b\";q=50, \"c\";q=x;w=1",
		  { 50, 4, -1 } },
		{ "RateLimit-Policy;q", "RateLimit;r", "RateLimit;t",
		  "RateLimit-Policy: \"a\";q=10;w=0, \"b\";q=50;w=60",
		  { 50, -1, -1 } },
		{ "X;l", "X;r", "X;t", "X: L = 5;R=\"4\" ; T=3;r=9",
		  { -1, 4, 3 } },
		{ "X;l", "X;r", "X;t", "X: xl=5;r;t=", { -1, -1, -1 } },
		{ "X;l", "X;r", "X;t", "X: l=\"5;r=4", { -1, -1, -1 } },
		{ "X;l", "X;r", "X;t", "X: ;,;l=1,,r=000000000000000000000000"
		  "000000000000000000000000000000000000000001,t=2",
		  { 1, -1, 2 } },
	};
	struct answer_budget b;
	char text[512], lines[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "\"limits\":{\"headers\":{"
		    "\"limit\":\"%s\",\"remaining\":\"%s\",\"reset\":"
		    "\"%s\",\"reset_unit\":\"delta_s\"}},", cases[i].limit,
		    cases[i].remaining, cases[i].reset);
		parse(text);
		snprintf(lines, sizeof(lines), "%s\n", cases[i].line);
		judge(200, lines, "{}", &b);
		if (b.limit != cases[i].want[0] || b.remaining !=
		    cases[i].want[1] || b.reset_ms != (cases[i].want[2] < 0 ?
		    -1 : NOW + cases[i].want[2] * 1000))
			fail_msg("%s: %lld %lld %lld", cases[i].line,
			    (long long)b.limit, (long long)b.remaining,
			    (long long)b.reset_ms);
		manifest_unref(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual), cmocka_unit_test(test_words),
		cmocka_unit_test(test_xml),
		cmocka_unit_test(test_rules), cmocka_unit_test(test_budget),
		cmocka_unit_test(test_members),
	};

	return (cmocka_run_group_tests_name("answer rules", tests, NULL,
	    NULL));
}
