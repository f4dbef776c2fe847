#ifndef MOLTLER_QUERY_QUERY_LIVE_H
#define MOLTLER_QUERY_QUERY_LIVE_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rfc3339.h"
#include "conn/plan.h"
#include "conn/reader.h"
#include "query/query_internal.h"
#include "query/query_straight.h"

/*
 * The live part of one query: the entities it names, the ways to ask them that
 * SQLite's planner was offered, and what was fetched.
 */

/* The module of SQLite, and the collation of its timestamps. */
#define QUERY_MODULE "moltler_entity"
#define QUERY_INSTANT "moltler_instant"

#define QUERY_MAX_CHOICES ((size_t)8192) /* ways offered to the planner */
#define QUERY_MAX_ORDERS 8
#define QUERY_MAX_IN 1000        /* values of an IN that go down */
#define QUERY_MAX_SIDE 8         /* readers started side by side */
#define QUERY_MAX_OPEN 256       /* unfinished readers kept for a second look */

/* A connector's entity under the name that the statement gave it. */
struct query_entity {
	struct connector * c; /* a reference */
	const struct manifest_entity * ent;
	size_t name;          /* its first token */
	int is_index;         /* of the cluster: elastic_reader.h reads it */
};

/* What one xBestIndex settled: idxNum is its index. */
struct query_ask {
	uint16_t column;
	uint16_t op;          /* an enum push_op bit */
	uint8_t is_input;
};
struct query_choice_head {
	size_t entity;
	size_t nasks;         /* asks that go down; argv[i] has the value */
	struct query_ask asks[PLAN_MAX_ASKS];
	size_t norders;       /* handed to plan_new */
	struct plan_order orders[QUERY_MAX_ORDERS];
	uint64_t wanted;      /* as SQLite's colUsed */
	uint32_t limit, offset; /* argv's index + 1; 0: not known */
	uint8_t ordered;      /* the service's order is what was asked */
	uint8_t sorts;        /* an order was asked, and SQLite makes it */
	uint8_t partial;      /* not all that was asked goes down */
};
struct query_choice {
	struct query_choice_head h;
	struct buf lits;      /* query_key's values where SQLite knew them */
	int64_t limit;        /* likewise */
	int known;            /* it knew all */
	struct buf local;     /* for EXPLAIN: what stays here, in words */
	double calls, rows;
	/* What the compiled statement says. */
	int used;             /* how often it is scanned, in its text */
	int again;            /* a scan may come again with the same values */
	int inner;            /* it is within another table's loop */
};

struct query_live {
	struct query * q;
	struct query_entity ents[QUERY_MAX_TABLES];
	size_t nents;
	struct query_choice ** choices;
	size_t nchoices, cap_choices;
	struct read_ctx ctx;
	int64_t told_ms;      /* when sink.progress was called */
	uint64_t told_rows;      /* rows out when it was last called */
	struct query_feeds * feeds;
	int plain;            /* query_where_is_plain() */
	int limited;          /* something in it stops before the end */
	int known;            /* the compiled statement was looked at */
	struct query_straight straight;
	struct buf key;       /* scratch of xFilter */
	struct value * values;
	size_t cap_values;
	/* The input that was missing when no way was left. */
	const char * missing;
	size_t missing_entity;
	int failed;           /* a service's error ends the query */
	struct err e;
};

/* query_live.c */

/** query_live_waits(v): The fiber is about to sleep until a page comes: rows that
 * came since the last time may go on their way. */
void query_live_waits(struct query_live * v);

/** query_live_new(q): For ${q}, or NULL if no memory. */
struct query_live * query_live_new(struct query * q);
void query_live_free(struct query_live * v); /* NULL is a no-op */

/** query_live_add(v, c, ent, name): One more entity (a reference is taken),
 * named at token ${name}; its index, or -1: too many. */
int query_live_add(struct query_live * v, struct connector * c,
    const struct manifest_entity * ent, size_t name);

/** query_live_choice(v, head, lits, limit, known): The index of this way to ask, made if
 * it is new; -1: no memory, or too many. */
int query_live_choice(struct query_live * v,
    const struct query_choice_head * head, const struct buf * lits,
    int64_t limit, int known);

/** query_live_fail(v, e): ${e} ends the query.  Returns SQLite's code. */
int query_live_fail(struct query_live * v, const struct err * e);

/** query_live_error(v, rc, e): If ${rc}, of SQLite, is our own doing: say what
 * happened and return 1, else 0. */
int query_live_error(struct query_live * v, int rc, struct err * e);

/* query_fit.c: values on their way from SQLite to a plan. */

enum query_fit { FIT, FIT_NONE, FIT_NOT }; /* goes down; equals no row; stays here */

/**
 * query_fit(ent, a, v, time, out): What ${v} is where it goes down as ask ${a}; with FIT
 * ${out} is set, and points into ${v} or ${time}.
 */
enum query_fit query_fit(const struct manifest_entity * ent,
    const struct query_ask * a, sqlite3_value * v, char time[RFC3339_LEN],
    struct value * out);

/* query_key.c: what a scan asks. */

/*
 * The key of a scan: a number (the way to ask) and the limit, then for each ask op,
 * column, how many values, and these, cut to what the column can hold.
 */
