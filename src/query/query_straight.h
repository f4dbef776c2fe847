#ifndef MOLTLER_QUERY_QUERY_STRAIGHT_H
#define MOLTLER_QUERY_QUERY_STRAIGHT_H

#include <stddef.h>

#include "base/value.h"
#include "query/query.h"

/*
 * Where a statement hands a table's cells on as they are, as SELECT a, b FROM t WHERE
 * c = 1 does, SQLite need not copy them into its registers to give them back: they go
 * from the page to the row, and SQLite sees NULLs.  Whether it is so the compiled
 * program says: one scan, one row out, just before it the columns that it consists of,
 * and else only what is known not to look at these.  Where there is nothing else, all
 * rows but a scan's first need not pass SQLite at all: they go out as soon as it asks
 * for them.
 */
struct query_straight {
	/* The program as it is read. */
	size_t scans, loops, columns, rows; /* VFilter, VNext, VColumn, ResultRow */
	size_t others;   /* within the loop */
	int first;       /* where the loop begins */
	int over;        /* it ended */
	int odd;         /* there is something in it that is not known */
	int skip;        /* where it goes on with the next row; 0: nowhere */
	int run, run_n;  /* registers filled one after the other, up to here */
	int out, n;      /* the row's */
	int low, high;   /* registers that others have to do with */
	/* What came of it. */
	int on;
	int alone;       /* nothing but a row's columns and the row is in the loop */
	size_t asked;    /* columns a row that are looked at before */
	const struct value ** cells;
	size_t * at;     /* which columns they are */
	size_t got;
	size_t max;      /* bytes of a text that SQLite would take */
};

/** query_straight_op(s, name, addr, p1, p2, p3): A line of the program.
 * query_straight_end(s): That was all; 0, or -1: no memory. */
void query_straight_op(struct query_straight * s, const char * name, int addr,
    int p1, int p2, int p3);
int query_straight_end(struct query_straight * s);
void query_straight_free(struct query_straight * s);

/** query_straight_take(s, calls, at, v): Of the ${calls}th column of this row that SQLite
 * asks for, which is ${at} of the table, NULL or ${v}: whether it is one of the row's,
 * which was noted. */
static inline int
query_straight_take(struct query_straight * s, size_t calls, size_t at,
    const struct value * v)
{
	if (!s->on || calls < s->asked || s->got == (size_t)s->n ||
	    (v != NULL && v->type == VALUE_TEXT && v->len > s->max))
		return (0);
	s->at[s->got] = at;
	s->cells[s->got++] = v;
	return (1);
}

/** query_straight_row(s, n, row): The row of ${n} cells that were noted; -1: so many
 * were not. */
int query_straight_row(struct query_straight * s, size_t n,
    struct query_value * row);

/** query_straight_next(s, cells, n, row): The row that consists of the same of a table's
 * ${n} cells as the one before it; -1: SQLite would not take it. */
int query_straight_next(const struct query_straight * s,
    const struct value * cells, size_t n, struct query_value * row);

#endif
