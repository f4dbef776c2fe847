#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "conn/connector_check.h"
#include "manifest/types.h"

static char dir[] = "/tmp/moltler-check-XXXXXX";
static struct types * types;

static FILE *
file(const char * name, const char * mode)
{
	char path[200];
	FILE * f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, mode));
	return (f);
}

/* A certificate with its key: NAME.crt, NAME.key and both in NAME.both. */
static void
write_pair(const char * name)
{
	EVP_PKEY * k = EVP_EC_gen("P-256");
	X509 * x = X509_new();
	char text[64];
	FILE * f;

	assert_non_null(k);
	assert_non_null(x);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, k);
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	snprintf(text, sizeof(text), "%s.crt", name);
	f = file(text, "w");
	PEM_write_X509(f, x);
	fclose(f);
	snprintf(text, sizeof(text), "%s.key", name);
	f = file(text, "w");
	PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	snprintf(text, sizeof(text), "%s.both", name);
	f = file(text, "w");
	PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL);
	PEM_write_X509(f, x);
	fclose(f);
	snprintf(text, sizeof(text), "%s.locked", name);
	f = file(text, "w");
	PEM_write_PKCS8PrivateKey(f, k, EVP_aes_128_cbc(), "open", 4, NULL,
	    NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(k);
}

/* ${text} with % for the folder and ' for ". */
static json_t *
json_of(const char * text)
{
	char s[2000];
	size_t n = 0;
	json_t * v;

	for (; *text != '\0'; text++) {
		if (*text == '%')
			n += (size_t)snprintf(s + n, sizeof(s) - n, "%s", dir);
		else
			s[n++] = *text == '\'' ? '"' : *text;
	}
	s[n] = '\0';
	assert_non_null(v = json_loads(s, 0, NULL));
	return (v);
}

static struct connector *
make(const char * type, const char * config, const char * options)
{
	json_t * c = json_of(config), * o = json_of(options);
	struct connector * made;
	struct err e;

	made = connector_new(types_get(types, type), "id", "n", c, o, &e);
	if (made == NULL)
		fail_msg("%s: %s", config, e.msg);
	json_decref(c);
	json_decref(o);
	return (made);
}

#define HUB "{'token': '$env:T', 'api_url': '"

static void
test_config(void ** state)
{
	static const struct {
		const char * type, * config, * says; /* NULL: nothing */
	} t[] = {
		{ "github", HUB "https://ghe.test/api/v3'}", NULL },
		{ "github", HUB "https://ghe.test:8443/'}", NULL },
		{ "github", HUB "https://ghe.test/api?x=1'}",
		    "config.api_url has a '?'" },
		{ "github", HUB "https://ghe.test?x=1'}", "config.api_url" },
		{ "github", HUB "https://ghe.test/api#top'}", "'#'" },
		{ "github", HUB "https://me:hunter2@ghe.test/'}",
		    "config.api_url holds a user or a password" },
		{ "github", HUB "https://ghe.test/a@b'}", NULL },
		{ "opsgenie", "{'api_key': 'x', 'api_url': "
		    "'https://a.test/?q'}", "config.api_url" },
		/* An endpoint is asked as it is written. */
		{ "prometheus", "{'endpoint': 'http://h/metrics?x=1'}", NULL },
		{ "github", "{'token': 'vault:secret/app#token'}", NULL },
		{ "github", "{'token': '{{secrets.a-b.c}}'}", NULL },
		{ "github", "{'token': 'ghp_plain'}", NULL },
		{ "github", "{'token': 'vault:secret/../app#token'}",
		    "config.token: vault:secret/../app#token: a path of Vault" },
		{ "github", "{'token': 'vault:secret//app#token'}",
		    "MOUNT/NAME" },
		{ "prometheus", "{'endpoint': 'http://h/metrics', 'auth': "
		    "{'type': 'bearer', 'token_ref': 'vault:a//b#c'}}",
		    "config.auth.token_ref: " },
	};
	struct connector * c;
	struct err e;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		c = make(t[i].type, t[i].config, "{}");
		rc = connector_check_config(c, &e);
		connector_unref(c);
		if (t[i].says == NULL) {
			if (rc != 0)
				fail_msg("%s: %s", t[i].config, e.msg);
			continue;
		}
		if (rc != -1)
			fail_msg("%s: it passed", t[i].config);
		assert_int_equal(e.cls, ERR_CONFIG);
		assert_string_equal(e.code, "bad_config");
		assert_null(strstr(e.msg, "hunter2"));
		if (strstr(e.msg, t[i].says) == NULL)
			fail_msg("%s: %s", t[i].config, e.msg);
	}
}

static void
test_files(void ** state)
{
	static const struct {
		const char * options, * says;
	} t[] = {
		{ "{}", NULL },
		{ "{'ca_file': '%/a.crt'}", NULL },
		{ "{'ca_file': '%/a.both'}", NULL },
		{ "{'client_cert': '%/a.crt', 'client_key': '%/a.key'}", NULL },
		{ "{'client_cert': '%/a.both'}", NULL },
		{ "{'ca_file': '%/none.crt'}",
		    "options.ca_file: cannot read /" },
		{ "{'ca_file': '%'}", "no file" },
		{ "{'ca_file': '/dev/null'}", "no file" },
		{ "{'ca_file': '%/empty'}", "no certificate" },
		{ "{'ca_file': '%/text'}", "options.ca_file: " },
		{ "{'ca_file': '%/a.key'}", "no certificate" },
		{ "{'client_cert': '%/none', 'client_key': '%/a.key'}",
		    "options.client_cert: cannot read" },
		{ "{'client_cert': '%/a.crt', 'client_key': '%/none'}",
		    "options.client_key: cannot read" },
		{ "{'client_cert': '%/a.crt', 'client_key': '%/text'}",
		    "no private key" },
		{ "{'client_cert': '%/a.crt', 'client_key': '%/b.key'}",
		    "options.client_key: the key in " },
		{ "{'client_cert': '%/a.crt', 'client_key': '%/a.locked'}",
		    "has a passphrase" },
		{ "{'client_cert': '%/a.crt'}", "name the file that does by "
		    "client_key" },
		{ "{'ca_file': '%/none', 'client_cert': '%/text'}",
		    "; options.client_cert: " },
	};
	struct connector * c;
	struct err e;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		c = make("github", "{'token': 'x'}", t[i].options);
		rc = connector_check_options(c, &e);
		connector_unref(c);
		if (t[i].says == NULL && rc != 0)
			fail_msg("%s: %s", t[i].options, e.msg);
		if (t[i].says == NULL)
			continue;
		if (rc != -1)
			fail_msg("%s: it passed", t[i].options);
		assert_string_equal(e.code, "bad_options");
		if (strstr(e.msg, t[i].says) == NULL)
			fail_msg("%s: %s", t[i].options, e.msg);
	}
}

static int
setup(void ** state)
{
	const char * src = getenv("srcdir"), * dirs[1];
	char path[1024];
	struct err e;
	FILE * f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_pair("a");
	write_pair("b");
	fclose(file("empty", "w"));
	f = file("text", "w");
	fputs("no PEM\n", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/connectors", src ? src : ".");
	dirs[0] = path;
	types = types_load(dirs, 1, &e);
	return (types == NULL);
}

static int
teardown(void ** state)
{
	char cmd[100];

	(void)state;
	types_free(types);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return (system(cmd));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config), cmocka_unit_test(test_files),
	};

	return (cmocka_run_group_tests_name("connector_check", tests, setup,
	    teardown));
}
