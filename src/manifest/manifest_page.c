#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "manifest/manifest_parts.h"

/* Pagination: what each kind needs and may have. */

static const char * const kind_words[] = { "none", "link", "cursor", "offset",
    "page", "next_url", NULL };

/* Keys, as bits. */
enum {
	K_SIZE = 1 << 0, K_REL = 1 << 1, K_PARAM = 1 << 2, K_FROM = 1 << 3,
	K_FROM_HEADER = 1 << 4, K_LAST = 1 << 5, K_MORE = 1 << 6,
	K_TOTAL = 1 << 7, K_CAP = 1 << 8, K_FIRST = 1 << 9, K_SHORT = 1 << 10,
	K_MAX = 1 << 11, K_BASE = 1 << 12, K_KEEP = 1 << 13,
	K_END = 1 << 14, K_FROM_RECORD = 1 << 15
};

static const struct {
	const char * key;
	unsigned bit;
} key_bits[] = {
	{ "size", K_SIZE }, { "rel", K_REL }, { "query", K_PARAM },
	{ "header", K_PARAM }, { "body", K_PARAM }, { "from", K_FROM },
	{ "from_header", K_FROM_HEADER }, { "last", K_LAST },
	{ "more", K_MORE }, { "total", K_TOTAL }, { "cap", K_CAP },
	{ "first", K_FIRST }, { "short_page_ends", K_SHORT },
	{ "max_pages", K_MAX }, { "base", K_BASE }, { "keep", K_KEEP },
	{ "end", K_END }, { "from_record", K_FROM_RECORD },
};

#define K_ALL (K_SIZE | K_SHORT | K_MAX | K_LAST | K_MORE | K_TOTAL)
static const unsigned may_have[] = {
	[PAGE_NONE] = K_SIZE | K_SHORT,
	[PAGE_LINK] = K_ALL | K_REL,
	[PAGE_CURSOR] = K_ALL | K_PARAM | K_FROM | K_FROM_HEADER |
	    K_FROM_RECORD | K_CAP | K_KEEP | K_END,
	[PAGE_OFFSET] = K_ALL | K_PARAM | K_CAP,
	[PAGE_NUMBER] = K_ALL | K_PARAM | K_FIRST | K_CAP,
	[PAGE_NEXT_URL] = K_ALL | K_FROM | K_BASE,
};

/* A parameter in the query, a header or the body, exactly one of them. */
static const char *
read_param(struct mread * r, const json_t * v, enum param_where * where)
{
	static const char * const keys[] = { [IN_QUERY] = "query",
	    [IN_HEADER] = "header", [IN_BODY] = "body" };
	const char * name = NULL, * one;
	size_t i, n = 0;

	*where = IN_QUERY;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		one = mread_str(r, v, keys[i], 0);
		if (json_object_get(v, keys[i]) == NULL)
			continue;
		name = one;
		*where = (enum param_where)i;
		n++;
	}
	if (n == 0)
		mread_fault(r, NULL, "needs query, header or body: where the "
		    "parameter goes");
	if (n > 1)
		mread_fault(r, NULL, "has more than one of query, header and "
		    "body: the parameter stands in one of them");
	return (name);
}

/* Where the number of records stands; a clause says it by its limit. */
static const char *
read_size_param(struct mread * r, const json_t * list, const json_t * size,
    enum param_where * where)
{
	const char * language;
	const json_t * clause;

	if (json_object_get(size, "clause") == NULL)
		return (read_param(r, size, where));
	*where = IN_CLAUSE;
	if (json_object_get(size, "query") != NULL ||
	    json_object_get(size, "header") != NULL ||
	    json_object_get(size, "body") != NULL)
		mread_fault(r, NULL, "has clause beside query, header or body: "
		    "the number stands in one of them");
	if ((language = mread_str(r, size, "clause", 0)) == NULL)
		return (NULL);
	clause = json_object_get(json_object_get(list, "clauses"), language);
	if (json_object_get(clause, "limit") == NULL)
		mread_fault(r, "clause", "'%.32s' is no language of this list's "
		    "clauses that has a limit", language);
	return (language);
}

static void
read_size(struct mread * r, struct manifest_paginate * p, const json_t * list,
    const json_t * v)
{
	const json_t * size = json_object_get(v, "size");
	size_t at;

	if (size == NULL)
		return;
	at = mread_enter(r, "size");
	if (mread_is_object(r, size, KEYS_SIZE)) {
		p->size_param = read_size_param(r, list, size, &p->size_where);
		p->size_max = (int)mread_int(r, size, "max", 0, 1, 1000000);
		p->size = (int)mread_int(r, size, "default", p->size_max, 1,
		    1000000);
		p->size_min = (int)mread_int(r, size, "min", 0, 1, 1000000);
		if (p->size_max == 0)
			p->size_max = p->size;
		if (p->size == 0)
			mread_fault(r, NULL, "needs default or max: how many "
			    "records a page is asked for");
		else if (p->size > p->size_max)
			mread_fault(r, "default", "is more than max (%d)",
			    p->size_max);
		else if (p->size < p->size_min)
			mread_fault(r, "default", "is less than min (%d)",
			    p->size_min);
	}
	mread_leave(r, at);
}

