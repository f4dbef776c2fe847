#ifndef MOLTLER_TARGET_ROWS_H
#define MOLTLER_TARGET_ROWS_H

#include "loop/loop.h"
#include "target/targets.h"
#include "target/writer.h"

/*
 * Rows in SQLite: a table a target, in the database's file.  Columns have the
 * types of the manifest; new ones are added, none is dropped; the entity's key is
 * the primary key, and a row that comes again replaces what was there.  What is
 * ours about a row (sync, fence, mark of deletion) is in columns that SELECT does
 * not show, but for _deleted_at where rows are marked.
 */

/** rows_writer_open(L, t, spec, ev, e): Events come from now on.  NULL with ${e}
 * only when out of memory or for names that cannot be. */
struct writer * rows_writer_open(struct loop * L, struct targets * t,
    const struct writer_spec * spec, const struct writer_events * ev,
    struct err * e) MUST_CHECK;

#endif
