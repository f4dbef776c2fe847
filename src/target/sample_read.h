#ifndef MOLTLER_TARGET_SAMPLE_READ_H
#define MOLTLER_TARGET_SAMPLE_READ_H

#include "target/sample_internal.h"

/*
 * Reading what is committed, through a read-only connection and one snapshot:
 * a table's sources, and of a source its pieces (a block, or a run of ticks)
 * one after the other.
 */
struct sample_rsource {
	uint32_t id;
	char * name;
	int64_t done, newest;
	int is_unordered;
};

#define SAMPLE_READ_TEXTS 8

struct sample_reader {
	sqlite3 * db;
	char * path, * table;
	int snapshots; /* cursors that share the one that is open */
	struct sample_rsource * src;
	uint32_t nsrc;
	struct sample_bin bins[SAMPLE_BINS];
	sqlite3_stmt * st[SAMPLE_BINS];
	sqlite3_stmt * st_lay, * st_next, * st_prev, * st_seek;
	struct sample_codec * codec;
	struct { int64_t lay; struct sample_series * s; } texts[SAMPLE_READ_TEXTS];
	uint32_t text_at;
};

/** sample_read_open(path, table, e): A reader of ${table}, no snapshot yet. */
struct sample_reader * sample_read_open(const char * path, const char * table,
    struct err * e);
void sample_read_close(struct sample_reader * r); /* NULL: no-op */

/**
 * sample_read_begin(r, e) / sample_read_end(r): Open (or share) a snapshot and
 * find the table's sources; close it when the last one ends.
 */
int sample_read_begin(struct sample_reader * r, struct err * e) MUST_CHECK;
void sample_read_end(struct sample_reader * r);

/** sample_read_text(r, lay): A layout's text (borrowed until the next), or NULL. */
struct sample_series * sample_read_text(struct sample_reader * r, int64_t lay);

/* The pieces of one source, one at a time. */
struct sample_strand {
	struct sample_reader * r;
	const struct sample_rsource * src;
	int64_t lo, hi;  /* milliseconds, both included */
	int desc;
	/* The piece: its times and, once read, values (tick by tick). */
	int64_t lay;
	uint32_t t, n;
	int64_t at[SAMPLE_MAX_TICKS];
	double * v;
	size_t vcap;
	/* Where it comes from. */
	struct sample_chain chain;
	size_t run_from, run_to; /* a run; or */
	struct buf block;        /* a block's bytes */
	int is_block, blocks_over, runs_over;
	int64_t seek;
};

/**
 * sample_strand_start(s, r, src, lo, hi, desc): Begin with ${src}.
 * sample_strand_next(s): The next piece that may have ticks within the bounds:
 * 1 with lay, t and at filled, 0 when there is none, -1.
 * sample_strand_values(s, n): The piece's values, ${n} a tick.
 * sample_strand_stop(s): Free what ${s} holds (zeroed before its first start).
 */
int sample_strand_start(struct sample_strand * s, struct sample_reader * r,
    const struct sample_rsource * src, int64_t lo, int64_t hi,
    int desc) MUST_CHECK;
int sample_strand_next(struct sample_strand * s) MUST_CHECK;
int sample_strand_values(struct sample_strand * s, uint32_t n) MUST_CHECK;
void sample_strand_stop(struct sample_strand * s);

#endif
