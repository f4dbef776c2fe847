#include <stdlib.h>
#include <string.h>

#include "sync/syncs_internal.h"

struct syncs_call *
syncs_call_new(struct syncs * S, syncs_cb * cb, void * arg)
{
	struct syncs_call * c = calloc(1, sizeof(*c));
	struct err e;

	if (c == NULL) {
		err_nomem(&e, "a request");
		cb(arg, NULL, &e);
		return (NULL);
	}
	c->S = S;
	c->cb = cb;
	c->arg = arg;
	S->ops++;
	return (c);
}

static void
on_soon(void * arg)
{
	struct syncs_call * c = arg;
	struct syncs * S = c->S;

	c->cb(c->arg, c->failed ? NULL : c->v, c->failed ? &c->e : NULL);
	json_decref(c->v);
	free(c);
	S->ops--;
	syncs_maybe_stopped(S);
}

void
syncs_call_end(struct syncs_call * c, json_t * v, const struct err * e)
{
	c->v = v;
	c->failed = e != NULL;
	if (e != NULL)
		c->e = *e;
	loop_soon(c->S->o.loop, &c->soon, on_soon, c);
}

struct syncs_entry *
syncs_call_entry(struct syncs_call * c, const char * id)
{
	struct syncs_entry * en = syncs_find(c->S, id);
	struct err e;

	if (en == NULL)
		syncs_not_found(c->S, id, &e);
	else if (c->S->stopping)
		err_set(&e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down");
	else if (en->busy || en->dropped)
		err_set(&e, ERR_TRANSIENT, "busy", "another change of %.128s is "
		    "under way; try again", en->d->id);
	else
		return (en);
	syncs_call_end(c, NULL, &e);
	return (NULL);
}
