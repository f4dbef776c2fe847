#include "sql/sql_names.h"

#include <stdlib.h>
#include <string.h>

/* SQLite's own parser gives up at 100. */
#define MAX_DEPTH 256

/* What a parenthesis holds: whether we are among tables, and whether one is
 * due next. */
struct level {
	char from, expect;
};

struct finder {
	const struct token_list * list;
	struct sql_names * names;
	size_t max, cap, depth;
	struct level level[MAX_DEPTH];
};

static int
adjacent(const struct token_list * list, size_t i)
{
	return (i + 1 < list->n &&
	    list->t[i].off + list->t[i].len == list->t[i + 1].off);
}

static int
is_name(const struct token_list * list, size_t i)
{
	return (i < list->n && (list->t[i].kind == TOKEN_ID ||
	    list->t[i].kind == TOKEN_QUOTED));
}

/* Whether token ${i} may go on in an unquoted name such as logs-2024.01-*. */
static int
goes_on(const struct token_list * list, size_t i)
{
	const char * s = token_text(list, i);

	switch (list->t[i].kind) {
	case TOKEN_ID:
	case TOKEN_NUMBER:
		return (1);
	case TOKEN_BAD: /* digits with letters behind: 2024a */
		return ((*s >= '0' && *s <= '9') || *s == '.');
	case TOKEN_OP:
		return (list->t[i].len == 1 &&
		    (*s == '-' || *s == '.' || *s == '*'));
	case TOKEN_QUOTED:
	case TOKEN_STRING:
	case TOKEN_JSTRING:
	case TOKEN_BLOB:
	case TOKEN_PARAM:
	case TOKEN_SEMI:
		break;
	}
	return (0);
}

/* Whether the word ${i} and the parameter behind it are a kind of target and its
 * name, es:logs. */
static int
has_kind(const struct token_list * list, size_t i)
{
	return (adjacent(list, i) && list->t[i + 1].kind == TOKEN_PARAM &&
	    *token_text(list, i + 1) == ':' && (token_is(list, i, "es") ||
	    token_is(list, i, "sqlite")));
}

/* The last token of the run that the word ${i} begins. */
static size_t
run_end(const struct token_list * list, size_t i)
{
	size_t last = i;

	if (list->t[i].kind != TOKEN_ID)
		return (i);
	if (has_kind(list, last))
		last++;
	while (adjacent(list, last) && goes_on(list, last + 1))
		last++;
	/* A dot before a quoted part divides, it is not of this one. */
	if (last > i && token_is(list, last, ".") && is_name(list, last + 1))
		last--;
	return (last);
}

static void
copy_run(const struct token_list * list, size_t first, size_t last,
    char out[SQL_NAME_MAX])
{
	size_t n = list->t[last].off + list->t[last].len - list->t[first].off;

	if (n >= SQL_NAME_MAX)
		n = 0;
	memcpy(out, token_text(list, first), n);
	out[n] = '\0';
}

static void
copy_name(const struct token_list * list, size_t i, char out[SQL_NAME_MAX])
{
	if (token_name(list, i, out, SQL_NAME_MAX))
		out[0] = '\0';
}

/* Read the name at token ${i}; what is merged is its last part. */
static void
read_name(const struct token_list * list, size_t i, struct sql_name * nm)
{
	size_t last = run_end(list, i), second;

	memset(nm, 0, sizeof(*nm));
	nm->first = i;
	if (last == i + 2 && token_is(list, i + 1, ".") &&
	    list->t[last].kind == TOKEN_ID)
		last = i; /* plain schema.table: read below */
	if (last > i) {
		nm->last = last;
		nm->merged = 1;
		copy_run(list, i, last, nm->table);
		return;
	}
	copy_name(list, i, nm->table);
	nm->last = i;
	if (!token_is(list, i + 1, ".") || !is_name(list, i + 2))
		return;
	memcpy(nm->schema, nm->table, sizeof(nm->schema));
	second = i + 2;
	nm->last = run_end(list, second);
	if (nm->last > second) {
		nm->merged = 1;
		nm->first = second;
		copy_run(list, second, nm->last, nm->table);
	} else
		copy_name(list, second, nm->table);
}

