/* One suite for both backends: built with -DSTATE_REDIS=0 and =1. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "state/state.h"
#include "redis_server.h"
#include "test_state.h"

struct loop * L;
struct state * S;
struct redis_server server;
char state_path[128];

int calls;
json_t * value;
int64_t fence;
int failed;
struct err last;
char logged[65536];

static void
on_log(void * arg, const char * line)
{
	size_t n = strlen(logged);

	(void)arg;
	snprintf(logged + n, sizeof(logged) - n, "%s\n", line);
}

struct state *
open_state(const char * node)
{
	struct err e;
	struct state * s;

	if (STATE_REDIS)
		s = state_redis_open(L, server.url, node, &e);
	else
		s = state_sqlite_open(L, state_path, node, &e);
	if (s == NULL)
		fail_msg("%s", e.msg);
	return (s);
}

int
setup(void ** state)
{
	struct err e;

	(void)state;
	L = loop_new(&e);
	logged[0] = '\0';
	log_capture(on_log, NULL);
	redis_server_init(&server);
	snprintf(state_path, sizeof(state_path), "%s/state.db", server.dir);
	if (STATE_REDIS)
		redis_server_start(&server, NULL);
	S = open_state("n1");
	value = NULL;
	UNTIL(S->ops->is_up(S), 5000);
	return (0);
}

int
teardown(void ** state)
{
	(void)state;
	if (S != NULL)
		S->ops->free(S);
	S = NULL;
	json_decref(value);
	value = NULL;
	redis_server_fini(&server);
	loop_free(L);
	log_capture(NULL, NULL);
	return (0);
}

void
on_value(void * arg, json_t * v, const struct err * e)
{
	(void)arg;
	calls++;
	json_decref(value);
	value = json_deep_copy(v);
	failed = e != NULL;
	if (e != NULL) {
		assert_null(v);
		last = *e;
	}
}

void
on_fence(void * arg, int64_t f, const struct err * e)
{
	(void)arg;
	calls++;
	fence = f;
	failed = e != NULL;
	if (e != NULL)
		last = *e;
}

void
assert_json(const json_t * v, const char * want)
{
	char * s = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY |
	    JSON_SORT_KEYS) : strdup("nothing");

	assert_string_equal(s, want);
	free(s);
}

static void
test_record(void ** state)
{
	(void)state;
	DO(get, "connector", "a");
	assert_null(value);
	PUT("connector", "a", "{\"x\":1,\"url\":\"http://h\"}", 1);
	DO(get, "connector", "a");
	assert_json(value, "{\"url\":\"http://h\",\"x\":1}");
	/* A put replaces the whole: old keys go. */
	PUT("connector", "a", "{\"y\":[]}", 0);
	DO(get, "connector", "a");
	assert_json(value, "{\"y\":[]}");
	TRY_PUT("connector", "a", "{}", 1);
	assert_true(failed);
	assert_int_equal(last.cls, ERR_CONFIG);
	assert_string_equal(last.code, "exists");
	assert_non_null(strstr(last.msg, "\"a\""));
	DO(get, "connector", "a");
	assert_json(value, "{\"y\":[]}");
	DO(get, "sync", "a");
	assert_null(value);
	DO(del, "connector", "a");
	DO(get, "connector", "a");
	assert_null(value);
	DO(del, "connector", "a");
	PUT("connector", "a", "{}", 1);
	DO(get, "connector", "a");
	assert_json(value, "{}");
}

