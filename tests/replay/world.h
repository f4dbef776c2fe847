#ifndef MOLTLER_TESTS_WORLD_H
#define MOLTLER_TESTS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_http.h"
#include "fake_loop.h"
#include "fake_state.h"
#include "fake_store.h"
#include "run/runner.h"

/* 2023-11-14T22:13:20Z: a multiple of 100 s, not of an hour. */
#define WORLD_START INT64_C(1700000000000)
#define URL "http://exporter.test/metrics"

/* One daemon. */
struct node {
	struct state * state;
	struct targets * targets;
	struct runner * runner; /* NULL: down */
	const char * id;
};

/* One loop's worth of daemons, one service, one shared state. */
struct world {
	struct loop * L;
	struct http * http;
	struct fake_tables tables;
	struct conn_env conn;
	struct call_counts counts;
	struct secrets * secrets;
	struct types * types;
	struct node node[2];
	size_t n;
};

/* What a call of the runner came to. */
struct outcome {
	int calls;
	int failed;
	struct err e;
	json_t * v; /* a reference, or NULL */
};

/** world_new(n, backend): ${n} daemons, loaded, all at 0 ms.  world_free stops
 * and checks that nothing is left.  Ids, and with them the offsets of the
 * schedules, are the same in each run; REPLAY_SEED=n tries others. */
struct world * world_new(size_t n, const char * backend);
void world_free(struct world * w);

/** world_up(w, i): Start daemon ${i} anew, load and wait for that.
 * world_down(w, i): Stop it in good order.  world_begin(w, i): Start it without
 * loading. */
void world_up(struct world * w, size_t i);
void world_begin(struct world * w, size_t i);
void world_down(struct world * w, size_t i);

/** world_pass(w, ms): Let time pass. */
void world_pass(struct world * w, int64_t ms);

/** world_rest(w): Let time pass until no run is under way. */
void world_rest(struct world * w);

/** world_on(o, ...): The callback that fills ${arg}, a struct outcome. */
void world_on(void * arg, json_t * v, const struct err * e);
/** world_wait(w, o): Let time pass, at most a minute, until it is filled. */
void world_wait(struct world * w, struct outcome * o);
void outcome_free(struct outcome * o);

/** world_body(name, schedule_ms): A create's body to URL; the caller owns it. */
json_t * world_body(const char * name, int64_t schedule_ms);

/** world_create(w, i, name, schedule_ms): At daemon ${i}, and wait. */
void world_create(struct world * w, size_t i, const char * name,
    int64_t schedule_ms);
/** world_create_body(w, i, body): The same with a body (taken). */
void world_create_body(struct world * w, size_t i, json_t * body);

/** world_do(w, i, what, name): Do it and wait: 0, or -1 with ${e} (or NULL). */
int world_do(struct world * w, size_t i, void (*what)(struct runner *,
    const char *, runner_cb *, void *), const char * name, struct err * e);

/** world_patch(w, i, name, json, e): As world_do. */
int world_patch(struct world * w, size_t i, const char * name,
    const char * json, struct err * e);

/** world_show(w, i, name, key): A string of what GET shows; "" if null, fails
 * if there is no such connector.  Good until the next call. */
const char * world_show(struct world * w, size_t i, const char * name,
    const char * key);

struct runner_stats world_stats(struct world * w, size_t i);

/** world_ticks(w, i, name): How many are stored at daemon ${i}. */
size_t world_ticks(struct world * w, size_t i, const char * name);
const struct fake_tick * world_tick(struct world * w, size_t i,
    const char * name, size_t at);

/** world_sent(w): Requests so far; world_sent_at(w, i): when one was. */
size_t world_sent(struct world * w);
int64_t world_sent_at(struct world * w, size_t i);

/** world_check_buckets(w, i, name, every): Each tick stored bears a multiple of
 * ${every}, none twice. */
void world_check_buckets(struct world * w, size_t i, const char * name,
    int64_t every);

#define assert_begins(s, with) do { \
	const char * s_ = (s); \
	if (strncmp(s_, (with), strlen(with)) != 0) \
		fail_msg("'%s' does not begin with '%s'", s_, (with)); \
} while (0)
#define assert_has(s, what) do { \
	const char * s_ = (s); \
	if (strstr(s_, (what)) == NULL) \
		fail_msg("'%s' does not hold '%s'", s_, (what)); \
} while (0)

/* Answers that many tests use. */
extern const struct fake_answer world_good;
extern const struct fake_answer world_never;

#endif
