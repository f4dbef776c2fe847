/* Secrets of a Vault. */

#include "vault_fixture.h"

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

int
main(void)
{
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
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
