/*
 * xBestIndex: what SQLite could hand down, put to plan_choose(), and what it
 * takes over, kept as one way to ask.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/query_live.h"

/* A call is worth so many rows. */
#define CALL_COST 1000.0
/* A table that a join tells an input of comes after the one that tells it, else
 * the input's default would answer another question. */
#define UNTOLD_COST 1e12

/* What one xBestIndex gathers. */
struct gather {
	struct query_live * v;
	size_t entity;
	const struct manifest_entity * ent;
	sqlite3_index_info * info;
	struct plan_ask asks[PLAN_MAX_ASKS];
	int from[PLAN_MAX_ASKS]; /* its constraint */
	size_t n;
	int limit, offset;       /* their constraints, or -1 */
	int lost;                /* something stays here for certain */
};

static int
is_number(const struct manifest_column * col)
{
	return (col->type == COLUMN_INTEGER || col->type == COLUMN_REAL ||
	    col->type == COLUMN_BOOLEAN);
}

static int
has_word(const struct query * q, const char * word)
{
	size_t i;

	for (i = 0; i < q->list.n; i++)
		if (token_is(&q->list, i, word))
			return (1);
	return (0);
}

/* Whether constraint ${i} compares as the column does. */
static int
collates(const struct gather * g, int i, const struct manifest_column * col)
{
	sqlite3_value * v;
	const char * have;

	if (is_number(col))
		return (1);
	/* Of this one SQLite does not tell; beside a literal it is the column's
	 * unless somebody says COLLATE. */
	if (g->info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_NE)
		return (sqlite3_vtab_rhs_value(g->info, i, &v) == SQLITE_OK &&
		    !has_word(g->v->q, "collate"));
	have = sqlite3_vtab_collation(g->info, i);
	return (have != NULL && sqlite3_stricmp(have,
	    col->type == COLUMN_TIMESTAMP ? QUERY_INSTANT :
	    col->type == COLUMN_TEXT && col->nocase ? "NOCASE" : "BINARY") == 0);
}

/* The class of a LIKE pattern, if it can be seen and is one. */
static unsigned
like_op(const struct gather * g, int i)
{
	sqlite3_value * v;
	const char * s;
	size_t n;

	if (sqlite3_vtab_rhs_value(g->info, i, &v) != SQLITE_OK ||
	    sqlite3_value_type(v) != SQLITE_TEXT ||
	    (s = (const char *)sqlite3_value_text(v)) == NULL)
		return (0);
	n = (size_t)sqlite3_value_bytes(v);
	if (n < 2 || s[n - 1] != '%' || strlen(s) != n)
		return (0);
	if (strcspn(s, "%_") == n - 1)
		return (OP_PREFIX);
	if (n > 2 && s[0] == '%' && 1 + strcspn(s + 1, "%_") == n - 1)
		return (OP_SUBSTR);
	return (0);
}

static unsigned
order_op(int op)
{
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_LT:
		return (OP_LT);
	case SQLITE_INDEX_CONSTRAINT_LE:
		return (OP_LE);
	case SQLITE_INDEX_CONSTRAINT_GT:
		return (OP_GT);
	case SQLITE_INDEX_CONSTRAINT_GE:
		return (OP_GE);
	default:
		return (0);
	}
}

/* What constraint ${i} asks, as an enum push_op bit; 0: nothing that could go
 * down. */
static unsigned
ask_op(const struct gather * g, int i)
{
	int op = g->info->aConstraint[i].op;
	int at = g->info->aConstraint[i].iColumn;
	const struct manifest_column * col;

	if (at < 0 || (size_t)at >= g->ent->ncolumns)
		return (0);
	col = &g->ent->columns[at];
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_ISNULL:
		return (OP_IS_NULL);
	case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
		return (OP_NOT_NULL);
	case SQLITE_INDEX_CONSTRAINT_MATCH:
		return (col->type == COLUMN_TEXT || col->type == COLUMN_LIST ?
		    OP_CONTAINS : 0);
	case SQLITE_INDEX_CONSTRAINT_LIKE:
		/* Of a time its beginning, as rows show it. */
		return (col->type == COLUMN_TEXT ? like_op(g, i) :
		    col->type == COLUMN_TIMESTAMP ? like_op(g, i) & OP_PREFIX :
		    0);
	default:
		break;
	}
	if (col->type == COLUMN_LIST || col->type == COLUMN_MAP ||
	    !collates(g, i, col))
		return (0);
	if (op == SQLITE_INDEX_CONSTRAINT_NE)
		return (OP_NE);
	if (op == SQLITE_INDEX_CONSTRAINT_EQ)
		return (sqlite3_vtab_in(g->info, i, -1) ? OP_IN : OP_EQ);
	return (order_op(op));
}

