/* Requests, and the tokens that are fetched before them. */

#include "send_fixture.h"

static void
test_client_credentials(void ** state)
{
	(void)state;
	with_auth(CLIENT, BASE, NULL);
	assert_int_equal(go().status, 200);
	assert_int_equal(nseen, 2);
	assert_string_equal(seen[0].text, "POST https://svc.test/token\n"
	    "Accept: application/json\n"
	    "Content-Type: application/x-www-form-urlencoded\n\n"
	    "grant_type=client_credentials&client_id=me&client_secret="
	    "hush-hush");
	assert_string_equal(seen[1].text, "GET https://svc.test/test?a=1\n"
	    "Authorization: Bearer tok-1\n\n");
	/* Kept. */
	assert_int_equal(go().status, 200);
	assert_int_equal(nfetch, 1);
	/* Until five minutes before it ends. */
	pass(3600000 - 300000 - 1000);
	go();
	assert_int_equal(nfetch, 1);
	pass(2000);
	go();
	assert_int_equal(nfetch, 2);
}

static void
test_basic_and_json(void ** state)
{
	(void)state;
	with_auth("{'kind': 'token', 'request': {'url': '/token', 'json': {"
	    "'k': '{{config.secret}}'}, 'basic': {'username': 'u', 'password': "
	    "'{{config.secret}}'}, 'headers': {'X-A': 'b'}}, 'token': "
	    "'data[0].t', 'expires_at': 'until', 'use': {'X-Session': 'S "
	    "{{token}}'}}", BASE, NULL);
	fetch_body = "{\"data\": [{\"t\": \"abc\"}], \"until\": "
	    "\"2023-11-14T22:14:20Z\"}"; /* in a minute */
	assert_int_equal(go().status, 200);
	assert_string_equal(seen[0].text, "POST https://svc.test/token\n"
	    "Accept: application/json\nX-A: b\nContent-Type: application/json\n"
	    "Authorization: Basic dTpodXNoLWh1c2g=\n\n{\"k\":\"hush-hush\"}");
	assert_non_null(strstr(seen[1].text, "\nX-Session: S abc\n"));
	/* At least half a minute before. */
	pass(29000);
	go();
	assert_int_equal(nfetch, 1);
	pass(2000);
	go();
	assert_int_equal(nfetch, 2);
}

static void
test_single_flight(void ** state)
{
	static const struct send_opts none;
	struct outcome o[8];
	struct request * r[8];
	struct send * s[8];
	size_t i;

	(void)state;
	with_auth(CLIENT, BASE, NULL);
	memset(o, 0, sizeof(o));
	for (i = 0; i < 8; i++) {
		r[i] = request();
		s[i] = send_start(&env, r[i], &none, on_answer, &o[i]);
	}
	/* The first, one in the middle and the last go away. */
	send_cancel(s[0]);
	send_cancel(s[3]);
	send_cancel(s[7]);
	send_cancel(NULL);
	settle();
	assert_int_equal(nfetch, 1);
	assert_int_equal(napi, 5);
	for (i = 0; i < 8; i++) {
		assert_int_equal(o[i].calls, i != 0 && i != 3 && i != 7);
		request_free(r[i]);
	}
	/* Who waited may go while it is fetched. */
	memset(o, 0, sizeof(o));
	pass(3600000);
	r[0] = request();
	leaves = send_start(&env, r[0], &none, on_answer, &o[0]);
	settle();
	assert_null(leaves);
	assert_int_equal(o[0].calls, 0);
	request_free(r[0]);
	assert_int_equal(go().status, 200);
	assert_int_equal(nfetch, 2);
}

static void
test_refused_once(void ** state)
{
	(void)state;
	with_auth(CLIENT, BASE, NULL);
	refuse = 1;
	assert_int_equal(go().status, 200);
	assert_int_equal(nfetch, 2);
	assert_int_equal(napi, 2);
	/* No more than once. */
	refuse = 9;
	assert_int_equal(go().status, 401);
	assert_int_equal(nfetch, 3);
	assert_int_equal(napi, 4);
	/* What stands in the config is not tried again. */
	refuse = 1;
	connector_unref(c);
	manifest_unref(m);
	with_auth("{'kind': 'bearer', 'token': '{{config.secret}}'}", BASE,
	    NULL);
	assert_int_equal(go().status, 401);
	assert_int_equal(napi, 5);
}

