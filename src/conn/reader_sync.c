#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "base/log.h"
#include "conn/reader_split.h"

/*
 * Reading for a sync: where a list stands is told so that a later reader can go on
 * there.  A mark is an object:
 *   "v": 1, "ask": a hash of what is asked, "part": how many parts are read,
 *   "chain": a hash of their inputs; and within a part "in": a hash of its own;
 *   "cursor", "offset", "number": the service's own cursor leads on;
 *   "last": {"url", "offset", "number"}, "rows": which rows that page had: it is
 *     asked for once more, and if they are the same the list goes on behind it;
 *   "bound": the list is asked for from that value on (reader_restart.c).
 */
#define OVERS_MAX 3 /* a place may be forgotten, but not again and again */
#define MARK_VERSION 1
#define TEXT_MAX 8192 /* of a cursor or URL in a mark */
#define KEY UINT64_C(0x6d61726b2d6b6579)

static void
place_free(struct reader_place * at)
{
	free(at->cursor);
	free(at->next_url);
	memset(at, 0, sizeof(*at));
}

void
reader_sync_part_free(struct reader_part * p)
{
	place_free(&p->here);
	place_free(&p->last);
	page_unref(p->checked);
	free(p->token);
	json_decref(p->etag);
	free(p->from);
}

void
reader_sync_free(struct reader * r)
{
	if (r->sync == NULL)
		return;
	json_decref(r->sync->mark);
	json_decref(r->sync->resume);
	json_decref(r->sync->bound);
	reader_token_free(r->sync->tokens);
	free(r->sync);
}

int
reader_sync_lost(const struct reader * r, struct err * e)
{
	return (err_set(e, ERR_PERMANENT, "resume", "%s.%s: the place where an "
	    "earlier run left off is there no more; begin anew",
	    r->plan->c->name, r->plan->ent->name));
}

/* ---- hashes ---- */

static uint64_t
hash_json(uint64_t h, const json_t * v, int * bad)
{
	char * s = json_dumps(v, JSON_SORT_KEYS | JSON_COMPACT |
	    JSON_ENCODE_ANY);

	if (s == NULL) {
		*bad = 1;
		return (h);
	}
	h = hash64(h, s, strlen(s));
	free(s);
	return (h);
}

static uint64_t
hash_num(uint64_t h, uint64_t n)
{
	return (hash64(h, (const char *)&n, sizeof(n)));
}

uint64_t
reader_sync_hash(uint64_t h, const struct value * v)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		return (hash_num(h, 0));
	case VALUE_INT:
	case VALUE_REAL:
		return (hash64(h + v->type, (const char *)&v->i,
		    sizeof(v->i)));
	case VALUE_TEXT:
		return (hash64(h + v->type, v->s, v->len));
	}
	return (h);
}

/* Which rows they are: their keys, where these are known, else all of them. */
static uint64_t
hash_rows(const struct reader * r, const struct page * page)
{
	const struct manifest_entity * ent = r->plan->ent;
	uint64_t h = hash_num(KEY, page->nrows);
	const struct value * v;
	size_t i, k, keys = 0;
	int all = 0;

	for (i = 0; i < ent->ncolumns; i++) {
		keys += ent->columns[i].is_key != 0;
		all |= ent->columns[i].is_key && !r->plan->wanted[i];
	}
	all |= keys == 0;
	for (k = 0; k < page->nrows; k++) {
		v = page_at(page, k);
		for (i = 0; i < ent->ncolumns; i++)
			if (all || ent->columns[i].is_key ||
			    (int)i == r->sync->column)
				h = reader_sync_hash(h, &v[i]);
	}
	return (h);
}

