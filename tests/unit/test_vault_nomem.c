#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/send.h"
#include "conn/token.h"
#include "secret/vault.h"
#include "fake_vault.h"
#include "../nomem.h"
#include "manifest_text.h"

/* Every allocation from the login to the answer of a service fails once: the request
 * ends all the same, nothing is left behind, and later all is well. */

static struct loop * loop;
static struct secrets * secrets;
static struct conn_env env;
static struct manifest * m;
static struct connector * c;
static int64_t now_ms = INT64_C(1700000000000);
static int answered, status;
static struct err e;

static void
pass(int64_t ms)
{
	now_ms += ms;
	clock_set_fake(now_ms, now_ms * 1000);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * why)
{
	(void)arg;
	answered++;
	status = res ? res->status : 0;
	if (why != NULL)
		e = *why;
}

static void
make_connector(const char * auth)
{
	static char text[4096];
	json_t * cfg;

	snprintf(text, sizeof(text), "{'format': 1, 'type': 'svc', 'title': 't', "
	    "'description': 'd', 'drive_model': 'on_demand', 'config': {'url': "
	    "{'type': 'url', 'required': true, 'description': 'u'}, 'secret': "
	    "{'type': 'secret', 'required': true, 'description': 's'}}, 'auth': "
	    "%s, 'base_url': '{{config.url}}', 'entities': {'things': "
	    "{'description': 'd', 'key': ['id'], 'columns': {'id': {'type': "
	    "'integer'}}, 'lists': [{'url': '/things', 'records': '$'}]}}, "
	    "'test': {'url': '/test'}}", auth);
	m = manifest_text(text, "svc", &e);
	assert_non_null(m);
	cfg = json_pack("{s:s, s:s}", "url", "https://svc.test", "secret",
	    "vault:secret/app#token");
	c = connector_new(m, "id-1", "it", cfg, NULL, &e);
	json_decref(cfg);
	assert_non_null(c);
}

/* Send one; 0 if there was not even memory for that. */
static int
go(int with_faults, struct vault * v)
{
	static const struct send_opts none;
	struct request * r = request_test(c, &e);
	struct send * s;
	int i;

	assert_non_null(r);
	answered = 0;
	status = -1;
	nomem_armed = with_faults;
	if (v != NULL)
		vault_start(v);
	s = send_start(&env, r, &none, on_answer, NULL);
	for (i = 0; i < 40; i++)
		loop_turn(loop, 0);
	nomem_armed = 0;
	/* Whoever is still waiting is told when there is memory again. */
	for (i = 0; s != NULL && answered == 0 && i < 40; i++)
		loop_turn(loop, 0);
	request_free(r);
	return (s != NULL);
}

/* Whether the ${n}th allocation came at all. */
static int
one_round(unsigned n)
{
	struct http_opts ho = { .play = fake_vault_play };
	struct vault_opts vo = { .url = "http://vault.test", .role_id = "role",
	    .secret_id = "sid-of-vault", .cache_ms = 60000 };
	struct vault * v;
	int was;

	fake_vault_reset();
	nomem_begin(n);
	memset(&env, 0, sizeof(env));
	vo.loop = env.loop = loop = loop_new(&e);
	vo.http = env.http = http_new(loop, &ho, &e);
	vo.secrets = env.secrets = secrets = secrets_new(NULL, &e);
	env.tokens = tokens_new(&env, &e);
	v = vault_new(&vo, &e);
	assert_non_null(v);
	secrets_vault(secrets, v);
	was = go(1, v);
	if (was)
		assert_int_equal(answered, 1);
	if (status != 200 && was && e.cls == ERR_CONFIG)
		fail_msg("%u: %s", n, e.msg);
	/* A token that failed is not asked for at once. */
	pass(31000);
	assert_true(go(0, NULL));
	if (status != 200)
		fail_msg("%u: %d %s", n, status, e.msg);
	tokens_free(env.tokens);
	secrets_free(secrets);
	vault_free(v);
	http_free(env.http);
	loop_free(loop);
	return (nomem_count >= n);
}

static void
all_rounds(const char * auth)
{
	unsigned n;

	log_setup(LOG_ERROR, LOG_JSON);
	pass(0);
	make_connector(auth);
	for (n = 1; one_round(n); n++)
		assert_true(n < 5000);
	/* It was not nothing. */
	assert_true(n > 40);
	connector_unref(c);
	manifest_unref(m);
	clock_set_fake(-1, -1);
}

static void
test_header(void ** state)
{
	(void)state;
	all_rounds("{'kind': 'bearer', 'token': '{{config.secret}}'}");
}

static void
test_fetched(void ** state)
{
	(void)state;
	all_rounds("{'kind': 'token', 'request': {'url': '/token', 'form': {"
	    "'client_secret': '{{config.secret}}'}}, 'token': 'access_token', "
	    "'expires_in': 'expires_in'}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_fetched),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
