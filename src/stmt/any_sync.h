#ifndef MOLTLER_STMT_ANY_SYNC_H
#define MOLTLER_STMT_ANY_SYNC_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "stmt/stmt.h"

/*
 * Syncs as users see them, whoever has them: those of rows (sync/) and the
 * scrapes of samples, which are their connectors' schedules (run/).  Callbacks
 * come once, from the loop, never before the call returns; ${v} is borrowed.
 */
enum any_sync { ANY_SYNC_NONE, ANY_SYNC_ROWS, ANY_SYNC_SCRAPE };

#define ANY_SYNC_NAME 129

/** any_sync_kind(env, id, name): Whose it is; of a scrape its connector's name. */
enum any_sync any_sync_kind(const struct stmt_env * env, const char * id,
    char name[ANY_SYNC_NAME]);

/** any_sync_near(env, id, out): An id that could be meant, "" if none.
 * any_sync_none(env, id, e): Fill ${e}: there is none; did you mean. */
void any_sync_near(const struct stmt_env * env, const char * id,
    char out[300]);
void any_sync_none(const struct stmt_env * env, const char * id,
    struct err * e);

/** any_sync_show(env, id, cb, arg): ${v} as syncs_show() says; of a scrape the
 * members that it has. */
void any_sync_show(const struct stmt_env * env, const char * id, syncs_cb * cb,
    void * arg);

/** any_sync_list(env, after, limit, cb, arg): ${v}: {"items": [..], "next": id or
 * null}, by id, those after ${after} (NULL: from the first). */
void any_sync_list(const struct stmt_env * env, const char * after,
    size_t limit, syncs_cb * cb, void * arg);

/** any_sync_run: begin a run, and say no if it cannot.  The rest as syncs.h has
 * them; a scrape is dropped by taking its connector's schedule away. */
void any_sync_run(const struct stmt_env * env, const char * id, int full,
    syncs_cb * cb, void * arg);
void any_sync_pause(const struct stmt_env * env, const char * id,
    syncs_cb * cb, void * arg);
void any_sync_resume(const struct stmt_env * env, const char * id,
    syncs_cb * cb, void * arg);
void any_sync_drop(const struct stmt_env * env, const char * id, syncs_cb * cb,
    void * arg);

#endif
