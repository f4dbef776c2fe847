/*
 * Times that went through a function.  A column of times has a collation of its own,
 * by which SQLite compares instants; max(created) has none, and would be compared as
 * text, where "T" comes after " ".  So the columns that such a function hands on get
 * the collation written behind them: SQLite then carries it on, also out of a
 * subquery.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "query/query_internal.h"
#include "query/query_live.h"
#include "target/sample_plan.h"

#define MAX_DEPTH 64   /* deeper down texts stay texts */
#define MAX_ALIASES 32
#define MAX_PASSES 4   /* names of names of names */
#define MAX_CITED 16
#define MAX_SEARCHES 32
#define NAMES_A_LOOK 64
/* Nobody else writes the form feed: by it we know our words in a column's name. */
#define MARK "\fCOLLATE "

/* What is open: a parenthesis or a CASE. */
enum frame_kind { FRAME_OTHER, FRAME_KEEPS, FRAME_CASE, FRAME_SELECT };
struct frame {
	enum frame_kind kind;
	size_t begin;        /* its first token */
	size_t first;        /* FRAME_SELECT: of its result */
	const char * order;  /* of the times that come out of it */
	int in_list;         /* what stands here is a result of a SELECT */
	int is_call;         /* FRAME_OTHER: of a function */
	int typed;           /* FRAME_SELECT: a column comes out as it is */
	size_t nins;         /* written before it */
};

struct times {
	struct query * q;
	struct frame f[MAX_DEPTH];
	size_t depth, deeper; /* deeper: open beyond MAX_DEPTH */
	struct sql_insert * ins;
	size_t nins, names, searches;
	/* What the statement calls its own times. */
	struct {
		char name[SQL_NAME_MAX];
		const char * order;
	} alias[MAX_ALIASES];
	size_t naliases;
};

static const char * const compare[] = { "=", "==", "<>", "!=", "<", "<=", ">",
	">=", "between", "in", "is", NULL };

static int
compares(const struct token_list * ts, size_t i)
{
	return (i < ts->n && (token_is_one_of(ts, i, compare) ||
	    (token_is(ts, i, "not") && i + 1 < ts->n &&
	    token_is_one_of(ts, i + 1, compare))));
}

/* The collation by which ${name} is compared, if it is certain that it is a time's;
 * else NULL.  ${*known}: some table has it. */
static const char *
column_order(struct times * t, const char * table, const char * name,
    int * known)
{
	const struct query * q = t->q;
	const struct query_attached * a;
	const char * type, * order, * is = NULL;
	int named = 0, other = 0;
	size_t i;

	*known = 0;
	for (i = 0; table == NULL && i < t->naliases && is == NULL; i++)
		if (strcasecmp(t->alias[i].name, name) == 0)
			is = t->alias[i].order;
	/* A view tells nothing; what it is made of does. */
	for (i = 0; table != NULL && i < q->tables_n; i++)
		named |= strcasecmp(q->tables[i].table, table) == 0 &&
		    sqlite3_table_column_metadata(q->db, q->tables[i].schema,
		    q->tables[i].table, NULL, NULL, NULL, NULL, NULL, NULL) ==
		    SQLITE_OK;
	for (i = 0; i < q->tables_n; i++) {
		a = &q->tables[i];
		if ((named && strcasecmp(a->table, table) != 0) ||
		    sqlite3_table_column_metadata(q->db, a->schema, a->table,
		    name, &type, &order, NULL, NULL, NULL) != SQLITE_OK)
			continue;
		*known = 1;
		if (order == NULL || strcasecmp(order, "BINARY") == 0)
			continue;
		if (strcasecmp(order, QUERY_INSTANT) == 0)
			is = QUERY_INSTANT;
		else if (strcasecmp(order, SAMPLE_TIME_ORDER) == 0)
			is = SAMPLE_TIME_ORDER;
		else
			other = 1; /* which of both is meant is not told */
	}
	return (other ? NULL : is);
}

/* Whether the name that ends at token ${i} is a column of a table, and, for
 * ${plain}, of no time. */
static int
is_column(struct times * t, size_t i, int plain)
{
	const struct token_list * ts = &t->q->list;
	char name[SQL_NAME_MAX], table[SQL_NAME_MAX];
	int known, qualified = i > 1 && token_is(ts, i - 1, ".");

	if (i >= ts->n || (ts->t[i].kind != TOKEN_ID &&
	    ts->t[i].kind != TOKEN_QUOTED) ||
	    token_name(ts, i, name, sizeof(name)) ||
	    (qualified && token_name(ts, i - 2, table, sizeof(table))))
		return (0);
	t->names++;
	return ((column_order(t, qualified ? table : NULL, name, &known) ==
	    NULL || !plain) && known);
}

