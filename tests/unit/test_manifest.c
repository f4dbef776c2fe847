#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "conn/connector.h"
#include "conn/request.h"
#include "manifest/manifest.h"
#include "manifest/manifest_schema.h"
#include "manifest/template.h"
#include "manifest/types.h"
#include "secret/secret.h"

static struct types * types;
static struct manifest * prom;

static int
setup(void ** state)
{
	char dir[1024];
	const char * dirs[1] = { dir }, * src = getenv("srcdir");
	struct err e;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/connectors", src ? src : ".");
	if ((types = types_load(dirs, 1, &e)) == NULL) {
		fprintf(stderr, "%s\n", e.msg);
		return (-1);
	}
	prom = types_get(types, "prometheus");
	return (prom == NULL ? -1 : 0);
}

static int
teardown(void ** state)
{
	(void)state;
	types_free(types);
	return (0);
}

static json_t *
J(const char * s)
{
	struct err e;
	json_t * v = json_parse(s, strlen(s), "test", &e);

	if (v == NULL)
		fail_msg("%s", e.msg);
	return (v);
}

static void
test_prometheus_is_what_the_contract_says(void ** state)
{
	(void)state;
	assert_string_equal(prom->drive_model, "periodic");
	assert_non_null(prom->main);
	assert_string_equal(prom->main->name, "metrics");
	assert_int_equal(prom->main->retry_count, 3);
	assert_int_equal(prom->main->retry_base_ms, 100);
	assert_int_equal(prom->main->ncolumns, 4);
	assert_string_equal(prom->main->columns[0].name, "timestamp");
	assert_null(manifest_entity(prom, "nothing"));
	assert_null(types_get(types, "nothing"));
}

/* A good manifest of a folder t. */
#define GOOD "{\"format\":1,\"type\":\"t\",\"title\":\"T\"," \
	"\"drive_model\":\"periodic\",\"config\":{},\"entities\":{\"e\":{" \
	"\"lists\":[{\"url\":\"http://h/\"}],\"columns\":{\"a\":{" \
	"\"type\":\"text\"}}}}}"

static const struct {
	const char * config;
	const char * want; /* NULL: good */
} configs[] = {
	{ "{\"endpoint\":\"http://h:9100/metrics\"}", NULL },
	{ "{\"endpoint\":\"https://h\",\"timeout_ms\":100}", NULL },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\","
	  "\"token_ref\":\"$env:T\"}}", NULL },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"basic\","
	  "\"username\":\"u\",\"password_ref\":\"$env:P\"}}", NULL },
	{ "{}", "config.endpoint is missing (or give api_url)" },
	{ "{\"api_url\":\"http://h:9090\"}", NULL },
	{ "{\"api_url\":\"h:9090\"}", "config.api_url must be an http" },
	{ "{\"endpoint\":\"ftp://h\"}", "config.endpoint must be an http" },
	{ "{\"endpoint\":\"http://\"}", "config.endpoint must be an http" },
	{ "{\"endpoint\":\"http://a b\"}", "config.endpoint must be an http" },
	{ "{\"endpoint\":7}", "config.endpoint must be a string" },
	{ "{\"endpoint\":\"http://h\",\"endpoit\":1}",
	  "config.endpoit is not known (did you mean endpoint?)" },
	{ "{\"endpoint\":\"http://h\",\"timeout_ms\":99}",
	  "config.timeout_ms must be an integer from 100 to 60000" },
	{ "{\"endpoint\":\"http://h\",\"timeout_ms\":60001}",
	  "config.timeout_ms must be" },
	{ "{\"endpoint\":\"http://h\",\"timeout_ms\":\"5000\"}",
	  "config.timeout_ms must be" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{}}",
	  "config.auth.type is missing; one of: none, bearer, basic" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"digest\"}}",
	  "config.auth.type is not one of" },
	{ "{\"endpoint\":\"http://h\",\"auth\":\"none\"}",
	  "config.auth must be an object" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\"}}",
	  "config.auth.token_ref is missing" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"none\","
	  "\"token_ref\":\"$env:T\"}}", "config.auth.token_ref is not known" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\","
	  "\"token_ref\":\"hunter2\"}}", "must be a reference" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\","
	  "\"token_ref\":\"vault:a#b\"}}", NULL },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\","
	  "\"token_ref\":\"{{secrets.a}}\"}}", NULL },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\","
	  "\"token_ref\":\"x {{secrets.a}}\"}}", "must be a reference" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\","
	  "\"token_ref\":\"$env:\"}}", "must be a reference" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\","
	  "\"token_ref\":\"$env:A B\"}}", "must be a reference" },
	{ "{\"a\":1,\"b\":2}", "config.a is not known; config.b is not known; "
	  "config.endpoint is missing (or give api_url); the keys of config are: "
	  "endpoint, api_url, " },
	{ "{\"url\":\"http://h\"}", "config.url is not known (did you mean "
	  "api_url?); config.endpoint is missing" },
	{ "{\"endpoint\":\"http://h\",\"auth\":{\"type\":\"bearer\",\"token\":"
	  "\"$env:T\"}}", "config.auth.token is not known (did you mean "
	  "token_ref?); config.auth.token_ref is missing; the keys of "
	  "config.auth are: type, token_ref" },
	{ "[]", "config must be an object" },
};

