#ifndef MOLTLER_CONN_READER_ASK_H
#define MOLTLER_CONN_READER_ASK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rfc3339.h"
#include "conn/plan.h"

/* What one reader asks of another: the rows of a partition, a window of a list. */
struct reader_ask {
	struct plan_given * given;
	size_t n;
	struct value * values;     /* of inputs and bounds */
	size_t nvalues, max;
	char text[2][RFC3339_LEN];
	size_t ntexts;
};

/**
 * reader_ask_begin(a, max, e): Nothing is asked yet, of at most ${max} things.  0, -1.
 * reader_ask_end(a): Free it.
 * reader_ask_input(a, col, v): ${v}, a JSON scalar (borrowed), is told as ${col}.
 * reader_ask_pred(a, d): The same as ${d}.
 * reader_ask_bound(a, ent, col, op, at): What lies on the side ${op} of ${at}; two at
 * most.
 */
int reader_ask_begin(struct reader_ask * a, size_t max, struct err * e)
    MUST_CHECK;
void reader_ask_end(struct reader_ask * a);
void reader_ask_input(struct reader_ask * a, size_t col, const json_t * v);
void reader_ask_pred(struct reader_ask * a, const struct plan_pred * d);
void reader_ask_bound(struct reader_ask * a, const struct manifest_entity * ent,
    size_t col, unsigned op, int64_t at);

#endif
