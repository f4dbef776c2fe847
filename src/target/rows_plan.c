/*
 * xBestIndex of tables of rows: what can be compared there goes into the SELECT
 * that xFilter will run.  SQLite looks at every row again, so that SELECT has to
 * give at least the right ones.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "target/rows_vtab_internal.h"

#define MAX_ARGS 30

struct plan {
	struct rows_vtab * v;
	sqlite3_index_info * info;
	char * tight, * loose;      /* conditions */
	int nargs, in;
	unsigned loosens;           /* bits of arguments */
	double rows;
	uint64_t fixed[(ROWS_MAX_COLUMNS + 66) / 64]; /* by = */
	int range;                  /* a column with < or >, or -1 */
	int nomem;
};

int
rows_plan_is_time(const struct rows_column * c)
{
	return (strcasecmp(c->type, "TIMESTAMP TEXT") == 0);
}

static int
is_text(const struct rows_column * c)
{
	return (rows_plan_is_time(c) || strcasecmp(c->type, "TEXT") == 0);
}

static const char *
op_of(int op)
{
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return ("=");
	case SQLITE_INDEX_CONSTRAINT_IS:
		return ("IS");
	case SQLITE_INDEX_CONSTRAINT_LT:
		return ("<");
	case SQLITE_INDEX_CONSTRAINT_LE:
		return ("<=");
	case SQLITE_INDEX_CONSTRAINT_GT:
		return (">");
	case SQLITE_INDEX_CONSTRAINT_GE:
		return (">=");
	default:
		return (NULL);
	}
}

static int
is_fixed(const struct plan * p, size_t col)
{
	return (p->fixed[col / 64] >> col % 64 & 1);
}

static void
add(struct plan * p, char ** to, char * text)
{
	*to = sqlite3_mprintf("%z%s%z", *to, *to ? " AND " : " WHERE ", text);
	if (*to == NULL)
		p->nomem = 1;
}

/* Whether an IN may come as one value after the other: each is looked up. */
static int
in_ok(struct plan * p, const struct rows_column * c, int i)
{
	if (!sqlite3_vtab_in(p->info, i, -1))
		return (1);
	if (c->key != 1)
		return (0);
	p->in = 1;
	return (1);
}

static void
compare(struct plan * p, int i, const char * op)
{
	const struct sqlite3_index_constraint * k = &p->info->aConstraint[i];
	size_t col = (size_t)k->iColumn;
	const struct rows_column * c = &p->v->t.v[col];
	const char * collation = sqlite3_vtab_collation(p->info, i);
	const char * more = "";
	sqlite3_value * v;
	int has_index = 1;

	/* Only these are known to the connection below. */
	if (collation == NULL)
		collation = "BINARY";
	if (is_text(c) && strcasecmp(collation, c->collation) != 0) {
		has_index = 0;
		more = strcasecmp(collation, "BINARY") == 0 ?
		    " COLLATE BINARY" : strcasecmp(collation, "NOCASE") == 0 ?
		    " COLLATE NOCASE" : strcasecmp(collation, ROWS_INSTANT) ==
		    0 ? " COLLATE " ROWS_INSTANT : NULL;
	}
	if (more == NULL || p->nargs == MAX_ARGS || !in_ok(p, c, i))
		return;
	p->info->aConstraintUsage[i].argvIndex = ++p->nargs;
	add(p, &p->tight, sqlite3_mprintf("\"%w\" %s ?%d%s", c->name, op,
	    p->nargs, more));
	/* A text beside a number of another column is compared as a number, and
	 * '05' is 5 then; beside a literal it is compared as text. */
	if (is_text(c) && sqlite3_vtab_rhs_value(p->info, i, &v) != SQLITE_OK)
		p->loosens |= 1u << (p->nargs - 1);
	else
		add(p, &p->loose, sqlite3_mprintf("\"%w\" %s ?%d%s", c->name,
		    op, p->nargs, more));
	if (*op == '=' || *op == 'I') {
		p->rows /= 10;
		if (has_index)
			p->fixed[col / 64] |= (uint64_t)1 << col % 64;
	} else {
		p->rows /= 3;
		if (has_index)
			p->range = (int)col;
	}
}

static void
gather(struct plan * p)
{
	const struct sqlite3_index_constraint * k;
	const char * op;
	int i;

	for (i = 0; i < p->info->nConstraint; i++) {
		k = &p->info->aConstraint[i];
		if (!k->usable || k->iColumn < 0 ||
		    (size_t)k->iColumn >= p->v->t.n)
			continue;
		if (k->op == SQLITE_INDEX_CONSTRAINT_ISNULL ||
		    k->op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL) {
			if (p->nargs == MAX_ARGS)
				continue;
			/* There is no value; but only what has an argument is
			 * kept from tables to the left of a LEFT JOIN. */
			p->info->aConstraintUsage[i].argvIndex = ++p->nargs;
			op = k->op == SQLITE_INDEX_CONSTRAINT_ISNULL ?
			    "IS NULL" : "IS NOT NULL";
			add(p, &p->tight, sqlite3_mprintf("\"%w\" %s",
			    p->v->t.v[k->iColumn].name, op));
			add(p, &p->loose, sqlite3_mprintf("\"%w\" %s",
			    p->v->t.v[k->iColumn].name, op));
		} else if ((op = op_of(k->op)) != NULL) {
			compare(p, i, op);
		}
	}
}

