#ifndef MOLTLER_TESTS_SYNC_RIG_H
#define MOLTLER_TESTS_SYNC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/connector.h"
#include "fake_http.h"
#include "fake_loop.h"
#include "fake_state.h"
#include "fake_writer.h"
#include "sync/sync_run.h"

#define RIG_START INT64_C(1700000000000)
#define RIG_LEASE 30000
#define RIG_ITEMS 400
#define RIG_PAGE 5
#define RIG_BOXES 4

/* A service whose one list changes, asked in several ways (the entities):
 * "asc": oldest first from a time on, by opaque cursors; "byvalue": the same by
 * page numbers; "newest": so too, but newest first where nothing is said; "desc":
 * newest first, by page numbers; "any": by id; "some": by id,
 * from a time on; "bare": by id, and without a cursor; "parts": like "some", but a
 * list for each box; "own": so too, with a cursor for each box; "keyed": like
 * "parts", but the box is in the key; "down": like "own",
 * newest first and from no time on; "token": by the service's tokens; "tokens": a
 * token for each box, of changes alone; "headed": like "token", but a header leads
 * from page to page;
 * "steps": like "some", in windows of ten minutes; "stepped": like
 * "byvalue", in such windows, with a lag; "rising": so too, of a minute and for an hour,
 * without one; "kept": in windows, of an hour; "keeps": like
 * "some", of an hour, too; "counts": by id, in windows of 20; "tags": like "bare",
 * "tagsome" like "some", "tagdesc" like "desc", "tagparts" like "parts", "taglazy" like "bare", whose "rev" is
 * asked for row by row, with an ETag. */
struct rig_item {
	int64_t id, ms;     /* ms: when it changed; -1: it says nothing */
	int64_t n;          /* the number of that change, by which streams go */
	unsigned rev;
	int gone;
};

struct rig {
	struct loop * L;
	struct http * http;
	struct secrets * secrets;
	struct manifest * m;
	struct connector * c;
	struct conn_env conn;
	struct fake_tables tables;
	struct state * state;
	struct fake_target target;
	struct sync_run_env env;
	struct rig_item items[RIG_ITEMS];
	size_t nitems;
	int64_t changes;
	size_t boxes;       /* there are; an item is in one of the first RIG_BOXES */
	int64_t ahead_ms;   /* the service's clock before ours */
	int64_t grain_ms;   /* of its times */
	int64_t delay_ms;   /* of its answers */
	int status;         /* it answers so; 0: well */
	int status_at;      /* only from this page on, counted for ever */
	int pages;
	size_t unmodified;  /* answers 304 */
	int by_time;        /* lists say only when they changed, to the second */
	int64_t widest_ms;  /* of the ranges that were asked for; */
	int64_t oldest_ms;  /* where the first of them began */
	size_t windows;     /* ranges with two ends */
	int refuse;         /* this box, less 1, is left out; 0: none */
	unsigned forbids;   /* a bit for each box that answers, with its first page
	                       or only with the second, */
	int forbids_with, forbids_late; /* this status: 423 (a rule leaves it
	                       out), 403 (if others do not say so) */
	int forbids_whole;  /* but not where tokens are told, or what changed */
	int lacks;          /* this box, less 1, says that it is not whole; 0: none,
	                       -1: lists of no box do */
	size_t boxes_later; /* so many are told of when they are asked for again; */
	int boxes_asked;    /* 0: always as many */
	int64_t hides;      /* this item is counted, and not told; 0: none */
	int epoch;          /* tokens of another are forgotten */
	int begins;         /* lists by token asked from their beginning, ... */
	int goes_on;        /* ... and at a token or cursor */
	size_t long_token;  /* so long are they */
	int odd_header;     /* what leads on stands in a header, and is no UTF-8 */
	/* the run */
	struct sync_run * run;
	int64_t bucket;
	int is_done, told;
	struct sync_result res;
};

struct rig * rig_new(const char * options);
void rig_free(struct rig * g);

/** rig_add(g): A new item, changed now.  rig_fill(g, n, every_ms): ${n} of them, one
 * every ${every_ms}; then a minute passes.  rig_touch(g, i): Item ${i} changes now. */
void rig_add(struct rig * g);
void rig_fill(struct rig * g, size_t n, int64_t every_ms);
void rig_touch(struct rig * g, size_t i);

/** rig_def(entity, more): A definition; ${more}: further keys, or "". */
struct sync_def * rig_def(const char * entity, const char * more);

/** rig_start(g, d, flags): A run of the next bucket.  rig_wait(g): To its end.
 * rig_run(g, d, flags): Both.  rig_crash(g): Nothing of it reaches anybody any more,
 * and its lease is over. */
void rig_start(struct rig * g, struct sync_def * d, unsigned flags);
void rig_wait(struct rig * g);
void rig_run(struct rig * g, struct sync_def * d, unsigned flags);
/** rig_done(g, r): The callback of a run: its result is there. */
void rig_done(void * arg, const struct sync_result * r);
void rig_crash(struct rig * g);

/** rig_same(g, table): Whether the target has the source's rows; says what not. */
int rig_same(struct rig * g, const char * table);
/** rig_cursor(g, d, entity, key): Of the record that is kept; borrowed. */
const json_t * rig_cursor(struct rig * g, const struct sync_def * d,
    const char * entity, const char * key);

/** rig_end(g, d): Of both. */
void rig_end(struct rig * g, struct sync_def * d);

/** rig_is(g, verd): So the run ended.  rig_runs(g, d, flags, verd): A run does. */
#define rig_runs(g, d, flags, verd) do { \
	rig_run((g), (d), (flags)); \
	rig_is((g), (verd)); \
} while (0)
#define rig_is(g, verd) do { \
	if ((g)->res.verdict != (verd)) \
		fail_msg("%s: %s", sync_verdict_name((g)->res.verdict), \
		    (g)->res.reason); \
} while (0)

#endif
