/* What a statement calls its times, and what must be called as it is. */
#include "query/query_time.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "query/query_live.h"
#include "target/sample_plan.h"

/* Words before which no name of a column, table or result ends. */
static const char * const no_end[] = { "all", "and", "as", "between", "by",
	"case", "distinct", "else", "from", "having", "in", "is", "join", "like",
	"limit", "not", "on", "or", "select", "then", "using", "when", "where",
	NULL };

const char *
query_time_order(const struct query_time_names * t, const char * table,
    const char * name)
{
	const struct query * q = t->q;
	const struct query_attached * a;
	const char * type, * order;
	int named = 0;
	size_t i;

	/* A view tells nothing; what it is made of does. */
	for (i = 0; table != NULL && i < q->tables_n; i++)
		named |= strcasecmp(q->tables[i].table, table) == 0 &&
		    sqlite3_table_column_metadata(q->db, q->tables[i].schema,
		    q->tables[i].table, NULL, NULL, NULL, NULL, NULL, NULL) ==
		    SQLITE_OK;
	for (i = 0; !named && i < t->n; i++)
		if (strcasecmp(t->alias[i].name, name) == 0)
			return (t->alias[i].order);
	for (i = 0; i < q->tables_n; i++) {
		a = &q->tables[i];
		if ((named && strcasecmp(a->table, table) != 0) ||
		    sqlite3_table_column_metadata(q->db, a->schema, a->table,
		    name, &type, &order, NULL, NULL, NULL) != SQLITE_OK ||
		    order == NULL)
			continue;
		if (strcasecmp(order, QUERY_INSTANT) == 0)
			return (QUERY_INSTANT);
		if (strcasecmp(order, SAMPLE_TIME_ORDER) == 0)
			return (SAMPLE_TIME_ORDER);
	}
	return (NULL);
}

size_t
query_time_closing(const struct token_list * ts, size_t i)
{
	size_t depth = 0;

	for (; i < ts->n; i++) {
		depth += (size_t)token_is(ts, i, "(");
		if (token_is(ts, i, ")") && --depth == 0)
			break;
	}
	return (i);
}

int
query_time_cited(struct query_time_names * t)
{
	const struct token_list * ts = &t->q->list;
	size_t i;

	for (i = 0; i < ts->n; i++) {
		if (ts->t[i].kind != TOKEN_QUOTED ||
		    memchr(token_text(ts, i), '(', ts->t[i].len) == NULL)
			continue;
		if (t->ncited == QUERY_TIME_CITED)
			return (0);
		t->cited[t->ncited++] = i;
	}
	return (1);
}

int
query_time_is_cited(const struct query_time_names * t, size_t i)
{
	const struct token_list * ts = &t->q->list;
	char name[SQL_NAME_MAX], call[SQL_NAME_MAX];
	size_t k, end = t->ncited > 0 ? query_time_closing(ts, i + 1) : ts->n;

	for (k = 0; k < t->ncited && end < ts->n; k++) {
		if (token_name(ts, t->cited[k], name, sizeof(name)))
			continue;
		snprintf(call, sizeof(call), "%.*s",
		    (int)(ts->t[end].off + 1 - ts->t[i].off),
		    token_text(ts, i));
		if (strcasestr(name, call) != NULL)
			return (1);
	}
	return (0);
}

void
query_time_call(struct query_time_names * t, size_t i, const char * order)
{
	char name[SQL_NAME_MAX];
	size_t k;

	if (t->n == QUERY_TIME_NAMES ||
	    token_name(&t->q->list, i, name, sizeof(name)))
		return;
	for (k = 0; k < t->n; k++)
		if (strcasecmp(t->alias[k].name, name) == 0)
			return;
	memcpy(t->alias[k].name, name, sizeof(name));
	t->alias[k].order = order;
	t->n++;
}

/* Whether the statement calls nothing else by the name ${k}. */
static int
is_only_one(const struct query_time_names * t, size_t k)
{
	const struct token_list * ts = &t->q->list;
	const char * name = t->alias[k].name;
	char have[SQL_NAME_MAX];
	size_t i, n = 0;

	for (i = 1; i < ts->n; i++)
		if ((ts->t[i].kind == TOKEN_ID || ts->t[i].kind ==
		    TOKEN_QUOTED) && (token_is(ts, i - 1, "as") ||
		    token_is(ts, i - 1, ")") || (ts->t[i - 1].kind != TOKEN_OP &&
		    !token_is_one_of(ts, i - 1, no_end))) &&
		    token_name(ts, i, have, sizeof(have)) == 0 &&
		    strcasecmp(have, name) == 0)
			n++;
	for (i = 0; i < t->q->tables_n; i++)
		if (sqlite3_table_column_metadata(t->q->db,
		    t->q->tables[i].schema, t->q->tables[i].table, name, NULL,
		    NULL, NULL, NULL, NULL) == SQLITE_OK)
			return (0);
	return (n == 1);
}

int
query_time_is(struct query_time_names * t, size_t i)
{
	char name[SQL_NAME_MAX];
	size_t k;

	if (token_name(&t->q->list, i, name, sizeof(name)))
		return (0);
	for (k = 0; k < t->n; k++)
		if (strcasecmp(t->alias[k].name, name) == 0)
			break;
	if (k == t->n)
		return (0);
	if (!t->alias[k].known) {
		t->alias[k].known = 1;
		t->alias[k].only = is_only_one(t, k);
	}
	return (t->alias[k].only);
}