/*
 * Whether what stands from token ${begin} to before ${next} is compared with a
 * column of a table.  That brings its own collation, which what is written in
 * would override: then state = CASE ... END would heed the case of letters, and
 * could not be asked for.
 */
static int
beside_column(struct times * t, size_t begin, size_t next, int plain)
{
	const struct token_list * ts = &t->q->list;
	size_t op = begin - 1;

	if (begin > 2 && token_is(ts, op, "not") && token_is(ts, op - 1, "is"))
		op--;
	if (begin > 1 && compares(ts, op) && !token_is(ts, op, "in") &&
	    is_column(t, op - 1 - (op > 1 && token_is(ts, op - 1, "not")),
	    plain))
		return (1);
	if (!compares(ts, next) || token_is(ts, next, "in") ||
	    (token_is(ts, next, "not") && token_is(ts, next + 1, "in")))
		return (0);
	next += token_is(ts, next, "not") || token_is(ts, next + 1, "not") ? 2 :
	    1;
	while (token_is(ts, next + 1, "."))
		next += 2;
	return (!token_is(ts, next + 1, "(") && is_column(t, next, plain));
}

/* The parenthesis that closes the one at token ${i}; the end if there is none. */
static size_t
closing(const struct token_list * ts, size_t i)
{
	size_t depth = 0;

	for (; i < ts->n; i++) {
		depth += (size_t)token_is(ts, i, "(");
		if (token_is(ts, i, ")") && --depth == 0)
			break;
	}
	return (i);
}

/* Behind token ${i}. */
static void
put(struct times * t, size_t i, const char * order)
{
	const struct token * at = &t->q->list.t[i];

	t->ins[t->nins].at = at->off + at->len;
	t->ins[t->nins++].text = strcmp(order, QUERY_INSTANT) == 0 ?
	    MARK QUERY_INSTANT : MARK SAMPLE_TIME_ORDER;
}

static void
add_alias(struct times * t, size_t i, const char * order)
{
	char name[SQL_NAME_MAX];
	size_t k;

	if (t->naliases == MAX_ALIASES ||
	    token_name(&t->q->list, i, name, sizeof(name)))
		return;
	for (k = 0; k < t->naliases; k++)
		if (strcasecmp(t->alias[k].name, name) == 0)
			return;
	memcpy(t->alias[k].name, name, sizeof(name));
	t->alias[k].order = order;
	t->naliases++;
}

/* Whether what is called by the name that stands at token ${i} is compared; with
 * ${plain}: with a column of no time, by whose collation it must stay.  As told
 * in ${many} where there is too much to look at. */
static int
is_compared(struct times * t, size_t i, int plain, int many)
{
	static const char * const joins[] = { "using", "natural", NULL };
	const struct token_list * ts = &t->q->list;
	char name[SQL_NAME_MAX], have[SQL_NAME_MAX];
	size_t k, from;

	i += (size_t)token_is(ts, i, "as");
	if (i >= ts->n || (ts->t[i].kind != TOKEN_ID &&
	    ts->t[i].kind != TOKEN_QUOTED))
		return (0);
	if (++t->searches > MAX_SEARCHES ||
	    token_name(ts, i, name, sizeof(name)))
		return (many);
	t->names += NAMES_A_LOOK; /* it takes long */
	for (k = 1; k < ts->n; k++) {
		if (plain && token_is_one_of(ts, k, joins) &&
		    is_column(t, i, 1))
			return (1);
		from = k > 2 && token_is(ts, k - 1, ".") ? k - 3 : k - 1;
		if ((ts->t[k].kind == TOKEN_ID ||
		    ts->t[k].kind == TOKEN_QUOTED) &&
		    token_name(ts, k, have, sizeof(have)) == 0 &&
		    strcasecmp(have, name) == 0 &&
		    (compares(ts, k + 1) || compares(ts, from)) &&
		    (!plain || beside_column(t, from + 1, k + 1, 1)))
			return (1);
	}
	return (0);
}

/* Whether the SELECT in parentheses that ends before token ${next} is a value, and
 * not a table or a list. */
