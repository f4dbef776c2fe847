#ifndef MOLTLER_LOOP_LOOP_H
#define MOLTLER_LOOP_LOOP_H

#include <stdint.h>

#include "base/err.h"

/*
 * The one event loop.  Everything that waits, waits here: file descriptors,
 * timers, signals, and the "soon" queue from which completions run so that no
 * callback ever runs on a library's stack.  Not thread safe.
 */
struct loop;
struct loop_timer;
struct loop_io;
struct loop_signal;
struct event_base;

/* Timers and admin work run before transfers when both are ready; normal and
 * low have their turns side by side, so that neither can starve the other. */
enum loop_prio { LOOP_PRIO_HIGH, LOOP_PRIO_NORMAL, LOOP_PRIO_LOW };

/** loop_new(e): A new loop, or NULL with ${e}. */
struct loop * loop_new(struct err * e);

/** loop_free(L): Free it; everything made on it must be gone.  NULL: no-op. */
void loop_free(struct loop * L);

/** loop_run(L): Run until loop_stop().  0, or -1 if the loop itself failed. */
int loop_run(struct loop * L) MUST_CHECK;

/**
 * loop_turn(L, block):
 * Run one turn: what is ready now, waiting for something if ${block}.  For
 * tests and for draining at the end.  0 or -1.
 */
int loop_turn(struct loop * L, int block);

/** loop_stop(L): Make loop_run return after the current turn. */
void loop_stop(struct loop * L);

/** loop_base(L): libevent's base, for src/net alone. */
struct event_base * loop_base(struct loop * L);

/**
 * A place in the soon queue, kept inside the caller's struct; zero it first.
 * loop_soon(L, s, cb, arg): call ${cb}(${arg}) once, after the current callback
 * and before the loop waits again; first come first served; queueing a queued
 * one only changes its callback.  loop_soon_cancel: take it out (no-op if it is
 * not queued).  loop_soon_pending: whether it is queued.
 */
struct soon {
	struct soon * next;
	struct soon ** prevp;
	void (*cb)(void *);
	void * arg;
};
void loop_soon(struct loop * L, struct soon * s, void (*cb)(void *),
    void * arg);
void loop_soon_cancel(struct loop * L, struct soon * s);
int loop_soon_pending(const struct soon * s);

/**
 * loop_timer_new(L, cb, arg): A one-shot timer, not running; NULL if no memory.
 * _start(t, ms) (re)arms it, 0 allowed; _start_us the same in microseconds;
 * _stop disarms; _free disarms and frees (NULL: no-op).  ${cb} runs from the
 * loop, never from within these calls.
 */
struct loop_timer * loop_timer_new(struct loop * L, void (*cb)(void *),
    void * arg);
void loop_timer_start(struct loop_timer * t, int64_t ms);
void loop_timer_start_us(struct loop_timer * t, int64_t us);
void loop_timer_stop(struct loop_timer * t);
int loop_timer_pending(const struct loop_timer * t);
/** loop_timer_prio(t, prio): Its rank (HIGH until told); it must be stopped. */
void loop_timer_prio(struct loop_timer * t, enum loop_prio prio);
void loop_timer_free(struct loop_timer * t);

/**
 * loop_io_new(L, fd, prio, cb, arg): Watch ${fd} (borrowed) for nothing yet.
 * loop_io_set(io, events) says for what, until changed.  ${cb} gets what is
 * ready.  loop_io_free stops watching (NULL: no-op); the fd must still be open.
 */
#define LOOP_READ 1
#define LOOP_WRITE 2
struct loop_io * loop_io_new(struct loop * L, int fd, enum loop_prio prio,
    void (*cb)(void * arg, int fd, int events), void * arg);
int loop_io_set(struct loop_io * io, int events) MUST_CHECK;
void loop_io_free(struct loop_io * io);

/** loop_signal_new(L, signo, cb, arg): Call ${cb} from the loop on a signal. */
struct loop_signal * loop_signal_new(struct loop * L, int signo,
    void (*cb)(void *), void * arg);
void loop_signal_free(struct loop_signal * s);

/*
 * Lag: how late the loop comes to what is due.  A timer of its own fires every
 * 20 ms and the delay beyond that is counted in a histogram.
 */
struct loop_lag {
	int64_t p50_us, p99_us, max_us; /* since the last reset */
	uint64_t samples;
};
/** loop_lag_get(L, lag): Fill ${lag}; _reset(L) starts counting anew. */
void loop_lag_get(const struct loop * L, struct loop_lag * lag);
void loop_lag_reset(struct loop * L);

#endif
