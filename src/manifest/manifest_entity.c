#include <stdint.h>
#include <stdlib.h>

#include "manifest/manifest_parts.h"
#include "manifest/template.h"

#define MAX_ENTITIES 1000
#define MAX_KEY 16

static void
read_retry(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	const json_t * retry = json_object_get(v, "retry");
	size_t at;

	ent->retry_count = 3;
	ent->retry_base_ms = 100;
	if (retry == NULL)
		return;
	at = mread_enter(r, "retry");
	if (mread_is_object(r, retry, KEYS_RETRY)) {
		ent->retry_count = (unsigned)mread_int(r, retry, "count", 3, 0,
		    10);
		ent->retry_base_ms = (int)mread_int(r, retry, "base_ms", 100,
		    1, 60000);
	}
	mread_leave(r, at);
}

static void
read_key(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	const json_t * key = mread_list(r, v, "key", 0), * x;
	size_t at, sub, i;
	int c;

	if (key == NULL)
		return;
	at = mread_enter(r, "key");
	if (json_array_size(key) == 0 || json_array_size(key) > MAX_KEY)
		mread_fault(r, NULL, "must name 1 to %d columns", MAX_KEY);
	json_array_foreach((json_t *)(uintptr_t)key, i, x) {
		sub = mread_enter_index(r, i);
		if (!json_is_string(x))
			mread_fault(r, NULL, "must be a column's name");
		else if ((c = manifest_column_of(r, NULL, ent,
		    json_string_value(x))) >= 0 && ent->columns[c].is_key)
			mread_fault(r, NULL, "stands in the key already");
		else if (c >= 0)
			ent->columns[c].is_key = ent->columns[c].not_null = 1;
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}

static void
read_cursor(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	static const char * const orders[] = { "asc", "desc", "none", NULL };
	static const char * const kinds[] = { "token", NULL };
	static const char * const pers[] = { "partition", NULL };
	const json_t * cur = json_object_get(v, "cursor");
	const char * name;
	size_t at;
	int c;

	if (cur == NULL)
		return;
	at = mread_enter(r, "cursor");
	if (mread_is_object(r, cur, KEYS_CURSOR)) {
		name = mread_str(r, cur, "column", 1);
		c = name ? manifest_column_of(r, "column", ent, name) : -1;
		if (c >= 0 && ent->columns[c].type != COLUMN_TIMESTAMP &&
		    ent->columns[c].type != COLUMN_INTEGER)
			mread_fault(r, "column", "a cursor is a timestamp or "
			    "an integer: of texts nobody knows which is later");
		mread_word(r, cur, "order", orders, -1);
		ent->cursor_token = mread_word(r, cur, "kind", kinds, 1) == 0;
		ent->cursor_per_part = mread_word(r, cur, "per", pers, 1) == 0;
		if (ent->cursor_token && json_object_get(cur, "per") != NULL)
			mread_fault(r, "per", "has no meaning for kind token: "
			    "each partition has its own");
		mread_int(r, cur, "lag_s", 0, 0, 86400);
		mread_int(r, cur, "lookback_s", 0, 0, 31536000);
		ent->cursor = cur;
	}
	mread_leave(r, at);
}

static int
is_in_records(const struct manifest_column * col)
{
	return (col->lazy == NULL && (!col->is_input || col->path != NULL));
}

/* A value of a column says so. */
static void
read_deleted_is(struct mread * r, struct manifest_entity * ent, const json_t * o)
{
	const struct manifest_column * col;
	const char * name;
	size_t at;
	int c;

	at = mread_enter(r, "deleted");
	if (mread_is_object(r, o, KEYS_DELETED) &&
	    (name = mread_str(r, o, "column", 1)) != NULL &&
	    (c = manifest_column_of(r, "column", ent, name)) >= 0) {
		col = &ent->columns[c];
		ent->deleted_is = json_object_get(o, "is");
		if (!is_in_records(col) || !(col->type == COLUMN_TEXT ?
		    json_is_string(ent->deleted_is) : col->type ==
		    COLUMN_BOOLEAN && json_is_boolean(ent->deleted_is)))
			mread_fault(r, "is", "must be a text of a column of "
			    "texts, or true or false of a boolean, that every "
			    "record has");
		ent->deleted = (size_t)c + 1;
	}
	mread_leave(r, at);
}

/* Which column says that a row is one no more. */
static void
read_deleted(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	const json_t * o = json_object_get(v, "deleted");
	const struct manifest_column * col;
	const char * name;
	int c;

	if (json_is_object(o)) {
		read_deleted_is(r, ent, o);
		return;
	}
	if ((name = mread_str(r, v, "deleted", 0)) == NULL ||
	    (c = manifest_column_of(r, "deleted", ent, name)) < 0)
		return;
	col = &ent->columns[c];
	if ((col->type != COLUMN_BOOLEAN && col->type != COLUMN_TIMESTAMP) ||
	    !is_in_records(col))
		mread_fault(r, "deleted", "must be a boolean or a timestamp "
		    "that every record has");
	ent->deleted = (size_t)c + 1;
}

/* What records must say to be rows. */
static void
read_keep(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	const json_t * keep = json_object_get(v, "keep_if");
	size_t at;

	if (keep == NULL)
		return;
	at = mread_enter(r, "keep_if");
	if (mread_is_object(r, keep, KEYS_KEEP)) {
		ent->keep_if = mread_path(r, keep, "path", 1);
		ent->keep_text = mread_str(r, keep, "contains", 1);
		if (ent->keep_text == NULL)
			ent->keep_text = "";
	}
	mread_leave(r, at);
}

static int
speaks_of_service(const struct manifest * m)
{
	return (template_text_uses(m->base_url, "service") ||
	    template_text_uses(m->base_url_or, "service") ||
	    template_uses(m->headers, "service") ||
	    template_uses(m->auth, "service"));
}

static void
read_flags(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	static const char * const decodes[] = { "openmetrics", "json",
	    "xml", "ndjson", "csv", NULL };

	ent->description = mread_str(r, v, "description", 0);
	ent->is_main = mread_bool(r, v, "main");
	ent->hidden = mread_bool(r, v, "hidden");
	ent->service = mread_str(r, v, "service", 0);
	if (ent->service == NULL && speaks_of_service(r->m))
		mread_fault(r, "service", "is missing: base_url or auth speaks "
		    "of {{service}}");
	if (ent->is_main && ent->hidden)
		mread_fault(r, "hidden", "the main entity cannot be hidden");
	ent->decode = (enum manifest_decode)mread_word(r, v, "decode",
	    decodes, DECODE_JSON);
	ent->explode = mread_path(r, v, "explode", 0);
	ent->drop_if = mread_path(r, v, "drop_if", 0);
	read_keep(r, ent, v);
}

/* What an entity is; what it asks of others comes in a second round. */
static void
read_shape(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	if (!manifest_name_ok(ent->name))
		mread_fault(r, NULL, "a name holds letters, digits and _ and "
		    "begins with a letter");
	if (!mread_is_object(r, v, KEYS_ENTITY))
		return;
	read_flags(r, ent, v);
	manifest_column_read(r, ent, v);
	read_key(r, ent, v);
	read_cursor(r, ent, v);
	read_deleted(r, ent, v);
	read_retry(r, ent, v);
}

/* Which of its rows belong to which of ours, where that is not what was asked. */
static void
read_match(struct mread * r, struct manifest_entity * ent,
    const struct manifest_entity * over, const json_t * c)
{
	const json_t * match = mread_map(r, c, "match", 0), * own = NULL;
	const char * name = NULL;
	int their, col = -1;

	if (match == NULL)
		return;
	json_object_foreach((json_t *)(uintptr_t)match, name, own)
		break;
	if (json_object_size(match) != 1 || !json_is_string(own)) {
		mread_fault(r, "match", "must say the one column of the other "
		    "entity that is the same as one of this");
		return;
	}
	their = manifest_column_of(r, "match", over, name);
	col = manifest_column_of(r, "match", ent, json_string_value(own));
	if (their < 0 || col < 0)
		return;
	if (ent->columns[col].lazy != NULL)
		mread_fault(r, "match", "must name a column that every row "
		    "has");
	ent->complete_match = 1;
	ent->complete_their = (size_t)their;
	ent->complete_own = (size_t)col;
}

/* Where lazy columns come from; all entities have their columns. */
static void
read_complete(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	const json_t * c = json_object_get(v, "complete"), * bind, * own = NULL;
	const struct manifest_entity * over = NULL;
	const char * name, * in;
	size_t at, i, lazy = 0;
	int col;

	for (i = 0; i < ent->ncolumns; i++)
		lazy += ent->columns[i].lazy != NULL;
	if (c == NULL && lazy > 0)
		mread_fault(r, "complete", "is missing: where columns that are "
		    "lazy come from");
	if (c == NULL)
		return;
	at = mread_enter(r, "complete");
	if (lazy == 0)
		mread_fault(r, NULL, "is for columns that are lazy, of which "
		    "there are none");
	if (!mread_is_object(r, c, KEYS_COMPLETE)) {
		mread_leave(r, at);
		return;
	}
	if ((name = mread_str(r, c, "over", 1)) != NULL &&
	    ((over = manifest_entity(r->m, name)) == NULL || over == ent ||
	    over->ncolumns == 0))
		mread_fault(r, "over", "must be another entity");
	if ((bind = mread_map(r, c, "bind", 1)) != NULL &&
	    json_object_size(bind) != 1)
		mread_fault(r, "bind", "must say the one input that a row's "
		    "column is the value of");
	else if (over != NULL && over != ent && bind != NULL) {
		json_object_foreach((json_t *)(uintptr_t)bind, in, own)
			break;
		col = manifest_column_of(r, "bind", over, in);
		if (col >= 0 && !over->columns[col].is_input)
			mread_fault(r, "bind", "%s is no input of %s", in,
			    name);
		ent->complete = name;
		ent->complete_input = in;
		col = json_is_string(own) ? manifest_column_of(r, "bind", ent,
		    json_string_value(own)) : -1;
		if (!json_is_string(own) || (col >= 0 &&
		    ent->columns[col].lazy != NULL))
			mread_fault(r, "bind", "must name a column that every "
			    "row has");
		ent->complete_key = col < 0 ? 0 : (size_t)col;
		ent->complete_own = ent->complete_key;
		col = manifest_column(over, in);
		ent->complete_their = col < 0 ? 0 : (size_t)col;
		read_match(r, ent, over, c);
		for (i = 0; i < ent->ncolumns; i++)
			if (ent->columns[i].lazy != NULL)
				manifest_column_of(r, NULL, over,
				    ent->columns[i].lazy);
	}
	mread_leave(r, at);
}

/* A cursor needs lists that it can be the cursor of. */
static void
check_cursor(struct mread * r, const struct manifest_entity * ent)
{
	size_t at = mread_enter(r, "cursor"), i, tokens = 0, parts = 0;

	for (i = 0; i < ent->nlists; i++) {
		tokens += ent->lists[i].by_token != 0;
		parts += ent->lists[i].partition != NULL;
	}
	if (ent->cursor_token && tokens == 0)
		mread_fault(r, "kind", "is token, and no list says where its "
		    "token stands");
	if (!ent->cursor_token && tokens > 0)
		mread_fault(r, "kind", "must be token: a list has one");
	if (ent->cursor_token && tokens == ent->nlists)
		mread_fault(r, "kind", "all lists have a token, and such are "
		    "for syncs only: queries need one more, without");
	if (ent->cursor_per_part && parts == 0)
		mread_fault(r, "per", "no list has partitions");
	mread_leave(r, at);
}

static void
read_calls(struct mread * r, struct manifest_entity * ent, const json_t * v)
{
	json_t * inputs = json_object();
	size_t i;

	for (i = 0; i < ent->ncolumns; i++)
		if (ent->columns[i].is_input)
			json_object_set_new(inputs, ent->columns[i].name,
			    json_true());
	read_complete(r, ent, v);
	manifest_list_read(r, ent, v, inputs);
	manifest_cursor_read(r, ent);
	check_cursor(r, ent);
	manifest_action_read(r, ent, v);
	json_decref(inputs);
}

/* The entity that a partition of ${ent} is over, or NULL. */
static const struct manifest_entity *
parent_of(const struct manifest * m, const struct manifest_entity * ent,
    size_t list)
{
	const char * name = ent->lists[list].partition;

	return (name ? manifest_entity(m, name) : NULL);
}

/* How many partitions deep ${ent} is; more than there are entities: a ring. */
static size_t
depth_of(const struct manifest * m, const struct manifest_entity * ent,
    size_t depth)
{
	const struct manifest_entity * up;
	size_t i, d, most = depth;

	if (depth > 4)
		return (depth);
	for (i = 0; i < ent->nlists; i++) {
		if ((up = parent_of(m, ent, i)) == NULL)
			continue;
		d = depth_of(m, up, depth + 1);
		if (d > most)
			most = d;
		/* Deep enough is enough: no need to walk a wide ring whole. */
		if (most > 4)
			break;
	}
	return (most);
}

static void
check_depth(struct mread * r)
{
	const struct manifest * m = r->m;
	size_t i, at;

	for (i = 0; i < m->nentities; i++) {
		if (depth_of(m, &m->entities[i], 0) <= 4)
			continue;
		at = mread_enter(r, m->entities[i].name);
		mread_fault(r, "lists", "its partitions go more than 4 "
		    "entities up, or round in a ring");
		mread_leave(r, at);
		return;
	}
}

void
manifest_entity_read(struct mread * r, const json_t * doc)
{
	const json_t * ents = mread_map(r, doc, "entities", 1), * v;
	struct manifest * m = r->m;
	struct manifest_entity * ent;
	size_t at, sub, i;
	const char * key;

	if (ents == NULL)
		return;
	at = mread_enter(r, "entities");
	i = json_object_size(ents);
	if (i == 0 || i > MAX_ENTITIES)
		mread_fault(r, NULL, "must have 1 to %d entities",
		    MAX_ENTITIES);
	else
		m->entities = mread_alloc(r, i, sizeof(*ent));
	if (m->entities == NULL) {
		mread_leave(r, at);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)ents, key, v) {
		sub = mread_enter(r, key);
		if (manifest_entity(m, key) != NULL)
			mread_fault(r, NULL, "is an entity already, in other "
			    "case");
		ent = &m->entities[m->nentities++];
		ent->name = key;
		read_shape(r, ent, v);
		if (ent->is_main && m->main != NULL)
			mread_fault(r, "main", "%s is the main entity "
			    "already", m->main->name);
		else if (ent->is_main)
			m->main = ent;
		mread_leave(r, sub);
	}
	for (i = 0; i < m->nentities; i++) {
		sub = mread_enter(r, m->entities[i].name);
		v = json_object_get(ents, m->entities[i].name);
		if (json_is_object(v))
			read_calls(r, &m->entities[i], v);
		mread_leave(r, sub);
	}
	check_depth(r);
	mread_leave(r, at);
}

void
manifest_entity_free(struct manifest_entity * ent)
{
	size_t i;

	for (i = 0; i < ent->ncolumns; i++)
		manifest_column_free(&ent->columns[i]);
	for (i = 0; i < ent->nlists; i++)
		manifest_list_free(&ent->lists[i]);
	for (i = 0; i < ent->nactions; i++)
		manifest_action_free(&ent->actions[i]);
	free(ent->columns);
	free(ent->lists);
	free(ent->actions);
	json_path_free(ent->explode);
	json_path_free(ent->drop_if);
	json_path_free(ent->keep_if);
}
