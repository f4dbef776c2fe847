#ifndef MOLTLER_TARGET_SAMPLE_INTERNAL_H
#define MOLTLER_TARGET_SAMPLE_INTERNAL_H

/*
 * The store's inside, shared by its files and by nobody else.
 *
 * On disk (tables of one SQLite file, WAL):
 *   sample_tick0..15  one row a tick, appended only.  There are several so that
 *       rows leave the cheap way: a table whose ticks all went into blocks is
 *       emptied whole, which gives its pages back without writing them; a
 *       DELETE of a range of rows writes every page it frees, twice.
 *       "prev" is how far back the source's tick before is, so that no index
 *       has to be written with each tick.
 *   sample_block      many ticks of one source, by series; of a source, ticks
 *       up to sample_source.done are in blocks, and their rows count no more
 *   sample_layout     texts, each as its difference from another or whole
 *   sample_source, sample_tbl, sample_meta
 * A source's newest tick is known in memory only, where the readers of this
 * process find it too; at the start one pass over the ticks finds it again.
 */

#include <sqlite3.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#define HASH_BLOOM 0
#include <uthash.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sample.h"
#include "loop/loop.h"
#include "target/sample_codec.h"
#include "target/sample_series.h"
#include "target/sample_store.h"

#define SAMPLE_BINS 16
#define SAMPLE_BASE_DEPTH 16 /* layouts to be read for one layout */

/* A run: a key tick and those against it.  Blocks are made of whole runs. */
#define SAMPLE_RUN 60
#define SAMPLE_RUN_LEAST 8
#define SAMPLE_BLOCK_TICKS 120
#define SAMPLE_MATRIX_MAX ((size_t)4 << 20) /* bytes of a block's doubles */

/* A commit writes its last, half full page again and again, so a small page
 * saves a quarter of all that is written; at 1024 rows waste too much of it. */
#define SAMPLE_PAGE 2048

#define SAMPLE_NONE INT64_MIN

/* A layout the store knows. */
struct sample_lay {
	int64_t id;
	uint8_t digest[SAMPLE_DIGEST];
	uint32_t n, depth;
	struct sample_lay * base;
	int64_t refs; /* ticks, blocks, sources and layouts that need it */
	struct sample_series * text;       /* NULL when not at hand */
	TAILQ_ENTRY(sample_lay) texts;     /* those with text, oldest first */
	struct buf blob;                   /* to be written with the group */
	STAILQ_ENTRY(sample_lay) pending;
	int is_pending;
	UT_hash_handle hh, hd;
};

struct sample_source {
	struct sample_store * S;
	TAILQ_ENTRY(sample_source) queue; /* waiting for compaction */
	char * key;     /* the table's id in 4 bytes, then the name */
	char * name;    /* in the key */
	struct sample_layout * layout;
	struct sample_lay * lay;
	double * last;  /* the values of the tick before */
	uint32_t nlast;
	uint32_t id, tbl;
	int64_t fence;
	int64_t last_at;   /* the newest time of all, pending ones included */
	int64_t last_id;   /* the newest tick, pending ones included */
	int64_t stored_id; /* the newest committed */
	int64_t done;      /* ticks up to here are in blocks */
	int64_t retain_ms;
	int64_t oldest_at; /* of its blocks, SAMPLE_NONE: none */
	uint32_t npend;    /* ticks not in blocks */
	uint32_t run_len;  /* of the run under way; 0: the next is a key tick */
	uint32_t inflight;
	uint16_t opens;
	uint8_t is_stored, is_queued, is_unordered, is_forced;
	UT_hash_handle hh;
};

struct sample_bin {
	int64_t lo, hi;  /* ids in it; lo 0: empty */
	int64_t live;    /* ticks not in blocks */
	int64_t bytes;
	int is_clearing; /* the helper is at it */
};

/* One append on its way, with what is needed to take it back. */
struct sample_entry {
	struct sample_source * src;
	void (*cb)(void *, const struct err *);
	void * arg;
	struct err * e;  /* it failed already */
	int64_t id;      /* 0: nothing to store */
	int64_t at, fence, prev, lay_id;
	size_t off, len;
	struct {
		int64_t last_at, last_id, fence;
		struct sample_layout * layout;
		struct sample_lay * lay;
		uint8_t unordered;
	} was;
	uint32_t n;
	uint8_t marks_unordered, new_layout, new_lay, is_key;
};

#define SAMPLE_GROUP_BYTES ((size_t)1 << 20)      /* commit at once, ... */
#define SAMPLE_GROUP_BYTES_MAX ((size_t)64 << 20) /* refuse from here on */

struct sample_group {
	struct sample_entry * v;
	uint32_t n, cap;
	struct buf data;
};

struct sample_tbl {
	uint32_t id;
	int is_stored;
	char * name;
};

struct sample_store {
	LIST_ENTRY(sample_store) stores;
	struct loop * L;
	char * path;
	dev_t dev;
	ino_t ino;
	sqlite3 * db;
	struct sample_codec * codec;

	struct sample_source ** sources; /* by id; holes are NULL */
	uint32_t nsources, capsources;
	struct sample_source * by_name;
	struct sample_tbl * tbls;
	uint32_t ntbls;

