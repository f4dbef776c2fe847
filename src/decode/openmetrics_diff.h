#ifndef MOLTLER_DECODE_OPENMETRICS_DIFF_H
#define MOLTLER_DECODE_OPENMETRICS_DIFF_H

#include <stddef.h>
#include <stdint.h>

#include "base/sample.h"
#include "decode/openmetrics_line.h"

/*
 * The list of a page's series as it grows, next to the list the source had
 * before.  As long as both agree only a counter moves; where they part the
 * list is written out, and with it how it comes from the old one: runs that
 * are kept, each old series at most once, and new ones with their text.
 */
struct openmetrics_diff {
	struct sample_layout * old; /* own reference, or NULL */
	const uint64_t * old_hashes;
	const uint32_t * old_lens;
	uint32_t old_n;
	uint32_t next; /* the old series that is expected now */
	uint32_t n;    /* series so far */
	int moved;     /* the page is not the old list's beginning any more */

	/* Only once moved: */
	uint64_t * hashes;
	uint32_t * lens;
	uint32_t cap;
	struct sample_diff_op * ops;
	uint32_t nops, ops_cap;
	size_t text; /* bytes of new series' text */
	uint64_t * used; /* a bit for each old series that was kept */
	size_t used_cap;
	uint32_t * slots; /* old series by hash, made when first needed */
	size_t nslots, slots_cap;
	struct buf labels;
};

#define OPENMETRICS_DIFF_NONE UINT32_MAX

/* The page's new series, names and labels together, may take this much. */
#define OPENMETRICS_DIFF_TEXT_MAX ((size_t)512 << 20)

/** openmetrics_diff_begin(d, old): Forget the last page; take a reference. */
void openmetrics_diff_begin(struct openmetrics_diff * d,
    struct sample_layout * old);

/** openmetrics_diff_is_used(d, j): Was old series ${j} kept already? */
static inline int
openmetrics_diff_is_used(const struct openmetrics_diff * d, uint32_t j)
{
	return (d->moved ? (int)(d->used[j / 64] >> (j % 64) & 1) : j < d->n);
}

/** openmetrics_diff_find(d, hash, len): Which old series, not yet kept, is
 * this chunk?  OPENMETRICS_DIFF_NONE if none (or the machine is out of memory:
 * then a series is called new that is not, which is no harm). */
uint32_t openmetrics_diff_find(struct openmetrics_diff * d, uint64_t hash,
    uint32_t len);

/** openmetrics_diff_keep(d, j): The page's next series is old series ${j}.
 * 0, or -1: no memory. */
int openmetrics_diff_keep(struct openmetrics_diff * d, uint32_t j);

/** openmetrics_diff_new(d, hash, len, line): The page's next series is new.
 * 0, or -1: no memory, or more text than allowed. */
int openmetrics_diff_new(struct openmetrics_diff * d, uint64_t hash,
    uint32_t len, const struct openmetrics_line * line);

/** openmetrics_diff_end(d, page): Fill layout, diff and n of ${page}.  0, or
 * -1: no memory. */
int openmetrics_diff_end(struct openmetrics_diff * d,
    struct sample_page * page);

/** openmetrics_diff_release(d): Give the old list and the ops back. */
void openmetrics_diff_release(struct openmetrics_diff * d);

void openmetrics_diff_free(struct openmetrics_diff * d);

#endif
