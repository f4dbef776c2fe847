/*
 * The pages of scans.  A feed is a list of pages that grows as its cursors go
 * on: each begins at the first page, and only what nobody saw before is asked of
 * the reader.  Where a scan cannot come again, pages go as soon as they are
 * used; where it can, they stay within a bound for all feeds together.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "loop/fiber.h"
#include "query/query_live.h"
#include "target/elastic_reader.h"

struct query_feed {
	struct query_feeds * fs;
	struct query_feed * next;  /* of the same slot */
	struct query_feed ** prevp;
	uint64_t hash;
	char * key;
	size_t key_len;
	struct reader * r;         /* NULL: all is read, or failed, or ... */
	struct elastic_reader * x; /* ... an index is read */
	struct page ** pages;
	size_t n, cap;
	size_t first;              /* pages before it are gone */
	size_t bytes;              /* charged */
	uint64_t rows;             /* in all pages so far */
	int64_t limit;             /* rows wanted; -1: all */
	unsigned users;
	unsigned keep : 1;         /* pages stay */
	unsigned asking : 1;
	unsigned done : 1;
	unsigned failed : 1;
	unsigned sorts : 1;        /* all of it is read whatever the limit */
	struct err e;
};

struct query_feeds {
	struct query_live * v;
	struct query_feed ** slots;
	size_t nslots, n;
	size_t bytes, max_bytes;   /* of pages that stay */
	size_t open;               /* unfinished ones without a user */
};

struct query_feeds *
query_feeds_new(struct query_live * v, size_t max_bytes)
{
	struct query_feeds * fs = calloc(1, sizeof(*fs));

	if (fs == NULL)
		return (NULL);
	fs->v = v;
	fs->max_bytes = max_bytes;
	fs->nslots = 64;
	if ((fs->slots = calloc(fs->nslots, sizeof(*fs->slots))) == NULL) {
		free(fs);
		return (NULL);
	}
	return (fs);
}

/* Whether there may be more to read. */
static int
is_open(const struct query_feed * f)
{
	return (f->r != NULL || f->x != NULL);
}

static void
close_reader(struct query_feed * f)
{
	reader_close(f->r);
	f->r = NULL;
	elastic_reader_close(f->x);
	f->x = NULL;
}

/* Takes the plan. */
static int
open_reader(struct query_feed * f, const struct query_choice * ch,
    struct plan * p, struct err * e)
{
	struct query_live * v = f->fs->v;

	if (v->ents[ch->h.entity].is_index)
		f->x = elastic_reader_open(v->q->loop, v->q->opts.elastic, p,
		    &v->ctx, e);
	else
		f->r = reader_open(v->q->opts.conn, p, &v->ctx, e);
	return (is_open(f) ? 0 : -1);
}

static void
go_ahead(struct query_feed * f)
{
	if (f->x != NULL)
		elastic_reader_ahead(f->x);
	else
		reader_ahead(f->r);
}

static void
feed_free(struct query_feed * f)
{
	size_t i;

	if (f->prevp != NULL) {
		if ((*f->prevp = f->next) != NULL)
			f->next->prevp = f->prevp;
		f->fs->n--;
	}
	f->fs->bytes -= f->bytes;
	close_reader(f);
	for (i = f->first; i < f->n; i++)
		page_unref(f->pages[i]);
	free(f->pages);
	free(f->key);
	free(f);
}

void
query_feeds_free(struct query_feeds * fs)
{
	size_t i;

	if (fs == NULL)
		return;
	for (i = 0; i < fs->nslots; i++)
		while (fs->slots[i] != NULL)
			feed_free(fs->slots[i]);
	free(fs->slots);
	free(fs);
}

static void
feed_link(struct query_feeds * fs, struct query_feed * f)
{
	struct query_feed ** at = &fs->slots[f->hash & (fs->nslots - 1)];

	f->next = *at;
	if (f->next != NULL)
		f->next->prevp = &f->next;
	f->prevp = at;
	*at = f;
}

