#ifndef MOLTLER_CONN_PLAN_H
#define MOLTLER_CONN_PLAN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/value.h"
#include "conn/connector.h"
#include "manifest/manifest.h"

/*
 * A plan says what is wanted of an entity: columns, predicates, order, limit.
 * It is made in two steps, because SQLite asks what could be pushed before the
 * values are there: plan_choose() by shape, then plan_new() with values.
 */

struct plan_order {
	size_t column;
	int desc;
};

/* The shape of what a statement asks. */
struct plan_shape {
	const struct plan_ask {
		size_t column;
		unsigned op;      /* one enum push_op bit */
	} * asks;
	size_t nasks;
	const struct plan_order * orders;
	size_t norders;
	int every;              /* what only serves pushes is passed over */
	int token;              /* a sync goes on by the service's token: only lists
	                           that have one, which nobody else uses */
};

struct plan_choice {
	const struct manifest_list * list; /* NULL: some input is missing */
	const char * missing;   /* that input's name (borrowed) */
	uint64_t used;          /* bit i: ask i goes down (as input or push);
	                           asks past 63 stay here */
	uint64_t inputs;        /* of these, those that give an input */
	int order_pushed;       /* the rows come in that order */
	double calls;           /* a guess, for the planner's cost */
	double rows;
};

#define PLAN_MAX_ASKS 64

/**
 * plan_choose(c, ent, shape, out):
 * Which list of ${ent}, configured as ${c} is, serves ${shape} best, and what it
 * takes over.  Every ask is evaluated again by whoever asked, so what is not
 * used costs calls, never truth.
 */
void plan_choose(const struct connector * c, const struct manifest_entity * ent,
    const struct plan_shape * shape, struct plan_choice * out);

struct plan_pred {
	size_t column;
	unsigned op;
	size_t nvalues;         /* IN: any; IS NULL, NOT NULL: 0; else 1 */
	struct value * values;  /* texts are copies of the plan's */
	const struct manifest_push * push; /* how it goes down; NULL: it does
	                           not (or is an input) */
	json_t * sent;          /* what goes down: the service's value, a list
	                           for several, null where there is none; of an
	                           input a list; or NULL */
	int exact;              /* the service selects just what was asked */
	const struct manifest_push * left_out; /* what push was, within
	                           plan_widen() */
};

struct plan {
	struct connector * c;   /* a reference */
	json_t * config;        /* c's, as an object */
	const struct manifest_entity * ent;
	const struct manifest_list * list;
	struct plan_pred * preds; /* with room for one more, of plan_move() */
	size_t npreds;
	struct plan_order * orders;
	size_t norders;         /* 0: none pushed */
	uint8_t * wanted;       /* a flag a column */
	int64_t now_ms;         /* what {{now}} is, on all its pages */
	int64_t limit;          /* rows wanted at most; -1: all.  A hint. */
	int exact;              /* everything asked is pushed, and not loosely:
	                           a page of ${limit} rows is enough */
	int nothing;            /* some predicate can never be true (= NULL):
	                           plan_inputs gives none */
};

/* One predicate with its values (borrowed by plan_new); of OP_PREFIX and OP_SUBSTR
 * the pattern, with its %. */
struct plan_given {
	size_t column;
	unsigned op;
	const struct value * values;
	size_t nvalues;
};

/**
 * plan_new(c, ent, given, n, orders, norders, e):
 * Choose the list and how each predicate goes down, now with values; orders are
 * pushed if plan_choose() says so for this shape.  All columns are wanted and
 * there is no limit until the caller says so.  Errors: config "input" (names the
 * missing input and how to give it).  The caller owns it.
 */
struct plan * plan_new(struct connector * c, const struct manifest_entity * ent,
    const struct plan_given * given, size_t n, const struct plan_order * orders,
    size_t norders, struct err * e) MUST_CHECK;
void plan_free(struct plan * p); /* NULL is a no-op */

/** plan_new_token(c, ent, given, n, e): The same, by a list that has a token. */
struct plan * plan_new_token(struct connector * c,
    const struct manifest_entity * ent, const struct plan_given * given,
    size_t n, struct err * e) MUST_CHECK;

/**
 * plan_inputs(p, n, e):
 * The inputs' values: an array of ${*n} objects input -> value (strings and
 * numbers), more than one where an IN gives several: one listing each; none
 * (0, an empty array) where no row can be.  A partition's own inputs are not among them.  Owned by the caller; NULL with
 * ${e} (permanent "input": more than 1000).
 */
json_t * plan_inputs(const struct plan * p, size_t * n, struct err * e)
    MUST_CHECK;

/** plan_widen(p, on): Leave out of requests what a service that does not know a
 * value may refuse though others have rows: != and IN of several; or (${on} 0)
 * put it back.  Whether there was any such. */
int plan_widen(struct plan * p, int on);

/**
 * plan_from(p, col, v, at): Where the list would begin (as rows stand in the order
 * of ${col}, see plan_push_place) if it were asked for "${col} >= ${v}", besides
 * what is asked, in place of an earlier such bound; -1: it cannot be.
 * plan_move(p, col, v, e): Ask so from now on; plan_from() said that it can be.
 * plan_bind(p, col, v): Ask so for the next request; 1, 0: it cannot be, or there is
 * a bound already.  plan_unbind(p): After it: no more.
 * plan_ordered(p, col): Whether rows come in the order of ${col}, rising.
 * plan_is_bound(d, col): Whether ${d} is a lower bound on ${col}.  (plan_bound.c)
 */
int plan_from(const struct plan * p, size_t col, const struct value * v,
    int64_t * at) MUST_CHECK;
int plan_move(struct plan * p, size_t col, const struct value * v,
    struct err * e) MUST_CHECK;
int plan_bind(struct plan * p, size_t col, const struct value * v);
void plan_unbind(struct plan * p);
int plan_ordered(const struct plan * p, size_t col);
int plan_is_bound(const struct plan_pred * d, size_t col);

/** plan_describe(p, out, rest): What is pushed and in which words, for EXPLAIN: a text
 * such as "state = 'open' as state=open, ORDER BY created_at DESC".  What of that
 * which was handed down stays nevertheless, for its value, is put at ${rest}'s end. */
void plan_describe(const struct plan * p, struct buf * out, struct buf * rest);

#endif
