/* A key read back: the plan of what it asks. */
#include "query/query_live.h"

#include <stdlib.h>
#include <string.h>

/* Where a key is read. */
struct in {
	const char * p;
	size_t nvalues; /* of the live's scratch, used */
	struct query_live * v;
};

static void
take(struct in * in, void * to, size_t n)
{
	memcpy(to, in->p, n);
	in->p += n;
}

/* Room for ${n} more values.  They move, so nobody points at them yet. */
static int
room(struct query_live * v, size_t used, size_t n)
{
	size_t cap = v->cap_values ? v->cap_values : 64;
	struct value * more;

	while (cap < used + n)
		cap *= 2;
	if (cap == v->cap_values)
		return (0);
	if ((more = realloc(v->values, cap * sizeof(*more))) == NULL)
		return (-1);
	v->values = more;
	v->cap_values = cap;
	return (0);
}

/* Something of the right type in place of a value that comes later. */
static int
stand_in(const struct manifest_entity * ent, uint32_t column,
    struct value * out)
{
	memset(out, 0, sizeof(*out));
	switch (ent->columns[column].type) {
	case COLUMN_INTEGER:
	case COLUMN_REAL:
	case COLUMN_BOOLEAN:
		out->type = VALUE_INT;
		return (0);
	case COLUMN_TIMESTAMP:
		return (-1);
	case COLUMN_TEXT:
	case COLUMN_LIST:
	case COLUMN_MAP:
		break;
	}
	out->type = VALUE_TEXT;
	out->s = "?";
	out->len = 1;
	return (0);
}

/* Read the ask at ${in} into ${g}, its values' place kept as an index.  1: it
 * goes down, 0: not, -1: no memory. */
static int
read_ask(struct in * in, const struct manifest_entity * ent, int guess,
    struct plan_given * g, size_t * at)
{
	uint32_t head[3], i;

	take(in, head, sizeof(head));
	g->op = head[0];
	g->column = head[1];
	g->nvalues = head[2] == QUERY_KEY_UNKNOWN ? 1 : head[2];
	*at = in->nvalues;
	if (room(in->v, in->nvalues, g->nvalues))
		return (-1);
	if (head[2] == QUERY_KEY_UNKNOWN) {
		if (!guess || stand_in(ent, head[1], &in->v->values[*at]))
			return (0);
		in->nvalues++;
		return (1);
	}
	for (i = 0; i < head[2]; i++) {
		struct value * val = &in->v->values[in->nvalues++];

		take(in, val, sizeof(*val));
		if (val->type == VALUE_TEXT) {
			val->s = in->p;
			in->p += val->len;
		}
	}
	return (g->op != 0);
}

static void
set_wanted(struct plan * p, uint64_t wanted)
{
	size_t i;

	for (i = 0; i < p->ent->ncolumns; i++)
		p->wanted[i] = (wanted >> (i < 63 ? i : 63) & 1) != 0;
}

struct plan *
query_key_plan(struct query_live * v, const struct query_choice * ch,
    const struct buf * key, int guess, struct err * e)
{
	const struct query_entity * en = &v->ents[ch->h.entity];
	struct plan_given given[PLAN_MAX_ASKS];
	size_t at[PLAN_MAX_ASKS], i, n = 0;
	struct in in = { key->p, 0, v };
	int partial = ch->h.partial, rc;
	struct plan * p;
	int64_t limit;
	uint32_t number;

	take(&in, &number, sizeof(number));
	take(&in, &limit, sizeof(limit));
	for (i = 0; i < ch->h.nasks; i++) {
		if ((rc = read_ask(&in, en->ent, guess, &given[n], &at[n])) < 0) {
			err_nomem(e, "a plan");
			return (NULL);
		}
		if (rc)
			n++;
		else
			partial = 1;
	}
	for (i = 0; i < n; i++)
		given[i].values = v->values == NULL ? NULL : v->values + at[i];
	if (v->q->opts.sync != NULL && v->q->opts.sync->by_token)
		p = plan_new_token(en->c, en->ent, given, n, e);
	else
		p = plan_new(en->c, en->ent, given, n, ch->h.orders,
		    ch->h.norders, e);
	if (p == NULL)
		return (NULL);
	if (ch->h.ordered && p->norders == 0 && !guess) {
		plan_free(p);
		err_set(e, ERR_PERMANENT, "value", "a value that %.100s.%.100s "
		    "is compared with does not fit its column, and with it the "
		    "order of the rows is lost: write it in the column's type",
		    en->c->name, en->ent->name);
		return (NULL);
	}
	set_wanted(p, ch->h.wanted);
	p->limit = limit;
	if (partial)
		p->exact = 0;
	return (p);
}
