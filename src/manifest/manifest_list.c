#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "manifest/manifest_parts.h"
#include "manifest/template.h"

#define MAX_LISTS 32
#define MAX_LACKS 8

/* The inputs that must be known for this list. */
static void
read_needs(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v)
{
	const json_t * x;
	size_t at, sub, i;
	int c;

	if ((list->needs = mread_list(r, v, "needs", 0)) == NULL)
		return;
	at = mread_enter(r, "needs");
	json_array_foreach((json_t *)(uintptr_t)list->needs, i, x) {
		sub = mread_enter_index(r, i);
		if (!json_is_string(x))
			mread_fault(r, NULL, "must be an input's name");
		else if ((c = manifest_column_of(r, NULL, ent,
		    json_string_value(x))) >= 0 && !ent->columns[c].is_input)
			mread_fault(r, NULL, "'%s' is no input: give the "
			    "column \"input\": true", ent->columns[c].name);
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

/* Whether the answer to several values at once can be told apart. */
static void
read_batch(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v)
{
	const char * need = json_string_value(json_array_get(list->needs, 0));
	char path[160];
	int c;

	list->batch = (int)mread_int(r, v, "batch", 0, 2, 1000);
	if (list->batch == 0)
		return;
	if (json_array_size(list->needs) != 1 || need == NULL) {
		mread_fault(r, "batch", "goes with one input in needs: whose "
		    "values go together");
		list->batch = 0;
		return;
	}
	snprintf(path, sizeof(path), "in.%s", need);
	if (!template_text_uses(list->url, path))
		mread_fault(r, "batch", "the url does not speak of {{%s}}",
		    path);
	if ((c = manifest_column(ent, need)) >= 0 &&
	    ent->columns[c].path == NULL)
		mread_fault(r, "batch", "%s needs a path: the records must say "
		    "which is whose", need);
	if (json_object_get(v, "partition") != NULL)
		mread_fault(r, "batch", "has no meaning beside partition");
}

static void
read_timeout(struct mread * r, struct manifest_list * list, const json_t * v)
{
	struct mread_scope s = { .roots = ROOT_CONFIG };

	list->timeout_ms = json_object_get(v, "timeout_ms");
	if (json_is_string(list->timeout_ms))
		mread_template(r, v, "timeout_ms", 0, &s);
	else if (json_is_integer(list->timeout_ms))
		mread_int(r, v, "timeout_ms", 0, 1, 3600000);
	else if (list->timeout_ms != NULL)
		mread_fault(r, "timeout_ms", "must be an integer or a "
		    "template");
}

static void
read_bind(struct mread * r, const struct manifest_entity * ent,
    const struct manifest_entity * over, const json_t * bind)
{
	const char * key;
	const json_t * x;
	size_t at;
	int c;

	at = mread_enter(r, "bind");
	if (json_object_size(bind) == 0)
		mread_fault(r, NULL, "must say which input comes from which "
		    "column");
	json_object_foreach((json_t *)(uintptr_t)bind, key, x) {
		c = manifest_column_of(r, key, ent, key);
		if (c >= 0 && !ent->columns[c].is_input)
			mread_fault(r, key, "is no input: give the column "
			    "\"input\": true");
		if (!json_is_string(x))
			mread_fault(r, key, "must be a column of the other "
			    "entity");
		else if (over != NULL)
			manifest_column_of(r, key, over,
			    json_string_value(x));
	}
	mread_leave(r, at);
}

static void
read_where(struct mread * r, const struct manifest_entity * over,
    const json_t * where)
{
	struct mread_scope s = { .roots = ROOT_CONFIG };
	const char * key;
	const json_t * x;
	size_t at;

	at = mread_enter(r, "where");
	json_object_foreach((json_t *)(uintptr_t)where, key, x) {
		if (over != NULL)
			manifest_column_of(r, key, over, key);
		if (json_is_string(x))
			mread_text_ok(r, key, json_string_value(x), &s);
		else if (!json_is_number(x) && !json_is_boolean(x))
			mread_fault(r, key, "must be a text, a number, true "
			    "or false");
	}
	mread_leave(r, at);
}

static void
read_partition(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v)
{
	const json_t * p = json_object_get(v, "partition");
	const struct manifest_entity * over = NULL;
	const char * names[128];
	size_t at, i;

	if (p == NULL)
		return;
	at = mread_enter(r, "partition");
	if (mread_is_object(r, p, KEYS_PARTITION)) {
		list->partition = mread_str(r, p, "over", 1);
		list->bind = mread_map(r, p, "bind", 1);
		list->where = mread_map(r, p, "where", 0);
		list->parallel = (unsigned)mread_int(r, p, "parallel", 0, 1,
		    64);
		if (list->partition != NULL && (over = manifest_entity(r->m,
		    list->partition)) == NULL) {
			for (i = 0; i < r->m->nentities && i < 128; i++)
				names[i] = r->m->entities[i].name;
			mread_unknown(r, "over", "entity", list->partition,
			    names, i);
		}
		if (over == ent)
			mread_fault(r, "over", "an entity cannot be "
			    "partitioned over itself");
		if (list->bind != NULL)
			read_bind(r, ent, over, list->bind);
		if (list->where != NULL)
			read_where(r, over, list->where);
	}
	mread_leave(r, at);
}

/* Whether bounds of both kinds go down; the pushes are read. */
static int
has_bounds(const struct manifest_list * list, size_t col)
{
	int lower = 0, upper = 0;
	size_t i;

	for (i = 0; i < list->npushes; i++) {
		if (list->pushes[i].column != col)
			continue;
		lower |= (list->pushes[i].ops & OP_GE) != 0;
		upper |= (list->pushes[i].ops & (OP_LE | OP_LT)) != 0;
	}
	return (lower && upper);
}

/* Whether some answer says that a window is too wide. */
static int
says_split(const struct manifest * m)
{
	size_t i;

	for (i = 0; i < m->nerrors; i++)
		if (m->errors[i].what == DO_SPLIT_WINDOW)
			return (1);
	return (0);
}

/* Where the rows begin, and how they come. */
static void
read_split_ends(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * o)
{
	static const char * const ways[] = { "asc", "desc", NULL };
	const json_t * from = json_object_get(o, "from");
	int way = mread_word(r, o, "order", ways, 2), is_time;
	size_t i;

	list->split_way = way == 0 ? 1 : way == 1 ? -1 : 0;
	list->split_from = INT64_MIN;
	if (list->split == 0)
		return;
	is_time = ent->columns[list->split - 1].type == COLUMN_TIMESTAMP;
	if (from != NULL && (is_time ? !json_is_string(from) || rfc3339_parse(
	    json_string_value(from), json_string_length(from),
	    &list->split_from, NULL) != 0 : !json_is_integer(from)))
		mread_fault(r, "from", "must be %s", is_time ?
		    "a time, as 2009-01-01T00:00:00Z" : "an integer");
	else if (from != NULL && !is_time)
		list->split_from = json_integer_value(from);
	for (i = 0; i < list->npushes && from == NULL; i++)
		if (list->pushes[i].column == list->split - 1 &&
		    list->pushes[i].span_ms > 0) {
			mread_fault(r, "from", "is missing: windows that may "
			    "not be wider than span_s begin somewhere");
			break;
		}
}

static void
read_split(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v, const struct mread_scope * s)
{
	const json_t * o = json_object_get(v, "split");
	const char * name;
	size_t at;
	int c;

	if (o == NULL)
		return;
	at = mread_enter(r, "split");
	if (mread_is_object(r, o, KEYS_SPLIT) &&
	    (name = mread_str(r, o, "column", 1)) != NULL &&
	    (c = manifest_column_of(r, "column", ent, name)) >= 0) {
		if (ent->columns[c].type != COLUMN_TIMESTAMP &&
		    ent->columns[c].type != COLUMN_INTEGER)
			mread_fault(r, "column", "must be a timestamp or an "
			    "integer");
		else if (!has_bounds(list, (size_t)c))
			mread_fault(r, "column", "needs a push of >= and one "
			    "of < or <= in this list");
		else if (!ent->columns[c].not_null)
			mread_fault(r, "column", "must be not_null: a row "
			    "without a value is in no window");
		else
			list->split = (size_t)c + 1;
	}
	list->split_query = mread_params(r, o, "query", 0, s);
	read_split_ends(r, ent, list, o);
	mread_leave(r, at);
	/* A full answer says so, too. */
	if (list->paginate.kind == PAGE_NONE && list->paginate.short_page_ends)
		return;
	if (list->paginate.offset_cap == 0 && list->max_rows == 0 &&
	    !says_split(r->m))
		mread_fault(r, "split", "needs a cap (or max_rows), or an "
		    "error rule \"do\": \"split_window\", that says that "
		    "there is more");
}

/* Where an answer says that it is not whole, and which values there do not. */
static void
read_lacks(struct mread * r, struct manifest_list * list, const json_t * v)
{
	const json_t * lacks = mread_map(r, v, "incomplete", 0), * fine, * x;
	struct manifest_lack * l;
	const char * path;
	size_t at, sub, i;
	struct err e;

	if (lacks == NULL)
		return;
	at = mread_enter(r, "incomplete");
	if (json_object_size(lacks) == 0 || json_object_size(lacks) > MAX_LACKS)
		mread_fault(r, NULL, "must have 1 to %d paths", MAX_LACKS);
	else
		list->lacks = mread_alloc(r, json_object_size(lacks),
		    sizeof(*l));
	json_object_foreach((json_t *)(uintptr_t)lacks, path, fine) {
		if (list->lacks == NULL)
			break;
		sub = mread_enter(r, path);
		l = &list->lacks[list->nlacks];
		l->fine = fine;
		if ((l->path = json_path_parse(path, &e)) == NULL)
			mread_fault(r, NULL, "%s", e.msg);
		else
			list->nlacks++;
		if (l->path != NULL && l->path->of_element)
			mread_fault(r, NULL, "is of the whole answer, so that @ "
			    "has no meaning");
		if (!json_is_array(fine))
			mread_fault(r, NULL, "must be an array of the texts "
			    "that mean nothing, or []");
		json_array_foreach((json_t *)(uintptr_t)fine, i, x)
			if (!json_is_string(x))
				mread_fault(r, NULL, "must be texts");
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

/* How a sync goes on where an earlier run ended; paginate is read. */
static void
read_token(struct mread * r, struct manifest_list * list, const json_t * v)
{
	const json_t * o = json_object_get(v, "token");
	size_t at;

	if (o == NULL)
		return;
	list->by_token = 1;
	at = mread_enter(r, "token");
	if (mread_is_object(r, o, KEYS_LIST_TOKEN)) {
		list->paginate.field[BODY_TOKEN] = mread_path(r, o, "from", 1);
		list->changes_only = mread_bool(r, o, "changes_only");
		list->token_lost = manifest_outcome_statuses(r, "lost", o);
	}
	if (list->paginate.kind != PAGE_CURSOR &&
	    list->paginate.kind != PAGE_NEXT_URL)
		mread_fault(r, NULL, "goes with paginate of kind cursor or "
		    "next_url: it is sent as these are");
	if (list->batch > 0)
		mread_fault(r, NULL, "has no meaning beside batch");
	mread_leave(r, at);
}

static void
read_list(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v, const json_t * inputs)
{
	static const char * const methods[] = { "GET", "POST", NULL };
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_IN | ROOT_NOW,
	    .inputs = inputs };
	struct err e;

	list->paginate.rel = "next";
	list->order_asc = "asc";
	list->order_desc = "desc";
	list->method = "GET";
	list->url = "";
	list->name = "";
	if (!mread_is_object(r, v, KEYS_LIST))
		return;
	read_needs(r, ent, list, v);
	list->method = mread_method(r, v, methods, "GET");
	list->url = mread_url(r, v, "url", 1, &s);
	read_batch(r, ent, list, v);
	list->name = mread_str(r, v, "name", 0);
	if (list->name == NULL)
		list->name = list->url != NULL ? list->url : "";
	list->query = mread_params(r, v, "query", 0, &s);
	list->headers = mread_params(r, v, "headers", 1, &s);
	list->body = mread_body(r, v, "body", &s);
	if (list->body != NULL && strcmp(list->method, "GET") == 0)
		mread_fault(r, "body", "goes with method POST");
	manifest_limits_toll(r, v, &list->toll);
	read_timeout(r, list, v);
	list->records = mread_path(r, v, "records", 0);
	if (json_object_get(v, "records") == NULL &&
	    (list->records = json_path_parse("$", &e)) == NULL)
		mread_fault(r, NULL, "%s", e.msg);
	list->records_optional = mread_bool(r, v, "records_optional");
	read_lacks(r, list, v);
	list->max_rows = mread_int(r, v, "max_rows", 0, 1, INT64_C(1) << 40);
	manifest_page_read(r, list, v);
	manifest_clause_read(r, list, v, &s);
	manifest_push_read(r, ent, list, v, &s);
	manifest_clause_order(r, ent, list, v, &s);
	read_split(r, ent, list, v, &s);
	read_partition(r, ent, list, v);
	read_token(r, list, v);
	list->revalidate = mread_bool(r, v, "revalidate");
	list->only_pushed = mread_bool(r, v, "only_pushed");
	if (list->only_pushed && list->npushes == 0)
		mread_fault(r, "only_pushed", "is never so: the list has no "
		    "push");
}

/* EXPLAIN tells lists apart by their names. */
static void
check_names(struct mread * r, const struct manifest_entity * ent)
{
	size_t i, k, at;

	for (i = 1; i < ent->nlists; i++) {
		for (k = 0; k < i; k++) {
			if (strcmp(ent->lists[i].name, ent->lists[k].name) !=
			    0 || *ent->lists[i].name == '\0')
				continue;
			at = mread_enter_index(r, i);
			mread_fault(r, "name", "lists[%zu] has the same name; "
			    "without one it is the url", k);
			mread_leave(r, at);
			break;
		}
	}
}

void
manifest_list_read(struct mread * r, struct manifest_entity * ent,
    const json_t * v, const json_t * inputs)
{
	const json_t * lists, * x;
	size_t at, sub, i, n;

	/* What can only be acted on has none. */
	lists = mread_list(r, v, "lists", ent->is_main ||
	    ent->decode == DECODE_OPENMETRICS ||
	    json_object_get(v, "actions") == NULL);
	if (lists == NULL)
		return;
	at = mread_enter(r, "lists");
	n = json_array_size(lists);
	if (n == 0 || n > MAX_LISTS)
		mread_fault(r, NULL, "must have 1 to %d lists", MAX_LISTS);
	else if ((ent->lists = mread_alloc(r, n, sizeof(*ent->lists))) != NULL)
		json_array_foreach((json_t *)(uintptr_t)lists, i, x) {
			sub = mread_enter_index(r, i);
			read_list(r, ent, &ent->lists[ent->nlists++], x,
			    inputs);
			mread_leave(r, sub);
		}
	check_names(r, ent);
	mread_leave(r, at);
}

void
manifest_list_free(struct manifest_list * list)
{
	size_t i;

	json_path_free(list->records);
	for (i = 0; i < list->nlacks; i++)
		json_path_free(list->lacks[i].path);
	free(list->lacks);
	manifest_page_free(&list->paginate);
	free(list->pushes);
	free(list->clauses);
	free(list->orders);
}
