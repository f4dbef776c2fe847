#ifndef MOLTLER_TESTS_ACTION_RIG_H
#define MOLTLER_TESTS_ACTION_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/action.h"
#include "conn/limits.h"
#include "fake_http.h"
#include "fake_loop.h"

/* Actions of the entity "e" of a manifest that the test gives. */
#define START INT64_C(1700000000000)
#define HOST "http://svc.test"

extern const char manifest[];

static struct loop * L;
static struct http * H;
static struct limits * limits;
static struct manifest * m;
static struct connector * c;
static struct conn_env env;

static int calls, status_got;
static struct action_end ended;
static json_t * got;
static struct err why;

static int
setup(void ** state)
{
	struct err e = { .msg = "" };
	json_t * cfg = json_object();

	(void)state;
	L = fake_loop_new(START);
	H = fake_http_new(L);
	limits = limits_new(L, NULL);
	m = manifest_parse(manifest, strlen(manifest), "svc", &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	c = connector_new(m, "id-1", "it", cfg, NULL, &e);
	json_decref(cfg);
	assert_non_null(c);
	memset(&env, 0, sizeof(env));
	env.loop = L;
	env.http = H;
	env.limits = limits;
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	json_decref(got);
	got = NULL;
	connector_unref(c);
	manifest_unref(m);
	limits_free(limits);
	fake_loop_advance(L, 60000);
	fake_http_free(H);
	loop_free(L);
	return (0);
}

static void
on_done(void * arg, const json_t * answer, const struct action_end * did,
    const struct err * e)
{
	(void)arg;
	calls++;
	json_decref(got);
	got = answer ? json_deep_copy(answer) : NULL;
	status_got = did->status;
	ended = *did;
	memset(&why, 0, sizeof(why));
	if (e != NULL)
		why = *e;
}

static int
is_over(void * arg)
{
	(void)arg;
	return (calls > 0);
}

__attribute__((unused)) static struct action *
begin(const char * name)
{
	const struct manifest_action * act = manifest_action(
	    manifest_entity(m, "e"), name);
	struct action_opts o = { .timeout_ms = 10000 };
	struct action * a;

	calls = 0;
	a = action_start(&env, c, act, NULL, &o, on_done, NULL);
	assert_non_null(a);
	return (a);
}

__attribute__((unused)) static void
act(const char * name)
{
	begin(name);
	assert_int_equal(fake_loop_until(L, is_over, NULL, 60000), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(fake_http_running(H), 0);
}

#define ANSWERS(path, ...) do { \
	static const struct fake_answer a_[] = { __VA_ARGS__ }; \
	fake_http_script(H, HOST path, a_, sizeof(a_) / sizeof(*a_)); \
} while (0)
#define TAKEN { .status = 202, .ctype = "application/json", \
	.body = "{\"requestId\": \"rq-1\"}" }
#define JSON(st, text) { .status = st, .ctype = "application/json", .body = text }

#define assert_text(s, part) do { \
	if (strstr(s, part) == NULL) \
		fail_msg("'%s' does not hold '%s'", s, part); \
} while (0)

#endif