/* Twice as many slots; if there is no memory, longer chains. */
static void
grow(struct query_feeds * fs)
{
	struct query_feed ** old = fs->slots, * f;
	size_t n = fs->nslots, i;

	if ((fs->slots = calloc(n * 2, sizeof(*fs->slots))) == NULL) {
		fs->slots = old;
		return;
	}
	fs->nslots = n * 2;
	for (i = 0; i < n; i++)
		while ((f = old[i]) != NULL) {
			old[i] = f->next;
			feed_link(fs, f);
		}
	free(old);
}

static struct query_feed *
find(const struct query_feeds * fs, const struct buf * key, uint64_t hash)
{
	struct query_feed * f;

	for (f = fs->slots[hash & (fs->nslots - 1)]; f != NULL; f = f->next)
		if (f->hash == hash && f->key_len == key->len &&
		    memcmp(f->key, key->p, key->len) == 0 && f->first == 0)
			return (f);
	return (NULL);
}

/* Tell the reader how a sync reads. */
static int
sync_feed(struct query_feed * f, const struct manifest_entity * ent,
    struct err * e)
{
	const struct query_sync * s = f->fs->v->q->opts.sync;

	if (s == NULL)
		return (0);
	if (reader_sync(f->r, s->restart != NULL ?
	    manifest_column(ent, s->restart) : -1, s->resume, e))
		return (-1);
	if (s->part != NULL)
		reader_sync_parts(f->r, s->part, s->left, s->arg);
	if (s->is_part)
		reader_sync_one(f->r);
	if (s->etags != NULL)
		reader_sync_etags(f->r, s->etags);
	return (s->cursors != NULL ? reader_sync_cursors(f->r, s->cursors, e) :
	    0);
}

static struct query_feed *
feed_new(struct query_feeds * fs, const struct query_choice * ch,
    const struct buf * key, uint64_t hash, struct err * e)
{
	struct query_feed * f;
	struct plan * p;

	if (fs->v->q->opts.conn == NULL &&
	    !fs->v->ents[ch->h.entity].is_index) {
		err_set(e, ERR_CONFIG, "no_services", "services cannot be asked "
		    "here");
		return (NULL);
	}
	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->key = malloc(key->len)) == NULL) {
		free(f);
		err_nomem(e, "a scan");
		return (NULL);
	}
	memcpy(f->key, key->p, key->len);
	f->key_len = key->len;
	f->hash = hash;
	f->fs = fs;
	f->sorts = ch->h.sorts != 0;
	f->keep = (ch->again || !fs->v->known) != 0;
	if ((p = query_key_plan(fs->v, ch, key, 0, e)) == NULL) {
		feed_free(f);
		return (NULL);
	}
	f->limit = p->limit;
	if (open_reader(f, ch, p, e) ||
	    (f->r != NULL && sync_feed(f, p->ent, e))) {
		feed_free(f);
		return (NULL);
	}
	f->bytes = sizeof(*f) + key->len;
	fs->bytes += f->bytes;
	if (fs->n >= fs->nslots)
		grow(fs);
	feed_link(fs, f);
	fs->n++;
	return (f);
}

struct query_feed *
query_feed_get(struct query_feeds * fs, const struct query_choice * ch,
    const struct buf * key, struct err * e)
{
	uint64_t hash = hash64(hash64_secret(), key->p, key->len);
	struct query_feed * f = find(fs, key, hash);

	/* Pages that go when used are for one. */
	if (f == NULL || (f->users > 0 && !f->keep))
		f = feed_new(fs, ch, key, hash, e);
	else if (f->users == 0 && is_open(f))
		fs->open--;
	if (f != NULL)
		f->users++;
	return (f);
}

void
query_feed_put(struct query_feed * f)
{
	if (f == NULL || --f->users > 0)
		return;
	if (!f->keep || f->first > 0 || f->failed ||
	    f->fs->bytes > f->fs->max_bytes ||
	    (is_open(f) && f->fs->open >= QUERY_MAX_OPEN)) {
		feed_free(f);
		return;
	}
	f->fs->open += is_open(f) != 0;
}