static void
test_nothing_before_return(void ** state)
{
	json_t * o = json_object();
	int c = calls;

	(void)state;
	S->ops->put(S, "connector", "a", o, 0, on_value, NULL);
	S->ops->get(S, "connector", "a", on_value, NULL);
	S->ops->list(S, "connector", on_value, NULL);
	S->ops->del(S, "connector", "a", on_value, NULL);
	S->ops->generation(S, on_value, NULL);
	S->ops->status_get(S, "a", on_value, NULL);
	S->ops->event_list(S, "a", 5, on_value, NULL);
	S->ops->lease_take(S, "s", 1, 1000, on_fence, NULL);
	S->ops->lease_keep(S, "s", 1, 1, 1000, on_fence, NULL);
	S->ops->lease_drop(S, "s", 1, 1, on_value, NULL);
	S->ops->cursor_get(S, "s", on_value, NULL);
	S->ops->cursor_put(S, "s", 1, o, on_value, NULL);
	S->ops->cache_get(S, "k", on_value, NULL);
	S->ops->cache_put(S, "k", o, 1000, on_value, NULL);
	S->ops->node_list(S, on_value, NULL);
	S->ops->flush(S, on_value, NULL);
	json_decref(o);
	assert_int_equal(calls, c);
	UNTIL(calls == c + 16, 5000);
}

static void
test_odd_values(void ** state)
{
	static const char odd[] = "{\"\":\"empty key\",\"_\":1,\"__\":2,"
	    "\"_fence\":\"mine\",\"_value\":[1],\"a\":\"5000\",\"b\":5000,"
	    "\"c\":\"true\",\"d\":true,\"e\":\"null\",\"f\":null,\"g\":\"\","
	    "\"h\":\" \",\"i\":\"\\\"q\\\"\",\"j\":\"{\\\"x\\\":1}\","
	    "\"k\":\"[1\",\"l\":\"-\",\"m\":9223372036854775807,"
	    "\"n\":-9223372036854775808,\"o\":\"9223372036854775808\","
	    "\"p\":0.1,\"q\":1e300,\"r\":1.0,\"s\":-0.0,"
	    "\"t\":\"h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80\","
	    "\"u\":{\"v\":[null,{\"w\":\"1\"}]},\"x\":\"a\\u0000b\","
	    "\"y\":\"\\u0000\",\"z\":\"line\\nbreak\\r\\n\\ttab\","
	    "\"z1\":\"12 \",\"z2\":\" 12\",\"z3\":\"1e5\",\"z4\":\"nan\","
	    "\"z5\":\"1 2\",\"\xc3\xa4\":\"key\",\"a b:c*?\":\"glob\"}";
	json_t * want = json_loads(odd, JSON_ALLOW_NUL, NULL);

	(void)state;
	assert_non_null(want);
	PUT("connector", "odd", odd, 1);
	DO(get, "connector", "odd");
	assert_true(json_equal(value, want));
	DO(list, "connector");
	assert_int_equal(json_array_size(value), 1);
	assert_true(json_equal(json_array_get(value, 0), want));
	DO_JSON(cursor_put, odd, "c", 1, v_);
	DO(cursor_get, "c");
	assert_true(json_equal(value, want));
	DO_JSON(cache_put, odd, "c", v_, 10000);
	DO(cache_get, "c");
	assert_true(json_equal(value, want));
	/* In a status a null takes the key away. */
	STATUS("odd", odd);
	json_object_del(want, "f");
	DO(status_get, "odd");
	assert_true(json_equal(value, want));
	DO(flush);
	DO(status_get, "odd");
	assert_true(json_equal(value, want));
	json_decref(want);
}

static void
test_odd_names(void ** state)
{
	static const char * const names[] = { "a:b", "a b", "*", "\xc3\xa9",
	    "with\nnewline", "%s%n", "\xff\xfe", "'; DROP TABLE record; --",
	    "\"" };
	size_t i, n = sizeof(names) / sizeof(names[0]);
	char rec[64];

	(void)state;
	for (i = 0; i < n; i++) {
		snprintf(rec, sizeof(rec), "{\"i\":%zu}", i);
		PUT("connector", names[i], rec, 1);
		STATUS(names[i], rec);
		EVENT(names[i], rec);
		DO_FENCE(lease_take, names[i], 5, 10000);
		assert_true(fence > 0);
		DO_JSON(cursor_put, rec, names[i], 1, v_);
	}
	DO(flush);
	for (i = 0; i < n; i++) {
		snprintf(rec, sizeof(rec), "{\"i\":%zu}", i);
		DO(get, "connector", names[i]);
		assert_json(value, rec);
		DO(status_get, names[i]);
		assert_json(value, rec);
		DO(cursor_get, names[i]);
		assert_json(value, rec);
		DO_FENCE(lease_take, names[i], 5, 10000);
		assert_int_equal(fence, 0);
		snprintf(rec, sizeof(rec), "[{\"i\":%zu}]", i);
		DO(event_list, names[i], 10);
		assert_json(value, rec);
	}
	DO(list, "connector");
	assert_int_equal(json_array_size(value), n);
}

