#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/secret_scrub.h"
#include "conn/send.h"
#include "conn/token.h"
#include "conn/vault.h"
#include "fake_vault.h"
#include "target/elastic_call.h"

/* Secrets of a Vault, which fake_vault.c plays. */

static struct loop * loop;
static struct http * http;
static struct secrets * secrets;
static struct vault * v;
static struct conn_env env;
static struct manifest * m;
static struct connector * c;
static int64_t now_ms;
static char logs[65536];
static char dir[64];
static struct err e;

static void
on_line(void * arg, const char * line)
{
	size_t n = strlen(logs);

	(void)arg;
	snprintf(logs + n, sizeof(logs) - n, "%s\n", line);
}

/* The clock is ours, but not that of timers. */
static void
pass(int64_t ms)
{
	now_ms += ms;
	clock_set_fake(now_ms, now_ms * 1000);
}

static void
settle(void)
{
	int i;

	for (i = 0; i < 40; i++)
		loop_turn(loop, 0);
}

static int
until(int (*done)(void), int ms)
{
	int64_t end = clock_mono_us() + ms * 1000;

	while (!done() && clock_mono_us() < end) {
		loop_turn(loop, 0);
		usleep(2000);
	}
	return (done());
}

static int
setup(void ** state)
{
	struct http_opts opts = { .play = fake_vault_play };

	(void)state;
	fake_vault_reset();
	now_ms = INT64_C(1700000000000);
	pass(0);
	*logs = '\0';
	log_setup(LOG_DEBUG, LOG_JSON);
	log_capture(on_line, NULL);
	snprintf(dir, sizeof(dir), "/tmp/moltler-vault-XXXXXX");
	assert_non_null(mkdtemp(dir));
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
	char path[128];

	(void)state;
	tokens_free(env.tokens);
	connector_unref(c);
	manifest_unref(m);
	m = NULL;
	c = NULL;
	secrets_free(secrets);
	vault_free(v);
	v = NULL;
	http_free(http);
	loop_free(loop);
	clock_set_fake(-1, -1);
	log_capture(NULL, NULL);
	log_setup(LOG_INFO, LOG_JSON);
	snprintf(path, sizeof(path), "%s/token", dir);
	unlink(path);
	rmdir(dir);
	/* Whatever was done, no line has a value. */
	assert_null(strstr(logs, "value-"));
	assert_null(strstr(logs, "sid-of-vault"));
	assert_null(strstr(logs, "s.tok"));
	return (0);
}

static void
start(const struct vault_opts * more)
{
	struct vault_opts o = more ? *more : (struct vault_opts){
	    .role_id = "role", .secret_id = "sid-of-vault" };

	o.loop = loop;
	o.http = http;
	o.secrets = secrets;
	o.url = "http://vault.test/";
	if (o.cache_ms == 0)
		o.cache_ms = 60000;
	if ((v = vault_new(&o, &e)) == NULL)
		fail_msg("%s", e.msg);
	secrets_vault(secrets, v);
	vault_start(v);
	settle();
}

static int ndone;

static void
on_done(void * arg)
{
	(void)arg;
	ndone++;
}

static char got[512];

/* The value, asked for if it must be; NULL with ${e}. */
static const char *
value(const char * ref)
{
	struct buf b = BUF_INIT(4096);
	char config[300];
	int rc, tries = 0;

	snprintf(config, sizeof(config), "{\"a\": [{\"b\": \"%s\"}]}", ref);
	while ((rc = secrets_resolve(secrets, ref, &b, &e)) != 0 &&
	    strcmp(e.code, SECRET_WAIT) == 0 && tries++ < 3) {
		assert_int_equal(e.cls, ERR_TRANSIENT);
		ndone = 0;
		assert_non_null(secrets_wait(secrets, config, on_done, NULL));
		assert_int_equal(ndone, 0);
		settle();
		assert_int_equal(ndone, 1);
	}
	snprintf(got, sizeof(got), "%s", b.p ? b.p : "");
	buf_wipe(&b);
	return (rc == 0 ? got : NULL);
}

static void
assert_value(const char * ref, const char * want)
{
	const char * s = value(ref);

	if (s == NULL)
		fail_msg("%s: %s", ref, e.msg);
	assert_string_equal(s, want);
}

