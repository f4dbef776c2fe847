#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "daemon/egress.h"
#include "daemon/settings.h"

static struct settings c;
static struct err e;

static int
setup(void ** state)
{
	(void)state;
	return (settings_init(&c, &e));
}

static int
teardown(void ** state)
{
	(void)state;
	settings_free(&c);
	return (0);
}

static int
read_text(const char * text)
{
	char path[] = "/tmp/moltler-conf-XXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	rc = settings_read_file(&c, path, &e);
	unlink(path);
	return (rc);
}

static void
test_defaults_are_safe(void ** state)
{
	(void)state;
	assert_int_equal(settings_check(&c, &e), 0);
	assert_string_equal(c.listen_addr, "127.0.0.1");
	assert_int_equal(c.listen_port, 8080);
	assert_true(c.is_loopback);
	assert_null(c.token);
}

static void
test_file(void ** state)
{
	(void)state;
	assert_int_equal(read_text("; a comment\n[daemon]\nlisten = [::1]:0\n"
	    "max_body = 2M\nquery_deadline = 90s\n"), 0);
	assert_int_equal(c.max_body, 2 << 20);
	assert_int_equal(c.query_deadline_ms, 90000);
	assert_int_equal(settings_check(&c, &e), 0);
	assert_string_equal(c.listen_addr, "::1");
	assert_true(c.is_loopback);
}

static void
test_faults_name_file_line_and_key(void ** state)
{
	static const struct { const char * text, * want; } bad[] = {
		{ "[daemon]\nlisten = a\nlisen = b\n",
		  "line 3: unknown key 'lisen' (did you mean 'listen'?)" },
		{ "[deamon]\nlisten = a\n", "line 1: expected [daemon], "
		  "[elasticsearch] or [vault]; found [deamon]" },
		{ "[daemon]\n\n[other]\n", "line 3: expected [daemon]" },
		{ "[daemon\nlisten = a\n", "line 1: expected [daemon]" },
		{ "listen = a\n[daemon]\n", "line 1: key 'listen' stands "
		  "before [daemon]" },
		{ "[daemon]\nnonsense\nlisen = b\n", "line 2: expected" },
		{ "[daemon]\ndata_dir = \"/x y\"\n", "line 2: data_dir: a "
		  "value stands without quotes" },
		{ "[daemon]\nnonsense\n", "line 2: expected" },
		{ "[daemon]\nmax_body = lots\n", "line 2: max_body must be" },
		{ "[daemon]\nlisten = none\nlisten = none\n",
		  "line 3: key 'listen' is given twice" },
		{ "[daemon]\nmax_connections = 0\n", "line 2: max_connections" },
		{ "[elasticsearch]\nulr = x\n", "line 2: unknown key 'ulr' in "
		  "[elasticsearch] (did you mean 'url'?)" },
		{ "[elasticsearch]\nlisten = x\n", "line 2: unknown key" },
		{ "[daemon]\nelasticsearch_url = x\n", "line 2: unknown key" },
		{ "[vault]\nlisten = x\n", "line 2: unknown key 'listen' in "
		  "[vault]" },
		{ "[daemon]\nvault_url = x\n", "line 2: unknown key" },
		{ "[vault]\ntoken_fil = x\n", "(did you mean 'token_file'?)" },
		{ "[vault]\ncache = 1ms\n", "line 2: vault_cache must be" },
		{ "[elasticsearch]\ngzip = yes\n", "line 2: "
		  "elasticsearch_gzip must be auto, on or off, not 'yes'" },
		{ "[elasticsearch]\nbatch_bytes = 1\n", "line 2: "
		  "elasticsearch_batch_bytes must be from 4096" },
		{ "[elasticsearch]\nurl = a\n[daemon]\n[elasticsearch]\n"
		  "url = b\n", "line 5: key 'url' is given twice" },
		{ "[daemon]\nlog_level = loud\n", "line 2: log_level must be" },
		{ "[daemon]\nquery_deadline = 5 parsecs\n",
		  "line 2: query_deadline: " },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_text(bad[i].text), -1);
		assert_int_equal(e.cls, ERR_CONFIG);
		if (strstr(e.msg, bad[i].want) == NULL)
			fail_msg("said: %s\nwanted: %s", e.msg, bad[i].want);
		assert_non_null(strstr(e.msg, "/tmp/moltler-conf-"));
	}
	assert_int_equal(settings_read_file(&c, "/nonexistent", &e), -1);
	assert_int_equal(settings_read_file(&c, "/tmp", &e), -1);
}

