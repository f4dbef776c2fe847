/* Secrets of a Vault in the hands of those who need them. */

#include "manifest_text.h"
#include "vault_fixture.h"
#include "target/elastic_call.h"

static void
with_auth(const char * auth, const char * ref)
{
	static char text[8192];
	json_t * cfg;
	struct err why;

	connector_unref(c);
	manifest_unref(m);
	snprintf(text, sizeof(text), "{'format': 1, 'type': 'svc', 'title': 't', "
	    "'description': 'd', 'drive_model': 'on_demand', 'config': {'url': "
	    "{'type': 'url', 'required': true, 'description': 'u'}, 'secret': "
	    "{'type': 'secret', 'required': true, 'description': 's'}}, "
	    "'auth': %s, 'base_url': '{{config.url}}', 'entities': {'things': "
	    "{'description': 'd', 'key': ['id'], 'columns': {'id': {'type': "
	    "'integer'}}, 'lists': [{'url': '/things', 'records': '$'}]}}, "
	    "'test': {'url': '/test'}}", auth);
	if ((m = manifest_text(text, "svc", &why)) == NULL)
		fail_msg("%s", why.msg);
	cfg = json_pack("{s:s, s:s}", "url", "https://svc.test", "secret", ref);
	c = connector_new(m, "id-1", "it", cfg, NULL, &why);
	json_decref(cfg);
	if (c == NULL)
		fail_msg("%s", why.msg);
}

static int answered;

static void
on_answer(void * arg, const struct http_res * res, const struct err * why)
{
	int * status = arg;

	answered++;
	*status = res ? res->status : 0;
	if (why != NULL)
		e = *why;
}

static int
go(void)
{
	static const struct send_opts none;
	struct request * r = request_test(c, &e);
	int status = -1;

	assert_non_null(r);
	answered = 0;
	assert_non_null(send_start(&env, r, &none, on_answer, &status));
	assert_int_equal(answered, 0);
	settle();
	assert_int_equal(answered, 1);
	request_free(r);
	return (status);
}

static void
test_sent_with(void ** state)
{
	static const struct send_opts none;
	struct request * r;
	struct send * s;

	(void)state;
	start(NULL);
	with_auth("{'kind': 'bearer', 'token': '{{config.secret}}'}", APP);
	/* One that leaves while Vault is asked. */
	r = request_test(c, &e);
	s = send_start(&env, r, &none, on_answer, NULL);
	send_cancel(s);
	request_free(r);
	assert_int_equal(go(), 200);
	assert_string_equal(fake.last, "Bearer value-one");
	assert_int_equal(fake.reads, 1);
	assert_int_equal(go(), 200);
	assert_int_equal(fake.reads, 1);
	/* Another value, there and in Vault. */
	fake.token = fake.wants = "dos-value-2";
	fake.calls = 0;
	assert_int_equal(go(), 200);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(fake.reads, 2);
	/* There alone: read anew, but not at each refusal. */
	fake.wants = "tres-value-3";
	assert_int_equal(go(), 401);
	assert_int_equal(go(), 401);
	assert_int_equal(fake.reads, 2);
	pass(11000);
	assert_int_equal(go(), 401);
	assert_int_equal(fake.reads, 3);
	/* What the service cites is taken out, also the former one. */
	err_set(&e, ERR_CONFIG, "x", "who is dos-value-2, or value-one?");
	secret_scrub(secrets, c->config, &e);
	assert_string_equal(e.msg, "who is ***, or ***?");
	/* Vault away: transient, and nothing is sent. */
	pass(61000);
	fake.is_down = 1;
	fake.calls = 0;
	assert_int_equal(go(), 0);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_non_null(strstr(e.msg, "resolve: waiting for Vault"));
	assert_int_equal(fake.calls, 0);
	assert_int_equal(e.unsent, 1);
	/* Vault says no. */
	fake.is_down = 0;
	fake.denies = 1;
	pass(2000);
	assert_int_equal(go(), 0);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_non_null(strstr(e.msg, "resolve: " APP ": Vault denies"));
}

