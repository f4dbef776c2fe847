#include "conn/limits.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "conn/limits_internal.h"

struct limits *
limits_new(struct loop * L, const struct conn_shared * shared)
{
	struct limits * l = calloc(1, sizeof(*l));

	if (l != NULL) {
		l->loop = L;
		l->shared = shared;
	}
	return (l);
}

void
limits_free(struct limits * l)
{
	struct limit_scope * s, * tmp;

	if (l == NULL)
		return;
	HASH_ITER(hh, l->scopes, s, tmp)
		while (s->head != NULL)
			limits_cancel(s->head);
	while (l->scopes != NULL)
		limits_scope_free(l->scopes);
	free(l);
}

/* Whether it is to take anything where it waits. */
static int
is_needy(const struct limit_wait * w)
{
	return (w->owes[w->at] > 0 || (w->wants & 1U << w->at) != 0);
}

static void
unlink_wait(struct limit_wait * w)
{
	struct limit_scope * s = w->scopes[w->at];

	*w->prevp = w->next;
	if (w->next != NULL)
		w->next->prevp = w->prevp;
	else
		s->tail = w->prevp;
	w->prevp = NULL;
	w->next = NULL;
	s->owed -= w->owes[w->at];
	s->nneedy -= (size_t)is_needy(w);
	if (--s->nwaiting == 0)
		s->owed = 0;
}

static void
wait_free(struct limit_wait * w)
{
	struct limit_scope * s;
	unsigned i;

	for (i = 0; i < w->n; i++) {
		s = w->scopes[i];
		s->nusers--;
		if ((w->holds & 1U << i) == 0)
			continue;
		s->held--;
		/* The next has its turn. */
		if (s->head != NULL)
			limits_scope_turn(s);
	}
	free(w);
}

/* It has all: tell, which may be the end of us all. */
static void
tell(struct limit_wait * w)
{
	w->cb(w->arg, (clock_mono_us() - w->begun_us) / 1000, NULL);
}

static void
on_failed(void * arg)
{
	struct limit_wait * w = arg;
	void (*cb)(void *, int64_t, const struct err *) = w->cb;
	int64_t waited = (clock_mono_us() - w->begun_us) / 1000;
	void * cbarg = w->arg;
	struct err e = w->e;

	wait_free(w);
	cb(cbarg, waited, &e);
}

void
limits_wait_refuse(struct limit_wait * w, int64_t us)
{
	const struct limit_scope * s = w->scopes[w->at];
	int of_service = s->blocked_us > clock_mono_us();
	int64_t ms = (us - clock_mono_us() + 999) / 1000;
	char when[RFC3339_LEN];

	if (ms < 1)
		ms = 1;
	rfc3339_format((clock_wall_ms() + ms + 999) / 1000 * 1000, when);
	err_set(&w->e, ERR_TRANSIENT, "rate_limit", "the rate limit%s%s%s lets "
	    "no call through before %s, and the statement may not wait so "
	    "long; ask again then%s", of_service ? " of the service" : "",
	    s->bucket[0] ? " for " : "", s->bucket, when, of_service ?
	    " or ask for less" : s->bucket[0] ? ", or ask for less" :
	    ", ask for less or raise rate_limit in OPTIONS");
	w->e.retry_after_ms = ms;
	unlink_wait(w);
	loop_soon(w->l->loop, &w->soon, on_failed, w);
}

void
limits_wait_refuse_place(struct limit_wait * w)
{
	const struct limit_scope * s = w->scopes[w->at];

	err_set(&w->e, ERR_TRANSIENT, "rate_limit", "the calls that the service "
	    "bears side by side%s%s (%u) were all under way for as long as the "
	    "statement may wait; ask again later, or with more time",
	    s->bucket[0] ? " of " : "", s->bucket, s->places);
	unlink_wait(w);
	loop_soon(w->l->loop, &w->soon, on_failed, w);
}

/* When who takes ${n} behind all that wait could have its turn. */
static int64_t
turn_of(const struct limit_scope * s, double n, int64_t now)
{
	int64_t from = s->blocked_us > now ? s->blocked_us : now;
	double lack;

	if (s->rate <= 0 || n <= 0)
		return (from);
	lack = s->owed + n - limits_scope_saved(s, from);
	return (lack <= 1e-6 ? from : from + (int64_t)(lack / s->rate * 1e6));
}

/* Where it queues up: behind the others, but who takes nothing before those who
 * wait for tokens or a place, which may be one that he holds. */
static struct limit_wait **
place_of(struct limit_scope * s, const struct limit_wait * w)
{
	struct limit_wait ** at = &s->head;

	if (is_needy(w) || s->nneedy == 0)
		return (s->tail);
	while (*at != NULL && !is_needy(*at))
		at = &(*at)->next;
	return (at);
}

