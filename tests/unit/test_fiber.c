#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/fiber.h"

#define STACK ((size_t)128 << 10)

static struct loop * L;

static int
setup(void ** state)
{
	struct err e;

	(void)state;
	L = loop_new(&e);
	return (L == NULL ? -1 : 0);
}

static int
teardown(void ** state)
{
	(void)state;
	loop_free(L);
	return (0);
}

/* Turn the loop until ${*flag} reaches ${want}, 10 s at most. */
static void
turn_until(const int * flag, int want)
{
	int64_t until = clock_mono_us() + 10000000;

	while (*flag < want) {
		assert_true(clock_mono_us() < until);
		assert_int_equal(loop_turn(L, 1), 0);
	}
}

struct job {
	struct fiber * f;
	int steps;
	int done;
	int rounds;
	int * log;
	int * log_n;
	int id;
};

static void
job_done(void * arg)
{
	struct job * j = arg;

	assert_null(fiber_self());
	j->done++;
}

static void
job_once(void * arg)
{
	struct job * j = arg;

	assert_ptr_equal(fiber_self(), j->f);
	j->steps++;
}

static void
test_runs_later_and_ends_once(void ** state)
{
	struct job j = { 0 };
	struct err e;

	(void)state;
	j.f = fiber_start(L, job_once, &j, STACK, job_done, &e);
	assert_non_null(j.f);
	assert_int_equal(j.steps, 0);
	turn_until(&j.done, 1);
	assert_int_equal(j.steps, 1);
	loop_turn(L, 0);
	assert_int_equal(j.done, 1);
	assert_null(fiber_self());
}

static void
job_wait(void * arg)
{
	struct job * j = arg;

	while (j->steps < 3) {
		fiber_wait();
		j->steps++;
	}
}

static void
test_wait_and_wake(void ** state)
{
	struct job j = { 0 };
	int i;

	(void)state;
	j.f = fiber_start(L, job_wait, &j, STACK, job_done, NULL);
	/* A wake before the first wait counts, once. */
	fiber_wake(j.f);
	fiber_wake(j.f);
	turn_until(&j.steps, 1);
	for (i = 0; i < 5; i++)
		loop_turn(L, 0);
	assert_int_equal(j.steps, 1);
	fiber_wake(j.f);
	assert_int_equal(j.steps, 1); /* not from within the call */
	turn_until(&j.steps, 2);
	fiber_wake(j.f);
	turn_until(&j.done, 1);
}

static void
job_yield(void * arg)
{
	struct job * j = arg;
	int i;

	for (i = 0; i < j->rounds; i++) {
		j->log[(*j->log_n)++] = j->id;
		fiber_yield();
	}
}

static void
test_yields_take_turns(void ** state)
{
	int log[64], n = 0, i, k, seen[4] = { 0 };
	struct job j[4];

	(void)state;
	for (i = 0; i < 4; i++) {
		memset(&j[i], 0, sizeof(j[i]));
		j[i].rounds = 8;
		j[i].log = log;
		j[i].log_n = &n;
		j[i].id = i;
		j[i].f = fiber_start(L, job_yield, &j[i], STACK, job_done, NULL);
		assert_non_null(j[i].f);
	}
	for (i = 0; i < 4; i++)
		turn_until(&j[i].done, 1);
	assert_int_equal(n, 32);
	/* First come, first served: each round has each once. */
	for (i = 0; i < 32; i++) {
		seen[log[i]]++;
		for (k = 0; k < 4; k++)
			assert_true(seen[log[i]] - seen[k] <= 1);
	}
}

static void
job_spin(void * arg)
{
	struct job * j = arg;

	while (!j->steps)
		if (fiber_ran_us() >= 2000)
			fiber_yield();
}

static void
tick(void * arg)
{
	++*(int *)arg;
}

struct pipe_read {
	int n;
};

static void
on_read(void * arg, int fd, int events)
{
	struct pipe_read * pr = arg;
	char c;

	(void)events;
	assert_int_equal(read(fd, &c, 1), 1);
	pr->n++;
}

/* Twenty fibers that compute must leave timers and sockets their turn. */
static void
test_spinners_leave_the_loop_free(void ** state)
{
	struct pipe_read pr = { 0 };
	struct loop_timer * t;
	struct loop_lag lag;
	struct loop_io * io;
	struct job j[20];
	int ticks = 0, i, p[2], want;
	int64_t until;

	(void)state;
	memset(j, 0, sizeof(j));
	assert_int_equal(pipe(p), 0);
	io = loop_io_new(L, p[0], LOOP_PRIO_LOW, on_read, &pr);
	assert_non_null(io);
	assert_int_equal(loop_io_set(io, LOOP_READ), 0);
	t = loop_timer_new(L, tick, &ticks);
	assert_non_null(t);
	for (i = 0; i < 20; i++)
		j[i].f = fiber_start(L, job_spin, &j[i], STACK, job_done, NULL);
	loop_turn(L, 1);
	loop_lag_reset(L);
	until = clock_mono_us() + 400000;
	for (i = 0; clock_mono_us() < until; i++) {
		want = ticks + 1;
		loop_timer_start(t, 1);
		assert_int_equal(write(p[1], "x", 1), 1);
		while (ticks < want || pr.n <= i) {
			assert_int_equal(loop_turn(L, 1), 0);
			assert_true(clock_mono_us() < until + 5000000);
		}
	}
	loop_lag_get(L, &lag);
	assert_true(i > 20);
	assert_true(lag.samples > 10);
	if (lag.p99_us >= 20000)
		fail_msg("p99 of the lag is %lld us", (long long)lag.p99_us);
	for (i = 0; i < 20; i++)
		j[i].steps = 1;
	for (i = 0; i < 20; i++)
		turn_until(&j[i].done, 1);
	loop_io_free(io);
	loop_timer_free(t);
	close(p[0]);
	close(p[1]);
}