static void
assert_no(const char * ref, enum err_class cls, const char * says)
{
	assert_null(value(ref));
	if (e.cls != cls || strstr(e.msg, says) == NULL)
		fail_msg("%s: %s: %s", ref, err_class_name(e.cls), e.msg);
	assert_string_equal(e.code, "secret");
}

#define APP "vault:secret/app#token"

static void
test_values(void ** state)
{
	(void)state;
	start(NULL);
	assert_int_equal(fake.logins, 1);
	assert_value(APP, "value-one");
	assert_value("vault:secret/app#n", "5");
	assert_value("vault:secret/app#o", "{\"a\":true}");
	assert_value("vault:old/app#token", "value-one");
	assert_no("vault:secret/app#tokn", ERR_CONFIG, "it has token, n, o, "
	    "empty");
	assert_no("vault:secret/app#none", ERR_CONFIG, "no such key");
	assert_no("vault:secret/app#empty", ERR_CONFIG, "is empty");
	assert_no("vault:secret/nix#token", ERR_CONFIG, "nothing there");
	assert_no("vault:secret/data/nix#token", ERR_CONFIG, "leave 'data/' out");
	assert_no("vault:pki/app#token", ERR_CONFIG, "type pki");
	fake.is_astray = 1;
	assert_no("vault:secret/nix2#token", ERR_TRANSIENT, "404 is none");
	assert_no("vault:app#token", ERR_CONFIG, "MOUNT/NAME");
	assert_int_equal(fake.logins, 1);
	/* Of the paths of secret/ and old/ each once. */
	assert_int_equal(fake.reads, 5);
	/* Without Vault's word on mounts the first part is one. */
	fake.no_mounts = 1;
	assert_value("vault:secret/app2#token", "value-one");
	/* A key that is too large is in nobody's way but its own. */
	fake.is_large = 1;
	assert_value("vault:secret/app3#token", "value-one");
	assert_no("vault:secret/app3#large", ERR_CONFIG, "64 KiB");
}

static void
test_not_configured(void ** state)
{
	(void)state;
	assert_no(APP, ERR_CONFIG, "[vault]");
	assert_null(secrets_wait(secrets, "\"" APP "\"", on_done, NULL));
	assert_int_equal(secrets_refused(secrets, "\"" APP "\"", 0), 0);
	/* The literal of another kind is none of its own, either. */
	assert_int_equal(secret_is_ref("vault:secret/app"), 0);
}

static void
test_one_flight(void ** state)
{
	static const char both[] = "[\"" APP "\", \"vault:secret/app#n\", "
	    "\"vault:old/app#token\", \"$env:X\", 7]";
	struct vault_wait * w[50];
	size_t i;

	(void)state;
	start(NULL);
	ndone = 0;
	for (i = 0; i < 50; i++)
		w[i] = secrets_wait(secrets, both, on_done, NULL);
	vault_wait_cancel(w[0]);
	vault_wait_cancel(w[7]);
	vault_wait_cancel(w[49]);
	vault_wait_cancel(NULL);
	settle();
	assert_int_equal(ndone, 47);
	assert_int_equal(fake.reads, 2);
	assert_int_equal(fake.mounts, 2);
	/* There already: still not before it returns. */
	w[0] = secrets_wait(secrets, both, on_done, NULL);
	assert_int_equal(ndone, 47);
	settle();
	assert_int_equal(ndone, 48);
	w[0] = secrets_wait(secrets, both, on_done, NULL);
	vault_wait_cancel(w[0]);
	assert_int_equal(fake.reads, 2);
	/* And while it waits the whole may end. */
	pass(61000);
	w[0] = secrets_wait(secrets, both, on_done, NULL);
	vault_wait_cancel(w[0]);
}

