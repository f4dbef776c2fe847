/*
 * EXPLAIN in terms of the services: a row a scan, in the order of the program.
 * Nothing is asked.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conn/limits.h"
#include "conn/request.h"
#include "query/query_live.h"
#include "target/elastic_search.h"

enum { C_ENTITY, C_REQUEST, C_PUSHED, C_LOCAL, C_ORDER, C_LIMIT, C_CALLS, C_CACHE,
	C_LIST, C_COUNT };

/* The parts of one row. */
struct line {
	struct buf text[C_COUNT];
};

static void
line_free(struct line * l)
{
	size_t i;

	for (i = 0; i < C_COUNT; i++)
		buf_free(&l->text[i]);
}

/* The columns that orders name. */
static void
say_order(const struct query_scan * s, struct buf * out)
{
	const struct plan * p = s->plan;
	size_t i;

	if (s->sorts)
		buf_adds(out, "here");
	else if (s->ordered) {
		buf_adds(out, "by the service: ");
		for (i = 0; i < s->norders; i++)
			buf_addf(out, "%s%s%s", i > 0 ? ", " : "",
			    p->ent->columns[s->orders[i].column].name,
			    s->orders[i].desc ? " DESC" : "");
	}
}

/* Whether a value comes from the tables before it. */
static int
is_asked_a_row(const struct query_choice * ch)
{
	return (ch->inner && !ch->known && ch->h.nasks > 0);
}

/* What columns cost that the list does not tell. */
static void
say_lazy(const struct plan * p, struct buf * out)
{
	const struct manifest_entity * ent = p->ent;
	const char * sep = ", and 1 a row for ";
	size_t i;

	for (i = 0; i < ent->ncolumns; i++) {
		if (ent->columns[i].lazy == NULL || !p->wanted[i])
			continue;
		if (ent->complete_match) {
			buf_addf(out, ", and those of %s, for each different "
			    "%s", ent->complete,
			    ent->columns[ent->complete_key].name);
			return;
		}
		buf_addf(out, "%s%s", sep, ent->columns[i].name);
		sep = ", ";
	}
}

static void
say_calls(const struct query_choice * ch, const char * before,
    const struct plan * p, struct buf * out)
{
	const struct manifest_paginate * pg = &p->list->paginate;
	struct buf cost = BUF_INIT(1000);
	int size = pg->size;

	if (pg->kind == PAGE_NONE)
		buf_adds(out, "1");
	else if (size > 0)
		buf_addf(out, "1 a page of %d", size);
	else
		buf_adds(out, "1 a page");
	if (p->list->partition != NULL)
		buf_addf(out, ", for each of %s", p->list->partition);
	say_lazy(p, out);
	limits_describe(p->c, &p->list->toll, &cost);
	if (cost.len > 0)
		buf_addf(out, ", each takes %s", cost.p);
	buf_free(&cost);
	if (is_asked_a_row(ch) && before != NULL)
		buf_addf(out, ", for each different row of %s", before);
}

/* What the rows of the entity that it is listed for will give. */
static int
name_inputs(const struct plan * p, json_t * in, struct err * e)
{
	const char * name;
	char text[140];
	const json_t * v;

	json_object_foreach((json_t *)(uintptr_t)p->list->bind, name, v) {
		(void)v;
		snprintf(text, sizeof(text), "{%.130s}", name);
		if (json_object_get(in, name) == NULL &&
		    json_object_set_new(in, name, json_string(text)))
			return (err_nomem(e, "EXPLAIN"));
	}
	return (0);
}

static int
say_call(const struct plan * p, json_t * inputs, size_t n, struct buf * out,
    struct err * e)
{
	struct page_pos pos = { .shows = p->list->partition != NULL };
	json_t * in = json_array_get(inputs, 0);
	struct request * r;

	if ((pos.shows && name_inputs(p, in, e)) ||
	    (r = request_page(p, in, &pos, e)) == NULL)
		return (-1);
	buf_addf(out, "%s ", r->method);
	request_show_url(r, out);
	if (n > 1)
		buf_addf(out, " (and %zu more)", n - 1);
	if (r->body != NULL) {
		buf_addc(out, ' ');
		buf_add(out, r->body, r->body_len);
	}
	request_free(r);
	return (0);
}

/* The first request of ${p}. */
static int
say_request(const struct query_entity * en, const struct plan * p,
    struct buf * out, struct err * e)
{
	size_t n = 0;
	json_t * in = plan_inputs(p, &n, e);
	int rc = 0;

	if (in == NULL)
		return (-1);
	if (n == 0)
		buf_adds(out, "none: no row can be meant");
	else if (!en->is_index)
		rc = say_call(p, in, n, out, e);
	else if (elastic_search_show(p, out))
		rc = err_nomem(e, "EXPLAIN");
	json_decref(in);
	return (rc);
}

