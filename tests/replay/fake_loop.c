#include "fake_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Callbacks at one instant beyond which something spins. */
#define SPIN 100000
/* No clock reads round numbers. */
#define MONO_START INT64_C(77000000377)

struct loop_timer {
	struct loop * L;
	void (*cb)(void *);
	void * arg;
	int64_t due_us;
	struct loop_timer * next, ** prevp; /* while running, by due time */
};

struct loop {
	int64_t now_us;  /* since the start */
	int64_t wall_us; /* at the start; moved by steps */
	struct loop_timer * timers;
	struct soon * head, ** tail;
	size_t made;
	unsigned spin;
};

static void
set_clocks(const struct loop * L)
{
	clock_set_fake((L->wall_us + L->now_us) / 1000, MONO_START + L->now_us);
}

static void
on_log(void * arg, const char * line)
{
	(void)arg;
	if (getenv("REPLAY_LOG") != NULL)
		fprintf(stderr, "# %s\n", line);
}

void
fake_loop_quiet(void)
{
	log_capture(on_log, NULL);
	if (getenv("REPLAY_LOG") != NULL)
		log_setup(LOG_DEBUG, LOG_JSON);
}

struct loop *
fake_loop_new(int64_t wall_ms)
{
	struct loop * L = calloc(1, sizeof(*L));

	if (L == NULL)
		abort();
	L->wall_us = wall_ms * 1000 + 123;
	L->tail = &L->head;
	set_clocks(L);
	return (L);
}

void
loop_free(struct loop * L)
{
	free(L);
	clock_set_fake(-1, -1);
}

void
loop_soon(struct loop * L, struct soon * s, void (*cb)(void *), void * arg)
{
	s->cb = cb;
	s->arg = arg;
	if (s->prevp != NULL)
		return;
	s->next = NULL;
	s->prevp = L->tail;
	*L->tail = s;
	L->tail = &s->next;
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
		L->tail = s->prevp;
	s->next = NULL;
	s->prevp = NULL;
}

int
loop_soon_pending(const struct soon * s)
{
	return (s->prevp != NULL);
}

struct loop_timer *
loop_timer_new(struct loop * L, void (*cb)(void *), void * arg)
{
	struct loop_timer * t = calloc(1, sizeof(*t));

	if (t == NULL)
		return (NULL);
	t->L = L;
	t->cb = cb;
	t->arg = arg;
	L->made++;
	return (t);
}

void
loop_timer_start_us(struct loop_timer * t, int64_t us)
{
	struct loop_timer ** p = &t->L->timers;

	loop_timer_stop(t);
	t->due_us = t->L->now_us + (us < 0 ? 0 : us);
	while (*p != NULL && (*p)->due_us <= t->due_us)
		p = &(*p)->next;
	t->next = *p;
	t->prevp = p;
	if (t->next != NULL)
		t->next->prevp = &t->next;
	*p = t;
}

void
loop_timer_start(struct loop_timer * t, int64_t ms)
{
	loop_timer_start_us(t, ms * 1000);
}

void
loop_timer_stop(struct loop_timer * t)
{
	if (t->prevp == NULL)
		return;
	*t->prevp = t->next;
	if (t->next != NULL)
		t->next->prevp = t->prevp;
	t->next = NULL;
	t->prevp = NULL;
}

int
loop_timer_pending(const struct loop_timer * t)
{
	return (t->prevp != NULL);
}

void
loop_timer_prio(struct loop_timer * t, enum loop_prio prio)
{
	(void)t;
	(void)prio;
}

/* What helpers of the real store would watch; none runs here. */
struct loop_io *
loop_io_new(struct loop * L, int fd, enum loop_prio prio,
    void (*cb)(void * arg, int fd, int events), void * arg)
{
	(void)L;
	(void)fd;
	(void)prio;
	(void)cb;
	(void)arg;
	return (NULL);
}

int
loop_io_set(struct loop_io * io, int events)
{
	(void)io;
	(void)events;
	return (-1);
}

void
loop_io_free(struct loop_io * io)
{
	(void)io;
}

void
loop_timer_free(struct loop_timer * t)
{
	if (t == NULL)
		return;
	loop_timer_stop(t);
	t->L->made--;
	free(t);
}

/* A real loop that spins burns a core; here it would never end. */
static void
count_spin(struct loop * L)
{
	if (++L->spin < SPIN)
		return;
	fprintf(stderr, "# the loop spins at %lld ms\n",
	    (long long)(L->now_us / 1000));
	abort();
}

static void
run_soon(struct loop * L)
{
	struct soon * s;

	while ((s = L->head) != NULL) {
		loop_soon_cancel(L, s);
		count_spin(L);
		s->cb(s->arg);
	}
}

/* Fire the next timer that is due by ${limit_us}: 1 if there was one. */
static int
fire_next(struct loop * L, int64_t limit_us)
{
	struct loop_timer * t = L->timers;

	if (t == NULL || t->due_us > limit_us)
		return (0);
	if (t->due_us > L->now_us) {
		L->now_us = t->due_us;
		L->spin = 0;
		set_clocks(L);
	}
	loop_timer_stop(t);
	count_spin(L);
	t->cb(t->arg);
	return (1);
}

void
fake_loop_settle(struct loop * L)
{
	L->spin = 0;
	do
		run_soon(L);
	while (fire_next(L, L->now_us));
}

void
fake_loop_advance(struct loop * L, int64_t ms)
{
	int64_t limit = L->now_us + ms * 1000;

	L->spin = 0;
	do
		run_soon(L);
	while (fire_next(L, limit));
	L->now_us = limit;
	set_clocks(L);
}

int
fake_loop_step(struct loop * L, int64_t max_ms)
{
	struct soon * s = L->head;

	if (s == NULL)
		return (fire_next(L, L->now_us + max_ms * 1000));
	loop_soon_cancel(L, s);
	count_spin(L);
	s->cb(s->arg);
	return (1);
}

void
fake_loop_sleep(struct loop * L, int64_t ms)
{
	L->now_us += ms * 1000;
	set_clocks(L);
}

int
fake_loop_until(struct loop * L, int (*done)(void *), void * arg,
    int64_t max_ms)
{
	int64_t limit = L->now_us + max_ms * 1000;

	L->spin = 0;
	for (;;) {
		if (done(arg))
			return (0);
		if (L->head != NULL)
			run_soon(L);
		else if (!fire_next(L, limit))
			return (-1);
	}
}

void
fake_loop_step_wall(struct loop * L, int64_t ms)
{
	L->wall_us += ms * 1000;
	set_clocks(L);
}

int64_t
fake_loop_ms(const struct loop * L)
{
	return (L->now_us / 1000);
}

size_t
fake_loop_running(const struct loop * L)
{
	const struct loop_timer * t;
	size_t n = 0;

	for (t = L->timers; t != NULL; t = t->next)
		n++;
	return (n);
}

size_t
fake_loop_made(const struct loop * L)
{
	return (L->made);
}
