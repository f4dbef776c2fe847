#ifndef MOLTLER_TARGET_ROWS_INTERNAL_H
#define MOLTLER_TARGET_ROWS_INTERNAL_H

/*
 * What the rows_*.c share.
 *
 * In a database's file, beside the samples' own tables:
 *   _moltler_rows  the names of tables of rows
 *   _moltler_sync  who writes rows, and the last fence each wrote under
 *   NAME           a target's rows; first our two columns, then the manifest's
 *   NAME-rejected  what could not be kept
 */

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "target/rows.h"
#include "target/targets_internal.h"

/* One transaction is at most so much, and at most so long: it holds the loop. */
#define ROWS_BATCH_ROWS 500
#define ROWS_BATCH_BYTES ((size_t)512 << 10)
#define ROWS_BATCH_US 4000
/* Batches that wait before the giver is told to stop. */
#define ROWS_BATCHES 2
/* A row larger than this could not be read by a statement again. */
#define ROWS_MAX_ROW ((size_t)4000 << 10)
#define ROWS_CUT 1000            /* of a text in a row that is rejected */
#define ROWS_MAX_COLUMNS 1900
#define ROWS_MAX_TABLE 119       /* so that "-rejected" fits behind it */

#define ROWS_OURS "_moltler_"    /* how our columns and tables begin */
#define ROWS_DELETED "_deleted_at"
#define ROWS_REJECTED "-rejected"

/* How long a full disk or a failing one is tried; tests make it shorter. */
extern int64_t rows_turn_patience_ms;

/* One connection a database, while somebody writes. */
struct rows_db {
	struct rows_db * next;
	struct targets * targets;
	struct loop * loop;
	struct sample_store * store;
	const char * name;       /* borrowed of the targets */
	char * path;
	sqlite3 * db;
	sqlite3_stmt * begin, * commit, * rollback, * fence_get, * fence_set;
	size_t refs;
	unsigned gen;            /* counts what may have changed tables */
	TAILQ_HEAD(, rows_writer) turns;
	struct soon soon;
	struct loop_timer * timer;
	int rest;                /* the log's checkpoint waits for the lock */
	/* Who wrote what the log may lose yet (rows_sync.c). */
	TAILQ_HEAD(, rows_writer) unsynced;
	struct loop_timer * sync_timer;
	int is_syncing;
};

struct rows_column {
	char * name;
	char * type;             /* as declared */
	char * collation;
	int key;                 /* its place in the primary key, from 1; 0: none */
};

/* A table as it is in the file. */
struct rows_table {
	struct rows_column * v;
	size_t n, nkey;
	int is_alias;            /* the key is an integer and the rowid itself */
	int has_deleted;
	const char * rowid;      /* a name of it that no column has, or NULL */
};

enum rows_state {
	ROWS_OPEN,    /* the table is not there yet */
	ROWS_READY,
	ROWS_COUNT,   /* how much would a sweep take? */
	ROWS_SWEEP,
	ROWS_FAILED
};

enum rows_reason { ROWS_FINE, ROWS_NO_KEY, ROWS_TOO_LARGE };

/* Rows that wait.  Each: a head, its values (texts: where they are in the row),
 * its texts. */
struct rows_chunk {
	TAILQ_ENTRY(rows_chunk) list;
	char * p;
	size_t len, cap, at; /* written up to there */
	size_t rows;         /* not yet written */
	int full;
};

struct rows_head {
	uint32_t size;       /* of all, head included; a multiple of 8 */
	uint32_t reason;     /* an enum rows_reason */
	uint64_t bytes;      /* of the row as it was given */
};

/* What there is to tell. */
#define ROWS_EV_FAILED 1u
#define ROWS_EV_READY 2u
#define ROWS_EV_ACKED 4u
#define ROWS_EV_ROOM 8u
#define ROWS_EV_SWEPT 16u

struct rows_writer {
	struct writer base;
	struct rows_db * db;
	struct targets * targets;
	struct loop * loop;
	TAILQ_ENTRY(rows_writer) turns;
	int in_turns;
	enum rows_state state;
	struct writer_events ev;

	char * database, * table, * rejected, * sync;
	int64_t fence;
	int marks;
	size_t gone;                 /* as in the spec */
	json_t * gone_is;
	int gone_remove;
	struct writer_column * cols; /* names are ours */
	size_t ncols;

	struct rows_table t;
	unsigned gen;                /* of the database when ${t} was read */
	sqlite3_stmt * upsert, * reject, * removal;
	int has_rejected;            /* its table is there */
	int64_t sync_id;

	TAILQ_HEAD(rows_chunks, rows_chunk) chunks;
	size_t nfull;
	struct rows_chunk * spare;
	int flush, blocked;
	int hurry;                   /* somebody waits for the last row */
	uint64_t given, written;
	uint64_t asked, durable;     /* to be synced; there for good */
	TAILQ_ENTRY(rows_writer) unsynced;
	int in_unsynced;
	struct buf scratch;