static void
test_config_is_checked_key_by_key(void ** state)
{
	struct connector * c;
	json_t * conf;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		conf = J(configs[i].config);
		c = connector_new(prom, "id", "n", conf, NULL, &e);
		json_decref(conf);
		if (configs[i].want == NULL) {
			if (c == NULL)
				fail_msg("%s: %s", configs[i].config, e.msg);
		} else {
			assert_null(c);
			assert_int_equal(e.cls, ERR_CONFIG);
			assert_null(strstr(e.msg, "hunter2"));
			if (strstr(e.msg, configs[i].want) == NULL)
				fail_msg("%s\n  said: %s", configs[i].config,
				    e.msg);
		}
		connector_unref(c);
	}
}

static void
test_options_and_names(void ** state)
{
	static const char * const bad_opts[] = { "{\"retries\":1}",
	    "{\"retry_count\":11}", "{\"retry_count\":1.5}",
	    "{\"retention\":\"soon\"}", "{\"retention\":5}",
	    "{\"timeout_seconds\":0}", "{\"batch_size\":0}", "[]",
	    "{\"ca_file\":\"ca.pem\"}", "{\"ca_file\":1}",
	    "{\"tls_verify\":\"no\"}", "{\"client_cert\":\"me.pem\"}",
	    "{\"client_key\":\"/me.key\"}",
	    "{\"ca_file\":\"/ca.pem\",\"tls_verify\":false}" };
	static const char * const bad_names[] = { "", "1a", "a-b", "a b",
	    "a.b", "\xc3\xa9" };
	json_t * conf = J("{\"endpoint\":\"http://h\"}"), * o;
	struct connector * c;
	struct err e;
	size_t i;

	(void)state;
	o = J("{\"retention\":\"2d\",\"retry_count\":0,"
	    "\"timeout_seconds\":1.5,\"sync_interval\":\"5m\","
	    "\"ca_file\":\"/etc/ssl/own.pem\",\"tls_verify\":true}");
	c = connector_new(prom, "id", "_n1", conf, o, &e);
	assert_non_null(c);
	assert_int_equal(c->opt.retention_ms, 2 * 86400000);
	assert_int_equal(c->opt.retry_count, 0);
	assert_int_equal(c->opt.timeout_ms, 1500);
	assert_int_equal(c->opt.sync_interval_ms, 300000);
	assert_string_equal(c->opt.ca_file, "/etc/ssl/own.pem");
	assert_int_equal(c->opt.insecure, 0);
	connector_unref(c);
	json_decref(o);
	for (i = 0; i < sizeof(bad_opts) / sizeof(bad_opts[0]); i++) {
		o = J(bad_opts[i]);
		assert_null(connector_new(prom, "id", "n", conf, o, &e));
		assert_int_equal(e.cls, ERR_CONFIG);
		assert_non_null(strstr(e.msg, "options"));
		json_decref(o);
	}
	for (i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		assert_null(connector_new(prom, "id", bad_names[i], conf, NULL,
		    &e));
		assert_string_equal(e.code, "bad_name");
	}
	json_decref(conf);
}

