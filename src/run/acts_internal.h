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
	struct acts_twins * twins;
	struct acts_count counts[ACTS_KINDS_MAX];
	size_t ncounts;
};

/* acts_twins.c: what else was done that looks the same. */
struct acts_intent {
	const char * id, * connector, * type, * entity, * action; /* outlive it */
	json_t * args;
	int64_t at_ms;         /* when it began */
};

/** ${found}: for each that may be done what the service calls it, or null; NULL with
 * ${e}. */
typedef void acts_twins_cb(void * arg, const json_t * found,
    const struct err * e);

/** acts_twins(A, what, p, cb, arg): The other actions of these days in the journal that
 * a look by ${p} cannot tell from ${what}.
 * acts_twins_free_all(A): End all without calling back. */
void acts_twins(struct acts * A, const struct acts_intent * what,
    const struct manifest_probe * p, acts_twins_cb * cb, void * arg);
void acts_twins_free_all(struct acts * A);

/** acts_list_free_all(A): End all looks without calling back. */
void acts_list_free_all(struct acts * A);

#endif
