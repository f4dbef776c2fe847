/*
 * Names that are no target's here may be indexes of the cluster: it is asked for
 * their columns, on the fiber, and they go on as entities do.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "query/query_live.h"
#include "target/elastic_table.h"

enum query_place
query_cluster_place(const struct sql_name * nm, struct sql_name * bare)
{
	static const struct {
		const char * word;
		enum query_place place;
	} words[] = { { "es:", PLACE_CLUSTER }, { "sqlite:", PLACE_HERE } };
	size_t i, n;

	*bare = *nm;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		n = strlen(words[i].word);
		if (*nm->schema != '\0' ||
		    strncasecmp(nm->table, words[i].word, n) != 0)
			continue;
		memmove(bare->table, nm->table + n, strlen(nm->table + n) + 1);
		return (words[i].place);
	}
	return (PLACE_ANY);
}

/* Token ${i}, at the parenthesis that opens: the one behind what closes it. */
static size_t
behind(const struct token_list * list, size_t i)
{
	size_t depth = 0;

	for (; i < list->n; i++) {
		if (token_is(list, i, "("))
			depth++;
		else if (token_is(list, i, ")") && --depth == 0)
			return (i + 1);
	}
	return (i);
}

/* Whether WITH gives the name a meaning: name [(columns)] AS [[NOT] MATERIALIZED]
 * (. */
static int
is_with(const struct query * q, const char * name)
{
	const struct token_list * list = &q->list;
	char have[SQL_NAME_MAX];
	size_t i, k;

	for (i = 0; i < list->n; i++) {
		if ((list->t[i].kind != TOKEN_ID &&
		    list->t[i].kind != TOKEN_QUOTED) ||
		    token_name(list, i, have, sizeof(have)) ||
		    strcasecmp(have, name) != 0)
			continue;
		k = token_is(list, i + 1, "(") ? behind(list, i + 1) : i + 1;
		if (token_is(list, k, "as") && (token_is(list, k + 1, "(") ||
		    token_is(list, k + 1, "not") ||
		    token_is(list, k + 1, "materialized")))
			return (1);
	}
	return (0);
}

/* An answer that is waited for. */
struct wait {
	struct query * q;
	struct connector * c;
	struct err e;
	int is_done;
};

static void
on_table(void * arg, struct connector * c, const struct err * e)
{
	struct wait * w = arg;

	w->is_done = 1;
	if (c != NULL)
		w->c = connector_ref(c);
	else
		w->e = *e;
	fiber_wake(w->q->fiber);
}

/* The table of ${pattern}; NULL with ${e}. */
static struct connector *
ask(struct query * q, const char * pattern, struct err * e)
{
	struct wait w = { .q = q };
	struct elastic_table * t;

	t = elastic_table_ask(q->loop, q->opts.elastic, pattern, on_table, &w);
	if (t == NULL) {
		err_nomem(e, "an index's columns");
		return (NULL);
	}
	while (!w.is_done) {
		if (query_stopped(q, e)) {
			elastic_table_leave(t);
			return (NULL);
		}
		fiber_wait();
	}
	if (w.c == NULL)
		*e = w.e;
	return (w.c);
}

/* The name as the cluster would write it; -1: it cannot be one of its own. */
static int
index_name(const struct sql_name * bare, char * out, size_t size)
{
	int n = snprintf(out, size, "%s%s%s", bare->schema,
	    *bare->schema ? "." : "", bare->table);

	if (n < 0 || (size_t)n >= size || strncasecmp(out, "sqlite_", 7) == 0)
		return (-1);
	return (elastic_table_name_ok(out) ? 0 : -1);
}

/* Not there.  Anyone else may still know the name, unless it was said whose it
 * is. */
static int
none(struct query * q, const struct sql_name * nm, enum query_place place,
    const char * name, const struct err * why, struct err * e)
{
	size_t off = q->list.t[nm->first].off;

	if (query_stopped(q, e))
		return (-1);
	if (why != NULL && strcmp(why->code, "no_index") != 0) {
		*e = *why;
		if (place == PLACE_ANY)
			err_prefix(e, "no table %.100s here, and the cluster "
			    "that may have it did not tell", name);
		return (-1);
	}
	if (place == PLACE_ANY && strchr(name, '*') == NULL)
		return (1);
	token_error(q->sql, q->len, off, e, "%s %.100s%s",
	    strchr(name, '*') == NULL ? "no index" : place == PLACE_ANY ?
	    "no target or index matches" : "no index matches", name,
	    q->opts.elastic != NULL ? "" : ": no cluster is configured "
	    "([elasticsearch] url)");
	if (e != NULL)
		memcpy(e->code, "no_table", sizeof("no_table"));
	return (-1);
}

int
query_cluster_attach(struct query * q, const struct sql_name * nm,
    const struct sql_name * bare, enum query_place place, struct err * e)
{
	const char * schema = *nm->schema ? nm->schema : "main";
	struct query_table tab;
	struct connector * c;
	char name[SQL_NAME_MAX * 2];
	struct err why;
	int rc;

	if (index_name(bare, name, sizeof(name)) || (place == PLACE_ANY &&
	    *nm->schema == '\0' && is_with(q, nm->table)))
		return (place == PLACE_CLUSTER ? none(q, nm, place, bare->table,
		    NULL, e) : 1);
	if (q->opts.elastic == NULL)
		return (place == PLACE_CLUSTER ? none(q, nm, place, name, NULL,
		    e) : 1);
	if ((c = ask(q, name, &why)) == NULL)
		return (none(q, nm, place, name, &why, e));
	memset(&tab, 0, sizeof(tab));
	tab.c = c;
	tab.ent = &c->m->entities[0];
	rc = query_db_schema(q, nm, schema, 1, e) ? -1 :
	    query_db_entity(q, schema, nm, &tab, e);
	if (rc == 0) {
		q->live->ents[q->live->nents - 1].is_index = 1;
		q->tables[q->tables_n].ent = tab.ent;
		query_db_added(q, schema, nm->table);
	}
	connector_unref(c);
	return (rc);
}

int
query_cluster_clash(struct query * q, const struct sql_name * nm,
    const struct sql_name * bare, enum query_place place, struct err * e)
{
	struct connector * c;
	char name[SQL_NAME_MAX * 2];
	struct err why;

	if (place != PLACE_ANY || q->opts.elastic == NULL ||
	    index_name(bare, name, sizeof(name)))
		return (0);
	if ((c = ask(q, name, &why)) == NULL) {
		if (query_stopped(q, e))
			return (-1);
		if (strcmp(why.code, "no_index") == 0)
			return (0);
		*e = why;
		return (err_prefix(e, "%.100s may also match indexes (write "
		    "sqlite:%.100s to read only tables of this node)", name,
		    name));
	}
	connector_unref(c);
	token_error(q->sql, q->len, q->list.t[nm->first].off, e, "%.80s matches "
	    "tables of this node and indexes of the cluster: write sqlite:%.80s "
	    "or es:%.80s", name, name, name);
	if (e != NULL)
		memcpy(e->code, "ambiguous_name", sizeof("ambiguous_name"));
	return (-1);
}
