#include <stdint.h>
#include <string.h>

#include "manifest/manifest_parts.h"

/* Clause languages, and what the service can order by. */

#define NLANGUAGES (sizeof(languages) / sizeof(languages[0]))

static void
read_clause(struct mread * r, struct manifest_clause * c, const json_t * v,
    const struct mread_scope * outer)
{
	struct mread_scope s = *outer;

	c->name = "";
	c->joiner = " AND ";
	if (!mread_is_object(r, v, KEYS_CLAUSE))
		return;
	if ((json_object_get(v, "query") != NULL) +
	    (json_object_get(v, "body") != NULL) != 1)
		mread_fault(r, NULL, "needs query or body: where the text "
		    "goes");
	c->where = json_object_get(v, "body") != NULL ? IN_BODY : IN_QUERY;
	c->name = mread_str(r, v, c->where == IN_BODY ? "body" : "query", 0);
	if (c->name == NULL)
		c->name = "";
	if (json_object_get(v, "join") != NULL &&
	    (c->joiner = mread_str(r, v, "join", 0)) == NULL)
		c->joiner = " AND ";
	c->always = mread_template(r, v, "always", 0, &s);
	c->empty = mread_template(r, v, "empty", 0, &s);
	s.roots |= ROOT_ORDER;
	c->order = mread_template(r, v, "order", 0, &s);
	s = *outer;
	s.roots |= ROOT_VALUE;
	c->limit = mread_template(r, v, "limit", 0, &s);
	if (c->limit != NULL && strstr(c->limit, "{{value}}") == NULL)
		mread_fault(r, "limit", "does not speak of {{value}}, which is "
		    "the number of rows");
}

void
manifest_clause_read(struct mread * r, struct manifest_list * list,
    const json_t * v, const struct mread_scope * s)
{
	static const char * const languages[] = { "jql", "query", "entity",
	    "selector", "soql", "spl" };
	const json_t * clauses = mread_map(r, v, "clauses", 0), * x;
	struct manifest_clause * c;
	const char * key;
	size_t at, sub, i;

	if (clauses == NULL)
		return;
	at = mread_enter(r, "clauses");
	list->clauses = mread_alloc(r, json_object_size(clauses),
	    sizeof(*list->clauses));
	json_object_foreach((json_t *)(uintptr_t)clauses, key, x) {
		if (list->clauses == NULL)
			break;
		for (i = 0; i < NLANGUAGES && strcmp(key, languages[i]) != 0;
		    i++)
			;
		if (i == NLANGUAGES)
			mread_unknown(r, key, "clause language", key,
			    languages, NLANGUAGES);
		sub = mread_enter(r, key);
		c = &list->clauses[list->nclauses++];
		c->language = key;
		read_clause(r, c, x, s);
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

static void
read_order_columns(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * cols)
{
	struct manifest_order * o;
	const char * key;
	const json_t * x;
	size_t at;
	int c;

	at = mread_enter(r, "columns");
	list->orders = mread_alloc(r, json_object_size(cols), sizeof(*o));
	if (json_object_size(cols) == 0)
		mread_fault(r, NULL, "must name at least one column");
	json_object_foreach((json_t *)(uintptr_t)cols, key, x) {
		c = manifest_column_of(r, key, ent, key);
		if (!json_is_string(x) || *json_string_value(x) == '\0')
			mread_fault(r, key, "must be the service's word for "
			    "it");
		else if (c >= 0 && list->orders != NULL) {
			o = &list->orders[list->norders++];
			o->column = (size_t)c;
			o->as = json_string_value(x);
		}
	}
	mread_leave(r, at);
}

/* The service's word for a direction; NULL: it has none. */
static const char *
read_direction(struct mread * r, const json_t * o, const char * key)
{
	const char * w;

	if (json_is_null(json_object_get(o, key)))
		return (NULL);
	w = mread_str(r, o, key, 0);
	return (w != NULL ? w : key);
}

void
manifest_clause_order(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v,
    const struct mread_scope * outer)
{
	const json_t * o = json_object_get(v, "order"), * cols;
	struct mread_scope s = *outer;
	size_t at, i;

	if (o == NULL)
		return;
	s.roots |= ROOT_ORDER;
	at = mread_enter(r, "order");
	if (mread_is_object(r, o, KEYS_ORDER)) {
		if ((cols = mread_map(r, o, "columns", 1)) != NULL)
			read_order_columns(r, ent, list, cols);
		list->order_query = mread_params(r, o, "query", 0, &s);
		if (mread_map(r, o, "body", 0) != NULL)
			list->order_body = mread_body(r, o, "body", &s);
		list->order_asc = read_direction(r, o, "asc");
		list->order_desc = read_direction(r, o, "desc");
		if (json_is_null(json_object_get(o, "asc")) &&
		    json_is_null(json_object_get(o, "desc")))
			mread_fault(r, NULL, "has neither direction");
		list->order_max = (int)mread_int(r, o, "max", 1, 1, 16);
		for (i = 0; i < list->nclauses; i++)
			if (list->clauses[i].order != NULL)
				break;
		if (i == list->nclauses && list->order_query == NULL &&
		    list->order_body == NULL)
			mread_fault(r, "query", "is missing: how the order is "
			    "asked for (or body, or a clause with an order)");
	}
	mread_leave(r, at);
}
