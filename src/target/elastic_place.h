#ifndef MOLTLER_TARGET_ELASTIC_PLACE_H
#define MOLTLER_TARGET_ELASTIC_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "decode/page.h"

/* How far a scan has come: what the next page is asked for from. */
struct elastic_place {
	size_t ncolumns;   /* of the table; enum elastic_extra's come behind them */
	size_t id;         /* which of them is _id */
	int by_doc;
	struct buf after;  /* the last row's sort; empty: none yet */
	int64_t doc;       /* of it, by _doc */
	uint64_t * seen;   /* rows given that have this _doc */
	size_t nseen, cap_seen;
};

/** elastic_place_take(pl, p, e): Note where ${p} ends, and take out of it the rows
 * that were given before and its cells of sort: rows are known by _index and _id,
 * not by where a search found them.  Permanent "sort": a row has no place. */
int elastic_place_take(struct elastic_place * pl, struct page * p,
    struct err * e) MUST_CHECK;
void elastic_place_free(struct elastic_place * pl);

#endif
