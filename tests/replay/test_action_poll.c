#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/action.h"
#include "conn/limits.h"
#include "fake_http.h"
#include "fake_loop.h"

/* Actions that are only accepted: asked what became of them, within their time. */

#define START INT64_C(1700000000000)
#define HOST "http://svc.test"
#define HEAD "{\"format\": 1, \"type\": \"svc\", \"title\": \"t\", \"description\": " \
    "\"d\", \"drive_model\": \"on_demand\", \"config\": {\"url\": {\"type\": \"url\", " \
    "\"default\": \"" HOST "/v1\"}}, \"base_url\": \"{{config.url}}\", \"entities\": {" \
    "\"e\": {\"key\": [\"id\"], \"columns\": {\"id\": {\"type\": \"integer\"}}, \"lists\": " \
    "[{\"url\": \"/e\"}], \"actions\": {"

static const char manifest[] = HEAD
    /* As Opsgenie has it. */
    "\"alert\": {\"method\": \"POST\", \"url\": \"/alerts\", \"success\": [202], "
    " \"poll\": {\"url\": \"/requests/{{answer.requestId}}\", \"every_ms\": 500, "
    " \"pending\": [404], \"until\": {\"data.isSuccess\": [true]}, \"failed\": "
    " {\"data.isSuccess\": [false]}, \"error_text\": \"data.status\", \"result\": \"data\"}}, "
    /* As Azure has it. */
    "\"start\": {\"method\": \"POST\", \"url\": \"/vms/start\", \"poll\": {\"when\": "
    " [200, 201, 202], \"url\": \"{{header.Azure-AsyncOperation ?? header.Location}}\", "
    " \"until\": {\"status\": [\"Succeeded\"]}, \"status\": [204], \"failed\": {\"status\": "
    " [\"Failed\", \"Canceled\"]}, \"error_text\": \"error.message\"}}, "
    /* As Google has it. */
    "\"stop\": {\"method\": \"POST\", \"url\": \"/instances/stop\", \"poll\": {\"when\": "
    " [200], \"url\": \"{{answer.selfLink}}\", \"until\": {\"status\": [\"DONE\"]}, "
    " \"failed\": {\"error.errors\": \"*\"}, \"error_text\": \"error.errors[0].message\"}}, "
    /* As Graph has it: behind a base. */
    "\"team\": {\"method\": \"POST\", \"url\": \"/teams\", \"poll\": {\"url\": "
    " \"{{header.Location}}\", \"base\": \"{{config.url}}\", \"until\": {\"status\": "
    " [\"succeeded\"]}}}, "
    "\"plain\": {\"method\": \"POST\", \"url\": \"/plain\", \"poll\": {\"url\": "
    " \"{{header.Location}}\"}}}}}, \"test\": {\"url\": \"/me\"}}";

static struct loop * L;
static struct http * H;
static struct limits * limits;
static struct manifest * m;
static struct connector * c;
static struct conn_env env;

static int calls, status_got;
static json_t * got;
static struct err why;

static int
setup(void ** state)
{
	struct err e = { .msg = "" };
	json_t * cfg = json_object();

	(void)state;
	L = fake_loop_new(START);
	H = fake_http_new(L);
	limits = limits_new(L, NULL);
	m = manifest_parse(manifest, strlen(manifest), "svc", &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	c = connector_new(m, "id-1", "it", cfg, NULL, &e);
	json_decref(cfg);
	assert_non_null(c);
	memset(&env, 0, sizeof(env));
	env.loop = L;
	env.http = H;
	env.limits = limits;
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	json_decref(got);
	got = NULL;
	connector_unref(c);
	manifest_unref(m);
	limits_free(limits);
	fake_loop_advance(L, 60000);
	fake_http_free(H);
	loop_free(L);
	return (0);
}

static void
on_done(void * arg, const json_t * answer, int status, const struct err * e)
{
	(void)arg;
	calls++;
	json_decref(got);
	got = answer ? json_deep_copy(answer) : NULL;
	status_got = status;
	memset(&why, 0, sizeof(why));
	if (e != NULL)
		why = *e;
}

static int
is_over(void * arg)
{
	(void)arg;
	return (calls > 0);
}

static struct action *
begin(const char * name)
{
	const struct manifest_action * act = manifest_action(
	    manifest_entity(m, "e"), name);
	struct action * a;

	calls = 0;
	a = action_start(&env, c, act, NULL, 10000, on_done, NULL);
	assert_non_null(a);
	return (a);
}

static void
act(const char * name)
{
	begin(name);
	assert_int_equal(fake_loop_until(L, is_over, NULL, 60000), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(fake_http_running(H), 0);
}

#define ANSWERS(path, ...) do { \
	static const struct fake_answer a_[] = { __VA_ARGS__ }; \
	fake_http_script(H, HOST path, a_, sizeof(a_) / sizeof(*a_)); \
} while (0)
#define TAKEN { .status = 202, .ctype = "application/json", \
	.body = "{\"requestId\": \"rq-1\"}" }
