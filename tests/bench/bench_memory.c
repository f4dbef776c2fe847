/*
 * The yardstick: what a step of a random walk through 32 MB costs, in ns.  It
 * has nothing to do with moltler; it says how good the machine's memory is just
 * now, which is what varies where many share it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N ((size_t)32 << 17) /* pointers: 32 MB */
#define STEPS 4000000

static uint64_t
next_random(uint64_t * x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (*x);
}

/* One cycle through all of it (Sattolo), so that nothing can be foreseen. */
static void
shuffle(size_t * v)
{
	uint64_t x = UINT64_C(88172645463325252);
	size_t i, j, t;

	for (i = 0; i < N; i++)
		v[i] = i;
	for (i = N - 1; i > 0; i--) {
		j = (size_t)(next_random(&x) % i);
		t = v[i];
		v[i] = v[j];
		v[j] = t;
	}
}

static double
cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

int
main(void)
{
	size_t * v = malloc(N * sizeof(*v)), at = 0;
	double t;
	long i;

	if (v == NULL)
		return (1);
	shuffle(v);
	t = cpu_s();
	for (i = 0; i < STEPS; i++)
		at = v[at];
	t = cpu_s() - t;
	/* The walk's end is part of the output, so that it is walked. */
	printf("%.2f ns %zu\n", t / STEPS * 1e9, at);
	free(v);
	return (0);
}
