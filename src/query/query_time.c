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
#include "query/query_time.h"
#include "target/sample_plan.h"

#define MAX_DEPTH 64   /* deeper down texts stay texts */
#define MAX_PASSES 4   /* names of names of names */
#define MAX_CITED 16
#define NAMES_A_LOOK 64
#define TOKENS_A_LOOK 1024
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
	size_t times, others; /* FRAME_KEEPS: operands; FRAME_SELECT: others, if
	                         what comes out may be no time */
};

struct times {
	struct query * q;
	struct frame f[MAX_DEPTH];
	size_t depth, deeper; /* deeper: open beyond MAX_DEPTH */
	struct sql_insert * ins;
	size_t nins;
	int compound; /* rows come from more than one SELECT */
	struct query_time_names known;
	int failed; /* a literal beside a time is none */
	struct err e;
};

/* Behind token ${i}. */
static void
put(struct times * t, size_t i, const char * order)
{
	const struct token * at = &t->q->list.t[i];

	t->ins[t->nins].at = at->off + at->len;
	t->ins[t->nins++].text = strcmp(order, QUERY_INSTANT) == 0 ?
	    MARK QUERY_INSTANT : MARK SAMPLE_TIME_ORDER;
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
	    (!f->typed || query_time_is_compared(&t->known, next, 0, 0)))
		return (1);
	if (query_time_compares(ts, next))
		return (token_is_one_of(ts, prev, by) ||
		    token_is_one_of(ts, prev, before) ||
		    token_is(ts, prev, "("));
	/* What stands to its left has an order of its own, if it is no literal. */
	return (query_time_compares(ts, prev) && prev > 0 &&
	    (ts->t[prev - 1].kind == TOKEN_STRING ||
	    token_is(ts, prev - 1, ")")));
}

/* What stands from token ${from} to ${to} is a time: so is a literal beside it. */
static void
check_literal(struct times * t, size_t from, size_t to)
{
	static const char * const ops[] = { "=", "==", "<>", "!=", "<", "<=",
	    ">", ">=", "between", NULL };
	const struct token_list * ts = &t->q->list;
	char name[64];

	if (t->failed || to + 2 >= ts->n || !token_is_one_of(ts, to + 1, ops))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(ts->t[to].off +
	    ts->t[to].len - ts->t[from].off), token_text(ts, from));
	t->failed = query_literal_time(t->q, to + 2, name, &t->e) != 0;
}

/*
 * A time stands from token ${from} to ${to}: see what it is to those around it.
 * ${has}: SQLite knows its order as it is, else as a column's.  ${mixed}: it may be
 * something else, as coalesce(closed, 'no') is.
 */
