/*
 * What the compiled statement will do.  EXPLAIN lists its program: each VFilter
 * is a scan and carries the way to ask, loops show as jumps back, and a LIMIT, or
 * an EXISTS, as the counter that ends one.
 */
#include <stdlib.h>
#include <string.h>

#include "query/query_live.h"

#define MAX_OPS ((size_t)200000)

enum kind { OP_OTHER, OP_SCAN, OP_LOOP, OP_LIMIT, OP_SUB, OP_SUB_END };

struct op {
	enum kind kind;
	int addr, p1, p2;
	long choice;
};

struct program {
	struct op * ops;
	size_t n, cap;
};

static enum kind
kind_of(const char * name)
{
	static const struct {
		const char * name;
		enum kind kind;
	} kinds[] = {
		{ "VFilter", OP_SCAN }, { "VNext", OP_LOOP }, { "Next", OP_LOOP },
		{ "Prev", OP_LOOP }, { "SorterNext", OP_LOOP },
		{ "Goto", OP_LOOP }, { "DecrJumpZero", OP_LIMIT },
		{ "BeginSubrtn", OP_SUB }, { "Return", OP_SUB_END }
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (kinds[i].kind);
	return (OP_OTHER);
}

static int
add_op(struct program * p, const struct op * op)
{
	size_t cap = p->cap ? p->cap * 2 : 64;
	struct op * more;

	if (p->n == p->cap) {
		if ((more = realloc(p->ops, cap * sizeof(*more))) == NULL)
			return (-1);
		p->ops = more;
		p->cap = cap;
	}
	p->ops[p->n++] = *op;
	return (0);
}

/* A line of EXPLAIN: addr, opcode, p1, p2, p3, p4, ... */
static int
read_op(struct query_live * v, sqlite3_stmt * st, struct program * p)
{
	const char * name = (const char *)sqlite3_column_text(st, 1);
	const char * p4 = (const char *)sqlite3_column_text(st, 5);
	struct op op;
	char * end;

	memset(&op, 0, sizeof(op));
	op.kind = kind_of(name != NULL ? name : "");
	op.addr = sqlite3_column_int(st, 0);
	op.p1 = sqlite3_column_int(st, 2);
	op.p2 = sqlite3_column_int(st, 3);
	query_straight_op(&v->straight, name != NULL ? name : "", op.addr,
	    op.p1, op.p2, sqlite3_column_int(st, 4));
	if (op.kind == OP_OTHER)
		return (0);
	if (op.kind == OP_SCAN) {
		/* Another module's has no number of ours. */
		op.choice = p4 == NULL ? -1 : strtol(p4, &end, 10);
		if (p4 == NULL || *p4 == '\0' || *end != '\0' ||
		    op.choice < 0 || (size_t)op.choice >= v->nchoices)
			op.choice = -1;
	}
	return (add_op(p, &op));
}

static int
read_program(struct query_live * v, struct program * p)
{
	struct query * q = v->q;
	sqlite3_stmt * st = NULL;
	struct buf sql = BUF_INIT(0);
	int rc = SQLITE_NOMEM;

	buf_adds(&sql, "EXPLAIN ");
	buf_add(&sql, q->rw.sql.p, q->rw.sql.len);
	sqlite3_limit(q->db, SQLITE_LIMIT_SQL_LENGTH, (int)sql.len + 1);
	/* Its authorizer has seen the statement already. */
	if (!sql.failed)
		rc = sqlite3_prepare_v3(q->db, sql.p, (int)sql.len + 1, 0, &st,
		    NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (p->n >= MAX_OPS || query_breathe(q) ||
		    read_op(v, st, p))
			break;
		rc = SQLITE_OK;
	}
	sqlite3_finalize(st);
	buf_free(&sql);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* How often the program may come by the scan at ${at}: whether it is within a
 * loop, or in a subroutine that several may call. */
static int
is_inner(const struct program * p, size_t at)
{
	const struct op * scan = &p->ops[at], * op;
	size_t i;
	int subs = 0;

	for (i = 0; i < at; i++)
		subs += p->ops[i].kind == OP_SUB ? 1 :
		    p->ops[i].kind == OP_SUB_END && subs > 0 ? -1 : 0;
	if (subs > 0)
		return (1);
	for (i = at + 1; i < p->n; i++) {
		op = &p->ops[i];
		/* The scan's own loop goes behind it; the jump to address 1 is
		 * every program's beginning. */
		if (op->kind == OP_LOOP && op->p2 <= scan->addr && op->p2 > 1)
			return (1);
	}
	return (0);
}

int
query_ops_look(struct query_live * v, size_t * scan, size_t max)
{
	struct program p = { NULL, 0, 0 };
	size_t seen[QUERY_MAX_TABLES] = { 0 }, i, n = 0;
	struct query_choice * ch;

	if (read_program(v, &p)) {
		free(p.ops);
		return (-1);
	}
	v->known = 1;
	for (i = 0; i < p.n; i++) {
		v->limited |= p.ops[i].kind == OP_LIMIT;
		if (p.ops[i].kind != OP_SCAN)
			continue;
		if (p.ops[i].choice < 0)
			continue;
		if (query_breathe(v->q)) {
			free(p.ops);
			return (-1);
		}
		ch = v->choices[p.ops[i].choice];
		seen[ch->h.entity]++;
		ch->used++;
		if (is_inner(&p, i))
			ch->inner = 1;
		if (n < max)
			scan[n++] = (size_t)p.ops[i].choice;
	}
	/* Two places that read one entity may ask the same. */
	for (i = 0; i < v->nchoices; i++)
		v->choices[i]->again = v->choices[i]->inner ||
		    seen[v->choices[i]->h.entity] > 1;
	free(p.ops);
	return ((int)n);
}

/* How many SELECTs there are: with one, all its tables are in one join. */
static size_t
selects(const struct query * q)
{
	size_t i, n = 0;

	for (i = 0; i < q->list.n; i++)
		n += token_is(&q->list, i, "select") != 0;
	return (n);
}

void
query_ops_start(struct query_live * v)
{
	size_t scan[QUERY_MAX_SIDE + 1], i;
	struct query_choice * ch;
	int n = query_ops_look(v, scan, QUERY_MAX_SIDE + 1);

	/* Without the memory SQLite copies. */
	if (n == 1 && query_straight_end(&v->straight) == 0)
		v->straight.max = (size_t)sqlite3_limit(v->q->db,
		    SQLITE_LIMIT_LENGTH, -1);
	/* One alone is asked soon enough; and of several, with a LIMIT, the
	 * later ones perhaps never. */
	if (n < 2 || (v->q->opts.conn == NULL && v->q->opts.elastic == NULL) ||
	    (v->limited && selects(v->q) > 1))
		return;
	for (i = 0; i < (size_t)n && i < QUERY_MAX_SIDE; i++) {
		ch = v->choices[scan[i]];
		if (!ch->known || ch->limit == 0)
			continue;
		query_key_known(&v->key, scan[i], ch);
		if (!v->key.failed)
			query_feed_start(v->feeds, ch, &v->key);
	}
}