static int
is_scalar(struct times * t, const struct frame * f, size_t next)
{
	static const char * const before[] = { "select", "distinct", ",", NULL };
	static const char * const by[] = { "then", "else", "when", "and", "or",
	    "where", "having", "on", "not", NULL };
	const struct token_list * ts = &t->q->list;
	const struct frame * up = &t->f[t->depth - 1];
	size_t prev = f->begin - 1;

	if (f->begin == 0 || token_is(ts, prev, "in"))
		return (0);
	if (up->kind == FRAME_KEEPS)
		return (1);
	/* What goes out as it is keeps the column's type. */
	if (up->in_list && t->depth > 1 && token_is_one_of(ts, prev, before) &&
	    (!f->typed || is_compared(t, next, 0, 0)))
		return (1);
	if (compares(ts, next))
		return (token_is_one_of(ts, prev, by) ||
		    token_is_one_of(ts, prev, before) ||
		    token_is(ts, prev, "("));
	/* What stands to its left has an order of its own, if it is no literal. */
	return (compares(ts, prev) && prev > 0 &&
	    (ts->t[prev - 1].kind == TOKEN_STRING ||
	    token_is(ts, prev - 1, ")")));
}

/*
 * A time stands from token ${from} to ${to}: see what it is to those around it.
 * ${has}: SQLite knows its order as it is, else as a column's.
 */
static void
found(struct times * t, size_t from, size_t to, const char * order, int has)
{
	static const char * const whole[] = { "when", "else", "end", NULL };
	const struct token_list * ts = &t->q->list;
	struct frame * f = &t->f[t->depth - 1];
	size_t next = to + 1;
	int is_as = token_is(ts, next, "as");

	if ((f->kind == FRAME_KEEPS && (from == f->first ||
	    token_is(ts, from - 1, ",")) && (token_is(ts, next, ",") ||
	    token_is(ts, next, ")"))) || (f->kind == FRAME_CASE &&
	    token_is_one_of(ts, next, whole) &&
	    (token_is(ts, from - 1, "then") || token_is(ts, from - 1, "else")))) {
		if (!has)
			put(t, to, order);
		f->order = order;
	}
	if (!f->in_list || next >= ts->n)
		return;
	if (is_as || ((ts->t[next].kind == TOKEN_ID ||
	    ts->t[next].kind == TOKEN_QUOTED) && !token_is(ts, next, "from") &&
	    !token_is(ts, next, "collate") && !compares(ts, next))) {
		next += (size_t)is_as;
		if (next < ts->n && (ts->t[next].kind == TOKEN_ID ||
		    ts->t[next].kind == TOKEN_QUOTED))
			add_alias(t, next++, order);
	}
	if (f->kind == FRAME_SELECT && from == f->first &&
	    (token_is(ts, next, "from") || token_is(ts, next, ")"))) {
		f->order = order;
		f->typed = !has;
	}
}

/* A column perhaps, at token ${i}. */
static void
see_name(struct times * t, size_t i)
{
	static const char * const before[] = { "(", ",", "then", "else",
	    "select", "distinct", NULL };
	const struct token_list * ts = &t->q->list;
	const struct frame * f = &t->f[t->depth - 1];
	char name[SQL_NAME_MAX], table[SQL_NAME_MAX];
	const char * order;
	int known;
	size_t from = i > 2 && token_is(ts, i - 1, ".") ? i - 2 : i;

	if (from == 0 || !token_is_one_of(ts, from - 1, before) ||
	    token_is(ts, i + 1, ".") || token_is(ts, i + 1, "(") ||
	    (f->kind != FRAME_KEEPS && f->kind != FRAME_CASE && !f->in_list) ||
	    token_name(ts, i, name, sizeof(name)) ||
	    (from < i && token_name(ts, from, table, sizeof(table))))
		return;
	t->names++;
	if ((order = column_order(t, from < i ? table : NULL, name,
	    &known)) != NULL)
		found(t, from, i, order, 0);
}

/* Whether the parenthesis at token ${i} is a function's. */
static int
is_call(const struct token_list * ts, size_t i)
{
	static const char * const words[] = { "all", "and", "as", "between",
	    "by", "distinct", "else", "except", "exists", "filter", "from",
	    "having", "in", "intersect", "is", "join", "like", "not", "on",
	    "or", "over", "select", "then", "union", "using", "values", "when",
	    "where", NULL };

	return (i > 0 && (ts->t[i - 1].kind == TOKEN_ID ||
	    ts->t[i - 1].kind == TOKEN_QUOTED) &&
	    !token_is_one_of(ts, i - 1, words));
}

