#ifndef MOLTLER_SYNC_SYNC_PARTS_H
#define MOLTLER_SYNC_SYNC_PARTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which parts (the repositories of an organization, the zones of a cloud) an
 * incremental run has read.  One that the run before did not have may hold rows
 * older than the cursor: it has to be read whole, once.
 */

#define SYNC_PARTS_MAX 10000 /* more are not told apart */
#define SYNC_PARTS_FRESH 50  /* more of them new: the next run reads all */

struct sync_parts {
	uint64_t * known;  /* of the run before, in order; 48 bits each */
	size_t nknown;
	int has_known;
	uint64_t * seen;
	size_t nseen, cap;
	uint64_t * left;   /* those that were left out, as often as it was said */
	size_t nleft, left_cap;
	int over;          /* there are more, no memory for them, or some in one */
	json_t * fresh;    /* array of the inputs of those not known, or NULL; */
	uint64_t fresh_hash[SYNC_PARTS_FRESH]; /* which these are */
	size_t at;         /* of fresh: begun so far */
	size_t filled;     /* of these, read whole */
	int too_many;
};

/** sync_parts_load(p, rec): What the entity's record ${rec} (or NULL) knows. */
void sync_parts_load(struct sync_parts * p, const json_t * rec);

/** sync_parts_note(p, hash, in): A part with the inputs ${in} (borrowed) is read. */
void sync_parts_note(struct sync_parts * p, uint64_t hash, const json_t * in);

/** sync_parts_left(p, hash): That part, or the rest of it, was left out: it is not read,
 * and when it is there again it is new.  sync_parts_lost(p): How many were. */
void sync_parts_left(struct sync_parts * p, uint64_t hash);
size_t sync_parts_lost(struct sync_parts * p);

/** sync_parts_fresh(p): The inputs of the next one that has to be read whole
 * (borrowed), NULL: there is none.  The one before it was. */
const json_t * sync_parts_fresh(struct sync_parts * p);

/** sync_parts_put(p, rec): Those of this run, which read them all, into ${rec}.  0,
 * or -1: no memory. */
int sync_parts_put(struct sync_parts * p, json_t * rec);

/** sync_parts_put_filled(p, rec): The same where the run did not come to its end: those
 * that were known, and the new ones that were read whole. */
int sync_parts_put_filled(struct sync_parts * p, json_t * rec);

void sync_parts_free(struct sync_parts * p);

#endif