/* The plan is the caller's. */
static int
look(struct query_live * v, const struct query_choice * ch, size_t number,
    struct query_scan * s, struct err * e)
{
	int64_t all = -1;

	query_key_known(&v->key, number, ch);
	if (ch->limit == -2)
		memcpy(v->key.p + sizeof(uint32_t), &all, sizeof(all));
	s->plan = query_key_plan(v, ch, &v->key, 1, e);
	s->known = ch->known;
	s->ordered = ch->h.ordered;
	s->orders = ch->h.orders;
	s->norders = ch->h.norders;
	s->sorts = ch->h.sorts;
	s->limit = ch->limit;
	return (s->plan == NULL ? -1 : 0);
}

static int
fill(struct query_live * v, const struct query_choice * ch,
    const struct query_scan * s, const char * before, struct line * l,
    struct err * e)
{
	const struct query_entity * en = &v->ents[ch->h.entity];
	const struct plan * p = s->plan;
	int64_t age = -1;

	buf_addf(&l->text[C_ENTITY], "%s.%s", en->c->name, en->ent->name);
	if (say_request(en, p, &l->text[C_REQUEST], e))
		return (-1);
	if (ch->local.len > 0)
		buf_add(&l->text[C_LOCAL], ch->local.p, ch->local.len);
	plan_describe(p, &l->text[C_PUSHED], &l->text[C_LOCAL]);
	say_order(s, &l->text[C_ORDER]);
	if (s->limit >= 0)
		buf_addf(&l->text[C_LIMIT], "%lld rows%s",
		    (long long)s->limit, p->exact ? "" : " at least");
	say_calls(ch, before, p, &l->text[C_CALLS]);
	if (v->q->opts.conn != NULL && s->known && !en->is_index)
		age = reader_cached(v->q->opts.conn, p);
	/* Which of several it is; without a word of its own the request says it. */
	if (p->list->name != p->list->url && !en->is_index)
		buf_adds(&l->text[C_LIST], p->list->name);
	if (age >= 0)
		buf_addf(&l->text[C_CACHE], "fresh, %lld s old",
		    (long long)(age / 1000));
	else
		buf_adds(&l->text[C_CACHE], "none");
	return (0);
}

static void
send_line(struct query * q, const struct line * l)
{
	struct query_value row[C_COUNT];
	size_t i;

	memset(row, 0, sizeof(row));
	for (i = 0; i < C_COUNT; i++) {
		row[i].type = l->text[i].len > 0 ? QUERY_TEXT : QUERY_NULL;
		row[i].s = l->text[i].p != NULL ? l->text[i].p : "";
		row[i].len = l->text[i].len;
	}
	q->st.rows++;
	q->resumed = 0;
	if (q->sink.row != NULL && q->sink.row(q->sink.arg, C_COUNT, row))
		query_pause(q);
}

/* One scan: its facts, and the row that says them. */
static int
explain(struct query * q, size_t number, const char * before, struct err * e)
{
	struct query_choice * ch = q->live->choices[number];
	struct query_scan s;
	struct line l;
	int rc;

	memset(&l, 0, sizeof(l));
	if (look(q->live, ch, number, &s, e))
		return (-1);
	if (q->sink.scan != NULL)
		q->sink.scan(q->sink.arg, &s);
	if ((rc = fill(q->live, ch, &s, before, &l, e)) == 0)
		send_line(q, &l);
	line_free(&l);
	plan_free((struct plan *)(uintptr_t)s.plan);
	return (rc);
}

int
query_explain(struct query * q, struct err * e)
{
	static const char * const names[C_COUNT] = { "entity", "request",
	    "pushed", "local", "order", "limit", "calls", "cache", "list" };
	static const char * const types[C_COUNT] = { "TEXT", "TEXT", "TEXT",
	    "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT" };
	size_t scan[QUERY_MAX_TABLES], i;
	const char * before = NULL;
	int n = 0, rc = 0;

	if (q->live != NULL && (n = query_ops_look(q->live, scan,
	    QUERY_MAX_TABLES)) < 0)
		return (query_stopped(q, e) ? -1 : err_nomem(e, "EXPLAIN"));
	if (q->sink.columns != NULL)
		q->sink.columns(q->sink.arg, C_COUNT, names, types);
	for (i = 0; i < (size_t)n && rc == 0; i++) {
		rc = explain(q, scan[i], before, e);
		before = q->live->ents[q->live->choices[scan[i]]->h.entity].
		    ent->name;
		if (rc == 0 && query_breathe(q))
			rc = query_stopped(q, e);
	}
	return (rc);
}