static void
test_list_is_ordered(void ** state)
{
	(void)state;
	DO(list, "connector");
	assert_json(value, "[]");
	PUT("connector", "b", "{\"n\":\"b\"}", 1);
	PUT("connector", "a-2", "{\"n\":\"a-2\"}", 1);
	PUT("connector", "a-10", "{\"n\":\"a-10\"}", 1);
	PUT("connector", "B", "{\"n\":\"B\"}", 1);
	PUT("sync", "s", "{\"n\":\"s\"}", 1);
	DO(list, "connector");
	assert_json(value, "[{\"n\":\"B\"},{\"n\":\"a-10\"},{\"n\":\"a-2\"},"
	    "{\"n\":\"b\"}]");
	DO(del, "connector", "a-2");
	DO(list, "connector");
	assert_int_equal(json_array_size(value), 3);
}

static void
test_generation(void ** state)
{
	json_int_t a, b, c;

	(void)state;
	DO(generation);
	a = json_integer_value(value);
	PUT("connector", "x", "{}", 0);
	DO(generation);
	b = json_integer_value(value);
	assert_true(json_is_integer(value) && b != a);
	DO(del, "connector", "x");
	DO(generation);
	c = json_integer_value(value);
	assert_true(c != b && c != a);
	STATUS("x", "{\"s\":1}");
	DO(flush);
	DO(get, "connector", "x");
	DO(generation);
	assert_int_equal(json_integer_value(value), c);
}

static void
test_changes(void ** state)
{
	json_int_t a;
	char mark[200];

	(void)state;
	DO(changes, NULL);
	a = json_integer_value(json_object_get(value, "generation"));
	assert_null(json_object_get(value, "changed"));
	PUT("connector", "x", "{}", 0);
	DO(changes, NULL);
	assert_true(json_integer_value(json_object_get(value,
	    "generation")) > a);
	snprintf(mark, sizeof(mark), "%s", json_string_value(json_object_get(
	    value, "mark")));
	DO(generation);
	a = json_integer_value(value);
	DO(changes, mark);
	assert_int_equal(json_integer_value(json_object_get(value,
	    "generation")), a);
	assert_int_equal(json_array_size(json_object_get(value, "changed")),
	    0);
}

static void
test_status(void ** state)
{
	(void)state;
	DO(status_get, "a");
	assert_null(value);
	STATUS("a", "{\"status\":\"ok\",\"last_rows\":5,\"last_error\":\"x\"}");
	DO(status_get, "a");
	assert_json(value,
	    "{\"last_error\":\"x\",\"last_rows\":5,\"status\":\"ok\"}");
	DO(flush);
	STATUS("a", "{\"last_rows\":6,\"last_error\":null}");
	DO(status_get, "a");
	assert_json(value, "{\"last_rows\":6,\"status\":\"ok\"}");
	DO(flush);
	DO(status_get, "a");
	assert_json(value, "{\"last_rows\":6,\"status\":\"ok\"}");
	STATUS("a", "{\"last_rows\":null,\"status\":null,\"none\":null}");
	DO(flush);
	DO(status_get, "a");
	assert_null(value);
	/* It is written by itself within a second or so. */
	STATUS("b", "{\"status\":\"ok\"}");
	S->ops->free(S);
	S = open_state("n1");
	UNTIL(S->ops->is_up(S), 5000);
	if (!STATE_REDIS) {
		DO(status_get, "b");
		assert_json(value, "{\"status\":\"ok\"}");
	}
}

