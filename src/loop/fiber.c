#include "loop/fiber.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(lo, hi) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

/* All runnable fibers of a loop together get this much of one turn. */
#define SLICE_US 1000
#define MIN_STACK ((size_t)64 << 10)
#define POOL_MAX 32
/* Below each stack: more than the largest frame, which could step over less. */
#define GUARD ((size_t)64 << 10)

enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_WAITING, FIBER_ENDED };

static const char * const state_names[] = {
	"ready", "running", "waiting", "ended"
};

/* The fibers of one loop; lives while there are any. */
struct sched {
	struct sched * next;
	struct loop * loop;
	struct loop_timer * timer;
	struct fiber * head;
	struct fiber ** tail;
	struct fiber * last; /* of the queue, while it is not empty */
	size_t live;
	int running;
	ucontext_t ctx; /* the loop's own stack */
	void * asan_fake;
	const void * asan_bottom;
	size_t asan_size;
};

struct stack {
	struct stack * next; /* in the pool */
	char * map;          /* the guard, then the stack */
	size_t size;         /* with the guard */
	unsigned valgrind_id;
};

struct fiber {
	struct fiber * next; /* in the run queue */
	struct sched * sched;
	struct stack * stack;
	enum fiber_state state;
	int woken;
	int stopped;
	void (*fn)(void *);
	void (*done)(void *);
	void * arg;
	const void * local_key;
	void * local;
	int64_t since_us;
	ucontext_t ctx;
	void * asan_fake;
};

static _Thread_local struct sched * scheds;
static _Thread_local struct fiber * current;
static _Thread_local struct stack * pool;
static _Thread_local size_t pool_n;

static void
fiber_enter(struct fiber * f, enum fiber_state state)
{
	log_event(LOG_DEBUG, "fiber", LOG_I("fiber", (intptr_t)f),
	    LOG_S("old", state_names[f->state]),
	    LOG_S("new", state_names[state]));
	f->state = state;
}

static size_t
page_size(void)
{
	static size_t size;

	if (size == 0)
		size = (size_t)sysconf(_SC_PAGESIZE);
	return (size);
}

/* A stack with untouchable pages below it: an overflow is a crash at its
 * place, not someone else's memory. */
static struct stack *
stack_get(size_t want)
{
	size_t page = page_size(), size;
	struct stack ** p, * s;
	void * map;

	if (want < MIN_STACK)
		want = MIN_STACK;
	if (want > SIZE_MAX / 2)
		return (NULL);
	size = (want + page - 1) / page * page + GUARD;
	for (p = &pool; (s = *p) != NULL; p = &s->next)
		if (s->size == size) {
			*p = s->next;
			pool_n--;
			return (s);
		}
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED) {
		free(s);
		return (NULL);
	}
	s->map = map;
	s->size = size;
	if (mprotect(map, GUARD, PROT_NONE)) {
		munmap(map, size);
		free(s);
		return (NULL);
	}
	s->valgrind_id = VALGRIND_STACK_REGISTER(s->map + GUARD, s->map + size);
	return (s);
}

static void
stack_put(struct stack * s)
{
#ifdef FIBER_ASAN
	/* The last frames never returned: their red zones are still set. */
	ASAN_UNPOISON_MEMORY_REGION(s->map, s->size);
#endif
	if (pool_n < POOL_MAX) {
		s->next = pool;
		pool = s;
		pool_n++;
		return;
	}
	VALGRIND_STACK_DEREGISTER(s->valgrind_id);
	munmap(s->map, s->size);
	free(s);
}

/* Off the fiber, back to the loop's stack.  swapcontext costs a system call
 * for the signal mask; longjmp would not, but fortified builds refuse to jump
 * between stacks, and a switch comes once a wait or 2 ms. */
static void
switch_out(struct fiber * f)
{
	struct sched * S = f->sched;

	current = NULL;
#ifdef FIBER_ASAN
	__sanitizer_start_switch_fiber(
	    f->state == FIBER_ENDED ? NULL : &f->asan_fake,
	    S->asan_bottom, S->asan_size);
#endif
	swapcontext(&f->ctx, &S->ctx);
#ifdef FIBER_ASAN
	__sanitizer_finish_switch_fiber(f->asan_fake, &S->asan_bottom,
	    &S->asan_size);
#endif
}

static void
fiber_main(void)
{
	struct fiber * f = current;

#ifdef FIBER_ASAN
	__sanitizer_finish_switch_fiber(NULL, &f->sched->asan_bottom,
	    &f->sched->asan_size);
#endif
	f->fn(f->arg);
	fiber_enter(f, FIBER_ENDED);
	switch_out(f);
	abort(); /* nobody resumes an ended fiber */
}

static void
switch_in(struct fiber * f)
{
	struct sched * S = f->sched;

	fiber_enter(f, FIBER_RUNNING);
	f->since_us = clock_mono_us();
	current = f;
#ifdef FIBER_ASAN
	__sanitizer_start_switch_fiber(&S->asan_fake,
	    f->stack->map + GUARD, f->stack->size - GUARD);
#endif
	swapcontext(&S->ctx, &f->ctx);
#ifdef FIBER_ASAN
	__sanitizer_finish_switch_fiber(S->asan_fake, NULL, NULL);
#endif
}

