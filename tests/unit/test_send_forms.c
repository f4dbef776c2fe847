/* Requests: their base, and what is signed or put into the query. */

#include "send_fixture.h"

static void
test_base_url(void ** state)
{
	struct buf out = BUF_INIT(4096);
	struct outcome got;
	struct request * r;

	(void)state;
	with_auth("{'kind': 'token', 'request': {'url': "
	    "'{{config.url}}/token', 'form': {'a': 'b'}}, 'token': 't', "
	    "'base_url': 'instance_url', 'lives_s': 60}",
	    "'base_url': '{{token.base_url}}/v1',", NULL);
	fetch_body = "{\"t\": \"x\", \"instance_url\": \"https://eu7.test/\"}";
	r = request();
	request_show(r, &out);
	assert_null(strstr(out.p, "svc.test"));
	buf_free(&out);
	request_free(r);
	assert_int_equal(go().status, 200);
	assert_non_null(strstr(seen[1].text, "GET https://eu7.test/v1/test?a=1"));
	/* It moves. */
	pass(61000);
	fetch_body = "{\"t\": \"x\", \"instance_url\": \"https://u.test\"}";
	r = request();
	assert_string_equal(r->url, "https://eu7.test/v1/test?a=1");
	request_free(r);
	go();
	assert_non_null(strstr(seen[3].text, "GET https://u.test/v1/test?a=1"));
	pass(61000);
	fetch_body = "{\"t\": \"x\", \"instance_url\": \"https://a@b.test\"}";
	assert_int_equal(go().e.cls, ERR_PERMANENT);
	/* What came over TLS does not go on without it. */
	pass(61000);
	fetch_body = "{\"t\": \"x\", \"instance_url\": \"http://u.test\"}";
	nseen = 0;
	got = go();
	assert_int_equal(got.e.cls, ERR_PERMANENT);
	assert_non_null(strstr(got.e.msg, "TLS"));
	assert_int_equal(nseen, 1);
}

/* What stands in for the token's words is shown until they are known, not asked. */
static void
test_base_url_or(void ** state)
{
	struct request * r;

	(void)state;
	with_auth("{'kind': 'token', 'request': {'url': "
	    "'{{config.url}}/token', 'form': {'a': 'b'}}, 'token': 't', "
	    "'base_url': 'instance_url', 'lives_s': 60}",
	    "'base_url': '{{token.base_url}}', 'base_url_or': "
	    "'{{config.url}}',", NULL);
	fetch_body = "{\"t\": \"x\", \"instance_url\": \"https://e.test/\"}";
	r = request();
	assert_string_equal(r->url, "https://svc.test/test?a=1");
	request_free(r);
	assert_int_equal(go().status, 200);
	assert_int_equal(nseen, 2);
	assert_non_null(strstr(seen[1].text, "GET https://e.test/test?a=1"));
	r = request();
	assert_string_equal(r->url, "https://e.test/test?a=1");
	request_free(r);
}

/* OVH's own example. */
static void
test_signature(void ** state)
{
	struct buf out = BUF_INIT(4096);
	struct request * r;

	(void)state;
	setenv("SEND_TEST", "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF", 1);
	with_auth("{'kind': 'signature', 'headers': {'X-Ovh-Timestamp': "
	    "'{{timestamp}}', 'X-Ovh-Signature': '$1${{signature}}'}, 'sign': {"
	    "'algorithm': 'sha1', 'text': '{{config.secret}}+{{config.id}}+"
	    "{{method}}+{{url}}+{{body}}+{{timestamp}}'}, 'clock': "
	    "'/token/time'}", BASE, "{\"url\": \"https://eu.api.ovh.com/1.0\", "
	    "\"id\": \"MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1\", \"secret\": "
	    "\"$env:SEND_TEST\"}");
	/* Their clock is 100 s behind. */
	fetch_body = "1366560945";
	pass(1366561045500 - now_ms);
	r = request();
	free(r->url);
	r->url = strdup("https://eu.api.ovh.com/1.0/domains/");
	request_show(r, &out);
	assert_null(strstr(out.p, "EXEg"));
	buf_free(&out);
	{
		static const struct send_opts none;
		struct outcome o = { .calls = 0 };

		send_start(&env, r, &none, on_answer, &o);
		settle();
		assert_int_equal(o.status, 200);
	}
	request_free(r);
	assert_string_equal(seen[1].text,
	    "GET https://eu.api.ovh.com/1.0/domains/\n"
	    "X-Ovh-Timestamp: 1366560945\nX-Ovh-Signature: "
	    "$1$d3705e8afb27a0d2970a322b96550abfc67bb798\n\n");
}