static void
test_events(void ** state)
{
	char ev[64];
	int i;

	(void)state;
	DO(event_list, "a", 10);
	assert_json(value, "[]");
	for (i = 0; i < 3; i++) {
		snprintf(ev, sizeof(ev), "{\"n\":%d}", i);
		EVENT("a", ev);
	}
	DO(event_list, "a", 2);
	assert_json(value, "[{\"n\":2},{\"n\":1}]");
	DO(flush);
	EVENT("a", "{\"n\":3}");
	DO(event_list, "a", 3);
	assert_json(value, "[{\"n\":3},{\"n\":2},{\"n\":1}]");
	DO(flush);
	DO(event_list, "a", 0);
	assert_json(value, "[{\"n\":3},{\"n\":2},{\"n\":1},{\"n\":0}]");
	/* The same again is another event. */
	EVENT("a", "{\"n\":3}");
	DO(flush);
	DO(event_list, "a", 3);
	assert_json(value, "[{\"n\":3},{\"n\":3},{\"n\":2}]");
	for (i = 0; i < 250; i++) {
		snprintf(ev, sizeof(ev), "{\"n\":%d}", i);
		EVENT("a", ev);
		if (i == 120)
			DO(flush);
	}
	DO(flush);
	DO(event_list, "a", 1000);
	assert_int_equal(json_array_size(value), 100);
	assert_int_equal(json_integer_value(json_object_get(
	    json_array_get(value, 0), "n")), 249);
	assert_int_equal(json_integer_value(json_object_get(
	    json_array_get(value, 99), "n")), 150);
}

static void
test_delete_takes_along(void ** state)
{
	(void)state;
	PUT("connector", "a", "{}", 1);
	PUT("connector", "b", "{}", 1);
	STATUS("a", "{\"s\":1}");
	STATUS("b", "{\"s\":2}");
	EVENT("a", "{\"n\":1}");
	EVENT("b", "{\"n\":2}");
	DO(flush);
	STATUS("a", "{\"s\":3}");
	EVENT("a", "{\"n\":4}");
	DO(del, "connector", "a");
	DO(flush);
	DO(status_get, "a");
	assert_null(value);
	DO(event_list, "a", 10);
	assert_json(value, "[]");
	DO(status_get, "b");
	assert_json(value, "{\"s\":2}");
	DO(event_list, "b", 10);
	assert_json(value, "[{\"n\":2}]");
	PUT("sync", "s", "{}", 1);
	DO_JSON(cursor_put, "{\"at\":1}", "s", 5, v_);
	STATUS("s", "{\"n\":1}");
	EVENT("s", "{\"n\":1}");
	DO(flush);
	STATUS("s", "{\"n\":2}");
	DO(del, "sync", "s");
	DO(flush);
	DO(cursor_get, "s");
	assert_null(value);
	DO(status_get, "s");
	assert_null(value);
	DO(event_list, "s", 10);
	assert_json(value, "[]");
	/* Nothing of the old one fences the new one off. */
	DO_JSON(cursor_put, "{\"at\":2}", "s", 1, v_);
	assert_false(failed);
}

static void
test_cursor(void ** state)
{
	(void)state;
	DO(cursor_get, "s");
	assert_null(value);
	DO_JSON(cursor_put, "{\"at\":\"2024\"}", "s", 5, v_);
	DO_JSON(cursor_put, "{\"at\":\"2025\"}", "s", 5, v_);
	DO(cursor_get, "s");
	assert_json(value, "{\"at\":\"2025\"}");
	TRY_JSON(cursor_put, "{\"at\":\"old\"}", "s", 4, v_);
	assert_true(failed);
	assert_int_equal(last.cls, ERR_PERMANENT);
	assert_string_equal(last.code, "fenced");
	DO(cursor_get, "s");
	assert_json(value, "{\"at\":\"2025\"}");
	DO_JSON(cursor_put, "{}", "s", 6, v_);
	DO(cursor_get, "s");
	assert_json(value, "{}");
	DO_JSON(cursor_put, "\"just text\"", "s", 7, v_);
	DO(cursor_get, "s");
	assert_json(value, "\"just text\"");
	DO_JSON(cursor_put, "[1,\"2\"]", "s", 7, v_);
	DO(cursor_get, "s");
	assert_json(value, "[1,\"2\"]");
}

