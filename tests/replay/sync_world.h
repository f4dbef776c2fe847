#ifndef MOLTLER_TESTS_SYNC_WORLD_H
#define MOLTLER_TESTS_SYNC_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fake_http.h"
#include "fake_loop.h"
#include "fake_state.h"
#include "fake_sync_run.h"
#include "sync/syncs.h"

/* 2023-11-14T22:13:20Z. */
#define SW_START INT64_C(1700000000000)
#define SW_NODES 4

/* Some daemons with their syncs, one state, no rows.  Connectors are of a type of
 * our own: "items" (key id, updated, state, size), "people" (key id), "parts" (needs
 * the input "item"). */
struct sync_world {
	struct loop * L;
	struct http * http;
	struct fake_tables tables;
	struct secrets * secrets;
	struct types * types;
	struct conn_env conn;
	char dir[64];
	size_t n;
	const char * backend;
	struct sw_node {
		const char * id;
		struct state * state;
		struct targets * targets;
		struct runner * runner; /* NULL: down */
		struct syncs * syncs;
		struct loop_timer * beat;
		int has_elastic;
	} node[SW_NODES];
};

/* The lease of those that come up next; 0: the default. */
extern int64_t sw_lease_ms;

struct sw_answer {
	int calls, failed;
	struct err e;
	json_t * v;
	struct sync_result r;
	int has_r;
};

/** sw_new(n, backend, elastic): ${n} daemons up and loaded. */
struct sync_world * sw_new(size_t n, const char * backend, int elastic);
void sw_free(struct sync_world * w);
void sw_up(struct sync_world * w, size_t i);
void sw_down(struct sync_world * w, size_t i);
void sw_pass(struct sync_world * w, int64_t ms);

/** sw_on: A callback that fills the struct sw_answer ${arg}; sw_ran: a run's. */
void sw_on(void * arg, json_t * v, const struct err * e);
void sw_ran(void * arg, const struct sync_result * r, const struct err * e);
/** sw_wait(w, a): Until it came; fails after a minute. */
void sw_wait(struct sync_world * w, struct sw_answer * a);
void sw_clear(struct sw_answer * a);

void sw_connector(struct sync_world * w, size_t i, const char * name);
/** sw_put(w, i, spec, a): And wait. */
void sw_put(struct sync_world * w, size_t i, const struct sync_spec * s,
    struct sw_answer * a);
/** sw_sync(w, i, connector, target, every_ms): One of items that must go well. */
void sw_sync(struct sync_world * w, size_t i, const char * connector,
    const char * target, int64_t every_ms);
/** sw_do(w, i, what, id): 0, or -1 with ${e}. */
int sw_do(struct sync_world * w, size_t i, void (*what)(struct syncs *,
    const char *, syncs_cb *, void *), const char * id, struct err * e);
/** sw_show(w, i, id): What it shows; the caller owns it. */
json_t * sw_show(struct sync_world * w, size_t i, const char * id);
/** sw_cut(w, i, on): The daemon can reach nobody. */
void sw_cut(struct sync_world * w, size_t i, int on);

#endif
