#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/loop.h"

static struct loop * L;
static struct soon s1, s2;
static int order[8], n;

static int
setup(void ** state)
{
	struct err e;

	(void)state;
	L = loop_new(&e);
	n = 0;
	return (L == NULL ? -1 : 0);
}

static int
teardown(void ** state)
{
	(void)state;
	loop_free(L);
	return (0);
}

static void
note(void * arg)
{
	order[n++] = (int)(intptr_t)arg;
}

static void
requeue(void * arg)
{
	note(arg);
	if (n < 3)
		loop_soon(L, &s2, requeue, arg);
}

static void
test_soon_runs_in_order(void ** state)
{
	(void)state;
	loop_soon(L, &s1, note, (void *)1);
	loop_soon(L, &s2, note, (void *)2);
	loop_soon(L, &s1, note, (void *)3); /* keeps its place, new argument */
	assert_int_equal(n, 0);
	assert_int_equal(loop_turn(L, 0), 0);
	assert_int_equal(n, 2);
	assert_int_equal(order[0], 3);
	assert_int_equal(order[1], 2);
	assert_false(loop_soon_pending(&s1));
}

static void
test_soon_cancel(void ** state)
{
	(void)state;
	loop_soon(L, &s1, note, (void *)1);
	loop_soon(L, &s2, note, (void *)2);
	loop_soon_cancel(L, &s2);
	loop_soon_cancel(L, &s2);
	loop_turn(L, 0);
	assert_int_equal(n, 1);
	assert_int_equal(order[0], 1);
}

static void
test_soon_requeued_waits_a_round(void ** state)
{
	int i;

	(void)state;
	loop_soon(L, &s2, requeue, (void *)7);
	for (i = 0; i < 10 && n < 3; i++)
		loop_turn(L, 0);
	assert_int_equal(n, 3);
}

static int64_t set_us;

/* Work for 30 ms, then set a timer. */
static void
work_and_set(void * arg)
{
	int64_t t0 = clock_mono_us();

	while (clock_mono_us() - t0 < 30000)
		continue;
	set_us = clock_mono_us();
	loop_timer_start(arg, 10);
}

static void
test_timer_set_late_in_a_turn(void ** state)
{
	struct loop_timer * t = loop_timer_new(L, note, (void *)5);
	struct loop_timer * u = loop_timer_new(L, work_and_set, t);

	(void)state;
	assert_non_null(t);
	assert_non_null(u);
	loop_timer_start(u, 1);
	while (n == 0)
		loop_turn(L, 1);
	assert_true(clock_mono_us() - set_us >= 10000);
	loop_timer_free(t);
	loop_timer_free(u);
}

static void
test_timer(void ** state)
{
	struct loop_timer * t = loop_timer_new(L, note, (void *)5);
	int64_t t0 = clock_mono_us();

	(void)state;
	assert_non_null(t);
	loop_timer_start(t, 10);
	assert_true(loop_timer_pending(t));
	while (n == 0)
		loop_turn(L, 1);
	assert_true(clock_mono_us() - t0 >= 9000);
	assert_false(loop_timer_pending(t));
	loop_timer_start(t, 0);
	loop_timer_stop(t);
	loop_turn(L, 0);
	assert_int_equal(n, 1);
	loop_timer_free(t);
	loop_timer_free(NULL);
}

static void
on_io(void * arg, int fd, int events)
{
	char c;

	assert_int_equal(read(fd, &c, 1), 1);
	order[n++] = events;
	loop_stop(arg);
}

static void
test_io_and_run(void ** state)
{
	struct loop_io * io;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	io = loop_io_new(L, p[0], LOOP_PRIO_NORMAL, on_io, L);
	assert_int_equal(loop_io_set(io, LOOP_READ), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(loop_run(L), 0);
	assert_int_equal(n, 1);
	assert_int_equal(order[0], LOOP_READ);
	assert_int_equal(loop_io_set(io, 0), 0);
	loop_io_free(io);
	close(p[0]);
	close(p[1]);
}

static void
test_signal(void ** state)
{
	struct loop_signal * s = loop_signal_new(L, SIGUSR1, note, (void *)9);

	(void)state;
	assert_non_null(s);
	raise(SIGUSR1);
	while (n == 0)
		loop_turn(L, 1);
	assert_int_equal(order[0], 9);
	loop_signal_free(s);
}

static void
hold(void * arg)
{
	int64_t until = clock_mono_us() + 100000;

	note(arg);
	while (clock_mono_us() < until)
		continue;
}

static void
test_lag_sees_a_held_loop(void ** state)
{
	struct loop_lag lag;

	(void)state;
	loop_soon(L, &s1, hold, NULL);
	do {
		loop_turn(L, 1);
		loop_lag_get(L, &lag);
	} while (lag.samples < 2);
	assert_true(lag.max_us >= 50000);
	assert_true(lag.p99_us <= lag.max_us);
	loop_lag_reset(L);
	loop_lag_get(L, &lag);
	assert_int_equal(lag.samples, 0);
	assert_int_equal(lag.max_us, 0);
}

/* More sockets than have their turn at once, each always with something to read. */
#define BUSY 40
static struct loop_io * busy[BUSY];
static int64_t late_us;
static int calls, asks_always;

static void
on_busy(void * arg, int fd, int events)
{
	int i;

	(void)arg;
	(void)fd;
	(void)events;
	if (++calls == 1 || asks_always)
		loop_soon(L, &s1, note, (void *)1);
	/* Or it would never end. */
	for (i = 0; i < BUSY && clock_mono_us() > late_us; i++)
		assert_int_equal(loop_io_set(busy[i], 0), 0);
}

static void
test_soon_runs_beside_busy_sockets(void ** state)
{
	int fd[2], ends[BUSY], i, round;
	int64_t t0;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	for (i = 0; i < BUSY; i++)
		assert_non_null(busy[i] = loop_io_new(L, ends[i] = dup(fd[0]),
		    LOOP_PRIO_LOW, on_busy, NULL));
	for (round = 0; round < 2; round++) {
		asks_always = round;
		calls = n = 0;
		t0 = clock_mono_us();
		late_us = t0 + 1500000;
		for (i = 0; i < BUSY; i++)
			assert_int_equal(loop_io_set(busy[i], LOOP_READ), 0);
		while (n == 0)
			assert_int_equal(loop_turn(L, 1), 0);
		assert_true(clock_mono_us() - t0 < 1000000);
		if (asks_always)
			assert_true(calls < 200);
	}
	for (i = 0; i < BUSY; i++) {
		loop_io_free(busy[i]);
		close(ends[i]);
	}
	close(fd[0]);
	close(fd[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_soon_runs_in_order), T(test_soon_cancel),
		T(test_soon_requeued_waits_a_round),
		T(test_soon_runs_beside_busy_sockets), T(test_timer),
		T(test_timer_set_late_in_a_turn),
		T(test_io_and_run), T(test_signal),
		T(test_lag_sees_a_held_loop),
	};

	return (cmocka_run_group_tests_name("loop", tests, NULL, NULL));
}