static void
test_assume_role(void ** state)
{
	(void)state;
	with_auth("{'kind': 'sigv4', 'access_key': '{{config.id}}', "
	    "'secret_key': '{{config.secret}}', 'region': '{{in.zone ?? "
	    "config.region}}', 'service': 'ec2', 'assume_role': {'role_arn': "
	    "'{{config.role}}', 'url': '{{config.url}}/token'}}", BASE,
	    "{\"url\": \"https://svc.test\", \"secret\": \"$env:SEND_TEST\", "
	    "\"role\": \"arn:aws:iam::1:role/r\"}");
	fetch_body = "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
	    "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s3cr+t/"
	    "</SecretAccessKey><SessionToken>sess==</SessionToken>"
	    "<Expiration>2023-11-14T23:13:20Z</Expiration></Credentials>"
	    "</AssumeRoleResult></AssumeRoleResponse>";
	assert_int_equal(go().status, 200);
	assert_non_null(strstr(seen[0].text, "Credential=me/20231114/us-east-1/"
	    "sts/aws4_request"));
	assert_non_null(strstr(seen[0].text, "RoleArn=arn%3Aaws%3Aiam%3A%3A1"
	    "%3Arole%2Fr"));
	assert_non_null(strstr(seen[1].text, "Credential=ASIA1/20231114/eu-1/"
	    "ec2/aws4_request"));
	assert_non_null(strstr(seen[1].text, "X-Amz-Security-Token: sess==\n"));
	go();
	assert_int_equal(nfetch, 1);
	/* Without a role nothing is asked. */
	connector_unref(c);
	{
		json_t * cfg = json_loads("{\"url\": \"https://svc.test\", "
		    "\"secret\": \"$env:SEND_TEST\"}", 0, NULL);
		struct err e;

		c = connector_new(m, "id-2", "it", cfg, NULL, &e);
		json_decref(cfg);
	}
	go();
	assert_int_equal(nfetch, 1);
	assert_non_null(strstr(seen[nseen - 1].text, "Credential=me/"));
	assert_null(strstr(seen[nseen - 1].text, "hush"));
}

static void
test_key_in_query(void ** state)
{
	static const char * const given[][2] = {
		{ "https://a/x?key=1", "https://a/x" },
		{ "https://a/x?key=1&p=2", "https://a/x?p=2" },
		{ "https://a/x?p=2&key=1#f", "https://a/x?p=2#f" },
		{ "https://a/x?key=1&k2=&key=3", "https://a/x" },
		{ "https://a/x?keys=1&akey=2", "https://a/x?keys=1&akey=2" },
		{ "https://a/key=1", "https://a/key=1" },
	};
	struct buf out = BUF_INIT(4096);
	struct request * r;
	char url[100];
	size_t i;

	(void)state;
	setenv("SEND_TEST", "a b&c", 1);
	with_auth("{'kind': 'headers', 'headers': {'X-Id': '{{config.id}}', "
	    "'Cookie': 'sid={{config.secret}}'}, "
	    "'query': {'key': '{{config.secret}}', 'k2': 'v'}}", BASE, NULL);
	assert_int_equal(go().status, 200);
	assert_string_equal(seen[0].text, "GET https://svc.test/test?a=1&"
	    "key=a%20b%26c&k2=v\nX-Id: me\nCookie: sid=a b&c\n\n");
	r = request();
	request_show(r, &out);
	assert_string_equal(out.p, "GET https://svc.test/test?a=1&key=$env:"
	    "SEND_TEST&k2=v\nX-Id: me\nCookie: sid=$env:SEND_TEST");
	buf_clear(&out);
	request_key(r, &out);
	assert_null(strstr(out.p, "key="));
	buf_free(&out);
	/* A service gives them back. */
	for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		snprintf(url, sizeof(url), "%s", given[i][0]);
		request_hide(r, url);
		assert_string_equal(url, given[i][1]);
	}
	request_free(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_base_url),
		T(test_base_url_or),
		T(test_signature),
		T(test_assume_role),
		T(test_key_in_query),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
