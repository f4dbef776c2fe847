/*
 * How an entity is asked for what is new.  Oldest first from the cursor's value on
 * where the service can do both, for such a list may move while it is read and
 * nothing is stepped over; else newest first up to the cursor; else as it comes.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/quote.h"
#include "base/rfc3339.h"
#include "conn/plan.h"
#include "sync/sync_run_internal.h"

enum { ORDER_NONE, ORDER_ASC, ORDER_DESC };

/* Whether it is the cursor that the manifest names, and how it says it comes. */
static int
is_own(const struct sync_leg * l, const char ** order)
{
	const json_t * cu = l->ent->cursor;
	const char * name = json_string_value(json_object_get(cu, "column"));

	*order = json_string_value(json_object_get(cu, "order"));
	if (*order == NULL)
		*order = "none";
	return (name != NULL && strcasecmp(name, l->cu.col->name) == 0);
}

/* From where to ask: the stored value, or the beginning of time, so that a list
 * that moves can be asked for the rest by value the first time too. */
static int
asked_from(const struct sync_leg * l, int64_t * v)
{
	const char * order;

	if (l->win.on) {
		*v = l->win.lo;
		return (1);
	}
	if (sync_cursor_from(&l->cu, v))
		return (1);
	*v = 0;
	return (l->cu.col->type == COLUMN_TIMESTAMP && l->cu.col->not_null &&
	    is_own(l, &order));
}

/* Whether what is asked for ends before a value, too. */
static int
has_end(const struct sync_leg * l)
{
	return (l->win.on && !l->win.open);
}

static int
build(struct sync_leg * l, const int64_t * from, int order)
{
	struct buf * b = &l->sql;
	const char * sep = " WHERE ";
	size_t i;

	buf_clear(b);
	for (i = 0; i < l->ncols; i++) {
		buf_adds(b, i == 0 ? "SELECT " : ", ");
		quote_name(b, l->cols[i]->name);
	}
	buf_adds(b, " FROM ");
	quote_name(b, l->r->c->name);
	buf_addc(b, '.');
	quote_name(b, l->ent->name);
	if (l->r->d->where != NULL) {
		/* It may end in a comment. */
		buf_addf(b, " WHERE (%s\n)", l->r->d->where);
		sep = " AND ";
	}
	if (from != NULL) {
		buf_adds(b, sep);
		quote_name(b, l->cu.col->name);
		buf_adds(b, " >= ");
		sync_cursor_literal(&l->cu, *from, b);
		if (has_end(l)) {
			buf_adds(b, " AND ");
			quote_name(b, l->cu.col->name);
			buf_adds(b, " < ");
			sync_cursor_literal(&l->cu, l->win.hi, b);
		}
	}
	if (order != ORDER_NONE) {
		buf_adds(b, " ORDER BY ");
		quote_name(b, l->cu.col->name);
		buf_adds(b, order == ORDER_DESC ? " DESC" : "");
	}
	return (b->failed ? -1 : 0);
}

static int
add_literal(struct buf * b, const json_t * v)
{
	const char * s = json_string_value(v);

	if (json_is_integer(v))
		return (buf_addf(b, "%lld", (long long)json_integer_value(v)));
	if (json_is_real(v))
		return (buf_addf(b, "%.17g", json_real_value(v)));
	if (json_is_boolean(v))
		return (buf_addc(b, json_is_true(v) ? '1' : '0'));
	buf_addc(b, '\'');
	for (; s != NULL && *s != '\0'; s++) {
		if (*s == '\'')
			buf_addc(b, '\'');
		buf_addc(b, *s);
	}
	return (buf_addc(b, '\''));
}

int
sync_plan_all(struct sync_leg * l)
{
	return (build(l, NULL, ORDER_NONE));
}

int
sync_plan_fill(struct sync_leg * l, const json_t * in)
{
	const char * name;
	const json_t * v;
	size_t i;
	int n = l->r->d->where != NULL;

	if (build(l, NULL, ORDER_NONE))
		return (-1);
	json_object_foreach((json_t *)(uintptr_t)in, name, v) {
		buf_adds(&l->sql, n++ > 0 ? " AND " : " WHERE ");
		quote_name(&l->sql, name);
		/* Several may go in one call. */
		buf_adds(&l->sql, " IN (");
		for (i = 0; i < json_array_size(v); i++) {
			buf_adds(&l->sql, i > 0 ? ", " : "");
			add_literal(&l->sql, json_array_get(v, i));
		}
		if (!json_is_array(v))
			add_literal(&l->sql, v);
		buf_addc(&l->sql, ')');
	}
	return (l->sql.failed ? -1 : 0);
}

int
sync_plan_probes(const struct sync_leg * l)
{
	return (l->has_cursor && l->r->d->where != NULL);
}

int
sync_plan_probe(struct sync_leg * l, int desc)
{
	int64_t from;
	int has = asked_from(l, &from);

	return (build(l, desc || !has ? NULL : &from,
	    desc ? ORDER_DESC : ORDER_ASC));
}

/* What SQL writes for ${v}. */
static void
set_bound(const struct sync_leg * l, int64_t v, char text[RFC3339_LEN],
    struct value * out)
{
	memset(out, 0, sizeof(*out));
	if (l->cu.col->type == COLUMN_TIMESTAMP) {
		rfc3339_format(v, text);
		out->type = VALUE_TEXT;
		out->s = text;
		out->len = (uint32_t)strlen(text);
	} else {
		out->type = VALUE_INT;
		out->i = v;
	}
}

