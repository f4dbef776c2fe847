/* What a claim of a run costs: ten thousand syncs, each every five seconds,
 * leases of ten.  Usage: bench_lease [REDIS-URL]; without one
 * the embedded backend, on a file in a folder of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "state/state.h"

#define ROUNDS 20
#define SYNCS 10000

static int done, granted;

/* The loop's clock is made to leap, so time is taken here. */
static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

static void
on_lease(void * arg, int64_t fence, const struct err * e)
{
	(void)arg;
	done++;
	granted += e == NULL && fence > 0;
}

int
main(int argc, char ** argv)
{
	static char name[SYNCS][16];
	char dir[] = "/tmp/moltler-bench.XXXXXX", path[64], cmd[96];
	struct loop * L;
	struct state * S;
	struct err e;
	int64_t start_us = now_us(), t0, call_us = 0, all_us = 0;
	int i, k;

	log_setup(LOG_ERROR, LOG_TEXT);
	if (mkdtemp(dir) == NULL || (L = loop_new(&e)) == NULL)
		return (1);
	snprintf(path, sizeof(path), "%s/state.db", dir);
	S = argc > 1 ? state_redis_open(L, argv[1], "bench", &e) :
	    state_sqlite_open(L, path, "bench", &e);
	if (S == NULL) {
		fprintf(stderr, "%s\n", e.msg);
		return (1);
	}
	while (!S->ops->is_up(S))
		loop_turn(L, 1);
	for (i = 0; i < SYNCS; i++)
		snprintf(name[i], sizeof(name[i]), "con-%05d", i);
	for (k = 0; k < ROUNDS; k++) {
		clock_set_fake(1700000000000 + k * 5000,
		    start_us + k * 5000000);
		t0 = now_us();
		done = 0;
		for (i = 0; i < SYNCS; i++)
			S->ops->lease_take(S, name[i],
			    clock_wall_ms(), 10000,
			    on_lease, NULL);
		call_us += now_us() - t0;
		while (done < SYNCS)
			loop_turn(L, 1);
		all_us += now_us() - t0;
	}
	printf("%s: %d claims, %d granted: %.2f us a call, %.2f us with its "
	    "callback\n", S->ops->name, ROUNDS * SYNCS, granted,
	    (double)call_us / (ROUNDS * SYNCS),
	    (double)all_us / (ROUNDS * SYNCS));
	S->ops->free(S);
	loop_free(L);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd) != 0);
}
