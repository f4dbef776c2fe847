#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conn/limits_internal.h"

/* What services say of their budgets. */

/* Longer than any budget lasts: what is beyond was read wrongly. */
#define BLOCK_MAX_MS ((int64_t)7 * 86400 * 1000)

static void
block(struct limit_scope * s, int64_t ms, const char * why)
{
	int64_t us;

	if (ms <= 0)
		return;
	us = clock_mono_us() + (ms > BLOCK_MAX_MS ? BLOCK_MAX_MS : ms) * 1000;
	if (us > s->blocked_us) {
		s->blocked_us = us;
		s->why = why;
	}
	/* Who waits already is told now rather than at his turn. */
	if (s->head != NULL)
		limits_scope_turn(s);
}

/* So many calls are left to others; never all that there are. */
static int64_t
reserve_of(const struct manifest_limits * l, const struct answer_budget * b)
{
	int64_t n = l->reserve;

	if (l->reserve_percent > 0)
		n = b->limit > 0 ? b->limit / 100 * l->reserve_percent +
		    b->limit % 100 * l->reserve_percent / 100 : 0;
	return (b->limit >= 0 && n > b->limit / 2 ? b->limit / 2 : n);
}

static void
learn(struct limits * l, const struct connector * c,
    const struct manifest_limits * m, const struct answer_budget * b)
{
	struct limit_scope * s;

	if ((b->limit < 0 && b->remaining < 0) ||
	    (s = limits_scope_get(l, c, m)) == NULL)
		return;
	s->budget = *b;
	s->is_known = 1;
	if (b->remaining >= 0 && b->remaining <= reserve_of(m, b) &&
	    b->reset_ms > 0)
		block(s, b->reset_ms - clock_wall_ms(), b->remaining > 0 ?
		    "no more of its quota is left than what is kept for others" :
		    "its quota is used up");
}

void
limits_learn(struct limits * l, const struct connector * c,
    const struct answer_budget * b)
{
	learn(l, c, &c->m->limits, b);
}

/* Whether both speak of the same header: then it is the bucket's. */
static int
is_same(const struct manifest_limits * a, const struct manifest_limits * b)
{
	return ((a->remaining != NULL && b->remaining != NULL &&
	    strcasecmp(a->remaining, b->remaining) == 0) ||
	    (a->usage != NULL && b->usage != NULL &&
	    strcasecmp(a->usage, b->usage) == 0));
}

void
limits_answer(struct limits * l, const struct connector * c,
    const struct manifest_toll * t, const struct http_res * res, int64_t now_ms)
{
	const struct manifest * m = c->m;
	unsigned bits = t != NULL ? t->buckets : m->every_bucket;
	const struct manifest_limits * x;
	struct answer_budget b;
	int taken = 0;
	size_t i;

	for (i = 0; i < m->nbuckets; i++) {
		x = &m->buckets[i];
		if (!(bits & 1U << i) || !limits_scope_is_there(c, x))
			continue;
		answer_budget(x, res, now_ms, &b);
		learn(l, c, x, &b);
		taken |= is_same(x, &m->limits);
	}
	if (taken)
		return;
	answer_budget(&m->limits, res, now_ms, &b);
	learn(l, c, &m->limits, &b);
}

/* The budget that a refusal of such a call is of: the first that it names. */
static const struct manifest_limits *
refused_of(const struct connector * c, const struct manifest_toll * t)
{
	const struct manifest * m = c->m;
	unsigned bits = t != NULL ? t->buckets & ~m->every_bucket : 0;
	size_t i;

	for (i = 0; i < m->nbuckets; i++)
		if ((bits & 1U << i) && limits_scope_is_there(c,
		    &m->buckets[i]))
			return (&m->buckets[i]);
	return (&m->limits);
}

void
limits_block(struct limits * l, const struct connector * c,
    const struct manifest_toll * t, int64_t ms)
{
	struct limit_scope * s = limits_scope_get(l, c, refused_of(c, t));

	if (s != NULL)
		block(s, ms, "the service refused a call as one too many");
}

void
limits_forgive(struct limits * l, const struct connector * c)
{
	const struct manifest * m = c != NULL ? c->m : NULL;
	struct limit_scope * s;
	size_t i;

	for (i = 0; l != NULL && m != NULL && i <= m->nbuckets; i++) {
		s = limits_scope_find(l, c, i == 0 ? &m->limits :
		    &m->buckets[i - 1]);
		if (s == NULL || s->blocked_us == 0)
			continue;
		s->blocked_us = 0;
		if (s->head != NULL)
			limits_scope_turn(s);
	}
}
