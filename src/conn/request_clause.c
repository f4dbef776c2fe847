#include <stdint.h>
#include <string.h>

#include "conn/request_build.h"

/*
 * Clause languages: what is pushed as one text.  Values are quoted by the
 * language, the rest is the manifest's own words.
 */
static enum template_quote
quoting(const struct manifest_clause * cl)
{
	if (strcmp(cl->language, "entity") == 0)
		return (QUOTE_ENTITY);
	if (strcmp(cl->language, "selector") == 0)
		return (QUOTE_SELECTOR);
	if (strcmp(cl->language, "soql") == 0)
		return (QUOTE_SOQL);
	if (strcmp(cl->language, "spl") == 0)
		return (QUOTE_SPL);
	return (strcmp(cl->language, "jql") == 0 ? QUOTE_JQL :
	    QUOTE_QUERY_STRING);
}

/* Add "text" for ${v} behind a joiner. */
static int
add(struct request_build * b, const struct manifest_clause * cl,
    const char * text, const json_t * v, struct buf * out, struct err * e)
{
	if (out->len > 0)
		buf_adds(out, cl->joiner ? cl->joiner : " ");
	b->env.value = json_is_null(v) ? NULL : v;
	if (template_expand(text ? text : "{{value}}", &b->env, quoting(cl),
	    out, e))
		return (-1);
	b->env.value = NULL;
	return (0);
}

/* One text for all values, or one for each. */
static int
add_rule(struct request_build * b, const struct manifest_clause * cl,
    const struct manifest_push * rule, const json_t * v, struct buf * out,
    struct err * e)
{
	const json_t * one;
	size_t i;

	if (rule->many != MANY_REPEAT || !json_is_array(v))
		return (add(b, cl, rule->text, v, out, e));
	json_array_foreach((json_t *)(uintptr_t)v, i, one)
		if (add(b, cl, rule->text, one, out, e))
			return (-1);
	return (0);
}

static int
add_pushes(struct request_build * b, const struct plan * p, const json_t * in,
    const struct manifest_clause * cl, struct buf * out, struct err * e)
{
	const struct manifest_push * rule;
	size_t i;
	json_t * v;
	int rc;

	for (i = 0; i < p->npreds; i++) {
		rule = p->preds[i].push;
		if (rule != NULL && rule->where == IN_CLAUSE &&
		    strcmp(rule->name, cl->language) == 0 &&
		    add_rule(b, cl, rule, p->preds[i].sent, out, e))
			return (-1);
	}
	for (i = 0; i < p->ent->ncolumns; i++) {
		v = request_push_input(p, i, in, &rule);
		rc = v != NULL && rule->where == IN_CLAUSE &&
		    strcmp(rule->name, cl->language) == 0 ?
		    add_rule(b, cl, rule, v, out, e) : 0;
		json_decref(v);
		if (rc != 0)
			return (-1);
	}
	return (0);
}

static int
add_order(struct request_build * b, const struct plan * p, const char * t,
    struct buf * out, struct err * e)
{
	struct buf words = BUF_INIT(REQUEST_MAX_TEXT);
	json_t * order;
	size_t i;

	for (i = 0; i < p->norders; i++) {
		if ((order = request_order(p, i)) == NULL) {
			buf_free(&words);
			return (err_nomem(e, "a request"));
		}
		buf_addf(&words, "%s%s %s", i > 0 ? ", " : "",
		    json_string_value(json_object_get(order, "column")),
		    json_string_value(json_object_get(order, "direction")));
		json_decref(order);
	}
	order = words.failed ? NULL : json_string(words.p ? words.p : "");
	buf_free(&words);
	/* Nothing stands before it: no blank either. */
	if (out->len == 0)
		t += strspn(t, " ");
	return (request_build_text(b, t, &b->env.order, order, out, e));
}

/* As for the size of a page: at least one, so that the answer is a list. */
static int
add_limit(struct request_build * b, const char * t, int64_t limit,
    struct buf * out, struct err * e)
{
	return (request_build_text(b, t, &b->env.value,
	    json_integer(limit > 0 ? limit : 1), out, e));
}

/* How many rows the clause asks for; -1: all. */
static int64_t
rows_of(const struct plan * p, const struct manifest_clause * cl, int64_t size)
{
	const struct manifest_paginate * g = &p->list->paginate;

	if (cl->limit == NULL)
		return (-1);
	if (g->size_where == IN_CLAUSE && strcmp(g->size_param,
	    cl->language) == 0)
		return (size);
	/* Rows that are left out here would be missing from the number. */
	return (p->exact && p->limit >= 0 ? p->limit : -1);
}

static int
one_clause(struct request_build * b, const struct plan * p, const json_t * in,
    int64_t size, const struct manifest_clause * cl, struct buf * out,
    struct err * e)
{
	int64_t rows = rows_of(p, cl, size);

	if (cl->always != NULL && template_knows(cl->always, &b->env) &&
	    template_expand(cl->always, &b->env, quoting(cl), out, e))
		return (-1);
	if (add_pushes(b, p, in, cl, out, e))
		return (-1);
	if (out->len == 0 && cl->empty != NULL && template_expand(cl->empty,
	    &b->env, quoting(cl), out, e))
		return (-1);
	if (p->norders > 0 && cl->order != NULL &&
	    add_order(b, p, cl->order, out, e))
		return (-1);
	if (rows >= 0 && add_limit(b, cl->limit, rows, out, e))
		return (-1);
	if (out->failed)
		return (err_nomem(e, "a request"));
	if (out->len == 0)
		return (0);
	return (request_build_set(b, cl->where, cl->name,
	    json_stringn(out->p, out->len), e));
}

int
request_clauses(struct request_build * b, const struct plan * p,
    const json_t * in, int64_t size, struct err * e)
{
	struct buf text = BUF_INIT(REQUEST_MAX_TEXT);
	size_t i;
	int rc = 0;

	for (i = 0; i < p->list->nclauses && rc == 0; i++) {
		buf_clear(&text);
		rc = one_clause(b, p, in, size, &p->list->clauses[i], &text, e);
		b->env.value = NULL;
	}
	buf_free(&text);
	return (rc);
}
