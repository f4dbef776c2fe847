#ifndef MOLTLER_SYNC_SYNC_TOKEN_H
#define MOLTLER_SYNC_SYNC_TOKEN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Where each part of an entity goes on: the service's tokens or a column's values, a
 * row of the state a part.  Rules without any waiting.
 *
 * A row is {"g": which generation, and ~ where not all before is read; "at": when it
 * was told (ms)} and "t": the token, or what sync_cursor_put() says; "fill": true where
 * only what changed since is told by it, and all is still to be read; "short_of": so
 * many records it was short of; under "<entity>/<part in hex>".  Those of another
 * generation than the record says are of something else that was asked, and go.
 */

#define SYNC_TOKEN_FRESH 50 /* more new parts: all is read, by one statement */

struct sync_token_wait;

struct sync_tokens {
	const char * key;       /* the entity's in the record; borrowed */
	char gen[24];
	const json_t * rows;    /* as the run found them; borrowed, or NULL */
	int uses;               /* parts begin at what is known of them */
	int changes_only;       /* a part without one is read whole besides */
	json_t * now;           /* part -> row: as they are now */
	json_t * seen;          /* part -> its inputs (null: nobody needs them) */
	json_t * old;           /* parts that began at a row, and that */
	json_t * begun;         /* the row that each had before, good still */
	json_t * held;          /* part -> row, until it was read whole */
	json_t * read;          /* those that the statement for all began with */
	json_t * fresh;         /* [part, inputs] of those to be read whole */
	size_t fresh_at;
	size_t nfresh;          /* parts that began without a token, but for those */
	int too_many;           /* left out; and there were more than fresh takes */
	size_t kept;            /* rows that say something new */
	size_t lost;            /* that the service had forgotten */
	struct sync_token_wait * wait; /* told, and not yet acknowledged */
	size_t nwait, wait_cap, wait_at;
	json_t * changes;       /* key -> row or null, to be put */
	int failed;             /* no memory: nothing more is kept */
};

/** sync_tokens_load(t, key, rows, gen, fence): What ${rows} (of the state, or NULL;
 * borrowed) say under generation ${gen} (NULL: a new one, of ${fence}, and those
 * there are go).  0, or -1: no memory.
 * sync_tokens_free(t): Also of one that is all zero. */
int sync_tokens_load(struct sync_tokens * t, const char * key,
    const json_t * rows, const char * gen, int64_t fence) MUST_CHECK;
void sync_tokens_free(struct sync_tokens * t);

/** sync_tokens_begin(t, part, in): The row that the part begins at (borrowed), or
 * NULL.  sync_tokens_row(t, part): That row; or of one that is read from its beginning
 * though there is one, the one it has now. */
const json_t * sync_tokens_begin(struct sync_tokens * t, uint64_t part,
    const json_t * in);
const json_t * sync_tokens_row(const struct sync_tokens * t, uint64_t part);

/** sync_tokens_told(t, part, row, rows): ${row} (taken; NULL: it is forgotten) is good
 * once ${rows} are acknowledged. */
void sync_tokens_told(struct sync_tokens * t, uint64_t part, json_t * row,
    uint64_t rows);

/** sync_tokens_short(t, part, row, lacks): What to tell of a part that ended so many
 * records too soon (0: it did not) in place of ${row} (taken): once where it began,
 * so that it is asked for again. */
json_t * sync_tokens_short(struct sync_tokens * t, uint64_t part, json_t * row,
    uint64_t lacks);

/** sync_tokens_left(t, part): It may not be read now: it is not filled up either. */
void sync_tokens_left(struct sync_tokens * t, uint64_t part);

/** sync_tokens_fill(t): Whether parts must be read whole besides: 1: all, by one
 * statement; 2: those of sync_tokens_next(t), which are NULL at their end. */
int sync_tokens_fill(const struct sync_tokens * t);
const json_t * sync_tokens_next(struct sync_tokens * t);

/** sync_tokens_all(t, part): The statement that reads all begins with it. */
void sync_tokens_all(struct sync_tokens * t, uint64_t part);

/** sync_tokens_has(t, part): Whether an earlier run read all of it.
 * sync_tokens_part(t, part, rows, lacks): As _filled, of a part of the statement that
 * reads all. */
int sync_tokens_has(const struct sync_tokens * t, uint64_t part);
void sync_tokens_part(struct sync_tokens * t, uint64_t part, uint64_t rows,
    uint64_t lacks);

/** sync_tokens_filled(t, rows, lacks): The part that _next gave last was read whole (as
 * _short), and that is good once ${rows} are acknowledged. */
void sync_tokens_filled(struct sync_tokens * t, uint64_t rows, uint64_t lacks);

/** sync_tokens_acked(t, rows, now_ms): So many are acknowledged.
 * sync_tokens_end(t, end, now_ms): The run read all and all is acknowledged. */
void sync_tokens_acked(struct sync_tokens * t, uint64_t rows, int64_t now_ms);
struct sync_tokens_how {
	int all;                /* no part was left out, */
	int whole;              /* nor short: one not seen is there no more */
	uint64_t lacks;         /* of the statement for all, as of _short */
};
void sync_tokens_end(struct sync_tokens * t, const struct sync_tokens_how * how,
    int64_t now_ms);

/** sync_tokens_put(t, rec): How many there are, and the oldest, into ${rec}.  0, -1. */
int sync_tokens_put(const struct sync_tokens * t, json_t * rec) MUST_CHECK;

/** sync_tokens_move(t, to): What changed goes into ${to}; whether anything did. */
int sync_tokens_move(struct sync_tokens * t, json_t * to);

#endif