static void
check_kind(struct mread * r, const json_t * v, enum page_kind kind)
{
	size_t i;

	for (i = 0; i < sizeof(key_bits) / sizeof(key_bits[0]); i++)
		if (!(may_have[kind] & key_bits[i].bit) &&
		    json_object_get(v, key_bits[i].key) != NULL)
			mread_fault(r, key_bits[i].key, "has no meaning for "
			    "kind %s", kind_words[kind]);
	if (kind == PAGE_CURSOR && (json_object_get(v, "from") != NULL) +
	    (json_object_get(v, "from_header") != NULL) +
	    (json_object_get(v, "from_record") != NULL) != 1)
		mread_fault(r, NULL, "needs one of from, from_header and "
		    "from_record: where the next cursor stands");
	if (kind == PAGE_NEXT_URL && json_object_get(v, "from") == NULL)
		mread_fault(r, "from", "is missing: where the next URL "
		    "stands");
}

/* The last of all records: where a path fans out a field is that of the last. */
static void
read_from_record(struct mread * r, struct manifest_paginate * p,
    const json_t * list, const json_t * v)
{
	const char * records = json_string_value(json_object_get(list,
	    "records")), * s = mread_str(r, v, "from_record", 0);
	char path[600];
	struct err e;

	if (s == NULL)
		return;
	if (records == NULL || strcmp(records, "$") == 0)
		records = "";
	if (strstr(records, "[*]") != NULL ||
	    (size_t)snprintf(path, sizeof(path), "%s[*].%s", records, s) >=
	    sizeof(path))
		mread_fault(r, "from_record", "goes with records in one list");
	else if ((p->field[BODY_CURSOR] = json_path_parse(path, &e)) == NULL)
		mread_fault(r, "from_record", "%s", e.msg);
	p->is_of_record = 1;
}

static void
read_fields(struct mread * r, struct manifest_paginate * p,
    const json_t * list, const json_t * v)
{
	enum body_field from = p->kind == PAGE_NEXT_URL ? BODY_NEXT_URL :
	    BODY_CURSOR;

	p->field[from] = mread_path(r, v, "from", 0);
	if (p->field[from] == NULL)
		read_from_record(r, p, list, v);
	p->field[BODY_MORE] = mread_path(r, v, "more", 0);
	p->field[BODY_LAST] = mread_path(r, v, "last", 0);
	p->field[BODY_TOTAL] = mread_path(r, v, "total", 0);
	p->cursor_header = mread_str(r, v, "from_header", 0);
	p->cursor_end = mread_str(r, v, "end", 0);
	p->first = (int)mread_int(r, v, "first", 1, 0, 1000000);
	p->short_page_ends = mread_bool(r, v, "short_page_ends");
	p->offset_cap = mread_int(r, v, "cap", 0, 1, INT64_C(1) << 40);
	p->max_pages = mread_int(r, v, "max_pages", 0, 1, 10000000);
}

/* What goes with a cursor, for services that bear nothing beside it. */
static const json_t *
read_keep(struct mread * r, const struct manifest_paginate * p,
    const json_t * v)
{
	const json_t * keep = mread_list(r, v, "keep", 0), * x;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)keep, i, x)
		if (!json_is_string(x))
			mread_fault(r, "keep", "number %zu is no name of a "
			    "parameter", i + 1);
	if (keep != NULL && p->where != IN_QUERY)
		mread_fault(r, "keep", "goes with a cursor in the query");
	return (keep);
}

void
manifest_page_read(struct mread * r, struct manifest_list * list,
    const json_t * v)
{
	const json_t * pg = json_object_get(v, "paginate");
	struct manifest_paginate * p = &list->paginate;
	struct mread_scope s = { .roots = ROOT_CONFIG };
	const char * rel;
	size_t at;
	int k;

	if (pg == NULL)
		return;
	at = mread_enter(r, "paginate");
	if (mread_is_object(r, pg, KEYS_PAGINATE) &&
	    (k = mread_word(r, pg, "kind", kind_words, -1)) >= 0) {
		p->kind = (enum page_kind)k;
		check_kind(r, pg, p->kind);
		if (may_have[p->kind] & K_PARAM)
			p->param = read_param(r, pg, &p->where);
		if ((rel = mread_str(r, pg, "rel", 0)) != NULL)
			p->rel = rel;
		p->keep = read_keep(r, p, pg);
		p->base = mread_url(r, pg, "base", 0, &s);
		read_fields(r, p, v, pg);
		read_size(r, p, v, pg);
		if (p->short_page_ends && p->size == 0)
			mread_fault(r, "short_page_ends", "needs size: how "
			    "many records a full page has");
		if (p->kind == PAGE_OFFSET && p->size == 0)
			mread_fault(r, "size", "is missing: how far the offset "
			    "goes on");
	}
	mread_leave(r, at);
}

void
manifest_page_free(struct manifest_paginate * p)
{
	size_t i;

	for (i = 0; i < BODY_FIELDS; i++)
		json_path_free(p->field[i]);
}