/* What is asked, but for the bound that moves. */
static int
hash_ask(const struct reader * r, uint64_t * out)
{
	const struct plan * p = r->plan;
	const struct manifest_paginate * g = &p->list->paginate;
	uint64_t h = hash64(KEY, p->ent->name, strlen(p->ent->name));
	size_t i;
	int bad = 0;

	h = hash64(h, p->list->url, strlen(p->list->url));
	h = hash_num(h, (uint64_t)g->kind);
	h = hash_num(h, (uint64_t)(p->c->opt.batch_size > 0 ?
	    p->c->opt.batch_size : g->size));
	for (i = 0; i < p->npreds; i++) {
		if (r->sync->column >= 0 && plan_is_bound(&p->preds[i],
		    (size_t)r->sync->column))
			continue;
		h = hash_num(h, p->preds[i].column);
		h = hash_num(h, p->preds[i].op);
		if (p->preds[i].sent != NULL)
			h = hash_json(h, p->preds[i].sent, &bad);
	}
	for (i = 0; i < p->norders; i++) {
		h = hash_num(h, p->orders[i].column);
		h = hash_num(h, (uint64_t)p->orders[i].desc);
	}
	*out = h;
	return (bad ? -1 : 0);
}

static uint64_t
chain_with(const struct reader_part * p)
{
	return (hash_num(p->chain, p->in_hash));
}

/* ---- marks ---- */

static int
set_hex(json_t * o, const char * key, uint64_t h)
{
	char s[20];

	snprintf(s, sizeof(s), "%016" PRIx64, h);
	return (json_object_set_new(o, key, json_string(s)));
}

static int
is_hex(const json_t * o, const char * key, uint64_t h)
{
	const char * s = json_string_value(json_object_get(o, key));
	char want[20];

	snprintf(want, sizeof(want), "%016" PRIx64, h);
	return (s != NULL && strcmp(s, want) == 0);
}