/* Takes the page, unless it fails. */
static int
add_page(struct query_feed * f, struct page * p)
{
	size_t cap = f->cap ? f->cap * 2 : 4, most = f->fs->max_bytes;
	struct page ** more;

	if (f->keep && f->users > 1 && f->fs->bytes + p->bytes > most * 2)
		return (err_set(&f->e, ERR_TRANSIENT, "memory", "a table that "
		    "the statement reads in several places at once is larger "
		    "than its %zu MiB of memory: narrow it by WHERE, or read "
		    "fewer columns", most >> 19));
	if (f->n == f->cap) {
		if ((more = realloc(f->pages, cap * sizeof(*more))) == NULL)
			return (err_nomem(&f->e, "a page"));
		f->pages = more;
		f->cap = cap;
	}
	f->pages[f->n++] = p;
	f->rows += p->nrows;
	if (!f->keep)
		return (0);
	f->bytes += p->bytes;
	f->fs->bytes += p->bytes;
	if (f->fs->bytes > most && f->users <= 1)
		f->keep = 0;
	return (0);
}

static void
on_page(void * arg, struct page * p, const struct err * e)
{
	struct query_feed * f = arg;

	f->asking = 0;
	if (e != NULL) {
		f->failed = 1;
		f->e = *e;
	} else if (p == NULL)
		f->done = 1;
	else if (add_page(f, p)) {
		page_unref(p);
		f->failed = 1;
	}
	fiber_wake(f->fs->v->q->fiber);
}

static void
ask(struct query_feed * f)
{
	if (f->asking || f->done || f->failed)
		return;
	f->asking = 1;
	if (f->x != NULL)
		elastic_reader_next(f->x, on_page, f);
	else
		reader_next(f->r, on_page, f);
}

void
query_feed_start(struct query_feeds * fs, const struct query_choice * ch,
    const struct buf * key)
{
	uint64_t hash = hash64(hash64_secret(), key->p, key->len);
	struct query_feed * f;
	struct err e;

	/* Of parts that have a cursor each one is given at a time. */
	if (fs->v->q->opts.sync != NULL &&
	    fs->v->q->opts.sync->cursors != NULL)
		return;
	/* Errors come again to who needs it. */
	if (find(fs, key, hash) != NULL ||
	    (f = feed_new(fs, ch, key, hash, &e)) == NULL)
		return;
	fs->open++;
	ask(f);
}

/* The only user is at page ${i}: what lies before it may go. */
static void
drop_before(struct query_feed * f, size_t i)
{
	size_t bytes;

	if (f->keep || f->users > 1)
		return;
	for (; f->first < i && f->first < f->n; f->first++) {
		bytes = f->pages[f->first]->bytes;
		bytes = bytes < f->bytes ? bytes : f->bytes;
		f->bytes -= bytes;
		f->fs->bytes -= bytes;
		page_unref(f->pages[f->first]);
	}
}

const struct page *
query_feed_page(struct query_feed * f, size_t i, int * rc)
{
	struct query * q = f->fs->v->q;

	*rc = SQLITE_OK;
	drop_before(f, i);
	while (i >= f->n && !f->done && !f->failed) {
		if (q->cancelled || q->expired) {
			*rc = SQLITE_INTERRUPT;
			return (NULL);
		}
		ask(f);
		query_live_waits(f->fs->v);
		fiber_wait();
	}
	if (i < f->n)
		return (f->pages[i]);
	close_reader(f);
	if (f->failed)
		*rc = query_live_fail(f->fs->v, &f->e);
	return (NULL);
}

void
query_feed_mark(struct query_feed * f, size_t i)
{
	const struct query_sync * s = f->fs->v->q->opts.sync;

	if (s == NULL || s->mark == NULL || f->r == NULL || i + 1 != f->n)
		return;
	/* Rows that wait to be sorted are not out. */
	s->mark(s->arg, f->sorts ? NULL : reader_mark(f->r));
}

int
query_feed_next(struct query_feed * f, size_t i)
{
	if (f->fs->v->limited || i + 1 != f->n || f->asking || !is_open(f))
		return (0);
	go_ahead(f);
	/* The request goes out in the loop's turn. */
	fiber_yield();
	return (1);
}

void
query_feed_half(struct query_feed * f, size_t i)
{
	/* Where something stops early, only what is certain to be needed. */
	if (i + 1 != f->n || f->asking || !is_open(f))
		return;
	if (f->fs->v->limited && !f->sorts &&
	    (f->limit < 0 || f->rows >= (uint64_t)f->limit))
		return;
	go_ahead(f);
}
