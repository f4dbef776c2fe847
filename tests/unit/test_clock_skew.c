#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conn/send.h"
#include "conn/token.h"

/* A service whose clock is another: what is signed at another time is refused. */

static const char manifest[] = "{\"format\":1,\"type\":\"svc\",\"title\":\"t\","
    "\"description\":\"d\",\"drive_model\":\"on_demand\",\"base_url\":"
    "\"https://svc.test\",\"config\":{\"role\":{\"type\":\"string\","
    "\"description\":\"r\"}},\"auth\":{\"kind\":\"sigv4\",\"access_key\":\"AK\","
    "\"secret_key\":\"sk\",\"region\":\"eu-1\",\"service\":\"ec2\","
    "\"assume_role\":{\"role_arn\":\"{{config.role}}\",\"url\":"
    "\"https://svc.test/token\"}},\"errors\":[{\"status\":[403],\"contains\":"
    "\"too late\",\"do\":\"clock\",\"code\":\"clock_skew\",\"message\":"
    "\"set the clock\"}],\"entities\":{\"things\":{\"description\":\"d\","
    "\"columns\":{\"id\":{\"type\":\"integer\"}},\"lists\":[{\"url\":\"/\"}]}},"
    "\"test\":{\"url\":\"/test\"}}";

#define NOW INT64_C(1700000000000) /* 2023-11-14T22:13:20Z */

static const char role[] = "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
    "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    "<SessionToken>t</SessionToken><Expiration>2030-11-14T23:13:20Z"
    "</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

static const char * date, * good; /* its Date header; when it lets us in */
static size_t asked;

static int
play(void * arg, const struct http_req * req, struct http_played * a,
    struct err * e)
{
	static const char * headers[2];
	size_t i;

	(void)arg;
	(void)e;
	asked++;
	headers[0] = date;
	memset(a, 0, sizeof(*a));
	a->headers = headers;
	a->status = 403;
	a->body = "too late";
	for (i = 0; req->headers[i] != NULL; i++)
		if (strncmp(req->headers[i], "X-Amz-Date: ", 12) == 0 &&
		    strcmp(req->headers[i] + 12, good) == 0) {
			a->status = 200;
			a->body = strstr(req->url, "/token") ? role : "{}";
		}
	a->body_len = strlen(a->body);
	return (0);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	*(int *)arg = e != NULL ? -1 : res->status;
}

/* What comes of ${n} requests one after the other; ${calls} altogether. */
static void
check(const char * says, const char * lets_in, const char * config, int n,
    int status, size_t calls)
{
	static const struct send_opts none;
	struct http_opts opts = { .play = play };
	struct conn_env env;
	struct secrets * secrets;
	struct manifest * m;
	struct connector * c;
	struct request * r;
	struct err e;
	json_t * cfg = json_loads(config, 0, NULL);
	int got, i;

	date = says;
	good = lets_in;
	asked = 0;
	memset(&env, 0, sizeof(env));
	clock_set_fake(NOW, NOW * 1000);
	env.loop = loop_new(&e);
	env.http = http_new(env.loop, &opts, &e);
	env.secrets = secrets = secrets_new(NULL, &e);
	env.tokens = tokens_new(&env, &e);
	if ((m = manifest_parse(manifest, strlen(manifest), "svc", &e)) == NULL)
		fail_msg("%s", e.msg);
	if ((c = connector_new(m, "id", "it", cfg, NULL, &e)) == NULL)
		fail_msg("%s", e.msg);
	while (n-- > 0) {
		if ((r = request_test(c, &e)) == NULL)
			fail_msg("%s", e.msg);
		got = 0;
		assert_non_null(send_start(&env, r, &none, on_answer, &got));
		for (i = 0; i < 30; i++)
			loop_turn(env.loop, 0);
		assert_int_equal(got, status);
		request_free(r);
	}
	assert_int_equal(asked, calls);
	tokens_free(env.tokens);
	connector_unref(c);
	manifest_unref(m);
	json_decref(cfg);
	secrets_free(secrets);
	http_free(env.http);
	loop_free(env.loop);
	clock_set_fake(-1, -1);
}

static void
test_learns(void ** state)
{
	(void)state;
	/* An hour on, and an hour behind: the second request knows. */
	check("Date: Tue, 14 Nov 2023 23:13:20 GMT", "20231114T231320Z", "{}",
	    2, 200, 3);
	check("Date: Tue, 14 Nov 2023 21:13:20 GMT", "20231114T211320Z", "{}",
	    2, 200, 3);
	/* No more than once. */
	check("Date: Tue, 14 Nov 2023 23:13:20 GMT", "never", "{}", 1, 403, 2);
}

static void
test_does_not(void ** state)
{
	(void)state;
	/* The clock is well, it says nothing, or what no clock is off by. */
	check("Date: Tue, 14 Nov 2023 22:13:25 GMT", "never", "{}", 1, 403, 1);
	check(NULL, "never", "{}", 1, 403, 1);
	check("Date: Thu, 14 Nov 2024 22:13:20 GMT", "20241114T221320Z", "{}",
	    1, 403, 1);
}

/* Who has to become another first learns it there. */
static void
test_role(void ** state)
{
	(void)state;
	check("Date: Tue, 14 Nov 2023 23:13:20 GMT", "20231114T231320Z",
	    "{\"role\":\"arn:aws:iam::1:role/r\"}", 2, 200, 4);
	check("Date: Tue, 14 Nov 2023 23:13:20 GMT", "never",
	    "{\"role\":\"arn:aws:iam::1:role/r\"}", 1, -1, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learns),
		cmocka_unit_test(test_does_not),
		cmocka_unit_test(test_role),
	};

	return (cmocka_run_group_tests_name("clock_skew", tests, NULL, NULL));
}