	struct sample_lay * lays;        /* by id */
	struct sample_lay * lays_digest;
	TAILQ_HEAD(, sample_lay) texts;
	size_t texts_bytes;
	STAILQ_HEAD(, sample_lay) lays_pending;
	int64_t next_lay;
	sqlite3_stmt * st_lay;
	int has_orphans;

	struct sample_bin bins[SAMPLE_BINS];
	int bin;                         /* where ticks go */
	int64_t next_id;
	sqlite3_stmt * st_tick[SAMPLE_BINS]; /* INSERT */
	sqlite3_stmt * st_read[SAMPLE_BINS]; /* one row by its id */

	struct sample_group group;
	struct loop_timer * commit_timer;
	struct soon commit_soon;
	int64_t group_since_us, busy_since_us;
	int in_callbacks;

	struct sample_compact * compact;
	struct sample_helper * helper;
	int wal_pages;

	struct sample_store_stats stats;
};

/* sample_store.c */
struct sample_store * sample_store_find(dev_t dev, ino_t ino);
int sample_store_exec(struct sample_store * S, const char * sql,
    struct err * e) MUST_CHECK;
/** Fill ${e} from ${db}'s last error; ${what} was being done.  Returns -1. */
int sample_store_err(sqlite3 * db, const char * path, const char * what,
    struct err * e);
int sample_store_bin_of(const struct sample_store * S, int64_t id);

/* sample_load.c: the schema, and what a start must find again. */
int sample_load_open(struct sample_store * S, struct err * e) MUST_CHECK;

/* sample_source.c */
struct sample_source * sample_source_make(struct sample_store * S,
    uint32_t id, uint32_t tbl, const char * name);
struct sample_tbl * sample_source_tbl(struct sample_store * S, uint32_t id,
    const char * name);
/** Give back what only an open source needs. */
void sample_source_release(struct sample_source * src);
void sample_source_free(struct sample_source * src);

/* sample_lay.c: the layouts. */
struct sample_lay * sample_lay_find(struct sample_store * S, int64_t id);
struct sample_lay * sample_lay_new(struct sample_store * S, int64_t id,
    const uint8_t * digest, uint32_t n, struct sample_lay * base);
/** The store's layout of ${page}, made (pending) if it is a new one; a
 * reference is the caller's. */
struct sample_lay * sample_lay_resolve(struct sample_source * src,
    const struct sample_page * page, struct err * e);
void sample_lay_ref(struct sample_lay * l);
void sample_lay_unref(struct sample_store * S, struct sample_lay * l,
    int64_t n);
int sample_lay_write_pending(struct sample_store * S) MUST_CHECK;
void sample_lay_settle(struct sample_store * S, int committed);
int sample_lay_sweep(struct sample_store * S, int most);
void sample_lay_free_all(struct sample_store * S);
/** Read a layout's text through any connection; ${*st} is kept for the next. */
struct sample_series * sample_lay_load(sqlite3 * db, sqlite3_stmt ** st,
    int64_t id);

/* sample_append.c has sample_source_append(); sample_commit.c: what becomes of the
 * group of appends. */
int sample_commit_init(struct sample_store * S) MUST_CHECK;
/** Commit now.  0, 1 (somebody else writes: try again), -1. */
int sample_commit_flush(struct sample_store * S, int last);
void sample_commit_free(struct sample_store * S);

/* sample_compact.c: ticks into blocks, bins emptied, retention. */
int sample_compact_init(struct sample_store * S) MUST_CHECK;
void sample_compact_want(struct sample_source * src);
void sample_compact_kick(struct sample_store * S);
void sample_compact_free(struct sample_store * S);

/* sample_retain.c */
/** Delete some of what is too old; 1 if there may be more. */
int sample_retain_step(struct sample_store * S, uint32_t * cursor);

/* sample_chain.c: the ticks of one source that are not in blocks. */
struct sample_tick {
	int64_t id, at, lay, fence;
	int is_key;
};
struct sample_chain {
	struct sample_tick * v; /* oldest first */
	size_t n, cap;
};
/** Where to read: bins and their statements. */
struct sample_bins {
	sqlite3 * db;
	const struct sample_bin * bins;
	sqlite3_stmt ** st;
};
int sample_chain_read(const struct sample_bins * b, int64_t from,
    int64_t done, struct sample_chain * c) MUST_CHECK;
/** The row of tick ${id}, stepped to: 0 id, 1 at, 2 layout, 3 prev, 4 fence,
 * 5 data; reset it after use.  NULL if it is not there. */
sqlite3_stmt * sample_chain_row(const struct sample_bins * b, int64_t id);
void sample_chain_free(struct sample_chain * c);

/* sample_helper.c: the thread that checkpoints and empties bins. */
int sample_helper_init(struct sample_store * S, struct err * e) MUST_CHECK;
void sample_helper_clear(struct sample_store * S, int bin);
void sample_helper_dirty(struct sample_store * S);
/** The log has ${pages} pages: time for a checkpoint? */
void sample_helper_wal(struct sample_store * S, int pages);
/** Whether it waits for the writer's lock. */
int sample_helper_wants_lock(const struct sample_store * S);
void sample_helper_sync(struct sample_store * S, sample_sync_cb * cb,
    void * arg);
void sample_helper_free(struct sample_store * S);

#endif
