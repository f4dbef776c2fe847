#ifndef MOLTLER_TARGET_SAMPLE_COMPACT_INTERNAL_H
#define MOLTLER_TARGET_SAMPLE_COMPACT_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "target/sample_internal.h"

/* What the files of the compaction share: its slices (sample_compact.c), the block
 * under way (sample_job.c), and the finished ones (sample_outbox.c).  Nobody else
 * includes this. */

#define SAMPLE_OUTBOX 16

enum compact_state { COMPACT_PICK, COMPACT_LOAD, COMPACT_ENCODE };

/* A block that waits for its transaction. */
struct sample_out {
	struct sample_source * src;
	struct sample_lay * lay;
	int64_t replaces;  /* the block that it holds too, or 0 */
	int64_t first_at, last_at, upto, fence;
	uint32_t ticks;    /* in the block; 0: they are only dropped */
	uint32_t taken;    /* ticks that it takes from the bins */
	uint32_t from_bin[SAMPLE_BINS];
	size_t off, len;
};

struct sample_compact {
	struct sample_store * S;
	struct loop_timer * timer;
	TAILQ_HEAD(, sample_source) queue;
	enum compact_state state;
	struct sample_chain chain;
	struct sample_out job;
	uint32_t next;   /* the tick or series to do next */
	uint32_t before; /* ticks of the block replaced */
	double * m;      /* tick by tick */
	size_t mcap;
	int64_t at[SAMPLE_MAX_TICKS];
	struct sample_out box[SAMPLE_OUTBOX];
	uint32_t nbox;
	struct buf data;
	int64_t box_since_us;
	int is_backlog;  /* a source in the box waits for its next turn */
	uint32_t retain_at;
	int64_t force_at, next_upkeep_us;
};

/**
 * sample_job_pick(c): Take the next source; 0: none is waiting.
 * sample_job_load(c, until), sample_job_encode(c, until): Go on with its block until
 * about ${until}, by clock_mono_us(); 1.  A finished block goes into the outbox; what
 * fails is logged, and its ticks stay as they are.
 */
int sample_job_pick(struct sample_compact * c);
int sample_job_load(struct sample_compact * c, int64_t until);
int sample_job_encode(struct sample_compact * c, int64_t until);

/** sample_outbox_add(c): Put the job there, which is over; there is room, for a box
 * that is due is posted before the next step. */
void sample_outbox_add(struct sample_compact * c);
/** sample_outbox_is_due(c): Whether to wait for more would be too long. */
int sample_outbox_is_due(const struct sample_compact * c);
/** sample_outbox_post(c): Commit it in one transaction; a failure is logged, and the
 * ticks are still there.  1 done, 0 somebody else writes. */
int sample_outbox_post(struct sample_compact * c);

/** sample_compact_clear(S): Have the helper empty the bins whose ticks are all in
 * blocks. */
void sample_compact_clear(struct sample_store * S);

#endif
