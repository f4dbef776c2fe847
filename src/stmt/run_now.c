#include "stmt/run_now.h"

#include <stdlib.h>

/* Who is told no within this time is told no; later it is the run's business. */
#define PATIENCE_MS 100

struct run_now {
	struct sync_wait * wait;
	struct loop_timer * timer;
	void (*cb)(void * arg, const struct err * e);
	void * arg;
};

static void
run_free(struct run_now * n)
{
	if (n->wait != NULL)
		syncs_leave(n->wait, 0);
	loop_timer_free(n->timer);
	free(n);
}

static void
tell(struct run_now * n, const struct err * e)
{
	void (*cb)(void *, const struct err *) = n->cb;
	void * arg = n->arg;

	run_free(n);
	cb(arg, e);
}

static void
on_ran(void * arg, const struct sync_result * res, const struct err * e)
{
	struct run_now * n = arg;

	(void)res;
	n->wait = NULL;
	tell(n, e);
}

static void
on_timer(void * arg)
{
	tell(arg, NULL);
}

struct run_now *
run_now(struct loop * L, struct syncs * S, const char * id, int full,
    void (*cb)(void * arg, const struct err * e), void * arg)
{
	struct run_now * n = calloc(1, sizeof(*n));

	if (n == NULL || (n->timer = loop_timer_new(L, on_timer, n)) == NULL) {
		free(n);
		return (NULL);
	}
	n->cb = cb;
	n->arg = arg;
	n->wait = syncs_run(S, id, full, NULL, on_ran, n);
	if (n->wait == NULL) {
		run_free(n);
		return (NULL);
	}
	loop_timer_start(n->timer, PATIENCE_MS);
	return (n);
}