static json_t *
mark_new(const struct reader_sync * s, uint64_t part, uint64_t chain)
{
	json_t * o = json_pack("{s:i, s:I}", "v", MARK_VERSION, "part",
	    (json_int_t)part);

	if (o != NULL && (set_hex(o, "ask", s->ask) ||
	    set_hex(o, "chain", chain))) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

/* The service's own words, if they are short enough to be kept. */
static int
set_text(json_t * o, const char * key, const char * s)
{
	if (s == NULL)
		return (0);
	if (strlen(s) > TEXT_MAX)
		return (-1);
	return (json_object_set_new(o, key, json_string(s)));
}

static int
set_numbers(json_t * o, int64_t offset, int64_t number)
{
	return (json_object_set_new(o, "offset", json_integer(offset)) ||
	    json_object_set_new(o, "number", json_integer(number)));
}

/* Put where ${p} stands into ${o}. */
static int
set_place(const struct reader_part * p, json_t * o)
{
	const struct reader_sync * s = p->r->sync;
	json_t * last;

	if (s->bound != NULL && json_object_set(o, "bound", s->bound))
		return (-1);
	if (s->restarts)
		return (0);
	if (p->r->plan->list->paginate.kind == PAGE_CURSOR)
		return (set_text(o, "cursor", p->cursor) ||
		    set_numbers(o, p->offset, p->number));
	if (set_hex(o, "rows", p->last_rows) || (last = json_object()) == NULL)
		return (-1);
	if (json_object_set_new(o, "last", last))
		return (-1);
	return (set_text(last, "url", p->last.next_url) ||
	    set_numbers(last, p->last.offset, p->last.number));
}

void
reader_sync_given(struct reader_part * p)
{
	struct reader_sync * s = p->r->sync;
	json_t * o;

	if (s == NULL)
		return;
	reader_token_given(p);
	json_decref(s->mark);
	s->mark = NULL;
	if (p->has_failed)
		return;
	if (p->is_last)
		o = mark_new(s, p->index + 1, chain_with(p));
	else if (p->split != NULL)
		/* Windows are not kept: it would begin with the part anew. */
		o = mark_new(s, p->index, p->chain);
	else if ((o = mark_new(s, p->index, p->chain)) != NULL &&
	    (set_hex(o, "in", p->in_hash) || set_place(p, o))) {
		json_decref(o);
		o = NULL;
	}
	s->mark = o;
}

void
reader_sync_parts(struct reader * r,
    void (*cb)(void * arg, uint64_t hash, const json_t * in),
    void (*left)(void * arg, uint64_t hash, const json_t * in), void * arg)
{
	r->sync->part = cb;
	r->sync->left = left;
	r->sync->part_arg = arg;
}

void
reader_sync_one(struct reader * r)
{
	r->is_window = 1;
}

void
reader_sync_left(struct reader_part * p)
{
	const struct reader_sync * s = p->r->sync;

	p->r->left += !p->is_left;
	p->is_left = 1;
	if (s != NULL && s->left != NULL)
		s->left(s->part_arg, p->in_hash, p->in);
}

int
reader_sync_over(struct reader_part * p)
{
	struct reader_sync * s = p->r->sync;

	/* A sync's rows are written by their keys. */
	if ((s == NULL && p->is_out) || p->overs++ == OVERS_MAX ||
	    (s != NULL && !reader_token_lost(p)))
		return (0);
	if (s != NULL)
		s->newest = INT64_MIN;
	page_unref(p->checked);
	p->checked = NULL;
	p->check = CHECK_NOT;
	p->begins = 1;
	reader_paginate_rewind(p);
	return (1);
}

const json_t *
reader_mark(const struct reader * r)
{
	return (r->sync != NULL ? r->sync->mark : NULL);
}

/* ---- going on ---- */

/* A count of a mark; -1: it is none. */
static int64_t
count_at(const json_t * o, const char * key)
{
	const json_t * v = json_object_get(o, key);

	return (json_is_integer(v) && json_integer_value(v) >= 0 ?
	    json_integer_value(v) : -1);
}

int
reader_sync(struct reader * r, int restart, const json_t * resume,
    struct err * e)
{
	struct reader_sync * s = calloc(1, sizeof(*s));

	if (s == NULL)
		return (err_nomem(e, "a reader"));
	r->sync = s;
	r->ctx->no_cache = 1;
	s->column = restart;
	s->chain = KEY;
	if (hash_ask(r, &s->ask))
		return (err_nomem(e, "a reader"));
	reader_restart_open(r);
	if (resume == NULL)
		return (0);
	if (count_at(resume, "v") != MARK_VERSION ||
	    count_at(resume, "part") < 0 || !is_hex(resume, "ask", s->ask))
		return (reader_sync_lost(r, e));
	if ((s->resume = json_deep_copy(resume)) == NULL)
		return (err_nomem(e, "a reader"));
	return (0);
}

/* Text ${key} of ${o} into ${*out}, if there is one. */
static int
take_text(const json_t * o, const char * key, char ** out)
{
	const char * s = json_string_value(json_object_get(o, key));

	*out = s != NULL ? strdup(s) : NULL;
	return (s != NULL && *out == NULL ? -1 : 0);
}

/* Stand where ${o} says; what it does not say is the beginning. */
static int
stand(struct reader_part * p, const json_t * o, struct err * e)
{
	const json_t * bound = json_object_get(o, "bound");
	const json_t * last = json_object_get(o, "last");
	const json_t * at = last != NULL ? last : o;
	int is_cursor = p->r->plan->list->paginate.kind == PAGE_CURSOR;

	if (bound != NULL && reader_restart_to(p->r, bound, e))
		return (-1);
	if (last == NULL && json_object_get(o, "cursor") == NULL)
		return (0);
	p->offset = count_at(at, "offset");
	p->number = count_at(at, "number");
	if (p->offset < 0 || p->number < 0 || is_cursor != (last == NULL)) {
		p->offset = p->number = 0;
		return (reader_sync_lost(p->r, e));
	}
	p->resumes = 1;
	if (take_text(at, "cursor", &p->cursor) ||
	    take_text(at, "url", &p->next_url))
		return (err_nomem(e, "a page's place"));
	if (last == NULL)
		return (0);
	p->last.offset = p->offset;
	p->last.number = p->number;
	if (take_text(at, "url", &p->last.next_url))
		return (err_nomem(e, "a page's place"));
	p->check = CHECK_RESUME;
	return (0);
}

int
reader_sync_part(struct reader_part * p, struct err * e)
{
	struct reader_sync * s = p->r->sync;
	json_t * o;
	int rc, bad = 0;

	if (s == NULL)
		return (1);
	p->index = s->parts++;
	p->chain = s->chain;
	p->in_hash = hash_json(KEY, p->in, &bad);
	s->chain = chain_with(p);
	if (bad)
		return (err_nomem(e, "a partition"));
	if (s->part != NULL)
		s->part(s->part_arg, p->in_hash, p->in);
	if (reader_token_skips(p))
		return (0);
	if (reader_token_begin(p, e))
		return (-1);
	if ((o = s->resume) == NULL)
		return (1);
	if ((int64_t)p->index < count_at(o, "part"))
		return (0);
	if (!is_hex(o, "chain", p->chain) || (json_object_get(o, "in") != NULL &&
	    !is_hex(o, "in", p->in_hash)))
		return (reader_sync_lost(p->r, e));
	s->resume = NULL;
	rc = stand(p, o, e);
	if (rc == 0 && p->check == CHECK_RESUME)
		p->last_rows = strtoull(log_or_empty(json_string_value(
		    json_object_get(o, "rows"))), NULL, 16);
	json_decref(o);
	return (rc ? -1 : 1);
}

int
reader_sync_ended(const struct reader * r, struct err * e)
{
	const struct reader_sync * s = r->sync;

	if (s == NULL || s->resume == NULL)
		return (0);
	if ((int64_t)s->parts == count_at(s->resume, "part") &&
	    is_hex(s->resume, "chain", s->chain) &&
	    json_object_get(s->resume, "in") == NULL)
		return (0);
	return (reader_sync_lost(r, e));
}

int
reader_sync_place(struct reader_part * p)
{
	struct reader_place * at = &p->here;

	p->begins = 0;
	if (p->r->sync == NULL || p->check != CHECK_NOT)
		return (0);
	place_free(at);
	at->offset = p->offset;
	at->number = p->number;
	if ((p->cursor != NULL && (at->cursor = strdup(p->cursor)) == NULL) ||
	    (p->next_url != NULL &&
	    (at->next_url = strdup(p->next_url)) == NULL))
		return (-1);
	return (0);
}

/* ${page} (taken) follows on what came before, for certain. */
static int
accept(struct reader_part * p, struct page * page, struct err * e)
{
	if (reader_restart_after(p, page, e)) {
		page_unref(page);
		return (-1);
	}
	p->last_rows = hash_rows(p->r, page);
	place_free(&p->last);
	p->last = p->here;
	memset(&p->here, 0, sizeof(p->here));
	reader_paginate_hold(p, page);
	reader_token_held(p);
	return (0);
}

/* The page before the one that waits came again. */
static int
seam(struct reader_part * p, int same, struct err * e)
{
	struct page * page = p->checked;

	p->checked = NULL;
	p->check = CHECK_NOT;
	if (same)
		return (accept(p, page, e));
	page_unref(page);
	p->state = PART_READY;
	return (reader_restart_again(p, e));
}

/* The last page that an earlier run read came again. */
static int
resumed(struct reader_part * p, const struct reader_answer * a, int same,
    struct err * e)
{
	p->check = CHECK_NOT;
	if (!same)
		return (reader_sync_lost(p->r, e));
	if (reader_paginate_after(p, a, e))
		return (-1);
	reader_paginate_hold(p, NULL);
	return (0);
}

int
reader_sync_take(struct reader_part * p, struct reader_answer * a,
    struct err * e)
{
	const struct reader_sync * s = p->r->sync;
	enum part_check check = p->check;
	int same, rc;

	p->resumes = 0;
	if (check != CHECK_NOT) {
		same = a != NULL && hash_rows(p->r, a->page) == p->last_rows;
		rc = check == CHECK_SEAM ? seam(p, same, e) :
		    resumed(p, a, same, e);
		if (a != NULL)
			page_unref(a->page);
		return (rc);
	}
	if (a == NULL) {
		p->state = PART_DONE;
		return (0);
	}
	reader_seen_add(p, a->page);
	if (reader_paginate_after(p, a, e) || reader_token_after(p, a, e)) {
		page_unref(a->page);
		return (-1);
	}
	reader_etag_page(p);
	if (p->split != NULL && !p->is_late) {
		page_unref(a->page);
		p->state = PART_READY;
		return (0);
	}
	if (s == NULL) {
		reader_paginate_hold(p, a->page);
		return (0);
	}
	if (!s->restarts || p->here.number == 0)
		return (accept(p, a->page, e));
	p->checked = a->page;
	p->check = CHECK_SEAM;
	p->state = PART_READY;
	return (0);
}
