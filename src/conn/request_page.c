#include <stdint.h>
#include <string.h>

#include "conn/request_build.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

static int
set_number(struct request_build * b, enum param_where where,
    const char * name, int64_t n, struct err * e)
{
	return (name == NULL ? 0 : request_build_set(b, where, name,
	    json_integer(n), e));
}

/* Beside a cursor some services bear no more than a few parameters. */
static int
keep_only(struct request_build * b, const json_t * keep, struct err * e)
{
	json_t * kept = json_object(), * name, * v;
	size_t i;

	json_array_foreach(MUTABLE(keep), i, name)
		if ((v = json_object_get(b->query, json_string_value(name))) !=
		    NULL && json_object_set(kept, json_string_value(name), v))
			break;
	if (kept == NULL || i < json_array_size(keep)) {
		json_decref(kept);
		return (err_nomem(e, "a request"));
	}
	json_decref(b->query);
	b->query = kept;
	return (0);
}

/* How many records the page is asked for; 0: nobody says. */
static int64_t
size_of(const struct plan * p, const struct page_pos * pos)
{
	const struct manifest_paginate * g = &p->list->paginate;
	int64_t size = pos->size;

	if (size <= 0)
		size = p->c->opt.batch_size > 0 ? p->c->opt.batch_size :
		    g->size;
	if (g->size_max > 0 && size > g->size_max)
		size = g->size_max;
	return (size > 0 && size < g->size_min ? g->size_min : size);
}

static int
set_position(struct request_build * b, const struct plan * p,
    const struct page_pos * pos, struct err * e)
{
	const struct manifest_paginate * g = &p->list->paginate;
	int64_t size = size_of(p, pos);
	json_t * cursor;

	if (size > 0 && g->size_where != IN_CLAUSE &&
	    set_number(b, g->size_where, g->size_param, size, e))
		return (-1);
	switch (g->kind) {
	case PAGE_OFFSET:
		return (set_number(b, g->where, g->param, pos->offset, e));
	case PAGE_NUMBER:
		return (set_number(b, g->where, g->param, pos->number +
		    g->first, e));
	case PAGE_CURSOR:
		if (pos->cursor == NULL || g->param == NULL)
			return (0);
		if ((cursor = json_string(pos->cursor)) == NULL)
			return (err_set(e, ERR_PERMANENT, "page_cursor",
			    "the service's cursor for the next page is no "
			    "text"));
		if (g->keep != NULL && keep_only(b, g->keep, e)) {
			json_decref(cursor);
			return (-1);
		}
		return (request_build_set(b, g->where, g->param, cursor, e));
	case PAGE_NONE:
	case PAGE_LINK:
	case PAGE_NEXT_URL:
		break;
	}
	return (0);
}

static int
go_to(struct request_build * b, const char * next, struct err * e)
{
	struct buf url = BUF_INIT(REQUEST_MAX_URL + 8);

	if (request_url_resolve(b->url.p ? b->url.p : "", next, &url, e)) {
		buf_free(&url);
		return (-1);
	}
	if (b->r->nbase > url.len ||
	    strncmp(b->url.p, url.p, b->r->nbase) != 0)
		b->r->nbase = 0;
	buf_free(&b->url);
	b->url = url;
	json_object_clear(b->query);
	return (0);
}

/* Whether this page is asked how many rows there are. */
static int
wants_total(const struct plan * p, const struct page_pos * pos)
{
	return (p->list->split_query != NULL && pos->number == 0 &&
	    pos->offset == 0 && !(p->exact && p->limit >= 0));
}

/* All but the end. */
static int MUST_CHECK
build_page(struct request_build * b, const struct plan * p,
    const json_t * in, const struct page_pos * pos, struct err * e)
{
	const struct manifest_list * l = p->list;

	b->env.service = p->ent->service;
	if (request_build_url(b, l->url, e) ||
	    request_build_params(b, l->query, e) ||
	    (wants_total(p, pos) &&
	    request_build_params(b, l->split_query, e)) ||
	    request_build_headers(b, p->c->m->headers, e) ||
	    request_build_headers(b, l->headers, e) ||
	    request_build_body(b, l->body, e) ||
	    request_build_timeout(b, l->timeout_ms, e) ||
	    request_push(b, p, in, e) ||
	    request_clauses(b, p, in, size_of(p, pos), e) ||
	    request_order_query(b, p, e) ||
	    request_order_body(b, p, e) ||
	    set_position(b, p, pos, e))
		return (-1);
	return (pos->next_url != NULL ? go_to(b, pos->next_url, e) : 0);
}

struct request *
request_page(const struct plan * p, const json_t * in,
    const struct page_pos * pos, struct err * e)
{
	struct request_build b;
	struct request * r;
	int ok = request_build_begin(&b, p->c, p->config, in, e) == 0;

	/* A window that moves from page to page would lose rows or double them. */
	b.env.now_ms = p->now_ms;
	b.env.shows = pos->shows;
	ok = ok && build_page(&b, p, in, pos, e) == 0;
	r = request_build_end(&b, p->list->method, ok, e);
	if (r == NULL)
		err_prefix(e, "%s.%s", p->c->name, p->ent->name);
	return (r);
}