static void
test_cache(void ** state)
{
	uint64_t was;

	(void)state;
	start(NULL);
	assert_value(APP, "value-one");
	was = secrets_changes(secrets);
	fake.token = "value-two";
	pass(40000);
	assert_value(APP, "value-one");
	settle();
	assert_int_equal(fake.reads, 1);
	/* From three quarters on it is read for the next one. */
	pass(6000);
	assert_value(APP, "value-one");
	settle();
	assert_int_equal(fake.reads, 2);
	assert_value(APP, "value-two");
	assert_true(secrets_changes(secrets) > was);
	was = secrets_changes(secrets);
	/* Nobody asked for a while: it is not used beyond its end. */
	pass(61000);
	fake.is_down = 1;
	assert_no(APP, ERR_TRANSIENT, "waiting for Vault: http://vault.test");
	fake.is_down = 0;
	pass(1100);
	assert_value(APP, "value-two");
	assert_int_equal(secrets_changes(secrets), was);
	/* A Vault that is away for a moment is not noticed. */
	pass(50000);
	fake.is_down = 1;
	assert_value(APP, "value-two");
	settle();
	assert_value(APP, "value-two");
	fake.is_down = 0;
	pass(6000);
	value(APP);
	settle();
	pass(20000);
	assert_value(APP, "value-two");
	/* But one that takes it back is heard at once. */
	fake.denies = 1;
	pass(30000);
	assert_value(APP, "value-two");
	settle();
	assert_no(APP, ERR_CONFIG, "policies");
	/* No longer than told. */
	fake.denies = 0;
	fake.data_lease_s = 10;
	pass(2100);
	assert_value(APP, "value-two");
	pass(10001);
	fake.is_down = 1;
	assert_no(APP, ERR_TRANSIENT, "waiting for Vault");
}

static void
test_denied_or_void(void ** state)
{
	struct vault_stats st;

	(void)state;
	start(NULL);
	assert_value(APP, "value-one");
	vault_stats_get(v, &st);
	assert_int_equal(st.up, 1);
	/* A policy: Vault knows the token. */
	pass(61000);
	fake.denies = 1;
	assert_no(APP, ERR_CONFIG, "policies");
	assert_int_equal(fake.logins, 1);
	assert_int_equal(fake.lookups, 1);
	assert_int_equal(fake.reads, 2);
	vault_stats_get(v, &st);
	assert_int_equal(st.up, 1);
	/* Revoked: it does not. */
	fake.denies = 0;
	fake.is_void = 1;
	pass(2100);
	assert_value(APP, "value-one");
	assert_int_equal(fake.logins, 2);
	/* Both. */
	fake.is_void = 1;
	fake.denies = 1;
	pass(61000);
	assert_no(APP, ERR_CONFIG, "policies");
	assert_int_equal(fake.logins, 3);
	/* Revoked, and nobody is let in: nothing was said about the secret. */
	fake.is_void = 1;
	fake.cites = "we have heard of sid-of-vault";
	pass(2100);
	assert_no(APP, ERR_TRANSIENT, "waiting for Vault: it refuses role_id");
	assert_null(strstr(e.msg, "sid-of"));
	vault_stats_get(v, &st);
	assert_int_equal(st.up, 0);
	assert_true(st.errors > 0);
}

static void
test_sealed(void ** state)
{
	(void)state;
	fake.is_sealed = 1;
	start(NULL);
	assert_non_null(strstr(logs, "vault_away"));
	assert_no(APP, ERR_TRANSIENT, "answered 503: Vault is sealed");
	/* Not asked again for each who needs it. */
	fake.is_sealed = 0;
	assert_no(APP, ERR_TRANSIENT, "sealed");
	pass(1100);
	assert_value(APP, "value-one");
	assert_non_null(strstr(logs, "vault_ready"));
	/* What is no Vault's answer. */
	pass(61000);
	fake.whole = "<html>value-x";
	assert_no(APP, ERR_TRANSIENT, "waiting for Vault: Vault's answer");
	pass(1100);
	fake.whole = "{\"data\": {\"data\": null, \"metadata\": {}}}";
	assert_no(APP, ERR_CONFIG, "deleted");
	/* SIGHUP asks at once. */
	fake.whole = NULL;
	vault_forget(v);
	assert_value(APP, "value-one");
	vault_forget(NULL);
}

/* ---- the token's life: timers go by the real clock ---- */

static int
renewed(void)
{
	return (fake.renewals >= 2);
}

static int
logged_in_thrice(void)
{
	return (fake.logins >= 3);
}