static void
sched_free(struct sched * S)
{
	struct sched ** p;

	for (p = &scheds; *p != S; p = &(*p)->next)
		continue;
	*p = S->next;
	loop_timer_free(S->timer);
	free(S);
}

/* One turn's slice: the fibers that were ready when it began, until the time
 * is used up. */
static void
sched_run(void * arg)
{
	struct sched * S = arg;
	struct fiber * f, * last;
	int64_t t0 = clock_mono_us();

	if (S->head == NULL)
		return;
	S->running = 1;
	last = S->last;
	do {
		f = S->head;
		if ((S->head = f->next) == NULL)
			S->tail = &S->head;
		switch_in(f);
		if (f == last)
			last = NULL;
		if (f->state == FIBER_ENDED) {
			stack_put(f->stack);
			f->stack = NULL;
			f->done(f->arg);
			free(f);
			S->live--;
		}
	} while (last != NULL && S->head != NULL &&
	    clock_mono_us() - t0 < SLICE_US);
	S->running = 0;
	if (S->live == 0)
		sched_free(S);
	else if (S->head != NULL)
		loop_timer_start_us(S->timer, 0);
}

static struct sched *
sched_get(struct loop * L)
{
	struct sched * S;

	for (S = scheds; S != NULL; S = S->next)
		if (S->loop == L)
			return (S);
	if ((S = calloc(1, sizeof(*S))) == NULL)
		return (NULL);
	S->loop = L;
	S->tail = &S->head;
	if ((S->timer = loop_timer_new(L, sched_run, S)) == NULL) {
		free(S);
		return (NULL);
	}
	/* Not the soon queue, whose event stays active while it refills, and not
	 * the timers' rank: either would keep sockets from ever having a turn
	 * beside a fiber that computes. */
	loop_timer_prio(S->timer, LOOP_PRIO_NORMAL);
	S->next = scheds;
	scheds = S;
	return (S);
}

static void
sched_push(struct fiber * f)
{
	struct sched * S = f->sched;

	fiber_enter(f, FIBER_READY);
	f->next = NULL;
	*S->tail = f;
	S->tail = &f->next;
	S->last = f;
	if (!S->running && !loop_timer_pending(S->timer))
		loop_timer_start_us(S->timer, 0);
}

/* By itself, because getcontext may return twice as far as compilers know. */
static void __attribute__((noinline))
context_init(struct fiber * f)
{
	getcontext(&f->ctx);
	f->ctx.uc_stack.ss_sp = f->stack->map + GUARD;
	f->ctx.uc_stack.ss_size = f->stack->size - GUARD;
	f->ctx.uc_link = NULL;
	makecontext(&f->ctx, fiber_main, 0);
}

struct fiber *
fiber_start(struct loop * L, void (*fn)(void *), void * arg,
    size_t stack_bytes, void (*done)(void *), struct err * e)
{
	struct sched * S = sched_get(L);
	struct fiber * f;

	if (S == NULL || (f = calloc(1, sizeof(*f))) == NULL) {
		err_nomem(e, "a fiber");
		goto err0;
	}
	if ((f->stack = stack_get(stack_bytes)) == NULL) {
		err_nomem(e, "a fiber's stack");
		goto err1;
	}
	context_init(f);
	f->sched = S;
	f->fn = fn;
	f->done = done;
	f->arg = arg;
	S->live++;
	sched_push(f);
	return (f);

err1:
	free(f);
err0:
	if (S != NULL && S->live == 0)
		sched_free(S);
	return (NULL);
}

struct fiber *
fiber_self(void)
{
	return (current);
}

void
fiber_wait(void)
{
	struct fiber * f = current;

	assert(f != NULL);
	if (!f->woken) {
		fiber_enter(f, FIBER_WAITING);
		switch_out(f);
	}
	f->woken = 0;
}

void
fiber_wake(struct fiber * f)
{
	f->woken = 1;
	if (f->state == FIBER_WAITING)
		sched_push(f);
}

void
fiber_yield(void)
{
	struct fiber * f = current;

	assert(f != NULL);
	sched_push(f);
	switch_out(f);
}

int
fiber_breathe(void)
{
	if (current == NULL)
		return (0);
	if (fiber_ran_us() >= SLICE_US)
		fiber_yield();
	return (current->stopped);
}

void
fiber_stop(struct fiber * f)
{
	f->stopped = 1;
	fiber_wake(f);
}

int64_t
fiber_ran_us(void)
{
	return (current == NULL ? 0 : clock_mono_us() - current->since_us);
}

size_t
fiber_stack_left(void)
{
	if (current == NULL)
		return (SIZE_MAX);
	return ((uintptr_t)__builtin_frame_address(0) -
	    (uintptr_t)(current->stack->map + GUARD));
}

void
fiber_set_local(const void * key, void * p)
{
	assert(current != NULL);
	current->local_key = key;
	current->local = p;
}

void *
fiber_local(const void * key)
{
	if (current == NULL || current->local_key != key)
		return (NULL);
	return (current->local);
}
