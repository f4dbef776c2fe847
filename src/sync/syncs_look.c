#include <string.h>

#include "sync/syncs_internal.h"

/*
 * Who asks for what another daemon may have made a moment ago waits until that was
 * looked for: the connectors first, then the syncs.
 */
#define LOOK_MS 1000 /* no answer of the state: go on with what is known */

static void
pass(struct syncs * S, uint64_t no)
{
	struct syncs_look * w;

	while ((w = S->looks) != NULL && w->no <= no) {
		syncs_look_cancel(w);
		w->cb(w->arg);
	}
	if (S->looks == NULL)
		loop_timer_stop(S->look_timer);
}

static void
on_soon(void * arg)
{
	struct syncs * S = arg;

	if (!S->polling)
		pass(S, S->looked);
}

void
syncs_look_pass(struct syncs * S)
{
	if (S->looks != NULL)
		loop_soon(S->o.loop, &S->look_soon, on_soon, S);
}

static void
on_looked(void * arg, uint64_t no)
{
	struct syncs * S = arg;

	S->looked = no;
	S->look_mute = 0;
	syncs_look_pass(S);
}

/* The state hangs: who comes next does not wait for it. */
static void
on_timer(void * arg)
{
	struct syncs * S = arg;

	S->look_mute = S->looks != NULL;
	pass(S, UINT64_MAX);
}

int
syncs_look(struct syncs * S, struct syncs_look * w, void (*cb)(void *),
    void * arg)
{
	if (!S->shared || !S->loaded || S->stopping || S->look_mute ||
	    !S->o.state->ops->is_up(S->o.state))
		return (0);
	w->S = S;
	w->cb = cb;
	w->arg = arg;
	w->next = NULL;
	w->prevp = S->looks_tail;
	*S->looks_tail = w;
	S->looks_tail = &w->next;
	if (S->looks == w)
		loop_timer_start(S->look_timer, LOOK_MS);
	w->no = runner_look_now(S->o.runner);
	return (1);
}

void
syncs_look_cancel(struct syncs_look * w)
{
	if (w->prevp == NULL)
		return;
	*w->prevp = w->next;
	if (w->next != NULL)
		w->next->prevp = w->prevp;
	else
		w->S->looks_tail = w->prevp;
	w->prevp = NULL;
}

int
syncs_look_init(struct syncs * S, struct err * e)
{
	S->looks_tail = &S->looks;
	S->look_timer = loop_timer_new(S->o.loop, on_timer, S);
	if (S->look_timer == NULL)
		return (err_nomem(e, "the syncs"));
	runner_on_looked(S->o.runner, on_looked, S);
	return (0);
}

void
syncs_look_fini(struct syncs * S)
{
	runner_on_looked(S->o.runner, NULL, NULL);
	loop_soon_cancel(S->o.loop, &S->look_soon);
	loop_timer_free(S->look_timer);
}