static void
open_frame(struct times * t, size_t i)
{
	static const char * const keep[] = { "coalesce", "first_value", "ifnull",
	    "iif", "lag", "last_value", "lead", "max", "min", "nth_value",
	    "nullif", NULL };
	const struct token_list * ts = &t->q->list;
	struct frame * f = &t->f[t->depth++];

	memset(f, 0, sizeof(*f));
	f->begin = i;
	f->first = i + 1;
	f->nins = t->nins;
	if (token_is(ts, i, "case")) {
		f->kind = FRAME_CASE;
	} else if (i > 0 && token_is_one_of(ts, i - 1, keep)) {
		f->kind = FRAME_KEEPS;
		f->begin = i - 1;
		f->first += (size_t)token_is(ts, i + 1, "distinct");
	} else if (token_is(ts, i + 1, "select")) {
		f->kind = FRAME_SELECT;
		f->first += 1 + (size_t)token_is(ts, i + 2, "distinct");
	} else if (is_call(ts, i)) {
		f->is_call = 1;
		f->begin = i - 1;
	}
}

/* Whether the time ${f}, which ends before token ${next}, is nothing to compare: a
 * part of a text, or what a function makes something else of. */
static int
is_lost(const struct times * t, const struct frame * f, size_t next)
{
	static const char * const ops[] = { "||", "+", "-", "*", "/", "%", "&",
	    "|", "<<", ">>", "->", "->>", "like", "glob", "contains", NULL };
	const struct token_list * ts = &t->q->list;
	size_t prev = f->begin - 1;

	if (token_is_one_of(ts, next, ops) || (f->begin > 0 &&
	    token_is_one_of(ts, prev, ops)))
		return (1);
	return (t->f[t->depth - 1].is_call && (token_is(ts, prev, "(") ||
	    token_is(ts, prev, ",")) && (token_is(ts, next, ",") ||
	    token_is(ts, next, ")")));
}

/* Whether what was written into ${f}, which ends before token ${next}, would do
 * more than have times compared. */
static int
stays(struct times * t, const struct frame * f, size_t next)
{
	const struct token_list * ts = &t->q->list;

	if (beside_column(t, f->begin, next, 0))
		return (1);
	if (f->order != NULL && is_lost(t, f, next))
		return (1);
	if (f->order == NULL && token_is(ts, next + 2, "select") &&
	    token_is(ts, next, "in"))
		return (1);
	return (t->f[t->depth - 1].in_list && t->depth > 1 &&
	    is_compared(t, next, 1, 1));
}

/* What began is whole at token ${i}, but for FILTER (...) and OVER (...). */
static void
close_frame(struct times * t, size_t i)
{
	const struct token_list * ts = &t->q->list;
	struct frame * f = &t->f[--t->depth];

	if (f->kind == FRAME_SELECT) {
		if (f->order == NULL || !is_scalar(t, f, i + 1) ||
		    beside_column(t, f->begin, i + 1, 0))
			return;
		put(t, i, f->order);
	}
	if ((f->order == NULL && f->nins == t->nins) ||
	    token_is(ts, f->first, "with"))
		return;
	while (token_is(ts, i + 1, "over") || token_is(ts, i + 1, "filter"))
		i = token_is(ts, i + 2, "(") ? closing(ts, i + 2) : i + 2;
	if (f->kind != FRAME_SELECT && stays(t, f, i + 1))
		t->nins = f->nins;
	else if (f->order != NULL)
		found(t, f->begin, i, f->order, 1);
}

/* Whether the word END at token ${i} ends something: it may be a column. */
static int
is_end(const struct token_list * ts, size_t i)
{
	static const char * const before[] = { "and", "between", "by", "case",
	    "distinct", "else", "is", "like", "not", "or", "select", "then",
	    "when", "where", NULL };

	return (token_is(ts, i, "end") && i > 0 &&
	    !token_is_one_of(ts, i - 1, before) &&
	    (ts->t[i - 1].kind != TOKEN_OP || token_is(ts, i - 1, ")")));
}