#define CLIENT "{'kind': 'token', 'request': {'url': '/token', 'form': {" \
    "'client_secret': '{{config.secret}}'}}, 'token': 'access_token', " \
    "'expires_in': 'expires_in'}"

static void
test_fetched_with(void ** state)
{
	(void)state;
	start(NULL);
	with_auth(CLIENT, APP);
	assert_int_equal(go(), 200);
	assert_string_equal(fake.last, "Bearer fetched");
	assert_int_equal(fake.calls, 2);
	/* While the token is good, Vault need not be there. */
	pass(61000);
	fake.is_down = 1;
	assert_int_equal(go(), 200);
	assert_int_equal(fake.calls, 3);
	/* It has ended, and the secret is another one. */
	fake.is_down = 0;
	pass(3600000);
	value(APP);
	fake.token = fake.wants = "value-two";
	assert_int_equal(go(), 200);
	assert_int_equal(fake.calls, 6);
	/* Another secret, another token. */
	pass(61000);
	fake.token = fake.wants = "value-3";
	value(APP);
	assert_int_equal(go(), 200);
	assert_int_equal(fake.calls, 8);
	/* Nobody can say. */
	pass(3700000);
	fake.is_down = 1;
	assert_int_equal(go(), 0);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_non_null(strstr(e.msg, "waiting for Vault"));
}

/* ---- Elasticsearch's credentials ---- */

static struct elastic *
cluster(void)
{
	struct elastic_opts o = { .loop = loop, .http = http,
	    .secrets = secrets, .url = "http://es.test", .api_key = APP };
	struct elastic * el = elastic_new(&o, &e);

	assert_non_null(el);
	return (el);
}

static int
es_go(struct elastic * el, const char * body, int stays)
{
	struct elastic_ask ask = { .path = "/_bulk", .body = body,
	    .method = "POST", .body_len = strlen(body),
	    .body_stays = stays != 0 };
	int status = -1;

	answered = 0;
	assert_non_null(elastic_call(el, &ask, on_answer, &status));
	assert_int_equal(answered, 0);
	settle();
	assert_int_equal(answered, 1);
	return (status);
}

static void
test_elasticsearch(void ** state)
{
	static const char body[] = "the body";
	struct elastic_ask ask = { .path = "/x" };
	char gone[] = "another body";
	struct elastic_call * call;
	struct elastic * el;

	(void)state;
	start(NULL);
	el = cluster();
	/* One that leaves while Vault is asked. */
	call = elastic_call(el, &ask, on_answer, NULL);
	elastic_call_cancel(call);
	assert_int_equal(es_go(el, body, 1), 200);
	assert_string_equal(fake.last, "ApiKey value-onethe body");
	assert_int_equal(fake.reads, 1);
	/* Another key: the same is sent again, also where the caller's is gone. */
	fake.token = fake.wants = "dos-value-2";
	answered = 0;
	ask.body = gone;
	ask.body_len = strlen(gone);
	assert_non_null(elastic_call(el, &ask, on_answer, &(int){ 0 }));
	memset(gone, 'x', 5);
	settle();
	assert_int_equal(answered, 1);
	assert_string_equal(fake.last, "ApiKey dos-value-2another body");
	assert_int_equal(fake.reads, 2);
	fake.wants = "none";
	assert_int_equal(es_go(el, body, 0), 401);
	/* Vault away. */
	pass(61000);
	fake.is_down = 1;
	assert_int_equal(es_go(el, body, 0), 0);
	assert_int_equal(e.cls, ERR_TRANSIENT);
	assert_non_null(strstr(e.msg, "waiting for Vault"));
	elastic_free(el);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sent_with),
		T(test_fetched_with),
		T(test_elasticsearch),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
