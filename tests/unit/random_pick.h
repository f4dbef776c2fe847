#ifndef MOLTLER_TESTS_RANDOM_PICK_H
#define MOLTLER_TESTS_RANDOM_PICK_H

#include <stddef.h>

/* What generated statements are made of: the same from the same seed. */
static unsigned seed;

static inline unsigned
rnd(unsigned n)
{
	seed = seed * 1664525U + 1013904223U;
	return ((seed >> 8) % n);
}

static inline const char *
pick(const char * const * v, size_t n)
{
	return (v[rnd((unsigned)n)]);
}
#define PICK(v) pick(v, sizeof(v) / sizeof((v)[0]))

#endif