static void
test_parts(void ** state)
{
	json_t * rec = json_pack("{s:s}", "of", "x"), * none = json_null();
	json_t * many = json_object();
	char name[32];
	int i;

	(void)state;
	DO(parts_get, "p");
	assert_int_equal(json_object_size(value), 0);
	DO_JSON(parts_put, "{\"e/1\":{\"t\":\"a\"},\"_e/2\":{\"t\":\"5\"}}",
	    "p", 5, rec, v_);
	DO(parts_get, "p");
	assert_json(value, "{\"_e/2\":{\"t\":\"5\"},\"e/1\":{\"t\":\"a\"}}");
	/* Only what changed is said. */
	DO_JSON(parts_put, "{\"e/1\":null,\"e/3\":{\"t\":\"c\"}}", "p", 5, rec,
	    v_);
	DO(parts_get, "p");
	assert_json(value, "{\"_e/2\":{\"t\":\"5\"},\"e/3\":{\"t\":\"c\"}}");
	/* All or nothing. */
	TRY_JSON(parts_put, "{\"e/3\":null}", "p", 4, rec, v_);
	assert_true(failed);
	assert_string_equal(last.code, "fenced");
	DO(cursor_put, "p", 6, rec);
	DO(parts_get, "p");
	assert_json(value, "{\"_e/2\":{\"t\":\"5\"},\"e/3\":{\"t\":\"c\"}}");
	DO(cursor_get, "p");
	assert_json(value, "{\"of\":\"x\"}");
	DO(parts_put, "p", 7, rec, none);
	DO(parts_get, "p");
	assert_int_equal(json_object_size(value), 0);
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "e/%d", i);
		json_object_set_new(many, name, json_pack("{s:i}", "t", i));
	}
	DO(parts_put, "p", 8, rec, many);
	DO(parts_get, "p");
	assert_true(json_equal(value, many));
	DO(del, "sync", "p");
	DO(parts_get, "p");
	assert_int_equal(json_object_size(value), 0);
	json_decref(rec);
	json_decref(none);
	json_decref(many);
}

static void
test_cache(void ** state)
{
	int64_t t0;
	char * big = malloc((2 << 20) + 3);

	(void)state;
	DO(cache_get, "k");
	assert_null(value);
	DO_JSON(cache_put, "{\"a\":[1]}", "k", v_, 60000);
	DO(cache_get, "k");
	assert_json(value, "{\"a\":[1]}");
	DO_JSON(cache_put, "\"text\"", "k", v_, 200);
	DO(cache_get, "k");
	assert_json(value, "\"text\"");
	t0 = clock_mono_us();
	do {
		DO(cache_get, "k");
	} while (value != NULL && clock_mono_us() - t0 < 5000000);
	assert_null(value);
	/* Too large: no error, not kept, and the old one is gone. */
	DO_JSON(cache_put, "1", "k", v_, 60000);
	assert_non_null(big);
	memset(big, 'x', (2 << 20) + 2);
	big[0] = big[(2 << 20) + 1] = '"';
	big[(2 << 20) + 2] = '\0';
	DO_JSON(cache_put, big, "k", v_, 60000);
	DO(cache_get, "k");
	assert_null(value);
	free(big);
}

