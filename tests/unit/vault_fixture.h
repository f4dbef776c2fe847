#ifndef MOLTLER_TESTS_VAULT_FIXTURE_H
#define MOLTLER_TESTS_VAULT_FIXTURE_H

/* Secrets of a Vault, which fake_vault.c plays: what their tests share. */

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
#include "conn/send.h"
#include "conn/token.h"
#include "secret/secret_scrub.h"
#include "secret/vault.h"
#include "fake_vault.h"
#include "target/elastic_call.h"

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

static inline void
on_line(void * arg, const char * line)
{
	size_t n = strlen(logs);

	(void)arg;
	snprintf(logs + n, sizeof(logs) - n, "%s\n", line);
}

/* The clock is ours, but not that of timers. */
static inline void
pass(int64_t ms)
{
	now_ms += ms;
	clock_set_fake(now_ms, now_ms * 1000);
}

static inline void
settle(void)
{
	int i;

	for (i = 0; i < 40; i++)
		loop_turn(loop, 0);
}

static inline int
until(int (*done)(void), int ms)
{
	int64_t end = clock_mono_us() + ms * 1000;

	while (!done() && clock_mono_us() < end) {
		loop_turn(loop, 0);
		usleep(2000);
	}
	return (done());
}

static inline int
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

static inline int
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

static inline void
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

static inline void
on_done(void * arg)
{
	(void)arg;
	ndone++;
}

static char got[512];

/* The value, asked for if it must be; NULL with ${e}. */
static inline const char *
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

static inline void
assert_value(const char * ref, const char * want)
{
	const char * s = value(ref);

	if (s == NULL)
		fail_msg("%s: %s", ref, e.msg);
	assert_string_equal(s, want);
}

static inline void
assert_no(const char * ref, enum err_class cls, const char * says)
{
	assert_null(value(ref));
	if (e.cls != cls || strstr(e.msg, says) == NULL)
		fail_msg("%s: %s: %s", ref, err_class_name(e.cls), e.msg);
	assert_string_equal(e.code, "secret");
}

#define APP "vault:secret/app#token"

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
