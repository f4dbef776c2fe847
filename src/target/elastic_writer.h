#ifndef MOLTLER_TARGET_ELASTIC_WRITER_H
#define MOLTLER_TARGET_ELASTIC_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "target/elastic_answer.h"
#include "target/elastic_call.h"
#include "target/elastic_doc.h"
#include "target/elastic_prepare.h"
#include "target/elastic_retry.h"
#include "target/writer.h"

/*
 * What the writer's files share: elastic_writer.c (rows in, acknowledgements
 * out), elastic_batch.c (one _bulk until all of it is there), elastic_entries.c (its
 * lines), elastic_sweep.c (deletes); nobody else includes this.
 */

/* Two are under way, the third is being filled. */
#define BATCHES 3

enum batch_state { BATCH_FREE, BATCH_FILLING, BATCH_READY, BATCH_SENT,
    BATCH_WAITING, BATCH_DONE };

/* What an entry is. */
enum entry { ENTRY_ROW, ENTRY_REJECT, /* a row put aside */
    ENTRY_OLD /* another of the same _id came after it */ };

/* What an answer says of one. */
enum outcome { OUTCOME_WRITTEN, OUTCOME_BUSY, OUTCOME_REFUSED };

/* Lines of a batch; its rows may all be refused, and texts grow when quoted. */
#define ELASTIC_BATCH_MAX ((size_t)1 << 30)

/* Which entry has an _id. */
struct elastic_slot {
	uint32_t hash;
	uint32_t i;           /* from 1; 0: none */
};

/* Lines that are still to be written, in order. */
struct elastic_batch {
	struct elastic_writer * w;
	enum batch_state state;
	struct buf body;      /* two lines an entry */
	uint32_t * at;        /* where each entry begins; n + 1 of them */
	uint8_t * kind;       /* of each an enum entry */
	size_t n, cap;
	struct elastic_slot * slots; /* of all that were ever in it */
	size_t nslots, old;
	int after;            /* not before those before it are done */
	size_t window;        /* so many a request; 0: all */
	size_t sent;          /* how many the present request has */
	size_t passed;        /* another sync's later run has them */
	uint8_t * outcome;    /* of each of these, as its answer says */
	struct buf whys;      /* reasons of the refused ones, a NUL behind each */
	struct buf rejects;   /* lines that put rows aside */
	uint64_t rows;        /* given; acknowledged when nothing is left */
	uint64_t gone;        /* of these: the service has deleted them */
	uint64_t seq;
	struct buf gz;
	struct elastic_answer answer;
	struct elastic_call * call;
	struct elastic_retry retry;
	struct err err;       /* why items are sent again, or what ends it */
	int is_fatal;
};

struct elastic_sweep;

struct elastic_writer {
	struct writer base;
	struct elastic * el;
	struct writer_spec spec; /* its texts and columns are ours */
	struct writer_events ev;
	struct elastic_doc * doc;
	struct elastic_prepare * prepare;
	struct elastic_batch batch[BATCHES];
	struct elastic_batch * filling; /* NULL: none is free */
	struct elastic_sweep * sweep;
	struct elastic_call * refresh;
	struct elastic_retry refresh_retry;
	struct buf path;       /* of the _bulk */
	char rejected[300];    /* the index of rejected rows */
	uint64_t next_seq, done_seq; /* batches given a number; acknowledged */
	uint64_t refresh_seq;  /* the last one when it was refreshed */
	size_t batch_bytes;
	int wants_room;        /* row() said 1 */
	int wants_flush;       /* what is being filled goes when another is free */
	int wants_refresh;     /* flushed, and not yet visible */
	int gzips;
	int is_ready, is_failed, is_closed;
	unsigned in_event;
	struct err err;
	struct soon soon;
	struct writer_stats st;
};

/* elastic_writer.c */

/** elastic_writer_fail(w, e): No more writing; says so, from the soon queue. */
void elastic_writer_fail(struct elastic_writer * w, const struct err * e);

/** elastic_writer_done(b): All of the batch is there.  ${b} and its writer may be
 * gone afterwards. */
void elastic_writer_done(struct elastic_batch * b);

/* elastic_entries.c */
int elastic_batch_add(struct elastic_batch * b, const struct value * v)
    MUST_CHECK; /* -1: memory */
/** elastic_batch_close(b): Nothing more is added.  elastic_batch_clear(b): It is
 * empty, for new ones. */
void elastic_batch_close(struct elastic_batch * b);
void elastic_batch_clear(struct elastic_batch * b);
/** elastic_batch_close_ranks(b): What is written leaves; what was busy stays in front,
 * then come those that were not sent yet, then the rows put aside.  -1: memory. */
int elastic_batch_close_ranks(struct elastic_batch * b) MUST_CHECK;

/* elastic_batch.c */
void elastic_batch_enter(struct elastic_batch * b, enum batch_state s);
void elastic_batch_send(struct elastic_batch * b);
void elastic_batch_stop(struct elastic_batch * b); /* nothing comes of it */
void elastic_batch_free(struct elastic_batch * b);
/** elastic_batch_gzip(in, n, out): ${n} bytes packed into ${out}, cleared before.
 * 0 or -1. */
int elastic_batch_gzip(const char * in, size_t n, struct buf * out)
    MUST_CHECK;

/* elastic_twice.c: one document twice in a run. */

/** elastic_twice_add(b): Look whether the last entry's document is in ${b} already
 * (then that one is not sent any more), or in another batch that is under way
 * (then ${b} waits for it).  0, or -1: memory.
 * elastic_twice_waits(b): Whether it does. */
int elastic_twice_add(struct elastic_batch * b) MUST_CHECK;
int elastic_twice_waits(const struct elastic_batch * b);

/* elastic_sweep.c */
struct elastic_sweep * elastic_sweep_start(struct elastic_writer * w,
    enum writer_sweep_how how, double max_ratio, writer_sweep_cb * cb,
    void * arg);
void elastic_sweep_cancel(struct elastic_sweep * s); /* NULL is a no-op */

#endif
