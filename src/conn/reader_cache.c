#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "conn/reader_internal.h"
#include "conn/result_cache.h"
#include "secret/secret.h"

/*
 * The cache of results.  What is asked is in the key with each part's length or
 * end, so that no two questions share one; the configuration is there as a
 * digest, for it may hold more than a key should.
 */
#define KEY_MAX ((size_t)64 << 10)
/* What a reader holds back for the cache, whatever that would take: a result
 * of millions of rows streams. */
#define COLLECT_MAX ((size_t)6 << 20)
/* And all of them together. */
#define COLLECT_ALL ((size_t)32 << 20)

static size_t collected;

static void
add_value(struct buf * b, const struct value * v)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		buf_adds(b, "n");
		break;
	case VALUE_INT:
		buf_addf(b, "i%lld,", (long long)v->i);
		break;
	case VALUE_REAL:
		buf_addf(b, "r%a,", v->d);
		break;
	case VALUE_TEXT:
		buf_addf(b, "t%u:", v->len);
		/* The key is a string. */
		if (memchr(v->s, '\0', v->len) != NULL)
			b->failed = 1;
		buf_add(b, v->s, v->len);
		break;
	}
}

static void
add_digest(struct buf * b, const char * s)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned n = 0;

	if (!EVP_Digest(s, strlen(s), md, &n, EVP_sha256(), NULL))
		b->failed = 1;
	hex_write(md, n < 16 ? n : 16, hex);
	buf_adds(b, hex);
}

static int
make_key(const struct conn_env * env, const struct plan * p, struct buf * b)
{
	const struct plan_pred * d;
	size_t i, j;

	b->max = KEY_MAX;
	buf_addf(b, "%s/", p->c->id);
	add_digest(b, p->c->config);
	buf_addf(b, "/%llu/%llu", (unsigned long long)p->c->m->serial,
	    env->secrets != NULL ? (unsigned long long)secrets_changes(
	    env->secrets) : 0ULL);
	buf_addf(b, "/%s/%zu/", p->ent->name,
	    (size_t)(p->list - p->ent->lists));
	for (i = 0; i < p->npreds; i++) {
		d = &p->preds[i];
		/* What stays here changes nothing of what is sent. */
		if (d->push == NULL && !p->ent->columns[d->column].is_input)
			continue;
		buf_addf(b, "%zu.%u.%zu(", d->column, d->op, d->nvalues);
		for (j = 0; j < d->nvalues; j++)
			add_value(b, &d->values[j]);
		buf_adds(b, ")");
	}
	for (i = 0; i < p->norders; i++)
		buf_addf(b, "o%zu%c", p->orders[i].column,
		    p->orders[i].desc ? '-' : '+');
	buf_addf(b, "/%lld/", p->exact ? (long long)p->limit : -1LL);
	for (i = 0; i < p->ent->ncolumns; i++)
		buf_addc(b, p->wanted[i] ? '1' : '0');
	return (b->failed ? -1 : 0);
}

static int
is_kept(const struct conn_env * env, const struct plan * p)
{
	/* A page of metrics is asked for as it is now. */
	return (env->cache != NULL && p->c->opt.cache_ttl_ms > 0 &&
	    p->ent->decode != DECODE_OPENMETRICS);
}

int64_t
reader_cached(const struct conn_env * env, const struct plan * plan)
{
	struct buf key = BUF_INIT(KEY_MAX);
	int64_t now = clock_wall_ms(), at = 0, age = -1;
	size_t n;

	if (is_kept(env, plan) && make_key(env, plan, &key) == 0 &&
	    result_cache_get(env->cache, key.p, plan->c->opt.cache_ttl_ms, now,
	    &n, &at) != NULL)
		age = now - at;
	buf_free(&key);
	return (age);
}

static int
take(struct reader * r, struct page * const * pages, size_t n)
{
	size_t i;

	if ((r->pages = calloc(n + 1, sizeof(*r->pages))) == NULL)
		return (-1);
	for (i = 0; i < n; i++)
		r->pages[i] = page_ref(pages[i]);
	r->npages = n;
	return (0);
}

int
reader_cache_look(struct reader * r)
{
	struct read_stats * st = &r->ctx->st;
	const struct result_skips * lacks;
	struct page * const * pages;
	int64_t at = 0;
	size_t n = 0;

	if (r->ctx->no_cache || r->is_window || !is_kept(r->env, r->plan) ||
	    make_key(r->env, r->plan, &r->key))
		return (0);
	pages = result_cache_get(r->env->cache, r->key.p,
	    r->plan->c->opt.cache_ttl_ms, r->begun_ms, &n, &at);
	if (pages == NULL || take(r, pages, n)) {
		r->collects = 1;
		r->drops = result_cache_drops(r->env->cache);
		return (0);
	}
	if ((lacks = result_cache_skips(r->env->cache, r->key.p)) != NULL)
		reader_skipped(r, lacks);
	st->cache_hits++;
	if (r->begun_ms - at > st->cache_age_ms)
		st->cache_age_ms = r->begun_ms - at;
	reader_told(r);
	return (1);
}

static void
drop_pages(struct reader * r)
{
	while (r->npages > 0)
		page_unref(r->pages[--r->npages]);
	free(r->pages);
	r->pages = NULL;
	collected -= r->bytes;
	r->pages_cap = r->bytes = 0;
	r->collects = 0;
}

void
reader_cache_collect(struct reader * r, struct page * p)
{
	size_t room, cap;
	struct page ** grown;

	if (!r->collects)
		return;
	room = result_cache_room(r->env->cache);
	if (room > COLLECT_MAX)
		room = COLLECT_MAX;
	r->bytes += p->bytes;
	collected += p->bytes;
	if (r->bytes > room || collected > COLLECT_ALL) {
		drop_pages(r);
		return;
	}
	if (r->npages == r->pages_cap) {
		cap = r->pages_cap ? 2 * r->pages_cap : 16;
		grown = realloc(r->pages, cap * sizeof(*grown));
		if (grown == NULL) {
			drop_pages(r);
			return;
		}
		r->pages = grown;
		r->pages_cap = cap;
	}
	r->pages[r->npages++] = page_ref(p);
}

void
reader_cache_done(struct reader * r)
{
	if (r->collects && r->drops == result_cache_drops(r->env->cache)) {
		result_cache_put(r->env->cache, r->key.p, r->pages, r->npages,
		    r->begun_ms);
		if (r->skips.n > 0)
			result_cache_skipped(r->env->cache, r->key.p,
			    &r->skips);
	}
	drop_pages(r);
}

void
reader_cache_free(struct reader * r)
{
	drop_pages(r);
	buf_free(&r->key);
}
