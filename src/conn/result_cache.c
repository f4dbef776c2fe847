#include "conn/result_cache.h"

#include <stdlib.h>
#include <string.h>

/* Without this uthash ends the process when memory is short. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define DEFAULT_MAX ((size_t)64 << 20)

/* uthash keeps the order of insertion: the head is the one longest unused. */
struct result {
	size_t bytes;
	int64_t at_ms;
	size_t n;
	struct page ** pages;
	struct result_skips * skips; /* or NULL */
	UT_hash_handle hh;
	char key[];
};

struct result_cache {
	size_t max;
	size_t bytes;
	uint64_t drops;
	struct result * results;
};

struct result_cache *
result_cache_new(size_t max_bytes)
{
	struct result_cache * c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->max = max_bytes ? max_bytes : DEFAULT_MAX;
	return (c);
}

static void
result_free(struct result * r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		page_unref(r->pages[i]);
	free(r->pages);
	free(r->skips);
	free(r);
}

static void
drop(struct result_cache * c, struct result * r)
{
	HASH_DEL(c->results, r);
	c->bytes -= r->bytes;
	result_free(r);
}

void
result_cache_free(struct result_cache * c)
{
	if (c == NULL)
		return;
	while (c->results != NULL)
		drop(c, c->results);
	free(c);
}

size_t
result_cache_room(const struct result_cache * c)
{
	return (c->max / 4);
}

/* Put it at the tail; -1 if there was no memory, and then it is freed. */
static int
add(struct result_cache * c, struct result * r)
{
	r->hh.tbl = NULL;
	HASH_ADD_KEYPTR(hh, c->results, r->key, strlen(r->key), r);
	if (r->hh.tbl != NULL) {
		c->bytes += r->bytes;
		return (0);
	}
	result_free(r);
	return (-1);
}

struct page * const *
result_cache_get(struct result_cache * c, const char * key,
    int64_t max_age_ms, int64_t now_ms, size_t * n, int64_t * at_ms)
{
	struct result * r;

	HASH_FIND(hh, c->results, key, strlen(key), r);
	if (r == NULL)
		return (NULL);
	/* A clock that was set back makes the age unknown. */
	if (r->at_ms > now_ms || now_ms - r->at_ms > max_age_ms) {
		drop(c, r);
		return (NULL);
	}
	HASH_DEL(c->results, r);
	c->bytes -= r->bytes;
	if (add(c, r))
		return (NULL);
	*n = r->n;
	*at_ms = r->at_ms;
	return (r->pages);
}

void
result_cache_put(struct result_cache * c, const char * key,
    struct page * const * pages, size_t n, int64_t at_ms)
{
	size_t klen = strlen(key), bytes, i;
	struct result * r;

	HASH_FIND(hh, c->results, key, klen, r);
	if (r != NULL)
		drop(c, r);
	bytes = sizeof(*r) + klen + 1 + (n + 1) * sizeof(*pages);
	for (i = 0; i < n; i++)
		bytes += pages[i]->bytes;
	if (bytes > result_cache_room(c) ||
	    (r = calloc(1, sizeof(*r) + klen + 1)) == NULL)
		return;
	if ((r->pages = calloc(n + 1, sizeof(*r->pages))) == NULL) {
		free(r);
		return;
	}
	memcpy(r->key, key, klen);
	r->bytes = bytes;
	r->at_ms = at_ms;
	r->n = n;
	for (i = 0; i < n; i++)
		r->pages[i] = page_ref(pages[i]);
	while (c->results != NULL && c->bytes + bytes > c->max)
		drop(c, c->results);
	(void)add(c, r);
}

const struct result_skips *
result_cache_skips(const struct result_cache * c, const char * key)
{
	struct result * r;

	HASH_FIND(hh, c->results, key, strlen(key), r);
	return (r != NULL ? r->skips : NULL);
}

void
result_cache_skipped(struct result_cache * c, const char * key,
    const struct result_skips * s)
{
	struct result * r;

	HASH_FIND(hh, c->results, key, strlen(key), r);
	if (r == NULL)
		return;
	/* What cannot be told is not kept. */
	if (r->skips == NULL &&
	    (r->skips = malloc(sizeof(*r->skips))) == NULL)
		drop(c, r);
	else
		*r->skips = *s;
}

void
result_cache_drop(struct result_cache * c, const char * prefix)
{
	size_t n = strlen(prefix);
	struct result * r, * tmp;

	c->drops++;
	HASH_ITER(hh, c->results, r, tmp)
		if (strncmp(r->key, prefix, n) == 0)
			drop(c, r);
}

uint64_t
result_cache_drops(const struct result_cache * c)
{
	return (c->drops);
}
