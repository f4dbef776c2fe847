#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "run/shared.h"

static struct loop * L;
static struct state * S;
static struct shared * H;
static char dir[] = "/tmp/moltler-shared-XXXXXX";

static int calls;
static int64_t wait_ms;
static json_t * value;
static int failed;

static void
on_wait(void * arg, int64_t ms, const struct err * e)
{
	(void)arg;
	calls++;
	wait_ms = ms;
	failed = e != NULL;
}

static void
on_value(void * arg, json_t * v, const struct err * e)
{
	(void)arg;
	calls++;
	json_decref(value);
	value = v ? json_incref(v) : NULL;
	failed = e != NULL;
}

static void
until_called(void)
{
	int64_t end = clock_mono_us() + 5000000;

	while (calls == 0 && clock_mono_us() < end)
		loop_turn(L, 1);
	assert_int_equal(calls, 1);
	calls = 0;
}

static int
setup(void ** state)
{
	char path[64];
	struct err e;

	(void)state;
	if (mkdtemp(dir) == NULL || (L = loop_new(&e)) == NULL)
		return (-1);
	snprintf(path, sizeof(path), "%s/state.db", dir);
	S = state_sqlite_open(L, path, "n1", &e);
	return (S == NULL ? -1 : 0);
}

static int
teardown(void ** state)
{
	char cmd[128];

	(void)state;
	S->ops->free(S);
	loop_free(L);
	json_decref(value);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd));
}

static void
test_passes_on(void ** state)
{
	const struct conn_shared * c;
	json_t * v = json_pack("{s:i}", "a", 1);

	(void)state;
	H = shared_new(S);
	assert_non_null(H);
	c = shared_conn(H);
	/* The file has one owner. */
	assert_false(c->is_shared);
	c->limit_take(c->arg, "k", 1, 1, 1, on_wait, NULL);
	assert_int_equal(calls, 0);
	until_called();
	assert_false(failed);
	assert_int_equal(wait_ms, 0);
	c->limit_take(c->arg, "k", 1, 1, 1, on_wait, NULL);
	until_called();
	assert_in_range(wait_ms, 1, 1000);
	c->cache_get(c->arg, "k", on_value, NULL);
	until_called();
	assert_null(value);
	c->cache_put(c->arg, "k", v, 60000);
	c->cache_get(c->arg, "k", on_value, NULL);
	until_called();
	assert_true(json_equal(v, value));
	json_decref(v);
	shared_free(H);
	shared_free(NULL);
}

static void
test_closed(void ** state)
{
	const struct conn_shared * c;
	int i;

	(void)state;
	H = shared_new(S);
	assert_non_null(H);
	c = shared_conn(H);
	calls = 0;
	for (i = 0; i < 3; i++) {
		c->limit_take(c->arg, "k", 1, 1, 1, on_wait, NULL);
		c->cache_get(c->arg, "k", on_value, NULL);
	}
	/* Who waits is told once, and then no more. */
	shared_free(H);
	assert_int_equal(calls, 6);
	assert_true(failed);
	for (i = 0; i < 20; i++)
		loop_turn(L, 0);
	assert_int_equal(calls, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes_on), cmocka_unit_test(test_closed),
	};

	return (cmocka_run_group_tests_name("what daemons share", tests, setup,
	    teardown));
}
