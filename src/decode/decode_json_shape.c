#include "decode/decode_json_shape.h"

#include <stdlib.h>
#include <string.h>

#define SHAPE_ROOT 1
#define SHAPE_FIRST 32

void
decode_json_shape_begin(struct decode_json * d, int same)
{
	size_t i;

	/* What filled it was not worth it. */
	if (!same || d->nsteps == SHAPE_MAX) {
		d->nsteps = 2;
		if (d->steps != NULL)
			memset(d->steps, 0, 2 * sizeof(*d->steps));
	}
	if (!same)
		d->blind = 0;
	/* What was not met in one page may be in the next. */
	for (i = 0; d->steps != NULL && i < d->nsteps; i++)
		d->steps[i].missed[0] = d->steps[i].missed[1] = 0;
	d->step = d->blind > 0 ? 0 : SHAPE_ROOT;
	if (d->blind > 0)
		d->blind--;
	d->luck = SHAPE_LUCK;
	d->learn = 0;
}

/* So much against it. */
static void
bad_luck(struct decode_json * d, int n)
{
	d->luck -= n;
	if (d->luck >= 0)
		return;
	d->luck = 0;
	d->blind = SHAPE_BLIND;
	d->step = 0;
	memset(d->outer, 0, sizeof(d->outer));
}

/* Have room for one more; -1: not any more. */
static int
grow(struct decode_json * d)
{
	size_t cap = d->steps_cap == 0 ? SHAPE_FIRST : 2 * d->steps_cap;
	struct shape_step * mem;

	if (d->nsteps < d->steps_cap)
		return (0);
	/* Without the memory all is only slower. */
	if (cap > SHAPE_MAX ||
	    (mem = realloc(d->steps, cap * sizeof(*mem))) == NULL)
		return (-1);
	if (d->steps == NULL)
		memset(mem, 0, d->nsteps * sizeof(*mem));
	d->steps = mem;
	d->steps_cap = cap;
	return (0);
}

/* The step from ${from} on that ${s} begins with. */
static inline uint16_t
look(const struct decode_json * d, const struct shape_step * from,
    enum shape_way way, const char * s, size_t n)
{
	const struct shape_step * st;
	uint32_t state = shape_state(d);
	uint16_t i = from->to[way];
	unsigned tries;

	for (tries = 0; i != 0 && tries < SHAPE_AHEAD; tries++) {
		st = &d->steps[i];
		if ((n > SHAPE_TEXT ? shape_begins(st, s) : n >= st->len &&
		    memcmp(st->text, s, st->len) == 0) && st->state == state)
			return (i);
		i = st->to[SHAPE_NEXT];
	}
	return (0);
}

uint16_t
decode_json_shape_find(struct decode_json * d, enum shape_way way,
    const char * s, size_t n)
{
	struct shape_step * from;
	uint16_t i;

	if (d->step == 0 || d->steps == NULL)
		return (0);
	from = &d->steps[d->step];
	if (from->missed[way] == SHAPE_MISSES || from->to[way] == 0)
		return (0);
	i = look(d, from, way, s, n);
	if (i != 0)
		from->missed[way] = 0;
	else if (n > SHAPE_TEXT)
		from->missed[way]++;
	if (i != from->to[way])
		bad_luck(d, SHAPE_SEARCHED);
	if (d->step == 0)
		return (0);
	return (i != 0 && shape_again(d, &d->steps[i]) ? 0 : i);
}

/* A step with this text between ${from} and what is expected there; 0: there is no
 * room for it. */
static uint16_t
insert(struct decode_json * d, enum shape_way way, const char * s, size_t n)
{
	struct shape_step * st, * from;

	if (grow(d))
		return (0);
	from = &d->steps[d->step];
	st = &d->steps[d->nsteps];
	memset(st, 0, sizeof(*st));
	memcpy(st->text, s, n);
	st->len = (uint8_t)n;
	st->state = shape_state(d);
	st->value = d->skip > 0 ? DECODE_DEAD : d->next;
	st->known = d->skip > 0 ? 0 : d->known;
	st->to[SHAPE_NEXT] = from->to[way];
	from->to[way] = (uint16_t)d->nsteps;
	return ((uint16_t)d->nsteps++);
}

void
decode_json_shape_learn(struct decode_json * d, size_t at, size_t end)
{
	const char * s = d->body.p + at;
	enum shape_way way = s[0] == ',' ? SHAPE_NEXT : SHAPE_INNER;
	uint16_t i = 0;

	d->learn = 0;
	if (d->step == 0)
		return;
	if (d->steps != NULL &&
	    d->steps[d->step].missed[way] == SHAPE_MISSES)
		i = 0;
	else if (end - at <= SHAPE_TEXT && (d->steps == NULL ||
	    (i = look(d, &d->steps[d->step], way, s, end - at)) == 0))
		i = insert(d, way, s, end - at);
	bad_luck(d, SHAPE_MISSED);
	if (d->blind > 0)
		return;
	/* A member that is not known is stepped over; not where they begin. */
	if (i != 0 || way == SHAPE_INNER)
		d->step = i;
}