/* inih would take the end of a long comment for a key. */
static void
test_long_lines(void ** state)
{
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "[daemon]\n# %0198d\nmax_body = 2k\n", 0);
	assert_int_equal(read_text(text), -1);
	assert_non_null(strstr(e.msg, "line 2: the line is longer than"));
	snprintf(text, sizeof(text), "[daemon]\nhosts = %0300d\n", 0);
	assert_int_equal(read_text(text), -1);
	assert_non_null(strstr(e.msg, "line 2: the line is longer than"));
	/* An indented key is a key. */
	assert_int_equal(read_text("[daemon]\nhosts = a\n  max_body = 2k\n"),
	    0);
	assert_string_equal(c.hosts, "a");
	assert_int_equal(c.max_body, 2048);
}

static void
test_elasticsearch(void ** state)
{
	static const struct { const char * text, * want; } bad[] = {
		{ "url = es:9200", "line 2: [elasticsearch]: the URL of "
		  "Elasticsearch must begin with http" },
		{ "url = http://u:hunter2@es", "credentials" },
		{ "api_key = $env:K", "line 2: [elasticsearch] has no url" },
		{ "url = http://es\npassword = $env:P", "username is missing" },
		{ "url = http://es\nca_file = /nonexistent", "line 3: "
		  "elasticsearch_ca_file: cannot read /nonexistent" },
	};
	char text[256];
	size_t i;

	(void)state;
	assert_int_equal(read_text("[elasticsearch]\nurl = https://es:9200\n"
	    "api_key = literal\ngzip = on\nbatch_bytes = 1m\nretry = 1m\n"),
	    0);
	assert_int_equal(settings_check(&c, &e), 0);
	assert_string_equal(c.elastic_api_key, "literal");
	assert_int_equal(c.elastic_batch_bytes, 1 << 20);
	assert_int_equal(c.elastic_batch_rows, 5000);
	assert_int_equal(c.elastic_retry_ms, 60000);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		settings_free(&c);
		assert_int_equal(settings_init(&c, &e), 0);
		snprintf(text, sizeof(text), "[elasticsearch]\n%s\n",
		    bad[i].text);
		assert_int_equal(read_text(text), 0);
		assert_int_equal(settings_check(&c, &e), -1);
		assert_int_equal(e.cls, ERR_CONFIG);
		if (strstr(e.msg, bad[i].want) == NULL)
			fail_msg("said: %s\nwanted: %s", e.msg, bad[i].want);
		assert_null(strstr(e.msg, "hunter2"));
	}
}

static void
test_vault(void ** state)
{
	static const struct { const char * text, * want; } bad[] = {
		{ "url = vault:8200\ntoken = $env:T", "line 2: [vault]: url "
		  "must be http" },
		{ "url = https://v", "there is none" },
		{ "token = $env:T", "line 2: [vault] has no url" },
		{ "namespace = a", "line 2: [vault] has no url" },
		{ "url = https://v\ntoken = $env:T\nrole_id = r", "several" },
		{ "url = https://v\nrole_id = r\nsecret_id_file = /none",
		  "line 4: [vault] secret_id_file: cannot read /none" },
		{ "url = https://v\ntoken_file = /etc/passwd", "line 3: [vault] "
		  "token_file: others may read /etc/passwd" },
		{ "url = https://v\ntoken = $env:T\nca_file = /none", "line 4: "
		  "vault_ca_file: cannot read /none" },
	};
	char text[256];
	size_t i;

	(void)state;
	/* A token's file may come later. */
	assert_int_equal(read_text("[vault]\nurl = https://v:8200/\n"
	    "token_file = /nonexistent\nnamespace = a/b\ncache = 90s\n"), 0);
	assert_int_equal(settings_check(&c, &e), 0);
	assert_string_equal(c.vault_namespace, "a/b");
	assert_int_equal(c.vault_cache_ms, 90000);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		settings_free(&c);
		assert_int_equal(settings_init(&c, &e), 0);
		snprintf(text, sizeof(text), "[vault]\n%s\n", bad[i].text);
		assert_int_equal(read_text(text), 0);
		assert_int_equal(settings_check(&c, &e), -1);
		assert_int_equal(e.cls, ERR_CONFIG);
		if (strstr(e.msg, bad[i].want) == NULL)
			fail_msg("said: %s\nwanted: %s", e.msg, bad[i].want);
	}
}