static void
test_request_and_secrets(void ** state)
{
	struct request_signed sig;
	struct secrets * s;
	struct connector * c;
	struct request * r;
	json_t * conf;
	struct err e;

	(void)state;
	conf = J("{\"endpoint\":\"http://h/m?x={{y}}\",\"timeout_ms\":700,"
	    "\"auth\":{\"type\":\"basic\",\"username\":\"Aladdin\","
	    "\"password_ref\":\"$env:TEST_MOLT_PW\"}}");
	c = connector_new(prom, "id", "n", conf, NULL, &e);
	json_decref(conf);
	assert_non_null(c);
	r = request_prepare(c, prom->main, &e);
	assert_non_null(r);
	/* What comes from the config is not expanded again. */
	assert_string_equal(r->url, "http://h/m?x={{y}}");
	assert_int_equal(r->timeout_ms, 700);
	assert_int_equal(r->nheaders, 1);
	s = secrets_new(NULL, &e);
	assert_non_null(s);
	unsetenv("TEST_MOLT_PW");
	assert_int_equal(request_sign(r, s, &sig, &e), -1);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_int_equal(strncmp(e.msg, "password resolve: $env:TEST_MOLT_PW "
	    "is not set", 46), 0);
	/* RFC 7617 section 2's own example. */
	setenv("TEST_MOLT_PW", "open sesame", 1);
	assert_int_equal(request_sign(r, s, &sig, &e), 0);
	assert_string_equal(sig.lines[0].p,
	    "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	request_unsign(r, &sig);
	setenv("TEST_MOLT_PW", "a\r\nX: y", 1);
	assert_int_equal(request_sign(r, s, &sig, &e), -1);
	assert_null(strstr(e.msg, "X: y"));
	secrets_free(s);
	request_free(r);
	connector_unref(c);
}

static void
write_file(const char * path, const char * text)
{
	FILE * f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
test_env_file(void ** state)
{
	char path[] = "/tmp/moltler-env-XXXXXX";
	struct buf b = BUF_INIT(4096);
	struct secrets * s;
	struct err e;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	write_file(path, "# c\n\nexport TM_A=one\nTM_B=\"two words\"\nTM_C=\n"
	    "TM_A=last\n");
	s = secrets_new(path, &e);
	assert_non_null(s);
	setenv("TM_A", "from the process", 1);
	assert_int_equal(secrets_resolve(s, "$env:TM_A", &b, &e), 0);
	assert_string_equal(b.p, "last");
	buf_clear(&b);
	assert_int_equal(secrets_resolve(s, "$env:TM_B", &b, &e), 0);
	assert_string_equal(b.p, "two words");
	assert_int_equal(secrets_resolve(s, "$env:TM_C", &b, &e), -1);
	assert_non_null(strstr(e.msg, "empty"));
	assert_int_equal(secrets_resolve(s, "vault:a#b", &b, &e), -1);
	setenv("MOLTLER_TOKEN", "hunter2", 1);
	assert_int_equal(secrets_resolve(s, "$env:MOLTLER_TOKEN", &b, &e), -1);
	assert_non_null(strstr(e.msg, "the daemon's own"));
	unsetenv("MOLTLER_TOKEN");
	write_file(path, "TM_A=new\n");
	assert_int_equal(secrets_reload(s, &e), 0);
	buf_clear(&b);
	assert_int_equal(secrets_resolve(s, "$env:TM_A", &b, &e), 0);
	assert_string_equal(b.p, "new");
	/* A bad file leaves what was, and its contents stay out of the error. */
	write_file(path, "TM_A=x\nhunter2 oops\n");
	assert_int_equal(secrets_reload(s, &e), -1);
	assert_non_null(strstr(e.msg, "line 2"));
	assert_null(strstr(e.msg, "hunter2"));
	buf_clear(&b);
	assert_int_equal(secrets_resolve(s, "$env:TM_A", &b, &e), 0);
	assert_string_equal(b.p, "new");
	buf_wipe(&b);
	secrets_free(s);
	assert_null(secrets_new("/nonexistent/env", &e));
	assert_int_equal(e.cls, ERR_CONFIG);
	unlink(path);
	close(fd);
}

static void
test_shown_config_has_no_password(void ** state)
{
	json_t * c = J("{\"endpoint\":\"http://user:hunter2@h:1/x@y\"}");
	json_t * h = manifest_config_hide(prom->config, c);

	(void)state;
	assert_string_equal(json_str(h, "endpoint"), "http://***@h:1/x@y");
	json_decref(h);
	json_decref(c);
}

/* Every type of field, and a variant. */
#define SCHEMA "{\"site\":{\"type\":\"string\",\"values\":[\"eu\",\"us\"]}," \
	"\"org\":{\"type\":\"string\",\"pattern\":\"^[a-z]{2,4}$\"}," \
	"\"name\":{\"type\":\"string\",\"min\":2,\"max\":3}," \
	"\"n\":{\"type\":\"integer\",\"values\":[1,5]}," \
	"\"token\":{\"type\":\"secret\",\"min\":4}," \
	"\"auth\":{\"type\":\"variant\",\"variants\":{\"k\":{\"key\":{\"type\":" \
	"\"secret\",\"required\":true},\"url\":{\"type\":\"url\"}}}}}"

static const struct {
	const char * config;
	const char * want; /* NULL: good */
} fields[] = {
	{ "{\"site\":\"eu\",\"org\":\"abc\",\"name\":\"ab\",\"n\":5}", NULL },
	{ "{\"site\":\"EU\"}", "site must be one of: eu, us" },
	{ "{\"n\":2}", "n must be one of: 1, 5" },
	{ "{\"org\":\"abcde\"}", "org must match ^[a-z]{2,4}$" },
	{ "{\"name\":\"a\"}", "name must have 2 to 3 bytes" },
	{ "{\"name\":\"abcd\"}", "name must have 2 to 3 bytes" },
	{ "{\"name\":\"\"}", "name must be a string that is not empty" },
	{ "{\"token\":\"hunter2\"}", NULL },
	{ "{\"token\":\"hun\"}", "token must have 4 to" },
	{ "{\"token\":\"$env:T\"}", NULL },
	{ "{\"token\":\"$env:\"}", "token seems a reference" },
	{ "{\"token\":\"${env:TOKEN}\"}", "token seems a reference" },
	{ "{\"token\":\"$env:A B\"}", "token seems a reference" },
	{ "{\"token\":\"{{secret.x}}\"}", "token seems a reference" },
	{ "{\"token\":\"Vault:secret/app#x\"}", "token seems a reference" },
	{ "{\"token\":\"vault:secret/app\"}", "token seems a reference" },
	{ "{\"token\":\"$ecret{{x}}\"}", NULL },
	{ "{\"token\":7}", "token must be a string" },
	{ "{\"auth\":{\"type\":\"k\"}}", "auth.key is missing" },
	{ "{\"auth\":{\"type\":\"k\",\"key\":\"hunter2\"}}", NULL },
};

static void
test_fields_hold_what_they_say(void ** state)
{
	json_t * schema = J(SCHEMA), * config, * out;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		config = J(fields[i].config);
		out = manifest_config_apply(schema, config, "config", &e);
		if ((out != NULL) != (fields[i].want == NULL) || (out == NULL &&
		    (strstr(e.msg, fields[i].want) == NULL ||
		    strstr(e.msg, "hun") != NULL)))
			fail_msg("%s: %s", fields[i].config, out ? "taken" :
			    e.msg);
		json_decref(out);
		json_decref(config);
	}
	json_decref(schema);
}

static void
test_secrets_are_hidden(void ** state)
{
	json_t * schema = J(SCHEMA), * c, * h;

	(void)state;
	c = J("{\"token\":\"hunter2\",\"site\":\"eu\",\"auth\":{\"type\":\"k\","
	    "\"key\":\"hunter2\",\"url\":\"http://a:hunter2@h/\"}}");
	h = manifest_config_hide(schema, c);
	assert_string_equal(json_str(h, "token"), "***");
	assert_string_equal(json_str(h, "site"), "eu");
	assert_string_equal(json_str(json_object_get(h, "auth"), "key"),
	    "***");
	assert_string_equal(json_str(json_object_get(h, "auth"), "url"),
	    "http://***@h/");
	assert_string_equal(json_str(c, "token"), "hunter2");
	json_decref(h);
	json_object_set_new(c, "token", json_string("$env:T"));
	json_object_set_new(json_object_get(c, "auth"), "key",
	    json_string("{{secrets.~id.key}}"));
	h = manifest_config_hide(schema, c);
	assert_string_equal(json_str(h, "token"), "$env:T");
	assert_string_equal(json_str(json_object_get(h, "auth"), "key"),
	    "***");
	json_decref(h);
	json_decref(c);
	json_decref(schema);
}

static void
test_alerts_are_the_servers(void ** state)
{
	const struct manifest_entity * ent = manifest_entity(prom, "alerts");

	(void)state;
	assert_non_null(ent);
	assert_int_equal(ent->decode, DECODE_JSON);
	assert_int_equal(ent->ncolumns, 7);
	assert_true(manifest_column(ent, "fingerprint") == -1);
	assert_int_equal(ent->lists[0].records->n, 2);
}

static void
test_types_of_two_directories(void ** state)
{
	char dir[] = "/tmp/moltler-types-XXXXXX", path[256], cmd[300];
	const char * dirs[1] = { dir };
	struct types * t;
	struct err e;

	(void)state;
	assert_non_null(mkdtemp(dir));
	t = types_load(dirs, 1, &e);
	assert_non_null(t);
	assert_int_equal(types_count(t), 0);
	types_free(t);
	snprintf(cmd, sizeof(cmd), "mkdir %s/u", dir);
	assert_int_equal(system(cmd), 0);
	snprintf(path, sizeof(path), "%s/u/manifest.json", dir);
	write_file(path, GOOD);
	assert_null(types_load(dirs, 1, &e));
	assert_non_null(strstr(e.msg, "type is 't' but its folder is 'u'"));
	snprintf(cmd, sizeof(cmd), "mv %s/u %s/t", dir, dir);
	assert_int_equal(system(cmd), 0);
	t = types_load(dirs, 1, &e);
	assert_non_null(t);
	assert_int_equal(types_count(t), 1);
	assert_string_equal(types_at(t, 0)->title, "T");
	types_free(t);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
	dirs[0] = "/nonexistent";
	assert_null(types_load(dirs, 1, &e));
	assert_int_equal(e.cls, ERR_CONFIG);
}

static void
run(const char * what, const char * dir, const char * below)
{
	char cmd[600];

	snprintf(cmd, sizeof(cmd), "%s %s%s", what, dir, below);
	assert_int_equal(system(cmd), 0);
}

static void
test_bad_types_of_users_are_left_out(void ** state)
{
	char dir[] = "/tmp/moltler-types-XXXXXX", own[64], user[64];
	char path[256];
	const char * dirs[2] = { own, user };
	struct types * t, * t2;
	struct err e;

	(void)state;
	assert_non_null(mkdtemp(dir));
	run("mkdir -p", dir, "/own/t");
	run("mkdir -p", dir, "/user/t");
	run("mkdir -p", dir, "/user/notes");
	snprintf(own, sizeof(own), "%s/own", dir);
	snprintf(user, sizeof(user), "%s/user", dir);
	snprintf(path, sizeof(path), "%s/own/t/manifest.json", dir);
	write_file(path, GOOD);
	snprintf(path, sizeof(path), "%s/user/t/manifest.json", dir);
	write_file(path, "{}");
	assert_null(types_load(dirs, 2, &e));
	assert_non_null(strstr(e.msg, "/user/t/manifest.json: $"));
	/* The one that came with moltler stays; nothing hangs on the bad one. */
	t = types_reload(dirs, 2, NULL, &e);
	assert_non_null(t);
	assert_int_equal(types_count(t), 1);
	assert_string_equal(types_get(t, "t")->title, "T");
	types_free(t);
	/* A user's that was good stays as it was when it goes bad. */
	write_file(path, "{\"format\":1,\"type\":\"t\",\"title\":\"Mine\","
	    "\"drive_model\":\"on_demand\",\"config\":{},\"entities\":{\"e\":{"
	    "\"lists\":[{\"url\":\"http://h/\"}],\"columns\":{\"a\":{\"type\":"
	    "\"text\"}}}}}");
	t = types_reload(dirs, 2, NULL, &e);
	assert_string_equal(types_get(t, "t")->title, "Mine");
	/* What did not change is the same one, and only that. */
	t2 = types_reload(dirs, 2, t, &e);
	assert_ptr_equal(types_get(t2, "t"), types_get(t, "t"));
	types_free(t2);
	write_file(path, "{\"format\":1,\"type\":\"t\",\"title\":\"Nine\","
	    "\"drive_model\":\"on_demand\",\"config\":{},\"entities\":{\"e\":{"
	    "\"lists\":[{\"url\":\"http://h/\"}],\"columns\":{\"a\":{\"type\":"
	    "\"text\"}}}}}");
	t2 = types_reload(dirs, 2, t, &e);
	assert_string_equal(types_get(t2, "t")->title, "Nine");
	assert_string_equal(types_get(t, "t")->title, "Mine");
	types_free(t2);
	write_file(path, "nonsense");
	t2 = types_reload(dirs, 2, t, &e);
	assert_string_equal(types_get(t2, "t")->title, "Mine");
	assert_ptr_equal(types_get(t2, "t"), types_get(t, "t"));
	types_free(t);
	/* And when it is gone, it is gone. */
	unlink(path);
	t = types_reload(dirs, 2, t2, &e);
	assert_string_equal(types_get(t, "t")->title, "T");
	types_free(t2);
	/* What comes with moltler must be good. */
	snprintf(path, sizeof(path), "%s/own/t/manifest.json", dir);
	write_file(path, "{}");
	assert_null(types_reload(dirs, 2, t, &e));
	assert_int_equal(e.cls, ERR_CONFIG);
	types_free(t);
	run("rm -r", dir, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prometheus_is_what_the_contract_says),
		cmocka_unit_test(test_config_is_checked_key_by_key),
		cmocka_unit_test(test_options_and_names),
		cmocka_unit_test(test_request_and_secrets),
		cmocka_unit_test(test_env_file),
		cmocka_unit_test(test_shown_config_has_no_password),
		cmocka_unit_test(test_fields_hold_what_they_say),
		cmocka_unit_test(test_secrets_are_hidden),
		cmocka_unit_test(test_alerts_are_the_servers),
		cmocka_unit_test(test_types_of_two_directories),
		cmocka_unit_test(test_bad_types_of_users_are_left_out),
	};

	return (cmocka_run_group_tests_name("manifest", tests, setup,
	    teardown));
}
