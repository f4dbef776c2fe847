#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "run/acts_internal.h"

/* Looking at what was done. */

#define PAGE 200         /* records asked for at once where many are left out */
#define PAGE_MAX 500

struct acts_look {
	struct acts * A;
	struct acts_look * next, ** prevp;
	char * connector;
	char after[ID7_LEN];
	size_t limit, scanned;
	json_t * items;
	int one;
	state_cb * cb;
	void * arg;
};

static void
list_free(struct acts_look * l)
{
	*l->prevp = l->next;
	if (l->next != NULL)
		l->next->prevp = l->prevp;
	free(l->connector);
	json_decref(l->items);
	free(l);
}

static void
list_end(struct acts_look * l, json_t * v, const struct err * e)
{
	state_cb * cb = l->cb;
	void * arg = l->arg;

	list_free(l);
	cb(arg, v, e);
	json_decref(v);
}

static void on_page(void * arg, json_t * v, const struct err * e);

static void
ask(struct acts_look * l)
{
	struct state * s = l->A->state;
	size_t want = l->limit - json_array_size(l->items) + 1;

	if (l->connector != NULL && want < PAGE)
		want = PAGE;
	s->ops->action_list(s, l->after[0] != '\0' ? l->after : NULL,
	    (int)(want < PAGE_MAX ? want : PAGE_MAX), on_page, l);
}

/* ${v} and one more page of it; whether there is enough. */
static int
take(struct acts_look * l, json_t * v)
{
	json_t * o, * copy;
	const char * of;
	size_t i;

	json_array_foreach(v, i, o) {
		if (json_str(o, "id") == NULL)
			continue;
		of = json_str(o, "connector");
		l->scanned++;
		if (l->connector == NULL || (of != NULL && strcmp(of,
		    l->connector) == 0)) {
			if (json_array_size(l->items) == l->limit)
				return (1);
			if ((copy = json_copy(o)) == NULL)
				return (1);
			acts_record_show(copy, l->A->node, l->A->run,
			    clock_wall_ms());
			(void)json_array_append_new(l->items, copy);
		}
		snprintf(l->after, sizeof(l->after), "%s", json_str(o, "id"));
	}
	return (0);
}

static void
on_page(void * arg, json_t * v, const struct err * e)
{
	struct acts_look * l = arg;
	const json_t * last;
	int more;

	if (e != NULL) {
		list_end(l, NULL, e);
		return;
	}
	more = take(l, v);
	if (!more && json_array_size(v) > 0 && l->scanned < STATE_ACTIONS &&
	    json_array_size(l->items) <= l->limit) {
		ask(l);
		return;
	}
	last = json_array_get(l->items, json_array_size(l->items) - 1);
	list_end(l, json_pack("{s:O, s:s?}", "items", l->items, "next",
	    more ? json_str(last, "id") : NULL), NULL);
}

static void
on_one(void * arg, json_t * v, const struct err * e)
{
	struct acts_look * l = arg;
	json_t * copy = v != NULL ? json_copy(v) : NULL;

	if (copy != NULL)
		acts_record_show(copy, l->A->node, l->A->run, clock_wall_ms());
	list_end(l, copy, e);
}

static struct acts_look *
list_new(struct acts * A, const char * connector, state_cb * cb, void * arg)
{
	struct acts_look * l = calloc(1, sizeof(*l));
	struct err e;

	if (l == NULL || (l->items = json_array()) == NULL ||
	    (connector != NULL && (l->connector = strdup(connector)) == NULL)) {
		if (l != NULL)
			json_decref(l->items);
		free(l);
		err_nomem(&e, "a list of actions");
		cb(arg, NULL, &e);
		return (NULL);
	}
	l->A = A;
	l->cb = cb;
	l->arg = arg;
	l->next = A->looks;
	l->prevp = &A->looks;
	if (l->next != NULL)
		l->next->prevp = &l->next;
	A->looks = l;
	return (l);
}

void
acts_list(struct acts * A, const char * connector, const char * after,
    size_t limit, state_cb * cb, void * arg)
{
	struct acts_look * l = list_new(A, connector, cb, arg);

	if (l == NULL)
		return;
	l->limit = limit;
	if (after != NULL)
		snprintf(l->after, sizeof(l->after), "%s", after);
	ask(l);
}

void
acts_get(struct acts * A, const char * id, state_cb * cb, void * arg)
{
	struct acts_look * l = list_new(A, NULL, cb, arg);

	if (l != NULL)
		A->state->ops->action_get(A->state, id, on_one, l);
}

void
acts_list_free_all(struct acts * A)
{
	while (A->looks != NULL)
		list_free(A->looks);
}
