#include "loop/loop.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Rounds of the soon queue in one turn, as long as they take no longer. */
#define SOON_ROUNDS 8
#define SOON_US 50

/*
 * libevent gives the turn back only where nothing is ready any more, which beside
 * a few busy sockets is never.  The queue is not to wait for that: after so many
 * that were asked for in a turn, or a tick of the lag, it is its turn.
 */
#define SOON_ASKS 64

/* Lag histogram: bucket i holds lags in [2^(i/2), 2^((i+1)/2)) microseconds. */
#define LAG_BUCKETS 64
#define LAG_PERIOD_US 20000

/*
 * Two ranks: timers, and all that moves bytes or computes.
 * libevent looks at a lower rank only in a turn in which no higher one has
 * anything to do, so that a third one would get nowhere beside a busy second:
 * a query that computes, or a client that asks without end.  Within a rank all
 * that is ready has its turn; so many callbacks, or so long, then the first
 * rank is looked at again.
 */
#define RANKS 2
#define TURN_CALLBACKS 32
#define TURN_US 2000

struct loop {
	struct event_base * base;
	struct soon * soon_head;
	struct soon ** soon_tail;
	struct soon mark; /* where this round of soon_run ends */
	unsigned asks;    /* loop_soon() in this turn */
	struct event * lag_ev;
	int64_t lag_due_us;
	uint64_t lag_hist[LAG_BUCKETS];
	uint64_t lag_n;
	int64_t lag_max_us;
	int stop;
};

struct loop_timer {
	struct event * ev;
	void (*cb)(void *);
	void * arg;
};

struct loop_io {
	struct loop * loop;
	struct event * ev;
	int fd;
	enum loop_prio prio;
	int events;
	void (*cb)(void *, int, int);
	void * arg;
};

struct loop_signal {
	struct event * ev;
	void (*cb)(void *);
	void * arg;
};

static struct timeval
tv_us(int64_t us)
{
	struct timeval tv;

	if (us < 0)
		us = 0;
	tv.tv_sec = (time_t)(us / 1000000);
	tv.tv_usec = (suseconds_t)(us % 1000000);
	return (tv);
}

/*
 * Run what was queued when we began; what that queues waits for the next round,
 * so that sockets and timers get their turn too.  It is run by the loop itself,
 * not by an event: each would cost a look at all descriptors.
 */
static void
soon_run(struct loop * L)
{
	struct soon * s;

	if (L->soon_head == NULL)
		return;
	L->mark.next = NULL;
	L->mark.prevp = L->soon_tail;
	*L->soon_tail = &L->mark;
	L->soon_tail = &L->mark.next;
	while ((s = L->soon_head) != &L->mark) {
		loop_soon_cancel(L, s);
		s->cb(s->arg);
	}
	loop_soon_cancel(L, &L->mark);
}

static unsigned
lag_bucket(int64_t us)
{
	unsigned b = 0;
	uint64_t sq;

	if (us < 1)
		return (0);
	sq = (uint64_t)us * (uint64_t)us;
	while (sq > 1 && b < LAG_BUCKETS - 1) {
		sq >>= 1;
		b++;
	}
	return (b);
}

static void
lag_tick(evutil_socket_t fd, short what, void * arg)
{
	struct loop * L = arg;
	struct timeval tv = tv_us(LAG_PERIOD_US);
	int64_t now = clock_mono_us(), lag = now - L->lag_due_us;

	(void)fd;
	(void)what;
	if (lag < 0)
		lag = 0;
	L->lag_hist[lag_bucket(lag)]++;
	L->lag_n++;
	if (lag > L->lag_max_us)
		L->lag_max_us = lag;
	L->lag_due_us = now + LAG_PERIOD_US;
	event_add(L->lag_ev, &tv);
	if (L->soon_head != NULL)
		event_base_loopbreak(L->base);
}

static int
rank(enum loop_prio prio)
{
	return (prio == LOOP_PRIO_HIGH ? 0 : RANKS - 1);
}

