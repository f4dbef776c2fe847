#include "taker.h"

struct taker * taker_order[16];
unsigned taker_norder;

static void
on_taken(void * arg, int64_t waited_ms, const struct err * e)
{
	struct taker * t = arg;

	taker_order[taker_norder++ % 16] = t;
	if (e == NULL && !t->keeps)
		limits_cancel(t->w);
	if (e != NULL || !t->keeps)
		t->w = NULL;
	t->calls++;
	t->at = fake_loop_ms(t->g->L);
	t->waited = waited_ms;
	t->has_failed = e != NULL;
	if (e != NULL)
		t->e = *e;
}

void
taker_take(struct rig * g, struct limits * l, struct taker * t,
    const char * entity, int64_t max_ms, int keeps)
{
	const struct manifest_entity * ent = entity == NULL ? NULL :
	    manifest_entity(g->m, entity);

	memset(t, 0, sizeof(*t));
	t->g = g;
	t->keeps = keeps;
	t->w = limits_take(l, g->c, ent != NULL ? &ent->lists[0].toll : NULL,
	    max_ms, on_taken, t);
	assert_non_null(t->w);
	assert_int_equal(t->calls, 0);
}

void
taker_drop(struct taker * t)
{
	limits_cancel(t->w);
	t->w = NULL;
}