/* The soon queue, refilled by others all the time, must not stop fibers. */
static struct soon again_s;
static int again_stop;

static void
again(void * arg)
{
	if (!again_stop)
		loop_soon(L, &again_s, again, arg);
}

static void
test_many_fibers_reuse_stacks(void ** state)
{
	struct job * j = calloc(2000, sizeof(*j));
	struct rlimit rl;
	int i;

	(void)state;
	assert_non_null(j);
	getrlimit(RLIMIT_AS, &rl);
	for (i = 0; i < 2000; i++) {
		j[i].f = fiber_start(L, job_once, &j[i], STACK, job_done, NULL);
		assert_non_null(j[i].f);
		if (i % 500 == 499)
			turn_until(&j[i].done, 1);
	}
	for (i = 0; i < 2000; i++)
		assert_int_equal(j[i].done, 1);
	free(j);
}

static void
job_start_another(void * arg)
{
	struct job * j = arg;

	assert_null(fiber_self());
	j[0].done++;
	j[1].f = fiber_start(L, job_once, &j[1], STACK, job_done, NULL);
	assert_non_null(j[1].f);
}

static void
test_done_may_start_another(void ** state)
{
	struct job j[2];

	(void)state;
	memset(j, 0, sizeof(j));
	j[0].f = fiber_start(L, job_once, &j[0], STACK, job_start_another, NULL);
	turn_until(&j[1].done, 1);
	assert_int_equal(j[0].done, 1);
}

static int key_a, key_b;

static void
job_local(void * arg)
{
	struct job * j = arg;

	assert_null(fiber_local(&key_a));
	fiber_set_local(&key_a, j);
	fiber_yield();
	assert_ptr_equal(fiber_local(&key_a), j);
	assert_null(fiber_local(&key_b));
}

static void
test_local(void ** state)
{
	struct job j[2];

	(void)state;
	memset(j, 0, sizeof(j));
	j[0].f = fiber_start(L, job_local, &j[0], STACK, job_done, NULL);
	j[1].f = fiber_start(L, job_local, &j[1], STACK, job_done, NULL);
	assert_null(fiber_local(&key_a));
	turn_until(&j[0].done, 1);
	turn_until(&j[1].done, 1);
}

static int
deep(volatile char * from, int n)
{
	volatile char here[512];

	here[0] = from ? from[0] : (char)n;
	if (n == 0)
		return (here[0]);
	return (deep(here, n - 1) + 1);
}

static void
job_deep(void * arg)
{
	struct job * j = arg;

	j->steps = deep(NULL, j->rounds) != -1;
}

static void
test_whole_stack_is_usable(void ** state)
{
	struct job j = { 0 };

	(void)state;
	j.rounds = 300; /* 150 KB and more of a 1 MB stack */
	j.f = fiber_start(L, job_deep, &j, (size_t)1 << 20, job_done, NULL);
	turn_until(&j.done, 1);
	assert_int_equal(j.steps, 1);
}

/* An overflow must hit the guard page: the child dies by a signal (or by the
 * sanitizer's report of one), it does not go on. */
static void
test_overflow_hits_the_guard(void ** state)
{
	struct job j = { 0 };
	struct rlimit none = { 0, 0 };
	int st;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		setrlimit(RLIMIT_CORE, &none);
		close(2);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		j.rounds = 1 << 20;
		j.f = fiber_start(L, job_deep, &j, STACK, job_done, NULL);
		while (!j.done)
			loop_turn(L, 1);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_false(WIFEXITED(st) && WEXITSTATUS(st) == 0);
}

static void
test_runs_beside_a_busy_soon_queue(void ** state)
{
	struct job j = { 0 };

	(void)state;
	again_stop = 0;
	loop_soon(L, &again_s, again, NULL);
	j.f = fiber_start(L, job_once, &j, STACK, job_done, NULL);
	turn_until(&j.done, 1);
	again_stop = 1;
	loop_turn(L, 0);
}

static void
test_too_large_a_stack(void ** state)
{
	struct err e;

	(void)state;
	assert_null(fiber_start(L, job_once, NULL, SIZE_MAX, job_done, &e));
	assert_string_equal(e.code, "nomem");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_runs_later_and_ends_once), T(test_wait_and_wake),
		T(test_yields_take_turns),
		T(test_spinners_leave_the_loop_free),
		T(test_many_fibers_reuse_stacks),
		T(test_done_may_start_another), T(test_local),
		T(test_whole_stack_is_usable),
		T(test_overflow_hits_the_guard), T(test_too_large_a_stack),
		T(test_runs_beside_a_busy_soon_queue),
	};

	return (cmocka_run_group_tests_name("fiber", tests, NULL, NULL));
}
