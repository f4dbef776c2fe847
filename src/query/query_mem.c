#include <stdatomic.h>
#include <stdlib.h>

#include "query/query_internal.h"

/*
 * SQLite's own limits are the process's, and its progress handler does not run
 * inside a function or while a statement is compiled.  So every allocation that
 * SQLite makes carries the account it is charged to, found by the fiber it is
 * made on; past the cap malloc answers NULL and that one query ends with
 * SQLITE_NOMEM, which SQLite handles everywhere.
 */
struct query_mem {
	/* Bytes, and 1 for the owner: the last to let go frees.  Atomic because
	 * helpers' threads free what a fiber's statement once allocated. */
	_Atomic size_t used;
	size_t max;
	int denied, failed;
};

struct head {
	struct query_mem * m; /* NULL: nobody's */
	size_t n;
};

/* A small unit of sorting, so that no single sort holds the loop. */
#define SORT_PAGES 64

static void
uncharge(struct query_mem * m, size_t n)
{
	if (m != NULL && atomic_fetch_sub(&m->used, n) == n)
		free(m);
}

static int
charge(struct query_mem * m, size_t n)
{
	if (m == NULL)
		return (0);
	if (fiber_stack_left() < QUERY_STACK_SPARE) {
		m->denied = 1;
		return (-1);
	}
	if (atomic_fetch_add(&m->used, n) + n > m->max) {
		m->denied = 1;
		uncharge(m, n);
		return (-1);
	}
	return (0);
}

static struct query_mem *
current(void)
{
	struct query * q = fiber_local(&query_key);

	return (q == NULL ? NULL : q->mem);
}

static void *
mem_malloc(int n)
{
	struct query_mem * m = current();
	size_t size = (size_t)n + sizeof(struct head);
	struct head * h;

	if (charge(m, size))
		return (NULL);
	if ((h = malloc(size)) == NULL) {
		if (m != NULL)
			m->failed = 1;
		uncharge(m, size);
		return (NULL);
	}
	h->m = m;
	h->n = (size_t)n;
	return (h + 1);
}

static void
mem_free(void * p)
{
	struct head * h = p;
	struct query_mem * m;
	size_t size;

	if (h == NULL)
		return;
	h--;
	m = h->m;
	size = h->n + sizeof(*h);
	free(h);
	uncharge(m, size);
}

static void *
mem_realloc(void * p, int n)
{
	struct head * h = (struct head *)p - 1, * bigger;
	struct query_mem * m = h->m;
	size_t old = h->n, size = (size_t)n;

	if (size > old && charge(m, size - old))
		return (NULL);
	if ((bigger = realloc(h, size + sizeof(*h))) == NULL) {
		if (m != NULL)
			m->failed = 1;
		if (size > old)
			uncharge(m, size - old);
		return (NULL);
	}
	if (size < old)
		uncharge(m, old - size);
	bigger->n = size;
	return (bigger + 1);
}

static int
mem_size(void * p)
{
	return (p == NULL ? 0 : (int)((struct head *)p - 1)->n);
}

/* Large blocks grow by an eighth at least: near its limit SQLite's string
 * builder asks for a few bytes more at each append. */
static int
mem_roundup(int n)
{
	unsigned step = 8, size = (unsigned)n;

	if (size >= 16384 && size < 1U << 30)
		while (step * 16 <= size)
			step *= 2;
	return ((int)((size + step - 1) & ~(step - 1)));
}

static int
mem_init(void * arg)
{
	(void)arg;
	return (SQLITE_OK);
}

static void
mem_shutdown(void * arg)
{
	(void)arg;
}

/* Before main, because SQLite takes an allocator only before its first use and
 * nobody should have to know who opens a database first. */
static void __attribute__((constructor))
mem_install(void)
{
	static const sqlite3_mem_methods methods = { mem_malloc, mem_free,
		mem_realloc, mem_size, mem_roundup, mem_init, mem_shutdown,
		NULL };

	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
		abort();
	/* Its own count, under a lock, of what is counted here. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_PMASZ, (unsigned)SORT_PAGES);
}

void
query_mem_limit(struct query_mem * m, size_t max)
{
	m->max = max < SIZE_MAX ? max + 1 : max;
}

struct query_mem *
query_mem_new(size_t max)
{
	struct query_mem * m = calloc(1, sizeof(*m));

	if (m == NULL)
		return (NULL);
	atomic_init(&m->used, 1);
	query_mem_limit(m, max);
	return (m);
}

void
query_mem_close(struct query_mem * m)
{
	uncharge(m, 1);
}

int
query_mem_denied(const struct query_mem * m)
{
	return (m->denied);
}

int
query_mem_failed(const struct query_mem * m)
{
	return (m->failed);
}
