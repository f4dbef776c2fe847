#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "run/runner_internal.h"

/*
 * Looking for what other daemons changed in a shared state: a counter each second,
 * and at once when somebody asks; what changed is told by name.
 */
#define POLL_MS 1000
#define STATUS_POLLS 5   /* the statuses, each so many of these */
#define NET_POLLS 20     /* also where the counter says nothing: a state that
                            lost things may have come to the same number */
/* A round of comparing all, and of asking for statuses, takes its time. */
#define COMPARE_MS 2
#define ASK_SLICE 64
#define ASK_MS 32

/* Ask how those are doing that others run, or statements anywhere, a slice of
 * them. */
static void
ask_some(struct runner * r)
{
	size_t left = ASK_SLICE;
	struct job * j;

	for (; r->ask_next < r->n && left > 0; r->ask_next++) {
		j = r->sorted[r->ask_next];
		if (runner_is_run_here(j))
			continue;
		runner_ask_status(r, j, 0);
		left--;
	}
	r->asking = r->ask_next < r->n;
}

static void
on_slice(void * arg)
{
	struct runner * r = arg;

	if (runner_compare_more(r))
		loop_timer_start(r->slice_timer, COMPARE_MS);
	else if (r->asking && !r->stopping) {
		ask_some(r);
		loop_timer_start(r->slice_timer, ASK_MS);
	}
}

void
runner_compare_soon(struct runner * r)
{
	loop_timer_start(r->slice_timer, 0);
}

int
runner_is_lost(const struct runner * r, json_int_t gen)
{
	return (state_is_lost(gen, r->seen, r->n));
}

/* ---- a look ---- */

static void look(struct runner * r);

void
runner_look_end(struct runner * r)
{
	r->polling = 0;
	r->ops--;
	if (r->looked != NULL)
		r->looked(r->looked_arg, r->look_no);
	if (r->look_again && !r->polling && !r->stopping)
		look(r);
	runner_maybe_stopped(r);
}

static void
on_changes(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;
	json_int_t gen = json_integer_value(json_object_get(v, "generation"));
	const json_t * changed = json_object_get(v, "changed");
	const char * mark = json_str(v, "mark");

	/* All of it is not read too often.  What falls was lost: that is not put
	 * off. */
	if (e != NULL || r->stopping || (changed == NULL &&
	    !runner_is_lost(r, gen) && clock_mono_us() < r->look_after_us)) {
		r->generation = -1;
		runner_look_end(r);
		return;
	}
	r->generation = gen;
	free(r->next_mark);
	r->next_mark = mark != NULL ? strdup(mark) : NULL;
	if (json_is_array(changed) && json_array_size(changed) == 0 &&
	    gen == r->seen)
		runner_look_end(r);
	else
		runner_compare(r, changed);
}

static void
on_generation(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;

	if (e != NULL || r->stopping ||
	    json_integer_value(v) == r->generation)
		runner_look_end(r);
	else
		r->state->ops->changes(r->state, r->mark, on_changes, r);
}

static void
look(struct runner * r)
{
	if (r->look_all) {
		free(r->mark);
		r->mark = NULL;
	}
	if (r->look_all || r->look_net)
		r->generation = -1;
	r->look_all = r->look_net = r->look_again = 0;
	r->polling = 1;
	r->ops++;
	r->look_no++;
	r->state->ops->generation(r->state, on_generation, r);
}

static void
on_poll(void * arg)
{
	struct runner * r = arg;

	/* Nobody but runner_look() has it looked at where it is ours alone. */
	if (!runner_is_shared(r) && !r->polling && !r->look_all &&
	    r->generation == r->seen)
		return;
	r->look_net |= ++r->polls % NET_POLLS == 0;
	/* A state that is slow to answer is not asked again meanwhile. */
	if (!r->polling)
		look(r);
	if (r->polls % STATUS_POLLS == 0 && !r->asking) {
		r->asking = 1;
		r->ask_next = 0;
		on_slice(r);
	}
	loop_timer_start(r->poll_timer, POLL_MS);
}

void
runner_on_change(struct runner * r, void (*cb)(void *, int), void * arg)
{
	r->changed = cb;
	r->changed_arg = arg;
}

void
runner_on_looked(struct runner * r, void (*cb)(void *, uint64_t), void * arg)
{
	r->looked = cb;
	r->looked_arg = arg;
}

uint64_t
runner_look_now(struct runner * r)
{
	uint64_t no = r->look_no + 1;

	if (r->polling)
		r->look_again = 1;
	else
		look(r);
	return (no);
}

void
runner_look(struct runner * r)
{
	r->look_all = 1;
	r->look_after_us = 0;
	if (r->stopping)
		return;
	if (r->poll_timer == NULL)
		runner_poll_start(r);
	if (r->poll_timer != NULL)
		loop_timer_start(r->poll_timer, 0);
}

void
runner_poll_start(struct runner * r)
{
	r->slice_timer = loop_timer_new(r->loop, on_slice, r);
	if (r->slice_timer != NULL && (r->poll_timer = loop_timer_new(r->loop,
	    on_poll, r)) != NULL)
		loop_timer_start(r->poll_timer, POLL_MS);
}
