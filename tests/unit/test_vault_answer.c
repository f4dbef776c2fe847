#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "secret/vault_answer.h"

static struct err e;

static void
test_refs(void ** state)
{
	static const struct {
		const char * ref, * path, * key; /* path NULL: refused */
	} t[] = {
		{ "vault:secret/app#token", "secret/app", "token" },
		{ "vault:a/b/c d/\xc3\xa9#k#l", "a/b/c d/\xc3\xa9", "k#l" },
		{ "vault:secret/...#k", "secret/...", "k" },
		{ "vault:secret#token", NULL, NULL },
		{ "vault:secret/#token", NULL, NULL },
		{ "vault:/secret/a#token", NULL, NULL },
		{ "vault:secret//a#token", NULL, NULL },
		{ "vault:secret/../a#token", NULL, NULL },
		{ "vault:secret/.#token", NULL, NULL },
		{ "vault:secret/a\nb#token", NULL, NULL },
		{ "vault:secret/a#", NULL, NULL },
		{ "vault:#token", NULL, NULL },
		{ "vault:secret/a", NULL, NULL },
		{ "$env:X", NULL, NULL },
	};
	char path[VAULT_REF_MAX], longest[VAULT_REF_MAX + 40];
	const char * key;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rc = vault_ref_split(t[i].ref, path, &key, &e);
		if ((rc == 0) != (t[i].path != NULL))
			fail_msg("%s", t[i].ref);
		if (rc == 0) {
			assert_string_equal(path, t[i].path);
			assert_string_equal(key, t[i].key);
		} else {
			assert_int_equal(e.cls, ERR_CONFIG);
		}
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "vault:s/", 8);
	snprintf(longest + 6 + VAULT_REF_MAX - 1, 10, "#k");
	assert_int_equal(vault_ref_split(longest, path, &key, &e), 0);
	snprintf(longest + 6 + VAULT_REF_MAX - 1, 10, "x#k");
	assert_int_equal(vault_ref_split(longest, path, &key, &e), -1);
}

static void
test_mounts(void ** state)
{
	static const struct {
		const char * text, * path;
		int len, version; /* len 0: refused */
	} t[] = {
		{ "{\"data\":{\"path\":\"secret/\",\"type\":\"kv\",\"options\":"
		    "{\"version\":\"2\"}}}", "secret/a", 7, 2 },
		{ "{\"data\":{\"path\":\"a/b/\",\"type\":\"kv\",\"options\":"
		    "null}}", "a/b/c", 4, 1 },
		{ "{\"data\":{\"path\":\"a/\",\"type\":\"generic\"}}", "a/b", 2,
		    1 },
		{ "{\"data\":{\"path\":\"a/b/\",\"type\":\"kv\"}}", "a/b", 0, 0 },
		{ "{\"data\":{\"path\":\"a/b/\",\"type\":\"kv\"}}", "a/b/", 0,
		    0 },
		{ "{\"data\":{\"path\":\"x/\",\"type\":\"kv\"}}", "a/b", 0, 0 },
		{ "{\"data\":{\"path\":\"\",\"type\":\"kv\"}}", "a/b", 0, 0 },
		{ "{\"data\":{\"path\":\"a/\",\"type\":\"pki\"}}", "a/b", 0, 0 },
		{ "{\"data\":{\"path\":7}}", "a/b", 0, 0 },
		{ "{}", "a/b", 0, 0 }, { "[]", "a/b", 0, 0 }, { "", "a/b", 0, 0 },
		{ "<html>", "a/b", 0, 0 },
	};
	struct vault_mount mount;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rc = vault_answer_mount(t[i].text, strlen(t[i].text),
		    t[i].path, &mount, &e);
		if ((rc == 0) != (t[i].len > 0))
			fail_msg("%s", t[i].text);
		if (rc == 0) {
			assert_int_equal(mount.len, t[i].len);
			assert_int_equal(mount.version, t[i].version);
		}
	}
}