static void
found(struct times * t, size_t from, size_t to, const char * order, int has,
    int mixed)
{
	static const char * const whole[] = { "when", "else", "end", NULL };
	const struct token_list * ts = &t->q->list;
	struct frame * f = &t->f[t->depth - 1];
	size_t next = to + 1;
	int is_as = token_is(ts, next, "as");

	if (has && !mixed)
		check_literal(t, from, to);
	if ((f->kind == FRAME_KEEPS && (from == f->first ||
	    token_is(ts, from - 1, ",")) && (token_is(ts, next, ",") ||
	    token_is(ts, next, ")"))) || (f->kind == FRAME_CASE &&
	    token_is_one_of(ts, next, whole) &&
	    (token_is(ts, from - 1, "then") || token_is(ts, from - 1, "else")))) {
		if (!has)
			put(t, to, order);
		f->order = order;
		f->times += !mixed;
	}
	if (!f->in_list || next >= ts->n)
		return;
	if (is_as || ((ts->t[next].kind == TOKEN_ID ||
	    ts->t[next].kind == TOKEN_QUOTED) && !token_is(ts, next, "from") &&
	    !token_is(ts, next, "collate") && !query_time_compares(ts, next))) {
		next += (size_t)is_as;
		if (next < ts->n && (ts->t[next].kind == TOKEN_ID ||
		    ts->t[next].kind == TOKEN_QUOTED))
			query_time_call(&t->known, next++, order, mixed ||
			    t->compound);
	}
	if (f->kind == FRAME_SELECT && from == f->first &&
	    (token_is(ts, next, "from") || token_is(ts, next, ")"))) {
		f->order = order;
		f->typed = !has;
		f->others = (size_t)mixed;
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
	size_t from = i > 2 && token_is(ts, i - 1, ".") ? i - 2 : i, first = from;

	/* my-cache.created */
	while (first > 2 && first < i && (token_is(ts, first - 1, "-") ||
	    token_is(ts, first - 1, ".")) && ts->t[first - 1].off + 1 ==
	    ts->t[first].off)
		first -= 2;
	if (first == 0 || !token_is_one_of(ts, first - 1, before) ||
	    token_is(ts, i + 1, ".") || token_is(ts, i + 1, "(") ||
	    (f->kind != FRAME_KEEPS && f->kind != FRAME_CASE && !f->in_list) ||
	    token_name(ts, i, name, sizeof(name)) ||
	    (from < i && token_name(ts, from, table, sizeof(table))))
		return;
	if ((order = query_time_order(&t->known, from < i ? table : NULL, name,
	    &known)) != NULL)
		found(t, first, i, order, 0, 0);
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

	if (query_time_beside(&t->known, f->begin, next, 0))
		return (1);
	if (f->order != NULL && is_lost(t, f, next))
		return (1);
	if (f->order == NULL && token_is(ts, next + 2, "select") &&
	    token_is(ts, next, "in"))
		return (1);
	return (t->f[t->depth - 1].in_list && t->depth > 1 &&
	    query_time_is_compared(&t->known, next, 1, 1));
}


/* What began is whole at token ${i}, but for FILTER (...) and OVER (...). */
static void
close_frame(struct times * t, size_t i)
{
	const struct token_list * ts = &t->q->list;
	struct frame * f = &t->f[--t->depth];
	int mixed = f->kind == FRAME_KEEPS ? f->times < f->others + 1 :
	    f->kind == FRAME_CASE || f->others > 0;

	if (f->kind == FRAME_SELECT) {
		if (f->order == NULL || !is_scalar(t, f, i + 1) ||
		    query_time_beside(&t->known, f->begin, i + 1, 0))
			return;
		put(t, i, f->order);
	}
	if ((f->order == NULL && f->nins == t->nins) ||
	    token_is(ts, f->first, "with"))
		return;
	while (token_is(ts, i + 1, "over") || token_is(ts, i + 1, "filter"))
		i = token_is(ts, i + 2, "(") ? query_time_closing(ts, i + 2) : i + 2;
	if (f->kind != FRAME_SELECT && stays(t, f, i + 1))
		t->nins = f->nins;
	else if (f->order != NULL)
		found(t, f->begin, i, f->order, 1, mixed);
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
	else if (f->kind == FRAME_KEEPS && token_is(ts, i, ","))
		f->others++;
	else if (token_is(ts, i, "select"))
		f->in_list = 1;
	else if (token_is_one_of(ts, i, clauses))
		f->in_list = 0;
	else if (ts->t[i].kind == TOKEN_ID || ts->t[i].kind == TOKEN_QUOTED) {
		see_name(t, i);
		if (t->known.n > 0 && query_time_compares(ts, i + 1) &&
		    query_time_is(&t->known, i))
			check_literal(t, i, i);
	}
}

/* Once over the statement.  -1: it must stop. */
static int
look(struct times * t)
{
	size_t i;

	memset(&t->f[0], 0, sizeof(t->f[0]));
	t->depth = 1;
	t->nins = t->deeper = t->known.searches = 0;
	for (i = 0; i < t->q->list.n; i++) {
		see(t, i);
		if (t->known.looked >= NAMES_A_LOOK || i % TOKENS_A_LOOK == 0) {
			t->known.looked = 0;
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
	char name[1024], * end;
	size_t k, n = 0;

	for (k = 0; k < ts->n && t->nins > 0; k++) {
		if (ts->t[k].kind != TOKEN_QUOTED ||
		    (memchr(token_text(ts, k), '(', ts->t[k].len) == NULL &&
		    memchr(token_text(ts, k), ' ', ts->t[k].len) == NULL))
			continue;
		if (++n > MAX_CITED || token_name(ts, k, name, sizeof(name))) {
			t->nins = 0;
			break;
		}
		/* The second of a name: max(created):1 */
		if ((end = strrchr(name, ':')) != NULL && end[1] != '\0' &&
		    end[1 + strspn(end + 1, "0123456789")] == '\0')
			*end = '\0';
		leave(t, name);
		if (query_breathe(t->q))
			return (-1);
	}
	return (0);
}

static int
failed(const struct err * from, struct err * e)
{
	if (e != NULL)
		*e = *from;
	return (-1);
}

int
query_times(struct query * q, struct err * e)
{
	struct times * t;
	size_t pass, was, i;
	int rc = 0;

	if (q->opts.as_is || q->tables_n == 0)
		return (0);
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->ins = calloc(q->list.n + 1, sizeof(*t->ins))) == NULL) {
		free(t);
		return (err_nomem(e, "a query"));
	}
	t->q = q;
	t->known.q = q;
	for (i = 0; i < q->list.n && !t->compound; i++)
		t->compound = token_is(&q->list, i, "union");
	for (pass = 0, was = SIZE_MAX; pass < MAX_PASSES && rc == 0 &&
	    t->known.n != was; pass++) {
		was = t->known.n;
		rc = look(t);
	}
	if (rc == 0)
		rc = leave_cited(t);
	if (rc)
		rc = query_stopped(q, e);
	else if (t->failed)
		rc = failed(&t->e, e);
	else if (t->nins > 0)
		rc = sql_rewrite_insert(&q->rw, t->ins, t->nins, e);
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
