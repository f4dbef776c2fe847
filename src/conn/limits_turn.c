#include <stdlib.h>

#include "base/clock.h"
#include "conn/limits_internal.h"

/* A budget's queue: who has waited long enough goes, who cannot is told so. */

static void
refuse_late(struct limit_scope * s, int64_t us)
{
	struct limit_wait * w, * next;

	for (w = s->head; w != NULL; w = next) {
		next = w->next;
		if (w->until_us != 0 && w->until_us < us)
			limits_wait_refuse(w, us);
	}
}

static void turn(void *);

void
limits_scope_turn(struct limit_scope * s)
{
	loop_soon(s->l->loop, &s->soon, turn, s);
}

/* Come again at ${us} (INT64_MAX: when somebody gives up); false if there is no
 * memory for it. */
static int
wait_until(struct limit_scope * s, int64_t us)
{
	int64_t now = clock_mono_us();

	if (s->late_us != 0 && s->late_us < us)
		us = s->late_us + 1;
	if (us == INT64_MAX) {
		if (s->timer != NULL)
			loop_timer_stop(s->timer);
		return (1);
	}
	if (s->timer == NULL && (s->timer = loop_timer_new(s->l->loop, turn,
	    s)) == NULL)
		return (0);
	loop_timer_start_us(s->timer, us > now ? us - now : 0);
	return (1);
}

/* Those whose time is over while they wait for a place are refused. */
static void
refuse_past(struct limit_scope * s)
{
	int64_t now = clock_mono_us();
	struct limit_wait * w, * next;

	if (s->late_us == 0 || s->late_us >= now)
		return;
	s->late_us = 0;
	for (w = s->head; w != NULL; w = next) {
		next = w->next;
		if (w->until_us == 0)
			continue;
		if (w->until_us < now)
			limits_wait_refuse_place(w);
		else if (s->late_us == 0 || w->until_us < s->late_us)
			s->late_us = w->until_us;
	}
}

/* The head must wait so long for its tokens. */
static void
hold(struct limit_scope * s, int64_t wait_us)
{
	int64_t us = clock_mono_us() + wait_us;

	if (s->head->until_us != 0 && s->head->until_us < us) {
		limits_wait_refuse(s->head, us);
		limits_scope_turn(s);
		return;
	}
	refuse_past(s);
	if (!wait_until(s, us) && s->head != NULL) {
		/* Without a timer a token too early is the lesser evil. */
		limits_wait_grant(s);
	}
}

static double
owed_by(const struct limit_wait * w)
{
	return (w->owes[w->at]);
}

/* ${n} were taken for whom was the head; another one may owe more. */
static int
is_paid(struct limit_scope * s, double n)
{
	struct limit_wait * w = s->head;

	if (owed_by(w) <= n + 1e-6)
		return (1);
	w->owes[w->at] -= n;
	s->owed -= n;
	limits_scope_turn(s);
	return (0);
}

static void
on_shared(void * arg, int64_t wait_ms, const struct err * e)
{
	struct limit_ask * a = arg;
	struct limit_scope * s = a->s;
	double n = a->n;
	int64_t us;

	free(a);
	if (s == NULL)
		return;
	s->ask = NULL;
	if (s->head == NULL)
		return;
	/* The state is away: this process alone keeps to the rate. */
	if (e != NULL)
		n = owed_by(s->head);
	us = e != NULL ? tokenbucket_take(&s->tb, n, clock_mono_us()) :
	    wait_ms * 1000;
	/* Who came before the one it was asked for has nothing to wait for. */
	if (owed_by(s->head) <= 0)
		us = 0;
	if (us == 0 && !is_paid(s, n))
		return;
	/* For the next in the queue; before this one is told, who may be the
	 * end of us. */
	if (s->head->next != NULL || us != 0)
		limits_scope_turn(s);
	if (us == 0) {
		limits_wait_grant(s);
		return;
	}
	loop_soon_cancel(s->l->loop, &s->soon);
	hold(s, us);
}

static int
ask_shared(struct limit_scope * s)
{
	const struct conn_shared * sh = s->l->shared;

	if (sh == NULL || !sh->is_shared || sh->limit_take == NULL ||
	    (s->ask = malloc(sizeof(*s->ask))) == NULL)
		return (0);
	s->ask->s = s;
	s->ask->n = owed_by(s->head);
	sh->limit_take(sh->arg, s->shared_key, s->rate, s->burst, s->ask->n,
	    on_shared, s->ask);
	return (1);
}

/* Whether the head needs a place, and there is none. */
static int
is_full(const struct limit_scope * s)
{
	return (s->places > 0 && s->held >= s->places &&
	    (s->head->wants & 1U << s->head->at) != 0);
}

/* Let through who may go. */
static void
turn(void * arg)
{
	struct limit_scope * s = arg;
	int64_t now = clock_mono_us(), us;

	if (s->head == NULL || s->ask != NULL)
		return;
	if (s->blocked_us > now) {
		refuse_late(s, s->blocked_us);
		refuse_past(s);
		if (s->head != NULL)
			(void)wait_until(s, s->blocked_us);
		return;
	}
	if (is_full(s)) {
		/* Who gives one back calls. */
		refuse_past(s);
		(void)wait_until(s, INT64_MAX);
		return;
	}
	if (s->rate > 0 && owed_by(s->head) > 0) {
		if (ask_shared(s))
			return;
		if ((us = tokenbucket_take(&s->tb, owed_by(s->head), now)) !=
		    0) {
			hold(s, us);
			return;
		}
	}
	if (s->head->next != NULL)
		limits_scope_turn(s);
	limits_wait_grant(s);
}