#define JSON(st, text) { .status = st, .ctype = "application/json", .body = text }

#define assert_text(s, part) do { \
	if (strstr(s, part) == NULL) \
		fail_msg("'%s' does not hold '%s'", s, part); \
} while (0)

static int64_t
asked_at(const char * url, size_t i)
{
	return (fake_http_request(H, url, i)->at_ms);
}

static void
test_until(void ** state)
{
	static const char * const url = HOST "/v1/requests/rq-1";

	(void)state;
	ANSWERS("/v1/alerts", TAKEN);
	/* Not known there yet; too busy; away; then done. */
	ANSWERS("/v1/requests/rq-1", JSON(404, "{}"), JSON(503, "{}"),
	    { .err_code = "recv", .err_cls = ERR_TRANSIENT },
	    { .status = 200, .header = "Retry-After: 2", .body = "{}" },
	    JSON(200, "{\"data\": {\"isSuccess\": true, \"alertId\": \"A\"}}"));
	act("alert");
	assert_string_equal(why.code, "");
	assert_string_equal(json_string_value(json_object_get(got, "alertId")),
	    "A");
	assert_int_equal(status_got, 200);
	assert_int_equal(fake_http_requests(H, HOST "/v1/alerts"), 1);
	assert_int_equal(fake_http_requests(H, url), 5);
	assert_int_equal(asked_at(url, 0), 500);
	assert_int_equal(asked_at(url, 1), 1000);
	assert_int_equal(asked_at(url, 3), 2000);
	assert_int_equal(asked_at(url, 4), 4000);
}

static void
test_failed(void ** state)
{
	(void)state;
	ANSWERS("/v1/alerts", TAKEN);
	ANSWERS("/v1/requests/rq-1", JSON(200, "{\"data\": {\"isSuccess\": "
	    "false, \"status\": \"There is no open alert\"}}"));
	act("alert");
	assert_string_equal(why.code, "failed");
	assert_int_equal(why.cls, ERR_PERMANENT);
	assert_text(why.msg, "failed there: There is no open alert");
	/* Whether the first answer says it, or a later one. */
	ANSWERS("/v1/instances/stop", JSON(200, "{\"status\": \"DONE\", "
	    "\"error\": {\"errors\": [{\"message\": \"no quota\"}]}}"));
	act("stop");
	assert_string_equal(why.code, "failed");
	assert_text(why.msg, "no quota");
}

static void
test_first_answer(void ** state)
{
	(void)state;
	ANSWERS("/v1/instances/stop", JSON(200, "{\"status\": \"DONE\"}"),
	    JSON(200, "{\"status\": \"RUNNING\", \"selfLink\": \"" HOST
	    "/v1/op/7?alt=json\"}"));
	act("stop");
	assert_string_equal(why.code, "");
	ANSWERS("/v1/op/7?alt=json", JSON(200, "{\"status\": \"RUNNING\"}"),
	    JSON(200, "{\"status\": \"DONE\", \"id\": 7}"));
	act("stop");
	assert_string_equal(why.code, "");
	assert_int_equal(json_integer_value(json_object_get(got, "id")), 7);
	/* A 201 that says of no place to ask is the end; a 202 is not. */
	ANSWERS("/v1/vms/start", JSON(201, "{\"id\": 1}"), JSON(202, ""));
	act("start");
	assert_string_equal(why.code, "");
	act("start");
	assert_string_equal(why.code, "accepted");
	assert_text(why.msg, "did not say where to ask");
}

