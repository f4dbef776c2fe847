/*
 * The values of an IN, for EXPLAIN: SQLite hands them over only when the statement
 * runs, so they are read where they stand in its text.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "query/query_live.h"

#define MAX_LIST 100
#define MAX_TEXT 256

struct list {
	char text[MAX_LIST][MAX_TEXT];
	struct value v[MAX_LIST];
	size_t n;
};

/* Whether tokens ${i} and on are "name IN (". */
static int
begins(const struct token_list * ts, size_t i, const char * name)
{
	char have[MAX_TEXT];

	return ((ts->t[i].kind == TOKEN_ID || ts->t[i].kind == TOKEN_QUOTED) &&
	    token_is(ts, i + 1, "in") && token_is(ts, i + 2, "(") &&
	    token_name(ts, i, have, sizeof(have)) == 0 &&
	    strcasecmp(have, name) == 0);
}

static int
take(const struct token_list * ts, size_t i, enum column_type type,
    struct list * l)
{
	struct value * v = &l->v[l->n];
	char * text = l->text[l->n], * end;

	if (i >= ts->n || l->n == MAX_LIST)
		return (-1);
	memset(v, 0, sizeof(*v));
	if (type == COLUMN_TEXT && ts->t[i].kind == TOKEN_STRING) {
		if (token_name(ts, i, text, MAX_TEXT))
			return (-1);
		v->type = VALUE_TEXT;
		v->s = text;
		v->len = (uint32_t)strlen(text);
	} else if (type == COLUMN_INTEGER && ts->t[i].kind == TOKEN_NUMBER &&
	    ts->t[i].len < 19) {
		memcpy(text, token_text(ts, i), ts->t[i].len);
		text[ts->t[i].len] = '\0';
		v->type = VALUE_INT;
		v->i = strtoll(text, &end, 10);
		if (*end != '\0')
			return (-1);
	} else {
		return (-1);
	}
	l->n++;
	return (0);
}

/* The literals from token ${i} to the bracket that closes. */
static int
read_list(const struct token_list * ts, size_t i, enum column_type type,
    struct list * l)
{
	for (l->n = 0;; i++) {
		if (take(ts, i++, type, l))
			return (-1);
		if (token_is(ts, i, ")"))
			return (0);
		if (!token_is(ts, i, ","))
			return (-1);
	}
}

static int
compare(const void * a, const void * b)
{
	const struct value * x = a, * y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int rc;

	if (x->type != VALUE_TEXT)
		return ((x->i > y->i) - (x->i < y->i));
	rc = memcmp(x->s, y->s, n);
	return (rc != 0 ? rc : (x->len > y->len) - (x->len < y->len));
}

int
query_explain_in(const struct query * q, const struct manifest_entity * ent,
    size_t column, struct buf * b)
{
	const struct manifest_column * col = &ent->columns[column];
	const struct token_list * ts = &q->list;
	struct list * l = malloc(sizeof(*l));
	size_t i, k, at = 0, found = 0;
	int rc = -1;

	for (i = 0; l != NULL && i < ts->n; i++)
		if (begins(ts, i, col->name)) {
			found++;
			at = i + 3;
		}
	/* With two of them nobody can tell which is which. */
	if (found == 1 && read_list(ts, at, col->type, l) == 0) {
		/* As SQLite would: in order, and each once. */
		qsort(l->v, l->n, sizeof(*l->v), compare);
		for (i = k = 1; i < l->n; i++)
			if (compare(&l->v[i], &l->v[k - 1]) != 0)
				l->v[k++] = l->v[i];
		rc = query_key_list(b, column, l->v, k);
	}
	free(l);
	return (rc);
}
