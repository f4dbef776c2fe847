#include "state/state_done.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define MAX_SPARE 4096

/* For when not even an error can be had. */
static struct err nomem_err;

void
state_done_init(struct state_dones * D, struct loop * L, void * owner)
{
	memset(D, 0, sizeof(*D));
	D->loop = L;
	D->owner = owner;
}

static void
unlink_done(struct state_done * d)
{
	*d->prevp = d->next;
	if (d->next != NULL)
		d->next->prevp = d->prevp;
}

static void
clear_done(struct state_done * d)
{
	json_decref(d->v);
	d->v = NULL;
	if (d->x_free != NULL)
		d->x_free(d->x);
	d->x_free = NULL;
	d->x = NULL;
	if (d->e != &nomem_err)
		free(d->e);
	d->e = NULL;
}

void
state_done_fini(struct state_dones * D)
{
	struct state_done * d;

	if (D->dead != NULL)
		*D->dead = 1;
	while ((d = D->head) != NULL) {
		loop_soon_cancel(D->loop, &d->soon);
		unlink_done(d);
		clear_done(d);
		free(d);
	}
	while ((d = D->spare) != NULL) {
		D->spare = d->next;
		free(d);
	}
}

static struct state_done *
make_done(struct state_dones * D)
{
	struct state_done * d = D->spare;

	if (d != NULL) {
		D->spare = d->next;
		D->nspare--;
	} else if ((d = malloc(sizeof(*d))) == NULL) {
		/* There is no way to tell the caller, and one that waits for
		 * ever is worse than a restart. */
		log_event(LOG_ERROR, "out_of_memory",
		    LOG_S("for", "a state call"));
		abort();
	}
	memset(d, 0, sizeof(*d));
	d->D = D;
	d->next = D->head;
	d->prevp = &D->head;
	if (D->head != NULL)
		D->head->prevp = &d->next;
	D->head = d;
	return (d);
}

struct state_done *
state_done_new(struct state_dones * D, state_cb * cb, void * arg)
{
	struct state_done * d = make_done(D);

	d->cb = cb;
	d->arg = arg;
	return (d);
}

struct state_done *
state_done_lease(struct state_dones * D, state_lease_cb * cb, void * arg)
{
	struct state_done * d = make_done(D);

	d->lease = cb;
	d->arg = arg;
	return (d);
}

static void
run_done(void * arg)
{
	struct state_done * d = arg;
	struct state_dones * D = d->D;
	const struct err * e = d->e;
	int dead = 0, * outer = D->dead;

	/* Out of the list first: the callback may free the state. */
	unlink_done(d);
	D->dead = &dead;
	if (d->lease != NULL)
		d->lease(d->arg, e == NULL ? d->fence : 0, e);
	else if (d->cb != NULL)
		d->cb(d->arg, e == NULL ? d->v : NULL, e);
	else if (e != NULL)
		log_event(LOG_WARN, "state_failed", LOG_E(e));
	clear_done(d);
	if (dead) {
		free(d);
		if (outer != NULL)
			*outer = 1;
		return;
	}
	D->dead = outer;
	if (D->nspare >= MAX_SPARE) {
		free(d);
		return;
	}
	d->next = D->spare;
	D->spare = d;
	D->nspare++;
}

static void
fill_done(struct state_done * d, json_t * v, int64_t fence,
    const struct err * e)
{
	json_decref(d->v);
	d->v = v;
	d->fence = fence;
	if (e == NULL || d->e != NULL)
		return;
	if ((d->e = malloc(sizeof(*d->e))) != NULL) {
		*d->e = *e;
		return;
	}
	err_nomem(&nomem_err, "an error");
	d->e = &nomem_err;
}

void
state_done_soon(struct state_done * d, json_t * v, int64_t fence,
    const struct err * e)
{
	fill_done(d, v, fence, e);
	loop_soon(d->D->loop, &d->soon, run_done, d);
}

void
state_done_now(struct state_done * d, json_t * v, int64_t fence,
    const struct err * e)
{
	loop_soon_cancel(d->D->loop, &d->soon);
	fill_done(d, v, fence, e);
	run_done(d);
}

void
state_done_each(struct state_done ** list, const struct err * e)
{
	struct state_done * d = *list, * next;
	json_t * v;

	*list = NULL;
	for (; d != NULL; d = next) {
		next = d->batch;
		v = d->v;
		d->batch = NULL;
		d->v = NULL;
		state_done_soon(d, v, 0, e);
	}
}
