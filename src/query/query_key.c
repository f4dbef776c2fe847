/*
 * Values on their way from SQLite to a plan.  SQLite compares by the column's
 * affinity and looks at every row again; so a value goes down as what the column
 * can hold, or not at all.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "query/query_live.h"

/* Longer texts are no filters; a URL would not hold them. */
#define MAX_TEXT ((size_t)8192)
#define SPACES " \t\n\v\f\r"
#define EXACT 9007199254740992.0 /* integers a double can tell apart */

enum fit { FIT, FIT_NONE, FIT_NOT }; /* goes down; equals no row; stays here */

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

enum number { NUMBER_NOT, NUMBER_WHOLE, NUMBER_REAL, NUMBER_UNSURE };

/* What SQLite makes of a text beside a column of numbers. */
static enum number
text_number(const char * s, size_t n, int64_t * i, double * d)
{
	char text[64], * end;
	size_t k;

	while (n > 0 && strchr(SPACES, s[n - 1]) != NULL && s[n - 1] != '\0')
		n--;
	for (k = 0; k < n; k++)
		if (strchr("0123456789+-.eE" SPACES, s[k]) == NULL || s[k] == '\0')
			return (NUMBER_NOT);
	if (n == 0)
		return (NUMBER_NOT);
	if (n >= sizeof(text))
		return (NUMBER_UNSURE);
	memcpy(text, s, n);
	text[n] = '\0';
	errno = 0;
	*i = strtoll(text, &end, 10);
	if (*end == '\0' && errno == 0)
		return (NUMBER_WHOLE);
	*d = strtod(text, &end);
	return (*end != '\0' ? NUMBER_NOT : isfinite(*d) ? NUMBER_REAL :
	    NUMBER_UNSURE);
}

/* A bound between two integers moves to the one that selects the same. */
static double
whole_bound(double d, unsigned op)
{
	return (op == OP_LT || op == OP_GE ? ceil(d) : floor(d));
}

static enum fit
fit_integer(const struct manifest_column * col, unsigned op, double d,
    struct value * out)
{
	int is_equal = op == OP_EQ || op == OP_IN;

	/* From there on several integers are one double. */
	if (!(fabs(d) < EXACT))
		return (FIT_NOT);
	if (d != floor(d)) {
		if (is_equal)
			return (FIT_NONE);
		if (op == OP_NE)
			return (FIT_NOT);
		d = whole_bound(d, op);
	}
	if (col->type == COLUMN_BOOLEAN) {
		if (d != 0 && d != 1)
			return (is_equal ? FIT_NONE : FIT_NOT);
		if (!is_equal && op != OP_NE)
			return (FIT_NOT);
	}
	out->type = VALUE_INT;
	out->i = (int64_t)d;
	return (FIT);
}

static enum fit
fit_number(const struct manifest_column * col, unsigned op, sqlite3_value * v,
    struct value * out)
{
	enum number is = NUMBER_REAL;
	int64_t i = 0;
	double d = 0;
	const char * s;

	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		i = sqlite3_value_int64(v);
		is = NUMBER_WHOLE;
		break;
	case SQLITE_FLOAT:
		d = sqlite3_value_double(v);
		break;
	case SQLITE_TEXT:
		if ((s = (const char *)sqlite3_value_text(v)) != NULL)
			is = text_number(s, (size_t)sqlite3_value_bytes(v), &i,
			    &d);
		else
			is = NUMBER_UNSURE;
		break;
	default:
		return (FIT_NOT);
	}
	if (is == NUMBER_NOT && (op == OP_EQ || op == OP_IN))
		return (FIT_NONE);
	if (is == NUMBER_NOT || is == NUMBER_UNSURE)
		return (FIT_NOT);
	if (is == NUMBER_WHOLE && col->type != COLUMN_BOOLEAN) {
		out->type = VALUE_INT;
		out->i = i;
		return (FIT);
	}
	if (is == NUMBER_WHOLE)
		d = (double)i;
	if (col->type != COLUMN_REAL)
		return (fit_integer(col, op, d, out));
	if (!isfinite(d))
		return (FIT_NOT);
	out->type = VALUE_REAL;
	out->d = d;
	return (FIT);
}

static enum fit
fit_text(const struct manifest_column * col, unsigned op, sqlite3_value * v,
    char time[RFC3339_LEN], struct value * out)
{
	int64_t ms;
	size_t n;

	/* A number may come from a column of numbers, and then SQLite compares
	 * as numbers: '5.0' is 5. */
	if (sqlite3_value_type(v) == SQLITE_BLOB ||
	    (sqlite3_value_type(v) != SQLITE_TEXT && !col->is_input))
		return (FIT_NOT);
	out->type = VALUE_TEXT;
	if ((out->s = (const char *)sqlite3_value_text(v)) == NULL)
		return (FIT_NOT);
	n = (size_t)sqlite3_value_bytes(v);
	if (n > MAX_TEXT || memchr(out->s, '\0', n) != NULL)
		return (FIT_NOT);
	out->len = (uint32_t)n;
	/* A pattern is no time. */
	if (col->type == COLUMN_TIMESTAMP && op != OP_PREFIX) {
		if (rfc3339_loose(out->s, n, &ms))
			return (col->is_input ? FIT : FIT_NOT);
		rfc3339_format(ms, time);
		out->s = time;
		out->len = (uint32_t)strlen(time);
	}
	return (FIT);
}

static enum fit
fit(const struct manifest_entity * ent, const struct query_ask * a,
    sqlite3_value * v, char time[RFC3339_LEN], struct value * out)
{
	const struct manifest_column * col = &ent->columns[a->column];

	memset(out, 0, sizeof(*out));
	if (sqlite3_value_type(v) == SQLITE_NULL)
		return (FIT_NONE);
	switch (col->type) {
	case COLUMN_INTEGER:
	case COLUMN_REAL:
	case COLUMN_BOOLEAN:
		return (fit_number(col, a->op, v, out));
	case COLUMN_TEXT:
	case COLUMN_TIMESTAMP:
	case COLUMN_LIST:
	case COLUMN_MAP:
		break;
	}
	return (fit_text(col, a->op, v, time, out));
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
		switch (fit(ent, a, v, time, &val)) {
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
		switch (fit(ent, a, v, time, &val)) {
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
