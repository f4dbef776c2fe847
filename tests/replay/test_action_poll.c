#include "action_rig.h"

/* Actions that are only accepted: asked what became of them, within their time. */

#define HEAD "{\"format\": 1, \"type\": \"svc\", \"title\": \"t\", \"description\": " \
    "\"d\", \"drive_model\": \"on_demand\", \"config\": {\"url\": {\"type\": \"url\", " \
    "\"default\": \"" HOST "/v1\"}}, \"base_url\": \"{{config.url}}\", \"entities\": {" \
    "\"e\": {\"key\": [\"id\"], \"columns\": {\"id\": {\"type\": \"integer\"}}, \"lists\": " \
    "[{\"url\": \"/e\"}], \"actions\": {"

const char manifest[] = HEAD
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
    "\"ours\": {\"method\": \"POST\", \"url\": \"/ours\", \"poll\": {\"url\": "
    " \"/of/{{action.id}}\", \"until\": {\"ok\": [true]}}}, "
    "\"plain\": {\"method\": \"POST\", \"url\": \"/plain\", \"poll\": {\"url\": "
    " \"{{header.Location}}\"}}}}}, \"test\": {\"url\": \"/me\"}}";

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
	/* Asked for under a name that we gave it. */
	ANSWERS("/v1/ours", JSON(202, ""));
	act("ours");
	assert_string_equal(why.code, "accepted");
	assert_text(fake_http_request(H, NULL, fake_http_requests(H, NULL) -
	    1)->url, HOST "/v1/of/");
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
