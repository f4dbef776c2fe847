#ifndef MOLTLER_MANIFEST_MANIFEST_PARTS_H
#define MOLTLER_MANIFEST_MANIFEST_PARTS_H

#include "manifest/manifest_schema.h"
#include "manifest/mread.h"

/* The parts of reading a manifest.  Each fills what it is given from the
 * document, telling faults through ${r}; each *_free() frees what its part
 * made, also of one that was not read to its end. */

/** manifest_schema_read(r, doc): The config schema. */
void manifest_schema_read(struct mread * r, const json_t * doc);

/** manifest_auth_read(r, o): How requests are signed: ${o}'s "auth", or NULL. */
const json_t * manifest_auth_read(struct mread * r, const json_t * o);

/** manifest_auth_inputs(r): The names of all inputs and arguments, as keys, for
 * what is said of all requests: a region is one of them.  NULL: no memory. */
json_t * manifest_auth_inputs(const struct mread * r);

/** manifest_error_read(r, doc): Rules, error_text. */
void manifest_error_read(struct mread * r, const json_t * doc);
void manifest_error_free(struct manifest * m);

/** manifest_limits_read(r, doc): The budgets, before what takes of them:
 * manifest_limits_toll(r, v, t): ${v}'s "bucket" and "cost". */
void manifest_limits_read(struct mread * r, const json_t * doc);
void manifest_limits_toll(struct mread * r, const json_t * v,
    struct manifest_toll * t);
void manifest_limits_free(struct manifest * m);

/** manifest_entity_read(r, doc): All entities. */
void manifest_entity_read(struct mread * r, const json_t * doc);
void manifest_entity_free(struct manifest_entity * ent);

/** manifest_time_read(r, v, keys, t): The object ${v} at "time": a format of the
 * service's own, with ${keys} KEYS_STRPTIME (to read) or KEYS_STRFTIME (to write). */
void manifest_time_read(struct mread * r, const json_t * v, enum mread_kind keys,
    struct manifest_time * t);

/** manifest_column_read(r, ent, v): An entity's columns; manifest_column_of(r,
 * key, ent, name): the index of a column named at ${key}, -1 (a fault). */
void manifest_column_read(struct mread * r, struct manifest_entity * ent,
    const json_t * v);
int manifest_column_of(struct mread * r, const char * key,
    const struct manifest_entity * ent, const char * name);
void manifest_column_free(struct manifest_column * c);

/** manifest_list_read(r, ent, v, inputs): An entity's lists. */
void manifest_list_read(struct mread * r, struct manifest_entity * ent,
    const json_t * v, const json_t * inputs);
void manifest_list_free(struct manifest_list * list);

/** manifest_cursor_read(r, ent): In which windows a cursor goes on, once the lists are
 * read. */
void manifest_cursor_read(struct mread * r, const struct manifest_entity * ent);

/** manifest_page_read(r, list, v): Its pagination. */
void manifest_page_read(struct mread * r, struct manifest_list * list,
    const json_t * v);
void manifest_page_free(struct manifest_paginate * p);

/** manifest_push_read(r, ent, list, v, s), manifest_clause_read(r, list, v, s),
 * manifest_clause_order(r, ent, list, v, s): What can be pushed; clauses are
 * read before the pushes that speak of them. */
void manifest_push_read(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v,
    const struct mread_scope * s);
void manifest_clause_read(struct mread * r, struct manifest_list * list,
    const json_t * v, const struct mread_scope * s);
void manifest_clause_order(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v,
    const struct mread_scope * s);

/** manifest_action_read(r, ent, v): An entity's actions. */
void manifest_action_read(struct mread * r, struct manifest_entity * ent,
    const json_t * v);
void manifest_action_free(struct manifest_action * a);

/** manifest_outcome_read(r, act, v, s): How it is learned what became of an action;
 * ${s} is what its templates may speak of.
 * manifest_outcome_statuses(r, key, v): A list of statuses, or NULL.
 * manifest_outcome_args(r, v, key, s): A list of names of arguments, or NULL. */
void manifest_outcome_read(struct mread * r, struct manifest_action * act,
    const json_t * v, const struct mread_scope * s);
const json_t * manifest_outcome_statuses(struct mread * r, const char * key,
    const json_t * v);
const json_t * manifest_outcome_args(struct mread * r, const json_t * v,
    const char * key, const struct mread_scope * s);
void manifest_outcome_free(struct manifest_action * a);

/** manifest_lint(r, file): Warn of known mistakes in what was read without a
 * fault. */
void manifest_lint(struct mread * r, const char * file);

/** manifest_lint_list(r, ent, list, doc): Of one of its lists, which is ${doc} in the
 * document; ${r} stands there. */
void manifest_lint_list(struct mread * r, const struct manifest_entity * ent,
    const struct manifest_list * list, const json_t * doc);

/** manifest_lint_decode(r, ent): Of paths that its answers cannot have. */
void manifest_lint_decode(struct mread * r, const struct manifest_entity * ent);

#endif
