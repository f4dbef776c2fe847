#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "conn/reader_ask.h"
#include "conn/reader_split.h"

#define DEPTH_MAX 4

/* A plan for the entity that is partitioned over: only what is bound and what
 * is looked at, for the inputs ${in} that it has too. */
static struct plan *
parent_plan(const struct reader * r, const json_t * in, struct err * e)
{
	const struct manifest_entity * ent = r->src.ent;
	const struct manifest_list * list = r->plan->list;
	const json_t * from[2] = { in, list->where }, * v;
	struct reader_ask ask;
	struct plan * p;
	const char * name;
	int at, i;

	if (reader_ask_begin(&ask, json_object_size(in) +
	    json_object_size(list->where), e))
		return (NULL);
	for (i = 0; i < 2; i++)
		json_object_foreach((json_t *)(uintptr_t)from[i], name, v) {
			at = manifest_column(ent, name);
			if (at >= 0 && (i == 1 || ent->columns[at].is_input))
				reader_ask_input(&ask, (size_t)at, v);
		}
	p = plan_new(r->plan->c, ent, ask.given, ask.n, NULL, 0, e);
	reader_ask_end(&ask);
	return (p);
}

static void
want_bound(const struct reader * r, struct plan * p)
{
	const struct manifest_list * list = r->plan->list;
	const char * name;
	const json_t * v;
	int at;

	memset(p->wanted, 0, r->src.ent->ncolumns);
	json_object_foreach((json_t *)(uintptr_t)list->bind, name, v)
		if ((at = manifest_column(r->src.ent,
		    log_or_empty(json_string_value(v)))) >= 0)
			p->wanted[at] = 1;
	json_object_foreach((json_t *)(uintptr_t)list->where, name, v)
		if ((at = manifest_column(r->src.ent, name)) >= 0)
			p->wanted[at] = 1;
}

int
reader_parts_open(struct reader * r, struct err * e)
{
	struct reader_source * s = &r->src;
	const struct manifest_list * list = r->plan->list;

	if ((s->inputs = plan_inputs(r->plan, &s->n, e)) == NULL)
		return (-1);
	if (list->partition == NULL)
		return (0);
	s->ent = manifest_entity(r->plan->c->m, list->partition);
	if (s->ent == NULL || s->ent == r->plan->ent)
		return (err_set(e, ERR_CONFIG, "manifest", "%s.%s: the entity "
		    "%s that it is partitioned over is not another one of the "
		    "manifest", r->plan->c->name, r->plan->ent->name,
		    list->partition));
	return (0);
}

static int
open_parent(struct reader * r, struct err * e)
{
	struct reader_source * s = &r->src;
	struct plan * p = parent_plan(r, json_array_get(s->inputs, s->at), e);

	if (p == NULL)
		return (-1);
	/* One that comes back to where it began would be without end. */
	if (r->depth == DEPTH_MAX) {
		plan_free(p);
		return (err_set(e, ERR_CONFIG, "manifest", "%s.%s: more than "
		    "%d partitions over one another; mend the manifest",
		    r->plan->c->name, r->plan->ent->name, DEPTH_MAX));
	}
	want_bound(r, p);
	if ((s->parent = reader_open(r->env, p, r->ctx, e)) == NULL)
		return (-1);
	s->parent->depth = r->depth + 1;
	return (0);
}

static json_t *
json_of(const struct value * v)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		break;
	case VALUE_INT:
		return (json_integer(v->i));
	case VALUE_REAL:
		return (json_real(v->d));
	case VALUE_TEXT:
		return (json_stringn(v->s, v->len));
	}
	return (NULL);
}

static int
is_equal(const struct manifest_column * col, const struct value * v,
    const json_t * want)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		return (json_is_null(want));
	case VALUE_INT:
		return (json_is_boolean(want) ? v->i == json_is_true(want) :
		    json_is_integer(want) && v->i == json_integer_value(want));
	case VALUE_REAL:
		return (json_is_number(want) &&
		    !(v->d < json_number_value(want)) &&
		    !(v->d > json_number_value(want)));
	case VALUE_TEXT:
		break;
	}
	return (json_is_string(want) && json_string_length(want) == v->len &&
	    (col->nocase ?
	    strncasecmp(v->s, json_string_value(want), v->len) == 0 :
	    memcmp(v->s, json_string_value(want), v->len) == 0));
}

