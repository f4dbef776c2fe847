#ifndef MOLTLER_LOOP_FIBER_H
#define MOLTLER_LOOP_FIBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

/*
 * A fiber is a stack that can wait: straight-line code such as SQLite runs on
 * it and sleeps in the middle while the loop goes on.  Only query/ and scripts
 * use fibers; everything else is a state machine.  ucontext with guard pages
 * below the stack, and ASan's fiber hooks.
 */
struct fiber;

/**
 * fiber_start(L, fn, arg, stack_bytes, done, e):
 * Run ${fn}(${arg}) on a stack of its own, beginning from the loop, never from
 * within this call.  When it returns, ${done}(${arg}) runs from the loop's own
 * stack, once, and the fiber is freed after it.  NULL with ${e} if there is no
 * memory.
 */
struct fiber * fiber_start(struct loop * L, void (*fn)(void *), void * arg,
    size_t stack_bytes, void (*done)(void *), struct err * e);

/** fiber_self(): The fiber we run on, or NULL on the loop's stack. */
struct fiber * fiber_self(void);

/**
 * fiber_wait(): Sleep until fiber_wake().  A wake that came before counts: then
 * it returns at once.  Must run on a fiber.
 */
void fiber_wait(void);

/** fiber_wake(f): Let ${f} go on, from the loop.  Callable anywhere. */
void fiber_wake(struct fiber * f);

/**
 * fiber_yield(): Give the loop one turn (sockets and timers too), then go on.
 * Fibers that all want to go on share one slice of about 2 ms a turn.
 */
void fiber_yield(void);

/**
 * fiber_breathe(): For code that may take long, deep inside: give the loop its
 * turn if we have run for 2 ms.  Nonzero once fiber_stop() was called: then come
 * to an end.  0 when not on a fiber.
 * fiber_stop(f): Wake ${f}, and have it told so.
 */
int fiber_breathe(void);
void fiber_stop(struct fiber * f);

/**
 * fiber_ran_us(): How long this fiber has run since it last came back from a
 * wait or a yield.  0 when not on a fiber.
 */
int64_t fiber_ran_us(void);

/**
 * fiber_stack_left(): The bytes of stack below the caller, for those who recurse
 * as deep as somebody's input says.  SIZE_MAX when not on a fiber.
 */
size_t fiber_stack_left(void);

/**
 * fiber_set_local(key, p) / fiber_local(key):
 * One pointer that belongs to the fiber we run on, for code that is called
 * deep inside a library.  ${key} is the address of something of the owner's;
 * another's key finds NULL, and so does the loop's stack.
 */
void fiber_set_local(const void * key, void * p);
void * fiber_local(const void * key);

#endif