static int
add_name(struct finder * f, const struct sql_name * nm, struct err * e)
{
	const struct token_list * list = f->list;
	size_t want = f->cap ? f->cap * 2 : 8;
	struct sql_name * v;

	if (f->names->n >= f->max)
		return (token_error(list->sql, list->len,
		    list->t[nm->first].off, e,
		    "more than %zu tables in one statement", f->max));
	if (f->names->n >= f->cap) {
		v = realloc(f->names->v, want * sizeof(*v));
		if (v == NULL)
			return (err_nomem(e, "the tables of a statement"));
		f->names->v = v;
		f->cap = want;
	}
	f->names->v[f->names->n++] = *nm;
	return (0);
}

static int
is_any(const struct token_list * list, size_t i, const char * const * words)
{
	return (list->t[i].kind == TOKEN_ID && token_is_one_of(list, i, words));
}

/* A word that ends the list of tables. */
static int
ends_from(const struct token_list * list, size_t i)
{
	static const char * const words[] = { "where", "group", "order",
	    "having", "limit", "window", "union", "except", "intersect",
	    "select", "values", "returning", "set", NULL };

	return (is_any(list, i, words));
}

static int
opens_query(const struct token_list * list, size_t i)
{
	static const char * const words[] = { "select", "values", "with",
	    NULL };

	return (is_any(list, i, words));
}

static int
parenthesis(struct finder * f, size_t i, struct err * e)
{
	struct level * l = &f->level[f->depth];
	const struct token_list * list = f->list;

	if (token_is(list, i, ")")) {
		if (f->depth > 0)
			f->depth--;
		return (0);
	}
	if (f->depth + 1 >= MAX_DEPTH)
		return (token_error(list->sql, list->len, list->t[i].off, e,
		    "nested more than %d deep", MAX_DEPTH));
	/* FROM (a, b): the tables go on inside. */
	l[1].from = l[1].expect = l->from && l->expect;
	l->expect = 0;
	f->depth++;
	return (0);
}

/* A word, quoted or not, at token ${*i}; moves ${*i} to the last one read. */
static int
word(struct finder * f, size_t * i, struct err * e)
{
	const struct token_list * list = f->list;
	struct level * l = &f->level[f->depth];
	struct sql_name nm;

	if (l->expect && !opens_query(list, *i)) {
		l->expect = 0;
		read_name(list, *i, &nm);
		*i = nm.last;
		/* A function that yields rows is no table. */
		if (token_is(list, nm.last + 1, "(") && !nm.merged)
			return (0);
		return (add_name(f, &nm, e));
	}
	if (token_is(list, *i, "from")) {
		/* x IS DISTINCT FROM y reads no table. */
		if (*i == 0 || !token_is(list, *i - 1, "distinct"))
			l->from = l->expect = 1;
	} else if (token_is(list, *i, "join"))
		l->from = l->expect = 1;
	else if (token_is(list, *i, "in") && is_name(list, *i + 1)) {
		read_name(list, ++*i, &nm);
		*i = nm.last;
		return (add_name(f, &nm, e));
	} else if (ends_from(list, *i))
		l->from = l->expect = 0;
	return (0);
}

static int
find(struct finder * f, struct err * e)
{
	const struct token_list * list = f->list;
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (token_is(list, i, "{"))
			break; /* an object: no reader of tables has one */
		if (is_name(list, i)) {
			if (word(f, &i, e))
				return (-1);
		} else if (token_is(list, i, "(") || token_is(list, i, ")")) {
			if (parenthesis(f, i, e))
				return (-1);
		} else if (token_is(list, i, ","))
			f->level[f->depth].expect = f->level[f->depth].from;
		else if (list->t[i].kind == TOKEN_SEMI) {
			f->depth = 0;
			f->level[0].from = f->level[0].expect = 0;
		} else
			f->level[f->depth].expect = 0;
	}
	return (0);
}

int
sql_names(const struct token_list * list, size_t max, struct sql_names * names,
    struct err * e)
{
	struct finder f;

	memset(names, 0, sizeof(*names));
	memset(&f, 0, sizeof(f));
	f.list = list;
	f.names = names;
	f.max = max;
	if (find(&f, e)) {
		sql_names_free(names);
		return (-1);
	}
	return (0);
}

void
sql_names_free(struct sql_names * names)
{
	free(names->v);
	names->v = NULL;
	names->n = 0;
}