static void
test_life(void ** state)
{
	(void)state;
	clock_set_fake(-1, -1);
	fake.lease_s = fake.renewed_s = 1;
	start(NULL);
	assert_true(until(renewed, 5000));
	assert_int_equal(fake.logins, 1);
	assert_value(APP, "value-one");
	/* Vault does not prolong it any more. */
	fake.renewed_s = -1;
	assert_true(until(logged_in_thrice, 5000));
	assert_value(APP, "value-one");
	/* It cannot be renewed at all. */
	fake.renewable = 0;
	fake.renewals = fake.logins = 0;
	assert_true(until(logged_in_thrice, 5000));
	assert_true(fake.renewals <= 1);
}

static void
put_token(const char * text, mode_t mode)
{
	char path[128];
	FILE * f;

	snprintf(path, sizeof(path), "%s/token", dir);
	unlink(path);
	f = fopen(path, "we");
	assert_non_null(f);
	fchmod(fileno(f), mode);
	fprintf(f, "%s\n", text);
	fclose(f);
}

static void
test_token_file(void ** state)
{
	char path[128];
	struct vault_opts o = { .token_file = path, .ns = "team/a" };

	(void)state;
	snprintf(path, sizeof(path), "%s/token", dir);
	/* Its agent is late. */
	start(&o);
	assert_no(APP, ERR_TRANSIENT, "No such file");
	put_token("s.tok0", 0644);
	pass(1100);
	assert_no(APP, ERR_TRANSIENT, "chmod 600");
	put_token("s.tok0", 0600);
	pass(1100);
	assert_value(APP, "value-one");
	assert_string_equal(fake.ns, "team/a");
	assert_int_equal(fake.logins, 0);
	/* Revoked; nothing to go on with. */
	fake.is_void = 1;
	pass(61000);
	assert_no(APP, ERR_TRANSIENT, "it refuses our token");
	pass(1100);
	fake.is_void = 0;
	fake.logins = 7;
	put_token("s.tok7", 0600);
	assert_value(APP, "value-one");
	/* Another one in its place is found when the old one is refused. */
	put_token("s.tok8", 0600);
	fake.logins = 8;
	pass(61000);
	assert_value(APP, "value-one");
}

static void
test_settings(void ** state)
{
	static const struct {
		struct vault_opts o;
		const char * says;
	} bad[] = {
		{ { .url = "vault.test", .token = "t" }, "url must be" },
		{ { .url = "http://", .token = "t" }, "url must be" },
		{ { .url = "http://a@b", .token = "t" }, "url must be" },
		{ { .url = "http://b/?x", .token = "t" }, "url must be" },
		{ { .url = "http://b" }, "there is none" },
		{ { .url = "http://b", .token = "t", .role_id = "r" },
		    "several" },
		{ { .url = "http://b", .token = "t", .secret_id = "r" },
		    "goes with role_id" },
		{ { .url = "http://b", .role_id = "t", .secret_id = "r",
		    .secret_id_file = "f" }, "not both" },
		{ { .url = "http://b", .token = "vault:a/b#c" }, "lie in it" },
		{ { .url = "http://b", .token = "t", .ns = "a\nb" },
		    "line break" },
		{ { .url = "http://b", .role_id = "t", .auth_path = "../x" },
		    "auth_path" },
	};
	struct err why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(vault_new(&bad[i].o, &why));
		assert_int_equal(why.cls, ERR_CONFIG);
		if (strstr(why.msg, bad[i].says) == NULL)
			fail_msg("%zu: %s", i, why.msg);
	}
	/* What opens it may be a reference itself. */
	setenv("VAULT_TEST_TOKEN", "s.tok0", 1);
	start(&(struct vault_opts){ .token = "$env:VAULT_TEST_TOKEN" });
	assert_value(APP, "value-one");
}

/* ---- with those who need it ---- */

static void
with_auth(const char * auth, const char * ref)
{
	static char text[8192];
	json_t * cfg;
	struct err why;
	char * p;

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
	for (p = text; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	if ((m = manifest_parse(text, strlen(text), "svc", &why)) == NULL)
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
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_values),
		T(test_not_configured),
		T(test_one_flight),
		T(test_cache),
		T(test_denied_or_void),
		T(test_sealed),
		T(test_life),
		T(test_token_file),
		T(test_settings),
		T(test_sent_with),
		T(test_fetched_with),
		T(test_elasticsearch),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
