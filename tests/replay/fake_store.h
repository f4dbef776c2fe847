#ifndef MOLTLER_TESTS_FAKE_STORE_H
#define MOLTLER_TESTS_FAKE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "target/targets.h"

/*
 * What run/ uses of target/targets.h and target/sample_store.h, in memory.
 * Misuse that the real store would not survive ends the program.
 */
struct fake_tick {
	int64_t at;      /* scheduled_for */
	int64_t stored;  /* fake_loop_ms() of the commit */
	int64_t fence;
	uint32_t n;
	double first;    /* the first value; 0 if there is none */
};

struct targets * fake_targets_new(struct loop * L);
void fake_targets_free(struct targets * t); /* every source must be closed */

/** fake_targets_ticks(t, name, n): What the connector ${name} has stored, in
 * the order of the commits. */
const struct fake_tick * fake_targets_ticks(const struct targets * t,
    const char * name, size_t * n);

/** fake_targets_fail(t, cls, code, n): The next ${n} appends fail so. */
void fake_targets_fail(struct targets * t, enum err_class cls,
    const char * code, unsigned n);

/** fake_targets_refuse(t, cls, code, n): The next ${n} openings fail so. */
void fake_targets_refuse(struct targets * t, enum err_class cls,
    const char * code, unsigned n);

/** fake_targets_commit(t, ms): How long a commit takes from now on (50). */
void fake_targets_commit(struct targets * t, int64_t ms);

/** fake_targets_doubles(t): Appends of ticks that were there already. */
size_t fake_targets_doubles(const struct targets * t);

/** fake_targets_retention(t, name): What was last asked to be kept, in ms. */
int64_t fake_targets_retention(const struct targets * t, const char * name);

#endif
