#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "manifest/manifest_parts.h"

/* What SQLite bears in a table, with room for hidden ones. */
#define MAX_COLUMNS 1900

static const char * const type_words[] = { "text", "integer", "real",
    "boolean", "timestamp", "list", "map", NULL };
static const char * const time_words[] = { "iso8601", "epoch_s", "epoch_ms",
    "epoch_us", NULL };

static void
read_text(struct mread * r, struct manifest_column * c, const json_t * v)
{
	static const char * const as_words[] = { "text", "pairs", NULL };
	int as = mread_word(r, v, "as", as_words, 2);

	c->text = as == 0;
	c->pairs = as == 1;
	if (c->text && c->type != COLUMN_TEXT)
		mread_fault(r, "as", "goes with type text");
	if (c->pairs && c->type != COLUMN_MAP)
		mread_fault(r, "as", "pairs goes with type map");
	c->nocase = mread_bool(r, v, "nocase");
	if (c->nocase && c->type != COLUMN_TEXT && c->type != COLUMN_LIST)
		mread_fault(r, "nocase", "goes with type text or list");
}

/* A name as others, or one with a '_' before it that no target has a use for. */
static int
is_name(const char * s)
{
	static const char * const taken[] = { "_deleted_at", "_doc",
	    "_doc_count", "_feature", "_field_names", "_id", "_ignored",
	    "_index", "_meta", "_nested_path", "_parent", "_routing",
	    "_rowid_", "_score", "_seq_no", "_size", "_source", "_tier",
	    "_type", "_version" };
	size_t i;

	if (s[0] != '_')
		return (manifest_name_ok(s));
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcasecmp(s, taken[i]) == 0)
			return (0);
	return (manifest_name_ok(s + 1) && strlen(s) <= 64 &&
	    strncasecmp(s, "_moltler", 8) != 0);
}

static void
read_path(struct mread * r, const struct manifest_entity * ent,
    struct manifest_column * c, const json_t * v)
{
	static const char * const picks[] = { "first", "max", "min", NULL };
	struct err e;

	c->lazy = mread_str(r, v, "lazy", 0);
	if (c->lazy != NULL && (json_object_get(v, "path") != NULL ||
	    c->is_input || c->zip))
		mread_fault(r, "lazy", "comes from another entity: it has no "
		    "path, and is neither an input nor zipped");
	c->path = mread_path(r, v, "path", 0);
	c->pick = (enum column_pick)mread_word(r, v, "pick", picks,
	    PICK_FIRST);
	if (json_object_get(v, "path") == NULL && !c->is_input &&
	    c->lazy == NULL && is_name(c->name) &&
	    (c->path = json_path_parse(c->name, &e)) == NULL)
		mread_fault(r, NULL, "%s", e.msg);
	if (c->path == NULL)
		return;
	if (c->path->of_element && ent->explode == NULL)
		mread_fault(r, "path", "begins with @, but the entity has no "
		    "explode");
	if (c->segment != 0 && c->path->neach > 0)
		mread_fault(r, "segment", "goes with a path to one text");
	if (c->zip && (c->path->neach > 0 || c->is_input ||
	    c->type == COLUMN_LIST || c->type == COLUMN_MAP))
		mread_fault(r, "zip", "goes with a path to one list and a "
		    "column of one value that is no input");
	if (c->path->neach > 0 && c->type != COLUMN_LIST &&
	    c->type != COLUMN_TEXT && json_object_get(v, "pick") == NULL)
		mread_fault(r, "path", "leads to several values: its column "
		    "must be a list or text, or say which one by pick");
	if (json_object_get(v, "pick") != NULL && (c->path->neach == 0 ||
	    c->type == COLUMN_LIST || c->type == COLUMN_MAP))
		mread_fault(r, "pick", "goes with a path to several values "
		    "and a column of one");
}

/* "Z", "+02:00". */
static int
read_zone(const char * s, int64_t * ms)
{
	int h, m, end = 0;

	if (strcmp(s, "Z") == 0)
		return (0);
	if ((s[0] != '+' && s[0] != '-') || strlen(s) != 6 ||
	    strspn(s + 1, "0123456789:") != 5 || s[3] != ':' ||
	    sscanf(s + 1, "%2d:%2d%n", &h, &m, &end) != 2 || end != 5 ||
	    h > 14 || m > 59)
		return (-1);
	*ms = (s[0] == '-' ? -1 : 1) * (int64_t)(h * 60 + m) * 60000;
	return (0);
}

void
manifest_time_read(struct mread * r, const json_t * v, enum mread_kind keys,
    struct manifest_time * t)
{
	const char * key = keys == KEYS_STRPTIME ? "strptime" : "strftime";
	size_t at = mread_enter(r, "time");
	const char * zone, * f;
	int says;

