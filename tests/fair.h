#ifndef MOLTLER_TESTS_FAIR_H
#define MOLTLER_TESTS_FAIR_H

#include <stdint.h>
#include <sys/types.h>

/**
 * fair_us(): Microseconds of a clock that stands still while the main thread is
 * ready to run and waits for a processor, so that nothing is late because the
 * machine is busy with others; it never goes back.  Where the kernel does not
 * tell (/proc/self/schedstat), the time of the clock on the wall.
 *
 * In a program that is linked with FAIR_WRAPS clock_mono_us() is this clock for
 * all, the product, too.  Timers of the loop know nothing of it: what is to last
 * at least so long is judged by wall_us().
 */
int64_t fair_us(void);

/** fair_live(pid, us): Let a child run for so long, not counting for how long it
 * waited for a processor; at most thirty times as long. */
void fair_live(pid_t pid, int64_t us);

/** wall_us(): Microseconds of the real clock that never steps. */
int64_t wall_us(void);

#endif