static void
test_leases(void ** state)
{
	static const struct {
		const char * text;
		int is_lookup;
		int64_t lives; /* -1: refused */
		int64_t first;
		int renewable;
	} t[] = {
		{ "{\"auth\":{\"client_token\":\"t\",\"lease_duration\":10,"
		    "\"renewable\":true}}", 0, 10000, 10000, 1 },
		{ "{\"auth\":{\"client_token\":\"t\",\"lease_duration\":0}}", 0,
		    0, 0, 0 },
		{ "{\"auth\":{\"client_token\":\"t\",\"lease_duration\":"
		    "9223372036854775807}}", 0, INT64_C(3153600000000),
		    INT64_C(3153600000000), 0 },
		{ "{\"auth\":{\"client_token\":\"t\",\"lease_duration\":-5}}",
		    0, 0, 0, 0 },
		{ "{\"auth\":{\"client_token\":\"t\\r\\nX: y\"}}", 0, -1, 0, 0 },
		{ "{\"auth\":{}}", 0, -1, 0, 0 },
		{ "{\"auth\":null}", 0, -1, 0, 0 },
		{ "{\"data\":{\"ttl\":5,\"creation_ttl\":60,\"renewable\":true}}",
		    1, 5000, 60000, 1 },
		{ "{\"data\":{\"ttl\":0,\"creation_ttl\":60}}", 1, 500, 60000,
		    0 },
		{ "{\"data\":{\"ttl\":0,\"creation_ttl\":0}}", 1, 0, 0, 0 },
		{ "{\"data\":7}", 1, -1, 0, 0 },
		{ "x", 1, -1, 0, 0 },
	};
	struct vault_lease l;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rc = vault_answer_lease(t[i].text, strlen(t[i].text),
		    t[i].is_lookup, &l, &e);
		if ((rc == 0) != (t[i].lives >= 0))
			fail_msg("%s", t[i].text);
		if (rc == 0) {
			assert_int_equal(l.lives_ms, t[i].lives);
			assert_int_equal(l.first_ms, t[i].first);
			assert_int_equal(l.renewable, t[i].renewable);
		}
		free(l.token);
	}
}

static int
add(void * arg, const char * key, const char * v, size_t n, struct err * why)
{
	if (strcmp(key, "stop") == 0)
		return (err_set(why, ERR_CONFIG, "secret", "as told"));
	return (buf_addf(arg, "%s=%.*s;", key, (int)n, v));
}

static void
test_data(void ** state)
{
	static const struct {
		const char * text;
		int version;
		const char * want; /* NULL: refused */
		const char * says;
	} t[] = {
		{ "{\"data\":{\"data\":{\"a\":\"b\",\"n\":1.5,\"x\":null,\"l\":"
		    "[1,{}]}}}", 2, "a=b;n=1.5;l=[1,{}];", NULL },
		{ "{\"data\":{\"data\":\"b\"}}", 1, "data=b;", NULL },
		{ "{\"data\":{\"data\":{}}}", 2, "", NULL },
		{ "{\"data\":{\"data\":null,\"metadata\":{}}}", 2, NULL,
		    "deleted" },
		{ "{\"data\":{\"data\":null}}", 2, NULL, "no data.data" },
		{ "{\"data\":null}", 1, NULL, "no data" },
		{ "{\"data\":{\"stop\":\"x\"}}", 1, NULL, "as told" },
		{ "{\"data\":{\"a\":\"marker\"", 1, NULL, "line 1" },
	};
	struct buf b = BUF_INIT(4096);
	int64_t lives;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_clear(&b);
		buf_adds(&b, "");
		rc = vault_answer_data(t[i].text, strlen(t[i].text),
		    t[i].version, add, &b, &lives, &e);
		if ((rc == 0) != (t[i].want != NULL) ||
		    (rc != 0 && strstr(e.msg, t[i].says) == NULL))
			fail_msg("%s: %s", t[i].text, e.msg);
		if (rc == 0)
			assert_string_equal(b.p ? b.p : "", t[i].want);
		else
			assert_null(strstr(e.msg, "marker"));
	}
	buf_free(&b);
}

static void
test_words(void ** state)
{
	static const char * const t[][2] = {
		{ "{\"errors\":[\"Vault is sealed\"]}", ": Vault is sealed" },
		{ "{\"errors\":[\"1 error occurred:\\n\\t* permission "
		    "denied\\n\\n\"]}", ": permission denied" },
		{ "{\"errors\":[]}", "" }, { "<html>", "" },
		{ "{\"errors\":[7]}", "" }, { "{\"errors\":[\"\"]}", "" },
		{ "{\"errors\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}",
		    ": aaaaaaaaaaaaaaaaa" },
	};
	char out[20];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		vault_answer_words(t[i][0], strlen(t[i][0]), out, sizeof(out));
		if (strncmp(out, t[i][1], sizeof(out) - 1) != 0)
			fail_msg("%s: %s", t[i][0], out);
	}
	vault_answer_words(NULL, 0, out, sizeof(out));
	assert_string_equal(out, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_leases),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_words),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
