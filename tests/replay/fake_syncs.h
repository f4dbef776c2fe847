#ifndef MOLTLER_TESTS_FAKE_SYNCS_H
#define MOLTLER_TESTS_FAKE_SYNCS_H

#include "sync/syncs.h"

/*
 * sync/syncs.h with answers that a test scripts, for whoever stands above it.
 * What was called is in ${log}, "put gh.issues x; run gh.issues; ...".
 */
struct syncs {
	struct loop * loop;
	struct runner * runner;
	json_t * items;      /* what is defined: an object as syncs_show() says */
	char log[4000];
	int fails;           /* the next call does, with ${e} */
	struct err e;
	json_t * put;        /* the next put says this (taken) */
	struct sync_wait * waits; /* runs under way */
	struct sync_result result; /* how the next run ends */
	int ends_ms;         /* so long after it began; -1: the test ends it */
	int refused;         /* the next run cannot begin, with ${e} */
	char where[200], options[200]; /* what the last put had */
	int64_t last;        /* what syncs_connector_last() says */
};

struct syncs * fake_syncs_new(struct loop * L, struct runner * r);
void fake_syncs_free(struct syncs * S);

/** fake_syncs_add(S, id, json): Define one. */
void fake_syncs_add(struct syncs * S, const char * id, const char * json);

/** fake_syncs_progress(S, p), fake_syncs_end(S): Of the run under way. */
void fake_syncs_progress(struct syncs * S, const struct sync_progress * p);
void fake_syncs_end(struct syncs * S);

#endif