/* A secret itself is for a file that others cannot read. */
static void
test_literal_secrets(void ** state)
{
	char path[] = "/tmp/moltler-conf-XXXXXX", env[] = "literal";
	static const char literal[] = "[elasticsearch]\nurl = http://es\n"
	    "api_key = hunter2\n", ref[] = "[elasticsearch]\n"
	    "url = http://es\napi_key = $env:K\n";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, literal, sizeof(literal) - 1),
	    (ssize_t)sizeof(literal) - 1);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(settings_read_file(&c, path, &e), -1);
	assert_non_null(strstr(e.msg, "line 3: elasticsearch_api_key: others"));
	assert_non_null(strstr(e.msg, "chmod 600"));
	assert_null(strstr(e.msg, "hunter2"));
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(settings_read_file(&c, path, &e), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, ref, sizeof(ref) - 1, 0),
	    (ssize_t)sizeof(ref) - 1);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(settings_read_file(&c, path, &e), 0);
	close(fd);
	unlink(path);
	assert_int_equal(setenv("MOLTLER_ELASTICSEARCH_API_KEY", env, 1), 0);
	assert_int_equal(settings_read_env(&c, &e), 0);
	assert_string_equal(c.elastic_api_key, env);
	/* Not to be read in /proc. */
	assert_string_equal(getenv("MOLTLER_ELASTICSEARCH_API_KEY"), "");
	unsetenv("MOLTLER_ELASTICSEARCH_API_KEY");
}

/* What is seen to be wrong only later still says where it was set. */
static void
test_where_it_was_set(void ** state)
{
	(void)state;
	assert_int_equal(read_text("[daemon]\n\nlisten = nowhere\n"), 0);
	assert_int_equal(settings_check(&c, &e), -1);
	assert_non_null(strstr(e.msg, " line 3: listen must be ADDR:PORT"));
	assert_int_equal(settings_set_from(&c, "--listen", "listen",
	    "127.0.0.1:http", &e), 0);
	assert_int_equal(settings_check(&c, &e), -1);
	assert_memory_equal(e.msg, "--listen: listen: 'http' is no port", 35);
	assert_int_equal(settings_set_from(&c, "--listen", "listen",
	    "127.0.0.1:1", &e), 0);
	assert_int_equal(settings_set_from(&c, "x", "env_file", "/nonexistent",
	    &e), 0);
	assert_int_equal(settings_check(&c, &e), -1);
	assert_memory_equal(e.msg, "x: env_file: cannot read /nonexistent", 37);
}

static void
test_environment(void ** state)
{
	(void)state;
	setenv("MOLTLER_LISTEN", "127.0.0.1:9999", 1);
	setenv("MOLTLER_URL", "http://elsewhere", 1); /* the client's */
	assert_int_equal(settings_read_env(&c, &e), 0);
	assert_string_equal(c.listen, "127.0.0.1:9999");
	setenv("MOLTLER_MAX_BODY", "x", 1);
	assert_int_equal(settings_read_env(&c, &e), -1);
	assert_non_null(strstr(e.msg, "MOLTLER_MAX_BODY"));
	unsetenv("MOLTLER_MAX_BODY");
	unsetenv("MOLTLER_LISTEN");
}

