#ifndef MOLTLER_RUN_ACTS_INTERNAL_H
#define MOLTLER_RUN_ACTS_INTERNAL_H

#include "base/id7.h"
#include "run/acts.h"

/* What acts*.c share. */

#define ACTS_KINDS_MAX 256 /* of what is counted; more are not */

struct acts_count {
	char type[64];
	enum action_outcome what;
	uint64_t n;
};

struct acts {
	struct loop * L;
	struct state * state;
	const char * node;
	char run[ID7_LEN];     /* this process */
	struct act * head;
	unsigned nowed;        /* whose end could not be written yet */
	struct acts_look * looks;
	struct acts_count counts[ACTS_KINDS_MAX];
	size_t ncounts;
};

/** acts_list_free_all(A): End all looks without calling back. */
void acts_list_free_all(struct acts * A);

#endif
