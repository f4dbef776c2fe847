#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "conn/reader_internal.h"

/*
 * Where a list stands, told so that a later reader can go on there.  A mark is an
 * object:
 *   "v": 1, "ask": a hash of what is asked, "part": how many parts are read,
 *   "chain": a hash of their inputs; and within a part "in": a hash of its own;
 *   "cursor", "offset", "number": the service's own cursor leads on;
 *   "last": {"url", "offset", "number"}, "rows": which rows that page had: it is
 *     asked for once more, and if they are the same the list goes on behind it;
 *   "bound": the list is asked for from that value on (reader_restart.c).
 */
#define TEXT_MAX 8192 /* of a cursor or URL in a mark */

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
reader_mark_hash(uint64_t h, const struct value * v)
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

uint64_t
reader_mark_rows(const struct reader * r, const struct page * page)
{
	const struct manifest_entity * ent = r->plan->ent;
	uint64_t h = hash_num(READER_MARK_KEY, page->nrows);
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
				h = reader_mark_hash(h, &v[i]);
	}
	return (h);
}

int
reader_mark_ask(const struct reader * r, uint64_t * out)
{
	const struct plan * p = r->plan;
	const struct manifest_paginate * g = &p->list->paginate;
	uint64_t h = hash64(READER_MARK_KEY, p->ent->name, strlen(p->ent->name));
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

uint64_t
reader_mark_chain(const struct reader_part * p)
{
	return (hash_num(p->chain, p->in_hash));
}

static int
set_hex(json_t * o, const char * key, uint64_t h)
{
	char s[20];

	snprintf(s, sizeof(s), "%016" PRIx64, h);
	return (json_object_set_new(o, key, json_string(s)));
}

int
reader_mark_is(const json_t * o, const char * key, uint64_t h)
{
	const char * s = json_string_value(json_object_get(o, key));
	char want[20];

	snprintf(want, sizeof(want), "%016" PRIx64, h);
	return (s != NULL && strcmp(s, want) == 0);
}

static json_t *
mark_new(const struct reader_sync * s, uint64_t part, uint64_t chain)
{
	json_t * o = json_pack("{s:i, s:I}", "v", READER_MARK_VERSION, "part",
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

const json_t *
reader_mark(const struct reader * r)
{
	return (r->sync != NULL ? r->sync->mark : NULL);
}

json_t *
reader_mark_new(const struct reader_part * p)
{
	const struct reader_sync * s = p->r->sync;
	json_t * o;

	if (p->is_last)
		o = mark_new(s, p->index + 1, reader_mark_chain(p));
	else if (p->split != NULL)
		/* Windows are not kept: it would begin with the part anew. */
		o = mark_new(s, p->index, p->chain);
	else if ((o = mark_new(s, p->index, p->chain)) != NULL &&
	    (set_hex(o, "in", p->in_hash) || set_place(p, o))) {
		json_decref(o);
		o = NULL;
	}
	return (o);
}

uint64_t
reader_mark_in(const struct reader_part * p, int * bad)
{
	return (hash_json(READER_MARK_KEY, p->in, bad));
}