/* Whether the parent's row is one of those asked for: a push may give more. */
static int
is_wanted(const struct reader * r, const struct value * row)
{
	const char * name;
	const json_t * v;
	int at;

	json_object_foreach((json_t *)(uintptr_t)r->plan->list->where, name, v)
		if ((at = manifest_column(r->src.ent, name)) >= 0 &&
		    !is_equal(&r->src.ent->columns[at], &row[at], v))
			return (0);
	return (1);
}

/* The inputs of one row of the parent; NULL: it has not all of them, or no
 * memory (then ${bad}). */
static json_t *
bound(const struct reader * r, const struct value * row, int * bad)
{
	const struct manifest_entity * ent = r->src.ent;
	json_t * in = json_copy(json_array_get(r->src.inputs, r->src.at));
	const json_t * v;
	const char * name;
	json_t * j;
	int at;

	*bad = in == NULL;
	json_object_foreach((json_t *)(uintptr_t)r->plan->list->bind, name, v) {
		at = manifest_column(ent, log_or_empty(json_string_value(v)));
		j = at < 0 ? NULL : json_of(&row[at]);
		if (j == NULL || json_object_set_new(in, name, j)) {
			*bad |= j != NULL;
			json_decref(in);
			return (NULL);
		}
	}
	return (in);
}

static void
on_rows(void * arg, struct page * p, const struct err * e)
{
	struct reader * r = arg;
	struct reader_source * s = &r->src;

	s->waits = 0;
	if (e != NULL) {
		s->has_failed = 1;
		s->e = *e;
		err_prefix(&s->e, "for the rows of %s", r->plan->ent->name);
	} else if (p == NULL) {
		if (s->parent->skips.n > 0)
			reader_skipped(r, &s->parent->skips);
		reader_close(s->parent);
		s->parent = NULL;
		s->at++;
	}
	s->rows = p;
	s->row = 0;
	reader_soon(r);
}

/* The next inputs of a partition; NULL: none now. */
static json_t *
next_bound(struct reader * r)
{
	struct reader_source * s = &r->src;
	const struct value * row;
	json_t * in;
	int bad;

	for (;;) {
		while (s->rows != NULL && s->row < s->rows->nrows) {
			row = page_at(s->rows, s->row++);
			if (!is_wanted(r, row))
				continue;
			if ((in = bound(r, row, &bad)) != NULL)
				return (in);
			if (bad) {
				s->has_failed = 1;
				err_nomem(&s->e, "a partition");
				return (NULL);
			}
		}
		page_unref(s->rows);
		s->rows = NULL;
		if (s->waits || s->has_failed || s->at >= s->n)
			return (NULL);
		if (s->parent == NULL && open_parent(r, &s->e)) {
			s->has_failed = 1;
			return (NULL);
		}
		s->waits = 1;
		reader_next(s->parent, on_rows, r);
	}
}

/* The next inputs; NULL: none now. */
static json_t *
next_inputs(struct reader * r)
{
	struct reader_source * s = &r->src;

	if (s->ent != NULL)
		return (next_bound(r));
	return (s->at < s->n ?
	    json_incref(json_array_get(s->inputs, s->at++)) : NULL);
}

struct reader_part *
reader_parts_next(struct reader * r)
{
	struct reader_source * s = &r->src;
	struct reader_part * p;
	json_t * in;
	int rc;

	while (!s->has_failed && (in = next_inputs(r)) != NULL) {
		if ((p = calloc(1, sizeof(*p))) == NULL) {
			s->has_failed = 1;
			err_nomem(&s->e, "a partition");
			json_decref(in);
			return (NULL);
		}
		p->r = r;
		p->in = in;
		reader_paginate_begin(p);
		if ((rc = reader_sync_part(p, &s->e)) > 0)
			return (p);
		/* What an earlier run has read was not refused. */
		s->has_failed |= rc < 0;
		r->good += rc == 0;
		reader_parts_free(p);
	}
	if (!s->has_failed && reader_parts_ended(r))
		s->has_failed = reader_sync_ended(r, &s->e) != 0;
	return (NULL);
}

