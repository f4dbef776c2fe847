/* What a statement calls its times, and what is compared with columns. */
#include "query/query_time.h"

#include <string.h>
#include <strings.h>

#include "query/query_live.h"
#include "target/sample_plan.h"

#define MAX_SEARCHES 32 /* through the whole statement */
#define COST 64         /* of one, in names */

/* Words before which no name of a column, table or result ends. */
static const char * const no_end[] = { "all", "and", "as", "between", "by",
	"case", "distinct", "else", "from", "having", "in", "is", "join", "like",
	"limit", "not", "on", "or", "select", "then", "using", "when", "where",
	NULL };

static const char * const compare[] = { "=", "==", "<>", "!=", "<", "<=", ">",
	">=", "between", "in", "is", NULL };

int
query_time_compares(const struct token_list * ts, size_t i)
{
	return (i < ts->n && (token_is_one_of(ts, i, compare) ||
	    (token_is(ts, i, "not") && i + 1 < ts->n &&
	    token_is_one_of(ts, i + 1, compare))));
}

const char *
query_time_order(struct query_time_names * t, const char * table, const char * name,
    int * known)
{
	const struct query * q = t->q;
	const struct query_attached * a;
	const char * type, * order, * is = NULL;
	int named = 0, other = 0;
	size_t i;

	*known = 0;
	/* A view tells nothing; what it is made of does. */
	for (i = 0; table != NULL && i < q->tables_n; i++)
		named |= strcasecmp(q->tables[i].table, table) == 0 &&
		    sqlite3_table_column_metadata(q->db, q->tables[i].schema,
		    q->tables[i].table, NULL, NULL, NULL, NULL, NULL, NULL) ==
		    SQLITE_OK;
	for (i = 0; !named && i < t->n && is == NULL; i++)
		if (strcasecmp(t->alias[i].name, name) == 0)
			is = t->alias[i].order;
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
is_column(struct query_time_names * t, size_t i, int plain)
{
	const struct token_list * ts = &t->q->list;
	char name[SQL_NAME_MAX], table[SQL_NAME_MAX];
	int known, qualified = i > 1 && token_is(ts, i - 1, ".");

	if (i >= ts->n || (ts->t[i].kind != TOKEN_ID &&
	    ts->t[i].kind != TOKEN_QUOTED) ||
	    token_name(ts, i, name, sizeof(name)) ||
	    (qualified && token_name(ts, i - 2, table, sizeof(table))))
		return (0);
	t->looked++;
	return ((query_time_order(t, qualified ? table : NULL, name, &known) ==
	    NULL || !plain) && known);
}

int
query_time_beside(struct query_time_names * t, size_t begin, size_t next, int plain)
{
	const struct token_list * ts = &t->q->list;
	size_t op = begin - 1;

	if (begin > 2 && token_is(ts, op, "not") && token_is(ts, op - 1, "is"))
		op--;
	if (begin > 1 && query_time_compares(ts, op) && !token_is(ts, op, "in") &&
	    is_column(t, op - 1 - (op > 1 && token_is(ts, op - 1, "not")),
	    plain))
		return (1);
	if (!query_time_compares(ts, next) || token_is(ts, next, "in") ||
	    (token_is(ts, next, "not") && token_is(ts, next + 1, "in")))
		return (0);
	next += token_is(ts, next, "not") || token_is(ts, next + 1, "not") ? 2 :
	    1;
	while (token_is(ts, next + 1, "."))
		next += 2;
	return (!token_is(ts, next + 1, "(") && is_column(t, next, plain));
}

int
query_time_is_compared(struct query_time_names * t, size_t i, int plain, int many)
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
	t->looked += COST; /* it takes long */
	for (k = 1; k < ts->n; k++) {
		if (plain && token_is_one_of(ts, k, joins) &&
		    is_column(t, i, 1))
			return (1);
		from = k > 2 && token_is(ts, k - 1, ".") ? k - 3 : k - 1;
		if ((ts->t[k].kind == TOKEN_ID ||
		    ts->t[k].kind == TOKEN_QUOTED) &&
		    token_name(ts, k, have, sizeof(have)) == 0 &&
		    strcasecmp(have, name) == 0 &&
		    (query_time_compares(ts, k + 1) || query_time_compares(ts, from)) &&
		    (!plain || query_time_beside(t, from + 1, k + 1, 1)))
			return (1);
	}
	return (0);
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

void
query_time_call(struct query_time_names * t, size_t i, const char * order,
    int mixed)
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
	t->alias[k].known = mixed; /* then it is not only a time */
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