#define QUERY_KEY_UNKNOWN UINT32_MAX /* instead of how many */
enum query_key_verdict { KEY_OK, KEY_NOTHING, KEY_NOMEM };

/** query_key_begin(b, choice, limit): Start a key anew in ${b}. */
void query_key_begin(struct buf * b, uint32_t choice, int64_t limit);

/** query_key_limit(limit, offset): How many rows these want; -1: all. */
int64_t query_key_limit(int64_t limit, int64_t offset);

/** query_key_known(b, i, ch): The whole key of way ${i}, ${ch}, from what is
 * known of it. */
void query_key_known(struct buf * b, size_t i, const struct query_choice * ch);

/**
 * query_key_ask(b, ent, a, v): Append ask ${a} with SQLite's value ${v} (NULL:
 * not known yet; for IN the list).  KEY_NOTHING: no row can be meant.  What
 * cannot go down becomes an ask without values and op 0.
 */
enum query_key_verdict query_key_ask(struct buf * b,
    const struct manifest_entity * ent, const struct query_ask * a,
    sqlite3_value * v);

/** query_key_list(b, column, v, n): Append an IN of these values; 0 or -1. */
int query_key_list(struct buf * b, size_t column, const struct value * v,
    size_t n) MUST_CHECK;

/**
 * query_key_plan(v, ch, key, guess, e): The plan of ${key} (from query_key_begin and
 * _ask).  ${guess}: values not known are stood in for, to show.  NULL with ${e}.
 * (query_key_plan.c)
 */
struct plan * query_key_plan(struct query_live * v,
    const struct query_choice * ch, const struct buf * key, int guess,
    struct err * e);

/* query_feed.c: the pages of scans, kept so that none is asked twice. */

struct query_feeds;
struct query_feed;

struct query_feeds * query_feeds_new(struct query_live * v, size_t max_bytes);
void query_feeds_free(struct query_feeds * fs); /* NULL is a no-op */

/** query_feed_get(fs, ch, key, e): The feed of ${key}, with the pages there are
 * or a reader opened for it; one more user.  NULL with ${e}. */
struct query_feed * query_feed_get(struct query_feeds * fs,
    const struct query_choice * ch, const struct buf * key, struct err * e);
void query_feed_put(struct query_feed * f); /* NULL is a no-op */

/** query_feed_start(fs, ch, key): Ask for the first page now, for whoever gets
 * that feed later. */
void query_feed_start(struct query_feeds * fs, const struct query_choice * ch,
    const struct buf * key);

/**
 * query_feed_page(f, i): Page ${i} (borrowed until the next call with a greater
 * one, or put), waiting for it if need be, on the fiber; NULL: there are no
 * more, or *rc says why not.
 */
const struct page * query_feed_page(struct query_feed * f, size_t i, int * rc);

/** query_feed_mark(f, i): All rows of page ${i} are out: tell who syncs. */
void query_feed_mark(struct query_feed * f, size_t i);

/** query_feed_next(f, i): Page ${i} is about to be used: begin to fetch the one
 * after it if that is certain to be wanted.  1 if it was begun.  Waits a turn. */
int query_feed_next(struct query_feed * f, size_t i);

/** query_feed_half(f, i): Half of page ${i} is used. */
void query_feed_half(struct query_feed * f, size_t i);

/* query_rowid.c */

struct query_rowids {
	struct {
		uint64_t hash;
		uint64_t times; /* 0: free */
	} * seen;
	size_t n, cap;
};

/** query_rowid(r, v, n, out): A number for the row of ${n} cells at ${v}, the same
 * in each scan; each row once.  0, or -1: no memory.  query_rowid_clear(r):
 * Another scan begins. */
int query_rowid(struct query_rowids * r, const struct value * v, size_t n,
    int64_t * out) MUST_CHECK;
void query_rowid_clear(struct query_rowids * r);

/* query_where.c */

/** query_where_is_plain(list): Whether each condition of the statement's WHERE is
 * one that xBestIndex is told of. */
int query_where_is_plain(const struct token_list * list);

/* query_entity.c, query_index.c */

/** query_entity_register(q): Put the module on ${q}->db.  An SQLite code. */
int query_entity_register(struct query * q);

struct query_vtab {
	sqlite3_vtab base;
	struct query_live * live;
	size_t entity;
};

/** query_index_best(base, info): xBestIndex. */
int query_index_best(sqlite3_vtab * base, sqlite3_index_info * info);

/* query_ops.c: what the compiled statement will do. */

/** query_ops_look(v): Mark the ways to ask that are used, and how; ${scan} gets
 * their indexes in the order of the program, at most ${max}.  How many, or -1:
 * it cannot be told. */
int query_ops_look(struct query_live * v, size_t * scan, size_t max);

/** query_ops_start(v): Start the first pages of scans that need nobody. */
void query_ops_start(struct query_live * v);

/* query_explain.c */

/** query_explain_in(q, ent, column, b): Append the ask of the one IN of literals
 * that the statement compares that column with.  -1: it is not so simple. */
int query_explain_in(const struct query * q, const struct manifest_entity * ent,
    size_t column, struct buf * b) MUST_CHECK;

/** query_explain(q, e): Give the sink one row a scan. */
int query_explain(struct query * q, struct err * e) MUST_CHECK;

#endif