static void
see(struct times * t, size_t i)
{
	static const char * const clauses[] = { "from", "where", "group",
	    "order", "limit", NULL };
	const struct token_list * ts = &t->q->list;
	struct frame * f = &t->f[t->depth - 1];
	int opens = token_is(ts, i, "(") || token_is(ts, i, "case");

	if (t->deeper > 0 || (opens && t->depth == MAX_DEPTH))
		t->deeper += (size_t)opens -
		    (size_t)(token_is(ts, i, ")") || is_end(ts, i));
	else if (opens)
		open_frame(t, i);
	else if (t->depth > 1 && (f->kind == FRAME_CASE ? is_end(ts, i) :
	    token_is(ts, i, ")")))
		close_frame(t, i);
	else if (token_is(ts, i, "select"))
		f->in_list = 1;
	else if (token_is_one_of(ts, i, clauses))
		f->in_list = 0;
	else if (ts->t[i].kind == TOKEN_ID || ts->t[i].kind == TOKEN_QUOTED)
		see_name(t, i);
}

/* Once over the statement.  -1: it must stop. */
static int
look(struct times * t)
{
	size_t i;

	memset(&t->f[0], 0, sizeof(t->f[0]));
	t->depth = 1;
	t->nins = t->deeper = t->searches = 0;
	for (i = 0; i < t->q->list.n; i++) {
		see(t, i);
		if (t->names >= NAMES_A_LOOK) {
			t->names = 0;
			if (query_breathe(t->q))
				return (-1);
		}
	}
	return (0);
}

/* Nothing is written into the text ${name}, wherever it stands, since a column is
 * called by it. */
static void
leave(struct times * t, const char * name)
{
	const char * at = t->q->sql;
	size_t len = strlen(name), begin, i = 0, n = 0;

	while (len > 0 && (at = strcasestr(at, name)) != NULL) {
		begin = (size_t)(at - t->q->sql);
		for (; i < t->nins && t->ins[i].at <= begin; i++)
			t->ins[n++] = t->ins[i];
		while (i < t->nins && t->ins[i].at <= begin + len)
			i++;
		at += len;
	}
	for (; i < t->nins; i++)
		t->ins[n++] = t->ins[i];
	t->nins = n;
}

/* Without AS a column is called by the text it is made of: "max(created)".  What is
 * cited so must stay.  -1: it must stop. */
static int
leave_cited(struct times * t)
{
	const struct token_list * ts = &t->q->list;
	char name[1024];
	size_t k, n = 0;

	for (k = 0; k < ts->n && t->nins > 0; k++) {
		if (ts->t[k].kind != TOKEN_QUOTED ||
		    (memchr(token_text(ts, k), '(', ts->t[k].len) == NULL &&
		    memchr(token_text(ts, k), ' ', ts->t[k].len) == NULL))
			continue;
		if (++n > MAX_CITED || token_name(ts, k, name, sizeof(name)))
			t->nins = 0;
		else
			leave(t, name);
		if (query_breathe(t->q))
			return (-1);
	}
	return (0);
}

int
query_times(struct query * q, struct err * e)
{
	struct times * t;
	size_t pass, was;
	int rc = 0;

	if (q->opts.as_is || q->tables_n == 0)
		return (0);
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->ins = calloc(q->list.n + 1, sizeof(*t->ins))) == NULL) {
		free(t);
		return (err_nomem(e, "a query"));
	}
	t->q = q;
	for (pass = 0, was = SIZE_MAX; pass < MAX_PASSES && rc == 0 &&
	    t->naliases != was; pass++) {
		was = t->naliases;
		rc = look(t);
	}
	if (rc == 0)
		rc = leave_cited(t);
	rc = rc ? query_stopped(q, e) : t->nins == 0 ? 0 :
	    sql_rewrite_insert(&q->rw, t->ins, t->nins, e);
	free(t->ins);
	free(t);
	return (rc);
}

int
query_times_name(const char * name, char ** own)
{
	static const char * const marks[] = { MARK QUERY_INSTANT,
	    MARK SAMPLE_TIME_ORDER };
	char * to;
	size_t k, n;

	*own = NULL;
	if (strstr(name, MARK) == NULL)
		return (0);
	if ((*own = to = malloc(strlen(name) + 1)) == NULL)
		return (-1);
	while (*name != '\0') {
		for (k = n = 0; k < 2 && n == 0; k++)
			if (strncmp(name, marks[k], strlen(marks[k])) == 0)
				n = strlen(marks[k]);
		name += n;
		if (n == 0)
			*to++ = *name++;
	}
	*to = '\0';
	return (0);
}