/* How late the loop came to its timers until the counter got there. */
static int64_t
lag_until(int * counter, int want)
{
	struct loop_lag lag;

	loop_turn(L, 0);
	loop_lag_reset(L);
	UNTIL(*counter == want, 20000);
	loop_lag_get(L, &lag);
	return (lag.max_us);
}

static void
check_list(void * arg, json_t * v, const struct err * e)
{
	char name[32];
	int i;

	assert_null(e);
	assert_int_equal(json_array_size(v), *(int *)arg);
	for (i = 0; i < *(int *)arg; i++) {
		snprintf(name, sizeof(name), "con-%05d", i);
		assert_string_equal(json_string_value(json_object_get(
		    json_array_get(v, (size_t)i), "name")), name);
	}
	calls++;
}

static void
test_ten_thousand(void ** state)
{
	char name[32], rec[256];
	int i, c = calls, n = 10000;
	int64_t t0, max;
	json_t * v;

	(void)state;
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "con-%05d", i);
		snprintf(rec, sizeof(rec), "{\"name\":\"%s\",\"type\":"
		    "\"prometheus\",\"schedule_ms\":5000,\"url\":"
		    "\"http://10.0.0.1:9100/metrics\",\"auth\":{\"kind\":"
		    "\"bearer\",\"token\":\"$env:T\"},\"enabled\":true}",
		    name);
		v = json_loads(rec, 0, NULL);
		S->ops->put(S, "connector", name, v, 1, on_value, NULL);
		S->ops->status_put(S, name, v);
		json_decref(v);
	}
	UNTIL(calls == c + n, 20000);
	t0 = clock_mono_us();
	S->ops->list(S, "connector", check_list, &n);
	max = lag_until(&calls, c + n + 1);
	print_message("# listed in %lld ms, lag at most %lld us\n",
	    (long long)(clock_mono_us() - t0) / 1000, (long long)max);
	t0 = clock_mono_us();
	S->ops->flush(S, on_value, NULL);
	max = lag_until(&calls, c + n + 2);
	print_message("# written in %lld ms, lag at most %lld us\n",
	    (long long)(clock_mono_us() - t0) / 1000, (long long)max);
	assert_false(failed);
	DO(status_get, "con-09999");
	assert_int_equal(json_object_size(value), 6);
}

static int freed;

static void
free_state(void * arg, json_t * v, const struct err * e)
{
	(void)arg;
	(void)e;
	freed++;
	S->ops->free(S);
	S = NULL;
	assert_true(json_is_object(v)); /* ours until we return */
}

static void
never(void * arg, json_t * v, const struct err * e)
{
	(void)arg;
	(void)v;
	(void)e;
	fail_msg("called after free");
}

static void
test_free_in_callback(void ** state)
{
	json_t * o = json_pack("{s:i}", "a", 1);
	int i;

	(void)state;
	S->ops->put(S, "connector", "a", o, 0, NULL, NULL);
	S->ops->get(S, "connector", "a", free_state, NULL);
	for (i = 0; i < 10; i++) {
		S->ops->get(S, "connector", "a", never, NULL);
		S->ops->list(S, "connector", never, NULL);
		S->ops->put(S, "connector", "b", o, 0, never, NULL);
		S->ops->flush(S, never, NULL);
		S->ops->status_put(S, "a", o);
	}
	UNTIL(freed == 1, 5000);
	for (i = 0; i < 50; i++)
		loop_turn(L, 0);
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_record), T(test_nothing_before_return),
		T(test_odd_values), T(test_odd_names),
		T(test_list_is_ordered), T(test_generation), T(test_changes), T(test_status),
		T(test_events), T(test_delete_takes_along),
		T(test_cursor), T(test_parts), T(test_cache), T(test_ten_thousand),
		T(test_free_in_callback), NODES_TESTS
		OWN_TESTS
	};

	signal(SIGPIPE, SIG_IGN);
	if (STATE_REDIS)
		redis_server_need();
	return (cmocka_run_group_tests_name(STATE_REDIS ? "state redis" :
	    "state sqlite", tests, NULL, NULL));
}
