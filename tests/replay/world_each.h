#ifndef MOLTLER_TESTS_WORLD_EACH_H
#define MOLTLER_TESTS_WORLD_EACH_H

#include "world.h"

/* A world for each test; before this stand WORLD_NODES and WORLD_BACKEND. */
static struct world * w;

static int
setup(void ** state)
{
	(void)state;
	w = world_new(WORLD_NODES, WORLD_BACKEND);
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	world_free(w);
	return (0);
}

#endif
