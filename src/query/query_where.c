/*
 * Whether all that WHERE asks of a table comes to its xBestIndex.  SQLite (3.40)
 * does not tell of a condition that compares two columns of one table (updated >
 * created), but hands down LIMIT beside it: rows enough for it may be too few.
 * So a LIMIT is taken at its word only where a look at the text says that there is
 * no such condition; rather once too rarely.
 */

#include "query/query_live.h"

#define MAX_DEPTH 64

/* What stands in WHERE and is no column. */
static const char * const words[] = {
	"and", "between", "case", "cast", "collate", "contains", "current_date",
	"current_time", "current_timestamp", "distinct", "else", "end", "escape",
	"false", "from", "glob", "in", "is", "isnull", "like", "match", "not",
	"notnull", "null", "or", "regexp", "then", "true", "when", NULL
};
static const char * const ends[] = { "group", "having", "limit", "order",
	"window", NULL };

/* Whether token ${i} may be a column. */
static int
is_column(const struct token_list * list, size_t i)
{
	if (token_is(list, i + 1, ".") || token_is(list, i + 1, "(") ||
	    (i > 0 && token_is(list, i - 1, "collate")))
		return (0);
	return (list->t[i].kind == TOKEN_QUOTED || (list->t[i].kind ==
	    TOKEN_ID && !token_is_one_of(list, i, words)));
}

/* Whether each condition from token ${i} on names one column at most. */
static int
one_each(const struct token_list * list, size_t i)
{
	struct {
		unsigned columns;
		int between;
	} v[MAX_DEPTH] = { { 0, 0 } }, * at = v;

	for (; i < list->n && !token_is_one_of(list, i, ends); i++) {
		if (token_is(list, i, "(")) {
			if (++at == v + MAX_DEPTH)
				return (0);
			at->columns = at[-1].columns;
			at->between = 0;
		} else if (token_is(list, i, ")") && at > v) {
			at--;
			if (at->columns < at[1].columns)
				at->columns = at[1].columns;
		} else if (token_is(list, i, "between")) {
			at->between++;
		} else if (token_is(list, i, "and") && at->between > 0) {
			at->between--;
		} else if (token_is(list, i, "and") ||
		    token_is(list, i, "or")) {
			at->columns = 0;
		} else if (is_column(list, i) && ++at->columns > 1) {
			return (0);
		}
	}
	return (1);
}

int
query_where_is_plain(const struct token_list * list)
{
	size_t i, where = list->n, selects = 0;

	for (i = 0; i < list->n; i++) {
		selects += token_is(list, i, "select") != 0;
		if (token_is(list, i, "where") && where == list->n)
			where = i + 1;
	}
	/* What one SELECT names may stand for anything in another. */
	return (selects == 1 && one_each(list, where));
}