static int
is_pushed(const struct plan_pred * d)
{
	return (d->push != NULL && d->sent != NULL);
}

static int
is_same(const struct value * a, const struct value * b)
{
	if (b->type == VALUE_TEXT)
		return (a->type == VALUE_TEXT && a->len == b->len &&
		    memcmp(a->s, b->s, b->len) == 0);
	return (a->type == VALUE_REAL ? a->d >= (double)b->i &&
	    a->d <= (double)b->i : a->type == VALUE_INT && a->i == b->i);
}

/* Whether ${op} ${bound} goes down: the condition may have another on that column. */
static int
sends_bound(const struct sync_leg * l, const struct plan * p, unsigned op,
    int64_t bound)
{
	const struct plan_pred * d = p->preds;
	size_t i, col = (size_t)(l->cu.col - l->ent->columns);
	char text[RFC3339_LEN];
	struct value v;

	set_bound(l, bound, text, &v);
	for (i = 0; i < p->npreds; i++, d++)
		if (d->column == col && d->op == op && d->nvalues == 1 &&
		    is_pushed(d) && is_same(d->values, &v))
			return (1);
	return (0);
}

void
sync_plan_probed(struct sync_leg * l, const struct query_scan * s)
{
	int64_t from;

	l->probe_ordered = s->ordered;
	l->probe_filtered = asked_from(l, &from) &&
	    sends_bound(l, s->plan, OP_GE, from) && (!has_end(l) ||
	    sends_bound(l, s->plan, OP_LT, l->win.hi));
}

static int
goes_down(const struct plan * p)
{
	size_t i;

	for (i = 0; i < p->npreds; i++)
		if (!is_pushed(&p->preds[i]))
			return (0);
	return (p->npreds > 0);
}

/* A plan for this alone: whether it filters, orders, and is of parts. */
static int
try_plan(const struct sync_leg * l, const int64_t * from, int desc,
    int * filtered, int * ordered, struct err * e)
{
	struct plan_order order = { (size_t)(l->cu.col - l->ent->columns),
	    desc };
	struct value v[2];
	const struct plan_given given[2] = {
		{ order.column, OP_GE, &v[0], 1 },
		{ order.column, OP_LT, &v[1], 1 },
	};
	char text[2][RFC3339_LEN];
	struct plan * p;
	size_t n = from == NULL ? 0 : has_end(l) ? 2 : 1;

	if (n > 0)
		set_bound(l, *from, text[0], &v[0]);
	if (n > 1)
		set_bound(l, l->win.hi, text[1], &v[1]);
	if ((p = plan_new(l->r->c, l->ent, given, n, &order, 1, e)) == NULL)
		return (-1);
	*ordered = p->norders == 1 && p->list->partition == NULL;
	*filtered = goes_down(p);
	plan_free(p);
	return (0);
}

int
sync_plan_choose(struct sync_leg * l, struct err * e)
{
	int64_t from;
	int has = asked_from(l, &from), none;

	if (try_plan(l, has ? &from : NULL, 0, &l->probe_filtered,
	    &l->probe_ordered, e))
		return (-1);
	if (l->probe_filtered && l->probe_ordered)
		return (0);
	return (try_plan(l, NULL, 1, &none, &l->probe_desc, e));
}

void
sync_plan_begin(struct sync_leg * l)
{
	const struct sync_run * r = l->r;

	if (l->has_cursor)
		sync_window_begin(&l->win, &l->cu, sync_commit_leg(l),
		    r->begun_ms > 0 ? r->begun_ms : clock_wall_ms());
}

int
sync_plan_sql(struct sync_leg * l, struct err * e)
{
	struct sync_cursor * cu = &l->cu;
	const char * declared;
	int64_t from = 0;
	int own, rc;

	l->reads_all = 1;
	if (!l->has_cursor) {
		if (build(l, NULL, ORDER_NONE))
			return (err_nomem(e, "a statement"));
		return (0);
	}
	own = is_own(l, &declared);
	/* A window that does not go down would be the whole list each time. */
	l->win.on &= l->probe_filtered;
	l->reads_all = cu->all || !cu->stored.has;
	asked_from(l, &from);
	if (l->probe_filtered && l->probe_ordered) {
		cu->order = SYNC_ASC;
		cu->steps = own && strcmp(declared, "asc") == 0;
		l->sync.restart = cu->col->name;
		if (sync_cursor_seams(cu))
			return (err_nomem(e, "a cursor"));
		rc = build(l, &from, ORDER_ASC);
	} else if (!l->probe_filtered && l->probe_desc) {
		/* The condition would stay here, and the list be read to its
		 * end; so it is the rows that say when it is enough. */
		cu->order = SYNC_DESC;
		rc = build(l, NULL, ORDER_DESC);
	} else
		/* Where rows may have no value at all these are wanted too:
		 * then it is looked at here. */
		rc = build(l, l->probe_filtered && (!l->reads_all ||
		    l->win.on) && (cu->col->not_null || own) ? &from : NULL,
		    ORDER_NONE);
	return (rc ? err_nomem(e, "a statement") : 0);
}
