#ifndef MOLTLER_RUN_LITERALS_H
#define MOLTLER_RUN_LITERALS_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "run/secret_store.h"

/*
 * Literal secrets in configurations.  Each is moved into the store under a
 * hidden name of its own, "~<connector's id>.<path>~<ms>-<number>", and a
 * reference takes its place, so that what is kept of a connector holds no secret.
 * The name is new each time: the old value stays until nothing refers to it.
 */
struct literals;

/** literals_check(config, e): Refuse what a person may not give: references to
 * hidden names, and the *** that is shown in place of a secret.  0 or -1
 * (config "bad_config"). */
int literals_check(const json_t * config, struct err * e) MUST_CHECK;

/**
 * literals_move(st, schema, config, id, l, cb, arg, e):
 * Move the literals of ${config} (which is changed; the strings are wiped) and
 * call back when they are durable: never before this returns, and only if it
 * returns 1, with ${*l} owned by the caller.  0: there are none.  -1 with ${e}.
 */
int literals_move(struct secret_store * st, const json_t * schema,
    json_t * config, const char * id, struct literals ** l,
    secret_store_cb * cb, void * arg, struct err * e) MUST_CHECK;

/** literals_undo(l): What they were moved for did not happen: delete them.
 * literals_free(l): Free the list.  NULL is a no-op for both. */
void literals_undo(struct literals * l);
void literals_free(struct literals * l);

/** literals_sweep(st, old, now): Delete what the configuration ${old} (JSON text)
 * refers to and ${now} (the same, or NULL) does not. */
void literals_sweep(struct secret_store * st, const char * old,
    const char * now);

/** literals_used(config, used): Put the hidden names ${config} (JSON text) refers
 * to into the object ${used}, as keys. */
void literals_used(const char * config, json_t * used);

/** literals_hide(v): Put *** in place of references to hidden names. */
void literals_hide(json_t * v);

/** literals_wipe(v): Overwrite all strings in ${v}, which is of no use then. */
void literals_wipe(json_t * v);

#endif
