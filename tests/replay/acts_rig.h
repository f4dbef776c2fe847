#ifndef MOLTLER_TESTS_ACTS_RIG_H
#define MOLTLER_TESTS_ACTS_RIG_H

#include "action_rig.h"
#include "fake_state.h"
#include "run/acts.h"

/* Two daemons "a" and "b" that write their actions down in one state. */
static struct fake_tables tables;
static struct state * store[2];
static struct acts * acts[2];

static void
acts_begin(void)
{
	fake_tables_init(&tables);
	store[0] = fake_state_new(L, &tables, "a", "redis");
	store[1] = fake_state_new(L, &tables, "b", "redis");
	acts[0] = acts_new(L, store[0], "a");
	acts[1] = acts_new(L, store[1], "b");
}

static void
acts_end(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		acts_free(acts[i]);
		store[i]->ops->free(store[i]);
	}
	fake_tables_free(&tables);
}

#endif