static void
test_refresh_rule(void ** state)
{
	static const char rule[] = "'errors': [{'status': [403], 'path': 'ok', "
	    "'do': 'refresh'}], " BASE;
	struct request * r;
	struct err e;

	(void)state;
	with_auth(CLIENT, rule, NULL);
	assert_int_equal(go().status, 200);
	r = request();
	/* One that stands in a good answer: the next try has another. */
	err_set(&e, ERR_CONFIG, "token_refused", "no");
	send_judged(&env, r, &e);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	go();
	assert_int_equal(nfetch, 2);
	/* One that was refused with a new token, too. */
	r->is_refused = 1;
	err_set(&e, ERR_CONFIG, "token_refused", "no");
	send_judged(&env, r, &e);
	assert_int_equal(e.cls, ERR_CONFIG);
	request_free(r);
}

static void
test_failures(void ** state)
{
	struct outcome o;

	(void)state;
	with_auth(CLIENT, BASE, NULL);
	fetch_status = 400;
	fetch_body = "{\"error\": \"invalid_client\", \"error_description\": "
	    "\"no such client; you sent hush-hush\"}";
	o = go();
	assert_int_equal(o.e.cls, ERR_CONFIG);
	assert_string_equal(o.e.code, "token");
	assert_non_null(strstr(o.e.msg, "https://svc.test/token"));
	assert_non_null(strstr(o.e.msg, "no such client"));
	assert_null(strstr(o.e.msg, "hush-hush"));
	/* Told again without asking, for a while. */
	o = go();
	assert_int_equal(o.e.cls, ERR_CONFIG);
	assert_int_equal(nfetch, 1);
	pass(31000);
	go();
	assert_int_equal(nfetch, 2);
	pass(31000);
	fetch_status = 503;
	fetch_body = "busy";
	o = go();
	assert_int_equal(o.e.cls, ERR_TRANSIENT);
	assert_int_equal(nfetch, 3);
	pass(2100);
	fetch_status = 200;
	fetch_body = "{\"access_token\": \"bad\\nvalue\"}";
	o = go();
	assert_int_equal(o.e.cls, ERR_PERMANENT);
	assert_null(strstr(o.e.msg, "bad"));
	assert_int_equal(napi, 0);
	/* A good one is kept while others cannot be had. */
	pass(31000);
	fetch_body = "{\"access_token\": \"tok-1\", \"expires_in\": 3600}";
	assert_int_equal(go().status, 200);
	pass(3400000);
	fetch_status = 500;
	assert_int_equal(go().status, 200);
	assert_non_null(strstr(seen[nseen - 1].text, "Bearer tok-1"));
	pass(300000);
	assert_int_equal(go().e.cls, ERR_TRANSIENT);
}

/* Another secret, another token. */
static void
test_changed_secret(void ** state)
{
	struct secret_key key = { .k = { 1 } };
	struct buf b = BUF_INIT(1000);
	struct err e;

	(void)state;
	with_auth(CLIENT, BASE, "{\"url\": \"https://svc.test\", \"secret\": "
	    "\"{{secrets.s}}\"}");
	secrets_key(secrets, &key);
	assert_int_equal(secret_box_seal(&key, "s", "one-one", 7, &b, &e), 0);
	assert_int_equal(secrets_put(secrets, "s", b.p, &e), 0);
	go();
	assert_int_equal(secrets_put(secrets, "other", b.p, &e), 0);
	go();
	assert_int_equal(nfetch, 1);
	buf_free(&b);
	assert_int_equal(secret_box_seal(&key, "s", "two-two", 7, &b, &e), 0);
	assert_int_equal(secrets_put(secrets, "s", b.p, &e), 0);
	buf_free(&b);
	go();
	assert_int_equal(nfetch, 2);
	assert_non_null(strstr(seen[3].text, "two-two"));
}

