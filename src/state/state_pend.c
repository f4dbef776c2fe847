#include "state/state_pend.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "state/state_json.h"

#define MAX_ENTRIES 100000

static void
pend_fire(void * arg)
{
	struct state_pend * P = arg;

	P->run(P->arg);
}

int
state_pend_init(struct state_pend * P, struct loop * L, void (*run)(void *),
    void * arg, struct err * e)
{
	memset(P, 0, sizeof(*P));
	P->loop = L;
	P->tail = &P->head;
	P->run = run;
	P->arg = arg;
	if ((P->timer = loop_timer_new(L, pend_fire, P)) == NULL)
		return (err_nomem(e, "the state"));
	return (0);
}

static void
entry_free(struct state_pend_entry * x)
{
	json_decref(x->patch);
	json_decref(x->events);
	json_decref(x->base);
	json_decref(x->sent_patch);
	json_decref(x->sent_events);
	free(x);
}

void
state_pend_fini(struct state_pend * P)
{
	struct state_node * n;
	size_t i;

	if (P->timer == NULL)
		return;
	loop_timer_free(P->timer);
	loop_soon_cancel(P->loop, &P->soon);
	for (i = 0; i < P->map.nslots; i++) {
		while ((n = P->map.slots[i]) != NULL) {
			P->map.slots[i] = n->next;
			entry_free((struct state_pend_entry *)(void *)n);
		}
	}
	state_map_clear(&P->map);
	P->timer = NULL;
}

struct state_pend_entry *
state_pend_find(struct state_pend * P, const char * name)
{
	size_t len = strlen(name);
	struct state_node * n;
	struct state_pend_entry * x;

	n = state_map_first(&P->map, state_map_hash(&P->map, name, len));
	for (; n != NULL; n = state_map_next(n)) {
		x = (struct state_pend_entry *)(void *)n;
		if (x->len == len && memcmp(x->name, name, len) == 0)
			return (x);
	}
	return (NULL);
}

static struct state_pend_entry *
find_or_make(struct state_pend * P, const char * name)
{
	struct state_pend_entry * x = state_pend_find(P, name);
	size_t len;

	if (x != NULL)
		return (x);
	len = strlen(name);
	if (P->map.n < MAX_ENTRIES &&
	    (x = calloc(1, sizeof(*x) + len + 1)) != NULL) {
		x->len = len;
		memcpy(x->name, name, len + 1);
		if (state_map_add(&P->map, &x->node,
		    state_map_hash(&P->map, name, len)) == 0)
			return (x);
		free(x);
	}
	if (!P->told_full)
		log_event(LOG_ERROR, "state_full", LOG_S("connector", name),
		    LOG_I("held", P->map.n));
	P->told_full = 1;
	return (NULL);
}

void
state_pend_push(struct state_pend * P, struct state_pend_entry * x)
{
	if (x->prevp != NULL || x->sent > 0 ||
	    (x->patch == NULL && x->events == NULL))
		return;
	x->next = NULL;
	x->prevp = P->tail;
	*P->tail = x;
	P->tail = &x->next;
	P->ndirty++;
	if (!loop_timer_pending(P->timer) && !loop_soon_pending(&P->soon))
		loop_timer_start(P->timer, STATE_PEND_MS);
}

static void
take_off(struct state_pend * P, struct state_pend_entry * x)
{
	if (x->prevp == NULL)
		return;
	*x->prevp = x->next;
	if (x->next != NULL)
		x->next->prevp = x->prevp;
	else
		P->tail = x->prevp;
	x->prevp = NULL;
	x->next = NULL;
	P->ndirty--;
}

void
state_pend_status(struct state_pend * P, const char * name,
    const json_t * fields)
{
	struct state_pend_entry * x = find_or_make(P, name);
	const char * key;
	json_t * v;
	int bad;

	if (x == NULL)
		return;
	bad = x->patch == NULL && (x->patch = json_object()) == NULL;
	json_object_foreach((json_t *)(uintptr_t)fields, key, v)
		if (!bad && json_object_set_new(x->patch, key,
		    json_deep_copy(v)))
			bad = 1;
	if (bad)
		log_event(LOG_ERROR, "out_of_memory", LOG_S("for", "a status"),
		    LOG_S("connector", name));
	state_pend_push(P, x);
}

/* Only the last hundred are ever kept, so older ones need not wait. */
static void
trim_events(struct state_pend_entry * x)
{
	while (json_array_size(x->events) > STATE_EVENTS) {
		(void)json_array_remove(x->events, 0);
		if (x->repeat > 0)
			x->repeat--;
	}
}

void
state_pend_event(struct state_pend * P, const char * name,
    const json_t * event)
{
	struct state_pend_entry * x = find_or_make(P, name);

	if (x == NULL)
		return;
	if ((x->events == NULL && (x->events = json_array()) == NULL) ||
	    json_array_append_new(x->events, json_deep_copy(event)))
		log_event(LOG_ERROR, "out_of_memory", LOG_S("for", "an event"),
		    LOG_S("connector", name));
	else
		trim_events(x);
	state_pend_push(P, x);
}

void
state_pend_forget(struct state_pend * P, const char * name)
{
	struct state_pend_entry * x = state_pend_find(P, name);

	if (x == NULL)
		return;
	take_off(P, x);
	json_decref(x->patch);
	json_decref(x->events);
	json_decref(x->base);
	json_decref(x->sent_patch);
	json_decref(x->sent_events);
	x->patch = x->events = x->base = NULL;
	x->sent_patch = x->sent_events = NULL;
	state_pend_drop(P, x);
}

struct state_pend_entry *
state_pend_pop(struct state_pend * P)
{
	struct state_pend_entry * x = P->head;

	if (x != NULL)
		take_off(P, x);
	return (x);
}

void
state_pend_drop(struct state_pend * P, struct state_pend_entry * x)
{
	if (x->patch != NULL || x->events != NULL || x->base != NULL ||
	    x->sent > 0 || x->prevp != NULL)
		return;
	state_map_del(&P->map, &x->node);
	entry_free(x);
	P->told_full = 0;
}

void
state_pend_again(struct state_pend * P, int64_t ms)
{
	if (ms > 0) {
		loop_timer_start(P->timer, ms);
		return;
	}
	loop_timer_stop(P->timer);
	loop_soon(P->loop, &P->soon, pend_fire, P);
}

int
state_pend_unsend(struct state_pend_entry * x)
{
	const char * key;
	json_t * v;
	size_t added;

	if (x->sent_patch != NULL && x->patch == NULL) {
		x->patch = x->sent_patch;
		x->sent_patch = NULL;
	} else if (x->sent_patch != NULL) {
		/* Nulls count here: they are removals still to be made. */
		json_object_foreach(x->patch, key, v)
			if (json_object_set(x->sent_patch, key, v))
				return (-1);
		json_decref(x->patch);
		x->patch = x->sent_patch;
		x->sent_patch = NULL;
	}
	if (x->sent_events == NULL)
		return (0);
	added = json_array_size(x->events);
	if (x->events != NULL && json_array_extend(x->sent_events, x->events))
		return (-1);
	json_decref(x->events);
	x->events = x->sent_events;
	x->repeat = json_array_size(x->sent_events) - added;
	x->sent_events = NULL;
	trim_events(x);
	return (0);
}
