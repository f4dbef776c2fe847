#ifndef MOLTLER_TESTS_READER_RIG_H
#define MOLTLER_TESTS_READER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/limits.h"
#include "conn/reader.h"
#include "conn/result_cache.h"
#include "fake_http.h"
#include "fake_loop.h"

#define RIG_START INT64_C(1700000000000)
#define BASE "http://svc.test"

/* What daemons share, with a delay. */
struct rig_shared {
	struct loop * L;
	json_t * kept;       /* key -> value */
	int64_t delay_ms;
	int is_away;         /* every call fails */
	int64_t wait_ms;     /* what limit_take says next; 0: taken */
	unsigned waits;      /* and how often */
	unsigned takes, gets, puts;
	double taken;        /* so many permits were asked for */
	char key[200];       /* the last bucket asked */
	unsigned waiting;
};

/* One reader and all it needs. */
struct rig {
	struct loop * L;
	struct http * http;
	struct secrets * secrets;
	struct manifest * m;
	struct connector * c;
	struct conn_env env;
	struct conn_shared shared;
	struct rig_shared fake;
	struct read_ctx ctx;
	struct reader * r;
	/* what the callback said */
	int calls;
	int is_end;
	int has_failed;
	struct err e;
	char rows[65536];    /* first columns, " " between, "|" a page */
	int close_within;    /* close the reader in the callback */
	int ahead;           /* reader_ahead() after each page */
};

/** rig_new(top, entities, options): A connector "it" of a manifest with the
 * keys ${top} ("" or ended by a comma) and these entities. */
struct rig * rig_new(const char * top, const char * entities,
    const char * options);
/** rig_free(g): Close, and check that nothing is left. */
void rig_free(struct rig * g);

/** rig_open(g, entity, where): A reader; ${where} holds "column=value" (an
 * integer if it looks so), "column=in:a,b" for an IN, separated by spaces. */
void rig_open(struct rig * g, const char * entity, const char * where);
/** rig_open_plan(g, p): One with this plan. */
void rig_open_plan(struct rig * g, struct plan * p);
struct plan * rig_plan(struct rig * g, const char * entity,
    const char * where);

/** rig_next(g): Ask for a page and wait for it. */
void rig_next(struct rig * g);
/** rig_all(g): Read to the end, close; the rows are in g->rows. */
void rig_all(struct rig * g);
/** rig_read(g, entity, where): Open, read all; how many calls were sent. */
size_t rig_read(struct rig * g, const char * entity, const char * where);

/** rig_param(url, key, dflt): The number behind ${key} ("since=") in a URL, of an
 * instant or a day its seconds; ${dflt} if there is none. */
int64_t rig_param(const char * url, const char * key, int64_t dflt);

/** rig_roll(seed, n): A number below ${n}, the next of those that ${seed} makes. */
unsigned rig_roll(unsigned * seed, unsigned n);

/** rig_came(g, at, n, from, to, sort): Of the ${n} items, which are written "id/when"
 * in g->rows, each whose ${at} (s) is in [from, to) came once, and none twice; -1:
 * without that bound.  ${sort}: 1 rising, -1 falling, 0 in any order. */
void rig_came(const struct rig * g, const int64_t * at, size_t n, int64_t from,
    int64_t to, int sort);

/** rig_begin(g): Ask for a page, and do not wait. */
void rig_begin(struct rig * g);

#define rig_script(g, path, ...) do { \
	static const struct fake_answer a_[] = { __VA_ARGS__ }; \
	fake_http_script((g)->http, BASE path, a_, \
	    sizeof(a_) / sizeof(*a_)); \
} while (0)

#define rig_rows(g, want) do { \
	if ((g)->has_failed) \
		fail_msg("%s: %s", (g)->e.code, (g)->e.msg); \
	assert_string_equal((g)->rows, want); \
} while (0)

#define rig_error(g, cl, co, part) do { \
	if (!(g)->has_failed) \
		fail_msg("no error; rows %s", (g)->rows); \
	assert_string_equal((g)->e.code, co); \
	if (strstr((g)->e.msg, part) == NULL) \
		fail_msg("'%s' does not hold '%s'", (g)->e.msg, part); \
	assert_int_equal((g)->e.cls, cl); \
} while (0)

#endif
