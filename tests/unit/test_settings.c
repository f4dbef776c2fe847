#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
		{ "[deamon]\nlisten = a\n", "line 2: key 'listen' is in "
		  "section [deamon]" },
		{ "[daemon]\nnonsense\n", "line 2: expected" },
		{ "[daemon]\nmax_body = lots\n", "line 2: max_body must be" },
		{ "[daemon]\nlisten = none\nlisten = none\n",
		  "line 3: key 'listen' is given twice" },
		{ "[daemon]\nmax_connections = 0\n", "line 2: max_connections" },
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
		T(test_what_belongs_together), T(test_egress),
	};

	return (cmocka_run_group_tests_name("settings", tests, NULL, NULL));
}