/* Join the queue of its ${i}-th budget. */
static void
join(struct limit_wait * w, unsigned i)
{
	struct limit_scope * s = w->scopes[i];
	int64_t us = turn_of(s, w->owes[i], clock_mono_us());
	int first = s->places > 0 && w->until_us != 0 && (s->late_us == 0 ||
	    w->until_us < s->late_us);

	w->at = i;
	if (first)
		s->late_us = w->until_us;
	w->prevp = place_of(s, w);
	if ((w->next = *w->prevp) != NULL)
		w->next->prevp = &w->next;
	else
		s->tail = &w->next;
	*w->prevp = w;
	s->nwaiting++;
	s->nneedy += (size_t)is_needy(w);
	s->owed += w->owes[i];
	if (w->until_us != 0 && w->until_us < us)
		limits_wait_refuse(w, us);
	else if (first || s->head == w || s->timer == NULL ||
	    !loop_timer_pending(s->timer))
		limits_scope_turn(s);
}

/* On to the next budget that has to be waited for, also to one that was passed
 * and where the service has said since that nobody may ask. */
static int
next_of(const struct limit_wait * w)
{
	int64_t now = clock_mono_us();
	unsigned i;

	for (i = 0; i < w->n; i++)
		if (w->scopes[i]->blocked_us > now || (w->owes[i] > 0 &&
		    w->scopes[i]->rate > 0) || (w->wants & 1U << i))
			return ((int)i);
	return (-1);
}

void
limits_wait_grant(struct limit_scope * s)
{
	struct limit_wait * w = s->head;
	int i;

	unlink_wait(w);
	w->owes[w->at] = 0;
	s->held += (w->wants & 1U << w->at) != 0;
	w->holds |= w->wants & 1U << w->at;
	w->wants &= ~(1U << w->at);
	if ((i = next_of(w)) >= 0)
		join(w, (unsigned)i);
	else
		tell(w);
}

/* ${w} takes ${n} of ${b}, too. */
static int
add_stage(struct limit_wait * w, const struct connector * c,
    const struct manifest_limits * b, double n)
{
	struct limit_scope * s = limits_scope_get(w->l, c, b);

	if (s == NULL)
		return (-1);
	w->scopes[w->n] = s;
	w->wants |= b->concurrency > 0 ? 1U << w->n : 0;
	w->owes[w->n++] = limits_scope_rate(c, b) > 0 ? n : 0;
	s->nusers++;
	return (0);
}

/* The budgets that ${c}'s call takes of: first those that it names. */
static int
add_stages(struct limit_wait * w, const struct connector * c,
    const struct manifest_toll * t)
{
	const struct manifest * m = c->m;
	unsigned every = m->every_bucket, bits = t != NULL ? t->buckets : every;
	unsigned cost = t != NULL && t->cost > 0 ? t->cost : 1;
	unsigned round, own = bits == 0 && c->opt.rate_limit <= 0 ? cost : 1;
	size_t i;

	for (round = 0; round < 2; round++)
		for (i = 0; i < m->nbuckets; i++)
			if ((bits & (round == 0 ? ~every : every) & 1U << i) &&
			    limits_scope_is_there(c, &m->buckets[i]) &&
			    add_stage(w, c, &m->buckets[i], cost))
				return (-1);
	return (add_stage(w, c, &m->limits, own));
}

struct limit_wait *
limits_take(struct limits * l, const struct connector * c,
    const struct manifest_toll * t, int64_t max_wait_ms,
    void (*cb)(void * arg, int64_t waited_ms, const struct err * e), void * arg)
{
	struct limit_wait * w = calloc(1, sizeof(*w));
	int i;

	if (w == NULL)
		return (NULL);
	w->l = l;
	w->begun_us = clock_mono_us();
	w->until_us = max_wait_ms > 0 ? w->begun_us + max_wait_ms * 1000 : 0;
	w->cb = cb;
	w->arg = arg;
	if (add_stages(w, c, t)) {
		wait_free(w);
		return (NULL);
	}
	i = next_of(w);
	join(w, i < 0 ? w->n - 1 : (unsigned)i);
	return (w);
}

void
limits_cancel(struct limit_wait * w)
{
	struct limit_scope * s;

	if (w == NULL)
		return;
	s = w->scopes[w->at];
	if (w->prevp != NULL)
		unlink_wait(w);
	loop_soon_cancel(w->l->loop, &w->soon);
	/* The next one may come: its turn was set for this one. */
	if (s->head != NULL)
		limits_scope_turn(s);
	wait_free(w);
}
