#include <stdint.h>
#include <string.h>

#include "conn/plan_choose.h"
#include "conn/plan_push.h"
#include "conn/request_build.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

/* ---- what is pushed ---- */

/* One value in the rule's words; a new reference. */
static json_t *
worded(struct request_build * b, const struct manifest_push * rule,
    const json_t * v, struct err * e)
{
	json_t * t, * out;

	if (rule->text == NULL)
		return (json_incref(MUTABLE(v)));
	b->env.value = json_is_null(v) ? NULL : v;
	if ((t = json_string(rule->text)) == NULL) {
		err_nomem(e, "a request");
		return (NULL);
	}
	out = template_json(t, &b->env, e);
	json_decref(t);
	b->env.value = NULL;
	return (out);
}

/* "a,b" of a list of scalars. */
static json_t *
joined(const json_t * list)
{
	struct buf s = BUF_INIT(REQUEST_MAX_TEXT);
	json_t * v, * out;
	size_t i;

	json_array_foreach(list, i, v) {
		if (i > 0)
			buf_addc(&s, ',');
		if (json_is_string(v))
			buf_add(&s, json_string_value(v),
			    json_string_length(v));
		else if (json_is_integer(v))
			buf_addf(&s, "%lld", (long long)json_integer_value(v));
		else if (json_is_real(v))
			buf_addf(&s, "%.15g", json_real_value(v));
		else
			buf_adds(&s, json_is_true(v) ? "true" : "false");
	}
	out = s.failed ? NULL : json_stringn(s.p ? s.p : "", s.len);
	buf_free(&s);
	return (out);
}

/* Parameters that go along with a push. */
static int
set_with(struct request_build * b, const struct manifest_push * rule,
    const json_t * v, struct err * e)
{
	json_t * all, * one;
	const char * name;
	void * tmp;
	int rc = 0;

	if (rule->with == NULL)
		return (0);
	b->env.value = json_is_null(v) ? NULL : v;
	all = template_json(rule->with, &b->env, e);
	b->env.value = NULL;
	if (all == NULL)
		return (-1);
	json_object_foreach_safe(all, tmp, name, one) {
		if (json_is_null(one))
			json_object_del(b->query, name);
		else if ((rc = request_build_set(b, IN_QUERY, name,
		    json_incref(one), e)) != 0)
			break;
	}
	json_decref(all);
	return (rc);
}

/* Put what the rule says of ${v} at the end of a list in the body; where it
 * takes several values they are a list, also if it is one. */
static int
push_added(struct request_build * b, const struct manifest_push * rule,
    const json_t * v, struct err * e)
{
	json_t * list = NULL, * out;
	int rc;

	if (rule->many != MANY_ONE && !json_is_array(v)) {
		if ((list = json_pack("[O]", v)) == NULL)
			return (err_nomem(e, "a request"));
		v = list;
	}
	b->env.value = json_is_null(v) ? NULL : v;
	out = template_json(rule->add, &b->env, e);
	b->env.value = NULL;
	json_decref(list);
	rc = out == NULL || request_build_add(b, rule->name, out, e);
	return (rc || set_with(b, rule, v, e) ? -1 : 0);
}

/* Send ${v} (a scalar or a list) by ${rule}. */
static int
push(struct request_build * b, const struct manifest_push * rule,
    const json_t * v, struct err * e)
{
	json_t * out, * one, * word, * list;
	size_t i;
	int rc;

	if (rule->add != NULL)
		return (push_added(b, rule, v, e));
	/* Where places have numbers, a single value has one, too. */
	if (rule->many == MANY_REPEAT && rule->where == IN_BODY &&
	    b->r->c->m->form_numbered && !json_is_array(v)) {
		if ((list = json_pack("[O]", v)) == NULL)
			return (err_nomem(e, "a request"));
		rc = push(b, rule, list, e);
		json_decref(list);
		return (rc);
	}
	/* What says the same of each value says it once. */
	if (!json_is_array(v) || (rule->text != NULL &&
	    !template_text_uses(rule->text, "value"))) {
		out = worded(b, rule, v, e);
	} else {
		if ((out = json_array()) == NULL)
			return (err_nomem(e, "a request"));
		json_array_foreach(v, i, one) {
			word = worded(b, rule, one, e);
			if (word == NULL || json_array_append_new(out, word)) {
				json_decref(out);
				return (word == NULL ? -1 :
				    err_nomem(e, "a request"));
			}
		}
		if (rule->many == MANY_CSV) {
			word = joined(out);
			json_decref(out);
			if ((out = word) == NULL)
				return (err_nomem(e, "a request"));
		}
	}
	if (out == NULL || request_build_set(b, rule->where, rule->name, out, e))
		return (-1);
	return (set_with(b, rule, v, e));
}

