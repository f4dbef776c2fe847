#ifndef MOLTLER_TESTS_FAKE_LOOP_H
#define MOLTLER_TESTS_FAKE_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

/*
 * loop/loop.h over a clock that moves only when a test says so.  Both of
 * base/clock.h's clocks follow it; the wall clock can be stepped alone.
 * loop_new() is not there: a test says what time it is.
 */

/** fake_loop_quiet(): From now on nothing is logged unless REPLAY_LOG is set; then it
 * goes to stderr, as comments. */
void fake_loop_quiet(void);

/** fake_loop_new(wall_ms): A loop whose wall clock stands at ${wall_ms}. */
struct loop * fake_loop_new(int64_t wall_ms);

/** fake_loop_settle(L): Run the soon queue and what is due now. */
void fake_loop_settle(struct loop * L);

/** fake_loop_advance(L, ms): Let that much time pass, firing in order. */
void fake_loop_advance(struct loop * L, int64_t ms);

/** fake_loop_until(L, done, arg, max_ms): Let time pass until ${done} says 1;
 * 0, or -1 after ${max_ms}. */
int fake_loop_until(struct loop * L, int (*done)(void *), void * arg,
    int64_t max_ms);

/** fake_loop_step(L, max_ms): Run one callback, if need be a timer that is due
 * within ${max_ms}; 0: there is none. */
int fake_loop_step(struct loop * L, int64_t max_ms);

/** fake_loop_sleep(L, ms): Time passes and nothing is run: the process is stopped. */
void fake_loop_sleep(struct loop * L, int64_t ms);

/** fake_loop_step_wall(L, ms): Set the wall clock forward or back. */
void fake_loop_step_wall(struct loop * L, int64_t ms);

/** fake_loop_ms(L): Ms since the loop was made, whatever the wall clock did. */
int64_t fake_loop_ms(const struct loop * L);

/** fake_loop_running(L) / fake_loop_made(L): Timers that run; that exist. */
size_t fake_loop_running(const struct loop * L);
size_t fake_loop_made(const struct loop * L);

#endif