static void
test_headers(void ** state)
{
	(void)state;
	ANSWERS("/v1/vms/start", { .status = 202, .header = "Azure-AsyncOperation"
	    ": " HOST "/op/1\nLocation: " HOST "/op/2\nRetry-After: 3" },
	    { .status = 202, .header = "Location: /op/2" }, { .status = 202,
	    .header = "Location: http://else.test/op" });
	ANSWERS("/op/1", JSON(200, "{\"status\": \"InProgress\"}"), JSON(200,
	    "{\"status\": \"canceled\", \"error\": {\"message\": \"full\"}}"));
	ANSWERS("/op/2", { .status = 202 }, { .status = 204 });
	act("start");
	assert_int_equal(asked_at(HOST "/op/1", 0), 3000);
	assert_int_equal(asked_at(HOST "/op/1", 1), 4000);
	assert_text(why.msg, "full");
	act("start");
	assert_string_equal(why.code, "");
	assert_int_equal(status_got, 204);
	/* Credentials go to the service alone. */
	act("start");
	assert_string_equal(why.code, "accepted");
	assert_text(why.msg, "else.test");
	assert_int_equal(fake_http_requests(H, "http://else.test/op"), 0);
	ANSWERS("/v1/teams", { .status = 202, .header = "Location: "
	    "/teams('a')/operations('b')" });
	ANSWERS("/v1/teams('a')/operations('b')", JSON(200, "{\"status\": "
	    "\"succeeded\"}"));
	act("team");
	assert_string_equal(why.code, "");
	/* Where nothing is said of it, what is no 202 is done. */
	ANSWERS("/v1/plain", { .status = 202, .header = "Location: x" });
	ANSWERS("/v1/x", { .status = 202 }, JSON(200, "{\"id\": 3}"));
	act("plain");
	assert_int_equal(json_integer_value(json_object_get(got, "id")), 3);
}

static void
test_time(void ** state)
{
	static const char * const url = HOST "/v1/requests/rq-1";

	(void)state;
	ANSWERS("/v1/alerts", TAKEN);
	ANSWERS("/v1/requests/rq-1", JSON(404, "{}"));
	act("alert");
	assert_string_equal(why.code, "accepted");
	assert_int_equal(why.cls, ERR_TRANSIENT);
	assert_text(why.msg, "not done within");
	assert_text(why.msg, url);
	assert_int_equal(fake_http_requests(H, url), 19);
	/* Also where it is the question that gets no answer. */
	ANSWERS("/v1/requests/rq-1", { .never = 1 });
	act("alert");
	assert_string_equal(why.code, "accepted");
	/* A refusal is not the end of the action. */
	ANSWERS("/v1/requests/rq-1", JSON(403, "{\"message\": \"no\"}"));
	act("alert");
	assert_string_equal(why.code, "accepted");
	assert_int_equal(why.cls, ERR_CONFIG);
}

/* At each moment; nothing is left, and nothing called. */
static void
test_cancel(void ** state)
{
	struct action * a;
	int ms;

	(void)state;
	ANSWERS("/v1/alerts", { .status = 202, .delay_ms = 100, .body =
	    "{\"requestId\": \"rq-1\"}" });
	ANSWERS("/v1/requests/rq-1", { .status = 404, .delay_ms = 100 });
	for (ms = 0; ms < 1500; ms += 50) {
		a = begin("alert");
		fake_loop_advance(L, ms);
		assert_int_equal(calls, 0);
		action_cancel(a);
		fake_loop_advance(L, 2000);
		assert_int_equal(calls, 0);
		assert_int_equal(fake_http_running(H), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_until, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_answer, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