	t->zone_ms = 0;
	t->format = "";
	if (mread_is_object(r, v, keys) &&
	    (f = mread_str(r, v, key, 1)) != NULL) {
		t->format = f;
		says = strstr(f, "%z") != NULL;
		zone = mread_str(r, v, "zone", 0);
		t->else_null = mread_bool(r, v, "else_null");
		if (zone != NULL && read_zone(zone, &t->zone_ms))
			mread_fault(r, "zone", "must be Z or an offset such as "
			    "+02:00");
		if (says && zone != NULL)
			mread_fault(r, "zone", "is said by %%z");
		if (keys == KEYS_STRPTIME && !says && zone == NULL)
			mread_fault(r, "zone", "is missing: what clock does the "
			    "service write by? (Z: UTC)");
		/* Those go by this machine's clock, or are not read at all. */
		if (keys == KEYS_STRPTIME && (strstr(f, "%s") != NULL ||
		    strstr(f, "%Z") != NULL))
			mread_fault(r, key, "%%s and %%Z cannot be read: use "
			    "epoch_s, or %%z and zone");
	}
	mread_leave(r, at);
}

static void
read_column(struct mread * r, const struct manifest_entity * ent,
    struct manifest_column * c, const json_t * v)
{
	struct mread_scope s = { .roots = ROOT_CONFIG | ROOT_NOW };
	int i;

	if (!mread_is_object(r, v, KEYS_COLUMN))
		return;
	c->description = mread_str(r, v, "description", 0);
	i = mread_word(r, v, "type", type_words, -1);
	c->type = (enum column_type)(i < 0 ? COLUMN_TEXT : i);
	c->type_name = type_words[c->type];
	if (json_is_object(json_object_get(v, "time"))) {
		c->time = TIME_STRFTIME;
		manifest_time_read(r, json_object_get(v, "time"),
		    KEYS_STRPTIME, &c->own);
	} else
		c->time = (enum time_format)mread_word(r, v, "time",
		    time_words, TIME_ISO8601);
	if (json_object_get(v, "time") != NULL && c->type != COLUMN_TIMESTAMP)
		mread_fault(r, "time", "goes with type timestamp");
	c->not_null = mread_bool(r, v, "not_null");
	c->is_input = mread_bool(r, v, "input");
	c->dflt = mread_template(r, v, "default", 0, &s);
	if (c->dflt != NULL && !c->is_input)
		mread_fault(r, "default", "goes with input: other columns "
		    "come from the service");
	if (c->is_input && (c->type == COLUMN_LIST || c->type == COLUMN_MAP))
		mread_fault(r, "type", "an input is one value, no list or "
		    "map");
	c->none = json_object_get(v, "none");
	if (c->none != NULL && !json_is_string(c->none) &&
	    !json_is_integer(c->none))
		mread_fault(r, "none", "must be a text or an integer: what "
		    "stands where there is no value");
	c->zip = mread_bool(r, v, "zip");
	c->segment = (int)mread_int(r, v, "segment", 0, -32, 32);
	if (c->segment != 0 && c->type != COLUMN_TEXT)
		mread_fault(r, "segment", "goes with type text");
	read_text(r, c, v);
	read_path(r, ent, c, v);
}

void
manifest_column_read(struct mread * r, struct manifest_entity * ent,
    const json_t * v)
{
	const json_t * cols = mread_map(r, v, "columns", 1), * x;
	struct manifest_column * c;
	size_t at, sub, n;
	const char * key;

	if (cols == NULL)
		return;
	n = json_object_size(cols);
	if (n == 0 || n > MAX_COLUMNS) {
		mread_fault(r, "columns", n == 0 ? "must have at least one "
		    "column" : "are more than %d, the most a table can have",
		    MAX_COLUMNS);
		return;
	}
	at = mread_enter(r, "columns");
	if ((ent->columns = mread_alloc(r, n, sizeof(*c))) != NULL) {
		json_object_foreach((json_t *)(uintptr_t)cols, key, x) {
			sub = mread_enter(r, key);
			if (!is_name(key))
				mread_fault(r, NULL, "a name holds letters, "
				    "digits and _ and begins with a letter, or "
				    "with a _ where no target uses that name");
			if (manifest_column(ent, key) >= 0)
				mread_fault(r, NULL, "is a column already, in "
				    "other case");
			/* Counted first, so that what it holds is freed. */
			c = &ent->columns[ent->ncolumns++];
			c->name = key;
			c->type_name = type_words[0];
			read_column(r, ent, c, x);
			mread_leave(r, sub);
		}
	}
	mread_leave(r, at);
}

int
manifest_column_of(struct mread * r, const char * key,
    const struct manifest_entity * ent, const char * name)
{
	const char * names[128];
	size_t i, n;
	int c = manifest_column(ent, name);

	if (c >= 0)
		return (c);
	n = ent->ncolumns < 128 ? ent->ncolumns : 128;
	for (i = 0; i < n; i++)
		names[i] = ent->columns[i].name;
	mread_unknown(r, key, "column of this entity", name, names, n);
	return (-1);
}

void
manifest_column_free(struct manifest_column * c)
{
	json_path_free(c->path);
}