/* Ask for the values ${from} to ${to} of ${list} next, beside the rest of ${in}. */
static int
ask_next(struct reader_source * s, const json_t * in, const char * name,
    const json_t * list, size_t from, size_t to)
{
	json_t * set = json_copy((json_t *)(uintptr_t)in), * some = json_array();
	int rc = set == NULL || some == NULL;

	for (; from < to && rc == 0; from++)
		rc = json_array_append(some, json_array_get(list, from));
	if (rc || json_object_set(set, name, some) ||
	    json_array_insert(s->inputs, s->at, set))
		rc = -1;
	else
		s->n++;
	json_decref(some);
	json_decref(set);
	return (rc);
}

int
reader_parts_halve(struct reader_part * p)
{
	const struct manifest_list * l = p->r->plan->list;
	const char * name = json_string_value(json_array_get(l->needs, 0));
	const json_t * list = name ? json_object_get(p->in, name) : NULL;
	size_t n = json_array_size(list);

	/* Rows that came of them already would come again. */
	if (l->batch == 0 || n < 2 || p->number > 0)
		return (0);
	return (ask_next(&p->r->src, p->in, name, list, n / 2, n) ||
	    ask_next(&p->r->src, p->in, name, list, 0, n / 2) ? -1 : 1);
}

int
reader_parts_ended(const struct reader * r)
{
	const struct reader_source * s = &r->src;

	return (s->has_failed || (s->at >= s->n && s->rows == NULL));
}

void
reader_parts_close(struct reader * r)
{
	struct reader_source * s = &r->src;

	reader_close(s->parent);
	page_unref(s->rows);
	json_decref(s->inputs);
}

void
reader_parts_free(struct reader_part * p)
{
	reader_call_cancel(p->call);
	page_unref(p->page);
	json_decref(p->in);
	reader_paginate_end(p);
	reader_split_free(p->split);
	reader_seen_forget(&p->seen);
	reader_sync_part_free(p);
	free(p);
}

/* The cell that shows ${v} in a column of type ${t}; -1: no memory. */
static int
cell_of(struct page * page, enum column_type t, const json_t * v,
    struct value * out)
{
	const char * s = json_string_value(v);
	size_t n = json_string_length(v);
	char buf[32], * end, * text;

	out->type = VALUE_NULL;
	if (json_is_boolean(v) || json_is_integer(v)) {
		out->type = VALUE_INT;
		out->i = json_is_boolean(v) ? json_is_true(v) :
		    json_integer_value(v);
	} else if (json_is_real(v)) {
		out->type = VALUE_REAL;
		out->d = json_real_value(v);
	} else if (s != NULL && n > 0 &&
	    (t == COLUMN_INTEGER || t == COLUMN_BOOLEAN)) {
		out->i = strtoll(s, &end, 10);
		if (*end == '\0')
			out->type = VALUE_INT;
	}
	if (out->type == VALUE_INT && t == COLUMN_REAL) {
		out->d = (double)out->i;
		out->type = VALUE_REAL;
	}
	if (out->type == VALUE_INT && t != COLUMN_INTEGER &&
	    t != COLUMN_BOOLEAN && s == NULL) {
		n = (size_t)snprintf(buf, sizeof(buf), "%lld",
		    (long long)out->i);
		s = buf;
		out->type = VALUE_NULL;
	}
	if (out->type != VALUE_NULL || s == NULL)
		return (0);
	if ((text = page_text(page, s, n)) == NULL)
		return (-1);
	out->type = VALUE_TEXT;
	out->len = (uint32_t)n;
	out->s = text;
	return (0);
}

int
reader_parts_fill(const struct reader_part * part, struct page * page)
{
	const struct plan * p = part->r->plan;
	const struct manifest_column * col;
	struct value v;
	const json_t * in;
	size_t i, row;

	for (i = 0; i < p->ent->ncolumns && page->nrows > 0; i++) {
		col = &p->ent->columns[i];
		if (!col->is_input || !p->wanted[i] ||
		    (in = json_object_get(part->in, col->name)) == NULL)
			continue;
		memset(&v, 0, sizeof(v));
		if (cell_of(page, col->type, in, &v))
			return (-1);
		/* What the record itself says goes before. */
		for (row = 0; row < page->nrows; row++)
			if (page->cells[row * page->ncols + i].type ==
			    VALUE_NULL)
				page->cells[row * page->ncols + i] = v;
	}
	return (0);
}
