/* Mistakes of lists: where their pages end, how rows are ordered, what is asked. */
#include "manifest/manifest_parts.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

static int
needs_it(const struct manifest_list * list, const char * name)
{
	const json_t * x;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list->needs, i, x)
		if (strcasecmp(json_string_value(x), name) == 0)
			return (1);
	return (json_object_get(list->bind, name) != NULL);
}

/* An input that may be missing when the template ${t} asks for it. */
static void
check_known(struct mread * r, const char * key,
    const struct manifest_entity * ent, const struct manifest_list * list,
    const char * t)
{
	const char * p, * end;
	char name[65];
	size_t n;
	int c;

	for (p = t; (p = strstr(p, "{{in.")) != NULL; p = end) {
		p += 5;
		end = strstr(p, "}}");
		n = strcspn(p, ".|} ?");
		if (end == NULL || n >= sizeof(name))
			return;
		memcpy(name, p, n);
		name[n] = '\0';
		c = manifest_column(ent, name);
		/* What comes after ?? stands in for it. */
		for (p += n; p < end && *p != '?'; p++)
			;
		if (p < end || c < 0 || ent->columns[c].dflt != NULL ||
		    needs_it(list, name))
			continue;
		mread_warn(r, key, "reads {{in.%s}}, which is neither in needs "
		    "nor bound and has no default: the list fails where it is "
		    "not told", name);
	}
}

static void
check_inputs(struct mread * r, const struct manifest_entity * ent,
    const struct manifest_list * list)
{
	const char * key;
	const json_t * x;
	size_t at;

	check_known(r, "url", ent, list, list->url);
	at = mread_enter(r, "query");
	json_object_foreach((json_t *)(uintptr_t)list->query, key, x)
		check_known(r, key, ent, list, json_string_value(x));
	mread_leave(r, at);
}

/* Whether ${p} leads into the records. */
static int
is_within(const struct json_path * p, const struct json_path * records)
{
	size_t i;

	if (p == NULL || records->n == 0 || p->n <= records->n)
		return (0);
	for (i = 0; i < records->n; i++)
		if (!json_path_same(&p->steps[i], &records->steps[i]))
			return (0);
	return (1);
}

/* Whether ${a} and ${b} lead to the same place. */
static int
is_path(const struct json_path * a, const struct json_path * b)
{
	size_t i;

	if (a == NULL || b == NULL || a->n != b->n)
		return (0);
	for (i = 0; i < a->n; i++)
		if (!json_path_same(&a->steps[i], &b->steps[i]))
			return (0);
	return (1);
}

static void
check_paging(struct mread * r, const struct manifest_list * list)
{
	const struct manifest_paginate * p = &list->paginate;

	if (p->kind == PAGE_CURSOR && !p->is_of_record &&
	    is_within(p->field[BODY_CURSOR], list->records))
		mread_warn(r, "from", "takes the cursor from a record: where "
		    "the service sends one of its own, use that (a record may "
		    "be missing, or equal to another); else from_record");
	if (p->kind == PAGE_OFFSET && p->offset_cap == 0 && p->max_pages == 0)
		mread_warn(r, "cap", "is missing: most services refuse an "
		    "offset past some number, or repeat a page there; say 10000 "
		    "or what it is");
	if (p->kind == PAGE_NUMBER && p->max_pages == 0 &&
	    p->offset_cap == 0 && !p->short_page_ends &&
	    p->field[BODY_MORE] == NULL && p->field[BODY_LAST] == NULL &&
	    p->field[BODY_TOTAL] == NULL)
		mread_warn(r, NULL, "says nowhere when it ends: give more, "
		    "last, total, short_page_ends or max_pages");
	/* A token is there to be sent again, so the last page has one, too. */
	if (list->by_token && p->kind == PAGE_CURSOR && !p->short_page_ends &&
	    p->field[BODY_MORE] == NULL && p->field[BODY_LAST] == NULL &&
	    is_path(p->field[BODY_CURSOR], p->field[BODY_TOKEN]))
		mread_warn(r, "from", "is where the token of the next run "
		    "stands, too: say by last or more which page is the last "
		    "one");
}

/* Whether a parameter's name speaks of an order. */
static int
is_sorted(const json_t * params)
{
	const char * key;
	const json_t * x;

	json_object_foreach((json_t *)(uintptr_t)params, key, x) {
		(void)x;
		if (strcasestr(key, "sort") != NULL ||
		    strcasestr(key, "order") != NULL)
			return (1);
	}
	return (0);
}

/* Whether the list asks for one row, by the key. */
static int
is_by_key(const struct manifest_entity * ent, const struct manifest_list * list)
{
	size_t i, n = 0;

	for (i = 0; i < ent->ncolumns; i++) {
		if (ent->columns[i].is_key && !needs_it(list,
		    ent->columns[i].name))
			return (0);
		n += ent->columns[i].is_key != 0;
	}
	return (n > 0);
}

static void
check_order(struct mread * r, const struct manifest_entity * ent,
    const struct manifest_list * list)
{
	const char * order = json_str(ent->cursor, "order"), * name;
	const struct manifest_column * c;
	size_t i, at, sub;
	int sorted = is_sorted(list->query) || is_sorted(list->body);

	at = mread_enter(r, "order");
	sub = mread_enter(r, "columns");
	for (i = 0; i < list->norders; i++) {
		c = &ent->columns[list->orders[i].column];
		name = json_str(ent->cursor, "column");
		sorted |= name != NULL && strcasecmp(name, c->name) == 0;
		if (!c->not_null)
			mread_warn(r, c->name, "is not not_null: where it may "
			    "be missing, the order is not the service's, and "
			    "ORDER BY is done here");
		else if (c->type != COLUMN_TIMESTAMP && c->type !=
		    COLUMN_INTEGER && c->type != COLUMN_REAL && c->type !=
		    COLUMN_BOOLEAN)
			mread_warn(r, c->name, "is %s: services and SQL order "
			    "that differently, so ORDER BY is done here",
			    c->type_name);
	}
	mread_leave(r, sub);
	mread_leave(r, at);
	for (i = 0; i < list->nclauses; i++)
		sorted |= list->clauses[i].order != NULL;
	/* Newest first and unordered ones are committed at the end anyway. */
	if (order != NULL && strcmp(order, "asc") == 0 && !sorted &&
	    list->partition == NULL && !is_by_key(ent, list))
		mread_warn(r, "order", "the cursor says asc, but nothing asks "
		    "for that order: a sync that stops midway would lose rows; "
		    "send the order, or say \"none\"");
}

void
manifest_lint_list(struct mread * r, const struct manifest_entity * ent,
    const struct manifest_list * list, const json_t * doc)
{
	size_t at;

	if (json_object_get(doc, "paginate") == NULL)
		mread_warn(r, NULL, "has no paginate: all but the first page "
		    "would be lost; say {\"kind\": \"none\"} if there is only "
		    "one");
	at = mread_enter(r, "paginate");
	check_paging(r, list);
	mread_leave(r, at);
	check_order(r, ent, list);
	check_inputs(r, ent, list);
}
