#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conn/secret_scrub.h"
#include "conn/send.h"
#include "conn/token_internal.h"

/* Requests and what is fetched before them; the service is the function below. */

static const char config_schema[] =
"'config': {'url': {'type': 'url', 'required': true, 'description': 'u'},"
" 'id': {'type': 'string', 'default': 'me', 'description': 'i'},"
" 'region': {'type': 'string', 'default': 'eu-1', 'description': 'r'},"
" 'role': {'type': 'string', 'description': 'r'},"
" 'secret': {'type': 'secret', 'required': true, 'description': 's'}},";

struct seen {
	char text[4096];
};
static struct seen seen[32];
static size_t nseen, nfetch, napi;

static struct loop * loop;
static struct http * http;
static struct secrets * secrets;
static struct manifest * m;
static struct connector * c;
static struct conn_env env;

/* What the service says. */
static int fetch_status;
static const char * fetch_body;
static int refuse; /* so many API calls are answered 401 */
static int64_t now_ms;
static struct send * leaves; /* once a token is asked for */

static int
play(void * arg, const struct http_req * req, struct http_played * a,
    struct err * e)
{
	struct seen * s = &seen[nseen];
	size_t i, n;

	(void)arg;
	(void)e;
	assert_true(nseen++ < 32);
	n = (size_t)snprintf(s->text, sizeof(s->text), "%s %s\n", req->method ?
	    req->method : "GET", req->url);
	for (i = 0; req->headers != NULL && req->headers[i] != NULL; i++)
		n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "%s\n",
		    req->headers[i]);
	snprintf(s->text + n, sizeof(s->text) - n, "\n%.*s",
	    (int)req->body_len, req->body ? (const char *)req->body : "");
	memset(a, 0, sizeof(*a));
	a->body = "{\"ok\": true}";
	a->status = 200;
	if (strstr(req->url, "/token") != NULL) {
		nfetch++;
		send_cancel(leaves);
		leaves = NULL;
		a->status = fetch_status;
		a->body = fetch_body;
	} else if (++napi && refuse > 0) {
		refuse--;
		a->status = 401;
	}
	a->body_len = strlen(a->body);
	return (0);
}

static void
pass(int64_t ms)
{
	now_ms += ms;
	clock_set_fake(now_ms, now_ms * 1000);
}

static int
setup(void ** state)
{
	struct http_opts opts = { .play = play };
	struct err e;

	(void)state;
	nseen = nfetch = napi = 0;
	refuse = 0;
	fetch_status = 200;
	fetch_body = "{\"access_token\": \"tok-1\", \"expires_in\": 3600}";
	now_ms = INT64_C(1700000000000);
	pass(0);
	setenv("SEND_TEST", "hush-hush", 1);
	memset(&env, 0, sizeof(env));
	env.loop = loop = loop_new(&e);
	env.http = http = http_new(loop, &opts, &e);
	env.secrets = secrets = secrets_new(NULL, &e);
	env.tokens = tokens_new(&env, &e);
	assert_non_null(env.tokens);
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	tokens_free(env.tokens);
	connector_unref(c);
	manifest_unref(m);
	m = NULL;
	c = NULL;
	secrets_free(secrets);
	http_free(http);
	loop_free(loop);
	clock_set_fake(-1, -1);
	return (0);
}

/* A connector of a manifest with this auth (and perhaps more). */
static void
with_auth(const char * auth, const char * more, const char * config)
{
	static char text[16384];
	json_t * cfg;
	struct err e;
	char * p;

	snprintf(text, sizeof(text), "{'format': 1, 'type': 'svc', 'title': 't', "
	    "'description': 'd', 'drive_model': 'on_demand', %s 'auth': %s, %s "
	    "'entities': {'things': {'description': 'd', 'key': ['id'], "
	    "'columns': {'id': {'type': 'integer'}, 'zone': {'type': 'text', "
	    "'input': true, 'default': '{{config.region}}'}}, 'lists': [{'url': "
	    "'/things', 'records': '$'}]}}, 'test': {'url': '/test?a=1'}}",
	    config_schema, auth, more);
	for (p = text; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	if ((m = manifest_parse(text, strlen(text), "svc", &e)) == NULL)
		fail_msg("%s", e.msg);
	cfg = json_loads(config ? config : "{\"url\": \"https://svc.test\", "
	    "\"secret\": \"$env:SEND_TEST\"}", 0, NULL);
	c = connector_new(m, "id-1", "it", cfg, NULL, &e);
	json_decref(cfg);
	if (c == NULL)
		fail_msg("%s", e.msg);
}

struct outcome {
	int calls, status;
	struct err e;
};

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct outcome * o = arg;

	o->calls++;
	o->status = res ? res->status : 0;
	if (e != NULL)
		o->e = *e;
}

static struct request *
request(void)
{
	struct request * r;
	struct err e;

	if ((r = request_test(c, &e)) == NULL)
		fail_msg("%s", e.msg);
	return (r);
}

static void
settle(void)
{
	int i;

	for (i = 0; i < 20; i++)
		loop_turn(loop, 0);
}

static struct outcome
go(void)
{
	static const struct send_opts none;
	struct outcome o = { .calls = 0 };
	struct request * r = request();

	assert_non_null(send_start(&env, r, &none, on_answer, &o));
	assert_int_equal(o.calls, 0);
	settle();
	assert_int_equal(o.calls, 1);
	request_free(r);
	return (o);
}

#define CLIENT "{'kind': 'token', 'request': {'url': '/token', 'form': {" \
    "'grant_type': 'client_credentials', 'client_id': '{{config.id}}', " \
    "'client_secret': '{{config.secret}}', 'role': '{{config.role}}'}}, " \
    "'token': 'access_token', 'expires_in': 'expires_in'}"
#define BASE "'base_url': '{{config.url}}',"

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

static void
test_base_url(void ** state)
{
	struct buf out = BUF_INIT(4096);
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
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_client_credentials), T(test_basic_and_json),
		T(test_single_flight), T(test_refused_once),
		T(test_refresh_rule), T(test_failures), T(test_changed_secret),
		T(test_sealed_and_scrubbed), T(test_base_url),
		T(test_base_url_or),
		T(test_signature), T(test_assume_role), T(test_key_in_query),
		T(test_jwt), T(test_many_entries),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