struct loop *
loop_new(struct err * e)
{
	struct event_config * cfg;
	struct timeval tv = tv_us(LAG_PERIOD_US), turn = tv_us(TURN_US);
	struct loop * L;

	if ((L = calloc(1, sizeof(*L))) == NULL ||
	    (cfg = event_config_new()) == NULL) {
		free(L);
		err_nomem(e, "the event loop");
		return (NULL);
	}
	L->soon_tail = &L->soon_head;
	/* Timers counted from when they are set, not from when this turn began:
	 * after a long callback they would be early by its length. */
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NO_CACHE_TIME);
	/* Microsecond timers, and never select(): it dies past 1024 files. */
	event_config_set_flag(cfg, EVENT_BASE_FLAG_PRECISE_TIMER);
	event_config_avoid_method(cfg, "select");
	event_config_set_max_dispatch_interval(cfg, &turn, TURN_CALLBACKS,
	    RANKS - 1);
	L->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (L->base == NULL || event_base_priority_init(L->base, RANKS) ||
	    (L->lag_ev = event_new(L->base, -1, 0, lag_tick, L)) == NULL) {
		err_set(e, ERR_PERMANENT, "loop", "cannot make an event loop");
		loop_free(L);
		return (NULL);
	}
	event_priority_set(L->lag_ev, rank(LOOP_PRIO_HIGH));
	L->lag_due_us = clock_mono_us() + LAG_PERIOD_US;
	event_add(L->lag_ev, &tv);
	return (L);
}

void
loop_free(struct loop * L)
{
	if (L == NULL)
		return;
	if (L->lag_ev != NULL)
		event_free(L->lag_ev);
	if (L->base != NULL)
		event_base_free(L->base);
	free(L);
}

int
loop_turn(struct loop * L, int block)
{
	int flags = EVLOOP_ONCE, rounds = SOON_ROUNDS;
	int64_t until;

	if (!block || L->soon_head != NULL)
		flags |= EVLOOP_NONBLOCK;
	L->asks = 0;
	if (event_base_loop(L->base, flags) < 0)
		return (-1);
	if (L->soon_head == NULL)
		return (0);
	/* What is short goes on at once: asking the sockets in between would
	 * cost as much. */
	until = clock_mono_us() + SOON_US;
	do
		soon_run(L);
	while (--rounds > 0 && L->soon_head != NULL && !L->stop &&
	    clock_mono_us() < until);
	return (0);
}

int
loop_run(struct loop * L)
{
	L->stop = 0;
	while (!L->stop)
		if (loop_turn(L, 1))
			return (-1);
	return (0);
}

void
loop_stop(struct loop * L)
{
	L->stop = 1;
	event_base_loopbreak(L->base);
}

struct event_base *
loop_base(struct loop * L)
{
	return (L->base);
}

void
loop_soon(struct loop * L, struct soon * s, void (*cb)(void *), void * arg)
{
	s->cb = cb;
	s->arg = arg;
	if (++L->asks == SOON_ASKS)
		event_base_loopbreak(L->base);
	if (s->prevp != NULL)
		return;
	s->next = NULL;
	s->prevp = L->soon_tail;
	*L->soon_tail = s;
	L->soon_tail = &s->next;
}

void
loop_soon_cancel(struct loop * L, struct soon * s)
{
	if (s->prevp == NULL)
		return;
	*s->prevp = s->next;
	if (s->next != NULL)
		s->next->prevp = s->prevp;
	else
		L->soon_tail = s->prevp;
	s->next = NULL;
	s->prevp = NULL;
}

int
loop_soon_pending(const struct soon * s)
{
	return (s->prevp != NULL);
}

static void
timer_fire(evutil_socket_t fd, short what, void * arg)
{
	struct loop_timer * t = arg;

	(void)fd;
	(void)what;
	t->cb(t->arg);
}

struct loop_timer *
loop_timer_new(struct loop * L, void (*cb)(void *), void * arg)
{
	struct loop_timer * t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->cb = cb;
	t->arg = arg;
	if ((t->ev = event_new(L->base, -1, 0, timer_fire, t)) == NULL) {
		free(t);
		return (NULL);
	}
	event_priority_set(t->ev, rank(LOOP_PRIO_HIGH));
	return (t);
}

void
loop_timer_start_us(struct loop_timer * t, int64_t us)
{
	struct timeval tv = tv_us(us);

	event_add(t->ev, &tv);
}