/* "LOWER..UPPER" of the bounds that go by ${rule}; of an open side "*". */
static json_t *
range_of(const struct plan * p, const struct manifest_push * rule)
{
	const char * lower = "*", * upper = "*", ** side;
	size_t i;

	for (i = 0; i < p->npreds; i++) {
		if (p->preds[i].push != rule)
			continue;
		side = p->preds[i].op & (OP_GE | OP_GT) ? &lower : &upper;
		*side = json_string_value(p->preds[i].sent);
	}
	return (json_sprintf("%s%s%s", lower, rule->range, upper));
}

/* What all predicates send by the rule of the ${i}-th, if it is the first. */
static json_t *
values_of(const struct plan * p, size_t i)
{
	const struct manifest_push * rule = p->preds[i].push;
	json_t * all, * one;
	size_t j, k, n = 0;

	/* Each is one of a list by itself. */
	if (rule->add != NULL)
		return (json_incref(p->preds[i].sent));
	for (j = 0; j < p->npreds; j++)
		if (p->preds[j].push == rule) {
			if (j < i)
				return (NULL);
			n++;
		}
	if (rule->range != NULL)
		return (range_of(p, rule));
	if (n == 1)
		return (json_incref(p->preds[i].sent));
	all = json_array();
	for (j = i; j < p->npreds; j++) {
		if (p->preds[j].push != rule)
			continue;
		if (!json_is_array(p->preds[j].sent))
			json_array_append(all, p->preds[j].sent);
		json_array_foreach(p->preds[j].sent, k, one)
			json_array_append(all, one);
	}
	return (all);
}

json_t *
request_page_input(const struct plan * p, size_t col, const json_t * in,
    const struct manifest_push ** rule)
{
	const struct manifest_column * c = &p->ent->columns[col];
	const json_t * v = json_object_get(in, c->name);
	struct value val = { .type = VALUE_NULL };
	struct plan_pred pred = { .op = OP_EQ, .nvalues = 1, .values = &val };
	size_t i;
	int exact;

	*rule = NULL;
	if (v == NULL || plan_choose_use(p->list, p->ent, col) != USE_PUSH)
		return (NULL);
	/* Several values in one call go as a predicate. */
	for (i = 0; i < p->npreds; i++)
		if (p->preds[i].push != NULL && p->preds[i].column == col)
			return (NULL);
	*rule = plan_choose_rule(p->list, col, OP_EQ);
	if (json_is_string(v)) {
		val.type = VALUE_TEXT;
		val.s = json_string_value(v);
		val.len = (uint32_t)json_string_length(v);
	} else if (json_is_integer(v)) {
		val.type = VALUE_INT;
		val.i = json_integer_value(v);
	} else if (json_is_boolean(v)) {
		val.type = VALUE_INT;
		val.i = json_is_true(v);
	} else if (json_is_real(v)) {
		val.type = VALUE_REAL;
		val.d = json_real_value(v);
	}
	return (plan_push_value(c, *rule, &pred, &exact));
}

static int
push_all(struct request_build * b, const struct plan * p, const json_t * in,
    struct err * e)
{
	const struct manifest_push * rule;
	json_t * v;
	size_t i;
	int rc = 0;