static void
gather(struct gather * g)
{
	const sqlite3_index_info * info = g->info;
	int only_inputs = g->v->q->opts.no_push, i;
	unsigned op;

	g->limit = g->offset = -1;
	for (i = 0; i < info->nConstraint; i++) {
		if (!info->aConstraint[i].usable) {
			g->lost = 1;
			continue;
		}
		if (info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_LIMIT) {
			g->limit = i;
			continue;
		}
		if (info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_OFFSET) {
			g->offset = i;
			continue;
		}
		op = ask_op(g, i);
		if (only_inputs && (op == 0 || !(op & (OP_EQ | OP_IN)) ||
		    !g->ent->columns[info->aConstraint[i].iColumn].is_input))
			op = 0;
		if (op == 0 || g->n == PLAN_MAX_ASKS) {
			g->lost = 1;
			continue;
		}
		g->asks[g->n].column = (size_t)info->aConstraint[i].iColumn;
		g->asks[g->n].op = op;
		g->from[g->n++] = i;
	}
}

/* ORDER BY in the plan's words; how many columns, 0: none that could go. */
static size_t
orders(const struct gather * g, struct plan_order * out)
{
	const sqlite3_index_info * info = g->info;
	int i;

	if (g->v->q->opts.no_push || info->nOrderBy > QUERY_MAX_ORDERS)
		return (0);
	for (i = 0; i < info->nOrderBy; i++) {
		if (info->aOrderBy[i].iColumn < 0 ||
		    (size_t)info->aOrderBy[i].iColumn >= g->ent->ncolumns)
			return (0);
		out[i].column = (size_t)info->aOrderBy[i].iColumn;
		out[i].desc = info->aOrderBy[i].desc;
	}
	return ((size_t)info->nOrderBy);
}

/* Let constraint ${i} come as the next value of xFilter. */
static uint32_t
use(struct gather * g, int i, int * n)
{
	g->info->aConstraintUsage[i].argvIndex = ++*n;
	return ((uint32_t)*n);
}

/* Ask ${k} goes down: also into ${head} and, as far as it is known, ${lits}. */
static int
use_ask(struct gather * g, size_t k, int is_input, int * n,
    struct query_choice_head * head, struct buf * lits, int * known)
{
	struct query_ask * a = &head->asks[head->nasks++];
	sqlite3_value * v = NULL;
	int i = g->from[k];

	a->column = (uint16_t)g->asks[k].column;
	a->op = (uint16_t)g->asks[k].op;
	a->is_input = is_input != 0;
	if (a->op == OP_IN)
		sqlite3_vtab_in(g->info, i, 1);
	(void)use(g, i, n);
	if (a->op == OP_IN && g->v->q->opts.explain &&
	    query_explain_in(g->v->q, g->ent, a->column, lits) == 0)
		return (0);
	if (a->op == OP_IN || sqlite3_vtab_rhs_value(g->info, i, &v) !=
	    SQLITE_OK)
		v = NULL;
	if (v == NULL && !(a->op & (OP_IS_NULL | OP_NOT_NULL)))
		*known = 0;
	switch (query_key_ask(lits, g->ent, a, v)) {
	case KEY_OK:
		return (0);
	case KEY_NOTHING:
		*known = 0;
		return (query_key_ask(lits, g->ent, a, NULL) == KEY_OK ? 0 : -1);
	case KEY_NOMEM:
		break;
	}
	return (-1);
}

static void
say_local(struct query_choice * ch, const struct gather * g, uint64_t used)
{
	static const char * const ops[OP_COUNT] = { "=", "!=", "IN", "<", "<=",
	    ">", ">=", "LIKE", "LIKE", "CONTAINS", "IS NULL", "IS NOT NULL" };
	const sqlite3_index_info * info = g->info;
	size_t k;
	int i, bit;

	if (ch->local.len > 0)
		return;
	for (i = 0; i < info->nConstraint; i++) {
		unsigned op = ask_op(g, i);
		int at = info->aConstraint[i].iColumn;

		for (k = 0; k < g->n && g->from[k] != i; k++)
			continue;
		if (!info->aConstraint[i].usable ||
		    (k < g->n && used >> k & 1) || i == g->limit ||
		    i == g->offset || at < 0 || (size_t)at >= g->ent->ncolumns)
			continue;
		for (bit = 0; op != 0 && !(op >> bit & 1); bit++)
			continue;
		buf_addf(&ch->local, "%s%s %s", ch->local.len ? ", " : "",
		    g->ent->columns[at].name, op != 0 ? ops[bit] :
		    info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_LIKE ?
		    "LIKE" : "compared");
	}
}

/* The values that go down, in argv's order. */
static int
use_all(struct gather * g, const struct plan_choice * pc,
    struct query_choice_head * head, struct buf * lits, int * known)
{
	size_t k;
	int n = 0;

