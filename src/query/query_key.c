/* Keys of scans: what is asked.  query_key_plan.c reads them back. */
#include <string.h>

#include "base/rfc3339.h"
#include "query/query_live.h"

/* One value in the key. */
static void
put_value(struct buf * b, const struct value * v)
{
	struct value flat;

	/* Keys are compared: no pointer in them, and nothing between. */
	memset(&flat, 0, sizeof(flat));
	flat.type = v->type;
	flat.len = v->len;
	if (v->type != VALUE_TEXT)
		flat.i = v->i;
	buf_add(b, &flat, sizeof(flat));
	if (v->type == VALUE_TEXT)
		buf_add(b, v->s, v->len);
}

static void
put_ask(struct buf * b, unsigned op, unsigned column, uint32_t n)
{
	uint32_t head[3] = { op, column, n };

	buf_add(b, head, sizeof(head));
}

void
query_key_begin(struct buf * b, uint32_t choice, int64_t limit)
{
	buf_clear(b);
	buf_add(b, &choice, sizeof(choice));
	buf_add(b, &limit, sizeof(limit));
}

int64_t
query_key_limit(int64_t limit, int64_t offset)
{
	if (limit < 0 || limit > INT32_MAX || offset > INT32_MAX)
		return (-1);
	return (limit + (offset > 0 ? offset : 0));
}

void
query_key_known(struct buf * b, size_t i, const struct query_choice * ch)
{
	query_key_begin(b, (uint32_t)i, ch->limit);
	if (ch->lits.len > 0)
		buf_add(b, ch->lits.p, ch->lits.len);
}

static enum query_key_verdict
ask_list(struct buf * b, const struct manifest_entity * ent,
    const struct query_ask * a, sqlite3_value * list)
{
	size_t at = b->len, max = a->is_input ? 0 : QUERY_MAX_IN;
	char time[RFC3339_LEN];
	sqlite3_value * v;
	struct value val;
	uint32_t n = 0;
	int rc;

	put_ask(b, OP_IN, a->column, 0);
	for (rc = sqlite3_vtab_in_first(list, &v); rc == SQLITE_OK;
	    rc = sqlite3_vtab_in_next(list, &v)) {
		switch (query_fit(ent, a, v, time, &val)) {
		case FIT:
			put_value(b, &val);
			if (++n != max)
				continue;
			break;
		case FIT_NONE:
			continue;
		case FIT_NOT:
			break;
		}
		b->len = at;
		put_ask(b, 0, a->column, 0);
		return (b->failed ? KEY_NOMEM : KEY_OK);
	}
	if (rc != SQLITE_DONE || b->failed)
		return (KEY_NOMEM);
	if (n == 0)
		return (KEY_NOTHING);
	memcpy(b->p + at + 2 * sizeof(n), &n, sizeof(n));
	return (KEY_OK);
}

enum query_key_verdict
query_key_ask(struct buf * b, const struct manifest_entity * ent,
    const struct query_ask * a, sqlite3_value * v)
{
	char time[RFC3339_LEN];
	struct value val;

	if (a->op == OP_IS_NULL || a->op == OP_NOT_NULL)
		put_ask(b, a->op, a->column, 0);
	else if (v == NULL)
		put_ask(b, a->op, a->column, QUERY_KEY_UNKNOWN);
	else if (a->op == OP_IN)
		return (ask_list(b, ent, a, v));
	else
		switch (query_fit(ent, a, v, time, &val)) {
		case FIT:
			put_ask(b, a->op, a->column, 1);
			put_value(b, &val);
			break;
		case FIT_NONE:
			if (a->op != OP_NE || sqlite3_value_type(v) ==
			    SQLITE_NULL)
				return (KEY_NOTHING);
			/* FALLTHROUGH */
		case FIT_NOT:
			put_ask(b, 0, a->column, 0);
			break;
		}
	return (b->failed ? KEY_NOMEM : KEY_OK);
}

int
query_key_list(struct buf * b, size_t column, const struct value * v, size_t n)
{
	size_t i;

	put_ask(b, OP_IN, (unsigned)column, (uint32_t)n);
	for (i = 0; i < n; i++)
		put_value(b, &v[i]);
	return (b->failed ? -1 : 0);
}
