#ifndef MOLTLER_TESTS_TEST_STATE_H
#define MOLTLER_TESTS_TEST_STATE_H

#include "base/clock.h"
#include "state/state.h"
#include "redis_server.h"
#include "until.h"

/* What the suite and the tests of one backend share. */
extern struct loop * L;
extern struct state * S;
extern struct redis_server server; /* its folder serves both */
extern char state_path[128];

/* What the last callback got. */
extern int calls;
extern json_t * value;
extern int64_t fence;
extern int failed;
extern struct err last;
extern char logged[65536];

struct state * open_state(const char * node);
int setup(void ** state);
int teardown(void ** state);
void on_value(void * arg, json_t * v, const struct err * e);
void on_fence(void * arg, int64_t f, const struct err * e);
void assert_json(const json_t * v, const char * want);

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Call, wait, and see no error (TRY_: look at "failed" and "last"). */
#define TRY(op, ...) do { \
	int c_ = calls; \
	S->ops->op(S, ##__VA_ARGS__, on_value, NULL); \
	assert_int_equal(calls, c_); \
	UNTIL(calls == c_ + 1, 10000); \
} while (0)
#define OK() do { \
	if (failed) \
		fail_msg("%s", last.msg); \
} while (0)
#define DO(op, ...) do { TRY(op, ##__VA_ARGS__); OK(); } while (0)
#define TRY_JSON(op, json, ...) do { \
	json_t * v_ = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, \
	    NULL); \
	assert_non_null(v_); \
	TRY(op, __VA_ARGS__); \
	json_decref(v_); \
} while (0)
#define DO_JSON(op, json, ...) do { \
	TRY_JSON(op, json, __VA_ARGS__); OK(); } while (0)
#define TRY_PUT(kind, name, json, fresh) \
	TRY_JSON(put, json, kind, name, v_, fresh)
#define PUT(kind, name, json, fresh) do { \
	TRY_PUT(kind, name, json, fresh); OK(); } while (0)
#define DO_FENCE(op, ...) do { \
	int c_ = calls; \
	S->ops->op(S, ##__VA_ARGS__, on_fence, NULL); \
	assert_int_equal(calls, c_); \
	UNTIL(calls == c_ + 1, 10000); \
	OK(); \
} while (0)
#define STATUS(name, json) do { \
	json_t * v_ = json_loads(json, JSON_ALLOW_NUL, NULL); \
	S->ops->status_put(S, name, v_); \
	json_decref(v_); \
} while (0)
#define EVENT(name, json) do { \
	json_t * v_ = json_loads(json, 0, NULL); \
	S->ops->event_add(S, name, v_); \
	json_decref(v_); \
} while (0)

/* test_state_nodes.c */
void test_lease(void ** state);
void test_lease_expires(void ** state);
void test_lease_race(void ** state);
void test_limit(void ** state);
void test_actions(void ** state);
void test_nodes(void ** state);
#define NODES_TESTS T(test_lease), T(test_lease_expires), T(test_lease_race), \
	T(test_limit), T(test_actions), T(test_nodes),

#if STATE_REDIS
void test_keys(void ** state);
void test_by_hand(void ** state);
void test_changes_by_name(void ** state);
void test_shared(void ** state);
void test_away(void ** state);
void test_merge_writes(void ** state);
void test_older_run(void ** state);
void test_told_before_the_beat(void ** state);
void test_lost_claim(void ** state);
void test_event_once(void ** state);
void test_wrong_type(void ** state);
#define OWN_TESTS T(test_keys), T(test_changes_by_name), T(test_by_hand), T(test_shared), \
	T(test_away), T(test_merge_writes), T(test_older_run), \
	T(test_told_before_the_beat), T(test_lost_claim), \
	T(test_event_once), T(test_wrong_type),
#else
void test_reopen(void ** state);
void test_locked(void ** state);
void test_bad_files(void ** state);
void test_killed(void ** state);
void test_status_by_itself(void ** state);
void test_cache_bound(void ** state);
void test_many_leases(void ** state);
void test_log_is_moved(void ** state);
#define OWN_TESTS T(test_reopen), T(test_locked), T(test_bad_files), \
	T(test_killed), T(test_status_by_itself), T(test_cache_bound), \
	T(test_many_leases), T(test_log_is_moved),
#endif

#endif