static void
test_sealed_and_scrubbed(void ** state)
{
	struct token_entry * x;
	struct err e;

	(void)state;
	with_auth(CLIENT, BASE, NULL);
	fetch_body = "{\"access_token\": \"very-secret-token\"}";
	go();
	x = env.tokens->all;
	assert_non_null(x->sealed);
	assert_null(strstr(x->sealed, "very-secret"));
	assert_null(strstr(x->key, "hush"));
	err_set(&e, ERR_PERMANENT, "x", "you sent very-secret-token, why?");
	secret_scrub(secrets, c->config, &e);
	assert_string_equal(e.msg, "you sent ***, why?");
}

/* A service account's file, whole, as the key. */
static void
test_jwt(void ** state)
{
	static const char file[] = "{\"private_key\": \"k3y\", "
	    "\"private_key_id\": \"kid-1\", \"client_email\": \"a@b\"}";
	const char * p;

	(void)state;
	setenv("SEND_TEST", file, 1);
	with_auth("{'kind': 'token', 'jwt': {'alg': 'HS256', 'key': "
	    "'{{config.secret}}', 'claims': {'iss': '{{config.role}}', 'aud': "
	    "'{{config.url}}', 'iat': '{{now_s}}', 'exp': '{{now_s+600}}'}}, "
	    "'request': {'url': '/token', 'form': {'assertion': '{{jwt}}'}}, "
	    "'token': 'access_token'}", BASE, NULL);
	assert_int_equal(go().status, 200);
	p = strstr(seen[0].text, "assertion=");
	assert_non_null(p);
	/* {"alg":"HS256","typ":"JWT","kid":"kid-1"} */
	assert_non_null(strstr(p, "assertion=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCI"
	    "sImtpZCI6ImtpZC0xIn0."));
	/* {"aud":"https://svc.test","iat":1700000000,"exp":1700000600,"iss":
	 * "a@b"} */
	assert_non_null(strstr(p, ".eyJhdWQiOiJodHRwczovL3N2Yy50ZXN0IiwiaWF0Ijox"
	    "NzAwMDAwMDAwLCJleHAiOjE3MDAwMDA2MDAsImlzcyI6ImFAYiJ9."));
	/* Without a request it is the token itself. */
	connector_unref(c);
	manifest_unref(m);
	setenv("SEND_TEST", "plain-key", 1);
	with_auth("{'kind': 'token', 'jwt': {'alg': 'HS256', 'key': "
	    "'{{config.secret}}', 'claims': {'iss': 'x'}}, 'lives_s': 300}",
	    BASE, NULL);
	nfetch = 0;
	assert_int_equal(go().status, 200);
	assert_int_equal(nfetch, 0);
	assert_non_null(strstr(seen[nseen - 1].text, "Bearer eyJhbGci"));
	/* What is no key says so, and shows nothing of it. */
	connector_unref(c);
	manifest_unref(m);
	setenv("SEND_TEST", "{\"x\": \"hush\"}", 1);
	with_auth("{'kind': 'token', 'jwt': {'alg': 'HS256', 'key': "
	    "'{{config.secret}}', 'claims': {'iss': 'y'}}, 'lives_s': 300}",
	    BASE, NULL);
	assert_non_null(strstr(go().e.msg, "private_key"));
}

static void
test_many_entries(void ** state)
{
	json_t * cfg = json_loads("{\"url\": \"https://svc.test\", \"secret\": "
	    "\"$env:SEND_TEST\"}", 0, NULL);
	char id[32];
	struct err e;
	int i;

	(void)state;
	with_auth(CLIENT, BASE, NULL);
	for (i = 0; i < 600; i++) {
		connector_unref(c);
		snprintf(id, sizeof(id), "id-%d", i);
		c = connector_new(m, id, "it", cfg, NULL, &e);
		nseen = 0;
		go();
		pass(3700000);
	}
	/* What nobody asks for any more goes. */
	assert_true(HASH_COUNT(env.tokens->all) <= 257);
	json_decref(cfg);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_client_credentials), T(test_basic_and_json),
		T(test_single_flight), T(test_refused_once),
		T(test_refresh_rule), T(test_failures), T(test_changed_secret),
		T(test_sealed_and_scrubbed),
		T(test_jwt), T(test_many_entries),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
