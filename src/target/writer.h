#ifndef MOLTLER_TARGET_WRITER_H
#define MOLTLER_TARGET_WRITER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/value.h"
#include "manifest/manifest.h"

/*
 * Where the rows of one leg (one entity) of a sync's run go.  Rows are given in
 * order, gathered into batches, and acknowledged in order when the target has
 * them for good.  The giver stops when it is told that there is no room and goes
 * on when there is; so what a writer holds is bounded.  One table of functions,
 * filled by rows_writer.c (SQLite) and elastic_writer.c.
 */
struct writer;

struct writer_column {
	const char * name;
	enum column_type type;
	unsigned is_key : 1;   /* one of those that say which row it is */
	unsigned nocase : 1;
};

/* What is written; borrowed until writer_*_open() returns. */
struct writer_spec {
	const char * database;  /* of SQLite; NULL: TARGETS_DEFAULT */
	const char * table;     /* a table's or index's name, no * in it */
	const char * sync;      /* who writes */
	int64_t fence;          /* of the lease it is written under: a target that
	                           saw a later one for a row, or for the sync,
	                           refuses: Permanent "fenced" */
	const struct writer_column * columns;
	size_t ncolumns;
	unsigned marks : 1;     /* writer_sweep() may come: rows remember sync and
	                           fence */
	size_t gone;            /* less 1 the column that says that the row is none
	                           any more: it is marked or removed; 0: none */
	const json_t * gone_is; /* the text or boolean there that says so; NULL: any
	                           but NULL and false */
	unsigned gone_remove : 1;
	unsigned refresh : 1;   /* somebody waits: what writer_flush() sent is
	                           acknowledged only when it is seen by whoever
	                           searches */
};

/** writer_is_gone(is, v, text): Whether the value of that column, whose text is at
 * ${text}, says so. */
static inline int
writer_is_gone(const json_t * is, const struct value * v, const char * text)
{
	if (is == NULL)
		return (v->type == VALUE_INT ? v->i != 0 :
		    v->type != VALUE_NULL);
	if (json_is_boolean(is))
		return (v->type == VALUE_INT &&
		    (v->i != 0) == (json_is_true(is) != 0));
	return (v->type == VALUE_TEXT && v->len == json_string_length(is) &&
	    memcmp(text, json_string_value(is), v->len) == 0);
}

/*
 * All from the loop, none before the open returns, none after writer_close().
 * After failed nothing more is written and nothing but writer_close() may be
 * called.
 */
struct writer_events {
	/* The table or template is there: rows may come.  (Else failed.) */
	void (*ready)(void * arg);
	/* The first ${rows} rows given are in the target for good (those put aside
	 * as rejected included).  Grows. */
	void (*acked)(void * arg, uint64_t rows);
	/* After writer_row() said 1. */
	void (*room)(void * arg);
	/* Transient: the target is away, full or busy beyond all retries; config:
	 * credentials, a name it refuses; permanent: "fenced", ... */
	void (*failed)(void * arg, const struct err * e);
	void * arg;
};

struct writer_stats {
	uint64_t rows;       /* acknowledged, the rejected included */
	uint64_t rejected;   /* put aside in <table>-rejected */
	uint64_t passed;     /* of the acknowledged: not written, because a later
	                        run of another sync wrote that row meanwhile */
	uint64_t gone;       /* of the acknowledged: marked or removed as they came,
	                        because the service lists them as deleted */
	uint64_t batches, bytes, retries;
	int is_new;          /* once ready: the table was not there before */
	char reject_why[200]; /* the first one's reason; "" */
};

/* What writer_sweep() does to rows of this sync that this run did not write. */
enum writer_sweep_how { SWEEP_MARK, SWEEP_REMOVE };

/** ${n}: so many rows were marked or removed; ${e} NULL: well.  Permanent
 * "delete_ratio": more than allowed would have been, none was; the message says
 * how many of how many. */
typedef void writer_sweep_cb(void * arg, uint64_t n, const struct err * e);

struct writer_ops {
	const char * name; /* "sqlite" or "elastic" */
	int (*row)(struct writer *, const struct value * v);
	void (*flush)(struct writer *);
	void (*sweep)(struct writer *, enum writer_sweep_how how,
	    double max_ratio, const json_t * but, writer_sweep_cb * cb,
	    void * arg);
	void (*stats)(const struct writer *, struct writer_stats *);
	void (*close)(struct writer *);
	int may_but;       /* its sweep knows ${but} */
};

/* First member of both kinds. */
struct writer {
	const struct writer_ops * ops;
};

/** writer_row(w, v): One row: ${v} has spec.ncolumns values (borrowed for the
 * call).  0: more may come; 1: taken too, but no more until room. */
static inline int
writer_row(struct writer * w, const struct value * v)
{
	return (w->ops->row(w, v));
}

/** writer_flush(w): Do not wait for a full batch: send what there is.  When
 * acked has reached what was given all of it is there (at once if it was). */
static inline void
writer_flush(struct writer * w)
{
	w->ops->flush(w);
}

/** writer_sweep(w, how, max_ratio, but, cb, arg): All rows of a complete full run are
 * acknowledged: deal with what this sync wrote under earlier fences; where ${but} is
 * there (borrowed for the call; only where ops->may_but) with rows alone that have the
 * values of one of its "listed", and of none of its "left" (each anything -> {column:
 * text}, all with the same columns; "left" whatever the case).  ${max_ratio}
 * of its rows in the target at most (0.5: half).  A row written again is no
 * longer marked.  Needs spec.marks. */
static inline void
writer_sweep(struct writer * w, enum writer_sweep_how how, double max_ratio,
    const json_t * but, writer_sweep_cb * cb, void * arg)
{
	w->ops->sweep(w, how, max_ratio, but, cb, arg);
}

static inline void
writer_stats(const struct writer * w, struct writer_stats * st)
{
	w->ops->stats(w, st);
}

/** writer_close(w): No events any more; free.  What is not acknowledged may or
 * may not get there.  NULL: no-op. */
static inline void
writer_close(struct writer * w)
{
	if (w != NULL)
		w->ops->close(w);
}

#endif
