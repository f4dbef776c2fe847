#ifndef MOLTLER_SYNC_BACKUP_H
#define MOLTLER_SYNC_BACKUP_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "loop/loop.h"
#include "run/runner.h"
#include "run/secret_store.h"
#include "state/state.h"

/*
 * Backup and restore of what the state holds: connectors, syncs, their cursors,
 * and secrets as the sealed texts they are; nothing of what targets hold.
 * backup_text.h tells the form.
 */
struct backup;

/* All borrowed for its life. */
struct backup_opts {
	struct loop * loop;
	struct state * state;
	struct secret_store * secret_store;
	struct runner * runner;
	const char * node;
};

/** backup_new(o, e); backup_free(B): After the state's; nobody hears of what is
 * under way.  NULL is a no-op. */
struct backup * backup_new(const struct backup_opts * o, struct err * e)
    MUST_CHECK;
void backup_free(struct backup * B);

/** Who waits for one. */
struct backup_wait;

/** Called once, never before the call returns.  ${text} is borrowed, and may be
 * taken by moving it away. */
typedef void backup_text_cb(void * arg, struct buf * text,
    const struct err * e);

/**
 * backup_make(B, cb, arg): What there is, as text.  Errors: transient "busy" (all
 * changes all the time, or several at once) and what the state says; config
 * "too_large".
 */
struct backup_wait * backup_make(struct backup * B, backup_text_cb * cb,
    void * arg);

#define BACKUP_FORCE 1        /* although there is something: what has the same
                                 name is replaced */
#define BACKUP_HERE 2         /* what belongs to a node that is not there belongs
                                 to this one */
#define BACKUP_KEEP_CURSORS 4 /* also those of SQLite targets of other nodes */

/** Called once, never before the call returns; ${v} is borrowed. */
typedef void backup_cb(void * arg, json_t * v, const struct err * e);

/**
 * backup_restore(B, text, flags, cb, arg):
 * Put back what ${text} (moved away) holds; the daemons take it over by themselves.
 * All is checked before anything is written.  With the embedded state, or
 * BACKUP_HERE, what belonged to another node becomes this one's; the cursor of a
 * sync into that node's SQLite files is then left out, since the rows it counts
 * as done are not here.  ${v}: {"connectors","syncs","cursors","secrets": how many,
 * "replaced", "made_at", "node", "pinned_here": names, "elsewhere": names of what
 * belongs to nodes that are not there, "cursors_left": ids}.
 * Errors: those of backup_text.h; config "not_empty", "master_key", "exists"
 * (nothing was changed); transient "busy"; else the message says how far it got.
 */
struct backup_wait * backup_restore(struct backup * B, struct buf * text,
    unsigned flags, backup_cb * cb, void * arg);

/** backup_leave(w): Nobody waits any more: what is being read is not read on, a
 * restore goes on to its end.  NULL is a no-op. */
void backup_leave(struct backup_wait * w);

/*
 * A text that comes in pieces, since a request's body is bounded.  One at a time;
 * one that nobody goes on with is forgotten after a minute, once another comes.
 * backup_upload_begin(B, n, id, e): ${n} bytes will come.  Errors: config
 * "too_large", transient "busy".
 * backup_upload_add(B, id, at, p, n, e): Bytes from ${at} on.  Errors: config
 * "not_found", "bad_request".
 * backup_upload_take(B, id, text, e): All is there: move it into ${text}.
 */
#define BACKUP_ID_LEN 37
int backup_upload_begin(struct backup * B, size_t n, char id[BACKUP_ID_LEN],
    struct err * e) MUST_CHECK;
int backup_upload_add(struct backup * B, const char * id, size_t at,
    const char * p, size_t n, struct err * e) MUST_CHECK;
int backup_upload_take(struct backup * B, const char * id, struct buf * text,
    struct err * e) MUST_CHECK;

#endif
