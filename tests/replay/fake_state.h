#ifndef MOLTLER_TESTS_FAKE_STATE_H
#define MOLTLER_TESTS_FAKE_STATE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "state/state.h"

/*
 * state/state.h over tables in memory that several handles share, each the
 * state of one daemon.
 */
struct fake_tables {
	json_t * records;  /* kind -> name -> record */
	json_t * statuses; /* name -> status */
	json_t * events;   /* name -> array, oldest first */
	json_t * leases;   /* "sync:bucket" -> {node, fence, until} */
	json_t * cursors;  /* sync -> {fence, cursor} */
	json_t * parts;         /* what is kept of each sync's parts */
	size_t parts_put;       /* rows of them, so far */
	json_t * nodes;    /* node -> {info, until} */
	unsigned calls;    /* of leases and cursors */
	unsigned lists;    /* of syncs, asked for so far; */
	unsigned connector_lists;
	json_int_t fence;
	json_int_t generation;
	json_t * changes;  /* the last of them, as Redis keeps them */
	int unnamed;       /* who writes only counts: nobody says what changed */
};

void fake_tables_init(struct fake_tables * t);
void fake_tables_free(struct fake_tables * t);

/** fake_tables_record(t, name): The connector's record (borrowed) or NULL. */
json_t * fake_tables_record(const struct fake_tables * t, const char * name);
json_t * fake_tables_status(const struct fake_tables * t, const char * name);
/** fake_tables_count(t, name, event): Events of that kind. */
size_t fake_tables_count(const struct fake_tables * t, const char * name,
    const char * event);
/** fake_tables_put(t, name, json): A record from somebody else's hand. */
void fake_tables_put(struct fake_tables * t, const char * name,
    const char * json);

/** fake_tables_of_kind(t, kind): name -> record (borrowed). */
json_t * fake_tables_of_kind(const struct fake_tables * t, const char * kind);
/** What a backend does with what is written. */
void fake_tables_apply_status(struct fake_tables * t, const char * name,
    const json_t * fields);
void fake_tables_apply_event(struct fake_tables * t, const char * name,
    const json_t * event);
void fake_tables_apply_parts(struct fake_tables * t, const char * sync,
    const json_t * parts);
/** fake_tables_changes_since(t, mark): [kind, name] of each since, or NULL. */
json_t * fake_tables_changes_since(const struct fake_tables * t,
    const char * mark);
/** fake_tables_note(t, kind, name): As every change does: count it, and name it. */
void fake_tables_note(struct fake_tables * t, const char * kind,
    const char * name);

/** fake_state_new(L, t, node, name): A handle of the daemon ${node}; ${name} is
 * what the backend calls itself. */
struct state * fake_state_new(struct loop * L, struct fake_tables * t,
    const char * node, const char * name);

/** What goes wrong from now on. */
void fake_state_away(struct state * s, int away);      /* every call fails */
void fake_state_lose(struct state * s, unsigned n);    /* done, answer lost */
void fake_state_delay(struct state * s, int64_t ms);   /* answers take that */

/** fake_state_freeze(s, on): Answers do not come, but all at once when it is over. */
void fake_state_freeze(struct state * s, int on);

/** fake_state_node(s): Whose it is. */
const char * fake_state_node(const struct state * s);

/** fake_state_waiting(s): Calls whose callback has not come. */
size_t fake_state_waiting(const struct state * s);

#endif