	for (k = 0; k < g->n; k++) {
		if (!(pc->used >> k & 1))
			head->partial = 1;
		else if (use_ask(g, k, (pc->inputs >> k & 1) != 0, &n, head,
		    lits, known))
			return (-1);
	}
	if (g->limit >= 0)
		head->limit = use(g, g->limit, &n);
	/* OFFSET alone says nothing of how many are wanted. */
	if (g->offset >= 0 && g->limit >= 0)
		head->offset = use(g, g->offset, &n);
	return (0);
}

/* The limit that xFilter will find; -2: it is not known yet. */
static int64_t
known_limit(const struct gather * g, const struct query_choice_head * head)
{
	sqlite3_value * v;
	int64_t limit, offset = 0;

	if (head->limit == 0 || head->sorts)
		return (-1);
	if (sqlite3_vtab_rhs_value(g->info, g->limit, &v) != SQLITE_OK)
		return (-2);
	limit = sqlite3_value_int64(v);
	if (head->offset != 0) {
		if (sqlite3_vtab_rhs_value(g->info, g->offset, &v) != SQLITE_OK)
			return (-2);
		offset = sqlite3_value_int64(v);
	}
	return (query_key_limit(limit, offset));
}

/* Keep this way to ask, and tell SQLite. */
static int
settle(struct gather * g, const struct plan_choice * pc,
    const struct plan_order * by, size_t norders)
{
	sqlite3_index_info * info = g->info;
	struct query_choice_head head;
	struct buf lits = BUF_INIT(0);
	int known = 1, at = -1;
	int64_t limit;

	memset(&head, 0, sizeof(head));
	head.entity = g->entity;
	head.wanted = info->colUsed;
	head.partial = g->lost != 0 || (g->limit >= 0 && !g->v->plain);
	if (norders > 0 && pc->order_pushed) {
		head.norders = norders;
		memcpy(head.orders, by, norders * sizeof(*by));
		head.ordered = 1;
	} else
		head.sorts = info->nOrderBy > 0;
	if (use_all(g, pc, &head, &lits, &known) == 0 && !lits.failed) {
		limit = known_limit(g, &head);
		if (limit == -2)
			known = 0;
		at = query_live_choice(g->v, &head, &lits, limit, known);
	}
	buf_free(&lits);
	if (at < 0)
		return (SQLITE_NOMEM);
	say_local(g->v->choices[at], g, pc->used);
	g->v->choices[at]->calls = pc->calls;
	g->v->choices[at]->rows = pc->rows;
	info->idxNum = at;
	/* EXPLAIN shows it, which is how query_ops.c knows. */
	if ((info->idxStr = sqlite3_mprintf("%d", at)) == NULL)
		return (SQLITE_NOMEM);
	info->needToFreeIdxStr = 1;
	info->orderByConsumed = head.ordered;
	return (SQLITE_OK);
}

/* Whether an input waits for a table that comes later in this order. */
static int
is_untold(const struct gather * g)
{
	const sqlite3_index_info * info = g->info;
	int i, at;

	for (i = 0; i < info->nConstraint; i++) {
		at = info->aConstraint[i].iColumn;
		if (!info->aConstraint[i].usable && at >= 0 &&
		    (size_t)at < g->ent->ncolumns &&
		    g->ent->columns[at].is_input &&
		    info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ)
			return (1);
	}
	return (0);
}

int
query_index_best(sqlite3_vtab * base, sqlite3_index_info * info)
{
	struct query_vtab * tab = (struct query_vtab *)base;
	const struct query_entity * en = &tab->live->ents[tab->entity];
	struct plan_order by[QUERY_MAX_ORDERS];
	struct plan_shape shape;
	struct plan_choice pc;
	struct gather g;
	size_t n;

	if (query_breathe(tab->live->q))
		return (SQLITE_INTERRUPT);
	memset(&g, 0, sizeof(g));
	memset(by, 0, sizeof(by));
	memset(&pc, 0, sizeof(pc));
	g.v = tab->live;
	g.entity = tab->entity;
	g.ent = en->ent;
	g.info = info;
	gather(&g);
	n = orders(&g, by);
	shape.asks = g.asks;
	shape.nasks = g.n;
	shape.orders = by;
	shape.norders = n;
	shape.every = 0;
	shape.token = tab->live->q->opts.sync != NULL &&
	    tab->live->q->opts.sync->by_token;
	plan_choose(en->c, en->ent, &shape, &pc);
	if (pc.list == NULL) {
		tab->live->missing = pc.missing;
		tab->live->missing_entity = tab->entity;
		return (SQLITE_CONSTRAINT);
	}
	info->estimatedRows = pc.rows >= 1 ? (sqlite3_int64)pc.rows : 1;
	info->estimatedCost = (pc.calls >= 1 ? pc.calls : 1) * CALL_COST +
	    (double)info->estimatedRows;
	if (is_untold(&g))
		info->estimatedCost += UNTOLD_COST;
	return (settle(&g, &pc, by, n));
}
