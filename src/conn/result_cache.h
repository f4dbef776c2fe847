#ifndef MOLTLER_CONN_RESULT_CACHE_H
#define MOLTLER_CONN_RESULT_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "decode/page.h"

/*
 * Complete results of recent reads, in memory, the longest unused going first
 * when the bytes are used up.  A key says what was asked: connector,
 * configuration, entity, pushed predicates, order, limit and columns; never a
 * secret.
 */
struct result_cache;

/* Parts that are not in a result, for a service would not give them. */
struct result_skips {
	uint64_t n;
	char why[200]; /* the first was left out */
};

/** result_cache_new(max_bytes): 0: 64 MiB.  One result may take a quarter. */
struct result_cache * result_cache_new(size_t max_bytes);
void result_cache_free(struct result_cache * c); /* NULL is a no-op */

/** result_cache_room(c): The most that one result may take, in bytes. */
size_t result_cache_room(const struct result_cache * c);

/** result_cache_get(c, key, max_age_ms, now_ms, n, at_ms): The pages of a result
 * that is no older (borrowed until the next call; page_ref what is kept), or NULL.
 * ${at_ms}: when it was asked. */
struct page * const * result_cache_get(struct result_cache * c,
    const char * key, int64_t max_age_ms, int64_t now_ms, size_t * n,
    int64_t * at_ms);

/** result_cache_put(c, key, pages, n, at_ms): Keep it (references are taken). */
void result_cache_put(struct result_cache * c, const char * key,
    struct page * const * pages, size_t n, int64_t at_ms);

/** result_cache_skips(c, key): What the result that was just got lacks (borrowed as
 * its pages are), or NULL.  result_cache_skipped(c, key, s): The result that was
 * just put lacks ${s}. */
const struct result_skips * result_cache_skips(const struct result_cache * c,
    const char * key);
void result_cache_skipped(struct result_cache * c, const char * key,
    const struct result_skips * s);

/** result_cache_drop(c, prefix): Forget all whose keys begin so: a connector that
 * was changed or acted on. */
void result_cache_drop(struct result_cache * c, const char * prefix);

/** result_cache_drops(c): How often something was to be forgotten: what was
 * being read meanwhile may be older than that and is not kept. */
uint64_t result_cache_drops(const struct result_cache * c);

#endif