	for (i = 0; i < p->npreds && rc == 0; i++) {
		if (p->preds[i].push == NULL ||
		    p->preds[i].push->where == IN_CLAUSE ||
		    (v = values_of(p, i)) == NULL)
			continue;
		rc = push(b, p->preds[i].push, v, e);
		json_decref(v);
	}
	for (i = 0; i < p->ent->ncolumns && rc == 0; i++) {
		v = request_page_input(p, i, in, &rule);
		if (rule != NULL && v == NULL)
			rc = err_set(e, ERR_PERMANENT, "input", "the value of "
			    "%s is none that the service can be asked with",
			    p->ent->columns[i].name);
		else if (v != NULL && rule->where != IN_CLAUSE)
			rc = push(b, rule, v, e);
		json_decref(v);
	}
	return (rc);
}

/* ---- order ---- */

json_t *
request_order(const struct plan * p, size_t i)
{
	const struct manifest_list * l = p->list;
	const char * dir = p->orders[i].desc ? l->order_desc : l->order_asc;
	const char * as = NULL;
	size_t j;

	for (j = 0; j < l->norders; j++)
		if (l->orders[j].column == p->orders[i].column)
			as = l->orders[j].as;
	return (json_pack("{s:s, s:s, s:s, s:s}", "column", as ? as : "",
	    "direction", dir ? dir : p->orders[i].desc ? "desc" : "asc",
	    "sign", p->orders[i].desc ? "-" : "+",
	    "minus", p->orders[i].desc ? "-" : ""));
}

/* The template of each column, with commas between. */
static int
order_text(struct request_build * b, const struct plan * p, const char * t,
    struct buf * out, struct err * e)
{
	json_t * order;
	size_t i;
	int rc = 0;

	for (i = 0; i < p->norders && rc == 0; i++) {
		if ((order = request_order(p, i)) == NULL)
			return (err_nomem(e, "a request"));
		if (i > 0)
			buf_addc(out, ',');
		b->env.order = order;
		rc = template_expand(t, &b->env, QUOTE_TEXT, out, e);
		b->env.order = NULL;
		json_decref(order);
	}
	return (rc);
}

/* A list in the body of what the template says of each column. */
static int
order_list(struct request_build * b, const struct plan * p, const char * path,
    const json_t * t, struct err * e)
{
	json_t * list = json_array(), * order, * one;
	size_t i;

	for (i = 0; i < p->norders; i++) {
		order = request_order(p, i);
		b->env.order = order;
		one = order != NULL ? template_json(t, &b->env, e) : NULL;
		b->env.order = NULL;
		json_decref(order);
		if (one == NULL || json_array_append_new(list, one)) {
			json_decref(list);
			return (order != NULL && one == NULL ? -1 :
			    err_nomem(e, "a request"));
		}
	}
	return (request_build_set(b, IN_BODY, path, list, e));
}

static int
set_body_order(struct request_build * b, const struct plan * p,
    struct err * e)
{
	const char * path;
	json_t * t;

	if (p->norders == 0)
		return (0);
	json_object_foreach(MUTABLE(p->list->order_body), path, t)
		if (order_list(b, p, path, t, e))
			return (-1);
	return (0);
}

static int
set_order(struct request_build * b, const struct plan * p, struct err * e)
{
	struct buf s = BUF_INIT(REQUEST_MAX_TEXT);
	const char * name;
	json_t * t;
	int rc = 0;

	if (p->norders == 0 || p->list->order_query == NULL)
		return (0);
	json_object_foreach(MUTABLE(p->list->order_query), name, t) {
		buf_clear(&s);
		if (!json_is_string(t) || (rc = order_text(b, p,
		    json_string_value(t), &s, e)) != 0)
			break;
		rc = request_build_set(b, IN_QUERY, name,
		    json_stringn(s.p ? s.p : "", s.len), e);
		if (rc != 0)
			break;
	}
	buf_free(&s);
	return (rc);
}

/* ---- where paging stands ---- */

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

int
request_page_build(struct request_build * b, const struct plan * p,
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
	    push_all(b, p, in, e) ||
	    request_clauses(b, p, in, size_of(p, pos), e) ||
	    set_order(b, p, e) ||
	    set_body_order(b, p, e) ||
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
	ok = ok && request_page_build(&b, p, in, pos, e) == 0;
	r = request_build_end(&b, p->list->method, ok, e);
	if (r == NULL)
		err_prefix(e, "%s.%s", p->c->name, p->ent->name);
	return (r);
}
