#ifndef MOLTLER_STMT_STMT_HOLD_H
#define MOLTLER_STMT_STMT_HOLD_H

#include <stddef.h>

#include "base/buf.h"
#include "query/query.h"

/*
 * Rows held back, so that another result may take their place: a TRY's.  Beyond
 * a bound it lets them go, and then they stream.
 */
#define STMT_HOLD_MAX ((size_t)16 << 20)

struct stmt_hold {
	struct stmt_hold * up;    /* where they go then; NULL: to ${sink} */
	const struct query_sink * sink;
	struct buf columns, rows;
	size_t ncolumns, at;      /* bytes of ${rows} that have gone up */
	struct query_value * cells;
	int streaming;            /* nothing is held any more */
	int full;                 /* too much: let go, from where one can wait */
	int columns_up;           /* the columns went up */
	int nomem;
};

/** stmt_hold_init(h, up, sink): Hold for ${up} (NULL: ${sink}, and then nothing is
 * held).  stmt_hold_free(h): Forget what is held. */
void stmt_hold_init(struct stmt_hold * h, struct stmt_hold * up,
    const struct query_sink * sink);
void stmt_hold_free(struct stmt_hold * h);

/** stmt_hold_columns(h, ...), stmt_hold_row(h, ...): As a sink's.  The row's 1 says
 * wait: for the sink, or for somebody to call stmt_hold_let_go(). */
void stmt_hold_columns(struct stmt_hold * h, size_t n,
    const char * const * names, const char * const * types);
int stmt_hold_row(struct stmt_hold * h, size_t n, const struct query_value * v);

/**
 * stmt_hold_let_go(h): Send up what is held, as far as is wanted: 1: wait, and
 * call again; 0: all is out and from now on it streams.
 */
int stmt_hold_let_go(struct stmt_hold * h);

/** stmt_hold_is_full(h): Whether it, or one above, must let go.
 * stmt_hold_is_lost(h): Whether memory was short for it, or for one above. */
int stmt_hold_is_full(const struct stmt_hold * h);
int stmt_hold_is_lost(const struct stmt_hold * h);

#endif
