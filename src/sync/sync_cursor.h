#ifndef MOLTLER_SYNC_SYNC_CURSOR_H
#define MOLTLER_SYNC_SYNC_CURSOR_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/value.h"
#include "conn/reader.h"
#include "manifest/manifest.h"

/*
 * Up to where an entity has been read: the rules of cursors, without any waiting.
 * Values are numbers here: of times the milliseconds that rows show.
 *
 * What is stored is a value and the hashes of the whole rows that have it, with the
 * secret they were made under: who knows it makes rows that pass for one another.  The next
 * run asks for >= that value; rows that are as they were are left out by their hash,
 * so that nothing with an equal value is lost and nothing doubled.
 */

#define SYNC_CURSOR_IDS 1000

/* How the rows come. */
enum sync_order {
	SYNC_ASC,   /* oldest first: what was read is behind us */
	SYNC_DESC,  /* newest first: all is read before the cursor moves */
	SYNC_ANY    /* likewise */
};

/* A value and the rows that have it. */
struct sync_point {
	int has;
	int64_t v;
	size_t nids;
	uint64_t ids[SYNC_CURSOR_IDS];
};

struct sync_cursor {
	const struct manifest_column * col;
	size_t at;               /* the column's place in rows given here */
	enum sync_order order;   /* SYNC_ANY until somebody knows better */
	int steps;               /* it may move while the run goes on */
	int64_t lag_ms, lookback;
	uint64_t salt;           /* of the rows' hashes: of this cursor alone */
	struct sync_point stored;
	struct sync_point seen;  /* the greatest of the rows so far */
	int all;                 /* the run reads all, whatever is stored */
	int fills;               /* rows come that may be older than it */
	int has_first;
	int64_t first;           /* of the first row */
	int many;                /* parts were read, one after another */
	int has_ahead;           /* the greatest value a run before saw, which */
	int64_t ahead;           /* all had before this one began */
	int keeps_ahead;         /* the next run needs to know that of this one */
	int disordered;          /* rows came that are older than others before */
	int64_t skipped, short_of; /* what was missing when it last moved */
	int forget;              /* the next run has to read all again */
	/* What was last given of each row's key, where seams give rows twice. */
	struct sync_seam {
		uint64_t key, row;
	} * seams;
};

enum sync_row { SYNC_ROW_WRITE, SYNC_ROW_SKIP, SYNC_ROW_STOP };

/**
 * sync_cursor_init(cu, ent, col, at): For the manifest's column ${col}; its lag and
 * lookback if it is the entity's own cursor.
 * sync_cursor_load(cu, rec, of): What ${rec} (an entity's part of the record, or
 * NULL) says, if it is about this column and about what ${of} stands for.
 * sync_cursor_free(cu): What it holds.
 */
void sync_cursor_init(struct sync_cursor * cu,
    const struct manifest_entity * ent, size_t col, size_t at);
void sync_cursor_load(struct sync_cursor * cu, const json_t * rec,
    const char * of);
void sync_cursor_free(struct sync_cursor * cu);

/** sync_cursor_from(cu, v): From where it is to be asked; 0: from the beginning. */
int sync_cursor_from(const struct sync_cursor * cu, int64_t * v);

/** sync_cursor_literal(cu, v, b): The value as SQL writes it.  0 or -1. */
int sync_cursor_literal(const struct sync_cursor * cu, int64_t v,
    struct buf * b);

/** sync_cursor_seams(cu): Rows may come twice: remember.  0, or -1: no memory. */
int sync_cursor_seams(struct sync_cursor * cu) MUST_CHECK;

/** sync_cursor_row(cu, cols, row, n): What is to be done with the row of ${n}
 * cells; ${cols} are the columns they are of. */
enum sync_row sync_cursor_row(struct sync_cursor * cu,
    const struct manifest_column * const * cols, const struct value * row,
    size_t n);

/** sync_cursor_step(cu, first_ms, out): Where the cursor may stand while the run
 * goes on, once all rows so far are acknowledged; 0: where it is. */
int sync_cursor_step(const struct sync_cursor * cu, int64_t first_ms,
    struct sync_point * out);

/**
 * sync_cursor_end(cu, st, complete, out): Where it may stand once all is read
 * (${complete}; else: as far as it came) and acknowledged; 0: where it is.
 * ${st} tells what was missing; what it says is kept for the next run.
 */
int sync_cursor_end(struct sync_cursor * cu, const struct read_stats * st,
    int complete, struct sync_point * out);

/** sync_cursor_put(cu, p, of, rec): Write ${p} (NULL: what is stored) into ${rec}.
 * 0, or -1: no memory. */
int sync_cursor_put(const struct sync_cursor * cu, const struct sync_point * p,
    const char * of, json_t * rec) MUST_CHECK;

#endif
