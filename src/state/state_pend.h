#ifndef MOLTLER_STATE_STATE_PEND_H
#define MOLTLER_STATE_STATE_PEND_H

#include <jansson.h>

#include "loop/loop.h"
#include "state/state_map.h"

/*
 * What is held back to be written together: per connector the status fields
 * set since the last write and the events added.  A second after the first of
 * them the backend's run() is called, which takes entries with
 * state_pend_pop() until there is none or the turn has done enough; then it
 * asks for another turn with state_pend_again(0).
 */
struct state_pend_entry {
	struct state_node node;
	struct state_pend_entry * next, ** prevp; /* of those to be written */
	json_t * patch;  /* object, or NULL */
	json_t * events; /* array, oldest first, at most 100; or NULL */
	/* For the backend: */
	void * owner;
	json_t * base;   /* what is stored already, if known */
	json_t * sent_patch;
	json_t * sent_events;
	unsigned sent; /* writes without an answer yet */
	int sent_failed;
	size_t repeat; /* so many of the first events may be there already */
	size_t len;
	char name[];
};

struct state_pend {
	struct loop * loop;
	struct state_map map;
	struct state_pend_entry * head, ** tail;
	struct loop_timer * timer;
	struct soon soon;
	void (*run)(void *);
	void * arg;
	size_t ndirty;
	int told_full;
};

#define STATE_EVENTS 100
#define STATE_PEND_MS 1000

/** state_pend_init(P, L, run, arg, e), state_pend_fini(P). */
int state_pend_init(struct state_pend * P, struct loop * L,
    void (*run)(void *), void * arg, struct err * e) MUST_CHECK;
void state_pend_fini(struct state_pend * P);

/** state_pend_status(P, name, fields), state_pend_event(P, name, event): Note
 * it, copied.  Past 100,000 connectors it is dropped with a warning. */
void state_pend_status(struct state_pend * P, const char * name,
    const json_t * fields);
void state_pend_event(struct state_pend * P, const char * name,
    const json_t * event);

/** state_pend_find(P, name): Its entry, or NULL. */
struct state_pend_entry * state_pend_find(struct state_pend * P,
    const char * name);

/** state_pend_forget(P, name): Drop what is noted: it was deleted. */
void state_pend_forget(struct state_pend * P, const char * name);

/** state_pend_pop(P): The next to write, taken off the list; or NULL. */
struct state_pend_entry * state_pend_pop(struct state_pend * P);

/** state_pend_push(P, x): Put ${x} on the list of those to write if it holds
 * anything and nothing of it is on the way. */
void state_pend_push(struct state_pend * P, struct state_pend_entry * x);

/** state_pend_drop(P, x): Free ${x} if it holds nothing at all. */
void state_pend_drop(struct state_pend * P, struct state_pend_entry * x);

/** state_pend_again(P, ms): Run in ${ms}, or with 0 in the next turn. */
void state_pend_again(struct state_pend * P, int64_t ms);

/** state_pend_unsend(x): What was sent and failed is to be written again,
 * below what came since.  0 or -1 (no memory; nothing is lost). */
int state_pend_unsend(struct state_pend_entry * x) MUST_CHECK;

#endif
