#ifndef MOLTLER_CONN_READER_H
#define MOLTLER_CONN_READER_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/plan.h"
#include "decode/page.h"

/*
 * A reader opens an entity with a plan and is asked for a page at a time.
 * Whoever asks sets the pace: nothing is fetched that was not asked for, but
 * for one page ahead where reader_ahead() says so.  It pages, goes through
 * partitions and the values of an IN (some side by side), retries what is
 * transient, keeps to the limits, revalidates, and uses and fills the result
 * cache.
 */
struct reader;

/* What one statement or run has used so far; shared by its readers. */
struct read_stats {
	uint64_t calls;       /* requests sent, retries included */
	uint64_t pages, rows; /* of services, cached ones not */
	uint64_t bytes;
	uint64_t cache_hits;  /* results taken from the cache */
	int64_t cache_age_ms; /* the oldest of them */
	uint64_t not_modified; /* answers 304 */
	uint64_t unchanged;   /* parts without a row therefore, of syncs */
	uint64_t retries;
	uint64_t waited_ms;   /* for limits */
	uint64_t skipped;     /* parts left out by an error rule, ... */
	char skipped_why[200]; /* ... and why the first was; "" */
	int64_t total;        /* records the services say there are, for lists that
	                         tell; -1 (who makes the context sets it):
	                         none does */
	uint64_t short_of;    /* records that a list said it has and did not send */
	int64_t first_ms;     /* by the service's clock, when it answered first (ms
	                         since 1970; by ours, where it sends no Date); 0 */
	uint64_t unordered;   /* pages not in the order that reader_sync() goes on
	                         by, though it was asked for */
};
struct read_ctx {
	struct read_stats st;
	uint64_t max_calls;   /* beyond: permanent "max_api_calls" */
	size_t max_held;      /* bytes of rows that only complete others; beyond:
	                         permanent "too_big"; 0: 256 MiB */
	size_t held;          /* of these */
	int64_t deadline_ms;  /* clock_mono_us()/1000; 0: none.  A wait that would
	                         last longer fails at once. */
	int no_cache;         /* neither use nor fill the result cache; what the
	                         service itself says is unchanged is no such */
	/* Called when ${st} changed, or NULL: for progress.  It may not close
	 * a reader. */
	void (*progress)(void * arg, const struct read_stats * st);
	void * arg;
};

/**
 * reader_open(env, plan, ctx, e):
 * Take ${plan} (also on failure) and get ready; nothing is sent yet.  ${ctx}
 * must outlive the reader.  NULL with ${e}.
 */
struct reader * reader_open(const struct conn_env * env, struct plan * plan,
    struct read_ctx * ctx, struct err * e) MUST_CHECK;

/**
 * Called once for each reader_next(), from the loop, never before it returns:
 * ${p} the next page (a reference for the callee; its rows have all columns of
 * the entity, those not wanted NULL), or NULL with ${e} NULL: there are no more;
 * or ${e}: the reader is at its end.  Messages name connector, entity, URL and
 * page.
 */
typedef void reader_cb(void * arg, struct page * p, const struct err * e);

/** reader_next(r, cb, arg): Ask for the next page; one question at a time. */
void reader_next(struct reader * r, reader_cb * cb, void * arg);

/** reader_ahead(r): Begin to fetch the page after the last one given, unless
 * that is under way or there is none. */
void reader_ahead(struct reader * r);

/** reader_close(r): Cancel what is under way, without calling back, and free.
 * A result that was read to its end has gone to the cache.  NULL: no-op. */
void reader_close(struct reader * r);

/**
 * reader_sync(r, restart, resume, e):
 * Before the first reader_next(): read for a sync, past the result cache, and keep
 * what reader_mark() tells.  If ${restart} (a column's index, -1: none) is the one
 * the plan's order goes by, and the list pages by links or numbers, it is asked
 * for again from the last row's value on, as often as that value grows: so
 * what moves to the end while it is read is met there.  ${resume}: NULL, or a
 * mark of an earlier reader with an equal plan (but for that bound).  Errors:
 * permanent "resume", also from reader_next(): it leads nowhere any more.
 *
 * reader_sync_parts(r, cb, left, arg): Call ${cb} for each part (one listing with the
 * inputs ${in}, borrowed) when it begins; ${hash} stands for them.  ${left} (or NULL):
 * an error rule left it, or the rest of it, out.
 *
 * reader_sync_one(r): It reads one part of several: others are read by other readers.
 *
 * reader_mark(r): What leads on behind the page given last (borrowed until the
 * next); NULL: nothing does.
 */
int reader_sync(struct reader * r, int restart, const json_t * resume,
    struct err * e) MUST_CHECK;
void reader_sync_parts(struct reader * r,
    void (*cb)(void * arg, uint64_t hash, const json_t * in),
    void (*left)(void * arg, uint64_t hash, const json_t * in), void * arg);
void reader_sync_one(struct reader * r);
const json_t * reader_mark(const struct reader * r);

/*
 * reader_sync_cursors(r, cursors, e): After reader_sync(): where each part goes on;
 * ${cursors} is borrowed.
 * token: of a list by_token: what was told of the part that now begins (borrowed
 * until it returns), or NULL: it is read from its beginning.
 * from: of others: the value of ${column} that it is asked from, if the service can be;
 * NULL: from its beginning.
 * given: what is given next are rows of that part.  enough: no more of them are
 * needed.
 * skip: the part need not be read.
 * told: all rows given so far up to this place of the part are used: the next run may
 * begin its part there.
 */
struct reader_told {
	uint64_t part;
	const char * token;   /* NULL: the service has forgotten the one that was;
	                         it is read from its beginning.  Always NULL where
	                         it goes by values */
	int is_end;           /* the part was read to its end, ... */
	uint64_t lacks;       /* ... which came so many records too soon, or said so
	                         often that something is not in it */
};
struct reader_cursors {
	const char * (*token)(void * arg, uint64_t part, const json_t * in);
	const struct value * (*from)(void * arg, uint64_t part,
	    const json_t * in);
	void (*given)(void * arg, uint64_t part);
	int (*enough)(void * arg, uint64_t part);
	void (*told)(void * arg, const struct reader_told * t);
	int (*skip)(void * arg, uint64_t part); /* or NULL */
	size_t column;
	void * arg;
};
int reader_sync_cursors(struct reader * r,
    const struct reader_cursors * cursors, struct err * e) MUST_CHECK;

/**
 * reader_sync_etags(r, etags):
 * Before the first reader_next(), after reader_sync(): lists that say with which answer
 * they began (revalidate) are asked whether they changed since what ${known} says
 * (part in hex -> what ->told told; borrowed, or NULL) was told.  If not the part has
 * no rows, and counts as unchanged.  ${told}: what stands for the part as it is now
 * (borrowed), good once all of its rows are written; ${newest_first}: a list that is
 * newest first stands for all of it by its first page.
 */
struct reader_etags {
	const json_t * known;
	int newest_first;
	void (*told)(void * arg, uint64_t part, json_t * v);
	void * arg;
};
void reader_sync_etags(struct reader * r, const struct reader_etags * etags);

/** reader_cached(env, plan): How old the cached result for ${plan} is in ms; -1:
 * there is none.  For EXPLAIN. */
int64_t reader_cached(const struct conn_env * env, const struct plan * plan);

/** reader_cleanup(): Free what readers keep for reuse; at exit. */
void reader_cleanup(void);

#endif