void
loop_timer_start(struct loop_timer * t, int64_t ms)
{
	loop_timer_start_us(t, ms > INT64_MAX / 1000 ? INT64_MAX : ms * 1000);
}

void
loop_timer_stop(struct loop_timer * t)
{
	event_del(t->ev);
}

int
loop_timer_pending(const struct loop_timer * t)
{
	return (event_pending(t->ev, EV_TIMEOUT, NULL) != 0);
}

void
loop_timer_prio(struct loop_timer * t, enum loop_prio prio)
{
	event_priority_set(t->ev, rank(prio));
}

void
loop_timer_free(struct loop_timer * t)
{
	if (t == NULL)
		return;
	event_free(t->ev);
	free(t);
}

static void
io_fire(evutil_socket_t fd, short what, void * arg)
{
	struct loop_io * io = arg;
	int events = 0;

	if (what & EV_READ)
		events |= LOOP_READ;
	if (what & EV_WRITE)
		events |= LOOP_WRITE;
	io->cb(io->arg, (int)fd, events);
}

struct loop_io *
loop_io_new(struct loop * L, int fd, enum loop_prio prio,
    void (*cb)(void *, int, int), void * arg)
{
	struct loop_io * io;

	if ((io = calloc(1, sizeof(*io))) == NULL)
		return (NULL);
	io->loop = L;
	io->fd = fd;
	io->prio = prio;
	io->cb = cb;
	io->arg = arg;
	if ((io->ev = event_new(L->base, fd, 0, io_fire, io)) == NULL) {
		free(io);
		return (NULL);
	}
	return (io);
}

int
loop_io_set(struct loop_io * io, int events)
{
	short what = EV_PERSIST;

	if (events == io->events)
		return (0);
	event_del(io->ev);
	io->events = 0;
	if (events == 0)
		return (0);
	if (events & LOOP_READ)
		what |= EV_READ;
	if (events & LOOP_WRITE)
		what |= EV_WRITE;
	if (event_assign(io->ev, io->loop->base, io->fd, what, io_fire, io) ||
	    event_priority_set(io->ev, rank(io->prio)) ||
	    event_add(io->ev, NULL))
		return (-1);
	io->events = events;
	return (0);
}

void
loop_io_free(struct loop_io * io)
{
	if (io == NULL)
		return;
	event_free(io->ev);
	free(io);
}

static void
signal_fire(evutil_socket_t fd, short what, void * arg)
{
	struct loop_signal * s = arg;

	(void)fd;
	(void)what;
	s->cb(s->arg);
}

struct loop_signal *
loop_signal_new(struct loop * L, int signo, void (*cb)(void *), void * arg)
{
	struct loop_signal * s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->cb = cb;
	s->arg = arg;
	s->ev = evsignal_new(L->base, signo, signal_fire, s);
	if (s->ev == NULL || event_add(s->ev, NULL)) {
		loop_signal_free(s);
		return (NULL);
	}
	return (s);
}

void
loop_signal_free(struct loop_signal * s)
{
	if (s == NULL)
		return;
	if (s->ev != NULL)
		event_free(s->ev);
	free(s);
}

static int64_t
lag_quantile(const struct loop * L, double q)
{
	uint64_t want = (uint64_t)((double)L->lag_n * q), seen = 0, v;
	unsigned i;

	for (i = 0; i < LAG_BUCKETS; i++) {
		seen += L->lag_hist[i];
		if (seen > want) {
			/* The upper edge, 2^((i+1)/2): honest, not flattering. */
			v = UINT64_C(1) << ((i + 1) / 2);
			if ((i + 1) % 2)
				v = v * 1414 / 1000;
			return ((int64_t)v < L->lag_max_us ? (int64_t)v :
			    L->lag_max_us);
		}
	}
	return (L->lag_max_us);
}

void
loop_lag_get(const struct loop * L, struct loop_lag * lag)
{
	lag->samples = L->lag_n;
	lag->max_us = L->lag_max_us;
	lag->p50_us = lag_quantile(L, 0.50);
	lag->p99_us = lag_quantile(L, 0.99);
}

void
loop_lag_reset(struct loop * L)
{
	memset(L->lag_hist, 0, sizeof(L->lag_hist));
	L->lag_n = 0;
	L->lag_max_us = 0;
}