static void
test_what_belongs_together(void ** state)
{
	static const struct { const char * key, * value, * want; } bad[] = {
		{ "listen", "0.0.0.0:8080", "set a token" },
		{ "listen", "example.org:80", "is no IP address" },
		{ "listen", "127.0.0.1:99999", "is no port" },
		{ "listen", "127.0.0.1", "ADDR:PORT" },
		{ "listen", "::1:80", "in brackets: [::1]:80" },
		{ "unix_socket_mode", "", "octal" },
		{ "listen", "none", "nobody could ask" },
		{ "tls_cert", "/x", "tls_key is missing" },
		{ "unix_socket_mode", "rw", "octal" },
		{ "token_file", "/nonexistent", "cannot read" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		settings_free(&c);
		assert_int_equal(settings_init(&c, &e), 0);
		assert_int_equal(settings_set(&c, bad[i].key, bad[i].value,
		    &e), 0);
		assert_int_equal(settings_check(&c, &e), -1);
		if (strstr(e.msg, bad[i].want) == NULL)
			fail_msg("said: %s\nwanted: %s", e.msg, bad[i].want);
	}
	settings_free(&c);
	assert_int_equal(settings_init(&c, &e), 0);
	assert_int_equal(settings_set(&c, "listen", "0.0.0.0:1", &e), 0);
	c.token = strdup("short words with space");
	assert_int_equal(settings_check(&c, &e), -1);
	free(c.token);
	c.token = strdup("0123456789abcdef");
	assert_int_equal(settings_check(&c, &e), 0);
	assert_false(c.is_loopback);
}

static int
denied(struct egress * g, const char * ip)
{
	struct sockaddr_in6 s6;
	struct sockaddr_in s4;

	memset(&s4, 0, sizeof(s4));
	memset(&s6, 0, sizeof(s6));
	s4.sin_family = AF_INET;
	s6.sin6_family = AF_INET6;
	if (inet_pton(AF_INET, ip, &s4.sin_addr) == 1)
		return (egress_check(g, (struct sockaddr *)(void *)&s4));
	assert_int_equal(inet_pton(AF_INET6, ip, &s6.sin6_addr), 1);
	return (egress_check(g, (struct sockaddr *)(void *)&s6));
}

static void
test_egress(void ** state)
{
	static const char * const bad[] = { "10.0.0.0/33", "x", "::/129",
	    "10.0.0/8", "1.2.3.4/", "1.2.3.4/8x" };
	struct egress * g;
	size_t i;

	(void)state;
	g = egress_new("10.0.0.0/8, 192.168.4.0/22 fd00::/8,1.2.3.4", &e);
	assert_non_null(g);
	assert_int_equal(denied(g, "10.255.1.1"), -1);
	assert_int_equal(denied(g, "11.0.0.1"), 0);
	assert_int_equal(denied(g, "192.168.7.255"), -1);
	assert_int_equal(denied(g, "192.168.8.0"), 0);
	assert_int_equal(denied(g, "fd12::1"), -1);
	assert_int_equal(denied(g, "fe80::1"), 0);
	assert_int_equal(denied(g, "1.2.3.4"), -1);
	assert_int_equal(denied(g, "1.2.3.5"), 0);
	egress_free(g);
	g = egress_new("127.0.0.0/8 ::1/128", &e);
	assert_non_null(g);
	assert_int_equal(denied(g, "0.0.0.0"), -1);
	assert_int_equal(denied(g, "::"), -1);
	assert_int_equal(denied(g, "::2"), 0);
	egress_free(g);
	g = egress_new("none", &e);
	assert_non_null(g);
	assert_int_equal(denied(g, "169.254.169.254"), 0);
	egress_free(g);
	g = egress_new(c.egress_deny, &e);
	assert_non_null(g);
	assert_int_equal(denied(g, "169.254.169.254"), -1);
	egress_free(g);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(egress_new(bad[i], &e));
		assert_int_equal(e.cls, ERR_CONFIG);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_defaults_are_safe), T(test_file),
		T(test_faults_name_file_line_and_key), T(test_environment),
		T(test_long_lines), T(test_elasticsearch), T(test_vault), T(test_literal_secrets),
		T(test_where_it_was_set),
		T(test_what_belongs_together), T(test_egress),
	};

	return (cmocka_run_group_tests_name("settings", tests, NULL, NULL));
}