/* The column that is part ${k} of the key, from 1. */
static size_t
key_column(const struct rows_table * t, size_t k)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->v[i].key == (int)k)
			return (i);
	return (t->n);
}

static int
has_limit(const sqlite3_index_info * info)
{
	int i;

	for (i = 0; i < info->nConstraint; i++)
		if (info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_LIMIT)
			return (1);
	return (0);
}

/*
 * Whether the key is in the order that is asked for.  Going by an index costs a
 * look-up a row, so only where few rows are wanted or the key is the rowid.
 */
static int
ordered(struct plan * p)
{
	const sqlite3_index_info * info = p->info;
	const struct rows_table * t = &p->v->t;
	size_t k = 1, col;
	int i;

	if (info->nOrderBy == 0 || p->in || p->loosens || t->nkey == 0 ||
	    (!t->is_alias && !has_limit(info)))
		return (0);
	for (i = 0; i < info->nOrderBy && k <= t->nkey; i++) {
		if (info->aOrderBy[i].desc != info->aOrderBy[0].desc)
			return (0);
		while (k <= t->nkey && (col = key_column(t, k)) < t->n &&
		    is_fixed(p, col) && info->aOrderBy[i].iColumn != (int)col)
			k++;
		if (k > t->nkey)
			break;
		col = key_column(t, k++);
		if (col >= t->n || info->aOrderBy[i].iColumn != (int)col ||
		    rows_plan_is_time(&t->v[col]))
			return (0);
	}
	return (1);
}

/* What it costs: how much of the key is known. */
static void
cost(struct plan * p)
{
	const struct rows_table * t = &p->v->t;
	double all = p->v->estimate, found = all;
	size_t k, col = 0;

	for (k = 1; k <= t->nkey; k++) {
		col = key_column(t, k);
		if (col >= t->n || !is_fixed(p, col))
			break;
		found /= 20;
	}
	if (t->nkey > 0 && k > t->nkey) {
		p->info->estimatedRows = 1;
		p->info->estimatedCost = 10;
		if (p->loosens == 0)
			p->info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
		return;
	}
	if (k <= t->nkey && p->range == (int)col)
		found /= 4;
	if (found < all)
		found *= 2; /* each is a look-up */
	p->info->estimatedCost = found + 10;
	p->info->estimatedRows = p->rows > 1 ? (sqlite3_int64)p->rows : 1;
}

/* SELECT the rowid and the columns that are used, at their places. */
static char *
select_of(struct plan * p)
{
	const struct rows_table * t = &p->v->t;
	uint64_t used = p->info->colUsed;
	size_t i, last = 0;
	char * sql;

	for (i = 0; i < t->n; i++)
		if (used >> (i < 63 ? i : 63) & 1)
			last = i + 1;
	sql = sqlite3_mprintf("SELECT %s", t->rowid);
	for (i = 0; i < last && sql != NULL; i++)
		sql = used >> (i < 63 ? i : 63) & 1 ? sqlite3_mprintf(
		    "%z, \"%w\"", sql, t->v[i].name) :
		    sqlite3_mprintf("%z, NULL", sql);
	return (sql == NULL ? NULL : sqlite3_mprintf("%z FROM \"%w\"", sql,
	    p->v->table));
}

static char *
order_of(struct plan * p)
{
	const struct rows_table * t = &p->v->t;
	const char * desc = p->info->aOrderBy[0].desc ? " DESC" : "";
	char * sql = NULL;
	size_t k;

	for (k = 1; k <= t->nkey; k++)
		sql = sqlite3_mprintf("%z%s\"%w\"%s", sql, k == 1 ?
		    " ORDER BY " : ", ", t->v[key_column(t, k)].name, desc);
	return (sql);
}

int
rows_plan_best(struct rows_vtab * v, sqlite3_index_info * info)
{
	struct plan p = { .v = v, .info = info, .rows = v->estimate,
	    .range = -1 };
	char * head, * order = NULL;

	gather(&p);
	cost(&p);
	head = select_of(&p);
	if (ordered(&p) && (order = order_of(&p)) != NULL)
		info->orderByConsumed = 1;
	/* Else SQLite may well choose to sort, in one piece. */
	if (info->orderByConsumed && !v->t.is_alias && head != NULL)
		head = sqlite3_mprintf("%z INDEXED BY \"sqlite_autoindex_%w_1\"",
		    head, v->table);
	if (head == NULL || p.nomem)
		info->idxStr = NULL;
	else if (p.loosens == 0)
		info->idxStr = sqlite3_mprintf("%s%s%s", head,
		    p.tight ? p.tight : "", order ? order : "");
	else
		info->idxStr = sqlite3_mprintf("%s%s%s\n%s%s%s", head,
		    p.tight ? p.tight : "", order ? order : "", head,
		    p.loose ? p.loose : "", order ? order : "");
	info->needToFreeIdxStr = 1;
	info->idxNum = (int)p.loosens;
	sqlite3_free(head);
	sqlite3_free(order);
	sqlite3_free(p.tight);
	sqlite3_free(p.loose);
	return (info->idxStr == NULL ? SQLITE_NOMEM : SQLITE_OK);
}