	struct loop_timer * timer;   /* of what is tried again */
	struct loop_timer * linger;
	struct soon soon;
	unsigned events;
	int64_t failing_since_us;    /* 0: all is well */
	unsigned attempt;
	struct err e;

	struct {
		enum writer_sweep_how how;
		double ratio;
		char * but;          /* as SQL, " AND ..."; or NULL */
		writer_sweep_cb * cb;
		void * arg;
		int wanted;
		int64_t at;          /* rowid */
		uint64_t total, stale, n;
		struct err e;
		int failed;
	} sweep;
	struct writer_stats st;
};

/* rows_db.c: a database's connection. */

/** rows_db_get(L, t, database, e): A reference, opened if need be. */
struct rows_db * rows_db_get(struct loop * L, struct targets * t,
    const char * database, struct err * e) MUST_CHECK;
void rows_db_put(struct rows_db * d); /* NULL: no-op */
/** rows_db_turn(w): Give ${w} a turn soon: rows_turn(). */
void rows_db_turn(struct rows_writer * w);
/** rows_db_err(d, what, e): From the connection's last error.  Returns -1. */
int rows_db_err(struct rows_db * d, const char * what, struct err * e);
int rows_db_run(struct rows_db * d, const char * what, char * sql,
    struct err * e) MUST_CHECK; /* of sqlite3_mprintf; freed */
/** rows_db_begin(w, e): Begin to write, under ${w}'s fence.  Nothing is begun
 * if it fails: Transient "busy", Permanent "fenced". */
int rows_db_begin(struct rows_writer * w, struct err * e) MUST_CHECK;
int rows_db_commit(struct rows_db * d, struct err * e) MUST_CHECK;
void rows_db_rollback(struct rows_db * d);

/* rows_table.c: how a table looks, and should. */

/** rows_table_read(db, table, t): Read it; n is 0 if there is none.  An SQLite
 * code. */
int rows_table_read(sqlite3 * db, const char * table, struct rows_table * t);
void rows_table_clear(struct rows_table * t);
/** rows_table_make(w, e): Make ${w}'s table or add what it lacks; within a
 * transaction. */
int rows_table_make(struct rows_writer * w, struct err * e) MUST_CHECK;
/** rows_table_prepare(w, e): Read it, if it may have changed, and compile. */
int rows_table_prepare(struct rows_writer * w, struct err * e) MUST_CHECK;
/** rows_table_mark(w, e): Be sure of _deleted_at; within a transaction. */
int rows_table_mark(struct rows_writer * w, struct err * e) MUST_CHECK;
void rows_table_done(struct rows_writer * w);

/* rows_batch.c: rows into chunks, and chunks into the table. */

int rows_batch_add(struct rows_writer * w, const struct value * v);
/** rows_batch_write(w, e): One transaction's worth. */
int rows_batch_write(struct rows_writer * w, struct err * e) MUST_CHECK;
void rows_batch_free(struct rows_writer * w);

/* rows_reject.c */

/** rows_reject(w, h, v, why, e): Put a row aside, within a transaction. */
int rows_reject(struct rows_writer * w, const struct rows_head * h,
    const struct value * v, const char * why, struct err * e) MUST_CHECK;

/* rows_sweep.c: a step of ROWS_COUNT and ROWS_SWEEP. */

/** 1: it is done, 0: there is more, -1. */
int rows_sweep_count(struct rows_writer * w, struct err * e) MUST_CHECK;
/** rows_sweep_but(w, but): Leave these rows (writer_sweep()); -1: no memory. */
int rows_sweep_but(struct rows_writer * w, const json_t * but) MUST_CHECK;
int rows_sweep_step(struct rows_writer * w, struct err * e) MUST_CHECK;

/* rows_sync.c: rows become durable. */
int rows_sync_init(struct rows_db * d) MUST_CHECK; /* -1: memory */
void rows_sync_fini(struct rows_db * d);
/** rows_sync_wrote(w): It committed, or somebody is in a hurry now:
 * rows_turn_synced() will come.  rows_sync_forget(w): Not any more. */
void rows_sync_wrote(struct rows_writer * w);
void rows_sync_forget(struct rows_writer * w);

/* rows_turn.c: steps of a writer.  What they come to it is told from the soon queue. */

/** rows_turn_begin(w): Have turns; opens the database before the first.  Also of
 * ${w}->timer, when it is time to try again. */
void rows_turn_begin(void * w);
/** rows_turn_want(w): A turn, if there is something to do and no wait for the next
 * attempt. */
void rows_turn_want(struct rows_writer * w);
/** rows_turn(w): One step, whose end is that of our turn. */
void rows_turn(struct rows_writer * w);
/** rows_turn_fail(w, e): It takes no more rows: ${e} (copied) for whoever waits. */
void rows_turn_fail(struct rows_writer * w, const struct err * e);
/** rows_turn_swept(w, e): The sweep that was wanted is over; ${e} NULL: done. */
void rows_turn_swept(struct rows_writer * w, const struct err * e);
/** rows_turn_synced(w, e): Its rows up to ${w}->asked are durable, or not. */
void rows_turn_synced(struct rows_writer * w, const struct err * e);

#endif
